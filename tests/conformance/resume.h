/*
 * Resuming in another process. One process runs a fixed script (steps, micro-batches, a gradient that is skipped, a step
 * that is cancelled, options changed, tensors frozen and thawed, a reset) and saves at moments in between; another
 * program, started afresh, loads at each of these, runs the rest, and must end with the same bits: parameters, what every
 * call returned, and what it would save itself.
 */
#ifndef CONFORMANCE_RESUME_H
#define CONFORMANCE_RESUME_H

#include <stdbool.h>

/* The whole product, or a sample that comes by every subject, form, moment and way of loading. Runs both processes:
 * argument as main has it. With the environment variable GRADOPT_SUBJECT only subjects whose "resume: LABEL" contains its
 * value. Returns the number of failures. */
int resume_run(int count, char **argument, bool whole);

#endif
