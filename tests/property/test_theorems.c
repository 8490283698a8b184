/*
 * Inequalities of the Handbook of Convergence Theorems for (Stochastic) Gradient Methods (Garrigos, Gower 2023) and of
 * the methods' own papers, with exact constants. Without draws they hold at every step; with draws on average over 500
 * runs. D^2 = |x_0 - x*|^2, sigma^2 = mean |grad f_i(x*)|^2.
 *
 * More of the kind: test_games.c (extragradient, anchors, halpern as a game), test_linear_methods.c (averages of a
 * contraction), test_last_iterate.c (subgradients), test_dynamics.c (stationary laws, stability), test_compact.c
 * (rotations).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "solve.h"
#include "sums.h"

enum { RUNS = 500, TIMES = 3 };
static const double SEEN = 1e-14; /* rounding, where a bound has gone below it */

/* ---- Gradient descent ---- */

/* Convex: f - f* <= D^2 / (2 lr t). mu-strongly convex: |x - x*|^2 <= (1 - lr mu)^t D^2, and, since f then has the
 * Polyak-Lojasiewicz inequality, f - f* <= (1 - lr mu)^t (f(x_0) - f*). */
static void check_descent(const sum_t *f, double lr) {
    descent_t r;
    double g[SUM_D];
    char *options = check_text("lr=%.17g", lr);
    descent_open(&r, f, "sgd", options, 1);
    const double distance = sum_distance(r.x, f->solution), first = sum_whole(f, r.x, g) - f->least;
    for (int t = 1; t <= 200; ++t) {
        descent_step(&r);
        const double gap = sum_whole(f, r.x, g) - f->least, rate = pow(1 - lr * f->mu, t);
        CHECK_AT_MOST(gap, distance / (2 * lr * t));
        CHECK_AT_MOST(gap, rate * first + SEEN);
        CHECK_AT_MOST(sum_distance(r.x, f->solution), rate * distance + SEEN);
    }
    optim_destroy(r.opt);
    free(options);
}

static void test_gradient_descent(void **state) {
    (void)state;
    const sum_t SUMS[] = {sum_make(SQUARES, 0), sum_make(SQUARES, 0.1), sum_make(LOGISTIC, 0.1)};
    for (int k = 0; k < 3; ++k) {
        check_descent(&SUMS[k], 1 / SUMS[k].L);
        check_descent(&SUMS[k], 0.3 / SUMS[k].L);
    }
}

/* f = x^2 + 3 sin^2 x has the Polyak-Lojasiewicz inequality with mu = 1/32, L = 8, and is not convex. */
static double wavy(const solve_t *s, const double *x, double *g) {
    (void)s;
    g[0] = 2 * x[0] + 3 * sin(2 * x[0]);
    return x[0] * x[0] + 3 * sin(x[0]) * sin(x[0]);
}

static void test_not_convex(void **state) {
    (void)state;
    solve_t s = {.gradient = wavy};
    double g;
    CHECK_OK(optim_create(&s.opt, "sgd", "lr=0.125"));
    solve_add(&s, "x", 1, 0);
    s.x[0] = 3;
    const double first = wavy(&s, s.x, &g);
    for (int t = 1; t <= 300; ++t) {
        solve_steps(&s, 1);
        CHECK_AT_MOST(wavy(&s, s.x, &g), pow(1 - 0.125 / 32, t) * first);
    }
    optim_destroy(s.opt);
}

/* ---- Stochastic gradients ---- */

static const int TIME[TIMES] = {10, 60, 200};

/* |x_t - x*|^2, and f(x_t) - f*, on average over runs of `algorithm` on batches. */
static void watch(const sum_t *f, const char *algorithm, const char *options, int batch, const double *solution,
                  means_t *distance, means_t *gap) {
    *distance = *gap = (means_t){.runs = RUNS};
    for (uint64_t seed = 1; seed <= RUNS; ++seed) {
        descent_t r;
        double g[SUM_D];
        descent_open(&r, f, algorithm, options, seed);
        for (int k = 0, t = 0; k < TIMES; ++k) {
            for (; t < TIME[k]; ++t)
                descent_sampled(&r, batch);
            means_add(distance, k, sum_distance(r.x, solution));
            means_add(gap, k, sum_whole(f, r.x, g) - f->least);
        }
        optim_destroy(r.opt);
    }
}

/* f mu-strongly convex, lr <= 1 / (2 L_b): E |x_t - x*|^2 <= (1 - lr mu)^t D^2 + 2 lr sigma_b^2 / mu, where
 * L_b = n (b - 1) / (b (n - 1)) L + (n - b) / (b (n - 1)) L_max, sigma_b^2 = (n - b) / (b (n - 1)) sigma^2. */
static void check_batches(const sum_t *f, int batch) {
    const double rest = (double)(SUM_N - batch) / (batch * (SUM_N - 1)),
                 smooth = (double)SUM_N * (batch - 1) / (batch * (SUM_N - 1)) * f->L + rest * f->L_max,
                 lr = 1 / (2 * smooth);
    means_t distance, gap;
    descent_t r;
    char *options = check_text("lr=%.17g", lr);
    descent_open(&r, f, "sgd", NULL, 1);
    const double start = sum_distance(r.x, f->solution);
    optim_destroy(r.opt);
    watch(f, "sgd", options, batch, f->solution, &distance, &gap);
    for (int k = 0; k < TIMES; ++k)
        means_check(&distance, k, pow(1 - lr * f->mu, TIME[k]) * start + 2 * lr * rest * f->variance / f->mu, "sgd");
    free(options);
}

static void test_sgd_strongly_convex(void **state) {
    (void)state;
    const sum_t squares = sum_make(SQUARES, 0.1), logistic = sum_make(LOGISTIC, 0.1);
    for (int batch = 1; batch <= SUM_N; batch += batch == 1 ? 3 : 8) { /* 1, 4, 12 */
        check_batches(&squares, batch);
        check_batches(&logistic, batch);
    }
}

/* lr < 1 / (2 L_max): the mean of x_0 .. x_{T-1} has
 * E f - f* <= D^2 / (2 lr T (1 - 2 lr L_max)) + lr sigma^2 / (1 - 2 lr L_max). */
static void test_sgd_average(void **state) {
    (void)state;
    const sum_t f = sum_make(SQUARES, 0);
    const double lr = 1 / (4 * f.L_max), rest = 1 - 2 * lr * f.L_max;
    means_t gap = {.runs = RUNS};
    double start = 0;
    char *options = check_text("lr=%.17g", lr);
    for (uint64_t seed = 1; seed <= RUNS; ++seed) {
        descent_t r;
        double sum[SUM_D] = {0}, mean[SUM_D], g[SUM_D];
        descent_open(&r, &f, "sgd", options, seed);
        start = sum_distance(r.x, f.solution);
        for (int k = 0, t = 0; k < TIMES; ++k) {
            for (; t < TIME[k]; ++t) {
                for (int j = 0; j < SUM_D; ++j)
                    sum[j] += r.x[j];
                descent_sampled(&r, 1);
            }
            for (int j = 0; j < SUM_D; ++j)
                mean[j] = sum[j] / TIME[k];
            means_add(&gap, k, sum_whole(&f, mean, g) - f.least);
        }
        optim_destroy(r.opt);
    }
    for (int k = 0; k < TIMES; ++k)
        means_check(&gap, k, start / (2 * lr * TIME[k] * rest) + lr * f.variance / rest, "mean of sgd");
    free(options);
}

/* mu-PL, lr <= mu / (L L_max): E f - f* <= (1 - lr mu)^t (f(x_0) - f*) + lr L L_max / mu (f* - mean inf f_i). */
static void test_sgd_pl(void **state) {
    (void)state;
    const sum_t f = sum_make(SQUARES, 0.1);
    const double lr = f.mu / (f.L * f.L_max);
    double g[SUM_D], excess = f.least;
    means_t distance, gap;
    descent_t r;
    for (int i = 0; i < SUM_N; ++i) /* inf f_i, on the line along a_i: b^2 / 2 / (1 + |a|^2 / l2) */
        excess -= f.b[i] * f.b[i] / 2 / (1 + sum_square(f.a[i]) / f.l2) / SUM_N;
    char *options = check_text("lr=%.17g", lr);
    descent_open(&r, &f, "sgd", NULL, 1);
    const double first = sum_whole(&f, r.x, g) - f.least;
    optim_destroy(r.opt);
    watch(&f, "sgd", options, 1, f.solution, &distance, &gap);
    for (int k = 0; k < TIMES; ++k)
        means_check(&gap, k, pow(1 - lr * f.mu, TIME[k]) * first + lr * f.L * f.L_max / f.mu * excess, "sgd, PL");
    free(options);
}

/* lr_t = 2 eta / (t + 3), momentum t / (t + 2), eta <= 1 / (4 L_max): E f - f* <= D^2 / (eta (t + 1)) +
 * 2 eta sigma^2. */
static void test_momentum(void **state) {
    (void)state;
    const sum_t f = sum_make(SQUARES, 0);
    const double eta = 1 / (4 * f.L_max);
    means_t gap = {.runs = RUNS};
    double start = 0;
    for (uint64_t seed = 1; seed <= RUNS; ++seed) {
        descent_t r;
        double g[SUM_D];
        descent_open(&r, &f, "sgd", "momentum=0.5", seed); /* none yet in the first step */
        start = sum_distance(r.x, f.solution);
        for (int k = 0, t = 0; k < TIMES; ++k) {
            for (; t < TIME[k]; ++t) {
                CHECK_OK(optim_set(r.opt, 0, "lr", 2 * eta / (t + 3)));
                if (t > 0)
                    CHECK_OK(optim_set(r.opt, 0, "momentum", t / (t + 2.0)));
                descent_sampled(&r, 1);
            }
            means_add(&gap, k, sum_whole(&f, r.x, g) - f.least);
        }
        optim_destroy(r.opt);
    }
    for (int k = 0; k < TIMES; ++k)
        means_check(&gap, k, start / (eta * (TIME[k] + 1)) + 2 * eta * f.variance, "momentum");
}

/* ---- Subgradients: deviations, whose least value a linear program gives ---- */

/* E |g|^2 <= G^2; the mean by weights lr_t has E f - f* <= (D^2 + G^2 sum lr_t^2) / (2 sum lr_t). */
static void check_subgradients(double lr, double power) {
    static const double LEAST = 0.3103853241908659,
                        SOLUTION[] = {0.36764888, 0.24933205, 0.2063583, 0.32796187, -0.83716934, -0.32381943};
    const sum_t f = sum_make(DEVIATIONS, 0);
    means_t gap = {.runs = RUNS};
    double start = 0, square = 0, rates = 0, squares = 0, bound[TIMES];
    for (int i = 0; i < SUM_N; ++i)
        square += sum_square(f.a[i]) / SUM_N;
    for (uint64_t seed = 1; seed <= RUNS; ++seed) {
        descent_t r;
        double sum[SUM_D] = {0}, mean[SUM_D], g[SUM_D];
        descent_open(&r, &f, "sgd", NULL, seed);
        start = sum_distance(r.x, SOLUTION);
        rates = squares = 0;
        for (int k = 0, t = 0; k < TIMES; ++k) {
            for (; t < TIME[k]; ++t) {
                const double rate = lr / pow(t + 1, power);
                for (int j = 0; j < SUM_D; ++j)
                    sum[j] += rate * r.x[j];
                rates += rate;
                squares += rate * rate;
                CHECK_OK(optim_set(r.opt, 0, "lr", rate));
                descent_sampled(&r, 1);
            }
            for (int j = 0; j < SUM_D; ++j)
                mean[j] = sum[j] / rates;
            means_add(&gap, k, sum_whole(&f, mean, g) - LEAST);
            bound[k] = (start + square * squares) / (2 * rates);
        }
        optim_destroy(r.opt);
    }
    for (int k = 0; k < TIMES; ++k)
        means_check(&gap, k, bound[k], "subgradients");
}

static void test_subgradients(void **state) {
    (void)state;
    check_subgradients(0.05, 0);
    check_subgradients(0.3, 0.5);
}

/* mu-strongly convex on a ball, lr_t = 2 / (mu (t + 1)), t = 1, 2, ..: the mean by weights t has
 * E f - f* <= 2 G^2 / (mu (T + 1)). */
static void test_projected_subgradients(void **state) {
    (void)state;
    static const double LEAST = 0.4703452281885102, RADIUS = 2; /* the solution is at 0.57 */
    const sum_t f = sum_make(DEVIATIONS, 0.5);
    means_t gap = {.runs = RUNS};
    double square = 0;
    for (int i = 0; i < SUM_N; ++i)
        square += pow(sqrt(sum_square(f.a[i])) + f.l2 * RADIUS, 2) / SUM_N;
    for (uint64_t seed = 1; seed <= RUNS; ++seed) {
        descent_t r;
        double sum[SUM_D] = {0}, mean[SUM_D], g[SUM_D];
        descent_open(&r, &f, "sgd", NULL, seed);
        CHECK_OK(optim_wrap(r.opt, "prox", "map=proj_l2_ball(radius=2)"));
        for (int k = 0, t = 1; k < TIMES; ++k) {
            for (; t <= TIME[k]; ++t) {
                for (int j = 0; j < SUM_D; ++j)
                    sum[j] += t * r.x[j];
                CHECK_OK(optim_set(r.opt, 0, "lr", 2 / (f.l2 * (t + 1))));
                descent_sampled(&r, 1);
                CHECK_AT_MOST(sum_square(r.x), RADIUS * RADIUS + 1e-12);
            }
            for (int j = 0; j < SUM_D; ++j)
                mean[j] = sum[j] * 2 / (TIME[k] * (TIME[k] + 1.0));
            means_add(&gap, k, sum_whole(&f, mean, g) - LEAST);
        }
        optim_destroy(r.opt);
    }
    for (int k = 0; k < TIMES; ++k)
        means_check(&gap, k, 2 * square / (f.l2 * (TIME[k] + 1)), "projected subgradients");
}

/* ---- Penalties: F = f + lam |x|_1 ---- */

static const double LAM = 0.05;

static double penalized(const sum_t *f, const double *x) {
    double g[SUM_D], loss = sum_whole(f, x, g);
    for (int j = 0; j < SUM_D; ++j)
        loss += LAM * fabs(x[j]);
    return loss;
}

static void penalized_solution(const sum_t *f, double *x) {
    double g[SUM_D];
    memset(x, 0, SUM_D * sizeof *x);
    for (int t = 0; t < 10000; ++t) {
        (void)sum_whole(f, x, g);
        for (int j = 0; j < SUM_D; ++j) {
            const double v = x[j] - g[j] / f->L;
            x[j] = copysign(fmax(0, fabs(v) - LAM / f->L), v);
        }
    }
}

/* ista: F - F* <= D^2 L / (2 t), |x_t - x*|^2 <= (1 - mu / L)^t D^2. fista: F - F* <= 2 alpha L D^2 / (t + 1)^2, where
 * alpha is 1, or eta if L is searched for. */
static void check_proximal(const char *algorithm, double factor) {
    const sum_t SUMS[] = {sum_make(SQUARES, 0), sum_make(SQUARES, 0.1), sum_make(LOGISTIC, 0.1)};
    for (int k = 0; k < 3; ++k) {
        const sum_t *f = &SUMS[k];
        descent_t r;
        double x[SUM_D], solution[SUM_D];
        char *options = factor == 1 ? check_text("L=%.17g,lam=%g", f->L, LAM)
                                    : check_text("L=%.17g,lam=%g,backtrack=1,eta=%g", f->L / 50, LAM, factor);
        penalized_solution(f, solution);
        descent_open(&r, f, algorithm, options, 1);
        const double least = penalized(f, solution), start = sum_distance(r.x, solution);
        for (int t = 1; t <= 200; ++t) {
            descent_step(&r);
            CHECK_OK(optim_output(r.opt, 0, x));
            const double gap = penalized(f, x) - least;
            if (strcmp(algorithm, "fista") == 0)
                CHECK_AT_MOST(gap, 2 * factor * f->L * start / ((t + 1) * (t + 1)) + SEEN);
            else
                CHECK_AT_MOST(gap, factor * f->L * start / (2 * t));
            if (strcmp(algorithm, "ista") == 0 && factor == 1)
                CHECK_AT_MOST(sum_distance(x, solution), pow(1 - f->mu / f->L, t) * start + SEEN);
        }
        optim_destroy(r.opt);
        free(options);
    }
}

static void test_proximal(void **state) {
    (void)state;
    check_proximal("ista", 1);
    check_proximal("ista", 2);
    check_proximal("fista", 1);
    check_proximal("fista", 2);
}

/* lr <= 1 / (2 L_max): E |x_t - x*|^2 <= (1 - lr mu)^t D^2 + 2 lr sigma^2 / mu with the variance of the gradients at
 * x*. */
static void test_proximal_sgd(void **state) {
    (void)state;
    const sum_t f = sum_make(SQUARES, 0.1);
    const double lr = 1 / (2 * f.L_max);
    double solution[SUM_D], full[SUM_D], g[SUM_D], variance = 0, start = 0;
    means_t distance = {.runs = RUNS};
    char *options = check_text("lr=%.17g", lr), *map = check_text("map=prox_l1(lam=%g)", LAM);
    penalized_solution(&f, solution);
    (void)sum_whole(&f, solution, full);
    for (int i = 0; i < SUM_N; ++i) {
        (void)sum_component(&f, i, solution, g);
        variance += sum_distance(g, full) / SUM_N;
    }
    for (uint64_t seed = 1; seed <= RUNS; ++seed) {
        descent_t r;
        descent_open(&r, &f, "sgd", options, seed);
        CHECK_OK(optim_wrap(r.opt, "prox", map));
        start = sum_distance(r.x, solution);
        for (int k = 0, t = 0; k < TIMES; ++k) {
            for (; t < TIME[k]; ++t)
                descent_sampled(&r, 1);
            means_add(&distance, k, sum_distance(r.x, solution));
        }
        optim_destroy(r.opt);
    }
    for (int k = 0; k < TIMES; ++k)
        means_check(&distance, k, pow(1 - lr * f.mu, TIME[k]) * start + 2 * lr * variance / f.mu, "sgd with prox");
    free(options);
    free(map);
}

/* ---- Frank-Wolfe: a set of diameter R has f - f* <= 2 L R^2 / (t + 2) and min gap <= 6.75 L R^2 / (t + 2) ---- */

static void test_frank_wolfe(void **state) {
    (void)state;
    const sum_t SUMS[] = {sum_make(SQUARES, 0), sum_make(LOGISTIC, 0.1)};
    for (int k = 0; k < 2; ++k) {
        const sum_t *f = &SUMS[k];
        descent_t r;
        double g[SUM_D], gap, smallest = INFINITY, least = INFINITY, losses[200];
        descent_open(&r, f, "frank_wolfe", "lmo=lmo_l1(radius=0.5)", 1);
        memset(r.x, 0, sizeof r.x);
        for (int t = 0; t < 200; ++t) {
            losses[t] = sum_whole(f, r.x, g);
            descent_step(&r);
            CHECK_OK(optim_get(r.opt, 0, "gap", &gap));
            smallest = fmin(smallest, gap);
            least = fmax(isfinite(least) ? least : -INFINITY, losses[t] - gap); /* f* >= f - gap */
            CHECK_AT_MOST(smallest, 6.75 * f->L / (t + 2));
        }
        for (int t = 1; t < 200; ++t)
            CHECK_AT_MOST(losses[t] - least, 2 * f->L / (t + 2));
        optim_destroy(r.opt);
    }
}

/* ---- Variance reduction ---- */

/* lr = 1 / (10 L_max), m >= 50 L_max / mu: E f(x_s) - f* <= 0.5^s (f(x_0) - f*) for the mean of a pass. */
static void test_svrg(void **state) {
    (void)state;
    const sum_t f = sum_make(SQUARES, 1);
    means_t gap = {.runs = RUNS};
    double g[SUM_D], first = 0;
    for (uint64_t seed = 1; seed <= RUNS; ++seed) {
        descent_t r;
        char *options = check_text("option=average,lr=%.17g,m=%d,seed=%d", 1 / (10 * f.L_max),
                                   (int)ceil(50 * f.L_max / f.mu), (int)seed);
        descent_open(&r, &f, "svrg", options, seed);
        first = sum_whole(&f, r.x, g) - f.least;
        for (int s = 0; s < 2; ++s) {
            descent_step(&r);
            means_add(&gap, s, sum_whole(&f, r.x, g) - f.least);
        }
        optim_destroy(r.opt);
        free(options);
    }
    means_check(&gap, 0, first / 2, "svrg");
    means_check(&gap, 1, first / 4, "svrg");
}

/* lr = 1 / (2 (mu n + L_max)): E |x_t - x*|^2 <= (1 - mu lr)^t (D^2 + n / (mu n + L_max) (f(x_0) - f*)). */
static void test_saga(void **state) {
    (void)state;
    const sum_t f = sum_make(SQUARES, 0.1);
    const double lr = 1 / (2 * (f.mu * SUM_N + f.L_max));
    means_t distance = {.runs = RUNS};
    double g[SUM_D], bound = 0;
    for (uint64_t seed = 1; seed <= RUNS; ++seed) {
        descent_t r;
        char *options = check_text("lr=%.17g,seed=%d", lr, (int)seed);
        descent_open(&r, &f, "saga", options, seed);
        bound = sum_distance(r.x, f.solution) + 2 * lr * SUM_N * (sum_whole(&f, r.x, g) - f.least);
        for (int k = 0, t = 0; k < TIMES; ++k) {
            for (; t < TIME[k]; ++t)
                descent_step(&r);
            means_add(&distance, k, sum_distance(r.x, f.solution));
        }
        optim_destroy(r.opt);
        free(options);
    }
    for (int k = 0; k < TIMES; ++k)
        means_check(&distance, k, pow(1 - f.mu * lr, TIME[k]) * bound, "saga");
}

/* b = n, b2 <= root n, p = b2 / (n + b2), lr <= 1 / (L (1 + root((1 - p) / (p b2)))), where L^2 bounds
 * mean |grad f_i(x) - grad f_i(y)|^2 / |x - y|^2: min_t E |grad f|^2 <= 2 (f(x_0) - f*) / (lr T). */
static void test_page(void **state) {
    (void)state;
    enum { STEPS = 200, B2 = 3 };
    const sum_t f = sum_make(SQUARES, 0.1);
    const double p = B2 / (double)(SUM_N + B2), lr = 1 / (f.L_max * (1 + sqrt((1 - p) / (p * B2))));
    double square[STEPS] = {0}, g[SUM_D], first = 0, least = INFINITY;
    for (uint64_t seed = 1; seed <= RUNS; ++seed) {
        descent_t r;
        char *options = check_text("lr=%.17g,p=%.17g,b2=%d,seed=%d", lr, p, B2, (int)seed);
        descent_open(&r, &f, "page", options, seed);
        first = sum_whole(&f, r.x, g) - f.least;
        for (int t = 0; t < STEPS; ++t) {
            (void)sum_whole(&f, r.x, g);
            square[t] += sum_square(g) / RUNS;
            descent_step(&r);
        }
        optim_destroy(r.opt);
        free(options);
    }
    for (int t = 0; t < STEPS; ++t) {
        least = fmin(least, square[t]);
        CHECK_AT_MOST(least, 2 * first / (lr * (t + 1)));
    }
}

/* ---- Fixed points: T turns three planes by other angles, |x - T x| <= 2 |x_0| / (k + 1) ---- */

static double turning(const solve_t *s, const double *x, double *g) {
    (void)s;
    for (int k = 0; k < SUM_D / 2; ++k) {
        const double angle = 0.5 + k, *v = x + 2 * k;
        g[2 * k] = v[0] - (cos(angle) * v[0] - sin(angle) * v[1]);
        g[2 * k + 1] = v[1] - (sin(angle) * v[0] + cos(angle) * v[1]);
    }
    return 0;
}

static void test_halpern(void **state) {
    (void)state;
    solve_t s = {.gradient = turning};
    double g[SUM_D];
    CHECK_OK(optim_create(&s.opt, "halpern", NULL));
    solve_add(&s, "x", SUM_D, 0);
    for (int j = 0; j < SUM_D; ++j)
        s.x[j] = sin(1 + 1.3 * j);
    const double start = sqrt(sum_square(s.x));
    for (int k = 1; k <= 300; ++k) {
        solve_steps(&s, 1);
        (void)turning(&s, s.x, g);
        CHECK_AT_MOST(sqrt(sum_square(g)), 2 * start / (k + 1));
    }
    optim_destroy(s.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient_descent),
        cmocka_unit_test(test_not_convex),
        cmocka_unit_test(test_sgd_strongly_convex),
        cmocka_unit_test(test_sgd_average),
        cmocka_unit_test(test_sgd_pl),
        cmocka_unit_test(test_momentum),
        cmocka_unit_test(test_subgradients),
        cmocka_unit_test(test_projected_subgradients),
        cmocka_unit_test(test_proximal),
        cmocka_unit_test(test_proximal_sgd),
        cmocka_unit_test(test_frank_wolfe),
        cmocka_unit_test(test_svrg),
        cmocka_unit_test(test_saga),
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_halpern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
