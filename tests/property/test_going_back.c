/*
 * A trainer that goes back: it keeps the state of an earlier step, steps on, and loads it into the same handle. What
 * follows is bit for bit what followed the first time, for every method.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "layouts.h"
#include "play.h"

static const layout_t TENSORS = {"tensors", 2, {{"w", 2, {4, 5}}, {"b", 1, {7}}}};
enum { BEFORE = 4, ASTRAY = 3, AFTER = 3 };

/* Of those whose defaults leave the quadratic. */
static const char *options_of(const char *algorithm) {
    return strcmp(algorithm, "scaled_gd") == 0 ? "damping=10" : NULL;
}

/* The first that it takes. */
static const layout_t *layout_of(const char *algorithm) {
    const layout_t *layout = &TENSORS;
    for (int i = 0; layout != NULL; layout = layouts_fallback(i++)) {
        rig_t *rig = play_new(algorithm, options_of(algorithm), layout);
        const optim_status status = rig_step(rig);
        rig_free(rig);
        if (status == OPTIM_OK)
            return layout;
        if (status != OPTIM_ERR_SHAPE && status != OPTIM_ERR_ORDER) /* no data fit these shapes */
            fail_msg("%s: %d, %s", algorithm, status, optim_error());
    }
    fail_msg("%s takes no layout: %s", algorithm, optim_error());
    return NULL;
}

static void go_back(void **state) {
    const char *algorithm = *state;
    const layout_t *layout = layout_of(algorithm);
    rig_t *rig = play_new(algorithm, options_of(algorithm), layout),
          *straight = play_new(algorithm, options_of(algorithm), layout);
    rig->oracle = straight->oracle = oracle_find("quadratic");
    CHECK_OK(rig_steps(rig, BEFORE));
    size_t size;
    char *bytes = check_serialized(rig->opt, &size);
    void *parameters = rig_snapshot(rig);
    CHECK_OK(rig_steps(rig, ASTRAY));
    rig_restore(rig, parameters);
    CHECK_OK(optim_deserialize(rig->opt, bytes, size));
    CHECK_OK(rig_steps(rig, AFTER));
    CHECK_OK(rig_steps(straight, BEFORE + AFTER));
    rig_check_same(rig, straight, algorithm);
    free(bytes);
    free(parameters);
    rig_free(rig);
    rig_free(straight);
}

int main(void) {
    const size_t count = optim_algorithm_count();
    struct CMUnitTest *tests = check_memory(count, sizeof *tests);
    size_t used = 0;
    for (size_t i = 0; i < count; ++i) {
        const char *name = optim_algorithm_name(i);
        tests[used++] = (struct CMUnitTest){name, go_back, NULL, NULL, (void *)(uintptr_t)name};
    }
    const int failed = _cmocka_run_group_tests("going_back", tests, used, NULL, NULL);
    free(tests);
    return failed;
}
