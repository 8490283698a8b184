/*
 * ulmc: underdamped Langevin Monte Carlo by the exponential integrator, for one point or for particles that attract
 * each other.
 *
 * Cheng, Chatterji, Bartlett, Jordan, "Underdamped Langevin MCMC: A non-asymptotic analysis", 2018, arXiv:1707.03663;
 * Fu, Wilson, "Mean-field Underdamped Langevin Dynamics and its Spacetime Discretization", ICML 2024, arXiv:2312.16360.
 *
 *     g = grad U(x) + kappa (x - mean of all rows);   I, W the integrals of blocks/ornstein.h over h
 *     e = e^(-gamma h),   c = sqrt(2 gamma T);   both with the old v:
 *     x <- x + (1 - e) / gamma v - (h - (1 - e) / gamma) / gamma g + c / gamma (W - I)
 *     v <- e v - (1 - e) / gamma g + c I
 *
 * With kappa the rows of every tensor are particles, and the gradient is that at each of them. State: v, 4 bytes a
 * parameter in f32, and with kappa within a step the mean.
 */
#include <string.h>

#include "blocks/noise.h"
#include "blocks/ornstein.h"
#include "blocks/particles.h"

enum { LR, GAMMA, TEMPERATURE, KAPPA };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size h"},
    [GAMMA] = {"gamma", 1, "(0,inf)", "friction"},
    [TEMPERATURE] = {"temperature", 1, "[0,inf)", "T of the density exp(-U / T)"},
    [KAPPA] = {"kappa", 0, "[0,inf)", "attraction of particles to their mean; 0: rows are no particles",
               .zero_apart = true},
    {0},
};

enum { V, MEAN };
static const state_t STATE[] = {
    [V] = {"v", "velocity", LIKE_PARAM, FIRST_MOMENT},
    [MEAN] = {"mean", "of the particles", SHAPED, WITHIN_STEP, .when = "kappa", .dims = particle_dims},
    {0},
};

typedef struct constants {
    ornstein_t noise;
    real drift, pull, spread; /* (1 - e) / gamma, (h - that) / gamma, c / gamma */
    real keep, c, kappa;
} constants_t;

typedef struct noises {
    noise_t z1, z2;
} noises_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, h = o[LR], gamma = o[GAMMA], c = sqrt(2 * gamma * o[TEMPERATURE]);
    const double drift = -expm1(-gamma * h) / gamma;
    *(constants_t *)constants = (constants_t){
        .noise = ornstein_of(gamma, h),
        .drift = (real)drift,
        .pull = (real)((h - drift) / gamma),
        .spread = (real)(c / gamma),
        .keep = (real)exp(-gamma * h),
        .c = (real)c,
        .kappa = (real)o[KAPPA],
    };
}

static void average(const tile_t *t) {
    real *restrict mean = t->state[MEAN];
    if (mean == NULL) /* no dimension: a single particle */
        return;
    const size_t particles = (size_t)t->tensor->dims[0], row = particle_row(t->tensor);
    memset(mean, 0, row * sizeof *mean);
    for (size_t i = 0; i < particles; ++i) {
        const real *restrict x = (real *)t->p + i * row;
        for (size_t c = 0; c < row; ++c)
            mean[c] += x[c] / (real)particles;
    }
}

static void move(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const noises_t *z = t->arguments;
    const real *restrict g = t->g, *restrict mean = t->state[MEAN];
    const size_t row = mean == NULL ? 1 : particle_row(t->tensor);
    real *restrict p = t->p, *restrict v = t->state[V];
    for (size_t i = 0; i < t->n; ++i) {
        const real z1 = noise_at(&z->z1, t, i), z2 = noise_at(&z->z2, t, i);
        const real decayed = k.noise.i1 * z1, w = k.noise.w1 * z1 + k.noise.w2 * z2;
        const real gi = mean == NULL ? g[i] : g[i] + k.kappa * (p[i] - mean[(t->offset + i) % row]);
        p[i] += k.drift * v[i] - k.pull * gi + k.spread * (w - decayed);
        v[i] = settled(k.keep * v[i] - k.drift * gi + k.c * decayed);
    }
}

enum { AVERAGE, MOVE };

static optim_status advance(step_t *s) {
    noises_t z;
    z.z1 = noise_draw(s);
    z.z2 = noise_draw(s);
    if (s->option[KAPPA] > 0)
        step_tensors(s, AVERAGE, NULL);
    step_update(s, MOVE, &z);
    return OPTIM_OK;
}

const method_t METHOD(ulmc) = {
    .name = "ulmc",
    .purpose = "underdamped Langevin Monte Carlo by the exponential integrator, also for interacting particles",
    .citation = "Cheng, Chatterji, Bartlett, Jordan: Underdamped Langevin MCMC: A non-asymptotic analysis, COLT 2018, "
                "arXiv:1707.03663; Fu, Wilson: Mean-field Underdamped Langevin Dynamics and its Spacetime "
                "Discretization, ICML 2024, arXiv:2312.16360",
    .evaluations = "1 gradient, with kappa of every particle",
    .options = OPTIONS,
    .states = STATE,
    .flags = WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {average, move},
    .arguments = {[MOVE] = sizeof(noises_t)},
};
