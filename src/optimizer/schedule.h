/* Schedules: a closed form from the number of completed steps to the value of one option; some also read a metric. */
#ifndef OPTIMIZER_SCHEDULE_H
#define OPTIMIZER_SCHEDULE_H

#include "base/option.h"
#include "engine/method.h"

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
    double *state;               /* what reports have taught it: the rows of the state table one after the other */
    size_t state_count;          /* doubles of it */
    struct schedule_run **child; /* of the option with range "schedules" */
    size_t children;
} schedule_run_t;

/* The least and the largest of some values. */
typedef struct extremes {
    double least, most;
} extremes_t;
void extremes_add(extremes_t *extremes, double value);

typedef double schedule_value_t(const schedule_run_t *run, double base, double t);

/* A number that a schedule keeps, or `count` of them. */
typedef struct schedule_state {
    const char *name, *doc;
    size_t (*count)(const double *option);
} schedule_state_t;

typedef struct schedule {
    union {
        entry_t entry;
        struct {
            ENTRY_FIELDS;
        };
    };
    const schedule_state_t *kept; /* what reports teach it, in the order of schedule_run_t.state; NULL: nothing */
    /* A sentence on what is wrong with these options for base value `base`, or NULL. */
    const char *(*check)(const schedule_run_t *run, double base);
    /* Once, after the check: what is to be computed from lists. */
    optim_status (*prepare)(schedule_run_t *run);
    /* The state before any report. */
    void (*start)(schedule_run_t *run);
    /* The value at clock t = 0, 1, 2, ... completed steps. */
    schedule_value_t *value;
    /* What becomes of the group's momentum (or beta1) when this schedule drives lr; NULL: it is left alone. */
    schedule_value_t *momentum;
    /* Adds what `of` (value or momentum) gives between the clocks from and to, to = HUGE_VAL: ever after, where it
     * turns or jumps (schedule_turn); NULL: it does not. */
    void (*between)(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes);
    /* Takes a metric after the step at clock t. */
    void (*report)(schedule_run_t *run, double base, double t, double metric);
} schedule_t;

/* Reads "NAME" with option text; errors: NAME, OPTION, VALUE, DUPLICATE, NOMEM. */
optim_status schedule_create(schedule_run_t **out, const char *name, size_t name_length, const char *options,
                             size_t options_length, double base);
void schedule_destroy(schedule_run_t *run);

/* What is wrong with base value `base`, for the schedule or one of its children: a sentence in *wrong, from *at; or
   false. */
bool schedule_refuses(const schedule_run_t *run, double base, const schedule_t **at, const char **wrong);

/* Whether the schedule, or one of its children at its time, drives the momentum. */
bool schedule_drives_momentum(const schedule_run_t *run);

/* The state is that of the schedule and then of its children, in order: how many doubles it is; copied out; copied in;
   as at the start. */
size_t schedule_state_count(const schedule_run_t *run);
void schedule_state_read(const schedule_run_t *run, double *out);
void schedule_state_write(schedule_run_t *run, const double *in);
void schedule_restart(schedule_run_t *run);

/*
 * Extremes of `of` (schedule_value or schedule_momentum) over the clocks from, from + 1, ..., to, or for ever
 * (HUGE_VAL). A limit is approached, not reached. They may be too wide, but not for a single clock.
 */
extremes_t schedule_extremes(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to);

/* For `between`: the values beside a turn or jump at clock `at`, if it lies there. */
void schedule_turn(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to, double at,
                   extremes_t *extremes);

/* Whether the schedule, or one of its children, follows a metric. */
bool schedule_listens(const schedule_run_t *run);

static inline double schedule_value(const schedule_run_t *run, double base, double t) {
    return run->schedule->value(run, base, t);
}
static inline double schedule_momentum(const schedule_run_t *run, double base, double t) {
    return run->schedule->momentum == NULL ? base : run->schedule->momentum(run, base, t);
}
static inline void schedule_report(schedule_run_t *run, double base, double t, double metric) {
    if (run->schedule->report != NULL)
        run->schedule->report(run, base, t, metric);
}

#endif
