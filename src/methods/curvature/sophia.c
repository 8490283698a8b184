/*
 * sophia: clipped momentum over a running diagonal of the Hessian.
 *
 * Liu, Li, Hall, Liang, Ma, "Sophia: A Scalable Stochastic Second-order Optimizer for Language Model Pre-training",
 * 2023, arXiv:2305.14342, algorithms 1 to 3.
 *
 *     1. on steps t = 1, 1 + update_period, ...:   hutchinson: h <- beta2 h + (1 - beta2) z (.) Hz
 *        gauss_newton: h <- beta2 h + (1 - beta2) batch_size gh^2,  gh the gradient on labels drawn from the model
 *     2. x <- (1 - lr weight_decay) x;   m <- beta1 m + (1 - beta1) g
 *     3. x <- x - lr min(max(m / max(rho h, eps), -1), 1)
 *
 * z: see probe.h. Where h <= 0 the divisor is eps: the step is the sign of m, never against it. h is refreshed before
 * the step, from the same x (public code: after it), and batch_size is not folded into rho.
 * State: m, h; within a step g (and z, Hz): 20 bytes a parameter in f32, gauss_newton 12.
 */
#include <string.h>

#include "blocks/adam_family.h"
#include "blocks/probe.h"

enum { LR, BETA1, BETA2, RHO, EPS, WEIGHT_DECAY, UPDATE_PERIOD, ESTIMATOR, BATCH_SIZE, PROBE };
enum { HUTCHINSON, GAUSS_NEWTON };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-4, "[0,inf)", "step size, and the longest step of a coordinate"},
    [BETA1] = BETA1_ROW(0.965),
    [BETA2] = {"beta2", 0.99, "[0,1)", "decay of the diagonal"},
    [RHO] = {"rho", 0.04, "(0,inf)", "factor on the diagonal: larger clips less"},
    [EPS] = {"eps", 1e-15, "[0,inf)", "least divisor"},
    [WEIGHT_DECAY] = {"weight_decay", 0.1, "[0,inf)", "lambda, decoupled"},
    [UPDATE_PERIOD] = {"update_period", 10, "integer [1,inf)", "steps from one update of the diagonal to the next"},
    [ESTIMATOR] = {"estimator", HUTCHINSON, "0|1", "0: Hutchinson's, by a product; 1: Gauss-Newton-Bartlett"},
    [BATCH_SIZE] = {"batch_size", 1, "(0,inf)", "estimator 1: samples in a batch"},
    [PROBE] = PROBE_ROW,
    {0},
};

static bool takes_product(const tensor_t *tensor, const double *option) {
    return (void)tensor, (int)option[ESTIMATOR] == HUTCHINSON;
}

enum { M, H, G, Z, HZ };
static const state_t STATE[] = {
    [M] = M_ROW,
    [H] = {"h", "running diagonal of the Hessian", LIKE_PARAM, KEPT},
    [G] = WAITING_GRADIENT_ROW,
    [Z] = {"z", "the probe", LIKE_PARAM, DIRECTION, .exists = takes_product},
    [HZ] = {"Hz", "the product", LIKE_PARAM, PRODUCT, .exists = takes_product},
    {0},
};

typedef struct memory {
    int64_t probes;
} memory_t;
static const field_t FIELDS[] = {PROBES_FIELD, {0}};

typedef struct constants {
    weights_t beta1, beta2;
    real lr, rho, eps, shrink, batch_size;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .lr = (real)o[LR],
        .rho = (real)o[RHO],
        .eps = (real)o[EPS],
        .shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]),
        .batch_size = (real)o[BATCH_SIZE],
    };
}

static void keep(const tile_t *t) {
    memcpy(t->state[G], t->g, t->n * sizeof(real));
}

static void draw(const tile_t *t) {
    probe_draw(t, t->state[Z]);
}

/* ---- Line 1 ---- */

static void hutchinson(const tile_t *t) {
    const weights_t beta2 = ((const constants_t *)t->constants)->beta2;
    real *restrict h = t->state[H];
    const real *restrict z = t->state[Z], *restrict hz = t->state[HZ];
    for (size_t i = 0; i < t->n; ++i)
        h[i] = ema(h[i], z[i] * hz[i], beta2);
}

static void gauss_newton(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict h = t->state[H];
    const real *restrict gh = t->g;
    for (size_t i = 0; i < t->n; ++i)
        h[i] = ema(h[i], k.batch_size * gh[i] * gh[i], k.beta2);
}

static void update(const tile_t *t) { /* lines 2 and 3 */
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict x = t->p, *restrict m = t->state[M];
    const real *restrict h = t->state[H], *restrict g = probe_gradient(t, G);
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = ema(m[i], g[i], k.beta1);
        const real u = quotient(m[i], larger(k.rho * h[i], k.eps));
        x[i] = k.shrink * x[i] - k.lr * larger(smaller(u, 1), -1);
    }
}

enum { KEEP, DRAW, HUTCHINSON_UPDATE, GAUSS_NEWTON_UPDATE, UPDATE };

static optim_status advance(step_t *s) {
    const double *o = s->option;
    const bool is_due = fmod(s->t - 1, o[UPDATE_PERIOD]) == 0;
    STEP_BEGIN(s);
    if (is_due)
        step_update(s, KEEP, NULL);
    if (is_due && (int)o[ESTIMATOR] == HUTCHINSON) {
        probe_next(s, o[PROBE], &((memory_t *)s->memory)->probes, DRAW);
        STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
        step_update(s, HUTCHINSON_UPDATE, NULL);
    } else if (is_due) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_MODEL);
        step_update(s, GAUSS_NEWTON_UPDATE, NULL);
    }
    step_update(s, UPDATE, &(waiting_t){is_due});
    STEP_END(s);
}

const method_t METHOD(sophia) = {
    .name = "sophia",
    .purpose = "clipped momentum over a running diagonal of the Hessian",
    .citation = "Liu et al.: Sophia: A Scalable Stochastic Second-order Optimizer for Language Model Pre-training, "
                "2023, arXiv:2305.14342",
    .evaluations = "1 gradient; every update_period steps a Hessian-vector product, or with estimator=1 a gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .flags = REQUESTS | REQUESTS_PRODUCTS,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {keep, draw, hutchinson, gauss_newton, update},
    .arguments = {[DRAW] = sizeof(probe_t), [UPDATE] = sizeof(waiting_t)},
};
