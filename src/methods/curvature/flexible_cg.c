/*
 * flexible_cg: conjugate directions for A x = b, made of whatever directions the caller has.
 *
 * Kaneda, Akar, Chen, Kala, Hyde, Teran, "A Deep Conjugate Direction Method for Iteratively Solving Linear Systems",
 * 2023, arXiv:2205.10763. min x'Ax / 2 - b'x, A symmetric and positive definite.
 *
 *     1. r = -gradient in the first step, and every `refresh` steps
 *     2. q = r / |r| (residual), r / diag (jacobi), the caller's (input)
 *     3. p = q - sum_j (q'Ap_j / p_j'Ap_j) p_j over the last `history` pairs, all products with the same q
 *     4. alpha = p'r / p'Ap
 *     5. x <- x + alpha p,   r <- r - alpha Ap;   the pair p, Ap is kept, the oldest is dropped
 *
 * r = 0 and p = 0 move nothing. p'Ap <= 0 is an error: A is not positive definite. Between refreshes r is what line 5
 * makes of it; where the parameters are moved from outside they want refresh = 1, which wrappers mean. State: r,
 * `history` pairs; within a step q, p, Ap: 4 (4 + 2 history) bytes a parameter in f32.
 */
#include "blocks/algebra.h"

enum { DIRECTION_OPTION, HISTORY, REFRESH };
enum { RESIDUAL, JACOBI, INPUT };
static const option_t OPTIONS[] = {
    [DIRECTION_OPTION] = {"direction", RESIDUAL, "residual|jacobi|input", "what directions are made of"},
    [HISTORY] = {"history", 2, "integer [0,1000]", "pairs that a direction is conjugate to; 0: steepest descent"},
    [REFRESH] = {"refresh", 0, "integer [0,inf)", "steps from one gradient to the next; 0: the first alone",
                 .zero_apart = true},
    {0},
};

enum { DIAG, GIVEN };
static const input_t INPUTS[] = {
    [DIAG] = {"diag", "direction=jacobi: the diagonal of A, a number for each element", INPUT_OF_METHOD, true},
    [GIVEN] = {"direction", "direction=input: q, filled from r before each step", INPUT_OF_METHOD, true},
    {0},
};

enum { R, Q, P, AP, OLD_P, OLD_AP };
static const state_t STATE[] = {
    [R] = {"r", "residual b - Ax", LIKE_PARAM, KEPT, .exact = true, .undone = true},
    [Q] = {"q", "what the direction is made of", LIKE_PARAM, WITHIN_STEP},
    [P] = {"p", "direction", LIKE_PARAM, DIRECTION},
    [AP] = {"Ap", "the product", LIKE_PARAM, PRODUCT},
    [OLD_P] = {"old_p", "directions before", LIKE_PARAM, KEPT, .copies = "history"},
    [OLD_AP] = {"old_Ap", "their products", LIKE_PARAM, KEPT, .copies = "history"},
    {0},
};

typedef struct memory {
    double *curvature, *share; /* share: within a step, what line 3 subtracts */
    int64_t pairs, next;
} memory_t;
static const field_t FIELDS[] = {
    {"curvature", "p_j'Ap_j", FIELD(OF_METHOD, memory_t, curvature), .copies = "history"},
    {"share", "of older directions", FIELD(OF_METHOD, memory_t, share), .copies = "history", .within_step = true},
    {"pairs", "kept so far", FIELD(OF_METHOD, memory_t, pairs), .most = "history"},
    {"next", "place of the next pair", FIELD(OF_METHOD, memory_t, next), .most = "history"},
    {0},
};

/* ---- Line 2 ---- */

typedef struct origin {
    int direction;
    double norm;               /* |r| */
    const input_view_t *input; /* diag, or the direction */
} origin_t;

static void make_q(const tile_t *t) {
    const origin_t *from = t->arguments;
    real room[TILE_ELEMENTS];
    const real *input = from->input == NULL ? NULL : input_reals(from->input, tile_first(t), t->n, room);
    const real *restrict r = t->state[R];
    real *restrict q = t->state[Q];
    for (size_t i = 0; input == NULL && i < t->n; ++i)
        q[i] = (real)((double)r[i] / from->norm);
    for (size_t i = 0; input != NULL && i < t->n; ++i)
        q[i] = from->direction == JACOBI ? r[i] / input[i] : input[i];
}

enum { MAKE_Q = ALGEBRA_KERNEL_COUNT };

/* ---- Lines 3 to 5 ---- */

/* False: there is nothing to go along. */
static bool make_direction(step_t *s) {
    const memory_t *m = s->memory;
    const int direction = (int)s->option[DIRECTION_OPTION];
    const double norm = norm_2(s, vector(R));
    if (norm == 0)
        return false;
    const int row = direction == JACOBI ? DIAG : GIVEN;
    step_update(s, MAKE_Q, &(origin_t){direction, norm, direction == RESIDUAL ? NULL : step_input(s, row)});
    copy(s, vector(Q), vector(P));
    for (size_t j = 0; j < (size_t)m->pairs; ++j)
        m->share[j] = dot(s, vector(Q), vector_copy(OLD_AP, j)) / m->curvature[j];
    for (size_t j = 0; j < (size_t)m->pairs; ++j)
        axpy(s, -m->share[j], vector_copy(OLD_P, j), vector(P));
    return norm_max(s, vector(P)) != 0;
}

static void keep_pair(step_t *s, double curvature) {
    memory_t *m = s->memory;
    const int64_t history = (int64_t)s->option[HISTORY];
    if (history == 0)
        return;
    const size_t next = (size_t)(m->next % history);
    m->curvature[next] = curvature;
    m->next = ((int64_t)next + 1) % history;
    m->pairs += m->pairs < history;
    copy(s, vector(P), vector_copy(OLD_P, next));
    copy(s, vector(AP), vector_copy(OLD_AP, next));
}

/* A wrapper may move the parameters after a step. */
static bool is_due(const step_t *s) {
    const double refresh = s->option[REFRESH];
    return step_is_a_first(s) || s->wrapped || (refresh > 0 && fmod(s->t - 1, refresh) == 0);
}

/* Line 1. Of elements that have just thawed older products know nothing. */
static void take_gradient(step_t *s) {
    memory_t *m = s->memory;
    copy(s, vector(GRADIENT), vector(R));
    scale(s, -1, vector(R));
    if (step_is_a_first(s))
        m->pairs = m->next = 0;
}

/* Lines 4 and 5, with the product there. */
static optim_status move(step_t *s) {
    const double curvature = dot(s, vector(P), vector(AP)), slope = dot(s, vector(P), vector(R));
    if (curvature <= 0)
        return step_fail(s, OPTIM_ERR_DOMAIN, "p'Ap is not positive: the matrix is not positive definite");
    axpy(s, slope / curvature, vector(P), vector(PARAMETERS));
    axpy(s, -slope / curvature, vector(AP), vector(R));
    keep_pair(s, curvature);
    return OPTIM_OK;
}

static optim_status advance(step_t *s) {
    STEP_BEGIN(s);
    if (is_due(s)) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
        take_gradient(s);
    }
    if (!make_direction(s))
        return OPTIM_OK;
    STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
    return move(s);
    STEP_END(s);
}

static const char *refuses_inputs(const step_t *s) {
    const int direction = (int)s->option[DIRECTION_OPTION];
    const input_view_t *diag = step_input(s, DIAG), *given = step_input(s, GIVEN);
    if (direction == INPUT && (given == NULL || given->count != step_own_elements(s)))
        return "direction=input wants the input \"direction\", a number for each element";
    if (direction != JACOBI)
        return NULL;
    bool positive = diag != NULL && diag->count == step_own_elements(s);
    for (size_t i = 0; positive && i < diag->count; ++i) {
        double room;
        const double value = *input_doubles(diag, i, 1, &room);
        positive = value > 0 && isfinite(value);
    }
    return positive ? NULL : "direction=jacobi wants the input \"diag\", a positive number for each element";
}

const method_t METHOD(flexible_cg) = {
    .name = "flexible_cg",
    .purpose = "conjugate directions for a linear system, made of the residual or of the caller's directions",
    .citation = "Kaneda et al.: A Deep Conjugate Direction Method for Iteratively Solving Linear Systems, 2023, "
                "arXiv:2205.10763",
    .evaluations = "1 Hessian-vector product; the first step, and one in `refresh`, 1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .inputs = INPUTS,
    .flags = REQUESTS | REQUESTS_PRODUCTS | ASKS_FOR_ALL,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .refuses_inputs = refuses_inputs,
    .advance = advance,
    .kernels = {ALGEBRA_KERNELS, make_q},
    .arguments = {ALGEBRA_ARGUMENTS, sizeof(origin_t)},
};
