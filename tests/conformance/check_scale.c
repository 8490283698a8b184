/* Gradients that arrive in parts, or multiplied by the loss scale, are the gradients: for every method, bit for bit. */
#include <math.h>
#include <stdlib.h>

#include "checks.h"

enum { STEPS = 5 };

/* The same steps, whether they go through or end in a search without a way down. */
static void compare_options(const subject_t *s, setup_t setup, const char *options, const char *plain,
                            const char *what) {
    rig_t *one = subject_rig(s, setup_extra(setup, plain)), *other = subject_rig(s, setup_extra(setup, options));
    const optim_status expected = rig_steps(one, STEPS), status = rig_steps(other, STEPS);
    CHECK_STATUS(status, expected);
    rig_check_same(other, one, what);
    rig_free(one);
    rig_free(other);
}

void check_accumulate(void **state) {
    const subject_t *s = *state;
    const setup_t setup = subject_setup(s);
    setup_t mixed = setup_dtype(setup, OPTIM_F32), other = setup;
    compare_options(s, setup, "accumulate=1", "", "in micro-batches");
    compare_options(s, setup, "accumulate=1,clip_norm=0.5,zero_grad=1,maximize=1",
                    "clip_norm=0.5,zero_grad=1,maximize=1", "clipped after the mean");
    mixed.grad_dtype = OPTIM_BF16;
    compare_options(s, mixed, "accumulate=1", "", "in micro-batches of bf16");
    other.groups = 2;
    other.frozen = setup.layout->count > 1 ? 1 : 0;
    compare_options(s, other, "accumulate=1", "", "in micro-batches, a parameter frozen");
    cancel_each(s, setup_extra(setup, "accumulate=1"), 1);
    skip_each(s, setup_extra(setup, "accumulate=1,nonfinite=skip"));
}

void check_loss_scale(void **state) {
    const subject_t *s = *state;
    const setup_t setup = subject_setup(s);
    compare_options(s, setup, "loss_scale=1024,loss_scale_interval=2", "", "under a loss scale");
    compare_options(s, setup_dtype(setup, OPTIM_F32), "loss_scale=1024,accumulate=1", "", "under a loss scale");
    skip_each(s, setup_extra(setup, "loss_scale=1024,nonfinite=error"));
    cancel_each(s, setup_extra(setup, "loss_scale=0.25"), 1);
    compare_checkpoint(s, setup_extra(setup, "loss_scale=1024,loss_scale_interval=2,accumulate=1"));
}
