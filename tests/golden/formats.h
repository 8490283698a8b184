/* The formats: each checks the rest of a file whose first line named it. */
#ifndef GOLDEN_FORMATS_H
#define GOLDEN_FORMATS_H

#include "golden_text.h"

void check_golden(golden_line_t *line);   /* gradopt-golden: a trajectory */
void check_solver(golden_line_t *line);   /* gradopt-solver: a trajectory of a method with a problem of its own kind */
void check_schedule(golden_line_t *line); /* gradopt-schedule */
void check_values(golden_line_t *line);   /* gradopt-value: a function called once */
void check_maps(golden_line_t *line);     /* gradopt-maps */
void check_rule(golden_line_t *line);     /* gradopt-rule: jobs that hyperband hands out */
void check_stragglers(golden_line_t *line); /* gradopt-sgc: sequential gradient coding */

#endif
