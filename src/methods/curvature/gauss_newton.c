/*
 * gauss_newton: least squares, f = |r|^2 / 2 of residuals r(x), from products with their Jacobian J and its transpose,
 * within a trust region: J is never formed.
 *
 * Steihaug, "The conjugate gradient method and trust regions in large scale optimization", SIAM J. Numer. Anal. 20,
 * 1983, on the Gauss-Newton model |r + J z|^2 / 2; conjugate gradients for least squares as in Bjoerck, "Numerical
 * Methods for Least Squares Problems", 1996, algorithm 7.4.1; step lengths along z where it fails: Nocedal, Yuan,
 * "Combining trust region and line search techniques", 1998.
 *
 *     1. z = 0, u = J z = 0, s = -J'r = -g, p = s / |g|;   tol = |g| min(forcing, sqrt(|g| / |g of the first step|))
 *     2. while |s| > tol and fewer than max_cg rounds:   w = J p,  a = s's / (|g| w'w)
 *        |z + a p| >= radius: a >= 0 such that |z + a p| = radius, z <- z + a p, u <- u + a w, stop
 *        z <- z + a p,  u <- u + a w,  s+ = -J'(r + u),  p <- (s+'s+ / s's) p + s+ / |g|
 *     3. rho = (|r|^2 - |r(x + z)|^2) / (|r|^2 - |r + u|^2)
 *     4. rho < 1/4: radius <- |z| / 4;   rho > 3/4: radius <- max(radius, 2 |z|)
 *     5. rho > 1e-4: x <- x + z;   otherwise z <- z / 4, u <- u / 4 and again from 3, unless what the model promises is
 *        at most eps |r|^2, z is lost in the rounding of x, or max_tries are done
 *
 * eps = 2^-52. The first radius is factor |x| (none, where that is 0), max_cg = 0 stands for 20 times the number of
 * elements. Residuals and gradient of the accepted point are kept and never evaluated again. Steps do not depend on the
 * units of r, nor on that of x as a whole; other than levenberg_marquardt's they do on those of single x_j. State: g;
 * for m residuals m doubles; within a step x, z, p, s and 4 m doubles.
 */
#include "blocks/algebra.h"

enum { FACTOR, FORCING, MAX_CG, MAX_TRIES };
static const option_t OPTIONS[] = {
    [FACTOR] = {"factor", 1, "(0,inf)", "the first radius, in units of |x|"},
    [FORCING] = {"forcing", 0.1, "(0,1)", "largest |J'(r + J z)| that ends conjugate gradients, in units of |g|"},
    [MAX_CG] = {"max_cg", 0, "integer [0,inf)", "most rounds of conjugate gradients; 0: 20 for each element",
                .zero_apart = true},
    [MAX_TRIES] = {"max_tries", 30, "integer [1,inf)", "most lengths of z that a step tries"},
    {0},
};

static const double ANY_LENGTH = 0x1p1000;

enum { G, X, Z, P, S };
static const state_t STATE[] = {
    [G] = {"g", "the gradient at x", LIKE_PARAM, KEPT, .undone = true},
    [X] = {"x", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [Z] = {"z", "the step", LIKE_PARAM, WITHIN_STEP},
    [P] = {"p", "search direction of conjugate gradients", LIKE_PARAM, DIRECTION},
    [S] = {"s", "-J'(r + J z)", LIKE_PARAM, PRODUCT},
    {0},
};

typedef struct memory {
    double f, radius, first_norm;
    double *r;                    /* residuals at x; within a step, as is what follows: */
    double *trial, *u, *w, *q;    /* residuals at x + z; J z; J p; what is multiplied by J' */
    double norm, tolerance, root; /* |g|; where |s| ends line 2; |s| */
    int64_t rounds, tries;
} memory_t;

#define WITHIN(member, doc)                                                                                            \
    { #member, doc, FIELD(OF_METHOD, memory_t, member), .each = EACH_RESIDUAL, .within_step = true }
static const field_t FIELDS[] = {
    {"f", "loss at x", FIELD(OF_METHOD, memory_t, f)},
    {"radius", "of the trust region", FIELD(OF_METHOD, memory_t, radius)},
    {"first_norm", "|g| of the first step", FIELD(OF_METHOD, memory_t, first_norm)},
    {"r", "residuals at x", FIELD(OF_METHOD, memory_t, r), .each = EACH_RESIDUAL},
    WITHIN(trial, "residuals at x + z"),
    WITHIN(u, "J z"),
    WITHIN(w, "J p"),
    WITHIN(q, "-(r + J z)"),
    {0},
};

/* x'y over the residuals. */
static double product(const step_t *s, const double *x, const double *y) {
    double sum = 0;
    for (size_t i = 0; i < (size_t)s->residuals; ++i)
        sum += x[i] * y[i];
    return sum;
}

/* J'r has arrived; x is where the parameters are. */
static optim_status take_gradient(step_t *s) {
    memory_t *m = s->memory;
    copy(s, vector(S), vector(G));
    m->norm = norm_2(s, vector(G));
    if (!isfinite(m->norm))
        return step_reject(s);
    if (m->radius == 0) {
        const double length = norm_2(s, vector(PARAMETERS));
        m->radius = length > 0 ? s->option[FACTOR] * length : ANY_LENGTH;
        m->first_norm = m->norm;
    }
    return OPTIM_OK;
}

/* ---- Lines 1 and 2 ---- */

static void start_solving(step_t *s) {
    memory_t *m = s->memory;
    m->root = m->norm = norm_2(s, vector(G));
    m->tolerance = m->norm * fmin(s->option[FORCING], sqrt(m->norm / m->first_norm));
    m->rounds = 0;
    memset(m->u, 0, (size_t)s->residuals * sizeof *m->u);
    copy(s, vector(G), vector(Z));
    scale(s, 0, vector(Z));
    copy(s, vector(G), vector(P));
    scale(s, -1 / m->norm, vector(P));
}

static bool is_solved(const step_t *s) {
    const memory_t *m = s->memory;
    const double most = s->option[MAX_CG] > 0 ? s->option[MAX_CG] : 20 * (double)step_own_elements(s);
    return !((double)m->rounds < most && m->root > m->tolerance);
}

/* a >= 0 with |z + a p| = radius. */
static double way_to_wall(step_t *s) {
    const memory_t *m = s->memory;
    if (m->radius >= ANY_LENGTH)
        return HUGE_VAL;
    const double zz = dot(s, vector(Z), vector(Z)), zp = dot(s, vector(Z), vector(P)),
                 pp = dot(s, vector(P), vector(P));
    const double room = fmax(m->radius * m->radius - zz, 0), root = sqrt(zp * zp + pp * room);
    return zp > 0 ? room / (zp + root) : (root - zp) / pp;
}

/* w has arrived; false: line 2 ends here. */
static bool go_along(step_t *s) {
    memory_t *m = s->memory;
    const double ww = product(s, m->w, m->w), share = m->root / m->norm;
    const double most = way_to_wall(s), a = share * share * m->norm / ww, go = fmin(a, most);
    ++m->rounds;
    if (!(ww > 0) || !isfinite(ww) || !isfinite(go))
        return false;
    axpy(s, go, vector(P), vector(Z));
    for (size_t i = 0; i < (size_t)s->residuals; ++i) {
        m->u[i] += go * m->w[i];
        m->q[i] = -(m->r[i] + m->u[i]);
    }
    return a < most;
}

/* s has arrived. */
static void turn(step_t *s) {
    memory_t *m = s->memory;
    const double root = norm_2(s, vector(S)), ratio = root / m->root;
    scale(s, ratio * ratio, vector(P));
    axpy(s, 1 / m->norm, vector(S), vector(P));
    m->root = root;
}

/* ---- Lines 3 to 5 ---- */

static void go(step_t *s) {
    copy(s, vector(X), vector(PARAMETERS));
    axpy(s, 1, vector(Z), vector(PARAMETERS));
}

/* In units of |r|^2. */
static double promised(const step_t *s) {
    const memory_t *m = s->memory;
    return -(2 * product(s, m->r, m->u) + product(s, m->u, m->u)) / (2 * m->f);
}

/* The next radius; whether x + z is taken. */
static bool judge(step_t *s) {
    memory_t *m = s->memory;
    const double f = product(s, m->trial, m->trial) / 2, length = norm_2(s, vector(Z)), p = promised(s);
    const double rho = isfinite(f) && p > 0 ? (1 - f / m->f) / p : -(double)INFINITY;
    if (!(rho >= 0.25))
        m->radius = length / 4;
    else if (rho > 0.75)
        m->radius = fmax(m->radius, 2 * length);
    ++m->tries;
    if (!(rho > 1e-4))
        return false;
    memcpy(m->r, m->trial, (size_t)s->residuals * sizeof *m->r);
    m->f = f;
    return true;
}

/* Whether rounding is all that another try could tell. */
static bool is_spent(step_t *s) {
    return !(promised(s) > DBL_EPSILON) || !(norm_2(s, vector(Z)) > DBL_EPSILON * norm_2(s, vector(X)));
}

static void shorten(step_t *s) {
    memory_t *m = s->memory;
    scale(s, 0.25, vector(Z));
    for (size_t i = 0; i < (size_t)s->residuals; ++i)
        m->u[i] *= 0.25;
}

static optim_status done(step_t *s) {
    return hold_gradient(s, ((const memory_t *)s->memory)->f, vector(G));
}

static optim_status stay(step_t *s, bool is_spent) {
    copy(s, vector(X), vector(PARAMETERS));
    s->is_spent = is_spent;
    return done(s);
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    optim_status status;
    bool taken = false;
    STEP_BEGIN(s);
    copy(s, vector(PARAMETERS), vector(X));
    if (!s->holds_gradient) {
        STEP_ASK(s, .kind = OPTIM_EVAL_RESIDUALS, .sample = OPTIM_SAMPLE_SAME, .values = m->r);
        m->f = product(s, m->r, m->r) / 2;
        if (!isfinite(m->f))
            return step_reject(s);
        STEP_ASK(s, .kind = OPTIM_EVAL_VJP, .sample = OPTIM_SAMPLE_SAME, .stays = true, .values = m->r);
        status = take_gradient(s);
        if (status != OPTIM_OK)
            return status;
    }
    start_solving(s);
    while (!is_solved(s)) {
        STEP_ASK(s, .kind = OPTIM_EVAL_JVP, .sample = OPTIM_SAMPLE_SAME, .values = m->w);
        if (!go_along(s))
            break;
        STEP_ASK(s, .kind = OPTIM_EVAL_VJP, .sample = OPTIM_SAMPLE_SAME, .stays = true, .values = m->q);
        turn(s);
    }
    if (is_spent(s)) /* g = 0, for one */
        return stay(s, true);
    m->tries = 0;
    do {
        go(s);
        STEP_ASK(s, .kind = OPTIM_EVAL_RESIDUALS, .sample = OPTIM_SAMPLE_SAME, .values = m->trial);
        taken = judge(s);
        if (!taken && ((double)m->tries >= s->option[MAX_TRIES] || is_spent(s)))
            return stay(s, is_spent(s));
        if (!taken)
            shorten(s);
    } while (!taken);
    STEP_ASK(s, .kind = OPTIM_EVAL_VJP, .sample = OPTIM_SAMPLE_SAME, .stays = true, .values = m->r);
    status = take_gradient(s);
    return status == OPTIM_OK ? done(s) : status;
    STEP_END(s);
}

const method_t METHOD(gauss_newton) = {
    .name = "gauss_newton",
    .purpose =
        "least squares of many variables, from residuals and products with their Jacobian, within a trust region",
    .citation = "Steihaug: The conjugate gradient method and trust regions in large scale optimization, 1983; Bjoerck: "
                "Numerical Methods for Least Squares Problems, 1996, algorithm 7.4.1",
    .evaluations = "2 products for each round of conjugate gradients, residuals for each length tried, and 1 product; "
                   "the first step residuals and a product more",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | SEARCHES | VALUES_ONLY | LEAST_SQUARES | JACOBIAN_PRODUCTS,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .advance = advance,
    .kernels = {ALGEBRA_KERNELS},
    .arguments = {ALGEBRA_ARGUMENTS},
};
