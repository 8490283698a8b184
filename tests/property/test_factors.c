/* What methods on factors of low-rank matrices are held to. */
#include <math.h>
#include <stdlib.h>

#include "solve.h"

/* ---- |X X' - M|^2 / 4, or |F G' - M|^2 / 2, of a diagonal M ---- */

typedef struct target {
    size_t n, k;
    double diagonal[32];
    int symmetric;
} target_t;

/* Entry of X X' - M, or F G' - M; L and R are n by k. */
static double residual(const target_t *t, const double *L, const double *R, size_t i, size_t j) {
    double sum = i == j ? -t->diagonal[i] : 0;
    for (size_t l = 0; l < t->k; ++l)
        sum += L[i * t->k + l] * R[j * t->k + l];
    return sum;
}

static double factored(const solve_t *s, const double *x, double *g) {
    const target_t *t = s->data;
    const size_t size = t->n * t->k;
    const double *L = x, *R = t->symmetric ? x : x + size;
    double square = 0, *gl = g, *gr = t->symmetric ? NULL : g + size;
    for (size_t i = 0; i < s->d; ++i)
        g[i] = 0;
    for (size_t i = 0; i < t->n; ++i)
        for (size_t j = 0; j < t->n; ++j) {
            const double r = residual(t, L, R, i, j);
            square += r * r;
            for (size_t l = 0; l < t->k; ++l) {
                gl[i * t->k + l] += r * R[j * t->k + l];
                if (gr != NULL)
                    gr[j * t->k + l] += r * L[i * t->k + l];
            }
        }
    return square / (t->symmetric ? 4 : 2);
}

static double error_of(const solve_t *s) {
    const target_t *t = s->data;
    double g[SOLVE_MOST], square = 0;
    for (size_t i = 0; i < t->n; ++i)
        square += t->diagonal[i] * t->diagonal[i];
    return sqrt(factored(s, s->x, g) * (t->symmetric ? 4 : 2) / square);
}

static void start(solve_t *s, size_t first, size_t count, double scale, uint64_t seed) {
    for (size_t i = 0; i < count; ++i)
        s->x[first + i] = scale * solve_normal(&seed);
}

/* As fast whatever the condition number is, where gradient descent is not. */
static int scaled_gd_steps(double condition) {
    const target_t target = {20, 5, {1, 1 / condition}, 1};
    solve_t s = {.gradient = factored, .data = &target};
    char *options = check_text("lr=0.3,damping=%.17g", 1e-4 / (condition * condition));
    int steps = 0;
    CHECK_OK(optim_create(&s.opt, "scaled_gd", options));
    solve_add(&s, "X", 20, 5);
    start(&s, 0, s.d, 5e-4 / sqrt(20), 7);
    for (; steps < 100 && !(error_of(&s) < 1e-6); ++steps)
        solve_steps(&s, 1);
    optim_destroy(s.opt);
    free(options);
    return steps;
}

static void test_scaled_gd_does_not_mind_condition(void **state) {
    (void)state;
    for (double condition = 1; condition <= 100; condition *= 10)
        assert_in_range(scaled_gd_steps(condition), 1, 60);
}

/* Partners scale each other: with (2, 0)', say, as R the step of L is g / (4 + damping). */
static void test_scaled_gd_pairs(void **state) {
    (void)state;
    static double x[] = {1, 2, 0, 3, 5, 7}, g[] = {1, 10, 20, 1, 1, 1};
    const int64_t one[] = {1, 1}, two[] = {2, 1}, wide[] = {1, 3};
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "scaled_gd", "lr=1,damping=1,pairs=1"));
    CHECK_OK(optim_add_param(opt, 0, "L", OPTIM_F64, 2, one, x, g));
    CHECK_OK(optim_add_param(opt, 0, "R", OPTIM_F64, 2, two, x + 1, g + 1));
    CHECK_OK(optim_add_param(opt, 0, "alone", OPTIM_F64, 2, wide, x + 3, g + 3));
    CHECK_OK(optim_step(opt));
    CHECK_CLOSE(x[0], 1 - 1.0 / 5, 1e-15);
    CHECK_CLOSE(x[1], 2 - 10.0 / 2, 1e-15);
    CHECK_CLOSE(x[2], 0 - 20.0 / 2, 1e-15);
    CHECK_CLOSE(x[3], 3 - (1 - 15.0 * 3 / 84), 1e-14); /* (x x' + I)^-1 = I - x x' / (1 + |x|^2) */
    optim_destroy(opt);
}

static double asym_gd_error(const char *options) {
    const target_t target = {30, 8, {1, 0.8, 0.6}, 0};
    solve_t s = {.gradient = factored, .data = &target};
    CHECK_OK(optim_create(&s.opt, "asym_gd", options));
    solve_add(&s, "F", 30, 8);
    solve_add(&s, "G", 30, 8);
    start(&s, 0, 240, 0.05, 1);
    start(&s, 240, 240, 0.05 / 3, 2);
    solve_steps(&s, 1000);
    const double error = error_of(&s);
    optim_destroy(s.opt);
    return error;
}

static void test_asym_gd_gains_by_the_switch(void **state) {
    (void)state;
    CHECK_AT_MOST(1e-5, asym_gd_error("lr=0.1"));
    CHECK_AT_MOST(asym_gd_error("lr=0.1,switch_step=300"), 1e-12);
}

static void test_asym_gd_keeps_the_product(void **state) {
    (void)state;
    const target_t target = {4, 2, {0}, 0};
    solve_t s = {.gradient = factored, .data = &target};
    double before[16], gram[3] = {0};
    CHECK_OK(optim_create(&s.opt, "asym_gd", "lr=0,switch_step=1,beta=1.5"));
    solve_add(&s, "F", 4, 2);
    solve_add(&s, "G", 4, 2);
    start(&s, 0, 16, 1, 3);
    for (size_t i = 0; i < 16; ++i)
        before[i] = residual(&target, s.x, s.x + 8, i / 4, i % 4);
    solve_steps(&s, 1);
    for (size_t i = 0; i < 16; ++i)
        CHECK_CLOSE(residual(&target, s.x, s.x + 8, i / 4, i % 4), before[i], 1e-14);
    for (size_t i = 0; i < 4; ++i) {
        gram[0] += s.x[2 * i] * s.x[2 * i];
        gram[1] += s.x[2 * i] * s.x[2 * i + 1];
        gram[2] += s.x[2 * i + 1] * s.x[2 * i + 1];
    }
    CHECK_CLOSE(gram[0], 2.25, 1e-14);
    CHECK_CLOSE(gram[1], 0, 1e-14);
    CHECK_CLOSE(gram[2], 2.25, 1e-14);
    optim_destroy(s.opt);
}

/* F and G as they are named: what cannot be balanced is refused at the switch, and nothing has moved. */
static void test_asym_gd_refuses(void **state) {
    (void)state;
    static const struct {
        size_t rows_f, columns_f, rows_g, columns_g;
        optim_status status;
        const char *names;
    } CASES[] = {{3, 2, 4, 1, OPTIM_ERR_SHAPE, "equally many columns"},
                 {2, 3, 4, 3, OPTIM_ERR_SHAPE, "more columns than rows"},
                 {3, 2, 4, 0, OPTIM_ERR_SHAPE, "two matrices"},
                 {3, 2, 4, 2, OPTIM_ERR_DOMAIN, "singular"}};
    const target_t target = {0, 0, {0}, 1};
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; ++k) {
        solve_t s = {.gradient = factored, .data = &target};
        CHECK_OK(optim_create(&s.opt, "asym_gd", "switch_step=2"));
        solve_add(&s, "F", CASES[k].rows_f, CASES[k].columns_f);
        solve_add(&s, "G", CASES[k].rows_g, CASES[k].columns_g);
        for (size_t i = 0; i < s.d; ++i)
            s.x[i] = 1;
        solve_steps(&s, 1);
        CHECK_REFUSED(solve_step(&s), CASES[k].status, CASES[k].names);
        for (size_t i = 0; i < s.d; ++i)
            assert_true(s.x[i] == 1);
        optim_destroy(s.opt);
    }
}

/* ---- subgm: mean |<A_l, U U'> - y_l| with outliers ---- */

enum { N = 10, MEASURED = 400 };
typedef struct measured {
    double A[MEASURED][N * N], y[MEASURED];
} measured_t;

static double robust(const solve_t *s, const double *u, double *g) {
    const measured_t *data = s->data;
    double loss = 0;
    for (size_t i = 0; i < N * N; ++i)
        g[i] = 0;
    for (size_t l = 0; l < MEASURED; ++l) {
        const double *A = data->A[l];
        double r = -data->y[l], AU[N * N] = {0};
        for (size_t i = 0; i < N; ++i)
            for (size_t j = 0; j < N; ++j)
                for (size_t k = 0; k < N; ++k)
                    AU[i * N + k] += (A[i * N + j] + A[j * N + i]) * u[j * N + k];
        for (size_t i = 0; i < N * N; ++i)
            r += u[i] * AU[i] / 2;
        loss += fabs(r) / MEASURED;
        for (size_t i = 0; i < N * N; ++i)
            g[i] += (r > 0 ? AU[i] : -AU[i]) / MEASURED;
    }
    return loss;
}

static double recovery_error(const double *u) {
    double square = 0;
    for (size_t i = 0; i < N; ++i)
        for (size_t j = 0; j < N; ++j) {
            double entry = i != j ? 0 : i == 0 ? -1 : i == 1 ? -0.7 : 0;
            for (size_t k = 0; k < N; ++k)
                entry += u[i * N + k] * u[j * N + k];
            square += entry * entry;
        }
    return sqrt(square);
}

static void test_subgm_recovers(void **state) {
    (void)state;
    static measured_t data;
    uint64_t seed = 5;
    for (size_t l = 0; l < MEASURED; ++l) {
        for (size_t i = 0; i < N * N; ++i)
            data.A[l][i] = solve_normal(&seed);
        data.y[l] = data.A[l][0] + 0.7 * data.A[l][N + 1] + (l % 10 == 0 ? 10 * solve_normal(&seed) : 0);
    }
    solve_t s = {.gradient = robust, .data = &data};
    CHECK_OK(optim_create(&s.opt, "subgm", "lr=0.1,rho=0.99"));
    solve_add(&s, "U", N, N);
    for (size_t i = 0; i < N; ++i)
        s.x[i * N + i] = 1e-3;
    solve_steps(&s, 300);
    CHECK_AT_MOST(recovery_error(s.x), 1e-2);
    solve_steps(&s, 300);
    CHECK_AT_MOST(recovery_error(s.x), 1e-3);
    optim_destroy(s.opt);
}

static void test_subgm_normalizes(void **state) {
    (void)state;
    double x[] = {1, 1}, g[] = {3e-200, 4e-200};
    const int64_t length = 2;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "subgm", "lr=0.1,normalize=1,step_rule=constant"));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &length, x, g));
    g[0] = 3;
    g[1] = 4;
    CHECK_OK(optim_step(opt));
    CHECK_CLOSE(x[0], 1 - 0.06, 1e-15);
    CHECK_CLOSE(x[1], 1 - 0.08, 1e-15);
    g[0] = g[1] = 0;
    CHECK_OK(optim_step(opt));
    CHECK_CLOSE(x[0], 1 - 0.06, 1e-15);
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scaled_gd_does_not_mind_condition),
        cmocka_unit_test(test_scaled_gd_pairs),
        cmocka_unit_test(test_asym_gd_gains_by_the_switch),
        cmocka_unit_test(test_asym_gd_keeps_the_product),
        cmocka_unit_test(test_asym_gd_refuses),
        cmocka_unit_test(test_subgm_recovers),
        cmocka_unit_test(test_subgm_normalizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
