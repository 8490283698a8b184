/*
 * msvag: momentum, shortened where the gradient's sign is uncertain.
 *
 * Balles, Hennig, "Dissecting Adam: The Sign, Magnitude and Variance of Stochastic Gradients", 2018, arXiv:1705.07774,
 * M-SVAG.
 *
 *     1. m <- beta m + (1 - beta) g,   v <- beta v + (1 - beta) g^2;   a = m / c,  b = v / c,  c = 1 - beta^t
 *     2. rho = (1 - beta) (1 + beta^t) / ((1 + beta) (1 - beta^t)), at most 0.9999;   s = (b - a^2) / (1 - rho)
 *     3. p <- p - lr a^2 / (a^2 + rho s) a,  the factor kept within [0, 1]
 *
 * s estimates the variance of g, rho s that of a. State: m, v, 8 bytes a parameter in f32.
 */
#include "blocks/adam_family.h"

enum { LR, BETA };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-2),
    [BETA] = {"beta", 0.9, "[0,1)", "decay of both moments"},
    {0},
};

enum { M, V };
static const state_t STATE[] = {[M] = M_ROW, [V] = V_ROW, {0}};

typedef struct constants {
    weights_t beta;
    real lr, inverse_c, odds; /* rho / (1 - rho) */
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, beta = o[BETA], c = correction(beta, group->t);
    const double rho = fmin((1 - beta) * (2 - c) / ((1 + beta) * c), 0.9999);
    *(constants_t *)constants = (constants_t){
        .beta = weights(beta),
        .lr = (real)o[LR],
        .inverse_c = (real)(1 / c),
        .odds = (real)(rho / (1 - rho)),
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = ema(m[i], g[i], k.beta);
        v[i] = ema(v[i], g[i] * g[i], k.beta);
        const real a = m[i] * k.inverse_c, square = a * a, variance = v[i] * k.inverse_c - square;
        const real factor = quotient(square, square + k.odds * variance);
        p[i] -= k.lr * smaller(larger(factor, 0), 1) * a;
    }
}

const method_t METHOD(msvag) = {
    .name = "msvag",
    .purpose = "momentum, shortened where the gradient's sign is uncertain",
    .citation = "Balles, Hennig: Dissecting Adam: The Sign, Magnitude and Variance of Stochastic Gradients, 2018, "
                "arXiv:1705.07774",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
