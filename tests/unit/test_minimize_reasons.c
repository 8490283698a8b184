/* optim_minimize: criteria that are relative or go by steps and elements, criteria in boxes, and what is said where a
   method finds no way down. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { N = 3 };

typedef struct scene {
    optim_t *opt;
    double x[N], g[N], lower[N], upper[N];
    double (*f)(const double *x, double *g);
    double sign, factor; /* of loss and gradient; of the gradient alone */
    int evaluations, lines;
    optim_progress last;
} scene_t;

static int evaluate(void *user, const optim_request *request, double *loss) {
    scene_t *s = user;
    (void)request;
    ++s->evaluations;
    *loss = s->sign * s->f(s->x, s->g);
    for (int i = 0; i < N; ++i)
        s->g[i] *= s->sign * s->factor;
    return 0;
}

static int on_progress(void *user, const optim_progress *progress) {
    scene_t *s = user;
    ++s->lines;
    s->last = *progress;
    return 0;
}

static scene_t open_scene(double (*f)(const double *x, double *g), const double *start) {
    scene_t s = {.f = f, .sign = 1, .factor = 1};
    memcpy(s.x, start, sizeof s.x);
    return s;
}

static optim_result run(scene_t *s, const char *algorithm, const char *options, optim_stop stop) {
    const optim_problem problem = {.size = sizeof problem, .user = s, .gradient = evaluate};
    optim_result result = {.size = sizeof result};
    stop.size = sizeof stop;
    stop.user = s;
    CHECK_OK(optim_create(&s->opt, algorithm, options));
    CHECK_OK(optim_add_param(s->opt, 0, "x", OPTIM_F64, 1, (int64_t[]){N}, s->x, s->g));
    if (s->upper[0] > s->lower[0])
        CHECK_OK(optim_set_bounds(s->opt, 0, s->lower, s->upper));
    CHECK_OK(optim_minimize(s->opt, &problem, &stop, &result));
    assert_int_equal(result.evaluations, s->evaluations);
    optim_destroy(s->opt);
    return result;
}

/* ---- Functions ---- */

static double bowl(const double *x, double *g) { /* 1000 at its minimum (1, 1, 1) */
    double sum = 1000;
    for (int i = 0; i < N; ++i) {
        g[i] = 2 * (1 + i) * (x[i] - 1);
        sum += (1 + i) * (x[i] - 1) * (x[i] - 1);
    }
    return sum;
}

static double kink(const double *x, double *g) {
    double sum = 0;
    for (int i = 0; i < N; ++i) {
        g[i] = x[i] > 0.5 ? 1 : -1;
        sum += fabs(x[i] - 0.5);
    }
    return sum;
}

static double logarithm(const double *x, double *g) {
    double sum = 0;
    for (int i = 0; i < N; ++i) {
        g[i] = x[i] > 0 ? 1 / x[i] : 0;
        sum += x[i] > 0 ? log(x[i]) : -(double)INFINITY;
    }
    return sum;
}

static double line(const double *x, double *g) {
    g[0] = -1;
    g[1] = g[2] = 0;
    return -x[0];
}

static double plunge(const double *x, double *g) {
    g[0] = -exp(x[0]);
    g[1] = g[2] = 0;
    return g[0];
}

static double flat(const double *x, double *g) {
    (void)x;
    memset(g, 0, N * sizeof *g);
    return 1;
}

static double shallow(const double *x, double *g) { /* goes down by 1e-19 on the way */
    for (int i = 0; i < N; ++i)
        g[i] = 1e-20;
    return 1 + 1e-20 * (x[0] + x[1] + x[2]);
}

static double huge(const double *x, double *g) { /* squares of its gradient are no numbers */
    const double f = kink(x, g);
    for (int i = 0; i < N; ++i)
        g[i] *= 1e200;
    return 1e200 * f;
}

static const double ZERO[N] = {0}, TWO[N] = {2, 2, 2};

/* ---- Criteria ---- */

static void test_gradient_max(void **state) {
    (void)state;
    scene_t s = open_scene(bowl, ZERO);
    optim_result result = run(&s, "sgd", "lr=0.1", (optim_stop){.gradient_max = 1e-3});
    double most = 0, squares = 0;
    for (int i = 0; i < N; ++i) {
        most = fmax(most, fabs(s.g[i]));
        squares += s.g[i] * s.g[i];
    }
    assert_int_equal(result.reason, OPTIM_STOP_GRADIENT_MAX);
    assert_true(result.gradient_max == most && most <= 1e-3);
    CHECK_CLOSE(result.gradient_norm, sqrt(squares), 1e-15);
    s = open_scene(bowl, ZERO); /* of a gradient that the method holds */
    result = run(&s, "lbfgs", NULL, (optim_stop){.gradient_max = 1e-9});
    assert_int_equal(result.reason, OPTIM_STOP_GRADIENT_MAX);
    (void)bowl(s.x, s.g);
    assert_true(result.gradient_max == fmax(fabs(s.g[0]), fmax(fabs(s.g[1]), fabs(s.g[2]))));
}

static void test_loss_relative(void **state) {
    (void)state;
    for (int times = 1; times <= 3; times += 2) {
        scene_t s = open_scene(bowl, ZERO);
        const optim_result result =
            run(&s, "sgd", "lr=0.1", (optim_stop){.loss_relative = 1e-5, .loss_change_steps = times});
        assert_int_equal(result.reason, OPTIM_STOP_LOSS_RELATIVE);
        double x[N] = {0}, g[N], before = bowl(x, g);
        int64_t steps = 0;
        for (int still = 0; still < times; ++steps) {
            for (int i = 0; i < N; ++i)
                x[i] -= 0.1 * g[i];
            const double f = bowl(x, g);
            still = fabs(f - before) <= 1e-5 * before ? still + 1 : 0;
            before = f;
        }
        assert_int_equal(result.steps, steps);
    }
}

static void test_steps_get_short(void **state) {
    (void)state;
    scene_t s = open_scene(bowl, ZERO);
    optim_result result = run(&s, "sgd", "lr=0.1", (optim_stop){.step_norm = 1e-3, .progress = on_progress});
    assert_int_equal(result.reason, OPTIM_STOP_STEP_NORM);
    assert_true(s.last.step_norm <= 1e-3 && s.last.step_norm > 0.7e-3);
    assert_true(s.last.trials == 0 && s.last.active_bounds == 0 && s.last.gradient_norm == result.gradient_norm);
    s = open_scene(bowl, ZERO);
    result = run(&s, "sgd", "lr=0.1", (optim_stop){.step_relative = 1e-3, .progress = on_progress});
    assert_int_equal(result.reason, OPTIM_STOP_STEP_RELATIVE);
    const double length = sqrt(s.x[0] * s.x[0] + s.x[1] * s.x[1] + s.x[2] * s.x[2]);
    assert_true(s.last.step_norm <= 1e-3 * length && s.last.step_norm > 0.7e-3 * length);
    /* a search that gives up is no short step; nor is a poll that found nothing */
    s = open_scene(kink, TWO);
    s.factor = -1;
    result = run(&s, "lbfgs", NULL, (optim_stop){.step_norm = 1e-3});
    assert_int_equal(result.reason, OPTIM_STOP_WRONG_GRADIENT);
    s = open_scene(bowl, TWO);
    result = run(&s, "direct_search", "alpha=4", (optim_stop){.step_norm = 1e-6, .steps = 100});
    assert_int_equal(result.reason, OPTIM_STOP_STEPS);
}

/* Where a bound holds x back its part of the gradient does not count. */
static void test_gradient_in_a_box(void **state) {
    (void)state;
    static const char *const METHODS[][2] = {{"sgd", "lr=0.1"}, {"adam", "lr=0.01"}, {"sgd", "lr=0.1,maximize=1"}};
    for (int i = 0; i < 3; ++i) {
        scene_t s = open_scene(bowl, ZERO);
        s.sign = i == 2 ? -1 : 1;
        for (int k = 0; k < N; ++k) {
            s.lower[k] = k == 0 ? -1 : -INFINITY;
            s.upper[k] = k == 0 ? 0.25 : k == 1 ? 5 : (double)INFINITY;
        }
        const optim_result result = run(&s, METHODS[i][0], METHODS[i][1],
                                        (optim_stop){.gradient_norm = 1e-6, .steps = 20000, .progress = on_progress});
        assert_int_equal(result.reason, OPTIM_STOP_GRADIENT_NORM);
        assert_true(s.x[0] == 0.25 && fabs(s.x[1] - 1) < 1e-6 && fabs(s.x[2] - 1) < 1e-6);
        assert_true(result.active_bounds == 1 && s.last.active_bounds == 1);
    }
}

/* ---- Reasons ---- */

static int reason_of(double (*f)(const double *x, double *g), const double *start, double factor, const char *options) {
    scene_t s = open_scene(f, start);
    s.factor = factor;
    const optim_result result = run(&s, "lbfgs", options, (optim_stop){.steps = 1000});
    if (result.reason == OPTIM_STOP_WRONG_GRADIENT)
        assert_true(result.slope < 0 && !(fabs(result.difference - result.slope) < 0.4 * fabs(result.slope)));
    else
        assert_true(result.slope == 0 && result.difference == 0);
    return result.reason;
}

static void test_reasons(void **state) {
    (void)state;
    static const char *const SEARCHES[] = {"line_search=strong_wolfe", "line_search=armijo"};
    for (int i = 0; i < 2; ++i) {
        const char *search = SEARCHES[i];
        assert_int_equal(reason_of(bowl, ZERO, 1, search), OPTIM_STOP_PRECISION);
        assert_int_equal(reason_of(bowl, TWO, -1, search), OPTIM_STOP_WRONG_GRADIENT);
        assert_int_equal(reason_of(flat, ZERO, 1, search), OPTIM_STOP_PLATEAU);
        assert_int_equal(reason_of(shallow, ZERO, 1, search), OPTIM_STOP_PLATEAU);
        const int reasons[] = {reason_of(logarithm, TWO, 1, search), reason_of(line, ZERO, 1, search),
                               reason_of(plunge, TWO, 1, search)};
        for (int k = 0; k < 3; ++k) /* armijo's steps may be too short to get there */
            if (reasons[k] != OPTIM_STOP_UNBOUNDED && (i == 0 || reasons[k] != OPTIM_STOP_STEPS))
                fail_msg("function %d, %s: %s", k, search, optim_stop_reason(reasons[k]));
        const int at_kink = reason_of(kink, ZERO, 1, search);
        assert_true(at_kink == OPTIM_STOP_STALLED || at_kink == OPTIM_STOP_LINE_SEARCH ||
                    at_kink == OPTIM_STOP_PLATEAU);
    }
    assert_int_equal(reason_of(huge, ZERO, 1, NULL), OPTIM_STOP_OVERFLOW);
}

/* Whatever else ends a run, a loss of minus infinity is said to be one. */
static void test_unbounded(void **state) {
    (void)state;
    scene_t s = open_scene(logarithm, (double[N]){1e-3, 1, 1});
    s.x[0] = 0;
    optim_result result = run(&s, "sgd", "lr=0.1", (optim_stop){.steps = 10});
    assert_int_equal(result.reason, OPTIM_STOP_UNBOUNDED);
    s = open_scene(logarithm, (double[N]){1e-3, 1, 1});
    s.x[0] = 0;
    s.sign = -1;
    result = run(&s, "sgd", "lr=0.1,maximize=1", (optim_stop){.steps = 10});
    assert_int_equal(result.reason, OPTIM_STOP_UNBOUNDED);
}

/* A search that finds nothing leaves the parameters as they were; the judgement does, too. */
static void test_judging_moves_nothing(void **state) {
    (void)state;
    scene_t s = open_scene(bowl, TWO);
    s.factor = -1;
    const optim_result result = run(&s, "lbfgs", NULL, (optim_stop){.steps = 1000});
    assert_memory_equal(s.x, TWO, sizeof s.x);
    assert_true(result.loss == bowl(s.x, s.g));
    CHECK_CLOSE(result.slope, -sqrt(4 + 16 + 36), 1e-4);
    CHECK_CLOSE(result.difference, sqrt(4 + 16 + 36), 1e-4);
}

/* ---- Progress in words ---- */

static void test_printed_progress(void **state) {
    (void)state;
    char text[4096] = {0};
    FILE *file = tmpfile();
    assert_non_null(file);
    for (int64_t step = 1; step <= 250; ++step) {
        const optim_progress progress = {.size = sizeof progress, .step = step, .loss = 0.5, .gradient_norm = 1e-3};
        assert_int_equal(optim_print_progress(file, &progress), 0);
    }
    assert_int_equal(optim_print_progress(file, NULL), 0);
    rewind(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    (void)fclose(file);
    int lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; ++at)
        ++lines;
    assert_int_equal(lines, 10 + 9 + 1); /* 1 .. 10, 20 .. 100, 200 */
    assert_non_null(strstr(text, "step      200  evaluations"));
    assert_non_null(strstr(text, "loss  5.000000000e-01  |gradient| 1.000e-03"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient_max),
        cmocka_unit_test(test_loss_relative),
        cmocka_unit_test(test_steps_get_short),
        cmocka_unit_test(test_gradient_in_a_box),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_unbounded),
        cmocka_unit_test(test_judging_moves_nothing),
        cmocka_unit_test(test_printed_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
