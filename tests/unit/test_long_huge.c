/* One tensor of more than 2^31 elements: every position is counted in 64 bits. Takes about 11 GB. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "optim/optim.h"

static void elements_beyond_two_to_the_31(void **state) {
    const size_t n = ((size_t)1 << 31) + 5000;
    const int64_t dims[] = {(int64_t)n};
    const uint16_t one = 0x3F80, half = 0x3F00; /* bf16 */
    (void)state;
    if (SIZE_MAX / 16 < n) {
        skip(); /* this machine has not the addresses */
        return;
    }
    uint16_t *p = calloc(n, sizeof *p), *g = calloc(n, sizeof *g);
    optim_t *opt;
    if (p == NULL || g == NULL) {
        free(p);
        free(g);
        skip(); /* this machine has not the memory */
    }
    for (size_t i = 0; i < n; ++i)
        p[i] = one;
    const size_t moved[] = {0, ((size_t)1 << 31) - 1, (size_t)1 << 31, n - 1};
    for (size_t i = 0; i < 4; ++i)
        g[moved[i]] = one;
    /* conversions, a sum over all tiles (its root is 2), 8-bit states, random bits: the step is 0.5 where it is not
       0 */
    assert_int_equal(optim_create(&opt, "sgd",
                                  "lr=0.5,momentum=0.9,clip_norm=2,state_dtype=int8,rounding=stochastic,"
                                  "zero_grad=1"),
                     OPTIM_OK);
    assert_int_equal(optim_add_param(opt, 0, "p", OPTIM_BF16, 1, dims, p, g), OPTIM_OK);
    assert_int_equal(optim_step(opt), OPTIM_OK);
    size_t changed = 0, left = 0;
    for (size_t i = 0; i < n; ++i) {
        changed += p[i] != one;
        left += g[i] != 0;
    }
    assert_int_equal(changed, 4);
    assert_int_equal(left, 0);
    for (size_t i = 0; i < 4; ++i)
        assert_int_equal(p[moved[i]], half);
    optim_destroy(opt);
    free(p);
    free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(elements_beyond_two_to_the_31)};
    return cmocka_run_group_tests_name("huge", tests, NULL, NULL);
}
