/*
 * rex: slower than a straight line at first, faster at the end (Chen, Wolfe, Kyrillidis, "REX: Revisiting Budgeted
 * Training with an Improved Schedule", 2022).
 *
 *     lr_min + (b - lr_min) (1 - q) / (1 - q / 2),  q = min(t, steps) / steps
 */
#include "schedules/shape.h"

enum { STEPS, LR_MIN };
static const option_t OPTIONS[] = {
    [STEPS] = {"steps", 100, "integer [1,inf)", "steps of the fall"},
    [LR_MIN] = {"lr_min", 0, "[0,inf)", "value from t = steps on"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    const double steps = run->option[STEPS], lr_min = run->option[LR_MIN], q = fmin(t, steps) / steps;
    return lr_min + (base - lr_min) * (1 - q) / (1 - q / 2);
}

const schedule_t schedule_rex = {
    .name = "rex",
    .purpose = "slower than a straight line at first, faster at the end",
    .citation = "Chen, Wolfe, Kyrillidis: REX: Revisiting Budgeted Training with an Improved Schedule, 2022, "
                "arXiv:2107.04197",
    .options = OPTIONS,
    .value = value,
    .between = shape_between_turns,
};
