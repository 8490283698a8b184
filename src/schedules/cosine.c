/*
 * cosine: half a cosine down (Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017, without
 * restarts).
 *
 *     lr_min + (b - lr_min) ((1 + cos(pi q)) / 2)^exponent,  q = min(t, steps) / steps
 *
 * After its end it stays where it is; torch's CosineAnnealingLR rises again.
 */
#include "schedules/shape.h"

enum { STEPS, LR_MIN, EXPONENT };
static const option_t OPTIONS[] = {
    [STEPS] = {"steps", 100, "integer [1,inf)", "steps of the fall"},
    [LR_MIN] = {"lr_min", 0, "[0,inf)", "value from t = steps on"},
    [EXPONENT] = {"exponent", 1, "(0,inf)", "power of the cosine"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    const double steps = run->option[STEPS], lr_min = run->option[LR_MIN], q = fmin(t, steps) / steps;
    return lr_min + (base - lr_min) * pow(shape_cosine(q), run->option[EXPONENT]);
}

const schedule_t schedule_cosine = {
    .name = "cosine",
    .purpose = "half a cosine down",
    .citation = "Loshchilov, Hutter: SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, arXiv:1608.03983",
    .options = OPTIONS,
    .value = value,
    .between = shape_between_turns,
};
