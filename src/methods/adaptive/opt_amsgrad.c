/*
 * opt_amsgrad: AMSGrad with a prediction of the next gradient.
 *
 * Wang, Li, Karimi, Li, "An Optimistic Acceleration of AMSGrad for Nonconvex Optimization", 2019, arXiv:1903.01435.
 *
 *     1. g <- g + weight_decay p;   m' = predict(g, ...)
 *     2. h = beta1 theta + (1 - beta1) m'   with the theta of the step before;   theta <- beta1 theta + (1 - beta1) g
 *     3. v <- beta2 v + (1 - beta2) (g - m)^2;   amsgrad: vhat <- max(vhat, v);   else vhat = v
 *     4. w <- w - eta theta / (sqrt(vhat) + eps),   eta = lr sqrt(1 - beta2^t) / (1 - beta1^t)
 *     5. p = w - eta h / (sqrt(vhat) + eps);   m <- m'
 *
 * predict: none 0; previous g; extrapolation: sum c_j y_j of the last `memory` gradients, with c of extrapolation.h,
 * and g while there are fewer than two. bias_correction = 0 (eta = lr) is the paper's listing, 1 the authors' code.
 * That code takes a gradient at extrapolated parameters for m and m', and its differences are wrong: the paper is
 * followed. A pass for every eight products of the newest difference, and one for the update. State: theta, v, vhat, m,
 * w (the parameters at first), and `memory` gradients: 4 (5 + memory) bytes a parameter in f32; U'U in double.
 * eps_in_root = 1: adam_family.h.
 */
#include "blocks/adam_family.h"
#include "methods/adaptive/extrapolation.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, PREDICTION, MEMORY, DAMPING, BIAS_CORRECTION, AMSGRAD, WEIGHT_DECAY };
enum { EXTRAPOLATION, PREVIOUS, NONE };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "[0,inf)", "step size"},
    [BETA1] = {"beta1", 0.9, "[0,1)", "decay of the first moment"},
    [BETA2] = {"beta2", 0.99, "[0,1)", "decay of the second moment"},
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [PREDICTION] = {"prediction", EXTRAPOLATION, "extrapolation|previous|none", "how the next gradient is guessed"},
    [MEMORY] = {"memory", 5, "integer [2,32]", "differences that the extrapolation uses (r in the paper)"},
    [DAMPING] = {"damping", 1e-3, "(0,inf)", "added to the diagonal of U'U (lambda in the paper)"},
    [BIAS_CORRECTION] = {"bias_correction", 1, "0|1", "0: eta = lr"},
    [AMSGRAD] = {"amsgrad", 1, "0|1", "divide by the running maximum of v"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, added to the gradient"},
    {0},
};

static bool remembered(const tensor_t *tensor, const double *option) {
    (void)tensor;
    return (int)option[PREDICTION] == EXTRAPOLATION;
}

enum { THETA, V, VHAT, M, W, HISTORY, GRAM, BY_ELEMENT_STATES = GRAM, WEIGHT, COLUMN };
static const state_t STATE[] = {
    [THETA] = {"theta", "first moment", LIKE_PARAM, FIRST_MOMENT},
    [V] = {"v", "mean of squared errors of the prediction", LIKE_PARAM, KEPT, .nonnegative = true},
    [VHAT] = {"vhat", "running maximum of v", LIKE_PARAM, KEPT, .when = "amsgrad", .nonnegative = true},
    [M] = {"m", "prediction of the next gradient", LIKE_PARAM, KEPT},
    [W] = {"w_half", "the point without the optimistic step", LIKE_PARAM, KEPT, .from_param = true},
    [HISTORY] = {"y", "the last gradients, in a ring", LIKE_PARAM, KEPT, .copies = "memory", .exists = remembered},
    [GRAM] = {"U'U", "products of the differences", PER_METHOD, KEPT,
              .numbers = EXTRAPOLATION_MOST * EXTRAPOLATION_MOST},
    [WEIGHT] = {"c", "weights of the last gradients", PER_METHOD, WITHIN_STEP, .numbers = EXTRAPOLATION_MOST},
    [COLUMN] = {"column", "first column of U that a pass multiplies", PER_METHOD, WITHIN_STEP},
    {0},
};

typedef struct constants {
    double beta1, beta2, eta, decay;
    eps_t eps;
    double of_g;          /* m' = of_g g + sum weight[j] y_j, */
    const double *weight; /* j < weights */
    size_t weights, memory, differences, newest, column;
    bool thaws; /* the tensor has no past that others have */
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, t = group->t, everyone = group->step->t;
    const bool correct = o[BIAS_CORRECTION] != 0;
    const double c1 = correct ? 1 - pow(o[BETA1], t) : 1, c2 = correct ? 1 - pow(o[BETA2], t) : 1;
    const size_t differences = extrapolation_differences(o[MEMORY], everyone);
    const bool extrapolates = (int)o[PREDICTION] == EXTRAPOLATION && differences >= 2;
    *(constants_t *)constants = (constants_t){
        .beta1 = o[BETA1],
        .beta2 = o[BETA2],
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .eta = o[LR] * (sqrt(c2) / c1),
        .decay = o[WEIGHT_DECAY],
        .of_g = (int)o[PREDICTION] != NONE && !extrapolates,
        .weight = group->scalar[WEIGHT],
        .weights = extrapolates ? differences : 0,
        .memory = (size_t)o[MEMORY],
        .differences = differences,
        .newest = extrapolation_newest(o[MEMORY], everyone),
        .column = (size_t)*group->scalar[COLUMN],
        .thaws = t == 1 && everyone > 1,
    };
}

static real *past(const tile_t *t, size_t j) {
    return (real *)t->state[HISTORY] + j * t->stride;
}

/* A tensor that thaws has seen its first gradient all the time: its differences are 0. */
static void begin_history(const tile_t *t) {
    const constants_t *k = t->constants;
    const real decay = (real)k->decay;
    const real *restrict g = t->g, *restrict p = t->p;
    for (size_t j = 0; k->thaws && j < k->memory; ++j)
        for (size_t i = 0; i < t->n; ++i)
            past(t, j)[i] = g[i] + decay * p[i];
}

/* Products of the newest difference with METHOD_SUMS columns of U, from `column` on. */
static void multiply(const tile_t *t) {
    const constants_t *k = t->constants;
    const real decay = (real)k->decay;
    const real *restrict g = t->g, *restrict p = t->p, *restrict before = past(t, k->newest);
    for (size_t c = 0, j = k->column; c < METHOD_SUMS && j < k->differences; ++c, ++j) {
        const real *restrict y = past(t, j), *restrict successor = past(t, (j + 1) % k->memory);
        for (size_t i = 0; i < t->n; ++i) {
            const double last = (double)(g[i] + decay * p[i]) - (double)before[i];
            t->term[c][i] = last * (j == k->newest ? last : (double)successor[i] - (double)y[i]);
        }
    }
}

/* m' into `next`; then the gradient takes its place in the ring. */
static void predict(const tile_t *t, real *restrict next) {
    const constants_t *k = t->constants;
    const real decay = (real)k->decay, of_g = (real)k->of_g;
    const real *restrict g = t->g, *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        next[i] = of_g * (g[i] + decay * p[i]);
    for (size_t j = 0; j < k->weights; ++j) {
        const real weight = (real)k->weight[j], *restrict y = past(t, j);
        for (size_t i = 0; i < t->n; ++i)
            next[i] += weight * y[i];
    }
    if (t->state[HISTORY] == NULL)
        return;
    real *restrict y = past(t, (k->newest + 1) % k->memory);
    for (size_t i = 0; i < t->n; ++i)
        y[i] = g[i] + decay * p[i];
}

/* Lines 2 to 5. */
static inline void step(const tile_t *t, const bool amsgrad) {
    const constants_t *k = t->constants;
    const eps_t eps = k->eps;
    const real beta1 = (real)k->beta1, one_beta1 = (real)(1 - k->beta1), beta2 = (real)k->beta2,
               one_beta2 = (real)(1 - k->beta2), eta = (real)k->eta, decay = (real)k->decay;
    real next[CHUNK_ELEMENTS];
    real *restrict p = t->p, *restrict theta = t->state[THETA], *restrict v = t->state[V], *restrict m = t->state[M],
                   *restrict w = t->state[W], *restrict vhat = t->state[VHAT];
    const real *restrict g = t->g;
    predict(t, next);
#pragma omp simd /* more arrays than compilers check for overlap by themselves */
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + decay * p[i], error = gi - m[i], h = beta1 * theta[i] + one_beta1 * next[i];
        theta[i] = settled(beta1 * theta[i] + one_beta1 * gi);
        v[i] = settled(beta2 * v[i] + one_beta2 * error * error);
        const real h_2 = amsgrad ? (vhat[i] = larger(vhat[i], v[i])) : v[i], root = damped_root(h_2, 1, eps);
        w[i] -= eta * quotient(theta[i], root);
        p[i] = w[i] - eta * quotient(h, root);
        m[i] = next[i];
    }
}

static void update(const tile_t *t) {
    for (size_t first = 0; first < t->n; first += CHUNK_ELEMENTS) {
        const tile_t chunk = tile_chunk(t, first, BY_ELEMENT_STATES);
        if (t->state[VHAT] == NULL)
            step(&chunk, false);
        else
            step(&chunk, true);
    }
}

enum { BEGIN_HISTORY, MULTIPLY, UPDATE };

/* Row and column of the newest difference in U'U. */
static void update_gram(step_t *s) {
    const double memory = s->option[MEMORY];
    const size_t count = extrapolation_differences(memory, s->t), row = extrapolation_newest(memory, s->t);
    for (size_t first = 0; first < count; first += METHOD_SUMS) {
        const size_t terms = count - first < METHOD_SUMS ? count - first : METHOD_SUMS;
        *s->scalar[COLUMN] = (double)first;
        const double *sum = step_reduce(s, MULTIPLY, NULL, (int)terms);
        for (size_t c = 0; c < terms; ++c)
            extrapolation_put(s->scalar[GRAM], row, first + c, sum[c]);
    }
}

/* The prediction is one for all tensors, from the first step on. */
static bool is_agreed(step_t *s) {
    bool agreed = true;
    for (size_t n = 0; n < step_tensor_count(s); ++n) {
        const double *o = step_tensor_option(s, n);
        if (step_tensor(s, n) != NULL && step_tensor(s, n)->count > 0)
            agreed = agreed && o[PREDICTION] == s->option[PREDICTION] && o[MEMORY] == s->option[MEMORY] &&
                     ((int)o[PREDICTION] == EXTRAPOLATION) == (step_tensor_scalar(s, n, HISTORY) != NULL);
    }
    return agreed;
}

static optim_status advance(step_t *s) {
    const double *o = s->option;
    if (!is_agreed(s))
        return step_fail(s, OPTIM_ERR_MISMATCH,
                         "prediction and memory must be the same everywhere and from the start on");
    if ((int)o[PREDICTION] == EXTRAPOLATION) {
        if (s->t > 1 && step_is_a_first(s))
            step_update(s, BEGIN_HISTORY, NULL);
        update_gram(s);
        extrapolation_weights(o[MEMORY], s->t, s->scalar[GRAM], o[DAMPING], s->scalar[WEIGHT]);
    }
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(opt_amsgrad) = {
    .name = "opt_amsgrad",
    .purpose = "AMSGrad with a prediction of the next gradient",
    .citation = "Wang, Li, Karimi, Li: An Optimistic Acceleration of AMSGrad for Nonconvex Optimization, 2019, "
                "arXiv:1903.01435",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[BEGIN_HISTORY] = begin_history, [MULTIPLY] = multiply, [UPDATE] = update},
};
