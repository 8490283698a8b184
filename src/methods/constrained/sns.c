/*
 * sns: optimal transport with an entropy, by Sinkhorn's steps first and then by Newton's with a Hessian made sparse.
 *
 * Tang, Shavlovsky, Rahmanian, Tardini, Thekumparampil, Xiao, Ying, "Accelerating Sinkhorn Algorithm with Sparse Newton
 * Iterations", 2024, arXiv:2401.12253, algorithm 1.
 *
 *     P_ij = exp(eta (x_i + y_j - C_ij) - 1);   L = r'x + c'y - sum_ij P_ij / eta, to be maximised
 *     1. steps 1 to warm:  x_i <- x_i + (ln r_i - ln sum_j P_ij) / eta,   y_j <- y_j + (ln c_j - ln sum_i P_ij) / eta
 *     2. then:  S = the ceil(sparsity n m) largest entries of P (of equal ones the first, row by row), 0 elsewhere
 *     3.        g = (r - P1, c - P'1),   H = eta [diag(P1) S; S' diag(P'1)]
 *     4.        s from H s = g by n + m steps of conjugate gradients from 0, until |residual|^2 <= 1e-28 or
 *               q'Hq <= 1e-14 |q|^2
 *     5.        t = 1, 1/2, ... until L grows by 1e-4 t g's or t <= 1e-10;   (x, y) <- (x, y) + t s
 *     6. err = sum_i |r_i - sum_j P_ij| + sum_j |c_j - sum_i P_ij|
 *
 * What L grows by is computed as t g's - sum_ij P_ij (e^z - 1 - z) / eta, z = eta t (s_i + s_j), which loses no step to
 * rounding. Frozen potentials have no share in g, H and s. Everything is in double. State: err; within a
 * step P and S, up to 2 (1 + 2 sparsity) (n + m)^2 bytes, and 64 bytes a potential.
 */
#include "blocks/agree.h"
#include "blocks/double_vector.h"
#include "blocks/transport.h"

enum { WARM = TRANSPORT_ETA + 1, SPARSITY };
static const option_t OPTIONS[] = {
    [TRANSPORT_ETA] = TRANSPORT_ETA_ROW,
    [WARM] = {"warm", 10, "integer [1,inf)", "Sinkhorn's steps before the first one of Newton's"},
    [SPARSITY] = {"sparsity", 0.5, "(0,1]", "share of the plan that the Hessian sees", .decides_memory = true},
    {0},
};

typedef struct memory {
    double err;
    double *plan, *kept, *column, *vectors;
} memory_t;

enum { Z, G, DIAGONAL, S, RESIDUAL, Q, HQ, ROW_END, VECTORS };

/* No product n m is larger, n + m being the elements. */
static size_t plan_length(size_t elements, const double *option) {
    enum { MOST = 1 << 16 };
    (void)option;
    return elements > MOST ? PTRDIFF_MAX / 1024 : elements / 2 * (elements - elements / 2);
}
static size_t kept_length(size_t elements, const double *option) {
    return (size_t)ceil(option[SPARSITY] * (double)plan_length(elements, option));
}
static size_t vectors_length(size_t elements, const double *option) {
    (void)option;
    return VECTORS * elements;
}

static const field_t FIELDS[] = {
    TRANSPORT_ERR_ROW("how far the sums of rows and columns are from r and c, in the sum of moduli", memory_t, err),
    {"plan", "P, row by row", FIELD(OF_METHOD, memory_t, plan), .length = plan_length, .within_step = true},
    {"kept", "entries of S, row by row", FIELD(OF_METHOD, memory_t, kept), .length = kept_length, .within_step = true},
    {"column", "where they are", FIELD(OF_METHOD, memory_t, column), .length = kept_length, .within_step = true},
    {"vectors", "of the Newton step", FIELD(OF_METHOD, memory_t, vectors), .length = vectors_length,
     .within_step = true},
    {0},
};

/* ---- The system ---- */

typedef struct newton {
    step_t *step;
    size_t n, m;
    double eta, *plan, *kept, *column, *z, *g, *diagonal, *s, *residual, *q, *hq, *row_end;
} newton_t;

/* The place of a parameter in vectors of n + m. */
static size_t place_of(const newton_t *w, const tensor_t *tensor) {
    return tensor->first_of_role + (tensor->role == Y_ROLE ? w->n : 0);
}

/* Reads the potentials. */
static newton_t newton_of(step_t *s) {
    const memory_t *memory = s->memory;
    newton_t w = {.step = s,
                  .n = transport_elements(s, X_ROLE),
                  .m = transport_elements(s, Y_ROLE),
                  .eta = s->option[TRANSPORT_ETA],
                  .plan = memory->plan,
                  .kept = memory->kept,
                  .column = memory->column};
    double **const vector[VECTORS] = {
        [Z] = &w.z, [G] = &w.g,   [DIAGONAL] = &w.diagonal, [S] = &w.s, [RESIDUAL] = &w.residual,
        [Q] = &w.q, [HQ] = &w.hq, [ROW_END] = &w.row_end};
    for (size_t k = 0; k < VECTORS; ++k)
        *vector[k] = memory->vectors + k * (w.n + w.m);
    for (size_t i = 0; i < step_tensor_count(s); ++i) {
        const tensor_t *tensor = step_parameter(s, i);
        if (tensor != NULL)
            step_parameter_read(s, i, 0, tensor->count, w.z + place_of(&w, tensor));
    }
    return w;
}

static void clear_frozen(const newton_t *w, double *vector) {
    for (size_t i = 0; i < step_tensor_count(w->step); ++i) {
        const tensor_t *tensor = step_parameter(w->step, i);
        if (tensor != NULL && step_tensor(w->step, i) == NULL)
            memset(vector + place_of(w, tensor), 0, tensor->count * sizeof *vector);
    }
}

/* P, its sums, g. */
static void fill(const newton_t *w) {
    const input_view_t *cost = step_input(w->step, COST), *r = step_input(w->step, ROWS),
                       *c = step_input(w->step, COLUMNS);
    double room;
    memset(w->diagonal, 0, (w->n + w->m) * sizeof *w->diagonal);
    for (size_t i = 0; i < w->n; ++i)
        for (size_t j = 0; j < w->m; ++j) {
            const double apart = w->z[i] + w->z[w->n + j] - *input_doubles(cost, i * w->m + j, 1, &room);
            const double entry = logsum_exp(w->eta * apart - 1);
            w->plan[i * w->m + j] = entry;
            w->diagonal[i] += entry;
            w->diagonal[w->n + j] += entry;
        }
    for (size_t i = 0; i < w->n + w->m; ++i)
        w->g[i] = *(i < w->n ? input_doubles(r, i, 1, &room) : input_doubles(c, i - w->n, 1, &room)) - w->diagonal[i];
    clear_frozen(w, w->g);
}

/* The k-th largest of x >= 0, 1 <= k <= count, by their bits, eight at a time; k becomes how many that equal it are
 * among the k largest. */
static double find_largest(const double *x, size_t count, size_t *k) {
    uint64_t found = 0;
    for (int shift = 56; shift >= 0; shift -= 8) {
        size_t with[256] = {0};
        unsigned byte = 255;
        for (size_t i = 0; i < count; ++i) {
            uint64_t bits;
            memcpy(&bits, &x[i], sizeof bits);
            if (shift == 56 || bits >> (shift + 8) == found)
                ++with[bits >> shift & 255];
        }
        for (; byte > 0 && *k > with[byte]; --byte)
            *k -= with[byte];
        found = found << 8 | byte;
    }
    double value;
    memcpy(&value, &found, sizeof value);
    return value;
}

/* Line 2. */
static void make_sparse(const newton_t *w) {
    size_t ties = (size_t)ceil(w->step->option[SPARSITY] * (double)(w->n * w->m)), count = 0;
    const double least = find_largest(w->plan, w->n * w->m, &ties);
    for (size_t i = 0; i < w->n; ++i) {
        for (size_t j = 0; j < w->m; ++j) {
            const double entry = w->plan[i * w->m + j];
            if (!(entry > least) && !(entry == least && ties > 0))
                continue;
            ties -= entry == least;
            w->kept[count] = entry;
            w->column[count++] = (double)j;
        }
        w->row_end[i] = (double)count;
    }
}

/* hq <- H q */
static void multiply(const newton_t *w) {
    for (size_t i = 0; i < w->n + w->m; ++i)
        w->hq[i] = w->diagonal[i] * w->q[i];
    for (size_t i = 0, k = 0; i < w->n; ++i)
        for (; (double)k < w->row_end[i]; ++k) {
            const size_t j = w->n + (size_t)w->column[k];
            w->hq[i] += w->kept[k] * w->q[j];
            w->hq[j] += w->kept[k] * w->q[i];
        }
    for (size_t i = 0; i < w->n + w->m; ++i)
        w->hq[i] *= w->eta;
    clear_frozen(w, w->hq);
}

static double dot(const newton_t *w, const double *a, const double *b) {
    return inner_product(w->n + w->m, a, b);
}

/* Line 4. */
static void solve(const newton_t *w) {
    const size_t size = w->n + w->m;
    memset(w->s, 0, size * sizeof *w->s);
    memcpy(w->residual, w->g, size * sizeof *w->g);
    memcpy(w->q, w->g, size * sizeof *w->g);
    double rr = dot(w, w->residual, w->residual);
    for (size_t k = 0; k < size && rr > 1e-28; ++k) {
        multiply(w);
        const double curvature = dot(w, w->q, w->hq), before = rr;
        if (!(curvature > 1e-14 * dot(w, w->q, w->q)))
            break;
        for (size_t i = 0; i < size; ++i) {
            w->s[i] += before / curvature * w->q[i];
            w->residual[i] -= before / curvature * w->hq[i];
        }
        rr = dot(w, w->residual, w->residual);
        for (size_t i = 0; i < size; ++i)
            w->q[i] = w->residual[i] + rr / before * w->q[i];
    }
}

/* e^z - 1 - z */
static double bend(double z) {
    const double tail = 1.0 / 2 + z * (1.0 / 6 + z * (1.0 / 24 + z * (1.0 / 120 + z * (1.0 / 720 + z / 5040))));
    return fabs(z) < 0.01 ? z * z * tail : logsum_exp(z) - 1 - z;
}

/* What L grows by at t, which is `slope` to first order. */
static double gain(const newton_t *w, double slope, double t) {
    double lost = 0;
    for (size_t i = 0; i < w->n; ++i)
        for (size_t j = 0; j < w->m; ++j)
            if (w->plan[i * w->m + j] > 0)
                lost += w->plan[i * w->m + j] * bend(w->eta * t * (w->s[i] + w->s[w->n + j]));
    return slope - lost / w->eta;
}

/* Line 5. */
static void search(const newton_t *w) {
    const double slope = dot(w, w->g, w->s);
    double t = 1;
    while (!(gain(w, t * slope, t) >= 1e-4 * t * slope) && t > 1e-10)
        t /= 2;
    for (size_t i = 0; i < w->n + w->m; ++i)
        w->z[i] += t * w->s[i];
}

/* ---- The step ---- */

static void take(const tile_t *t) {
    const newton_t *w = t->arguments;
    const double *z = w->z + place_of(w, t->tensor) + t->offset;
    real *p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = (real)z[i];
}

enum { TAKE = TRANSPORT_KERNEL_COUNT };

static void newton(step_t *s) {
    const newton_t w = newton_of(s);
    if (w.n == 0 || w.m == 0)
        return;
    fill(&w);
    make_sparse(&w);
    solve(&w);
    search(&w);
    step_tensors(s, TAKE, &w); /* all, before err is summed */
}

static optim_status advance(step_t *s) {
    if (!groups_agree_but(s, OPTIONS, -1))
        return step_fail(s, OPTIM_ERR_VALUE, "all options must be the same in all groups");
    if (s->t <= s->option[WARM])
        transport_sweep(s);
    else
        newton(s);
    ((memory_t *)s->memory)->err = transport_err(s, X_ROLE) + transport_err(s, Y_ROLE);
    return OPTIM_OK;
}

const method_t METHOD(sns) = {
    .name = "sns",
    .purpose = "optimal transport with an entropy, by Sinkhorn's steps and then sparse ones of Newton's",
    .citation = "Tang et al.: Accelerating Sinkhorn Algorithm with Sparse Newton Iterations, ICLR 2024, "
                "arXiv:2401.12253",
    .evaluations = "none",
    .options = OPTIONS,
    .inputs = TRANSPORT_INPUTS,
    .roles = TRANSPORT_ROLES,
    .flags = WHOLE_TENSORS | VALUES_ONLY | MAY_FAIL,
    .constants = sizeof(transport_constants_t),
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .refuses_inputs = transport_refuses_inputs,
    .prepare = transport_prepare,
    .advance = advance,
    .kernels = {TRANSPORT_KERNELS, [TAKE] = take},
    .arguments = {TRANSPORT_ARGUMENTS, [TAKE] = sizeof(newton_t)},
};
