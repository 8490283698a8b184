/*
 * A handle with its tensors, and what is known about it from outside: what a fuzzer of calls plays with, and what it holds
 * the library to.
 */
#ifndef FUZZ_PLAYER_H
#define FUZZ_PLAYER_H

#include "fuzz.h"

enum { PLAYER_PARAMS = 4, PLAYER_DIMS = 3, PLAYER_LOG = 6, PLAYER_COMPONENTS = 2, PLAYER_INPUTS = 8 };

typedef struct param {
    optim_dtype dtype, grad_dtype;
    size_t count, misalign;
    unsigned char *data_block, *grad_block, *lower, *upper; /* grad_block: NULL for a frozen one */
    bool frozen;                                            /* by optim_freeze */
} param_t;

typedef struct player {
    optim_t *opt;
    int params;
    param_t param[PLAYER_PARAMS];
    int groups;
    size_t constraints;
    bool particles;    /* PLAYER_COMPONENTS of them, unless something else is said later */
    optim_status open; /* the request, or 0 */
    bool swapped;
    bool accumulated; /* something lies in the sum, so that a failed step changes the state: it empties it */
    saved_t begin;    /* state and parameters when the open step began, or when the output was swapped in */
    unsigned char *begin_values;
    double *log; /* of gradient norms */
    int inputs;
    unsigned char *input[PLAYER_INPUTS]; /* every one that was lent */
} player_t;

unsigned char *param_data(const param_t *param);
unsigned char *param_grad(const param_t *param); /* NULL: frozen */
size_t param_bytes(const param_t *param);

/* A parameter with values, not yet lent. Its buffers end where their memory ends. */
param_t param_new(optim_dtype dtype, optim_dtype grad_dtype, size_t count, size_t misalign);
void param_free(param_t *param);
/* The same values in new memory. */
param_t param_moved(const param_t *param, size_t misalign, bool frozen);

/* Bytes of all parameters, one after the other; to be freed. */
unsigned char *player_values(const player_t *player);
bool player_has_values(const player_t *player, const unsigned char *values);
/* Fails unless the parameters that are frozen have the values in there. */
void player_check_frozen(const player_t *player, const unsigned char *values);

/* Everything that the handle owns and what it was lent. */
void player_end(player_t *player);

/* Writes gradients by one of several patterns, and hands over a loss (unless `silent`). */
void player_evaluate(player_t *player, unsigned pattern, bool silent);
/* Fills the products that an open OPTIM_EVAL_HVP asks for. */
void player_multiply(player_t *player, unsigned pattern);
/* Hands over the losses that an open OPTIM_EVAL_LOSSES asks for. */
void player_compare(player_t *player, unsigned pattern);
/* Fills the values that an open OPTIM_EVAL_CONSTRAINTS asks for. */
void player_constrain(player_t *player, unsigned pattern);

/* What a call may not change, taken before it and compared after it. */
typedef struct before {
    saved_t state;
    unsigned char *values;
    int64_t steps, skipped;
} before_t;
before_t before_take(const player_t *player);
/* Fails if parameters, counters or (where it can be seen) state are others now. `state_too`: whether that is promised. */
void before_check(before_t *before, const player_t *player, const char *call, bool state_too);
void before_free(before_t *before);

#endif
