/*
 * acc_cubic: accelerated cubic Newton steps for gradients and Hessians that are not exact.
 *
 * Agafonov, Kamzolov, Gasnikov, Kavis, Antonakopoulos, Cevher, Takac, "Advancing the Lower Bounds: An Accelerated,
 * Stochastic, Second-order Method with Optimal Adaptation to Inexactness", 2024, arXiv:2309.01570, algorithm 1.
 *
 *     t = 0, 1, ...;  x = y = x_0, s = 0, A_0 = 1;  M = 2 lipschitz
 *     a_t = 3 / (t + 3),  A_t = A_{t-1} (1 - a_t),  d_t = 2 delta2 + (sigma1 + tau) / radius (t + 3)^(3/2)
 *     1. v = (1 - a_t) x + a_t y;   gradient and Hessian there
 *     2. x <- v + argmin g'h + h'Hh / 2 + d_t |h|^2 / 2 + (M / 6) |h|^3
 *     3. s <- s + a_t / A_t times the gradient at x
 *     4. c_2 = 2 d_t a_t^2 / A_t + sigma1 / radius (t + 4)^(5/2),   c_3 = (8 M / 3) a_{t+1}^3 / A_{t+1}
 *        y = x_0 + argmin s'z + c_2 |z|^2 / 2 + c_3 |z|^3 / 3
 *
 * The structure is the paper's algorithm; d_t, c_2 and c_3 are written down from memory of its theorem. The Hessian
 * comes from a product for each element; see cubic_newton. The parameters are left at x. State: x_0, y, s, 12 bytes a
 * parameter in f32, A; within a step x, h, a direction and a product, and some 24 d^2 bytes for d elements.
 */
#include "blocks/cubic_model.h"

enum { LIPSCHITZ, DELTA2, SIGMA1, TAU, RADIUS };
static const option_t OPTIONS[] = {
    [LIPSCHITZ] = {"lipschitz", 1, "(0,inf)", "how fast the Hessian changes"},
    [DELTA2] = {"delta2", 0, "[0,inf)", "error of the Hessian"},
    [SIGMA1] = {"sigma1", 0, "[0,inf)", "noise of the gradient"},
    [TAU] = {"tau", 0, "[0,inf)", "error of the inner minimisation"},
    [RADIUS] = {"radius", 1, "(0,inf)", "distance of the solution from the start"},
    {0},
};

enum { X, H, V, HV, X_0, Y, S };
static const state_t STATE[] = {
    [X] = {"x", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [H] = {"h", "the step", LIKE_PARAM, WITHIN_STEP},
    HESSIAN_STATES(V, HV),
    [X_0] = {"x_0", "the start", LIKE_PARAM, KEPT, .from_param = true, .exact = true},
    [Y] = {"y", "minimiser of the estimate of the function", LIKE_PARAM, KEPT, .from_param = true},
    [S] = {"s", "weighted sum of gradients", LIKE_PARAM, KEPT, .exact = true},
    {0},
};

typedef struct memory {
    double A;
    hessian_t hessian;
} memory_t;
static const field_t FIELDS[] = {
    {"A", "product of all 1 - a_t", FIELD(OF_METHOD, memory_t, A), .initial = 1},
    HESSIAN_FIELD(cubic_model_length),
    {0},
};

static double a(double t) {
    return 3 / (t + 3);
}

/* d_t */
static double damping(const step_t *s) {
    const double *o = s->option;
    return 2 * o[DELTA2] + (o[SIGMA1] + o[TAU]) / o[RADIUS] * pow(s->t + 2, 1.5);
}

/* Line 1: to v. */
static void begin(step_t *s) {
    memory_t *m = s->memory;
    const double a_t = a(s->t - 1);
    m->A *= s->t > 1 ? 1 - a_t : 1;
    copy(s, vector(PARAMETERS), vector(X));
    scale(s, 1 - a_t, vector(PARAMETERS));
    axpy(s, a_t, vector(Y), vector(PARAMETERS));
    hessian_begin(s, &m->hessian);
}

/* Line 4: how far y lies from x_0, over |s|. */
static double reach(const step_t *s, double norm) {
    const double *o = s->option, A = ((const memory_t *)s->memory)->A, a_t = a(s->t - 1), a_next = a(s->t);
    const double c_2 = 2 * damping(s) * a_t * a_t / A + o[SIGMA1] / o[RADIUS] * pow(s->t + 3, 2.5);
    const double c_3 = 16 * o[LIPSCHITZ] / 3 * pow(a_next, 3) / (A * (1 - a_next));
    return 2 / (sqrt(c_2 * c_2 + 4 * c_3 * norm) + c_2);
}

/* Lines 3 and 4, with the gradient at x there. */
static void estimate(step_t *s) {
    axpy(s, a(s->t - 1) / ((const memory_t *)s->memory)->A, vector(GRADIENT), vector(S));
    const double norm = norm_2(s, vector(S));
    copy(s, vector(X_0), vector(Y));
    if (norm != 0)
        axpy(s, -reach(s, norm), vector(S), vector(Y));
}

static optim_status advance(step_t *s) {
    hessian_t *h = &((memory_t *)s->memory)->hessian;
    optim_status status;
    STEP_BEGIN(s);
    begin(s);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
    copy(s, vector(GRADIENT), vector(H)); /* until it is used */
    for (; hessian_aim(s, h, V); hessian_take(s, h, HV))
        STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
    if ((status = cubic_model_open(s, h, vector(H), "acc_cubic: the Hessian")) != OPTIM_OK)
        return status;
    (void)cubic_model_step(s, h, damping(s), 2 * s->option[LIPSCHITZ], vector(H));
    axpy(s, 1, vector(H), vector(PARAMETERS));
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
    estimate(s);
    STEP_END(s);
}

const method_t METHOD(acc_cubic) = {
    .name = "acc_cubic",
    .purpose = "accelerated cubic Newton steps for gradients and Hessians that are not exact",
    .citation = "Agafonov et al.: Advancing the Lower Bounds: An Accelerated, Stochastic, Second-order Method with "
                "Optimal Adaptation to Inexactness, 2024, arXiv:2309.01570",
    .evaluations = "2 gradients, 1 Hessian-vector product for each element",
    .options = OPTIONS,
    .states = STATE,
    .flags = HESSIAN_FLAGS | ASKS_FOR_ALL,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .refuses = hessian_refuses,
    .advance = advance,
    .kernels = {HESSIAN_KERNELS},
    .arguments = {HESSIAN_ARGUMENTS},
};
