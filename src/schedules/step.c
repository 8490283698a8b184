/*
 * step: the value falls by a factor every so many steps.
 *
 *     b gamma^floor(t / step_size)
 */
#include <math.h>

#include "optimizer/schedule.h"

enum { STEP_SIZE, GAMMA };
static const option_t OPTIONS[] = {
    [STEP_SIZE] = {"step_size", 30, "integer [1,inf)", "steps between two falls"},
    [GAMMA] = {"gamma", 0.1, "[0,inf)", "factor of a fall"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    return base * pow(run->option[GAMMA], floor(t / run->option[STEP_SIZE]));
}

/* The value falls for ever, unless gamma is 0. */
static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    if (run->option[GAMMA] == 0)
        schedule_turn(run, of, base, from, to, run->option[STEP_SIZE], extremes);
}

const schedule_t schedule_step = {
    .name = "step",
    .purpose = "falls by a factor every so many steps",
    .citation = "",
    .options = OPTIONS,
    .value = value,
    .between = between,
};
