/*
 * warmup_cosine: a linear rise, then half a cosine down, or more of it (Loshchilov, Hutter, "SGDR: Stochastic Gradient
 * Descent with Warm Restarts", 2017, without restarts).
 *
 *     t < warmup:  lr_init + (b - lr_init) t / warmup
 *     else:        lr_min + (b - lr_min) ((1 + cos(2 pi num_cycles q)) / 2)^exponent,   q = min(t - warmup, n) / n,
 *                  n = steps - warmup;   past_end=go_on: q = (t - warmup) / n
 */
#include "schedules/shape.h"

enum { WARMUP, STEPS, LR_INIT, LR_MIN, EXPONENT, NUM_CYCLES, PAST_END };
static const option_t OPTIONS[] = {
    [WARMUP] = {"warmup", 10, "integer [0,inf)", "steps of the rise"},
    [STEPS] = {"steps", 100, "integer [1,inf)", "steps in all, the rise included"},
    [LR_INIT] = {"lr_init", 0, "[0,inf)", "value at t = 0"},
    [LR_MIN] = {"lr_min", 0, "[0,inf)", "value from t = steps on"},
    [EXPONENT] = {"exponent", 1, "(0,inf)", "power of the cosine"},
    [NUM_CYCLES] = SHAPE_CYCLES_ROW,
    [PAST_END] = SHAPE_PAST_END_ROW,
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    const double *o = run->option, warmup = o[WARMUP], lr_min = o[LR_MIN];
    if (t < warmup)
        return shape_warmup(o[LR_INIT], base, t, warmup);
    const double curve = shape_cycles((t - warmup) / (o[STEPS] - warmup), o[NUM_CYCLES], (int)o[PAST_END]);
    return lr_min + (base - lr_min) * pow(curve, o[EXPONENT]);
}

static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    shape_between_cycles(run, of, base, from, to, run->option[NUM_CYCLES], (int)run->option[PAST_END], extremes);
}

static const char *check(const schedule_run_t *run, double base) {
    (void)base;
    return run->option[STEPS] <= run->option[WARMUP] ? "steps must exceed warmup" : NULL;
}

const schedule_t schedule_warmup_cosine = {
    .name = "warmup_cosine",
    .purpose = "a linear rise, then half a cosine down, or more of it",
    .citation = "Loshchilov, Hutter: SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, arXiv:1608.03983",
    .options = OPTIONS,
    .check = check,
    .value = value,
    .between = between,
};
