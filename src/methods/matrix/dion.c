/*
 * dion: the leading directions of the momentum, orthonormalised; what they leave stays in the momentum.
 *
 * Ahn, Xu, Abreu, Langford, "Dion: Distributed Orthonormalized Updates", 2025, arXiv:2504.05295, algorithm 1. k =
 * min(rank, rows, columns) directions:
 *
 *     1. M <- M + (1 - momentum) G
 *     2. P = the Q factor of M Q (rows by k), its R factor's diagonal not negative;   R = M'P
 *     3. M <- M - (1 - momentum) P R'
 *     4. Q <- R, each column over its length, 0 where that is 0 (columns by k)
 *     5. W <- (1 - lr weight_decay) W - lr sqrt(rows / columns) P Q'
 *
 * The paper's M is this one over 1 - momentum, which changes no step. Q begins as standard normal numbers, from the
 * handle's stream. The QR factorization is taken in double, and M is multiplied by a power of two that leaves no
 * product out of range. Tensors of three or more dimensions are matrices of dimension 0 by the rest; what is no matrix
 * is adamw's. State in f32: M, 4 bytes a parameter, and Q, 4 k for each column.
 */
#include "blocks/dense.h"
#include "blocks/noise.h"
#include "methods/matrix/newton_schulz.h"

enum { LR, WEIGHT_DECAY, MOMENTUM, RANK, AUX_LR, AUX_BETA1, AUX_BETA2, AUX_EPS, AUX_WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.01, "[0,inf)", "step size of matrices"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    [MOMENTUM] = {"momentum", 0.95, "[0,1)", "share of the directions used that stays in the momentum"},
    [RANK] = {"rank", 128, "integer [1,inf)", "directions of a step", .decides_memory = true},
    AUX_ROWS,
    {0},
};

static size_t directions(const tensor_t *tensor, const double *option) {
    const sides_t s = sides_of(tensor);
    return option[RANK] < (double)s.r ? (size_t)option[RANK] : s.r;
}

static int q_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)axis;
    dims[0] = (int64_t)tensor_columns(tensor);
    dims[1] = (int64_t)directions(tensor, option);
    return 2;
}

enum { M, Q };
static const state_t STATE[] = {
    [M] = {"M", "momentum, and what steps left of it", LIKE_PARAM, FIRST_MOMENT},
    [Q] = {"Q", "right directions, a column each", SHAPED, KEPT, .dims = q_dims},
    {0},
};

typedef struct constants {
    double option[RANK + 1], lr;
    real shrink;
    weights_t momentum;
    bool is_first;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    constants_t *k = constants;
    *k = (constants_t){.lr = o[LR],
                       .shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]),
                       .momentum = weights(o[MOMENTUM]),
                       .is_first = group->t == 1};
    memcpy(k->option, o, sizeof k->option);
}

/* The QR factorization's room, with its matrix; P. */
static size_t qr_bytes(size_t rows, size_t k) {
    const size_t room = linear_qr_room(rows, k);
    size_t bytes;
    return size_multiply(rows * k, sizeof(double), &bytes) && size_add(bytes, room, &bytes) ? bytes : SIZE_MAX;
}
static size_t workspace(const tensor_t *tensor, const double *option) {
    const size_t rows = tensor_rows(tensor), k = directions(tensor, option);
    return dense_workspace(tensor, qr_bytes(rows, k), rows * k);
}

/* p (rows by k) <- its Q factor. */
static void orthonormalise(size_t rows, size_t k, real *p, void *room) {
    double *copy = room;
    dense_load(rows * k, p, copy);
    const linear_status_t status = linear_qr(rows, k, copy, NULL, copy + rows * k);
    dense_store(status, rows * k, copy, p);
}

/* Line 4. */
static void normalise_columns(size_t columns, size_t k, real *restrict q) {
    for (size_t j = 0; j < k; ++j) {
        double square = 0;
        for (size_t i = 0; i < columns; ++i)
            square += (double)q[i * k + j] * (double)q[i * k + j];
        const double length = sqrt(square);
        for (size_t i = 0; i < columns; ++i)
            q[i * k + j] = length > 0 ? (real)((double)q[i * k + j] / length) : 0;
    }
}

/* Line 1; returns the power of two that brings the largest entry near 1. */
static double add_gradient(const tile_t *t, real take) {
    real *restrict m = t->state[M];
    const real *restrict g = t->g;
    real largest = 0;
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = settled(m[i] + take * g[i]);
        largest = larger(largest, fabs(m[i]));
    }
    const int most = sizeof(real) == sizeof(float) ? 120 : 1000;
    const int exponent = largest > 0 && !isinf(largest) ? ilogb(largest) : 0;
    return ldexp(1, exponent > most ? -most : exponent < -most ? most : -exponent);
}

static void update(const tile_t *t) {
    const constants_t *c = t->constants;
    const size_t rows = tensor_rows(t->tensor), columns = tensor_columns(t->tensor);
    const size_t k = directions(t->tensor, c->option);
    real *m = t->state[M], *q = t->state[Q], *w = t->p;
    real *p = (real *)t->work + tensor_reals(t->tensor, qr_bytes(rows, k));
    const double unit = add_gradient(t, c->momentum.take);
    for (size_t i = 0; c->is_first && i < columns * k; ++i) /* no more than the tensor has elements */
        q[i] = noise_at(t->arguments, t, i);
    blas_gemm(0, 0, rows, k, columns, unit, m, columns, q, k, 0, p, k);
    orthonormalise(rows, k, p, t->work);
    blas_gemm(1, 0, columns, k, rows, unit, m, columns, p, k, 0, q, k);
    blas_gemm(0, 1, rows, columns, k, -(double)c->momentum.take / unit, p, k, q, k, 1, m, columns);
    normalise_columns(columns, k, q);
    blas_scal(t->n, (double)c->shrink, w);
    blas_gemm(0, 1, rows, columns, k, -c->lr * sqrt((double)rows / (double)columns), p, k, q, k, 1, w, columns);
}

static optim_status advance(step_t *s) {
    const noise_t start = step_is_a_first(s) ? noise_draw(s) : (noise_t){0, 0};
    step_tensors(s, 0, &start);
    return OPTIM_OK;
}

const method_t METHOD(dion) = {
    .name = "dion",
    .purpose = "the leading directions of the momentum, orthonormalised, with error feedback; AdamW for vectors",
    .citation = "Ahn, Xu, Abreu, Langford: Dion: Distributed Orthonormalized Updates, 2025, arXiv:2504.05295",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = WHOLE_TENSORS | NEEDS_LAPACK,
    .constants = sizeof(constants_t),
    .refuses = matrix_refuses,
    .otherwise = {"adamw", "aux_"},
    .workspace = workspace,
    .prepare = prepare,
    .advance = advance,
    .kernels = {update},
    .arguments = {sizeof(noise_t)},
};
