/*
 * teleport: along a symmetry of ReLU networks to where the gradient is longer, or shorter, before the inner step.
 *
 * Zhao, Gower, Walters, Yu, "Improving Convergence and Generalization Using Parameter Symmetries", 2024,
 * arXiv:2305.13404, restricted to the scaling of units, (W, b, V) -> (D W, D b, V D^-1), D = diag(e^s), which leaves
 * V relu(W x + b) as it is.
 *
 *     in steps t with (t - 1) mod period = 0, k a unit (dimension 0 of W and b, dimension 1 of V):
 *     1. a_k = |dL/dW_k|^2 + (dL/db_k)^2,   c_k = |dL/dV_k|^2,   N(s) = sum_k (a_k e^(-2 s_k) + c_k e^(2 s_k))
 *     2. target=up:    s = 0; `iterations` times, but only while N(s) <= cap N(0):
 *                      s <- clip(s + lr (c e^(2 s) - a e^(-2 s)), -limit, limit)
 *        target=down:  s_k = clip(ln(a_k / c_k) / 4, -limit, limit), 0 where a_k or c_k is 0: the least N
 *     3. W, b, V move, and the gradient with them: dL/dW / D, dL/db / D, dL/dV D
 *
 * N(s) is the squared length of the gradient of W, b and V after the move: nothing is evaluated again. The parameters
 * are named by their numbers. Where one of the three is frozen nothing moves. State: within a step W, b and V as they
 * were, and three numbers a unit.
 */
#include <string.h>

#include "blocks/logsum.h"
#include "engine/method.h"

enum { IN, BIAS, OUT, TARGET, LR, ITERATIONS, CAP, LIMIT, PERIOD };
enum { UP, DOWN };
static const option_t OPTIONS[] = {
    [IN] = {"in", -1, "integer [-1,2147483647]", "number of the parameter W, a unit for each row; -1: nothing is done",
            .decides_memory = true},
    [BIAS] = {"bias", -1, "integer [-1,2147483647]", "number of the parameter b; -1: there is none",
              .decides_memory = true},
    [OUT] = {"out", -1, "integer [-1,2147483647]", "number of the parameter V, a unit for each column",
             .decides_memory = true},
    [TARGET] = {"target", UP, "up|down", "a longer or a shorter gradient"},
    [LR] = {"lr", 0.1, "[0,inf)", "target=up: step size of the ascent in s"},
    [ITERATIONS] = {"iterations", 10, "integer [1,inf)", "target=up: most of its steps"},
    [CAP] = {"cap", 4, "(1,inf)", "target=up: it ends where the squared length has grown by that"},
    [LIMIT] = {"limit", 1, "(0,inf)", "largest modulus of s"},
    [PERIOD] = {"period", 1, "integer [1,inf)", "steps from one move to the next"},
    {0},
};

static const char *check(const double *o) {
    if ((o[IN] < 0) != (o[OUT] < 0) || (o[BIAS] >= 0 && o[IN] < 0))
        return "in and out go together, and bias with them";
    if (o[IN] >= 0 && (o[IN] == o[OUT] || o[BIAS] == o[IN] || o[BIAS] == o[OUT]))
        return "in, bias and out are different parameters";
    return NULL;
}

static bool is_part(const tensor_t *tensor, const double *o) {
    const double id = (double)tensor->id;
    return id == o[IN] || id == o[BIAS] || id == o[OUT];
}

static int unit_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)axis;
    if ((double)tensor->id != option[IN])
        return -1;
    dims[0] = 3;
    dims[1] = (int64_t)tensor_axis(tensor, 0);
    return 2;
}

enum { START, UNITS };
static const state_t STATE[] = {
    [START] = {"start", "where the step began, of the three", LIKE_PARAM, WITHIN_STEP, .exists = is_part},
    [UNITS] = {"units", "a, c and s of each", SHAPED, WITHIN_STEP, .type = TYPE_DOUBLE, .dims = unit_dims},
    {0},
};

typedef struct memory {
    double moves; /* within a step: whether W, b, V have been moved */
} memory_t;

typedef struct constants {
    bool moves;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){((const memory_t *)group->memory)->moves != 0};
}

/* What kernels take. */
typedef struct units {
    size_t in, bias, out, count;
    double *a, *c, *s;
} units_t;

/* ---- Kernels ---- */

static bool is_of(const units_t *u, const tensor_t *tensor) {
    return tensor->id == u->in || tensor->id == u->bias || tensor->id == u->out;
}

/* The unit that element i of the tensor belongs to. */
static size_t unit_of(const units_t *u, const tensor_t *tensor, size_t i) {
    size_t inner = 1;
    for (int axis = tensor->id == u->out ? 2 : 1; axis < tensor->ndim; ++axis)
        inner *= (size_t)tensor->dims[axis];
    return i / inner % u->count;
}

/* Line 1, on whole tensors. */
static void sum_squares(const tile_t *t) {
    const units_t *u = t->arguments;
    const real *g = t->g;
    double *sum = t->tensor->id == u->out ? u->c : u->a;
    for (size_t i = 0; is_of(u, t->tensor) && i < t->n; ++i)
        sum[unit_of(u, t->tensor, i)] += (double)g[i] * (double)g[i];
}

/* x times e^s, or divided by it. */
static void scale(const tile_t *t, real *x, bool times) {
    const units_t *u = t->arguments;
    for (size_t i = 0; i < t->n; ++i) {
        const double s = u->s[unit_of(u, t->tensor, t->offset + i)];
        x[i] = (real)((double)x[i] * logsum_exp(times ? s : -s));
    }
}

/* Line 3. */
static void move(const tile_t *t) {
    const units_t *u = t->arguments;
    if (!is_of(u, t->tensor))
        return;
    memcpy(t->state[START], t->p, t->n * sizeof(real));
    scale(t, t->p, t->tensor->id != u->out);
}
static void move_gradient(const tile_t *t) {
    const units_t *u = t->arguments;
    if (is_of(u, t->tensor))
        scale(t, t->g, t->tensor->id == u->out);
}

/* The inner step failed. */
static void undo(const tile_t *t) {
    if (((const constants_t *)t->constants)->moves && t->state[START] != NULL)
        memcpy(t->p, t->state[START], t->n * sizeof(real));
}

enum { SUM_SQUARES, MOVE, MOVE_GRADIENT, UNDO };

/* ---- Line 2 ---- */

static double clip(double x, double limit) {
    return fmin(fmax(x, -limit), limit);
}

static double squared_length(const units_t *u) {
    double sum = 0;
    for (size_t k = 0; k < u->count; ++k)
        sum += u->a[k] * logsum_exp(-2 * u->s[k]) + u->c[k] * logsum_exp(2 * u->s[k]);
    return sum;
}

static void go_up(const units_t *u, const double *o) {
    const double most = o[CAP] * squared_length(u);
    for (double i = 0; i < o[ITERATIONS] && squared_length(u) <= most; ++i)
        for (size_t k = 0; k < u->count; ++k) {
            const double slope = u->c[k] * logsum_exp(2 * u->s[k]) - u->a[k] * logsum_exp(-2 * u->s[k]);
            u->s[k] = clip(u->s[k] + o[LR] * slope, o[LIMIT]);
        }
}

static void go_down(const units_t *u, const double *o) {
    for (size_t k = 0; k < u->count; ++k)
        if (u->a[k] > 0 && u->c[k] > 0)
            u->s[k] = clip((elementary_log(u->a[k]) - elementary_log(u->c[k])) / 4, o[LIMIT]);
}

/* ---- The step ---- */

/* A sentence on what is wrong with the three, or NULL. */
static const char *refuses_parts(const step_t *s) {
    const double *o = s->option, count = (double)step_tensor_count(s);
    if (o[IN] >= count || o[BIAS] >= count || o[OUT] >= count)
        return "in, bias and out are numbers of parameters, from 0";
    const tensor_t *in = step_parameter(s, (size_t)o[IN]), *out = step_parameter(s, (size_t)o[OUT]);
    const tensor_t *bias = o[BIAS] < 0 ? NULL : step_parameter(s, (size_t)o[BIAS]);
    if (in->ndim < 1 || out->ndim < 2 || in->dims[0] != out->dims[1])
        return "dimension 1 of out must be as long as dimension 0 of in";
    return bias != NULL && (bias->ndim != 1 || bias->dims[0] != in->dims[0])
               ? "bias must be a vector with an element for each row of in"
               : NULL;
}

static bool may_move(const step_t *s) {
    for (int k = IN; k <= OUT; ++k)
        if (s->option[k] >= 0 && step_tensor(s, (size_t)s->option[k]) == NULL)
            return false;
    return true;
}

static units_t units_of(const step_t *s) {
    const double *o = s->option;
    const size_t in = (size_t)o[IN], count = tensor_axis(step_parameter(s, in), 0);
    size_t none;
    double *a = step_state(s, in, UNITS, &none);
    return (units_t){.in = in,
                     .bias = o[BIAS] < 0 ? SIZE_MAX : (size_t)o[BIAS],
                     .out = (size_t)o[OUT],
                     .count = count,
                     .a = a,
                     .c = a + count,
                     .s = a + 2 * count};
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    if (s->first)
        m->moves = 0;
    if (!s->first || s->option[IN] < 0)
        return OPTIM_OK;
    const char *wrong = refuses_parts(s);
    if (wrong != NULL)
        return step_fail(s, OPTIM_ERR_SHAPE, wrong);
    if (fmod(s->t - 1, s->option[PERIOD]) != 0 || !may_move(s))
        return OPTIM_OK;
    const units_t u = units_of(s);
    if (u.a == NULL || u.count == 0)
        return OPTIM_OK;
    memset(u.a, 0, 3 * u.count * sizeof *u.a);
    step_tensors_in_turn(s, SUM_SQUARES, &u);
    if (!isfinite(squared_length(&u)))
        return OPTIM_OK; /* what becomes of such a gradient is decided elsewhere */
    if ((int)s->option[TARGET] == UP)
        go_up(&u, s->option);
    else
        go_down(&u, s->option);
    m->moves = 1;
    step_update(s, MOVE, &u);
    step_filter(s, MOVE_GRADIENT, &u);
    return OPTIM_OK;
}

const method_t METHOD(teleport) = {
    .name = "teleport",
    .purpose = "along a symmetry of ReLU networks to where the gradient is longer, or shorter, before each step",
    .citation = "Zhao, Gower, Walters, Yu: Improving Convergence and Generalization Using Parameter Symmetries, ICLR "
                "2024, arXiv:2305.13404",
    .evaluations = "none of its own",
    .options = OPTIONS,
    .states = STATE,
    .flags = WHOLE_TENSORS | MAY_FAIL | ACROSS_TENSORS,
    .memory = sizeof(memory_t),
    .constants = sizeof(constants_t),
    .check = check,
    .prepare = prepare,
    .advance = advance,
    .undo_kernel = UNDO,
    .kernels = {sum_squares, move, move_gradient, undo},
    .arguments = {[SUM_SQUARES] = sizeof(units_t), [MOVE] = sizeof(units_t), [MOVE_GRADIENT] = sizeof(units_t)},
};
