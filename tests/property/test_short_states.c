/* Adam with 8-bit moments ends where Adam ends: the same loss on a logistic problem within 1e-4. */
#include <math.h>

#include "check.h"
#include "rig.h"

static double loss_after(const char *algorithm, const char *options, int steps) {
    static const layout_t LAYOUT = {"vectors", 2, {{"a", 1, {12}}, {"b", 1, {8}}}};
    rig_t *rig = rig_new(&LAYOUT, OPTIM_F32, OPTIM_F32, 0);
    optim_t *opt;
    rig->oracle = oracle_find("logistic");
    CHECK_OK(optim_create(&opt, algorithm, options));
    CHECK_OK(rig_lend(rig, opt));
    CHECK_OK(rig_steps(rig, steps));
    const double loss = rig_value(rig);
    rig_free(rig);
    return loss;
}

static void eight_bits_end_at_the_same_loss(void **state) {
    (void)state;
    static const char *const SHORT[][2] = {{"adam8bit", "lr=0.01,min_8bit_size=0"},
                                           {"adam", "lr=0.01,state_dtype=int8,state_min=0"},
                                           {"adam", "lr=0.01,state_dtype=bf16,state_min=0"}};
    const double full = loss_after("adam", "lr=0.01", 2000);
    CHECK_CLOSE(full, LOGISTIC_MINIMUM_20, 1e-4);
    for (size_t i = 0; i < 3; ++i) {
        const double loss = loss_after(SHORT[i][0], SHORT[i][1], 2000);
        if (fabs(loss - full) > 1e-4 * full)
            fail_msg("%s %s: %.8f, in full %.8f", SHORT[i][0], SHORT[i][1], loss, full);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(eight_bits_end_at_the_same_loss)};
    return cmocka_run_group_tests_name("short_states", tests, NULL, NULL);
}
