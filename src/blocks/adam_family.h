/*
 * What Adam and its relatives share: rows of their tables, eps, Adam's loop, the rectifier.
 *
 * The letters are the papers': m and v are moving averages of the gradient and of its square with decay rates beta1 and
 * beta2; c1 and c2 correct their start at zero. eps stands outside the root, in one of two places, or inside it:
 *
 *     (A)   lr / c1 m / (sqrt(v) / sqrt(c2) + eps)
 *     (B)   lr sqrt(c2) / c1 m / (sqrt(v) + eps),   which is (A) with eps / sqrt(c2): 31.6 eps at t = 1, beta2 = 0.999
 *     eps_in_root = 1, of either:   lr / c1 m / sqrt(v / c2 + eps),   as eps_root of optax
 *
 * Loops over five or more arrays say "omp simd": compilers do not take that many restrict pointers' word for it.
 */
#ifndef BLOCKS_ADAM_FAMILY_H
#define BLOCKS_ADAM_FAMILY_H

#include "blocks/averages.h"
#include "engine/method.h"

/* ---- Rows of the option tables, by their defaults, and of the state tables ---- */

#define LR_ROW(value)                                                                                                  \
    { "lr", value, "[0,inf)", "step size" }
#define BETA1_ROW(value)                                                                                               \
    { "beta1", value, "[0,1)", "decay of the first moment" }
#define BETA2_ROW(value)                                                                                               \
    { "beta2", value, "[0,1)", "decay of the second moment" }
#define EPS_ROW(value)                                                                                                 \
    { "eps", value, "[0,inf)", "added to the root" }
#define EPS_IN_ROOT_ROW                                                                                                \
    { "eps_in_root", 0, "0|1", "add eps inside the root (1) or to the root (0)" }
#define AMSGRAD_ROW(value)                                                                                             \
    { "amsgrad", value, "0|1", "divide by the running maximum of the second moment", .live = true }
#define BIAS_CORRECTION_ROW(value)                                                                                     \
    { "bias_correction", value, "0|1", "0: c1 = c2 = 1" }
#define BETA1_DECAY_ROW(value)                                                                                         \
    { "beta1_decay", value, "(0,1]", "factor on beta1 from step to step" }
#define SQRT_DECAY_ROW(value)                                                                                          \
    { "sqrt_decay", value, "0|1", "divide lr by the root of t" }
#define WEIGHT_DECAY_ROW(value)                                                                                        \
    { "weight_decay", value, "[0,inf)", "lambda" }
#define DECOUPLED_ROW(value)                                                                                           \
    { "decoupled", value, "0|1", "decay the parameters (1) or add to the gradient (0)" }
#define FIXED_DECAY_ROW(value)                                                                                         \
    { "fixed_decay", value, "0|1", "decoupled decay without the factor lr" }

#define M_ROW                                                                                                          \
    { "m", "first moment", LIKE_PARAM, FIRST_MOMENT }
#define V_ROW                                                                                                          \
    { "v", "second moment", LIKE_PARAM, KEPT, .nonnegative = true }
#define VMAX_ROW                                                                                                       \
    { "vmax", "running maximum of v", LIKE_PARAM, KEPT, .when = "amsgrad", .nonnegative = true }

/* ---- eps ---- */

/* What is added to the second moment inside the root, and to the root; one of the two is 0. */
typedef struct eps {
    real inside, outside;
} eps_t;

/* v / c2 + eps = (v + c2 eps) / c2 */
static inline eps_t eps_of(double eps, bool in_root, double c2) {
    return in_root ? (eps_t){(real)(c2 * eps), 0} : (eps_t){0, (real)eps};
}

/* The divisor: sqrt(h) / sqrt(c2) + eps for (A); (B) passes 1 for the factor. The condition is the same for a whole
 * loop, of which gcc makes two, so that eps beside the root costs no more than it did. */
static inline real damped_root(real h, real inverse_root_c2, eps_t eps) {
    return sqrt(eps.inside != 0 ? h + eps.inside : h) * inverse_root_c2 + eps.outside;
}

/* ---- What loops of form (B) take ---- */

typedef struct form_b {
    weights_t beta1, beta2;
    real step; /* what stands before m: lr sqrt(c2) / c1 */
    eps_t eps;
    decay_t decay;
} form_b_t;

/* ---- The loop of adam, adamw, amsgrad and adam8bit, which is (A) ---- */

typedef struct adam {
    weights_t beta1, beta2;
    real step, inverse_root_c2; /* lr / c1, 1 / sqrt(c2) */
    eps_t eps;
    decay_t decay;
} adam_t;

/* With amsgrad, vmax is the running maximum of v and divides in its place; else it is NULL. Both flags are constants
 * where this is called: each has a loop of its own. */
static inline void adam_loop(const tile_t *t, adam_t k, real *restrict m, real *restrict v, real *restrict vmax,
                             const bool with_l2, const bool amsgrad) {
    real *restrict p = t->p;
    const real *restrict g = t->g;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = with_l2 ? g[i] + k.decay.l2 * p[i] : g[i];
        m[i] = ema(m[i], gi, k.beta1);
        v[i] = ema(v[i], gi * gi, k.beta2);
        const real h = amsgrad && vmax != NULL ? (vmax[i] = larger(vmax[i], v[i])) : v[i];
        p[i] = k.decay.shrink * p[i] - k.step * quotient(m[i], damped_root(h, k.inverse_root_c2, k.eps));
    }
}

/* ---- The rectifier of Liu et al. 2020 (radam), algorithm 2 ---- */

static inline double rho_inf(double beta2) {
    return 2 / (1 - beta2) - 1;
}

/* r, or 0 while the variance of the adaptive step is not tractable: rho < 5. */
static inline double rectifier(double beta2, double t) {
    const double inf = rho_inf(beta2), rho = inf - 2 * t * pow(beta2, t) / correction(beta2, t);
    return rho < 5 ? 0 : sqrt((rho - 4) * (rho - 2) * inf / ((inf - 4) * (inf - 2) * rho));
}

/* A step of adaptive m / (sqrt(v) + eps) + plain m, of which one, or both, are zero. */
typedef struct rectified {
    double adaptive, plain;
} rectified_t;
static inline rectified_t rectified(double lr, double beta1, double beta2, double t, bool degenerated_to_sgd) {
    const double r = rectifier(beta2, t), c1 = correction(beta1, t), c2 = correction(beta2, t);
    return (rectified_t){lr * r * sqrt(c2) / c1, r == 0 && degenerated_to_sgd ? lr / c1 : 0};
}

#define DEGENERATED_TO_SGD_ROW(value)                                                                                  \
    { "degenerated_to_sgd", value, "0|1", "1: plain steps, 0: none, until the rectifier is tractable" }

/* What is wrong with degenerated_to_sgd = 0, if anything. */
static inline const char *check_rectifier(double beta2, bool degenerated_to_sgd) {
    return rho_inf(beta2) <= 5 && !degenerated_to_sgd
               ? "degenerated_to_sgd=0 needs beta2 > 2/3: below, the rectifier never allows a step"
               : NULL;
}

#endif
