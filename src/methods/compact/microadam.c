/*
 * microadam: Adam over a window of sparse gradients, with 4-bit error feedback.
 *
 * Modoranu, Safaryan, Malinovsky, Kurtic, Robert, Richtarik, Alistarh, "MicroAdam: Accurate Adaptive Optimization with
 * Low Space Overhead and Provable Convergence", 2024, arXiv:2405.15593, algorithms 1 and 2. In every quantization block
 * u = (hi - lo) / 15:
 *
 *     1. a = g + e u + lo
 *     2. I = the k largest |a| of each Top-K block, ties to the lower index;   row (t - 1) mod window of the ring <-
 *        (I, a[I]);   a[I] <- 0
 *     3. lo <- min a,   hi <- max a,   e <- floor((a - lo) / u + 1/2), 0 if u = 0
 *     4. z1 = sum over rows of beta1^age V at I,   z2 = sum over rows of beta2^age V^2 at I
 *     5. m = (1 - beta1) / (1 - beta1^t) z1,   v = (1 - beta2) / (1 - beta2^t) z2
 *     6. p <- (1 - lr weight_decay) p - lr m / (sqrt(v) + eps)
 *
 * k = ceil(density block), of the last Top-K block by its own length; rows are the last min(t, window) ones, the newest
 * of age 0. Line 5 divides by the weights of all t steps, not by those of the window. Places are counted from the
 * beginning of their Top-K block, and have 2 bytes where that has at most 65535 elements, else 4. State in f32: e, half
 * a byte a parameter; the ring, window density (4 + 2 or 4); lo and hi, 8 a quantization block.
 */
#include <string.h>

#include "blocks/adam_family.h"
#include "blocks/select.h"
#include "blocks/whole.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, WINDOW, DENSITY, TOPK_BLOCK, QUANT_BLOCK };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    [WINDOW] = {"window", 10, "integer [1,inf)", "sparse gradients that are kept", .decides_memory = true},
    [DENSITY] = {"density", 0.01, "(0,1]", "share of the elements that each of them has", .decides_memory = true},
    [TOPK_BLOCK] = {"topk_block", 0, "integer [0,inf)", "they are taken among so many elements, 0: of the whole tensor",
                    .decides_memory = true},
    [QUANT_BLOCK] = {"quant_block", 100000, "integer [1,inf)", "elements whose errors share a range",
                     .decides_memory = true},
    {0},
};

/* ---- Sizes ---- */

enum { LEVELS = 15, MOST_SHORT = 65535 };

/* Runs of `length` elements, the last may be shorter; of a Top-K block k are taken, of the last one k_last. */
typedef struct runs {
    size_t length, count, k, k_last;
} runs_t;

static runs_t runs_of(size_t n, double length, double density) {
    const size_t run = length > 0 && length < (double)n ? (size_t)length : n, count = run == 0 ? 0 : (n - 1) / run + 1;
    const size_t last = run == 0 ? 0 : n - (count - 1) * run;
    return (runs_t){run, count, (size_t)ceil(density * (double)run), (size_t)ceil(density * (double)last)};
}
static runs_t topk_of(const tensor_t *tensor, const double *option) {
    return runs_of(tensor->count, option[TOPK_BLOCK], option[DENSITY]);
}
static runs_t quant_of(const tensor_t *tensor, const double *option) {
    return runs_of(tensor->count, option[QUANT_BLOCK], 1);
}

/* Elements of a row of the ring. */
static size_t row_of(runs_t topk) {
    return topk.count == 0 ? 0 : (topk.count - 1) * topk.k + topk.k_last;
}

static int dims_of_ring(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)axis;
    dims[0] = (int64_t)option[WINDOW];
    dims[1] = (int64_t)row_of(topk_of(tensor, option));
    return 2;
}
static int dims_of_short_places(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    return topk_of(tensor, option).length <= MOST_SHORT ? dims_of_ring(tensor, option, axis, dims) : -1;
}
static int dims_of_long_places(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    return topk_of(tensor, option).length > MOST_SHORT ? dims_of_ring(tensor, option, axis, dims) : -1;
}
static int dims_of_codes(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)option, (void)axis;
    dims[0] = (int64_t)(tensor->count / 2 + tensor->count % 2);
    return 1;
}
static int dims_of_ranges(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)axis;
    dims[0] = (int64_t)quant_of(tensor, option).count;
    return 1;
}

enum { VALUES, SHORT_PLACES, LONG_PLACES, CODES, LO, HI };
static const state_t STATE[] = {
    [VALUES] = {"values", "what was sent of the last gradients, a row each", SHAPED, KEPT, .dims = dims_of_ring},
    [SHORT_PLACES] = {"places", "where in its Top-K block each value stands", SHAPED, KEPT, .type = TYPE_U16,
                      .dims = dims_of_short_places},
    [LONG_PLACES] = {"long_places", "the same in blocks of more than 65535 elements", SHAPED, KEPT, .type = TYPE_U32,
                     .dims = dims_of_long_places},
    [CODES] = {"e", "error that waits, two codes a byte", SHAPED, KEPT, .type = TYPE_U8, .dims = dims_of_codes},
    [LO] = {"lo", "least error of a quantization block", SHAPED, KEPT, .dims = dims_of_ranges},
    [HI] = {"hi", "largest error of it", SHAPED, KEPT, .dims = dims_of_ranges},
    {0},
};

/* z1 and z2 of a Top-K block, which the selection's doubles precede; a of all elements. */
static size_t workspace(const tensor_t *tensor, const double *option) {
    const size_t block = topk_of(tensor, option).length, doubles = tensor_reals(tensor, block * sizeof(double));
    return (doubles > 2 * block ? doubles : 2 * block) + tensor->count;
}

typedef struct constants {
    double option[QUANT_BLOCK + 1];
    size_t rows, newest; /* of the ring */
    real beta1, beta2, of_z1, of_z2, lr, eps, shrink;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    constants_t *k = constants;
    *k = (constants_t){
        .rows = (size_t)fmin(group->t, o[WINDOW]),
        .newest = (size_t)fmod(group->t - 1, o[WINDOW]),
        .beta1 = (real)o[BETA1],
        .beta2 = (real)o[BETA2],
        .of_z1 = (real)((1 - o[BETA1]) / correction(o[BETA1], group->t)),
        .of_z2 = (real)((1 - o[BETA2]) / correction(o[BETA2], group->t)),
        .lr = (real)o[LR],
        .eps = (real)o[EPS],
        .shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]),
    };
    memcpy(k->option, o, sizeof k->option);
}

/* ---- Lines 1 and 3: the error ---- */

static real step_of(real lo, real hi) {
    return (hi - lo) / (real)LEVELS;
}

/* Where block b of n elements ends. */
static size_t end_of(runs_t runs, size_t b, size_t n) {
    return b + 1 < runs.count ? (b + 1) * runs.length : n;
}

static void add_error(const tile_t *t, runs_t quant, real *restrict a) {
    const real *restrict g = t->g, *lo = t->state[LO], *hi = t->state[HI];
    const uint8_t *restrict codes = t->state[CODES];
    for (size_t b = 0, i = 0; b < quant.count; ++b) {
        const real least = lo[b], u = step_of(least, hi[b]);
        for (const size_t end = end_of(quant, b, t->n); i < end; ++i)
            a[i] = g[i] + (real)(codes[i / 2] >> (i % 2 * 4) & LEVELS) * u + least;
    }
}

/* NaN, which only a gradient that is not finite leaves, has a code as well. */
static uint8_t code_of(real a, real lo, real u) {
    const real level = floor((a - lo) / u + (real)0.5);
    return (uint8_t)(u > 0 && level > 0 ? smaller(level, LEVELS) : 0);
}

static void keep_error(const tile_t *t, runs_t quant, const real *restrict a) {
    real *lo = t->state[LO], *hi = t->state[HI];
    uint8_t *restrict codes = t->state[CODES];
    memset(codes, 0, t->n / 2 + t->n % 2);
    for (size_t b = 0, first = 0; b < quant.count; ++b, first += quant.length) {
        const size_t end = end_of(quant, b, t->n);
        real least = a[first], most = a[first];
        for (size_t i = first; i < end; ++i) {
            least = smaller(a[i], least);
            most = larger(a[i], most);
        }
        const real u = step_of(least, most);
        for (size_t i = first; i < end; ++i)
            codes[i / 2] |= (uint8_t)(code_of(a[i], least, u) << (i % 2 * 4));
        lo[b] = least;
        hi[b] = most;
    }
}

/* ---- Line 2 ---- */

static void put_place(const tile_t *t, size_t at, size_t place) {
    if (t->state[SHORT_PLACES] != NULL)
        ((uint16_t *)t->state[SHORT_PLACES])[at] = (uint16_t)place;
    else
        ((uint32_t *)t->state[LONG_PLACES])[at] = (uint32_t)place;
}
static size_t place_at(const tile_t *t, size_t at) {
    return t->state[SHORT_PLACES] != NULL ? ((const uint16_t *)t->state[SHORT_PLACES])[at]
                                          : ((const uint32_t *)t->state[LONG_PLACES])[at];
}

/* Moves the k largest of a[0..n) into the ring from `at` on. Should fewer compare (NaN), the others are 0. */
static void take_largest(const tile_t *t, size_t n, size_t k, real *restrict a, size_t at) {
    real *restrict values = t->state[VALUES];
    select_top_t top = select_top(n, a, (double)k, true, t->work);
    const size_t end = at + k;
    for (size_t i = 0; i < n && at < end; ++i)
        if (select_takes(&top, (double)fabs(a[i]))) {
            put_place(t, at, i);
            values[at++] = a[i];
            a[i] = 0;
        }
    for (; at < end; ++at) {
        put_place(t, at, 0);
        values[at] = 0;
    }
}

/* ---- Lines 4 to 6 for one Top-K block: elements first .. first + n - 1, places at .. at + k - 1 of each row ---- */

static void sum_window(const tile_t *t, size_t row, size_t at, size_t k, real *restrict z1, real *restrict z2) {
    const constants_t *c = t->constants;
    const real *values = t->state[VALUES];
    const size_t window = (size_t)c->option[WINDOW];
    real weight1 = 1, weight2 = 1;
    for (size_t age = 0; age < c->rows; ++age) {
        const size_t from = (c->newest + window - age) % window * row + at;
        for (size_t j = from; j < from + k; ++j) {
            const size_t i = place_at(t, j);
            z1[i] += weight1 * values[j];
            z2[i] += weight2 * (values[j] * values[j]);
        }
        weight1 = settled(weight1 * c->beta1);
        weight2 = settled(weight2 * c->beta2);
    }
}

static void move(const tile_t *t, size_t first, size_t n, const real *restrict z1, const real *restrict z2) {
    const constants_t *c = t->constants;
    const real of_z1 = c->of_z1, of_z2 = c->of_z2, lr = c->lr, eps = c->eps, shrink = c->shrink;
    real *restrict p = (real *)t->p + first;
    for (size_t i = 0; i < n; ++i)
        p[i] = shrink * p[i] - lr * quotient(of_z1 * z1[i], sqrt(of_z2 * z2[i]) + eps);
}

static void update(const tile_t *t) {
    const constants_t *c = t->constants;
    const runs_t topk = topk_of(t->tensor, c->option), quant = quant_of(t->tensor, c->option);
    const size_t row = row_of(topk);
    real *z1 = t->work, *z2 = z1 + topk.length, *a = z1 + workspace(t->tensor, c->option) - t->n;
    add_error(t, quant, a);
    for (size_t b = 0, first = 0; b < topk.count; ++b, first += topk.length) {
        const bool is_last = b + 1 == topk.count;
        const size_t n = is_last ? t->n - first : topk.length, k = is_last ? topk.k_last : topk.k, at = b * topk.k;
        take_largest(t, n, k, a + first, c->newest * row + at);
        memset(z1, 0, 2 * topk.length * sizeof(real));
        sum_window(t, row, at, k, z1, z2);
        move(t, first, n, z1, z2);
    }
    keep_error(t, quant, a);
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    return topk_of(tensor, option).length > UINT32_MAX
               ? "places in a Top-K block of more than 2^32 - 1 elements do not fit 4 bytes: set topk_block"
               : NULL;
}

const method_t METHOD(microadam) = {
    .name = "microadam",
    .purpose = "Adam over a window of sparse gradients, with 4-bit error feedback",
    .citation = "Modoranu et al.: MicroAdam: Accurate Adaptive Optimization with Low Space Overhead and Provable "
                "Convergence, 2024, arXiv:2405.15593",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .refuses = refuses,
    .workspace = workspace,
    .prepare = prepare,
    .advance = whole_advance,
    .kernels = {update},
};
