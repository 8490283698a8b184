/* Saved and loaded, an optimizer goes on as if it had never stopped: to the bit, in a handle that is fresh or was used. */
#include <stdlib.h>
#include <string.h>

#include "checks.h"

enum { BEFORE = 3, AFTER = 4 };

typedef struct saved {
    size_t size;
    void *state, *parameters;
} saved_t;

static saved_t save(const rig_t *rig) {
    saved_t saved = {.parameters = rig_snapshot(rig)};
    saved.state = check_serialized(rig->opt, &saved.size);
    return saved;
}

/* Loads into the rig, takes the remaining steps, compares; ends the rig. */
static void go_on(const subject_t *s, rig_t *rig, const saved_t *saved, const rig_t *straight, const char *what) {
    rig_restore(rig, saved->parameters);
    CHECK_OK(optim_deserialize(rig->opt, saved->state, saved->size));
    rig_check_snapshot(rig, saved->parameters, "loading leaves parameters alone");
    subject_check_steps(s, rig, BEFORE);
    CHECK_OK(rig_steps(rig, AFTER));
    rig_check_same(rig, straight, what);
    rig_free(rig);
}

/* What is saved after loading is what was loaded. */
static void check_idempotent(const subject_t *s, setup_t setup, const saved_t *saved) {
    rig_t *rig = subject_rig(s, setup);
    rig_restore(rig, saved->parameters);
    CHECK_OK(optim_deserialize(rig->opt, saved->state, saved->size));
    const saved_t again = save(rig);
    assert_int_equal(again.size, saved->size);
    assert_memory_equal(again.state, saved->state, saved->size);
    free(again.state);
    free(again.parameters);
    rig_free(rig);
}

void compare_checkpoint(const subject_t *s, setup_t setup) {
    rig_t *straight = subject_run(s, setup, BEFORE);
    const saved_t saved = save(straight);
    CHECK_OK(rig_steps(straight, AFTER));
    check_idempotent(s, setup, &saved);
    setup_t other = setup;
    other.threads = 2;
    other.misalign = setup.dtype == OPTIM_F64 ? 8 : 2;
    go_on(s, subject_rig(s, other), &saved, straight, "loaded into a fresh handle");
    go_on(s, subject_run(s, setup, 1), &saved, straight, "loaded into a handle that had made a step");
    free(saved.state);
    free(saved.parameters);
    rig_free(straight);
}

void check_checkpoint(void **state) {
    const subject_t *s = *state;
    const setup_t setup = subject_setup(s);
    compare_checkpoint(s, setup);
    compare_checkpoint(s, setup_dtype(setup, OPTIM_F32));
    if (subject_searches(s))
        return; /* a search may end early where numbers are coarse */
    compare_checkpoint(s, setup_dtype(setup, OPTIM_BF16));
}
