/*
 * Optimal transport with an entropy: what methods share whose parameters are its potentials, x of groups with role=x
 * and y of those with role=y. The plan is P_ij = exp(eta (x_i + y_j - C_ij) - 1), with sums that are taken of
 * exp(a - max a) in double, so that no eta is too large. Several parameters of one role count as one vector.
 */
#ifndef BLOCKS_TRANSPORT_H
#define BLOCKS_TRANSPORT_H

#include <string.h>

#include "blocks/logsum.h"
#include "engine/method.h"

/* The first row of the option table. */
enum { TRANSPORT_ETA };
#define TRANSPORT_ETA_ROW                                                                                              \
    { "eta", 10, "(0,inf)", "inverse weight of the entropy: the larger, the nearer to the cheapest plan" }

enum { X_ROLE, Y_ROLE };
#define TRANSPORT_ROLES "x|y"

enum { COST, ROWS, COLUMNS };
static const input_t TRANSPORT_INPUTS[] = {
    [COST] = {"cost", "C, n x m for n elements with role=x and m with role=y", INPUT_OF_METHOD, false},
    [ROWS] = {"r", "marginal of the rows, n positive numbers", INPUT_OF_METHOD, false},
    [COLUMNS] = {"c", "marginal of the columns, m positive numbers", INPUT_OF_METHOD, false},
    {0},
};

#define TRANSPORT_ERR_ROW(doc, type, member)                                                                           \
    { "err", doc, FIELD(OF_METHOD, type, member) }

typedef struct transport_constants {
    double eta;
} transport_constants_t;

static void transport_prepare(const group_t *group, void *constants) {
    *(transport_constants_t *)constants = (transport_constants_t){group->option[TRANSPORT_ETA]};
}

/* ---- Inputs ---- */

static size_t transport_elements(const step_t *s, int role) {
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

static const char *transport_refuses_inputs(const step_t *s) {
    const input_view_t *cost = step_input(s, COST), *r = step_input(s, ROWS), *c = step_input(s, COLUMNS);
    const size_t n = transport_elements(s, X_ROLE), m = transport_elements(s, Y_ROLE);
    if (cost->ndim != 2 || (size_t)cost->dims[0] != n || (size_t)cost->dims[1] != m)
        return "the input \"cost\" must have a row for each element with role=x, a column for each with role=y";
    if (r->count != n || !is_positive(r))
        return "the input \"r\" must have a positive number for each element with role=x";
    if (c->count != m || !is_positive(c))
        return "the input \"c\" must have a positive number for each element with role=y";
    return NULL;
}

/* ---- Sums of exponentials ---- */

enum { TRANSPORT_BLOCK = 256 };

static size_t block_of(size_t count, size_t from) {
    return count - from < TRANSPORT_BLOCK ? count - from : TRANSPORT_BLOCK;
}

/* What kernels take: whose potentials are moved, and what sums of theirs shall be. */
typedef struct transport_half {
    const step_t *step;
    const input_view_t *cost, *marginal;
    int role;
} transport_half_t;

/* Adds exp(eta (y_j - C_ij)) over all j of one parameter. */
static void add_columns(const transport_half_t *half, double eta, size_t row, size_t tensor, logsum_t *l) {
    double y[TRANSPORT_BLOCK], room[TRANSPORT_BLOCK];
    const tensor_t *other = step_parameter(half->step, tensor);
    const size_t from = row * (size_t)half->cost->dims[1] + other->first_of_role;
    for (size_t first = 0; first < other->count; first += TRANSPORT_BLOCK) {
        const size_t n = block_of(other->count, first);
        const double *cost = input_doubles(half->cost, from + first, n, room);
        step_parameter_read(half->step, tensor, first, n, y);
        for (size_t j = 0; j < n; ++j)
            logsum_add(l, eta * (y[j] - cost[j]));
    }
}

/* Adds exp(eta (x_i - C_ij)) over all i of one parameter, to each of n columns. */
static void add_rows(const transport_half_t *half, double eta, size_t column, size_t n, size_t tensor, logsum_t *l) {
    double x[TRANSPORT_BLOCK], room[TRANSPORT_BLOCK];
    const tensor_t *other = step_parameter(half->step, tensor);
    const size_t columns = (size_t)half->cost->dims[1];
    for (size_t i = 0; i < other->count; ++i) {
        if (i % TRANSPORT_BLOCK == 0)
            step_parameter_read(half->step, tensor, i, block_of(other->count, i), x);
        const double *cost = input_doubles(half->cost, (other->first_of_role + i) * columns + column, n, room);
        for (size_t j = 0; j < n; ++j)
            logsum_add(&l[j], eta * (x[i % TRANSPORT_BLOCK] - cost[j]));
    }
}

/* For n elements of this role from `place` on: ln of the sum over the other role, without their own potential. */
static void log_sums(const transport_half_t *half, double eta, size_t place, size_t n, double *log_sum) {
    logsum_t l[TRANSPORT_BLOCK];
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

/* Makes one marginal right, on whole tensors: the potentials of that role <- + (ln marginal - ln sum of P) / eta. */
static void transport_match(const tile_t *t) {
    const transport_half_t *half = t->arguments;
    const double eta = ((const transport_constants_t *)t->constants)->eta;
    double log_sum[TRANSPORT_BLOCK], room[TRANSPORT_BLOCK];
    real *p = t->p;
    for (size_t first = 0; t->tensor->role == half->role && first < t->n; first += TRANSPORT_BLOCK) {
        const size_t n = block_of(t->n, first), place = t->tensor->first_of_role + t->offset + first;
        const double *marginal = input_doubles(half->marginal, place, n, room);
        log_sums(half, eta, place, n, log_sum);
        for (size_t i = 0; i < n; ++i)
            p[first + i] = log_sum[i] == -(double)INFINITY
                               ? p[first + i] /* no pairs, or forbidden ones alone */
                               : (real)((elementary_log(marginal[i]) + 1 - log_sum[i]) / eta);
    }
}

/* How far the row or column sums are from it: what a reduction adds up. */
static void transport_miss(const tile_t *t) {
    const transport_half_t *half = t->arguments;
    const double eta = ((const transport_constants_t *)t->constants)->eta;
    double log_sum[TRANSPORT_BLOCK], room[TRANSPORT_BLOCK], *term = t->term[0];
    const real *p = t->p;
    memset(term, 0, t->n * sizeof *term);
    for (size_t first = 0; t->tensor->role == half->role && first < t->n; first += TRANSPORT_BLOCK) {
        const size_t n = block_of(t->n, first), place = t->tensor->first_of_role + t->offset + first;
        const double *marginal = input_doubles(half->marginal, place, n, room);
        log_sums(half, eta, place, n, log_sum);
        for (size_t i = 0; i < n; ++i)
            term[first + i] = fabs(marginal[i] - logsum_exp(eta * (double)p[first + i] - 1 + log_sum[i]));
    }
}

/* ---- A step of Sinkhorn's ---- */

/* Numbers of both kernels. */
enum { TRANSPORT_MATCH, TRANSPORT_MISS, TRANSPORT_KERNEL_COUNT };
#define TRANSPORT_KERNELS transport_match, transport_miss
#define TRANSPORT_ARGUMENTS sizeof(transport_half_t), sizeof(transport_half_t)

static transport_half_t transport_half(const step_t *s, int role) {
    return (transport_half_t){s, step_input(s, COST), step_input(s, role == X_ROLE ? ROWS : COLUMNS), role};
}

static void transport_sweep(step_t *s) {
    const transport_half_t rows = transport_half(s, X_ROLE), columns = transport_half(s, Y_ROLE);
    step_tensors(s, TRANSPORT_MATCH, &rows);
    step_tensors(s, TRANSPORT_MATCH, &columns);
}

/* How far the sums of that role are from their marginal. */
static double transport_err(step_t *s, int role) {
    const transport_half_t half = transport_half(s, role);
    return step_reduce(s, TRANSPORT_MISS, &half, 1)[0];
}

#endif
