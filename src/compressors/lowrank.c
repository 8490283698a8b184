/*
 * lowrank: a matrix of low rank, sent as two factors.
 *
 * Vogels, Karimireddy, Jaggi, "PowerSGD: Practical Low-Rank Gradient Compression for Distributed Optimization", 2019,
 * arXiv:1905.13727, with a starting point drawn anew in every call in place of the last factor, which a compressor does
 * not remember.
 *
 *     M: the tensor as dimension 0 by the others; a vector as a square, row by row, the rest 0
 *     Q ~ N(0, 1), columns x rank;  P <- M Q, its columns made orthonormal (Gram, Schmidt);  Q <- M^T P;  C(x) = P Q^T
 *
 * C(x) is the projection of M onto r = rank directions, which follow its large singular values: contractive with
 * delta = r / min(rows, columns). A matrix that the factors would not shorten, rank (rows + columns) >= n, is left as
 * it is. Two numbers of the stream are taken for each entry of Q, and 2 n reserved. Message: rows, rank (0: as it is),
 * P row by row, Q likewise.
 */
#include "engine/compressor.h"
#include "kernels/random.h"

enum { RANK };
static const option_t OPTIONS[] = {
    [RANK] = {"rank", 1, "integer [1,65536]", "columns of the factors"},
    {0},
};

typedef struct shape {
    size_t rows, columns, rank; /* rank 0: it is left as it is */
} shape_t;

static shape_t shape_of(double rank, size_t rows, size_t n) {
    shape_t s = {.rows = rows};
    if (s.rows == 0)
        for (s.rows = (size_t)sqrt((double)n); s.rows * s.rows < n;)
            ++s.rows;
    s.columns = n / s.rows + (n % s.rows != 0);
    s.rank = rank * ((double)s.rows + (double)s.columns) < (double)n ? (size_t)rank : 0;
    return s;
}

static shape_t shape(const compressor_call_t *c, size_t n) {
    return shape_of(c->option[RANK], c->rows, n);
}

static uint64_t draws(const double *option, size_t n) {
    (void)option;
    return 2 * (uint64_t)n;
}

static size_t workspace(const double *option, size_t n) {
    (void)option;
    return n;
}

/* ---- Factors ---- */

/* P, then Q in the call's room: row by row. */
typedef struct factors {
    double *p, *q;
} factors_t;

static factors_t factors_in(double *room, const shape_t *s) {
    return (factors_t){room, room + s->rows * s->rank};
}

static double entry(size_t n, const real *v, size_t i) {
    return i < n ? (double)v[i] : 0;
}

/* Column k loses what it has of those before it, and gets length 1; 0 if they leave nothing of it but rounding. */
static void orthonormalise(const shape_t *s, double *p, size_t k) {
    double before = 0, after = 0;
    for (size_t i = 0; i < s->rows; ++i)
        before += p[i * s->rank + k] * p[i * s->rank + k];
    for (size_t twice = 0; twice < 2; ++twice)
        for (size_t j = 0; j < k; ++j) {
            double share = 0;
            for (size_t i = 0; i < s->rows; ++i)
                share += p[i * s->rank + j] * p[i * s->rank + k];
            for (size_t i = 0; i < s->rows; ++i)
                p[i * s->rank + k] -= share * p[i * s->rank + j];
        }
    for (size_t i = 0; i < s->rows; ++i)
        after += p[i * s->rank + k] * p[i * s->rank + k];
    const double factor = after > 1e-20 * before || after != after ? 1 / sqrt(after) : 0;
    for (size_t i = 0; i < s->rows; ++i)
        p[i * s->rank + k] *= factor;
}

/* P and Q as they are sent: rounded to reals. */
static void factorise(const compressor_call_t *c, const shape_t *s, const factors_t *f, size_t n, const real *v) {
    const size_t r = s->rank;
    for (size_t i = 0; i < s->columns * r; ++i)
        f->q[i] = random_normal(c->seed, c->first + 2 * i);
    for (size_t i = 0; i < s->rows * r; ++i)
        f->p[i] = 0;
    for (size_t i = 0; i < s->rows; ++i)
        for (size_t j = 0; j < s->columns; ++j)
            for (size_t k = 0; k < r; ++k)
                f->p[i * r + k] += entry(n, v, i * s->columns + j) * f->q[j * r + k];
    for (size_t k = 0; k < r; ++k)
        orthonormalise(s, f->p, k);
    for (size_t i = 0; i < s->rows * r; ++i)
        f->p[i] = (double)(real)f->p[i];
    for (size_t i = 0; i < s->columns * r; ++i)
        f->q[i] = 0;
    for (size_t i = 0; i < s->rows; ++i)
        for (size_t j = 0; j < s->columns; ++j)
            for (size_t k = 0; k < r; ++k)
                f->q[j * r + k] += entry(n, v, i * s->columns + j) * f->p[i * r + k];
    for (size_t i = 0; i < s->columns * r; ++i)
        f->q[i] = (double)(real)f->q[i];
}

static void multiply(const shape_t *s, const factors_t *f, size_t n, real *v) {
    for (size_t at = 0; at < n; ++at) {
        const double *p = f->p + at / s->columns * s->rank, *q = f->q + at % s->columns * s->rank;
        double sum = 0;
        for (size_t k = 0; k < s->rank; ++k)
            sum += p[k] * q[k];
        v[at] = (real)sum;
    }
}

/* ---- The compressor ---- */

static void apply(const compressor_call_t *c, size_t n, void *v) {
    const shape_t s = shape(c, n);
    const factors_t f = factors_in(c->work, &s);
    if (s.rank == 0)
        return;
    factorise(c, &s, &f, n, v);
    multiply(&s, &f, n, v);
}

static void encode(const compressor_call_t *c, message_t *m, size_t n, const void *data) {
    const shape_t s = shape(c, n);
    const factors_t f = factors_in(c->work, &s);
    const real *v = data;
    message_put(m, s.rows, 64);
    message_put(m, s.rank, 32);
    if (s.rank > 0)
        factorise(c, &s, &f, n, v);
    for (size_t i = 0; s.rank == 0 && i < n; ++i)
        message_put_real(m, v[i]);
    for (size_t i = 0; i < s.rows * s.rank; ++i)
        message_put_real(m, (real)f.p[i]);
    for (size_t i = 0; i < s.columns * s.rank; ++i)
        message_put_real(m, (real)f.q[i]);
}

static const char *decode(compressor_call_t *c, incoming_t *r, size_t n, void *data) {
    const uint64_t rows = incoming_get(r, 64), rank = incoming_get(r, 32);
    real *v = data;
    shape_t s = shape_of((double)rank, c->rows, n);
    if (rows != s.rows)
        return "it is of a matrix with another number of rows";
    if (rank != s.rank)
        return "its factors are longer than the matrix";
    for (size_t i = 0; s.rank == 0 && i < n; ++i)
        v[i] = incoming_get_real(r);
    for (size_t i = 0; i < (s.rows + s.columns) * s.rank; ++i)
        c->work[i] = (double)incoming_get_real(r);
    const factors_t f = factors_in(c->work, &s);
    if (s.rank > 0)
        multiply(&s, &f, n, v);
    return NULL;
}

static double bits(const compressor_call_t *c, size_t n, double real_bits) {
    const shape_t s = shape(c, n);
    return 64 + 32 + real_bits * (s.rank == 0 ? (double)n : (double)s.rank * (double)(s.rows + s.columns));
}

/* The shape is not known here; of a square the bound is the least. */
static double contraction(const double *option, size_t n) {
    return fmin(1, option[RANK] / ceil(sqrt((double)n)));
}

const compressor_t COMPRESSOR(lowrank) = {
    .name = "lowrank",
    .purpose = "a matrix as the product of two thin ones",
    .citation = "Vogels, Karimireddy, Jaggi: PowerSGD: Practical Low-Rank Gradient Compression for Distributed "
                "Optimization, 2019, arXiv:1905.13727",
    .options = OPTIONS,
    .draws = draws,
    .workspace = workspace,
    .apply = apply,
    .code = 8,
    .bits = bits,
    .encode = encode,
    .decode = decode,
    .contraction = contraction,
};
