/* A perceptron on the handwritten digits and an optimizer that takes one gradient a step, for the smaller examples. */
#ifndef EXAMPLES_TRAINER_H
#define EXAMPLES_TRAINER_H

#include <optim/optim.h>

#include "digits.h"
#include "mlp.h"

typedef struct small_trainer {
    digits_t digits;
    sampler_t sampler;
    mlp_t net;
    optim_t *opt;
} small_trainer_t;

/* 64 inputs, 64 hidden units, 10 classes, mini-batches of 64. Returns 0, or -1 after saying on stderr what is wrong; to
 * be closed in any case. */
int trainer_open(small_trainer_t *trainer, const char *method, const char *options);
void trainer_close(small_trainer_t *trainer);

/* First weights and an optimizer without state, as after trainer_open. */
int trainer_restart(small_trainer_t *trainer);

/* One step on the next mini-batch, or on all training images; the loss, or NaN after saying on stderr what is wrong. */
double trainer_step(small_trainer_t *trainer);
double trainer_full_step(small_trainer_t *trainer);

#endif
