/*
 * multistep: the value falls by a factor at given steps.
 *
 *     b gamma^k,  k = number of milestones <= t;  a repeated milestone counts twice
 */
#include "schedules/shape.h"

enum { MILESTONES, GAMMA };
static const option_t OPTIONS[] = {
    [MILESTONES] = {"milestones", 0, "list", "steps of the falls in order, e.g. 30;60;80"},
    [GAMMA] = {"gamma", 0.1, "[0,inf)", "factor of a fall"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    return base * pow(run->option[GAMMA], (double)shape_passed(run->list[MILESTONES], t));
}

static const char *check(const schedule_run_t *run, double base) {
    (void)base;
    return shape_refuse_list(run->list[MILESTONES], 0, false, "milestones= is missing");
}

static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    const number_list_t milestones = run->list[MILESTONES];
    schedule_turn(run, of, base, from, to, milestones.value[milestones.count - 1], extremes);
}

const schedule_t schedule_multistep = {
    .name = "multistep",
    .purpose = "falls by a factor at given steps",
    .citation = "",
    .options = OPTIONS,
    .check = check,
    .value = value,
    .between = between,
};
