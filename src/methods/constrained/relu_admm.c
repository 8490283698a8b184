/*
 * relu_admm: the global optimum of a network of two layers with ReLU units, as a convex program with groups.
 *
 * Bai, Gautam, Sojoudi, "Efficient Global Optimization of Two-layer ReLU Networks: Quadratic-time Algorithms and
 * Adversarial Training", 2022, arXiv:2201.01965, algorithm 3.1.
 *
 *     min 1/2 |F v - y|^2 + reg sum_i |v_i|  over 2 P blocks v_i of length d,  (2 D_i - I) X v_i >= 0
 *     D_p = diag(X h_p >= 0) of gate h_p, of blocks p and P + p;  F = [D_1 X .. D_P X, -D_1 X .. -D_P X];
 *     G_i = (2 D_i - I) X;  M = I + F'F / rho + blockdiag(G_i'G_i), factored once
 *     1. u <- M^-1 (F'y / rho + v - lambda + G'(s - nu))
 *     2. v_i <- a_i max(0, 1 - (reg / rho) / |a_i|),  a = u + lambda
 *     3. s <- max(G u + nu, 0)
 *     4. lambda <- lambda + gamma (u - v),  nu <- nu + gamma (G u - s)
 *
 * The parameter is u, a block in each row; the output is v. Samples are components. Without the input `gates` they are
 * drawn, normal, in the first step. M is factored anew where rho has changed, not where inputs have. All in double.
 * State: v, lambda, gates, 20 bytes a parameter, s and nu, 16 for each block and sample, and M, 8 (2 P d)^2.
 */
#include <string.h>

#include "blocks/double_state.h"
#include "blocks/double_vector.h"
#include "blocks/square.h"
#include "linear/linear.h"

enum { RHO, REG, GAMMA };
static const option_t OPTIONS[] = {
    [RHO] = {"rho", 0.1, "(0,inf)", "weight of the distance between the copies"},
    [REG] = {"reg", 0.01, "[0,inf)", "weight of the sum of norms"},
    [GAMMA] = {"gamma", 1, "(0,1.618)", "step of the multipliers"},
    {0},
};

enum { DATA, TARGETS, GATES_INPUT };
static const input_t INPUTS[] = {
    [DATA] = {"X", "a row for each sample, a column for each of u", INPUT_OF_METHOD, false},
    [TARGETS] = {"y", "a number for each sample", INPUT_OF_METHOD, false},
    [GATES_INPUT] = {"gates", "half as many rows as u; without it they are drawn", INPUT_OF_METHOD, true},
    {0},
};

static int blocks_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)option;
    (void)axis;
    dims[0] = (int64_t)tensor_axis(tensor, 0);
    return 1;
}
static int gates_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    const int ndim = dims_of_parameter(tensor, option, axis, dims);
    dims[0] /= 2;
    return ndim;
}
#define DOUBLES(name, doc, role, dims_of)                                                                              \
    { name, doc, SHAPED, role, .type = TYPE_DOUBLE, .dims = (dims_of) }
#define BY_SAMPLE(name, doc)                                                                                           \
    { name, doc, SHAPED, KEPT, .type = TYPE_DOUBLE, .dims = blocks_dims, .each = EACH_COMPONENT }
enum { V, LAMBDA, GATES, SYSTEM, S, NU, U, ROW };
static const state_t STATE[] = {
    [V] = DOUBLES("v", "the copy that the norms see", KEPT, dims_of_parameter),
    [LAMBDA] = DOUBLES("lambda", "multiplier of u = v", KEPT, dims_of_parameter),
    [GATES] = DOUBLES("gates", "the gates", KEPT, gates_dims),
    [SYSTEM] = DOUBLES("system", "Cholesky factor of M", KEPT, square_dims),
    [S] = BY_SAMPLE("s", "the copy of G u that is not negative"),
    [NU] = BY_SAMPLE("nu", "multiplier of G u = s"),
    [U] = DOUBLES("u_new", "u of the step", WITHIN_STEP, dims_of_parameter),
    [ROW] = DOUBLES("row", "a row of F", WITHIN_STEP, dims_of_parameter),
    {0},
};

typedef struct memory {
    double objective, violation, factored;
} memory_t;
static const field_t FIELDS[] = {
    {"objective", "at v", FIELD(OF_METHOD, memory_t, objective)},
    {"violation", "by how much v misses its constraints", FIELD(OF_METHOD, memory_t, violation)},
    {"factored", "rho that M was factored for", FIELD(OF_METHOD, memory_t, factored)},
    {0},
};

/* ---- The program ---- */

typedef struct program {
    const input_view_t *x, *y;
    size_t n, d, blocks, pace; /* doubles from sample to sample of s and nu */
    double *v, *lambda, *gates, *system, *s, *nu, *u, *row;
    double rho, reg, gamma;
} program_t;

static const tensor_t *blocks_of(const step_t *s) {
    for (size_t i = 0; i < step_tensor_count(s); ++i)
        if (step_parameter(s, i) != NULL && step_parameter(s, i)->count > 0)
            return step_parameter(s, i);
    return NULL;
}

static program_t program_of(const step_t *s) {
    const size_t id = blocks_of(s)->id;
    const double *o = s->option;
    size_t none, pace;
    program_t p = {.x = step_input(s, DATA),
                   .y = step_input(s, TARGETS),
                   .n = (size_t)s->components,
                   .d = tensor_columns(blocks_of(s)),
                   .blocks = tensor_rows(blocks_of(s)),
                   .v = step_state(s, id, V, &none),
                   .lambda = step_state(s, id, LAMBDA, &none),
                   .gates = step_state(s, id, GATES, &none),
                   .system = step_state(s, id, SYSTEM, &none),
                   .s = step_state(s, id, S, &pace),
                   .nu = step_state(s, id, NU, &pace),
                   .u = step_state(s, id, U, &none),
                   .row = step_state(s, id, ROW, &none),
                   .rho = o[RHO],
                   .reg = o[REG],
                   .gamma = o[GAMMA]};
    p.pace = pace / sizeof(double);
    return p;
}

static double entry(const program_t *p, size_t k, size_t j) {
    double room;
    return *input_doubles(p->x, k * p->d + j, 1, &room);
}

/* <x_k, w> */
static double along(const program_t *p, size_t k, const double *w) {
    double sum = 0;
    for (size_t j = 0; j < p->d; ++j)
        sum += entry(p, k, j) * w[j];
    return sum;
}

/* Whether sample k passes the gate of block i. */
static bool passes(const program_t *p, size_t k, size_t i) {
    return along(p, k, p->gates + i % (p->blocks / 2) * p->d) >= 0;
}

/* The row of F that belongs to sample k, in p->row; and (F w)_k. */
static void make_row(const program_t *p, size_t k) {
    for (size_t i = 0; i < p->blocks; ++i) {
        const double sign = !passes(p, k, i) ? 0 : i < p->blocks / 2 ? 1 : -1;
        for (size_t j = 0; j < p->d; ++j)
            p->row[i * p->d + j] = sign * entry(p, k, j);
    }
}

/* (G_i w)_k */
static double gated(const program_t *p, size_t k, size_t i, const double *w) {
    const double value = along(p, k, w + i * p->d);
    return passes(p, k, i) ? value : -value;
}

static void fill_gates(step_t *s, const program_t *p) {
    const input_view_t *gates = step_input(s, GATES_INPUT);
    for (size_t i = 0; i < p->blocks / 2 * p->d; ++i) {
        double room;
        p->gates[i] = gates == NULL ? step_normal(s) : *input_doubles(gates, i, 1, &room);
    }
}

static linear_status_t factor(const program_t *p) {
    const size_t size = p->blocks * p->d, d = p->d > 0 ? p->d : 1;
    memset(p->system, 0, size * size * sizeof *p->system);
    for (size_t i = 0; i < size; ++i)
        p->system[i * size + i] = 1;
    for (size_t k = 0; k < p->n; ++k) {
        make_row(p, k);
        for (size_t i = 0; i < size; ++i)
            for (size_t j = 0; j <= i; ++j) {
                const bool same = i / d == j / d; /* G_i'G_i = X'X */
                p->system[i * size + j] +=
                    p->row[i] * p->row[j] / p->rho + (same ? entry(p, k, i % d) * entry(p, k, j % d) : 0);
            }
    }
    return linear_cholesky(size, p->system);
}

/* ---- The step ---- */

/* Line 1. */
static void solve_u(const program_t *p) {
    const size_t size = p->blocks * p->d;
    for (size_t i = 0; i < size; ++i)
        p->u[i] = p->v[i] - p->lambda[i];
    for (size_t k = 0; k < p->n; ++k) {
        double room;
        const double target = *input_doubles(p->y, k, 1, &room) / p->rho;
        make_row(p, k);
        for (size_t i = 0; i < p->blocks; ++i) {
            const double apart = p->s[k * p->pace + i] - p->nu[k * p->pace + i];
            const double signed_apart = passes(p, k, i) ? apart : -apart;
            for (size_t j = 0; j < p->d; ++j)
                p->u[i * p->d + j] += p->row[i * p->d + j] * target + entry(p, k, j) * signed_apart;
        }
    }
    linear_cholesky_solve_rows(size, p->system, 1, p->u);
}

/* Lines 2 to 4. */
static void shrink(const program_t *p) {
    for (size_t i = 0; i < p->blocks; ++i) {
        double *u = p->u + i * p->d, *v = p->v + i * p->d, *lambda = p->lambda + i * p->d;
        for (size_t j = 0; j < p->d; ++j)
            v[j] = u[j] + lambda[j];
        const double length = norm(p->d, v), kept = length > 0 ? fmax(0, 1 - p->reg / p->rho / length) : 0;
        for (size_t j = 0; j < p->d; ++j) {
            v[j] *= kept;
            lambda[j] += p->gamma * (u[j] - v[j]);
        }
    }
    for (size_t k = 0; k < p->n; ++k)
        for (size_t i = 0; i < p->blocks; ++i) {
            double *s = &p->s[k * p->pace + i], *nu = &p->nu[k * p->pace + i];
            const double value = gated(p, k, i, p->u);
            *s = fmax(value + *nu, 0);
            *nu += p->gamma * (value - *s);
        }
}

static void report(const program_t *p, memory_t *m) {
    m->objective = m->violation = 0;
    for (size_t k = 0; k < p->n; ++k) {
        double room, miss = -*input_doubles(p->y, k, 1, &room);
        make_row(p, k);
        for (size_t i = 0; i < p->blocks * p->d; ++i)
            miss += p->row[i] * p->v[i];
        m->objective += miss * miss / 2;
        for (size_t i = 0; i < p->blocks; ++i)
            m->violation = fmax(m->violation, -gated(p, k, i, p->v));
    }
    for (size_t i = 0; i < p->blocks; ++i)
        m->objective += p->reg * norm(p->d, p->v + i * p->d);
}

static void take(const tile_t *t) {
    const double *u = tile_doubles(t, U);
    real *p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = (real)u[i];
}

static void output(const tile_t *t) {
    const double *v = tile_doubles(t, V);
    real *out = t->out;
    for (size_t i = 0; i < t->n; ++i)
        out[i] = (real)v[i];
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const tensor_t *blocks = blocks_of(s);
    if (blocks == NULL || step_tensor(s, blocks->id) == NULL)
        return OPTIM_OK;
    const program_t p = program_of(s);
    const bool is_first = step_tensor_clock(s, blocks->id) == 1;
    if (is_first)
        fill_gates(s, &p);
    if (is_first || m->factored != p.rho) {
        const linear_status_t status = factor(&p);
        if (status != LINEAR_OK)
            return step_fail(s, OPTIM_ERR_DOMAIN, "M cannot be factored: the data are too large");
    }
    m->factored = p.rho;
    solve_u(&p);
    shrink(&p);
    report(&p, m);
    step_update(s, 0, NULL);
    return OPTIM_OK;
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    enum { MOST = 1 << 15 };
    (void)option;
    if (tensor->ndim != 2 || tensor->dims[0] % 2 != 0)
        return "it takes one matrix of an even number of rows";
    return tensor->count > MOST ? "a system of so many unknowns is too large: it takes up to 32768" : NULL;
}

static bool has_numbers(const input_view_t *input, int64_t rows, int64_t columns) {
    return input->count == (size_t)rows * (size_t)columns && (columns <= 1 || input->ndim == 2) &&
           input->dims[0] == rows && input_is_finite(input);
}

static const char *refuses_inputs(const step_t *s) {
    const tensor_t *blocks = blocks_of(s);
    const input_view_t *gates = step_input(s, GATES_INPUT);
    size_t count = 0;
    for (size_t i = 0; i < step_tensor_count(s); ++i)
        count += step_parameter(s, i) != NULL && step_parameter(s, i)->count > 0;
    if (count == 0)
        return NULL;
    if (count > 1)
        return "it takes one matrix of an even number of rows";
    if (!has_numbers(step_input(s, DATA), s->components, blocks->dims[1]))
        return "the input \"X\" must have a row for each component and a column for each of u, of finite numbers";
    if (!has_numbers(step_input(s, TARGETS), s->components, 1))
        return "the input \"y\" must have a finite number for each component";
    return gates != NULL && !has_numbers(gates, blocks->dims[0] / 2, blocks->dims[1])
               ? "the input \"gates\" must have half as many rows as u and as many columns, of finite numbers"
               : NULL;
}

const method_t METHOD(relu_admm) = {
    .name = "relu_admm",
    .purpose = "the global optimum of a network of two layers with ReLU units, as a convex program",
    .citation = "Bai, Gautam, Sojoudi: Efficient Global Optimization of Two-layer ReLU Networks: Quadratic-time "
                "Algorithms and Adversarial Training, 2022, arXiv:2201.01965",
    .evaluations = "none",
    .options = OPTIONS,
    .inputs = INPUTS,
    .states = STATE,
    .fields = FIELDS,
    .flags = VALUES_ONLY | NEEDS_COMPONENTS | NEEDS_LAPACK | MAY_FAIL,
    .memory = sizeof(memory_t),
    .refuses = refuses,
    .refuses_inputs = refuses_inputs,
    .advance = advance,
    .kernels = {take},
    .output = output,
};
