/* A step taken parameter by parameter has the bits of a whole one; who cannot take one so refuses and has not changed. */
#include <stdlib.h>
#include <string.h>

#include "checks.h"

enum { STEPS = 4 };

static void check_same_state(const rig_t *rig, const rig_t *twin) {
    size_t size, other;
    void *state = check_serialized(rig->opt, &size), *theirs = check_serialized(twin->opt, &other);
    if (size != other || memcmp(state, theirs, size) != 0)
        fail_msg("the state is another one than after whole steps");
    free(state);
    free(theirs);
}

/* A step is refused with a reason and with nothing done, and taken as a whole then: some methods need sums now and
 * then. */
static void step(rig_t *rig, int steps) {
    void *before = rig_snapshot(rig);
    const optim_status status = rig_step(rig);
    if (status == OPTIM_ERR_MISMATCH) {
        assert_true(strstr(optim_error(), "parameter by parameter is not possible") != NULL);
        rig_check_snapshot(rig, before, "a step that was refused");
        assert_int_equal(optim_steps(rig->opt), steps);
        rig->by_param = false;
        CHECK_OK(rig_step(rig));
    } else {
        CHECK_OK(status);
    }
    free(before);
}

static void compare(const subject_t *s, setup_t setup) {
    rig_t *rig = subject_try(s, setup);
    if (rig == NULL)
        return;
    rig_t *twin = subject_rig(s, setup);
    rig->by_param = true;
    for (int i = 0; i < STEPS; ++i) {
        step(rig, i);
        CHECK_OK(rig_step(twin));
        rig_check_same(rig, twin, "steps parameter by parameter");
    }
    check_same_state(rig, twin);
    rig_free(rig);
    rig_free(twin);
}

void check_by_param(void **state) {
    const setup_t setup = subject_setup(*state);
    compare(*state, setup);
    setup_t half = setup;
    half.dtype = half.grad_dtype = OPTIM_BF16;
    half.frozen = 1;
    half.threads = 2;
    half.extra = "rounding=stochastic";
    if (strstr(((const subject_t *)*state)->options, "map=entropic") == NULL) /* bf16 has no simplex */
        compare(*state, half);
}
