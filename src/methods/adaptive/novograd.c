/*
 * novograd: momentum over gradients that are normalised tensor by tensor.
 *
 * Ginsburg, Castonguay, Hrinchuk, Kuchaiev, Lavrukhin, Leary, Li, Nguyen, Zhang, Cohen, "Stochastic Gradient Methods
 * with Layer-wise Adaptive Moments for Training of Deep Networks", 2019, arXiv:1905.11286, algorithm 1.
 *
 *     1. v <- |g|^2 at t = 1,   v <- beta2 v + (1 - beta2) |g|^2 later;   amsgrad: vmax <- max(vmax, v), h <- vmax, else v
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

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, WEIGHT_DECAY, GRAD_AVERAGING, AMSGRAD };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-2, "[0,inf)", "step size: length of a tensor's first step"},
    [BETA1] = {"beta1", 0.95, "[0,1)", "decay of the first moment"},
    [BETA2] = {"beta2", 0.98, "[0,1)", "decay of the squared norms"},
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, inside the moment"},
    [GRAD_AVERAGING] = {"grad_averaging", 0, "0|1", "1: m is a mean, not a sum"},
    [AMSGRAD] = {"amsgrad", 0, "0|1", "divide by the root of the running maximum of v"},
    {0},
};

enum { M, V, VMAX };
static const state_t STATE[] = {
    [M] = {"m", "first moment", LIKE_PARAM, FIRST_MOMENT},
    [V] = {"v", "running mean of the squared norm", PER_TENSOR, KEPT, .nonnegative = true},
    [VMAX] = {"vmax", "running maximum of v", PER_TENSOR, KEPT, .when = "amsgrad", .nonnegative = true},
    {0},
};

typedef struct scalars {
    double lr, beta1, take, decay;
    eps_t eps;
} scalars_t;

static void prepare(const group_t *group, void *scalars) {
    const double *o = group->option;
    const double take = o[GRAD_AVERAGING] != 0 ? 1 - o[BETA1] : 1;
    *(scalars_t *)scalars = (scalars_t){o[LR], o[BETA1], take, o[WEIGHT_DECAY], eps_of(o[EPS], o[EPS_IN_ROOT] != 0, 1)};
}

static void squares(const tile_t *t) {
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = (double)g[i] * (double)g[i];
}

/* Line 1. */
static void second_moment(step_t *s, size_t tensor) {
    const double beta2 = step_tensor_option(s, tensor)[BETA2], square = step_tensor_sum(s, tensor)[0];
    double *v = step_tensor_scalar(s, tensor, V), *vmax = step_tensor_scalar(s, tensor, VMAX);
    *v = step_tensor_clock(s, tensor) == 1 ? square : beta2 * *v + (1 - beta2) * square;
    if (vmax != NULL)
        *vmax = fmax(*vmax, *v);
}

/* Lines 2 to 4. */
static void update(const tile_t *t) {
    const scalars_t *k = t->scalars;
    const double *h = t->state[VMAX] == NULL ? t->state[V] : t->state[VMAX],
                 root = sqrt(*h + k->eps.inside) + k->eps.outside;
    const real lr = (real)k->lr, beta1 = (real)k->beta1, scale = (real)(root > 0 ? k->take / root : 0),
               decay = (real)(k->take * k->decay);
    real *restrict p = t->p, *restrict m = t->state[M];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = settled(beta1 * m[i] + (scale * g[i] + decay * p[i]));
        p[i] -= lr * m[i];
    }
}

enum { SQUARES, UPDATE };

static optim_status advance(step_t *s) {
    (void)step_reduce(s, SQUARES, 1);
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        if (step_tensor(s, n) != NULL)
            second_moment(s, n);
    step_update(s, UPDATE);
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
    .scalars = sizeof(scalars_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [UPDATE] = update},
};
