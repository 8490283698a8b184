/* Methods on models of components, blocks, surrogates: what they become in special cases, and where they lead. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "logistic.h"

static double number(const problem_t *p, const char *key) {
    double value;
    CHECK_OK(optim_get(p->opt, 0, key, &value));
    return value;
}

static void lend(problem_t *p, const char *name, int ndim, const int64_t *dims, const double *values) {
    CHECK_OK(optim_set_input(p->opt, -1, name, OPTIM_F64, ndim, dims, values));
}

/* x after so many steps of gradient descent. */
static void descend(double lr, int steps, double x[D]) {
    problem_t p;
    open_problem(&p, "sgd", NULL);
    CHECK_OK(optim_set(p.opt, -1, "lr", lr));
    (void)run(&p, steps);
    memcpy(x, p.x, sizeof p.x);
    optim_destroy(p.opt);
}

/* The gradient that is asked for, of several components their mean. */
static void answer(problem_t *p) {
    optim_request request = {.size = sizeof request};
    double loss, sum[D] = {0};
    CHECK_OK(optim_request_info(p->opt, &request));
    for (int64_t i = 0; i < request.count; ++i) {
        const optim_request one = {.component = request.component + i, .count = 1};
        (void)component(p, &one, &loss);
        for (int j = 0; j < D; ++j)
            sum[j] += p->g[j] / (double)request.count;
    }
    if (request.count == 0)
        (void)whole(p, &request, &loss);
    else
        memcpy(p->g, sum, sizeof sum);
}

/* One block that is always full, one inner step: each is gradient descent. */
static void test_descent(void **state) {
    (void)state;
    static const double A[N][D] = {{1, 2}, {0, 3}};
    static const char *const METHODS[][2] = {
        {"vro_cbcd", "lr=0.3,blocks=1,p=1"}, {"proxy_prox", "lr=0.3,inner=1,n_proxy=4"}, {"sso", "lr=0.3,inner=1"}};
    double want[D];
    descend(0.3, 5, want);
    for (size_t k = 0; k < sizeof METHODS / sizeof *METHODS; ++k) {
        problem_t p;
        open_problem(&p, METHODS[k][0], METHODS[k][1]);
        if (k == 2)
            lend(&p, "A", 2, (int64_t[]){N, D}, A[0]);
        for (int step = 0; step < 5; ++step)
            for (optim_status status; (status = optim_step(p.opt)) != OPTIM_OK;) {
                assert_int_equal(status, OPTIM_EVAL_GRAD);
                answer(&p);
            }
        for (int j = 0; j < D; ++j)
            CHECK_CLOSE(p.x[j], want[j], 1e-14);
        optim_destroy(p.opt);
    }
}

/* With coins and batches too the blocks end at the minimiser. */
static void test_vro_cbcd(void **state) {
    (void)state;
    static const char *const OPTIONS[] = {"lr=0.2,blocks=3", "lr=0.2,blocks=6,p=0.1,b2=4"};
    for (int k = 0; k < 2; ++k) {
        problem_t p;
        open_problem(&p, "vro_cbcd", OPTIONS[k]);
        CHECK_AT_MOST(run(&p, 1500).gradient_norm, 1e-8);
        optim_destroy(p.opt);
    }
    problem_t p;
    open_problem(&p, "vro_cbcd", "b2=13");
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_VALUE, "no more than the number of components");
    optim_destroy(p.opt);
}

/* Where x stays, alpha goes to the loss that the worst fifth exceeds. */
static void test_cvar_quantile(void **state) {
    (void)state;
    problem_t p;
    int above = 0, at_or_above = 0;
    open_problem(&p, "cvar", "lr=0,lr_alpha=0.05,beta=0.8");
    (void)run(&p, 20000);
    for (int64_t i = 0; i < N; ++i) {
        const optim_request request = {.component = i, .count = 1};
        double loss;
        (void)component(&p, &request, &loss);
        above += loss > number(&p, "alpha") + 0.02;
        at_or_above += loss > number(&p, "alpha") - 0.02;
    }
    assert_in_range(above, 0, 2); /* of 12: two and four tenths */
    assert_in_range(at_or_above, 3, N);
    optim_destroy(p.opt);
}

static void test_cvar_start(void **state) {
    (void)state;
    static const double ALPHA[] = {0.25, 1};
    problem_t p;
    open_problem(&p, "cvar", "lr_alpha=0");
    lend(&p, "alpha", 1, (int64_t[]){2}, ALPHA);
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "alpha");
    lend(&p, "alpha", 1, (int64_t[]){1}, ALPHA);
    (void)run(&p, 3);
    assert_true(number(&p, "alpha") == 0.25);
    optim_destroy(p.opt);
}

/* The gradient of the regularised risk, whose weights the method reports. */
static double risk_slope(problem_t *p, double l2) {
    double slope[D] = {0}, square = 0, sum = 0;
    for (int64_t i = 0; i < N; ++i) {
        const optim_request request = {.component = i, .count = 1};
        char key[] = "q_00";
        double loss;
        key[2] = (char)(i < 10 ? '0' + i : '1');
        key[3] = (char)(i < 10 ? '\0' : '0' + i - 10);
        (void)component(p, &request, &loss);
        sum += number(p, key);
        for (int j = 0; j < D; ++j)
            slope[j] += number(p, key) * p->g[j];
    }
    CHECK_CLOSE(sum, 1, 1e-14);
    for (int j = 0; j < D; ++j)
        square += (slope[j] + l2 * p->x[j]) * (slope[j] + l2 * p->x[j]);
    return sqrt(square);
}

static void test_prospect_converges(void **state) {
    (void)state;
    static const char *const OPTIONS[] = {"lr=0.1", "lr=0.1,oracle=grad,risk=extremile,param=2,nu=0.3",
                                          "lr=0.1,risk=esrm,param=1.5"};
    for (int k = 0; k < 3; ++k) {
        problem_t p;
        open_problem(&p, "prospect", OPTIONS[k]);
        (void)run(&p, 6000);
        CHECK_AT_MOST(risk_slope(&p, 0.1), 1e-10);
        optim_destroy(p.opt);
    }
}

static void test_prospect_refuses(void **state) {
    (void)state;
    optim_t *opt;
    CHECK_REFUSED(optim_create(&opt, "prospect", "param=1"), OPTIM_ERR_VALUE, "below 1");
    CHECK_REFUSED(optim_create(&opt, "prospect", "risk=esrm,param=0"), OPTIM_ERR_VALUE, "above 0");
}

static void test_model_based_inputs(void **state) {
    (void)state;
    static const double A[N * D] = {1}, B[N] = {0, -1};
    problem_t p;
    open_problem(&p, "model_based", "model=prox_point");
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "\"A\" with a row for each component");
    lend(&p, "A", 2, (int64_t[]){N, D}, A);
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "\"b\" with a number for each");
    lend(&p, "b", 1, (int64_t[]){N}, B);
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "below 0");
    optim_destroy(p.opt);
    open_problem(&p, "sso", NULL);
    lend(&p, "A", 2, (int64_t[]){N, D - 1}, A);
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "\"A\" must have a row for each component");
    optim_destroy(p.opt);
}

static void test_proxy_prox_refuses(void **state) {
    (void)state;
    problem_t p;
    open_problem(&p, "proxy_prox", "n_proxy=13");
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_VALUE, "n_proxy must be no more than the number of components");
    optim_destroy(p.opt);
}

/*
 * f = sum d_i x_i^2 / 2 with d from 0.1 to 100; the curvature of h is off by delta or by nothing. With the subproblem
 * solved a step shrinks x_i by (h_i + delta - d_i) / (h_i + delta): expensive gradients go by delta, not by 100.
 */
enum { CURVES = 7 };
static double curve(size_t i) {
    return 0.1 * pow(10, (double)i / 2);
}

static int expensive_gradients(double delta) {
    char options[96];
    double x[CURVES], g[CURVES], largest = 1;
    int count = 0;
    optim_t *opt;
    optim_request request = {.size = sizeof request};
    (void)snprintf(options, sizeof options, "inner=4000,eta=%.17g,lr=%.17g", 1 / delta, 1 / (101 + 2 * delta));
    for (size_t i = 0; i < CURVES; ++i)
        x[i] = 1;
    CHECK_OK(optim_create(&opt, "proxy_prox", options));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){CURVES}, x, g));
    for (; largest > 1e-6; ++count) {
        for (size_t i = 0; i < CURVES; ++i)
            g[i] = curve(i) * x[i];
        while (optim_step(opt) > 0) {
            CHECK_OK(optim_request_info(opt, &request));
            assert_int_equal(request.objective, 1);
            for (size_t i = 0; i < CURVES; ++i)
                g[i] = (curve(i) - (i % 2 == 0 ? delta : 0) * 0.5) * x[i];
        }
        largest = 0;
        for (size_t i = 0; i < CURVES; ++i)
            largest = fmax(largest, curve(i) * fabs(x[i]));
    }
    optim_destroy(opt);
    return count;
}

static void test_proxy_prox_goes_by_delta(void **state) {
    (void)state;
    const int few = expensive_gradients(0.01), some = expensive_gradients(0.1), many = expensive_gradients(0.4);
    print_message("%d, %d, %d expensive gradients\n", few, some, many);
    assert_in_range(few, 2, 8);
    assert_in_range(some, 2 * few, 40);
    assert_in_range(many, 2 * some, 4 * some); /* gradient descent needs 100 / 0.1 times log(1e6) */
}

/* Steps until the gradient is below 1e-3: about the root of n times fewer. */
static int64_t steps_needed(const char *algorithm, const char *options) {
    problem_t p;
    open_problem(&p, algorithm, options);
    const optim_problem problem = {.size = sizeof problem, .user = &p, .gradient = whole, .component = component};
    const optim_stop stop = {.size = sizeof stop, .steps = 1000, .gradient_norm = 1e-3};
    optim_result result = {.size = sizeof result};
    CHECK_OK(optim_minimize(p.opt, &problem, &stop, &result));
    optim_destroy(p.opt);
    return result.steps;
}

static void test_optex_rounds(void **state) {
    (void)state;
    assert_in_range(steps_needed("optex", "lr=0.1"), 88, 94); /* as measured elsewhere: 91 and 16 */
    assert_in_range(steps_needed("sgd", "lr=0.1"), 373, 379);
    assert_in_range(steps_needed("optex", "lr=0.5"), 14, 18);
    assert_in_range(steps_needed("sgd", "lr=0.5"), 71, 75);
    CHECK_AT_MOST((double)steps_needed("optex", "lr=0.1,select=best"), 94);
}

/* Points that coincide, and no noise: there is no such process. */
static void test_optex_refuses(void **state) {
    (void)state;
    problem_t p;
    double loss;
    open_problem(&p, "optex", "lr=0,sigma2=0,n=2");
    optim_status status = OPTIM_OK;
    for (int step = 0; step < 3 && status >= 0; ++step) {
        (void)whole(&p, NULL, &loss);
        while ((status = optim_step(p.opt)) > 0)
            (void)whole(&p, NULL, &loss);
    }
    assert_int_equal(status, OPTIM_ERR_VALUE);
    assert_non_null(strstr(optim_error(), "raise sigma2"));
    optim_destroy(p.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descent),
        cmocka_unit_test(test_vro_cbcd),
        cmocka_unit_test(test_cvar_quantile),
        cmocka_unit_test(test_cvar_start),
        cmocka_unit_test(test_prospect_converges),
        cmocka_unit_test(test_prospect_refuses),
        cmocka_unit_test(test_model_based_inputs),
        cmocka_unit_test(test_proxy_prox_refuses),
        cmocka_unit_test(test_proxy_prox_goes_by_delta),
        cmocka_unit_test(test_optex_rounds),
        cmocka_unit_test(test_optex_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
