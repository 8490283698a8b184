/*
 * What schedulefree_sgd and schedulefree_adamw share: gradients are taken at y, steps at z, x is the output.
 *
 *     lr_t = lr min(1, t / warmup_steps);   lr_max <- max(lr_max, lr_t);   w = t^r lr_max^weight_lr_power
 *     W <- W + w;   c = w / W, 0 if W = 0
 *     x <- (1 - c) x + c z;   y = b x + (1 - b) z
 *
 * t, lr_max and W count the steps that a tensor took. Both means are written so that equal points give that point
 * exactly. keep_x = 0: x is not kept but found again, as z + (y - z) / b with the b that y was made with.
 */
#ifndef METHODS_LR_FREE_SCHEDULE_FREE_H
#define METHODS_LR_FREE_SCHEDULE_FREE_H

#include <string.h>
#include <tgmath.h>

#include "engine/method.h"

/* Places of the options in the method's table; `b` is called otherwise in each. */
typedef struct average_rows {
    int lr, b, warmup_steps, r, weight_lr_power;
    double (*factor)(const group_t *); /* on lr; NULL: 1 */
} average_rows_t;

#define AVERAGE_OPTIONS                                                                                                \
    [WARMUP_STEPS] = {"warmup_steps", 0, "[0,inf)", "steps over which lr grows from 0"},                               \
    [R] = {"r", 0, "[0,inf)", "power of t in the weights of the average"},                                             \
    [WEIGHT_LR_POWER] = {"weight_lr_power", 2, "[0,inf)", "power of the largest lr in them"},                          \
    [KEEP_X] = {"keep_x", 1, "0|1", "0: find x from y and z: one state less, the same to rounding"}

/* The first rows of the state table. */
enum { X, Z };
#define AVERAGE_STATES                                                                                                 \
    [X] = {"x", "the average, which is the output", LIKE_PARAM, KEPT, .from_param = true, .when = "keep_x"},           \
    [Z] = {"z", "the point that the steps move", LIKE_PARAM, KEPT, .from_param = true}

typedef struct cohort_memory {
    double lr_max, W, b;
} cohort_memory_t;
#define AVERAGE_FIELDS                                                                                                 \
    {"lr_max", "largest lr so far", FIELD(OF_COHORT, cohort_memory_t, lr_max)}, {                                      \
        "W", "sum of the weights in x", FIELD(OF_COHORT, cohort_memory_t, W)                                           \
    }

/* The first of the constants. */
typedef struct average {
    real c, b, inverse_b; /* b of the y to come; 1 / b of the present one */
} average_t;

/* ---- The step ---- */

static inline double average_lr(const group_t *group, average_rows_t rows) {
    const double factor = rows.factor == NULL ? 1 : rows.factor(group), lr = factor * group->option[rows.lr];
    const double warmup_steps = group->option[rows.warmup_steps];
    return warmup_steps > 0 ? lr * fmin(1, group->t / warmup_steps) : lr;
}

/* w, once lr_max counts this step's lr. */
static inline double average_weight(const group_t *group, average_rows_t rows) {
    const cohort_memory_t *m = group->cohort_memory;
    return pow(group->t, group->option[rows.r]) * pow(m->lr_max, group->option[rows.weight_lr_power]);
}

static inline average_t average_of(const group_t *group, average_rows_t rows) {
    const cohort_memory_t *m = group->cohort_memory;
    return (average_t){
        .c = (real)(m->W > 0 ? average_weight(group, rows) / m->W : 0),
        .b = (real)group->option[rows.b],
        .inverse_b = (real)(1 / m->b),
    };
}

/* Runs kernel 0 between what each cohort counts before it and after. */
static inline optim_status average_step(step_t *s, average_rows_t rows) {
    group_t cohort;
    for (size_t i = 0; i < step_cohort_count(s); ++i)
        if (step_cohort(s, i, &cohort)) {
            cohort_memory_t *m = cohort.cohort_memory;
            m->lr_max = fmax(m->lr_max, average_lr(&cohort, rows));
            m->W += average_weight(&cohort, rows);
        }
    step_update(s, 0, NULL);
    for (size_t i = 0; i < step_cohort_count(s); ++i)
        if (step_cohort(s, i, &cohort))
            ((cohort_memory_t *)cohort.cohort_memory)->b = cohort.option[rows.b];
    return OPTIM_OK;
}

/* ---- The points ---- */

/* x from y and z. */
static inline real average_x(real y, real z, average_t a) {
    return z + (y - z) * a.inverse_b;
}

/* The next x, and y between z and x. */
static inline real average_next(real x, real z, average_t a) {
    return x + a.c * (z - x);
}
static inline real average_y(real x, real z, average_t a) {
    return z + a.b * (x - z);
}

/* The output: x, kept or found. */
static void output(const tile_t *t) {
    const average_t a = *(const average_t *)t->constants;
    const real *y = t->p, *z = t->state[Z];
    real *out = t->out;
    if (t->state[X] != NULL)
        memcpy(out, t->state[X], t->n * sizeof *out);
    for (size_t i = 0; t->state[X] == NULL && i < t->n; ++i)
        out[i] = average_x(y[i], z[i], a);
}

#endif
