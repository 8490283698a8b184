/* What methods for linear systems, eigenvectors, fixed points and regressions are held to. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "solve.h"

enum { D = 8 };

/* ---- flexible_cg: a tridiagonal matrix plus one of rank 1 ---- */

static double entry(size_t i, size_t j) {
    const double band = i == j ? 2 + 0.1 * (double)(1 + i % 3) : i + 1 == j || j + 1 == i ? -1 : 0;
    return band + 0.2 * sin(1 + (double)i) * sin(1 + (double)j);
}
static void times(const solve_t *s, const double *v, double *hv) {
    (void)s;
    for (size_t i = 0; i < D; ++i) {
        hv[i] = 0;
        for (size_t j = 0; j < D; ++j)
            hv[i] += entry(i, j) * v[j];
    }
}
static double system_of(const solve_t *s, const double *x, double *g) {
    double loss = 0;
    times(s, x, g);
    for (size_t i = 0; i < D; ++i) {
        const double b = cos(0.7 * (double)i);
        loss += x[i] * (g[i] / 2 - b);
        g[i] -= b;
    }
    return loss;
}

static void solution(double *x) {
    solve_t s = {.gradient = system_of, .product = times};
    CHECK_OK(optim_create(&s.opt, "flexible_cg", "refresh=1"));
    solve_add(&s, "x", D, 0);
    solve_steps(&s, 30);
    memcpy(x, s.x, D * sizeof *x);
    optim_destroy(s.opt);
}

/* The squared distance in the norm of A. */
static double error_of(const solve_t *s, const double *x) {
    double e[D], Ae[D], sum = 0;
    for (size_t i = 0; i < D; ++i)
        e[i] = s->x[i] - x[i];
    times(s, e, Ae);
    for (size_t i = 0; i < D; ++i)
        sum += e[i] * Ae[i];
    return sum;
}

/* The caller's direction: the residual, perturbed. */
static void perturb(const solve_t *s, int step, double *q) {
    double norm = 0;
    (void)system_of(s, s->x, q);
    for (size_t i = 0; i < D; ++i)
        norm += q[i] * q[i];
    for (size_t i = 0; i < D; ++i)
        q[i] = -q[i] * (1 + 0.3 * cos((double)(1 + i) + step)) + 0.1 * sqrt(norm) * sin(2 + (double)i);
}

/* Steps until the error in that norm is 1e-8 of the first, or `most`; on the way it never rises. */
static int steps_to(const char *options, int most) {
    static double diag[D], q[D];
    const int64_t length = D;
    double want[D];
    solution(want);
    solve_t s = {.gradient = system_of, .product = times};
    CHECK_OK(optim_create(&s.opt, "flexible_cg", options));
    solve_add(&s, "x", D, 0);
    for (size_t i = 0; i < D; ++i)
        diag[i] = entry(i, i);
    CHECK_OK(optim_set_input(s.opt, -1, "diag", OPTIM_F64, 1, &length, diag));
    CHECK_OK(optim_set_input(s.opt, -1, "direction", OPTIM_F64, 1, &length, q));
    const double first = error_of(&s, want);
    double error = first;
    int steps = 0;
    for (; steps < most && error > 1e-16 * first; ++steps) {
        perturb(&s, steps, q);
        solve_steps(&s, 1);
        const double now = error_of(&s, want);
        CHECK_AT_MOST(now, error + 1e-16);
        error = now;
    }
    optim_destroy(s.opt);
    return steps;
}

static void test_conjugate_directions_end(void **state) {
    (void)state;
    assert_in_range(steps_to("history=1", 60), 7, 8);
    assert_in_range(steps_to("history=2", 60), 7, 8);
    assert_in_range(steps_to("direction=jacobi,history=1", 60), 7, 8);
    assert_int_equal(steps_to("history=0", 40), 40);
    assert_in_range(steps_to("direction=input,history=1", 60), 20, 40);
    assert_in_range(steps_to("direction=input,history=2", 60), 20, 40);
    assert_in_range(steps_to("direction=input,history=8", 60), 7, 9);
}

static void negative(const solve_t *s, const double *v, double *hv) {
    times(s, v, hv);
    for (size_t i = 0; i < D; ++i)
        hv[i] = -hv[i];
}

static void test_flexible_cg_refuses(void **state) {
    (void)state;
    solve_t s = {.gradient = system_of, .product = negative};
    CHECK_OK(optim_create(&s.opt, "flexible_cg", NULL));
    solve_add(&s, "x", D, 0);
    CHECK_REFUSED(solve_step(&s), OPTIM_ERR_DOMAIN, "positive definite");
    for (size_t i = 0; i < D; ++i)
        assert_true(s.x[i] == 0);
    optim_destroy(s.opt);
    static const char *const OPTIONS[] = {"direction=jacobi", "direction=input"};
    static const char *const INPUTS[] = {"diag", "direction"};
    for (int k = 0; k < 2; ++k) {
        static double zero[D];
        const int64_t lengths[] = {D - 1, D};
        solve_t other = {.gradient = system_of, .product = times};
        CHECK_OK(optim_create(&other.opt, "flexible_cg", OPTIONS[k]));
        solve_add(&other, "x", D, 0);
        CHECK_REFUSED(solve_step(&other), OPTIM_ERR_SHAPE, INPUTS[k]);
        for (int i = 0; i < 2 - k; ++i) {
            CHECK_OK(optim_set_input(other.opt, -1, INPUTS[k], OPTIM_F64, 1, &lengths[i], zero));
            CHECK_REFUSED(solve_step(&other), OPTIM_ERR_SHAPE, INPUTS[k]);
        }
        optim_destroy(other.opt);
    }
}

/* ---- power_method ---- */

enum { SPIKED = 10, SPIKE = 3 };

static double spiked(size_t i, size_t j) {
    return (i < SPIKE && j < SPIKE ? 1 : 0) +
           0.25 * (sin(1.3 * (double)i + 0.7 * (double)j) + sin(1.3 * (double)j + 0.7 * (double)i));
}

/* The input and the products it stands for lead to the same place; `cosine` is that with the spike. */
static void power_method(const char *options, double *value, double *cosine) {
    static double matrix[SPIKED * SPIKED];
    const int64_t dims[] = {SPIKED, SPIKED};
    solve_t s = {.d = 0};
    CHECK_OK(optim_create(&s.opt, "power_method", options));
    solve_add(&s, "x", SPIKED, 0);
    for (size_t i = 0; i < SPIKED; ++i) {
        s.x[i] = 1 + 0.1 * (double)i;
        for (size_t j = 0; j < SPIKED; ++j)
            matrix[i * SPIKED + j] = spiked(i, j);
    }
    CHECK_OK(optim_set_input(s.opt, -1, "matrix", OPTIM_F64, 2, dims, matrix));
    solve_steps(&s, 300);
    CHECK_OK(optim_get(s.opt, 0, "value", value));
    *cosine = 0;
    for (size_t i = 0; i < SPIKE; ++i)
        *cosine += s.x[i] / sqrt(SPIKE);
    *cosine = fabs(*cosine);
    optim_destroy(s.opt);
}

static void test_power_method_finds_the_spike(void **state) {
    (void)state;
    double value, cosine;
    power_method(NULL, &value, &cosine);
    CHECK_CLOSE(value, 3.7368, 1e-4);
    CHECK_CLOSE(cosine, 0.9796, 1e-4);
    power_method("map=abs_topk,k=3", &value, &cosine);
    CHECK_CLOSE(cosine, 0.9952, 1e-4);
    power_method("map=proj_nonneg", &value, &cosine);
    CHECK_CLOSE(cosine, 0.9942, 1e-4);
}

static void test_power_method_refuses_nothing(void **state) {
    (void)state;
    static double matrix[4] = {0};
    const int64_t dims[] = {2, 2}, wrong[] = {4, 1};
    solve_t s = {.d = 0};
    CHECK_OK(optim_create(&s.opt, "power_method", NULL));
    solve_add(&s, "x", 2, 0);
    CHECK_OK(optim_set_input(s.opt, -1, "matrix", OPTIM_F64, 2, wrong, matrix));
    CHECK_REFUSED(solve_step(&s), OPTIM_ERR_SHAPE, "matrix");
    CHECK_OK(optim_set_input(s.opt, -1, "matrix", OPTIM_F64, 2, dims, matrix));
    CHECK_REFUSED(solve_step(&s), OPTIM_ERR_DOMAIN, "the parameters are 0");
    s.x[0] = 2;
    CHECK_REFUSED(solve_step(&s), OPTIM_ERR_DOMAIN, "nothing is left");
    optim_destroy(s.opt);
}

/* ---- halpern: T(x)_i = kappa cos(x_{i+1}) + 0.1 i ---- */

enum { SITES = 5 };

static double contraction(const solve_t *s, const double *x, double *g) {
    const double kappa = *(const double *)s->data;
    for (size_t i = 0; i < SITES; ++i)
        g[i] = x[i] - (kappa * cos(x[(i + 1) % SITES]) + 0.1 * (double)i);
    return 0;
}

static void run_contraction(const double *kappa, const char *options, int steps, double *x) {
    solve_t s = {.gradient = contraction, .data = kappa};
    CHECK_OK(optim_create(&s.opt, "halpern", options));
    solve_add(&s, "x", SITES, 0);
    for (size_t i = 0; i < SITES; ++i)
        s.x[i] = sin((double)(i + 1) * (double)(i + 1));
    for (int i = 0; i < steps; ++i)
        solve_steps(&s, 1);
    memcpy(x, s.x, SITES * sizeof *x);
    optim_destroy(s.opt);
}

static double distance(const double *x, const double *y) {
    double square = 0;
    for (size_t i = 0; i < SITES; ++i)
        square += (x[i] - y[i]) * (x[i] - y[i]);
    return sqrt(square);
}

/* |x_t - x*| <= prod_{s < t} (1 - 2 (1 - kappa) / (s + 2)) |x_0 - x*| for the averaged iteration. */
static void test_averages_contract(void **state) {
    (void)state;
    static const double KAPPA[] = {0.2, 0.5, 0.8};
    for (int k = 0; k < 3; ++k) {
        double solution[SITES], x[SITES], bound;
        run_contraction(&KAPPA[k], "scheme=plain", 400, solution);
        run_contraction(&KAPPA[k], "scheme=plain", 0, x);
        bound = distance(x, solution);
        for (int t = 1; t <= 30; ++t) {
            bound *= 1 - 2 * (1 - KAPPA[k]) / (t + 1);
            run_contraction(&KAPPA[k], "scheme=average", t, x);
            CHECK_AT_MOST(distance(x, solution), 0.3 * bound + 1e-15);
        }
    }
}

/* A box and a plane that do not meet: both numbers go to the way from one to the other. */
static void test_infeasibility_is_seen(void **state) {
    (void)state;
    static const char *const OPTIONS[] = {"lo=-1,hi=1,s=12", "lo=-1,hi=1,s=12,scheme=plain"};
    for (int k = 0; k < 2; ++k) {
        solve_t s = {.d = 0};
        CHECK_OK(optim_create(&s.opt, "halpern", OPTIONS[k]));
        solve_add(&s, "x", 6, 0);
        s.x[0] = 0.5;
        assert_int_equal(optim_wants_gradient(s.opt), 0);
        solve_steps(&s, 2000);
        for (size_t i = 0; i < 6; ++i)
            CHECK_CLOSE(s.x[i] / 2000, k == 0 ? 0.5 : 1, 2e-3);
        optim_destroy(s.opt);
    }
}

static void test_entropic_refuses_negative(void **state) {
    (void)state;
    const double kappa = 0.5;
    solve_t s = {.gradient = contraction, .data = &kappa};
    CHECK_OK(optim_create(&s.opt, "halpern", "map=entropic"));
    solve_add(&s, "x", SITES, 0);
    s.x[1] = -1;
    CHECK_REFUSED(solve_step(&s), OPTIM_ERR_DOMAIN, "entropic");
    optim_destroy(s.opt);
    CHECK_REFUSED(optim_create(&s.opt, "halpern", "lo=1,hi=0"), OPTIM_ERR_VALUE, "lo");
}

/* ---- rls ---- */

static double feature(int row, int column) {
    return sin(1.7 * row + 2.3 * column * column + 0.9 * row * column + 0.5);
}

/* W minimises the weighted squares of all rows, of which each step brings b, and the distance from the start. */
static void check_ridge(int b, double mu, double reg, const char *options) {
    enum { STEPS = 60 };
    static double x[3][2], y[3];
    double A[3] = {reg, 0, reg}, c[2] = {reg * 0.3, reg * -0.2};
    solve_t s = {.d = 0};
    CHECK_OK(optim_create(&s.opt, "rls", options));
    solve_add(&s, "W", 2, 1);
    s.x[0] = 0.3;
    s.x[1] = -0.2;
    const int64_t features[] = {b, 2}, targets[] = {b, 1};
    CHECK_OK(optim_set_input(s.opt, -1, "features", OPTIM_F64, 2, features, x));
    CHECK_OK(optim_set_input(s.opt, -1, "targets", OPTIM_F64, 2, targets, y));
    for (int t = 0; t < STEPS; ++t) {
        for (int i = 0; i < 3; ++i)
            A[i] *= mu;
        for (int i = 0; i < 2; ++i)
            c[i] *= mu;
        for (int r = 0; r < b; ++r) {
            const int row = t * b + r;
            x[r][0] = feature(row, 0);
            x[r][1] = feature(row, 1);
            y[r] = cos(0.9 * row);
            A[0] += x[r][0] * x[r][0];
            A[1] += x[r][0] * x[r][1];
            A[2] += x[r][1] * x[r][1];
            c[0] += x[r][0] * y[r];
            c[1] += x[r][1] * y[r];
        }
        solve_steps(&s, 1);
        const double determinant = A[0] * A[2] - A[1] * A[1];
        CHECK_CLOSE(s.x[0], (A[2] * c[0] - A[1] * c[1]) / determinant, 1e-13);
        CHECK_CLOSE(s.x[1], (A[0] * c[1] - A[1] * c[0]) / determinant, 1e-13);
    }
    optim_destroy(s.opt);
}

static void test_rls_is_weighted_ridge(void **state) {
    (void)state;
    for (int b = 0; b <= 3; ++b) {
        check_ridge(b, 1, 1, NULL);
        check_ridge(b, 0.95, 0.5, "forget=0.95,reg=0.5");
        check_ridge(b, 1 / (1.002 * 1.002), 1, "theta=1.002");
    }
}

/* What has grown beyond all bounds is an error; so are inputs that do not fit. */
static void test_rls_refuses(void **state) {
    (void)state;
    static double x[2] = {0, 0}, y[2] = {1, 1};
    const int64_t features[] = {1, 2}, targets[] = {1, 1}, wide[] = {1, 1}, long_targets[] = {2, 1};
    solve_t s = {.d = 0};
    CHECK_REFUSED(optim_create(&s.opt, "rls", "theta=0.5"), OPTIM_ERR_VALUE, "theta");
    CHECK_OK(optim_create(&s.opt, "rls", "forget=0.01"));
    solve_add(&s, "W", 2, 1);
    CHECK_OK(optim_set_input(s.opt, -1, "features", OPTIM_F64, 2, wide, x));
    CHECK_OK(optim_set_input(s.opt, -1, "targets", OPTIM_F64, 2, targets, y));
    CHECK_REFUSED(solve_step(&s), OPTIM_ERR_SHAPE, "features");
    CHECK_OK(optim_set_input(s.opt, -1, "features", OPTIM_F64, 2, features, x));
    CHECK_OK(optim_set_input(s.opt, -1, "targets", OPTIM_F64, 2, long_targets, y));
    CHECK_REFUSED(solve_step(&s), OPTIM_ERR_SHAPE, "equally many rows");
    CHECK_OK(optim_set_input(s.opt, -1, "targets", OPTIM_F64, 2, targets, y));
    solve_steps(&s, 150);
    optim_status status = OPTIM_OK;
    for (int i = 0; i < 20 && status == OPTIM_OK; ++i)
        status = solve_step(&s);
    CHECK_REFUSED(status, OPTIM_ERR_NONFINITE, "raise forget");
    assert_true(s.x[0] == 0);
    optim_destroy(s.opt);
}

/* ---- sor_bandit: tridiagonal systems whose diagonals take turns ---- */

static double number(const solve_t *s, const char *key, int index) {
    double value;
    char *name = index < 0 ? check_text("%s", key) : check_text("%s_%d", key, index);
    CHECK_OK(optim_get(s->opt, 0, name, &value));
    free(name);
    return value;
}

/* Of a round that begins with the estimates `lhat`: p_j = 4 (eta (lhat_j - y))^-2 for one y. */
static void check_probabilities(const solve_t *s, int arms, int t, const double *lhat) {
    double sum = 0, least = INFINITY, most = -INFINITY;
    for (int j = 0; j < arms; ++j) {
        const double p = number(s, "p", arms > 1 ? j : -1), y = lhat[j] - sqrt(t / p);
        sum += p;
        least = fmin(least, y);
        most = fmax(most, y);
    }
    CHECK_CLOSE(sum, 1, 1e-13);
    CHECK_AT_MOST(most - least, 1e-8 * (1 + fabs(least)));
}

/* Mean number of sweeps. */
static double relax(const char *options, int arms, int rounds) {
    enum { SIZE = 10, ARMS = 40 };
    double matrix[SIZE * SIZE], b[SIZE], lhat[ARMS] = {0}, sweeps = 0;
    solve_t s = {.d = 0};
    CHECK_OK(optim_create(&s.opt, "sor_bandit", options));
    solve_add(&s, "x", SIZE, 0);
    CHECK_OK(optim_set_input(s.opt, -1, "matrix", OPTIM_F64, 2, (int64_t[]){SIZE, SIZE}, matrix));
    CHECK_OK(optim_set_input(s.opt, -1, "b", OPTIM_F64, 1, (int64_t[]){SIZE}, b));
    for (int t = 1; t <= rounds; ++t) {
        for (int i = 0; i < SIZE; ++i) {
            b[i] = sin(i + 1);
            for (int j = 0; j < SIZE; ++j)
                matrix[i * SIZE + j] = i == j ? 2.1 + 0.1 * (t % 3) : abs(i - j) == 1 ? -1 : 0;
        }
        solve_steps(&s, 1);
        check_probabilities(&s, arms, t, lhat);
        for (int j = 0; j < arms; ++j)
            lhat[j] = number(&s, "lhat", arms > 1 ? j : -1);
        sweeps += number(&s, "iters", -1) / rounds;
    }
    optim_destroy(s.opt);
    return sweeps;
}

/* The best of the fixed omegas needs 20.3 sweeps, the others 29 to 132. */
static void test_relaxation_is_learned(void **state) {
    (void)state;
    CHECK_AT_MOST(relax(NULL, 5, 1500), 28);
    CHECK_AT_MOST(relax("arms=2", 2, 300), 90);
    (void)relax("arms=1", 1, 20);
    (void)relax("arms=7,kmax=20,tol=1e-8", 7, 300); /* Newton's step from the left leads too far */
    (void)relax("arms=40", 40, 300);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conjugate_directions_end),
        cmocka_unit_test(test_flexible_cg_refuses),
        cmocka_unit_test(test_power_method_finds_the_spike),
        cmocka_unit_test(test_power_method_refuses_nothing),
        cmocka_unit_test(test_averages_contract),
        cmocka_unit_test(test_infeasibility_is_seen),
        cmocka_unit_test(test_entropic_refuses_negative),
        cmocka_unit_test(test_rls_is_weighted_ridge),
        cmocka_unit_test(test_rls_refuses),
        cmocka_unit_test(test_relaxation_is_learned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
