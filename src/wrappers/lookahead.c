/*
 * lookahead: k steps forward, 1 step back.
 *
 * Zhang, Lucas, Hinton, Ba, "Lookahead Optimizer: k steps forward, 1 step back", 2019, arXiv:1907.08610.
 *
 *     after step t with t mod k = 0:  slow <- slow + alpha (p - slow),  p <- slow,  and of the inner first moment:
 *     pullback = 0: nothing;  1: buffer <- 0;  2: buffer <- alpha buffer + (1 - alpha) slow_m,  slow_m <- buffer
 *
 * slow starts at p, slow_m at 0. The evaluation point is slow. State: slow (and slow_m), 4 (8) bytes a parameter in f32.
 */
#include <string.h>
#include <tgmath.h>

#include "engine/method.h"

enum { K, ALPHA, PULLBACK };
enum { KEEP, ZERO, INTERPOLATE };
static const option_t OPTIONS[] = {
    [K] = {"k", 5, "integer [1,inf)", "inner steps between two pulls"},
    [ALPHA] = {"alpha", 0.5, "[0,1]", "share of the way that the slow weights go"},
    [PULLBACK] = {"pullback", KEEP, "integer [0,2]", "inner first moment: 0 keep, 1 zero, 2 interpolate"},
    {0},
};

enum { SLOW, SLOW_M };
static const state_t STATE[] = {
    [SLOW] = {"slow", "slow weights", LIKE_PARAM, KEPT, .from_param = true},
    [SLOW_M] = {"slow_m", "first moment at the last pull", LIKE_PARAM, KEPT, .when = "pullback"},
    {0},
};

typedef struct scalars {
    double alpha;
    int pullback;
} scalars_t;

static void prepare(const group_t *group, void *scalars) {
    *(scalars_t *)scalars = (scalars_t){group->option[ALPHA], (int)group->option[PULLBACK]};
}

static void pull(const tile_t *t) {
    const scalars_t *k = t->scalars;
    const real alpha = (real)k->alpha, one_alpha = (real)(1 - k->alpha);
    real *restrict p = t->p, *restrict slow = t->state[SLOW], *restrict slow_m = t->state[SLOW_M], *moment = t->moment;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = slow[i] += alpha * (p[i] - slow[i]);
    if (moment == NULL)
        return;
    if (k->pullback == ZERO)
        memset(moment, 0, t->n * sizeof *moment);
    for (size_t i = 0; k->pullback == INTERPOLATE && i < t->n; ++i)
        moment[i] = slow_m[i] = alpha * moment[i] + one_alpha * slow_m[i];
}

static void finish(step_t *s) {
    if (fmod(s->t, s->option[K]) == 0)
        step_update(s, 0);
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
    .flags = USES_MOMENT,
    .scalars = sizeof(scalars_t),
    .prepare = prepare,
    .finish = finish,
    .kernels = {pull},
    .output = output,
};
