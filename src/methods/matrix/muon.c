/*
 * muon: momentum, orthogonalised by Newton-Schulz iterations.
 *
 * Jordan, Jin, Boza, You, Cesista, Newhouse, Bernstein, "Muon: An optimizer for hidden layers in neural networks",
 * 2024.
 *
 *     1. B <- B + (1 - momentum) (G - B)
 *     2. U = (1 - momentum) G + momentum B if nesterov, else B
 *     3. X = U, transposed if it has more rows than columns;  X <- X / (|X|_F + e);  ns_steps times:
 *        A = X X',  X <- a X + (b A + c A^2) X,  (a, b, c) = (3.4445, -4.7750, 2.0315);  transposed back
 *     4. W <- (1 - lr weight_decay) W,  W <- W - lr scale X
 *
 * e = ns_eps, as the authors have it, but 0 where that would be more than a 10^-5 of the norm: small gradients take the
 * same steps as large ones. scale: original sqrt(max(1, r/c)), match_rms_adamw 0.2 sqrt(max(r, c)), none 1. Tensors of
 * three or more dimensions are matrices of dimension 0 by the rest. Vectors and scalars take AdamW with aux_lr, beta1,
 * beta2, eps and the same decay; embeddings and heads belong into a group of their own. The iteration runs in the
 * precision of the parameters (the authors': bfloat16). State: B, 4 bytes a parameter in f32; vectors m, v, 8 bytes.
 */
#include <string.h>

#include "blocks/adam_family.h"
#include "kernels/blas.h"

enum { LR, WEIGHT_DECAY, MOMENTUM, NESTEROV, NS_STEPS, NS_EPS, SCALE, AUX_LR, BETA1, BETA2, EPS, EPS_IN_ROOT };
enum { ORIGINAL, MATCH_RMS_ADAMW, NONE };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.02, "[0,inf)", "step size of matrices"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    [MOMENTUM] = {"momentum", 0.95, "[0,1)", "decay of the buffer"},
    [NESTEROV] = {"nesterov", 1, "0|1", "look ahead along the buffer"},
    [NS_STEPS] = {"ns_steps", 5, "integer [0,100]", "Newton-Schulz iterations"},
    [NS_EPS] = {"ns_eps", 1e-7, "[0,inf)", "matrices: added to norms above 10^5 ns_eps"},
    [SCALE] = {"scale", ORIGINAL, "original|match_rms_adamw|none", "length of a matrix step"},
    [AUX_LR] = {"aux_lr", 3e-4, "[0,inf)", "step size of vectors"},
    [BETA1] = {"beta1", 0.9, "[0,1)", "vectors: decay of the first moment"},
    [BETA2] = {"beta2", 0.95, "[0,1)", "vectors: decay of the second moment"},
    [EPS] = {"eps", 1e-10, "[0,inf)", "vectors: added to the root"},
    [EPS_IN_ROOT] = {"eps_in_root", 0, "0|1", "vectors: add eps inside the root (1) or to the root (0)"},
    {0},
};

static bool is_matrix(const tensor_t *tensor) {
    return tensor->ndim >= 2;
}
static bool matrix_state(const tensor_t *tensor, const double *option) {
    (void)option;
    return is_matrix(tensor);
}
static bool vector_state(const tensor_t *tensor, const double *option) {
    (void)option;
    return !is_matrix(tensor);
}

enum { B, M, V };
static const state_t STATE[] = {
    [B] = {"B", "momentum of a matrix", LIKE_PARAM, FIRST_MOMENT, .exists = matrix_state},
    [M] = {"m", "first moment of a vector", LIKE_PARAM, FIRST_MOMENT, .exists = vector_state},
    [V] = {"v", "second moment of a vector", LIKE_PARAM, KEPT, .exists = vector_state, .nonnegative = true},
    {0},
};

typedef struct constants {
    double lr, ns_eps; /* of a matrix, whose norm and scale are in double */
    weights_t momentum, beta1, beta2;
    real shrink, aux_step, aux_shrink, inverse_root_c2;
    eps_t eps;
    int ns_steps, scale;
    bool nesterov;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, c2 = 1 - pow(o[BETA2], group->t);
    *(constants_t *)constants = (constants_t){
        .lr = o[LR],
        .ns_eps = o[NS_EPS],
        .momentum = weights(o[MOMENTUM]),
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]),
        .aux_step = (real)(o[AUX_LR] / (1 - pow(o[BETA1], group->t))),
        .aux_shrink = (real)(1 - o[AUX_LR] * o[WEIGHT_DECAY]),
        .inverse_root_c2 = (real)(1 / sqrt(c2)),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .ns_steps = (int)o[NS_STEPS],
        .scale = (int)o[SCALE],
        .nesterov = o[NESTEROV] != 0,
    };
}

/* ---- Vectors ---- */

static void adamw(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; m != NULL && i < t->n; ++i) {
        m[i] = ema(m[i], g[i], k.beta1);
        v[i] = settled(k.beta2.keep * v[i] + k.beta2.take * g[i] * g[i]);
        p[i] = k.aux_shrink * p[i] - k.aux_step * quotient(m[i], damped_root(v[i], k.inverse_root_c2, k.eps));
    }
}

/* ---- Matrices ---- */

/* X (r by c, r <= c), X' of the same size, A and b A + c A^2 (r by r). */
static size_t workspace(const tensor_t *tensor, const double *option) {
    const size_t rows = tensor_rows(tensor), columns = tensor_columns(tensor), r = rows < columns ? rows : columns;
    (void)option;
    return 2 * (tensor->count + r * r);
}

/* Lines 1 and 2, with X = U or its transpose; returns the squared norm. */
static double momentum(const tile_t *t, bool transpose, real *x) {
    const constants_t k = *(const constants_t *)t->constants;
    const size_t rows = tensor_rows(t->tensor), columns = tensor_columns(t->tensor);
    const weights_t mu = k.momentum;
    real *restrict b = t->state[B];
    const real *restrict g = t->g;
    double square = 0;
    for (size_t i = 0; i < rows; ++i)
        for (size_t j = 0; j < columns; ++j) {
            const size_t ij = i * columns + j;
            b[ij] = settled(b[ij] + mu.take * (g[ij] - b[ij]));
            const real u = k.nesterov ? mu.take * g[ij] + mu.keep * b[ij] : b[ij];
            square += (double)u * (double)u;
            x[transpose ? j * rows + i : ij] = u;
        }
    return square;
}

/* X <- X / (|X| + ...) for n elements; squares that leave the range of a double are taken of X over a power of two. */
static void normalise(size_t n, double square, double eps, real *x) {
    if (!(square > 0x1p-200 && square < 0x1p200)) {
        real largest = 0;
        for (size_t i = 0; i < n; ++i)
            largest = larger(largest, fabs(x[i]));
        if (!(largest > 0) || isinf(largest))
            return;
        const int exponent = ilogb(largest);
        square = 0;
        for (size_t i = 0; i < n; ++i) {
            x[i] = scalbn(x[i], -exponent);
            square += (double)x[i] * (double)x[i];
        }
        eps = scalbn(eps, -exponent);
    }
    const double norm = sqrt(square);
    blas_scal(n, 1 / (norm > 1e5 * eps ? norm + eps : norm), x);
}

/* Line 3 from the normalised X (r by c); returns where X is in the end. */
static real *newton_schulz(size_t r, size_t c, int iterations, real *x, real *next, real *a, real *polynomial) {
    for (int i = 0; i < iterations; ++i) {
        blas_gemm(0, 1, r, r, c, 1, x, c, x, c, 0, a, r);
        memcpy(polynomial, a, r * r * sizeof *a);
        blas_gemm(0, 0, r, r, r, 2.0315, a, r, a, r, -4.7750, polynomial, r);
        memcpy(next, x, r * c * sizeof *x);
        blas_gemm(0, 0, r, c, r, 1, polynomial, r, x, c, 3.4445, next, c);
        real *const swap = x;
        x = next;
        next = swap;
    }
    return x;
}

static double scale_of(int scale, double rows, double columns) {
    switch (scale) {
    case ORIGINAL:
        return sqrt(fmax(1, rows / columns));
    case MATCH_RMS_ADAMW:
        return 0.2 * sqrt(fmax(rows, columns));
    default:
        return 1;
    }
}

static void orthogonalise(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const size_t rows = tensor_rows(t->tensor), columns = tensor_columns(t->tensor);
    const bool transpose = rows > columns;
    const size_t r = transpose ? columns : rows, c = transpose ? rows : columns;
    real *x = t->work, *next = x + r * c, *a = next + r * c, *p = t->p;
    normalise(r * c, momentum(t, transpose, x), k.ns_eps, x);
    x = newton_schulz(r, c, k.ns_steps, x, next, a, a + r * r);
    const real step = (real)(k.lr * scale_of(k.scale, (double)rows, (double)columns));
    for (size_t i = 0; i < rows; ++i)
        for (size_t j = 0; j < columns; ++j)
            p[i * columns + j] = k.shrink * p[i * columns + j] - step * x[transpose ? j * rows + i : i * columns + j];
}

enum { ADAMW, ORTHOGONALISE };

static optim_status advance(step_t *s) {
    step_tensors(s, ORTHOGONALISE, NULL);
    step_update(s, ADAMW, NULL);
    return OPTIM_OK;
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    return is_matrix(tensor) && tensor->count > INT32_MAX
               ? "a matrix of more than 2^31 - 1 elements is too large for BLAS"
               : NULL;
}

const method_t METHOD(muon) = {
    .name = "muon",
    .purpose = "momentum orthogonalised by Newton-Schulz iterations; AdamW for vectors",
    .citation = "Jordan et al.: Muon: An optimizer for hidden layers in neural networks, 2024",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .refuses = refuses,
    .takes_whole = is_matrix,
    .workspace = workspace,
    .prepare = prepare,
    .advance = advance,
    .kernels = {[ADAMW] = adamw, [ORTHOGONALISE] = orthogonalise},
};
