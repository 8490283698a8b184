/* Schedules in a handle: refusals, momentum beside lr, any option, values ahead. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "plain_handle.h"
#include "still_handle.h"

/* ---- Refusals at creation ---- */

static void test_invalid_options(void **state) {
    (void)state;
    static const struct {
        const char *name, *options, *offender;
    } WRONG[] = {
        {"linear", "steps=0", "steps"},
        {"linear", "steps=-3", "steps"},
        {"multistep", NULL, "milestones"},
        {"multistep", "milestones=20;10", "fall"},
        {"multistep", "milestones=-1;10", "negative"},
        {"multistep", "milestones=3;inf", "list"},
        {"exponential", "lr_min=0.5", "lr_min"},
        {"cosine", "steps=0", "steps"},
        {"cosine_restarts", "mult=0", "mult"},
        {"cyclic", NULL, "lr_max"},
        {"cyclic", "lr_max=1,momentum_min=0.9,momentum_max=0.8", "momentum_min"},
        {"cyclic", "lr_max=1,mode=exp_range,gamma=1.5", "gamma"},
        {"onecycle", NULL, "steps"},
        {"onecycle", "steps=3", "pct_start"},
        {"onecycle", "steps=10,pct_start=1", "last phase"},
        {"onecycle", "steps=10,pct_start=0.6,three_phase=1", "last phase"},
        {"onecycle", "steps=10,momentum_min=0.9,momentum_max=0.8", "momentum_min"},
        {"inverse_sqrt", "warmup=0", "timescale"},
        {"warmup_linear", "warmup=10,steps=10", "warmup"},
        {"warmup_cosine", "warmup=10,steps=10", "warmup"},
        {"wsd", "warmup=60,cooldown=60", "cooldown"},
        {"uba", "phi=0", "phi"},
        {"piecewise", NULL, "factors"},
        {"piecewise", "boundaries=5,factors=1", "factor"},
        {"piecewise", "boundaries=5;5,factors=1;2;3", "rising"},
        {"piecewise", "boundaries=5,factors=1;-1", "factors"},
        {"piecewise", "boundaries=0,factors=1;1", "positive"},
        {"lr_range", "steps=1", "steps"},
        {"sequence", "children=constant;linear", "milestone"},
        {"sequence", "milestones=0,children=constant;linear", "positive"},
        {"chain", NULL, "children"},
        {"plateau", "lr_min=0.5", "lr_min"},
        {"plateau", "threshold=1", "threshold"},
        {"volsched", "window=1", "window"},
        {"volsched", "window=10,history=10", "history"},
        {"volsched", "warmup=100,steps=100", "warmup"},
        {"volsched", "lr_min=0.5", "lr_min"},
        {"refined", NULL, "norms"},
        {"refined", "norms=1", "norms"},
        {"refined", "norms=0;0", "0"},
        {"refined", "norms=1;-1", "norms"},
        {"refined", "norms=1;inf", "norms"},
        {"refined", "norms=1;2,tau=2", "tau"},
        {"sequence", "milestones=5,children=constant;exponential(lr_min=0.5)", "lr_min"},
    };
    handle_t s;
    handle_open(&s);
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; ++i)
        CHECK_REFUSED(optim_set_schedule(s.opt, 0, "lr", WRONG[i].name, WRONG[i].options), OPTIM_ERR_VALUE,
                      WRONG[i].offender);
    CHECK_OK(optim_set(s.opt, 0, "lr", 0));
    CHECK_REFUSED(optim_set_schedule(s.opt, 0, "lr", "lr_range", NULL), OPTIM_ERR_VALUE, "above 0");
    CHECK_OK(optim_set(s.opt, 0, "lr", 0.25));
    handle_close(&s);
}

/* What the schedule could not have been made with cannot be set later. */
static void test_base_under_schedule(void **state) {
    (void)state;
    still_t s;
    still_open(&s, "sgd", "lr=0.5");
    CHECK_OK(optim_set_schedule(s.opt, 0, "lr", "chain", "children=constant;exponential(lr_min=0.25)"));
    CHECK_REFUSED(optim_set(s.opt, 0, "lr", 0.1), OPTIM_ERR_VALUE, "exponential");
    CHECK_OK(optim_set(s.opt, 0, "lr", 1));
    assert_true(still_get(s.opt, "lr") == 1);
    optim_destroy(s.opt);
}

/* ---- Momentum beside lr ---- */

static const char ONECYCLE[] = "steps=20,pct_start=0.5,momentum_min=0.5,momentum_max=0.75";

static void test_momentum_is_driven(void **state) {
    (void)state;
    static const struct {
        const char *algorithm, *options, *key;
    } DRIVEN[] = {{"sgd", "momentum=0.9", "momentum"}, {"adamw", NULL, "beta1"}, {"lion", NULL, "beta1"}};
    for (size_t i = 0; i < 3; ++i) {
        still_t s;
        still_open(&s, DRIVEN[i].algorithm, DRIVEN[i].options);
        CHECK_OK(optim_set_schedule(s.opt, -1, "lr", "onecycle", ONECYCLE));
        assert_true(still_get(s.opt, DRIVEN[i].key) == 0.75);
        for (int t = 0; t < 9; ++t)
            CHECK_OK(optim_step(s.opt));
        CHECK_CLOSE(still_get(s.opt, DRIVEN[i].key), 0.5, 1e-15);
        CHECK_OK(optim_set(s.opt, 0, DRIVEN[i].key, 0.25)); /* the base, which the schedule does not use */
        CHECK_CLOSE(still_get(s.opt, DRIVEN[i].key), 0.5, 1e-15);
        CHECK_OK(optim_set_schedule(s.opt, -1, "lr", NULL, NULL));
        assert_true(still_get(s.opt, DRIVEN[i].key) == 0.25);
        optim_destroy(s.opt);
    }
}

static void test_momentum_is_left_alone(void **state) {
    (void)state;
    still_t s;
    still_open(&s, "sgd", NULL); /* a first step without momentum: no buffer, and none can be had now */
    CHECK_OK(optim_step(s.opt));
    CHECK_OK(optim_set_schedule(s.opt, 0, "lr", "onecycle", ONECYCLE));
    assert_true(still_get(s.opt, "momentum") == 0);
    CHECK_OK(optim_step(s.opt));
    assert_true(still_get(s.opt, "momentum") == 0);
    optim_destroy(s.opt);

    still_open(&s, "sgd", "momentum=0.9");
    CHECK_OK(optim_set_schedule(s.opt, 0, "lr", "cyclic", "lr_max=1,cycle_momentum=0"));
    assert_true(still_get(s.opt, "momentum") == 0.9);
    CHECK_OK(optim_set_schedule(s.opt, 0, "lr", "onecycle", ONECYCLE));
    CHECK_OK(optim_set_schedule(s.opt, 0, "momentum", "constant", "factor=0.5,steps=9")); /* its own goes first */
    assert_true(still_get(s.opt, "momentum") == 0.45);
    CHECK_OK(optim_step(s.opt));
    CHECK_OK(optim_set_schedule(s.opt, 0, "momentum", NULL, NULL));
    assert_true(still_get(s.opt, "momentum") < 0.75 && still_get(s.opt, "momentum") > 0.5);
    CHECK_OK(optim_set_schedule(s.opt, 0, "weight_decay", "onecycle", ONECYCLE)); /* not lr: nothing besides */
    CHECK_OK(optim_set_schedule(s.opt, 0, "lr", NULL, NULL));
    assert_true(still_get(s.opt, "momentum") == 0.9);
    optim_destroy(s.opt);
}

static size_t state_bytes(const optim_t *opt) {
    size_t state;
    CHECK_OK(optim_memory(opt, &state, NULL));
    return state;
}

/* From 0 too: the buffer's memory is taken, and the steps are those of a momentum that was there. */
static void test_momentum_from_zero(void **state) {
    (void)state;
    static const char *const LATE = "milestones=3,children=constant;cyclic(lr_max=1,step_up=2)";
    still_t from_zero, usual;
    still_open(&from_zero, "sgd", "lr=0.1");
    still_open(&usual, "sgd", "lr=0.1,momentum=0.9");
    const size_t without = state_bytes(from_zero.opt);
    CHECK_OK(optim_set_schedule(usual.opt, 0, "lr", "onecycle", ONECYCLE));
    CHECK_OK(optim_set_schedule(from_zero.opt, 0, "lr", "onecycle", "steps=20,cycle_momentum=0"));
    assert_true(still_get(from_zero.opt, "momentum") == 0 && state_bytes(from_zero.opt) == without);
    CHECK_OK(optim_set_schedule(from_zero.opt, 0, "lr", "sequence", LATE)); /* which drives it later on only */
    assert_true(still_get(from_zero.opt, "momentum") == 0 && state_bytes(from_zero.opt) == state_bytes(usual.opt));
    CHECK_OK(optim_set_schedule(from_zero.opt, 0, "lr", NULL, NULL));
    assert_true(state_bytes(from_zero.opt) == without);
    CHECK_OK(optim_set_schedule(from_zero.opt, 0, "lr", "onecycle", ONECYCLE));
    unsigned char saved[1 << 14];
    size_t size;
    for (int t = 0; t < 30; ++t) {
        from_zero.g = usual.g = 1 + t % 3;
        assert_true(still_get(from_zero.opt, "momentum") == still_get(usual.opt, "momentum"));
        CHECK_OK(optim_step(from_zero.opt));
        CHECK_OK(optim_step(usual.opt));
        assert_true(from_zero.x == usual.x);
        if (t != 10)
            continue;
        CHECK_OK(optim_serialize(from_zero.opt, saved, sizeof saved, &size)); /* and goes on as another handle */
        optim_destroy(from_zero.opt);
        const double x = from_zero.x;
        still_open(&from_zero, "sgd", NULL);
        from_zero.x = x;
        CHECK_OK(optim_deserialize(from_zero.opt, saved, size));
    }
    optim_destroy(from_zero.opt);
    optim_destroy(usual.opt);
}

/* In a sequence while it is the child's turn, in a chain always; other children leave momentum alone. */
static void test_momentum_of_children(void **state) {
    (void)state;
    still_t s;
    double momentum[12];
    still_open(&s, "sgd", "momentum=0.9");
    CHECK_OK(optim_set_schedule(s.opt, 0, "lr", "sequence",
                                "milestones=4;8,children=constant;cyclic(lr_max=1,step_up=2,momentum_min=0.5,"
                                "momentum_max=0.75);constant"));
    CHECK_OK(optim_schedule_values(s.opt, 0, "momentum", 0, 12, momentum));
    const double want[] = {0.9, 0.9, 0.9, 0.9, 0.75, 0.625, 0.5, 0.625, 0.9, 0.9, 0.9, 0.9};
    for (int t = 0; t < 12; ++t)
        CHECK_CLOSE(momentum[t], want[t], 1e-15);
    CHECK_OK(optim_set_schedule(s.opt, 0, "lr", "chain",
                                "children=exponential;cyclic(lr_max=1,step_up=2,momentum_min=0.5,momentum_max=0.75)"));
    CHECK_OK(optim_schedule_values(s.opt, 0, "momentum", 2, 1, momentum));
    CHECK_CLOSE(momentum[0], 0.5, 1e-15);
    optim_destroy(s.opt);
}

/* ---- Any option of any group ---- */

static void test_any_option(void **state) {
    (void)state;
    still_t s;
    int group;
    double y = 1, gy = 0, value;
    still_open(&s, "adam", "lr=1");
    CHECK_OK(optim_add_group(s.opt, "lr=2", &group));
    CHECK_OK(optim_add_param(s.opt, group, "y", OPTIM_F64, 0, NULL, &y, &gy));
    CHECK_OK(optim_wrap(s.opt, "ema", "decay=0.5"));
    CHECK_OK(optim_set_schedule(s.opt, group, "lr", "step", "step_size=1,gamma=0.5"));
    CHECK_OK(optim_set_schedule(s.opt, -1, "ema.decay", "linear", "start_factor=0,steps=4"));
    CHECK_OK(optim_set_schedule(s.opt, -1, "beta2", "constant", "factor=0.5,steps=1"));
    CHECK_STATUS(optim_step(s.opt), OPTIM_OK);
    assert_true(still_get(s.opt, "lr") == 1 && still_get(s.opt, "decay") == 0.125 &&
                still_get(s.opt, "beta2") == 0.999);
    CHECK_OK(optim_get(s.opt, group, "lr", &value));
    assert_true(value == 1);
    CHECK_REFUSED(optim_set_schedule(s.opt, 0, "amsgrad", "constant", NULL), OPTIM_ERR_VALUE, "amsgrad");
    CHECK_REFUSED(optim_set_schedule(s.opt, 0, "seed", "constant", NULL), OPTIM_ERR_VALUE, "seed");
    optim_destroy(s.opt);

    still_open(&s, "sgd", NULL); /* no momentum, no buffer for it */
    CHECK_OK(optim_set_schedule(s.opt, 0, "momentum", "warmup_linear", "lr_init=0.5"));
    CHECK_OK(optim_step(s.opt));
    assert_true(still_get(s.opt, "momentum") == 0);
    optim_destroy(s.opt);
}

/* ---- Values ahead ---- */

static void test_values_ahead(void **state) {
    (void)state;
    still_t s;
    double ahead[30], values[3] = {7, 7, 7};
    still_open(&s, "sgd", "lr=0.5");
    CHECK_OK(optim_schedule_values(s.opt, -1, "lr", 5, 2, values)); /* without a schedule: what is set */
    assert_true(values[0] == 0.5 && values[1] == 0.5 && values[2] == 7);
    CHECK_OK(optim_set_schedule(s.opt, -1, "lr", "warmup_cosine", "warmup=5,steps=25"));
    CHECK_OK(optim_schedule_values(s.opt, -1, "lr", 0, 30, ahead));
    for (int t = 0; t < 30; ++t) {
        assert_true(still_get(s.opt, "lr") == ahead[t]);
        CHECK_OK(optim_step(s.opt));
    }
    CHECK_OK(optim_schedule_values(s.opt, 0, "lr", 0, 0, NULL));
    CHECK_REFUSED(optim_schedule_values(s.opt, 0, "lr", 0, 1, NULL), OPTIM_ERR_NULL, "values");
    CHECK_REFUSED(optim_schedule_values(s.opt, 0, NULL, 0, 1, ahead), OPTIM_ERR_NULL, "key");
    CHECK_STATUS(optim_schedule_values(NULL, 0, "lr", 0, 1, ahead), OPTIM_ERR_NULL);
    CHECK_REFUSED(optim_schedule_values(s.opt, 2, "lr", 0, 1, ahead), OPTIM_ERR_ARGUMENT, "2");
    CHECK_REFUSED(optim_schedule_values(s.opt, 0, "lr", -1, 1, ahead), OPTIM_ERR_ARGUMENT, "-1");
    CHECK_REFUSED(optim_schedule_values(s.opt, 0, "no_such", 0, 1, ahead), OPTIM_ERR_OPTION, "no_such");
    optim_destroy(s.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_invalid_options),    cmocka_unit_test(test_base_under_schedule),
        cmocka_unit_test(test_momentum_is_driven), cmocka_unit_test(test_momentum_is_left_alone),
        cmocka_unit_test(test_momentum_from_zero), cmocka_unit_test(test_momentum_of_children),
        cmocka_unit_test(test_any_option),         cmocka_unit_test(test_values_ahead),
    };
    return cmocka_run_group_tests_name("schedules", tests, NULL, NULL);
}
