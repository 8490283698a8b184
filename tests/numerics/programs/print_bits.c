/*
 * Prints digests of where a few steps of every method lead, in every form of storage, of every wrapper around adamw and
 * of every schedule: what must not depend on the compiler, the instruction-set level or the architecture. One line a
 * subject, one digest a form, or the error with which the method refuses it; "blas" at the end if it went through BLAS,
 * whose bits are not ours.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blas_watch.h"
#include "check.h"
#include "element.h"
#include "layouts.h"
#include "rig.h"

enum { STEPS = 4, SCHEDULED_STEPS = 50 };

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

/* For the schedules that must be told something. */
static const struct {
    const char *name, *options;
} SCHEDULES[] = {
    {"multistep", "milestones=3;17;30"},
    {"cyclic", "lr_max=1,step_up=7,step_down=3"},
    {"onecycle", "steps=40"},
    {"wsd", "warmup=3,steps=40"},
    {"table", "factors=1;0.5;0.25;0.75;0.6"},
    {"piecewise", "boundaries=5;30,factors=1;0.3;0.2,interpolate=cos"},
    {"lr_range", "steps=40,lr_max=0.5"},
    {"sequence", "milestones=11;30,children=linear;rex(steps=20);constant"},
    {"chain", "children=linear(steps=20);polynomial(steps=40)"},
    {"volsched", "steps=40,warmup=9,warmup_factor=0.1"},
    {"refined", "norms=3;2;1;1;2;3;4"},
};

/* The element's bits; for every NaN the same, because which of them comes out of an operation is up to the
   processor. */
static uint64_t element_bits(const rig_tensor_t *tensor, size_t i) {
    const size_t size = element_size(tensor->dtype);
    const char *at = (const char *)tensor->data + i * size;
    uint64_t eight = 0;
    uint32_t four = 0;
    uint16_t two = 0;
    if (isnan(element_read(tensor->dtype, tensor->data, i)))
        return UINT64_MAX >> (64 - 8 * size);
    memcpy(&eight, at, size == sizeof eight ? sizeof eight : 0);
    memcpy(&four, at, size == sizeof four ? sizeof four : 0);
    memcpy(&two, at, size == sizeof two ? sizeof two : 0);
    return size == sizeof eight ? eight : size == sizeof four ? four : two;
}

/* FNV-1a over the parameters' bytes, the lowest of each first, folded to 32 bits. */
static uint32_t digest(const rig_t *rig) {
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (int i = 0; i < rig->count; ++i)
        for (size_t k = 0; k < rig->tensor[i].count; ++k) {
            const uint64_t bits = element_bits(&rig->tensor[i], k);
            for (size_t byte = 0; byte < element_size(rig->tensor[i].dtype); ++byte)
                hash = (hash ^ (bits >> (8 * byte) & 255)) * UINT64_C(0x100000001B3);
        }
    return (uint32_t)(hash ^ hash >> 32);
}

static void scale_start(rig_t *rig, double scale) {
    const size_t n = rig_elements(rig);
    double *start = check_memory(n, sizeof *start);
    for (size_t i = 0; i < n; ++i)
        start[i] = scale * rig_start(i);
    rig_write(rig, start);
    free(start);
}

static void print_result(const rig_t *rig, optim_status status) {
    if (status == OPTIM_OK)
        (void)printf(" %08" PRIx32, digest(rig));
    else
        (void)printf(" %d", (int)status);
}

static rig_t *rig_of(const char *algorithm, const char *wrapper, const form_t *form, const layout_t *layout) {
    optim_t *opt;
    CHECK_OK(optim_create(&opt, algorithm, form->options));
    rig_t *rig = rig_new_for(algorithm, layout, form->dtype, form->grad_dtype, 0);
    rig->scale = form->scale;
    scale_start(rig, form->scale);
    if (wrapper != NULL)
        CHECK_OK(optim_wrap(opt, wrapper, NULL));
    CHECK_OK(rig_lend(rig, opt));
    return rig;
}

static void print_form(const char *algorithm, const char *wrapper, const form_t *form) {
    optim_status status = OPTIM_ERR_SHAPE;
    const layout_t *layout = layouts_two(algorithm), *next;
    for (int i = 0; layout != NULL && status == OPTIM_ERR_SHAPE; layout = next, ++i) {
        rig_t *rig = rig_of(algorithm, wrapper, form, layout);
        next = layouts_fallback(i);
        status = optim_memory(rig->opt, NULL, NULL);
        if (status == OPTIM_OK)
            status = rig_steps(rig, STEPS);
        if (status != OPTIM_ERR_SHAPE || next == NULL)
            print_result(rig, status);
        rig_free(rig);
    }
}

static void print_forms(const char *kind, const char *name, const char *algorithm, const char *wrapper) {
    const int64_t calls = blas_watch_calls();
    (void)printf("%s %s", kind, name);
    for (int f = 0; f < FORM_COUNT; ++f)
        print_form(algorithm, wrapper, &FORMS[f]);
    (void)puts(blas_watch_calls() == calls ? "" : " blas");
}

/* Rates are seen in where signs of gradients lead. */
static void print_schedule(const char *name) {
    rig_t *rig = rig_new(layouts_two("signsgd"), OPTIM_F64, OPTIM_F64, 0);
    const char *options = NULL;
    optim_t *opt;
    for (size_t i = 0; i < sizeof SCHEDULES / sizeof *SCHEDULES; ++i)
        if (strcmp(name, SCHEDULES[i].name) == 0)
            options = SCHEDULES[i].options;
    CHECK_OK(optim_create(&opt, "signsgd", "lr=0.1"));
    CHECK_OK(rig_lend(rig, opt));
    optim_status status = optim_set_schedule(opt, 0, "lr", name, options);
    for (int step = 0; step < SCHEDULED_STEPS && status == OPTIM_OK; ++step) {
        status = rig_step(rig);
        if (status == OPTIM_OK)
            status = optim_report(opt, 2 + (double)(step * 37 % 11) / 11);
    }
    (void)printf("schedule %s", name);
    print_result(rig, status);
    (void)puts("");
    rig_free(rig);
}

int main(void) {
    (void)printf("# forms:");
    for (int f = 0; f < FORM_COUNT; ++f)
        (void)printf(" %s", FORMS[f].name);
    (void)puts("");
    for (size_t i = 0; i < optim_algorithm_count(); ++i)
        print_forms("method", optim_algorithm_name(i), optim_algorithm_name(i), NULL);
    for (size_t i = 0; i < optim_wrapper_count(); ++i)
        print_forms("wrapper", optim_wrapper_name(i), "adamw", optim_wrapper_name(i));
    for (size_t i = 0; i < optim_schedule_count(); ++i)
        print_schedule(optim_schedule_name(i));
    return fflush(stdout) == 0 ? 0 : 1;
}
