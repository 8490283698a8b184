/*
 * One handle, several methods and wrappers: others wait while a method asks for further evaluations, and step as if they
 * had a handle of their own; wrappers act on the groups that they are given.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "rig.h"

enum { STEPS = 7 };
static const layout_t LAYOUT = {"a matrix and a matrix", 2, {{"a", 2, {5, 3}}, {"b", 2, {4, 6}}}};

/* Tensor a runs one method, b the other; `frozen`: the tensor that is (-1: none). */
static rig_t *open_shared(const char *first, const char *second, const char *wrapper, int frozen) {
    char *algorithm = check_text("algorithm=%s", second);
    rig_t *rig = rig_new(&LAYOUT, OPTIM_F32, OPTIM_F32, 0);
    optim_t *opt;
    rig->oracle = oracle_find("quadratic");
    CHECK_OK(optim_create(&opt, first, NULL));
    CHECK_OK(optim_add_group(opt, algorithm, &rig->tensor[1].group));
    if (wrapper != NULL)
        CHECK_OK(optim_wrap(opt, wrapper, NULL));
    CHECK_OK(rig_lend(rig, opt));
    if (frozen >= 0)
        rig_freeze(rig, frozen, true);
    free(algorithm);
    return rig;
}

static void check_tensor(const rig_t *rig, const rig_t *other, int tensor, const char *what) {
    const rig_tensor_t *a = &rig->tensor[tensor], *b = &other->tensor[tensor];
    if (memcmp(a->data, b->data, a->count * sizeof(float)) != 0)
        fail_msg("%s: tensor \"%s\" differs", what, a->name);
}

/* ---- Methods that wait ---- */

static const struct {
    const char *asks, *waits, *wrapper;
} PAIRS[] = {
    {"adahessian", "adamw", NULL},
    {"sophia", "lamb", NULL},
    {"oasis", "muon", NULL},
    {"storm", "novograd", NULL},
    {"harpg", "adamw", "ema"},
    {"adahessian", "lion", "gc"},
    {"sophia", "schedulefree_adamw", NULL},
};

/* Each tensor goes where it goes while the other stands still. */
static void test_as_if_alone(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; ++i) {
        char *what = check_text("%s beside %s", PAIRS[i].asks, PAIRS[i].waits);
        rig_t *both = open_shared(PAIRS[i].asks, PAIRS[i].waits, PAIRS[i].wrapper, -1);
        CHECK_OK(rig_steps(both, STEPS));
        for (int alone = 0; alone < 2; ++alone) {
            rig_t *single = open_shared(PAIRS[i].asks, PAIRS[i].waits, PAIRS[i].wrapper, 1 - alone);
            CHECK_OK(rig_steps(single, STEPS));
            check_tensor(both, single, alone, what);
            rig_free(single);
        }
        rig_free(both);
        free(what);
    }
}

/* The method that asks may be that of a later group. */
static void test_order_does_not_matter(void **state) {
    (void)state;
    rig_t *rig = open_shared("adamw", "sophia", NULL, -1), *single = open_shared("adamw", "sophia", NULL, 1);
    CHECK_OK(rig_steps(rig, STEPS));
    CHECK_OK(rig_steps(single, STEPS));
    check_tensor(rig, single, 0, "adamw before sophia");
    rig_free(single);
    rig_free(rig);
}

/* Cancelled while the method asks: nothing has happened to those that wait, either. */
static void test_cancel(void **state) {
    (void)state;
    rig_t *rig = open_shared("sophia", "adamw", NULL, -1), *other = open_shared("sophia", "adamw", NULL, -1);
    CHECK_OK(rig_steps(rig, 3));
    CHECK_OK(rig_steps(other, 3));
    void *before = rig_snapshot(rig);
    for (int at = 4; at <= 12; ++at) {
        rig->stop_at = 2;
        if (rig_step(rig) == OPTIM_OK) { /* sophia asks now and then */
            CHECK_OK(rig_step(other));
            free(before);
            before = rig_snapshot(rig);
            continue;
        }
        CHECK_OK(optim_cancel(rig->opt));
        rig_check_snapshot(rig, before, "cancelled");
        rig->stop_at = 0;
        CHECK_OK(rig_step(rig));
        CHECK_OK(rig_step(other));
        rig_check_same(rig, other, "after a cancelled step");
        free(before);
        before = rig_snapshot(rig);
    }
    free(before);
    rig_free(other);
    rig_free(rig);
}

static void test_resumes(void **state) {
    (void)state;
    size_t size;
    rig_t *rig = open_shared("adahessian", "adamw", NULL, -1), *later = open_shared("adahessian", "adamw", NULL, -1);
    CHECK_OK(rig_steps(rig, 3));
    void *bytes = check_serialized(rig->opt, &size), *parameters = rig_snapshot(rig);
    rig_restore(later, parameters);
    CHECK_OK(optim_deserialize(later->opt, bytes, size));
    CHECK_OK(rig_steps(rig, STEPS));
    CHECK_OK(rig_steps(later, STEPS));
    rig_check_same(rig, later, "resumed");
    free(parameters);
    free(bytes);
    rig_free(later);
    rig_free(rig);
}

static void check_refused_pair(const char *first, const char *second, const char *offender) {
    rig_t *rig = open_shared(first, second, NULL, -1);
    CHECK_REFUSED(optim_memory(rig->opt, NULL, NULL), OPTIM_ERR_MISMATCH, offender);
    rig_free(rig);
}

static void test_who_cannot_share(void **state) {
    (void)state;
    check_refused_pair("adahessian", "sophia", "does too");
    check_refused_pair("adahessian", "aegd", "may refuse");
    check_refused_pair("adamw", "cbo", "reads no gradients");
}

/* ---- Wrappers of some groups ---- */

static rig_t *open_wrapped(const char *wrapper, bool chosen, int frozen) {
    rig_t *rig = rig_new(&LAYOUT, OPTIM_F32, OPTIM_F32, 0);
    optim_t *opt;
    rig->oracle = oracle_find("quadratic");
    CHECK_OK(optim_create(&opt, "adamw", "lr=0.01"));
    CHECK_OK(optim_add_group(opt, NULL, &rig->tensor[1].group));
    if (wrapper != NULL)
        CHECK_OK(optim_wrap(opt, wrapper, strcmp(wrapper, "prox") == 0 ? "map=prox_l1(lam=1)" : NULL));
    if (chosen)
        CHECK_OK(optim_wrap_groups(opt, wrapper, &rig->tensor[1].group, 1));
    CHECK_OK(rig_lend(rig, opt));
    if (frozen >= 0)
        rig_freeze(rig, frozen, true);
    return rig;
}

/* The group that a wrapper leaves out goes where it goes without it; the other where it goes while the first is
 * frozen. */
static void test_wrapper_of_a_group(void **state) {
    (void)state;
    for (size_t i = 0; i < optim_wrapper_count(); ++i) {
        const char *wrapper = optim_wrapper_name(i);
        if (strcmp(wrapper, "picard") == 0)
            continue; /* takes whole steps: it cannot leave groups out */
        rig_t *rig = open_wrapped(wrapper, true, -1), *without = open_wrapped(NULL, false, -1),
              *alone = open_wrapped(wrapper, false, 0);
        CHECK_OK(rig_steps(rig, STEPS));
        CHECK_OK(rig_steps(without, STEPS));
        CHECK_OK(rig_steps(alone, STEPS));
        check_tensor(rig, without, 0, wrapper);
        check_tensor(rig, alone, 1, wrapper);
        rig_free(alone);
        rig_free(without);
        rig_free(rig);
    }
}

static size_t state_bytes(rig_t *rig) {
    size_t bytes, scratch;
    CHECK_OK(optim_memory(rig->opt, &bytes, &scratch));
    return bytes;
}

/* Left out: no state, and the average that is asked for is the parameters. */
static void test_no_average(void **state) {
    (void)state;
    float average[15];
    rig_t *rig = open_wrapped("ema", true, -1), *all = open_wrapped("ema", false, -1);
    assert_true(state_bytes(rig) < state_bytes(all));
    CHECK_OK(rig_steps(rig, STEPS));
    CHECK_OK(optim_output(rig->opt, 0, average));
    assert_memory_equal(average, rig->tensor[0].data, sizeof average);
    rig_free(all);
    rig_free(rig);
}

/* What wrappers leave out stands in checkpoints: one of another choice does not fit. */
static void test_checkpoint(void **state) {
    (void)state;
    size_t size;
    rig_t *rig = open_wrapped("gc", true, -1), *all = open_wrapped("gc", false, -1),
          *same = open_wrapped("gc", true, -1);
    CHECK_OK(rig_steps(rig, 2));
    void *bytes = check_serialized(rig->opt, &size);
    CHECK_REFUSED(optim_deserialize(all->opt, bytes, size), OPTIM_ERR_CHECKPOINT, "\"gc\" acts on group 0");
    CHECK_OK(optim_deserialize(same->opt, bytes, size));
    free(bytes);
    rig_free(same);
    rig_free(all);
    rig_free(rig);
}

/* A group that is added afterwards is left out as well. */
static void test_later_group(void **state) {
    (void)state;
    float x = 1, g = 1, average = 0;
    const int first = 0;
    int later;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", "lr=0.5"));
    CHECK_OK(optim_wrap(opt, "ema", NULL));
    CHECK_OK(optim_wrap_groups(opt, "ema", &first, 1));
    CHECK_OK(optim_add_group(opt, NULL, &later));
    CHECK_OK(optim_add_param(opt, later, "x", OPTIM_F32, 0, NULL, &x, &g));
    CHECK_OK(optim_step(opt));
    CHECK_OK(optim_step(opt));
    CHECK_OK(optim_output(opt, 0, &average));
    assert_true(average == 0 && x == 0);
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_if_alone),      cmocka_unit_test(test_order_does_not_matter),
        cmocka_unit_test(test_cancel),           cmocka_unit_test(test_resumes),
        cmocka_unit_test(test_who_cannot_share), cmocka_unit_test(test_wrapper_of_a_group),
        cmocka_unit_test(test_no_average),       cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_later_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
