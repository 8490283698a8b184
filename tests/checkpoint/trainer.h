/* A trainer of three small tensors, to be saved, loaded and compared. */
#ifndef CHECKPOINT_TRAINER_H
#define CHECKPOINT_TRAINER_H

#include <stdbool.h>

#include "optim/optim.h"

enum { TRAINER_A = 6, TRAINER_B = 4, TRAINER_C = 5, TRAINER_ALL = TRAINER_A + TRAINER_B + TRAINER_C };

typedef struct trainer {
    optim_t *opt;
    float p[TRAINER_ALL], g[TRAINER_ALL];
} trainer_t;

/* How the tensors are handed over. */
typedef struct plan {
    const char *algorithm, *options;
    const char *wrapper;          /* or NULL */
    const char *group;            /* options of a second group, for b and c; NULL: one group */
    const char *names[3];         /* NULL: a, b, c */
    bool reversed;                /* c, b, a */
    optim_dtype dtype_of_c_grads; /* OPTIM_F32 unless said */
    int64_t rows_of_a;            /* 2 unless said; of six elements */
} plan_t;

/* Fails the test unless everything is accepted. */
void trainer_open(trainer_t *t, const plan_t *plan);
void trainer_close(trainer_t *t);
/* Steps whose gradients depend on the parameters and on the number of the step. */
void trainer_steps(trainer_t *t, int steps);
/* Fails the test unless all parameters are the same to the bit. */
void trainer_check_same(const trainer_t *a, const trainer_t *b);

/* The bytes of the handle's state, to be freed. */
char *trainer_state(const trainer_t *t, size_t *size);
/* Fails unless the call was refused with this status, with `words` (NULL: any) in the error, and changed nothing. */
void trainer_refuses(trainer_t *t, const void *state, size_t size, optim_status status, const char *words);

#endif
