/* A small trainer for targets: three tensors, gradients that follow from the parameters, answers to every request. */
#ifndef FUZZ_CALLER_H
#define FUZZ_CALLER_H

#include "fuzz.h"

enum { CALLER_TENSORS = 3, CALLER_COMPONENTS = 2, CALLER_ELEMENTS = 12, CALLER_BYTES = 8 * CALLER_ELEMENTS };

typedef struct caller {
    optim_t *opt;
    optim_dtype dtype;
    bool particles;                                             /* the components are that */
    unsigned char *data[CALLER_TENSORS], *grad[CALLER_TENSORS]; /* each in memory of its own */
} caller_t;

/* "w" (2 x 3), "b" (3) and "s" (no dimensions), or of two particles "w" (2 x 3), "b" (2 x 2) and "s" (2), lent to `opt`,
 * which runs `algorithm` and is destroyed by caller_end; the last two to `group`. */
optim_status caller_start(caller_t *caller, optim_t *opt, const char *algorithm, optim_dtype dtype, int group);
void caller_end(caller_t *caller);

/* One step with its requests, up to a number of them; what optim_step returned last. */
optim_status caller_step(caller_t *caller);

/* All parameters' bytes, one after the other, out and in. */
size_t caller_size(const caller_t *caller);
void caller_read(const caller_t *caller, unsigned char out[CALLER_BYTES]);
void caller_write(caller_t *caller, const unsigned char in[CALLER_BYTES]);

#endif
