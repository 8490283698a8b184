/* Methods with small states: how large they are, and what their papers claim. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "play.h"

static const layout_t MATRIX = {"matrix", 1, {{"w", 2, {24, 40}}}};

/* ---- Bytes of state: formulas, and room for alignment and counters ---- */

static size_t state_bytes(const char *algorithm, const char *options, const layout_t *layout, optim_dtype dtype) {
    size_t bytes, scratch;
    optim_t *opt;
    rig_t *rig = rig_new(layout, dtype, dtype, 0);
    CHECK_OK(optim_create(&opt, algorithm, options));
    CHECK_OK(rig_lend(rig, opt));
    CHECK_OK(optim_memory(opt, &bytes, &scratch));
    rig_free(rig);
    return bytes;
}

static void test_bytes(void **state) {
    (void)state;
    enum { ROWS = 240, COLUMNS = 400, COUNT = ROWS * COLUMNS, AROUND = 512 };
    static const layout_t LARGE = {"large", 1, {{"w", 2, {ROWS, COLUMNS}}}};
    static const struct {
        const char *algorithm, *options;
        size_t reals, bytes;
    } CASES[] = {
        {"adam_mini", "", COUNT + ROWS, 0},
        {"adam_mini", "partition=tensor", COUNT + 1, 0},
        {"adam_mini", "partition=blocks,blocks=8000", COUNT + 8000, 0},
        {"adam_mini", "partition=all", COUNT, 0},
        {"came", "", COUNT + 2 * (ROWS + COLUMNS), 0},
        {"sm3", "", ROWS + COLUMNS, 0},
        {"sm3", "momentum=0.9", ROWS + COLUMNS + COUNT, 0},
        {"microadam", "", 10 * 960 + 2, COUNT / 2 + 10 * 960 * 4},
        {"microadam", "topk_block=100,density=0.1,window=3,quant_block=90", 3 * 9600 + 2 * 1067,
         COUNT / 2 + 3 * 9600 * 2},
        {"frugal", "proj=columns", 2 * ROWS * 100, 0},
        {"frugal", "proj=rows", 2 * 60 * COLUMNS, 0},
        {"frugal", "proj=rows,random=1", 2 * 60 * COLUMNS, 60 * 4},
        {"frugal", "proj=svd", 2 * 60 * COLUMNS + 60 * ROWS, 0},
        {"frugal", "proj=random,proj_side=right", 2 * ROWS * 100 + 100 * COLUMNS, 0},
        {"frugal", "proj=svd,proj_side=full", 2 * 60 * 60 + 60 * (ROWS + COLUMNS), 0},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i)
        for (int single = 0; single < 2; ++single) {
            const size_t want = CASES[i].reals * (single ? sizeof(float) : sizeof(double)) + CASES[i].bytes;
            const size_t got =
                state_bytes(CASES[i].algorithm, CASES[i].options, &LARGE, single ? OPTIM_F32 : OPTIM_F64);
            if (got < want || got > want + AROUND)
                fail_msg("%s(%s): %zu bytes of state, not %zu", CASES[i].algorithm, CASES[i].options, got, want);
        }
}

/* ---- Rotation: gradients of f(R'x) with R = I - 2 u u' ---- */

enum { D = 8 };

static void reflect(double a[D]) {
    double inner = 0, square = 0;
    for (int i = 0; i < D; ++i) {
        inner += (i + 1) * a[i];
        square += (i + 1) * (i + 1);
    }
    for (int i = 0; i < D; ++i)
        a[i] -= 2 * inner / square * (i + 1);
}

/* x <- the iterates on f(x) = sum h_i (x_i - t_i)^2 / 2, or R' of those on f(R'x) from R x; returns f. */
static double roll(const char *algorithm, const char *options, int steps, bool is_rotated, double x[D]) {
    const int64_t count = D;
    double at[D], g[D], f = 0;
    optim_t *opt;
    for (int i = 0; i < D; ++i)
        at[i] = sin(1 + 1.3 * i);
    if (is_rotated)
        reflect(at);
    CHECK_OK(optim_create(&opt, algorithm, options));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &count, at, g));
    for (int step = 0; step <= steps; ++step) {
        memcpy(x, at, sizeof at);
        if (is_rotated)
            reflect(x);
        f = 0;
        for (int i = 0; i < D; ++i) {
            const double h = pow(10, -3.0 * i / 7), away = x[i] - (37 * i % 11 / 11.0 - 0.5);
            g[i] = h * away;
            f += h * away * away / 2;
        }
        if (is_rotated)
            reflect(g);
        if (step < steps)
            CHECK_OK(optim_step(opt));
    }
    optim_destroy(opt);
    return f;
}

/* The most that R x and the iterates on f(R'x) differ by on the way. */
static double rotation_shows(const char *algorithm, const char *options, int steps) {
    double plain[D], rotated[D], most = 0;
    for (int until = 1; until <= steps; ++until) {
        (void)roll(algorithm, options, until, false, plain);
        (void)roll(algorithm, options, until, true, rotated);
        for (int i = 0; i < D; ++i)
            plain[i] -= rotated[i];
        reflect(plain);
        for (int i = 0; i < D; ++i)
            most = fmax(most, fabs(plain[i]));
    }
    return most;
}

static void test_rotation(void **state) {
    (void)state;
    CHECK_AT_MOST(rotation_shows("sgd", "lr=0.5,momentum=0.9", 200), 1e-12);
    CHECK_AT_MOST(rotation_shows("adam_mini", "lr=0.05,partition=all", 200), 1e-12);
    CHECK_AT_MOST(0.1, rotation_shows("adam_mini", "lr=0.05,vector=adam", 20));
    double x[D]; /* a rate for each coordinate depends on the basis, and so does how fast it is */
    CHECK_CLOSE(rotation_shows("adam", "lr=0.05", 200), 1.57, 0.01);
    CHECK_CLOSE(roll("adam", "lr=0.05", 200, false, x) / 1.1e-9, 1, 0.1);
    CHECK_CLOSE(roll("adam", "lr=0.05", 200, true, x) / 9.9e-4, 1, 0.01);
}

/* ---- adam_mini, partition=all: one number for tensors of all shapes; a group has its own ---- */

static void test_one_block_is_of_the_group(void **state) {
    (void)state;
    static const layout_t CUT = {"cut", 3, {{"a", 1, {5}}, {"b", 2, {2, 7}}, {"c", 1, {1}}}};
    static const layout_t WHOLE = {"whole", 1, {{"a", 1, {20}}}};
    rig_t *cut = play_new("adam_mini", "partition=all,lr=0.01", &CUT),
          *whole = play_new("adam_mini", "partition=all,lr=0.01", &WHOLE);
    replay_t *noise = noise_new(20, 20);
    double v;
    cut->replay = whole->replay = noise;
    for (int step = 0; step < 20; ++step) {
        const size_t at = noise->next;
        CHECK_OK(rig_step(cut));
        noise->next = at;
        CHECK_OK(rig_step(whole));
    }
    const double *want = rig_read(whole), *got = rig_read(cut);
    for (int i = 0; i < 20; ++i)
        CHECK_CLOSE(got[i], want[i], 1e-13);
    CHECK_OK(optim_get(cut->opt, 0, "steps_all", &v));
    assert_true(v == 20);
    replay_free(noise);
    rig_free(cut);
    rig_free(whole);
}

/* ---- sm3: nu is at least Adagrad's sum of squares, so that no step is longer ---- */

static void test_sm3_bounds_adagrad(void **state) {
    (void)state;
    enum { STEPS = 30 };
    static const layout_t CUBE = {"cube", 1, {{"k", 3, {4, 5, 6}}}};
    rig_t *bound = play_new("sm3", "lr=0.1,eps=0", &CUBE), *adagrad = play_new("adagrad", "lr=0.1,eps=0", &CUBE);
    const size_t d = rig_elements(bound);
    replay_t *noise = noise_new(STEPS, d);
    double *before[2] = {check_memory(d, sizeof(double)), check_memory(d, sizeof(double))}, shorter = 0;
    bound->replay = adagrad->replay = noise;
    for (int step = 0; step < STEPS; ++step) {
        const size_t at = noise->next;
        memcpy(before[0], rig_read(bound), d * sizeof(double));
        memcpy(before[1], rig_read(adagrad), d * sizeof(double));
        CHECK_OK(rig_step(bound));
        noise->next = at;
        CHECK_OK(rig_step(adagrad));
        const double *a = rig_read(bound), *b = rig_read(adagrad);
        for (size_t i = 0; i < d; ++i) {
            const double moved = fabs(a[i] - before[0][i]), most = fabs(b[i] - before[1][i]);
            CHECK_AT_MOST(moved, most + 1e-13);
            shorter += most - moved;
        }
    }
    assert_true(shorter > 1); /* and it is another method */
    free(before[0]);
    free(before[1]);
    replay_free(noise);
    rig_free(bound);
    rig_free(adagrad);
}

/* ---- microadam ---- */

/* Under a constant gradient, long after the window is full: (1 - beta1^10) / sqrt(1 - beta2^10) lr. */
static void test_window_moves_further(void **state) {
    (void)state;
    const double loss = 1, gradient = 3;
    rig_t *rig = play_vector("microadam", "density=1,lr=1e-3", "quadratic", 1, 0);
    double before = 0;
    for (int step = 0; step < 20000; ++step) {
        replay_t constant = {1, 0, &loss, &gradient};
        rig->replay = &constant;
        before = rig_read(rig)[0];
        CHECK_OK(rig_step(rig));
    }
    CHECK_CLOSE((before - rig_read(rig)[0]) / 1e-3, (1 - pow(0.9, 10)) / sqrt(1 - pow(0.999, 10)), 1e-6);
    rig_free(rig);
}

/* What is not among the largest waits, and moves when it has grown; with density=1 nothing waits. */
static void test_errors_are_fed_back(void **state) {
    (void)state;
    const double loss = 1, gradient[] = {1, 0.3, -0.3, 0};
    rig_t *rig = play_vector("microadam", "density=0.25,lr=0.01", "quadratic", 4, 0);
    for (int step = 0; step < 12; ++step) {
        replay_t constant = {1, 0, &loss, gradient};
        rig->replay = &constant;
        CHECK_OK(rig_step(rig));
        const double *x = rig_read(rig);
        assert_true(x[0] < 0 && (step > 0 || (x[1] == 0 && x[2] == 0)));
    }
    const double *x = rig_read(rig);
    assert_true(x[1] < 0 && x[2] > 0);
    rig_free(rig);
}

/* ---- frugal ---- */

enum { TENSORS = 6 };
static const layout_t SIX = {
    "six", TENSORS, {{"a", 1, {2}}, {"b", 1, {3}}, {"c", 2, {2, 2}}, {"d", 1, {1}}, {"e", 1, {4}}, {"f", 1, {2}}}};

/* Which tensors the step moves, a bit each; the others have no rule. */
static unsigned moves(rig_t *rig) {
    unsigned moved = 0;
    void *before = rig_snapshot(rig);
    const char *was = before;
    CHECK_OK(rig_step(rig));
    for (int i = 0; i < rig->count; ++i) {
        const size_t bytes = rig->tensor[i].count * sizeof(double);
        moved |= memcmp(was, rig->tensor[i].data, bytes) != 0 ? 1U << i : 0;
        was += bytes;
    }
    free(before);
    return moved;
}

static void test_blocks_take_turns(void **state) {
    (void)state;
    static const struct {
        const char *options;
        unsigned turn[4]; /* bit i: tensor i */
    } CASES[] = {
        {"density=0.34,block_order=ascending", {0x03, 0x0c, 0x30, 0x03}},
        {"density=0.67,block_order=ascending", {0x0f, 0x33, 0x3c, 0x0f}},
        {"density=0.34,block_order=descending", {0x30, 0x0c, 0x03, 0x30}},
        {"density=0.34,block_order=mirror", {0x21, 0x12, 0x0c, 0x21}},
        {"density=0.67,block_order=mirror", {0x33, 0x2d, 0x1e, 0x33}},
        {"density=0.5,block_order=mirror", {0x21, 0x12, 0x0c, 0x21}}, /* of three one is left out */
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i) {
        char *options = check_text("inactive_rule=none,update_gap=2,%s", CASES[i].options);
        rig_t *rig = play_new("frugal", options, &SIX);
        for (int step = 0; step < 8; ++step) {
            const unsigned moved = moves(rig), want = CASES[i].turn[step / 2];
            if (moved != want)
                fail_msg("frugal(%s): step %d moves %#x, not %#x", options, step + 1, moved, want);
        }
        free(options);
        rig_free(rig);
    }
}

static int bits_of(unsigned set) {
    int count = 0;
    for (; set != 0; set &= set - 1)
        ++count;
    return count;
}

/* k of the tensors each time, all equally often within chance: 3 of 6 in 400 changes, 200 +- 10 (5 deviations: 50). */
static void test_blocks_are_drawn(void **state) {
    (void)state;
    int times[TENSORS] = {0};
    rig_t *rig = play_new("frugal", "inactive_rule=none,update_gap=1,density=0.5,block_order=random,seed=3", &SIX);
    for (int step = 0; step < 400; ++step) {
        const unsigned moved = moves(rig);
        assert_int_equal(bits_of(moved), 3);
        for (int i = 0; i < TENSORS; ++i)
            times[i] += (moved >> i & 1) != 0;
    }
    for (int i = 0; i < TENSORS; ++i)
        assert_in_range(times[i], 150, 250);
    rig_free(rig);
}

/* Columns that have a state are moved by Adam, the others not at all. */
static void check_columns(const char *options, bool by_rows, const unsigned *turn, int changes) {
    static const layout_t WIDE = {"wide", 1, {{"w", 2, {4, 5}}}};
    rig_t *rig = play_new("frugal", options, &WIDE);
    for (int change = 0; change < changes; ++change) {
        double before[20];
        unsigned moved = 0;
        memcpy(before, rig_read(rig), sizeof before);
        CHECK_OK(rig_step(rig));
        const double *x = rig_read(rig);
        for (int i = 0; i < 20; ++i)
            moved |= x[i] != before[i] ? 1U << (by_rows ? i / 5 : i % 5) : 0;
        if (turn != NULL)
            assert_int_equal(moved, turn[change]);
        assert_int_equal(bits_of(moved), 2);
    }
    rig_free(rig);
}

static void test_columns_and_rows(void **state) {
    (void)state;
    static const unsigned COLUMNS[] = {0x03, 0x0c, 0x11, 0x06, 0x18, 0x03}, ROWS[] = {0x03, 0x0c, 0x03};
    check_columns("proj=columns,density=0.4,update_gap=1,inactive_rule=none", false, COLUMNS, 6);
    check_columns("proj=rows,density=0.5,update_gap=1,inactive_rule=none", true, ROWS, 3);
    check_columns("proj=columns,density=0.4,update_gap=1,inactive_rule=none,random=1", false, NULL, 50);
    check_columns("proj=rows,density=0.5,update_gap=1,inactive_rule=none,random=1", true, NULL, 50);
}

/* The step in a random subspace has its rank, and another seed another one. */
static void random_step(const char *options, double moved[960]) {
    double before[960];
    rig_t *rig = play_new("frugal", options, &MATRIX);
    play_step(rig, before, moved);
    rig_free(rig);
}

static void test_random_bases(void **state) {
    (void)state;
    static double step[960], again[960], other[960];
    random_step("proj=random,density=0.05,inactive_rule=none,seed=1", step); /* round(1.2) = 1 of the 24 rows */
    random_step("proj=random,density=0.05,inactive_rule=none,seed=1", again);
    random_step("proj=random,density=0.05,inactive_rule=none,seed=2", other);
    assert_memory_equal(step, again, sizeof step);
    assert_true(memcmp(step, other, sizeof step) != 0);
    for (int i = 1; i < 24; ++i)
        for (int j = 1; j < 40; ++j)
            CHECK_CLOSE(step[i * 40 + j] * step[0], step[i * 40] * step[j], 1e-12);
}

/* No rule moves what rounding leaves: with all 24 singular vectors, of 40 columns too. */
static void test_nothing_is_left(void **state) {
    (void)state;
    static const char *const SIDES[] = {"std", "left", "right", "reverse_std"};
    static double step[960], without[960];
    for (size_t i = 0; i < sizeof SIDES / sizeof *SIDES; ++i) {
        char *options = check_text("proj=svd,density=1,proj_side=%s", SIDES[i]),
             *none = check_text("%s,inactive_rule=none", options);
        random_step(options, step);
        random_step(none, without);
        assert_memory_equal(step, without, sizeof step);
        free(options);
        free(none);
    }
}

static void test_frugal_refuses(void **state) {
    (void)state;
    static const char *const OTHERS[] = {"proj=svd", "density=0.5", "update_gap=7", "block_order=random"};
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; ++i) {
        const int64_t count = 2;
        double x[2] = {1, 2}, y[2] = {1, 2}, g[2] = {1, 1};
        optim_t *opt;
        CHECK_OK(optim_create(&opt, "frugal", NULL));
        CHECK_OK(optim_add_group(opt, OTHERS[i], NULL));
        CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &count, x, g));
        CHECK_OK(optim_add_param(opt, 1, "y", OPTIM_F64, 1, &count, y, g));
        CHECK_REFUSED(optim_step(opt), OPTIM_ERR_VALUE, "proj=block");
        optim_destroy(opt);
    }
}

/* ---- came ---- */

/* Three steps from the equations of the paper, worked out apart from the library in double. */
static void check_came(const char *options, int ndim, const double *want) {
    static const double G[3][6] = {{1, -2, 3, 0.5, 0, -1}, {2, 1, -1, 4, -0.5, 0}, {-1, 0, 2, 1, 1, 3}};
    static const int64_t MATRIX_DIMS[] = {2, 3}, VECTOR_DIMS[] = {3};
    double p[6] = {1, -1, 0.5, 2, -2, 0.25}, g[6];
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "came", options));
    CHECK_OK(optim_add_param(opt, 0, "p", OPTIM_F64, ndim, ndim == 2 ? MATRIX_DIMS : VECTOR_DIMS, p, g));
    for (int step = 0; step < 3; ++step) {
        memcpy(g, G[step], sizeof g);
        CHECK_OK(optim_step(opt));
    }
    for (int i = 0; i < 3 * ndim; ++i)
        CHECK_CLOSE(p[i], want[i], 1e-13);
    optim_destroy(opt);
}

static void test_came_steps(void **state) {
    (void)state;
    check_came("lr=0.01", 2,
               (double[]){0.7413188869633166, -0.83623936294324763, 0.27048631173131327, 1.5090776599704712,
                          -2.0012892558684845, 0.40484054950066517});
    check_came("lr=0.01", 1, (double[]){0.99553495296958683, -0.99869354293253143, 0.49690591945070783});
    static const char OTHERS[] =
        "lr=0.1,beta1=0.5,beta2=0.75,beta3=0.875,clip_threshold=2,eps=0.25,eps2=0.5,weight_decay=0.5";
    check_came(OTHERS, 2,
               (double[]){0.48667225854915802, -0.64480793556982519, 0.11442834426002516, 0.8990896696660724,
                          -1.7270525568210338, 0.39959250326559359});
    check_came(OTHERS, 1, (double[]){0.62858586079032042, -0.76831764427659055, 0.25678138543630025});
}

/* A gradient whose square has rank one is scaled to signs; the first step is then (1 / beta1 - 1) / sqrt(1 - beta3) lr
 * long in every entry. A gradient that stays makes steps longer, as the distance from the average falls. */
static void test_came_trusts_what_stays(void **state) {
    (void)state;
    enum { STEPS = 30 };
    const int64_t dims[] = {2, 3};
    double p[6] = {0}, g[6], before = 0, length = 0;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "came", "lr=1,beta3=0.5"));
    CHECK_OK(optim_add_param(opt, 0, "p", OPTIM_F64, 2, dims, p, g));
    for (int step = 0; step < STEPS; ++step) {
        const double was = p[0];
        for (int i = 0; i < 6; ++i)
            g[i] = (i % 2 == 0 ? 1 : -1) * (double)(1 + i / 3) * (1 + i % 3);
        CHECK_OK(optim_step(opt));
        before = length;
        length = was - p[0];
        assert_true(length > before);
        for (int i = 1; i < 6; ++i)
            CHECK_CLOSE(p[i], (i % 2 == 0 ? 1 : -1) * p[0], 1e-12);
        if (step == 0)
            CHECK_CLOSE(length, (1 / 0.9 - 1) / sqrt(0.5), 1e-12);
    }
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_one_block_is_of_the_group),
        cmocka_unit_test(test_sm3_bounds_adagrad),
        cmocka_unit_test(test_window_moves_further),
        cmocka_unit_test(test_errors_are_fed_back),
        cmocka_unit_test(test_blocks_take_turns),
        cmocka_unit_test(test_blocks_are_drawn),
        cmocka_unit_test(test_columns_and_rows),
        cmocka_unit_test(test_random_bases),
        cmocka_unit_test(test_nothing_is_left),
        cmocka_unit_test(test_frugal_refuses),
        cmocka_unit_test(test_came_steps),
        cmocka_unit_test(test_came_trusts_what_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
