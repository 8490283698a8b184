/*
 * dadapt_adagrad: AdaGrad by dual averaging whose step size is a growing estimate d of the distance to the solution.
 *
 * Defazio, Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", 2023, arXiv:2301.07733.
 *
 *     1. g <- g + weight_decay x;   dlr = d lr;   a <- a + g^2 (a starts at initial_accumulator);   D = sqrt(a) + eps
 *        (eps_in_root = 1: D = sqrt(a + eps))
 *     2. s <- s + dlr g;   gsq <- gsq + dlr^2 sum g^2 / D
 *        d_hat = (sum s^2 / D - gsq) / |s|_1;   d <- max(d, min(d_hat, d growth_rate))
 *     3. x <- momentum x + (1 - momentum)(x_0 - s / D)
 *
 * One d for all groups. |s|_1 = 0: the step ends without a move. sum s^2 / D is made anew each step: a running sum
 * drifts. Two passes. State: x_0, s, a, 12 bytes a parameter in f32; d, gsq in double.
 */
#include "blocks/adam_family.h"
#include "blocks/coupled.h"

enum { LR, MOMENTUM, EPS, EPS_IN_ROOT, INITIAL_ACCUMULATOR, WEIGHT_DECAY, D0, GROWTH_RATE };
static const option_t OPTIONS[] = {
    [LR] = COUPLED_LR_ROW,
    [MOMENTUM] = {"momentum", 0, "[0,1)", "share of the last point in the next"},
    [EPS] = EPS_ROW(1e-6),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [INITIAL_ACCUMULATOR] = {"initial_accumulator", 1e-6, "[0,inf)", "start value of a"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, added to the gradient"},
    [D0] = D0_ROW,
    [GROWTH_RATE] = GROWTH_RATE_ROW,
    {0},
};

enum { X0, S, A };
static const state_t STATE[] = {
    [X0] = {"x0", "the starting point", LIKE_PARAM, KEPT, .from_param = true},
    [S] = {"s", "sum of the scaled gradients", LIKE_PARAM, KEPT},
    [A] = {"a", "initial_accumulator and the sum of squared gradients", LIKE_PARAM, KEPT,
           .initial_option = "initial_accumulator", .nonnegative = true},
    {0},
};

typedef struct memory {
    double d, gsq, shared_lr;
} memory_t;
static const field_t FIELDS[] = {
    D_FIELD,
    {"gsq", "sum of the squared scaled gradients, divided by D", FIELD(OF_METHOD, memory_t, gsq)},
    {0},
};

typedef struct constants {
    real dlr, l2;
    weights_t momentum;
    eps_t eps;
    bool stays;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const memory_t *m = group->memory;
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .dlr = (real)(m->d * o[LR]),
        .l2 = (real)o[WEIGHT_DECAY],
        .momentum = weights(o[MOMENTUM]),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, 1),
        .stays = coupled_stays(group, LR, m->shared_lr),
    };
}

static void sum(const tile_t *t) { /* lines 1 and 2: g^2 / D, s^2 / D, |s| */
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict s = t->state[S], *restrict a = t->state[A];
    const real *restrict x = t->p, *restrict g = t->g;
    double *restrict gradient = t->term[0], *restrict square = t->term[1], *restrict norm = t->term[2];
    if (coupled_skips(t, k.stays, 3))
        return;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.l2 * x[i];
        a[i] += gi * gi;
        s[i] += k.dlr * gi;
        const double scale = (double)damped_root(a[i], 1, k.eps), si = (double)s[i];
        gradient[i] = (double)gi * (double)gi / scale;
        square[i] = si * si / scale;
        norm[i] = fabs(si);
    }
}

static void move(const tile_t *t) { /* line 3 */
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict x = t->p;
    const real *restrict x0 = t->state[X0], *restrict s = t->state[S], *restrict a = t->state[A];
    for (size_t i = 0; !k.stays && i < t->n; ++i)
        x[i] = k.momentum.keep * x[i] + k.momentum.take * (x0[i] - s[i] / damped_root(a[i], 1, k.eps));
}

enum { SUM, MOVE };

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    if (coupled_check(s, LR, &m->shared_lr) != OPTIM_OK)
        return OPTIM_ERR_VALUE;
    const double *sums = step_reduce(s, SUM, NULL, 3), dlr = m->d * m->shared_lr;
    m->gsq += dlr * dlr * sums[0];
    (void)dadapt_move(s, MOVE, &m->d, sums[1] - m->gsq, sums[2], s->option[GROWTH_RATE]);
    return OPTIM_OK;
}

const method_t METHOD(dadapt_adagrad) = {
    .name = "dadapt_adagrad",
    .purpose = "learning-rate-free AdaGrad: the step size grows with an estimate of the distance to the solution",
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
    .kernels = {[SUM] = sum, [MOVE] = move},
};
