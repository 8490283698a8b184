/*
 * linear: from one factor to another in a straight line.
 *
 *     b (s + (e - s) min(t, steps) / steps)
 */
#include "schedules/shape.h"

enum { START_FACTOR, END_FACTOR, STEPS };
static const option_t OPTIONS[] = {
    [START_FACTOR] = {"start_factor", 1.0 / 3, "[0,inf)", "factor s at t = 0"},
    [END_FACTOR] = {"end_factor", 1, "[0,inf)", "factor e from t = steps on"},
    [STEPS] = {"steps", 5, "integer [1,inf)", "steps from s to e"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    const double s = run->option[START_FACTOR], e = run->option[END_FACTOR], steps = run->option[STEPS];
    return base * (s + (e - s) * fmin(t, steps) / steps);
}

const schedule_t schedule_linear = {
    .name = "linear",
    .purpose = "from one factor to another in a straight line",
    .citation = "",
    .options = OPTIONS,
    .value = value,
    .between = shape_between_turns,
};
