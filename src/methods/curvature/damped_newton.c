/*
 * damped_newton: Newton's step x <- x - alpha H^-1 g with a length alpha from the local norm of the gradient.
 *
 * Hanzely, Abdukhakimov, Takac, "Damped Newton Method with Near-Optimal Global O(k^-3) Convergence Rate", 2024,
 * arXiv:2405.18926: rn, un, greedy, grls; aicn: Hanzely, Kamzolov, Pasechnyuk, Gasnikov, Richtarik, Takac, "A Damped
 * Newton Method Achieves Global O(1/k^2) and Local Quadratic Convergence Rate", 2022, arXiv:2211.00140; gradreg:
 * Mishchenko, "Regularized Newton Method with Global O(1/k^2) Convergence", 2023, arXiv:2112.02089.
 *
 *     n = H^-1 g,  k = sqrt(g'n),  L = lipschitz,  q = order
 *     classic  alpha = lr
 *     aicn     alpha = (sqrt(1 + 2 L k) - 1) / (L k)
 *     gradreg  x <- x - (H + sqrt(L |g|) I)^-1 g
 *     rn       theta = (9 L)^(1 / (q - 1)) k^((q - 2) / (q - 1)),  alpha = 1 / (1 + theta)
 *     un       j = 0, 1, ...:  theta = sigma rho^j k^beta,  alpha = 1 / (1 + theta),  g_j the gradient at x - alpha n;
 *              until g_j'n >= g_j'H^-1 g_j / (2 alpha theta);  then sigma <- sigma rho^(j - 1)
 *     greedy   the alpha of {0, alpha_0, alpha_1, ...} with the smallest f(x - alpha n)
 *     grls     that with the smallest (f(x - alpha n) - f(x)) / g_a'H^-1 g_a, g_a the gradient there; 0 for alpha = 0,
 *              and g_a = 0 ends the search
 *     alpha_k = lr_min (lr / lr_min)^(k / (lr_points - 1)), the last one exactly lr; first among equals
 *
 * H comes from a product for each element and is made symmetric; it must be positive definite. After max_ls trials un
 * stays at the last one, with its sigma; its gradient g_j is kept, so that the next step asks for none. g = 0 moves
 * nothing. State: un g, 4 bytes a parameter in f32, and sigma; within a step x, alpha n, a direction and a product,
 * and 8 d (d + 4) bytes for d elements.
 */
#include "blocks/hessian.h"

enum { SCHEDULE, LR, LIPSCHITZ, ORDER, SIGMA, BETA, RHO, MAX_LS, LR_MIN, LR_POINTS };
enum { CLASSIC, AICN, GRADREG, RN, UN, GREEDY, GRLS };
static const option_t OPTIONS[] = {
    [SCHEDULE] = {"schedule", RN, "classic|aicn|gradreg|rn|un|greedy|grls", "what decides about the length"},
    [LR] = {"lr", 1, "(0,inf)", "classic: alpha; greedy, grls: the largest", .pauses = true},
    [LIPSCHITZ] = {"lipschitz", 1, "(0,inf)", "L: aicn, gradreg, rn: how fast the Hessian changes"},
    [ORDER] = {"order", 4, "[2,4]", "q: rn: order of smoothness"},
    [SIGMA] = {"sigma", 1, "(0,inf)", "un: first factor of the damping"},
    [BETA] = {"beta", 2.0 / 3, "[0.6666666666666666,1]", "un: power of the local norm in it"},
    [RHO] = {"rho", 2, "(1,inf)", "un: its growth from trial to trial"},
    [MAX_LS] = {"max_ls", 40, "integer [1,inf)", "un: most trials of a step"},
    [LR_MIN] = {"lr_min", 1e-10, "(0,inf)", "greedy, grls: the smallest length that is tried"},
    [LR_POINTS] = {"lr_points", 400, "integer [2,inf)", "greedy, grls: lengths that are tried"},
    {0},
};

static const char *check(const double *o) {
    return (int)o[SCHEDULE] < GREEDY || o[LR_MIN] < o[LR] ? NULL : "lr_min must lie below lr";
}

static bool is_un(const tensor_t *tensor, const double *option) {
    return (void)tensor, (int)option[SCHEDULE] == UN;
}

enum { X, MOVE, V, HV, G };
static const state_t STATE[] = {
    [X] = {"x", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [MOVE] = {"move", "-alpha n", LIKE_PARAM, WITHIN_STEP},
    HESSIAN_STATES(V, HV),
    [G] = {"g", "the gradient at x", LIKE_PARAM, KEPT, .exists = is_un, .undone = true},
    {0},
};

typedef struct memory {
    double sigma;
    hessian_t hessian;
    double f, k, alpha, best; /* within a step: loss at x, local norm, the length that leads, and its value */
    int64_t trial;
} memory_t;

/* H, g, n, and two vectors of a trial. */
static size_t length(size_t d, const double *option) {
    (void)option;
    return hessian_length(d, 1, 4);
}
static const field_t FIELDS[] = {
    {"current_sigma", "factor of the damping, as un has left it", FIELD(OF_METHOD, memory_t, sigma),
     .initial_option = "sigma"},
    HESSIAN_FIELD(length),
    {0},
};

enum { AT_G, AT_N, AT_TRIAL, AT_SOLVED };
static double *vector_at(const step_t *s, int at) {
    const hessian_t *h = &((const memory_t *)s->memory)->hessian;
    return h->room + (h->n + at) * h->n;
}

/* p <- x - alpha n: n itself may lie outside the parameters' range. */
static void go(step_t *s, double alpha) {
    const hessian_t *h = &((const memory_t *)s->memory)->hessian;
    const double *n = vector_at(s, AT_N);
    double *move = vector_at(s, AT_SOLVED);
    for (int64_t i = 0; i < h->n; ++i)
        move[i] = -alpha * n[i];
    scatter(s, move, vector(MOVE));
    copy(s, vector(X), vector(PARAMETERS));
    axpy(s, 1, vector(MOVE), vector(PARAMETERS));
}

/* ---- n and k ---- */

/* Takes the gradient, unless un holds it; false: it is 0. */
static bool take_gradient(step_t *s) {
    memory_t *m = s->memory;
    const bool un = (int)s->option[SCHEDULE] == UN;
    copy(s, vector(PARAMETERS), vector(X));
    if (!s->holds_gradient) {
        m->f = s->loss;
        if (un)
            copy(s, vector(GRADIENT), vector(G));
    }
    hessian_begin(s, &m->hessian);
    gather(s, vector(un ? G : GRADIENT), vector_at(s, AT_G));
    return norm_max(s, vector(un ? G : GRADIENT)) != 0;
}

static optim_status solve(step_t *s) {
    memory_t *m = s->memory;
    const size_t d = (size_t)m->hessian.n;
    double *H = m->hessian.room, *g = vector_at(s, AT_G), *n = vector_at(s, AT_N);
    const double shift = sqrt(s->option[LIPSCHITZ] * sqrt(inner_product(d, g, g)));
    for (size_t i = 0; i < d && (int)s->option[SCHEDULE] == GRADREG; ++i)
        H[i * d + i] += shift;
    const linear_status_t status = linear_cholesky(d, H);
    if (status != LINEAR_OK)
        return linear_error(status, "damped_newton: the Hessian");
    memcpy(n, g, d * sizeof *n);
    linear_cholesky_solve_rows(d, H, 1, n);
    m->k = sqrt(inner_product(d, g, n));
    return OPTIM_OK;
}

/* ---- Lengths ---- */

/* Of the schedules that try nothing. */
static double length_of_step(const step_t *s) {
    const double *o = s->option, L = o[LIPSCHITZ], k = ((const memory_t *)s->memory)->k, q = o[ORDER];
    switch ((int)o[SCHEDULE]) {
    case CLASSIC:
        return o[LR];
    case AICN:
        return 2 / (sqrt(1 + 2 * L * k) + 1); /* the same without the difference */
    case GRADREG:
        return 1;
    default:
        return 1 / (1 + pow(9 * L, 1 / (q - 1)) * pow(k, (q - 2) / (q - 1)));
    }
}

static double theta_of(const step_t *s) {
    const memory_t *m = s->memory;
    return m->sigma * pow(s->option[RHO], (double)m->trial) * pow(m->k, s->option[BETA]);
}

static double grid_length(const step_t *s) {
    const double *o = s->option, k = (double)((const memory_t *)s->memory)->trial, last = o[LR_POINTS] - 1;
    return k == last ? o[LR] : o[LR_MIN] * pow(o[LR] / o[LR_MIN], k / last);
}

/* With the gradient of a trial: g'H^-1 g of it. */
static double square_in_inverse(step_t *s) {
    const hessian_t *h = &((const memory_t *)s->memory)->hessian;
    const size_t d = (size_t)h->n;
    double *g = vector_at(s, AT_TRIAL), *solved = vector_at(s, AT_SOLVED);
    gather(s, vector(GRADIENT), g);
    memcpy(solved, g, d * sizeof *g);
    linear_cholesky_solve_rows(d, h->room, 1, solved);
    return inner_product(d, g, solved);
}

/* un: whether the trial will do; sigma is then set. */
static bool accepts(step_t *s) {
    memory_t *m = s->memory;
    const double theta = theta_of(s), alpha = 1 / (1 + theta), square = square_in_inverse(s);
    const double along = inner_product((size_t)m->hessian.n, vector_at(s, AT_TRIAL), vector_at(s, AT_N));
    const bool accepted = along >= square / (2 * alpha * theta);
    if (accepted)
        m->sigma *= pow(s->option[RHO], (double)(m->trial - 1));
    return accepted;
}

/* greedy, grls: takes the trial into account; false: there is nothing better. */
static bool compare(step_t *s) {
    memory_t *m = s->memory;
    const bool greedy = (int)s->option[SCHEDULE] == GREEDY;
    const double square = greedy ? 1 : square_in_inverse(s), value = greedy ? s->loss : (s->loss - m->f) / square;
    if (square != 0 && !(value < m->best))
        return true;
    m->best = value;
    m->alpha = grid_length(s);
    return square != 0;
}

/* ---- A step ---- */

/* un holds the gradient at the last trial. */
static optim_status hold(step_t *s) {
    memory_t *m = s->memory;
    m->f = s->loss;
    copy(s, vector(GRADIENT), vector(G));
    return hold_gradient(s, m->f, vector(G));
}

static optim_status advance(step_t *s) {
    const int schedule = (int)s->option[SCHEDULE];
    memory_t *m = s->memory;
    hessian_t *h = &m->hessian;
    optim_status status;
    STEP_BEGIN(s);
    if (!take_gradient(s))
        return OPTIM_OK;
    for (; hessian_aim(s, h, V); hessian_take(s, h, HV))
        STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
    if ((status = solve(s)) != OPTIM_OK)
        return status;
    m->alpha = schedule < UN ? length_of_step(s) : 0;
    m->best = schedule == GREEDY ? m->f : 0;
    for (m->trial = 0; schedule == UN && (double)m->trial < s->option[MAX_LS]; ++m->trial) {
        go(s, 1 / (1 + theta_of(s)));
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
        if (accepts(s))
            break;
    }
    if (schedule == UN)
        return hold(s);
    for (m->trial = 0; schedule > UN && (double)m->trial < s->option[LR_POINTS]; ++m->trial) {
        go(s, grid_length(s));
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
        if (!compare(s))
            break;
    }
    go(s, m->alpha);
    STEP_END(s);
}

static bool reads_loss(const double *option) {
    return (int)option[SCHEDULE] >= UN;
}

const method_t METHOD(damped_newton) = {
    .name = "damped_newton",
    .purpose = "Newton's step with the whole Hessian, damped by the local norm of the gradient or by trials",
    .citation = "Hanzely, Abdukhakimov, Takac: Damped Newton Method with Near-Optimal Global O(k^-3) Convergence Rate, "
                "2024, arXiv:2405.18926",
    .evaluations = "1 gradient, 1 Hessian-vector product for each element; un, greedy, grls: 1 gradient with loss for "
                   "each trial, un only the first step 1 more",
    .options = OPTIONS,
    .states = STATE,
    .flags = HESSIAN_FLAGS | READS_LOSS | SEARCHES,
    .reads_loss = reads_loss,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .check = check,
    .refuses = hessian_refuses,
    .advance = advance,
    .kernels = {HESSIAN_KERNELS},
    .arguments = {HESSIAN_ARGUMENTS},
};
