/*
 * alr_mag, alr_smag: Polyak step sizes along a moving sum of gradients.
 *
 * Wang, Johansson, Zhang, "Generalized Polyak Step Size for First Order Optimization with Momentum", 2023,
 * arXiv:2305.12939: ALR-MAG, and ALR-SMAG, which bounds the step size.
 *
 *     1. d <- momentum d + g
 *     2. eta = max(f - f_star, 0) / (c |d|^2);   lr_max > 0: eta <- min(eta, lr_max);   eta = 0 where d = 0
 *     3. x <- (1 - weight_decay eta) x - eta d
 *
 * d starts at 0. alr_smag is a preset: lr_max = 0.1. Two passes. State: d, 4 bytes a parameter in f32.
 */
#include "blocks/finite.h"
#include "blocks/sums.h"

enum { MOMENTUM, F_STAR, C, LR_MAX, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [MOMENTUM] = {"momentum", 0.9, "[0,1]", "factor on the sum of earlier gradients"},
    [F_STAR] = {"f_star", 0, "(-inf,inf)", "least value of the (batch's) loss, or a lower bound"},
    [C] = {"c", 1, "(0,inf)", "divides the step size"},
    [LR_MAX] = {"lr_max", 0, "[0,inf)", "bound on the step size; 0: none", .zero_apart = true},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    {0},
};

enum { D };
static const state_t STATE[] = {[D] = {"d", "moving sum of gradients", LIKE_PARAM, FIRST_MOMENT}, {0}};

typedef struct constants {
    real momentum;
    double weight_decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){(real)group->option[MOMENTUM], group->option[WEIGHT_DECAY]};
}

static inline real line_1(real d, real g, real momentum) {
    return settled(momentum * d + g);
}

/* Squares of the d to come: it is written when the sum is known to be finite. */
static void squares(const tile_t *t) {
    const real momentum = ((const constants_t *)t->constants)->momentum;
    const real *restrict g = t->g, *restrict d = t->state[D];
    real next[SUM_ELEMENTS];
    for (size_t i = 0; i < t->n; ++i)
        next[i] = line_1(d[i], g[i], momentum);
    t->sum[0] += sum_squares(t->n, next);
}

static void update(const tile_t *t) { /* lines 1 and 3 */
    const constants_t k = *(const constants_t *)t->constants;
    const double step = *(const double *)t->arguments;
    const real eta = (real)step, shrink = (real)(1 - k.weight_decay * step);
    real *restrict x = t->p, *restrict d = t->state[D];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        d[i] = line_1(d[i], g[i], k.momentum);
        x[i] = shrink * x[i] - eta * d[i];
    }
}

enum { SQUARES, UPDATE };

static optim_status advance(step_t *s) {
    const double *o = s->option, *square = step_sums(s, SQUARES, NULL, 1);
    if (!all_finite(s->loss, square, 1))
        return step_reject(s);
    double eta = *square > 0 ? fmax(s->loss - o[F_STAR], 0) / (o[C] * *square) : 0;
    if (o[LR_MAX] > 0)
        eta = fmin(eta, o[LR_MAX]);
    step_update(s, UPDATE, &eta);
    return OPTIM_OK;
}

const method_t METHOD(alr_mag) = {
    .name = "alr_mag",
    .purpose = "Polyak step size along a moving sum of gradients",
    .citation = "Wang, Johansson, Zhang: Generalized Polyak Step Size for First Order Optimization with Momentum, "
                "2023, arXiv:2305.12939",
    .evaluations = "1 gradient with the loss",
    .options = OPTIONS,
    .states = STATE,
    .flags = READS_LOSS | MAY_FAIL,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [UPDATE] = update},
    .arguments = {[UPDATE] = sizeof(double)},
};
