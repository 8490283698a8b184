/*
 * sinkhorn: optimal transport with an entropy, by matching the marginals in turn.
 *
 * Cuturi, "Sinkhorn Distances: Lightspeed Computation of Optimal Transport", 2013; the form of Tang, Shavlovsky, Rahmanian,
 * Tardini, Thekumparampil, Xiao, Ying, "Accelerating Sinkhorn Algorithm with Sparse Newton Iterations", 2024,
 * arXiv:2401.12253.
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
        if (!(*input_doubles(marginal, i, 1, &room) > 0))
            return false;
    }
    return true;
}

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *cost = step_input(s, COST), *r = step_input(s, ROWS), *c = step_input(s, COLUMNS);
    const size_t n = elements(s, X_ROLE), m = elements(s, Y_ROLE);
    if (m == 0)
        return "the potentials of the columns must be in a group with role=y";
    if (cost->ndim != 2 || (size_t)cost->dims[0] != n || (size_t)cost->dims[1] != m)
        return "the input \"cost\" must have a row for each element with role=x, a column for each with role=y";
    if (r->count != n || !is_positive(r))
        return "the input \"r\" must have a positive number for each element with role=x";
    if (c->count != m || !is_positive(c))
        return "the input \"c\" must have a positive number for each element with role=y";
    return NULL;
}

/* ---- Sums of exponentials ---- */

/* sum_k exp(a_k) = sum exp(most) of those a_k that were added. */
typedef struct logsum {
    double most, sum;
} logsum_t;

static const logsum_t NOTHING = {-INFINITY, 0};

static inline void add(logsum_t *l, double a) {
    if (a > l->most) {
        l->sum = l->sum * exp(l->most - a) + 1;
        l->most = a;
    } else if (!(a < -DBL_MAX)) { /* a pair that an infinite cost forbids */
        l->sum += exp(a - l->most);
    }
}

static inline double log_of(logsum_t l) {
    return l.most + log(l.sum);
}

enum { BLOCK = 256 };

static size_t block_of(size_t count, size_t from) {
    return count - from < BLOCK ? count - from : BLOCK;
}

/* What kernels take. The costs of a tile lie in the rows, or columns, from the tile's place on. */
typedef struct data {
    const step_t *step;
    const input_view_t *cost, *marginal;
} data_t;

/* Adds exp(eta (y_j - C_ij)) over all j of one parameter. */
static void add_columns(const data_t *data, double eta, size_t row, size_t tensor, logsum_t *l) {
    double y[BLOCK], room[BLOCK];
    const tensor_t *other = step_parameter(data->step, tensor);
    const size_t from = row * (size_t)data->cost->dims[1] + other->role_flat;
    for (size_t first = 0; first < other->count; first += BLOCK) {
        const size_t n = block_of(other->count, first);
        const double *cost = input_doubles(data->cost, from + first, n, room);
        step_parameter_read(data->step, tensor, first, n, y);
        for (size_t j = 0; j < n; ++j)
            add(l, eta * (y[j] - cost[j]));
    }
}

/* Adds exp(eta (x_i - C_ij)) over all i of one parameter, to each of n columns. */
static void add_rows(const data_t *data, double eta, size_t column, size_t n, size_t tensor, logsum_t *l) {
    double x[BLOCK], room[BLOCK];
    const tensor_t *other = step_parameter(data->step, tensor);
    const size_t columns = (size_t)data->cost->dims[1];
    for (size_t i = 0; i < other->count; ++i) {
        if (i % BLOCK == 0)
            step_parameter_read(data->step, tensor, i, block_of(other->count, i), x);
        const double *cost = input_doubles(data->cost, (other->role_flat + i) * columns + column, n, room);
        for (size_t j = 0; j < n; ++j)
            add(&l[j], eta * (x[i % BLOCK] - cost[j]));
    }
}

/* For n elements of the tile from `first` on: ln of the sum over the other role, without their own potential. */
static void log_sums(const tile_t *t, size_t first, size_t n, logsum_t *l) {
    const data_t *data = t->arguments;
    const double eta = ((const constants_t *)t->constants)->eta;
    const size_t place = t->tensor->role_flat + t->offset + first;
    for (size_t j = 0; j < n; ++j)
        l[j] = NOTHING;
    for (size_t k = 0; k < step_tensor_count(data->step); ++k) {
        const tensor_t *other = step_parameter(data->step, k);
        if (other == NULL || other->role == t->tensor->role)
            continue;
        if (t->tensor->role == Y_ROLE)
            add_rows(data, eta, place, n, k, l);
        for (size_t i = 0; t->tensor->role == X_ROLE && i < n; ++i)
            add_columns(data, eta, place + i, k, &l[i]);
    }
}

/* ---- Kernels ---- */

/* Line 1 or 2. */
static void match(const tile_t *t) {
    logsum_t l[BLOCK];
    double room[BLOCK];
    const data_t *data = t->arguments;
    const double eta = ((const constants_t *)t->constants)->eta;
    real *p = t->p;
    for (size_t first = 0; first < t->n; first += BLOCK) {
        const size_t n = block_of(t->n, first);
        const double *marginal = input_doubles(data->marginal, t->tensor->role_flat + first, n, room);
        log_sums(t, first, n, l);
        for (size_t i = 0; i < n; ++i)
            p[first + i] = (real)((log(marginal[i]) + 1 - log_of(l[i])) / eta);
    }
}
static void match_rows(const tile_t *t) {
    if (t->tensor->role == X_ROLE)
        match(t);
}
static void match_columns(const tile_t *t) {
    if (t->tensor->role == Y_ROLE)
        match(t);
}

/* Line 3. */
static void miss(const tile_t *t) {
    logsum_t l[BLOCK];
    double room[BLOCK];
    const data_t *data = t->arguments;
    const double eta = ((const constants_t *)t->constants)->eta;
    const real *p = t->p;
    for (size_t first = 0; first < t->n; first += BLOCK) {
        const bool is_row = t->tensor->role == X_ROLE;
        const size_t n = block_of(t->n, first);
        const double *r =
            is_row ? input_doubles(data->marginal, t->tensor->role_flat + t->offset + first, n, room) : room;
        if (is_row)
            log_sums(t, first, n, l);
        for (size_t i = 0; i < n; ++i)
            t->term[0][first + i] = is_row ? fabs(r[i] - exp(eta * (double)p[first + i] - 1 + log_of(l[i]))) : 0;
    }
}

enum { MATCH_ROWS, MATCH_COLUMNS, MISS };

static optim_status advance(step_t *s) {
    const data_t rows = {s, step_input(s, COST), step_input(s, ROWS)};
    const data_t columns = {s, step_input(s, COST), step_input(s, COLUMNS)};
    step_tensors(s, MATCH_ROWS, &rows);
    step_tensors(s, MATCH_COLUMNS, &columns);
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
    .kernels = {match_rows, match_columns, miss},
    .arguments = {[MATCH_ROWS] = sizeof(data_t), [MATCH_COLUMNS] = sizeof(data_t), [MISS] = sizeof(data_t)},
};
