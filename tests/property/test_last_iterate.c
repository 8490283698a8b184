/*
 * The last iterate of subgradients and mirror descent: for every t
 *
 *     f(x_t) - f* <= optim_schedule_bound(rates 1 .. t, norms 1 .. t, root(2 B(x*, x_1)))
 *
 * with the norms that belong to the mirror map (Liu, Zhou 2024; Defazio et al. 2023), the bound's order without a
 * schedule (Harvey, Liaw, Plan, Randhawa 2019), and what a linear one reaches (Zamani, Glineur 2023).
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "optim/advice.h"
#include "sums.h"

enum { MOST = 800, SCHEDULES = 3 };
static const char *const RATE[SCHEDULES] = {"constant", "sqrt", "linear"};

/* Of the schedules above, in step t = 1, 2, .. of T. */
static double rate(int schedule, int t, int T) {
    static const double FLAT = 1;
    return schedule == 0 ? FLAT : schedule == 1 ? 1 / sqrt(t) : (T - t + 1) / (double)T;
}

/* lr, so that D / (G root(T)) is the rate of the constant and the first of the linear schedule. */
static double scaled(int schedule, double distance, double norm, int T) {
    return distance / norm / (schedule == 1 ? 1 : sqrt(T));
}

/* ---- f = max_i (a_i x - b_i) on the simplex from its middle, and on a box from 0; by linear programming: ---- */

static const double ON_SIMPLEX[] = {0.14235719, 0.42594221, 0.4317006, 0, 0, 0},
                    IN_BOX[] = {1.06704315, 0.63506058, 1.09035768, 0.2695765, -0.64258124, -3};

static double largest(const sum_t *f, const double *x, double *g) {
    double most = -INFINITY;
    for (int i = 0; i < SUM_N; ++i) {
        double value = -f->b[i];
        for (int j = 0; j < SUM_D; ++j)
            value += f->a[i][j] * x[j];
        if (value > most) {
            most = value;
            memcpy(g, f->a[i], sizeof f->a[i]);
        }
    }
    return most;
}

static double dual_norm(const double *g, int is_simplex) {
    double most = 0;
    for (int j = 0; j < SUM_D; ++j)
        most = fmax(most, fabs(g[j]));
    return is_simplex ? most : sqrt(sum_square(g));
}

/* f - f* after T steps; *ratio: the largest so far of f(x_t) - f* to the bound. */
static double run_largest(const sum_t *f, int is_simplex, int schedule, int T, double *ratio, double *limit) {
    static const char *const MAP[] = {"euclid,reg=proj_box(lo=-3,hi=3)", "entropic"};
    static const double LEAST[] = {-1.7487178775204089, 0.8424200949744914};
    const int64_t d = SUM_D;
    double x[SUM_D], g[SUM_D], rates[MOST], norms[MOST], square = 0, norm = 0;
    optim_t *opt;
    for (int j = 0; j < SUM_D; ++j) {
        x[j] = is_simplex ? 1.0 / SUM_D : 0;
        if (is_simplex && ON_SIMPLEX[j] > 0)
            square += 2 * ON_SIMPLEX[j] * log(ON_SIMPLEX[j] * SUM_D);
        else if (!is_simplex)
            square += IN_BOX[j] * IN_BOX[j];
    }
    for (int i = 0; i < SUM_N; ++i)
        norm = fmax(norm, dual_norm(f->a[i], is_simplex));
    const double distance = sqrt(square), lr = scaled(schedule, distance, norm, T);
    char *options = check_text("map=%s,rate=%s,steps=%d,lr=%.17g", MAP[is_simplex], RATE[schedule], T, lr);
    CHECK_OK(optim_create(&opt, "mirror_descent", options));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &d, x, g));
    for (int t = 1; t <= T; ++t) {
        optim_bound bound = {.size = sizeof bound};
        const double gap = largest(f, x, g) - LEAST[is_simplex];
        rates[t - 1] = lr * rate(schedule, t, T);
        norms[t - 1] = dual_norm(g, is_simplex);
        CHECK_OK(optim_schedule_bound(rates, norms, (size_t)t, distance, &bound));
        *ratio = fmax(*ratio, gap / bound.bound);
        CHECK_OK(optim_step(opt));
    }
    optim_destroy(opt);
    free(options);
    *limit = norm * distance / sqrt(T);
    return largest(f, x, g) - LEAST[is_simplex];
}

static void test_every_iterate(void **state) {
    (void)state;
    static const int T[] = {50, 200, 800};
    static const double RATIO[2][SCHEDULES] = {{0.369, 0.440, 0.371}, {0.365, 0.469, 0.358}},
                        END[2][3] = {{1.05, 0.527, 0.263}, {0.177, 0.0887, 0.0444}},
                        LINEAR[2][3] = {{0.0698, 0.0335, 0.0139}, {0.0308, 0.00133, 3.6e-5}};
    const sum_t f = sum_make(DEVIATIONS, 0);
    for (int is_simplex = 0; is_simplex < 2; ++is_simplex)
        for (int schedule = 0; schedule < SCHEDULES; ++schedule) {
            double ratio = 0, limit;
            for (int k = 0; k < 3; ++k) {
                const double gap = run_largest(&f, is_simplex, schedule, T[k], &ratio, &limit);
                if (schedule < 2)
                    continue;
                CHECK_CLOSE(gap / LINEAR[is_simplex][k], 1, 0.01);
                CHECK_CLOSE(limit / END[is_simplex][k], 1, 0.01);
                CHECK_AT_MOST(gap, limit);
            }
            CHECK_CLOSE(ratio, RATIO[is_simplex][schedule], 0.001);
        }
}

/* ---- The logarithm is real: f = max_i h_i x on R^T from its minimiser 0 ---- */

enum { HARVEY = 256 };

static double harvey_entry(int T, int i, int j) { /* from 1 on */
    return j < i ? 1 / (8.0 * (T - j + 1)) : j == i ? -sqrt(i) / (2 * sqrt(T)) : 0;
}

static double harvey(int T, const double *x, double *g) {
    double value[HARVEY + 2] = {0}, most = -INFINITY;
    int first = 1;
    for (int i = 1; i <= T + 1; ++i) {
        value[i] = 0;
        for (int j = 1; j <= T; ++j)
            value[i] += harvey_entry(T, i, j) * x[j - 1];
        most = fmax(most, value[i]);
    }
    while (value[first] < most - 1e-15)
        ++first;
    for (int j = 1; j <= T; ++j)
        g[j - 1] = harvey_entry(T, first, j);
    return most;
}

static double end_of_harvey(int T, const char *options) {
    const int64_t d = T;
    double x[HARVEY] = {0}, g[HARVEY];
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "mirror_descent", options));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &d, x, g));
    for (int t = 0; t < T; ++t) {
        (void)harvey(T, x, g);
        CHECK_OK(optim_step(opt));
    }
    optim_destroy(opt);
    return sqrt(T) * harvey(T, x, g);
}

static void test_logarithm(void **state) {
    (void)state;
    static const int T[] = {16, 64, 256};
    static const double ROOT[] = {0.180, 0.243, 0.307}, LINEAR[] = {0.0373, 0.0349, 0.0342};
    for (int k = 0; k < 3; ++k) {
        char *linear = check_text("reg=proj_l2_ball,rate=linear,steps=%d,lr=%.17g", T[k], 1 / sqrt(T[k]));
        const double root = end_of_harvey(T[k], "reg=proj_l2_ball,rate=sqrt,lr=1");
        CHECK_CLOSE(root, ROOT[k], 0.001);
        CHECK_AT_MOST(log(T[k]) / 32, root);
        CHECK_CLOSE(end_of_harvey(T[k], linear), LINEAR[k], 0.0001);
        free(linear);
    }
}

/* ---- In expectation: f = mean |a_i x - b_i|, by linear programming: ---- */

static const double LEAST = 0.3103853241908659,
                    SOLUTION[] = {0.36764888, 0.24933205, 0.2063583, 0.32796187, -0.83716934, -0.32381943};

/* Mean over seeds 1 .. 100 of f - least after so many steps, with draws of one component. */
static double mean_gap(const sum_t *f, const char *options, int steps, double least) {
    double mean = 0, g[SUM_D];
    for (int seed = 1; seed <= 100; ++seed) {
        descent_t r;
        char *all = check_text("%s,batch=1,seed=%d", options, seed);
        descent_open(&r, f, "mirror_descent", all, 1);
        for (int t = 0; t < steps; ++t)
            descent_step(&r);
        mean += (sum_whole(f, r.x, g) - least) / 100;
        optim_destroy(r.opt);
        free(all);
    }
    return mean;
}

static void test_expectation(void **state) {
    (void)state;
    static const struct {
        int schedule, T;
        double gap, slack, bound;
    } CASES[] = {{2, 100, 0.0774, 0.004, 0.783},
                 {2, 400, 0.0218, 0.002, 0.387},
                 {1, 100, 0.150, 0.007, 1.92},
                 {1, 400, 0.0743, 0.003, 1.16}};
    const sum_t f = sum_make(DEVIATIONS, 0);
    double square = 0, norms[400], rates[400], distance = 0;
    for (int i = 0; i < SUM_N; ++i)
        square += sum_square(f.a[i]) / SUM_N;
    for (int j = 0; j < SUM_D; ++j)
        distance += pow(sin(1 + 1.3 * j) - SOLUTION[j], 2);
    for (int k = 0; k < 4; ++k) {
        const double lr = scaled(CASES[k].schedule, sqrt(distance), sqrt(square), CASES[k].T);
        optim_bound bound = {.size = sizeof bound};
        char *options = check_text("rate=%s,steps=%d,lr=%.17g", RATE[CASES[k].schedule], CASES[k].T, lr);
        for (int t = 1; t <= CASES[k].T; ++t) {
            norms[t - 1] = sqrt(square);
            rates[t - 1] = lr * rate(CASES[k].schedule, t, CASES[k].T);
        }
        CHECK_OK(optim_schedule_bound(rates, norms, (size_t)CASES[k].T, sqrt(distance), &bound));
        CHECK_CLOSE(bound.bound / CASES[k].bound, 1, 0.01);
        CHECK_CLOSE(mean_gap(&f, options, CASES[k].T - 1, LEAST), CASES[k].gap, CASES[k].slack);
        free(options);
    }
}

/* ---- With a penalty in the prox: F = f + 0.05 |x|_1, F(x_{t+1}) - F* <= bound(rates, 2 G, root(2 B)) ---- */

static double power_norm(const double *x, double p) {
    double sum = 0;
    for (int j = 0; j < SUM_D; ++j)
        sum += pow(fabs(x[j]), p);
    return pow(sum, 1 / p);
}

/* root(2 B) for psi = |x|_p^2 / 2, between the solution and the start. */
static double divergence_root(const double *solution, const double *x, double p) {
    const double norm = power_norm(x, p);
    double b = pow(power_norm(solution, p), 2) / 2 - norm * norm / 2;
    for (int j = 0; j < SUM_D; ++j)
        b -= copysign(pow(fabs(x[j]), p - 1) * pow(norm, 2 - p), x[j]) * (solution[j] - x[j]);
    return sqrt(2 * b);
}

/* The longest subgradient that f has, in the norm dual to p: every sign of each a_i x - b_i. */
static double longest_subgradient(const sum_t *f, double q) {
    double most = 0;
    for (int signs = 0; signs < 1 << SUM_N; ++signs) {
        double g[SUM_D] = {0};
        for (int i = 0; i < SUM_N; ++i)
            for (int j = 0; j < SUM_D; ++j)
                g[j] += (signs >> i & 1 ? f->a[i][j] : -f->a[i][j]) / SUM_N;
        most = fmax(most, power_norm(g, q));
    }
    return most;
}

static double composite_ratio(int is_pnorm, int schedule) {
    enum { T = 200 };
    static const double PENALIZED = 0.40293206868999204,
                        AT[] = {0.17463053, 0.02799414, 0, 0.15749806, -0.83770234, -0.39993659};
    const double p = is_pnorm ? 1.5 : 2, q = p / (p - 1);
    const sum_t f = sum_make(DEVIATIONS, 0);
    const double norm = longest_subgradient(&f, q) / sqrt(p - 1);
    double rates[T], norms[T], ratio = 0, g[SUM_D];
    descent_t r;
    descent_open(&r, &f, "sgd", NULL, 1);
    const double distance = divergence_root(AT, r.x, p);
    optim_destroy(r.opt);
    const double lr = scaled(schedule, distance, norm, T);
    char *options = check_text("map=%s,reg=prox_l1(lam=0.05),rate=%s,steps=%d,lr=%.17g", is_pnorm ? "pnorm" : "euclid",
                               RATE[schedule], T, lr);
    descent_open(&r, &f, "mirror_descent", options, 1);
    for (int t = 1; t <= T; ++t) {
        optim_bound bound = {.size = sizeof bound};
        rates[t - 1] = lr * rate(schedule, t, T);
        norms[t - 1] = 2 * norm;
        descent_step(&r);
        CHECK_OK(optim_schedule_bound(rates, norms, (size_t)t, distance, &bound));
        ratio = fmax(ratio, (sum_whole(&f, r.x, g) + 0.05 * power_norm(r.x, 1) - PENALIZED) / bound.bound);
    }
    optim_destroy(r.opt);
    free(options);
    return ratio;
}

static void test_composite(void **state) {
    (void)state;
    static const double RATIO[2][SCHEDULES] = {{0.185, 0.072, 0.185}, {0.148, 0.070, 0.149}};
    for (int is_pnorm = 0; is_pnorm < 2; ++is_pnorm)
        for (int schedule = 0; schedule < SCHEDULES; ++schedule)
            CHECK_CLOSE(composite_ratio(is_pnorm, schedule), RATIO[is_pnorm][schedule], 0.001);
}

/* ---- Strongly convex, rates 2 / (mu t): t (f(x_{t+1}) - f*) stays bounded ---- */

static void test_strongly_convex(void **state) {
    (void)state;
    static const double STRONG = 0.4703452281885102;
    const sum_t f = sum_make(DEVIATIONS, 0.5);
    descent_t r;
    double g[SUM_D];
    descent_open(&r, &f, "mirror_descent", "rate=inverse,lr=4", 1);
    for (int t = 1; t <= 4000; ++t) {
        descent_step(&r);
        const double scaled_gap = t * (sum_whole(&f, r.x, g) - STRONG);
        if (t >= 10)
            CHECK_AT_MOST(scaled_gap, t == 10 || t == 100 || t == 1000 || t == 4000 ? 0.07 : 0.4);
    }
    optim_destroy(r.opt);
    CHECK_CLOSE(100 * mean_gap(&f, "rate=inverse,lr=4", 100, STRONG), 4.6, 0.05);
    CHECK_CLOSE(400 * mean_gap(&f, "rate=inverse,lr=4", 400, STRONG), 4.1, 0.05);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_iterate),   cmocka_unit_test(test_logarithm),
        cmocka_unit_test(test_expectation),     cmocka_unit_test(test_composite),
        cmocka_unit_test(test_strongly_convex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
