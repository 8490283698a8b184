/*
 * sgd_sai: SGD with momentum whose rate for each tensor is set once, by its first gradient.
 *
 * Xu, Xiang, Cai, Wen, "No More Adam: Learning Rate Scaling at Initialization is All You Need", 2024, arXiv:2412.11768.
 *
 *     1. in a tensor's first step:  gsnr = |g| / (std(g) + eps) where it has two or more dimensions, the first longer
 *        than 1, and its elements are not all equal; else |g|
 *     2. m <- momentum m + (1 - momentum) g;   without momentum m = g
 *     3. p <- (1 - lr weight_decay) p - lr gsnr m
 *
 * std has n - 1 in its divisor. State: m with momentum, 4 bytes a parameter in f32; gsnr, a double a tensor.
 */
#include <tgmath.h>

#include "blocks/averages.h"
#include "blocks/sums.h"

enum { LR, MOMENTUM, EPS, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-2, "[0,inf)", "step size"},
    [MOMENTUM] = {"momentum", 0.9, "[0,1)", "decay of the average", .live = true},
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to the standard deviation"},
    [WEIGHT_DECAY] = {"weight_decay", 1e-2, "[0,inf)", "lambda, decoupled"},
    {0},
};

enum { M };
static const state_t STATE[] = {
    [M] = {"m", "average of the gradients", LIKE_PARAM, FIRST_MOMENT, .when = "momentum"},
    {0},
};

typedef struct tensor_memory {
    double gsnr;
} tensor_memory_t;
static const field_t FIELDS[] = {
    {"gsnr", "factor on the rate, by the first gradient", FIELD(OF_TENSOR, tensor_memory_t, gsnr)},
    {0},
};

typedef struct constants {
    weights_t momentum;
    double lr; /* times gsnr, in double */
    real shrink;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .momentum = weights(o[MOMENTUM]),
        .lr = o[LR],
        .shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]),
    };
}

static void moments(const tile_t *t) {
    t->sum[0] += sum_squares(t->n, t->g);
    t->sum[1] += sum_elements(t->n, t->g);
}

static double signal_to_noise(const tensor_t *tensor, const double *sum, double eps) {
    const double n = (double)tensor->count, norm = sqrt(sum[0]);
    if (tensor->ndim < 2 || tensor->dims[0] == 1)
        return norm;
    const double deviation = sqrt(fmax(sum[0] - sum[1] / n * sum[1], 0) / (n - 1));
    return deviation > 0 ? norm / (deviation + eps) : norm;
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real step = (real)(k.lr * ((const tensor_memory_t *)t->memory)->gsnr);
    real *restrict p = t->p, *restrict m = t->state[M];
    const real *restrict g = t->g;
    for (size_t i = 0; m == NULL && i < t->n; ++i)
        p[i] = k.shrink * p[i] - step * g[i];
    for (size_t i = 0; m != NULL && i < t->n; ++i) {
        m[i] = ema(m[i], g[i], k.momentum);
        p[i] = k.shrink * p[i] - step * m[i];
    }
}

enum { MOMENTS, UPDATE };

static optim_status advance(step_t *s) {
    if (step_is_a_first(s)) {
        (void)step_sums(s, MOMENTS, NULL, 2);
        for (size_t n = 0; n < step_tensor_count(s); ++n)
            if (step_tensor(s, n) != NULL && step_tensor_clock(s, n) == 1)
                ((tensor_memory_t *)step_tensor_memory(s, n))->gsnr =
                    signal_to_noise(step_tensor(s, n), step_tensor_sum(s, n), step_tensor_option(s, n)[EPS]);
    }
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(sgd_sai) = {
    .name = "sgd_sai",
    .purpose = "SGD with momentum whose rate for each tensor is set once, by its first gradient",
    .citation = "Xu, Xiang, Cai, Wen: No More Adam: Learning Rate Scaling at Initialization is All You Need, 2024, "
                "arXiv:2412.11768",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .tensor_memory = sizeof(tensor_memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[MOMENTS] = moments, [UPDATE] = update},
};
