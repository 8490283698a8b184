/*
 * sequence: one schedule after the other, each on its own clock.
 *
 *     child k = number of milestones <= t,  at its clock t - milestone_{k-1}
 *
 * A metric goes to the child that drove the step it was taken after.
 */
#include "schedules/shape.h"

enum { MILESTONES, CHILDREN };
static const option_t OPTIONS[] = {
    [MILESTONES] = {"milestones", 0, "list",
                    "rising steps at which the next child takes over: one fewer than children"},
    [CHILDREN] = {"children", 0, "schedules", "the schedules in order, e.g. linear(steps=8);constant"},
    {0},
};

/* The child whose turn it is; *t becomes its clock. */
static schedule_run_t *turn(const schedule_run_t *run, double *t) {
    const number_list_t milestones = run->list[MILESTONES];
    const size_t k = shape_passed(milestones, *t);
    *t -= k == 0 ? 0 : milestones.value[k - 1];
    return run->child[k];
}

static double value(const schedule_run_t *run, double base, double t) {
    const schedule_run_t *child = turn(run, &t);
    return schedule_value(child, base, t);
}

static double momentum(const schedule_run_t *run, double base, double t) {
    const schedule_run_t *child = turn(run, &t);
    return schedule_momentum(child, base, t);
}

static void report(schedule_run_t *run, double base, double t, double metric) {
    schedule_run_t *child = turn(run, &t);
    schedule_report(child, base, t, metric);
}

static const char *check(const schedule_run_t *run, double base) {
    (void)base;
    const number_list_t milestones = run->list[MILESTONES];
    if (run->children == 0)
        return "children= is missing";
    if (milestones.count + 1 != run->children)
        return "there must be one milestone fewer than children";
    return shape_refuse_list(milestones, 0, true, NULL);
}

/* Each child over its own time. */
static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    const number_list_t milestones = run->list[MILESTONES];
    for (size_t k = shape_passed(milestones, from); k < run->children; ++k) {
        const double start = k == 0 ? 0 : milestones.value[k - 1];
        const double first = fmax(from, ceil(start));
        const double last = k == milestones.count ? to : fmin(to, ceil(milestones.value[k]) - 1);
        if (first > to)
            return;
        if (first > last) /* no step lies between two milestones */
            continue;
        const extremes_t child = schedule_extremes(run->child[k], of, base, first - start, last - start);
        extremes_add(extremes, child.least);
        extremes_add(extremes, child.most);
    }
}

const schedule_t schedule_sequence = {
    .name = "sequence",
    .purpose = "one schedule after the other, each on its own clock",
    .citation = "",
    .options = OPTIONS,
    .check = check,
    .value = value,
    .between = between,
    .momentum = momentum,
    .report = report,
};
