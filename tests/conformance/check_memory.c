/* Memory is known before it is taken. */
#include <stdlib.h>
#include <string.h>

#include "checks.h"

void check_memory_query(void **state) {
    const subject_t *s = *state;
    const setup_t setup = subject_setup(s);
    const optim_dtype dtypes[] = {OPTIM_F64, OPTIM_F32, OPTIM_BF16};
    for (size_t i = 0; i < 3; ++i) {
        rig_t *rig = subject_rig(s, setup_dtype(setup, dtypes[i]));
        size_t state_before, scratch_before, state_after, scratch_after;
        CHECK_OK(optim_memory(rig->opt, &state_before, &scratch_before));
        (void)rig_steps(rig, 3);
        CHECK_OK(optim_memory(rig->opt, &state_after, &scratch_after));
        assert_int_equal(state_after, state_before);
        assert_int_equal(scratch_after, scratch_before);
        CHECK_OK(optim_memory(rig->opt, NULL, NULL));
        rig_free(rig);
    }
}

/* Bytes a parameter that the description announces, with default options in f32: those always there, and all; whether
 * they are those of every shape. */
static void announced(const char *name, double *largest, double *all, bool *of_every_shape) {
    const optim_description description = describe(OPTIM_ALGORITHM, name);
    *largest = *all = 0;
    *of_every_shape = true;
    for (size_t i = 0; i < description.states; ++i) {
        optim_state_info info = {.size = sizeof info};
        CHECK_OK(optim_describe_state(OPTIM_ALGORITHM, name, i, &info));
        assert_true(info.bytes_per_parameter >= 0);
        *all += info.bytes_per_parameter;
        if (info.bytes_per_parameter > *largest)
            *largest = info.bytes_per_parameter;
        *of_every_shape &= strcmp(info.shape, "own") != 0 && strcmp(info.shape, "axis") != 0;
    }
}

void check_state_bytes(void **state) {
    static const layout_t BIG[] = {{"matrix", 1, {{"matrix", 2, {1024, 1024}}}}, /* for which bytes are announced */
                                   {"vector", 1, {{"vector", 1, {65536}}}}};
    subject_t plain = *(const subject_t *)*state, *s = &plain;
    plain.options = ""; /* announced are the bytes of default options */
    double largest, all;
    bool of_every_shape;
    announced(s->algorithm, &largest, &all, &of_every_shape);
    if (s->needs & OPTIM_NEEDS_PARTICLES) /* announced is what 1024 particles take: what they share weighs less */
        all *= 1024.0 / RIG_COMPONENTS;
    for (size_t i = 0; i < (of_every_shape ? 2 : 1); ++i) {
        setup_t setup = setup_dtype(subject_setup(s), OPTIM_F32);
        setup.layout = &BIG[i];
        rig_t *rig = subject_try(s, setup);
        if (rig == NULL)
            continue;
        const size_t n = rig_elements(rig);
        size_t bytes, scratch;
        CHECK_OK(optim_memory(rig->opt, &bytes, &scratch));
        /* not every state need exist for this shape, but one does, if only within a step; the rest takes little */
        CHECK_AT_MOST(largest * (double)n, (double)(bytes + scratch));
        const int copies = (s->needs & OPTIM_NEEDS_COMPONENTS) != 0 ? RIG_COMPONENTS : 1; /* of a table */
        CHECK_AT_MOST((double)bytes, copies * all * (double)n * 1.04 + 4096);
        rig_free(rig);
    }
}
