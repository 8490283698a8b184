/*
 * saga: a table of the last gradient seen of each of n components f_i, and its mean.
 *
 * Defazio, Bach, Lacoste-Julien, "SAGA: A Fast Incremental Gradient Method With Support for Non-Strongly Convex
 * Composite Objectives", 2014, arXiv:1407.0202.
 *
 *     before the first step: table_i = grad f_i(x) for all i, or 0;   mean = (1/n) sum_i table_i
 *     1. i uniform in 0 .. n - 1;   g = grad f_i(x)
 *     2. x <- reg(x - lr (g - table_i + mean)), reg's step being lr
 *     3. mean <- mean + (g - table_i) / n;   table_i = g
 *
 * One gradient of one component a step, the first time n besides. The mean is kept in double, where it does not drift.
 * State: table, n vectors; mean: 4 n + 8 bytes a parameter in f32.
 */
#include "blocks/double_state.h"
#include "engine/map.h"

enum { LR, OPTION, REG };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size; theory: 1 / (2 (mu n + L)), or 1 / (3 L)"},
    [OPTION] = {"option", 0, "gradients|zero", "what the table begins with"},
    [REG] = {"reg", 0, "map", "prox of a penalty on the parameters, or projection", .choice = "none"},
    {0},
};

enum { TABLE, MEAN };
static const state_t STATE[] = {
    [TABLE] = {"table", "the last gradient seen of each component", LIKE_PARAM, KEPT, .each = EACH_COMPONENT,
               .exact = true},
    [MEAN] = {"mean", "of the table, in double", SHAPED, KEPT, .type = TYPE_DOUBLE, .dims = dims_of_parameter},
    {0},
};

typedef struct memory { /* within a step */
    int64_t i;          /* component */
} memory_t;

typedef struct constants {
    double components;
    real lr;
    bool first; /* step of the tensor: its table is not there */
} constants_t;

typedef struct component {
    size_t i;
} component_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){
        .components = (double)group->step->components, .lr = (real)group->option[LR], .first = group->t == 1};
}

static real *row(const tile_t *t, size_t i) {
    return (real *)t->state[TABLE] + i * t->stride;
}

static void fill(const tile_t *t) {
    if (((const constants_t *)t->constants)->first)
        memcpy(row(t, ((const component_t *)t->arguments)->i), t->g, t->n * sizeof(real));
}

/* Undoes it, should the step fail: the table is too long to be copied. */
static void empty(const tile_t *t) {
    const constants_t *k = t->constants;
    for (size_t c = 0; k->first && (double)c < k->components; ++c)
        memset(row(t, c), 0, t->n * sizeof(real));
}

static void average(const tile_t *t, double components) {
    double *restrict mean = tile_doubles(t, MEAN);
    memset(mean, 0, t->n * sizeof *mean);
    for (size_t c = 0; (double)c < components; ++c) {
        const real *restrict g = row(t, c);
        for (size_t i = 0; i < t->n; ++i)
            mean[i] += (double)g[i] / components;
    }
}

/* Line 2 up to the map, and line 3. */
static void move(const tile_t *t) {
    const constants_t *k = t->constants;
    const real lr = k->lr;
    const double components = k->components;
    const real *restrict g = t->g;
    real *restrict p = t->p, *restrict seen = row(t, ((const component_t *)t->arguments)->i);
    double *restrict mean = tile_doubles(t, MEAN);
    if (k->first)
        average(t, components);
    for (size_t i = 0; i < t->n; ++i) {
        p[i] -= lr * (g[i] - seen[i] + (real)mean[i]);
        mean[i] += ((double)g[i] - (double)seen[i]) / components;
        seen[i] = g[i];
    }
}

enum { FILL, EMPTY, MOVE };

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const char *wrong = step_map_refuses(s, REG, 1, true);
    if (wrong != NULL)
        return step_fail(s, OPTIM_ERR_VALUE, wrong);
    STEP_BEGIN(s);
    for (m->i = 0; s->option[OPTION] == 0 && step_is_a_first(s) && m->i < s->components; ++m->i) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = m->i, .count = 1);
        step_update(s, FILL, &(component_t){(size_t)m->i});
    }
    m->i = step_index(s, s->components);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = m->i, .count = 1);
    step_update(s, MOVE, &(component_t){(size_t)m->i});
    step_map_by_lr(s, REG, 1);
    STEP_END(s);
}

const method_t METHOD(saga) = {
    .name = "saga",
    .purpose = "stochastic gradients of components, their variance reduced by a table of the last ones",
    .citation = "Defazio, Bach, Lacoste-Julien: SAGA: A Fast Incremental Gradient Method With Support for Non-Strongly "
                "Convex Composite Objectives, NeurIPS 2014, arXiv:1407.0202",
    .evaluations = "1 gradient of one component; option=gradients: the first time one of each besides",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | BY_ELEMENT | NEEDS_COMPONENTS | COMPONENT_GRADIENTS | ASKS_FOR_ALL,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .undo_kernel = EMPTY,
    .kernels = {fill, empty, move},
    .arguments = {[FILL] = sizeof(component_t), [MOVE] = sizeof(component_t)},
};
