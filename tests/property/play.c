#include "play.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool has_algorithm(const char *name) {
    for (size_t i = 0; i < optim_algorithm_count(); ++i)
        if (strcmp(optim_algorithm_name(i), name) == 0)
            return true;
    return false;
}

rig_t *play_new(const char *algorithm, const char *options, const layout_t *layout) {
    optim_t *opt;
    rig_t *rig = rig_new_for(algorithm, layout, OPTIM_F64, OPTIM_F64, 0);
    CHECK_OK(optim_create(&opt, algorithm, options));
    CHECK_OK(rig_lend(rig, opt));
    CHECK_OK(optim_set_threads(opt, 1));
    return rig;
}

rig_t *play_vector(const char *algorithm, const char *options, const char *oracle, size_t d, double start) {
    static layout_t vector = {"vector", 1, {{"x", 1, {0}}}};
    vector.tensor[0].dims[0] = (int64_t)d;
    rig_t *rig = play_new(algorithm, options, &vector);
    const size_t elements = rig_elements(rig); /* more than d, where particles have d each */
    double *values = check_memory(elements, sizeof *values);
    for (size_t i = 0; i < elements; ++i)
        values[i] = start;
    rig_write(rig, values);
    free(values);
    rig->oracle = oracle_find(oracle);
    return rig;
}

static double noise(size_t k) {
    uint64_t z = (k + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 31;
    if (z % 17 == 0)
        return 0;
    const double magnitude = pow(10, 4 * (double)(z >> 11) * 0x1p-53 - 3);
    return z & 1024 ? magnitude : -magnitude;
}

replay_t *noise_new(size_t count, size_t d) {
    double *loss = check_memory(count, sizeof *loss), *gradient = check_memory(count * d, sizeof *gradient);
    for (size_t k = 0; k < count; ++k)
        loss[k] = 2 + 1 / (double)(k + 1);
    for (size_t k = 0; k < count * d; ++k)
        gradient[k] = noise(k);
    replay_t *replay = check_memory(1, sizeof *replay);
    *replay = (replay_t){count, 0, loss, gradient};
    return replay;
}

void replay_free(replay_t *replay) {
    free((void *)(uintptr_t)replay->loss);
    free((void *)(uintptr_t)replay->gradient);
    free(replay);
}

void play_step(rig_t *rig, double *before, double *moved) {
    const size_t d = rig_elements(rig);
    memcpy(before, rig_read(rig), d * sizeof *before);
    CHECK_OK(rig_step(rig));
    const double *x = rig_read(rig);
    for (size_t i = 0; i < d; ++i)
        moved[i] = x[i] - before[i];
}

double play_length(size_t d, const double *a) {
    double sum = 0;
    for (size_t i = 0; i < d; ++i)
        sum += a[i] * a[i];
    return sqrt(sum);
}

double output_value(rig_t *rig) {
    const size_t d = rig_elements(rig);
    double *values = check_memory(d, sizeof *values);
    CHECK_OK(optim_output(rig->opt, 0, values));
    const double value = rig->oracle->loss(d, d, values);
    free(values);
    return value;
}

void play_check_output(const rig_t *rig, const double *want, double tolerance) {
    const size_t d = rig_elements(rig);
    double *got = check_memory(d, sizeof *got);
    CHECK_OK(optim_output(rig->opt, 0, got));
    for (size_t i = 0; i < d; ++i)
        CHECK_CLOSE(got[i], want[i], tolerance);
    free(got);
}
