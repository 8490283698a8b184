/* The long run of samplers at the step sizes of their papers' tables: 200000 steps after 2000, of eight chains each. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gaussian.h"
#include "solve.h"

enum { SEEDS = 8 };

/* These are biased discretisations: the variance is the method's own at that step, not 1. */
static void test_table(void **state) {
    (void)state;
    static const chain_t CHAINS[] = {
        {"sgld", "lr=0.02", {1.010, 1.020}, 0.03}, /* 1 / (1 - H lr / 2) */
        {"sghmc", "lr=0.01,alpha=0.2", {1, 1}, 0.03},
        {"sgnht", "lr=0.002,a=0.05", {0.9755, 0.9755}, 0.02}, /* of 4000 chains by another program */
        {"sgnht", "lr=0.01,a=0.2", {0.88, 0.90}, 0.03},
        {"langevin_split", "lr=0.3", {1, 1}, 0.02},
        {"langevin_split", "lr=0.3,scheme=OBABO", {1.023, 1.047}, 0.03},   /* 1 / (1 - H lr^2 / 4): */
        {"langevin_split", "lr=0.6,scheme=OBABO", {1.0989, 1.2195}, 0.03}, /* second order */
        /* (1 + e) / 2 / (1 - H lr^2 / (2 (1 + e))), e = exp(-lr): first order */
        {"langevin_split", "lr=0.1,scheme=BAO", {0.9549, 0.9574}, 0.02},
        {"langevin_split", "lr=0.4,scheme=BAO", {0.8771, 0.9236}, 0.02},
        {"rlmc", "lr=0.1", {1.0002, 1.0016}, 0.03},
        {"rklmc", "lr=0.1,gamma=5", {1, 1}, 0.03},
        {"ulmc", "lr=0.05,gamma=1.5", {1, 1}, 0.05},
        {"ulmc", "lr=0.2,gamma=1.5", {1.08, 1.16}, 0.05},
    };
    for (size_t i = 0; i < sizeof CHAINS / sizeof *CHAINS; ++i)
        chain_check(&CHAINS[i], SEEDS, 0.03);
}

/* The thermostat takes up noise of the variance B in the gradient: its mean grows by lr B / 2, the law stays. */
static void test_thermostat(void **state) {
    (void)state;
    static const double B = 20, LR = 0.002, A = 0.05;
    double mean = 0, square[GAUSSIAN_D] = {0}, xi;
    uint64_t stream = UINT64_C(1) << 40; /* none of the handles' */
    for (int seed = 1; seed <= SEEDS; ++seed) {
        double x[GAUSSIAN_D] = {0}, g[GAUSSIAN_D];
        char *options = check_text("lr=%g,a=%g,seed=%d", LR, A, seed);
        optim_t *opt = gaussian_open("sgnht", options, 1, x, g);
        for (int t = 0; t < CHAIN_SKIPPED + CHAIN_STEPS; ++t) {
            gaussian_gradient(1, x, g);
            for (int i = 0; i < GAUSSIAN_D; ++i)
                g[i] += sqrt(B) * solve_normal(&stream);
            CHECK_OK(optim_step(opt));
            if (t < CHAIN_SKIPPED)
                continue;
            CHECK_OK(optim_get(opt, 0, "xi", &xi));
            mean += xi / CHAIN_STEPS / SEEDS;
            for (int i = 0; i < GAUSSIAN_D; ++i)
                square[i] += pow(x[i] - GAUSSIAN_TAU[i], 2) / CHAIN_STEPS / SEEDS;
        }
        optim_destroy(opt);
        free(options);
    }
    CHECK_CLOSE((mean - A) / (LR * B / 2), 1, 0.2);
    for (int i = 0; i < GAUSSIAN_D; ++i)
        CHECK_CLOSE(GAUSSIAN_H[i] * square[i], 1, 0.05);
}

/* ---- bplmc: draws of exp(-f - envelope), by their distribution function ---- */

enum { DRAWS = 20000, GRID = 1201 };
static const double LAM = 1.3, ENVELOPE = 0.2, SIGMA = 0.6, TAU = -0.5; /* f = (x - TAU)^2 / 2 */

static double psi(double x) { /* psi' = asinh(x / SIGMA) */
    return x * asinh(x / SIGMA) - sqrt(x * x + SIGMA * SIGMA);
}

/* D(u, x) of the kind's kernel; right: D(x, u). */
static double distance(const char *kind, double u, double x) {
    if (strcmp(kind, "euclid") == 0)
        return (u - x) * (u - x) / 2;
    if (strcmp(kind, "left") == 0)
        return psi(u) - psi(x) - asinh(x / SIGMA) * (u - x);
    return psi(x) - psi(u) - asinh(u / SIGMA) * (x - u);
}

static double at(int k) {
    return -6 + 12.0 * k / (GRID - 1);
}

/* min_u LAM |u| + distance / ENVELOPE, on the grid. */
static double envelope(const char *kind, double x) {
    double least = INFINITY;
    for (int k = 0; k < GRID; ++k)
        least = fmin(least, LAM * fabs(at(k)) + distance(kind, at(k), x) / ENVELOPE);
    return least;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The most that the draws' distribution function is off. */
static double kolmogorov(const char *kind, double *draws, size_t count) {
    double below[GRID] = {0}, most = 0, before = 0;
    for (int k = 0; k < GRID; ++k) {
        const double here = exp(-(at(k) - TAU) * (at(k) - TAU) / 2 - envelope(kind, at(k)));
        below[k] = k == 0 ? 0 : below[k - 1] + (before + here) / 2;
        before = here;
    }
    qsort(draws, count, sizeof *draws, compare);
    for (size_t i = 0, k = 0; k < GRID; ++k) {
        while (i < count && draws[i] <= at((int)k))
            ++i;
        most = fmax(most, fabs((double)i / (double)count - below[k] / below[GRID - 1]));
    }
    return most;
}

static void test_envelopes(void **state) {
    (void)state;
    static const char *const KINDS[] = {"euclid", "left", "right"};
    const int64_t count = DRAWS;
    double *x = check_memory(DRAWS, sizeof *x), *g = check_memory(DRAWS, sizeof *g),
           *draws = check_memory(3 * (size_t)DRAWS, sizeof *draws);
    for (int kind = 0; kind < 3; ++kind) {
        char *options =
            check_text("lr=0.002,lam=%g,envelope=%g,sigma=%g,envelope_kind=%s", LAM, ENVELOPE, SIGMA, KINDS[kind]);
        optim_t *opt;
        memset(x, 0, DRAWS * sizeof *x);
        CHECK_OK(optim_create(&opt, "bplmc", options));
        CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &count, x, g));
        for (int t = 0; t < 4000; ++t) {
            for (size_t i = 0; i < DRAWS; ++i)
                g[i] = x[i] - TAU;
            CHECK_OK(optim_step(opt));
            if (t == 1999 || t == 2999 || t == 3999)
                memcpy(draws + (size_t)(t / 1000 - 1) * DRAWS, x, DRAWS * sizeof *x);
        }
        CHECK_AT_MOST(kolmogorov(KINDS[kind], draws, 3 * (size_t)DRAWS), 0.03);
        optim_destroy(opt);
        free(options);
    }
    free(x);
    free(g);
    free(draws);
}

/* ---- msvgd, svmd: particles of a Dirichlet law ---- */

enum { CORNERS = 4, PARTICLES = 50 };
static const double ALPHA[CORNERS] = {2, 1, 3, 1.5};

/* theta = softmax(eta, 0); in eta the gradient of -log p is (sum a - D) theta - (a - 1). */
static void dirichlet(const double *eta, double *theta, double *g) {
    double sum = 1, all = -CORNERS;
    for (int k = 0; k < CORNERS; ++k)
        all += ALPHA[k];
    for (int k = 0; k + 1 < CORNERS; ++k)
        sum += exp(eta[k]);
    for (int k = 0; k + 1 < CORNERS; ++k) {
        theta[k] = exp(eta[k]) / sum;
        g[k] = all * theta[k] - (ALPHA[k] - 1);
    }
}

static void check_dirichlet(const char *method, const char *options) {
    enum { ROW = CORNERS - 1 };
    double x[PARTICLES * ROW], g[PARTICLES * ROW], theta[ROW], mean[ROW] = {0}, all = 0;
    optim_t *opt;
    uint64_t stream = 1;
    for (int i = 0; i < PARTICLES * ROW; ++i)
        x[i] = solve_normal(&stream);
    CHECK_OK(optim_create(&opt, method, options));
    CHECK_OK(optim_set_components(opt, PARTICLES));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 2, (int64_t[]){PARTICLES, ROW}, x, g));
    for (int t = 0; t < 500; ++t) {
        for (int i = 0; i < PARTICLES; ++i)
            dirichlet(x + i * ROW, theta, g + i * ROW);
        CHECK_OK(optim_step(opt));
    }
    for (int i = 0; i < PARTICLES; ++i) {
        dirichlet(x + i * ROW, theta, g);
        for (int k = 0; k < ROW; ++k)
            mean[k] += theta[k] / PARTICLES;
    }
    for (int k = 0; k < CORNERS; ++k)
        all += ALPHA[k];
    for (int k = 0; k < ROW; ++k)
        CHECK_CLOSE(mean[k], ALPHA[k] / all, 0.03);
    optim_destroy(opt);
}

static void test_dirichlet(void **state) {
    (void)state;
    check_dirichlet("msvgd", NULL);
    check_dirichlet("msvgd", "on=theta");
    check_dirichlet("svmd", "lr=0.05");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_thermostat),
        cmocka_unit_test(test_envelopes),
        cmocka_unit_test(test_dirichlet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
