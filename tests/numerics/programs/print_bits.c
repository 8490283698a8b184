/*
 * Prints a digest of where a few steps of every method lead, in every form of storage, and of every wrapper around adamw: what
 * must not depend on the compiler or the instruction-set level. compare_levels.sh and ./dev compare such outputs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "element.h"
#include "rig.h"

enum { STEPS = 4 };

typedef struct form {
    const char *name, *options;
    optim_dtype dtype, grad_dtype;
    double scale; /* of parameters and gradients */
} form_t;

static const form_t FORMS[] = {
    {"f32", NULL, OPTIM_F32, OPTIM_F32, 1},
    {"f64", NULL, OPTIM_F64, OPTIM_F64, 1},
    {"bf16", NULL, OPTIM_BF16, OPTIM_BF16, 1},
    {"f16", NULL, OPTIM_F16, OPTIM_F16, 1},
    {"f32,bf16", "clip_norm=30", OPTIM_F32, OPTIM_BF16, 1},
    {"master", "master=f32", OPTIM_BF16, OPTIM_BF16, 1},
    {"stochastic", "rounding=stochastic", OPTIM_BF16, OPTIM_F32, 1},
    {"f16-stochastic", "rounding=stochastic", OPTIM_F16, OPTIM_F16, 0x1p-14},
    {"kahan", "rounding=kahan", OPTIM_BF16, OPTIM_BF16, 1},
    {"bf16-states", "state_dtype=bf16,state_min=0", OPTIM_F32, OPTIM_F32, 1},
    {"int8-states", "state_dtype=int8,state_min=0", OPTIM_F32, OPTIM_F32, 1},
    {"f64-int8-states", "state_dtype=int8,state_min=0", OPTIM_F64, OPTIM_F64, 1},
    {"subnormal", NULL, OPTIM_F32, OPTIM_F32, 0x1p-130},
    {"f64-subnormal", NULL, OPTIM_F64, OPTIM_F64, 0x1p-1030},
};
enum { FORM_COUNT = sizeof FORMS / sizeof *FORMS };

static const layout_t LAYOUT = {"two", 2, {{"matrix", 2, {61, 37}}, {"vector", 1, {5003}}}};

/* FNV-1a over the parameters' bytes. */
static uint64_t digest(const rig_t *rig) {
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (int i = 0; i < rig->count; ++i) {
        const unsigned char *bytes = rig->tensor[i].data;
        for (size_t k = 0; k < rig->tensor[i].count * element_size(rig->tensor[i].dtype); ++k)
            hash = (hash ^ bytes[k]) * UINT64_C(0x100000001B3);
    }
    return hash;
}

static void scale_start(rig_t *rig, double scale) {
    const size_t n = rig_elements(rig);
    double *start = check_memory(n, sizeof *start);
    for (size_t i = 0; i < n; ++i)
        start[i] = scale * rig_start(i);
    rig_write(rig, start);
    free(start);
}

/* One line; a method that will not have this form says so by its status. */
static void print_line(const char *algorithm, const char *wrapper, const form_t *form) {
    rig_t *rig = rig_new(&LAYOUT, form->dtype, form->grad_dtype, 0);
    optim_t *opt;
    rig->scale = form->scale;
    scale_start(rig, form->scale);
    CHECK_OK(optim_create(&opt, algorithm, form->options));
    if (wrapper != NULL)
        CHECK_OK(optim_wrap(opt, wrapper, NULL));
    optim_status status = rig_lend(rig, opt);
    if (status == OPTIM_OK)
        status = rig_steps(rig, STEPS);
    (void)printf("%s %s %s %d %016" PRIx64 "\n", algorithm, wrapper == NULL ? "-" : wrapper, form->name, (int)status,
                 digest(rig));
    rig_free(rig);
}

int main(void) {
    for (int f = 0; f < FORM_COUNT; ++f) {
        for (size_t i = 0; i < optim_algorithm_count(); ++i)
            print_line(optim_algorithm_name(i), NULL, &FORMS[f]);
        for (size_t i = 0; i < optim_wrapper_count(); ++i)
            print_line("adamw", optim_wrapper_name(i), &FORMS[f]);
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
