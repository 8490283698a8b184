/* Methods of values alone: what they must solve, with how many values; boxes; a start that was moved; restarts. */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { MOST = 20 };

typedef struct scene {
    optim_t *opt;
    size_t n;
    double x[MOST], lower[MOST], upper[MOST];
    double (*f)(size_t n, const double *x);
    int64_t values;
    double lowest;
    bool boxed;
} scene_t;

static double sphere(size_t n, const double *x) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += (x[i] - 1) * (x[i] - 1);
    return sum;
}

static double rosenbrock(size_t n, const double *x) {
    double sum = 0;
    for (size_t i = 0; i + 1 < n; ++i)
        sum += 100 * (x[i + 1] - x[i] * x[i]) * (x[i + 1] - x[i] * x[i]) + (1 - x[i]) * (1 - x[i]);
    return sum;
}

static double cigar(size_t n, const double *x) { /* condition 1e6, turned by a Householder reflection */
    double mean = 0, sum = 0;
    for (size_t i = 0; i < n; ++i)
        mean += x[i] / (double)n;
    for (size_t i = 0; i < n; ++i) {
        const double y = x[i] - 2 * mean;
        sum += (i == 0 ? 1 : 1e6) * y * y;
    }
    return sum;
}

static double rastrigin(size_t n, const double *x) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += x[i] * x[i] + 10 * (1 - cos(6.283185307179586 * x[i]));
    return sum;
}

static double half_defined(size_t n, const double *x) {
    return x[0] < 0 ? (double)NAN : sphere(n, x);
}

static int on_loss(void *user, const optim_request *request, double *loss) {
    scene_t *s = user;
    (void)request;
    ++s->values;
    for (size_t i = 0; s->boxed && i < s->n; ++i)
        assert_true(s->x[i] >= s->lower[i] && s->x[i] <= s->upper[i]);
    *loss = s->f(s->n, s->x);
    s->lowest = *loss < s->lowest ? *loss : s->lowest;
    return 0;
}

static scene_t open_scene(const char *algorithm, const char *options, size_t n, double start,
                          double (*f)(size_t n, const double *x)) {
    scene_t s = {.n = n, .f = f, .lowest = INFINITY};
    for (size_t i = 0; i < n; ++i)
        s.x[i] = start;
    CHECK_OK(optim_create(&s.opt, algorithm, options));
    return s;
}

static optim_result run(scene_t *s, int64_t evaluations, double target) {
    const optim_problem problem = {.size = sizeof problem, .user = s, .loss = on_loss};
    const optim_stop stop = {
        .size = sizeof stop, .evaluations = evaluations, .loss_target = target, .has_loss_target = 1};
    optim_result result = {.size = sizeof result};
    CHECK_OK(optim_minimize(s->opt, &problem, &stop, &result));
    assert_int_equal(result.evaluations, s->values);
    return result;
}

static void lend(scene_t *s) {
    CHECK_OK(optim_add_param(s->opt, 0, "x", OPTIM_F64, 1, (int64_t[]){(int64_t)s->n}, s->x, NULL));
    if (s->boxed)
        CHECK_OK(optim_set_bounds(s->opt, 0, s->lower, s->upper));
}

/* Evaluations between two steps (of p itself, by optim_minimize) are among those that are counted. */
static void test_solves(void **state) {
    (void)state;
    static const struct {
        const char *algorithm, *options;
        size_t n;
        double start;
        double (*f)(size_t n, const double *x);
        double target;
        int64_t most;
    } TASKS[] = {
        {"nelder_mead", "", 2, -1.2, rosenbrock, 1e-10, 500},
        {"nelder_mead", "", 5, 0, sphere, 1e-8, 1500},
        {"nelder_mead", "adaptive=0", 4, -1, rosenbrock, 1e-8, 2500},
        {"nelder_mead", "", 15, 0, sphere, 1e-6, 12000},
        {"cma_es", "seed=1", 2, -1.2, rosenbrock, 1e-10, 2500},
        {"cma_es", "seed=2", 10, 0, sphere, 1e-10, 3000},
        {"cma_es", "seed=3", 8, 1, cigar, 1e-10, 12000},
        {"cma_es", "seed=4", 10, 0, rosenbrock, 1e-10, 15000},
        {"cma_es", "seed=5,active=0", 8, 1, cigar, 1e-10, 16000},
        {"cma_es", "seed=6,restarts=6,sigma=2", 4, 3.3, rastrigin, 1e-10, 60000},
        {"spsa", "seed=7,lr=0.2,c=0.01", 20, 0, sphere, 1e-3, 8000},
        {"nelder_mead", "", 3, 0.5, half_defined, 1e-8, 1000},
        {"cma_es", "seed=8", 3, 0.5, half_defined, 1e-8, 3000},
    };
    for (size_t i = 0; i < sizeof TASKS / sizeof *TASKS; ++i) {
        scene_t s = open_scene(TASKS[i].algorithm, TASKS[i].options, TASKS[i].n, TASKS[i].start, TASKS[i].f);
        lend(&s);
        const optim_result result = run(&s, TASKS[i].most, TASKS[i].target);
        if (!(s.lowest <= TASKS[i].target))
            fail_msg("task %zu, %s (%s): %g after %d values; %s", i, TASKS[i].algorithm, TASKS[i].options, s.lowest,
                     (int)s.values, optim_stop_reason(result.reason));
        optim_destroy(s.opt);
    }
}

/* The minimum of the box is on its wall. */
static void test_in_a_box(void **state) {
    (void)state;
    static const char *const METHODS[][2] = {{"nelder_mead", ""}, {"cma_es", "seed=1"}, {"spsa", "seed=1,c=1e-3"}};
    for (size_t i = 0; i < 3; ++i) {
        scene_t s = open_scene(METHODS[i][0], METHODS[i][1], 3, 0.2, sphere);
        s.boxed = true;
        for (size_t k = 0; k < 3; ++k) {
            s.lower[k] = -1;
            s.upper[k] = k == 0 ? 0.5 : 4;
        }
        lend(&s);
        (void)run(&s, 4000, 0.25 + 1e-4);
        if (!(s.lowest <= 0.25 + 1e-4))
            fail_msg("%s: %g", METHODS[i][0], s.lowest);
        optim_destroy(s.opt);
    }
}

/* What stands in the parameters is where it goes on from. */
static void test_moved(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; ++i) {
        scene_t s = open_scene(i == 0 ? "nelder_mead" : "cma_es", NULL, 3, 0, sphere);
        lend(&s);
        (void)run(&s, 3000, 1e-9);
        for (size_t k = 0; k < 3; ++k)
            s.x[k] = 50;
        s.values = 0;
        s.lowest = INFINITY;
        (void)run(&s, i == 0 ? 2000 : 6000, 1e-6);
        assert_true(s.lowest <= 1e-6);
        optim_destroy(s.opt);
    }
}

/* The answer of cma_es is the best point that it has seen, whatever its mean. */
static void test_answer(void **state) {
    (void)state;
    scene_t s = open_scene("cma_es", "seed=3,sigma=2", 3, 5, rastrigin);
    double best[3], lowest;
    lend(&s);
    (void)run(&s, 300, -1);
    CHECK_OK(optim_output(s.opt, 0, best));
    CHECK_OK(optim_get(s.opt, 0, "lowest", &lowest));
    assert_true(rastrigin(3, best) == lowest && lowest <= rastrigin(3, s.x));
    optim_destroy(s.opt);
}

/* A restart begins where the search began, with twice the samples. */
static void test_restart(void **state) {
    (void)state;
    scene_t s = open_scene("cma_es", "seed=3,restarts=1,tol_f=1e-3", 3, 0, sphere);
    double lambda = 0, restarted = 0, first;
    lend(&s);
    const optim_problem problem = {.size = sizeof problem, .user = &s, .loss = on_loss};
    const optim_stop stop = {.size = sizeof stop, .steps = 1};
    CHECK_OK(optim_minimize(s.opt, &problem, &stop, NULL));
    CHECK_OK(optim_get(s.opt, 0, "lambda", &first));
    for (int step = 0; step < 500 && restarted == 0; ++step) {
        CHECK_OK(optim_minimize(s.opt, &problem, &stop, NULL));
        CHECK_OK(optim_get(s.opt, 0, "restarted", &restarted));
    }
    CHECK_OK(optim_get(s.opt, 0, "lambda", &lambda));
    assert_true(restarted == 1 && first == 7 && lambda == 14);
    assert_true(s.x[0] == 0 && s.x[1] == 0 && s.x[2] == 0);
    optim_destroy(s.opt);
}

static void test_refusals(void **state) {
    (void)state;
    optim_t *opt;
    CHECK_REFUSED(optim_create(&opt, "cma_es", "popsize=3"), OPTIM_ERR_VALUE, "popsize must be 0, or 4");
    CHECK_REFUSED(optim_create(&opt, "cma_es", "restarts=20"), OPTIM_ERR_VALUE, "restarts");
    CHECK_REFUSED(optim_create(&opt, "nelder_mead", "spread=0"), OPTIM_ERR_VALUE, "spread");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_solves), cmocka_unit_test(test_in_a_box), cmocka_unit_test(test_moved),
        cmocka_unit_test(test_answer), cmocka_unit_test(test_restart),  cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
