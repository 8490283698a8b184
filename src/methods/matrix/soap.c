/*
 * soap: Adam in the eigenbasis of Shampoo's statistics.
 *
 * Vyas, Morwani, Zhao, Kwun, Shapira, Brandfonbrener, Janson, Kakade, "SOAP: Improving and Stabilizing Shampoo using
 * Adam", 2024, arXiv:2409.11321, algorithm 3.
 *
 * A tensor T has an axis a of length n_a; T x_a A multiplies it by the matrix A along that axis, T_(a) is the n_a by
 * (everything else) unfolding. t counts from 0. The first call, t = 0, moves nothing:
 *
 *     0. L_a <- (1 - beta_s) G_(a) G_(a)';   Q_a = eigenvectors of L_a, by descending eigenvalues
 *
 * and later ones, where "in the basis" means x_a Q_a' for every axis a that has one, "back" x_a Q_a:
 *
 *     1. P = G in the basis
 *     2. m <- beta1 m + (1 - beta1) P,   v <- beta2 v + (1 - beta2) P^2
 *     3. N = m / (sqrt(v) + eps), back;   normalize_grads: N <- N / (1e-30 + rms(N))
 *     4. p <- p - lr sqrt(1 - beta2^t) / (1 - beta1^t) N;   then p <- (1 - lr weight_decay) p
 *     5. L_a <- beta_s L_a + (1 - beta_s) G_(a) G_(a)'
 *     6. t a multiple of precondition_frequency: columns of Q_a, and v along a, in the order of descending
 *        diag(Q_a' L_a Q_a); then Q_a <- the orthogonal factor of L_a Q_a: a step of power iteration.
 *        m is turned back by the old basis and into the new one, v is not
 *
 * m lives in the basis, where a coordinate that sees no gradient keeps an m of exactly 0 (eps would magnify its
 * rounding). It is no first moment for lookahead, since the basis is another one by the time that it is pulled back.
 *
 * State: m, v: 8 bytes per f32 parameter; 16 n_a^2 bytes for every axis that has a basis.
 */
#include <string.h>

#include "blocks/adam_family.h"
#include "blocks/unfolding.h"
#include "blocks/whole.h"
#include "methods/matrix/eigenbasis.h"

enum {
    LR,
    BETA1,
    BETA2,
    SHAMPOO_BETA,
    EPS,
    WEIGHT_DECAY,
    PRECONDITION_FREQUENCY,
    MAX_PRECOND_DIM,
    PRECONDITION_1D,
    NORMALIZE_GRADS,
    BIAS_CORRECTION
};
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(3e-3),
    [BETA1] = BETA1_ROW(0.95),
    [BETA2] = BETA2_ROW(0.95),
    [SHAMPOO_BETA] = {"shampoo_beta", -1, "(-inf,1)", "decay of the statistics; below 0: beta2"},
    [EPS] = EPS_ROW(1e-8),
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0.01),
    [PRECONDITION_FREQUENCY] = {"precondition_frequency", 10, "integer [1,inf)", "steps from one basis to the next"},
    [MAX_PRECOND_DIM] = {"max_precond_dim", 1024, "integer [0,inf)", "longer axes: no basis", .decides_memory = true},
    [PRECONDITION_1D] = {"precondition_1d", 0, "0|1", "vectors have a basis, too", .decides_memory = true},
    [NORMALIZE_GRADS] = {"normalize_grads", 0, "0|1", "divide the step of each tensor by its root mean square"},
    [BIAS_CORRECTION] = BIAS_CORRECTION_ROW(1),
    {0},
};

static bool has_basis(const tensor_t *tensor, const double *option, int axis) {
    return (double)tensor_axis(tensor, axis) <= option[MAX_PRECOND_DIM] &&
           (tensor->ndim > 1 || option[PRECONDITION_1D] != 0);
}

static int square(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    if (!has_basis(tensor, option, axis))
        return -1;
    dims[0] = dims[1] = (int64_t)tensor_axis(tensor, axis);
    return 2;
}

enum { M, V, L, Q };
static const state_t STATE[] = {
    [M] = {"m", "first moment in the eigenbasis", LIKE_PARAM, KEPT},
    [V] = {"v", "second moment in the eigenbasis", LIKE_PARAM, KEPT, .nonnegative = true},
    [L] = {"L", "statistics of an axis", PER_AXIS, KEPT, .type = TYPE_DOUBLE, .dims = square},
    [Q] = {"Q", "eigenvectors of an axis, in columns", PER_AXIS, KEPT, .type = TYPE_DOUBLE, .dims = square},
    {0},
};

typedef struct constants {
    weights_t beta1, beta2;
    double beta_s, step, shrink, eps;
    bool first, new_basis, normalize;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, t = group->t - 1;
    const bool corrected = o[BIAS_CORRECTION] != 0 && t > 0;
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .beta_s = o[SHAMPOO_BETA] < 0 ? o[BETA2] : o[SHAMPOO_BETA],
        .step = corrected ? o[LR] * sqrt(correction(o[BETA2], t)) / correction(o[BETA1], t) : o[LR],
        .shrink = 1 - o[LR] * o[WEIGHT_DECAY],
        .eps = o[EPS],
        .first = t == 0,
        .new_basis = fmod(t, o[PRECONDITION_FREQUENCY]) == 0,
        .normalize = o[NORMALIZE_GRADS] != 0,
    };
}

/* ---- The bases ---- */

/* Workspace: three tensors; of the longest axis with a basis 4 n^2 and twice n numbers, and what LAPACK needs. */
typedef struct room {
    double *x, *y, *z, *square, *spare, *values, *row;
    void *linear;
} room_t;

static size_t workspace(const tensor_t *tensor, const double *option) {
    size_t n = 0;
    for (int a = 0; a < tensor_axes(tensor); ++a)
        if (has_basis(tensor, option, a) && tensor_axis(tensor, a) > n)
            n = tensor_axis(tensor, a);
    const size_t eigen = linear_eigen_room(n), qr = linear_qr_room(n, n);
    return tensor_reals(tensor, (3 * tensor->count + 4 * n * n + 2 * n) * sizeof(double) + (eigen > qr ? eigen : qr));
}

static room_t room_of(const tile_t *t) {
    size_t n = 0;
    for (int a = 0; a < tensor_axes(t->tensor); ++a)
        if (tile_axis(t, Q, a) != NULL && tensor_axis(t->tensor, a) > n)
            n = tensor_axis(t->tensor, a);
    double *x = t->work, *y = x + t->n, *z = y + t->n;
    double *square = z + t->n, *spare = square + n * n, *values = spare + 3 * n * n;
    return (room_t){x, y, z, square, spare, values, values + n, values + 2 * n};
}

/* q <- eigenvectors of l by descending eigenvalues, or the identity if that fails. */
static void begin_basis(size_t n, const double *l, double *q, room_t room) {
    if (eigenbasis(n, l, q, (eigenbasis_room_t){room.square, room.spare, room.values, room.linear}))
        return;
    for (size_t i = 0; i < n; ++i)
        for (size_t k = 0; k < n; ++k)
            q[i * n + k] = i == k;
}

/* rank[k] = the place of value k among the n in descending order, of equal ones as they stand. */
static void rank(size_t n, const double *value, double *rank) {
    for (size_t k = 0; k < n; ++k) {
        rank[k] = 0;
        for (size_t j = 0; j < n; ++j)
            rank[k] += value[j] > value[k] || (j < k && value[j] == value[k]);
    }
}

/* 6. If the factorization fails, basis and v stay as they are. */
static void turn_basis(unfolding_t u, const double *l, double *q, real *v, room_t room) {
    const size_t n = u.n;
    double *ranks = room.row, *values = room.values;
    unfolding_gemm(sizeof(double), false, false, n, n, n, 1, l, q, 0, room.square);
    for (size_t k = 0; k < n; ++k) {
        values[k] = 0;
        for (size_t i = 0; i < n; ++i)
            values[k] += q[i * n + k] * room.square[i * n + k];
    }
    rank(n, values, ranks);
    for (size_t i = 0; i < n; ++i) {
        memcpy(values, room.square + i * n, n * sizeof *values);
        for (size_t k = 0; k < n; ++k)
            room.square[i * n + (size_t)ranks[k]] = values[k];
    }
    if (linear_qr(n, n, room.square, NULL, room.linear) != LINEAR_OK)
        return;
    memcpy(q, room.square, n * n * sizeof *q);
    const size_t slice = n * u.inner;
    for (size_t b = 0; b < u.outer; ++b, v += slice) {
        for (size_t i = 0; i < slice; ++i)
            room.x[i] = (double)v[i];
        for (size_t i = 0; i < slice; ++i)
            v[(size_t)ranks[i / u.inner] * u.inner + i % u.inner] = (real)room.x[i];
    }
}

/* ---- The step of one tensor ---- */

static void load(const tile_t *t, const real *from, double *to) {
    for (size_t i = 0; i < t->n; ++i)
        to[i] = (double)from[i];
}

/* x in the basis, or back from it: in x or y, of which the other one is room. */
static double *turned(const tile_t *t, bool back, double *x, double *y) {
    for (int a = 0; a < tensor_axes(t->tensor); ++a) {
        const double *q = tile_axis(t, Q, a);
        if (q == NULL)
            continue;
        unfolding_multiply(tensor_unfolding(t->tensor, a), sizeof *q, x, q, !back, y);
        double *const swap = x;
        x = y;
        y = swap;
    }
    return x;
}

/* 0, 5 and 6 but for m */
static void bases(const tile_t *t, const constants_t *k, room_t room) {
    for (int a = 0; a < tensor_axes(t->tensor); ++a) {
        double *l = tile_axis(t, L, a), *q = tile_axis(t, Q, a);
        if (l == NULL)
            continue;
        const unfolding_t u = tensor_unfolding(t->tensor, a);
        load(t, t->g, room.x);
        unfolding_correlate(u, sizeof *l, room.x, k->beta_s, 1 - k->beta_s, l);
        if (k->first)
            begin_basis(u.n, l, q, room);
        else if (k->new_basis)
            turn_basis(u, l, q, t->state[V], room);
    }
}

/* 1 to 4 */
static void move(const tile_t *t, const constants_t *k, room_t room) {
    real *p = t->p, *m = t->state[M], *v = t->state[V];
    double squares = 0;
    load(t, t->g, room.x);
    double *x = turned(t, false, room.x, room.y);
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = ema(m[i], (real)x[i], k->beta1);
        v[i] = ema(v[i], (real)(x[i] * x[i]), k->beta2);
        const double root = sqrt((double)v[i]) + k->eps;
        x[i] = root != 0 ? (double)m[i] / root : 0;
    }
    x = turned(t, true, x, x == room.x ? room.y : room.x);
    for (size_t i = 0; i < t->n; ++i)
        squares += x[i] * x[i];
    const double step = k->normalize ? k->step / (1e-30 + sqrt(squares / (double)t->n)) : k->step;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = (real)(k->shrink * ((double)p[i] - step * x[i]));
}

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    const room_t room = room_of(t);
    real *m = t->state[M];
    if (!k->first)
        move(t, k, room);
    load(t, m, room.y);
    double *back = k->new_basis ? turned(t, true, room.y, room.z) : NULL;
    bases(t, k, room);
    if (!k->new_basis)
        return;
    const double *again = turned(t, false, back, back == room.y ? room.z : room.y);
    for (size_t i = 0; i < t->n; ++i)
        m[i] = (real)again[i];
}

const method_t METHOD(soap) = {
    .name = "soap",
    .purpose = "Adam in the eigenbasis of Shampoo's statistics",
    .citation = "Vyas et al.: SOAP: Improving and Stabilizing Shampoo using Adam, 2024, arXiv:2409.11321",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = WHOLE_TENSORS | NEEDS_LAPACK,
    .constants = sizeof(constants_t),
    .refuses = unfolding_refuses,
    .workspace = workspace,
    .prepare = prepare,
    .advance = whole_advance,
    .kernels = {update},
};
