/*
 * sagd: stochastic accelerated gradient descent for problems that interpolate.
 *
 * estimating: Mishkin, Pilanci, Schmidt, "Faster Convergence of Stochastic Accelerated Gradient Descent under
 * Interpolation", 2024, arXiv:2404.02378; growth: Vaswani, Bach, Schmidt, "Fast and Faster Convergence of SGD for
 * Over-Parameterized Models and an Accelerated Perceptron", 2019, arXiv:1810.07288. Equations from knowledge of the
 * papers.
 *
 *     estimating, the parameters being y:   alpha(gamma) = positive root of alpha^2 = (1 - alpha) lr gamma +
 *                 alpha lr mu
 *     1. w_new = y - lr g
 *     2. alpha = alpha(gamma),   gamma <- (1 - alpha) gamma + alpha mu
 *     3. y <- w_new + alpha (1 - alpha) / (alpha^2 + alpha(gamma)) (w_new - w),   w <- w_new
 *        gamma starts at gamma0, or if that is 0 at mu, or if that is 0 too at 1 / lr
 *
 *     growth, the parameters being zeta:
 *     4. v <- beta v + (1 - beta) zeta - gamma_k lr g,   w <- zeta - lr g
 *     5. zeta <- alpha_{k+1} v + (1 - alpha_{k+1}) w
 *        mu > 0:  s = sqrt(mu lr / rho),  gamma_k = 1 / sqrt(mu lr rho),  beta = 1 - s,  alpha_k = s / (1 + s)
 *        mu = 0:  gamma_k = (1 / rho + sqrt(1 / rho^2 + 4 gamma_{k-1}^2)) / 2,  gamma_{-1} = 0,  beta = 1,
 *                 alpha_{k+1} = gamma_{k+1} / (gamma_{k+1} + rho gamma_k^2)
 *
 * With gamma as its state, line 2 follows a rate that changes. Output: w. State: w, and v for growth, 4 (8) bytes a
 * parameter in f32; gamma in double.
 */
#include "blocks/averages.h"
#include "blocks/iterate.h"

enum { LR, MU, RHO, GAMMA0, SCHEME };
enum { ESTIMATING, GROWTH };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.01, "(0,inf)", "eta; theory: 1 / (rho L)", .pauses = true},
    [MU] = {"mu", 0, "[0,inf)", "strong convexity"},
    [RHO] = {"rho", 1, "[1,inf)", "growth: constant of strong growth"},
    [GAMMA0] = {"gamma0", 0, "[0,inf)", "estimating: start of gamma, at least mu; 0: mu, or 1 / lr",
                .zero_apart = true},
    [SCHEME] = {"scheme", ESTIMATING, "estimating|growth", "which of the two methods"},
    {0},
};

static const char *check(const double *option) {
    return option[GAMMA0] > 0 && option[GAMMA0] < option[MU] ? "gamma0 must be 0 or at least mu" : NULL;
}

enum { W = ITERATE, V };
static const state_t STATE[] = {
    [W] = {"w", "the iterate", LIKE_PARAM, KEPT, .from_param = true},
    [V] = {"v", "the aggressive sequence", LIKE_PARAM, KEPT, .when = "scheme", .from_param = true},
    {0},
};

typedef struct cohort_memory {
    double gamma;
} cohort_memory_t;
static const field_t FIELDS[] = {
    {"gamma", "estimating: curvature of the estimating sequence; growth: step multiplier",
     FIELD(OF_COHORT, cohort_memory_t, gamma)},
    {0},
};

typedef struct coefficients {
    double lr, next_gamma;
    double momentum;           /* estimating: of line 3 */
    double beta, reach, alpha; /* growth: beta, gamma_k lr, alpha_{k+1} */
} coefficients_t;

/* Root of alpha^2 + lr (gamma - mu) alpha - lr gamma = 0. */
static double root(double lr, double mu, double gamma) {
    const double b = lr * (gamma - mu);
    return (-b + sqrt(b * b + 4 * lr * gamma)) / 2;
}

static coefficients_t estimating(const double *o, double gamma) {
    const double lr = o[LR], mu = o[MU];
    if (lr == 0) /* a schedule may begin there */
        return (coefficients_t){.next_gamma = gamma};
    if (gamma == 0)
        gamma = o[GAMMA0] > 0 ? o[GAMMA0] : mu > 0 ? mu : 1 / lr;
    const double alpha = root(lr, mu, gamma), next_gamma = (1 - alpha) * gamma + alpha * mu;
    const double momentum = alpha * (1 - alpha) / (alpha * alpha + root(lr, mu, next_gamma));
    return (coefficients_t){.lr = lr, .next_gamma = next_gamma, .momentum = momentum};
}

static double next_multiplier(double rho, double gamma) {
    return (1 / rho + sqrt(1 / (rho * rho) + 4 * gamma * gamma)) / 2;
}

static coefficients_t growth(const double *o, double last_gamma) {
    const double lr = o[LR], mu = o[MU], rho = o[RHO];
    if (mu > 0) {
        const double s = sqrt(mu * lr / rho);
        return (coefficients_t){.lr = lr, .beta = 1 - s, .reach = sqrt(lr / (mu * rho)), .alpha = s / (1 + s)};
    }
    const double gamma = next_multiplier(rho, last_gamma), next = next_multiplier(rho, gamma);
    return (coefficients_t){lr, gamma, .beta = 1, .reach = gamma * lr, .alpha = next / (next + rho * gamma * gamma)};
}

static coefficients_t coefficients(const group_t *group) {
    const double *o = group->option, gamma = ((const cohort_memory_t *)group->cohort_memory)->gamma;
    return (int)o[SCHEME] == GROWTH ? growth(o, gamma) : estimating(o, gamma);
}

typedef struct constants {
    real lr, momentum, reach;
    weights_t beta, alpha;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const coefficients_t c = coefficients(group);
    *(constants_t *)constants = (constants_t){
        .lr = (real)c.lr,
        .momentum = (real)c.momentum,
        .reach = (real)c.reach,
        .beta = weights(c.beta),
        .alpha = weights(c.alpha),
    };
}

/* Lines 4 and 5. */
static void update_growth(const tile_t *t, constants_t k) {
    real *restrict zeta = t->p, *restrict w = t->state[W], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        v[i] = weighted(v[i], zeta[i], k.beta) - k.reach * g[i];
        w[i] = zeta[i] - k.lr * g[i];
        zeta[i] = weighted(v[i], w[i], k.alpha);
    }
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    if (t->state[V] == NULL)
        extrapolate(t, k.lr, k.momentum); /* lines 1 and 3 */
    else
        update_growth(t, k);
}

static optim_status advance(step_t *s) {
    step_update(s, 0, NULL);
    group_t cohort;
    for (size_t i = 0; i < step_cohort_count(s); ++i)
        if (step_cohort(s, i, &cohort))
            ((cohort_memory_t *)cohort.cohort_memory)->gamma = coefficients(&cohort).next_gamma;
    return OPTIM_OK;
}

const method_t METHOD(sagd) = {
    .name = "sagd",
    .purpose = "stochastic accelerated gradient descent for problems that interpolate",
    .citation = "Mishkin, Pilanci, Schmidt: Faster Convergence of Stochastic Accelerated Gradient Descent under "
                "Interpolation, 2024, arXiv:2404.02378; Vaswani, Bach, Schmidt: Fast and Faster Convergence of SGD for "
                "Over-Parameterized Models and an Accelerated Perceptron, 2019, arXiv:1810.07288",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .cohort_memory = sizeof(cohort_memory_t),
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .check = check,
    .prepare = prepare,
    .advance = advance,
    .kernels = {update},
    .output = output_iterate,
};
