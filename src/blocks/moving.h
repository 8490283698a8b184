/* The elements that a step moves: those of the method's own tensors that are not frozen. */
#ifndef BLOCKS_MOVING_H
#define BLOCKS_MOVING_H

#include "engine/method.h"

static inline size_t moving_elements(const step_t *s) {
    size_t count = 0;
    for (size_t i = 0; i < step_tensor_count(s); ++i)
        count += step_tensor(s, i) == NULL ? 0 : step_tensor(s, i)->count;
    return count;
}

#endif
