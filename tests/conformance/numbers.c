#include "numbers.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "element.h"
#include "subject.h"

enum { BEFORE = 2, AFTER = 2, MOST_EVALUATIONS = 2000 };
static const optim_dtype DTYPES[] = {OPTIM_F32, OPTIM_F64, OPTIM_BF16, OPTIM_F16};
static bool all;
static long cases;

/* ---- All that a handle is made of ---- */

typedef struct image {
    void *parameters, *state;
    size_t size;
    int64_t steps;
} image_t;

static image_t image_take(const rig_t *rig) {
    image_t image = {.parameters = rig_snapshot(rig), .steps = optim_steps(rig->opt)};
    image.state = check_serialized(rig->opt, &image.size);
    return image;
}

static void image_free(image_t *image) {
    free(image->parameters);
    free(image->state);
}

/* The metadata counts skipped steps; where that is all, it may differ. */
static void image_check(const image_t *before, const rig_t *rig, const char *what) {
    image_t now = image_take(rig);
    rig_check_snapshot(rig, before->parameters, what);
    assert_int_equal(now.steps, before->steps);
    if (optim_skipped(rig->opt) == 0 && (now.size != before->size || memcmp(now.state, before->state, now.size) != 0))
        fail_msg("%s: the state is not as it was", what);
    image_free(&now);
}

/* ---- One bad number ---- */

typedef struct bad {
    double value;
    int evaluation; /* of the step, counted from 1 */
    bool loss;
} bad_t;

static optim_status step_spoilt(rig_t *rig, bad_t bad) {
    rig->poison_at = bad.evaluation;
    rig->poison_index = rig_elements(rig) / 2;
    rig->poison_value = bad.value;
    rig->poison_loss = bad.loss;
    const optim_status status = rig_step(rig);
    rig->poison_at = 0;
    rig->poison_loss = false;
    if (rig->evaluation > MOST_EVALUATIONS)
        fail_msg("a step with %g at evaluation %d took %d evaluations", bad.value, bad.evaluation, rig->evaluation);
    ++cases;
    return status;
}

static char *describe_bad(const subject_t *s, setup_t setup, bad_t bad) {
    return check_text("%s, %s, %s, %s %g at evaluation %d", s->label, setup.extra, element_name(setup.dtype),
                      bad.loss ? "loss" : "gradient", bad.value, bad.evaluation);
}

/* Nothing is promised about the numbers, but every step ends and an error has a sentence. */
static void propagate(const subject_t *s, setup_t setup, bad_t bad) {
    rig_t *rig = subject_run(s, setup, BEFORE);
    optim_status status = step_spoilt(rig, bad);
    for (int i = 0; i < AFTER && status == OPTIM_OK; ++i)
        status = rig_step(rig);
    if (status != OPTIM_OK && (status > 0 || *optim_error() == '\0'))
        fail_msg("%s: status %d without a sentence", s->label, status);
    assert_int_equal(optim_skipped(rig->opt), 0);
    rig_free(rig);
}

/* A step that was skipped or refused was none: the state at once, and the same bits two steps on. */
static void policy(const subject_t *s, setup_t setup, bad_t bad, bool skips) {
    char *what = describe_bad(s, setup, bad);
    rig_t *rig = subject_run(s, setup, BEFORE), *clean = subject_run(s, setup, BEFORE);
    image_t before = image_take(rig);
    const optim_status status = step_spoilt(rig, bad);
    const bool rejected = skips ? optim_skipped(rig->opt) == 1 : status == OPTIM_ERR_NONFINITE;
    if (!rejected && !subject_searches(s))
        fail_msg("%s: not noticed; status %d", what, status);
    if (rejected || status != OPTIM_OK) {
        assert_int_equal(status, rejected && skips ? OPTIM_OK : status);
        image_check(&before, rig, what);
        CHECK_STATUS(rig_steps(rig, AFTER), rig_steps(clean, AFTER));
        rig_check_same(rig, clean, what);
    } else {
        rig_check_finite(rig, what); /* a search turned away from it */
    }
    image_free(&before);
    rig_free(rig);
    rig_free(clean);
    free(what);
}

static int evaluations_of(const subject_t *s, setup_t setup) {
    rig_t *rig = subject_run(s, setup, BEFORE + 1);
    const int evaluations = rig->evaluation;
    rig_free(rig);
    return evaluations;
}

static void spoil_each(const subject_t *s, setup_t setup, const double *values, int count) {
    const int evaluations = evaluations_of(s, setup);
    const bool reads_loss = subject_reads_loss(s, setup);
    const setup_t skip = setup_extra(setup, "nonfinite=skip"), error = setup_extra(setup, "nonfinite=error");
    for (int evaluation = 1; evaluation <= evaluations; evaluation += evaluation_stride(evaluations))
        for (int i = 0; i < count; ++i)
            for (int loss = 0; loss <= (reads_loss ? 1 : 0); ++loss) {
                const bad_t bad = {values[i], evaluation, loss == 1};
                propagate(s, setup, bad);
                if (loss == 1 && evaluation > 1)
                    continue; /* only losses that the method reads are looked at: below */
                policy(s, skip, bad, true);
                policy(s, error, bad, false);
            }
}

static void check_bad_numbers(void **state) {
    static const double VALUES[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    const subject_t *s = *state;
    const setup_t setup = subject_setup(s);
    for (int i = 0; i < 4; ++i)
        if (all || i == 0 || s->wraps == 0)
            spoil_each(s, setup_dtype(setup, DTYPES[i]), VALUES, all || (i == 0 && s->wraps == 0) ? 3 : 1);
}

/* ---- A bad parameter ---- */

static void check_bad_parameters(void **state) {
    static const double VALUES[] = {(double)NAN, (double)INFINITY, -(double)INFINITY};
    const subject_t *s = *state;
    const setup_t setup = subject_setup(s);
    for (int i = 0; i < 4; ++i)
        for (int k = 0; k < (all ? 3 : 1); ++k) {
            rig_t *rig = subject_run(s, setup_dtype(setup, DTYPES[i]), BEFORE);
            element_write(DTYPES[i], rig->tensor[0].data, 1, VALUES[k]);
            optim_status status = OPTIM_OK;
            for (int step = 0; step < AFTER && status == OPTIM_OK; ++step) {
                status = rig_step(rig);
                assert_in_range(rig->evaluation, 0, MOST_EVALUATIONS);
            }
            assert_true(status <= 0);
            ++cases;
            rig_free(rig);
        }
}

/* ---- A state with NaN is a state: it is saved and loaded, and goes on in the same bits ---- */

static void check_bad_checkpoint(void **state) {
    const subject_t *s = *state;
    const setup_t setup = setup_dtype(subject_setup(s), OPTIM_F32);
    rig_t *rig = subject_run(s, setup, BEFORE), *other = subject_rig(s, setup);
    if (step_spoilt(rig, (bad_t){(double)NAN, 1, false}) == OPTIM_OK) {
        image_t image = image_take(rig);
        CHECK_OK(optim_deserialize(other->opt, image.state, image.size));
        rig_restore(other, image.parameters);
        for (int step = 0; step < AFTER; ++step)
            CHECK_STATUS(rig_step(other), rig_step(rig));
        rig_check_same(other, rig, "loaded with a NaN");
        image_t one = image_take(rig), two = image_take(other);
        assert_int_equal(one.size, two.size);
        assert_memory_equal(one.state, two.state, one.size);
        image_free(&one);
        image_free(&two);
        image_free(&image);
    }
    rig_free(rig);
    rig_free(other);
}

/* ---- Gradients near the ends of the range ---- */

/* Two steps with gradient `size` (of either sign) everywhere and loss `size`, whatever is asked for. */
static rig_t *run_extreme(const subject_t *s, setup_t setup, double size, optim_status *status) {
    enum { EVALUATIONS = 1024 };
    rig_t *rig = subject_rig(s, setup);
    const size_t d = rig_elements(rig);
    double loss[EVALUATIONS], *gradient = check_memory(EVALUATIONS * d, sizeof *gradient);
    for (size_t i = 0; i < EVALUATIONS * d; ++i)
        gradient[i] = i % 3 == 1 ? -size : size;
    for (int i = 0; i < EVALUATIONS; ++i)
        loss[i] = size;
    replay_t replay = {EVALUATIONS, 0, loss, gradient};
    if ((s->needs & OPTIM_NEEDS_PRODUCTS) == 0)
        rig->replay = &replay;
    else
        rig->scale = size; /* products are of the oracle */
    *status = rig_steps(rig, 2);
    rig->replay = NULL;
    free(gradient);
    ++cases;
    return rig;
}

static bool is_finite(rig_t *rig, double largest) {
    const size_t d = rig_elements(rig);
    const double *x = rig_read(rig);
    for (size_t i = 0; i < d; ++i)
        if (!(fabs(x[i]) <= largest))
            return false;
    return true;
}

/* Methods whose states leave f32 where the parameters would not (docs/numerics.md): differences of squares, sums of
 * velocities, differences of gradients, their products, residuals, gradients where a step leads, sequences of steps
 * longer than the parameters'. */
static bool overflows(const subject_t *s) {
    static const char *const NAMES[] = {
        "yogi", "qhadam", "oasis",       "aggmo",         "shampoo",   "nonconvex_ag", "katyusha", "svrg",
        "f2sa", "soap",   "flexible_cg", "damped_newton", "acc_cubic", "cubic_newton", "ftml",     "apollo_dqn"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; ++i)
        if (strcmp(s->algorithm, NAMES[i]) == 0)
            return true;
    for (int i = 0; i < s->wraps; ++i)
        if (strcmp(s->wrap[i], "mlmc") == 0 || strcmp(s->wrap[i], "orthograd") == 0 ||
            strcmp(s->wrap[i], "grokfast") == 0 || strcmp(s->wrap[i], "cautious") == 0)
            return true; /* a multiple of a difference of means, or of a mean; all of the length in a few coordinates */
    static const char *const OPTIONS[] = {"centered=1", "grad_averaging=0", "clip_type=none"};
    for (size_t i = 0; i < sizeof OPTIONS / sizeof *OPTIONS; ++i)
        if (strcmp(s->options, OPTIONS[i]) == 0)
            return true;
    return false;
}

/* Where the formula in double stays within the dtype, so does the dtype. */
static void compare_extreme(const subject_t *s, setup_t setup, double size) {
    optim_status wide_status, status;
    rig_t *wide = run_extreme(s, setup_dtype(setup, OPTIM_F64), size, &wide_status);
    rig_t *rig = run_extreme(s, setup_dtype(setup, OPTIM_F32), size, &status);
    if (wide_status == OPTIM_OK && is_finite(wide, (double)FLT_MAX) && !is_finite(rig, (double)FLT_MAX))
        fail_msg("%s: gradients of %g are too much in f32, and not in f64", s->label, size);
    rig_free(wide);
    rig_free(rig);
}

static void check_large_gradients(void **state) {
    const subject_t *s = *state;
    optim_status status;
    compare_extreme(s, subject_setup(s), 1e15);
    if (!overflows(s))
        compare_extreme(s, subject_setup(s), 1e38);
    rig_t *rig = run_extreme(s, subject_setup(s), 1e300, &status); /* squares overflow: only that it ends */
    assert_true(status <= 0);
    rig_free(rig);
}

static void check_small_gradients(void **state) {
    const subject_t *s = *state;
    static const struct {
        optim_dtype dtype;
        double size;
    } CASES[] = {{OPTIM_F32, 1e-40}, {OPTIM_F64, 1e-40}, {OPTIM_F64, 1e-200}, {OPTIM_F64, 1e-320}, {OPTIM_F32, 1e-30}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i) {
        optim_status status;
        rig_t *rig = run_extreme(s, setup_dtype(subject_setup(s), CASES[i].dtype), CASES[i].size, &status);
        const bool is_outside = status == OPTIM_ERR_DOMAIN && (s->needs & OPTIM_NEEDS_CONSTRAINTS) != 0;
        if (status != OPTIM_ERR_LINE_SEARCH && status != OPTIM_OK && !is_outside) /* constraints' gradients too */
            fail_msg("%s: gradients of %g end in %d: %s", s->label, CASES[i].size, status, optim_error());
        char *what = check_text("gradients of %g in %s", CASES[i].size, element_name(CASES[i].dtype));
        rig_check_finite(rig, what);
        free(what);
        rig_free(rig);
    }
}

/* ---- One element, none ---- */

static void check_least_tensors(void **state) {
    static const layout_t LEAST[] = {{"one", 1, {{"one", 1, {1}}}},
                                     {"scalar", 1, {{"scalar", 0, {0}}}},
                                     {"one by one", 1, {{"matrix", 2, {1, 1}}}},
                                     {"two ones", 2, {{"left", 2, {1, 1}}, {"right", 2, {1, 1}}}},
                                     {"none", 1, {{"none", 1, {0}}}},
                                     {"no rows", 1, {{"rows", 2, {0, 3}}}},
                                     {"nothing twice", 2, {{"a", 2, {3, 0}}, {"b", 2, {0, 0}}}},
                                     {"one and none", 2, {{"one", 1, {1}}, {"none", 1, {0}}}},
                                     {"none and one", 2, {{"none", 1, {0}}, {"one", 1, {1}}}}};
    const subject_t *s = *state;
    setup_t setup = subject_setup(s);
    for (size_t i = 0; i < sizeof LEAST / sizeof *LEAST; ++i)
        for (int k = 0; k < 4; ++k) {
            setup.layout = &LEAST[i];
            rig_t *rig = subject_try(s, setup_dtype(setup, DTYPES[k]));
            if (rig == NULL)
                continue;
            optim_status status = OPTIM_OK;
            for (int step = 0; step < 3 && status == OPTIM_OK; ++step) {
                status = rig_step(rig);
                assert_in_range(rig->evaluation, 0, MOST_EVALUATIONS);
            }
            if (status != OPTIM_OK && status != OPTIM_ERR_LINE_SEARCH)
                fail_msg("%s on \"%s\": %d, %s", s->label, LEAST[i].name, status, optim_error());
            rig_check_finite(rig, LEAST[i].name);
            ++cases;
            rig_free(rig);
        }
}

/* ---- All subjects ---- */

static const struct {
    const char *name;
    void (*run)(void **state);
} CHECKS[] = {
    {"bad numbers", check_bad_numbers},         {"bad parameters", check_bad_parameters},
    {"bad checkpoint", check_bad_checkpoint},   {"large gradients", check_large_gradients},
    {"small gradients", check_small_gradients}, {"least tensors", check_least_tensors},
};
enum { CHECK_COUNT = sizeof CHECKS / sizeof *CHECKS };

int numbers_run(bool full) {
    const char *chosen = getenv("GRADOPT_SUBJECT");
    size_t refused, count, tests = 0;
    all = full;
    subject_t *subjects = subjects_new(full, &count, &refused);
    struct CMUnitTest *test = check_memory(count * CHECK_COUNT, sizeof *test);
    for (size_t i = 0; i < count; ++i)
        for (size_t k = 0; k < CHECK_COUNT; ++k) {
            char *name = check_text("%s: %s", CHECKS[k].name, subjects[i].label);
            if ((chosen == NULL || strstr(name, chosen) != NULL) && (full || !subjects[i].is_variant) &&
                (full || subjects[i].wraps == 0 || i % 4 == 0))
                test[tests++] = (struct CMUnitTest){name, CHECKS[k].run, NULL, NULL, &subjects[i]};
            else
                free(name);
        }
    const int failed = _cmocka_run_group_tests("numbers", test, tests, NULL, NULL);
    (void)printf("%ld cases\n", cases);
    for (size_t i = 0; i < tests; ++i)
        free((void *)(uintptr_t)test[i].name);
    free(test);
    subjects_free(subjects, count);
    return failed;
}
