/* Any shape, any address, any number of threads. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "needs.h"

enum { STEPS = 7 }; /* more than the five after which lookahead first acts */

static bool has_moved(rig_t *rig) {
    const size_t d = rig_elements(rig);
    const double *x = rig_read(rig);
    for (size_t i = 0; i < d; ++i)
        if (x[i] != rig_start(i))
            return true;
    return false;
}

void check_defaults(void **state) {
    const subject_t *s = *state;
    setup_t setup = subject_setup(s);
    for (int i = 0; i < LAYOUT_COUNT; ++i) {
        setup.layout = &LAYOUTS[i];
        rig_t *rig = subject_try(s, setup);
        if (rig == NULL)
            continue;
        assert_int_equal(optim_steps(rig->opt), 0);
        CHECK_OK(rig_steps(rig, STEPS));
        rig_check_finite(rig, setup.layout->name);
        subject_check_steps(s, rig, STEPS);
        assert_int_equal(optim_skipped(rig->opt), 0);
        /* Inputs may be about pairs of parameters. */
        assert_true(has_moved(rig) || subject_may_stay(s) || (!subject_evaluates(s) && setup.layout->count == 1));
        rig_free(rig);
    }
}

static void run_sizes(const subject_t *s, const layout_t *layout) {
    setup_t setup = subject_setup(s);
    setup.layout = layout;
    const optim_dtype dtypes[] = {OPTIM_F64, OPTIM_F32};
    for (size_t i = 0; i < 2; ++i) {
        rig_t *rig = subject_try(s, setup_dtype(setup, dtypes[i]));
        if (rig == NULL)
            return;
        CHECK_OK(rig_steps(rig, 3));
        rig_check_finite(rig, layout->name);
        rig_free(rig);
    }
}

void check_sizes(void **state) {
    static const layout_t SIZES[] = {
        {"nothing", 1, {{"e", 1, {0}}}},
        {"nothing twice", 2, {{"e", 1, {0}}, {"f", 2, {3, 0}}}},
        {"one", 1, {{"one", 1, {1}}}},
        {"a number", 1, {{"number", 0, {0}}}},
        {"ones", 2, {{"one", 2, {1, 1}}, {"row", 2, {1, 9}}}},
        {"column", 1, {{"column", 2, {9, 1}}}},
        {"just over a tile", 1, {{"odd", 1, {4097}}}},
        {"odd", 2, {{"odd", 1, {5003}}, {"matrix", 2, {61, 67}}}},
        {"many dimensions", 1, {{"many", 5, {2, 1, 3, 2, 2}}}},
    };
    const subject_t *s = *state;
    const bool brief = needs_short(s->algorithm) || (subject_polls(s) && s->is_variant); /* every coordinate: once */
    for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; ++i)
        if (!brief || SIZES[i].tensor[0].dims[0] < 1000)
            run_sizes(*state, &SIZES[i]);
}

/* Tensors without elements change nothing for the others. */
void check_empty_tensors(void **state) {
    static const layout_t WITHOUT = {"without", 1, {{"vector", 1, {17}}}};
    static const layout_t WITH = {
        "with", 4, {{"e", 1, {0}}, {"vector", 1, {17}}, {"f", 2, {4, 0}}, {"g", 3, {0, 2, 2}}}};
    const subject_t *s = *state;
    setup_t setup = subject_setup(s);
    setup.layout = &WITHOUT;
    rig_t *without = subject_try(s, setup);
    setup.layout = &WITH;
    rig_t *with = subject_try(s, setup);
    if (with != NULL && without != NULL) {
        CHECK_OK(rig_steps(without, STEPS));
        CHECK_OK(rig_steps(with, STEPS));
        rig_check_same(with, without, "tensors without elements are there too");
    }
    rig_free(with);
    rig_free(without);
}

/* What a run ends with is the same whether it went through or was stopped by its line search. */
static void run_both(rig_t *rig, rig_t *other, int steps, const char *what) {
    const optim_status status = rig_steps(rig, steps), expected = rig_steps(other, steps);
    CHECK_STATUS(status, expected);
    rig_check_same(rig, other, what);
}

void compare_unaligned(const subject_t *s, setup_t aligned) {
    setup_t off = aligned;
    off.misalign = 1;
    rig_t *rig = subject_rig(s, off), *other = subject_rig(s, aligned);
    run_both(rig, other, STEPS, "one byte off alignment");
    rig_free(rig);
    rig_free(other);
}

void check_unaligned(void **state) {
    const setup_t setup = subject_setup(*state);
    const optim_dtype dtypes[] = {OPTIM_F64, OPTIM_F32, OPTIM_BF16, OPTIM_F16};
    for (size_t i = 0; i < 4; ++i)
        compare_unaligned(*state, setup_dtype(setup, dtypes[i]));
}

static void compare_cuts(const subject_t *s, const layout_t *whole, const layout_t *pieces) {
    const optim_dtype dtypes[] = {OPTIM_F64, OPTIM_F32, OPTIM_BF16};
    for (size_t i = 0; i < 3; ++i) {
        setup_t setup = setup_dtype(subject_setup(s), dtypes[i]);
        setup.layout = whole;
        rig_t *rig = subject_run(s, setup, STEPS);
        setup.layout = pieces;
        rig_t *other = subject_run(s, setup, STEPS);
        void *bytes = rig_snapshot(rig), *others = rig_snapshot(other);
        assert_int_equal(rig_elements(rig), rig_elements(other));
        if (memcmp(bytes, others,
                   rig_elements(rig) * (dtypes[i] == OPTIM_F64   ? 8
                                        : dtypes[i] == OPTIM_F32 ? 4
                                                                 : 2)) != 0)
            rig_check_near(other, rig, -1, "cut in pieces"); /* no tolerance: names the first difference */
        free(bytes);
        free(others);
        rig_free(rig);
        rig_free(other);
    }
}

void check_split(void **state) {
    static const layout_t VECTOR = {"vector", 1, {{"vector", 1, {10007}}}};
    static const layout_t PIECES = {
        "pieces", 5, {{"a", 1, {1}}, {"b", 1, {4095}}, {"c", 1, {0}}, {"d", 1, {4097}}, {"e", 1, {1814}}}};
    static const layout_t MATRIX = {"matrix", 1, {{"matrix", 2, {64, 50}}}};
    static const layout_t ROWS = {"rows", 2, {{"upper", 2, {20, 50}}, {"lower", 2, {44, 50}}}};
    const subject_t *s = *state;
    if (!s->splits)
        return;
    compare_cuts(s, &VECTOR, &PIECES);
    compare_cuts(s, &MATRIX, &ROWS);
}

void compare_threads(const subject_t *s, setup_t setup, int steps) {
    rig_t *serial = subject_try(s, setup);
    if (serial == NULL)
        return;
    const optim_status expected = rig_steps(serial, steps);
    const int threads[] = {2, 5};
    for (size_t i = 0; i < 2; ++i) {
        setup.threads = threads[i];
        rig_t *rig = subject_rig(s, setup);
        const optim_status status = rig_steps(rig, steps);
        CHECK_STATUS(status, expected);
        rig_check_same(rig, serial, "more threads than one");
        rig_free(rig);
    }
    rig_free(serial);
}

/* The number may change from step to step. */
static void change_threads(const subject_t *s, setup_t setup) {
    static const int COUNTS[] = {4, 1, 3};
    rig_t *serial = subject_try(s, setup);
    if (serial == NULL)
        return;
    const optim_status expected = rig_steps(serial, 3);
    rig_t *rig = subject_rig(s, setup);
    optim_status status = OPTIM_OK;
    for (int i = 0; i < 3 && status == OPTIM_OK; ++i) {
        CHECK_OK(optim_set_threads(rig->opt, COUNTS[i]));
        status = rig_step(rig);
    }
    CHECK_STATUS(status, expected);
    rig_check_same(rig, serial, "another number of threads each step");
    rig_free(rig);
    rig_free(serial);
}

/* Whether it keeps a number for each pair of elements: too many for long parameters. */
static bool keeps_pairs(const char *algorithm) {
    const optim_description description = describe(OPTIM_ALGORITHM, algorithm);
    for (size_t i = 0; i < description.states; ++i) {
        optim_state_info info = {.size = sizeof info};
        CHECK_OK(optim_describe_state(OPTIM_ALGORITHM, algorithm, i, &info));
        if (strcmp(info.condition, "elements of the second role") == 0)
            return true;
    }
    return false;
}

void check_threads(void **state) {
    static const layout_t HUGE_LAYOUT = {"huge", 2, {{"vector", 1, {200003}}, {"matrix", 2, {211, 301}}}};
    static const layout_t MANY = {"many",
                                  9,
                                  {{"a", 1, {4096}},
                                   {"b", 1, {1}},
                                   {"c", 1, {0}},
                                   {"d", 2, {37, 111}},
                                   {"e", 1, {50001}},
                                   {"f", 1, {3}},
                                   {"g", 3, {17, 5, 64}},
                                   {"h", 1, {4095}},
                                   {"i", 0, {0}}}};
    static const layout_t FEW = {"few", 4, {{"a", 1, {301}}, {"b", 1, {0}}, {"c", 2, {7, 11}}, {"d", 0, {0}}}};
    const subject_t *s = *state;
    setup_t setup = subject_setup(s);
    if (!(s->needs & (OPTIM_NEEDS_GRADIENT | OPTIM_NEEDS_LOSSES)) || keeps_pairs(s->algorithm) || subject_polls(s)) {
        setup.layout = &FEW;
        change_threads(s, setup);
        compare_threads(s, setup, 3);
        compare_threads(s, setup_dtype(setup, OPTIM_BF16), 3);
        return;
    }
    setup.layout = &MANY;
    change_threads(s, setup);
    if (s->wraps > 0)
        return;
    compare_threads(s, setup, 3);
    if (s->is_variant)
        return;
    setup.layout = &HUGE_LAYOUT;
    compare_threads(s, setup_dtype(setup, OPTIM_F32), 2);
    setup.layout = &MANY;
    compare_threads(s, setup_dtype(setup, OPTIM_BF16), 3);
}

void compare_moved(const subject_t *s, setup_t setup) {
    rig_t *still = subject_run(s, setup, 2 * STEPS), *moved = subject_run(s, setup, STEPS);
    rig_move(moved);
    CHECK_OK(rig_steps(moved, STEPS));
    rig_check_same(moved, still, "buffers were moved");
    rig_free(still);
    rig_free(moved);
}

void check_bind(void **state) {
    compare_moved(*state, subject_setup(*state));
}

void compare_reset(const subject_t *s, setup_t setup) {
    rig_t *fresh = subject_run(s, setup, STEPS), *again = subject_run(s, setup, STEPS + 2);
    rig_t *made = subject_rig(s, setup);
    const int wanted = optim_wants_gradient(made->opt);
    rig_free(made);
    rig_write(again, NULL);
    CHECK_OK(optim_reset(again->opt));
    assert_int_equal(optim_steps(again->opt), 0);
    assert_int_equal(optim_wants_gradient(again->opt), wanted);
    CHECK_OK(rig_steps(again, STEPS));
    rig_check_same(again, fresh, "after a reset");
    subject_check_steps(s, again, STEPS);
    rig_free(fresh);
    rig_free(again);
}

void check_reset(void **state) {
    compare_reset(*state, subject_setup(*state));
}
