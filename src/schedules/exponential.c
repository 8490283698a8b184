/*
 * exponential: falls by a factor every `steps`, smoothly or in a staircase.
 *
 *     max(b gamma^q, lr_min),  q = t / steps,  staircase: floor(q)
 *     gamma > 1 and lr_min > b:  min(b gamma^q, lr_min)
 */
#include "schedules/shape.h"

enum { GAMMA, STEPS, STAIRCASE, LR_MIN };
static const option_t OPTIONS[] = {
    [GAMMA] = {"gamma", 0.95, "(0,inf)", "factor per `steps`"},
    [STEPS] = {"steps", 1, "(0,inf)", "steps in which the value falls by gamma"},
    [STAIRCASE] = {"staircase", 0, "0|1", "fall at whole multiples of `steps` only"},
    [LR_MIN] = {"lr_min", 0, "[0,inf)", "lowest value; above the base value, with gamma > 1: highest"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    const double q = t / run->option[STEPS], gamma = run->option[GAMMA], lr_min = run->option[LR_MIN];
    const double now = base * pow(gamma, run->option[STAIRCASE] != 0 ? floor(q) : q);
    return gamma > 1 && lr_min > base ? fmin(now, lr_min) : fmax(now, lr_min);
}

static const char *check(const schedule_run_t *run, double base) {
    return run->option[GAMMA] > 1 ? NULL : shape_refuse_floor(base, run->option[LR_MIN]);
}

/* It may meet lr_min. */
static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    const double q = log(run->option[LR_MIN] / base) / log(run->option[GAMMA]), steps = run->option[STEPS];
    schedule_turn(run, of, base, from, to, (ceil(q) + 1) * steps, extremes);
}

const schedule_t schedule_exponential = {
    .name = "exponential",
    .purpose = "falls by a factor every so many steps, smoothly or in a staircase",
    .citation = "",
    .options = OPTIONS,
    .check = check,
    .value = value,
    .between = between,
};
