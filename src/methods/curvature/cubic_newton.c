/*
 * cubic_newton: Newton's method with a cubic bound on what the quadratic model misses.
 *
 * Nesterov, Polyak, "Cubic Regularization of Newton Method and Its Global Performance", 2006,
 * 10.1007/s10107-006-0706-8.
 *
 *     1. h = argmin g'h + h'Hh / 2 + (M / 6) |h|^3
 *     2. x <- x + h
 *        adaptive = 1: if f(x + h) <= f(x) + the minimum of line 1, and M <- max(M / 2, lipschitz_min);
 *        else M <- 2 M and line 1 again, at most max_ls times in all, after which x stays
 *
 * M = lipschitz at first. H comes from a product for each element and is made symmetric; by its eigenvectors the step
 * is exact, but for the hard case, in which g has no part along the lowest of them (blocks/cubic.h). adaptive = 1 keeps
 * loss and gradient of the accepted point and never evaluates them again. State: M, g, 4 bytes a parameter in f32;
 * within a step x, h, a direction and a product, and some 24 d^2 bytes for d elements.
 */
#include "blocks/cubic_model.h"

enum { LIPSCHITZ, ADAPTIVE, LIPSCHITZ_MIN, MAX_LS };
static const option_t OPTIONS[] = {
    [LIPSCHITZ] = {"lipschitz", 1, "(0,inf)", "M: how fast the Hessian changes; adaptive=1: the first guess"},
    [ADAPTIVE] = {"adaptive", 0, "0|1", "find M on the way"},
    [LIPSCHITZ_MIN] = {"lipschitz_min", 1e-5, "(0,inf)", "adaptive: least M"},
    [MAX_LS] = {"max_ls", 40, "integer [1,inf)", "adaptive: most trials of a step"},
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
    double f, M;
    hessian_t hessian;
    double model; /* within a step: the minimum of line 1 */
    int64_t trial;
} memory_t;
static const field_t FIELDS[] = {
    {"f", "loss at x", FIELD(OF_METHOD, memory_t, f)},
    {"M", "how fast the Hessian changes, as found", FIELD(OF_METHOD, memory_t, M), .initial_option = "lipschitz"},
    HESSIAN_FIELD(cubic_model_length),
    {0},
};

/* False: the gradient is 0. */
static bool take_gradient(step_t *s) {
    memory_t *m = s->memory;
    copy(s, vector(PARAMETERS), vector(X));
    if (!s->holds_gradient) {
        m->f = s->loss;
        copy(s, vector(GRADIENT), vector(G));
    }
    if (s->option[ADAPTIVE] == 0)
        m->M = s->option[LIPSCHITZ];
    hessian_begin(s, &m->hessian);
    return norm_max(s, vector(G)) != 0;
}

/* Line 1, to the point x + h. */
static void go(step_t *s) {
    memory_t *m = s->memory;
    m->model = cubic_model_step(s, &m->hessian, 0, m->M, vector(H));
    copy(s, vector(X), vector(PARAMETERS));
    axpy(s, 1, vector(H), vector(PARAMETERS));
}

/* Line 2 of adaptive. */
static bool accepts(step_t *s) {
    memory_t *m = s->memory;
    if (!(s->loss <= m->f + m->model)) {
        m->M *= 2;
        return false;
    }
    m->M = fmax(m->M / 2, s->option[LIPSCHITZ_MIN]);
    m->f = s->loss;
    copy(s, vector(GRADIENT), vector(G));
    return true;
}

static optim_status done(step_t *s) {
    const optim_status status = hold_gradient(s, ((const memory_t *)s->memory)->f, vector(G));
    s->holds_gradient = s->holds_gradient && s->option[ADAPTIVE] != 0;
    return status;
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    hessian_t *h = &m->hessian;
    optim_status status;
    STEP_BEGIN(s);
    if (!take_gradient(s))
        return done(s);
    for (; hessian_aim(s, h, V); hessian_take(s, h, HV))
        STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
    if ((status = cubic_model_open(s, h, vector(G), "cubic_newton: the Hessian")) != OPTIM_OK)
        return status;
    for (m->trial = 0; s->option[ADAPTIVE] != 0 && (double)m->trial < s->option[MAX_LS]; ++m->trial) {
        go(s);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
        if (accepts(s))
            return done(s);
    }
    if (s->option[ADAPTIVE] != 0)
        copy(s, vector(X), vector(PARAMETERS));
    else
        go(s);
    return done(s);
    STEP_END(s);
}

static bool reads_loss(const double *option) {
    return option[ADAPTIVE] != 0;
}

const method_t METHOD(cubic_newton) = {
    .name = "cubic_newton",
    .purpose = "Newton's method with a cubic bound on what the quadratic model misses",
    .citation = "Nesterov, Polyak: Cubic Regularization of Newton Method and Its Global Performance, 2006",
    .evaluations = "1 gradient, 1 Hessian-vector product for each element; adaptive=1: 1 gradient with loss for each "
                   "trial, only the first step 1 more",
    .options = OPTIONS,
    .states = STATE,
    .flags = HESSIAN_FLAGS | READS_LOSS | SEARCHES,
    .reads_loss = reads_loss,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .refuses = hessian_refuses,
    .advance = advance,
    .kernels = {HESSIAN_KERNELS},
    .arguments = {HESSIAN_ARGUMENTS},
};
