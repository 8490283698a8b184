/*
 * dp_sgd: gradient steps on clipped gradients of single samples, with noise: differentially private.
 *
 * Abadi, Chu, Goodfellow, McMahan, Mironov, Talwar, Zhang, "Deep Learning with Differential Privacy", 2016,
 * arXiv:1607.00133, algorithm 1; automatic: Bu, Wang, Zha, Karypis, "Automatic Clipping: Differentially Private Deep
 * Learning Made Easier and Stronger", 2022, arXiv:2206.07136.
 *
 *     1. for every sample i:  factor_i = min(1, C / (|g_i| + eps)),  or C / (|g_i| + eps) if automatic
 *     2. d = (1/n) (sum_i factor_i g_i + noise C z),   z standard normal
 *     3. momentum > 0: v <- momentum v + d, d <- v
 *     4. x <- x - lr d
 *
 * C is clip_norm. per_tensor: each tensor has a factor of its own, by its own norm and with C over the root of the
 * number of tensors, so that together they are as long. |g_i| + eps = 0: factor 1. State: v, 4 bytes a parameter in
 * f32, and within a step the sum, however many samples there are.
 */
#include "blocks/samples.h"

enum { MOMENTUM = OWN_OPTIONS, CLIP_NORM, CLIPPING, EPS };
enum { FLAT, PER_TENSOR, AUTOMATIC };
static const option_t OPTIONS[] = {
    SAMPLES_ROWS,
    [MOMENTUM] = {"momentum", 0, "[0,1)", "decay of the heavy ball, 0: there is none", .live = true},
    [CLIP_NORM] = {"clip_norm", 1, "(0,inf)", "C: no sample's gradient is longer"},
    [CLIPPING] = {"clipping", FLAT, "flat|per_tensor|automatic",
                  "clip the whole gradient, each tensor's, or bring all to one length"},
    [EPS] = {"eps", 0, "[0,inf)", "added to norms"},
    {0},
};

enum { V, SUM };
static const state_t STATE[] = {
    [V] = {"v", "sum of past steps", LIKE_PARAM, FIRST_MOMENT, .when = "momentum"},
    [SUM] = {"sum", "of the clipped gradients", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct constants {
    double most, eps; /* C of the tile's tensor */
    real lr, momentum, samples, noise;
    int clipping;
} constants_t;

static const char *check(const double *option) {
    return (int)option[CLIPPING] == AUTOMATIC && option[EPS] == 0
               ? "clipping=automatic needs eps > 0: a gradient of 0 has no direction"
               : NULL;
}

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, tensors = ((const samples_t *)group->memory)->tensors;
    *(constants_t *)constants = (constants_t){
        .most = (int)o[CLIPPING] == PER_TENSOR ? o[CLIP_NORM] / sqrt(tensors) : o[CLIP_NORM],
        .eps = o[EPS],
        .lr = (real)o[LR],
        .momentum = (real)o[MOMENTUM],
        .samples = (real)o[SAMPLES],
        .noise = (real)(o[NOISE] * o[CLIP_NORM]),
        .clipping = (int)o[CLIPPING],
    };
}

static void add(const tile_t *t) {
    const constants_t *k = t->constants;
    const double whole = ((const sample_t *)t->arguments)->norm,
                 norm = (k->clipping == PER_TENSOR ? sqrt(t->tensor_sum[0]) : whole) + k->eps;
    samples_add(t, k->clipping == AUTOMATIC ? k->most / norm : samples_clip(norm, k->most), t->state[SUM]);
}

static void move(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const noise_t *z = &((const move_t *)t->arguments)->z;
    real *restrict p = t->p, *restrict v = t->state[V], *restrict sum = t->state[SUM];
    for (size_t i = 0; k.noise > 0 && i < t->n; ++i)
        sum[i] += k.noise * noise_at(z, t, i);
    for (size_t i = 0; v == NULL && i < t->n; ++i)
        p[i] -= k.lr * (sum[i] / k.samples);
    for (size_t i = 0; v != NULL && i < t->n; ++i) {
        v[i] = settled(k.momentum * v[i] + sum[i] / k.samples);
        p[i] -= k.lr * v[i];
    }
}

static optim_status advance(step_t *s) {
    return samples_advance(s, 1);
}

const method_t METHOD(dp_sgd) = {
    .name = "dp_sgd",
    .purpose = "SGD on clipped gradients of single samples, with noise: differentially private",
    .citation = "Abadi et al.: Deep Learning with Differential Privacy, 2016, arXiv:1607.00133; Bu, Wang, Zha, "
                "Karypis: Automatic Clipping: Differentially Private Deep Learning Made Easier and Stronger, 2022, "
                "arXiv:2206.07136",
    .evaluations = "1 gradient; samples=n: n, one of each sample, all at the same parameters",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | ASKS_FOR_ALL | COMPONENT_GRADIENTS,
    .check = check,
    .asks_for_all = samples_ask_for_all,
    .constants = sizeof(constants_t),
    .memory = sizeof(samples_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[MEASURE] = squares, [ADD] = add, [MOVE] = move},
    .arguments = {[ADD] = sizeof(sample_t), [MOVE] = sizeof(move_t)},
};
