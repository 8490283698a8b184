/*
 * subset_norm: Adam with one second moment, a sum of squares, for each run of so many elements.
 *
 * Nguyen, Nguyen, "Subset-Norm and Subspace-Momentum: Faster Memory-Efficient Adaptive Optimization with Convergence
 * Guarantees", 2024, arXiv:2411.07120, algorithm 1 on Adam.
 *
 *     1. m <- beta1 m + (1 - beta1) g
 *     2. of every subset:  v <- beta2 v + (1 - beta2) |g|^2
 *     3. p <- p - lr sqrt(c2) / c1 m / (sqrt(v) + eps);   then p <- (1 - lr weight_decay) p
 *
 * A subset has as many elements as the largest divisor of the tensor's that is no larger than `subset`. Form (B) of
 * adam_family.h. State: m, 4 bytes a parameter in f32; v, 4 for each subset.
 */
#include "blocks/adam_family.h"
#include "blocks/sums.h"
#include "blocks/whole.h"

enum { LR, BETA1, BETA2, EPS, SUBSET, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [SUBSET] = {"subset", 0, "integer [0,inf)", "elements of a subset, 0: the root of the tensor's",
                .decides_memory = true, .zero_apart = true},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled, after the step"},
    {0},
};

/* Elements of a subset. */
static size_t length_of(size_t count, double subset) {
    const double most = subset > 0 ? subset : floor(sqrt((double)count));
    size_t length = most < (double)count ? (size_t)most : count;
    while (length > 1 && count % length != 0)
        --length;
    return length;
}

static int dims_of_v(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    const size_t length = length_of(tensor->count, option[SUBSET]);
    (void)axis;
    dims[0] = (int64_t)(length > 0 ? tensor->count / length : 0);
    return 1;
}

enum { M, V };
static const state_t STATE[] = {
    [M] = M_ROW,
    [V] = {"v", "second moment of each subset", SHAPED, KEPT, .dims = dims_of_v, .nonnegative = true},
    {0},
};

typedef struct constants {
    form_b_t adam;
    double subset;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, c2 = correction(o[BETA2], group->t);
    *(constants_t *)constants = (constants_t){
        .adam = {.beta1 = weights(o[BETA1]),
                 .beta2 = weights(o[BETA2]),
                 .step = (real)(o[LR] * sqrt(c2) / correction(o[BETA1], group->t)),
                 .eps = eps_of(o[EPS], false, 1),
                 .decay = decay_of(o[WEIGHT_DECAY], true, o[LR])},
        .subset = o[SUBSET],
    };
}

static void update(const tile_t *t) {
    const constants_t *constants = t->constants;
    const form_b_t k = constants->adam;
    const size_t length = length_of(t->n, constants->subset);
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t first = 0; first < t->n; first += length, ++v) {
        *v = ema(*v, (real)sum_squares(length, g + first), k.beta2);
        const real root = sqrt(*v) + k.eps.outside;
        for (size_t i = first; i < first + length; ++i) {
            m[i] = ema(m[i], g[i], k.beta1);
            p[i] = k.decay.shrink * (p[i] - k.step * quotient(m[i], root));
        }
    }
}

const method_t METHOD(subset_norm) = {
    .name = "subset_norm",
    .purpose = "Adam with one second moment for each run of elements",
    .citation = "Nguyen, Nguyen: Subset-Norm and Subspace-Momentum: Faster Memory-Efficient Adaptive Optimization with "
                "Convergence Guarantees, 2024, arXiv:2411.07120",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = whole_advance,
    .kernels = {update},
};
