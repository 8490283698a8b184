/*
 * sgld: stochastic gradient Langevin dynamics: gradient steps with noise, whose law tends to exp(-U / T).
 * psgld: the same, preconditioned by RMSprop's diagonal.
 *
 * Welling, Teh, "Bayesian Learning via Stochastic Gradient Langevin Dynamics", ICML 2011; Li, Chen, Carlson, Carin,
 * "Preconditioned Stochastic Gradient Langevin Dynamics for Deep Neural Networks", AAAI 2016, arXiv:1512.07666.
 *
 *     h = decay_a (decay_b + t)^-decay_gamma, t = 0, 1, ..., or lr if decay_a = 0;   z standard normal
 *     sgld:   x <- x - h g + sqrt(2 h T) z
 *     psgld:  v <- alpha v + (1 - alpha) g^2,   G = 1 / (sqrt(v) + eps)
 *             x <- x - (h / 2) G g + sqrt(h T G) z
 *
 * g is the gradient of U, the negative log density of all data, or an unbiased estimate of it. Welling and Teh's
 * epsilon is 2 h in sgld and h in psgld, which drops the term of curvature. T = 0 makes no noise but draws it: seeds
 * stay aligned. State: psgld v, 4 bytes a parameter in f32.
 */
#include "blocks/noise.h"

enum { LR, TEMPERATURE, DECAY_A, DECAY_B, DECAY_GAMMA, SGLD_OPTIONS, ALPHA = SGLD_OPTIONS, EPS };
#define LANGEVIN_ROWS                                                                                                  \
    [LR] = {"lr", 0.01, "[0,inf)", "step size h"},                                                                     \
    [TEMPERATURE] = {"temperature", 1, "[0,inf)", "T of the density exp(-U / T)"},                                     \
    [DECAY_A] = {"decay_a", 0, "[0,inf)", "a of a (b + t)^-gamma in place of lr; 0: lr", .zero_apart = true},          \
    [DECAY_B] = {"decay_b", 1, "(0,inf)", "b of it"}, [DECAY_GAMMA] = {"decay_gamma", 0.55, "[0,inf)", "gamma of it"}
static const option_t SGLD[] = {LANGEVIN_ROWS, {0}};
static const option_t PSGLD[] = {
    LANGEVIN_ROWS,
    [ALPHA] = {"alpha", 0.99, "[0,1)", "decay of the mean of squares"},
    [EPS] = {"eps", 1e-5, "[0,inf)", "added to its root"},
    {0},
};

enum { V };
static const state_t STATE[] = {
    [V] = {"v", "mean of squared gradients", LIKE_PARAM, KEPT, .nonnegative = true},
    {0},
};

typedef struct constants {
    real step, noise; /* factors of g and z */
    real alpha, one_alpha, eps;
} constants_t;

static double step_length(const group_t *group) {
    const double *o = group->option;
    return o[DECAY_A] > 0 ? o[DECAY_A] * pow(o[DECAY_B] + group->t - 1, -o[DECAY_GAMMA]) : o[LR];
}

static void prepare(const group_t *group, void *constants) {
    const double h = step_length(group), T = group->option[TEMPERATURE];
    *(constants_t *)constants = (constants_t){.step = (real)h, .noise = (real)sqrt(2 * h * T)};
}

static void prepare_preconditioned(const group_t *group, void *constants) {
    const double *o = group->option, h = step_length(group);
    *(constants_t *)constants = (constants_t){
        .step = (real)(h / 2),
        .noise = (real)sqrt(h * o[TEMPERATURE]),
        .alpha = (real)o[ALPHA],
        .one_alpha = (real)(1 - o[ALPHA]),
        .eps = (real)o[EPS],
    };
}

static void move(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const noise_t z = *(const noise_t *)t->arguments;
    real *restrict p = t->p;
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        p[i] += k.noise * noise_at(&z, t, i) - k.step * g[i];
}

static void move_preconditioned(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const noise_t z = *(const noise_t *)t->arguments;
    real *restrict p = t->p, *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        v[i] = settled(k.alpha * v[i] + k.one_alpha * g[i] * g[i]);
        const real G = quotient(1, sqrt(v[i]) + k.eps);
        p[i] += k.noise * sqrt(G) * noise_at(&z, t, i) - k.step * G * g[i];
    }
}

static optim_status advance(step_t *s) {
    const noise_t z = noise_draw(s);
    step_update(s, 0, &z);
    return OPTIM_OK;
}

const method_t METHOD(sgld) = {
    .name = "sgld",
    .purpose = "stochastic gradient Langevin dynamics: samples of exp(-U / T) by gradient steps with noise",
    .citation = "Welling, Teh: Bayesian Learning via Stochastic Gradient Langevin Dynamics, ICML 2011",
    .evaluations = "1 gradient",
    .options = SGLD,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {move},
    .arguments = {sizeof(noise_t)},
};

const method_t METHOD(psgld) = {
    .name = "psgld",
    .purpose = "Langevin dynamics preconditioned by a running mean of squared gradients",
    .citation = "Li, Chen, Carlson, Carin: Preconditioned Stochastic Gradient Langevin Dynamics for Deep Neural "
                "Networks, AAAI 2016, arXiv:1512.07666",
    .evaluations = "1 gradient",
    .options = PSGLD,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare_preconditioned,
    .advance = advance,
    .kernels = {move_preconditioned},
    .arguments = {sizeof(noise_t)},
};
