/* cvar, model_based, sso: the minimisers of their models, and the rates at which those still work. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "solve.h"
#include "sums.h"

/* ---- cvar, on squares of residuals ---- */

enum { STEPS = 3000 };

static const double BETA = 0.8;

static double number(const optim_t *opt, const char *key) {
    double value;
    CHECK_OK(optim_get(opt, 0, key, &value));
    return value;
}

/* A step, of which the component comes from the method; false: something was not finite. */
static bool step(descent_t *r, int *drawn, double *loss, double *g) {
    optim_request request = {.size = sizeof request};
    optim_status status;
    while ((status = optim_step(r->opt)) == OPTIM_EVAL_GRAD) {
        CHECK_OK(optim_request_info(r->opt, &request));
        *drawn = (int)request.component;
        *loss = sum_component(r->f, *drawn, r->x, r->g);
        memcpy(g, r->g, sizeof r->g);
        CHECK_OK(optim_set_loss(r->opt, *loss));
    }
    assert_true(status == OPTIM_OK || status == OPTIM_ERR_NONFINITE);
    return status == OPTIM_OK;
}

/* The weight w with which x moved, and where the model then is: above alpha only if w is as large as can be, below only
 * if w is 0. */
static void test_kkt(void **state) {
    (void)state;
    static const double LR = 0.7, LR_ALPHA = 0.05, KAPPA = 5, ALPHA[1] = {2};
    const sum_t f = sum_make(SQUARES, 0.1);
    int kinds[3] = {0};
    descent_t r;
    descent_open(&r, &f, "cvar", "lr=0.7,lr_alpha=0.05,power=0", 1);
    CHECK_OK(optim_set_components(r.opt, SUM_N));
    CHECK_OK(optim_set_input(r.opt, -1, "alpha", OPTIM_F64, 1, (int64_t[]){1}, ALPHA));
    for (int t = 0; t < 300; ++t) {
        double before[SUM_D], g[SUM_D], loss, along = 0, square = 0;
        const double alpha = t == 0 ? ALPHA[0] : number(r.opt, "alpha");
        int i;
        memcpy(before, r.x, sizeof before);
        assert_true(step(&r, &i, &loss, g));
        const double w = 1 - (alpha - number(r.opt, "alpha")) / LR_ALPHA;
        for (int j = 0; j < SUM_D; ++j) {
            CHECK_CLOSE(r.x[j], before[j] - LR * w * g[j], 1e-12);
            along += g[j] * (r.x[j] - before[j]);
            square += g[j] * g[j];
        }
        const double above = loss + along - number(r.opt, "alpha");
        if (w < 1e-13)
            CHECK_AT_MOST(above, 1e-12);
        else if (w > KAPPA - 1e-13)
            CHECK_AT_MOST(-above, 1e-12);
        else
            CHECK_CLOSE(above, 0, 1e-12 * (1 + square));
        ++kinds[w < 1e-13 ? 0 : w > KAPPA - 1e-13 ? 2 : 1];
    }
    assert_true(kinds[0] > 0 && kinds[1] > 0 && kinds[2] > 0);
    optim_destroy(r.opt);
}

/* A loss that does not depend on x is what alpha ends at. */
static void test_constant_loss(void **state) {
    (void)state;
    static const char *const KINDS[] = {"spl", "sgm"};
    for (int k = 0; k < 2; ++k) {
        char *options = check_text("kind=%s", KINDS[k]);
        double x = 1, g = 0;
        optim_t *opt;
        CHECK_OK(optim_create(&opt, "cvar", options));
        CHECK_OK(optim_set_components(opt, 3));
        CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){1}, &x, &g));
        for (int t = 0; t < 20000; ++t)
            while (optim_step(opt) == OPTIM_EVAL_GRAD) {
                g = 0;
                CHECK_OK(optim_set_loss(opt, 3));
            }
        CHECK_CLOSE(number(opt, "alpha"), 3, k == 0 ? 1e-9 : 0.01);
        assert_true(x == 1);
        optim_destroy(opt);
        free(options);
    }
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The mean of the worst fifth, after STEPS; infinite where it did not get there. */
static double risk(const char *kind, double lr) {
    const sum_t f = sum_make(SQUARES, 0);
    char *options = check_text("kind=%s,lr=%g", kind, lr);
    double loss[SUM_N], g[SUM_D], last, least = INFINITY;
    bool finite = true;
    int i;
    descent_t r;
    descent_open(&r, &f, "cvar", options, 1);
    CHECK_OK(optim_set_components(r.opt, SUM_N));
    for (int t = 0; t < STEPS && finite; ++t)
        finite = step(&r, &i, &last, g);
    for (int k = 0; k < SUM_N; ++k)
        loss[k] = sum_component(&f, k, r.x, g);
    qsort(loss, SUM_N, sizeof *loss, compare);
    for (int k = 0; k < SUM_N; ++k) { /* the minimum over alpha is at one of the losses */
        double value = loss[k];
        for (int j = k; j < SUM_N; ++j)
            value += (loss[j] - loss[k]) / SUM_N / (1 - BETA);
        least = fmin(least, value);
    }
    optim_destroy(r.opt);
    free(options);
    return finite ? least : (double)INFINITY;
}

/* At rates of three decades, in most of which the subgradient method diverges. */
static void test_rates_of_cvar(void **state) {
    (void)state;
    for (double lr = 0.01; lr < 20; lr *= 10)
        CHECK_AT_MOST(risk("spl", lr), 1);
    CHECK_AT_MOST(risk("sgm", 0.1), 1);
    assert_true(risk("sgm", 1) > 1 && !(risk("sgm", 10) < 1e3) && !(risk("sgm", 100) < 1e3));
    CHECK_AT_MOST(risk("spl", 1000), 100); /* wide of the mark, and bounded */
}

/* ---- model_based, on |(a_i x)^2 - b_i| ---- */

enum { N = 12, D = 4 };
static double a[N * D], b[N];

static double miss(int i, const double *x, double *g) {
    double u = 0;
    for (int j = 0; j < D; ++j)
        u += a[i * D + j] * x[j];
    for (int j = 0; j < D; ++j)
        g[j] = 2 * u * a[i * D + j];
    return u * u - b[i];
}

static double phase(const char *model, double lr) {
    char *options = check_text("model=%s,lr=%g", model, lr);
    double x[D], g[D], sum = 0;
    optim_t *opt;
    optim_status status = OPTIM_OK;
    for (int j = 0; j < D; ++j)
        x[j] = sin(1 + 1.3 * j);
    CHECK_OK(optim_create(&opt, "model_based", options));
    CHECK_OK(optim_set_components(opt, N));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){D}, x, g));
    CHECK_OK(optim_set_input(opt, -1, "A", OPTIM_F64, 2, (int64_t[]){N, D}, a));
    CHECK_OK(optim_set_input(opt, -1, "b", OPTIM_F64, 1, (int64_t[]){N}, b));
    for (int t = 0; t < STEPS && status == OPTIM_OK; ++t)
        while ((status = optim_step(opt)) == OPTIM_EVAL_GRAD) {
            optim_request request = {.size = sizeof request};
            CHECK_OK(optim_request_info(opt, &request));
            const double c = miss((int)request.component, x, g);
            CHECK_OK(optim_set_loss(opt, c));
        }
    for (int i = 0; i < N; ++i)
        sum += fabs(miss(i, x, g)) / N;
    optim_destroy(opt);
    free(options);
    return status == OPTIM_OK ? sum : (double)INFINITY;
}

/* From 0.1 to 1000 both models solve it; subgradients at their best rate come near. */
static void test_rates_of_models(void **state) {
    (void)state;
    for (int i = 0; i < N; ++i) {
        double u = 0;
        for (int j = 0; j < D; ++j) {
            a[i * D + j] = sin(1.7 * i + 0.9 * i * j + 2.3 * j * j + 0.5);
            u += a[i * D + j] / (1 + j);
        }
        b[i] = u * u;
    }
    for (double lr = 0.1; lr < 2000; lr *= 10) {
        CHECK_AT_MOST(phase("prox_linear", lr), 1e-12);
        CHECK_AT_MOST(phase("prox_point", lr), 1e-12);
        assert_false(phase("subgradient", lr) < 1e-3);
    }
    assert_false(phase("subgradient", 10) < 0.1);
    assert_false(phase("subgradient", 100) < 0.1);
}

/* ---- sso ---- */

/* With eta up to 1 over the smoothness of the loss in the outputs the surrogate is above f, which then never rises. */
static void test_surrogate_is_above(void **state) {
    (void)state;
    static const struct {
        sum_kind_t kind;
        const char *options;
    } CASES[] = {{SQUARES, "eta=1,inner=1,lr=0.3"},
                 {SQUARES, "eta=1,inner=100,lr=0.3"},
                 {LOGISTIC, "eta=4,inner=5,lr=1"},
                 {LOGISTIC, "eta=4,inner=500,lr=1"}};
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; ++k) {
        sum_t f = sum_make(CASES[k].kind, CASES[k].kind == LOGISTIC ? 0.1 : 0);
        f.l2 = 0; /* of the outputs alone */
        double g[SUM_D], before = INFINITY;
        descent_t r;
        descent_open(&r, &f, "sso", CASES[k].options, 1);
        CHECK_OK(optim_set_components(r.opt, SUM_N));
        CHECK_OK(optim_set_input(r.opt, -1, "A", OPTIM_F64, 2, (int64_t[]){SUM_N, SUM_D}, f.a));
        const double first = sum_whole(&f, r.x, g);
        for (int t = 0; t < 100; ++t) {
            const double now = sum_whole(&f, r.x, g);
            CHECK_AT_MOST(now, before + 1e-15);
            before = now;
            descent_step(&r);
        }
        assert_true(before < first);
        optim_destroy(r.opt);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kkt),
        cmocka_unit_test(test_constant_loss),
        cmocka_unit_test(test_rates_of_cvar),
        cmocka_unit_test(test_rates_of_models),
        cmocka_unit_test(test_surrogate_is_above),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
