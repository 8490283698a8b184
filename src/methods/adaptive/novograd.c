/*
 * novograd: momentum over gradients that are normalised tensor by tensor.
 *
 * Ginsburg, Castonguay, Hrinchuk, Kuchaiev, Lavrukhin, Leary, Li, Nguyen, Zhang, Cohen, "Stochastic Gradient Methods
 * with Layer-wise Adaptive Moments for Training of Deep Networks", 2019, arXiv:1905.11286, algorithm 1.
 *
 *     1. v <- |g|^2 at t = 1,   v <- beta2 v + (1 - beta2) |g|^2 later;
 *        amsgrad: vmax <- max(vmax, v), h <- vmax, else v
 *     2. d <- g / (sqrt(h) + eps) + weight_decay p;   grad_averaging: d <- (1 - beta1) d
 *     3. m <- beta1 m + d
 *     4. p <- p - lr m
 *
 * The first step is told by t = 1, not by v = 0, so that a zero gradient later restarts nothing. Decay goes through the
 * moment. Two passes. State: m, 4 bytes a parameter in f32; v (and vmax), one double a tensor.
 * eps_in_root = 1: adam_family.h.
 */
#include <tgmath.h>

#include "blocks/adam_family.h"
#include "blocks/reduce.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, WEIGHT_DECAY, GRAD_AVERAGING, AMSGRAD };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-2, "[0,inf)", "step size: length of a tensor's first step"},
    [BETA1] = {"beta1", 0.95, "[0,1)", "decay of the first moment"},
    [BETA2] = {"beta2", 0.98, "[0,1)", "decay of the squared norms"},
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, inside the moment"},
    [GRAD_AVERAGING] = {"grad_averaging", 0, "0|1", "1: m is a mean, not a sum"},
    [AMSGRAD] = {"amsgrad", 0, "0|1", "divide by the root of the running maximum of v", .live = true},
    {0},
};

enum { M };
static const state_t STATE[] = {
    [M] = {"m", "first moment", LIKE_PARAM, FIRST_MOMENT},
    {0},
};

typedef struct tensor_memory {
    double v, vmax;
} tensor_memory_t;
static const field_t FIELDS[] = {
    {"v", "running mean of the squared norm", FIELD(OF_TENSOR, tensor_memory_t, v)},
    {"vmax", "running maximum of v", FIELD(OF_TENSOR, tensor_memory_t, vmax), .when = "amsgrad"},
    {0},
};

typedef struct constants {
    real lr, beta1, decay;
    double take, eps_inside, eps_outside; /* the divisor is one number a tensor, in double */
    bool amsgrad;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    const double take = o[GRAD_AVERAGING] != 0 ? 1 - o[BETA1] : 1;
    *(constants_t *)constants = (constants_t){
        .lr = (real)o[LR],
        .beta1 = (real)o[BETA1],
        .decay = (real)(take * o[WEIGHT_DECAY]),
        .take = take,
        .amsgrad = o[AMSGRAD] != 0,
        .eps_inside = o[EPS_IN_ROOT] != 0 ? o[EPS] : 0,
        .eps_outside = o[EPS_IN_ROOT] != 0 ? 0 : o[EPS],
    };
}

/* Line 1. */
static void second_moment(step_t *s, size_t tensor) {
    const double beta2 = step_tensor_option(s, tensor)[BETA2], square = step_tensor_sum(s, tensor)[0];
    tensor_memory_t *m = step_tensor_memory(s, tensor);
    m->v = step_tensor_clock(s, tensor) == 1 ? square : beta2 * m->v + (1 - beta2) * square;
    m->vmax = fmax(m->vmax, m->v);
}

/* Lines 2 to 4. */
static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const tensor_memory_t *memory = t->memory;
    const double root = sqrt((k.amsgrad ? memory->vmax : memory->v) + k.eps_inside) + k.eps_outside;
    const real scale = (real)(root > 0 ? k.take / root : 0);
    real *restrict p = t->p, *restrict m = t->state[M];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = settled(k.beta1 * m[i] + (scale * g[i] + k.decay * p[i]));
        p[i] -= k.lr * m[i];
    }
}

enum { SQUARES, UPDATE };

static optim_status advance(step_t *s) {
    (void)step_sums(s, SQUARES, NULL, 1);
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        if (step_tensor(s, n) != NULL)
            second_moment(s, n);
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(novograd) = {
    .name = "novograd",
    .purpose = "momentum over gradients normalised tensor by tensor",
    .citation = "Ginsburg et al.: Stochastic Gradient Methods with Layer-wise Adaptive Moments for Training of Deep "
                "Networks, 2019, arXiv:1905.11286",
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
