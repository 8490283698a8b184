/*
 * sinkhorn: optimal transport with an entropy, by matching the marginals in turn.
 *
 * Cuturi, "Sinkhorn Distances: Lightspeed Computation of Optimal Transport", 2013; the form of Tang, Shavlovsky,
 * Rahmanian, Tardini, Thekumparampil, Xiao, Ying, "Accelerating Sinkhorn Algorithm with Sparse Newton Iterations",
 * 2024, arXiv:2401.12253.
 *
 *     P_ij = exp(eta (x_i + y_j - C_ij) - 1), with row sums r and column sums c in the end
 *     1. x_i <- x_i + (ln r_i - ln sum_j P_ij) / eta
 *     2. y_j <- y_j + (ln c_j - ln sum_i P_ij) / eta
 *     3. err = sum_i |r_i - sum_j P_ij|
 *
 * The potentials x and y are the parameters; several of one role count as one vector. Everything is read from inputs,
 * nothing is asked for. Sums are of exp(a - max a), in double, so that no eta is too large. Each half is exact ascent
 * on the concave dual r'x + c'y - sum_ij P_ij / eta. State: err.
 */
#include "blocks/logsum.h"
#include "engine/method.h"

enum { ETA };
static const option_t OPTIONS[] = {
    [ETA] = {"eta", 10, "(0,inf)", "inverse weight of the entropy: the larger, the nearer to the cheapest plan"},
    {0},
};

enum { X_ROLE, Y_ROLE };

enum { COST, ROWS, COLUMNS };
static const input_t INPUTS[] = {
    [COST] = {"cost", "C, n x m for n elements with role=x and m with role=y", INPUT_OF_METHOD, false},
    [ROWS] = {"r", "marginal of the rows, n positive numbers", INPUT_OF_METHOD, false},
    [COLUMNS] = {"c", "marginal of the columns, m positive numbers", INPUT_OF_METHOD, false},
    {0},
};

typedef struct memory {
    double err;
} memory_t;
static const field_t FIELDS[] = {
    {"err", "how far the row sums are from r, in the sum of moduli", FIELD(OF_METHOD, memory_t, err)},
    {0},
};

typedef struct constants {
    double eta;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){group->option[ETA]};
}

/* ---- Inputs ---- */

static size_t elements(const step_t *s, int role) {
    size_t count = 0;
    for (size_t i = 0; i < step_tensor_count(s); ++i) {
        const tensor_t *tensor = step_parameter(s, i);
        count += tensor != NULL && tensor->role == role ? tensor->count : 0;
    }
    return count;
}

static bool is_positive(const input_view_t *marginal) {
    for (size_t i = 0; i < marginal->count; ++i) {
        double room;
        if (!(*input_doubles(marginal, i, 1, &room) >= DBL_MIN))
            return false;
    }
    return true;
}

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *cost = step_input(s, COST), *r = step_input(s, ROWS), *c = step_input(s, COLUMNS);
    const size_t n = elements(s, X_ROLE), m = elements(s, Y_ROLE);
    if (cost->ndim != 2 || (size_t)cost->dims[0] != n || (size_t)cost->dims[1] != m)
        return "the input \"cost\" must have a row for each element with role=x, a column for each with role=y";
    if (r->count != n || !is_positive(r))
        return "the input \"r\" must have a positive number for each element with role=x";
    if (c->count != m || !is_positive(c))
        return "the input \"c\" must have a positive number for each element with role=y";
    return NULL;
}

/* ---- Sums of exponentials ---- */

enum { BLOCK = 256 };

static size_t block_of(size_t count, size_t from) {
    return count - from < BLOCK ? count - from : BLOCK;
}

/* What kernels take: whose potentials are moved, and what sums of theirs shall be. */
typedef struct half {
    const step_t *step;
    const input_view_t *cost, *marginal;
    int role;
} half_t;

/* Adds exp(eta (y_j - C_ij)) over all j of one parameter. */
static void add_columns(const half_t *half, double eta, size_t row, size_t tensor, logsum_t *l) {
    double y[BLOCK], room[BLOCK];
    const tensor_t *other = step_parameter(half->step, tensor);
    const size_t from = row * (size_t)half->cost->dims[1] + other->role_flat;
    for (size_t first = 0; first < other->count; first += BLOCK) {
        const size_t n = block_of(other->count, first);
        const double *cost = input_doubles(half->cost, from + first, n, room);
        step_parameter_read(half->step, tensor, first, n, y);
        for (size_t j = 0; j < n; ++j)
            logsum_add(l, eta * (y[j] - cost[j]));
    }
}

/* Adds exp(eta (x_i - C_ij)) over all i of one parameter, to each of n columns. */
static void add_rows(const half_t *half, double eta, size_t column, size_t n, size_t tensor, logsum_t *l) {
    double x[BLOCK], room[BLOCK];
    const tensor_t *other = step_parameter(half->step, tensor);
    const size_t columns = (size_t)half->cost->dims[1];
    for (size_t i = 0; i < other->count; ++i) {
        if (i % BLOCK == 0)
            step_parameter_read(half->step, tensor, i, block_of(other->count, i), x);
        const double *cost = input_doubles(half->cost, (other->role_flat + i) * columns + column, n, room);
        for (size_t j = 0; j < n; ++j)
            logsum_add(&l[j], eta * (x[i % BLOCK] - cost[j]));
    }
}

/* For n elements of this role from `place` on: ln of the sum over the other role, without their own potential. */
static void log_sums(const half_t *half, double eta, size_t place, size_t n, double *log_sum) {
    logsum_t l[BLOCK];
    for (size_t i = 0; i < n; ++i)
        l[i] = logsum_empty();
    for (size_t k = 0; k < step_tensor_count(half->step); ++k) {
        const tensor_t *other = step_parameter(half->step, k);
        if (other == NULL || other->role == half->role)
            continue;
        if (half->role == Y_ROLE)
            add_rows(half, eta, place, n, k, l);
        for (size_t i = 0; half->role == X_ROLE && i < n; ++i)
            add_columns(half, eta, place + i, k, &l[i]);
    }
    for (size_t i = 0; i < n; ++i)
        log_sum[i] = logsum_log(l[i]);
}

/* ---- Kernels ---- */

/* Line 1 or 2. */
static void match(const tile_t *t) {
    const half_t *half = t->arguments;
    const double eta = ((const constants_t *)t->constants)->eta;
    double log_sum[BLOCK], room[BLOCK];
    real *p = t->p;
    for (size_t first = 0; t->tensor->role == half->role && first < t->n; first += BLOCK) {
        const size_t n = block_of(t->n, first), place = t->tensor->role_flat + t->offset + first;
        const double *marginal = input_doubles(half->marginal, place, n, room);
        log_sums(half, eta, place, n, log_sum);
        for (size_t i = 0; i < n; ++i)
            p[first + i] = log_sum[i] == -(double)INFINITY
                               ? p[first + i] /* no pairs, or forbidden ones alone */
                               : (real)((elementary_log(marginal[i]) + 1 - log_sum[i]) / eta);
    }
}

/* Line 3: what is added up. */
static void miss(const tile_t *t) {
    const half_t *half = t->arguments;
    const double eta = ((const constants_t *)t->constants)->eta;
    double log_sum[BLOCK], room[BLOCK], *term = t->term[0];
    const real *p = t->p;
    memset(term, 0, t->n * sizeof *term);
    for (size_t first = 0; t->tensor->role == half->role && first < t->n; first += BLOCK) {
        const size_t n = block_of(t->n, first), place = t->tensor->role_flat + t->offset + first;
        const double *marginal = input_doubles(half->marginal, place, n, room);
        log_sums(half, eta, place, n, log_sum);
        for (size_t i = 0; i < n; ++i)
            term[first + i] = fabs(marginal[i] - logsum_exp(eta * (double)p[first + i] - 1 + log_sum[i]));
    }
}

enum { MATCH, MISS };

static optim_status advance(step_t *s) {
    const half_t rows = {s, step_input(s, COST), step_input(s, ROWS), X_ROLE};
    const half_t columns = {s, step_input(s, COST), step_input(s, COLUMNS), Y_ROLE};
    step_tensors(s, MATCH, &rows);
    step_tensors(s, MATCH, &columns);
    ((memory_t *)s->memory)->err = step_reduce(s, MISS, &rows, 1)[0];
    return OPTIM_OK;
}

const method_t METHOD(sinkhorn) = {
    .name = "sinkhorn",
    .purpose = "optimal transport with an entropy, by matching the marginals in turn",
    .citation = "Cuturi: Sinkhorn Distances: Lightspeed Computation of Optimal Transport, NeurIPS 2013; "
                "Tang et al.: Accelerating Sinkhorn Algorithm with Sparse Newton Iterations, 2024, arXiv:2401.12253",
    .evaluations = "none",
    .options = OPTIONS,
    .inputs = INPUTS,
    .roles = "x|y",
    .flags = WHOLE_TENSORS | VALUES_ONLY,
    .constants = sizeof(constants_t),
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .refuses_inputs = refuses_inputs,
    .prepare = prepare,
    .advance = advance,
    .kernels = {match, miss},
    .arguments = {sizeof(half_t), sizeof(half_t)},
};
