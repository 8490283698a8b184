/* The same run in another dtype ends nearby. Tolerances are a few roundings of the coarser dtype. */
#include <math.h>
#include <string.h>

#include "checks.h"

enum { STEPS = 5 };

/* A line search may find no step that the coarse numbers can tell from none; any other error fails. */
static void run_coarse(rig_t *rig) {
    const optim_status status = rig_steps(rig, STEPS);
    if (status != OPTIM_ERR_LINE_SEARCH)
        CHECK_OK(status);
}

/* Searches that read the loss take other ways where it is rounded otherwise, and so do steps sized by the loss over a
 * gradient that a wrapper changes, which may vanish where the loss does not: they are held to going down as well. So is
 * a linear system within a step, of which a wrapper changes the right side alone; and steps that a wrapper leaves out or
 * turns by their signs. */
static bool goes_by_signs(const subject_t *s) {
    for (int i = 0; i < s->wraps; ++i)
        if (strcmp(s->wrap[i], "cautious") == 0 || strcmp(s->wrap[i], "grams") == 0)
            return true;
    return false;
}

static bool is_sensitive(const subject_t *s) {
    const bool asks = (s->needs & OPTIM_NEEDS_MORE_GRADIENTS) != 0, is_wrapped = s->wraps > 0;
    return goes_by_signs(s) || ((s->needs & OPTIM_NEEDS_LOSS) != 0 && (asks || is_wrapped)) ||
           ((s->needs & OPTIM_NEEDS_PRODUCTS) != 0 && asks && is_wrapped);
}

static void compare(const subject_t *s, setup_t coarse, setup_t fine, double tolerance, const char *what) {
    rig_t *rig = subject_rig(s, coarse), *other = subject_rig(s, fine);
    const double start = rig_value(rig);
    run_coarse(rig);
    CHECK_OK(rig_steps(other, STEPS));
    /* a wrapper that steps ahead goes as far as points are equal, which rounding decides */
    if (is_sensitive(s) || optim_steps(rig->opt) != optim_steps(other->opt))
        CHECK_AT_MOST(rig_value(rig), rig_value(other) + 0.1 * fmax(start, rig_value(other)));
    else
        rig_check_near(rig, other, tolerance, what);
    rig_free(rig);
    rig_free(other);
}

void check_f32_near_f64(void **state) {
    const setup_t setup = subject_setup(*state);
    compare(*state, setup_dtype(setup, OPTIM_F32), setup, 1e-4, "f32 against f64");
}

void check_half_near_f32(void **state) {
    const setup_t setup = setup_dtype(subject_setup(*state), OPTIM_F32);
    compare(*state, setup_dtype(setup, OPTIM_BF16), setup, 0.04, "bf16 against f32");
    compare(*state, setup_dtype(setup, OPTIM_F16), setup, 0.005, "f16 against f32");
}

void check_half_gradients(void **state) {
    const setup_t setup = setup_dtype(subject_setup(*state), OPTIM_F32);
    setup_t mixed = setup;
    mixed.grad_dtype = OPTIM_BF16;
    compare(*state, mixed, setup, 0.02, "bf16 gradients against f32 ones");
    mixed.grad_dtype = OPTIM_F16;
    compare(*state, mixed, setup, 0.003, "f16 gradients against f32 ones");
    mixed.grad_dtype = OPTIM_F64;
    compare(*state, mixed, setup, 1e-4, "f64 gradients against f32 ones");
}
