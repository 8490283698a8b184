/*
 * warmup_linear: a linear rise, then a straight line down.
 *
 *     t < warmup:  lr_init + (b - lr_init) t / warmup
 *     else:        lr_min + (b - lr_min) (1 - q),   q = min(t - warmup, n) / n,  n = steps - warmup
 */
#include "schedules/shape.h"

enum { WARMUP, STEPS, LR_INIT, LR_MIN };
static const option_t OPTIONS[] = {
    [WARMUP] = {"warmup", 10, "integer [0,inf)", "steps of the rise"},
    [STEPS] = {"steps", 100, "integer [1,inf)", "steps in all, the rise included"},
    [LR_INIT] = {"lr_init", 0, "[0,inf)", "value at t = 0 of a rise"},
    [LR_MIN] = {"lr_min", 0, "[0,inf)", "value from t = steps on"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    const double warmup = run->option[WARMUP], lr_min = run->option[LR_MIN], n = run->option[STEPS] - warmup;
    if (t < warmup)
        return shape_warmup(run->option[LR_INIT], base, t, warmup);
    return lr_min + (base - lr_min) * (1 - fmin(t - warmup, n) / n);
}

static const char *check(const schedule_run_t *run, double base) {
    (void)base;
    return run->option[STEPS] <= run->option[WARMUP] ? "steps must exceed warmup" : NULL;
}

const schedule_t schedule_warmup_linear = {
    .name = "warmup_linear",
    .purpose = "a linear rise, then a straight line down",
    .citation = "",
    .options = OPTIONS,
    .check = check,
    .value = value,
    .between = shape_between_turns,
};
