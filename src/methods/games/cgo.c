/*
 * cgo: competitive gradient optimization; optimistic=1: OCGO. For zero-sum games min_x max_y f(x, y).
 *
 * Vyas, Bullins, Azizzadenesheli, "Competitive Gradient Optimization", 2023, arXiv:2205.14232.
 *
 *     direction(z):  1. (F_x, F_y) = gradient at z;   b = F_x - alpha D_xy F_y
 *                    2. solve (I + alpha^2 D_xy D_yx) d_x = b  by conjugate gradients from 0
 *                    3. d_y = F_y + alpha D_yx d_x
 *     4. d = direction(z);   optimistic: d = direction(z - lr d)
 *     5. z = z - lr d
 *
 * F = (grad_x f, -grad_y f) is what the caller hands over; products are those of the Hessian of f itself: D_xy w is the
 * x-part of H (0, w), D_yx v the y-part of H (v, 0). All of a step's evaluations are made on one sample. CG ends when
 * |r| <= cg_tol |b|, after cg_iters iterations, or with r = 0. One solve is enough: d_y then equals (I + alpha^2 D_yx
 * D_xy)^{-1} (F_y + alpha D_yx F_x). As in the authors' code OCGO evaluates anew at the trial point; the paper's
 * listing re-uses the last direction. alpha = lr gives competitive gradient descent. State: none between steps; within
 * a step d, r, p, the direction and the product, and z if optimistic: 20 (24) bytes a parameter in f32.
 */
#include <string.h>

#include "blocks/algebra.h"

enum { LR, ALPHA, OPTIMISTIC, CG_ITERS, CG_TOL, SPLIT };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.05, "[0,inf)", "step size"},
    [ALPHA] = {"alpha", 1, "[0,inf)", "weight of the interaction; 0: simultaneous descent"},
    [OPTIMISTIC] = {"optimistic", 0, "0|1", "take the direction at the end of a trial step"},
    [CG_ITERS] = {"cg_iters", 50, "integer [1,inf)", "most iterations of conjugate gradients"},
    [CG_TOL] = {"cg_tol", 1e-12, "[0,inf)", "residual, relative to the right-hand side, at which they end"},
    [SPLIT] = {"split", 1, "integer [1,inf)",
               "deprecated, for groups with role=x and role=y: so many parameters, in order of declaration, are x"},
    {0},
};

enum { D, R, P, V, HV, Z };
static const state_t STATE[] = {
    [D] = {"d", "the direction of the step", LIKE_PARAM, WITHIN_STEP},
    [R] = {"r", "residual of CG", LIKE_PARAM, WITHIN_STEP},
    [P] = {"p", "search direction of CG", LIKE_PARAM, WITHIN_STEP},
    [V] = {"v", "what the Hessian is multiplied by", LIKE_PARAM, DIRECTION},
    [HV] = {"Hv", "the product", LIKE_PARAM, PRODUCT},
    [Z] = {"z", "the point that the trial step leaves", LIKE_PARAM, RESTORE_POINT, .when = "optimistic"},
    {0},
};

/* Of a step. */
typedef struct memory {
    double rho, stop; /* <r,r>, and where it ends CG */
    int64_t iterations;
    int directions; /* taken: the second is that at the trial point */
} memory_t;

typedef struct constants {
    real lr;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    ((constants_t *)constants)->lr = (real)group->option[LR];
}

/* The part of a vector that belongs to one of the players: the other's becomes 0. */
enum { PART_X, PART_Y };
typedef struct part {
    int role, row;
} part_t;

static void keep_part(const tile_t *t) {
    const part_t *part = t->arguments;
    if (t->tensor->role != part->role)
        memset(algebra_at(t, vector(part->row)), 0, t->n * sizeof(real));
}

static void go(const tile_t *t) {
    const real lr = ((const constants_t *)t->constants)->lr, *restrict d = t->state[D];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] -= lr * d[i];
}

enum { KEEP_PART = ALGEBRA_KERNEL_COUNT, GO };

static void keep(step_t *s, int role, int row) {
    step_update(s, KEEP_PART, &(part_t){role, row});
}

/* The direction of the next product: a part of a vector. */
static void direct(step_t *s, int role, int row) {
    copy(s, vector(row), vector(V));
    keep(s, role, V);
}

/* r = (F_x, 0), d = (0, F_y) */
static void begin(step_t *s) {
    copy(s, vector(GRADIENT), vector(R));
    keep(s, PART_X, R);
    copy(s, vector(GRADIENT), vector(D));
    keep(s, PART_Y, D);
}

/* Line 1: r = b. */
static void start_solving(step_t *s) {
    const double tolerance = s->option[CG_TOL];
    memory_t *m = s->memory;
    keep(s, PART_X, HV);
    axpy(s, -s->option[ALPHA], vector(HV), vector(R));
    copy(s, vector(R), vector(P));
    m->rho = dot(s, vector(R), vector(R));
    m->stop = tolerance * tolerance * m->rho;
    m->iterations = 0;
}

static bool is_solved(const step_t *s) {
    const memory_t *m = s->memory;
    return !(m->rho > m->stop) || (double)m->iterations >= s->option[CG_ITERS];
}

/* Line 2, with q = p + alpha^2 D_xy D_yx p in the place of the product. */
static void iterate(step_t *s) {
    memory_t *m = s->memory;
    const double alpha = s->option[ALPHA];
    keep(s, PART_X, HV);
    scale(s, alpha * alpha, vector(HV));
    axpy(s, 1, vector(P), vector(HV));
    const double a = m->rho / dot(s, vector(P), vector(HV));
    axpy(s, a, vector(P), vector(D));
    axpy(s, -a, vector(HV), vector(R));
    const double rho_new = dot(s, vector(R), vector(R));
    scale(s, rho_new / m->rho, vector(P));
    axpy(s, 1, vector(R), vector(P));
    m->rho = rho_new;
    ++m->iterations;
}

/* Lines 3 to 5. */
static void complete(step_t *s) {
    keep(s, PART_Y, HV);
    axpy(s, s->option[ALPHA], vector(HV), vector(D));
    if (s->option[OPTIMISTIC] != 0)
        copy(s, vector(Z), vector(PARAMETERS));
    step_update(s, GO, NULL);
}

static optim_status advance(step_t *s) {
    const int directions = s->option[OPTIMISTIC] != 0 ? 2 : 1;
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    if (directions > 1)
        copy(s, vector(PARAMETERS), vector(Z));
    for (m->directions = 0; m->directions < directions; ++m->directions) {
        if (m->directions > 0)
            STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
        begin(s);
        direct(s, PART_Y, D);
        STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
        start_solving(s);
        while (!is_solved(s)) {
            direct(s, PART_X, P);
            STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
            direct(s, PART_Y, HV);
            STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
            iterate(s);
        }
        direct(s, PART_X, D);
        STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
        complete(s);
    }
    STEP_END(s);
}

const method_t METHOD(cgo) = {
    .name = "cgo",
    .purpose = "descent that reckons with the other player's answer, through Hessian-vector products",
    .citation = "Vyas, Bullins, Azizzadenesheli: Competitive Gradient Optimization, 2023, arXiv:2205.14232",
    .evaluations = "1 gradient, 2 Hessian-vector products and 2 for each iteration of CG; optimistic=1: all twice",
    .options = OPTIONS,
    .states = STATE,
    .roles = "x|y",
    .flags = REQUESTS | REQUESTS_PRODUCTS,
    .memory = sizeof(memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {ALGEBRA_KERNELS, keep_part, go},
    .arguments = {ALGEBRA_ARGUMENTS, sizeof(part_t)},
};
