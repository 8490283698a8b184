/*
 * schedule_free: gradients at y, inner steps at z, answer x, an average that needs no schedule.
 *
 * Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky, "The Road Less Scheduled", 2024, arXiv:2405.15682; around any
 * method.
 *
 *     1. z <- z - lr weight_decay_at_y y;   the inner step from z with the gradient at y
 *     2. lr_max = largest lr so far,  w = t^r lr_max^weight_lr_power,  W <- W + w,  c = w / W (0 if W = 0)
 *     3. x <- (1 - c) x + c z;   y = z + b (x - z),  b = momentum
 *
 * The parameters are y; x = y = z at the start. lr is the inner method's as this step uses it, times its number d if it
 * estimates one; the inner method's own decay acts at z. Evaluation point: x. State: z, x, 8 bytes a parameter in f32.
 */
#include <string.h>
#include <tgmath.h>

#include "engine/method.h"

enum { MOMENTUM, WEIGHT_DECAY_AT_Y, R, WEIGHT_LR_POWER };
static const option_t OPTIONS[] = {
    [MOMENTUM] = {"momentum", 0.9, "(0,1)", "b: where the gradient is taken between z (0) and x (1)"},
    [WEIGHT_DECAY_AT_Y] = {"weight_decay_at_y", 0, "[0,inf)", "decay of z along y"},
    [R] = {"r", 0, "[0,inf)", "power of t in the weights of the average"},
    [WEIGHT_LR_POWER] = {"weight_lr_power", 2, "[0,inf)", "power of the largest lr in them"},
    {0},
};

enum { Z, X };
static const state_t STATE[] = {
    [Z] = {"z", "the inner method's parameters", LIKE_PARAM, KEPT, .from_param = true},
    [X] = {"x", "the average of z", LIKE_PARAM, KEPT, .from_param = true},
    {0},
};

typedef struct memory {
    double b;
} memory_t;
typedef struct group_memory {
    double lr_max, weights;
    double c; /* weight of the present z, within a step */
} group_memory_t;
static const field_t FIELDS[] = {
    {"b", "of the present y", FIELD(OF_METHOD, memory_t, b)},
    {"lr_max", "largest lr so far", FIELD(OF_GROUP, group_memory_t, lr_max)},
    {"W", "sum of the weights", FIELD(OF_GROUP, group_memory_t, weights)},
    {0},
};

typedef struct constants {
    real b, c, one_c, decay;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double c = ((const group_memory_t *)group->group_memory)->c;
    *(constants_t *)constants = (constants_t){
        .b = (real)((const memory_t *)group->memory)->b,
        .c = (real)c,
        .one_c = (real)(1 - c),
        .decay = (real)(group_step_size(group) * group->option[WEIGHT_DECAY_AT_Y]),
    };
}

static void begin(const tile_t *t) {
    const real decay = ((const constants_t *)t->constants)->decay;
    real *restrict p = t->p;
    const real *restrict z = t->state[Z];
    for (size_t i = 0; i < t->n; ++i)
        p[i] = z[i] - decay * p[i]; /* 1. */
}

static inline real interpolate(real z, real x, real b) {
    return z + b * (x - z);
}

static void average(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict z = t->state[Z], *restrict x = t->state[X];
    for (size_t i = 0; i < t->n; ++i) {
        z[i] = p[i];
        x[i] = k.one_c * x[i] + k.c * z[i]; /* 3. */
        p[i] = interpolate(z[i], x[i], k.b);
    }
}

/* The inner step failed: the parameters are y again. */
static void undo(const tile_t *t) {
    const real b = ((const constants_t *)t->constants)->b;
    real *restrict p = t->p;
    const real *restrict z = t->state[Z], *restrict x = t->state[X];
    for (size_t i = 0; i < t->n; ++i)
        p[i] = interpolate(z[i], x[i], b);
}

static void output(const tile_t *t) {
    memcpy(t->out, t->state[X], t->n * sizeof(real));
}

enum { BEGIN, AVERAGE, UNDO };

static optim_status advance(step_t *s) {
    step_update(s, BEGIN, NULL);
    return OPTIM_OK;
}

static void finish(step_t *s) {
    for (int i = 0; i < s->groups; ++i) { /* 2. */
        const group_t group = step_group(s, i);
        const double *o = group.option;
        group_memory_t *m = group.group_memory;
        m->lr_max = fmax(m->lr_max, group_step_size(&group));
        const double w = pow(s->t, o[R]) * pow(m->lr_max, o[WEIGHT_LR_POWER]);
        m->weights += w;
        m->c = m->weights > 0 ? w / m->weights : 0;
    }
    ((memory_t *)s->memory)->b = s->option[MOMENTUM];
    step_update(s, AVERAGE, NULL);
}

const method_t METHOD(schedule_free) = {
    .name = "schedule_free",
    .purpose = "an average in place of a schedule: gradients between the average and the inner method's point",
    .citation = "Defazio et al.: The Road Less Scheduled, 2024, arXiv:2405.15682",
    .evaluations = "none of its own",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .group_memory = sizeof(group_memory_t),
    .flags = STEPS_ELSEWHERE,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .finish = finish,
    .undo_kernel = UNDO,
    .kernels = {[BEGIN] = begin, [AVERAGE] = average, [UNDO] = undo},
    .output = output,
};
