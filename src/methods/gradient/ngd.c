/*
 * ngd: normalized gradient descent.
 *
 * Nesterov, "Minimization methods for nonsmooth convex and quasiconvex functions", 1984; Hazan, Levy, Shalev-Shwartz,
 * "Beyond Convexity: Stochastic Quasi-Convex Optimization", 2015, arXiv:1507.02030; Tyurin, "From Logistic Regression
 * to the Perceptron Algorithm: Exploring Gradient Descent with Large Step Sizes", 2024 (Normalized LR+GD).
 *
 *     1. lr_k = lr (2 / (k + 2))^lr_power,   k = 0, 1, ...
 *     2. p <- (1 - lr_k weight_decay) p
 *     3. p <- p - lr_k g / (s + eps),   s = |g| over all tensors (norm), over each tensor (layer), or |loss| (loss)
 *
 * Where s + eps is 0, line 3 does nothing. Normalized LR+GD divides by the mean misclassification weight of the data, a
 * number that only the caller knows: hand it over in place of the loss, with normalize=loss. No state.
 */
#include "blocks/normalized.h"
#include "blocks/reduce.h"

enum { LR, NORMALIZE, EPS, LR_POWER, WEIGHT_DECAY };
enum { NORM, LAYER, LOSS };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.01, "[0,inf)", "length of a step"},
    [NORMALIZE] = {"normalize", NORM, "norm|layer|loss", "divide by the whole norm, each tensor's own, or the loss"},
    [EPS] = {"eps", 0, "[0,inf)", "added to the divisor"},
    [LR_POWER] = {"lr_power", 0, "[0,inf)", "exponent of the decay of lr"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    {0},
};

typedef struct constants {
    real lr, shrink;
    double eps;
} constants_t;

typedef struct update {
    double s;
    bool by_tensor; /* each tensor's own norm in place of s */
} update_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, lr = power(o[LR], o[LR_POWER], group->t - 1);
    *(constants_t *)constants = (constants_t){
        .lr = (real)lr,
        .shrink = (real)(1 - lr * o[WEIGHT_DECAY]),
        .eps = o[EPS],
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const update_t *a = t->arguments;
    const real divisor = (real)((a->by_tensor ? sqrt(t->tensor_sum[0]) : a->s) + k.eps);
    real *restrict p = t->p;
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = k.shrink * p[i] - k.lr * quotient(g[i], divisor);
}

enum { SQUARES, UPDATE };

static optim_status advance(step_t *s) {
    const int normalize = (int)s->option[NORMALIZE];
    const double size = normalize == LOSS ? fabs(s->loss) : sqrt(step_sums(s, SQUARES, NULL, 1)[0]);
    step_update(s, UPDATE, &(update_t){size, normalize == LAYER});
    return OPTIM_OK;
}

static bool reads_loss(const double *option) {
    return (int)option[NORMALIZE] == LOSS;
}

const method_t METHOD(ngd) = {
    .name = "ngd",
    .purpose = "normalized gradient descent: steps of given length along the gradient",
    .citation = "Nesterov: Minimization methods for nonsmooth convex and quasiconvex functions, 1984; Hazan, Levy, "
                "Shalev-Shwartz: Beyond Convexity: Stochastic Quasi-Convex Optimization, 2015, arXiv:1507.02030",
    .evaluations = "1 gradient; the loss, which only normalize=loss reads",
    .options = OPTIONS,
    .flags = READS_LOSS,
    .reads_loss = reads_loss,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [UPDATE] = update},
    .arguments = {[UPDATE] = sizeof(update_t)},
};
