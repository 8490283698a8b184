/* Groups that run one method are one method; a group may run another. */
#include <stdlib.h>
#include <string.h>

#include "checks.h"

enum { STEPS = 6 };

/* A method that keeps numbers by group, or whose steps are made of a mean over one, is as many methods as there are
 * groups. */
static bool goes_by_group(const subject_t *s) {
    const optim_description description = describe(OPTIM_ALGORITHM, s->algorithm);
    for (size_t i = 0; i < description.states; ++i) {
        optim_state_info info = {.size = sizeof info};
        CHECK_OK(optim_describe_state(OPTIM_ALGORITHM, s->algorithm, i, &info));
        if (strcmp(info.shape, "group") == 0)
            return true;
    }
    return strcmp(s->algorithm, "adai") == 0;
}

void check_two_groups(void **state) {
    const subject_t *s = *state;
    const setup_t setup = subject_setup(s);
    rig_t *one = subject_run(s, setup, STEPS);
    setup_t divided = setup;
    divided.groups = 2;
    rig_t *two = subject_run(s, divided, STEPS);
    rig_check_finite(two, "two groups");
    if (!goes_by_group(s))
        rig_check_near(two, one, 1e-12, "two groups with the same options");
    rig_free(one);
    rig_free(two);
}

/* The layout and one more vector, for the other method. */
static layout_t with_guest(const layout_t *layout) {
    layout_t larger = *layout;
    larger.tensor[larger.count].name = "other";
    larger.tensor[larger.count].ndim = 1;
    larger.tensor[larger.count].dims[0] = 11;
    ++larger.count;
    return larger;
}

static const char *other_than(const subject_t *s) {
    return strcmp(s->algorithm, "sgd") == 0 ? "adamw" : "sgd";
}

static void refuse_mixing(const subject_t *s) {
    const char *pair[2][2] = {{other_than(s), s->algorithm}, {s->algorithm, other_than(s)}};
    for (int i = 0; i < 2; ++i) {
        optim_t *opt;
        char *guest = check_text("algorithm=%s", pair[i][1]);
        CHECK_OK(optim_create(&opt, pair[i][0], NULL));
        optim_status status = optim_add_group(opt, guest, NULL);
        if (status == OPTIM_OK) /* then when the parameters are known, before any memory is taken */
            status = optim_memory(opt, NULL, NULL);
        CHECK_REFUSED(status, OPTIM_ERR_MISMATCH, s->algorithm);
        optim_destroy(opt);
        free(guest);
    }
}

static rig_t *run_mixed(const subject_t *s, const layout_t *layout) {
    rig_t *rig = rig_new_for(s->algorithm, layout, OPTIM_F64, OPTIM_F64, 0);
    char *own = check_text("algorithm=%s%s%s", s->algorithm, *s->options == '\0' ? "" : ",", s->options);
    int group;
    CHECK_OK(optim_create(&rig->opt, other_than(s), NULL));
    CHECK_OK(optim_add_group(rig->opt, own, &group));
    assert_int_equal(group, 1);
    for (int i = 0; i + 1 < rig->count; ++i)
        rig->tensor[i].group = group;
    rig->guests = 1;
    CHECK_OK(rig_lend(rig, rig->opt));
    CHECK_OK(rig_steps(rig, STEPS)); /* of the quadratic: its coordinates have nothing to do with each other */
    rig_check_finite(rig, "beside another method");
    free(own);
    return rig;
}

static bool knows_roles(const subject_t *s) {
    optim_description about = {.size = sizeof about};
    CHECK_OK(optim_describe(OPTIM_ALGORITHM, s->algorithm, &about));
    return *about.roles != '\0';
}

void check_own_algorithm(void **state) {
    const subject_t *s = *state;
    if (!s->mixes) {
        refuse_mixing(s);
        return;
    }
    const setup_t setup = subject_setup(s);
    const layout_t larger = with_guest(setup.layout);
    rig_t *mixed = run_mixed(s, &larger);
    rig_t *alone = subject_rig(s, setup);
    alone->oracle = mixed->oracle;
    CHECK_OK(rig_steps(alone, STEPS));
    /* the loss and constraints are those of all tensors, and in `mixed` all have the first role */
    if (!(s->needs & (OPTIM_NEEDS_LOSS | OPTIM_NEEDS_CONSTRAINTS)) && !knows_roles(s)) {
        --mixed->count;
        rig_check_near(mixed, alone, 1e-12, "beside another method");
        ++mixed->count;
    }
    rig_free(mixed);
    rig_free(alone);
}
