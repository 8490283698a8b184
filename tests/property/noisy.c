#include "noisy.h"

#include <math.h>

uint64_t present_sample;

static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static double uniform(uint64_t sample, uint64_t i) {
    return ((double)(mix(sample * UINT64_C(0x9E3779B97F4A7C15) + mix(i + 1)) >> 11) + 0.5) * 0x1p-53;
}

double standard_normal(uint64_t sample, uint64_t i) {
    return sqrt(-2 * log(uniform(sample, 2 * i))) * cos(6.283185307179586 * uniform(sample, 2 * i + 1));
}

rig_t *on_quadratic(const char *algorithm, const char *options) {
    return play_vector(algorithm, options, "quadratic", D, 1);
}

double quadratic_slope(const double *x, size_t i) {
    return quadratic_curvature(i) * (x[i] - quadratic_minimum(i));
}

void gradient_of_quadratic(const double *x, double *g) {
    for (size_t i = 0; i < D; ++i)
        g[i] = quadratic_slope(x, i);
}

double distance_to_minimum(const double *x) {
    double square = 0;
    for (size_t i = 0; i < D; ++i)
        square += (x[i] - quadratic_minimum(i)) * (x[i] - quadratic_minimum(i));
    return square;
}

static double no_loss(size_t d, size_t m, const double *x) {
    (void)d, (void)m, (void)x;
    return 0;
}

static void quadratic_with_noise(size_t d, size_t m, const double *x, double *g) {
    (void)m;
    for (size_t i = 0; i < d; ++i)
        g[i] = quadratic_slope(x, i) + standard_normal(present_sample, i);
}

double mean_gradient(const char *algorithm, const char *options, int T) {
    static const oracle_t NOISY = {"noisy", no_loss, quadratic_with_noise, NULL};
    rig_t *rig = on_quadratic(algorithm, options);
    rig->oracle = &NOISY;
    double sum = 0, g[D];
    for (int step = 0; step < T; ++step) {
        gradient_of_quadratic(rig_read(rig), g);
        sum += euclidean_norm(g, D);
        present_sample = (uint64_t)step + 1;
        CHECK_OK(rig_step(rig));
    }
    rig_free(rig);
    return sum / T;
}

double euclidean_norm(const double *a, size_t d) {
    double sum = 0;
    for (size_t i = 0; i < d; ++i)
        sum += a[i] * a[i];
    return sqrt(sum);
}

void check_all_close(const double *got, const double *want, size_t d, double tolerance) {
    for (size_t i = 0; i < d; ++i)
        CHECK_CLOSE(got[i], want[i], tolerance);
}

void check_refused_options(const char *algorithm, const char *options, const char *offender) {
    optim_t *opt;
    CHECK_REFUSED(optim_create(&opt, algorithm, options), OPTIM_ERR_VALUE, offender);
    assert_null(opt);
}
