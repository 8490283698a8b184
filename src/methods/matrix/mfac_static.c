/*
 * mfac_static: prunes the parameters that the inverse of the empirical Fisher matrix of given gradients can spare.
 *
 * Frantar, Kurtic, Alistarh, "M-FAC: Efficient Matrix-Free Approximations of Second-Order Information", 2021,
 * arXiv:2107.03356, the static algorithm. The input G has m gradients at the trained parameters as rows. F = damping I
 * + G'G / m on the coordinates that are kept so far; block = b > 0: of that the diagonal blocks of b coordinates in
 * order, the last of fewer. A step drops `drop` = k coordinates:
 *
 *     1. K = m damping I + G G' (of each block);  F^-1 x = (x - G' K^-1 G x) / damping
 *     2. diag_i = (F^-1)_ii = (1 - |L^-1 G e_i|^2) / damping, K = L L';  ihvp = F^-1 w
 *     3. D = the k coordinates with the smallest w_i^2 / (2 diag_i), of equal ones the first
 *     4. t_i = -w_i / diag_i on D, 0 elsewhere;  w <- w + F^-1 t, exactly 0 on D, which is kept no longer
 *
 * F^-1 with K is what the paper's recursion over the gradients gives in exact arithmetic. All is in double, over all
 * tensors as one vector in the order of declaration; frozen ones stay out of F. O(d m^2 (1 + m / b)) a step, twice that
 * where there is more than one block.
 *
 * State in f32: 12 bytes a parameter; within a step 48, and 8 window (window + 129).
 */
#include <math.h>
#include <string.h>

#include "blocks/joined.h"
#include "blocks/select.h"
#include "blocks/unfolding.h"
#include "linear/linear.h"

enum { DROP, DAMPING, BLOCK, WINDOW };
static const option_t OPTIONS[] = {
    [DROP] = {"drop", 1, "integer [0,inf)", "parameters that a step drops"},
    [DAMPING] = {"damping", 1e-5, "(0,inf)", "added to the diagonal of the Fisher matrix"},
    [BLOCK] = {"block", 0, "integer [0,inf)", "kept parameters of a block of the matrix; 0: one block of all",
               .zero_apart = true},
    [WINDOW] = {"window", 1024, "integer [1,inf)", "the most gradients that there is room for"},
    {0},
};

enum { GRADIENTS };
static const input_t INPUTS[] = {
    [GRADIENTS] = {"G", "a gradient a row, a column for each element of the parameters", INPUT_OF_METHOD, false},
    {0},
};

enum { COLUMNS = 64 }; /* that are solved with at a time */

enum { DROPPED, DIAG, IHVP };
static const state_t STATE[] = {
    [DROPPED] = {"dropped", "1: dropped", LIKE_PARAM, KEPT, .exact = true},
    [DIAG] = {"diag", "diagonal of the inverse Fisher matrix before the last drop", LIKE_PARAM, KEPT, .exact = true},
    [IHVP] = {"ihvp", "that inverse times the parameters", LIKE_PARAM, KEPT, .exact = true},
    {0},
};

typedef struct memory { /* within a step */
    double *dropped;    /* 1: it is kept no longer */
    double *diag;       /* 0: out of F */
    double *ihvp;
    double *w;          /* the parameters */
    double *t;          /* scores, then line 4 */
    double *room;       /* for a selection, then F^-1 t */
    double *factor;     /* L: m by m */
    double *y;          /* m */
    double *columns;    /* G'e_i, a row for each coordinate of a run */
    double *solved;     /* K^-1 of those */
    size_t first, last; /* coordinates of the block that L is of */
} memory_t;

static size_t square(size_t elements, const double *option) {
    (void)elements;
    return option[WINDOW] > INT16_MAX ? PTRDIFF_MAX / 1024 : (size_t)(option[WINDOW] * option[WINDOW]);
}
static size_t run(size_t elements, const double *option) {
    (void)elements;
    return option[WINDOW] > INT16_MAX ? PTRDIFF_MAX / 1024 : (size_t)(option[WINDOW] * (double)COLUMNS);
}

static const field_t FIELDS[] = {
    {"list_dropped", "what was dropped", FIELD(OF_METHOD, memory_t, dropped), .each = EACH_ELEMENT,
     .within_step = true},
    {"list_diag", "diag of all", FIELD(OF_METHOD, memory_t, diag), .each = EACH_ELEMENT, .within_step = true},
    {"list_ihvp", "ihvp of all", FIELD(OF_METHOD, memory_t, ihvp), .each = EACH_ELEMENT, .within_step = true},
    {"w", "the parameters", FIELD(OF_METHOD, memory_t, w), .each = EACH_ELEMENT, .within_step = true},
    {"t", "scores, then what is dropped", FIELD(OF_METHOD, memory_t, t), .each = EACH_ELEMENT, .within_step = true},
    {"room", "for the selection", FIELD(OF_METHOD, memory_t, room), .each = EACH_ELEMENT, .within_step = true},
    {"factor", "of the damped products", FIELD(OF_METHOD, memory_t, factor), .length = square, .within_step = true},
    {"y", "weights of the gradients", FIELD(OF_METHOD, memory_t, y), .copies = "window", .within_step = true},
    {"columns", "of the gradients", FIELD(OF_METHOD, memory_t, columns), .length = run, .within_step = true},
    {"solved", "times the inverse of the products", FIELD(OF_METHOD, memory_t, solved), .length = run,
     .within_step = true},
    {0},
};

/* ---- Kernels on whole tensors: frozen ones do not come ---- */

static void collect(const tile_t *t) {
    const memory_t *m = *(memory_t *const *)t->arguments;
    const size_t own = t->tensor->first_of_method;
    const real *p = t->p, *dropped = t->state[DROPPED];
    for (size_t i = 0; i < t->n; ++i) {
        m->w[own + i] = (double)p[i];
        m->dropped[own + i] = (double)dropped[i];
        m->diag[own + i] = dropped[i] == 0;
    }
}

static void put(const tile_t *t) {
    const memory_t *m = *(memory_t *const *)t->arguments;
    const size_t own = t->tensor->first_of_method;
    real *p = t->p, *dropped = t->state[DROPPED], *diag = t->state[DIAG], *ihvp = t->state[IHVP];
    for (size_t i = 0; i < t->n; ++i) {
        p[i] = m->dropped[own + i] != 0 ? 0 : (real)m->w[own + i];
        dropped[i] = (real)m->dropped[own + i];
        diag[i] = (real)m->diag[own + i];
        ihvp[i] = (real)m->ihvp[own + i];
    }
}

enum { COLLECT, PUT };

/* ---- F^-1 of one block ---- */

typedef struct fisher {
    const input_view_t *g;
    size_t m, n; /* gradients, coordinates */
    double damping;
} fisher_t;

/* Rows of `columns`: of the coordinates i .. i + count - 1, 0 for those out of F. Returns count. */
static size_t take_columns(const memory_t *m, const fisher_t *f, size_t i) {
    const size_t count = m->last - i < COLUMNS ? m->last - i : COLUMNS;
    double room[COLUMNS];
    for (size_t r = 0; r < f->m; ++r) {
        const double *g = input_doubles(f->g, r * f->n + i, count, room);
        for (size_t j = 0; j < count; ++j)
            m->columns[j * f->m + r] = m->diag[i + j] > 0 ? g[j] : 0;
    }
    return count;
}

/* L of line 1. Where G G' is so much larger than the damping that rounding makes the sum indefinite, more is added. */
static void factorise(const memory_t *m, const fisher_t *f) {
    double ridge = (double)f->m * f->damping, largest = 0;
    for (linear_status_t status = LINEAR_SINGULAR; status == LINEAR_SINGULAR;) {
        memset(m->factor, 0, f->m * f->m * sizeof *m->factor);
        for (size_t i = m->first, count; i < m->last; i += count) {
            count = take_columns(m, f, i);
            unfolding_gemm(sizeof(double), true, false, f->m, f->m, count, 1, m->columns, m->columns, 1, m->factor);
        }
        for (size_t r = 0; r < f->m; ++r) {
            largest = fmax(largest, m->factor[r * f->m + r]);
            m->factor[r * f->m + r] += ridge;
        }
        status = linear_cholesky(f->m, m->factor);
        ridge = fmax(100 * ridge, (double)f->m * DBL_EPSILON * largest);
    }
}

/* out <- F^-1 x on the block. */
static void multiply(const memory_t *m, const fisher_t *f, const double *x, double *out) {
    memset(m->y, 0, f->m * sizeof *m->y);
    for (size_t i = m->first, count; i < m->last; i += count) {
        count = take_columns(m, f, i);
        for (size_t j = 0; j < count; ++j)
            for (size_t r = 0; r < f->m; ++r)
                m->y[r] += x[i + j] * m->columns[j * f->m + r];
    }
    linear_cholesky_solve_rows(f->m, m->factor, 1, m->y);
    for (size_t i = m->first, count; i < m->last; i += count) {
        count = take_columns(m, f, i);
        for (size_t j = 0; j < count; ++j)
            out[i + j] =
                m->diag[i + j] > 0 ? (x[i + j] - inner_product(f->m, m->columns + j * f->m, m->y)) / f->damping : 0;
    }
}

/* Line 2. No entry is below 1 / F_ii, which rounding would otherwise allow. */
static void diagonal(const memory_t *m, const fisher_t *f) {
    for (size_t i = m->first, count; i < m->last; i += count) {
        count = take_columns(m, f, i);
        memcpy(m->solved, m->columns, count * f->m * sizeof *m->solved);
        linear_cholesky_solve_rows(f->m, m->factor, count, m->solved);
        for (size_t j = 0; j < count; ++j) {
            const double *g = m->columns + j * f->m, *s = m->solved + j * f->m;
            const double least = 1 / (f->damping + inner_product(f->m, g, g) / (double)f->m);
            if (m->diag[i + j] > 0)
                m->diag[i + j] = fmax(least, (1 - inner_product(f->m, g, s)) / f->damping);
        }
    }
}

/* The next block: `block` coordinates of F, or all; false: there is none. */
static bool next_block(memory_t *m, const fisher_t *f, double block) {
    double count = 0;
    m->first = m->last;
    while (m->last < f->n && (block == 0 || count < block))
        count += m->diag[m->last++] > 0;
    return m->first < m->last;
}

/* ---- The step ---- */

/* Line 3: marks what is dropped, with t of line 4. Returns how many. */
static size_t choose(const memory_t *m, size_t n, double drop) {
    size_t kept = 0;
    for (size_t i = 0; i < n; ++i) {
        m->t[i] = m->diag[i] > 0 ? -m->w[i] * m->w[i] / (2 * m->diag[i]) : 0;
        if (m->diag[i] > 0)
            m->room[kept++] = m->t[i];
    }
    const size_t count = drop < (double)kept ? (size_t)drop : kept;
    select_top_t top = {.threshold = count > 0 ? select_largest(m->room, kept, count) : 0, .ties = count};
    for (size_t i = 0; i < n; ++i)
        top.ties -= m->diag[i] > 0 && m->t[i] > top.threshold;
    for (size_t i = 0; i < n; ++i) {
        const bool takes = m->diag[i] > 0 && select_takes(&top, m->t[i]);
        m->t[i] = takes ? -m->w[i] / m->diag[i] : 0;
        m->dropped[i] = takes ? 1 : m->dropped[i];
    }
    return count;
}

/* Line 4. The factor of the last block is still there. */
static void compensate(memory_t *m, const fisher_t *f, double block) {
    const bool is_one = m->first == 0;
    m->last = 0;
    while (next_block(m, f, block)) {
        if (!is_one)
            factorise(m, f);
        multiply(m, f, m->t, m->room);
        for (size_t i = m->first; i < m->last; ++i)
            m->w[i] += m->room[i];
    }
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const double *o = s->option;
    const input_view_t *g = step_input(s, GRADIENTS);
    const fisher_t f = {g, g->ndim == 2 ? (size_t)g->dims[0] : 0, step_own_elements(s), o[DAMPING]};
    memset(m->diag, 0, f.n * sizeof *m->diag);
    memset(m->ihvp, 0, f.n * sizeof *m->ihvp);
    memset(m->w, 0, f.n * sizeof *m->w);
    step_tensors_in_turn(s, COLLECT, &m);
    m->first = m->last = 0;
    while (next_block(m, &f, o[BLOCK])) {
        factorise(m, &f);
        multiply(m, &f, m->w, m->ihvp);
        diagonal(m, &f);
    }
    if (choose(m, f.n, o[DROP]) > 0)
        compensate(m, &f, o[BLOCK]);
    step_tensors_in_turn(s, PUT, &m);
    return OPTIM_OK;
}

static const char *refuses_inputs(const step_t *s) {
    static const double MOST = 1e100; /* products of as many as there may be stay far inside the range of a double */
    const input_view_t *g = step_input(s, GRADIENTS);
    const size_t n = step_own_elements(s);
    if (n == 0)
        return NULL;
    if (g->ndim != 2 || (size_t)g->dims[1] != n || g->dims[0] < 1)
        return "the input \"G\" must have a row for each gradient and a column for each element of the parameters";
    if ((double)g->dims[0] > s->option[WINDOW])
        return "the input \"G\" has more rows than window= says: set it to their number";
    for (size_t i = 0; i < g->count; ++i) {
        double room;
        if (!(fabs(*input_doubles(g, i, 1, &room)) <= MOST))
            return "the input \"G\" must hold numbers of at most 1e100";
    }
    return NULL;
}

const method_t METHOD(mfac_static) = {
    .name = "mfac_static",
    .purpose =
        "prunes the parameters that the inverse Fisher matrix of given gradients can spare, and mends the others",
    .citation = "Frantar, Kurtic, Alistarh: M-FAC: Efficient Matrix-Free Approximations of Second-Order Information, "
                "2021, arXiv:2107.03356",
    .evaluations = "none",
    .options = OPTIONS,
    .inputs = INPUTS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .flags = WHOLE_TENSORS | VALUES_ONLY | NEEDS_LAPACK,
    .refuses_inputs = refuses_inputs,
    .advance = advance,
    .kernels = {collect, put},
    .arguments = {sizeof(memory_t *), sizeof(memory_t *)},
};
