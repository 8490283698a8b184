/*
 * model_based: steps to the minimizer of a model of |c_i(x)|, for a mean of n such components.
 *
 * Davis, Drusvyatskiy, "Stochastic Model-Based Minimization of Weakly Convex Functions", 2019, arXiv:1803.06523.
 *
 *     x <- argmin over y of  model_i(y) + |y - x|^2 / (2 a),   a = lr / t^power,   i uniform in 0 .. n - 1;   of
 *     subgradient   |c| + sign(c) grad c (y - x):   x <- x - a sign(c) grad c
 *     prox_linear   |c + grad c (y - x)|:           x <- x - clip(c / |grad c|^2, -a, a) grad c, nothing if grad c = 0
 *     prox_point    |c(y)| itself, of phase retrieval, c_i(x) = (a_i x)^2 - b_i with data a_i, b_i: u = a_i x,
 *                   N = a |a_i|^2, x <- x + s a a_i with that of the candidates -2 u / (1 + 2 N), 2 u / (1 - 2 N)
 *                   if 2 N < 1, (sqrt(b_i) - u) / N, (-sqrt(b_i) - u) / N for which |(u + s N)^2 - b_i| + s^2 N / 2 is
 *                   least, the first of equal ones
 *
 * Loss and gradient of a component may be c and grad c, or |c| and sign(c) grad c: the steps are the same. prox_point
 * evaluates nothing; its data are the inputs A (a row for each component) and b. a |grad c|^2 and N are sums over the
 * groups, each with its own lr. A step begins without a gradient. No state.
 */
#include "blocks/finite.h"

enum { MODEL, LR, POWER };
enum { SUBGRADIENT, PROX_LINEAR, PROX_POINT };
static const option_t OPTIONS[] = {
    [MODEL] = {"model", PROX_LINEAR, "subgradient|prox_linear|prox_point", "of the component"},
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [POWER] = {"power", 0.5, "[0,1]", "lr is divided by t^power"},
    {0},
};

enum { A_INPUT, B_INPUT };
static const input_t INPUTS[] = {
    [A_INPUT] = {"A", "model=prox_point: a_i, a row for each component, a column for each element", INPUT_OF_METHOD,
                 true},
    [B_INPUT] = {"b", "model=prox_point: b_i >= 0, a number for each component", INPUT_OF_METHOD, true},
    {0},
};

typedef struct memory {
    int64_t i; /* within a step: component */
} memory_t;

typedef struct constants {
    double lr; /* a */
} constants_t;

typedef struct move {
    double s;                /* times a and the gradient */
    const input_view_t *row; /* times a and a_i instead, if there is one */
    size_t first;            /* of the row's elements */
} move_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){o[LR] / pow(group->step->t, o[POWER])};
}

/* ---- Kernels ---- */

static void squares_by_lr(const tile_t *t) {
    const double lr = ((const constants_t *)t->constants)->lr;
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = lr * ((double)g[i] * (double)g[i]);
}

static void move(const tile_t *t) {
    const real step = (real)(((const constants_t *)t->constants)->lr * ((const move_t *)t->arguments)->s);
    const real *restrict g = t->g;
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] += step * g[i];
}

static size_t place(const tile_t *t, size_t i) {
    return ((const move_t *)t->arguments)->first + tile_first(t) + i;
}

/* u and N. A reduction's pieces are no longer than that. */
static void project(const tile_t *t) {
    double room[PIECE_ELEMENTS];
    const double *restrict a = input_doubles(((const move_t *)t->arguments)->row, place(t, 0), t->n, room);
    const double lr = ((const constants_t *)t->constants)->lr;
    const real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i) {
        t->term[0][i] = a[i] * (double)p[i];
        t->term[1][i] = lr * a[i] * a[i];
    }
}

static void move_along_row(const tile_t *t) {
    double room[CHUNK_ELEMENTS];
    const move_t *k = t->arguments;
    const double step = ((const constants_t *)t->constants)->lr * k->s;
    real *restrict p = t->p;
    for (size_t first = 0, n; first < t->n; first += n) {
        n = t->n - first < CHUNK_ELEMENTS ? t->n - first : CHUNK_ELEMENTS;
        const double *restrict a = input_doubles(k->row, place(t, first), n, room);
        for (size_t i = 0; i < n; ++i)
            p[first + i] += (real)(step * a[i]);
    }
}

enum { SQUARES, MOVE, PROJECT, MOVE_ALONG_ROW };

/* ---- Steps ---- */

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *a = step_input(s, A_INPUT), *b = step_input(s, B_INPUT);
    const size_t n = (size_t)s->components, d = step_own_elements(s);
    if ((int)s->option[MODEL] != PROX_POINT)
        return NULL;
    if (a == NULL || a->ndim != 2 || (size_t)a->dims[0] != n || (size_t)a->dims[1] != d)
        return "model=prox_point wants the input \"A\" with a row for each component, a column for each element";
    if (b == NULL || b->count != n)
        return "model=prox_point wants the input \"b\" with a number for each component";
    for (size_t i = 0; i < n; ++i) {
        double room;
        if (!(*input_doubles(b, i, 1, &room) >= 0))
            return "the input \"b\" must have no numbers below 0";
    }
    return NULL;
}

/* The candidate s with the least value. */
static double prox_point(double u, double norm, double b) {
    const double root = sqrt(b);
    const double candidate[] = {-2 * u / (1 + 2 * norm), 2 * norm < 1 ? 2 * u / (1 - 2 * norm) : (double)NAN,
                                (root - u) / norm, (-root - u) / norm};
    double best = 0, least = HUGE_VAL;
    for (int k = 0; k < 4; ++k) {
        const double s = candidate[k], y = u + s * norm, value = fabs(y * y - b) + 0.5 * s * s * norm;
        if (value < least) {
            best = s;
            least = value;
        }
    }
    return best;
}

static optim_status step_to_point(step_t *s, int64_t component) {
    double room;
    const double b = *input_doubles(step_input(s, B_INPUT), (size_t)component, 1, &room);
    move_t along = {.row = step_input(s, A_INPUT), .first = (size_t)component * step_own_elements(s)};
    const double *sum = step_reduce(s, PROJECT, &along, 2), u = sum[0], norm = sum[1];
    if (!all_finite(u, &norm, 1))
        return step_fail(s, OPTIM_ERR_NONFINITE, "the parameters, or a row of the input \"A\", are not finite");
    along.s = norm > 0 ? prox_point(u, norm, b) : 0;
    step_update(s, MOVE_ALONG_ROW, &along);
    return OPTIM_OK;
}

/* With loss and gradient of the component. */
static optim_status step_along_gradient(step_t *s) {
    const double square = step_reduce(s, SQUARES, NULL, 1)[0], c = s->loss;
    if (!all_finite(c, &square, 1))
        return step_reject(s);
    const double sign = (double)((c > 0) - (c < 0));
    const bool linear = (int)s->option[MODEL] == PROX_LINEAR;
    const double clipped = square > 0 ? fmin(fmax(c / square, -1), 1) : 0;
    step_update(s, MOVE, &(move_t){.s = linear ? -clipped : -sign});
    return OPTIM_OK;
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    m->i = step_index(s, s->components);
    if ((int)s->option[MODEL] == PROX_POINT)
        return step_to_point(s, m->i);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = m->i, .count = 1);
    return step_along_gradient(s);
    STEP_END(s);
}

static bool evaluates(const double *option) {
    return (int)option[MODEL] != PROX_POINT;
}

const method_t METHOD(model_based) = {
    .name = "model_based",
    .purpose = "steps to the minimizer of a model of one component, the modulus of a smooth function",
    .citation = "Davis, Drusvyatskiy: Stochastic Model-Based Minimization of Weakly Convex Functions, SIAM J. Optim. "
                "2019, arXiv:1803.06523",
    .evaluations = "1 gradient of one component, with its loss; model=prox_point: none",
    .options = OPTIONS,
    .inputs = INPUTS,
    .flags = REQUESTS | READS_LOSS | NEEDS_COMPONENTS | COMPONENT_GRADIENTS | ASKS_FOR_ALL,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .refuses_inputs = refuses_inputs,
    .reads_loss = evaluates,
    .prepare = prepare,
    .advance = advance,
    .kernels = {squares_by_lr, move, project, move_along_row},
    .arguments = {[MOVE] = sizeof(move_t), [PROJECT] = sizeof(move_t), [MOVE_ALONG_ROW] = sizeof(move_t)},
};
