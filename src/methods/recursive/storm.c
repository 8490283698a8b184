/*
 * storm: stochastic recursive momentum.
 *
 * Cutkosky, Orabona, "Momentum-Based Variance Reduction in Non-Convex SGD", 2019, arXiv:1905.10018, algorithm 1.
 *
 *     1. g at x_t;   t > 1: then h at x_{t-1} on the same sample, and back to x_t
 *     2. d <- g at t = 1,   d <- g + (1 - a) (d - h) later
 *     3. adaptive = 1:  G <- G + |g|^2,  over all tensors;   lr_t = lr / (w + G)^(1/3);   a <- min(1, c lr_t^2), for t + 1
 *        adaptive = 0:  k = t - 1,  lr_t = lr (2 / (k + 2))^lr_power,  a = min(1, eta (2 / (k + 2))^eta_power)
 *     4. x_{t+1} = x_t - lr_t d,   normalize: x_t - lr_t d / |d|  (no movement where d = 0)
 *
 * The authors' TensorFlow class keeps G by coordinate, takes a from the present lr_t and clips d; the paper is
 * followed. State: d, x_{t-1}; within a step x_t, g: 16 bytes a parameter in f32; G in double.
 */
#include <string.h>
#include <tgmath.h>

#include "blocks/normalized.h"
#include "engine/method.h"

enum { LR, W, C, ADAPTIVE, ETA, ETA_POWER, LR_POWER, NORMALIZE };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "(0,inf)", "k of the paper; the step size if adaptive=0", .pauses = true},
    [W] = {"w", 0.1, "(0,inf)", "adaptive: start of the sum of squared norms"},
    [C] = {"c", 10, "[0,inf)", "adaptive: a = c lr_t^2"},
    [ADAPTIVE] = {"adaptive", 1, "0|1", "step size and momentum from the gradients' norms; 0: power schedules"},
    [ETA] = {"eta", 0.1, "(0,1]", "adaptive=0: a at the second step, if eta_power=0"},
    [ETA_POWER] = {"eta_power", 0, "[0,inf)", "adaptive=0: exponent of the decay of a"},
    [LR_POWER] = {"lr_power", 0, "[0,inf)", "adaptive=0: exponent of the decay of lr"},
    [NORMALIZE] = {"normalize", 0, "0|1", "divide the step by |d|"},
    {0},
};

enum { D, X_PREV, X, GRADIENT, SUM, A, NORM };
static const state_t STATE[] = {
    [D] = {"d", "recursive estimate of the gradient", LIKE_PARAM, FIRST_MOMENT},
    [X_PREV] = {"x_prev", "the last point", LIKE_PARAM, KEPT, .from_param = true},
    [X] = {"x", "the point, while the gradient at x_prev is taken", LIKE_PARAM, RESTORE_POINT},
    [GRADIENT] = {"g", "the gradient there", LIKE_PARAM, WITHIN_STEP},
    [SUM] = {"G", "sum of squared gradient norms", PER_METHOD, KEPT},
    [A] = {"a", "adaptive: weight of the newest gradient", PER_COHORT, KEPT, .initial = 1},
    [NORM] = {"norm", "|d|", PER_METHOD, WITHIN_STEP},
    {0},
};

typedef struct constants {
    double lr, one_a, divisor;
} constants_t;

/* The cube root of a positive number, by Newton's method: those of C libraries differ in the last bit. */
static double cube_root(double x) {
    int exponent;
    const double fraction = frexp(x, &exponent);
    const double scaled = ldexp(fraction, exponent % 3); /* from 1/8 up to 4 */
    double root = 1;
    if (!isfinite(x))
        return x;
    for (int k = 0; k < 8; ++k)
        root = (2 * root + scaled / (root * root)) / 3;
    return ldexp(root, exponent / 3);
}

static double step_size(const group_t *group) {
    const double *o = group->option;
    return o[ADAPTIVE] != 0 ? o[LR] / cube_root(o[W] + *group->scalar[SUM]) : power(o[LR], o[LR_POWER], group->t - 1);
}

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    const double a = o[ADAPTIVE] != 0 ? *group->scalar[A] : power_weight(o[ETA], o[ETA_POWER], group->t - 1);
    *(constants_t *)constants = (constants_t){
        .lr = step_size(group),
        .one_a = 1 - a,
        .divisor = o[NORMALIZE] != 0 ? *group->scalar[NORM] : 1,
    };
}

/* Line 1: to x_{t-1} ... */
static void leave(const tile_t *t) {
    const real *restrict g = t->g, *restrict x_prev = t->state[X_PREV];
    real *restrict p = t->p, *restrict x = t->state[X], *restrict kept = t->state[GRADIENT];
    for (size_t i = 0; i < t->n; ++i) {
        x[i] = p[i];
        kept[i] = g[i];
        p[i] = x_prev[i];
    }
}

/* ... and line 2: what arrived is the gradient there. The squares for both norms. */
static void recurse(const tile_t *t) {
    const real one_a = (real)((const constants_t *)t->constants)->one_a;
    real *restrict d = t->state[D];
    const real *restrict g = t->state[GRADIENT], *restrict h = t->g;
    double *restrict gradient = t->term[0], *restrict estimate = t->term[1];
    for (size_t i = 0; i < t->n; ++i) {
        d[i] = settled(g[i] + one_a * (d[i] - h[i]));
        gradient[i] = (double)g[i] * (double)g[i];
        estimate[i] = (double)d[i] * (double)d[i];
    }
}

/* Line 4. */
static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    const real lr = (real)k->lr, divisor = (real)k->divisor;
    real *restrict p = t->p, *restrict x_prev = t->state[X_PREV];
    const real *restrict x = t->state[X], *restrict d = t->state[D];
    for (size_t i = 0; i < t->n; ++i) {
        x_prev[i] = x[i];
        p[i] = x[i] - lr * quotient(d[i], divisor);
    }
}

enum { LEAVE, RECURSE, UPDATE };

/* Lines 2 to 4; the first step has no other gradient than its own. */
static void recursion(step_t *s) {
    const double *sum = step_reduce(s, RECURSE, NULL, 2);
    *s->scalar[SUM] += sum[0];
    *s->scalar[NORM] = sqrt(sum[1]);
    step_update(s, UPDATE, NULL);
    group_t cohort;
    for (size_t i = 0; i < step_cohort_count(s); ++i) {
        if (!step_cohort(s, i, &cohort))
            continue;
        const double lr = step_size(&cohort);
        *cohort.scalar[A] = fmin(1, cohort.option[C] * lr * lr);
    }
}

static optim_status advance(step_t *s) {
    STEP_BEGIN(s);
    step_update(s, LEAVE, NULL);
    if (s->t > 1)
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
    recursion(s);
    STEP_END(s);
}

const method_t METHOD(storm) = {
    .name = "storm",
    .purpose = "recursive momentum: variance reduction without large batches",
    .citation = "Cutkosky, Orabona: Momentum-Based Variance Reduction in Non-Convex SGD, 2019, arXiv:1905.10018",
    .evaluations = "2 gradients on the same sample (the first step: 1)",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[LEAVE] = leave, [RECURSE] = recurse, [UPDATE] = update},
};
