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
 * x-part of H (0, w), D_yx v the y-part of H (v, 0). All of a step's evaluations are made on one sample. CG ends when |r| <=
 * cg_tol |b|, after cg_iters iterations, or with r = 0. One solve is enough: d_y then equals (I + alpha^2 D_yx D_xy)^{-1}
 * (F_y + alpha D_yx F_x). As in the authors' code OCGO evaluates anew at the trial point; the paper's listing re-uses the
 * last direction. alpha = lr gives competitive gradient descent. State: none between steps; within a step d, r, p, the
 * direction and the product, and z if optimistic: 20 (24) bytes a parameter in f32.
 */
#include <string.h>

#include "engine/method.h"

enum { LR, ALPHA, OPTIMISTIC, CG_ITERS, CG_TOL, SPLIT };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.05, "[0,inf)", "step size"},
    [ALPHA] = {"alpha", 1, "[0,inf)", "weight of the interaction; 0: simultaneous descent"},
    [OPTIMISTIC] = {"optimistic", 0, "0|1", "take the direction at the end of a trial step"},
    [CG_ITERS] = {"cg_iters", 50, "integer [1,inf)", "most iterations of conjugate gradients"},
    [CG_TOL] = {"cg_tol", 1e-12, "[0,inf)", "residual, relative to the right-hand side, at which they end"},
    [SPLIT] = {"split", 1, "integer [1,inf)", "so many parameters, in order of declaration, are x"},
    {0},
};

enum { D, R, P, V, HV, Z, RHO, RATIO, STEP, STOP, ITERATIONS, TRIAL };
static const state_t STATE[] = {
    [D] = {"d", "the direction of the step", LIKE_PARAM, WITHIN_STEP},
    [R] = {"r", "residual of CG", LIKE_PARAM, WITHIN_STEP},
    [P] = {"p", "search direction of CG", LIKE_PARAM, WITHIN_STEP},
    [V] = {"v", "what the Hessian is multiplied by", LIKE_PARAM, DIRECTION},
    [HV] = {"Hv", "the product", LIKE_PARAM, PRODUCT},
    [Z] = {"z", "the point that the trial step leaves", LIKE_PARAM, RESTORE_POINT, .when = "optimistic"},
    [RHO] = {"rho", "<r,r>", PER_METHOD, WITHIN_STEP},
    [RATIO] = {"ratio", "new rho over old", PER_METHOD, WITHIN_STEP},
    [STEP] = {"step", "length of the CG step", PER_METHOD, WITHIN_STEP},
    [STOP] = {"stop", "rho at which CG ends", PER_METHOD, WITHIN_STEP},
    [ITERATIONS] = {"iterations", "of CG so far", PER_METHOD, WITHIN_STEP},
    [TRIAL] = {"trial", "whether this is the direction at the trial point", PER_METHOD, WITHIN_STEP},
    {0},
};

typedef struct scalars {
    double lr, alpha, ratio, step;
    size_t split;
    bool trial;
} scalars_t;

static void prepare(const group_t *group, void *scalars) {
    const double *o = group->option;
    *(scalars_t *)scalars = (scalars_t){
        .lr = o[LR],
        .alpha = group->step->option[ALPHA],
        .ratio = *group->scalar[RATIO],
        .step = *group->scalar[STEP],
        .split = (size_t)group->step->option[SPLIT],
        .trial = *group->scalar[TRIAL] != 0,
    };
}

static bool is_x(const tile_t *t) {
    return t->tensor->id < ((const scalars_t *)t->scalars)->split;
}
static real alpha_of(const tile_t *t) {
    return (real)((const scalars_t *)t->scalars)->alpha;
}
static void copy(const tile_t *t, int to, const void *from) {
    memcpy(t->state[to], from, t->n * sizeof(real));
}
static void clear(const tile_t *t, int state) {
    memset(t->state[state], 0, t->n * sizeof(real));
}

/* The part of the product that D_xy (the x-part) or D_yx means. */
static void keep_part(const tile_t *t, bool x) {
    if (is_x(t) != x)
        clear(t, HV);
}

/* d = (0, F_y), r = (F_x, 0), p = 0, v = (0, F_y) */
static void begin(const tile_t *t) {
    copy(t, is_x(t) ? R : D, t->g);
    clear(t, is_x(t) ? D : R);
    clear(t, P);
    copy(t, V, t->state[D]);
    if (t->state[Z] != NULL && !((const scalars_t *)t->scalars)->trial)
        copy(t, Z, t->p);
}

/* r_x = r_x - alpha Hv_x, and <r,r>; like p, r is 0 outside x */
static void right_side(const tile_t *t) {
    const real alpha = alpha_of(t);
    real *restrict r = t->state[R];
    const real *restrict hv = t->state[HV];
    keep_part(t, true);
    for (size_t i = 0; i < t->n; ++i) {
        r[i] -= alpha * hv[i];
        t->term[0][i] = (double)r[i] * (double)r[i];
    }
}

/* p_x = r_x + ratio p_x,  v = (p_x, 0) */
static void turn(const tile_t *t) {
    const real ratio = (real)((const scalars_t *)t->scalars)->ratio;
    real *restrict p = t->state[P];
    const real *restrict r = t->state[R];
    for (size_t i = 0; i < t->n; ++i)
        p[i] = r[i] + ratio * p[i];
    copy(t, V, p);
}

/* v = (0, Hv_y) */
static void reflect(const tile_t *t) {
    if (is_x(t))
        clear(t, V);
    else
        copy(t, V, t->state[HV]);
}

/* q = p_x + alpha^2 Hv_x takes the place of Hv, and <p,q> */
static void curvature(const tile_t *t) {
    const real square = alpha_of(t) * alpha_of(t);
    real *restrict q = t->state[HV];
    const real *restrict p = t->state[P];
    keep_part(t, true);
    for (size_t i = 0; i < t->n; ++i) {
        q[i] = p[i] + square * q[i];
        t->term[0][i] = (double)p[i] * (double)q[i];
    }
}

/* d_x = d_x + step p_x,  r_x = r_x - step q,  and <r,r> */
static void descend(const tile_t *t) {
    const real step = (real)((const scalars_t *)t->scalars)->step;
    real *restrict d = t->state[D], *restrict r = t->state[R];
    const real *restrict p = t->state[P], *restrict q = t->state[HV];
    for (size_t i = 0; i < t->n; ++i) {
        d[i] += step * p[i];
        r[i] -= step * q[i];
        t->term[0][i] = (double)r[i] * (double)r[i];
    }
}

/* v = (d_x, 0) */
static void show_solution(const tile_t *t) {
    if (is_x(t))
        copy(t, V, t->state[D]);
    else
        clear(t, V);
}

/* d_y = d_y + alpha Hv_y, then z - lr d */
static void move(const tile_t *t) {
    const real lr = (real)((const scalars_t *)t->scalars)->lr, alpha = alpha_of(t);
    real *p = t->p, *restrict d = t->state[D];
    const real *restrict hv = t->state[HV], *z = t->state[Z] == NULL ? p : t->state[Z];
    keep_part(t, false);
    for (size_t i = 0; i < t->n; ++i) {
        d[i] += alpha * hv[i];
        p[i] = z[i] - lr * d[i];
    }
}

enum { BEGIN, RIGHT_SIDE, TURN, REFLECT, CURVATURE, DESCEND, SHOW_SOLUTION, MOVE };
enum { AT_Z, AT_TRIAL, PRODUCT_WITH_F, PRODUCT_WITH_P, PRODUCT_BACK, PRODUCT_WITH_D };

static optim_status multiply(step_t *s, int kernel, int stage) {
    step_update(s, kernel);
    return step_request(s, OPTIM_EVAL_HVP, OPTIM_SAMPLE_SAME, stage);
}

static optim_status iterate(step_t *s, double rho, double ratio) {
    const bool goes_on = rho > *s->scalar[STOP] && rho > 0 && *s->scalar[ITERATIONS] < s->option[CG_ITERS];
    *s->scalar[RHO] = rho;
    *s->scalar[RATIO] = ratio;
    return goes_on ? multiply(s, TURN, PRODUCT_WITH_P) : multiply(s, SHOW_SOLUTION, PRODUCT_WITH_D);
}

static optim_status start_solving(step_t *s) {
    const double rho = step_reduce(s, RIGHT_SIDE, 1)[0];
    *s->scalar[STOP] = s->option[CG_TOL] * s->option[CG_TOL] * rho;
    *s->scalar[ITERATIONS] = 0;
    return iterate(s, rho, 0);
}

static optim_status go_on_solving(step_t *s) {
    const double rho = *s->scalar[RHO];
    *s->scalar[STEP] = rho / step_reduce(s, CURVATURE, 1)[0];
    ++*s->scalar[ITERATIONS];
    const double rho_new = step_reduce(s, DESCEND, 1)[0];
    return iterate(s, rho_new, rho_new / rho);
}

static optim_status advance(step_t *s) {
    switch (s->stage) {
    case PRODUCT_WITH_F:
        return start_solving(s);
    case PRODUCT_WITH_P:
        return multiply(s, REFLECT, PRODUCT_BACK);
    case PRODUCT_BACK:
        return go_on_solving(s);
    case PRODUCT_WITH_D:
        step_update(s, MOVE);
        if (s->option[OPTIMISTIC] == 0 || *s->scalar[TRIAL] != 0)
            return OPTIM_OK;
        return step_request(s, OPTIM_EVAL_GRAD, OPTIM_SAMPLE_SAME, AT_TRIAL);
    default:
        *s->scalar[TRIAL] = s->stage == AT_TRIAL;
        return multiply(s, BEGIN, PRODUCT_WITH_F);
    }
}

const method_t METHOD(cgo) = {
    .name = "cgo",
    .purpose =
        "descent that reckons with the other player's answer, by conjugate gradients over Hessian-vector products",
    .citation = "Vyas, Bullins, Azizzadenesheli: Competitive Gradient Optimization, 2023, arXiv:2205.14232",
    .evaluations = "1 gradient, 2 Hessian-vector products and 2 for each iteration of CG; optimistic=1: all twice",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | REQUESTS_PRODUCTS,
    .scalars = sizeof(scalars_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, right_side, turn, reflect, curvature, descend, show_solution, move},
};
