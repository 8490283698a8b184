/*
 * vsgd: SGD as inference: the true gradient is estimated from noisy ones, with the precision of both.
 *
 * Chen, Kuzina, Esmaeili, Tomczak, "Variational Stochastic Gradient Descent for Deep Neural Networks", 2024,
 * arXiv:2404.06549, algorithm 1.
 *
 *     a = 2 ps + 1 + 1e-4,   rho1 = t^-tau1,   rho2 = t^-tau2;   bg begins at 2 ps, bhg at 2 ghattg ps
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. sg = bg / a,  shg = bhg / a;   in the first step over a - 1
 *     3. mu' = (mu shg + g sg) / (sg + shg);   q = mu'^2 + sg shg / (sg + shg)
 *     4. bg  <- (1 - rho1) bg  + rho1 (2 ps        + q - 2 mu mu' + mu^2)
 *        bhg <- (1 - rho2) bhg + rho2 (2 ghattg ps + q - 2 g mu'  + g^2);   mu <- mu'
 *     5. p <- p - lr mu / (sqrt(q) + eps)
 *
 * bg and bhg are, but for a, the variances of the true gradient from step to step and of the noisy one. State: mu, bg,
 * bhg, 12 bytes a parameter in f32.
 */
#include "blocks/adam_family.h"

enum { LR, GHATTG, PS, TAU1, TAU2, EPS, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(0.1),
    [GHATTG] = {"ghattg", 30, "(0,inf)", "how much noisier gradients are than they change, to begin with"},
    [PS] = {"ps", 1e-8, "(0,inf)", "weight of what is believed before the first gradient"},
    [TAU1] = {"tau1", 0.81, "[0,inf)", "power by which bg forgets less and less"},
    [TAU2] = {"tau2", 0.9, "[0,inf)", "and bhg"},
    [EPS] = EPS_ROW(1e-8),
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(1),
    {0},
};

enum { MU, BG, BHG };
static const state_t STATE[] = {
    [MU] = {"mu", "estimate of the gradient", LIKE_PARAM, FIRST_MOMENT},
    [BG] = {"bg", "how much it changes", LIKE_PARAM, KEPT, .nonnegative = true, .exact = true},
    [BHG] = {"bhg", "how noisy gradients are", LIKE_PARAM, KEPT, .nonnegative = true, .exact = true},
    {0},
};

typedef struct constants {
    real lr, eps, over_a, rho1, rho2, prior, prior_noise; /* over_a = 1 / a; the priors are 2 ps, 2 ghattg ps */
    decay_t decay;
    bool first;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, a = 2 * o[PS] + 1 + 1e-4;
    const bool first = group->t == 1;
    *(constants_t *)constants = (constants_t){
        .lr = (real)o[LR],
        .eps = (real)o[EPS],
        .over_a = (real)(1 / (first ? a - 1 : a)),
        .rho1 = (real)pow(group->t, -o[TAU1]),
        .rho2 = (real)pow(group->t, -o[TAU2]),
        .prior = (real)(2 * o[PS]),
        .prior_noise = (real)(2 * o[GHATTG] * o[PS]),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
        .first = first,
    };
}

/* A square that leaves the range stays at its end: of two of them the ratio is asked. */
static inline real within(real x) {
    return smaller(x, sizeof(real) == sizeof(float) ? (real)FLT_MAX : (real)DBL_MAX);
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict mu = t->state[MU], *restrict bg = t->state[BG], *restrict bhg = t->state[BHG];
    const real *restrict g = t->g;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i], before = mu[i];
        const real sg = k.over_a * (k.first ? k.prior : bg[i]), shg = k.over_a * (k.first ? k.prior_noise : bhg[i]);
        const real share = 1 / (1 + shg / sg), now = (1 - share) * before + share * gi;
        const real q = now * now + share * shg, moved = now - before, off = gi - now;
        mu[i] = settled(now);
        /* q - 2 mu mu' + mu^2 = (mu' - mu)^2 + share shg */
        bg[i] = within((1 - k.rho1) * (k.first ? k.prior : bg[i]) + k.rho1 * (k.prior + moved * moved + share * shg));
        bhg[i] = within((1 - k.rho2) * (k.first ? k.prior_noise : bhg[i]) +
                        k.rho2 * (k.prior_noise + off * off + share * shg));
        p[i] = k.decay.shrink * p[i] - k.lr * quotient(now, sqrt(q) + k.eps);
    }
}

const method_t METHOD(vsgd) = {
    .name = "vsgd",
    .purpose = "SGD as inference: estimates the true gradient, with the precision of old and new",
    .citation = "Chen et al.: Variational Stochastic Gradient Descent for Deep Neural Networks, 2024, arXiv:2404.06549",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
