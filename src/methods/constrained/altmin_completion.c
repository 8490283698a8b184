/*
 * altmin_completion: a matrix of low rank from some of its entries, by least squares for its factors in turn.
 *
 * Gu, Song, Yin, Zhang, "Low Rank Matrix Completion via Robust Alternating Minimization in Nearly Linear Time", 2024,
 * arXiv:2302.11068, with exact least squares; the start: Jain, Netrapalli, Sanghavi, "Low-rank Matrix Completion using
 * Alternating Minimization", 2013, arXiv:1212.0467.
 *
 *     M (n by m) is seen where `observed` is not 0: the set S.  A is M there and 0 elsewhere.
 *     1. at first: U <- the `rank` leading left singular vectors of A
 *     2. V_j <- argmin over v of sum_{i: ij in S} (U_i v - M_ij)^2 + l2 |v|^2    for every column j
 *     3. U_i <- argmin over u of sum_{j: ij in S} (u V_j - M_ij)^2 + l2 |u|^2    for every row i, with the new V
 *
 * U (n by rank) and V (m by rank) are the parameters, in order of declaration; U V' is the answer. Line 1 iterates on
 * a subspace, U <- orthonormal basis of A A' U, until it moves by less than 1e-13 or for 1000 rounds. Lines 2 and 3
 * turn one seen entry after the other into a triangle by Givens rotations, which does not square the condition as
 * normal equations would. Everything is in double. State: within a step 16 bytes a parameter.
 */
#include <string.h>

#include "engine/method.h"
#include "kernels/random.h"

enum { RANK, L2 };
static const option_t OPTIONS[] = {
    [RANK] = {"rank", 2, "integer [1,65536]", "columns of both factors", .decides_memory = true},
    [L2] = {"l2", 0, "[0,inf)", "weight of the squares of both factors"},
    {0},
};

enum { MATRIX, OBSERVED };
static const input_t INPUTS[] = {
    [MATRIX] = {"M", "the matrix, a row for each row of U and a column for each row of V", INPUT_OF_METHOD, false},
    [OBSERVED] = {"observed", "of that shape, not 0 where M is seen", INPUT_OF_METHOD, false},
    {0},
};

typedef struct memory {
    double *factors, *room;
} memory_t;

/* For line 1 another U; for lines 2 and 3 a triangle with its right-hand side, and a row. */
static size_t room_length(size_t elements, const double *option) {
    const size_t rank = (size_t)option[RANK];
    return elements + rank * (rank + 1) + rank + 1;
}
static const field_t FIELDS[] = {
    {"factors", "U and V", FIELD(OF_METHOD, memory_t, factors), .each = EACH_ELEMENT, .within_step = true},
    {"room", "of least squares", FIELD(OF_METHOD, memory_t, room), .length = room_length, .within_step = true},
    {0},
};

/* ---- The problem ---- */

enum { U, V };
typedef struct problem {
    const input_view_t *matrix, *observed;
    const tensor_t *tensor[2];
    size_t n[2], rank; /* rows of U and V */
    double l2;
    double *factor[2], *room;
} problem_t;

/* How many matrices there are; the first two are U and V. */
static size_t find_factors(const step_t *s, const tensor_t **factor) {
    size_t count = 0;
    for (size_t i = 0; i < step_tensor_count(s); ++i) {
        const tensor_t *tensor = step_parameter(s, i);
        if (tensor != NULL && tensor->count > 0 && count++ < 2)
            factor[count - 1] = tensor;
    }
    return count;
}

static problem_t problem_of(const step_t *s) {
    const memory_t *m = s->memory;
    problem_t p = {.matrix = step_input(s, MATRIX), .observed = step_input(s, OBSERVED), .l2 = s->option[L2]};
    (void)find_factors(s, p.tensor);
    p.rank = (size_t)s->option[RANK];
    p.room = m->room;
    for (int side = U; side <= V; ++side) {
        p.n[side] = tensor_rows(p.tensor[side]);
        p.factor[side] = m->factors + p.tensor[side]->first_of_method;
        step_parameter_read(s, p.tensor[side]->id, 0, p.tensor[side]->count, p.factor[side]);
    }
    return p;
}

/* Whether entry i, j is seen, and which it is. */
static bool is_seen(const problem_t *p, size_t i, size_t j, double *entry) {
    const size_t place = i * p->n[V] + j;
    double room;
    if (*input_doubles(p->observed, place, 1, &room) == 0)
        return false;
    *entry = *input_doubles(p->matrix, place, 1, &room);
    return true;
}

/* ---- Line 1 ---- */

/* a <- a plus `factor` times b, for columns of u and of w. */
static void add_column(size_t n, size_t rank, double factor, const double *b, double *a) {
    for (size_t i = 0; i < n; ++i)
        a[i * rank] += factor * b[i * rank];
}
static double dot_columns(size_t n, size_t rank, const double *a, const double *b) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += a[i * rank] * b[i * rank];
    return sum;
}

/* Numbers of a fixed stream, the same for every handle. */
static void fill_column(size_t n, size_t rank, size_t column, double *u) {
    for (size_t i = 0; i < n; ++i)
        u[i * rank] = random_uniform(0, i * rank + column + 1) - 0.5;
}

/* Column by column, twice, as Gram and Schmidt did; one that depends on those before it becomes another one. */
static void orthonormalise(size_t n, size_t rank, double *u) {
    for (size_t c = 0; c < rank; ++c) {
        double before = dot_columns(n, rank, u + c, u + c), square = before;
        for (int round = 0; round < 3; ++round) {
            for (size_t k = 0; k < c; ++k)
                add_column(n, rank, -dot_columns(n, rank, u + k, u + c), u + k, u + c);
            square = dot_columns(n, rank, u + c, u + c);
            if (round == 0 && !(square > 1e-28 * before))
                fill_column(n, rank, c, u + c);
        }
        for (size_t i = 0; i < n; ++i)
            u[i * rank + c] = square > 0 ? u[i * rank + c] / sqrt(square) : 0;
    }
}

/* `to` <- A' u or A v, whose rows are those of `side`. */
static void multiply(const problem_t *p, int side, const double *from, double *to) {
    memset(to, 0, p->n[side] * p->rank * sizeof *to);
    for (size_t i = 0; i < p->n[U]; ++i)
        for (size_t j = 0; j < p->n[V]; ++j) {
            double entry;
            if (!is_seen(p, i, j, &entry))
                continue;
            const size_t row = side == U ? i : j, other = side == U ? j : i;
            for (size_t k = 0; k < p->rank; ++k)
                to[row * p->rank + k] += entry * from[other * p->rank + k];
        }
}

/* The longest column of w - u u'w, squared; w is spoilt. */
static double moved(size_t n, size_t rank, const double *u, double *w) {
    double most = 0;
    for (size_t c = 0; c < rank; ++c) {
        for (size_t k = 0; k < rank; ++k)
            add_column(n, rank, -dot_columns(n, rank, u + k, w + c), u + k, w + c);
        most = fmax(most, dot_columns(n, rank, w + c, w + c));
    }
    return most;
}

static void begin(const problem_t *p) {
    enum { ROUNDS = 1000 };
    double *u = p->factor[U], *before = p->room;
    for (size_t c = 0; c < p->rank; ++c)
        fill_column(p->n[U], p->rank, c, u + c);
    orthonormalise(p->n[U], p->rank, u);
    for (int round = 0; round < ROUNDS; ++round) {
        memcpy(before, u, p->n[U] * p->rank * sizeof *u);
        multiply(p, V, u, p->factor[V]);
        multiply(p, U, p->factor[V], u);
        orthonormalise(p->n[U], p->rank, u);
        if (moved(p->n[U], p->rank, u, before) < 1e-26)
            break;
    }
}

/* ---- Lines 2 and 3 ---- */

/* Turns the row x, y, which is spoilt, into the triangle: `rank` rows of it, each with its right-hand side. */
static void add_row(size_t rank, double *triangle, double *row) {
    for (size_t k = 0; k < rank; ++k) {
        double *own = triangle + k * (rank + 1);
        const double length = sqrt(own[k] * own[k] + row[k] * row[k]);
        if (length == 0)
            continue;
        const double cosine = own[k] / length, sine = row[k] / length;
        for (size_t l = k; l <= rank; ++l) {
            const double turned = cosine * own[l] + sine * row[l];
            row[l] = cosine * row[l] - sine * own[l];
            own[l] = turned;
        }
    }
}

/* False: it has no inverse, as far as doubles tell. */
static bool solve_triangle(size_t rank, const double *triangle, double *x) {
    double largest = 0;
    for (size_t k = 0; k < rank; ++k)
        largest = fmax(largest, fabs(triangle[k * (rank + 1) + k]));
    for (size_t k = rank; k-- > 0;) {
        const double *own = triangle + k * (rank + 1);
        double rest = own[rank];
        for (size_t l = k + 1; l < rank; ++l)
            rest -= own[l] * x[l];
        if (!(fabs(own[k]) > DBL_EPSILON * largest))
            return false;
        x[k] = rest / own[k];
    }
    return true;
}

/* All rows of one factor, from the other one. */
static bool fit(const problem_t *p, int side) {
    const size_t rank = p->rank;
    const double *other = p->factor[!side];
    double *triangle = p->room, *row = triangle + rank * (rank + 1);
    for (size_t i = 0; i < p->n[side]; ++i) {
        memset(triangle, 0, rank * (rank + 1) * sizeof *triangle);
        for (size_t k = 0; k < rank; ++k)
            triangle[k * (rank + 1) + k] = sqrt(p->l2);
        for (size_t j = 0; j < p->n[!side]; ++j) {
            if (!is_seen(p, side == U ? i : j, side == U ? j : i, &row[rank]))
                continue;
            memcpy(row, other + j * rank, rank * sizeof *row);
            add_row(rank, triangle, row);
        }
        if (!solve_triangle(rank, triangle, p->factor[side] + i * rank))
            return false;
    }
    return true;
}

/* ---- The step ---- */

static void take(const tile_t *t) {
    const double *factor = *(double *const *)t->arguments + tile_first(t);
    real *p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = (real)factor[i];
}

static optim_status advance(step_t *s) {
    if (step_own_elements(s) == 0)
        return OPTIM_OK;
    const problem_t p = problem_of(s);
    const tensor_t *u = step_tensor(s, p.tensor[U]->id), *v = step_tensor(s, p.tensor[V]->id); /* NULL: frozen */
    if (u != NULL && step_tensor_clock(s, u->id) == 1)
        begin(&p);
    if (v == NULL) /* line 1 has written there */
        step_parameter_read(s, p.tensor[V]->id, 0, p.tensor[V]->count, p.factor[V]);
    if ((v != NULL && !fit(&p, V)) || (u != NULL && !fit(&p, U)))
        return step_fail(s, OPTIM_ERR_DOMAIN,
                         "a row or column of M has too few entries that are seen to determine its factor: raise l2");
    step_update(s, 0, &((memory_t *)s->memory)->factors);
    return OPTIM_OK;
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    if (tensor->ndim != 2)
        return "it takes two matrices, U and V";
    return (double)tensor->dims[1] != option[RANK] ? "a factor must have as many columns as rank says" : NULL;
}

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *matrix = step_input(s, MATRIX), *observed = step_input(s, OBSERVED);
    const tensor_t *factor[2];
    const size_t count = find_factors(s, factor);
    if (count == 0)
        return NULL;
    if (count != 2)
        return "it takes two matrices, U and V";
    const int64_t n = factor[U]->dims[0], m = factor[V]->dims[0];
    if (matrix->ndim != 2 || matrix->dims[0] != n || matrix->dims[1] != m)
        return "the input \"M\" must have a row for each row of U and a column for each row of V";
    if (observed->ndim != 2 || observed->dims[0] != n || observed->dims[1] != m)
        return "the input \"observed\" must have the shape of \"M\"";
    for (size_t i = 0; i < matrix->count; ++i) {
        double room, seen = *input_doubles(observed, i, 1, &room);
        if (!isfinite(seen) || (seen != 0 && !isfinite(*input_doubles(matrix, i, 1, &room))))
            return "the input \"M\" must be finite where it is seen, \"observed\" everywhere";
    }
    return NULL;
}

const method_t METHOD(altmin_completion) = {
    .name = "altmin_completion",
    .purpose = "a matrix of low rank from some of its entries, by least squares for its factors in turn",
    .citation = "Gu, Song, Yin, Zhang: Low Rank Matrix Completion via Robust Alternating Minimization in Nearly Linear "
                "Time, ICLR 2024, arXiv:2302.11068",
    .evaluations = "none",
    .options = OPTIONS,
    .inputs = INPUTS,
    .fields = FIELDS,
    .flags = VALUES_ONLY | MAY_FAIL,
    .memory = sizeof(memory_t),
    .refuses = refuses,
    .refuses_inputs = refuses_inputs,
    .advance = advance,
    .kernels = {take},
    .arguments = {sizeof(double *)},
};
