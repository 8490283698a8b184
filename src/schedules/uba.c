/*
 * uba: unified budget-aware, one parameter between constant, cosine and fast decay (Tang et al., "Stepsize anything: A
 * unified learning rate schedule for budgeted-iteration training", 2025; restated from memory of the paper).
 *
 *     C = 1 + cos(pi min(t, steps) / steps)
 *     lr_min + (b - lr_min) 2 C / (2 phi + (2 - phi) C)
 *
 * phi = 2 is cosine; phi towards 0 is constant until the end.
 */
#include "schedules/shape.h"

enum { STEPS, PHI, LR_MIN };
static const option_t OPTIONS[] = {
    [STEPS] = {"steps", 100, "integer [1,inf)", "steps of the fall"},
    [PHI] = {"phi", 1, "(0,inf)", "how early it falls; grows with the condition number"},
    [LR_MIN] = {"lr_min", 0, "[0,inf)", "value from t = steps on"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    const double steps = run->option[STEPS], phi = run->option[PHI], lr_min = run->option[LR_MIN];
    const double c = 2 * shape_cosine(fmin(t, steps) / steps);
    return lr_min + (base - lr_min) * 2 * c / (2 * phi + (2 - phi) * c);
}

const schedule_t schedule_uba = {
    .name = "uba",
    .purpose = "one parameter between constant, cosine and fast decay",
    .citation =
        "Tang et al.: Stepsize anything: A unified learning rate schedule for budgeted-iteration training, 2025",
    .options = OPTIONS,
    .value = value,
    .between = shape_between_turns,
};
