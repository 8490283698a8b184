/* direct_search, cdsm and evolution: how many values they need, and what they end at. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "solve.h"

static double curvature(int i) {
    return 1 + i % 7;
}
static double center(int i) {
    return 37 * i % 11 / 11.0 - 0.5;
}

static double quadratic(const solve_t *s, const double *x, double *g) {
    double sum = 0;
    for (int i = 0; i < (int)s->d; ++i) {
        g[i] = curvature(i) * (x[i] - center(i));
        sum += g[i] * (x[i] - center(i)) / 2;
    }
    return sum;
}

static double rastrigin(const solve_t *s, const double *x, double *g) {
    const double turn = 2 * acos(-1);
    double sum = 0;
    for (size_t i = 0; i < s->d; ++i) {
        const double away = x[i] - 0.5;
        g[i] = 2 * away + 2.5 * turn * sin(turn * away);
        sum += away * away + 2.5 * (1 - cos(turn * away));
    }
    return sum;
}

/* A step; returns how many values it took. */
static int values_of_step(solve_t *s) {
    optim_status status;
    int values = 0;
    double unused[SOLVE_MOST];
    while ((status = optim_step(s->opt)) > 0) {
        values += status == OPTIM_EVAL_LOSS;
        CHECK_OK(optim_set_loss(s->opt, s->gradient(s, s->x, status == OPTIM_EVAL_GRAD ? s->g : unused)));
    }
    CHECK_OK(status);
    return values;
}

static void open_search(solve_t *s, const char *method, const char *options, uint64_t seed, size_t d) {
    char *all = check_text("%s%sseed=%d", options, *options == '\0' ? "" : ",", (int)seed);
    s->d = 0;
    CHECK_OK(optim_create(&s->opt, method, all));
    solve_add(s, "x", d, 0);
    free(all);
}

static double number(const solve_t *s, const char *key) {
    double value;
    CHECK_OK(optim_get(s->opt, 0, key, &value));
    return value;
}

/* ---- direct_search ---- */

/* Where polls at the distance alpha find nothing, the gradient is no longer than (L / 2 + c) sqrt(d) alpha. */
static void test_poll_bounds_the_gradient(void **state) {
    (void)state;
    enum { SIDE = 5 };
    static const char *const OPTIONS[] = {"", "complete=1,expand=1", "c=0.1,contract=0.7"};
    for (size_t k = 0; k < sizeof OPTIONS / sizeof *OPTIONS; ++k) {
        solve_t s = {.gradient = quadratic};
        int failures = 0;
        open_search(&s, "direct_search", OPTIONS[k], 1, SIDE);
        for (int i = 0; i < SIDE; ++i)
            s.x[i] = 2 * sin(1 + 1.3 * i);
        for (int t = 0; t < 200; ++t) {
            const double alpha = number(&s, "current_alpha");
            (void)values_of_step(&s);
            if (number(&s, "current_alpha") >= alpha || alpha < 1e-6)
                continue;
            double g[SIDE], square = 0;
            (void)quadratic(&s, s.x, g);
            for (int i = 0; i < SIDE; ++i)
                square += g[i] * g[i];
            CHECK_AT_MOST(sqrt(square), (5.0 / 2 + (k == 2 ? 0.1 : 1e-3)) * sqrt(SIDE) * alpha);
            ++failures;
        }
        assert_true(failures > 10);
        optim_destroy(s.opt);
    }
}

/* ---- cdsm ---- */

enum { SEEDS = 10, RUNS = 40 };

static int compare(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

/* Values of f until it is below 1e-8: the median over seeds. */
static int values_needed(const char *options) {
    int values[SEEDS] = {0};
    for (int k = 0; k < SEEDS; ++k) {
        solve_t s = {.gradient = quadratic};
        double g[SOLVE_MOST];
        open_search(&s, "cdsm", options, (uint64_t)(k + 1), 5);
        for (int i = 0; i < 5; ++i)
            s.x[i] = 2 * sin(1 + 1.3 * i);
        while (quadratic(&s, s.x, g) > 1e-8 && values[k] < 5000)
            values[k] += values_of_step(&s);
        optim_destroy(s.opt);
    }
    qsort(values, SEEDS, sizeof *values, compare);
    return (values[SEEDS / 2 - 1] + values[SEEDS / 2]) / 2;
}

/* Attacks save values: as measured elsewhere, from other starts, 830, 673 and 569. */
static void test_values_needed(void **state) {
    (void)state;
    assert_in_range(values_needed(""), 790, 900);
    assert_in_range(values_needed("attack=fgsm"), 610, 710);
    assert_in_range(values_needed("attack=ffgsm"), 530, 610);
}

/* How often 300 steps from a random place end in the deepest of many valleys. */
static int found(const char *options) {
    int count = 0;
    for (int k = 1; k <= RUNS; ++k) {
        solve_t s = {.gradient = rastrigin};
        uint64_t stream = (uint64_t)(1000 + k);
        open_search(&s, "cdsm", options, (uint64_t)k, 2);
        s.x[0] = 6 * solve_uniform(&stream) - 3;
        s.x[1] = 6 * solve_uniform(&stream) - 3;
        for (int t = 0; t < 300; ++t)
            (void)values_of_step(&s);
        count += hypot(s.x[0] - 0.5, s.x[1] - 0.5) < 0.1;
        optim_destroy(s.opt);
    }
    return count;
}

static void test_valleys(void **state) {
    (void)state;
    assert_in_range(found(""), 35, RUNS);
    assert_in_range(found("attack=ffgsm"), 35, RUNS);
}

/* ---- evolution ---- */

static double planted; /* probability of a bump */

/* Minus the number of ones, and by chance, which the bits decide, minus a bump. */
static double bits(const solve_t *s, const double *x, double *g) {
    uint64_t place = 0, stream;
    double ones = 0;
    (void)g;
    for (size_t i = 0; i < s->d; ++i) {
        place += (uint64_t)x[i] << i;
        ones += x[i];
    }
    stream = 7 + 2 * place * UINT64_C(0x9E3779B97F4A7C15);
    return -ones + (solve_uniform(&stream) < planted ? 3 * log(1 - solve_uniform(&stream)) : 0);
}

/* Generations until all are ones, of 30 seeds, sorted: 1000 where they did not get there. */
static void generations(const char *strategy, double p, int *all) {
    enum { BITS = 12 };
    char *options = check_text("strategy=%s,mutation=bits,offspring=10", strategy);
    planted = p;
    for (int k = 0; k < 30; ++k) {
        solve_t s = {.gradient = bits};
        double ones = 0;
        open_search(&s, "evolution", options, (uint64_t)(k + 1), BITS);
        for (all[k] = 0; all[k] < 1000 && ones < BITS; ++all[k]) {
            (void)values_of_step(&s);
            ones = 0;
            for (int i = 0; i < BITS; ++i)
                ones += s.x[i];
        }
        if (ones < BITS)
            all[k] = 1001;
        optim_destroy(s.opt);
    }
    qsort(all, 30, sizeof *all, compare);
    free(options);
}

static int unfinished(const int *all) {
    int count = 0;
    for (int k = 0; k < 30; ++k)
        count += all[k] > 1000;
    return count;
}

/* A parent that dies leaves bumps which a parent that stays would sit on. */
static void test_planted_optima(void **state) {
    (void)state;
    int all[30];
    generations("comma", 0, all);
    assert_in_range(all[14] + all[15], 20, 20);
    generations("plus", 0, all);
    assert_in_range(all[14] + all[15], 20, 20);
    generations("comma", 0.05, all);
    assert_in_range(all[14] + all[15], 85, 85);
    assert_int_equal(unfinished(all), 1);
    generations("plus", 0.05, all);
    assert_int_equal(unfinished(all), 17);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_poll_bounds_the_gradient),
        cmocka_unit_test(test_values_needed),
        cmocka_unit_test(test_valleys),
        cmocka_unit_test(test_planted_optima),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
