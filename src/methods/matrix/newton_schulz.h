/*
 * What muon and its relatives share: momentum of a matrix, and its orthogonal factor by products of matrices.
 *
 *     B <- B + (1 - momentum) (G - B);   U = (1 - momentum) G + momentum B if nesterov, else B
 *     X = U, transposed if it has more rows than columns;   X <- X / (s |U|_F + e);   ns_steps times:
 *     A = X X',   X <- a X + (b A + c A^2) X;   transposed back
 *
 * Every singular value x of X becomes a x + b x^3 + c x^5. (a, b, c) of each round, the last one again where there are
 * more rounds, and s, which is 1 unless something else is said:
 *
 *     jordan          Jordan et al. 2024: one triple, as steep at 0 as it may be; ends near 1, not at 1
 *     you             You 2025 (in the same project): five triples
 *     polar_express   Amsel, Persson, Musco, Gower, "The Polar Express: Optimal Matrix Sign Methods and Their
 *                     Application to the Muon Algorithm", 2025, arXiv:2505.16932, algorithm 1: eight triples, the best
 *                     for values in [1e-3, 1], all but the last with arguments over 1.01; s = 1.01; converges
 *     classical       15/8, -5/4, 3/8: converges, slowly at first
 *     given           (of muon alone) what three options say
 *
 * e = ns_eps, but 0 where that would be more than a 10^-5 of the norm: small gradients take the same steps as large
 * ones. Or the norm is no less than e, as torch has it. Tensors of three or more dimensions are matrices of dimension 0
 * by the rest. All runs in the precision of the parameters, or with every X, A and b A + c A^2 rounded to bfloat16.
 */
#ifndef METHODS_MATRIX_NEWTON_SCHULZ_H
#define METHODS_MATRIX_NEWTON_SCHULZ_H

#include <string.h>

#include "blocks/averages.h"
#include "kernels/blas.h"

/* ---- Rows of the option tables ---- */

#define MUON_MOMENTUM_ROW                                                                                              \
    { "momentum", 0.95, "[0,1)", "decay of the buffer" }
#define NS_STEPS_ROW                                                                                                   \
    { "ns_steps", 5, "integer [0,100]", "Newton-Schulz iterations" }
#define NS_EPS_ROW                                                                                                     \
    { "ns_eps", 1e-7, "[0,inf)", "matrices: added to norms above 10^5 ns_eps" }
enum { JORDAN, YOU, POLAR_EXPRESS, CLASSICAL, GIVEN };
#define COEFFICIENTS_ROW                                                                                               \
    { "coefficients", JORDAN, "jordan|you|polar_express|classical", "polynomials of the iterations" }
enum { ORIGINAL, MATCH_RMS_ADAMW, NONE };
#define MATRIX_SCALE_ROW                                                                                               \
    { "scale", ORIGINAL, "original|match_rms_adamw|none", "length of a matrix step" }
/* Of adamw, which takes what is no matrix. */
#define AUX_ROWS                                                                                                       \
    [AUX_LR] = {"aux_lr", 3e-4, "[0,inf)", "step size of vectors, which adamw takes"},                                 \
    [AUX_BETA1] = {"aux_beta1", 0.9, "[0,1)", "vectors: decay of the first moment"},                                   \
    [AUX_BETA2] = {"aux_beta2", 0.95, "[0,1)", "vectors: decay of the second moment"},                                 \
    [AUX_EPS] = {"aux_eps", 1e-10, "[0,inf)", "vectors: added to the root"},                                           \
    [AUX_WEIGHT_DECAY] = {"aux_weight_decay", 0, "[0,inf)", "vectors: lambda, decoupled"}

/* ---- Matrices ---- */

static inline bool is_matrix(const tensor_t *tensor) {
    return tensor->ndim >= 2;
}

static inline const char *matrix_is_too_large(const tensor_t *tensor) {
    return is_matrix(tensor) && tensor->count > INT32_MAX
               ? "a matrix of more than 2^31 - 1 elements is too large for BLAS"
               : NULL;
}

/* For method_t.refuses, where another method takes what is no matrix. */
static inline const char *matrix_refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    return is_matrix(tensor) ? matrix_is_too_large(tensor) : "it takes matrices";
}

typedef struct sides {
    size_t rows, columns, r, c; /* r <= c: those of X */
    bool transpose;
} sides_t;

static inline sides_t sides_by(size_t rows, size_t columns) {
    const bool transpose = rows > columns;
    return (sides_t){rows, columns, transpose ? columns : rows, transpose ? rows : columns, transpose};
}
static inline sides_t sides_of(const tensor_t *tensor) {
    return sides_by(tensor_rows(tensor), tensor_columns(tensor));
}
/* Where element (i, j) of the matrix is in X. */
static inline size_t in_x(const sides_t *s, size_t i, size_t j) {
    return s->transpose ? j * s->rows + i : i * s->columns + j;
}

static inline double scale_of(int scale, const sides_t *s) {
    const double rows = (double)s->rows, columns = (double)s->columns;
    switch (scale) {
    case ORIGINAL:
        return sqrt(fmax(1, rows / columns));
    case MATCH_RMS_ADAMW:
        return 0.2 * sqrt(fmax(rows, columns));
    default:
        return 1;
    }
}

/* x <- U, or its transpose; returns |U|_F^2. `ahead`: the weights of B and G in U; NULL: U = B. */
static inline double matrix_momentum(const tile_t *t, const sides_t *s, weights_t mu, const weights_t *ahead,
                                     real *restrict b, real *restrict x) {
    const real *restrict g = t->g;
    double square = 0;
    for (size_t i = 0; i < s->rows; ++i)
        for (size_t j = 0; j < s->columns; ++j) {
            const size_t ij = i * s->columns + j;
            b[ij] = settled(b[ij] + mu.take * (g[ij] - b[ij]));
            const real u = ahead != NULL ? ahead->take * g[ij] + ahead->keep * b[ij] : b[ij];
            square += (double)u * (double)u;
            x[in_x(s, i, j)] = u;
        }
    return square;
}

/* ---- The iteration ---- */

typedef struct polynomial {
    double a, b, c;
} polynomial_t;

typedef struct newton_schulz {
    double eps;
    int steps, coefficients;
    polynomial_t given;
    bool clamps, in_bf16; /* the norm is no less than eps; rounded */
} newton_schulz_t;

/* X (r by c), X' of the same size, A and b A + c A^2 (r by r). */
static inline size_t newton_schulz_workspace(const tensor_t *tensor, const double *option) {
    const sides_t s = sides_of(tensor);
    (void)option;
    return 2 * (tensor->count + s.r * s.r);
}

static inline polynomial_t polynomial_of(newton_schulz_t k, int round) {
    enum { FIVE = 5, EIGHT = 8 };
    static const polynomial_t OF_YOU[FIVE] = {{4.0848, -6.8946, 2.9270},
                                              {3.9505, -6.3029, 2.6377},
                                              {3.7418, -5.5913, 2.3037},
                                              {2.8769, -3.1427, 1.2046},
                                              {2.8366, -3.0525, 1.2012}};
    static const polynomial_t POLAR[EIGHT] = {{8.28721201814563, -23.595886519098837, 17.300387312530933},
                                              {4.107059111542203, -2.9478499167379106, 0.5448431082926601},
                                              {3.9486908534822946, -2.908902115962949, 0.5518191394370137},
                                              {3.3184196573706015, -2.488488024314874, 0.51004894012372},
                                              {2.300652019954817, -1.6689039845747493, 0.4188073119525673},
                                              {1.891301407787398, -1.2679958271945868, 0.37680408948524835},
                                              {1.8750014808534479, -1.2500016453999487, 0.3750001645474248},
                                              {1.875, -1.25, 0.375}};
    const int coefficients = k.coefficients;
    if (coefficients == GIVEN)
        return k.given;
    if (coefficients == JORDAN)
        return (polynomial_t){3.4445, -4.7750, 2.0315};
    if (coefficients == YOU)
        return OF_YOU[round < FIVE ? round : FIVE - 1];
    if (coefficients == CLASSICAL || round >= EIGHT - 1)
        return POLAR[EIGHT - 1];
    const double s = 1.01;
    return (polynomial_t){POLAR[round].a / s, POLAR[round].b / (s * s * s), POLAR[round].c / (s * s * s * s * s)};
}

/* X <- X / (s |X| + ...), n elements; squares that leave the range of a double are taken of X over a power of two. */
static inline void normalise(size_t n, double square, newton_schulz_t k, real *x) {
    double eps = k.eps;
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
    const double norm = (k.coefficients == POLAR_EXPRESS ? 1.01 : 1) * sqrt(square);
    blas_scal(n, 1 / (k.clamps ? fmax(norm, eps) : norm > 1e5 * eps ? norm + eps : norm), x);
}

/* x <- the nearest bfloat16, of two the even one. */
static inline void round_to_bf16(size_t n, real *x) {
    for (size_t i = 0; i < n; ++i) {
        const float value = (float)x[i];
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        bits = isfinite(value) ? (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000 : bits;
        float rounded;
        memcpy(&rounded, &bits, sizeof rounded);
        x[i] = (real)rounded;
    }
}

/* X stands at the beginning of the workspace, `square` is the sum of its squares. Returns where X is in the end. */
static inline real *newton_schulz(newton_schulz_t k, size_t r, size_t c, double square, real *x) {
    real *next = x + r * c, *a = next + r * c, *polynomial = a + r * r;
    normalise(r * c, square, k, x);
    if (k.in_bf16)
        round_to_bf16(r * c, x);
    for (int i = 0; i < k.steps; ++i) {
        const polynomial_t p = polynomial_of(k, i);
        blas_gemm(0, 1, r, r, c, 1, x, c, x, c, 0, a, r);
        if (k.in_bf16)
            round_to_bf16(r * r, a);
        memcpy(polynomial, a, r * r * sizeof *a);
        blas_gemm(0, 0, r, r, r, p.c, a, r, a, r, p.b, polynomial, r);
        if (k.in_bf16)
            round_to_bf16(r * r, polynomial);
        memcpy(next, x, r * c * sizeof *x);
        blas_gemm(0, 0, r, c, r, 1, polynomial, r, x, c, p.a, next, c);
        if (k.in_bf16)
            round_to_bf16(r * c, next);
        real *const swap = x;
        x = next;
        next = swap;
    }
    return x;
}

/* W <- shrink W - step X */
static inline void matrix_move(const tile_t *t, const sides_t *s, real shrink, real step, const real *restrict x) {
    real *restrict p = t->p;
    for (size_t i = 0; i < s->rows; ++i)
        for (size_t j = 0; j < s->columns; ++j)
            p[i * s->columns + j] = shrink * p[i * s->columns + j] - step * x[in_x(s, i, j)];
}

#endif
