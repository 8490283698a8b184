/* Methods with one step size for all groups: their lr is the same everywhere, or 0 in groups that stay. */
#include <stdlib.h>
#include <string.h>

#include "noisy.h"

static const char *const COUPLED[][2] = {
    {"dog", "reps_rel=0.01"},      {"u_dog", "reps_rel=0.01"}, {"dadapt_sgd", "d0=0.01"}, {"dadapt_adam", "d0=0.01"},
    {"dadapt_adagrad", "d0=0.01"}, {"dadapt_lion", "d0=0.01"}, {"prodigy", "d0=0.01"},    {"kt", "w=0.1"}};
enum { COUPLED_COUNT = sizeof COUPLED / sizeof *COUPLED, STEPS = 40 };

static const layout_t PAIR = {"pair", 2, {{"first", 1, {23}}, {"second", 1, {14}}}};

static rig_t *two_groups(const char *const method[2], const char *second_options) {
    rig_t *rig = rig_new(&PAIR, OPTIM_F64, OPTIM_F64, 0);
    optim_t *opt;
    CHECK_OK(optim_create(&opt, method[0], method[1]));
    CHECK_OK(optim_add_group(opt, second_options, NULL));
    rig->tensor[1].group = 1;
    rig->oracle = oracle_find("coupled");
    rig->leaves_out_frozen = true;
    CHECK_OK(rig_lend(rig, opt));
    return rig;
}

static void test_lr_is_shared(void **state) {
    (void)state;
    for (size_t k = 0; k < COUPLED_COUNT; ++k) {
        rig_t *rig = two_groups(COUPLED[k], "lr=0.5");
        void *before = rig_snapshot(rig);
        CHECK_REFUSED(rig_step(rig), OPTIM_ERR_VALUE, "lr must be the same");
        rig_check_snapshot(rig, before, COUPLED[k][0]);
        assert_int_equal(optim_steps(rig->opt), 0);
        CHECK_OK(optim_set(rig->opt, -1, "lr", 0.5));
        CHECK_OK(rig_steps(rig, 2));
        free(before);
        rig_free(rig);
    }
}

/* A group with lr = 0 stays, and the others go on as if its gradients were NULL, from the start or later. */
static void check_staying(const char *const method[2], int moving_steps) {
    rig_t *rig = two_groups(method, NULL), *other = two_groups(method, NULL);
    CHECK_OK(rig_steps(rig, moving_steps));
    CHECK_OK(rig_steps(other, moving_steps));
    CHECK_OK(optim_set(rig->opt, 1, "lr", 0));
    rig_freeze(other, 1, true);
    double second[14];
    memcpy(second, rig->tensor[1].data, sizeof second);
    static double gradient[37];
    for (int step = 0; step < STEPS; ++step) { /* the same gradients for the first group in both */
        rig->oracle = other->oracle = NULL;
        for (size_t i = 0; i < 37; ++i)
            gradient[i] = standard_normal((uint64_t)step + 1, i) + 0.3;
        const double loss[2] = {1, 1};
        double twice[74];
        memcpy(twice, gradient, sizeof gradient);
        memcpy(twice + 37, gradient, sizeof gradient);
        replay_t one = {2, 0, loss, twice}, two = {2, 0, loss, twice};
        rig->replay = &one;
        other->replay = &two;
        CHECK_OK(rig_step(rig));
        CHECK_OK(rig_step(other));
        assert_memory_equal(rig->tensor[1].data, second, sizeof second);
        assert_memory_equal(rig->tensor[0].data, other->tensor[0].data, 23 * sizeof(double));
    }
    rig_free(rig);
    rig_free(other);
}

static void test_groups_that_stay(void **state) {
    (void)state;
    for (size_t k = 0; k < COUPLED_COUNT; ++k) {
        check_staying(COUPLED[k], 0);
        check_staying(COUPLED[k], 5);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lr_is_shared),
        cmocka_unit_test(test_groups_that_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
