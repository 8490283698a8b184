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
 * rows=1 is for linear models, f_i(x) = l_i(a_i x): table_i = c_i a_i with the a_i as an input, so that numbers are
 * kept, c_i = <g, a_i> / <a_i, a_i>. Whatever else there is in g is left in the step, as noise.
 * State: table, n vectors, or n numbers in all; mean: 4 n + 8 bytes a parameter in f32, or 8.
 */
#include "blocks/agree.h"
#include "blocks/double_state.h"
#include "engine/map.h"

enum { LR, OPTION, REG, ROWS };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size; theory: 1 / (2 (mu n + L)), or 1 / (3 L)"},
    [OPTION] = {"option", 0, "gradients|zero", "what the table begins with"},
    [REG] = {"reg", 0, "map", "prox of a penalty on the parameters, or projection", .choice = "none"},
    [ROWS] = {"rows", 0, "0|1", "1: the table is a number for each row of the input, of linear models",
              .decides_memory = true},
    {0},
};

enum { ROWS_INPUT };
static const input_t INPUTS[] = {
    [ROWS_INPUT] = {"rows", "rows=1: a row for each component, a column for each element", INPUT_OF_METHOD, true},
    {0},
};

static bool has_table(const tensor_t *tensor, const double *option) {
    (void)tensor;
    return option[ROWS] == 0;
}

enum { TABLE, MEAN };
static const state_t STATE[] = {
    [TABLE] = {"table", "the last gradient seen of each component", LIKE_PARAM, KEPT, .each = EACH_COMPONENT,
               .exact = true, .exists = has_table},
    [MEAN] = {"mean", "of the table, in double", SHAPED, KEPT, .type = TYPE_DOUBLE, .dims = dims_of_parameter},
    {0},
};

typedef struct memory {
    double *number; /* c_i */
    double rest;
    int64_t i; /* within a step: component */
} memory_t;
static const field_t FIELDS[] = {
    {"number", "rows=1: of the last gradient of each component, times its row", FIELD(OF_METHOD, memory_t, number),
     .each = EACH_COMPONENT, .when = "rows"},
    {"rest", "rows=1: the share of the last |g|^2 that is not along the row", FIELD(OF_METHOD, memory_t, rest),
     .when = "rows"},
    {0},
};

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
    for (size_t c = 0; t->state[TABLE] != NULL && k->first && (double)c < k->components; ++c)
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

/* ---- rows = 1 ---- */

typedef struct linear {
    const input_view_t *rows;
    size_t elements, i; /* of a row; component */
    bool first;         /* the mean is to be taken */
    const double *number;
    double seen, fresh;
} linear_t;

/* Elements of row i that belong to the tile's from `first` on. */
static const real *part_of_row(const tile_t *t, size_t i, size_t first, size_t n, real *room) {
    const linear_t *l = t->arguments;
    return input_reals(l->rows, i * l->elements + tile_first(t) + first, n, room);
}

static void measure(const tile_t *t) { /* <g, a>, <a, a>, <g, g> */
    real room[PIECE_ELEMENTS];
    const real *restrict g = t->g, *restrict a = part_of_row(t, ((const linear_t *)t->arguments)->i, 0, t->n, room);
    for (size_t i = 0; i < t->n; ++i) {
        t->term[0][i] = (double)g[i] * (double)a[i];
        t->term[1][i] = (double)a[i] * (double)a[i];
        t->term[2][i] = (double)g[i] * (double)g[i];
    }
}

static void average_rows(const tile_t *t, double components) {
    real room[CHUNK_ELEMENTS];
    const linear_t *l = t->arguments;
    double *restrict mean = tile_doubles(t, MEAN);
    memset(mean, 0, t->n * sizeof *mean);
    for (size_t c = 0; (double)c < components; ++c) {
        const double number = (c == l->i ? l->seen : l->number[c]) / components;
        for (size_t first = 0, n; first < t->n; first += n) {
            n = t->n - first < CHUNK_ELEMENTS ? t->n - first : CHUNK_ELEMENTS;
            const real *restrict a = part_of_row(t, c, first, n, room);
            for (size_t i = 0; i < n; ++i)
                mean[first + i] += number * (double)a[i];
        }
    }
}

/* As move. */
static void move_by_rows(const tile_t *t) {
    real room[CHUNK_ELEMENTS];
    const constants_t *k = t->constants;
    const linear_t *l = t->arguments;
    const real lr = k->lr, seen = (real)l->seen;
    const double change = (l->fresh - l->seen) / k->components;
    if (l->first)
        average_rows(t, k->components);
    for (size_t first = 0, n; first < t->n; first += n) {
        n = t->n - first < CHUNK_ELEMENTS ? t->n - first : CHUNK_ELEMENTS;
        const real *restrict a = part_of_row(t, l->i, first, n, room), *restrict g = (const real *)t->g + first;
        real *restrict p = (real *)t->p + first;
        double *restrict mean = tile_doubles(t, MEAN) + first;
        for (size_t i = 0; i < n; ++i) {
            p[i] -= lr * (g[i] - seen * a[i] + (real)mean[i]);
            mean[i] += change * (double)a[i];
        }
    }
}

enum { FILL, EMPTY, MOVE, MEASURE, MOVE_BY_ROWS };

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *rows = step_input(s, ROWS_INPUT);
    if (s->option[ROWS] == 0)
        return NULL;
    return rows == NULL || rows->ndim != 2 || rows->dims[0] != s->components ||
                   (size_t)rows->dims[1] != step_own_elements(s)
               ? "rows=1 needs the input \"rows\": a row for each component, a column for each element"
               : NULL;
}

/* c_i of the gradient that is here, which is kept; beside what it was. */
static linear_t take_number(step_t *s) {
    memory_t *m = s->memory;
    linear_t l = {.rows = step_input(s, ROWS_INPUT),
                  .elements = step_own_elements(s),
                  .i = (size_t)m->i,
                  .first = step_is_a_first(s),
                  .number = m->number,
                  .seen = m->number[m->i]};
    const double *sum = step_reduce(s, MEASURE, &l, 3);
    l.fresh = sum[1] > 0 ? sum[0] / sum[1] : 0;
    m->rest = sum[2] > 0 ? fmax(0, 1 - l.fresh * sum[0] / sum[2]) : 0;
    m->number[m->i] = l.fresh;
    return l;
}

/* ---- Steps ---- */

static void fill_table(step_t *s) {
    const memory_t *m = s->memory;
    if (s->option[ROWS] != 0)
        (void)take_number(s);
    else
        step_update(s, FILL, &(component_t){(size_t)m->i});
}

static void move_all(step_t *s) {
    const memory_t *m = s->memory;
    if (s->option[ROWS] != 0) {
        const linear_t l = take_number(s);
        step_update(s, MOVE_BY_ROWS, &l);
    } else
        step_update(s, MOVE, &(component_t){(size_t)m->i});
    step_map_by_lr(s, REG, 1);
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const char *wrong = step_map_refuses(s, REG, 1, true);
    if (wrong == NULL && !groups_agree(s, ROWS))
        wrong = "rows must be the same in all groups";
    if (wrong != NULL)
        return step_fail(s, OPTIM_ERR_VALUE, wrong);
    STEP_BEGIN(s);
    for (m->i = 0; s->option[OPTION] == 0 && step_is_a_first(s) && m->i < s->components; ++m->i) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = m->i, .count = 1);
        fill_table(s);
    }
    m->i = step_index(s, s->components);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = m->i, .count = 1);
    move_all(s);
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
    .fields = FIELDS,
    .inputs = INPUTS,
    .refuses_inputs = refuses_inputs,
    .flags = REQUESTS | BY_ELEMENT | NEEDS_COMPONENTS | COMPONENT_GRADIENTS | ASKS_FOR_ALL,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .undo_kernel = EMPTY,
    .kernels = {fill, empty, move, measure, move_by_rows},
    .arguments = {[FILL] = sizeof(component_t),
                  [MOVE] = sizeof(component_t),
                  [MEASURE] = sizeof(linear_t),
                  [MOVE_BY_ROWS] = sizeof(linear_t)},
};
