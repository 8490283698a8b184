/* Every format of parameters with every format of gradients: the same numbers lead to the same bits. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "element.h"

enum { N = 5003, STEPS = 5 };
static const optim_dtype DTYPES[] = {OPTIM_F32, OPTIM_F64, OPTIM_BF16, OPTIM_F16};

typedef struct run {
    optim_dtype dtype, grad_dtype;
    unsigned char *p, *g;
} run_t;

/* A multiple of 1/32 of at most 4 in modulus: any format holds it. */
static double gradient(size_t i, int step) {
    return (double)((int)((i * 53 + (size_t)step * 17) % 251) - 125) / 32;
}

static void run_open(run_t *run, optim_dtype dtype, optim_dtype grad_dtype) {
    *run = (run_t){.dtype = dtype, .grad_dtype = grad_dtype};
    run->p = check_memory(N, element_size(dtype));
    run->g = check_memory(N, element_size(grad_dtype));
    for (size_t i = 0; i < N; ++i)
        element_write(dtype, run->p, i, 0.5 + (double)(i % 128) / 128);
}

static void run_close(run_t *run) {
    free(run->p);
    free(run->g);
}

static void run_steps(run_t *run, const char *algorithm, const char *options, int steps, optim_t **kept) {
    const int64_t dims[] = {N};
    optim_t *opt = kept == NULL ? NULL : *kept;
    if (opt == NULL) {
        CHECK_OK(optim_create(&opt, algorithm, options));
        CHECK_OK(optim_add_param(opt, 0, "p", run->dtype, 1, dims, run->p, run->g));
        CHECK_OK(optim_set_grad_dtype(opt, 0, run->grad_dtype));
    }
    for (int step = 0; step < steps; ++step) {
        for (size_t i = 0; i < N; ++i)
            element_write(run->grad_dtype, run->g, i, gradient(i, (int)optim_steps(opt)));
        CHECK_OK(optim_step(opt));
    }
    if (kept == NULL)
        optim_destroy(opt);
    else
        *kept = opt;
}

static const char *const CASES[][2] = {
    {"adamw", NULL},
    {"adamw", "clip_norm=20,clip_value=3,grad_scale=0.5"},
    {"adamw", "rounding=stochastic,state_dtype=bf16"},
    {"adagrad", "rounding=kahan,state_dtype=int8"},
    {"adamw", "rounding=kahan,state_dtype=int4"},
    {"sgd", "momentum=0.9,master=f32"},
    {"lamb", NULL},
};

static void gradients_of_any_format_lead_to_the_same_bits(void **state) {
    (void)state;
    for (size_t c = 0; c < sizeof CASES / sizeof *CASES; ++c)
        for (size_t k = 0; k < 4; ++k) {
            run_t own;
            run_open(&own, DTYPES[k], DTYPES[k]);
            run_steps(&own, CASES[c][0], CASES[c][1], STEPS, NULL);
            for (size_t j = 0; j < 4; ++j) {
                run_t other;
                run_open(&other, DTYPES[k], DTYPES[j]);
                run_steps(&other, CASES[c][0], CASES[c][1], STEPS, NULL);
                if (memcmp(own.p, other.p, N * element_size(DTYPES[k])) != 0)
                    fail_msg("%s %s: %s parameters, %s gradients", CASES[c][0], CASES[c][1], element_name(DTYPES[k]),
                             element_name(DTYPES[j]));
                run_close(&other);
            }
            run_close(&own);
        }
}

/*
 * A trainer that keeps its optimizer in host memory: bf16 gradients in, states and masters in f32, bf16 parameters out, in one
 * call. The masters take the very steps of f32 parameters, and the parameters are those, rounded to nearest.
 */
static void offloaded_steps_are_f32_steps(void **state) {
    static const char *const METHODS[] = {"adamw", "lion", "adagrad", "rmsprop"};
    (void)state;
    for (size_t m = 0; m < sizeof METHODS / sizeof *METHODS; ++m)
        for (size_t k = 2; k < 4; ++k) {
            run_t wide, narrow;
            optim_t *of_wide = NULL, *of_narrow = NULL;
            size_t state_bytes, wide_bytes;
            run_open(&wide, OPTIM_F32, DTYPES[k]);
            run_open(&narrow, DTYPES[k], DTYPES[k]);
            for (int step = 0; step < 20; ++step) {
                run_steps(&wide, METHODS[m], "zero_grad=1", 1, &of_wide);
                run_steps(&narrow, METHODS[m], "zero_grad=1,master=f32", 1, &of_narrow);
                for (size_t i = 0; i < N; ++i) {
                    const double want = element_round(DTYPES[k], element_read(OPTIM_F32, wide.p, i));
                    if (element_read(DTYPES[k], narrow.p, i) != want)
                        fail_msg("%s: step %d, element %zu: %g, not %g", METHODS[m], step, i,
                                 element_read(DTYPES[k], narrow.p, i), want);
                    assert_true(element_read(DTYPES[k], narrow.g, i) == 0);
                }
            }
            CHECK_OK(optim_memory(of_wide, &wide_bytes, NULL));
            CHECK_OK(optim_memory(of_narrow, &state_bytes, NULL));
            CHECK_CLOSE((double)(state_bytes - wide_bytes) / N, 4, 0.05); /* the masters */
            optim_destroy(of_wide);
            optim_destroy(of_narrow);
            run_close(&wide);
            run_close(&narrow);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_of_any_format_lead_to_the_same_bits),
        cmocka_unit_test(offloaded_steps_are_f32_steps),
    };
    return cmocka_run_group_tests_name("formats", tests, NULL, NULL);
}
