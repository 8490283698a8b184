/* Tables of figures that the methods' definitions state; the rows are in figures.c. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "figures.h"
#include "play.h"

static size_t ran;

/* ---- Motion under a constant gradient: 2, one coordinate, lr 1e-3, in units of lr ---- */

static void test_motion(void **state) {
    const motion_t *m = *state;
    rig_t *rig = play_vector(m->algorithm, "lr=1e-3", "quadratic", 1, 0);
    const double loss = 1, gradient = 2;
    static const int STEPS[] = {1, 2, 10, 100};
    int step = 0;
    for (int k = 0; k < 4; ++k) {
        for (; step < STEPS[k]; ++step) {
            replay_t constant = {1, 0, &loss, &gradient};
            rig->replay = &constant;
            CHECK_OK(rig_step(rig));
        }
        const double moved = -rig_read(rig)[0] / 1e-3;
        if (!(fabs(moved - m->moved[k]) <= 1e-5 * fmax(1e-3, fabs(m->moved[k]))))
            fail_msg("after %d steps %s has moved %.9g lr, not %g", STEPS[k], m->algorithm, moved, m->moved[k]);
    }
    ++ran;
    rig_free(rig);
}

/* ---- Values after 100 and 300 steps, 20 elements ---- */

static void compare_value(const char *label, const char *oracle, int steps, double got, double want) {
    if (isnan(want))
        return;
    const bool agrees = want == 0     ? got <= 1e-12
                        : want < 1e-9 ? got <= 2 * want && got >= want / 2
                                      : fabs(got - want) <= 1e-6 * want;
    if (!agrees)
        fail_msg("%s: %s after %d steps is %.9g, not %.9g", label, oracle, steps, got, want);
}

static void test_closed_loop(void **state) {
    const closed_loop_t *c = *state;
    static const struct {
        const char *oracle;
        double start;
    } PROBLEMS[] = {{"quadratic", 1}, {"logistic", 0.5}};
    for (int p = 0; p < 2; ++p) {
        rig_t *rig = play_vector(c->algorithm, c->options, PROBLEMS[p].oracle, 20, PROBLEMS[p].start);
        CHECK_OK(rig_steps(rig, 100));
        compare_value(c->algorithm, PROBLEMS[p].oracle, 100, rig_value(rig), c->value[2 * p]);
        CHECK_OK(rig_steps(rig, 200));
        compare_value(c->algorithm, PROBLEMS[p].oracle, 300, rig_value(rig), c->value[2 * p + 1]);
        rig_free(rig);
    }
    ++ran;
}

/* ---- Acceptance of the learning-rate-free methods: 34 elements from 0 ---- */

static void accept(const acceptance_t *a, const char *oracle, int steps, double excess, double want) {
    const bool agrees = want >= 1e-9 ? excess <= 2 * want && excess >= want / 2 : excess < 1e-9;
    if (!agrees)
        fail_msg("%s(%s): %s - f* after %d steps is %.3g, not %.2g", a->algorithm, a->options, oracle, steps, excess,
                 want);
}

static void test_acceptance(void **state) {
    const acceptance_t *a = *state;
    static const char *const ORACLES[] = {"quadratic", "logistic"};
    static const double LEAST[] = {0, LOGISTIC_MINIMUM_34};
    static const int STEPS[] = {100, 300, 1000};
    for (int p = 0; p < 2; ++p) {
        char *options = a->least == NULL ? check_text("%s", a->options)
                                         : check_text("%s%s%s=%.17g", a->options, *a->options == '\0' ? "" : ",",
                                                      a->least, LEAST[p]);
        rig_t *rig = play_vector(a->algorithm, options, ORACLES[p], 34, 0);
        int step = 0;
        for (int k = 0; k < 3; ++k) {
            CHECK_OK(rig_steps(rig, STEPS[k] - step));
            step = STEPS[k];
            accept(a, ORACLES[p], step, output_value(rig) - LEAST[p], a->excess[3 * p + k]);
        }
        rig_free(rig);
        free(options);
    }
    ++ran;
}

/* ---- One test a row of the tables ---- */

typedef struct suite {
    struct CMUnitTest tests[256];
    size_t count;
} suite_t;

static void add(suite_t *suite, const char *kind, const char *algorithm, void (*run)(void **), const void *row) {
    if (!has_algorithm(algorithm))
        return;
    assert_in_range(suite->count, 0, sizeof suite->tests / sizeof *suite->tests - 1);
    suite->tests[suite->count++] =
        (struct CMUnitTest){check_text("%s: %s", kind, algorithm), run, NULL, NULL, (void *)(uintptr_t)row};
}

int main(void) {
    static suite_t suite;
    for (size_t i = 0; i < MOTION_COUNT; ++i)
        add(&suite, "motion", MOTION[i].algorithm, test_motion, &MOTION[i]);
    for (size_t i = 0; i < CLOSED_LOOP_COUNT; ++i)
        add(&suite, "closed loop", CLOSED_LOOP[i].algorithm, test_closed_loop, &CLOSED_LOOP[i]);
    for (size_t i = 0; i < ACCEPTANCE_COUNT; ++i)
        add(&suite, "acceptance", ACCEPTANCE[i].algorithm, test_acceptance, &ACCEPTANCE[i]);
    const int failed = _cmocka_run_group_tests("figures", suite.tests, suite.count, NULL, NULL);
    (void)printf("%zu rows of %zu for methods that are there\n", ran,
                 MOTION_COUNT + CLOSED_LOOP_COUNT + ACCEPTANCE_COUNT);
    for (size_t i = 0; i < suite.count; ++i)
        free((void *)(uintptr_t)suite.tests[i].name);
    return failed;
}
