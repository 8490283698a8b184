/*
 * fb_gvi: Gaussian variational inference by forward and backward steps in the Bures-Wasserstein space: the normal law
 * N(m, S) nearest to the density exp(-V).
 *
 * Diao, Balasubramanian, Chewi, Salim, "Forward-Backward Gaussian Variational Inference via JKO in the
 * Bures-Wasserstein Space", ICML 2023, arXiv:2304.05398; scheme=bw: Lambert, Chewi, Bach, Bonnabel, Rigollet,
 * "Variational Inference via Wasserstein Gradient Flows", 2022, arXiv:2205.15902.
 *
 *     S = L L';  g and H are means of gradients and Hessians of V over points
 *         center    m
 *         cubature  m + sqrt(d) L e_1, m - sqrt(d) L e_1, m + sqrt(d) L e_2, ...
 *         sample    m + L z, z standard normal, `samples` times
 *     1. m <- m - h g
 *     2. fb: (I - h H) S (I - h H)' = Q diag(w) Q',   S <- Q diag((w + 2 h + sqrt(w (w + 4 h))) / 2) Q'
 *        bw: M = I - h (H - S^-1),                    S <- M S M'
 *
 * The parameters are m, S is a state: I at first, or the input of that name. Several parameters have a covariance each:
 * the law is a product, and of H the blocks on the diagonal are asked for. Everything is asked for: at each point the
 * gradient, then a product with each unit vector. S and what is computed of it are in double. State: S; within a step
 * where it began, its factor, a gradient and a Hessian.
 */
#include <string.h>

#include "blocks/double_state.h"
#include "blocks/noise.h"
#include "blocks/square.h"
#include "linear/linear.h"

enum { LR, SCHEME, EXPECT, SAMPLES };
enum { FB, BW };
enum { SAMPLE, CENTER, CUBATURE };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size h"},
    [SCHEME] = {"scheme", FB, "fb|bw", "forward and backward, or gradient descent of Bures and Wasserstein"},
    [EXPECT] = {"expect", SAMPLE, "sample|center|cubature", "points that stand for the law"},
    [SAMPLES] = {"samples", 1, "integer [1,inf)", "expect=sample: how many"},
    {0},
};

enum { START, S, L, G, H, D, HD };
static const state_t STATE[] = {
    [START] = {"start", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [S] = {"S", "covariance", SHAPED, KEPT, .type = TYPE_DOUBLE, .dims = square_dims},
    [L] = {"L", "its factor", SHAPED, WITHIN_STEP, .type = TYPE_DOUBLE, .dims = square_dims},
    [G] = {"g", "mean of gradients", SHAPED, WITHIN_STEP, .type = TYPE_DOUBLE, .dims = dims_of_parameter},
    [H] = {"H", "mean of Hessians", SHAPED, WITHIN_STEP, .type = TYPE_DOUBLE, .dims = square_dims},
    [D] = {"d", "a unit vector", LIKE_PARAM, DIRECTION},
    [HD] = {"hd", "the product", LIKE_PARAM, PRODUCT},
    {0},
};

enum { S_INPUT };
static const input_t INPUTS[] = {
    [S_INPUT] = {"S", "where the covariance starts, n x n for n elements; without it I", INPUT_OF_PARAMETER, true},
    {0},
};

typedef struct memory { /* within a step: point, element, how many points and moving elements */
    int64_t k, i, points;
    double elements;
} memory_t;

enum { WELL, NOT_DEFINITE, NO_EIGENVALUES };
typedef struct tensor_memory { /* within a step: what came of its matrices */
    double trouble;
} tensor_memory_t;

typedef struct constants {
    double h;
    bool bw, first; /* step of the tensor */
} constants_t;

/* What kernels take. */
typedef struct point {
    int kind;
    double reach, share; /* cubature: +-sqrt(d); one over the points */
    size_t i;            /* element, by position in all of the method's */
    noise_t z;
} point_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){o[LR], (int)o[SCHEME] == BW, group->t == 1};
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    enum { MOST = 2048 };
    (void)option;
    return tensor->count > MOST ? "it has more than 2048 elements, too many for a covariance" : NULL;
}

static size_t workspace(const tensor_t *tensor, const double *option) {
    const size_t n = tensor->count, eigen = linear_eigen_room(n), compose = linear_compose_room(n);
    (void)option;
    if (eigen == SIZE_MAX || compose == SIZE_MAX)
        return SIZE_MAX;
    return tensor_reals(tensor, (2 * n * n + n) * sizeof(double) + (eigen > compose ? eigen : compose));
}

/* ---- Matrices, n by n ---- */

/* c <- a b */
static void multiply(size_t n, const double *restrict a, const double *restrict b, double *restrict c) {
    memset(c, 0, n * n * sizeof *c);
    for (size_t i = 0; i < n; ++i)
        for (size_t k = 0; k < n; ++k)
            for (size_t j = 0; j < n; ++j)
                c[i * n + j] += a[i * n + k] * b[k * n + j];
}

/* c <- a a', symmetric to the last bit */
static void multiply_by_own(size_t n, const double *restrict a, double *restrict c) {
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j <= i; ++j) {
            double sum = 0;
            for (size_t k = 0; k < n; ++k)
                sum += a[i * n + k] * a[j * n + k];
            c[i * n + j] = c[j * n + i] = sum;
        }
}

/* ---- Kernels, on whole tensors ---- */

static void begin(const tile_t *t) {
    const constants_t *k = t->constants;
    const size_t n = t->n;
    const input_view_t *input = t->input == NULL ? NULL : &t->input[S_INPUT];
    double *l = t->state[L], room;
    memcpy(t->state[START], t->p, n * sizeof(real));
    memset(t->state[G], 0, n * sizeof(double));
    memset(t->state[H], 0, n * n * sizeof(double));
    memset(t->state[D], 0, n * sizeof(real));
    if (!k->first)
        memcpy(l, t->state[S], n * n * sizeof *l);
    for (size_t i = 0; k->first && i < n * n; ++i)
        l[i] = input != NULL && input->data != NULL ? *input_doubles(input, i, 1, &room) : i % (n + 1) == 0;
    ((tensor_memory_t *)t->memory)->trouble = linear_cholesky(n, l) == LINEAR_OK ? WELL : NOT_DEFINITE;
}

/* p <- the point */
static void place(const tile_t *t) {
    const point_t *point = t->arguments;
    const double *l = t->state[L];
    const size_t n = t->n, first = t->tensor->first_of_method;
    const real *restrict start = t->state[START];
    real *restrict p = t->p;
    for (size_t i = 0; i < n; ++i) {
        double shift = 0;
        if (point->kind == CUBATURE && point->i >= first && point->i < first + n)
            shift = point->reach * l[i * n + (point->i - first)];
        for (size_t k = 0; point->kind == SAMPLE && k <= i; ++k)
            shift += l[i * n + k] * noise_double_at(&point->z, t, k);
        p[i] = (real)((double)start[i] + shift);
    }
}

static void add_gradient(const tile_t *t) {
    const double share = ((const point_t *)t->arguments)->share;
    double *restrict mean = t->state[G];
    for (size_t i = 0; i < t->n; ++i)
        mean[i] += share * (double)((real *)t->g)[i];
}

static void aim(const tile_t *t) { /* unit vector i, the one before taken back */
    const size_t first = t->tensor->first_of_method, i = ((const point_t *)t->arguments)->i;
    real *restrict d = t->state[D];
    for (size_t k = 0; k < t->n; ++k)
        d[k] = first + k == i;
}

static void add_column(const tile_t *t) {
    const point_t *point = t->arguments;
    const size_t first = t->tensor->first_of_method, n = t->n;
    double *restrict h = t->state[H];
    for (size_t k = 0; point->i >= first && point->i < first + n && k < n; ++k)
        h[k * n + (point->i - first)] += point->share * (double)((real *)t->state[HD])[k];
}

/* a <- I - h (H + H') / 2 */
static void step_matrix(size_t n, double h, const double *hessian, double *a) {
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j)
            a[i * n + j] = (i == j) - h * (hessian[i * n + j] + hessian[j * n + i]) / 2;
}

/* a <- a + h S^-1 */
static void add_inverse(size_t n, double h, const double *l, double *a, double *unit) {
    for (size_t i = 0; i < n; ++i) {
        memset(unit, 0, n * sizeof *unit);
        unit[i] = 1;
        linear_cholesky_solve_rows(n, l, 1, unit);
        for (size_t j = 0; j < n; ++j)
            a[i * n + j] += h * unit[j];
    }
}

/* c <- Q diag((w + 2 h + sqrt(w (w + 4 h))) / 2) Q' of c = Q diag(w) Q' */
static bool backward(size_t n, double h, double *c, double *values, void *room, double *out) {
    if (linear_eigen(n, c, values, room) != LINEAR_OK)
        return false;
    for (size_t i = 0; i < n; ++i) {
        const double w = values[i] > 0 ? values[i] : 0;
        values[i] = (w + 2 * h + sqrt(w * (w + 4 * h))) / 2;
    }
    linear_compose(n, c, values, out, room);
    return true;
}

/* Lines 1 and 2; S and m are written only where all went well. */
static void finish(const tile_t *t) {
    const constants_t *k = t->constants;
    const size_t n = t->n;
    double *a = t->work, *b = a + n * n, *values = b + n * n, *l = t->state[L], *s = t->state[S];
    tensor_memory_t *memory = t->memory;
    step_matrix(n, k->h, t->state[H], a);
    if (k->bw)
        add_inverse(n, k->h, l, a, values);
    multiply(n, a, l, b);
    multiply_by_own(n, b, a);
    if (!k->bw && !backward(n, k->h, a, values, values + n, b))
        memory->trouble = NO_EIGENVALUES;
    const double *next = k->bw ? a : b;
    memcpy(l, next, n * n * sizeof *l);
    if ((int)memory->trouble == WELL && linear_cholesky(n, l) != LINEAR_OK)
        memory->trouble = NOT_DEFINITE;
    if ((int)memory->trouble == WELL)
        memcpy(s, next, n * n * sizeof *s);
    for (size_t i = 0; i < n; ++i)
        ((real *)t->p)[i] = (real)((double)((real *)t->state[START])[i] - k->h * ((double *)t->state[G])[i]);
}

enum { BEGIN, PLACE, ADD_GRADIENT, AIM, ADD_COLUMN, FINISH };

/* ---- A step ---- */

/* Whether element i of the method's belongs to a tensor that moves. */
static bool moves(const step_t *s, size_t i) {
    for (size_t k = 0; k < step_tensor_count(s); ++k) {
        const tensor_t *tensor = step_tensor(s, k);
        if (tensor != NULL && i >= tensor->first_of_method && i < tensor->first_of_method + tensor->count)
            return true;
    }
    return false;
}

static int trouble(step_t *s) {
    for (size_t k = 0; k < step_tensor_count(s); ++k)
        if (step_tensor(s, k) != NULL && step_tensor(s, k)->count > 0 &&
            (int)((const tensor_memory_t *)step_tensor_memory(s, k))->trouble != WELL)
            return (int)((const tensor_memory_t *)step_tensor_memory(s, k))->trouble;
    return WELL;
}

static void count(step_t *s) {
    memory_t *m = s->memory;
    const int kind = (int)s->option[EXPECT];
    m->elements = 0;
    for (size_t i = 0; i < step_own_elements(s); ++i)
        m->elements += moves(s, i);
    m->points = kind == SAMPLE ? (int64_t)s->option[SAMPLES] : kind == CENTER ? 1 : 2 * (int64_t)step_own_elements(s);
}

static bool is_skipped(const step_t *s, int64_t k) { /* a direction of the cubature in which nothing moves */
    return (int)s->option[EXPECT] == CUBATURE && !moves(s, (size_t)(k / 2));
}

static point_t point_of(const step_t *s) {
    const memory_t *m = s->memory;
    const bool cubature = (int)s->option[EXPECT] == CUBATURE;
    return (point_t){.kind = (int)s->option[EXPECT],
                     .reach = (m->k % 2 == 0 ? 1 : -1) * sqrt(m->elements),
                     .share = 1 / (cubature ? 2 * m->elements : (double)m->points),
                     .i = (size_t)(m->k / 2)};
}

static void go(step_t *s) {
    point_t point = point_of(s);
    if (point.kind == SAMPLE)
        point.z = noise_draw(s);
    step_tensors(s, PLACE, &point);
}

static void take(step_t *s, int kernel, size_t i) {
    point_t point = point_of(s);
    point.i = i;
    step_tensors(s, kernel, &point);
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    count(s);
    step_tensors(s, BEGIN, NULL);
    if (trouble(s) != WELL)
        return step_fail(s, OPTIM_ERR_DOMAIN, "the covariance is not positive definite: start at another S");
    for (m->k = 0; m->k < m->points; ++m->k) {
        if (is_skipped(s, m->k))
            continue;
        go(s);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
        take(s, ADD_GRADIENT, 0);
        for (m->i = 0; m->i < (int64_t)step_own_elements(s); ++m->i) {
            if (!moves(s, (size_t)m->i))
                continue;
            take(s, AIM, (size_t)m->i);
            STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
            take(s, ADD_COLUMN, (size_t)m->i);
        }
    }
    step_tensors(s, FINISH, NULL);
    if (trouble(s) == NO_EIGENVALUES)
        return step_fail(s, OPTIM_ERR_DOMAIN, "the covariance has no eigenvalues: are the products finite?");
    if (trouble(s) != WELL)
        return step_fail(s, OPTIM_ERR_DOMAIN, "the covariance is no longer positive definite: say a smaller lr=");
    STEP_END(s);
}

static const char *refuses_inputs(const step_t *s) {
    for (size_t i = 0; i < step_tensor_count(s); ++i) {
        const input_view_t *input = step_tensor_input(s, i, S_INPUT);
        const size_t n = input == NULL ? 0 : step_parameter(s, i)->count;
        if (input != NULL && input->count != n * n)
            return "the input \"S\" must be a square matrix, with a row for each element of its parameter";
    }
    return NULL;
}

const method_t METHOD(fb_gvi) = {
    .name = "fb_gvi",
    .purpose = "Gaussian variational inference: mean and covariance by steps in the Bures-Wasserstein space",
    .citation = "Diao, Balasubramanian, Chewi, Salim: Forward-Backward Gaussian Variational Inference via JKO in the "
                "Bures-Wasserstein Space, ICML 2023, arXiv:2304.05398; Lambert, Chewi, Bach, Bonnabel, Rigollet: "
                "Variational Inference via Wasserstein Gradient Flows, NeurIPS 2022, arXiv:2205.15902",
    .evaluations = "at each point 1 gradient and a product for each element",
    .options = OPTIONS,
    .states = STATE,
    .inputs = INPUTS,
    .flags = REQUESTS | REQUESTS_PRODUCTS | ASKS_FOR_ALL | WHOLE_TENSORS | NEEDS_LAPACK,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .tensor_memory = sizeof(tensor_memory_t),
    .refuses = refuses,
    .refuses_inputs = refuses_inputs,
    .workspace = workspace,
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, place, add_gradient, aim, add_column, finish},
    .arguments = {[PLACE] = sizeof(point_t),
                  [ADD_GRADIENT] = sizeof(point_t),
                  [AIM] = sizeof(point_t),
                  [ADD_COLUMN] = sizeof(point_t)},
};
