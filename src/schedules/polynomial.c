/*
 * polynomial: down to a floor along a power of the steps that are left.
 *
 *     lr_min + (b - lr_min) (1 - q)^power,  q = min(t, steps) / steps
 */
#include "schedules/shape.h"

enum { STEPS, POWER, LR_MIN };
static const option_t OPTIONS[] = {
    [STEPS] = {"steps", 100, "integer [1,inf)", "steps of the fall"},
    [POWER] = {"power", 1, "(0,inf)", "1: a straight line, 2: flat at the end, 1/2: flat at the start"},
    [LR_MIN] = {"lr_min", 0, "[0,inf)", "value from t = steps on"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    const double steps = run->option[STEPS], lr_min = run->option[LR_MIN], q = fmin(t, steps) / steps;
    return lr_min + (base - lr_min) * pow(1 - q, run->option[POWER]);
}

const schedule_t schedule_polynomial = {
    .name = "polynomial",
    .purpose = "down to a floor along a power of the steps that are left",
    .citation = "",
    .options = OPTIONS,
    .value = value,
    .between = shape_between_turns,
};
