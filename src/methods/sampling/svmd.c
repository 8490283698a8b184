/*
 * svmd: Stein variational mirror descent: particles on a simplex, moved through the eigenfunctions of a kernel that
 * suits the mirror map. svng: Stein variational natural gradient: the same without a mirror map, in a metric of the
 * caller's.
 *
 * Shi, Liu, Mackey, "Sampling with Mirrored Stein Operators", ICLR 2022, arXiv:2106.12506.
 *
 *     Row i of a tensor is particle i. svmd: eta_i of D - 1 entries, y_i = the first D - 1 entries of softmax(eta_i,
 *     0), metric H = diag(1 / y) + 1 1' / y_D, so that H^-1 u = y (u - <y, u>);   s_i = -g_i + 1 - D y_i
 *     svng: y_i = x_i, metric H = metric + damping I;   s_i = -H^-1 g_i - H^-1 (sum_k d_k H H^-1 e_k)
 *     r = |y_i - y_j|^2,  w = bandwidth2, or the middle of all N^2 r if w < 0
 *     imq: k = (1 + r / w)^(-1/2),  k' = -(1 + r / w)^(-3/2) (y_i - y_j) / w
 *     rbf: k = e^(-r / w),          k' = -2 / w (y_i - y_j) k
 *
 *     1. eigenpairs (l_j, q_j) of K + jitter I, descending; the first n, n - 1 of which sum up to less than `share`
 *     2. c_j = sum_i (q_ji s_i + H_i^-1 sum_m k'(y_i, y_m) q_jm / l_j)
 *     3. phi_i = 1/N sum_j sqrt(l_j) q_ji sum_m q_jm H_m sum_a sqrt(l_a) q_am c_a
 *     4. svmd: eta <- eta + lr phi;   svng: x <- x + lr H^-1 phi
 *
 * The middle is the floor(N^2 / 2)-th largest, or 1 if that is 0. Several tensors are so many simplices, or blocks of
 * the metric, their distances added up. Computed in double, N^3 + N^2 n operations. State: within a step y and the
 * direction, 8 bytes a parameter in f32; N^2 numbers, and room for matrices.
 */
#include "blocks/mirrored.h"
#include "linear/linear.h"

enum { LR, KERNEL, BANDWIDTH2, SHARE, JITTER, SVMD_OPTIONS, DAMPING = SVMD_OPTIONS };
#define SHARED_ROWS(kernel, jitter)                                                                                    \
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},                                                                        \
    [KERNEL] = {"kernel", kernel, "imq|rbf", "inverse multiquadric or Gaussian"},                                      \
    [BANDWIDTH2] = {"bandwidth2", -1, "(-inf,inf)", "squared width of the kernel; negative: by the median",            \
                    .zero_apart = true},                                                                               \
    [SHARE] = {"share", 0.98, "(0,1]", "of the kernel's trace that the eigenvalues in use have"},                      \
    [JITTER] = {"jitter", jitter, "[0,inf)", "added to the kernel's diagonal"}
static const option_t SVMD[] = {SHARED_ROWS(KERNEL_IMQ, 1e-5), {0}};
static const option_t SVNG[] = {
    SHARED_ROWS(KERNEL_RBF, 0),
    [DAMPING] = {"damping", 0.01, "[0,inf)", "added to the metric's diagonal"},
    {0},
};

enum { METRIC, DERIVATIVE };
static const input_t INPUTS[] = {
    [METRIC] = {"metric", "N matrices, one for each particle, d x d for d elements of it; without it I",
                INPUT_OF_PARAMETER, true},
    [DERIVATIVE] = {"derivative", "of it, N d such matrices: by element k of the particle; without it 0",
                    INPUT_OF_PARAMETER, true},
    {0},
};

enum { Y, PHI };
static const state_t STATE[] = {
    [Y] = {"y", "the points that the kernel compares", LIKE_PARAM, WITHIN_STEP},
    [PHI] = {"phi", "the direction", LIKE_PARAM, WITHIN_STEP},
    {0},
};

static const field_t FIELDS[] = {MIRRORED_FIELDS, {0}};

/* What came of a tensor's matrices. */
enum { WELL, NO_EIGENVALUES, NO_METRIC };
typedef struct tensor_memory { /* within a step */
    double trouble;
} tensor_memory_t;

typedef struct constants {
    real lr;
    double share, jitter, damping;
    bool rbf;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){(real)o[LR], o[SHARE], o[JITTER], 0, (int)o[KERNEL] == KERNEL_RBF};
}
static void prepare_damped(const group_t *group, void *constants) {
    prepare(group, constants);
    ((constants_t *)constants)->damping = group->option[DAMPING];
}

/* ---- Room ---- */

typedef struct room {
    size_t n, d;            /* particles, elements of each */
    double *q, *value;      /* eigenvectors, a row each, and eigenvalues, ascending */
    double *s, *c, *turned; /* n by d: line 2; H times sums of line 3 */
    double *a, *b;          /* d: vectors under way */
    double *factor;         /* svng: Cholesky factors of all metrics */
    void *eigen;
} room_t;

static size_t doubles_of(size_t n, size_t d, bool damped) {
    return n * n + n + 3 * n * d + 2 * d + (damped ? n * d * d : 0);
}

static size_t workspace_of(const tensor_t *tensor, bool damped) {
    const size_t n = (size_t)tensor->dims[0], d = n > 0 ? particle_row(tensor) : 0, eigen = linear_eigen_room(n);
    const double doubles = (double)n * (double)n + (double)n * (double)d * (3 + (damped ? (double)d : 0));
    if (eigen == SIZE_MAX || doubles > 0x1p40)
        return SIZE_MAX;
    return tensor_reals(tensor, doubles_of(n, d, damped) * sizeof(double) + eigen);
}
static size_t workspace(const tensor_t *tensor, const double *option) {
    (void)option;
    return workspace_of(tensor, false);
}
static size_t workspace_damped(const tensor_t *tensor, const double *option) {
    (void)option;
    return workspace_of(tensor, true);
}

static room_t room_of(const tile_t *t, bool damped) {
    const size_t n = (size_t)t->tensor->dims[0], d = particle_row(t->tensor);
    room_t r = {.n = n, .d = d, .q = t->work};
    r.value = r.q + n * n;
    r.s = r.value + n;
    r.c = r.s + n * d;
    r.turned = r.c + n * d;
    r.a = r.turned + n * d;
    r.b = r.a + d;
    r.factor = r.b + d;
    r.eigen = r.factor + (damped ? n * d * d : 0);
    return r;
}

/* ---- Metrics: u <- H_i u, u <- H_i^-1 u ---- */

typedef void metric_t(const tile_t *t, const room_t *r, size_t i, double *u);

static double entry(const tile_t *t, const room_t *r, size_t i, size_t c) {
    return (double)((real *)t->state[Y])[i * r->d + c];
}

static void multiply_simplex(const tile_t *t, const room_t *r, size_t i, double *u) {
    const real *eta = (real *)t->p + i * r->d;
    double sum = 0, largest = 0;
    for (size_t c = 0; c < r->d; ++c) {
        sum += u[c];
        largest = (double)eta[c] > largest ? (double)eta[c] : largest;
    }
    const double last =
        elementary_exp(largest < 700 ? -largest : -700); /* its share of the softmax, over the largest */
    double all = last;
    for (size_t c = 0; c < r->d; ++c)
        all += (double)eta[c] - largest > -700 ? elementary_exp((double)eta[c] - largest) : 0;
    for (size_t c = 0; c < r->d; ++c)
        u[c] = u[c] / entry(t, r, i, c) + sum * all / last;
}

static void solve_simplex(const tile_t *t, const room_t *r, size_t i, double *u) {
    double inner = 0;
    for (size_t c = 0; c < r->d; ++c)
        inner += entry(t, r, i, c) * u[c];
    for (size_t c = 0; c < r->d; ++c)
        u[c] = entry(t, r, i, c) * (u[c] - inner);
}

static void multiply_factored(const tile_t *t, const room_t *r, size_t i, double *u) { /* L L' u */
    const double *l = r->factor + i * r->d * r->d;
    (void)t;
    for (size_t c = 0; c < r->d; ++c) { /* from above: (L' u)_c reads what is below */
        double sum = 0;
        for (size_t k = c; k < r->d; ++k)
            sum += l[k * r->d + c] * u[k];
        u[c] = sum;
    }
    for (size_t c = r->d; c-- > 0;) {
        double sum = 0;
        for (size_t k = 0; k <= c; ++k)
            sum += l[c * r->d + k] * u[k];
        u[c] = sum;
    }
}

static void solve_factored(const tile_t *t, const room_t *r, size_t i, double *u) {
    (void)t;
    linear_cholesky_solve_rows(r->d, r->factor + i * r->d * r->d, 1, u);
}

/* ---- Lines 1 to 3 ---- */

/* k(y_i, y_m), and the factor of y_i - y_m in k'. */
static mirrored_kernel_t kernel_at(const tile_t *t, const room_t *r, size_t i, size_t m) {
    const pairs_t *pairs = t->arguments;
    return mirrored_kernel(((const constants_t *)t->constants)->rbf, pairs->square[i * r->n + m], pairs->w, 1);
}

static bool decompose(const tile_t *t, const room_t *r) { /* line 1 */
    for (size_t i = 0; i < r->n; ++i)
        for (size_t m = 0; m < r->n; ++m)
            r->q[i * r->n + m] = kernel_at(t, r, i, m).k + (i == m ? ((const constants_t *)t->constants)->jitter : 0);
    return linear_eigen(r->n, r->q, r->value, r->eigen) == LINEAR_OK;
}

/* How many of the largest are used. */
static size_t eigenvalues_used(const tile_t *t, const room_t *r) {
    const double share = ((const constants_t *)t->constants)->share;
    double total = 0, sum = 0;
    size_t used = 1;
    for (size_t j = 0; j < r->n; ++j)
        total += r->value[j];
    for (size_t j = r->n; j-- > 0;)
        used += (sum += r->value[j]) / total < share;
    return used < r->n ? used : r->n;
}

/* Line 2 for the eigenpair of row j. */
static void project(const tile_t *t, const room_t *r, size_t j, metric_t *solve) {
    const double *q = r->q + j * r->n;
    double *c = r->c + j * r->d;
    memset(c, 0, r->d * sizeof *c);
    for (size_t i = 0; i < r->n; ++i) {
        memset(r->a, 0, r->d * sizeof *r->a);
        for (size_t m = 0; m < r->n; ++m) {
            const double weight = kernel_at(t, r, i, m).slope * q[m] / r->value[j];
            for (size_t k = 0; k < r->d; ++k)
                r->a[k] += weight * (entry(t, r, i, k) - entry(t, r, m, k));
        }
        solve(t, r, i, r->a);
        for (size_t k = 0; k < r->d; ++k)
            c[k] += q[i] * r->s[i * r->d + k] + r->a[k];
    }
}

static double root(double eigenvalue) {
    return sqrt(eigenvalue > 0 ? eigenvalue : 0);
}

/* Line 3 for one particle m: turned <- H_m sum_j sqrt(l_j) q_jm c_j. */
static void turn(const tile_t *t, const room_t *r, size_t first, size_t m, metric_t *multiply) {
    double *u = r->turned + m * r->d;
    memset(u, 0, r->d * sizeof *u);
    for (size_t j = first; j < r->n; ++j)
        for (size_t k = 0; k < r->d; ++k)
            u[k] += root(r->value[j]) * r->q[j * r->n + m] * r->c[j * r->d + k];
    multiply(t, r, m, u);
}

/* Of line 3 what is by eigenpair: c_j <- sqrt(l_j) sum_m q_jm turned_m. */
static void gather(const room_t *r, size_t first) {
    for (size_t j = first; j < r->n; ++j) {
        double *c = r->c + j * r->d;
        memset(c, 0, r->d * sizeof *c);
        for (size_t m = 0; m < r->n; ++m)
            for (size_t k = 0; k < r->d; ++k)
                c[k] += root(r->value[j]) * r->q[j * r->n + m] * r->turned[m * r->d + k];
    }
}

static void find_direction(const tile_t *t, const room_t *r, metric_t *multiply, metric_t *solve, bool is_natural) {
    const size_t first = r->n - eigenvalues_used(t, r);
    const double scale = 1 / (double)r->n;
    for (size_t j = first; j < r->n; ++j)
        project(t, r, j, solve);
    for (size_t m = 0; m < r->n; ++m)
        turn(t, r, first, m, multiply);
    gather(r, first);
    for (size_t i = 0; i < r->n; ++i) {
        memset(r->a, 0, r->d * sizeof *r->a);
        for (size_t j = first; j < r->n; ++j)
            for (size_t k = 0; k < r->d; ++k)
                r->a[k] += r->q[j * r->n + i] * r->c[j * r->d + k];
        if (is_natural)
            solve(t, r, i, r->a);
        for (size_t k = 0; k < r->d; ++k)
            ((real *)t->state[PHI])[i * r->d + k] = (real)(scale * r->a[k]);
    }
}

/* ---- Kernels ---- */

static void measure(const tile_t *t) {
    const size_t row = particle_row(t->tensor);
    for (size_t i = 0; i < (size_t)t->tensor->dims[0]; ++i)
        mirrored_map(row, (real *)t->p + i * row, (real *)t->state[Y] + i * row);
    particle_distances_of(t, t->state[Y], ((const pairs_t *)t->arguments)->square);
}

static void measure_plain(const tile_t *t) {
    memcpy(t->state[Y], t->p, t->n * sizeof(real));
    particle_distances(t, ((const pairs_t *)t->arguments)->square);
}

static void direct(const tile_t *t) {
    const room_t r = room_of(t, false);
    tensor_memory_t *memory = t->memory;
    memory->trouble = decompose(t, &r) ? WELL : NO_EIGENVALUES;
    for (size_t i = 0; i < t->n; ++i)
        r.s[i] = 1 - (double)(r.d + 1) * (double)((real *)t->state[Y])[i] - (double)((real *)t->g)[i];
    if ((int)memory->trouble == WELL)
        find_direction(t, &r, multiply_simplex, solve_simplex, false);
}

/* Elements of an input of this tensor, or 0. */
static double input_at(const tile_t *t, int row, size_t i) {
    double room;
    return t->input == NULL || t->input[row].data == NULL ? 0 : *input_doubles(&t->input[row], i, 1, &room);
}

static bool factor_metric(const tile_t *t, const room_t *r, size_t i) {
    const bool is_given = t->input != NULL && t->input[METRIC].data != NULL;
    const double damping = ((const constants_t *)t->constants)->damping;
    double *l = r->factor + i * r->d * r->d;
    for (size_t k = 0; k < r->d * r->d; ++k) {
        const bool is_diagonal = k % (r->d + 1) == 0;
        l[k] = (is_given ? input_at(t, METRIC, i * r->d * r->d + k) : is_diagonal) + (is_diagonal ? damping : 0);
    }
    return linear_cholesky(r->d, l) == LINEAR_OK;
}

/* s_i = -H^-1 (g + sum_k d_k H H^-1 e_k) */
static void find_score(const tile_t *t, const room_t *r, size_t i) {
    const size_t d = r->d;
    double *s = r->s + i * d;
    for (size_t c = 0; c < d; ++c)
        s[c] = -(double)((real *)t->g)[i * d + c];
    for (size_t k = 0; t->input != NULL && t->input[DERIVATIVE].data != NULL && k < d; ++k) {
        memset(r->a, 0, d * sizeof *r->a);
        r->a[k] = 1;
        solve_factored(t, r, i, r->a);
        for (size_t c = 0; c < d; ++c)
            for (size_t e = 0; e < d; ++e)
                s[c] -= input_at(t, DERIVATIVE, ((i * d + k) * d + c) * d + e) * r->a[e];
    }
    solve_factored(t, r, i, s);
}

static void direct_natural(const tile_t *t) {
    const room_t r = room_of(t, true);
    tensor_memory_t *memory = t->memory;
    memory->trouble = decompose(t, &r) ? WELL : NO_EIGENVALUES;
    for (size_t i = 0; i < r.n && (int)memory->trouble == WELL; ++i) {
        if (!factor_metric(t, &r, i))
            memory->trouble = NO_METRIC;
        else
            find_score(t, &r, i);
    }
    if ((int)memory->trouble == WELL)
        find_direction(t, &r, multiply_factored, solve_factored, true);
}

static void move(const tile_t *t) {
    const real lr = ((const constants_t *)t->constants)->lr;
    real *restrict p = t->p;
    const real *restrict phi = t->state[PHI];
    for (size_t i = 0; i < t->n; ++i)
        p[i] += lr * phi[i];
}

enum { MEASURE, DIRECT, MOVE };

static int trouble(step_t *s) {
    for (size_t i = 0; i < step_tensor_count(s); ++i)
        if (step_tensor(s, i) != NULL && step_tensor(s, i)->count > 0 &&
            (int)((const tensor_memory_t *)step_tensor_memory(s, i))->trouble != WELL)
            return (int)((const tensor_memory_t *)step_tensor_memory(s, i))->trouble;
    return WELL;
}

static optim_status advance(step_t *s) {
    const pairs_t pairs = mirrored_pairs(s, MEASURE, s->option[BANDWIDTH2]);
    step_tensors(s, DIRECT, &pairs);
    if (trouble(s) == NO_METRIC)
        return step_fail(s, OPTIM_ERR_DOMAIN,
                         "the metric of a particle is not positive definite: hand in another one, or say damping=");
    if (trouble(s) == NO_EIGENVALUES)
        return step_fail(s, OPTIM_ERR_DOMAIN, "the kernel of these particles has no eigenvalues: are they finite?");
    step_update(s, MOVE, NULL);
    return OPTIM_OK;
}

static const char *check(const double *option) {
    return mirrored_check(option[BANDWIDTH2]);
}

static const char *refuses_inputs(const step_t *s) {
    for (size_t i = 0; i < step_tensor_count(s); ++i) {
        const tensor_t *tensor = step_tensor(s, i);
        const input_view_t *metric = step_tensor_input(s, i, METRIC), *derivative = step_tensor_input(s, i, DERIVATIVE);
        if (tensor == NULL || tensor->count == 0)
            continue;
        const size_t d = particle_row(tensor);
        if (metric != NULL && metric->count != tensor->count * d)
            return "the input \"metric\" must have a square matrix for each particle";
        if (derivative != NULL && derivative->count != tensor->count * d * d)
            return "the input \"derivative\" must have a square matrix for each element of each particle";
    }
    return NULL;
}

static const char *refuses_damped(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor->count > 0 && particle_row(tensor) > 1024
               ? "a metric is a matrix: more than 1024 elements of a particle are too many"
               : NULL;
}

const method_t METHOD(svmd) = {
    .name = "svmd",
    .purpose = "Stein variational mirror descent: particles on a simplex, through eigenfunctions of their kernel",
    .citation = "Shi, Liu, Mackey: Sampling with Mirrored Stein Operators, ICLR 2022, arXiv:2106.12506",
    .evaluations = "1 gradient, of every particle",
    .options = SVMD,
    .states = STATE,
    .fields = FIELDS,
    .flags = NEEDS_COMPONENTS | PARTICLES | WHOLE_TENSORS | NEEDS_LAPACK | MAY_FAIL,
    .constants = sizeof(constants_t),
    .memory = sizeof(mirrored_memory_t),
    .tensor_memory = sizeof(tensor_memory_t),
    .check = check,
    .workspace = workspace,
    .prepare = prepare,
    .advance = advance,
    .kernels = {measure, direct, move},
    .arguments = {[MEASURE] = sizeof(pairs_t), [DIRECT] = sizeof(pairs_t)},
};

const method_t METHOD(svng) = {
    .name = "svng",
    .purpose = "Stein variational natural gradient: particles that follow their gradients in a metric of the caller's",
    .citation = "Shi, Liu, Mackey: Sampling with Mirrored Stein Operators, ICLR 2022, arXiv:2106.12506",
    .evaluations = "1 gradient, of every particle",
    .options = SVNG,
    .states = STATE,
    .inputs = INPUTS,
    .fields = FIELDS,
    .flags = NEEDS_COMPONENTS | PARTICLES | WHOLE_TENSORS | NEEDS_LAPACK | MAY_FAIL,
    .constants = sizeof(constants_t),
    .memory = sizeof(mirrored_memory_t),
    .tensor_memory = sizeof(tensor_memory_t),
    .check = check,
    .refuses = refuses_damped,
    .refuses_inputs = refuses_inputs,
    .workspace = workspace_damped,
    .prepare = prepare_damped,
    .advance = advance,
    .kernels = {measure_plain, direct_natural, move},
    .arguments = {[MEASURE] = sizeof(pairs_t), [DIRECT] = sizeof(pairs_t)},
};
