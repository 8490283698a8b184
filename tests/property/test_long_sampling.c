/* The long run of samplers at the step sizes of their papers' tables: 200000 steps after 2000, of eight chains each. */
#include <math.h>
#include <stdbool.h>
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

/* How far H times the variance is from 1 under gradients with noise of the variance B, over both coordinates. */
static double error_of_noise(const char *scheme, double lr, double B) {
    enum { CHAINS = 2 };
    double square = 0;
    uint64_t stream = UINT64_C(1) << 41;
    for (int seed = 1; seed <= CHAINS; ++seed) {
        double x[GAUSSIAN_D] = {0}, g[GAUSSIAN_D], out[GAUSSIAN_D];
        char *options = check_text("scheme=%s,lr=%g,seed=%d", scheme, lr, seed);
        optim_t *opt = gaussian_open("langevin_split", options, 1, x, g);
        for (int t = 0; t < CHAIN_SKIPPED + CHAIN_STEPS; ++t) {
            bool asked = optim_wants_gradient(opt) != 0;
            do {
                gaussian_gradient(1, x, g);
                for (int i = 0; i < GAUSSIAN_D && asked; ++i)
                    g[i] += sqrt(B) * solve_normal(&stream);
                asked = true;
            } while (optim_step(opt) == OPTIM_EVAL_GRAD);
            CHECK_OK(optim_output(opt, 0, out));
            for (int i = 0; i < GAUSSIAN_D && t >= CHAIN_SKIPPED; ++i)
                square += GAUSSIAN_H[i] * pow(out[i] - GAUSSIAN_TAU[i], 2) / CHAIN_STEPS / CHAINS / GAUSSIAN_D;
        }
        optim_destroy(opt);
        free(options);
    }
    return fabs(square - 1);
}

/* The order of a scheme shows with full gradients, above; with noise in them, as of minibatches, all have the first. */
static void test_orders_with_noise(void **state) {
    (void)state;
    static const char *const SCHEMES[] = {"OBABO", "BAOAB", "BAO"};
    for (int k = 0; k < 3; ++k) {
        const double few = error_of_noise(SCHEMES[k], 0.05, 8), many = error_of_noise(SCHEMES[k], 0.2, 8);
        if (!(fabs(log(many / few) / log(4) - 1) < 0.3))
            fail_msg("%s: %g and %g", SCHEMES[k], few, many);
    }
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

enum { ROW = CORNERS - 1 };

static void move(const char *method, const char *options, int steps, double x[PARTICLES * ROW]) {
    double g[PARTICLES * ROW], theta[ROW];
    optim_t *opt;
    CHECK_OK(optim_create(&opt, method, options));
    CHECK_OK(optim_set_components(opt, PARTICLES));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 2, (int64_t[]){PARTICLES, ROW}, x, g));
    for (int t = 0; t < steps; ++t) {
        for (int i = 0; i < PARTICLES; ++i)
            dirichlet(x + i * ROW, theta, g + i * ROW);
        CHECK_OK(optim_step(opt));
    }
    optim_destroy(opt);
}

static void check_dirichlet(const char *method, const char *options) {
    double x[PARTICLES * ROW], g[ROW], theta[ROW], mean[ROW] = {0}, all = 0;
    uint64_t stream = 1;
    for (int i = 0; i < PARTICLES * ROW; ++i)
        x[i] = solve_normal(&stream);
    move(method, options, 500, x);
    for (int i = 0; i < PARTICLES; ++i) {
        dirichlet(x + i * ROW, theta, g);
        for (int k = 0; k < ROW; ++k)
            mean[k] += theta[k] / PARTICLES;
    }
    for (int k = 0; k < CORNERS; ++k)
        all += ALPHA[k];
    for (int k = 0; k < ROW; ++k)
        CHECK_CLOSE(mean[k], ALPHA[k] / all, 0.03);
}

/* The least variance of a share over the exact one, of particles that started along a curve. */
static double least_spread(const char *method, const char *options) {
    double x[PARTICLES * ROW], g[ROW], theta[CORNERS], mean[CORNERS] = {0}, square[CORNERS] = {0}, all = 0, least = 1;
    for (int i = 0; i < PARTICLES * ROW; ++i)
        x[i] = sin(1 + 1.3 * i);
    move(method, options, 200, x);
    for (int i = 0; i < PARTICLES; ++i) {
        dirichlet(x + i * ROW, theta, g);
        theta[ROW] = 1;
        for (int k = 0; k < ROW; ++k)
            theta[ROW] -= theta[k];
        for (int k = 0; k < CORNERS; ++k) {
            mean[k] += theta[k] / PARTICLES;
            square[k] += theta[k] * theta[k] / PARTICLES;
        }
    }
    for (int k = 0; k < CORNERS; ++k)
        all += ALPHA[k];
    for (int k = 0; k < CORNERS; ++k) {
        const double share = ALPHA[k] / all, exact = share * (1 - share) / (all + 1);
        least = fmin(least, (square[k] - mean[k] * mean[k]) / exact);
    }
    return least;
}

/* Eigenfunctions of the kernel keep particles apart where the kernel alone lets a share collapse. */
static void test_dirichlet_spread(void **state) {
    (void)state;
    CHECK_AT_MOST(least_spread("msvgd", "on=theta"), 0.15);
    CHECK_AT_MOST(0.55, least_spread("svmd", NULL));
}

static void test_dirichlet(void **state) {
    (void)state;
    check_dirichlet("msvgd", NULL);
    check_dirichlet("msvgd", "on=theta");
    check_dirichlet("svmd", "lr=0.05");
}

/* svgd on the shares themselves, projected onto the simplex after every step, leaves some on its walls, where the law
 * has no mass; mirrored particles stay inside. */
static int on_the_wall(double share) {
    return share < 1e-6;
}

static void test_boundary(void **state) {
    double theta[PARTICLES * CORNERS], g[PARTICLES * CORNERS], x[PARTICLES * ROW], unused[ROW], inside[ROW];
    uint64_t stream = 5;
    int projected = 0, mirrored = 0;
    optim_t *opt;
    (void)state;
    for (int i = 0; i < PARTICLES * ROW; ++i)
        x[i] = solve_normal(&stream);
    for (int i = 0; i < PARTICLES; ++i) {
        dirichlet(x + i * ROW, inside, unused);
        theta[i * CORNERS + ROW] = 1;
        for (int k = 0; k < ROW; ++k) {
            theta[i * CORNERS + k] = inside[k];
            theta[i * CORNERS + ROW] -= inside[k];
        }
    }
    CHECK_OK(optim_create(&opt, "svgd", "lr=0.05"));
    CHECK_OK(optim_set_components(opt, PARTICLES));
    CHECK_OK(optim_add_param(opt, 0, "theta", OPTIM_F64, 2, (int64_t[]){PARTICLES, CORNERS}, theta, g));
    for (int t = 0; t < 300; ++t) {
        for (int i = 0; i < PARTICLES * CORNERS; ++i)
            g[i] = -(ALPHA[i % CORNERS] - 1) / fmax(theta[i], 1e-3);
        CHECK_OK(optim_step(opt));
        for (int i = 0; i < PARTICLES; ++i)
            CHECK_OK(optim_map_apply("proj_simplex", 1, OPTIM_F64, 1, (int64_t[]){CORNERS}, theta + i * CORNERS));
    }
    optim_destroy(opt);
    move("msvgd", "on=theta", 300, x);
    for (int i = 0; i < PARTICLES * CORNERS; ++i)
        projected += on_the_wall(theta[i]);
    for (int i = 0; i < PARTICLES; ++i) {
        double last = 1;
        dirichlet(x + i * ROW, inside, unused);
        for (int k = 0; k < ROW; ++k) {
            mirrored += on_the_wall(inside[k]);
            last -= inside[k];
        }
        mirrored += on_the_wall(last);
    }
    print_message("shares on the boundary: %d projected, %d mirrored\n", projected, mirrored);
    assert_int_equal(mirrored, 0);
    assert_true(projected > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boundary),          cmocka_unit_test(test_table),     cmocka_unit_test(test_thermostat),
        cmocka_unit_test(test_orders_with_noise), cmocka_unit_test(test_envelopes), cmocka_unit_test(test_dirichlet),
        cmocka_unit_test(test_dirichlet_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
