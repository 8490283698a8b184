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
#include "blocks/sums.h"

enum { LR, REPS_REL, EPS };
static const option_t OPTIONS[] = {
    [LR] = COUPLED_LR_ROW,
    [REPS_REL] = {"reps_rel", 1e-6, "(0,inf)", "first movement relative to 1 + |x_0|"},
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to the sums under the roots"},
    {0},
};

enum { X0, Y, A, GRAD, Z };
static const state_t STATE[] = {
    [X0] = {"x0", "the starting point", LIKE_PARAM, KEPT, .from_param = true},
    [Y] = {"y", "the point that the second gradients move", LIKE_PARAM, KEPT, .from_param = true},
    [A] = {"A", "weighted mean of the points x+", LIKE_PARAM, KEPT, .from_param = true},
    [GRAD] = {"m", "the first gradient", LIKE_PARAM, WITHIN_STEP},
    [Z] = {"z", "the point where it was taken", LIKE_PARAM, RESTORE_POINT},
    {0},
};

typedef struct memory {
    double rbar, r, w, q, most; /* r: R, w: W, q: Q, most: M */
    double first;               /* factor in front of m */
    double shared_lr;
} memory_t;
static const field_t FIELDS[] = {
    {"rbar", "largest distance from x_0", FIELD(OF_METHOD, memory_t, rbar)},
    {"R", "sum of rbar", FIELD(OF_METHOD, memory_t, r)},
    {"W", "sum of the weights in A", FIELD(OF_METHOD, memory_t, w)},
    {"Q", "sum of the weighted squared differences of the gradients", FIELD(OF_METHOD, memory_t, q)},
    {"M", "largest weighted squared norm of a first gradient", FIELD(OF_METHOD, memory_t, most)},
    {0},
};

typedef struct constants {
    real first, second; /* factors in front of m and g */
    real share;         /* R / (W + R): of the new point in a mean with A */
    bool stays;
} constants_t;

static double factor(const memory_t *m, double lr, double eps) {
    const double root = sqrt(m->q + m->most + eps);
    return root > 0 ? lr * m->r / root : 0;
}

static void prepare(const group_t *group, void *constants) {
    const memory_t *m = group->memory;
    *(constants_t *)constants = (constants_t){
        .first = (real)m->first,
        .second = (real)factor(m, group->option[LR], group->option[EPS]),
        .share = (real)(m->r / (m->w + m->r)),
        .stays = coupled_stays(group, LR, m->shared_lr),
    };
}

static inline real towards(real from, real to, real share) {
    return from + share * (to - from);
}

static void norms(const tile_t *t) { /* |m|^2 and, for the start, |x_0|^2 */
    if (((const constants_t *)t->constants)->stays)
        return;
    t->sum[0] += sum_squares(t->n, t->g);
    t->sum[1] += sum_squares(t->n, t->p);
}

static void trial(const tile_t *t) { /* lines 3 and 4 */
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[GRAD], *restrict z = t->state[Z];
    const real *restrict g = t->g, *restrict y = t->state[Y], *restrict a = t->state[A];
    memcpy(z, p, t->n * sizeof *z);
    memcpy(m, g, t->n * sizeof *m);
    for (size_t i = 0; !k.stays && i < t->n; ++i)
        p[i] = towards(a[i], y[i] - k.first * g[i], k.share);
}

static void difference(const tile_t *t) { /* |g - m|^2 */
    const real *restrict g = t->g, *restrict m = t->state[GRAD];
    real d[SUM_ELEMENTS];
    if (((const constants_t *)t->constants)->stays)
        return;
    for (size_t i = 0; i < t->n; ++i)
        d[i] = g[i] - m[i];
    t->sum[0] += sum_squares(t->n, d);
}

static void carry(const tile_t *t) { /* lines 6 and 7: |x+ - x_0|^2, |y - x_0|^2 */
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict y = t->state[Y], *restrict a = t->state[A];
    const real *restrict g = t->g, *restrict m = t->state[GRAD], *restrict x0 = t->state[X0];
    real from_plus[SUM_ELEMENTS], from_y[SUM_ELEMENTS];
    if (k.stays)
        return;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real plus = y[i] - k.first * m[i];
        y[i] -= k.second * g[i];
        a[i] = towards(a[i], plus, k.share);
        from_plus[i] = plus - x0[i];
        from_y[i] = y[i] - x0[i];
    }
    t->sum[0] += sum_squares(t->n, from_plus);
    t->sum[1] += sum_squares(t->n, from_y);
}

static void settle(const tile_t *t) { /* line 8 */
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p;
    const real *restrict y = t->state[Y], *restrict a = t->state[A], *restrict z = t->state[Z];
    for (size_t i = 0; i < t->n; ++i)
        p[i] = k.stays ? z[i] : towards(a[i], y[i], k.share);
}

enum { NORMS, TRIAL, DIFFERENCE, CARRY, SETTLE };

/* Lines 1 to 4. */
static void first_half(step_t *s) {
    memory_t *m = s->memory;
    const double *sums = step_sums(s, NORMS, NULL, 2);
    if (s->t == 1)
        m->rbar = m->r = s->option[REPS_REL] * (1 + sqrt(sums[1]));
    const double alpha = m->r / m->rbar;
    m->most = fmax(m->most, alpha * alpha * sums[0]);
    m->first = factor(m, m->shared_lr, s->option[EPS]);
    step_update(s, TRIAL, NULL);
}

/* Lines 5 to 8. */
static void second_half(step_t *s) {
    memory_t *m = s->memory;
    const double alpha = m->r / m->rbar;
    m->q += alpha * alpha * step_sums(s, DIFFERENCE, NULL, 1)[0];
    const double *sums = step_sums(s, CARRY, NULL, 2);
    m->w += m->r;
    m->rbar = fmax(m->rbar, sqrt(fmax(sums[0], sums[1])));
    m->r += m->rbar;
    step_update(s, SETTLE, NULL);
}

static optim_status advance(step_t *s) {
    STEP_BEGIN(s);
    if (coupled_check(s, LR, &((memory_t *)s->memory)->shared_lr) != OPTIM_OK)
        return OPTIM_ERR_VALUE;
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
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .flags = REQUESTS,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {norms, trial, difference, carry, settle},
    .output = output,
};
