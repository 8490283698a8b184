/* Samplers and particles: what they must give in the long run, against closed forms, and what they refuse. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gaussian.h"
#include "solve.h"

enum { D = GAUSSIAN_D };

/* ---- Chains ---- */

/* Larger steps than test_long_sampling.c takes, for a shorter way. */
static void test_chains(void **state) {
    (void)state;
    static const chain_t CHAINS[] = {
        {"sgld", "lr=0.2", {1 / 0.9, 1 / 0.8}, 0.03},
        {"sgld", "lr=0.2,temperature=0.5", {0.5 / 0.9, 0.5 / 0.8}, 0.03},
        {"sghmc", "lr=0.01,alpha=0.2", {1, 1}, 0.06},
        {"sgnht", "lr=0.002,a=0.05", {1, 1}, 0.1},
        {"langevin_split", "lr=0.3", {1, 1}, 0.04},
        {"langevin_split", "lr=0.3,scheme=OBABO", {1 / 0.9775, 1 / 0.955}, 0.04},
        {"s_sgld", "lr=0.02,history=1000", {1.01, 1.02}, 0.04},
        {"rlmc", "lr=0.1", {1, 1}, 0.04},
        {"rklmc", "lr=0.1", {1, 1}, 0.06},
        {"ulmc", "lr=0.2,gamma=1.5", {1.08, 1.16}, 0.05},
    };
    for (size_t i = 0; i < sizeof CHAINS / sizeof *CHAINS; ++i)
        chain_check(&CHAINS[i], 1, 0.06);
}

/* A temperature of 0 is descent, and draws as much as any other. */
static void test_cold(void **state) {
    (void)state;
    double x[D] = {1, 1}, g[D], y[D] = {1, 1}, h[D];
    optim_t *cold = gaussian_open("sgld", "lr=0.1,temperature=0", 1, x, g),
            *sgd = gaussian_open("sgd", "lr=0.1", 1, y, h);
    for (int t = 0; t < 5; ++t) {
        gaussian_step(cold, 1, x, g);
        gaussian_step(sgd, 1, y, h);
    }
    for (int i = 0; i < D; ++i)
        CHECK_CLOSE(x[i], y[i], 1e-15);
    optim_destroy(sgd);
    double warm[D] = {1, 1};
    optim_t *other = gaussian_open("sgld", "lr=0.1", 1, warm, h);
    for (int t = 0; t < 5; ++t)
        gaussian_step(other, 1, warm, h);
    memcpy(warm, x, sizeof x);
    CHECK_OK(optim_set(cold, 0, "temperature", 1));
    gaussian_step(cold, 1, x, g);
    gaussian_step(other, 1, warm, h);
    assert_memory_equal(x, warm, sizeof x);
    optim_destroy(cold);
    optim_destroy(other);
}

/* ---- Particles ---- */

enum { N = 50 };

static void start_particles(double *x) {
    for (int i = 0; i < N * D; ++i)
        x[i] = 1.5 * sin(1 + 2.7 * i) + 0.5 * cos(0.3 * i * i);
}

static void check_particles(const char *method, const char *options) {
    double x[N * D], g[N * D];
    start_particles(x);
    optim_t *opt = gaussian_open(method, options, N, x, g);
    for (int t = 0; t < 1000; ++t)
        gaussian_step(opt, N, x, g);
    for (int i = 0; i < D; ++i) {
        double mean = 0, square = 0;
        for (int k = 0; k < N; ++k)
            mean += (x[k * D + i] - GAUSSIAN_TAU[i]) / N;
        for (int k = 0; k < N; ++k)
            square += (x[k * D + i] - GAUSSIAN_TAU[i] - mean) * (x[k * D + i] - GAUSSIAN_TAU[i] - mean) / N;
        if (fabs(mean) > 0.04 || GAUSSIAN_H[i] * square < 0.8 || GAUSSIAN_H[i] * square > 1)
            fail_msg("%s, coordinate %d: mean %g, variance %g", method, i, mean, GAUSSIAN_H[i] * square);
    }
    optim_destroy(opt);
}

static void test_stein(void **state) {
    (void)state;
    check_particles("svgd", "lr=0.1");
    check_particles("svgd", "lr=0.05,rule=adagrad");
    check_particles("coin_svgd", NULL);
    check_particles("svgd", "field=ksd,bandwidth=1");
    check_particles("coin_svgd", "field=ksd,bandwidth=1");
}

/* Half the squared discrepancy of the particles in the kernel exp(-|x - y|^2 / 2): field=ksd never raises it. */
static double discrepancy(const double *x) {
    double sum = 0, s[N * D];
    gaussian_gradient(N, x, s); /* minus the score */
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) {
            double square = 0, product = 0, along = 0;
            for (int k = 0; k < D; ++k) {
                const double apart = x[j * D + k] - x[i * D + k];
                square += apart * apart;
                product += s[j * D + k] * s[i * D + k];
                along += (s[i * D + k] - s[j * D + k]) * apart;
            }
            sum += (product + along + D - square) * exp(-square / 2);
        }
    return sum / (2 * N * N);
}

static void test_discrepancy_falls(void **state) {
    (void)state;
    double x[N * D], g[N * D], mean[D] = {0}, square[D] = {0};
    start_particles(x);
    optim_t *opt = gaussian_open("svgd", "field=ksd,bandwidth=1,lr=0.1", N, x, g);
    double before = discrepancy(x);
    for (int t = 0; t < 1000; ++t) {
        gaussian_step(opt, N, x, g);
        const double now = discrepancy(x);
        CHECK_AT_MOST(now, before + 1e-15);
        before = now;
    }
    for (int k = 0; k < N * D; ++k) {
        mean[k % D] += (x[k] - GAUSSIAN_TAU[k % D]) / N;
        square[k % D] += pow(x[k] - GAUSSIAN_TAU[k % D], 2) / N;
    }
    for (int i = 0; i < D; ++i) {
        CHECK_CLOSE(mean[i], 0, 0.01);
        CHECK_CLOSE(GAUSSIAN_H[i] * (square[i] - mean[i] * mean[i]), 0.965, 0.015);
    }
    optim_destroy(opt);
}

/* Particles that attract each other: their mean follows the law without, scaled by their number, and around it their
 * variance times h + kappa is the temperature. */
static void test_attraction(void **state) {
    (void)state;
    enum { STEPS = 20000 };
    static const double KAPPA = 2;
    double x[N * D] = {0}, g[N * D], spread[D] = {0}, of_mean[D] = {0};
    optim_t *opt = gaussian_open("ulmc", "kappa=2,lr=0.05,gamma=1.5", N, x, g);
    for (int t = -2000; t < STEPS; ++t) {
        gaussian_step(opt, N, x, g);
        for (int i = 0; i < D && t >= 0; ++i) {
            double mean = 0, square = 0;
            for (int k = 0; k < N; ++k)
                mean += x[k * D + i] / N;
            for (int k = 0; k < N; ++k)
                square += pow(x[k * D + i] - mean, 2) / (N - 1);
            spread[i] += square / STEPS;
            of_mean[i] += pow(mean - GAUSSIAN_TAU[i], 2) * N / STEPS;
        }
    }
    for (int i = 0; i < D; ++i) {
        CHECK_CLOSE(spread[i] * (GAUSSIAN_H[i] + KAPPA), 1, 0.12); /* of the step: as 1.08 and 1.16 at 0.2 */
        CHECK_CLOSE(of_mean[i] * GAUSSIAN_H[i], 1, 0.2);
    }
    optim_destroy(opt);
}

/* Distances are sums over tensors, which threads must not take up at once. */
enum { MANY = 200, MANY_PARTICLES = 32, MANY_ROW = 64, MANY_COUNT = MANY_PARTICLES * MANY_ROW };

static void move_many(const char *method, int threads, double *x, double *g) {
    static const double LOSSES[MANY_PARTICLES] = {0.5, 0, 1, 0.25}; /* and 0 */
    optim_t *opt;
    CHECK_OK(optim_create(&opt, method, NULL));
    CHECK_OK(optim_set_components(opt, MANY_PARTICLES));
    CHECK_OK(optim_set_threads(opt, threads));
    for (size_t i = 0; i < (size_t)MANY * MANY_COUNT; ++i) {
        x[i] = 1e-3 * (double)(i * 37 % 1009);
        g[i] = (double)(i * 53 % 997) - 498;
    }
    for (int i = 0; i < MANY; ++i) {
        char name[8];
        (void)snprintf(name, sizeof name, "x%d", i);
        CHECK_OK(optim_add_param(opt, 0, name, OPTIM_F64, 2, (int64_t[]){MANY_PARTICLES, MANY_ROW},
                                 x + (size_t)i * MANY_COUNT, g + (size_t)i * MANY_COUNT));
    }
    for (int t = 0; t < 10; ++t) {
        optim_status status;
        while ((status = optim_step(opt)) == OPTIM_EVAL_LOSSES)
            CHECK_OK(optim_set_losses(opt, LOSSES, MANY_PARTICLES));
        CHECK_OK(status);
    }
    optim_destroy(opt);
}

static void test_threads(void **state) {
    static const char *const METHODS[] = {"svgd", "coin_svgd", "msvgd", "cbo"};
    const size_t count = (size_t)MANY * MANY_COUNT;
    double *x = check_memory(count, sizeof *x), *y = check_memory(count, sizeof *y),
           *g = check_memory(count, sizeof *g);
    (void)state;
    for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; ++i) {
        move_many(METHODS[i], 1, x, g);
        move_many(METHODS[i], 5, y, g);
        if (memcmp(x, y, count * sizeof *x) != 0)
            fail_msg("%s: other bits with five threads", METHODS[i]);
    }
    free(x);
    free(y);
    free(g);
}

/* One particle has no neighbours: it descends. */
static void test_single_particle(void **state) {
    (void)state;
    double x[D] = {1, -1}, g[D], y[D] = {1, -1}, h[D];
    optim_t *svgd = gaussian_open("svgd", "lr=0.1,bandwidth=1", 1, x, g),
            *sgd = gaussian_open("sgd", "lr=0.1", 1, y, h);
    for (int t = 0; t < 5; ++t) {
        gaussian_step(svgd, 1, x, g);
        gaussian_step(sgd, 1, y, h);
    }
    for (int i = 0; i < D; ++i)
        CHECK_CLOSE(x[i], y[i], 1e-15);
    optim_destroy(svgd);
    optim_destroy(sgd);
}

static void test_refusals(void **state) {
    (void)state;
    double x[4 * D] = {0}, g[4 * D] = {1};
    optim_t *opt = gaussian_open("svgd", NULL, 4, x, g); /* all in one point */
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_DOMAIN, "bandwidth");
    for (int i = 0; i < 4 * D; ++i)
        assert_true(x[i] == 0);
    assert_int_equal(optim_steps(opt), 0);
    optim_destroy(opt);
    CHECK_OK(optim_create(&opt, "svgd", NULL));
    CHECK_OK(optim_add_param(opt, 0, "points", OPTIM_F64, 2, (int64_t[]){4, D}, x, g));
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_ORDER, "optim_set_components");
    CHECK_OK(optim_set_components(opt, 3)); /* of other particles */
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_SHAPE, "points");
    CHECK_OK(optim_set_components(opt, 4));
    x[0] = 1;
    x[3] = 2;
    x[5] = 1;
    CHECK_OK(optim_step(opt));
    CHECK_REFUSED(optim_set_components(opt, 5), OPTIM_ERR_ORDER, "components");
    optim_destroy(opt);
    CHECK_REFUSED(optim_create(&opt, "svgd", "bandwidth=0"), OPTIM_ERR_VALUE, "bandwidth");
    CHECK_REFUSED(optim_create(&opt, "svgd", "field=ksd"), OPTIM_ERR_VALUE, "bandwidth");
    CHECK_REFUSED(optim_create(&opt, "svmd", "bandwidth2=0"), OPTIM_ERR_VALUE, "bandwidth2");
    CHECK_REFUSED(optim_create(&opt, "langevin_split", "scheme=BAX"), OPTIM_ERR_VALUE, "word of ABO");
    CHECK_REFUSED(optim_create(&opt, "langevin_split", "scheme="), OPTIM_ERR_VALUE, "scheme");
    CHECK_REFUSED(optim_create(&opt, "langevin_split", "scheme=BABABABABABABABABABABABABAB"), OPTIM_ERR_VALUE,
                  "scheme");
    CHECK_REFUSED(optim_create(&opt, "msvgd", "bandwidth2=0"), OPTIM_ERR_VALUE, "bandwidth2");
    CHECK_REFUSED(optim_create(&opt, "sghmc", "alpha=0.1,beta=0.2"), OPTIM_ERR_VALUE, "beta");
}

/* How many gradients a step takes after the first, by the letters; without noise and friction ABA is leapfrog. */
static void test_words(void **state) {
    (void)state;
    static const struct {
        const char *scheme;
        int gradients;
    } CASES[] = {{"BAOAB", 1}, {"OBABO", 1}, {"ABOBA", 1}, {"BAO", 1}, {"BOB", 0},
                 {"AO", 0},    {"ABAB", 2},  {"BABAB", 2}, {"ABBA", 1}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i) {
        double x[D] = {1, 1}, g[D];
        char *options = check_text("scheme=%s", CASES[i].scheme);
        optim_t *opt = gaussian_open("langevin_split", options, 1, x, g);
        int gradients = 0;
        for (int t = 0; t < 2; ++t) {
            optim_status status;
            gradients = optim_wants_gradient(opt);
            gaussian_gradient(1, x, g);
            while ((status = optim_step(opt)) == OPTIM_EVAL_GRAD) {
                gaussian_gradient(1, x, g);
                ++gradients;
            }
            CHECK_OK(status);
        }
        if (gradients != CASES[i].gradients)
            fail_msg("%s takes %d gradients", CASES[i].scheme, gradients);
        optim_destroy(opt);
        free(options);
    }
    double x[D] = {1, 1}, g[D], q[D] = {1, 1}, v[D] = {0};
    optim_t *opt = gaussian_open("langevin_split", "lr=0.1,gamma=0,scheme=ABOA", 1, x, g);
    for (int t = 0; t < 10; ++t) {
        gaussian_step(opt, 1, x, g);
        for (int i = 0; i < D; ++i) {
            q[i] += 0.05 * v[i];
            v[i] -= 0.1 * GAUSSIAN_H[i] * (q[i] - GAUSSIAN_TAU[i]);
            q[i] += 0.05 * v[i];
            CHECK_CLOSE(x[i], q[i], 1e-14);
        }
    }
    optim_destroy(opt);
}

/* ---- Blocks, clients, agents ---- */

/* A Gaussian of correlation 0.9 has by structured blocks the variance 1 - 0.81, by dropout that over 1 - 0.81 keep^2,
 * if the history is long. */
static double block_variance(const char *options) {
    enum { STEPS = 100000, SKIPPED = 20000 };
    double x[D] = {0}, g[D], square = 0;
    optim_t *opt = gaussian_open("s_sgld", options, 1, x, g);
    for (int t = 0; t < SKIPPED + STEPS; ++t) {
        optim_status status;
        while ((status = optim_step(opt)) == OPTIM_EVAL_GRAD)
            for (int i = 0; i < D; ++i)
                g[i] = (x[i] - 0.9 * x[1 - i]) / 0.19;
        CHECK_OK(status);
        square += t < SKIPPED ? 0 : (x[0] * x[0] + x[1] * x[1]) / (2 * STEPS);
    }
    optim_destroy(opt);
    return square;
}

static void test_blocks(void **state) {
    (void)state;
    CHECK_CLOSE(block_variance("lr=0.01,history=20000"), 0.1995, 0.03);
    assert_true(block_variance("lr=0.01,history=100") > 0.35);
    CHECK_CLOSE(block_variance("lr=0.01,history=20000,form=dropout"), 0.238, 0.03);
    CHECK_CLOSE(block_variance("lr=0.01,history=1000,form=dropout"), 0.285, 0.03); /* carries correlations over */
}

/* Two clients whose fits are off by 0.1: with conducive gradients the chain finds the mean of both. */
static void test_clients(void **state) {
    (void)state;
    enum { VISITS = 20000 };
    static const double PRECISION[] = {1, 3, 2, 1}, CENTER[] = {-0.5, 0.2, 0.7, -0.4};
    double fit[4], mean[D] = {0}, square[D] = {0}, x[D] = {0}, g[D];
    optim_t *opt = gaussian_open("fsgld", "lr=0.005,local=20", 1, x, g);
    CHECK_OK(optim_set_components(opt, 2));
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_SHAPE, "conducive");
    for (int i = 0; i < 4; ++i)
        fit[i] = CENTER[i] + 0.1;
    CHECK_OK(optim_set_input(opt, -1, "precision", OPTIM_F64, 2, (int64_t[]){2, D}, PRECISION));
    CHECK_OK(optim_set_input(opt, -1, "mean", OPTIM_F64, 2, (int64_t[]){2, D}, fit));
    for (int t = 0; t < VISITS; ++t) {
        optim_status status;
        optim_request request = {.size = sizeof request};
        while ((status = optim_step(opt)) == OPTIM_EVAL_GRAD) {
            CHECK_OK(optim_request_info(opt, &request));
            for (int i = 0; i < D; ++i)
                g[i] = PRECISION[request.component * D + i] * (x[i] - CENTER[request.component * D + i]);
        }
        CHECK_OK(status);
        for (int i = 0; i < D; ++i) {
            mean[i] += x[i] / VISITS;
            square[i] += x[i] * x[i] / VISITS;
        }
    }
    for (int i = 0; i < D; ++i) {
        const double all = PRECISION[i] + PRECISION[D + i];
        const double want = (PRECISION[i] * CENTER[i] + PRECISION[D + i] * CENTER[D + i]) / all;
        CHECK_CLOSE(mean[i], want, 0.03);
        CHECK_CLOSE((square[i] - mean[i] * mean[i]) * all, 1, 0.1);
    }
    optim_destroy(opt);
}

/* Agents of equal curvature: their mean is an autoregressive process; multipliers sum to 0. */
static void test_agents(void **state) {
    (void)state;
    enum { AGENTS = 5, ROUNDS = 60000 };
    static const struct {
        const char *options;
        double variance;
    } CASES[] = {{"rho=1", 0.178}, {"rho=5", 0.195}, {"rho=5,noise=paper", 0.0390}};
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; ++k) {
        double x[AGENTS] = {0}, precision[AGENTS], center[AGENTS] = {0}, g[AGENTS], square = 0;
        optim_t *opt;
        for (int i = 0; i < AGENTS; ++i)
            precision[i] = 1;
        CHECK_OK(optim_create(&opt, "d_admms", CASES[k].options));
        CHECK_OK(optim_set_components(opt, AGENTS));
        CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 2, (int64_t[]){AGENTS, 1}, x, g));
        CHECK_REFUSED(optim_step(opt), OPTIM_ERR_SHAPE, "inner");
        CHECK_OK(optim_set_input(opt, -1, "precision", OPTIM_F64, 1, (int64_t[]){AGENTS}, precision));
        CHECK_OK(optim_set_input(opt, -1, "center", OPTIM_F64, 1, (int64_t[]){AGENTS}, center));
        for (int t = 0; t < ROUNDS; ++t) {
            CHECK_OK(optim_step(opt));
            double mean = 0;
            for (int i = 0; i < AGENTS; ++i)
                mean += x[i] / AGENTS;
            square += mean * mean / ROUNDS;
        }
        CHECK_CLOSE(square / CASES[k].variance, 1, 0.08);
        optim_destroy(opt);
    }
}

/* A metric that is not positive definite is named, and nothing moves; one of the wrong size too. */
static void test_metric(void **state) {
    (void)state;
    double x[3 * D] = {0, 0, 1, 2, -1, 0.5}, g[3 * D], metric[3 * D * D] = {0};
    const double before[3 * D] = {0, 0, 1, 2, -1, 0.5};
    optim_t *opt = gaussian_open("svng", "damping=0", 3, x, g);
    CHECK_OK(optim_set_input(opt, 0, "metric", OPTIM_F64, 2, (int64_t[]){3, D}, metric));
    gaussian_gradient(3, x, g);
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_SHAPE, "metric");
    CHECK_OK(optim_set_input(opt, 0, "metric", OPTIM_F64, 3, (int64_t[]){3, D, D}, metric));
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_DOMAIN, "positive definite");
    assert_memory_equal(x, before, sizeof x);
    CHECK_OK(optim_set(opt, 0, "damping", 1));
    CHECK_OK(optim_step(opt));
    optim_destroy(opt);
}

/* ---- svng: the posterior of a logistic regression, in the metric of its Fisher information ---- */

enum { SAMPLES = 12, CLOUD = 20 };
static const double L2 = 0.2; /* U = sum of the losses + SAMPLES L2 / 2 |x|^2 */

static double feature(int i, int j) {
    return sin(1.7 * i + 0.9 * i * j + 2.3 * j * j + 0.5);
}
static double label(int i) {
    return cos(0.9 * i) >= 0 ? 1 : -1;
}

static double logistic_u(const double *x, double *g) {
    double u = 0;
    for (int j = 0; j < D; ++j) {
        u += SAMPLES * L2 / 2 * x[j] * x[j];
        g[j] = SAMPLES * L2 * x[j];
    }
    for (int i = 0; i < SAMPLES; ++i) {
        const double margin = label(i) * (feature(i, 0) * x[0] + feature(i, 1) * x[1]);
        u += log1p(exp(-margin));
        for (int j = 0; j < D; ++j)
            g[j] -= label(i) * feature(i, j) / (1 + exp(margin));
    }
    return u;
}

/* Mean of p (1 - p) a a', and its derivatives by each element of x. */
static void fisher(const double *x, double *metric, double *derivative) {
    memset(metric, 0, D * D * sizeof *metric);
    memset(derivative, 0, D * D * D * sizeof *derivative);
    for (int i = 0; i < SAMPLES; ++i) {
        const double p = 1 / (1 + exp(-feature(i, 0) * x[0] - feature(i, 1) * x[1]));
        for (int jk = 0; jk < D * D; ++jk) {
            const double entry = p * (1 - p) / SAMPLES * feature(i, jk / D) * feature(i, jk % D);
            metric[jk] += entry;
            for (int l = 0; l < D; ++l)
                derivative[l * D * D + jk] += (1 - 2 * p) * feature(i, l) * entry;
        }
    }
}

/* On a grid. */
static void posterior(double mean[D], double variance[D]) {
    enum { POINTS = 161 };
    double all = 0, g[D], square[D] = {0};
    mean[0] = mean[1] = 0;
    for (int k = 0; k < POINTS * POINTS; ++k) {
        const double x[D] = {-4 + 0.05 * (k / POINTS), -4 + 0.05 * (k % POINTS)}, weight = exp(-logistic_u(x, g));
        all += weight;
        for (int j = 0; j < D; ++j) {
            mean[j] += weight * x[j];
            square[j] += weight * x[j] * x[j];
        }
    }
    for (int j = 0; j < D; ++j) {
        mean[j] /= all;
        variance[j] = square[j] / all - mean[j] * mean[j];
    }
}

static void test_natural_particles(void **state) {
    (void)state;
    double x[CLOUD * D], g[CLOUD * D], metric[CLOUD * D * D], derivative[CLOUD * D * D * D], mean[D], variance[D];
    uint64_t stream = 1;
    for (int i = 0; i < CLOUD * D; ++i)
        x[i] = solve_normal(&stream);
    optim_t *opt = gaussian_open("svng", NULL, CLOUD, x, g);
    CHECK_OK(optim_set_input(opt, 0, "metric", OPTIM_F64, 3, (int64_t[]){CLOUD, D, D}, metric));
    CHECK_OK(optim_set_input(opt, 0, "derivative", OPTIM_F64, 4, (int64_t[]){CLOUD, D, D, D}, derivative));
    for (int t = 0; t < 400; ++t) {
        for (int i = 0; i < CLOUD; ++i) {
            (void)logistic_u(x + i * D, g + i * D);
            fisher(x + i * D, metric + i * D * D, derivative + i * D * D * D);
        }
        CHECK_OK(optim_step(opt));
    }
    posterior(mean, variance);
    for (int j = 0; j < D; ++j) {
        double m = 0, square = 0;
        for (int i = 0; i < CLOUD; ++i) {
            m += x[i * D + j] / CLOUD;
            square += x[i * D + j] * x[i * D + j] / CLOUD;
        }
        CHECK_CLOSE(m, mean[j], 0.02);
        CHECK_CLOSE((square - m * m) / variance[j], 0.92, 0.02); /* 20 particles are somewhat narrower */
    }
    optim_destroy(opt);
}

/* The gap is above the distance to the minimum, and closes; F = c'w, of which the minimum is known. */
static void test_fictitious_play(void **state) {
    (void)state;
    enum { ATOMS = 3 };
    static const double C[] = {0.3, -0.2, 0.1}, REFERENCE[] = {1, 2, 3}, LAM = 0.1;
    double w[ATOMS] = {0.2, 0.3, 0.5}, g[ATOMS], sum = 0, last = 0;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "efp", "reference=input"));
    CHECK_OK(optim_add_param(opt, 0, "w", OPTIM_F64, 1, (int64_t[]){ATOMS}, w, g));
    memcpy(g, C, sizeof g);
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_SHAPE, "reference");
    CHECK_OK(optim_set_input(opt, -1, "reference", OPTIM_F64, 1, (int64_t[]){ATOMS}, REFERENCE));
    for (int i = 0; i < ATOMS; ++i)
        sum += REFERENCE[i] * exp(-C[i] / LAM);
    for (int t = 0; t < 60; ++t) {
        double distance = LAM * log(sum); /* L(w) - L*, L* = -lam ln sum */
        for (int i = 0; i < ATOMS; ++i)
            distance += w[i] * (C[i] + LAM * log(w[i] / REFERENCE[i]));
        memcpy(g, C, sizeof g);
        CHECK_OK(optim_step(opt));
        CHECK_OK(optim_get(opt, 0, "gap", &last));
        CHECK_CLOSE(last, distance, 1e-12); /* F is linear: the bound is exact */
    }
    assert_true(last < 1e-5);
    CHECK_CLOSE(w[0] + w[1] + w[2], 1, 1e-14);
    optim_destroy(opt);
}

/* ---- efp on atoms: F(w) = mean (u_i - y_i)^2 / 2, u = h w ---- */

enum { ROWS = 6, ATOMS = 8 };

static double atom(int i, int a) {
    return tanh(2 * sin(1.7 * i + 0.9 * i * a + 2.3 * a * a + 0.5));
}

/* L = F + lam KL(w | uniform); g: of F. */
static double free_energy(const double *w, double lam, double *g) {
    double sum = 0;
    memset(g, 0, ATOMS * sizeof *g);
    for (int i = 0; i < ROWS; ++i) {
        double rest = -0.5 * cos(0.9 * i);
        for (int a = 0; a < ATOMS; ++a)
            rest += atom(i, a) * w[a];
        sum += rest * rest / 2 / ROWS;
        for (int a = 0; a < ATOMS; ++a)
            g[a] += rest * atom(i, a) / ROWS;
    }
    for (int a = 0; a < ATOMS; ++a)
        sum += lam * w[a] * log(ATOMS * w[a]);
    return sum;
}

/* L after so many steps; the gap that was reported is no less than what L had above `least`. */
static double play(const char *options, double lam, int steps, double least) {
    double w[ATOMS], g[ATOMS], sum = 0, gap;
    char *all = check_text("lam=%g,%s", lam, options);
    optim_t *opt;
    for (int a = 0; a < ATOMS; ++a)
        sum += w[a] = exp(2 * sin(1 + 1.3 * a));
    for (int a = 0; a < ATOMS; ++a)
        w[a] /= sum;
    CHECK_OK(optim_create(&opt, "efp", all));
    CHECK_OK(optim_add_param(opt, 0, "w", OPTIM_F64, 1, (int64_t[]){ATOMS}, w, g));
    for (int t = 0; t < steps; ++t) {
        const double energy = free_energy(w, lam, g);
        CHECK_OK(optim_step(opt));
        CHECK_OK(optim_get(opt, 0, "gap", &gap));
        CHECK_AT_MOST(energy - least, gap + 1e-15);
    }
    optim_destroy(opt);
    free(all);
    return free_energy(w, lam, g);
}

/* The rate must shrink with lam: 0.2 circles at lam = 0.02. */
static void test_rates_of_play(void **state) {
    (void)state;
    static const struct {
        const char *options;
        double lam;
        int steps;
        double above, slack;
    } CASES[] = {
        {"lr=0.2", 0.1, 10, 4.6e-4, 1e-5},
        {"lr=0.2", 0.1, 100, 0, 1e-15},
        {"rate=harmonic", 0.1, 10, 5.9e-5, 1e-6},
        {"rate=harmonic", 0.1, 100, 6.9e-9, 1e-10},
        {"rate=harmonic", 0.1, 1000, 6.8e-13, 1e-14},
        {"lr=0.2", 0.02, 1000, 1.7e-3, 1e-4},
        {"lr=0.05", 0.02, 1000, 0, 1e-15},
        {"rate=harmonic", 0.02, 1000, 2.8e-11, 1e-12},
    };
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; ++k) {
        const double least = play("lr=0.02", CASES[k].lam, 4000, INFINITY);
        CHECK_CLOSE(play(CASES[k].options, CASES[k].lam, CASES[k].steps, least) - least, CASES[k].above,
                    CASES[k].slack);
    }
}

/* ---- Consensus ---- */

static double rastrigin(int d, const double *x) {
    double sum = 0;
    for (int j = 0; j < d; ++j)
        sum += (x[j] - 0.5) * (x[j] - 0.5) + 2.5 * (1 - cos(6.283185307179586 * (x[j] - 0.5)));
    return sum;
}

static void consensus_step(optim_t *opt, int d, int n, const double *x) {
    optim_status status = optim_step(opt);
    double losses[128];
    assert_int_equal(status, OPTIM_EVAL_LOSSES);
    for (int i = 0; i < n; ++i)
        losses[i] = rastrigin(d, x + i * d);
    CHECK_OK(optim_set_losses(opt, losses, (size_t)n));
    CHECK_OK(optim_step(opt));
}

/* Whether the particles agree on the minimiser within 400 steps. */
static bool finds_minimum(int seed) {
    enum { DIM = 3, SWARM = 100 };
    double x[SWARM * DIM];
    char *options = check_text("sigma=1,seed=%d", seed);
    optim_t *opt;
    for (int i = 0; i < SWARM * DIM; ++i) {
        const double u = (i + 1) * 0.6180339887498949 + seed * 0.7548776662466927 * (1 + i % 7);
        x[i] = 6 * (u - floor(u)) - 3;
    }
    CHECK_OK(optim_create(&opt, "cbo", options));
    CHECK_OK(optim_set_components(opt, SWARM));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 2, (int64_t[]){SWARM, DIM}, x, NULL));
    for (int t = 0; t < 400; ++t)
        consensus_step(opt, DIM, SWARM, x);
    double square = 0;
    for (int j = 0; j < DIM; ++j) { /* by now all are where they agree */
        double mean = 0;
        for (int i = 0; i < SWARM; ++i)
            mean += x[i * DIM + j] / SWARM;
        square += (mean - 0.5) * (mean - 0.5);
    }
    optim_destroy(opt);
    free(options);
    return square < 0.01;
}

static void test_consensus(void **state) {
    (void)state;
    int found = 0;
    for (int seed = 1; seed <= 40; ++seed)
        found += finds_minimum(seed);
    assert_in_range(found, 38, 40);
}

/* With a large alpha the consensus is the best particle, which then stays. */
static void test_sharp_consensus(void **state) {
    (void)state;
    double x[] = {2, 2, 0.5, 0.5, -1, 3};
    const double best[] = {0.5, 0.5};
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "cbo", "alpha=1e6"));
    CHECK_OK(optim_set_components(opt, 3));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 2, (int64_t[]){3, 2}, x, NULL));
    consensus_step(opt, 2, 3, x);
    assert_memory_equal(x + 2, best, sizeof best);
    assert_true(x[0] != 2 && x[5] != 3);
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_cold),
        cmocka_unit_test(test_stein),
        cmocka_unit_test(test_single_particle),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_consensus),
        cmocka_unit_test(test_sharp_consensus),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_clients),
        cmocka_unit_test(test_agents),
        cmocka_unit_test(test_metric),
        cmocka_unit_test(test_natural_particles),
        cmocka_unit_test(test_fictitious_play),
        cmocka_unit_test(test_rates_of_play),
        cmocka_unit_test(test_discrepancy_falls),
        cmocka_unit_test(test_attraction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
