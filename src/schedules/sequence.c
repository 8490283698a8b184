/*
 * sequence: one schedule after the other, each on its own clock.
 *
 *     child k = number of milestones <= t,  at its clock t - milestone_{k-1}
 */
#include "optimizer/schedule.h"

enum { MILESTONES, CHILDREN };
static const option_t OPTIONS[] = {
    [MILESTONES] = {"milestones", 0, "list",
                    "rising steps at which the next child takes over: one fewer than children"},
    [CHILDREN] = {"children", 0, "schedules", "the schedules in order, e.g. linear(steps=8);constant"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    const number_list_t milestones = run->list[MILESTONES];
    size_t k = 0;
    while (k < milestones.count && milestones.value[k] <= t)
        ++k;
    return schedule_value(run->child[k], base, k == 0 ? t : t - milestones.value[k - 1]);
}

static const char *check(const schedule_run_t *run, double base) {
    (void)base;
    const number_list_t milestones = run->list[MILESTONES];
    if (run->children == 0)
        return "children= is missing";
    if (milestones.count + 1 != run->children)
        return "there must be one milestone fewer than children";
    for (size_t i = 0; i < milestones.count; ++i)
        if (milestones.value[i] <= (i == 0 ? 0 : milestones.value[i - 1]))
            return "milestones must be positive and rising";
    return NULL;
}

const schedule_t schedule_sequence = {
    .name = "sequence",
    .purpose = "one schedule after the other, each on its own clock",
    .citation = "",
    .options = OPTIONS,
    .check = check,
    .value = value,
};
