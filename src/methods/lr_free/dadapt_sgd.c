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
#include "blocks/adam_family.h"
#include "blocks/coupled.h"
#include "blocks/sums.h"

enum { LR, MOMENTUM, WEIGHT_DECAY, D0, GROWTH_RATE };
static const option_t OPTIONS[] = {
    [LR] = COUPLED_LR_ROW,
    [MOMENTUM] = {"momentum", 0, "[0,1)", "share of the last point in the next"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, added to the gradient"},
    [D0] = D0_ROW,
    [GROWTH_RATE] = GROWTH_RATE_ROW,
    {0},
};

enum { X0, S };
static const state_t STATE[] = {
    [X0] = {"x0", "the starting point", LIKE_PARAM, KEPT, .from_param = true},
    [S] = {"s", "sum of the scaled gradients", LIKE_PARAM, KEPT},
    {0},
};

typedef struct memory {
    double d, num, g0, shared_lr;
} memory_t;
static const field_t FIELDS[] = {
    D_FIELD,
    {"num", "numerator of d_hat", FIELD(OF_METHOD, memory_t, num)},
    {"g0", "norm of the first gradient that is not 0", FIELD(OF_METHOD, memory_t, g0)},
    {0},
};

typedef struct constants {
    real dlr, l2;
    weights_t momentum;
    bool stays;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const memory_t *m = group->memory;
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .dlr = (real)(m->g0 > 0 ? m->d * o[LR] / m->g0 : 0),
        .l2 = (real)o[WEIGHT_DECAY],
        .momentum = weights(o[MOMENTUM]),
        .stays = coupled_stays(group, LR, m->shared_lr),
    };
}

static void square(const tile_t *t) { /* |g|^2 */
    const constants_t *k = t->constants;
    if (!k->stays)
        t->sum[0] += sum_decayed_squares(t, k->l2);
}

static void sum(const tile_t *t) { /* line 2: <g, s> with the old s, |s|^2 with the new one */
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict s = t->state[S];
    const real *restrict x = t->p, *restrict g = t->g;
    real gi[SUM_ELEMENTS];
    if (k.stays)
        return;
    for (size_t i = 0; i < t->n; ++i)
        gi[i] = g[i] + k.l2 * x[i];
    t->sum[0] += sum_products(t->n, gi, s);
    for (size_t i = 0; i < t->n; ++i)
        s[i] += k.dlr * gi[i];
    t->sum[1] += sum_squares(t->n, s);
}

static void move(const tile_t *t) { /* line 4 */
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict x = t->p;
    const real *restrict x0 = t->state[X0], *restrict s = t->state[S];
    for (size_t i = 0; !k.stays && i < t->n; ++i)
        x[i] = k.momentum.keep * x[i] + k.momentum.take * (x0[i] - s[i]);
}

enum { SQUARE, SUM, MOVE };

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    if (coupled_check(s, LR, &m->shared_lr) != OPTIM_OK)
        return OPTIM_ERR_VALUE;
    if (m->g0 == 0)
        m->g0 = sqrt(step_sums(s, SQUARE, NULL, 1)[0]);
    if (m->g0 == 0)
        return OPTIM_OK;
    const double *sums = step_sums(s, SUM, NULL, 2);
    m->num += m->d * m->shared_lr / m->g0 * sums[0];
    (void)dadapt_move(s, MOVE, &m->d, 2 * m->num, sqrt(sums[1]), s->option[GROWTH_RATE]);
    return OPTIM_OK;
}

const method_t METHOD(dadapt_sgd) = {
    .name = "dadapt_sgd",
    .purpose = "learning-rate-free SGD: the step size grows with an estimate of the distance to the solution",
    .citation = "Defazio, Mishchenko: Learning-Rate-Free Learning by D-Adaptation, 2023, arXiv:2301.07733",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = MAY_FAIL,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARE] = square, [SUM] = sum, [MOVE] = move},
};
