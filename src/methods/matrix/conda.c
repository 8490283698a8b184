/*
 * conda: Adam in the basis of the momentum's singular vectors, all of them.
 *
 * Wang, Zhou, Dong, Li, Li, Zhou, Lao, Fang, Lin, "Conda: Column-Normalized Adam for Training Large Language Models
 * Faster", 2025, arXiv:2509.24218, algorithm 1, with the sides and `scale` of the authors' code.
 *
 *     of a matrix G:
 *     1. m <- beta1 m + (1 - beta1) G
 *     2. when (t - 1) mod update_gap = 0: m = U diag(s) V';  left: A = U;  right: B = V';  full: both
 *     3. left: down(X) = A'X;   right: X B';   full: A'X B';     v <- beta2 v + (1 - beta2) down(G)^2
 *     4. N = down(m) / (sqrt(v) + eps);   left: D = scale A N;   right: scale N B;   full: scale A N B
 *        what is no matrix: v of G^2, D = m / (sqrt(v) + eps)
 *     5. p <- p - lr sqrt(1 - beta2^t) / (1 - beta1^t) D   (lr alone with bias_correction = 0)
 *     6. p <- (1 - lr weight_decay) p
 *
 * A new basis finds v as it was in the one before. Where m has less than full rank, as it may have at first, the basis
 * of what is left is what LAPACK makes it. State in f32: m and v, 8 bytes a parameter, and 4 n^2 for the shorter side n
 * (std), or 4 n times the other side.
 */
#include <string.h>

#include "blocks/adam_family.h"
#include "blocks/projection.h"
#include "blocks/whole.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, BIAS_CORRECTION, UPDATE_GAP, SCALE, PROJ_SIDE };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled, after the update"},
    [BIAS_CORRECTION] = BIAS_CORRECTION_ROW(1),
    [UPDATE_GAP] = {"update_gap", 2000, "integer [1,inf)", "steps from one basis to the next"},
    [SCALE] = {"scale", 1, "(0,inf)", "factor on steps of matrices"},
    [PROJ_SIDE] = PROJ_SIDE_ROW,
    {0},
};

/* ---- Sizes ---- */

static projection_t projection_of(const tensor_t *tensor, const double *option) {
    const projection_t p = projection_sides(tensor, (int)option[PROJ_SIDE]);
    return projection_rank(p, projection_most(p));
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
    [M] = M_ROW,
    [V] = {"v", "second moment in the basis", SHAPED, KEPT, .dims = low_dims, .nonnegative = true},
    [A] = {"A", "left basis, a column each", SHAPED, KEPT, .dims = left_dims},
    [B] = {"B", "right basis, a row each", SHAPED, KEPT, .dims = right_dims},
    {0},
};

typedef struct constants {
    double side[PROJ_SIDE + 1]; /* options as projection_of reads them */
    weights_t beta1, beta2;
    real step, scale, eps, shrink;
    bool takes_basis;
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
        .scale = (real)o[SCALE],
        .eps = (real)o[EPS],
        .shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]),
        .takes_basis = fmod(group->t - 1, o[UPDATE_GAP]) == 0,
    };
    memcpy(k->side, o, sizeof k->side);
}

/* ---- The step of one tensor ---- */

/* down(G), down(m), D and what is between, each no larger than the parameter. */
static size_t workspace(const tensor_t *tensor, const double *option) {
    if (!is_matrix(tensor))
        return tensor->count;
    return dense_workspace(tensor, projection_svd_bytes(projection_of(tensor, option)), 4 * tensor->count);
}

/* Line 3 of n elements, and N of line 4 in the place of down(m). */
static void normalize(const tile_t *t, size_t n, const real *restrict g, real *restrict m) {
    const constants_t *k = t->constants;
    real *restrict v = t->state[V];
    for (size_t i = 0; i < n; ++i) {
        v[i] = ema(v[i], g[i] * g[i], k->beta2);
        m[i] = quotient(m[i], sqrt(v[i]) + k->eps);
    }
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
    real *restrict m = t->state[M];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        m[i] = ema(m[i], g[i], k->beta1);
    if (!is_matrix(t->tensor)) {
        memcpy(t->work, m, t->n * sizeof(real));
        normalize(t, t->n, g, t->work);
        move(t, t->work, 1);
        return;
    }
    const projection_t p = projection_of(t->tensor, k->side);
    real *a = t->state[A], *b = t->state[B];
    real *of_g = (real *)t->work + tensor_reals(t->tensor, projection_svd_bytes(p)), *of_m = of_g + t->n,
         *between = of_m + t->n, *out = between + t->n;
    if (k->takes_basis)
        projection_svd(p, m, a, b, t->work);
    projection_down(p, a, b, g, between, of_g);
    projection_down(p, a, b, m, between, of_m);
    normalize(t, p.low_rows * p.low_columns, of_g, of_m);
    projection_up(p, a, b, of_m, between, out);
    move(t, out, k->scale);
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    return projection_refuses(tensor);
}

const method_t METHOD(conda) = {
    .name = "conda",
    .purpose = "Adam in the basis of the momentum's singular vectors",
    .citation = "Wang et al.: Conda: Column-Normalized Adam for Training Large Language Models Faster, 2025, "
                "arXiv:2509.24218",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = WHOLE_TENSORS | NEEDS_LAPACK,
    .constants = sizeof(constants_t),
    .refuses = refuses,
    .workspace = workspace,
    .prepare = prepare,
    .advance = whole_advance,
    .kernels = {update},
};
