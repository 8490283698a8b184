/*
 * exponential: falls by a factor every `steps`, smoothly or in a staircase.
 *
 *     max(b gamma^q, lr_min),  q = t / steps,  staircase: floor(q)
 */
#include "schedules/shape.h"

enum { GAMMA, STEPS, STAIRCASE, LR_MIN };
static const option_t OPTIONS[] = {
    [GAMMA] = {"gamma", 0.95, "(0,inf)", "factor per `steps`"},
    [STEPS] = {"steps", 1, "(0,inf)", "steps in which the value falls by gamma"},
    [STAIRCASE] = {"staircase", 0, "0|1", "fall at whole multiples of `steps` only"},
    [LR_MIN] = {"lr_min", 0, "[0,inf)", "lowest value"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    const double q = t / run->option[STEPS];
    return fmax(base * pow(run->option[GAMMA], run->option[STAIRCASE] != 0 ? floor(q) : q), run->option[LR_MIN]);
}

static const char *check(const schedule_run_t *run, double base) {
    return shape_refuse_floor(base, run->option[LR_MIN]);
}

const schedule_t schedule_exponential = {
    .name = "exponential",
    .purpose = "falls by a factor every so many steps, smoothly or in a staircase",
    .citation = "",
    .options = OPTIONS,
    .check = check,
    .value = value,
};
