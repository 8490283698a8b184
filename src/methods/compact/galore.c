/*
 * galore: Adam on gradients that are projected to a few of their singular directions.
 * fira: the same, and what the projection leaves out moves along, scaled as Adam scales what it keeps.
 *
 * Zhao, Zhang, Chen, Wang, Anandkumar, Tian, "GaLore: Memory-Efficient LLM Training by Gradient Low-Rank Projection",
 * 2024, arXiv:2403.03507, algorithm 2; Chen, Feng, Li, Lai, Yue, Yuan, Wang, "Fira: Can We Achieve Full-rank Training
 * of LLMs Under Low-rank Constraint?", 2024, arXiv:2410.01623, algorithm 1, with `scale` as in the authors' code. G = U
 * diag(s) V' of a matrix, r = min(rank, rows, columns):
 *
 *     1. when (t - 1) mod update_gap = 0: left: A = first r columns of U;  right: B = first r rows of V';  full: both
 *     2. left: L = A'G;   right: L = G B';   full: L = A'G B'
 *     3. m <- beta1 m + (1 - beta1) L,   v <- beta2 v + (1 - beta2) L^2,   N = m / (sqrt(v) + eps)
 *     4. left: D = A N;   right: D = N B;   full: D = A N B
 *     5. p <- p - lr sqrt(1 - beta2^t) / (1 - beta1^t) scale D   (lr alone with bias_correction = 0)
 *     6. p <- (1 - lr weight_decay) p
 *     fira, before line 5, with scale D in the place of D from here on:
 *     7. phi_j = |N_j| / (|L_j| + norm_eps) of columns (left), of rows (right), or of all at once (full)
 *        S = phi_j (G - scale up(L)), up(L) as D of N
 *     8. t > 1: S <- S / (max(|S| / (s + 1e-8), growth) / growth);   s <- |S|;   D <- scale D + S
 *
 * Each vector of a basis has its entry of largest modulus, the first of equal ones, positive: m and v are kept as they
 * are when the basis changes, so that its signs show in the trajectory. What is not a matrix takes L = G, D = N, scale
 * 1. The decomposition is taken in double; of a gradient that is not finite the basis is NaN, and where LAPACK's
 * iteration does not converge the one before stays. State in f32, rank r: 8 bytes for each element of L and 4 r of a
 * side, or of both; of fira s, a number for a matrix.
 */
#include <string.h>

#include "blocks/adam_family.h"
#include "blocks/projection.h"
#include "blocks/sums.h"
#include "blocks/whole.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, BIAS_CORRECTION, RANK, UPDATE_GAP, SCALE, PROJ_SIDE, GROWTH, NORM_EPS };
#define COMMON_ROWS                                                                                                    \
    [LR] = LR_ROW(1e-3), [BETA1] = BETA1_ROW(0.9), [BETA2] = BETA2_ROW(0.999), [EPS] = EPS_ROW(1e-6),                  \
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled, after the update"},                            \
    [BIAS_CORRECTION] = BIAS_CORRECTION_ROW(1), [RANK] = {"rank", 128, "integer [1,inf)", "directions that are kept"}, \
    [UPDATE_GAP] = {"update_gap", 200, "integer [1,inf)", "steps from one basis to the next"},                         \
    [PROJ_SIDE] = PROJ_SIDE_ROW
static const option_t GALORE_OPTIONS[] = {
    [SCALE] = {"scale", 0.25, "(0,inf)", "factor on steps of matrices"},
    COMMON_ROWS,
    {0},
};
static const option_t FIRA_OPTIONS[] = {
    COMMON_ROWS,
    [SCALE] = {"scale", 1, "(0,inf)", "factor on what comes back from the projection"},
    [GROWTH] = {"growth", 1.01, "(0,inf)", "most by which the rest's step grows from one to the next"},
    [NORM_EPS] = {"norm_eps", 1e-8, "[0,inf)", "added to the projected gradient's norms"},
    {0},
};

/* ---- Sizes ---- */

static projection_t projection_of(const tensor_t *tensor, const double *option) {
    const projection_t p = projection_sides(tensor, (int)option[PROJ_SIDE]);
    const size_t most = projection_most(p);
    return projection_rank(p, option[RANK] < (double)most ? (size_t)option[RANK] : most);
}

static int low_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)axis;
    if (is_matrix(tensor))
        return projection_low_dims(projection_of(tensor, option), dims);
    for (int i = 0; i < tensor->ndim; ++i)
        dims[i] = tensor->dims[i];
    return tensor->ndim;
}

static int left_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)axis;
    return is_matrix(tensor) ? projection_left_dims(projection_of(tensor, option), dims) : -1;
}
static int right_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)axis;
    return is_matrix(tensor) ? projection_right_dims(projection_of(tensor, option), dims) : -1;
}

enum { M, V, A, B };
static const state_t STATE[] = {
    [M] = {"m", "first moment of the projected gradient", SHAPED, KEPT, .dims = low_dims},
    [V] = {"v", "second moment of it", SHAPED, KEPT, .dims = low_dims, .nonnegative = true},
    [A] = {"A", "left basis, a column each", SHAPED, KEPT, .dims = left_dims},
    [B] = {"B", "right basis, a row each", SHAPED, KEPT, .dims = right_dims},
    {0},
};

typedef struct tensor_memory {
    double s;
} tensor_memory_t;
static const field_t FIRA_FIELDS[] = {
    {"s", "norm of the rest's last step over its rate", FIELD(OF_TENSOR, tensor_memory_t, s)},
    {0},
};

typedef struct constants {
    double option[PROJ_SIDE + 1];
    weights_t beta1, beta2;
    real step, eps, shrink;
    bool takes_basis;
    double growth, norm_eps; /* of fira, as the next */
    bool first;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    const bool corrects = o[BIAS_CORRECTION] != 0;
    const double c1 = corrects ? correction(o[BETA1], group->t) : 1, c2 = corrects ? correction(o[BETA2], group->t) : 1;
    constants_t *k = constants;
    *k = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .step = (real)(o[LR] * sqrt(c2) / c1),
        .eps = (real)o[EPS],
        .shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]),
        .takes_basis = fmod(group->t - 1, o[UPDATE_GAP]) == 0,
    };
    memcpy(k->option, o, sizeof k->option);
}
static void prepare_fira(const group_t *group, void *constants) {
    constants_t *k = constants;
    prepare(group, k);
    k->growth = group->option[GROWTH];
    k->norm_eps = group->option[NORM_EPS];
    k->first = group->t == 1;
}

/* Line 3: `low` holds L, and then N. */
static void adam(const tile_t *t, size_t n, real *restrict low) {
    const constants_t *k = t->constants;
    real *restrict m = t->state[M], *restrict v = t->state[V];
    for (size_t i = 0; i < n; ++i) {
        m[i] = ema(m[i], low[i], k->beta1);
        v[i] = ema(v[i], low[i] * low[i], k->beta2);
        low[i] = quotient(m[i], sqrt(v[i]) + k->eps);
    }
}

/* ---- The step of one tensor ---- */

/* L, D, and what is between, each no larger than the parameter. */
static size_t workspace(const tensor_t *tensor, const double *option) {
    if (!is_matrix(tensor))
        return tensor->count;
    return dense_workspace(tensor, projection_svd_bytes(projection_of(tensor, option)), 3 * tensor->count);
}

/* Lines 5 and 6. */
static void move(const tile_t *t, const real *restrict direction, real scale) {
    const constants_t *k = t->constants;
    const real step = k->step * scale, shrink = k->shrink;
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = shrink * (p[i] - step * direction[i]);
}

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    if (!is_matrix(t->tensor)) {
        memcpy(t->work, t->g, t->n * sizeof(real));
        adam(t, t->n, t->work);
        move(t, t->work, 1);
        return;
    }
    const projection_t p = projection_of(t->tensor, k->option);
    real *a = t->state[A], *b = t->state[B];
    real *low = (real *)t->work + tensor_reals(t->tensor, projection_svd_bytes(p)), *between = low + t->n,
         *out = between + t->n;
    if (k->takes_basis)
        projection_svd(p, t->g, a, b, t->work);
    projection_down(p, a, b, t->g, between, low);
    adam(t, p.low_rows * p.low_columns, low);
    projection_up(p, a, b, low, between, out);
    move(t, out, (real)k->option[SCALE]);
}

/* ---- fira ---- */

/* As galore's, and the rest, and two norms of each column or row of L. */
static size_t fira_workspace(const tensor_t *tensor, const double *option) {
    if (!is_matrix(tensor))
        return tensor->count;
    const projection_t p = projection_of(tensor, option);
    size_t bytes, norms;
    const bool fits = size_multiply(p.rows + p.columns, 2 * sizeof(double), &norms) &&
                      size_add(projection_svd_bytes(p), norms, &bytes);
    return dense_workspace(tensor, fits ? bytes : SIZE_MAX, 4 * tensor->count);
}

/* Which of the norms of L belongs to its element at that row and column, or to one of G there. */
static size_t which(projection_t p, size_t row, size_t column) {
    return !p.left ? row : !p.right ? column : 0;
}

static void norms(projection_t p, const real *low, double *norm) {
    const size_t count = !p.left ? p.low_rows : !p.right ? p.low_columns : 1;
    for (size_t i = 0; i < count; ++i)
        norm[i] = 0;
    for (size_t i = 0; i < p.low_rows; ++i)
        for (size_t j = 0; j < p.low_columns; ++j) {
            const double x = (double)low[i * p.low_columns + j];
            norm[which(p, i, j)] += x * x;
        }
    for (size_t i = 0; i < count; ++i)
        norm[i] = sqrt(norm[i]);
}

/* Line 7: what was up(L) becomes S. */
static void scale_rest(const tile_t *t, projection_t p, const double *of_low, const double *of_n, real *restrict rest) {
    const constants_t *k = t->constants;
    const real *restrict g = t->g;
    for (size_t i = 0; i < p.rows; ++i)
        for (size_t j = 0; j < p.columns; ++j) {
            const size_t at = i * p.columns + j, w = which(p, i, j);
            const double divisor = of_low[w] + k->norm_eps, left = (double)g[at] - k->option[SCALE] * (double)rest[at];
            rest[at] = (real)(divisor > 0 ? of_n[w] * (left / divisor) : 0);
        }
}

/* Line 8: the factor on S. */
static double limit(const tile_t *t, const real *rest) {
    const constants_t *k = t->constants;
    tensor_memory_t *m = t->memory;
    const double norm = sqrt(sum_squares(t->n, rest)), most = k->growth * (m->s + 1e-8);
    const double factor = k->first || !(norm > most) ? 1 : most / norm;
    m->s = factor * norm;
    return factor;
}

static void update_fira(const tile_t *t) {
    const constants_t *k = t->constants;
    if (!is_matrix(t->tensor)) {
        update(t);
        return;
    }
    const projection_t p = projection_of(t->tensor, k->option);
    const size_t svd = projection_svd_bytes(p), sides = p.rows + p.columns;
    double *of_low = (double *)t->work + svd / sizeof(double) + (svd % sizeof(double) != 0), *of_n = of_low + sides;
    real *a = t->state[A], *b = t->state[B], *low = (real *)(of_n + sides), *between = low + t->n,
         *out = between + t->n, *rest = out + t->n;
    if (k->takes_basis)
        projection_svd(p, t->g, a, b, t->work);
    projection_down(p, a, b, t->g, between, low);
    projection_up(p, a, b, low, between, rest);
    norms(p, low, of_low);
    adam(t, p.low_rows * p.low_columns, low);
    norms(p, low, of_n);
    scale_rest(t, p, of_low, of_n, rest);
    projection_up(p, a, b, low, between, out);
    const real factor = (real)limit(t, rest), scale = (real)k->option[SCALE];
    for (size_t i = 0; i < t->n; ++i)
        out[i] = scale * out[i] + factor * rest[i];
    move(t, out, 1);
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    return projection_refuses(tensor);
}

const method_t METHOD(galore) = {
    .name = "galore",
    .purpose = "Adam on gradients projected to a few of their singular directions",
    .citation = "Zhao et al.: GaLore: Memory-Efficient LLM Training by Gradient Low-Rank Projection, 2024, "
                "arXiv:2403.03507",
    .evaluations = "1 gradient",
    .options = GALORE_OPTIONS,
    .states = STATE,
    .flags = WHOLE_TENSORS | NEEDS_LAPACK,
    .constants = sizeof(constants_t),
    .refuses = refuses,
    .workspace = workspace,
    .prepare = prepare,
    .advance = whole_advance,
    .kernels = {update},
};

const method_t METHOD(fira) = {
    .name = "fira",
    .purpose = "galore that also moves along what the projection leaves out",
    .citation = "Chen et al.: Fira: Can We Achieve Full-rank Training of LLMs Under Low-rank Constraint?, 2024, "
                "arXiv:2410.01623",
    .evaluations = "1 gradient",
    .options = FIRA_OPTIONS,
    .states = STATE,
    .fields = FIRA_FIELDS,
    .flags = WHOLE_TENSORS | NEEDS_LAPACK,
    .tensor_memory = sizeof(tensor_memory_t),
    .constants = sizeof(constants_t),
    .refuses = refuses,
    .workspace = fira_workspace,
    .prepare = prepare_fira,
    .advance = whole_advance,
    .kernels = {update_fira},
};
