/* scgd against what it tracks, mlmc against what its mean is, sgmm against the truth. */
#include <math.h>
#include <string.h>

#include "check.h"

/* ---- scgd on F(x) = lam ln mean exp(c_j / lam) + 0.05 x^2, c_j = (a_j x - b_j)^2 / 2 with one x ---- */

enum { N = 12 };

static double slope_of(int j) {
    return sin(1.7 * j + 0.5);
}
static double target_of(int j) {
    return cos(0.9 * j);
}
static double inner(int64_t j, double x) {
    const double residual = slope_of((int)j) * x - target_of((int)j);
    return residual * residual / 2;
}
static double inner_slope(int64_t j, double x) {
    return (slope_of((int)j) * x - target_of((int)j)) * slope_of((int)j);
}

static double outer_slope(double x, double lam) {
    double sum = 0, weighted = 0;
    for (int j = 0; j < N; ++j) {
        sum += exp(inner(j, x) / lam);
        weighted += exp(inner(j, x) / lam) * inner_slope(j, x);
    }
    return weighted / sum + 0.1 * x;
}

static void answer(optim_t *opt, double x, double *g) {
    optim_request request = {.size = sizeof request};
    double losses[N];
    CHECK_OK(optim_request_info(opt, &request));
    if (request.kind == OPTIM_EVAL_LOSSES) {
        for (int64_t k = 0; k < request.count; ++k)
            losses[k] = inner(request.component + k, x);
        CHECK_OK(optim_set_losses(opt, losses, (size_t)request.count));
    } else {
        *g = request.objective == 1 ? inner_slope(request.component, x) : 0.1 * x;
    }
}

static optim_t *open_scgd(const char *options, double *x, double *g) {
    const int64_t one = 1;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "scgd", options));
    CHECK_OK(optim_set_components(opt, N));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &one, x, g));
    return opt;
}

static void step(optim_t *opt, const double *x, double *g) {
    optim_status status;
    while ((status = optim_step(opt)) > 0)
        answer(opt, *x, g);
    CHECK_OK(status);
}

/* All components and gamma = 1: gradient descent on F. */
static void test_full_is_descent(void **state) {
    (void)state;
    double x = 0.8, g = 0, want = 0.8;
    optim_t *opt = open_scgd("lr=0.2,gamma=1,lam=0.5", &x, &g);
    for (int k = 0; k < 20; ++k) {
        want -= 0.2 * outer_slope(want, 0.5);
        step(opt, &x, &g);
        CHECK_CLOSE(x, want, 1e-13);
    }
    optim_destroy(opt);
}

/* Batches of two: the mean of the last steps is the minimizer if u is tracked, and is not if it is not. */
static double mean_slope(const char *options) {
    double x = 0.8, g = 0, sum = 0;
    optim_t *opt = open_scgd(options, &x, &g);
    for (int k = 0; k < 40000; ++k) {
        step(opt, &x, &g);
        sum += k < 10000 ? 0 : x / 30000;
    }
    optim_destroy(opt);
    return fabs(outer_slope(sum, 0.1));
}

static void test_tracking_removes_the_bias(void **state) {
    (void)state;
    const double tracked = mean_slope("lr=0.01,gamma=0.05,lam=0.1,batch=2");
    const double biased = mean_slope("lr=0.01,gamma=1,lam=0.1,batch=2");
    CHECK_AT_MOST(tracked, 0.02);
    CHECK_AT_MOST(10 * tracked, biased);
}

static void test_scgd_refuses(void **state) {
    (void)state;
    double x = 1, g = 0;
    optim_t *opt = open_scgd("batch=13", &x, &g);
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_VALUE, "no more than the number of components");
    optim_destroy(opt);
    opt = open_scgd("outer=sqnorm", &x, &g);
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_ORDER, "optim_set_constraints");
    optim_destroy(opt);
}

/* ---- mlmc on a sticky chain: four states, value sin(1 + 2 i), each step begins in state 0 ---- */

static uint64_t noise = 1;

static double uniform(void) {
    noise = noise * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(noise >> 11) * 0x1p-53;
}

static double sample(int *place) {
    const double value = sin(1.0 + 2 * *place);
    if (uniform() >= 0.9)
        *place = (*place + 1 + (int)(3 * uniform())) % 4;
    return value;
}

/* The mean gradient is that of eight consecutive samples, .599; the first sample's is .841. It costs 3.125 a step. */
static void test_mlmc_mean(void **state) {
    (void)state;
    enum { DRAWS = 20000 };
    double x = 0, g = 0;
    int64_t samples = 0;
    const int64_t one = 1;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", "lr=1"));
    CHECK_OK(optim_wrap(opt, "mlmc", NULL));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &one, &x, &g));
    for (int k = 0; k < DRAWS; ++k) {
        int place = 0;
        optim_status status;
        do {
            g = sample(&place);
            ++samples;
            CHECK_OK(optim_set_loss(opt, g));
            status = optim_step(opt);
        } while (status > 0);
        CHECK_OK(status);
    }
    CHECK_CLOSE(-x / DRAWS, 0.599, 0.03);
    CHECK_CLOSE((double)samples / DRAWS, 3.125, 0.1);
    optim_destroy(opt);
}

static void test_mlmc_refuses(void **state) {
    (void)state;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", NULL));
    CHECK_REFUSED(optim_wrap(opt, "mlmc", "t_max=12"), OPTIM_ERR_VALUE, "power of 2");
    optim_destroy(opt);
}

/* ---- sgmm: x = z + e, y = 0.7 x + 2 e: the regressor is correlated with the error, the instruments are not ---- */

static double centred(void) {
    return uniform() + uniform() + uniform() + uniform() - 2;
}

static void test_sgmm_is_consistent(void **state) {
    (void)state;
    static const char *const OPTIONS[] = {"lr=0.5,n0=10", "lr=0.5,n0=10,weight=gmm,warm=200"};
    enum { OBSERVATIONS = 20000 };
    for (int k = 0; k < 2; ++k) {
        double b = 0, x = 0, y = 0, z[2], mean, xx = 0, xy = 0;
        const int64_t one = 1, two = 2;
        optim_t *opt;
        CHECK_OK(optim_create(&opt, "sgmm", OPTIONS[k]));
        CHECK_OK(optim_set_components(opt, 2));
        CHECK_OK(optim_add_param(opt, 0, "b", OPTIM_F64, 1, &one, &b, NULL));
        CHECK_OK(optim_set_input(opt, -1, "x", OPTIM_F64, 1, &one, &x));
        CHECK_OK(optim_set_input(opt, -1, "y", OPTIM_F64, 1, &one, &y));
        CHECK_OK(optim_set_input(opt, -1, "z", OPTIM_F64, 1, &two, z));
        for (int t = 0; t < OBSERVATIONS; ++t) {
            const double e = centred();
            z[0] = centred();
            z[1] = 0.5 * z[0] + centred();
            x = z[0] + 0.5 * z[1] + e;
            y = 0.7 * x + 2 * e;
            xx += x * x;
            xy += x * y;
            CHECK_OK(optim_step(opt));
        }
        CHECK_OK(optim_output(opt, 0, &mean));
        CHECK_CLOSE(mean, 0.7, 0.05);
        CHECK_AT_MOST(1.1, xy / xx); /* where least squares ends */
        z[1] = (double)NAN;
        CHECK_REFUSED(optim_step(opt), OPTIM_ERR_SHAPE, "\"z\" must have a finite number");
        optim_destroy(opt);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_is_descent), cmocka_unit_test(test_tracking_removes_the_bias),
        cmocka_unit_test(test_scgd_refuses),    cmocka_unit_test(test_mlmc_mean),
        cmocka_unit_test(test_mlmc_refuses),    cmocka_unit_test(test_sgmm_is_consistent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
