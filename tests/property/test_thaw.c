/*
 * A parameter that was frozen at first takes its steps as if its optimizer had been made when it got its first
 * gradient: each tensor counts its own steps. Checked of every method whose tensors have nothing in common, bit for
 * bit.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "needs.h"

enum { ROWS = 4, COLUMNS = 3, ELEMENTS = ROWS * COLUMNS, FROZEN_STEPS = 7, STEPS = 12 };

/* Two matrices and the function sum_i c_i (x_i - a_i)^2 / 2 of each; the loss that is handed over is the same
   everywhere. */
typedef struct pair {
    optim_t *opt;
    int count;
    double x[2][ELEMENTS], g[2][ELEMENTS], *lent;
    bool frozen[2];
} pair_t;

static double curvature(size_t i) {
    return 0.5 + (double)(i % 5) / 4;
}
static double target(int tensor, size_t i) {
    return (double)(i % 3) - 0.75 + tensor;
}

static void pair_open(pair_t *pair, const char *algorithm, const char *options, int count) {
    static const char *const NAMES[] = {"late", "early"};
    *pair = (pair_t){.count = count};
    CHECK_OK(optim_create(&pair->opt, algorithm, options));
    /* A row of saga's table is the data's; particles are rows. */
    const size_t components = strcmp(algorithm, "saga") == 0 ? 1 : ROWS, tensors = (size_t)count;
    CHECK_OK(optim_set_components(pair->opt, (int64_t)components));
    pair->lent = needs_lend(
        pair->opt, (needs_sizes_t){components, ELEMENTS, (tensors - 1) * ELEMENTS, tensors * ROWS, tensors * COLUMNS});
    const int others = needs_group(pair->opt);
    for (int n = 0; n < count; ++n) {
        for (size_t i = 0; i < ELEMENTS; ++i)
            pair->x[n][i] = 0.5 + (double)(i % 7) / 8;
        CHECK_OK(optim_add_param(pair->opt, n > 0 ? others : 0, NAMES[n], OPTIM_F64, 2, (int64_t[]){ROWS, COLUMNS},
                                 pair->x[n], pair->g[n]));
    }
}

static void pair_close(pair_t *pair) {
    optim_destroy(pair->opt);
    free(pair->lent);
}

static void pair_freeze(pair_t *pair, int tensor, bool frozen) {
    pair->frozen[tensor] = frozen;
    CHECK_OK(optim_bind(pair->opt, tensor, pair->x[tensor], frozen ? NULL : pair->g[tensor]));
}

static void evaluate(pair_t *pair) {
    for (int n = 0; n < pair->count; ++n)
        for (size_t i = 0; i < ELEMENTS; ++i)
            pair->g[n][i] = curvature(i) * (pair->x[n][i] - target(n, i));
    CHECK_OK(optim_set_loss(pair->opt, 1));
}

static void multiply(pair_t *pair) {
    for (int n = 0; n < pair->count; ++n) {
        const void *direction;
        void *product;
        CHECK_OK(optim_hvp_vector(pair->opt, n, &direction));
        CHECK_OK(optim_hvp_result(pair->opt, n, &product));
        for (size_t i = 0; !pair->frozen[n] && i < ELEMENTS; ++i)
            ((double *)product)[i] = curvature(i) * ((const double *)direction)[i];
    }
}

static void meet_constraints(const pair_t *pair) {
    double *values;
    CHECK_OK(optim_constraint_values(pair->opt, &values));
    for (int j = 0; j < needs_constraints(pair->opt); ++j)
        values[j] = 0.25;
}

static void lose(const pair_t *pair) {
    double losses[ROWS];
    optim_request request = {.size = sizeof request};
    CHECK_OK(optim_request_info(pair->opt, &request));
    assert_in_range(request.count, 1, ROWS);
    for (int64_t i = 0; i < request.count; ++i)
        losses[i] = 1;
    CHECK_OK(optim_set_losses(pair->opt, losses, (size_t)request.count));
}

static void pair_step(pair_t *pair) {
    optim_status status;
    evaluate(pair);
    while ((status = optim_step(pair->opt)) > 0)
        if (status == OPTIM_EVAL_HVP)
            multiply(pair);
        else if (status == OPTIM_EVAL_CONSTRAINTS)
            meet_constraints(pair);
        else if (status == OPTIM_EVAL_LOSSES)
            lose(pair);
        else if (!needs_squares(
                     pair->opt, status,
                     (const needs_param_t[]){{pair->x[0], OPTIM_F64, ELEMENTS}, {pair->x[1], OPTIM_F64, ELEMENTS}},
                     pair->count))
            evaluate(pair);
    CHECK_OK(status);
}

static void pair_steps(pair_t *pair, int steps) {
    for (int t = 0; t < steps; ++t)
        pair_step(pair);
}

static void check_same(const pair_t *a, const pair_t *b, const char *what) {
    for (size_t i = 0; i < ELEMENTS; ++i)
        if (memcmp(&a->x[0][i], &b->x[0][i], sizeof(double)) != 0)
            fail_msg("%s: late[%zu] is %.17g, not %.17g", what, i, a->x[0][i], b->x[0][i]);
}

/* Whether all that the method remembers belongs to one tensor or another. */
static bool remembers_by_tensor(const char *algorithm) {
    optim_description about = {sizeof about};
    bool own = true;
    CHECK_OK(optim_describe(OPTIM_ALGORITHM, algorithm, &about));
    own = (about.needs & OPTIM_NEEDS_GRADIENT) != 0; /* others are not frozen by a missing gradient */
    for (size_t i = 0; i < about.states; ++i) {
        optim_state_info state = {sizeof state};
        CHECK_OK(optim_describe_state(OPTIM_ALGORITHM, algorithm, i, &state));
        own = own && strcmp(state.shape, "method") != 0 && strcmp(state.shape, "group") != 0;
    }
    return own;
}

/* Whether a step moves a tensor by nothing that all share: a sum over them, a random number. */
static bool moves_by_tensor(const char *algorithm) {
    pair_t alone, beside, reseeded;
    pair_open(&alone, algorithm, "seed=1", 1);
    pair_open(&beside, algorithm, "seed=1", 2);
    pair_open(&reseeded, algorithm, "seed=2", 1);
    pair_steps(&alone, STEPS);
    pair_steps(&beside, STEPS);
    pair_steps(&reseeded, STEPS);
    const bool same = memcmp(alone.x[0], beside.x[0], sizeof alone.x[0]) == 0 &&
                      memcmp(alone.x[0], reseeded.x[0], sizeof alone.x[0]) == 0;
    pair_close(&alone);
    pair_close(&beside);
    pair_close(&reseeded);
    return same;
}

/* Whether its tensors have nothing in common; dp_spider makes new estimates of all of them at once, by the handle's
 * count of steps. */
static bool is_of_tensors(const char *algorithm) {
    return strcmp(algorithm, "dp_spider") != 0 && remembers_by_tensor(algorithm) && moves_by_tensor(algorithm);
}

/* ---- Every method ---- */

static void check_thaw(const char *algorithm, const char *options) {
    pair_t both, alone;
    pair_open(&both, algorithm, options, 2);
    pair_freeze(&both, 0, true);
    pair_steps(&both, FROZEN_STEPS);
    pair_freeze(&both, 0, false);
    pair_open(&alone, algorithm, options, 1);
    for (int t = 0; t < STEPS; ++t) {
        pair_step(&both);
        pair_step(&alone);
        check_same(&both, &alone, algorithm);
    }
    double output[2][ELEMENTS];
    CHECK_OK(optim_output(both.opt, 0, output[0]));
    CHECK_OK(optim_output(alone.opt, 0, output[1]));
    assert_memory_equal(output[0], output[1], sizeof output[0]);
    pair_close(&both);
    pair_close(&alone);
}

static void test_every_method(void **state) {
    (void)state;
    size_t checked = 0;
    for (size_t i = 0; i < optim_algorithm_count(); ++i)
        if (is_of_tensors(optim_algorithm_name(i))) {
            check_thaw(optim_algorithm_name(i), NULL);
            ++checked;
        }
    assert_true(checked >= 50);
}

/* Frozen again and again, before the first step and between two: only the steps that it takes count. */
static void test_at_times(void **state) {
    (void)state;
    static const bool TAKES[] = {false, true, false, false, true, true, false, true, true, true, false, true};
    for (size_t i = 0; i < optim_algorithm_count(); ++i) {
        const char *algorithm = optim_algorithm_name(i);
        if (!is_of_tensors(algorithm))
            continue;
        const char *options =
            strcmp(algorithm, "discover") == 0 ? "cluster=1" : NULL; /* in turn: a turn is the data's */
        pair_t both, alone;
        pair_open(&both, algorithm, options, 2);
        pair_open(&alone, algorithm, options, 1);
        for (size_t t = 0; t < sizeof TAKES / sizeof *TAKES; ++t) {
            if (both.frozen[0] == TAKES[t])
                pair_freeze(&both, 0, !TAKES[t]);
            pair_step(&both);
            if (TAKES[t])
                pair_step(&alone);
            check_same(&both, &alone, algorithm);
        }
        pair_close(&both);
        pair_close(&alone);
    }
}

/* The same with options that have clocks of their own. */
static void test_variants(void **state) {
    (void)state;
    static const char *const CASES[][2] = {
        {"sgd", "momentum=0.9,dampening=0.5"},
        {"adagrad", "lr_decay=0.1"},
        {"adam", "amsgrad=1"},
        {"adopt", "clip=0"},
        {"schedulefree_sgd", "lr=0.1,warmup_steps=4,r=1"},
        {"schedulefree_adamw", "keep_x=0,warmup_steps=4"},
        {"novograd", "amsgrad=1"},
        {"sagd", "scheme=growth,mu=0.1"},
        {"clipped_sstm", "clip_type=layer"},
        {"complex_momentum", "alternating=0"},
        {"heavy_ball", "stages=3,total_steps=12"},
        {"discover", "clusters=1"},
        {"page", "p=1"}, /* what is drawn is the handle's */
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i)
        check_thaw(CASES[i][0], CASES[i][1]);
}

/* The figures of the field's report: in units of lr, adam's steps on a constant gradient are 1 after any wait. */
static void test_adam_steps_are_lr(void **state) {
    (void)state;
    static const char *const METHODS[] = {"adam", "adamw", "nadam", "radam", "adamax"};
    for (size_t m = 0; m < sizeof METHODS / sizeof *METHODS; ++m) {
        double x = 0, g = 1;
        optim_t *opt;
        CHECK_OK(optim_create(&opt, METHODS[m], "lr=0.001"));
        CHECK_OK(optim_add_param(opt, 0, "late", OPTIM_F64, 0, NULL, &x, NULL));
        for (int t = 0; t < 1000; ++t)
            CHECK_OK(optim_step(opt));
        CHECK_OK(optim_bind(opt, 0, &x, &g));
        for (int t = 0; t < 20; ++t) {
            const double before = x;
            CHECK_OK(optim_step(opt));
            CHECK_AT_MOST(fabs(x - before), 1.11e-3);
        }
        optim_destroy(opt);
    }
}

/* ---- Memory ---- */

static size_t state_bytes(const optim_t *opt) {
    size_t bytes;
    CHECK_OK(optim_memory(opt, &bytes, NULL));
    return bytes;
}

/* A frozen parameter takes no state until it thaws; then what it would have taken at once. */
static void test_memory(void **state) {
    (void)state;
    static const char *const OPTIONS[] = {NULL, "accumulate=1", "state_dtype=int8,state_min=0",
                                          "state_dtype=int4,state_min=0"};
    for (size_t i = 0; i < sizeof OPTIONS / sizeof *OPTIONS; ++i) {
        pair_t both, one;
        pair_open(&both, "adam", OPTIONS[i], 2);
        pair_open(&one, "adam", OPTIONS[i], 1);
        const size_t whole = state_bytes(both.opt);
        pair_freeze(&both, 0, true);
        assert_true(state_bytes(both.opt) == state_bytes(one.opt));
        evaluate(&both);
        if (i == 1)
            CHECK_OK(optim_accumulate(both.opt));
        CHECK_OK(optim_step(both.opt));
        assert_true(state_bytes(both.opt) == state_bytes(one.opt));
        pair_freeze(&both, 0, false);
        evaluate(&both);
        if (i == 1)
            CHECK_OK(optim_accumulate(both.opt));
        CHECK_OK(optim_step(both.opt));
        assert_true(state_bytes(both.opt) == whole);
        pair_close(&both);
        pair_close(&one);
    }
}

/* What is taken then begins with the parameter as it stands then; what averages keep of frozen parameters goes on. */
static void test_from_the_thaw_on(void **state) {
    (void)state;
    pair_t pair;
    double output[ELEMENTS];
    pair_open(&pair, "sgd", "lr=0", 2);
    CHECK_OK(optim_wrap(pair.opt, "lookahead", "k=100"));
    pair_freeze(&pair, 0, true);
    pair_step(&pair);
    CHECK_OK(optim_output(pair.opt, 0, output)); /* it has no slow weights yet */
    assert_memory_equal(output, pair.x[0], sizeof output);
    pair.x[0][5] = 42;
    pair_freeze(&pair, 0, false);
    pair_step(&pair);
    CHECK_OK(optim_output(pair.opt, 0, output));
    assert_true(output[5] == 42);
    pair_close(&pair);

    pair_open(&pair, "sgd", "lr=0", 2);
    CHECK_OK(optim_wrap(pair.opt, "ema", "decay=0.5"));
    pair_freeze(&pair, 0, true);
    const double before = pair.x[0][5];
    pair_step(&pair);
    pair.x[0][5] = 42;
    pair_step(&pair);
    pair_freeze(&pair, 0, false);
    pair_step(&pair);
    CHECK_OK(optim_output(pair.opt, 0, output));
    CHECK_CLOSE(output[5], 42 * 0.75 + before * 0.25, 1e-15);
    pair_close(&pair);
}

/* ---- Checkpoints ---- */

static void restore(pair_t *to, const pair_t *from) {
    size_t size;
    void *bytes = check_serialized(from->opt, &size);
    CHECK_OK(optim_deserialize(to->opt, bytes, size));
    memcpy(to->x, from->x, sizeof to->x);
    free(bytes);
}

/* Counts, numbers and states of each tensor are saved: whatever the handle has seen that loads them. */
static void check_resumed(const char *algorithm, int frozen_before, int thawed_before, int others_before) {
    pair_t saved, loaded;
    pair_open(&saved, algorithm, NULL, 2);
    pair_freeze(&saved, 0, true);
    pair_steps(&saved, frozen_before);
    if (thawed_before > 0)
        pair_freeze(&saved, 0, false);
    pair_steps(&saved, thawed_before);
    pair_open(&loaded, algorithm, NULL, 2);
    pair_freeze(&loaded, 0, others_before % 2 == 1);
    pair_steps(&loaded, others_before);
    restore(&loaded, &saved);
    pair_freeze(&saved, 0, false);
    pair_freeze(&loaded, 0, false);
    for (int t = 0; t < 3; ++t) {
        pair_step(&saved);
        pair_step(&loaded);
        check_same(&loaded, &saved, algorithm);
        assert_memory_equal(loaded.x[1], saved.x[1], sizeof saved.x[1]);
    }
    pair_close(&saved);
    pair_close(&loaded);
}

/* Some take one vector, or a square matrix. */
static bool takes_two_matrices(const char *algorithm) {
    pair_t pair;
    pair_open(&pair, algorithm, NULL, 2);
    evaluate(&pair);
    const optim_status status = optim_step(pair.opt);
    pair_close(&pair);
    return status != OPTIM_ERR_SHAPE;
}

static void test_checkpoints(void **state) {
    (void)state;
    for (size_t i = 0; i < optim_algorithm_count(); ++i)
        for (int thawed = 0; thawed < 3 && takes_two_matrices(optim_algorithm_name(i)); ++thawed)
            for (int others = 0; others < 3; ++others)
                check_resumed(optim_algorithm_name(i), 3, thawed, others);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_method), cmocka_unit_test(test_at_times),
        cmocka_unit_test(test_variants),     cmocka_unit_test(test_adam_steps_are_lr),
        cmocka_unit_test(test_memory),       cmocka_unit_test(test_from_the_thaw_on),
        cmocka_unit_test(test_checkpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
