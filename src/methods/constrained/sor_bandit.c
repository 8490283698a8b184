/*
 * sor_bandit: a sequence of linear systems by successive over-relaxation, its parameter chosen by a bandit.
 *
 * Khodak, Chow, Balcan, Talwalkar, "Learning to Relax: Setting Solver Parameters Across a Sequence of Linear System
 * Instances", 2024, arXiv:2310.02246; Tsallis-INF: Zimmert, Seldin, "Tsallis-INF: An Optimal Algorithm for Stochastic
 * and Adversarial Bandits", 2021, arXiv:1807.07623.
 *
 *     1. eta = 2 / sqrt(t);   p_j = 4 (eta (lhat_j - y))^-2,  y < min lhat such that sum p = 1, by Newton's method
 *     2. arm drawn with p; omega = its place on a grid from 1 to wmax
 *     3. x = 0, sweeps x_i <- (1 - omega) x_i + omega (b_i - sum_{j != i} A_ij x_j) / A_ii, until
 *        |b - A x| <= tol |b|, seen after each, or kmax of them: iters
 *     4. lhat_arm <- lhat_arm + (iters - 1) / (kmax p_arm)
 *
 * The parameter, one vector, becomes the solution x of the system that the inputs are. State: p, lhat.
 */
#include <string.h>

#include "engine/method.h"

enum { ARMS, WMAX, TOL, KMAX };
static const option_t OPTIONS[] = {
    [ARMS] = {"arms", 5, "integer [1,65536]", "points of the grid of omega"},
    [WMAX] = {"wmax", 1.9, "[1,2)", "the last of them; the first is 1"},
    [TOL] = {"tol", 1e-6, "(0,inf)", "residual, relative to b"},
    [KMAX] = {"kmax", 200, "integer [1,inf)", "most sweeps for a system"},
    {0},
};

enum { MATRIX, RIGHT };
static const input_t INPUTS[] = {
    [MATRIX] = {"matrix", "A, symmetric and positive definite", INPUT_OF_METHOD, false},
    [RIGHT] = {"b", "the right-hand side", INPUT_OF_METHOD, false},
    {0},
};

enum { SOLUTION };
static const state_t STATE[] = {
    [SOLUTION] = {"solution", "of this system", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct memory {
    double *p, *lhat;
    int64_t arm, iters;
} memory_t;
static const field_t FIELDS[] = {
    {"p", "probabilities of the arms", FIELD(OF_METHOD, memory_t, p), .copies = "arms"},
    {"lhat", "estimated loss of each", FIELD(OF_METHOD, memory_t, lhat), .copies = "arms"},
    {"arm", "drawn last", FIELD(OF_METHOD, memory_t, arm)},
    {"iters", "sweeps of the last system", FIELD(OF_METHOD, memory_t, iters)},
    {0},
};

/* ---- Line 3 ---- */

typedef struct problem {
    const input_view_t *matrix, *b;
    double omega, tol, kmax;
    double *iters; /* answer; 0: what came of it is not finite */
} problem_t;

/* sum_j A_ij x_j */
static double row_times(const problem_t *a, size_t n, size_t i, const double *x, double *room) {
    const double *row = input_doubles(a->matrix, i * n, n, room);
    double sum = 0;
    for (size_t j = 0; j < n; ++j)
        sum += row[j] * x[j];
    return sum;
}

static void sweep(const problem_t *a, size_t n, const double *b, double *x, double *room) {
    for (size_t i = 0; i < n; ++i) {
        const double own = *input_doubles(a->matrix, i * n + i, 1, room), before = x[i];
        x[i] = 0;
        const double others = row_times(a, n, i, x, room);
        x[i] = (1 - a->omega) * before + a->omega * (b[i] - others) / own;
    }
}

static double residual(const problem_t *a, size_t n, const double *b, const double *x, double *room) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i) {
        const double r = b[i] - row_times(a, n, i, x, room);
        sum += r * r;
    }
    return sqrt(sum);
}

static void solve(const tile_t *t) {
    const problem_t *a = t->arguments;
    double *x = t->work, *row = x + t->n, norm = 0;
    const double *b = input_doubles(a->b, 0, t->n, row + t->n);
    real *solution = t->state[SOLUTION];
    for (size_t i = 0; i < t->n; ++i) {
        x[i] = 0;
        norm += b[i] * b[i];
    }
    norm = sqrt(norm);
    for (*a->iters = 1;; ++*a->iters) {
        sweep(a, t->n, b, x, row);
        const double left = residual(a, t->n, b, x, row);
        if (!isfinite(left))
            *a->iters = 0;
        if (!isfinite(left) || left <= a->tol * norm || *a->iters >= a->kmax)
            break;
    }
    for (size_t i = 0; i < t->n; ++i)
        solution[i] = (real)x[i];
}

static void take(const tile_t *t) {
    memcpy(t->p, t->state[SOLUTION], t->n * sizeof(real));
}

enum { SOLVE, TAKE };

static size_t workspace(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor_reals(tensor, 3 * tensor->count * sizeof(double));
}

/* ---- The bandit ---- */

/* Line 1. Where one arm leads by far, Newton's step from the left leads past min lhat: it ends where that arm has
 * probability 1, from where the steps descend. */
static void set_probabilities(size_t arms, double t, const double *lhat, double *p) {
    const double eta = 2 / sqrt(t);
    double least = lhat[0], sum = 0;
    for (size_t j = 1; j < arms; ++j)
        least = fmin(least, lhat[j]);
    const double most = least - 2 / eta;
    double y = least - 2 * sqrt((double)arms) / eta;
    for (int round = 0; round < 100; ++round) {
        double slope = 0;
        sum = 0;
        for (size_t j = 0; j < arms; ++j) {
            const double root = 2 / (eta * (lhat[j] - y));
            p[j] = root * root;
            sum += p[j];
            slope += p[j] * root;
        }
        if (fabs(sum - 1) <= 1e-14)
            break;
        y = fmin(y - (sum - 1) / (eta * slope), most);
    }
    for (size_t j = 0; j < arms; ++j)
        p[j] /= sum;
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const double *o = s->option;
    const size_t arms = (size_t)o[ARMS];
    double iters = 1;
    if (step_own_elements(s) == 0)
        return OPTIM_OK;
    set_probabilities(arms, s->t, m->lhat, m->p);
    m->arm = step_categorical(s, (int64_t)arms, m->p);
    const double share = arms > 1 ? (double)m->arm / (double)(arms - 1) : 0, omega = 1 + (o[WMAX] - 1) * share;
    const problem_t problem = {step_input(s, MATRIX), step_input(s, RIGHT), omega, o[TOL], o[KMAX], &iters};
    step_tensors_in_turn(s, SOLVE, &problem);
    if (iters == 0)
        return step_fail(s, OPTIM_ERR_DOMAIN, "the sweeps do not converge: is the matrix positive definite?");
    step_update(s, TAKE, NULL);
    m->iters = (int64_t)iters;
    m->lhat[m->arm] += (iters - 1) / (o[KMAX] * m->p[m->arm]);
    return OPTIM_OK;
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor->ndim > 1 ? "it takes one vector, the solution" : NULL;
}

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *matrix = step_input(s, MATRIX), *b = step_input(s, RIGHT);
    const size_t n = step_own_elements(s);
    if (step_own_parameters(s) > 1)
        return "it takes one vector, the solution";
    if (matrix->count != n * n || (n > 0 && (matrix->ndim != 2 || (size_t)matrix->dims[0] != n)) ||
        !input_is_finite(matrix))
        return "the input \"matrix\" must be square, with a row for each element, of finite numbers";
    if (b->count != n || !input_is_finite(b))
        return "the input \"b\" must have a finite number for each element";
    for (size_t i = 0; i < n; ++i) {
        double room;
        if (!(*input_doubles(matrix, i * n + i, 1, &room) > 0))
            return "the input \"matrix\" must have a positive diagonal";
    }
    return NULL;
}

const method_t METHOD(sor_bandit) = {
    .name = "sor_bandit",
    .purpose = "a sequence of linear systems by over-relaxation, its parameter chosen by a bandit",
    .citation = "Khodak, Chow, Balcan, Talwalkar: Learning to Relax: Setting Solver Parameters Across a Sequence of "
                "Linear System Instances, ICLR 2024, arXiv:2310.02246",
    .evaluations = "none",
    .options = OPTIONS,
    .inputs = INPUTS,
    .states = STATE,
    .fields = FIELDS,
    .flags = REQUESTS | WHOLE_TENSORS | VALUES_ONLY,
    .memory = sizeof(memory_t),
    .refuses = refuses,
    .refuses_inputs = refuses_inputs,
    .workspace = workspace,
    .advance = advance,
    .kernels = {solve, take},
    .arguments = {[SOLVE] = sizeof(problem_t)},
};
