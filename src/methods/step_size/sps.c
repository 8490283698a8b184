/*
 * sps: stochastic Polyak step size.
 *
 * Loizou, Vaswani, Laradji, Lacoste-Julien, "Stochastic Polyak Step-size for SGD: An Adaptive Learning Rate for Fast
 * Convergence", 2021, arXiv:2002.10542: SPS_max, and the smoothed rule of its section 5.
 *
 *     1. g = 0 or f <= f_star: the step ends here
 *     2. eta = (f - f_star) / (c |g|^2 + eps)
 *        smooth: eta <- min(eta, gamma^(1 / n_batches) eta_prev);   lr_max > 0: eta <- min(eta, lr_max)
 *     3. eta_prev = eta;   x <- x - eta g
 *
 * eta_prev begins at lr. Public code leaves f_star out of the smoothed rule, and sets eta_prev to 0 where the gradient
 * is, which stops the method for ever. Two passes. State: eta_prev alone.
 */
#include "blocks/coupled.h"
#include "blocks/finite.h"

enum { C, F_STAR, LR_MAX, SMOOTH, GAMMA, N_BATCHES, LR, EPS };
static const option_t OPTIONS[] = {
    [C] = {"c", 0.5, "(0,inf)", "1/2 for convex functions; larger is smaller steps"},
    [F_STAR] = {"f_star", 0, "(-inf,inf)", "least value of the (batch's) loss, or a lower bound"},
    [LR_MAX] = {"lr_max", 0, "[0,inf)", "bound on the step size; 0: none", .zero_apart = true},
    [SMOOTH] = {"smooth", 0, "0|1", "let the step size grow by no more than gamma in n_batches steps"},
    [GAMMA] = {"gamma", 2, "[1,inf)", "smooth: that factor"},
    [N_BATCHES] = {"n_batches", 500, "[1,inf)", "smooth: steps of a pass over the data"},
    [LR] = {"lr", 1, "[0,inf)", "smooth: the step size before the first step; 0 in some groups: they stay"},
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to the denominator"},
    {0},
};

enum { ETA, SHARED };
static const state_t STATE[] = {
    [ETA] = {"eta", "the last step size", PER_METHOD, KEPT, .initial_option = "lr"},
    [SHARED] = SHARED_LR_ROW,
    {0},
};

typedef struct constants {
    double eta;
    bool stays;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){*group->scalar[ETA], coupled_stays(group, LR, SHARED)};
}

static void squares(const tile_t *t) {
    const real *restrict g = t->g;
    double *restrict square = t->term[0];
    if (coupled_skips(t, ((const constants_t *)t->constants)->stays, 1))
        return;
    for (size_t i = 0; i < t->n; ++i)
        square[i] = (double)g[i] * (double)g[i];
}

static void update(const tile_t *t) { /* line 3 */
    const constants_t *k = t->constants;
    const real eta = (real)k->eta;
    real *restrict x = t->p;
    const real *restrict g = t->g;
    for (size_t i = 0; !k->stays && i < t->n; ++i)
        x[i] -= eta * g[i];
}

enum { SQUARES, UPDATE };

static optim_status advance(step_t *s) {
    const optim_status status = coupled_check(s, LR, SHARED);
    if (status != OPTIM_OK)
        return status;
    const double *o = s->option, *square = step_reduce(s, SQUARES, NULL, 1), gap = s->loss - o[F_STAR];
    double *eta = s->scalar[ETA];
    if (*eta == 0) /* the first group stays */
        *eta = *s->scalar[SHARED];
    if (!all_finite(s->loss, square, 1))
        return step_reject(s);
    if (*square == 0 || gap <= 0)
        return OPTIM_OK;
    double wanted = gap / (o[C] * *square + o[EPS]);
    if (o[SMOOTH] != 0)
        wanted = fmin(wanted, pow(o[GAMMA], 1 / o[N_BATCHES]) * *eta);
    *eta = o[LR_MAX] > 0 ? fmin(wanted, o[LR_MAX]) : wanted;
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(sps) = {
    .name = "sps",
    .purpose = "gradient descent with the Polyak step size",
    .citation = "Loizou et al.: Stochastic Polyak Step-size for SGD: An Adaptive Learning Rate for Fast Convergence, "
                "2021, arXiv:2002.10542",
    .evaluations = "1 gradient with the loss",
    .options = OPTIONS,
    .states = STATE,
    .flags = READS_LOSS,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [UPDATE] = update},
};
