/* picard: the steps of what it wraps, to the bit with threshold 0; what it saves; what it undoes; what it refuses. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "element.h"

enum { COUNT = 34, SAMPLES = 32, MOST = 400 };

/* A problem whose gradient depends on the number of the sample. */
typedef struct caller {
    optim_t *opt;
    optim_dtype dtype;
    double x[COUNT], g[COUNT]; /* room for elements of any dtype */
    int evaluations;
    double noise;
    int64_t poisoned; /* the sample whose loss is not finite; less than 0: none */
} caller_t;

/* The mean over the samples of log(1 + exp(-y a.x)), and 0.005 |x|^2; and noise of that sample. */
static double logistic(const double *x, double *g, int64_t sample, double noise) {
    double loss = 0;
    for (int j = 0; j < COUNT; ++j) {
        loss += 0.005 * x[j] * x[j];
        g[j] = 0.01 * x[j] + noise * sin(1 + 1.3 * (double)sample + 2.9 * j);
    }
    for (int i = 0; i < SAMPLES; ++i) {
        const double label = cos(0.9 * i) >= 0 ? 1 : -1;
        double margin = 0;
        for (int j = 0; j < COUNT; ++j)
            margin += label * sin(1.7 * i + 2.3 * j * j + 0.5) * x[j];
        loss += log1p(exp(-margin)) / SAMPLES;
        for (int j = 0; j < COUNT; ++j)
            g[j] -= label * sin(1.7 * i + 2.3 * j * j + 0.5) / (1 + exp(margin)) / SAMPLES;
    }
    return loss;
}

static void evaluate(caller_t *c, int64_t sample) {
    double x[COUNT], g[COUNT];
    for (size_t i = 0; i < COUNT; ++i)
        x[i] = element_read(c->dtype, c->x, i);
    const double loss = logistic(x, g, sample, c->noise);
    for (size_t i = 0; i < COUNT; ++i)
        element_write(c->dtype, c->g, i, g[i]);
    CHECK_OK(optim_set_loss(c->opt, sample == c->poisoned ? (double)NAN : loss));
    ++c->evaluations;
}

/* One call, with what it asks for. */
static optim_status step(caller_t *c) {
    optim_request request = {.size = sizeof request};
    CHECK_OK(optim_request_info(c->opt, &request));
    evaluate(c, request.sample == OPTIM_SAMPLE_INDEX ? request.index : optim_steps(c->opt));
    optim_status status;
    while ((status = optim_step(c->opt)) == OPTIM_EVAL_GRAD) {
        CHECK_OK(optim_request_info(c->opt, &request));
        assert_int_equal(request.sample, OPTIM_SAMPLE_INDEX);
        evaluate(c, request.index);
    }
    return status;
}

static void caller_open(caller_t *c, const char *method, const char *options) {
    static const int64_t dims[] = {2, COUNT / 2};
    *c = (caller_t){.dtype = c->dtype, .noise = c->noise, .poisoned = -1};
    CHECK_OK(optim_create(&c->opt, method, options));
    CHECK_OK(optim_add_param(c->opt, 0, "x", c->dtype, 2, dims, c->x, c->g));
    for (int i = 0; i < COUNT; ++i)
        element_write(c->dtype, c->x, (size_t)i, sin(1 + 1.3 * i));
}

/* ---- With threshold 0: exactly the trajectory of what is wrapped ---- */

typedef struct inner {
    const char *method, *options, *wrapper, *wrapper_options;
    const char *schedule, *schedule_options;
} inner_t;

static void inner_open(caller_t *c, const inner_t *inner) {
    caller_open(c, inner->method, inner->options);
    if (inner->wrapper != NULL)
        CHECK_OK(optim_wrap(c->opt, inner->wrapper, inner->wrapper_options));
    if (inner->schedule != NULL)
        CHECK_OK(optim_set_schedule(c->opt, -1, "lr", inner->schedule, inner->schedule_options));
}

static void compare_with_plain(const inner_t *inner, optim_dtype dtype, double noise) {
    enum { STEPS = 40 };
    caller_t plain = {.dtype = dtype, .noise = noise}, ahead = {.dtype = dtype, .noise = noise};
    double trace[MOST + 1][COUNT], out[COUNT], want[COUNT];
    inner_open(&plain, inner);
    for (int t = 0; t <= STEPS + 4; ++t) {
        memcpy(trace[t], plain.x, sizeof plain.x);
        if (t == STEPS)
            CHECK_OK(optim_output(plain.opt, 0, want));
        CHECK_OK(step(&plain));
    }
    inner_open(&ahead, inner);
    CHECK_OK(optim_wrap(ahead.opt, "picard", "window=5,steps=40"));
    while (optim_steps(ahead.opt) < STEPS) {
        const int64_t before = optim_steps(ahead.opt);
        double progress;
        CHECK_OK(step(&ahead));
        CHECK_OK(optim_get(ahead.opt, 0, "progress", &progress));
        CHECK_CLOSE(progress, (double)(optim_steps(ahead.opt) - before), 0);
        if (memcmp(ahead.x, trace[optim_steps(ahead.opt)], sizeof ahead.x) != 0)
            fail_msg("%s in %s: after %d steps the parameters are others than without picard", inner->method,
                     element_name(dtype), (int)optim_steps(ahead.opt));
    }
    assert_int_equal(optim_steps(ahead.opt), STEPS);
    CHECK_OK(optim_output(ahead.opt, 0, out));
    assert_memory_equal(out, want, COUNT * element_size(dtype));
    CHECK_OK(step(&ahead)); /* beyond the end: one by one */
    assert_int_equal(optim_steps(ahead.opt), STEPS + 1);
    optim_destroy(plain.opt);
    optim_destroy(ahead.opt);
}

static void test_exact(void **state) {
    (void)state;
    static const inner_t INNER[] = {
        {"sgd", "lr=0.05,momentum=0.9", NULL, NULL, NULL, NULL},
        {"adamw", "lr=0.05", NULL, NULL, "linear", "start_factor=1,end_factor=0.1,steps=40"},
        {"adamw", "lr=0.05,clip_norm=0.1,nonfinite=error", "lookahead", "k=3,pullback=2", NULL, NULL},
        {"sgd", "lr=0.2,momentum=0.5", "ema", "decay=0.8", NULL, NULL},
        {"sgd", "lr=0.2", "schedule_free", NULL, NULL, NULL},
        {"sgld", "lr=0.001", NULL, NULL, NULL, NULL},
        {"momo", NULL, NULL, NULL, NULL, NULL},
        {"nadam", NULL, "random_scaling", NULL, NULL, NULL},
        {"muon", "lr=0.01", NULL, NULL, NULL, NULL},
        {"prodigy", NULL, NULL, NULL, NULL, NULL},
        {"adam", "lr=0.05,state_dtype=int8,state_min=0", NULL, NULL, NULL, NULL},
    };
    static const optim_dtype DTYPES[] = {OPTIM_F64, OPTIM_F32, OPTIM_BF16};
    for (size_t i = 0; i < sizeof INNER / sizeof *INNER; ++i)
        for (size_t k = 0; k < 3; ++k) {
            compare_with_plain(&INNER[i], DTYPES[k], 0);
            compare_with_plain(&INNER[i], DTYPES[k], 0.1);
        }
}

/* ---- What a threshold saves: calls for 200 steps of momentum, and how far from those steps that leads ---- */

static void test_saves(void **state) {
    (void)state;
    static const struct {
        const char *options;
        int calls;
        double apart;
    } ROWS[] = {{"window=8", 147, 0},
                {"window=8,threshold=1e-8", 80, 6e-5},
                {"window=8,threshold=1e-6", 79, 8e-5},
                {"window=8,threshold=1e-4", 72, 1.1e-3}};
    enum { STEPS = 200 };
    for (size_t r = 0; r < sizeof ROWS / sizeof *ROWS; ++r) {
        caller_t plain = {.dtype = OPTIM_F64}, ahead = {.dtype = OPTIM_F64};
        int calls = 0;
        double apart = 0;
        caller_open(&plain, "sgd", "lr=0.05,momentum=0.9");
        caller_open(&ahead, "sgd", "lr=0.05,momentum=0.9");
        CHECK_OK(optim_wrap(ahead.opt, "picard", ROWS[r].options));
        while (optim_steps(ahead.opt) < STEPS) {
            CHECK_OK(step(&ahead));
            ++calls;
            while (optim_steps(plain.opt) < optim_steps(ahead.opt))
                CHECK_OK(step(&plain));
        }
        for (int i = 0; i < COUNT; ++i)
            apart = fmax(apart, fabs(ahead.x[i] - plain.x[i]));
        assert_int_equal(calls, ROWS[r].calls);
        CHECK_AT_MOST(apart, ROWS[r].apart);
        optim_destroy(plain.opt);
        optim_destroy(ahead.opt);
    }
}

/* ---- A loss that is not finite, to methods that refuse one: an error where it is the step's own, not before ---- */

static void test_undone(void **state) {
    (void)state;
    enum { STEPS = 20, POISONED = 7 };
    static const char *const METHODS[] = {"momo", "sps", "alr_mag"};
    for (size_t i = 0; i < 3; ++i) {
        caller_t c = {.dtype = OPTIM_F64}, plain = {.dtype = OPTIM_F64};
        double before[COUNT];
        caller_open(&c, METHODS[i], NULL);
        caller_open(&plain, METHODS[i], NULL);
        CHECK_OK(optim_wrap(c.opt, "picard", NULL));
        c.poisoned = POISONED;
        while (optim_steps(c.opt) < POISONED)
            CHECK_OK(step(&c));
        assert_int_equal(optim_steps(c.opt), POISONED);
        memcpy(before, c.x, sizeof before);
        CHECK_STATUS(step(&c), OPTIM_ERR_NONFINITE);
        assert_memory_equal(c.x, before, sizeof before);
        assert_int_equal(optim_steps(c.opt), POISONED);
        c.poisoned = -1;
        while (optim_steps(c.opt) < STEPS)
            CHECK_OK(step(&c));
        while (optim_steps(plain.opt) < optim_steps(c.opt))
            CHECK_OK(step(&plain));
        assert_memory_equal(c.x, plain.x, sizeof before);
        optim_destroy(c.opt);
        optim_destroy(plain.opt);
    }
}

/* ---- Samples ---- */

static void test_samples(void **state) {
    (void)state;
    caller_t c = {.dtype = OPTIM_F64};
    optim_request request = {.size = sizeof request};
    caller_open(&c, "sgd", "lr=0.05");
    CHECK_OK(optim_wrap(c.opt, "picard", "window=3"));
    for (int t = 0; t < 3; ++t) {
        const int64_t b = optim_steps(c.opt);
        CHECK_OK(optim_request_info(c.opt, &request));
        assert_int_equal(request.sample, OPTIM_SAMPLE_INDEX);
        assert_int_equal(request.index, b);
        evaluate(&c, b);
        for (int i = 1; i < 3; ++i) {
            CHECK_STATUS(optim_step(c.opt), OPTIM_EVAL_GRAD);
            CHECK_OK(optim_request_info(c.opt, &request));
            assert_int_equal(request.index, b + i);
            assert_int_equal(request.evaluation, i + 1);
            evaluate(&c, request.index);
        }
        CHECK_OK(optim_step(c.opt));
    }
    optim_destroy(c.opt);
}

/* ---- What it refuses ---- */

static void refuse(const char *method, const char *inner, const char *outer, const char *named) {
    static const int64_t dims[] = {2, COUNT / 2};
    double x[COUNT] = {0}, g[COUNT] = {0};
    optim_t *opt;
    CHECK_OK(optim_create(&opt, method, NULL));
    if (inner != NULL)
        CHECK_OK(optim_wrap(opt, inner, NULL));
    CHECK_OK(optim_wrap(opt, "picard", NULL));
    if (outer != NULL)
        CHECK_OK(optim_wrap(opt, outer, NULL));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 2, dims, x, g));
    CHECK_REFUSED(optim_memory(opt, NULL, NULL), OPTIM_ERR_MISMATCH, named);
    optim_destroy(opt);
}

static void test_refused(void **state) {
    (void)state;
    refuse("lbfgs", NULL, NULL, "\"lbfgs\" asks for evaluations of its own");
    refuse("extragradient", NULL, NULL, "extragradient");
    refuse("svrg", NULL, NULL, "svrg");
    refuse("nelder_mead", NULL, NULL, "reads none");
    refuse("kfac", NULL, NULL, "inputs");
    refuse("sgd", "sam", NULL, "\"sam\" asks");
    refuse("sgd", "mlmc", NULL, "\"mlmc\" asks");
    refuse("sgd", NULL, "ema", "wrap \"ema\" first");
    refuse("sgd", NULL, "gc", "wrap \"gc\" first");
    caller_t c = {.dtype = OPTIM_F64};
    int group;
    caller_open(&c, "sgd", NULL);
    CHECK_OK(optim_add_group(c.opt, NULL, &group));
    CHECK_OK(optim_wrap(c.opt, "picard", NULL));
    CHECK_OK(optim_wrap_groups(c.opt, "picard", &group, 1));
    CHECK_REFUSED(optim_memory(c.opt, NULL, NULL), OPTIM_ERR_MISMATCH, "cannot leave groups out");
    optim_destroy(c.opt);
    caller_open(&c, "sgd", NULL);
    CHECK_REFUSED(optim_wrap(c.opt, "picard", "window=0"), OPTIM_ERR_VALUE, "window");
    CHECK_REFUSED(optim_wrap(c.opt, "picard", "ema=1.5"), OPTIM_ERR_VALUE, "ema");
    CHECK_REFUSED(optim_wrap(c.opt, "picard", "statistic=mean"), OPTIM_ERR_VALUE, "statistic");
    optim_destroy(c.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),   cmocka_unit_test(test_saves),   cmocka_unit_test(test_undone),
        cmocka_unit_test(test_samples), cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
