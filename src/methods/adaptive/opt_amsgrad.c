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
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.99),
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

enum { THETA, V, VHAT, M, W, HISTORY };
static const state_t STATE[] = {
    [THETA] = {"theta", "first moment", LIKE_PARAM, FIRST_MOMENT},
    [V] = {"v", "mean of squared errors of the prediction", LIKE_PARAM, KEPT, .nonnegative = true},
    [VHAT] = {"vhat", "running maximum of v", LIKE_PARAM, KEPT, .when = "amsgrad", .nonnegative = true},
    [M] = {"m", "prediction of the next gradient", LIKE_PARAM, KEPT},
    [W] = {"w_half", "the point without the optimistic step", LIKE_PARAM, KEPT, .from_param = true},
    [HISTORY] = {"y", "the last gradients, in a ring", LIKE_PARAM, KEPT, .copies = "memory", .exists = remembered},
    {0},
};

typedef struct memory {
    double gram[EXTRAPOLATION_MOST * EXTRAPOLATION_MOST];
} memory_t;
static const field_t FIELDS[] = {
    {"U'U", "products of the differences", FIELD(OF_METHOD, memory_t, gram)},
    {0},
};

typedef struct constants {
    weights_t beta1, beta2;
    real eta, l2;
    eps_t eps;
    bool thaws; /* the tensor has no past that others have */
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, t = group->t;
    const bool correct = o[BIAS_CORRECTION] != 0;
    const double c1 = correct ? correction(o[BETA1], t) : 1, c2 = correct ? correction(o[BETA2], t) : 1;
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .eta = (real)(o[LR] * (sqrt(c2) / c1)),
        .l2 = (real)o[WEIGHT_DECAY],
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .thaws = t == 1 && group->step->t > 1,
    };
}

static void multiply(const tile_t *t) {
    const constants_t *k = t->constants;
    extrapolation_multiply(t, HISTORY, k->l2, k->thaws);
}

/* Line 3. */
static void second_moment(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict v = t->state[V], *restrict vhat = t->state[VHAT];
    const real *restrict g = t->g, *restrict p = t->p, *restrict m = t->state[M];
    for (size_t i = 0; i < t->n; ++i) {
        const real error = g[i] + k.l2 * p[i] - m[i];
        v[i] = settled(k.beta2.keep * v[i] + k.beta2.take * error * error);
    }
    for (size_t i = 0; vhat != NULL && i < t->n; ++i)
        vhat[i] = larger(vhat[i], v[i]);
}

/* m' = of_g g + sum c[j] y_j, j < points */
typedef struct prediction {
    ring_t ring; /* without places, if there is none */
    double of_g, c[EXTRAPOLATION_MOST];
    size_t points;
} prediction_t;

/* Line 1: m' in the place of m, then the gradient in its own. A tensor that thaws has seen this one all the time. */
static void predict(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const prediction_t *a = t->arguments;
    const real of_g = (real)a->of_g;
    const real *restrict g = t->g, *restrict p = t->p;
    real *restrict m = t->state[M];
    for (size_t j = 0; k.thaws && j < a->ring.places; ++j)
        ring_put(t, HISTORY, j, k.l2);
    for (size_t i = 0; i < t->n; ++i)
        m[i] = of_g * (g[i] + k.l2 * p[i]);
    for (size_t j = 0; j < a->points; ++j) {
        const real c = (real)a->c[j], *restrict y = ring_point(t, HISTORY, j);
        for (size_t i = 0; i < t->n; ++i)
            m[i] += c * y[i];
    }
    if (a->ring.places > 0)
        ring_put(t, HISTORY, a->ring.next, k.l2);
}

/* Lines 2, 4 and 5. */
static void move(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict theta = t->state[THETA], *restrict w = t->state[W];
    const real *restrict g = t->g, *restrict m = t->state[M], *restrict v = t->state[t->state[VHAT] == NULL ? V : VHAT];
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real h = k.beta1.keep * theta[i] + k.beta1.take * m[i], root = damped_root(v[i], 1, k.eps);
        theta[i] = ema(theta[i], g[i] + k.l2 * p[i], k.beta1);
        w[i] -= k.eta * quotient(theta[i], root);
        p[i] = w[i] - k.eta * quotient(h, root);
    }
}

enum { MULTIPLY, SECOND_MOMENT, PREDICT, MOVE };

/* The prediction is one for all tensors. */
static bool agrees(const step_t *s, size_t n) {
    const double *o = step_tensor_option(s, n), *all = s->option;
    const tensor_t *tensor = step_tensor(s, n);
    return tensor == NULL || tensor->count == 0 || (o[PREDICTION] == all[PREDICTION] && o[MEMORY] == all[MEMORY]);
}

static optim_status advance(step_t *s) {
    const double *o = s->option;
    prediction_t prediction = {.of_g = (int)o[PREDICTION] != NONE};
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        if (!agrees(s, n))
            return step_fail(s, OPTIM_ERR_MISMATCH,
                             "prediction and memory must be the same everywhere and from the start on");
    if ((int)o[PREDICTION] == EXTRAPOLATION) {
        const ring_t ring = ring_at(o[MEMORY], s->t);
        double *gram = ((memory_t *)s->memory)->gram;
        extrapolation_update(s, MULTIPLY, ring, gram);
        prediction = (prediction_t){ring, .of_g = ring.differences < 2};
        prediction.points = ring.differences < 2 ? 0 : ring.differences;
        extrapolation_weights(prediction.points, gram, o[DAMPING], prediction.c);
    }
    step_update(s, SECOND_MOMENT, NULL);
    step_update(s, PREDICT, &prediction);
    step_update(s, MOVE, NULL);
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
    .flags = MAY_FAIL,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {multiply, second_moment, predict, move},
    .arguments = {[MULTIPLY] = sizeof(columns_t), [PREDICT] = sizeof(prediction_t)},
};
