/*
 * subgm: subgradient steps of geometrically falling length, for robust losses of low-rank factors.
 *
 * Ma, Fattahi, "Global Convergence of Sub-gradient Method for Robust Matrix Recovery: Small Initialization, Noisy
 * Measurements, and Over-parameterization", 2023, arXiv:2202.08788.
 *
 *     1. eta_t = lr rho^(t - 1) (geometric), lr f (loss), lr (constant)
 *     2. theta <- theta - eta_t D,   normalize = 1: - eta_t D / |D| over all parameters, nothing where D = 0
 *
 * D is a subgradient. The paper divides by |Q_t|, Q_t = mean of sign(r_l) A_l, which D does not determine: the caller
 * folds that norm into the loss, or takes normalize. The small start is the caller's. No state.
 */
#include "blocks/reduce.h"

enum { LR, RHO, STEP_RULE, NORMALIZE };
enum { GEOMETRIC, LOSS, CONSTANT };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "first step size"},
    [RHO] = {"rho", 0.99, "(0,1]", "step_rule=geometric: its factor from step to step"},
    [STEP_RULE] = {"step_rule", GEOMETRIC, "geometric|loss|constant", "how the step size goes on"},
    [NORMALIZE] = {"normalize", 0, "0|1", "divide by the norm of the subgradient of all parameters"},
    {0},
};

typedef struct constants {
    double eta;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    const int rule = (int)o[STEP_RULE];
    const double factor = rule == GEOMETRIC ? pow(o[RHO], group->t - 1) : rule == LOSS ? group->step->loss : 1;
    ((constants_t *)constants)->eta = o[LR] * factor;
}

typedef struct length {
    double inverse_norm;
} length_t;

static void update(const tile_t *t) {
    const real step = (real)(((const constants_t *)t->constants)->eta * ((const length_t *)t->arguments)->inverse_norm);
    real *restrict p = t->p;
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        p[i] -= step * g[i];
}

enum { SQUARES, UPDATE };

static optim_status advance(step_t *s) {
    length_t length = {1};
    if (s->option[NORMALIZE] != 0) {
        const double square = step_sums(s, SQUARES, NULL, 1)[0];
        length.inverse_norm = square == 0 ? 0 : 1 / sqrt(square);
    }
    step_update(s, UPDATE, &length);
    return OPTIM_OK;
}

static bool reads_loss(const double *option) {
    return (int)option[STEP_RULE] == LOSS;
}

const method_t METHOD(subgm) = {
    .name = "subgm",
    .purpose = "subgradient steps of geometrically falling length, for robust losses of low-rank factors",
    .citation = "Ma, Fattahi: Global Convergence of Sub-gradient Method for Robust Matrix Recovery: Small "
                "Initialization, Noisy Measurements, and Over-parameterization, 2023, arXiv:2202.08788",
    .evaluations = "1 gradient; step_rule=loss: and the loss",
    .options = OPTIONS,
    .flags = READS_LOSS | BY_ELEMENT,
    .reads_loss = reads_loss,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [UPDATE] = update},
    .arguments = {[UPDATE] = sizeof(length_t)},
};
