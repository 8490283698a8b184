/*
 * amos: an Adam of one second moment a tensor, whose decay and rates follow from the scale that the tensor is to have.
 *
 * Tian, Parikh, "Amos: An Adam-style Optimizer with Adaptive Weight Decay towards Model-Oriented Scale", 2022,
 * arXiv:2210.11693, algorithm 1 with one number a tensor.
 *
 *     1. G = mean of g^2 over the tensor;   v <- beta v + (1 - beta) G;   r = (1 - beta^t) / (v + eps)
 *     2. init = lr scale;   gamma = lr^2 r G / sqrt(1 + c_coef sqrt(lr) b)
 *        u = (init sqrt(r) g + (gamma + extra_l2) / 2 p) / (1 + d_coef sqrt(init) b)
 *     3. b <- b (1 + gamma) + gamma;   momentum > 0: m <- momentum m + (1 - momentum) u,  u <- m
 *     4. p <- p - u
 *
 * scale = 0: as public code has it by shape, 1/2 of vectors and scalars, sqrt(2 / n) of matrices, sqrt(1 / n) of more
 * dimensions, n being the length of dimension 1. Two passes. State: m with momentum, 4 bytes a parameter in f32; v, b
 * in double.
 */
#include "blocks/adam_family.h"
#include "blocks/reduce.h"

enum { LR, BETA, MOMENTUM, SCALE, EXTRA_L2, C_COEF, D_COEF, EPS };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "[0,inf)", "step size: relative to the scale"},
    [BETA] = {"beta", 0.999, "[0,1)", "decay of the second moment"},
    [MOMENTUM] = {"momentum", 0, "[0,1)", "decay of the averaged update; 0: none", .zero_apart = true,
                  .decides_memory = true, .live = true},
    [SCALE] = {"scale", 0, "[0,inf)", "the root mean square that a tensor is to have; 0: by its shape",
               .zero_apart = true},
    [EXTRA_L2] = {"extra_l2", 0, "[0,inf)", "decay besides the adaptive one"},
    [C_COEF] = {"c_coef", 0.25, "[0,inf)", "how soon the adaptive decay falls"},
    [D_COEF] = {"d_coef", 0.25, "[0,inf)", "how soon the step size falls"},
    [EPS] = {"eps", 1e-18, "(0,inf)", "added to the second moment"},
    {0},
};

enum { M };
static const state_t STATE[] = {
    [M] = {"m", "average of the updates", LIKE_PARAM, FIRST_MOMENT, .when = "momentum"},
    {0},
};

typedef struct tensor_memory {
    double v, b;
    double of_g, of_p; /* within a step: u = of_g g + of_p p */
} tensor_memory_t;
static const field_t FIELDS[] = {
    {"v", "second moment", FIELD(OF_TENSOR, tensor_memory_t, v)},
    {"b", "what makes decay and rate fall", FIELD(OF_TENSOR, tensor_memory_t, b)},
    {0},
};

typedef struct constants {
    weights_t momentum;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    ((constants_t *)constants)->momentum = weights(group->option[MOMENTUM]);
}

static double scale_of(const tensor_t *tensor, double scale) {
    if (scale > 0)
        return scale;
    return tensor->ndim <= 1 ? 0.5 : sqrt((tensor->ndim == 2 ? 2.0 : 1.0) / (double)tensor->dims[1]);
}

/* Lines 1 to 3. */
static void follow(tensor_memory_t *m, const tensor_t *tensor, double sum, double t, const double *o) {
    const double G = sum / (double)tensor->count, init = o[LR] * scale_of(tensor, o[SCALE]);
    m->v = o[BETA] * m->v + (1 - o[BETA]) * G;
    const double r = correction(o[BETA], t) / (m->v + o[EPS]);
    const double gamma = o[LR] * o[LR] * r * G / sqrt(1 + o[C_COEF] * sqrt(o[LR]) * m->b);
    const double falls = 1 / (1 + o[D_COEF] * sqrt(init) * m->b);
    m->of_g = falls * init * sqrt(r);
    m->of_p = falls * (gamma + o[EXTRA_L2]) / 2;
    m->b = m->b * (1 + gamma) + gamma;
}

static void update(const tile_t *t) {
    const weights_t momentum = ((const constants_t *)t->constants)->momentum;
    const tensor_memory_t *memory = t->memory;
    const real of_g = (real)memory->of_g, of_p = (real)memory->of_p;
    real *restrict p = t->p, *restrict m = t->state[M];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real u = of_g * g[i] + of_p * p[i];
        p[i] -= m == NULL ? u : (m[i] = ema(m[i], u, momentum));
    }
}

enum { SQUARES, UPDATE };

static optim_status advance(step_t *s) {
    (void)step_sums(s, SQUARES, NULL, 1);
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        if (step_tensor(s, n) != NULL && step_tensor(s, n)->count > 0)
            follow(step_tensor_memory(s, n), step_tensor(s, n), step_tensor_sum(s, n)[0], step_tensor_clock(s, n),
                   step_tensor_option(s, n));
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(amos) = {
    .name = "amos",
    .purpose = "Adam with one second moment a tensor, decay and rates from the scale that it is to have",
    .citation = "Tian, Parikh: Amos: An Adam-style Optimizer with Adaptive Weight Decay towards Model-Oriented Scale, "
                "2022, arXiv:2210.11693",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .tensor_memory = sizeof(tensor_memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [UPDATE] = update},
};
