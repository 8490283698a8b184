/* Schedules: a closed form from the number of completed steps to the value of one option. */
#ifndef OPTIMIZER_SCHEDULE_H
#define OPTIMIZER_SCHEDULE_H

#include "base/option.h"

typedef struct number_list {
    size_t count;
    double *value;
} number_list_t;

/* A schedule with its options read. */
typedef struct schedule_run {
    const struct schedule *schedule;
    char *text;                  /* of its options, as given */
    double *option;              /* by row of the option table */
    number_list_t *list;         /* likewise, for options with range "list" */
    struct schedule_run **child; /* of the option with range "schedules" */
    size_t children;
} schedule_run_t;

typedef struct schedule {
    const char *name, *purpose, *citation;
    const option_t *options;
    /* A sentence on what is wrong with these options for base value `base`, or NULL. */
    const char *(*check)(const schedule_run_t *run, double base);
    /* The value at clock t = 0, 1, 2, ... completed steps. */
    double (*value)(const schedule_run_t *run, double base, double t);
} schedule_t;

/* Reads "NAME" with option text; errors: NAME, OPTION, VALUE, DUPLICATE, NOMEM. */
optim_status schedule_create(schedule_run_t **out, const char *name, size_t name_length, const char *options,
                             size_t options_length, double base);
void schedule_destroy(schedule_run_t *run);

static inline double schedule_value(const schedule_run_t *run, double base, double t) {
    return run->schedule->value(run, base, t);
}

#endif
