/*
 * sso: target-based surrogates, which use one gradient with respect to a model's outputs for several steps of its
 * parameters; for linear models.
 *
 * Lavington, Vaswani, Babanezhad, Schmidt, Le Roux, "Target-based Surrogates for Stochastic Optimization", 2023,
 * arXiv:2302.02607.
 *
 *     f = mean of l_i(z_i),   z_i = a_i x the output for sample i; B = the batch: all samples, or a subset
 *     1. g = mean over B of l_i'(z_i) a_i, the gradient of f on the batch;   y = x
 *     2. `inner` times:   y <- y - lr (g + mean over B of a_i (a_i (y - x)) / eta)
 *     3. x <- y
 *
 * Line 2 descends on mean over B of l_i'(z_i) (z_i(y) - z_i(x)) + (z_i(y) - z_i(x))^2 / (2 eta), which is above f for
 * eta up to 1 / (smoothness of l): then f does not rise. The samples are the rows of the input A; the loss is not
 * evaluated in line 2. A step begins without a gradient. State: within a step g and where it began.
 */
#include <string.h>

#include "blocks/agree.h"

enum { ETA, INNER, LR, BATCH };
static const option_t OPTIONS[] = {
    [ETA] = {"eta", 1, "(0,inf)", "step size of the outputs; theory: 1 / (smoothness of the loss in them)"},
    [INNER] = {"inner", 5, "integer [1,inf)", "steps on the surrogate; 1: SGD"},
    [LR] = {"lr", 0.1, "[0,inf)", "their step size"},
    [BATCH] = {"batch", 0, "integer [0,inf)", "samples in a step; 0, or the number of components: all",
               .zero_apart = true},
    {0},
};

enum { A_INPUT };
static const input_t INPUTS[] = {
    [A_INPUT] = {"A", "the samples: a row for each component, a column for each element", INPUT_OF_METHOD, false},
    {0},
};

enum { X, G };
static const state_t STATE[] = {
    [X] = {"x", "where the step began", LIKE_PARAM, WITHIN_STEP},
    [G] = {"g", "the gradient there", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct memory { /* within a step */
    double *change;
    int64_t k;
} memory_t;
static const field_t FIELDS[] = {
    {"change", "of the outputs of the batch", FIELD(OF_METHOD, memory_t, change), .each = EACH_COMPONENT,
     .within_step = true},
    {0},
};

typedef struct constants {
    real lr;
    double lr_eta; /* lr / eta */
} constants_t;

typedef struct weight {
    double weight;
} weight_t;

/* The batch, for kernels on whole tensors. */
typedef struct batch {
    const input_view_t *a;
    size_t elements; /* of a row */
    const int64_t *sample;
    size_t samples;
    double *change;
} batch_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){(real)o[LR], o[LR] / o[ETA]};
}

/* ---- Kernels ---- */

static void begin(const tile_t *t) {
    memcpy(t->state[X], t->p, t->n * sizeof(real));
    memset(t->state[G], 0, t->n * sizeof(real));
}

static void add(const tile_t *t) {
    const real weight = (real)((const weight_t *)t->arguments)->weight;
    const real *restrict g = t->g;
    real *restrict sum = t->state[G];
    for (size_t i = 0; i < t->n; ++i)
        sum[i] += weight * g[i];
}

static const double *entries(const tile_t *t, size_t k, size_t first, size_t n, double *room) {
    const batch_t *batch = t->arguments;
    const size_t row = (size_t)batch->sample[k] * batch->elements;
    return input_doubles(batch->a, row + t->tensor->first_of_method + first, n, room);
}

static size_t chunk_at(const tile_t *t, size_t first) {
    return t->n - first < CHUNK_ELEMENTS ? t->n - first : CHUNK_ELEMENTS;
}

/* change_k += a_k (y - x) */
static void measure(const tile_t *t) {
    double room[CHUNK_ELEMENTS];
    const batch_t *batch = t->arguments;
    const real *restrict y = t->p, *restrict x = t->state[X];
    for (size_t k = 0; k < batch->samples; ++k)
        for (size_t first = 0, n; first < t->n; first += n) {
            n = chunk_at(t, first);
            const double *restrict a = entries(t, k, first, n, room);
            for (size_t i = 0; i < n; ++i)
                batch->change[k] += a[i] * ((double)y[first + i] - (double)x[first + i]);
        }
}

/* Line 2. */
static void move(const tile_t *t) {
    double room[CHUNK_ELEMENTS], sum[CHUNK_ELEMENTS];
    const constants_t k = *(const constants_t *)t->constants;
    const batch_t *batch = t->arguments;
    const double scale = k.lr_eta / (double)batch->samples;
    const real *restrict g = t->state[G];
    real *restrict y = t->p;
    for (size_t first = 0, n; first < t->n; first += n) {
        n = chunk_at(t, first);
        memset(sum, 0, sizeof sum);
        for (size_t c = 0; c < batch->samples; ++c) {
            const double *restrict a = entries(t, c, first, n, room);
            for (size_t i = 0; i < n; ++i)
                sum[i] += batch->change[c] * a[i];
        }
        for (size_t i = 0; i < n; ++i)
            y[first + i] -= k.lr * g[first + i] + (real)(scale * sum[i]);
    }
}

enum { BEGIN, ADD, MEASURE, MOVE };

/* ---- Steps ---- */

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *a = step_input(s, A_INPUT);
    return a->ndim != 2 || a->dims[0] != s->components || (size_t)a->dims[1] != step_own_elements(s)
               ? "the input \"A\" must have a row for each component, a column for each element"
               : NULL;
}

static bool takes_all(const step_t *s) {
    return s->option[BATCH] == 0 || s->option[BATCH] == (double)s->components;
}

static void draw(step_t *s) {
    int64_t *sample = step_order(s);
    if (!takes_all(s))
        step_subset(s, s->components, (int64_t)s->option[BATCH], sample);
    for (int64_t i = 0; takes_all(s) && i < s->components; ++i)
        sample[i] = i;
}

static int64_t asks(const step_t *s) {
    return takes_all(s) ? 1 : (int64_t)s->option[BATCH];
}

/* Lines 2 and 3. Whole tensors, so that all have moved before the outputs are taken anew. */
static void descend(step_t *s) {
    const memory_t *m = s->memory;
    const batch_t batch = {step_input(s, A_INPUT), step_own_elements(s), step_order(s),
                           takes_all(s) ? (size_t)s->components : (size_t)s->option[BATCH], m->change};
    for (int64_t k = 0; (double)k < s->option[INNER]; ++k) {
        memset(m->change, 0, batch.samples * sizeof *m->change);
        if (k > 0)
            step_tensors_in_turn(s, MEASURE, &batch);
        step_tensors(s, MOVE, &batch);
    }
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    if (!groups_agree(s, INNER) || !groups_agree(s, BATCH))
        return step_fail(s, OPTIM_ERR_VALUE, "inner and batch must be the same in all groups");
    if (s->option[BATCH] > (double)s->components)
        return step_fail(s, OPTIM_ERR_VALUE, "batch must be no more than the number of components");
    draw(s);
    step_update(s, BEGIN, NULL);
    for (m->k = 0; m->k < asks(s); ++m->k) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = takes_all(s) ? OPTIM_SAMPLE_FULL : OPTIM_SAMPLE_SAME,
                 .first = takes_all(s) ? 0 : step_order(s)[m->k], .count = !takes_all(s));
        step_update(s, ADD, &(weight_t){1 / (double)asks(s)});
    }
    descend(s);
    STEP_END(s);
}

const method_t METHOD(sso) = {
    .name = "sso",
    .purpose = "several steps of a linear model's parameters for each gradient of the loss, on a surrogate",
    .citation = "Lavington, Vaswani, Babanezhad, Schmidt, Le Roux: Target-based Surrogates for Stochastic "
                "Optimization, ICML 2023, arXiv:2302.02607",
    .evaluations = "1 gradient of a full pass, or `batch` of one component",
    .options = OPTIONS,
    .inputs = INPUTS,
    .states = STATE,
    .flags = REQUESTS | WHOLE_TENSORS | NEEDS_COMPONENTS | COMPONENT_GRADIENTS | ASKS_FOR_ALL,
    .constants = sizeof(constants_t),
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .refuses_inputs = refuses_inputs,
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, add, measure, move},
    .arguments = {[ADD] = sizeof(weight_t), [MEASURE] = sizeof(batch_t), [MOVE] = sizeof(batch_t)},
};
