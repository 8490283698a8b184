/*
 * polynomial: down to a floor along a power of the steps that are left.
 *
 *     lr_min + (b - lr_min) (1 - q)^power,  q = min(t, steps) / steps
 *
 * past_end=cycle: q = t / (steps max(1, ceil(t / steps))): after each `steps` it rises, and falls over as many more.
 */
#include "schedules/shape.h"

enum { STEPS, POWER, LR_MIN, PAST_END };
enum { HOLD, CYCLE };
static const option_t OPTIONS[] = {
    [STEPS] = {"steps", 100, "integer [1,inf)", "steps of the fall"},
    [POWER] = {"power", 1, "(0,inf)", "1: a straight line, 2: flat at the end, 1/2: flat at the start"},
    [LR_MIN] = {"lr_min", 0, "[0,inf)", "value from t = steps on"},
    [PAST_END] = {"past_end", HOLD, "hold|cycle", "from t = steps on: stay, or fall anew, each time more slowly"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    const double steps = run->option[STEPS], lr_min = run->option[LR_MIN];
    const bool cycles = (int)run->option[PAST_END] == CYCLE && t > steps;
    const double q = cycles ? t / (steps * ceil(t / steps)) : fmin(t, steps) / steps;
    return lr_min + (base - lr_min) * pow(1 - q, run->option[POWER]);
}

/* With past_end=cycle it falls to lr_min at every multiple of steps, and lies below b for ever after. */
static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    shape_between_turns(run, of, base, from, to, extremes);
    if ((int)run->option[PAST_END] != CYCLE)
        return;
    extremes_add(extremes, run->option[LR_MIN]);
    extremes_add(extremes, base);
}

const schedule_t schedule_polynomial = {
    .name = "polynomial",
    .purpose = "down to a floor along a power of the steps that are left",
    .citation = "",
    .options = OPTIONS,
    .value = value,
    .between = between,
};
