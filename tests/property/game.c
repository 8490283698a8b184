#include "game.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "play.h"

static const layout_t PLAYERS = {"players", 2, {{"x", 1, {GAME_M}}, {"y", 1, {GAME_N}}}};

static double uniform(uint64_t k) {
    uint64_t z = (k + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 31;
    return ((double)(z >> 11) + 0.5) * 0x1p-53;
}

double normal(size_t seed, size_t k) {
    const uint64_t word = ((uint64_t)seed << 40) + 2 * (uint64_t)k;
    return sqrt(-2 * log(uniform(word))) * cos(6.283185307179586 * uniform(word + 1));
}

rig_t *game_new(const char *algorithm, const char *options, const char *oracle, size_t seed) {
    rig_t *rig = play_new(algorithm, options, &PLAYERS);
    double start[GAME_D];
    for (size_t i = 0; i < GAME_D; ++i)
        start[i] = normal(seed, i);
    rig_write(rig, start);
    rig->oracle = oracle_find(oracle);
    return rig;
}

const double *game_output(rig_t *rig) {
    CHECK_OK(optim_output(rig->opt, 0, rig->x));
    CHECK_OK(optim_output(rig->opt, 1, rig->x + GAME_M));
    return rig->x;
}

void game_field(const rig_t *rig, const double *z, double *field) {
    rig->oracle->gradient(GAME_D, GAME_M, z, field);
}

double game_residual(rig_t *rig) {
    double field[GAME_D];
    game_field(rig, game_output(rig), field);
    return norm(GAME_D, field);
}

double game_distance(const double *z) {
    double away[GAME_D];
    for (size_t i = 0; i < GAME_D; ++i)
        away[i] = z[i] - (i < GAME_M ? (double)(37 * i % 11) / 11 - 0.5 : (double)(53 * (i - GAME_M) % 13) / 13 - 0.5);
    return norm(GAME_D, away);
}

double norm(size_t n, const double *v) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += v[i] * v[i];
    return sqrt(sum);
}

void game_step_with(rig_t *rig, const double *gradient) {
    const double loss = 0;
    replay_t once = {1, 0, &loss, gradient};
    rig->replay = &once;
    CHECK_OK(rig_step(rig));
    rig->replay = NULL;
}
