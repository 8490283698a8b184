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
#include "blocks/reduce.h"

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

typedef struct memory {
    double eta, shared_lr;
} memory_t;
static const field_t FIELDS[] = {
    {"eta", "the last step size", FIELD(OF_METHOD, memory_t, eta), .initial_option = "lr"},
    {0},
};

typedef struct constants {
    real eta;
    bool stays;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const memory_t *m = group->memory;
    *(constants_t *)constants = (constants_t){(real)m->eta, coupled_stays(group, LR, m->shared_lr)};
}

static void gradient_squares(const tile_t *t) {
    if (!((const constants_t *)t->constants)->stays)
        squares(t);
}

static void update(const tile_t *t) { /* line 3 */
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict x = t->p;
    const real *restrict g = t->g;
    for (size_t i = 0; !k.stays && i < t->n; ++i)
        x[i] -= k.eta * g[i];
}

enum { SQUARES, UPDATE };

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    if (coupled_check(s, LR, &m->shared_lr) != OPTIM_OK)
        return OPTIM_ERR_VALUE;
    const double *o = s->option, *square = step_sums(s, SQUARES, NULL, 1), gap = s->loss - o[F_STAR];
    if (m->eta == 0) /* the first group stays */
        m->eta = m->shared_lr;
    if (!all_finite(s->loss, square, 1))
        return step_reject(s);
    if (*square == 0 || gap <= 0)
        return OPTIM_OK;
    double wanted = gap / (o[C] * *square + o[EPS]);
    if (o[SMOOTH] != 0)
        wanted = fmin(wanted, pow(o[GAMMA], 1 / o[N_BATCHES]) * m->eta);
    m->eta = o[LR_MAX] > 0 ? fmin(wanted, o[LR_MAX]) : wanted;
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
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .flags = READS_LOSS | MAY_FAIL,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = gradient_squares, [UPDATE] = update},
};
