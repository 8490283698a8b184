/* What belongs to the engine holds for every method. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "element.h"
#include "needs.h"

enum { STEPS = 7 };

static void run_maximize(const subject_t *s, setup_t setup) {
    rig_t *down = subject_run(s, setup, STEPS), *up = subject_rig(s, setup_extra(setup, "maximize=1"));
    up->sign = -1;
    CHECK_OK(rig_steps(up, STEPS));
    rig_check_same(up, down, "maximising the negated function");
    rig_free(down);
    rig_free(up);
}

void check_maximize(void **state) {
    const setup_t setup = subject_setup(*state);
    run_maximize(*state, setup);
    run_maximize(*state, setup_dtype(setup, OPTIM_F32));
}

/* Whoever compares the loss with its gradient wants no other one, and goes on once it is that again. */
static bool refuses_scale(const subject_t *s, setup_t setup) {
    rig_t *rig = subject_run(s, setup, 1);
    CHECK_OK(optim_set(rig->opt, -1, "grad_scale", 0.5));
    const bool refuses = rig_step(rig) == OPTIM_ERR_MISMATCH && strstr(optim_error(), "grad_scale") != NULL;
    CHECK_OK(optim_set(rig->opt, -1, "grad_scale", 1));
    if (refuses)
        CHECK_OK(rig_step(rig));
    rig_free(rig);
    return refuses;
}

void check_grad_scale(void **state) {
    const subject_t *s = *state;
    const setup_t setup = subject_setup(s);
    if (refuses_scale(s, setup))
        return;
    rig_t *plain = subject_run(s, setup, STEPS), *scaled = subject_rig(s, setup_extra(setup, "grad_scale=0.5"));
    scaled->scale = 2;
    CHECK_OK(rig_steps(scaled, STEPS));
    rig_check_same(scaled, plain, "doubled gradients scaled by a half");
    rig_free(plain);
    rig_free(scaled);
}

static void assert_gradients_zero(const rig_t *rig) {
    for (int i = 0; i < rig->count; ++i) {
        const unsigned char *bytes = rig->tensor[i].grad;
        const size_t count = rig->tensor[i].count * element_size(rig->tensor[i].grad_dtype);
        for (size_t k = 0; k < count; ++k)
            if (bytes[k] != 0)
                fail_msg("byte %zu of the gradient of %s is not zero", k, rig->tensor[i].name);
    }
}

static void run_zero_grad(const subject_t *s, setup_t setup) {
    rig_t *plain = subject_run(s, setup, STEPS), *zeroed = subject_rig(s, setup_extra(setup, "zero_grad=1"));
    for (int i = 0; i < STEPS; ++i) {
        CHECK_OK(rig_step(zeroed));
        assert_gradients_zero(zeroed);
    }
    rig_check_same(zeroed, plain, "zero_grad=1");
    CHECK_OK(optim_zero_grad(plain->opt));
    assert_gradients_zero(plain);
    rig_free(plain);
    rig_free(zeroed);
}

void check_zero_grad(void **state) {
    const setup_t setup = subject_setup(*state);
    run_zero_grad(*state, setup);
    run_zero_grad(*state, setup_dtype(setup, OPTIM_F32));
    setup_t off = setup_dtype(setup, OPTIM_F32);
    off.misalign = 1;
    run_zero_grad(*state, off);
}

static bool tensor_bits_are(const rig_t *rig, int tensor, const void *bytes) {
    const rig_tensor_t *t = &rig->tensor[tensor];
    return memcmp(t->data, bytes, t->count * element_size(t->dtype)) == 0;
}

static void *tensor_bits(const rig_t *rig, int tensor) {
    const rig_tensor_t *t = &rig->tensor[tensor];
    const size_t bytes = t->count * element_size(t->dtype);
    return memcpy(check_memory(bytes, 1), t->data, bytes);
}

/* ---- Bounds ---- */

enum { LOWER = 0, UPPER = 1 };
static const double BOX[] = {0.875, 1.125}; /* exact in every dtype; the start values lie on both sides and inside */

/* As far off alignment as the parameters themselves. */
static char *bound_new(const rig_t *rig, int tensor, double value) {
    const rig_tensor_t *t = &rig->tensor[tensor];
    char *bound = check_memory(t->count * element_size(t->dtype) + rig->misalign, 1);
    for (size_t k = 0; k < t->count; ++k)
        element_write(t->dtype, bound + rig->misalign, k, value);
    return bound;
}

static void assert_inside(rig_t *rig, bool below, bool above) {
    const size_t d = rig_elements(rig);
    const double *x = rig_read(rig);
    for (size_t i = 0; i < d; ++i)
        if ((below && !(x[i] >= BOX[LOWER])) || (above && !(x[i] <= BOX[UPPER])))
            fail_msg("element %zu of all is %.17g, outside its box", i, x[i]);
}

static void run_bounds(const subject_t *s, setup_t setup, bool below, bool above) {
    rig_t *rig = subject_rig(s, setup);
    char *bounds[RIG_TENSORS][2] = {{NULL}};
    for (int i = 0; i < rig->count; ++i) {
        bounds[i][LOWER] = below ? bound_new(rig, i, BOX[LOWER]) : NULL;
        bounds[i][UPPER] = above ? bound_new(rig, i, BOX[UPPER]) : NULL;
        CHECK_OK(optim_set_bounds(rig->opt, i, below ? bounds[i][LOWER] + rig->misalign : NULL,
                                  above ? bounds[i][UPPER] + rig->misalign : NULL));
    }
    for (int step = 0; step < 4; ++step) {
        const optim_status status = rig_step(rig);
        if (status == OPTIM_ERR_LINE_SEARCH)
            break; /* at the wall there may be no way down */
        if (status == OPTIM_ERR_MISMATCH && (s->needs & (OPTIM_NEEDS_LOSS | OPTIM_NEEDS_RESIDUALS)) != 0)
            break; /* a line may leave the box */
        if (status == OPTIM_ERR_DOMAIN && (s->needs & OPTIM_NEEDS_PARTICLES) != 0) {
            rig_write(rig, NULL); /* in a corner particles are one, which some methods refuse: apart again */
            break;
        }
        CHECK_OK(status);
        assert_inside(rig, below, above);
        rig->lowest = below ? BOX[LOWER] : -INFINITY; /* and from here on evaluations, too */
        rig->highest = above ? BOX[UPPER] : INFINITY;
    }
    rig->lowest = -INFINITY;
    rig->highest = INFINITY;
    for (int i = 0; i < rig->count; ++i) {
        CHECK_OK(optim_set_bounds(rig->opt, i, NULL, NULL));
        free(bounds[i][LOWER]);
        free(bounds[i][UPPER]);
    }
    CHECK_OK(rig_step(rig)); /* lifted: the bounds' memory is not looked at again */
    rig_free(rig);
}

void check_bounds(void **state) {
    setup_t setup = subject_setup(*state);
    run_bounds(*state, setup, true, true);
    run_bounds(*state, setup, true, false);
    run_bounds(*state, setup, false, true);
    run_bounds(*state, setup_dtype(setup, OPTIM_F32), true, true);
    setup.misalign = 1;
    run_bounds(*state, setup_dtype(setup, OPTIM_BF16), true, true);
}

/* A frozen parameter is left alone outside its box too. */
void check_frozen_outside_box(void **state) {
    const subject_t *s = *state;
    rig_t *rig = subject_rig(s, subject_setup(s));
    char *upper = bound_new(rig, 0, -1);
    CHECK_OK(optim_set_bounds(rig->opt, 0, NULL, upper));
    rig_freeze(rig, 0, true);
    void *before = tensor_bits(rig, 0);
    const optim_status status = rig_steps(rig, 2);
    if (status != OPTIM_ERR_MISMATCH ||
        (s->needs & (OPTIM_NEEDS_LOSS | OPTIM_NEEDS_RESIDUALS)) == 0) /* a line may leave the box */
        CHECK_OK(status);
    assert_true(tensor_bits_are(rig, 0, before));
    free(before);
    free(upper);
    rig_free(rig);
}

/* ---- Frozen parameters ---- */

/* Whether the seed makes a difference. */
static bool draws_numbers(const subject_t *s, setup_t setup) {
    rig_t *rig = subject_run(s, setup, STEPS), *other = subject_run(s, setup_extra(setup, "seed=2"), STEPS);
    void *bits = rig_snapshot(rig), *others = rig_snapshot(other);
    const bool differs = memcmp(bits, others, rig_elements(rig) * sizeof(double)) != 0;
    free(bits);
    free(others);
    rig_free(rig);
    rig_free(other);
    return differs;
}

/* A parameter that never has a gradient stays, and the others go on as if it were not there. */
void check_frozen(void **state) {
    static const layout_t WITH = {"with", 3, {{"matrix", 2, {7, 5}}, {"vector", 1, {13}}, {"frozen", 2, {3, 4}}}};
    static const layout_t WITHOUT = {"without", 2, {{"matrix", 2, {7, 5}}, {"vector", 1, {13}}}};
    const subject_t *s = *state;
    setup_t setup = subject_setup(s);
    setup.layout = &WITHOUT;
    rig_t *without = subject_try(s, setup);
    if (without == NULL)
        return;
    CHECK_OK(rig_steps(without, STEPS));
    setup.layout = &WITH;
    setup.frozen = 3;
    rig_t *with = subject_try(s, setup);
    if (with != NULL) {
        void *before = tensor_bits(with, 2);
        with->leaves_out_frozen = true;
        CHECK_OK(rig_steps(with, STEPS));
        assert_true(tensor_bits_are(with, 2, before));
        const size_t count = with->tensor[2].count;
        double *output = check_memory(count, sizeof *output);
        CHECK_OK(optim_output(with->opt, 2, output));
        for (size_t k = 0; k < count; ++k) /* an average of what never moved */
            CHECK_CLOSE(output[k], element_read(OPTIM_F64, before, k), 1e-14);
        free(output);
        with->count = 2; /* compare the others only; numbers drawn for all tensors, and inputs, are others then */
        const bool comparable = !draws_numbers(s, setup) && subject_evaluates(s);
        if (comparable && needs_few(s->algorithm)) /* sums of BLAS over a matrix of all elements, frozen ones too */
            rig_check_near(with, without, 1e-11, "beside a frozen parameter");
        else if (comparable)
            rig_check_same(with, without, "beside a frozen parameter");
        with->count = 3;
        free(before);
    }
    rig_free(with);
    rig_free(without);
}

/* A gradient that goes and comes back. */
void check_thawed(void **state) {
    const subject_t *s = *state;
    rig_t *rig = subject_run(s, subject_setup(s), 2);
    rig_freeze(rig, 0, true);
    void *before = tensor_bits(rig, 0);
    CHECK_OK(rig_steps(rig, 3));
    assert_true(tensor_bits_are(rig, 0, before));
    rig_freeze(rig, 0, false);
    rig_write(rig, NULL); /* some methods have found the minimum by now */
    if (!optim_wants_gradient(rig->opt))
        CHECK_OK(optim_reset(rig->opt)); /* the parameters were changed from outside */
    for (int i = 0; i < rig->count; ++i)
        rig_freeze(rig, i, i != 0);
    free(before);
    before = tensor_bits(rig, 0);
    CHECK_OK(rig_steps(rig, 6));
    rig_check_finite(rig, "after thawing");
    assert_true(subject_may_stay(s) || !tensor_bits_are(rig, 0, before));
    free(before);
    rig_free(rig);
}

void check_all_frozen(void **state) {
    const subject_t *s = *state;
    rig_t *rig = subject_rig(s, subject_setup(s));
    for (int i = 0; i < rig->count; ++i)
        rig_freeze(rig, i, true);
    void *before = rig_snapshot(rig);
    CHECK_OK(rig_steps(rig, STEPS));
    rig_check_snapshot(rig, before, "every parameter is frozen");
    free(before);
    rig_free(rig);
}
