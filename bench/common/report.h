/* Rows of results: a table on standard output, and CSV. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "measure.h"

typedef struct row {
    const char *name, *method, *dtype; /* name: of the case; "case-part" stands below "case" */
    size_t elements, tensors;
    int threads, runs;
    double interrupted;  /* share of the turns that another program disturbed */
    spread_t ns;         /* of a step */
    size_t bytes;        /* moved for each element; 0: not counted */
    const char *against; /* what ran in turns with it, or NULL */
    double reference_ns; /* its median */
    spread_t ratio;      /* time of the step over its time; `least`: fastest turn over fastest turn */
} row_t;

typedef struct report {
    FILE *csv;         /* NULL: none */
    const char *group; /* name of the case that the last rows belong to */
} report_t;

/* `path` may be NULL; false: it cannot be written (said so on stderr). */
bool report_open(report_t *report, const char *path);
void report_row(report_t *report, const row_t *row);
/* Remarks on a line that has no numbers, such as a method that refuses a shape. */
void report_remark(report_t *report, const char *name, const char *method, const char *remark);
bool report_close(report_t *report);

#endif
