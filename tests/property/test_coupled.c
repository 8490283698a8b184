/* Methods with one step size for all groups: their lr is the same everywhere, or 0 in groups that stay. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "noisy.h"

static const char *const COUPLED[][2] = {
    {"dog", "reps_rel=0.01"},      {"u_dog", "reps_rel=0.01"}, {"dadapt_sgd", "d0=0.01"}, {"dadapt_adam", "d0=0.01"},
    {"dadapt_adagrad", "d0=0.01"}, {"dadapt_lion", "d0=0.01"}, {"prodigy", "d0=0.01"},    {"kt", "w=0.1"},
    {"sps", "smooth=1"},           {"momo", "lr=0.2"},         {"momo_adam", "lr=0.2"},   {"sgd_hd", "lr=0.2"},
    {"adam_hd", "lr=0.2"}};
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
static void check_staying(const char *const method[2], int moving_steps, int stays) {
    rig_t *rig = two_groups(method, NULL), *other = two_groups(method, NULL);
    CHECK_OK(rig_steps(rig, moving_steps));
    CHECK_OK(rig_steps(other, moving_steps));
    CHECK_OK(optim_set(rig->opt, stays, "lr", 0));
    rig_freeze(other, stays, true);
    other->leaves_out_frozen = false; /* gradients are given for all elements */
    const size_t size[2] = {23 * sizeof(double), 14 * sizeof(double)};
    double staying[23];
    memcpy(staying, rig->tensor[stays].data, size[stays]);
    static double gradient[37];
    for (int step = 0; step < STEPS; ++step) { /* the same gradients for the other group in both */
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
        assert_memory_equal(rig->tensor[stays].data, staying, size[stays]);
        assert_memory_equal(rig->tensor[1 - stays].data, other->tensor[1 - stays].data, size[1 - stays]);
    }
    const double *moved = rig->tensor[1 - stays].data;
    assert_true(fabs(moved[0] - rig_start(stays == 0 ? 23 : 0)) > 1e-6);
    rig_free(rig);
    rig_free(other);
}

static void test_groups_that_stay(void **state) {
    (void)state;
    for (size_t k = 0; k < COUPLED_COUNT; ++k)
        for (int stays = 0; stays < 2; ++stays) {
            check_staying(COUPLED[k], 0, stays);
            check_staying(COUPLED[k], 5, stays);
        }
}

/* oasis asks for products, and at x_prev for a gradient: as if the group that stays were not there. */
static void test_oasis_group_that_stays(void **state) {
    (void)state;
    static const char *const METHODS[][2] = {{"oasis", "lr=0.1,init_samples=3"}, {"oasis", "lr=0.1,same_batch=1"}};
    for (int k = 0; k < 2; ++k) {
        rig_t *rig = two_groups(METHODS[k], "lr=0.5"), *other = two_groups(METHODS[k], NULL);
        rig->oracle = other->oracle = oracle_find("quadratic"); /* the first group's part is its own affair */
        CHECK_REFUSED(rig_step(rig), OPTIM_ERR_VALUE, "lr must be the same");
        CHECK_OK(optim_set(rig->opt, 1, "lr", 0));
        rig_freeze(other, 1, true);
        CHECK_OK(rig_steps(rig, STEPS));
        CHECK_OK(rig_steps(other, STEPS));
        rig_check_same(rig, other, "a group that stays and a frozen one");
        assert_true(fabs(rig_read(rig)[0] - quadratic_minimum(0)) < 0.1);
        rig_free(rig);
        rig_free(other);
    }
}

/* A number that all groups share begins with the option of the first, whatever the others have. */
static void test_shared_numbers_begin_with_the_first(void **state) {
    (void)state;
    static const char *const METHOD[2] = {"prodigy", "d0=0.01"};
    double d;
    rig_t *rig = two_groups(METHOD, "d0=5");
    CHECK_OK(optim_get(rig->opt, 1, "d", &d));
    assert_true(d == 0.01);
    CHECK_OK(optim_memory(rig->opt, NULL, NULL));
    CHECK_OK(rig_step(rig));
    CHECK_OK(optim_reset(rig->opt));
    CHECK_OK(optim_get(rig->opt, 0, "d", &d));
    assert_true(d == 0.01);
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lr_is_shared),
        cmocka_unit_test(test_groups_that_stay),
        cmocka_unit_test(test_oasis_group_that_stays),
        cmocka_unit_test(test_shared_numbers_begin_with_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
