/*
 * The line searches as state machines against the same searches written as loops, straight from their definition (the
 * strong Wolfe search of torch.optim.LBFGS; halving; of Hager and Zhang the conditions alone): every trial, every count, the point that is kept.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "blocks/line_search.h"
#include "check.h"

enum { TRIALS = 64 };

/* ---- Functions of one step: smooth, bent, wavy, steep, rising, wild ---- */

typedef struct curve {
    const char *name;
    double (*f)(double t);
    double (*slope)(double t);
} curve_t;

static double bowl(double t) {
    return (t - 3) * (t - 3);
}
static double bowl_slope(double t) {
    return 2 * (t - 3);
}
static double quartic(double t) {
    return pow(t - 0.7, 4) - 0.3 * t;
}
static double quartic_slope(double t) {
    return 4 * pow(t - 0.7, 3) - 0.3;
}
static double wave(double t) {
    return 0.1 * t * t - sin(5 * t);
}
static double wave_slope(double t) {
    return 0.2 * t - 5 * cos(5 * t);
}
static double bend(double t) {
    return pow(fabs(t - 0.4), 1.5);
}
static double bend_slope(double t) {
    return copysign(1.5 * sqrt(fabs(t - 0.4)), t - 0.4);
}
static double corner(double t) {
    return fabs(t - 0.37) + 0.01 * t;
}
static double corner_slope(double t) {
    return (t > 0.37 ? 1 : -1) + 0.01;
}
static double valley(double t) {
    return exp(2 * t) - 9 * t;
}
static double valley_slope(double t) {
    return 2 * exp(2 * t) - 9;
}
static double endless(double t) {
    return -log1p(t);
}
static double endless_slope(double t) {
    return -1 / (1 + t);
}
static double wall(double t) {
    return t < 0.1 ? -t : INFINITY;
}
static double wall_slope(double t) {
    return t < 0.1 ? -1 : (double)NAN;
}
static double liar(double t) {
    return t;
}
static double liar_slope(double t) {
    return -1 - t;
}

static const curve_t CURVES[] = {
    {"bowl", bowl, bowl_slope},          {"quartic", quartic, quartic_slope}, {"wave", wave, wave_slope},
    {"bend", bend, bend_slope},          {"corner", corner, corner_slope},    {"valley", valley, valley_slope},
    {"endless", endless, endless_slope}, {"wall", wall, wall_slope},          {"liar", liar, liar_slope},
};
enum { CURVE_COUNT = sizeof CURVES / sizeof *CURVES };

/* ---- The searches as loops ---- */

typedef struct record {
    int count;
    double trial[TRIALS];
    double result; /* the step taken */
    bool failed;
} record_t;

typedef struct settings {
    double c1, c2, tolerance, largest, trial;
    int most;
} settings_t;

typedef struct point {
    double t, f, g;
} point_t;

static point_t look(const curve_t *curve, record_t *r, double t) {
    assert_in_range(r->count, 0, TRIALS - 1);
    r->trial[r->count++] = t;
    const double f = curve->f(t), g = curve->slope(t);
    const bool finite = isfinite(f) && isfinite(g);
    return (point_t){t, finite ? f : HUGE_VAL, finite ? g : HUGE_VAL};
}

static double cubic(point_t p1, point_t p2, double lo, double hi) {
    const double d1 = p1.g + p2.g - 3 * (p1.f - p2.f) / (p1.t - p2.t), square = d1 * d1 - p1.g * p2.g;
    if (!(square >= 0))
        return (lo + hi) / 2;
    const double d2 = sqrt(square);
    const double t = p1.t <= p2.t ? p2.t - (p2.t - p1.t) * (p2.g + d2 - d1) / (p2.g - p1.g + 2 * d2)
                                  : p1.t - (p1.t - p2.t) * (p1.g + d2 - d1) / (p1.g - p2.g + 2 * d2);
    return isfinite(t) ? fmin(fmax(t, lo), hi) : (lo + hi) / 2;
}

/* The bracket phase: true if a step was accepted, which is then b[0]; else the bracket. */
static bool loop_bracket(const curve_t *curve, settings_t s, record_t *r, point_t start, int *k, point_t b[2]) {
    point_t previous = start, here = look(curve, r, s.trial);
    for (*k = 0; *k < s.most; ++*k) {
        b[0] = previous;
        b[1] = here;
        if (!(here.f <= start.f + s.c1 * here.t * start.g) || (*k > 1 && here.f >= previous.f))
            return false;
        if (fabs(here.g) <= -s.c2 * start.g) {
            b[0] = here;
            return true;
        }
        if (here.g >= 0)
            return false;
        const double next = cubic(previous, here, here.t + 0.01 * (here.t - previous.t), 10 * here.t);
        previous = here;
        here = look(curve, r, next);
    }
    b[0] = start;
    b[1] = here;
    return false;
}

static double keep_away(double t, double lo, double hi, bool *was_near) {
    const double e = 0.1 * (hi - lo);
    if (!(fmin(hi - t, t - lo) < e)) {
        *was_near = false;
        return t;
    }
    if (!*was_near && t < hi && t > lo) {
        *was_near = true;
        return t;
    }
    *was_near = false;
    return fabs(t - hi) < fabs(t - lo) ? hi - e : lo + e;
}

static record_t loop_wolfe(const curve_t *curve, settings_t s) {
    record_t r = {0};
    const point_t start = {0, curve->f(0), curve->slope(0)};
    point_t b[2];
    int k;
    if (loop_bracket(curve, s, &r, start, &k, b)) {
        r.result = b[0].t;
        return r;
    }
    int low = b[0].f <= b[1].f ? 0 : 1;
    bool was_near = false;
    while (k < s.most && !(fabs(b[1].t - b[0].t) * s.largest < s.tolerance)) {
        const double lo = fmin(b[0].t, b[1].t), hi = fmax(b[0].t, b[1].t);
        const point_t here = look(curve, &r, keep_away(cubic(b[0], b[1], lo, hi), lo, hi, &was_near));
        ++k;
        if (!(here.f <= start.f + s.c1 * here.t * start.g) || here.f >= b[low].f) {
            b[1 - low] = here;
            low = b[0].f <= b[1].f ? 0 : 1;
            continue;
        }
        const bool accepted = fabs(here.g) <= -s.c2 * start.g;
        if (!accepted && here.g * (b[1 - low].t - b[low].t) >= 0)
            b[1 - low] = b[low];
        b[low] = here;
        if (accepted)
            break;
    }
    r.result = b[low].t;
    return r;
}

static record_t loop_armijo(const curve_t *curve, settings_t s) {
    record_t r = {0};
    double t = s.trial;
    for (int k = 0; k < s.most; ++k, t /= 2)
        if (look(curve, &r, t).f <= curve->f(0) + s.c1 * t * curve->slope(0)) {
            r.result = t;
            return r;
        }
    r.failed = true;
    return r;
}

/* ---- The state machines, with what a method does with them ---- */

static record_t run_machine(const curve_t *curve, settings_t s, int keyword) {
    record_t r = {0};
    line_search_t search = {.c1 = s.c1, .c2 = s.c2, .tolerance = s.tolerance, .most = s.most, .largest = s.largest};
    double kept = 0; /* where the gradient is from that the method keeps as the low point's */
    search.by_value = keyword == SEARCH_ARMIJO;
    line_search_start(&search, curve->f(0), curve->slope(0), s.trial);
    search_answer_t answer = SEARCH_EVALUATE;
    while (answer == SEARCH_EVALUATE) {
        search_low_t low;
        assert_in_range(r.count, 0, TRIALS - 1);
        const double t = search.t;
        if (search.stays) /* for the gradient, at the trial that its value has accepted */
            assert_true(t == r.trial[r.count - 1] && !search.by_value);
        else
            r.trial[r.count++] = t;
        answer = line_search_by(keyword, &search, curve->f(t), curve->slope(t), &low);
        kept = low == LOW_IS_HERE ? t : low == LOW_IS_ORIGIN ? 0 : kept;
    }
    r.failed = answer == SEARCH_FAILED;
    r.result = r.failed ? 0 : search.t;
    if (!r.failed)
        assert_true(kept == search.t);
    return r;
}

static void compare(const curve_t *curve, settings_t s, bool wolfe) {
    const record_t got = run_machine(curve, s, wolfe ? SEARCH_STRONG_WOLFE : SEARCH_ARMIJO),
                   want = wolfe ? loop_wolfe(curve, s) : loop_armijo(curve, s);
    for (int i = 0; i < want.count && i < got.count; ++i)
        if (!(fabs(got.trial[i] - want.trial[i]) <= 1e-12 * fmax(1, fabs(want.trial[i]))))
            fail_msg("%s, first trial %g, %d more: trial %d is %.17g, not %.17g", curve->name, s.trial, s.most, i + 1,
                     got.trial[i], want.trial[i]);
    if (got.count != want.count || got.failed != want.failed || fabs(got.result - want.result) > 1e-12 * want.result)
        fail_msg("%s, first trial %g, %d more: %d trials end at %.17g, not %d at %.17g", curve->name, s.trial, s.most,
                 got.count, got.result, want.count, want.result);
    assert_in_range(got.count, 1, wolfe ? s.most + 1 : s.most);
}

static const double FIRST[] = {1e-3, 0.02, 0.1, 0.3, 0.5, 1, 1.7, 2.9, 7, 100};
enum { FIRST_COUNT = sizeof FIRST / sizeof *FIRST };

static void compare_all(bool wolfe) {
    static const int MOST[] = {1, 2, 3, 5, 25, 40};
    static const double CURVATURE[] = {0.9, 0.4, 0.01};
    for (int i = 0; i < CURVE_COUNT; ++i)
        for (int k = 0; k < FIRST_COUNT; ++k)
            for (int j = 0; j < 6; ++j)
                for (int c = 0; c < 3; ++c)
                    compare(&CURVES[i], (settings_t){1e-4, CURVATURE[c], 1e-9, 0.5 + k, FIRST[k], MOST[j]}, wolfe);
}

static void test_wolfe(void **state) {
    (void)state;
    compare_all(true);
}

static void test_armijo(void **state) {
    (void)state;
    compare_all(false);
}

/* On smooth curves with room to search, the conditions hold that gave it its name. */
static void test_wolfe_conditions(void **state) {
    (void)state;
    for (int i = 0; i < CURVE_COUNT; ++i) {
        const curve_t *curve = &CURVES[i];
        if (curve->f == wall || curve->f == corner || curve->f == liar)
            continue;
        for (int k = 0; k < FIRST_COUNT; ++k) {
            const record_t r = run_machine(curve, (settings_t){1e-4, 0.4, 1e-12, 1, FIRST[k], 40}, SEARCH_STRONG_WOLFE);
            CHECK_AT_MOST(curve->f(r.result), curve->f(0) + 1e-4 * r.result * curve->slope(0));
            CHECK_AT_MOST(fabs(curve->slope(r.result)), -0.4 * curve->slope(0));
        }
    }
}

/* Of Hager and Zhang: one of the two conditions, or, where there is no bend to end in, the lowest of all trials. */
static void test_hager_zhang(void **state) {
    (void)state;
    for (int i = 0; i < CURVE_COUNT; ++i)
        for (int k = 0; k < FIRST_COUNT; ++k) {
            const curve_t *curve = &CURVES[i];
            const record_t r = run_machine(curve, (settings_t){0.1, 0.4, 1e-12, 1, FIRST[k], 40}, SEARCH_HAGER_ZHANG);
            const double f = curve->f(0), s = curve->slope(0), at = curve->f(r.result), slope = curve->slope(r.result);
            const bool wolfe = at <= f + 0.1 * r.result * s;
            const bool approximate = slope <= (2 * 0.1 - 1) * s && at <= f + 1e-6 * fabs(f);
            const bool ends = slope >= 0.4 * s && (wolfe || approximate);
            if (!ends && curve->f != wall && curve->f != corner && curve->f != liar)
                fail_msg("%s from %g: %g after %d trials", curve->name, FIRST[k], r.result, r.count);
            for (int j = 0; !ends && j < r.count; ++j)
                if (curve->f(r.trial[j]) < at)
                    fail_msg("%s from %g: %g is lower than %g", curve->name, FIRST[k], r.trial[j], r.result);
            if (curve->f == bowl && r.count > 8) /* a bracket by fives; the secant of a line is exact */
                fail_msg("bowl from %g: %d trials", FIRST[k], r.count);
        }
}

/* Slopes still tell where losses are rounding: a bowl so high up that no digit of it is left, and 0 rounded down. */
static double high_bowl(double t) {
    return t > 0 ? 1e9 + 1e-6 : 1e9;
}
static double high_bowl_slope(double t) {
    return 1e-9 * bowl_slope(t);
}
static void test_hager_zhang_by_slopes(void **state) {
    (void)state;
    const curve_t curve = {"high bowl", high_bowl, high_bowl_slope};
    const settings_t s = {1e-4, 0.1, 0, 1, 2, 40};
    assert_true(run_machine(&curve, s, SEARCH_STRONG_WOLFE).result == 0);
    CHECK_CLOSE(run_machine(&curve, s, SEARCH_HAGER_ZHANG).result, 3, 1e-6);
}

/* A gradient that is no number where the value was: the halving search goes on. */
static void test_armijo_without_gradient(void **state) {
    (void)state;
    line_search_t search = {.c1 = 1e-4, .c2 = 0.9, .most = 25, .by_value = true};
    search_low_t low;
    line_search_start(&search, bowl(0), bowl_slope(0), 2);
    assert_int_equal(line_search_armijo(&search, bowl(2), 0, &low), SEARCH_EVALUATE);
    assert_true(search.t == 2 && search.stays && !search.by_value && low == LOW_STAYS);
    assert_int_equal(line_search_armijo(&search, bowl(2), (double)NAN, &low), SEARCH_EVALUATE);
    assert_true(search.t == 1 && !search.stays && search.by_value && low == LOW_STAYS);
    assert_int_equal(line_search_armijo(&search, bowl(1), 0, &low), SEARCH_EVALUATE);
    assert_int_equal(line_search_armijo(&search, bowl(1), bowl_slope(1), &low), SEARCH_DONE);
    assert_true(search.t == 1 && low == LOW_IS_HERE);
}

/* A promise that is not kept: the strong Wolfe search stays, the halving one says so. */
static void test_no_way_down(void **state) {
    (void)state;
    const curve_t *curve = &CURVES[CURVE_COUNT - 1];
    const settings_t s = {1e-4, 0.9, 1e-9, 1, 1, 25};
    assert_true(run_machine(curve, s, SEARCH_STRONG_WOLFE).result == 0);
    assert_true(run_machine(curve, s, SEARCH_HAGER_ZHANG).result == 0);
    const record_t r = run_machine(curve, s, SEARCH_ARMIJO);
    assert_true(r.failed);
    assert_int_equal(r.count, 25);
}

/* A trial that would do, but for the caller's own test, is gone past. */
static void test_unfit(void **state) {
    (void)state;
    line_search_t search = {.c1 = 1e-4, .c2 = 0.9, .tolerance = 1e-9, .largest = 1, .most = 25};
    search_low_t low;
    line_search_start(&search, bowl(0), bowl_slope(0), 1);
    search.unfit = true;
    assert_int_equal(line_search_wolfe(&search, bowl(1), bowl_slope(1), &low), SEARCH_EVALUATE);
    const double t = search.t;
    assert_true(t > 1);
    search.unfit = false;
    assert_int_equal(line_search_wolfe(&search, bowl(t), bowl_slope(t), &low), SEARCH_DONE);
    assert_true(search.t == t && low == LOW_IS_HERE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wolfe),
        cmocka_unit_test(test_armijo),
        cmocka_unit_test(test_wolfe_conditions),
        cmocka_unit_test(test_hager_zhang),
        cmocka_unit_test(test_hager_zhang_by_slopes),
        cmocka_unit_test(test_armijo_without_gradient),
        cmocka_unit_test(test_no_way_down),
        cmocka_unit_test(test_unfit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
