/* sam with period (LookSAM), against the same arithmetic in plain C. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { N = 3 };
static const double CURVATURE[N] = {1, 3, 0.5};

static void gradient(const double *x, double *g) {
    for (int i = 0; i < N; ++i)
        g[i] = CURVATURE[i] * x[i] + 0.1 * x[(i + 1) % N];
}

static double dot(const double *a, const double *b) {
    double sum = 0;
    for (int i = 0; i < N; ++i)
        sum += a[i] * b[i];
    return sum;
}

/* One step of the paper's algorithm with SGD: lr 0.1, rho 0.05, alpha 0.7. */
static void by_hand(int t, int period, double *x, double *v) {
    double g[N], h[N], at[N];
    gradient(x, g);
    if (t % period == 0) {
        for (int i = 0; i < N; ++i)
            at[i] = x[i] + 0.05 * g[i] / sqrt(dot(g, g));
        gradient(at, h);
        for (int i = 0; i < N; ++i)
            v[i] = h[i] - dot(g, h) / dot(g, g) * g[i];
    } else {
        for (int i = 0; i < N; ++i)
            h[i] = g[i] + 0.7 * sqrt(dot(g, g) / dot(v, v)) * v[i];
    }
    for (int i = 0; i < N; ++i)
        x[i] -= 0.1 * h[i];
}

static optim_t *looksam(const char *method, const char *options, double *x, double *g) {
    optim_t *opt;
    CHECK_OK(optim_create(&opt, method, "lr=0.1"));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){1}, x, g));
    CHECK_OK(optim_add_param(opt, 0, "rest", OPTIM_F64, 1, (int64_t[]){N - 1}, x + 1, g + 1));
    CHECK_OK(optim_wrap(opt, "sam", options));
    return opt;
}

/* How many evaluations it took. */
static int step(optim_t *opt, const double *x, double *g) {
    int evaluations = 0;
    optim_status status = OPTIM_EVAL_GRAD;
    while (status > 0) {
        gradient(x, g);
        ++evaluations;
        status = optim_step(opt);
    }
    CHECK_OK(status);
    return evaluations;
}

static void test_as_by_hand(void **state) {
    (void)state;
    for (int period = 1; period <= 3; ++period) {
        double x[N] = {1, -2, 3}, want[N] = {1, -2, 3}, g[N], v[N] = {0};
        char *options = check_text("eps=0,period=%d", period);
        optim_t *opt = looksam("sgd", options, x, g);
        for (int t = 0; t < 7; ++t) {
            assert_int_equal(step(opt, x, g), t % period == 0 ? 2 : 1);
            by_hand(t, period, want, v);
            for (int i = 0; i < N; ++i)
                CHECK_CLOSE(x[i], want[i], 1e-13);
        }
        free(options);
        optim_destroy(opt);
    }
}

/* A step given up, and a run saved and loaded in between, go on to the bit. */
static void test_undone_and_saved(void **state) {
    (void)state;
    double x[N] = {1, -2, 3}, y[N] = {1, -2, 3}, g[N];
    optim_t *opt = looksam("extragradient", "period=2", x, g), *twin = looksam("extragradient", "period=2", y, g);
    for (int t = 0; t < 5; ++t) {
        gradient(x, g);
        optim_status status = optim_step(opt);
        for (int i = 0; status > 0 && i < 2; ++i) {
            gradient(x, g);
            status = optim_step(opt);
        }
        if (status > 0)
            CHECK_OK(optim_cancel(opt));
        else
            break;
        (void)step(opt, x, g);
        (void)step(twin, y, g);
        assert_memory_equal(x, y, sizeof x);
        size_t size;
        void *saved = check_serialized(opt, &size);
        optim_destroy(opt);
        opt = looksam("extragradient", NULL, x, g);
        CHECK_OK(optim_set(opt, -1, "sam.period", 2));
        CHECK_OK(optim_deserialize(opt, saved, size));
        free(saved);
        if (t == 0) { /* the next one asks once less: taken as a whole */
            (void)step(opt, x, g);
            (void)step(twin, y, g);
            assert_memory_equal(x, y, sizeof x);
        }
    }
    optim_destroy(opt);
    optim_destroy(twin);
}

static void test_refusals(void **state) {
    (void)state;
    double x[N] = {1, 2, 3}, g[N];
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", NULL));
    CHECK_REFUSED(optim_wrap(opt, "sam", "period=-1"), OPTIM_ERR_VALUE, "period");
    CHECK_REFUSED(optim_wrap(opt, "sam", "period=1.5"), OPTIM_ERR_VALUE, "period");
    CHECK_REFUSED(optim_wrap(opt, "sam", "alpha=-1"), OPTIM_ERR_VALUE, "alpha");
    optim_destroy(opt);
    opt = looksam("sgd", NULL, x, g);
    (void)step(opt, x, g);
    CHECK_REFUSED(optim_set(opt, -1, "sam.period", 2), OPTIM_ERR_ORDER, "memory");
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_by_hand),
        cmocka_unit_test(test_undone_and_saved),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
