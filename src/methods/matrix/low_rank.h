/*
 * What psgd_lra computes without a look at the parameters; the lines are those of psgd_lra.c. Q = (I + U V') diag(c),
 * and every vector of lines 2 to 7 is a combination of Z = [U V x z], n = 2 rank + 2 columns: it is kept as n
 * coefficients, and its inner products follow from Z'Z. The cost is that of n by n matrices, whatever the number of
 * parameters.
 */
#ifndef METHODS_MATRIX_LOW_RANK_H
#define METHODS_MATRIX_LOW_RANK_H

#include <string.h>

#include "blocks/double_vector.h"
#include "blocks/unfolding.h"
#include "linear/elimination.h"

typedef struct low_rank {
    double *gram;            /* Z'Z, n by n, as is what follows: */
    double *balance, *turn;  /* what line 2, and what lines 2 to 5 multiply Z by */
    double *spare;           /* room of products */
    double *q, *w;           /* Qh and Q^-T v as combinations of Z: n, as is what follows */
    double *gram_q, *gram_w; /* Z'q, Z'w */
    double *of_u;            /* the direction of line 7 */
    double *solved;          /* room of K: rank^2 + rank */
} low_rank_t;

/* out <- A x, A n by n */
static inline void low_rank_multiply(size_t n, const double *a, const double *x, double *out) {
    for (size_t i = 0; i < n; ++i)
        out[i] = inner_product(n, a + i * n, x);
}

/* b <- K^-1 b, or K^-T b; K = I + V'U, from the inner products. */
static inline void low_rank_solve(const low_rank_t *z, size_t rank, bool transposed, double *b) {
    const size_t n = 2 * rank + 2;
    double *k = z->solved;
    for (size_t i = 0; i < rank; ++i)
        for (size_t j = 0; j < rank; ++j)
            k[transposed ? j * rank + i : i * rank + j] = (i == j) + z->gram[(rank + i) * n + j];
    const bool solved = elimination_solve(rank, k, b);
    for (size_t i = 0; !solved && i < rank; ++i)
        b[i] = (double)NAN;
}

static inline void low_rank_unit(size_t n, double *a) {
    memset(a, 0, n * n * sizeof *a);
    for (size_t i = 0; i < n; ++i)
        a[i * n + i] = 1;
}

/* balance <- what line 2 multiplies Z by; gram <- that of the product. */
static inline void low_rank_balance(const low_rank_t *z, size_t rank) {
    const size_t n = 2 * rank + 2;
    const double *g = z->gram;
    double of_u = 0, of_v = 0;
    low_rank_unit(n, z->balance);
    for (size_t i = 0; i < rank; ++i) {
        of_u += g[i * n + i];
        of_v += g[(rank + i) * (n + 1)];
    }
    if (!(of_u > 0 && of_v > 0))
        return;
    const double root = sqrt(of_u / of_v), s = sqrt(root), all = 10 * (of_u / root + of_v * root);
    double *e = z->spare;
    for (size_t i = 0; i < rank; ++i)
        for (size_t j = 0; j < rank; ++j)
            e[i * rank + j] = (g[i * n + j] / root - g[(rank + i) * n + rank + j] * root) / all;
    for (size_t i = 0; i < rank; ++i)
        for (size_t j = 0; j < rank; ++j) {
            double half = 0;
            for (size_t k = 0; k < rank; ++k)
                half += 0.5 * e[i * rank + k] * e[k * rank + j];
            z->balance[i * n + j] = ((i == j) - e[i * rank + j] + half) / s;
            z->balance[(rank + i) * n + rank + j] = ((i == j) + e[i * rank + j] + half) * s;
        }
    unfolding_gemm(sizeof *g, false, false, n, n, n, 1, g, z->balance, 0, z->spare);
    unfolding_gemm(sizeof *g, true, false, n, n, n, 1, z->balance, z->spare, 0, z->gram);
}

/* Column k of a, n by n. */
static inline void low_rank_column(size_t n, const double *a, size_t k, double *out) {
    for (size_t i = 0; i < n; ++i)
        out[i] = a[i * n + k];
}

/* Line 3, as combinations of the balanced Z: q and w, and the last columns of `next`, Ph / c and c P^-1 v. */
static inline void low_rank_pair(const low_rank_t *z, size_t rank, double *next) {
    const size_t n = 2 * rank + 2, of_x = n - 2, of_z = n - 1;
    memset(z->q, 0, n * sizeof *z->q);
    memset(z->w, 0, n * sizeof *z->w);
    z->q[of_x] = z->w[of_z] = 1;
    for (size_t k = 0; k < rank; ++k) {
        z->q[k] = z->gram[(rank + k) * n + of_x];
        z->w[rank + k] = z->gram[k * n + of_z];
    }
    low_rank_solve(z, rank, true, z->w + rank);
    for (size_t k = 0; k < rank; ++k)
        z->w[rank + k] = -z->w[rank + k];
    low_rank_multiply(n, z->gram, z->q, z->gram_q);
    low_rank_multiply(n, z->gram, z->w, z->gram_w);
    double *v = z->of_u; /* K^-1 V'w */
    memcpy(v, z->gram_w + rank, rank * sizeof *v);
    low_rank_solve(z, rank, false, v);
    for (size_t k = 0; k < n; ++k) {
        next[k * n + of_x] = z->q[k] + (k >= rank && k < 2 * rank ? z->gram_q[k - rank] : 0);
        next[k * n + of_z] = z->w[k] - (k < rank ? v[k] : 0);
    }
}

/* |q| |Y Y'q| + |w| |Y Y'w|, Y = U or V. */
static inline double low_rank_curvature(const low_rank_t *z, size_t rank, size_t begin) {
    const size_t n = 2 * rank + 2;
    double yq = 0, yw = 0;
    for (size_t i = 0; i < rank; ++i)
        for (size_t j = 0; j < rank; ++j) {
            const double gram = z->gram[(begin + i) * n + begin + j];
            yq += z->gram_q[begin + i] * gram * z->gram_q[begin + j];
            yw += z->gram_w[begin + i] * gram * z->gram_w[begin + j];
        }
    return sqrt(fmax(inner_product(n, z->q, z->gram_q) * yq, 0)) +
           sqrt(fmax(inner_product(n, z->w, z->gram_w) * yw, 0));
}

/* Line 5 on U: column k loses x times q (q'V K)_k - w (w'V K)_k. */
static inline void low_rank_turn_u(const low_rank_t *z, size_t rank, double x, double *next) {
    const size_t n = 2 * rank + 2;
    for (size_t k = 0; k < rank; ++k) {
        double of_q = z->gram_q[rank + k], of_w = z->gram_w[rank + k];
        for (size_t i = 0; i < rank; ++i) {
            of_q += z->gram_q[rank + i] * z->gram[(rank + i) * n + k];
            of_w += z->gram_w[rank + i] * z->gram[(rank + i) * n + k];
        }
        for (size_t i = 0; i < n; ++i)
            next[i * n + k] -= x * (z->q[i] * of_q - z->w[i] * of_w);
    }
}

/* Line 5 on V: column k loses x times (q + V U'q) (q'U)_k - (w + V U'w) (w'U)_k. */
static inline void low_rank_turn_v(const low_rank_t *z, size_t rank, double x, double *next) {
    const size_t n = 2 * rank + 2;
    for (size_t k = 0; k < rank; ++k)
        for (size_t i = 0; i < n; ++i) {
            const bool of_v = i >= rank && i < 2 * rank;
            const double q = z->q[i] + (of_v ? z->gram_q[i - rank] : 0);
            const double w = z->w[i] + (of_v ? z->gram_w[i - rank] : 0);
            next[i * n + rank + k] -= x * (q * z->gram_q[k] - w * z->gram_w[k]);
        }
}

#endif
