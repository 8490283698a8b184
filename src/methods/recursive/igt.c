/*
 * igt: implicit gradient transport: momentum whose gradients are taken where old ones stay valid.
 *
 * Arnold, Manzagol, Babanezhad, Mitliagkas, Le Roux, "Reducing the Variance in Online Optimization by Transporting Past
 * Gradients", 2019, arXiv:1906.03532; normalized: Cutkosky, Mehta, "Momentum Improves Normalized SGD", 2020,
 * arXiv:2002.03305; N-PG-IGT: Fatkhullin, Barakat, Kireeva, He, "Stochastic Policy Gradient Methods: Improved Sample
 * Complexity for Fisher-non-degenerate Policies", 2023, arXiv:2302.01734.
 *
 *     1. lr_k = lr (2 / (k + 2))^lr_power,   e_0 = 1,  e_k = min(1, eta (2 / (k + 2))^eta_power),   k = 0, 1, ...
 *     2. d <- (1 - e_k) d + e_k g,  g taken at the parameters
 *     3. x_new = x - lr_k d / (|d| + eps),  the norm over all tensors;   normalize = 0: x_new = x - lr_k d
 *     4. p <- x_new + (1 - e_{k+1}) / e_{k+1} (x_new - x),   x <- x_new
 *
 *     tail_fraction > 0 (exponential anytime tail average):  c = 1 / tail_fraction,  s = k + 1,
 *     e_k = 1 - c (s - 1) / (1 + c (s - 1)) (1 - sqrt((1 - c) / (s (s - 1))) / c)
 *
 * Line 4 takes the weight of the step to come, which makes d the gradient at x on every quadratic; the authors of
 * N-PG-IGT take e_k there. Where |d| + eps is 0, x stays. Output: x. State: x, d, 8 bytes a parameter in f32.
 */
#include "blocks/iterate.h"
#include "blocks/normalized.h"

enum { LR, ETA, NORMALIZE, EPS, LR_POWER, ETA_POWER, TAIL_FRACTION };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.01, "[0,inf)", "length of a step"},
    [ETA] = {"eta", 0.1, "(0,1]", "weight of the newest gradient"},
    [NORMALIZE] = {"normalize", 1, "0|1", "0: plain steps along the average"},
    [EPS] = {"eps", 0, "[0,inf)", "added to the norm"},
    [LR_POWER] = {"lr_power", 0, "[0,inf)", "exponent of the decay of lr"},
    [ETA_POWER] = {"eta_power", 0, "[0,inf)", "exponent of the decay of eta"},
    [TAIL_FRACTION] = {"tail_fraction", 0, "[0,inf)", "1 or more: weights of a tail average in place of eta; 0: off",
                       .zero_apart = true},
    {0},
};

static const char *check(const double *option) {
    const double tail = option[TAIL_FRACTION];
    return tail > 0 && tail < 1 ? "tail_fraction must be 0 (off) or at least 1" : NULL;
}

enum { X = ITERATE, D };
static const state_t STATE[] = {
    [X] = {"x", "the iterate", LIKE_PARAM, KEPT, .from_param = true},
    [D] = {"d", "average of the transported gradients", LIKE_PARAM, FIRST_MOMENT},
    {0},
};

typedef struct constants {
    real lr, transport; /* transport = (1 - e_{k+1}) / e_{k+1} */
    weights_t e;
    bool normalize;
    double eps;
} constants_t;

static double weight(const double *o, double k) {
    if (o[TAIL_FRACTION] == 0 || k == 0)
        return power_weight(o[ETA], o[ETA_POWER], k);
    const double c = 1 / o[TAIL_FRACTION], s = k + 1;
    return 1 - c * (s - 1) / (1 + c * (s - 1)) * (1 - sqrt((1 - c) / (s * (s - 1))) / c);
}

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, k = group->t - 1, next = weight(o, k + 1);
    *(constants_t *)constants = (constants_t){
        .lr = (real)power(o[LR], o[LR_POWER], k),
        .transport = (real)((1 - next) / next),
        .e = weights_of_new(weight(o, k)),
        .normalize = o[NORMALIZE] != 0,
        .eps = o[EPS],
    };
}

/* Line 2, and the squares for the norm. */
static void average(const tile_t *t) {
    average_direction(t, t->state[D], ((const constants_t *)t->constants)->e);
}

/* Lines 3 and 4. */
static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real divisor = divisor_of(t, k.normalize, k.eps);
    real *restrict p = t->p, *restrict x = t->state[X];
    const real *restrict d = t->state[D];
    for (size_t i = 0; i < t->n; ++i) {
        const real x_new = x[i] - k.lr * quotient(d[i], divisor);
        p[i] = x_new + k.transport * (x_new - x[i]);
        x[i] = x_new;
    }
}

enum { AVERAGE, UPDATE };

static optim_status advance(step_t *s) {
    normalized_step(s, AVERAGE, UPDATE, s->option[NORMALIZE] != 0);
    return OPTIM_OK;
}

const method_t METHOD(igt) = {
    .name = "igt",
    .purpose = "momentum with implicit gradient transport: exact on quadratics",
    .citation = "Arnold et al.: Reducing the Variance in Online Optimization by Transporting Past Gradients, 2019, "
                "arXiv:1906.03532; Cutkosky, Mehta: Momentum Improves Normalized SGD, 2020, arXiv:2002.03305",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .constants = sizeof(constants_t),
    .check = check,
    .prepare = prepare,
    .advance = advance,
    .kernels = {[AVERAGE] = average, [UPDATE] = update},
    .arguments = {[UPDATE] = sizeof(norm_t)},
    .output = output_iterate,
};
