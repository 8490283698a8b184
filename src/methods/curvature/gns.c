/*
 * gns: Newton's method regularised by the norm of the gradient over a smoothness that is found on the way.
 *
 * Semenov, Jaggi, Doikov, "Gradient-Normalized Smoothness for Optimization with Approximate Hessians", 2025,
 * arXiv:2506.13710, algorithm 1.
 *
 *     at most max_ls times:
 *     1. lambda = |g| / gamma,  h = -(H + lambda I)^-1 g;   where H + lambda I is not positive definite line 3 follows
 *     2. g+ the gradient at x + h;   f(x) - f(x + h) >= |g+|^2 / (8 lambda):  x <- x + h,  gamma <- 2 gamma, done
 *     3. gamma <- max(gamma / 2, gamma_min)
 *
 * adaptive=0: the first h is taken, and gamma stays. If no trial is accepted x stays. H is a matrix that the caller
 * chooses, the Hessian, a Gauss-Newton or Fisher matrix: it comes from a product for each element and is made
 * symmetric. Loss and gradient of the accepted point are kept and never evaluated again. State: g, 4 bytes a parameter
 * in f32, gamma; within a step x, h, a direction and a product, and 16 d (d + 1) bytes for d elements.
 */
#include "blocks/hessian.h"

enum { GAMMA, GAMMA_MIN, ADAPTIVE, MAX_LS };
static const option_t OPTIONS[] = {
    [GAMMA] = {"gamma", 1, "(0,inf)", "first smoothness"},
    [GAMMA_MIN] = {"gamma_min", 1e-9, "(0,inf)", "least smoothness"},
    [ADAPTIVE] = {"adaptive", 1, "0|1", "0: take the first trial, keep gamma"},
    [MAX_LS] = {"max_ls", 40, "integer [1,inf)", "most trials of a step"},
    {0},
};

enum { X, H, V, HV, G };
static const state_t STATE[] = {
    [X] = {"x", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [H] = {"h", "the step", LIKE_PARAM, WITHIN_STEP},
    HESSIAN_STATES(V, HV),
    [G] = {"g", "the gradient at x", LIKE_PARAM, KEPT, .undone = true},
    {0},
};

typedef struct memory {
    double f, gamma;
    hessian_t hessian;
    double norm, lambda; /* within a step: |g| */
    int64_t trial;
} memory_t;

/* H, its factor, and g. */
static size_t length(size_t d, const double *option) {
    (void)option;
    return hessian_length(d, 2, 2);
}
static const field_t FIELDS[] = {
    {"f", "loss at x", FIELD(OF_METHOD, memory_t, f)},
    {"current_gamma", "smoothness as found", FIELD(OF_METHOD, memory_t, gamma), .initial_option = "gamma"},
    HESSIAN_FIELD(length),
    {0},
};

static void take_gradient(step_t *s) {
    memory_t *m = s->memory;
    copy(s, vector(PARAMETERS), vector(X));
    if (!s->holds_gradient) {
        m->f = s->loss;
        copy(s, vector(GRADIENT), vector(G));
    }
    m->norm = norm_2(s, vector(G));
    hessian_begin(s, &m->hessian);
}

/* Line 1, to the point x + h. */
static linear_status_t try(step_t *s) {
    memory_t *m = s->memory;
    const size_t d = (size_t)m->hessian.n;
    double *factor = m->hessian.room + d * d, *h = factor + d * d;
    m->lambda = m->norm / m->gamma;
    memcpy(factor, m->hessian.room, d * d * sizeof *factor);
    for (size_t i = 0; i < d; ++i)
        factor[i * d + i] += m->lambda;
    const linear_status_t status = linear_cholesky(d, factor);
    if (status != LINEAR_OK)
        return status;
    gather(s, vector(G), h);
    linear_cholesky_solve_rows(d, factor, 1, h);
    scatter(s, h, vector(H));
    copy(s, vector(X), vector(PARAMETERS));
    axpy(s, -1, vector(H), vector(PARAMETERS));
    return LINEAR_OK;
}

/* Line 3. */
static void shrink(step_t *s) {
    memory_t *m = s->memory;
    m->gamma = fmax(m->gamma / 2, s->option[GAMMA_MIN]);
}

/* Line 2. */
static bool accepts(step_t *s) {
    memory_t *m = s->memory;
    const bool adaptive = s->option[ADAPTIVE] != 0;
    const double norm = norm_2(s, vector(GRADIENT));
    if (adaptive && !(m->f - s->loss >= norm * norm / (8 * m->lambda)))
        return false;
    m->gamma *= adaptive ? 2 : 1;
    m->f = s->loss;
    copy(s, vector(GRADIENT), vector(G));
    return true;
}

static optim_status done(step_t *s) {
    return hold_gradient(s, ((const memory_t *)s->memory)->f, vector(G));
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    hessian_t *h = &m->hessian;
    linear_status_t status;
    STEP_BEGIN(s);
    take_gradient(s);
    if (!(m->norm > 0))
        return done(s);
    for (; hessian_aim(s, h, V); hessian_take(s, h, HV))
        STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
    for (m->trial = 0; (double)m->trial < s->option[MAX_LS]; ++m->trial) {
        status = try(s);
        if (status != LINEAR_OK && status != LINEAR_SINGULAR)
            return linear_error(status, "gns: the Hessian");
        if (status == LINEAR_OK) {
            STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
            if (accepts(s))
                return done(s);
        }
        shrink(s);
    }
    copy(s, vector(X), vector(PARAMETERS));
    return done(s);
    STEP_END(s);
}

const method_t METHOD(gns) = {
    .name = "gns",
    .purpose = "Newton's method regularised by the norm of the gradient, for exact and approximate Hessians",
    .citation = "Semenov, Jaggi, Doikov: Gradient-Normalized Smoothness for Optimization with Approximate Hessians, "
                "2025, arXiv:2506.13710",
    .evaluations = "1 Hessian-vector product for each element, 1 gradient with loss for each trial; the first step 1 "
                   "gradient more",
    .options = OPTIONS,
    .states = STATE,
    .flags = HESSIAN_FLAGS | READS_LOSS | SEARCHES,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .refuses = hessian_refuses,
    .advance = advance,
    .kernels = {HESSIAN_KERNELS},
    .arguments = {HESSIAN_ARGUMENTS},
};
