/*
 * mfac: the gradient times the inverse of the empirical Fisher matrix of the last gradients, without that matrix.
 *
 * Frantar, Kurtic, Alistarh, "M-FAC: Efficient Matrix-Free Approximations of Second-Order Information", 2021,
 * arXiv:2107.03356, the dynamic algorithm. G has the last `window` = m gradients as rows, of which those that have not
 * come yet are 0; F = damping I + G'G / m:
 *
 *     1. row j = (t - 1) mod m of G <- g + weight_decay p
 *     2. u = F^-1 (row j) = m G' (m damping I + G G')^-1 e_j
 *     3. momentum > 0: v <- momentum v + (1 - momentum) u, v in place of u
 *     4. p <- p - lr u
 *
 * The new gradient is a row of G, so that line 2 needs no difference of nearly equal vectors: the paper's recursion
 * gives the same in exact arithmetic. G G' is kept in double; a step makes a row and a column of it anew, by m
 * products, and a Cholesky factorization solves. O(m d + m^3) a step.
 *
 * State in f32: 4 m bytes a parameter, 4 with momentum; 8 m^2.
 */
#include <string.h>

#include "blocks/averages.h"
#include "linear/linear.h"

enum { LR, MOMENTUM, WEIGHT_DECAY, WINDOW, DAMPING };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "[0,inf)", "step size"},
    [MOMENTUM] = {"momentum", 0, "[0,1)", "decay of the mean direction", .live = true},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, added to the gradient"},
    [WINDOW] = {"window", 1024, "integer [1,inf)", "gradients that are remembered"},
    [DAMPING] = {"damping", 1e-5, "(0,inf)", "added to the diagonal of the Fisher matrix"},
    {0},
};

enum { G, V };
static const state_t STATE[] = {
    [G] = {"G", "the last gradients", LIKE_PARAM, KEPT, .copies = "window", .exact = true},
    [V] = {"v", "mean direction", LIKE_PARAM, FIRST_MOMENT, .when = "momentum"},
    {0},
};

typedef struct memory {
    int64_t count;  /* steps */
    double *gram;   /* m by m: G G' */
    double *factor; /* m by m */
    double *y;      /* m: products of the new row with the others, then the weights of the rows in u */
} memory_t;

typedef struct tensor_memory {
    double last; /* step that it has taken part in */
} tensor_memory_t;

static size_t gram_length(size_t elements, const double *option) {
    (void)elements;
    return option[WINDOW] > INT16_MAX ? PTRDIFF_MAX / 1024 : (size_t)(option[WINDOW] * option[WINDOW]);
}

static const field_t FIELDS[] = {
    {"count", "steps", FIELD(OF_METHOD, memory_t, count)},
    {"gram", "products of the gradients", FIELD(OF_METHOD, memory_t, gram), .length = gram_length},
    {"factor", "of the damped products", FIELD(OF_METHOD, memory_t, factor), .length = gram_length,
     .within_step = true},
    {"y", "weights of the gradients", FIELD(OF_METHOD, memory_t, y), .copies = "window", .within_step = true},
    {"last", "step that it took part in", FIELD(OF_TENSOR, tensor_memory_t, last), .whole = true},
    {0},
};

typedef struct constants {
    real lr, weight_decay;
    weights_t momentum;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){(real)o[LR], (real)o[WEIGHT_DECAY], weights(o[MOMENTUM])};
}

/* ---- Kernels ---- */

/* What they take: the number of the step; rows that are not 0, the new one; by row, products or weights. */
typedef struct rows {
    int64_t step;
    size_t count, j, window;
    double *y;
} rows_t;

/* Line 1, on a whole tensor; the rows of steps in which it was frozen become 0, as G G' has them. */
static void put(const tile_t *t) {
    const rows_t *rows = t->arguments;
    const real weight_decay = ((const constants_t *)t->constants)->weight_decay;
    tensor_memory_t *memory = t->memory;
    const int64_t window = (int64_t)rows->window, oldest = rows->step - window + 1;
    const int64_t next = (int64_t)memory->last + 1;
    for (int64_t missed = next > oldest ? next : oldest; missed < rows->step; ++missed)
        if (missed >= 1)
            memset((real *)t->state[G] + (size_t)((missed - 1) % window) * t->stride, 0, t->n * sizeof(real));
    memory->last = (double)rows->step;
    real *row = (real *)t->state[G] + rows->j * t->stride;
    const real *g = t->g, *p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        row[i] = g[i] + weight_decay * p[i];
}

/* y <- y + G (row j) of a whole tensor, by runs that stay in the cache. */
static void add_products(const tile_t *t) {
    const rows_t *rows = t->arguments;
    const real *first = t->state[G], *row = first + rows->j * t->stride;
    for (size_t begin = 0; begin < t->n; begin += CHUNK_ELEMENTS) {
        const size_t end = t->n - begin < CHUNK_ELEMENTS ? t->n : begin + CHUNK_ELEMENTS;
        for (size_t r = 0; r < rows->count; ++r) {
            const real *other = first + r * t->stride;
            double sum = 0;
            for (size_t i = begin; i < end; ++i)
                sum += (double)other[i] * (double)row[i];
            rows->y[r] += sum;
        }
    }
}

/* Lines 2 to 4: u = G'y. */
static void move(const tile_t *t) {
    const rows_t *rows = t->arguments;
    const constants_t k = *(const constants_t *)t->constants;
    for (size_t begin = 0; begin < t->n; begin += CHUNK_ELEMENTS) {
        const size_t n = t->n - begin < CHUNK_ELEMENTS ? t->n - begin : CHUNK_ELEMENTS;
        real *p = (real *)t->p + begin, *v = t->state[V] == NULL ? NULL : (real *)t->state[V] + begin;
        double u[CHUNK_ELEMENTS] = {0};
        for (size_t r = 0; r < rows->count; ++r) {
            const real *row = (const real *)t->state[G] + r * t->stride + begin;
            for (size_t i = 0; i < n; ++i)
                u[i] += rows->y[r] * (double)row[i];
        }
        for (size_t i = 0; i < n; ++i)
            p[i] -= k.lr * (v == NULL ? (real)u[i] : (v[i] = ema(v[i], (real)u[i], k.momentum)));
    }
}

enum { PUT, ADD_PRODUCTS, MOVE };

/* ---- The step ---- */

/* y <- m (m damping I + G G')^-1 e_j. Where G G' is so much larger that rounding makes the sum indefinite, more than m
 * damping is added; what is no number makes the step NaN. */
static void solve(memory_t *m, rows_t rows, double damping) {
    double largest = 0, ridge = (double)rows.window * damping;
    linear_status_t status = LINEAR_SINGULAR;
    for (size_t r = 0; r < rows.count; ++r)
        largest = fmax(largest, m->gram[r * rows.window + r]);
    for (int tries = 0; tries < 4 && status == LINEAR_SINGULAR; ++tries) {
        for (size_t r = 0; r < rows.count; ++r) {
            memcpy(m->factor + r * rows.count, m->gram + r * rows.window, rows.count * sizeof *m->factor);
            m->factor[r * rows.count + r] += ridge;
        }
        status = linear_cholesky(rows.count, m->factor);
        ridge = fmax(100 * ridge, (double)rows.count * DBL_EPSILON * largest);
    }
    for (size_t r = 0; r < rows.count; ++r)
        m->y[r] = status != LINEAR_OK ? (double)NAN : r == rows.j ? (double)rows.window : 0;
    if (status == LINEAR_OK)
        linear_cholesky_solve_rows(rows.count, m->factor, 1, m->y);
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const size_t window = (size_t)s->option[WINDOW], j = (size_t)(m->count++ % (int64_t)window);
    const rows_t rows = {m->count, m->count < (int64_t)window ? (size_t)m->count : window, j, window, m->y};
    step_tensors(s, PUT, &rows);
    memset(m->y, 0, window * sizeof *m->y);
    step_tensors_in_turn(s, ADD_PRODUCTS, &rows);
    for (size_t r = 0; r < rows.count; ++r)
        m->gram[r * window + j] = m->gram[j * window + r] = m->y[r];
    solve(m, rows, s->option[DAMPING]);
    step_update(s, MOVE, &rows);
    return OPTIM_OK;
}

const method_t METHOD(mfac) = {
    .name = "mfac",
    .purpose = "the gradient times the inverse of the empirical Fisher matrix of the last gradients",
    .citation = "Frantar, Kurtic, Alistarh: M-FAC: Efficient Matrix-Free Approximations of Second-Order Information, "
                "2021, arXiv:2107.03356",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .tensor_memory = sizeof(tensor_memory_t),
    .flags = WHOLE_TENSORS | NEEDS_LAPACK | ACROSS_TENSORS,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {put, add_products, move},
    .arguments = {sizeof(rows_t), sizeof(rows_t), sizeof(rows_t)},
};
