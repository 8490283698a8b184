/* Reader of the text formats "gradopt-golden 1" (a trajectory) and "gradopt-schedule 1" (a schedule's values). */
#ifndef GOLDEN_FILE_H
#define GOLDEN_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rig.h"

enum { GOLDEN_PARTS = 8 }; /* wrappers, or children of a schedule */

typedef struct golden_part {
    const char *name, *options; /* options may be "" */
} golden_part_t;

/* Values of one tensor after `step` completed steps. */
typedef struct golden_want {
    int step, tensor;
    const double *values;
} golden_want_t;

/* A schedule's value at clock t, of the rate or of the momentum. */
typedef struct golden_value {
    int64_t t;
    double value;
} golden_value_t;

typedef struct golden_values {
    size_t count, capacity;
    golden_value_t *at;
} golden_values_t;

typedef struct golden_file {
    bool is_schedule;
    const char *name; /* the case */
    double tolerance;

    /* a trajectory */
    const char *algorithm, *options, *oracle;
    int wraps;
    golden_part_t wrap[GOLDEN_PARTS];
    int swap_step;          /* from this step on the output is compared; 0: never */
    golden_part_t schedule; /* name NULL: none; the subject of a schedule file */
    int steps;
    layout_t layout;
    size_t elements;
    double *initial;
    replay_t replay;
    size_t wants, want_capacity;
    golden_want_t *want;

    /* a schedule */
    int children;
    golden_part_t child[GOLDEN_PARTS];
    double base;
    golden_values_t rate, momentum, metric;
    const char *table; /* numbers separated by ';', or NULL */
    const char *foreign; /* first directive for which the library has no call, or NULL */

    /* memory */
    char *text;
    double *losses, *gradients;
    size_t loss_capacity, gradient_capacity;
    double **blocks;
    size_t block_count, block_capacity;
} golden_file_t;

/* Fails the running test, naming file and line, if the file is not as the format says. */
golden_file_t *golden_read(const char *path);
void golden_free(golden_file_t *file);

#endif
