/* Parameters and states kept in other forms than they are worked on: nothing else may change. */
#include <stdlib.h>

#include "checks.h"
#include "needs.h"

typedef struct form {
    optim_dtype dtype;
    const char *options;
} form_t;

static const form_t FORMS[] = {
    {OPTIM_BF16, "master=f32"},
    {OPTIM_F16, "master=f32,state_dtype=bf16,state_min=0"},
    {OPTIM_BF16, "rounding=stochastic"},
    {OPTIM_BF16, "master=f32,rounding=stochastic"},
    {OPTIM_F16, "rounding=kahan"},
    {OPTIM_F32, "state_dtype=bf16,state_min=0"},
    {OPTIM_F64, "state_dtype=f32,state_min=0"},
    {OPTIM_F32, "state_dtype=int8,state_min=0,state_block=7"},
    {OPTIM_BF16, "state_dtype=int8,state_min=20,master=f32"},
    {OPTIM_F32, "state_dtype=int4,state_min=0,state_block=5"},
};

/* Large enough for threads to share, with blocks and tiles that do not end together. */
static const layout_t LARGE = {"large", 3, {{"vector", 1, {14009}}, {"matrix", 2, {61, 37}}, {"row", 2, {1, 4099}}}};

static void check_memory_known(const subject_t *s, setup_t setup) {
    rig_t *rig = subject_rig(s, setup);
    size_t state[2], scratch[2];
    CHECK_OK(optim_memory(rig->opt, &state[0], &scratch[0]));
    (void)rig_steps(rig, 2);
    CHECK_OK(optim_memory(rig->opt, &state[1], &scratch[1]));
    assert_int_equal(state[0], state[1]);
    assert_int_equal(scratch[0], scratch[1]);
    rig_free(rig);
}

static void check_form(const subject_t *s, setup_t setup) {
    compare_unaligned(s, setup);
    compare_moved(s, setup);
    compare_reset(s, setup);
    cancel_each(s, setup, 2);
    compare_checkpoint(s, setup);
    run_swap(s, setup);
    check_memory_known(s, setup);
    char *skip = check_text("%s,nonfinite=skip", setup.extra);
    skip_each(s, setup_extra(setup, skip));
    free(skip);
    setup.layout = &LARGE;
    rig_t *large = NULL;
    if (s->wraps == 0 && !needs_short(s->algorithm))
        large = subject_try(s, setup); /* too large for some, who say so */
    rig_free(large);
    if (large == NULL)
        return;
    cancel_each(s, setup, 1);
    if (!s->is_variant)
        compare_threads(s, setup, 2);
}

void check_storage(void **state) {
    const subject_t *s = *state;
    const size_t stride = s->wraps > 0 || s->is_variant ? 3 : 1; /* what they store is not theirs alone */
    for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i += stride) {
        if (subject_searches(s) && FORMS[i].dtype != OPTIM_F32 && FORMS[i].dtype != OPTIM_F64)
            continue;
        const setup_t setup = setup_extra(setup_dtype(subject_setup(s), FORMS[i].dtype), FORMS[i].options);
        rig_t *rig = subject_try(s, setup); /* some forms are for element-wise methods only, and say so */
        if (rig != NULL)
            check_form(s, setup);
        rig_free(rig);
    }
}
