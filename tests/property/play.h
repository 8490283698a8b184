/* Runs of named methods on given gradients or given functions, for tests that compare figures. */
#ifndef PROPERTY_PLAY_H
#define PROPERTY_PLAY_H

#include <stdbool.h>

#include "check.h"
#include "rig.h"

/* Whether the registry has an algorithm of this name: tables may name methods that are yet to come. */
bool has_algorithm(const char *name);

/* A rig that runs `algorithm` on `layout` (of each particle, where it moves them) in f64, on one thread. */
rig_t *play_new(const char *algorithm, const char *options, const layout_t *layout);
/* The same on one vector of d elements that all start at `start`, for an oracle. */
rig_t *play_vector(const char *algorithm, const char *options, const char *oracle, size_t d, double start);

/* Gradients that have nothing to do with the parameters, `count` for d elements: of both signs, some of them 0, of
 * magnitudes from 1e-3 to 10. Released by replay_free. */
replay_t *noise_new(size_t count, size_t d);
void replay_free(replay_t *replay);

/* One step; `before` and `moved` receive where it began and how it went. The gradient there is in rig->g for methods that
 * take one. */
void play_step(rig_t *rig, double *before, double *moved);
double play_length(size_t d, const double *a);

/* The oracle at the output of the optimizer. */
double output_value(rig_t *rig);
/* Fails unless the output, of one f64 tensor, is what is wanted. */
void play_check_output(const rig_t *rig, const double *want, double tolerance);

#endif
