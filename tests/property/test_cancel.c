/*
 * A step that is given up is as if it had never begun: whatever evaluation it waits for, the parameters are those from before
 * it, bit for bit, and so is everything that comes later.
 */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "play.h"

static const layout_t TENSORS = {"tensors", 2, {{"w", 2, {4, 5}}, {"b", 1, {7}}}};
enum { BEFORE = 3, AFTER = 3, MOST = 24 };

typedef struct subject {
    const char *algorithm, *options, *wrapper, *wrapper_options;
    int least; /* requests in a step, at least: what is tried is there */
} subject_t;

static const subject_t SUBJECTS[] = {
    {"sgd", "momentum=0.9", "sam", "", 1},
    {"adamw", "", "sam", "", 1},
    {"sgd", "momentum=0.9", "schedule_free", "", 0},
    {"extragradient", "", NULL, NULL, 1},
    {"extragradient", "", "sam", "", 2}, /* the wrapper moves last: both must go back, in this order */
    {"extra_adam", "", "sam", "", 2},
    {"extra_adam", "state_dtype=int8,state_min=0", NULL, NULL, 1},
    {"extra_adam", "state_dtype=int4,state_min=0", NULL, NULL, 1},
    {"extra_adam", "state_dtype=bf16,state_min=0", NULL, NULL, 1},
    {"anchored_gradient", "", NULL, NULL, 1},
    {"complex_momentum", "alternating=1", NULL, NULL, 1},
    {"u_dog", "", NULL, NULL, 1},
    {"storm", "", NULL, NULL, 1},
    {"smb", "", NULL, NULL, 1},
    {"adahessian", "probe=rademacher", NULL, NULL, 1},
    {"adahessian", "probe=walsh,n_samples=2", NULL, NULL, 2},
    {"oasis", "probe=rademacher", NULL, NULL, 1},
    {"oasis", "probe=walsh", NULL, NULL, 1},
    {"sophia", "update_period=1", NULL, NULL, 1},
    {"harpg", "", NULL, NULL, 1},
    {"qasgd", "line_search=1", NULL, NULL, 1},
};

static rig_t *open_rig(const subject_t *s) {
    rig_t *rig = play_new(s->algorithm, s->options, &TENSORS);
    if (s->wrapper != NULL)
        CHECK_OK(optim_wrap(rig->opt, s->wrapper, s->wrapper_options));
    rig->oracle = oracle_find("logistic"); /* its Hessian is not diagonal: every probe gives another estimate */
    CHECK_OK(rig_steps(rig, BEFORE));
    return rig;
}

/* Gives up at evaluation `at` of the next step (the first is the gradient that a step begins with); false: it has no such. */
static bool give_up(rig_t *rig, int at) {
    void *before = rig_snapshot(rig);
    rig->stop_at = at;
    const optim_status status = rig_step(rig);
    rig->stop_at = 0;
    if (status > 0) {
        CHECK_OK(optim_cancel(rig->opt));
        rig_check_snapshot(rig, before, "cancelled");
    } else {
        CHECK_OK(status);
    }
    free(before);
    return status > 0;
}

static void cancel_at_every_evaluation(void **state) {
    const subject_t *s = *state;
    int at = 2;
    for (; at < MOST; ++at) {
        rig_t *rig = open_rig(s), *other = open_rig(s);
        const bool waits = give_up(rig, at);
        if (!waits)
            CHECK_OK(rig_step(other));
        CHECK_OK(rig_steps(rig, AFTER));
        CHECK_OK(rig_steps(other, AFTER));
        char *what = check_text("%s(%s) in %s, given up at evaluation %d", s->algorithm, s->options,
                                s->wrapper == NULL ? "nothing" : s->wrapper, at);
        rig_check_same(rig, other, what);
        free(what);
        rig_free(rig);
        rig_free(other);
        if (!waits)
            break;
    }
    if (at - 2 < s->least)
        fail_msg("%s(%s) made %d requests", s->algorithm, s->options, at - 2);
}

/* What an evaluation in the middle of a step leaves alone in short states, its end must not: they go where full ones go. */
static void short_states_advance(void **state) {
    enum { STEPS = 20 };
    static const char *const FORMS[] = {"lr=0.01,state_dtype=int8,state_min=0", "lr=0.01,state_dtype=bf16,state_min=0"};
    (void)state;
    for (size_t k = 0; k < 2; ++k) {
        rig_t *full = play_new("extra_adam", "lr=0.01", &TENSORS), *rig = play_new("extra_adam", FORMS[k], &TENSORS);
        full->oracle = rig->oracle = oracle_find("quadratic");
        const double start = rig_value(full);
        CHECK_OK(rig_steps(full, STEPS));
        CHECK_OK(rig_steps(rig, STEPS));
        CHECK_AT_MOST(rig_value(full), 0.9 * start);
        rig_check_near(rig, full, 0.02, FORMS[k]);
        rig_free(full);
        rig_free(rig);
    }
}

int main(void) {
    enum { COUNT = sizeof SUBJECTS / sizeof *SUBJECTS };
    struct CMUnitTest tests[COUNT + 1] = {[COUNT] = cmocka_unit_test(short_states_advance)};
    for (size_t i = 0; i < COUNT; ++i)
        tests[i] = (struct CMUnitTest){SUBJECTS[i].algorithm, cancel_at_every_evaluation, NULL, NULL,
                                       (void *)(uintptr_t)&SUBJECTS[i]};
    return _cmocka_run_group_tests("cancel", tests, COUNT + 1, NULL, NULL);
}
