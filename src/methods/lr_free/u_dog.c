/*
 * u_dog: accelerated and without a learning rate: extra-gradient on weighted averages with dog's step sizes.
 *
 * Kreisler, Ivgi, Hinder, Carmon, "Accelerated Parameter-Free Stochastic Optimization", 2024, arXiv:2404.00666.
 *
 *     start: y = A = x_0, W = Q = M = 0, rbar = R = reps_rel (1 + |x_0|)
 *     1. alpha = R / rbar,  w = alpha rbar = R
 *     2. m = gradient at z;   M <- max(M, alpha^2 |m|^2)
 *     3. x+ = y - lr w / sqrt(Q + M + eps) m
 *     4. g = gradient at xhat = (W A + w x+) / (W + w)
 *     5. Q <- Q + alpha^2 |g - m|^2
 *     6. y <- y - lr w / sqrt(Q + M + eps) g
 *     7. A <- (W A + w x+) / (W + w),  W <- W + w,  rbar <- max(rbar, |x+ - x_0|, |y - x_0|),  R <- R + rbar
 *     8. z = (W A + R y) / (W + R)
 *
 * The parameters hold z; the output is A. Weights, points and order are the paper's; Q and M are its practical form
 * without logarithmic damping, restated from knowledge of the paper: no public code was found. Five passes.
 * State: x_0, y, A, 12 bytes a parameter in f32; within a step m and z, 8 more; the numbers in double.
 */
#include <string.h>
#include <tgmath.h>

#include "blocks/coupled.h"

enum { LR, REPS_REL, EPS };
static const option_t OPTIONS[] = {
    [LR] = COUPLED_LR_ROW,
    [REPS_REL] = {"reps_rel", 1e-6, "(0,inf)", "first movement relative to 1 + |x_0|"},
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to the sums under the roots"},
    {0},
};

enum { X0, Y, A, GRAD, Z, RBAR, R, W, Q, BIG_M, STEP, SHARED };
static const state_t STATE[] = {
    [X0] = {"x0", "the starting point", LIKE_PARAM, KEPT, .from_param = true},
    [Y] = {"y", "the point that the second gradients move", LIKE_PARAM, KEPT, .from_param = true},
    [A] = {"A", "weighted mean of the points x+", LIKE_PARAM, KEPT, .from_param = true},
    [GRAD] = {"m", "the first gradient", LIKE_PARAM, WITHIN_STEP},
    [Z] = {"z", "the point where it was taken", LIKE_PARAM, RESTORE_POINT},
    [RBAR] = {"rbar", "largest distance from x_0", PER_METHOD, KEPT},
    [R] = {"R", "sum of rbar", PER_METHOD, KEPT},
    [W] = {"W", "sum of the weights in A", PER_METHOD, KEPT},
    [Q] = {"Q", "sum of the weighted squared differences of the gradients", PER_METHOD, KEPT},
    [BIG_M] = {"M", "largest weighted squared norm of a first gradient", PER_METHOD, KEPT},
    [STEP] = {"step", "factor in front of m", PER_METHOD, WITHIN_STEP},
    [SHARED] = SHARED_LR_ROW,
    {0},
};

typedef struct constants {
    double first, second; /* factors in front of m and g */
    double share;         /* R / (W + R): of the new point in a mean with A */
    bool stays;
} constants_t;

static double factor(double lr, double eps, double *const *scalar) {
    const double root = sqrt(*scalar[Q] + *scalar[BIG_M] + eps);
    return root > 0 ? lr * *scalar[R] / root : 0;
}

static void prepare(const group_t *group, void *constants) {
    const double r = *group->scalar[R], w = *group->scalar[W];
    *(constants_t *)constants = (constants_t){
        .first = *group->scalar[STEP],
        .second = factor(group->option[LR], group->option[EPS], group->scalar),
        .share = r / (w + r),
        .stays = coupled_stays(group, LR, SHARED),
    };
}

static inline real towards(real from, real to, real share) {
    return from + share * (to - from);
}

static void norms(const tile_t *t) { /* |m|^2 and, for the start, |x_0|^2 */
    const real *restrict z = t->p, *restrict g = t->g;
    double *restrict gradient = t->term[0], *restrict point = t->term[1];
    if (((const constants_t *)t->constants)->stays) {
        coupled_no_terms(t, 2);
        return;
    }
    for (size_t i = 0; i < t->n; ++i) {
        gradient[i] = (double)g[i] * (double)g[i];
        point[i] = (double)z[i] * (double)z[i];
    }
}

static void trial(const tile_t *t) { /* lines 3 and 4 */
    const constants_t *k = t->constants;
    const real first = (real)k->first, share = (real)k->share;
    real *restrict p = t->p, *restrict m = t->state[GRAD], *restrict z = t->state[Z];
    const real *restrict g = t->g, *restrict y = t->state[Y], *restrict a = t->state[A];
    memcpy(z, p, t->n * sizeof *z);
    memcpy(m, g, t->n * sizeof *m);
    for (size_t i = 0; !k->stays && i < t->n; ++i)
        p[i] = towards(a[i], y[i] - first * g[i], share);
}

static void difference(const tile_t *t) { /* |g - m|^2 */
    const real *restrict g = t->g, *restrict m = t->state[GRAD];
    double *restrict term = t->term[0];
    if (((const constants_t *)t->constants)->stays) {
        coupled_no_terms(t, 1);
        return;
    }
    for (size_t i = 0; i < t->n; ++i) {
        const double d = (double)(g[i] - m[i]);
        term[i] = d * d;
    }
}

static void carry(const tile_t *t) { /* lines 6 and 7: |x+ - x_0|^2, |y - x_0|^2 */
    const constants_t *k = t->constants;
    const real first = (real)k->first, second = (real)k->second, share = (real)k->share;
    real *restrict y = t->state[Y], *restrict a = t->state[A];
    const real *restrict g = t->g, *restrict m = t->state[GRAD], *restrict x0 = t->state[X0];
    double *restrict ahead = t->term[0], *restrict behind = t->term[1];
    if (k->stays) {
        coupled_no_terms(t, 2);
        return;
    }
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real plus = y[i] - first * m[i];
        y[i] -= second * g[i];
        a[i] = towards(a[i], plus, share);
        const double from_plus = (double)(plus - x0[i]), from_y = (double)(y[i] - x0[i]);
        ahead[i] = from_plus * from_plus;
        behind[i] = from_y * from_y;
    }
}

static void settle(const tile_t *t) { /* line 8 */
    const constants_t *k = t->constants;
    const real share = (real)k->share;
    real *restrict p = t->p;
    const real *restrict y = t->state[Y], *restrict a = t->state[A], *restrict z = t->state[Z];
    for (size_t i = 0; i < t->n; ++i)
        p[i] = k->stays ? z[i] : towards(a[i], y[i], share);
}

enum { NORMS, TRIAL, DIFFERENCE, CARRY, SETTLE };

/* Lines 1 to 4. */
static void first_half(step_t *s) {
    double *rbar = s->scalar[RBAR], *r = s->scalar[R], *big_m = s->scalar[BIG_M];
    const double *sums = step_reduce(s, NORMS, NULL, 2);
    if (s->t == 1)
        *rbar = *r = s->option[REPS_REL] * (1 + sqrt(sums[1]));
    const double alpha = *r / *rbar;
    *big_m = fmax(*big_m, alpha * alpha * sums[0]);
    *s->scalar[STEP] = factor(*s->scalar[SHARED], s->option[EPS], s->scalar);
    step_update(s, TRIAL, NULL);
}

/* Lines 5 to 8. */
static void second_half(step_t *s) {
    double *rbar = s->scalar[RBAR], *r = s->scalar[R];
    const double alpha = *r / *rbar;
    *s->scalar[Q] += alpha * alpha * step_reduce(s, DIFFERENCE, NULL, 1)[0];
    const double *sums = step_reduce(s, CARRY, NULL, 2);
    *s->scalar[W] += *r;
    *rbar = fmax(*rbar, sqrt(fmax(sums[0], sums[1])));
    *r += *rbar;
    step_update(s, SETTLE, NULL);
}

static optim_status advance(step_t *s) {
    optim_status status;
    STEP_BEGIN(s);
    if ((status = coupled_check(s, LR, SHARED)) != OPTIM_OK)
        return status;
    first_half(s);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH);
    second_half(s);
    STEP_END(s);
}

static void output(const tile_t *t) {
    memcpy(t->out, t->state[A], t->n * sizeof(real));
}

const method_t METHOD(u_dog) = {
    .name = "u_dog",
    .purpose = "accelerated and learning-rate-free: extra-gradient on weighted averages with the step sizes of dog",
    .citation = "Kreisler, Ivgi, Hinder, Carmon: Accelerated Parameter-Free Stochastic Optimization, 2024, "
                "arXiv:2404.00666",
    .evaluations = "2 gradients",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {norms, trial, difference, carry, settle},
    .output = output,
};
