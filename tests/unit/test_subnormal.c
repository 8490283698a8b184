/*
 * Gradients that stop coming: what element-wise methods remember decays to zero and never stays among the subnormal numbers, with
 * which some processors take a hundred times as long.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "check.h"
#include "optimizer/optimizer.h"

enum { N = 512, LIVELY = 3, STEPS = 3000 };

typedef union numbers {
    float single[N];
    double full[N];
} numbers_t;

static void put(numbers_t *to, optim_dtype dtype, size_t i, double x) {
    if (dtype == OPTIM_F64)
        to->full[i] = x;
    else
        to->single[i] = (float)x;
}

/* Of every magnitude, so that at any time some average passes the border; then zero. */
static void put_gradients(numbers_t *g, optim_dtype dtype, int step) {
    const int magnitudes = dtype == OPTIM_F64 ? 1000 : 120;
    for (size_t i = 0; i < N; ++i)
        put(g, dtype, i, step < LIVELY ? ldexp(i % 2 == 0 ? 1.1 : -1.1, -(int)(i * 7) % magnitudes) : 0);
}

static bool is_subnormal(optim_dtype dtype, const char *reals, size_t i) {
    const double x =
        dtype == OPTIM_F64 ? ((const double *)(const void *)reals)[i] : (double)((const float *)(const void *)reals)[i];
    return x != 0 && fabs(x) < (dtype == OPTIM_F64 ? DBL_MIN : (double)FLT_MIN);
}

static void check_states(const optim_t *opt, optim_dtype dtype, const char *algorithm, int step) {
    const station_t *station = opt->engine.stations[0];
    for (size_t k = 0; k < station->states; ++k)
        for (size_t c = 0; station->slot[k].by_element && station->slot[k].at != NULL && c < station->slot[k].copies;
             ++c)
            for (size_t i = 0; i < N; ++i)
                if (is_subnormal(dtype, (char *)station->slot[k].at + c * station->slot[k].bytes, i))
                    fail_msg("%s, dtype %d, step %d: %s[%zu] is subnormal", algorithm, dtype, step,
                             station->method->states[k].name, i);
}

static void run(const char *algorithm, optim_dtype dtype) {
    static numbers_t p, g;
    const int64_t dims[] = {N};
    optim_t *opt;
    CHECK_OK(optim_create(&opt, algorithm, NULL));
    CHECK_OK(optim_set_components(opt, 3));
    CHECK_OK(optim_add_param(opt, 0, "p", dtype, 1, dims, &p, &g));
    for (size_t i = 0; i < N; ++i)
        put(&p, dtype, i, 1);
    for (int step = 0; step < STEPS; ++step) {
        put_gradients(&g, dtype, step);
        CHECK_OK(optim_set_loss(opt, 1));
        CHECK_OK(optim_step(opt));
        check_states(opt, dtype, algorithm, step);
    }
    optim_destroy(opt);
}

static void states_decay_to_zero(void **state) {
    (void)state;
    int tried = 0;
    for (size_t i = 0; i < optim_algorithm_count(); ++i) {
        optim_description description = {.size = sizeof description};
        CHECK_OK(optim_describe(OPTIM_ALGORITHM, optim_algorithm_name(i), &description));
        if (!(description.can & OPTIM_CAN_SPLIT) ||
            (description.needs & (OPTIM_NEEDS_MORE_GRADIENTS | OPTIM_NEEDS_PRODUCTS)))
            continue;
        run(optim_algorithm_name(i), OPTIM_F32);
        run(optim_algorithm_name(i), OPTIM_F64);
        ++tried;
    }
    assert_true(tried > 30);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(states_decay_to_zero)};
    return cmocka_run_group_tests_name("subnormal", tests, NULL, NULL);
}
