/* The point the method stands for: read, swapped in, swapped out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "element.h"

enum { STEPS = 7 };

/* The outputs of all parameters, one after the other, as rig_snapshot lays them out. */
static void *outputs(const rig_t *rig) {
    size_t bytes = 0;
    for (int i = 0; i < rig->count; ++i)
        bytes += rig->tensor[i].count * element_size(rig->tensor[i].dtype);
    char *all = check_memory(bytes, 1), *at = all;
    for (int i = 0; i < rig->count; ++i) {
        CHECK_OK(optim_output(rig->opt, i, at));
        at += rig->tensor[i].count * element_size(rig->tensor[i].dtype);
    }
    return all;
}

static void assert_output_is_parameters(const rig_t *rig, const char *what) {
    void *output = outputs(rig);
    rig_check_snapshot(rig, output, what);
    free(output);
}

static bool output_is_parameters(const rig_t *rig) {
    void *output = outputs(rig), *parameters = rig_snapshot(rig);
    const bool same = memcmp(output, parameters, rig_elements(rig) * element_size(rig->tensor[0].dtype)) == 0;
    free(output);
    free(parameters);
    return same;
}

/* Whether the parameters went anywhere after the first two steps: an average of one point is that point. */
static bool went_on(rig_t *rig, const double *early) {
    const size_t d = rig_elements(rig);
    const double *x = rig_read(rig);
    double most = 0;
    for (size_t i = 0; i < d; ++i)
        most = fmax(most, fabs(x[i] - early[i]));
    return most > 1e-12;
}

/* Whether it is the outermost wrapper that has an answer of its own; methods may have it under some options only. */
static bool averages(const subject_t *s) {
    return s->wraps > 0 && (describe(OPTIM_WRAPPER, s->wrap[s->wraps - 1]).can & OPTIM_HAS_OUTPUT) != 0;
}

void check_output(void **state) {
    const subject_t *s = *state;
    const setup_t setup = subject_setup(s);
    const optim_dtype dtypes[] = {OPTIM_F64, OPTIM_F32, OPTIM_BF16};
    for (size_t i = 0; i < 3; ++i) {
        rig_t *rig = subject_rig(s, setup_dtype(setup, dtypes[i]));
        assert_output_is_parameters(rig, "the output before the first step");
        (void)rig_steps(rig, 2);
        const size_t bytes = rig_elements(rig) * sizeof(double);
        double *early = memcpy(check_memory(bytes, 1), rig_read(rig), bytes);
        (void)rig_steps(rig, STEPS - 2);
        if (!s->has_output)
            assert_output_is_parameters(rig, "the output of a method without one of its own");
        else if (averages(s) && dtypes[i] == OPTIM_F64 && went_on(rig, early))
            assert_false(output_is_parameters(rig));
        free(early);
        rig_free(rig);
    }
}

void run_swap(const subject_t *s, setup_t setup) {
    rig_t *clean = subject_rig(s, setup), *rig = subject_rig(s, setup);
    for (int round = 0; round < 3; ++round) {
        void *parameters = rig_snapshot(rig), *output = outputs(rig);
        CHECK_OK(optim_swap_output(rig->opt));
        rig_check_snapshot(rig, output, "swapped in");
        assert_output_is_parameters(rig, "the output while swapped");
        element_write(setup.dtype, rig->tensor[0].data, 0, 3);
        assert_output_is_parameters(rig, "the output after a change while swapped");
        memcpy(rig->tensor[0].data, output, element_size(setup.dtype));
        CHECK_STATUS(optim_step(rig->opt), OPTIM_ERR_SWAPPED);
        CHECK_STATUS(optim_bind(rig->opt, 0, rig->tensor[0].data, rig->tensor[0].grad), OPTIM_ERR_SWAPPED);
        CHECK_STATUS(optim_reset(rig->opt), OPTIM_ERR_SWAPPED);
        rig_check_snapshot(rig, output, "still swapped in");
        CHECK_OK(optim_swap_output(rig->opt));
        rig_check_snapshot(rig, parameters, "swapped back");
        free(parameters);
        free(output);
        const optim_status status = rig_steps(rig, STEPS), expected = rig_steps(clean, STEPS);
        CHECK_STATUS(status, expected);
        rig_check_same(rig, clean, "after swapping there and back");
    }
    CHECK_OK(optim_swap_output(rig->opt)); /* destroyed while swapped */
    rig_free(rig);
    rig_free(clean);
}

void check_swap(void **state) {
    const setup_t setup = subject_setup(*state);
    run_swap(*state, setup);
    run_swap(*state, setup_dtype(setup, OPTIM_F32));
    run_swap(*state, setup_dtype(setup, OPTIM_BF16));
}
