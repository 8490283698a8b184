/* Methods whose step is one kernel on whole tensors. */
#ifndef BLOCKS_WHOLE_H
#define BLOCKS_WHOLE_H

#include "engine/method.h"

/* For method_t.advance: kernel 0 on every whole tensor. */
static inline optim_status whole_advance(step_t *s) {
    step_tensors(s, 0, NULL);
    return OPTIM_OK;
}

#endif
