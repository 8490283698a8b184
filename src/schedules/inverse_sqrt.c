/*
 * inverse_sqrt: a linear rise, then down with the inverse square root of the steps.
 *
 *     t < warmup:  lr_init + (b - lr_init) t / warmup
 *     else:        b / sqrt((t - warmup + timescale) / timescale),  timescale = 0: warmup
 */
#include "schedules/shape.h"

enum { WARMUP, LR_INIT, TIMESCALE };
static const option_t OPTIONS[] = {
    [WARMUP] = {"warmup", 4000, "integer [0,inf)", "steps of the rise"},
    [LR_INIT] = {"lr_init", 0, "[0,inf)", "value at t = 0 of a rise"},
    [TIMESCALE] = {"timescale", 0, "[0,inf)", "the value halves in three of these; 0: warmup"},
    {0},
};

static double timescale(const schedule_run_t *run) {
    return run->option[TIMESCALE] == 0 ? run->option[WARMUP] : run->option[TIMESCALE];
}

static double value(const schedule_run_t *run, double base, double t) {
    const double warmup = run->option[WARMUP], scale = timescale(run);
    if (t < warmup)
        return shape_warmup(run->option[LR_INIT], base, t, warmup);
    return base / sqrt((t - warmup + scale) / scale);
}

static const char *check(const schedule_run_t *run, double base) {
    (void)base;
    return timescale(run) == 0 ? "without a warmup timescale must be positive" : NULL;
}

static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    schedule_turn(run, of, base, from, to, run->option[WARMUP], extremes);
}

const schedule_t schedule_inverse_sqrt = {
    .name = "inverse_sqrt",
    .purpose = "a linear rise, then down with the inverse square root of the steps",
    .citation = "",
    .options = OPTIONS,
    .check = check,
    .value = value,
    .between = between,
};
