/*
 * galore: Adam on gradients that are projected to a few of their singular directions.
 *
 * Zhao, Zhang, Chen, Wang, Anandkumar, Tian, "GaLore: Memory-Efficient LLM Training by Gradient Low-Rank Projection",
 * 2024, arXiv:2403.03507, algorithm 2. G = U diag(s) V' of a matrix, r = min(rank, rows, columns):
 *
 *     1. when (t - 1) mod update_gap = 0: left: A = first r columns of U;  right: B = first r rows of V';  full: both
 *     2. left: L = A'G;   right: L = G B';   full: L = A'G B'
 *     3. m <- beta1 m + (1 - beta1) L,   v <- beta2 v + (1 - beta2) L^2,   N = m / (sqrt(v) + eps)
 *     4. left: D = A N;   right: D = N B;   full: D = A N B
 *     5. p <- p - lr sqrt(1 - beta2^t) / (1 - beta1^t) scale D   (lr alone with bias_correction = 0)
 *     6. p <- (1 - lr weight_decay) p
 *
 * Each vector of a basis has its entry of largest modulus, the first of equal ones, positive: m and v are kept as they
 * are when the basis changes, so that its signs show in the trajectory. What is not a matrix takes L = G, D = N, scale
 * 1. The decomposition is taken in double; of a gradient that is not finite the basis is NaN, and where LAPACK's
 * iteration does not converge the one before stays. State in f32, rank r: 8 bytes for each element of L and 4 r of a
 * side, or of both.
 */
#include <string.h>

#include "blocks/adam_family.h"
#include "blocks/projection.h"
#include "blocks/whole.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, BIAS_CORRECTION, RANK, UPDATE_GAP, SCALE, PROJ_SIDE };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-6),
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled, after the update"},
    [BIAS_CORRECTION] = BIAS_CORRECTION_ROW(1),
    [RANK] = {"rank", 128, "integer [1,inf)", "directions that are kept"},
    [UPDATE_GAP] = {"update_gap", 200, "integer [1,inf)", "steps from one basis to the next"},
    [SCALE] = {"scale", 0.25, "(0,inf)", "factor on steps of matrices"},
    [PROJ_SIDE] = PROJ_SIDE_ROW,
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

typedef struct constants {
    double option[PROJ_SIDE + 1];
    weights_t beta1, beta2;
    real step, eps, shrink;
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
        .eps = (real)o[EPS],
        .shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]),
        .takes_basis = fmod(group->t - 1, o[UPDATE_GAP]) == 0,
    };
    memcpy(k->option, o, sizeof k->option);
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
