/*
 * dadapt_sgd: SGD by dual averaging whose step size is a growing estimate d of the distance to the solution.
 *
 * Defazio, Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", 2023, arXiv:2301.07733.
 *
 *     1. g <- g + weight_decay x;   at the first step with |g| > 0: g0 = |g|
 *     2. dlr = d lr / g0;   num <- num + dlr <g, s>;   s <- s + dlr g
 *     3. d_hat = 2 num / |s|;   d <- max(d, min(d_hat, d growth_rate))
 *     4. x <- momentum x + (1 - momentum)(x_0 - s)
 *
 * One d for all groups. |s| = 0: the step ends after line 2. g0 contains the decay (public code leaves it out).
 * Two passes, three until g0 is known. State: x_0, s, 8 bytes a parameter in f32; d, num, g0 in double.
 */
#include <tgmath.h>

#include "blocks/coupled.h"

enum { LR, MOMENTUM, WEIGHT_DECAY, D0, GROWTH_RATE };
static const option_t OPTIONS[] = {
    [LR] = COUPLED_LR_ROW,
    [MOMENTUM] = {"momentum", 0, "[0,1)", "share of the last point in the next"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, added to the gradient"},
    [D0] = D0_ROW,
    [GROWTH_RATE] = GROWTH_RATE_ROW,
    {0},
};

enum { X0, S, D, NUM, G0, SHARED };
static const state_t STATE[] = {
    [X0] = {"x0", "the starting point", LIKE_PARAM, KEPT, .from_param = true},
    [S] = {"s", "sum of the scaled gradients", LIKE_PARAM, KEPT},
    [D] = D_ROW,
    [NUM] = {"num", "numerator of d_hat", PER_METHOD, KEPT},
    [G0] = {"g0", "norm of the first gradient that is not 0", PER_METHOD, KEPT},
    [SHARED] = SHARED_LR_ROW,
    {0},
};

typedef struct constants {
    double dlr, momentum, weight_decay;
    bool stays;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, g0 = *group->scalar[G0];
    *(constants_t *)constants = (constants_t){
        .dlr = g0 > 0 ? *group->scalar[D] * o[LR] / g0 : 0,
        .momentum = o[MOMENTUM],
        .weight_decay = o[WEIGHT_DECAY],
        .stays = coupled_stays(group, LR, SHARED),
    };
}

static void square(const tile_t *t) { /* |g|^2 */
    const constants_t *k = t->constants;
    const real decay = (real)k->weight_decay;
    const real *restrict x = t->p, *restrict g = t->g;
    double *restrict term = t->term[0];
    if (k->stays) {
        coupled_no_terms(t, 1);
        return;
    }
    for (size_t i = 0; i < t->n; ++i) {
        const double gi = (double)(g[i] + decay * x[i]);
        term[i] = gi * gi;
    }
}

static void sum(const tile_t *t) { /* line 2: <g, s> with the old s, |s|^2 with the new one */
    const constants_t *k = t->constants;
    const real dlr = (real)k->dlr, decay = (real)k->weight_decay;
    real *restrict s = t->state[S];
    const real *restrict x = t->p, *restrict g = t->g;
    double *restrict product = t->term[0], *restrict norm = t->term[1];
    if (k->stays) {
        coupled_no_terms(t, 2);
        return;
    }
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + decay * x[i];
        product[i] = (double)gi * (double)s[i];
        s[i] += dlr * gi;
        norm[i] = (double)s[i] * (double)s[i];
    }
}

static void move(const tile_t *t) { /* line 4 */
    const constants_t *k = t->constants;
    const real momentum = (real)k->momentum, rest = (real)(1 - k->momentum);
    real *restrict x = t->p;
    const real *restrict x0 = t->state[X0], *restrict s = t->state[S];
    for (size_t i = 0; !k->stays && i < t->n; ++i)
        x[i] = momentum * x[i] + rest * (x0[i] - s[i]);
}

enum { SQUARE, SUM, MOVE };

static optim_status advance(step_t *s) {
    double *d = s->scalar[D], *num = s->scalar[NUM], *g0 = s->scalar[G0];
    const optim_status status = coupled_check(s, LR, SHARED);
    if (status != OPTIM_OK)
        return status;
    if (*g0 == 0)
        *g0 = sqrt(step_reduce(s, SQUARE, NULL, 1)[0]);
    if (*g0 == 0)
        return OPTIM_OK;
    const double *sums = step_reduce(s, SUM, NULL, 2), norm = sqrt(sums[1]);
    *num += *d * *s->scalar[SHARED] / *g0 * sums[0];
    if (norm == 0)
        return OPTIM_OK;
    *d = raised(*d, 2 * *num / norm, s->option[GROWTH_RATE]);
    step_update(s, MOVE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(dadapt_sgd) = {
    .name = "dadapt_sgd",
    .purpose = "learning-rate-free SGD: the step size grows with an estimate of the distance to the solution",
    .citation = "Defazio, Mishchenko: Learning-Rate-Free Learning by D-Adaptation, 2023, arXiv:2301.07733",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARE] = square, [SUM] = sum, [MOVE] = move},
};
