/* What optim_update hands out is what optim_step adds; the parameters stay, and all else goes on as after a step. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "element.h"

enum { STEPS = 3, MISALIGN = 1 };

static optim_dtype dtype_of_update(const rig_tensor_t *tensor) {
    return tensor->dtype == OPTIM_F64 ? OPTIM_F64 : OPTIM_F32;
}

/* Room for updates, for the first tensor off alignment; full of what would be noticed. */
static void **updates_new(const rig_t *rig) {
    void **updates = check_memory((size_t)rig->count, sizeof *updates);
    for (int i = 0; i < rig->count; ++i) {
        const size_t bytes = rig->tensor[i].count * sizeof(double);
        char *block = check_memory(bytes + MISALIGN, 1);
        memset(block, 0x5A, bytes + MISALIGN);
        updates[i] = block + (i == 0 ? MISALIGN : 0);
    }
    return updates;
}

static void updates_free(const rig_t *rig, void **updates) {
    for (int i = 0; i < rig->count; ++i)
        free((char *)updates[i] - (i == 0 ? MISALIGN : 0));
    free(updates);
}

/* x + u in the update's type: moved to the bit, or where the two lie further apart within an ulp of the larger. */
static void check_element(const rig_tensor_t *tensor, size_t k, double x, double u, double moved) {
    const optim_dtype dtype = dtype_of_update(tensor);
    const double sum = element_round(dtype, x + u), larger = fmax(fabs(x), fabs(moved));
    const bool near = x * moved > 0 && fabs(x) <= 2 * fabs(moved) && fabs(moved) <= 2 * fabs(x);
    const double ulp = larger * (dtype == OPTIM_F64 ? 0x1p-52 : 0x1p-23);
    if (x == moved ? u != 0 : !(fabs(sum - moved) <= (near ? 0 : ulp)))
        fail_msg("%s[%zu] is %.17g and its update %.17g, but a step takes it to %.17g", tensor->name, k, x, u, moved);
}

static void check_updates(const rig_t *rig, rig_t *stepped) {
    const double *moved = rig_read(stepped);
    size_t flat = 0;
    for (int i = 0; i < rig->count; ++i)
        for (size_t k = 0; k < rig->tensor[i].count; ++k, ++flat) {
            const rig_tensor_t *tensor = &rig->tensor[i];
            const double u = element_read(dtype_of_update(tensor), rig->updates[i], k);
            if (isfinite(moved[flat]))
                check_element(tensor, k, element_read(tensor->dtype, tensor->data, k), u, moved[flat]);
        }
}

/* A step that moves the parameters within itself, or has ranks meet at them, is refused before it begins; others are
 * not. */
static bool is_refused(const subject_t *s, rig_t *rig, optim_status status) {
    if (status != OPTIM_ERR_MISMATCH) {
        CHECK_OK(status);
        return false;
    }
    const bool meets = strstr(optim_error(), "exchanges the parameters") != NULL;
    assert_true(meets || strstr(optim_error(), "moves the parameters within a step") != NULL);
    assert_int_equal(optim_steps(rig->opt), 0);
    assert_true(meets || s->is_variant ||
                (s->needs & (OPTIM_NEEDS_MORE_GRADIENTS | OPTIM_NEEDS_PRODUCTS | OPTIM_NEEDS_LOSSES |
                             OPTIM_NEEDS_CONSTRAINTS | OPTIM_NEEDS_RESIDUALS)) != 0 ||
                !(s->needs & OPTIM_NEEDS_GRADIENT));
    return true;
}

/* `twin` steps by optim_step, in the type of the updates. */
static void compare(const subject_t *s, rig_t *rig, rig_t *twin) {
    void **updates = updates_new(rig);
    rig->updates = updates;
    for (int step = 0; step < STEPS; ++step) {
        void *before = rig_snapshot(rig);
        const optim_status status = rig_step(rig);
        rig_check_snapshot(rig, before, "parameters whose update was handed out");
        free(before);
        if (is_refused(s, rig, status))
            break;
        rig_write(twin, rig_read(rig));
        CHECK_OK(rig_step(twin));
        assert_int_equal(optim_steps(rig->opt), optim_steps(twin->opt));
        check_updates(rig, twin);
        rig_write(rig, rig_read(twin)); /* where the update leads, rounded as the parameters are */
    }
    updates_free(rig, updates);
    rig_free(rig);
    rig_free(twin);
}

void check_update(void **state) {
    const subject_t *s = *state;
    const setup_t setup = subject_setup(s);
    compare(s, subject_rig(s, setup), subject_rig(s, setup));
    setup_t others = setup_dtype(setup, OPTIM_F32);
    others.frozen = 1;
    others.threads = 2;
    rig_t *rig = subject_try(s, others);
    if (rig != NULL)
        compare(s, rig, subject_rig(s, others));
}

/* A 16-bit parameter counts as the f32 parameter of the same value, whatever its rounding. */
void check_half_update(void **state) {
    const subject_t *s = *state;
    setup_t half = subject_setup(s);
    half.dtype = half.grad_dtype = OPTIM_BF16;
    setup_t wide = half;
    wide.dtype = OPTIM_F32;
    half.extra = "rounding=stochastic";
    if (strstr(s->options, "map=entropic") != NULL)
        return; /* bf16 has no simplex to begin on */
    compare(s, subject_rig(s, half), subject_rig(s, wide));
}
