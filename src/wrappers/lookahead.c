/*
 * lookahead: k steps forward, 1 step back.
 *
 * Zhang, Lucas, Hinton, Ba, "Lookahead Optimizer: k steps forward, 1 step back", 2019, arXiv:1907.08610.
 *
 *     after step t with t mod k = 0:  slow <- slow + alpha (p - slow),  p <- slow,  and of each inner first moment:
 *     pullback = 0: nothing;  1: buffer <- 0;  2: buffer <- alpha buffer + (1 - alpha) slow_m,  slow_m <- buffer
 *
 * slow starts at p, slow_m at 0 and is a copy, so that it stays while the buffer follows the inner steps. The
 * output is slow. State: slow (and slow_m for each first moment), 4 (8) bytes a parameter in f32.
 */
#include <string.h>
#include <tgmath.h>

#include "engine/method.h"

enum { K, ALPHA, PULLBACK };
enum { KEEP, ZERO, INTERPOLATE };
static const option_t OPTIONS[] = {
    [K] = {"k", 5, "integer [1,inf)", "inner steps between two pulls"},
    [ALPHA] = {"alpha", 0.5, "[0,1]", "share of the way that the slow weights go"},
    [PULLBACK] = {"pullback", KEEP, "integer [0,2]", "inner first moments: 0 keep, 1 zero, 2 interpolate"},
    {0},
};

static bool interpolates(const tensor_t *tensor, const double *option) {
    (void)tensor;
    return (int)option[PULLBACK] == INTERPOLATE;
}

enum { SLOW, SLOW_M };
static const state_t STATE[] = {
    [SLOW] = {"slow", "slow weights", LIKE_PARAM, KEPT, .from_param = true},
    [SLOW_M] = {"slow_m", "first moments at the last pull (pullback=2)", LIKE_PARAM, KEPT, .when = "pullback",
                .exists = interpolates, .per_moment = true},
    {0},
};

typedef struct constants {
    real alpha, one_alpha;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double alpha = group->option[ALPHA];
    *(constants_t *)constants = (constants_t){(real)alpha, (real)(1 - alpha)};
}

static void pull(const tile_t *t) {
    const real alpha = ((const constants_t *)t->constants)->alpha;
    real *restrict p = t->p, *restrict slow = t->state[SLOW];
    for (size_t i = 0; i < t->n; ++i)
        p[i] = slow[i] += alpha * (p[i] - slow[i]);
}

static void pull_moment(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict moment = t->moment, *restrict slow_m = t->state[SLOW_M];
    if (slow_m == NULL) {
        memset(moment, 0, t->n * sizeof *moment);
        return;
    }
    for (size_t i = 0; i < t->n; ++i)
        moment[i] = slow_m[i] = k.alpha * moment[i] + k.one_alpha * slow_m[i];
}

enum { PULL, PULL_MOMENT };

static void finish(step_t *s) {
    if (fmod(s->t, s->option[K]) != 0)
        return;
    step_update(s, PULL, NULL);
    if ((int)s->option[PULLBACK] != KEEP)
        step_update(s, PULL_MOMENT, NULL);
}

static void output(const tile_t *t) {
    memcpy(t->out, t->state[SLOW], t->n * sizeof(real));
}

const method_t METHOD(lookahead) = {
    .name = "lookahead",
    .purpose = "slow weights that follow the inner method every k steps and pull it back",
    .citation = "Zhang et al.: Lookahead Optimizer: k steps forward, 1 step back, 2019, arXiv:1907.08610",
    .evaluations = "none of its own",
    .options = OPTIONS,
    .states = STATE,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .finish = finish,
    .moment_kernel = PULL_MOMENT,
    .kernels = {[PULL] = pull, [PULL_MOMENT] = pull_moment},
    .output = output,
};
