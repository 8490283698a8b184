/*
 * storm: stochastic recursive momentum.
 *
 * Cutkosky, Orabona, "Momentum-Based Variance Reduction in Non-Convex SGD", 2019, arXiv:1905.10018, algorithm 1.
 *
 *     1. g at x_t;   t > 1: then h at x_{t-1} on the same sample, and back to x_t
 *     2. d <- g at t = 1,   d <- g + (1 - a) (d - h) later
 *     3. adaptive = 1:  G <- G + |g|^2,  over all tensors;   lr_t = lr / (w + G)^(1/3);
 *        a <- min(1, c lr_t^2), for t + 1
 *        adaptive = 0:  k = t - 1,  lr_t = lr (2 / (k + 2))^lr_power,  a = min(1, eta (2 / (k + 2))^eta_power)
 *     4. x_{t+1} = x_t - lr_t d,   normalize: x_t - lr_t d / |d|  (no movement where d = 0)
 *
 * The authors' TensorFlow class keeps G by coordinate, takes a from the present lr_t and clips d; the paper is
 * followed. State: d, x_{t-1}; within a step x_t, g: 16 bytes a parameter in f32; G in double.
 */
#include "blocks/recursive.h"
#include "blocks/sums.h"

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

static const state_t STATE[] = {RECURSIVE_ROWS("the gradient at x_prev"), {0}};

typedef struct memory {
    double sum; /* G */
} memory_t;
typedef struct cohort_memory {
    double a;
} cohort_memory_t;
static const field_t FIELDS[] = {
    {"G", "sum of squared gradient norms", FIELD(OF_METHOD, memory_t, sum)},
    {"a", "adaptive: weight of the newest gradient", FIELD(OF_COHORT, cohort_memory_t, a), .initial = 1},
    {0},
};

typedef struct constants {
    real lr, one_a;
    bool normalize;
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
    const double *o = group->option, sum = ((const memory_t *)group->memory)->sum;
    return o[ADAPTIVE] != 0 ? o[LR] / cube_root(o[W] + sum) : power(o[LR], o[LR_POWER], group->t - 1);
}

static void prepare(const group_t *group, void *constants) {
    const cohort_memory_t *m = group->cohort_memory;
    const double *o = group->option;
    const double a = o[ADAPTIVE] != 0 ? m->a : power_weight(o[ETA], o[ETA_POWER], group->t - 1);
    *(constants_t *)constants = (constants_t){
        .lr = (real)step_size(group),
        .one_a = (real)(1 - a),
        .normalize = o[NORMALIZE] != 0,
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

/* ... and line 2: what arrived is the gradient there. Both norms, squared. */
static void recurse(const tile_t *t) {
    const real one_a = ((const constants_t *)t->constants)->one_a;
    real *restrict d = t->state[D];
    const real *restrict g = t->state[GRADIENT], *restrict h = t->g;
    for (size_t i = 0; i < t->n; ++i)
        d[i] = settled(g[i] + one_a * (d[i] - h[i]));
    t->sum[0] += sum_squares(t->n, g);
    t->sum[1] += sum_squares(t->n, d);
}

/* Line 4. */
static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    recursive_move(t, k.lr, divisor_of(t, k.normalize, 0));
}

enum { LEAVE, RECURSE, UPDATE };

/* Lines 2 to 4; the first step has no other gradient than its own. */
static void recursion(step_t *s) {
    const double *sum = step_sums(s, RECURSE, NULL, 2);
    ((memory_t *)s->memory)->sum += sum[0];
    step_update(s, UPDATE, &(norm_t){sqrt(sum[1])});
    group_t cohort;
    for (size_t i = 0; i < step_cohort_count(s); ++i)
        if (step_cohort(s, i, &cohort)) {
            const double lr = step_size(&cohort);
            ((cohort_memory_t *)cohort.cohort_memory)->a = fmin(1, cohort.option[C] * lr * lr);
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
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .cohort_memory = sizeof(cohort_memory_t),
    .flags = REQUESTS,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[LEAVE] = leave, [RECURSE] = recurse, [UPDATE] = update},
    .arguments = {[UPDATE] = sizeof(norm_t)},
};
