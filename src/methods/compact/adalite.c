/*
 * adalite: moments of a matrix kept by row and column, gradients as long as the parameter.
 *
 * The authors' code, supertrainer2000 (euclaise, 2024), in its last form, and as pytorch_optimizer has it; no paper.
 *
 *     1. h = max(|p| / max(|g|, g_norm_min), ratio_min) g, norms of the tensor; h = g of a single number
 *     2. M <- beta1 M + (1 - beta1) h;   V <- beta2 V + (1 - beta2) (h - M)^2
 *     3. of a matrix, dimension 0 by the rest: M <- M + (1 - i j') (h - M),  i, j = softmax of V's row and column means
 *     4. p <- (1 - lr weight_decay) p - lr (beta1 M + (1 - beta1) h) / sqrt(V / (1 - beta2^t) + eps)
 *
 * Of a matrix M and V are made from what is kept of them, in line 2, and that is made from them behind line 3:
 *
 *     5. V = a b' / max(sum of a, eps2);   a <- row sums of V,  b <- column sums of V / max(sum of V, eps2)
 *     6. M = s c r';   c <- M j,  r <- M' i,  i, j as in line 3 of means / tau;   s = c' M r / max(|c|^2 |r|^2, eps2)
 *
 * V of line 5 is divided by its sum twice, as in the code. State: a and c, 8 bytes a row in f32, b and r, 8 a column,
 * s; of what is no matrix m and v, 8 a parameter.
 */
#include "blocks/averages.h"
#include "blocks/sums.h"
#include "blocks/whole.h"
#include "kernels/elementary.h"

enum { LR, BETA1, BETA2, EPS, EPS2, G_NORM_MIN, RATIO_MIN, TAU, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "[0,inf)", "step size"},
    [BETA1] = {"beta1", 0.9, "[0,1)", "decay of the first moment"},
    [BETA2] = {"beta2", 0.999, "[0,1)", "decay of the second moment"},
    [EPS] = {"eps", 1e-6, "[0,inf)", "added to the second moment inside the root"},
    [EPS2] = {"eps2", 1e-10, "(0,inf)", "least divisor where moments are taken apart and put together"},
    [G_NORM_MIN] = {"g_norm_min", 1e-10, "(0,inf)", "least norm of a gradient"},
    [RATIO_MIN] = {"ratio_min", 1e-4, "[0,inf)", "least factor on a gradient"},
    [TAU] = {"tau", 1, "(0,inf)", "temperature of the rows' and columns' weights"},
    [WEIGHT_DECAY] = {"weight_decay", 1e-2, "[0,inf)", "lambda, decoupled"},
    {0},
};

static bool is_matrix(const tensor_t *tensor) {
    return tensor->ndim > 1;
}
static bool is_no_matrix(const tensor_t *tensor, const double *option) {
    (void)option;
    return !is_matrix(tensor);
}
static int rows(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)option, (void)axis;
    dims[0] = (int64_t)tensor_rows(tensor);
    return is_matrix(tensor) ? 1 : -1;
}
static int columns(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)option, (void)axis;
    dims[0] = (int64_t)tensor_columns(tensor);
    return is_matrix(tensor) ? 1 : -1;
}

enum { M, V, A, B, C, R };
static const state_t STATE[] = {
    [M] = {"m", "first moment", LIKE_PARAM, KEPT, .exists = is_no_matrix},
    [V] = {"v", "second moment", LIKE_PARAM, KEPT, .exists = is_no_matrix, .nonnegative = true},
    [A] = {"a", "row sums of the second moment", SHAPED, KEPT, .dims = rows, .nonnegative = true},
    [B] = {"b", "column sums of it over their sum", SHAPED, KEPT, .dims = columns, .nonnegative = true},
    [C] = {"c", "weighted row sums of the first moment", SHAPED, KEPT, .dims = rows},
    [R] = {"r", "weighted column sums of it", SHAPED, KEPT, .dims = columns},
    {0},
};

typedef struct tensor_memory {
    double s;
} tensor_memory_t;
static const field_t FIELDS[] = {
    {"s", "factor on the product of c and r", FIELD(OF_TENSOR, tensor_memory_t, s)},
    {0},
};

typedef struct constants {
    double lr, beta1, beta2, c2, eps, eps2, g_norm_min, ratio_min, tau;
    weights_t of_m, of_v;
    real shrink;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .lr = o[LR],
        .beta1 = o[BETA1],
        .beta2 = o[BETA2],
        .c2 = correction(o[BETA2], group->t),
        .eps = o[EPS],
        .eps2 = o[EPS2],
        .g_norm_min = o[G_NORM_MIN],
        .ratio_min = o[RATIO_MIN],
        .tau = o[TAU],
        .of_m = weights(o[BETA1]),
        .of_v = weights(o[BETA2]),
        .shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]),
    };
}

/* Line 1: the factor on g. */
static double trust(const tile_t *t, const constants_t *k) {
    if (t->n < 2 && !is_matrix(t->tensor))
        return 1;
    const double of_p = sqrt(sum_squares(t->n, t->p)), of_g = sqrt(sum_squares(t->n, t->g));
    return fmax(of_p / fmax(of_g, k->g_norm_min), k->ratio_min);
}

/* Line 4, of one element. */
static inline real moved(const constants_t *k, real p, double m, double v, double h) {
    const double u = k->beta1 * m + (1 - k->beta1) * h, root = sqrt(v / k->c2 + k->eps);
    return k->shrink * p - (real)(root > 0 ? k->lr * (u / root) : 0);
}

static void update_vector(const tile_t *t, const constants_t *k, double factor) {
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real h = (real)(factor * (double)g[i]);
        m[i] = ema(m[i], h, k->of_m);
        v[i] = ema(v[i], (h - m[i]) * (h - m[i]), k->of_v);
        p[i] = moved(k, p[i], (double)m[i], (double)v[i], (double)h);
    }
}

/* ---- Matrices: M and V in full, and of each row and column a sum, a weight i or j, and one with tau ---- */

typedef struct work {
    size_t rows, columns;
    double *m, *v, *row, *of_row, *column, *of_column;
} work_t;

static size_t workspace(const tensor_t *tensor, const double *option) {
    (void)option;
    const size_t sides = is_matrix(tensor) ? 2 * (tensor_rows(tensor) + tensor_columns(tensor)) : 0;
    return is_matrix(tensor) ? tensor_reals(tensor, (2 * tensor->count + sides) * sizeof(double)) : 0;
}
static work_t work_of(const tile_t *t) {
    work_t w = {.rows = tensor_rows(t->tensor), .columns = tensor_columns(t->tensor), .m = t->work};
    w.v = w.m + t->n;
    w.row = w.v + t->n;
    w.of_row = w.row + w.rows;
    w.column = w.of_row + w.rows;
    w.of_column = w.column + w.columns;
    return w;
}

/* weight <- softmax of sum / divisor */
static void softmax(size_t n, const double *sum, double divisor, double *weight) {
    double most = sum[0], all = 0;
    for (size_t i = 1; i < n; ++i)
        most = fmax(most, sum[i]);
    for (size_t i = 0; i < n; ++i)
        all += weight[i] = elementary_exp(fmax((sum[i] - most) / divisor, -700));
    for (size_t i = 0; i < n; ++i)
        weight[i] /= all;
}

/* Both weights, of means over tau. */
static void importance(const work_t *w, double tau) {
    softmax(w->rows, w->row, tau * (double)w->columns, w->of_row);
    softmax(w->columns, w->column, tau * (double)w->rows, w->of_column);
}

/* Line 2, from what lines 5 and 6 kept; V's sums by row and column. */
static void follow(const tile_t *t, const constants_t *k, double factor, const work_t *w) {
    const real *restrict g = t->g, *a = t->state[A], *b = t->state[B], *c = t->state[C], *r = t->state[R];
    const double s = ((const tensor_memory_t *)t->memory)->s, divisor = fmax(sum_elements(w->rows, a), k->eps2);
    for (size_t i = 0; i < w->rows; ++i)
        w->row[i] = 0;
    for (size_t j = 0; j < w->columns; ++j)
        w->column[j] = 0;
    for (size_t i = 0; i < w->rows; ++i)
        for (size_t j = 0, at = i * w->columns; j < w->columns; ++j, ++at) {
            const double h = factor * (double)g[at];
            w->m[at] = k->beta1 * (s * (double)c[i] * (double)r[j]) + (1 - k->beta1) * h;
            const double off = h - w->m[at];
            w->v[at] = k->beta2 * ((double)a[i] * (double)b[j] / divisor) + (1 - k->beta2) * off * off;
            w->row[i] += w->v[at];
            w->column[j] += w->v[at];
        }
}

/* Lines 3 and 4. */
static void move(const tile_t *t, const constants_t *k, double factor, const work_t *w) {
    const real *restrict g = t->g;
    real *restrict p = t->p;
    importance(w, 1);
    for (size_t i = 0; i < w->rows; ++i)
        for (size_t j = 0, at = i * w->columns; j < w->columns; ++j, ++at) {
            const double h = factor * (double)g[at];
            w->m[at] += (1 - w->of_row[i] * w->of_column[j]) * (h - w->m[at]);
            p[at] = moved(k, p[at], w->m[at], w->v[at], h);
        }
}

/* Line 5. */
static void keep_second(const tile_t *t, const constants_t *k, const work_t *w) {
    real *a = t->state[A], *b = t->state[B];
    const double divisor = fmax(sum_doubles(w->rows, w->row), k->eps2);
    for (size_t i = 0; i < w->rows; ++i)
        a[i] = settled((real)w->row[i]);
    for (size_t j = 0; j < w->columns; ++j)
        b[j] = settled((real)(w->column[j] / divisor));
}

/* Line 6; the sums of V are no longer needed, c and r are made in their place. */
static void keep_first(const tile_t *t, const constants_t *k, const work_t *w) {
    real *c = t->state[C], *r = t->state[R];
    double product = 0, of_c = 0, of_r = 0;
    importance(w, k->tau);
    for (size_t j = 0; j < w->columns; ++j)
        w->column[j] = 0;
    for (size_t i = 0; i < w->rows; ++i) {
        const double *m = w->m + i * w->columns;
        double sum = 0;
        for (size_t j = 0; j < w->columns; ++j) {
            sum += m[j] * w->of_column[j];
            w->column[j] += m[j] * w->of_row[i];
        }
        w->row[i] = sum;
    }
    for (size_t i = 0; i < w->rows; ++i) {
        double sum = 0;
        for (size_t j = 0; j < w->columns; ++j)
            sum += w->m[i * w->columns + j] * w->column[j];
        product += w->row[i] * sum;
        of_c += w->row[i] * w->row[i];
        c[i] = settled((real)w->row[i]);
    }
    for (size_t j = 0; j < w->columns; ++j) {
        of_r += w->column[j] * w->column[j];
        r[j] = settled((real)w->column[j]);
    }
    ((tensor_memory_t *)t->memory)->s = product / fmax(of_c * of_r, k->eps2);
}

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    const double factor = trust(t, k);
    if (!is_matrix(t->tensor)) {
        update_vector(t, k, factor);
        return;
    }
    const work_t w = work_of(t);
    follow(t, k, factor, &w);
    move(t, k, factor, &w);
    keep_second(t, k, &w);
    keep_first(t, k, &w);
}

const method_t METHOD(adalite) = {
    .name = "adalite",
    .purpose = "moments of a matrix kept by row and column, gradients as long as the parameter",
    .citation = "euclaise: supertrainer2000, 2024, github.com/euclaise/supertrainer2000",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .flags = WHOLE_TENSORS,
    .tensor_memory = sizeof(tensor_memory_t),
    .constants = sizeof(constants_t),
    .workspace = workspace,
    .prepare = prepare,
    .advance = whole_advance,
    .kernels = {update},
};
