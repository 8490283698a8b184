/*
 * trust_ncg: Newton's step within a trust region, by truncated conjugate gradients on Hessian-vector products.
 *
 * Steihaug, "The conjugate gradient method and trust regions in large scale optimization", SIAM J. Numer. Anal. 20,
 * 1983; Nocedal, Wright, "Numerical Optimization", 2006, algorithms 4.1 and 7.2.
 *
 *     1. z = 0, r = g, p = -g;   tol = |g| min(1/2, sqrt(|g| / |g of the first step|))
 *     2. while |r| > tol and fewer than max_cg products:   Bp = product with p,  kappa = p'Bp,  a = r'r / kappa
 *        kappa <= 0 or |z + a p| >= radius: z <- z + tau p with tau >= 0 such that |z| = radius, r <- r + tau Bp, stop
 *        z <- z + a p,  r+ = r + a Bp,  p <- (r+'r+ / r'r) p - r+
 *     3. rho = (f(x) - f(x + z)) / m,  m = -z'(g + r) / 2
 *        where m <= 10 eps |f|, which the difference of losses does not resolve: rho = 1 if the gradient is shorter
 *        at x + z, otherwise 0;   eps = 2^-52
 *     4. rho < 1/4: radius <- |z| / 4;   rho > 3/4 and |z| = radius: radius <- min(2 radius, radius_max)
 *     5. rho > eta: x <- x + z;   otherwise again from 1, unless z is lost in the rounding of x, or max_tries are done
 *     6. with bounds: of the elements that are free (blocks/truncated_cg.h), x + z inside. A start outside is only
 *        projected.
 *
 * max_cg = 0 stands for 20 times the number of elements. Loss and gradient of the accepted point are kept and never
 * evaluated again; both must be deterministic. The radius has the unit of x, nothing has that of the loss. State: g;
 * within a step x, z, r, p, the product and a spare: 28 bytes a parameter in f32.
 */
#include "blocks/truncated_cg.h"

enum { RADIUS, RADIUS_MAX, ETA, MAX_CG, MAX_TRIES };
static const option_t OPTIONS[] = {
    [RADIUS] = {"radius", 1, "(0,inf)", "of the trust region in the first step, in units of x"},
    [RADIUS_MAX] = {"radius_max", 1e10, "(0,inf)", "largest radius"},
    [ETA] = {"eta", 0.15, "[0,0.25)", "share of the model's decrease that a step must have"},
    [MAX_CG] = {"max_cg", 0, "integer [0,inf)", "most products of a solution; 0: 20 for each element",
                .zero_apart = true},
    [MAX_TRIES] = {"max_tries", 30, "integer [1,inf)", "most radii that a step tries"},
    {0},
};

static const state_t STATE[] = {
    SEARCHED_STATES(true),
    [D] = {"d", "the step z", LIKE_PARAM, WITHIN_STEP},
    TRUNCATED_CG_STATES,
    {0},
};

typedef struct memory {
    searched_t line;
    double radius, first_norm;
    truncated_cg_t cg;      /* within a step, as is what follows */
    double norm, tolerance; /* |g|, and where |r| ends CG */
    int64_t tries;
    bool at_wall; /* |z| is the radius */
} memory_t;
static const field_t FIELDS[] = {
    SEARCHED_FIELDS,
    {"radius", "of the trust region", FIELD(OF_METHOD, memory_t, radius), .initial_option = "radius"},
    {"first_norm", "|g| of the first step", FIELD(OF_METHOD, memory_t, first_norm)},
    FACE_ROW(FIELD(OF_METHOD, memory_t, cg.face.held)),
    {0},
};

/* ---- Lines 1 and 2 ---- */

static void start_solving(step_t *s) {
    memory_t *m = s->memory;
    truncated_cg_start(s, &m->cg);
    m->norm = step_has_box(s) ? sqrt(m->cg.rr) : norm_2(s, vector(G));
    if (m->first_norm == 0)
        m->first_norm = m->norm;
    m->tolerance = m->norm * fmin(0.5, sqrt(m->norm / m->first_norm));
    m->at_wall = false;
}

static bool is_solved(const step_t *s) {
    const memory_t *m = s->memory;
    return !(truncated_cg_may_go_on(s, &m->cg, s->option[MAX_CG]) && sqrt(m->cg.rr) > m->tolerance);
}

/* tau >= 0 with |z + tau p| = radius. */
static double way_to_wall(step_t *s, double zz) {
    const memory_t *m = s->memory;
    const double zp = dot(s, vector(D), vector(P)), pp = dot(s, vector(P), vector(P));
    const double room = fmax(m->radius * m->radius - zz, 0), root = sqrt(zp * zp + pp * room);
    return zp > 0 ? room / (zp + root) : (root - zp) / pp;
}

/* Takes the product; false: CG ends here. */
static bool iterate(step_t *s) {
    memory_t *m = s->memory;
    const double kappa = dot(s, vector(P), vector(BP)), zz = dot(s, vector(D), vector(D));
    const double tau = way_to_wall(s, zz), a = m->cg.rr / kappa;
    ++m->cg.products;
    m->at_wall = !(kappa > 0) || !(a < tau);
    const bool meets_box = truncated_cg_go(s, &m->cg, m->at_wall ? tau : a);
    m->at_wall = m->at_wall && !meets_box;
    if (m->at_wall)
        return false;
    truncated_cg_turn(s, &m->cg, meets_box);
    return true;
}

/* ---- Lines 3 to 5 ---- */

/* Of the evaluation that arrived: rho. */
static double agreement(step_t *s) {
    memory_t *m = s->memory;
    const double promised = -(dot(s, vector(D), vector(G)) + dot(s, vector(D), vector(R))) / 2;
    double norm = norm_2(s, vector(GRADIENT));
    if (step_has_box(s)) { /* of free elements, as |g| is */
        copy(s, vector(GRADIENT), vector(BP));
        norm = sqrt(truncated_cg_square(s, &m->cg, BP));
    }
    if (!isfinite(s->loss) || !isfinite(norm))
        return -(double)INFINITY;
    if (promised <= 10 * DBL_EPSILON * fabs(m->line.f))
        return norm < m->norm ? 1 : 0;
    return (m->line.f - s->loss) / promised;
}

/* The next radius; whether x + z is taken. */
static bool judge(step_t *s) {
    memory_t *m = s->memory;
    const double rho = agreement(s), length = norm_2(s, vector(D));
    if (!(rho >= 0.25))
        m->radius = length / 4;
    else if (rho > 0.75 && m->at_wall)
        m->radius = fmin(2 * m->radius, s->option[RADIUS_MAX]);
    ++m->tries;
    return rho > s->option[ETA];
}

static bool is_lost(step_t *s) {
    const memory_t *m = s->memory;
    return (double)m->tries >= s->option[MAX_TRIES] || !(m->radius > DBL_EPSILON * norm_2(s, vector(X)));
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    bool taken = false;
    STEP_BEGIN(s);
    if (searched_comes_from_outside(s)) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
        return searched_settle(s);
    }
    searched_take(s);
    copy(s, vector(PARAMETERS), vector(X));
    m->tries = 0;
    m->line.step = 0;
    do {
        start_solving(s);
        while (!is_solved(s)) {
            STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
            if (!iterate(s))
                break;
        }
        if (m->cg.products == 0) /* g = 0 */
            return searched_done(s);
        searched_go(s, 1);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
        taken = judge(s);
        if (!taken)
            copy(s, vector(X), vector(PARAMETERS));
    } while (!taken && !is_lost(s));
    if (taken) {
        m->line.step = 1;
        m->line.f = s->loss;
        copy(s, vector(GRADIENT), vector(G));
    }
    return searched_done(s);
    STEP_END(s);
}

const method_t METHOD(trust_ncg) = {
    .name = "trust_ncg",
    .purpose = "Newton's step within a trust region, by truncated conjugate gradients",
    .citation = "Steihaug: The conjugate gradient method and trust regions in large scale optimization, 1983; "
                "Nocedal, Wright: Numerical Optimization, 2006, algorithms 4.1 and 7.2",
    .evaluations = "1 Hessian-vector product for each iteration of CG, 1 gradient with loss for each radius tried; "
                   "the first step 1 gradient more",
    .options = OPTIONS,
    .states = STATE,
    .flags = READS_LOSS | REQUESTS | REQUESTS_PRODUCTS | SEARCHES | KEEPS_BOX,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .advance = advance,
    .kernels = {ALGEBRA_KERNELS},
    .arguments = {ALGEBRA_ARGUMENTS},
};
