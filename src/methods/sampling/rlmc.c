/*
 * rlmc: Langevin Monte Carlo with a randomised midpoint. rklmc: the same for kinetic (underdamped) dynamics.
 *
 * Shen, Lee, "The Randomized Midpoint Method for Log-Concave Sampling", 2019, arXiv:1909.05503; Yu, Karagulyan,
 * Dalalyan, "Langevin Monte Carlo for strongly log-concave distributions: Randomized midpoint revisited", 2024,
 * arXiv:2306.08494.
 *
 *     u uniform in [0, 1);   z1, z2, ... standard normal
 *     rlmc   1. W1 = sqrt(u h) z1,   m = x - u h g(x) + sqrt(2) W1
 *            2. x <- x - h g(m) + sqrt(2) (W1 + sqrt(h - u h) z2)
 *     rklmc, s = u h; (I_a, W_a) the integrals of blocks/ornstein.h over s, (I_b, W_b) those over h - s:
 *            1. psi = (1 - e^(-gamma s)) / gamma,   m = x + psi v - (s - psi) g(x) + sqrt(2) (W_a - I_a)
 *            2. e = e^(-gamma (h - s)),   I = e I_a + I_b,   W = W_a + W_b,   both with the old v:
 *               x <- x + (1 - e^(-gamma h)) / gamma v - h (1 - e) g(m) + sqrt(2) (W - I)
 *               v <- e^(-gamma h) v - gamma h e g(m) + sqrt(2) gamma I
 *
 * rklmc is for dv = -gamma v dt - gamma g dt + sqrt(2) gamma dW. State: within a step x; rklmc v: 4 (8) bytes in f32.
 */
#include "blocks/noise.h"
#include "blocks/ornstein.h"

enum { LR, GAMMA };
static const option_t RLMC[] = {[LR] = {"lr", 0.05, "[0,inf)", "step size h"}, {0}};
static const option_t RKLMC[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size h"},
    [GAMMA] = {"gamma", 5, "(0,inf)", "friction; at least 5 times the largest curvature"},
    {0},
};

enum { X, V };
static const state_t RLMC_STATE[] = {
    [X] = {"x", "the point that the step began at", LIKE_PARAM, RESTORE_POINT},
    {0},
};
static const state_t RKLMC_STATE[] = {
    [X] = {"x", "the point that the step began at", LIKE_PARAM, RESTORE_POINT},
    [V] = {"v", "velocity", LIKE_PARAM, FIRST_MOMENT},
    {0},
};

typedef struct memory { /* within a step */
    double u;
    noise_t z[4];
} memory_t;

static const real ROOT_2 = (real)1.4142135623730951;

/* ---- rlmc ---- */

typedef struct constants {
    real h, part;       /* h and u h */
    real first, second; /* factors of z1 and z2 */
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double h = group->option[LR], u = ((const memory_t *)group->memory)->u;
    *(constants_t *)constants = (constants_t){
        .h = (real)h, .part = (real)(u * h), .first = (real)sqrt(2 * u * h), .second = (real)sqrt(2 * (h - u * h))};
}

static void go_to_midpoint(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const noise_t *z = t->arguments;
    real *restrict p = t->p, *restrict x = t->state[X];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        x[i] = p[i];
        p[i] += k.first * noise_at(&z[0], t, i) - k.part * g[i];
    }
}

static void move(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const noise_t *z = t->arguments;
    real *restrict p = t->p;
    const real *restrict g = t->g, *restrict x = t->state[X];
    for (size_t i = 0; i < t->n; ++i)
        p[i] = x[i] + (k.first * noise_at(&z[0], t, i) + k.second * noise_at(&z[1], t, i) - k.h * g[i]);
}

/* ---- rklmc ---- */

typedef struct kinetic {
    ornstein_t a, b;
    real psi, pull;         /* psi, s - psi */
    real e, drift, kick;    /* e, (1 - e^(-gamma h)) / gamma, h (1 - e) */
    real keep, turn, gamma; /* e^(-gamma h), gamma h e */
} kinetic_t;

static void prepare_kinetic(const group_t *group, void *constants) {
    const double h = group->option[LR], gamma = group->option[GAMMA], s = ((const memory_t *)group->memory)->u * h;
    const double psi = -expm1(-gamma * s) / gamma, rest = -expm1(-gamma * (h - s)), e = exp(-gamma * (h - s));
    *(kinetic_t *)constants = (kinetic_t){
        .a = ornstein_of(gamma, s),
        .b = ornstein_of(gamma, h - s),
        .psi = (real)psi,
        .pull = (real)(s - psi),
        .e = (real)e,
        .drift = (real)(-expm1(-gamma * h) / gamma),
        .kick = (real)(h * rest),
        .keep = (real)exp(-gamma * h),
        .turn = (real)(gamma * h * e),
        .gamma = (real)gamma,
    };
}

static void go_to_kinetic_midpoint(const tile_t *t) {
    const kinetic_t k = *(const kinetic_t *)t->constants;
    const noise_t *z = t->arguments;
    real *restrict p = t->p, *restrict x = t->state[X];
    const real *restrict g = t->g, *restrict v = t->state[V];
    for (size_t i = 0; i < t->n; ++i) {
        const real z1 = noise_at(&z[0], t, i), z2 = noise_at(&z[1], t, i);
        x[i] = p[i];
        p[i] += k.psi * v[i] - k.pull * g[i] + ROOT_2 * ((k.a.w1 - k.a.i1) * z1 + k.a.w2 * z2);
    }
}

static void move_kinetic(const tile_t *t) {
    const kinetic_t k = *(const kinetic_t *)t->constants;
    const noise_t *z = t->arguments;
    real *restrict p = t->p, *restrict v = t->state[V];
    const real *restrict g = t->g, *restrict x = t->state[X];
    for (size_t i = 0; i < t->n; ++i) {
        const real z1 = noise_at(&z[0], t, i), z2 = noise_at(&z[1], t, i), z3 = noise_at(&z[2], t, i),
                   z4 = noise_at(&z[3], t, i);
        const real decayed = k.e * k.a.i1 * z1 + k.b.i1 * z3;
        const real w = k.a.w1 * z1 + k.a.w2 * z2 + (k.b.w1 * z3 + k.b.w2 * z4);
        p[i] = x[i] + (k.drift * v[i] - k.kick * g[i] + ROOT_2 * (w - decayed));
        v[i] = settled(k.keep * v[i] - k.turn * g[i] + ROOT_2 * k.gamma * decayed);
    }
}

enum { GO_TO_MIDPOINT, MOVE };

static optim_status step_with(step_t *s, int arrays) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    m->u = step_uniform(s);
    for (int i = 0; i < arrays; ++i)
        m->z[i] = noise_draw(s);
    step_update(s, GO_TO_MIDPOINT, m->z);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH);
    step_update(s, MOVE, m->z);
    STEP_END(s);
}

static optim_status advance(step_t *s) {
    return step_with(s, 2);
}
static optim_status advance_kinetic(step_t *s) {
    return step_with(s, 4);
}

const method_t METHOD(rlmc) = {
    .name = "rlmc",
    .purpose = "Langevin Monte Carlo with a randomised midpoint",
    .citation =
        "Shen, Lee: The Randomized Midpoint Method for Log-Concave Sampling, NeurIPS 2019, arXiv:1909.05503; Yu, "
        "Karagulyan, Dalalyan: Langevin Monte Carlo for strongly log-concave distributions: Randomized midpoint "
        "revisited, ICLR 2024, arXiv:2306.08494",
    .evaluations = "2 gradients",
    .options = RLMC,
    .states = RLMC_STATE,
    .flags = REQUESTS | CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {go_to_midpoint, move},
    .arguments = {2 * sizeof(noise_t), 2 * sizeof(noise_t)},
};

const method_t METHOD(rklmc) = {
    .name = "rklmc",
    .purpose = "kinetic Langevin Monte Carlo with a randomised midpoint",
    .citation = "Yu, Karagulyan, Dalalyan: Langevin Monte Carlo for strongly log-concave distributions: Randomized "
                "midpoint revisited, ICLR 2024, arXiv:2306.08494",
    .evaluations = "2 gradients",
    .options = RKLMC,
    .states = RKLMC_STATE,
    .flags = REQUESTS | CUTS_EXACTLY,
    .constants = sizeof(kinetic_t),
    .memory = sizeof(memory_t),
    .prepare = prepare_kinetic,
    .advance = advance_kinetic,
    .kernels = {go_to_kinetic_midpoint, move_kinetic},
    .arguments = {4 * sizeof(noise_t), 4 * sizeof(noise_t)},
};
