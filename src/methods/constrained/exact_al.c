/*
 * exact_al: Newton steps on the KKT system of min f with c(x) = 0, solved by random sketches, with the descent of an
 * exact augmented Lagrangian.
 *
 * Hong, Na, Mahoney, Kolar, "Constrained Optimization via Exact Augmented Lagrangian and Randomized Iterative
 * Sketching", 2023, arXiv:2305.18379 (AdaSketch-Newton).
 *
 *     g = grad f + J'lam,  H = Hessian of f + lam'c,  J = Jacobian of c;   |.| of matrices: Frobenius
 *     L = f + lam'c + eta1/2 |c|^2 + eta2/2 |g|^2,   grad L = (g + eta2 H g + eta1 J'c,  c + eta2 J g)
 *     1. gamma = lambda_min(J J');   Z = null space of J;  B = H + t I,  t = xi + |H| if
 *        lambda_min(Z'HZ) < 1e-6, else 0
 *        Psi = 20 max(|B|^2, 1) / (min(gamma, 1) min(xi, 1)),   U = max(|J|, |H|, 1)
 *        delta* = (1/2 - beta) eta2 / ((1 + eta1 + eta2) U^2 Psi^2),   delta <- max(min(delta, delta*), 1e-6)
 *     2. K = [B J'; J 0],  b = -(g, c);   none: z = K^-1 b;   else z = 0, r = -b
 *     3. while |K| Psi |r| > delta |b|:   z <- z - K S'(S K K S')^+ S r,   r = K z - b,   S drawn anew
 *     4. while <grad L, z> > -eta2/2 |b|^2 (and eta1 <= 1e8, eta2 >= 1e-8):
 *        eta1 <- growth^2 eta1,  eta2 <- eta2 / growth,  delta <- max(min(delta / growth^4, delta*), 1e-6);   line 3
 *     5. alpha = 1, halved while L((x, lam) + alpha z) > L + beta alpha <grad L, z>;   (x, lam) <- (x, lam) + alpha z
 *
 * S: size x (d + m) normal numbers; one row e_i (kaczmarz); one entry +-1 in each column (count). J comes from
 * gradients with one weight each, H from products with unit vectors. The parameter is one vector, of no fewer elements
 * than there are constraints. All linear algebra is in double. State: lam, the penalties; within a step (d + m)^2
 * numbers.
 */
#include <string.h>

#include "base/memory.h"
#include "blocks/double_vector.h"
#include "blocks/moving.h"
#include "blocks/reduce.h"
#include "blocks/square.h"
#include "engine/method.h"
#include "kernels/random.h"
#include "linear/linear.h"

enum { SKETCH, SIZE, ETA1, ETA2, DELTA, XI, BETA, GROWTH, MAX_SKETCH };
enum { NONE, GAUSSIAN, KACZMARZ, COUNT };
static const option_t OPTIONS[] = {
    [SKETCH] = {"sketch", NONE, "none|gaussian|kaczmarz|count", "how the system is solved; none: exactly"},
    [SIZE] = {"size", 1, "integer [1,4096]", "gaussian, count: rows of a sketch", .decides_memory = true},
    [ETA1] = {"eta1", 1, "(0,inf)", "first weight of the constraints in the merit function"},
    [ETA2] = {"eta2", 0.1, "(0,inf)", "and of the gradient of the Lagrangian"},
    [DELTA] = {"delta", 0.1, "(0,inf)", "first accuracy of the sketched solution"},
    [XI] = {"xi", 0.1, "(0,inf)", "least curvature"},
    [BETA] = {"beta", 0.1, "(0,0.5)", "share of the predicted descent that is asked for"},
    [GROWTH] = {"growth", 1.5, "(1,inf)", "of the penalties where the direction does not descend"},
    [MAX_SKETCH] = {"max_sketch", 100000, "integer [1,inf)", "most sketches in a row"},
    {0},
};

enum { LAM_INPUT };
static const input_t INPUTS[] = {
    [LAM_INPUT] = {"lam", "where the multipliers start, one for each constraint; without it at 0", INPUT_OF_METHOD,
                   true},
    {0},
};

enum { X, UNIT, PRODUCT_ROW, JACOBIAN, HESSIAN };
static const state_t STATE[] = {
    [X] = {"x", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [UNIT] = {"unit", "a unit vector", LIKE_PARAM, DIRECTION},
    [PRODUCT_ROW] = {"product", "a column of the Hessian", LIKE_PARAM, PRODUCT},
    [JACOBIAN] = {"jacobian", "gradients of the constraints", LIKE_PARAM, WITHIN_STEP, .each = EACH_CONSTRAINT},
    [HESSIAN] = {"hessian", "of the Lagrangian", SHAPED, WITHIN_STEP, .type = TYPE_DOUBLE, .dims = square_dims},
    {0},
};

typedef struct memory {
    double *lam, penalty[3], alpha; /* penalty: eta1, eta2, delta */
    int64_t sketches;
    /* within a step: c, grad f, the direction z; then L where the step began, <grad L, z>, and a count */
    double *c, *gradient, *along_x, *along_lam;
    double merit, slope;
    int64_t k;
} memory_t;
static const field_t FIELDS[] = {
    {"lam", "multiplier of each constraint", FIELD(OF_METHOD, memory_t, lam), .each = EACH_CONSTRAINT},
    {"penalty", "eta1, eta2 and delta", FIELD(OF_METHOD, memory_t, penalty)},
    {"alpha", "length of the last step", FIELD(OF_METHOD, memory_t, alpha)},
    {"sketches", "so far", FIELD(OF_METHOD, memory_t, sketches)},
    {"c", "the constraints", FIELD(OF_METHOD, memory_t, c), .each = EACH_CONSTRAINT, .within_step = true},
    {"gradient", "of f", FIELD(OF_METHOD, memory_t, gradient), .each = EACH_ELEMENT, .within_step = true},
    {"along_x", "the direction", FIELD(OF_METHOD, memory_t, along_x), .each = EACH_ELEMENT, .within_step = true},
    {"along_lam", "in the multipliers", FIELD(OF_METHOD, memory_t, along_lam), .each = EACH_CONSTRAINT,
     .within_step = true},
    {0},
};

/* ---- Kernels that collect ---- */

/* What they take: where numbers are collected, and which constraint or column of H, or how far along z, it is about. */
typedef struct place {
    memory_t *memory;
    size_t index;
    double alpha;
} place_t;

static void begin(const tile_t *t) {
    memcpy(t->state[X], t->p, t->n * sizeof(real));
}

static void take_gradient(const tile_t *t) {
    const place_t *a = t->arguments;
    for (size_t i = 0; i < t->n; ++i)
        a->memory->gradient[t->offset + i] = (double)((const real *)t->g)[i];
}

static void take_constraint(const tile_t *t) {
    const place_t *a = t->arguments;
    real *row = (real *)t->state[JACOBIAN] + a->index * t->stride;
    for (size_t i = 0; i < t->n; ++i)
        row[i] = (real)((double)((const real *)t->g)[i] - a->memory->gradient[t->offset + i]);
}

static void point(const tile_t *t) {
    const size_t index = ((const place_t *)t->arguments)->index;
    real *unit = t->state[UNIT];
    for (size_t i = 0; i < t->n; ++i)
        unit[i] = t->offset + i == index;
}

static void take_product(const tile_t *t) {
    const size_t index = ((const place_t *)t->arguments)->index;
    double *hessian = t->state[HESSIAN];
    for (size_t i = 0; i < t->n; ++i)
        hessian[index * t->n + i] = (double)((const real *)t->state[PRODUCT_ROW])[i];
}

static void go_along(const tile_t *t) {
    const place_t *a = t->arguments;
    const real *x = t->state[X];
    real *p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = (real)((double)x[i] + a->alpha * a->memory->along_x[t->offset + i]);
}

/* ---- The system ---- */

typedef struct system {
    size_t d, m, n;                    /* n = d + m */
    double *k, *b, *z, *r, *g, *spare; /* K row by row; spare: n x n, then what LAPACK needs */
    double *values;
    double *s, *sk, *square, *inverse; /* a sketch S, S K, (S K)(S K)', its pseudo-inverse */
    void *room;
    const double *hessian;
    double gamma, psi, upsilon, norm_k, norm_b;
} system_t;

static size_t lapack_room(size_t n, size_t size) {
    return size_larger(size_larger(linear_eigen_room(n), linear_ldl_room(n) + n * sizeof(double)),
                       linear_inverse_root_room(size));
}

/* For n = 2 d, at least d + m: a step with more constraints than variables is refused before it gets here. */
static size_t workspace(const tensor_t *tensor, const double *option) {
    const size_t n = 2 * tensor->count, size = (size_t)option[SIZE];
    const size_t doubles = 2 * n * n + 6 * n + size_larger(n, size) + 2 * size * n + 2 * size * size;
    return tensor_reals(tensor, doubles * sizeof(double) + lapack_room(n, size));
}

static double *take(double **room, size_t count) {
    double *taken = *room;
    *room += count;
    return taken;
}

static const real *constraint_row(const tile_t *t, size_t k) {
    return (const real *)t->state[JACOBIAN] + k * t->stride;
}

static system_t system_of(const tile_t *t, const memory_t *m, size_t constraints, size_t size) {
    double *room = t->work;
    system_t a = {.d = t->n, .m = constraints, .n = t->n + constraints, .hessian = t->state[HESSIAN]};
    a.k = take(&room, a.n * a.n);
    a.spare = take(&room, a.n * a.n);
    a.b = take(&room, a.n);
    a.z = take(&room, a.n);
    a.r = take(&room, a.n);
    a.g = take(&room, a.n);
    a.values = take(&room, size_larger(a.n, size));
    a.s = take(&room, size * a.n);
    a.sk = take(&room, size * a.n);
    a.square = take(&room, size * size);
    a.inverse = take(&room, size * size);
    a.room = room;
    memset(a.k, 0, a.n * a.n * sizeof *a.k);
    for (size_t i = 0; i < a.d; ++i) {
        a.g[i] = m->gradient[i];
        for (size_t k = 0; k < a.m; ++k) {
            const double entry = (double)constraint_row(t, k)[i];
            a.k[i * a.n + a.d + k] = a.k[(a.d + k) * a.n + i] = entry;
            a.g[i] += entry * m->lam[k];
        }
        for (size_t j = 0; j < a.d; ++j)
            a.k[i * a.n + j] = (a.hessian[i * a.d + j] + a.hessian[j * a.d + i]) / 2;
        a.b[i] = -a.g[i];
    }
    for (size_t k = 0; k < a.m; ++k)
        a.b[a.d + k] = -m->c[k];
    a.norm_b = norm(a.n, a.b);
    return a;
}

/* Row k of J. */
static const double *jacobian(const system_t *a, size_t k) {
    return a->k + (a->d + k) * a->n;
}

/* gamma */
static linear_status_t measure_constraints(system_t *a) {
    double *square = a->spare;
    for (size_t k = 0; k < a->m; ++k)
        for (size_t l = 0; l < a->m; ++l)
            square[k * a->m + l] = inner_product(a->d, jacobian(a, k), jacobian(a, l));
    const linear_status_t status = linear_eigenvalues(a->m, square, a->values, a->room);
    a->gamma = a->values[0];
    return status;
}

static linear_pivot_t *factor(const system_t *a, double shift, linear_inertia_t *inertia, linear_status_t *status) {
    linear_pivot_t *pivots = a->room; /* in front of LAPACK's room: one is no longer than a double */
    memcpy(a->spare, a->k, a->n * a->n * sizeof *a->k);
    for (size_t i = 0; i < a->d; ++i)
        a->spare[i * a->n + i] += shift;
    *status = linear_ldl(a->n, a->spare, pivots, inertia, (double *)a->room + a->n);
    return pivots;
}

/* Whether lambda_min(Z'HZ) >= 1e-6: then [H - 1e-6 I, J'; J, 0] has d positive and m negative eigenvalues. */
static bool is_convex(const system_t *a) {
    linear_inertia_t inertia = {0};
    linear_status_t status;
    if (a->m == a->d)
        return true;
    (void)factor(a, -1e-6, &inertia, &status);
    return inertia.positive == a->d && inertia.negative == a->m;
}

/* Line 1 without gamma and delta. */
static void measure(const step_t *s, system_t *a) {
    double h = 0, j = 0;
    for (size_t i = 0; i < a->d; ++i) {
        h += inner_product(a->d, a->k + i * a->n, a->k + i * a->n);
        j += inner_product(a->m, a->k + i * a->n + a->d, a->k + i * a->n + a->d);
    }
    const double norm_h = sqrt(h), norm_j = sqrt(j), xi = s->option[XI], t = is_convex(a) ? 0 : xi + norm_h;
    double b = 0;
    for (size_t i = 0; i < a->d; ++i) {
        a->k[i * a->n + i] += t;
        b += inner_product(a->d, a->k + i * a->n, a->k + i * a->n);
    }
    a->psi = 20 * fmax(b, 1) / (fmin(a->gamma, 1) * fmin(xi, 1));
    a->upsilon = fmax(fmax(norm_j, norm_h), 1);
    a->norm_k = norm(a->n * a->n, a->k);
}

static double accuracy(const step_t *s, const system_t *a, const double *penalty, double divisor) {
    const double size = (1 + penalty[0] + penalty[1]) * a->upsilon * a->upsilon * a->psi * a->psi;
    return fmax(fmin(penalty[2] / divisor, (0.5 - s->option[BETA]) * penalty[1] / size), 1e-6);
}

/* ---- Lines 2 and 3 ---- */

static void set_residual(const system_t *a) {
    for (size_t i = 0; i < a->n; ++i)
        a->r[i] = inner_product(a->n, a->k + i * a->n, a->z) - a->b[i];
}

/* Draws S; returns the next word of the stream. */
static uint64_t draw_sketch(const system_t *a, bool gaussian, size_t size, uint64_t seed, uint64_t word) {
    memset(a->s, 0, size * a->n * sizeof *a->s);
    for (size_t i = 0; gaussian && i < size * a->n; ++i, word += 2)
        a->s[i] = random_normal(seed, word);
    for (size_t j = 0; !gaussian && j < a->n; ++j, word += 2) {
        const size_t row = (size_t)((double)size * random_uniform(seed, word));
        a->s[row * a->n + j] = random_uniform(seed, word + 1) < 0.5 ? 1 : -1;
    }
    return word;
}

/* z <- z - K S' (S K K S')^+ S r */
static linear_status_t apply_sketch(const system_t *a, size_t size) {
    const size_t n = a->n;
    for (size_t i = 0; i < size; ++i)
        for (size_t j = 0; j < n; ++j)
            a->sk[i * n + j] = inner_product(n, a->s + i * n, a->k + j * n);
    for (size_t i = 0; i < size; ++i)
        for (size_t j = 0; j < size; ++j)
            a->square[i * size + j] = inner_product(n, a->sk + i * n, a->sk + j * n);
    const linear_status_t status = linear_pseudo_inverse(size, a->square, 1e-12, a->inverse, a->room);
    if (status != LINEAR_OK)
        return status;
    for (size_t i = 0; i < size; ++i)
        a->values[i] = inner_product(n, a->s + i * n, a->r);
    for (size_t i = 0; i < size; ++i) {
        const double weight = inner_product(size, a->inverse + i * size, a->values);
        for (size_t j = 0; j < n; ++j)
            a->z[j] -= weight * a->sk[i * n + j];
    }
    return LINEAR_OK;
}

static void project_on_row(const system_t *a, size_t i) {
    const double *row = a->k + i * a->n, square = inner_product(a->n, row, row);
    for (size_t j = 0; square > 0 && j < a->n; ++j)
        a->z[j] -= a->r[i] / square * row[j];
}

typedef struct solver { /* what the kernel that solves takes: the step, the next word of its stream; what came of it */
    step_t *step;
    uint64_t word;
    optim_status status;
    const char *sentence;
} solver_t;

static linear_status_t sketch(const system_t *a, solver_t *v) {
    const double *o = v->step->option;
    memory_t *m = v->step->memory;
    const int kind = (int)o[SKETCH];
    linear_status_t status = LINEAR_OK;
    set_residual(a);
    for (double k = 0; k < o[MAX_SKETCH] && status == LINEAR_OK; ++k) {
        if (!(a->norm_k * a->psi * norm(a->n, a->r) > m->penalty[2] * a->norm_b))
            break;
        if (kind == KACZMARZ) {
            project_on_row(a, (size_t)((double)a->n * random_uniform(v->step->seed, v->word++)));
        } else {
            v->word = draw_sketch(a, kind == GAUSSIAN, (size_t)o[SIZE], v->step->seed, v->word);
            status = apply_sketch(a, (size_t)o[SIZE]);
        }
        set_residual(a);
        ++m->sketches;
    }
    return status;
}

static linear_status_t solve(const system_t *a, solver_t *v) {
    linear_status_t status = LINEAR_OK;
    if ((int)v->step->option[SKETCH] != NONE)
        return sketch(a, v);
    linear_inertia_t inertia;
    const linear_pivot_t *pivots = factor(a, 0, &inertia, &status);
    memcpy(a->z, a->b, a->n * sizeof *a->z);
    if (status == LINEAR_OK)
        linear_ldl_solve_rows(a->n, a->spare, pivots, 1, a->z);
    return status;
}

/* ---- Lines 4 and 5 ---- */

/* <grad L, z> */
static double slope(const system_t *a, const memory_t *m) {
    const double eta1 = m->penalty[0], eta2 = m->penalty[1];
    double sum = 0;
    for (size_t i = 0; i < a->d; ++i) {
        const double *row = a->k + i * a->n;
        const double curved = inner_product(a->d, a->hessian + i * a->d, a->g);
        sum += a->z[i] * (a->g[i] + eta2 * curved + eta1 * inner_product(a->m, row + a->d, m->c));
    }
    for (size_t k = 0; k < a->m; ++k)
        sum += a->z[a->d + k] * (m->c[k] + eta2 * inner_product(a->d, jacobian(a, k), a->g));
    return sum;
}

/* Lines 3 and 4 until z descends. */
static linear_status_t find_direction(const system_t *a, solver_t *v) {
    memory_t *m = v->step->memory;
    const double growth = v->step->option[GROWTH];
    memset(a->z, 0, a->n * sizeof *a->z);
    for (;;) {
        const linear_status_t status = solve(a, v);
        m->slope = slope(a, m);
        const bool descends = !(m->slope > -m->penalty[1] / 2 * a->norm_b * a->norm_b);
        if (status != LINEAR_OK || descends || m->penalty[0] > 1e8 || m->penalty[1] < 1e-8)
            return status;
        m->penalty[0] *= growth * growth;
        m->penalty[1] /= growth;
        m->penalty[2] = accuracy(v->step, a, m->penalty, growth * growth * growth * growth);
    }
}

static void direct(const tile_t *t) {
    solver_t *v = *(solver_t *const *)t->arguments;
    memory_t *m = v->step->memory;
    system_t a = system_of(t, m, (size_t)v->step->equalities, (size_t)v->step->option[SIZE]);
    v->status = OPTIM_ERR_DOMAIN;
    if (measure_constraints(&a) != LINEAR_OK || !(a.gamma >= 1e-2)) {
        v->sentence = "gradients of the constraints are too nearly dependent: an eigenvalue of J J' is below 0.01";
        return;
    }
    measure(v->step, &a);
    m->penalty[2] = accuracy(v->step, &a, m->penalty, 1);
    if (find_direction(&a, v) != LINEAR_OK) {
        v->sentence = "the KKT system cannot be solved";
        return;
    }
    if (!isfinite(m->slope)) {
        v->sentence = "the direction is not finite: are the constraints and the Hessian?";
        return;
    }
    memcpy(m->along_x, a.z, a.d * sizeof *a.z);
    memcpy(m->along_lam, a.z + a.d, a.m * sizeof *a.z);
    const double g = norm(a.d, a.g), c = norm(a.m, m->c);
    m->merit += inner_product(a.m, m->lam, m->c) + m->penalty[0] / 2 * c * c + m->penalty[1] / 2 * g * g;
    v->status = OPTIM_OK;
}

enum { BEGIN, TAKE_GRADIENT, TAKE_CONSTRAINT, POINT, TAKE_PRODUCT, GO_ALONG, SQUARES, DIRECT };

/* ---- The step ---- */

static void weigh(step_t *s, double alpha) { /* with lam + alpha z */
    const memory_t *m = s->memory;
    for (int64_t k = 0; k < s->equalities; ++k)
        s->weights[k] = m->lam[k] + alpha * m->along_lam[k];
}

static void weigh_one(step_t *s, int64_t which) { /* which = -1: none */
    for (int64_t k = 0; k < s->equalities; ++k)
        s->weights[k] = k == which;
}

static void start(step_t *s) {
    memory_t *m = s->memory;
    const input_view_t *lam = step_input(s, LAM_INPUT);
    for (size_t k = 0; lam != NULL && k < (size_t)s->equalities; ++k) {
        double room;
        m->lam[k] = *input_doubles(lam, k, 1, &room);
    }
    for (int i = 0; i < 3; ++i)
        m->penalty[i] = s->option[ETA1 + i];
}

static void keep_constraints(step_t *s) {
    memcpy(((const memory_t *)s->memory)->c, s->constraint, (size_t)s->equalities * sizeof *s->constraint);
}

static void update(step_t *s, int kernel, size_t index, double alpha) {
    step_update(s, kernel, &(place_t){s->memory, index, alpha});
}

/* With the constraints, the loss and the gradient of the Lagrangian at the point tried; what is not finite is too
 * large. */
static bool descends(step_t *s) {
    const memory_t *m = s->memory;
    const double square = step_sums(s, SQUARES, NULL, 1)[0];
    double merit = s->loss + m->penalty[1] / 2 * square;
    for (int64_t k = 0; k < s->equalities; ++k)
        merit += s->weights[k] * m->c[k] + m->penalty[0] / 2 * m->c[k] * m->c[k];
    return merit <= m->merit + s->option[BETA] * m->alpha * m->slope;
}

static const char *refuses_step(const step_t *s) {
    const size_t vectors = step_own_parameters(s);
    if (s->inequalities > 0)
        return "it takes equalities alone: optim_set_constraints(opt, m, 0)";
    if (vectors > 1)
        return "it takes one vector: put all variables into one parameter";
    return vectors == 1 && (size_t)s->equalities > step_own_elements(s) ? "there are more constraints than variables"
                                                                        : NULL;
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    solver_t v = {.step = s, .status = OPTIM_OK};
    solver_t *const solver = &v;
    const char *wrong;
    STEP_BEGIN(s);
    wrong = refuses_step(s);
    if (wrong != NULL)
        return step_fail(s, OPTIM_ERR_SHAPE, wrong);
    if (moving_elements(s) == 0)
        return OPTIM_OK;
    if (s->t == 1)
        start(s);
    step_update(s, BEGIN, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_CONSTRAINTS);
    keep_constraints(s);
    weigh_one(s, -1);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD);
    m->merit = s->loss;
    update(s, TAKE_GRADIENT, 0, 0);
    for (m->k = 0; m->k < s->equalities; ++m->k) {
        weigh_one(s, m->k);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD);
        update(s, TAKE_CONSTRAINT, (size_t)m->k, 0);
    }
    weigh(s, 0);
    for (m->k = 0; m->k < (int64_t)step_own_elements(s); ++m->k) {
        update(s, POINT, (size_t)m->k, 0);
        STEP_ASK(s, .kind = OPTIM_EVAL_HVP);
        step_tensors_in_turn(s, TAKE_PRODUCT, &(place_t){m, (size_t)m->k, 0});
    }
    v.word = step_draws(s, 0);
    step_tensors_in_turn(s, DIRECT, &solver);
    (void)step_draws(s, v.word - step_draws(s, 0));
    if (v.status != OPTIM_OK)
        return step_fail(s, v.status, v.sentence);
    for (m->alpha = 1;; m->alpha /= 2) {
        update(s, GO_ALONG, 0, m->alpha);
        STEP_ASK(s, .kind = OPTIM_EVAL_CONSTRAINTS);
        keep_constraints(s);
        weigh(s, m->alpha);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD);
        if (m->alpha <= 1e-12 || descends(s))
            break;
    }
    for (m->k = 0; m->k < s->equalities; ++m->k)
        m->lam[m->k] += m->alpha * m->along_lam[m->k];
    STEP_END(s);
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    if (tensor->ndim > 1)
        return "it takes one vector";
    return tensor->count > 2048 ? "it is dense: more than 2048 variables are too many" : NULL;
}

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *lam = step_input(s, LAM_INPUT);
    return lam != NULL && lam->count != (size_t)s->equalities
               ? "the input \"lam\" must have a number for each constraint"
               : NULL;
}

const method_t METHOD(exact_al) = {
    .name = "exact_al",
    .purpose = "Newton steps on the KKT system, solved by sketches, with an exact augmented Lagrangian",
    .citation = "Hong, Na, Mahoney, Kolar: Constrained Optimization via Exact Augmented Lagrangian and Randomized "
                "Iterative Sketching, ICML 2023, arXiv:2305.18379",
    .evaluations =
        "the constraints, 1 + m gradients, d products; the constraints and 1 gradient for every length tried",
    .options = OPTIONS,
    .inputs = INPUTS,
    .states = STATE,
    .fields = FIELDS,
    .flags = REQUESTS | REQUESTS_PRODUCTS | READS_LOSS | SEARCHES | ASKS_FOR_ALL | NEEDS_CONSTRAINTS | WHOLE_TENSORS |
             NEEDS_LAPACK,
    .memory = sizeof(memory_t),
    .refuses = refuses,
    .refuses_inputs = refuses_inputs,
    .workspace = workspace,
    .advance = advance,
    .kernels = {begin, take_gradient, take_constraint, point, take_product, go_along, squares, direct},
    .arguments = {[TAKE_GRADIENT] = sizeof(place_t),
                  [TAKE_CONSTRAINT] = sizeof(place_t),
                  [POINT] = sizeof(place_t),
                  [TAKE_PRODUCT] = sizeof(place_t),
                  [GO_ALONG] = sizeof(place_t),
                  [DIRECT] = sizeof(solver_t *)},
};
