/* Two players, five variables against six, for tests of the methods for games. */
#ifndef PROPERTY_GAME_H
#define PROPERTY_GAME_H

#include "check.h"
#include "rig.h"

enum { GAME_M = 5, GAME_N = 6, GAME_D = GAME_M + GAME_N };

/* Norm of the games' matrix A: the Lipschitz constant of the operator of `bilinear`. */
#define GAME_L 3.290936

/* Number k of a standard normal sequence. */
double normal(size_t seed, size_t k);

/* `algorithm` on the game `oracle`, from a standard normal point. */
rig_t *game_new(const char *algorithm, const char *options, const char *oracle, size_t seed);

/* The point the method stands for, x before y; valid until the next call. */
const double *game_output(rig_t *rig);
/* The operator at `z`, and its norm at the output. */
void game_field(const rig_t *rig, const double *z, double *field);
double game_residual(rig_t *rig);

/* Distance of `z` from the point where `bilinear` and `quadgame` have their solution. */
double game_distance(const double *z);

double norm(size_t n, const double *v);

/* One step with `gradient` in place of the game's, for methods of one evaluation. */
void game_step_with(rig_t *rig, const double *gradient);

#endif
