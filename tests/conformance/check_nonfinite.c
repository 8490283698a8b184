/* nonfinite=propagate|skip|error, at every evaluation of a step. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"

enum { BEFORE = 3, AFTER = 3 };

/* Evaluations that the step after the first BEFORE asks for. */
static int evaluations_of_the_step(const subject_t *s, setup_t setup) {
    rig_t *rig = subject_run(s, setup, BEFORE + 1);
    const int evaluations = rig->evaluation;
    rig_free(rig);
    return evaluations;
}

static rig_t *run_spoilt(const subject_t *s, setup_t setup, int evaluation, double value, bool loss,
                         optim_status *status) {
    rig_t *rig = subject_run(s, setup, BEFORE);
    rig->poison_at = evaluation;
    rig->poison_index = rig_elements(rig) - 1;
    rig->poison_value = value;
    rig->poison_loss = loss;
    *status = rig_step(rig);
    rig->poison_at = 0;
    return rig;
}

/* A bad trial is something that a search along the loss can turn away from; nothing else is. */
static bool may_cope(const subject_t *s) {
    return subject_searches(s);
}

/* Then it ends lower, or with an error and where it began. A method that polls values may go up, but to no bad
 * point. */
static void check_coped(const subject_t *s, rig_t *rig, optim_status status, const void *before, double loss) {
    if (status == OPTIM_OK && (s->needs & OPTIM_NEEDS_RESIDUALS)) /* it minimizes another function */
        rig_check_finite(rig, "a bad trial");
    else if (status == OPTIM_OK)
        CHECK_AT_MOST(rig_value(rig), subject_polls(s) ? 2 * loss : loss);
    else
        rig_check_snapshot(rig, before, "a bad trial ended the step");
}

static void skip_one(const subject_t *s, setup_t setup, int evaluation, double value, bool loss) {
    rig_t *clean = subject_run(s, setup, BEFORE);
    void *before = rig_snapshot(clean);
    optim_status status;
    rig_t *rig = run_spoilt(s, setup, evaluation, value, loss, &status);
    if (optim_skipped(rig->opt) == 0 && may_cope(s)) {
        check_coped(s, rig, status, before, rig_value(clean));
    } else {
        CHECK_OK(status);
        assert_int_equal(optim_skipped(rig->opt), 1);
        subject_check_steps(s, rig, BEFORE);
        rig_check_snapshot(rig, before, "a skipped step");
        CHECK_OK(rig_steps(clean, AFTER));
        CHECK_OK(rig_steps(rig, AFTER));
        rig_check_same(rig, clean, "after a skipped step");
        subject_check_steps(s, rig, BEFORE + AFTER);
    }
    free(before);
    rig_free(rig);
    rig_free(clean);
}

void skip_each(const subject_t *s, setup_t setup) {
    const int evaluations = evaluations_of_the_step(s, setup);
    for (int i = 1; i <= evaluations; i += evaluation_stride(evaluations)) {
        skip_one(s, setup, i, (double)NAN, false);
        skip_one(s, setup, i, (double)INFINITY, false);
    }
    if (subject_reads_loss(s, setup))
        skip_one(s, setup, 1, (double)NAN, true);
}

void check_skip(void **state) {
    const setup_t setup = setup_extra(subject_setup(*state), "nonfinite=skip");
    skip_each(*state, setup);
    skip_each(*state, setup_dtype(setup, OPTIM_F32));
    skip_each(*state, setup_extra(setup, "nonfinite=skip,clip_norm=1,zero_grad=1"));
}

static bool names_the_element(const rig_t *rig) {
    const rig_tensor_t *last = &rig->tensor[rig->count - 1];
    char *index = check_text("%zu", last->count - 1);
    const bool named = strstr(optim_error(), last->name) != NULL && strstr(optim_error(), index) != NULL;
    free(index);
    return named;
}

static void error_one(const subject_t *s, setup_t setup, double value) {
    rig_t *clean = subject_run(s, setup, BEFORE);
    void *before = rig_snapshot(clean);
    optim_status status;
    const int before_gradients = OPTIM_NEEDS_CONSTRAINTS | OPTIM_NEEDS_LOSSES;
    const int first = (s->needs & OPTIM_NEEDS_GRADIENT) && (s->needs & before_gradients) ? 2 : 1; /* gradient */
    rig_t *rig = run_spoilt(s, setup, first, value, false, &status);
    if (status == OPTIM_OK && rig->evaluation == 0) {
        subject_check_steps(s, rig, BEFORE + 1); /* the step had nothing to evaluate */
    } else if (status != OPTIM_ERR_NONFINITE && may_cope(s)) {
        check_coped(s, rig, status, before, rig_value(clean));
    } else {
        CHECK_STATUS(status, OPTIM_ERR_NONFINITE);
        const bool of_gradient = (s->needs & OPTIM_NEEDS_GRADIENT) != 0 && rig->products == clean->products;
        if (of_gradient && !names_the_element(rig))
            fail_msg("the sentence does not name the last parameter and element: \"%s\"", optim_error());
        rig_check_snapshot(rig, before, "a step refused for its gradient");
        subject_check_steps(s, rig, BEFORE);
        CHECK_OK(rig_steps(clean, AFTER));
        CHECK_OK(rig_steps(rig, AFTER));
        rig_check_same(rig, clean, "after a step refused for its gradient");
    }
    free(before);
    rig_free(rig);
    rig_free(clean);
}

void check_error(void **state) {
    if (!subject_evaluates(*state) || evaluations_of_the_step(*state, subject_setup(*state)) == 0)
        return;
    const setup_t setup = setup_extra(subject_setup(*state), "nonfinite=error");
    error_one(*state, setup, (double)NAN);
    error_one(*state, setup_dtype(setup, OPTIM_F32), -(double)INFINITY);
    error_one(*state, setup_dtype(setup, OPTIM_BF16), (double)NAN);
}

/* The default: nothing is promised about the numbers, but the step ends, and an error has a sentence. */
void check_propagate(void **state) {
    optim_status status;
    rig_t *rig = run_spoilt(*state, subject_setup(*state), 1, (double)NAN, false, &status);
    if (status != OPTIM_OK) {
        assert_true(status < 0);
        assert_string_not_equal(optim_error(), "");
    }
    assert_int_equal(optim_skipped(rig->opt), 0);
    rig_free(rig);
}
