/*
 * alr_hb: heavy ball with the Polyak step size.
 *
 * Wang, Johansson, Zhang, "Generalized Polyak Step Size for First Order Optimization with Momentum", 2023,
 * arXiv:2305.12939, ALR-HB.
 *
 *     1. s = x - x_prev   (0 at t = 1)
 *     2. eta = (gap_scale (f - f_star) + momentum <g, s>) / |g|^2  [+ 1 / (2 smoothness)];   eta <- max(eta, 0)
 *        eta = 0 where g = 0;   lr_max > 0: eta <- min(eta, lr_max)
 *     3. x_prev = x;   x <- x - eta g + momentum s
 *
 * eta minimizes the bound on |x_{t+1} - x*|^2 that convexity gives; the form above is derived from that, and the
 * clip at 0 is ours. Two passes. State: x_prev, 4 bytes a parameter in f32.
 */
#include "blocks/finite.h"
#include "blocks/sums.h"

enum { MOMENTUM, F_STAR, GAP_SCALE, SMOOTHNESS, LR_MAX };
static const option_t OPTIONS[] = {
    [MOMENTUM] = {"momentum", 0.9, "[0,1]", "factor on the last displacement"},
    [F_STAR] = {"f_star", 0, "(-inf,inf)", "least value of the (batch's) loss, or a lower bound"},
    [GAP_SCALE] = {"gap_scale", 1, "(0,inf)", "factor on f - f_star; 2: the paper's second form, exact on quadratics"},
    [SMOOTHNESS] = {"smoothness", 0, "[0,inf)", "L if it is known: adds 1 / (2 L) to the step size",
                    .zero_apart = true},
    [LR_MAX] = {"lr_max", 0, "[0,inf)", "bound on the step size; 0: none", .zero_apart = true},
    {0},
};

enum { X_PREV };
static const state_t STATE[] = {
    [X_PREV] = {"x_prev", "the last point", LIKE_PARAM, KEPT, .from_param = true},
    {0},
};

typedef struct constants {
    real momentum;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){(real)group->option[MOMENTUM]};
}

static void products(const tile_t *t) { /* <g, s> and |g|^2 */
    const real *restrict x = t->p, *restrict g = t->g, *restrict x_prev = t->state[X_PREV];
    real s[SUM_ELEMENTS];
    for (size_t i = 0; i < t->n; ++i)
        s[i] = x[i] - x_prev[i];
    t->sum[0] += sum_products(t->n, g, s);
    t->sum[1] += sum_squares(t->n, g);
}

static void update(const tile_t *t) { /* line 3 */
    const real momentum = ((const constants_t *)t->constants)->momentum;
    const double eta = *(const double *)t->arguments;
    real *restrict x = t->p, *restrict x_prev = t->state[X_PREV];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real s = x[i] - x_prev[i];
        x_prev[i] = x[i];
        x[i] += momentum * s - (real)eta * g[i];
    }
}

enum { PRODUCTS, UPDATE };

static optim_status advance(step_t *s) {
    const double *o = s->option, *sum = step_sums(s, PRODUCTS, NULL, 2);
    if (!all_finite(s->loss, sum, 2))
        return step_reject(s);
    double eta = (o[GAP_SCALE] * (s->loss - o[F_STAR]) + o[MOMENTUM] * sum[0]) / sum[1];
    if (o[SMOOTHNESS] > 0)
        eta += 1 / (2 * o[SMOOTHNESS]);
    eta = sum[1] > 0 ? fmax(eta, 0) : 0;
    if (o[LR_MAX] > 0)
        eta = fmin(eta, o[LR_MAX]);
    step_update(s, UPDATE, &eta);
    return OPTIM_OK;
}

const method_t METHOD(alr_hb) = {
    .name = "alr_hb",
    .purpose = "heavy ball with the Polyak step size",
    .citation = "Wang, Johansson, Zhang: Generalized Polyak Step Size for First Order Optimization with Momentum, "
                "2023, arXiv:2305.12939",
    .evaluations = "1 gradient with the loss",
    .options = OPTIONS,
    .states = STATE,
    .flags = READS_LOSS | MAY_FAIL,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[PRODUCTS] = products, [UPDATE] = update},
    .arguments = {[UPDATE] = sizeof(double)},
};
