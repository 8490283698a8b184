/*
 * cosine: half a cosine down, or more of it (Loshchilov, Hutter, "SGDR: Stochastic Gradient Descent with Warm
 * Restarts", 2017, without restarts).
 *
 *     lr_min + (b - lr_min) ((1 + cos(2 pi num_cycles q)) / 2)^exponent,  q = min(t, steps) / steps
 *
 * past_end=hold: after its end it stays where it is;  go_on: q = t / steps, as torch's CosineAnnealingLR, which rises
 * again.
 */
#include "schedules/shape.h"

enum { STEPS, LR_MIN, EXPONENT, NUM_CYCLES, PAST_END };
static const option_t OPTIONS[] = {
    [STEPS] = {"steps", 100, "integer [1,inf)", "steps of the fall"},
    [LR_MIN] = {"lr_min", 0, "[0,inf)", "value from t = steps on"},
    [EXPONENT] = {"exponent", 1, "(0,inf)", "power of the cosine"},
    [NUM_CYCLES] = SHAPE_CYCLES_ROW,
    [PAST_END] = SHAPE_PAST_END_ROW,
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    const double *o = run->option, lr_min = o[LR_MIN];
    const double curve = shape_cycles(t / o[STEPS], o[NUM_CYCLES], (int)o[PAST_END]);
    return lr_min + (base - lr_min) * pow(curve, o[EXPONENT]);
}

static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    shape_between_cycles(run, of, base, from, to, run->option[NUM_CYCLES], (int)run->option[PAST_END], extremes);
}

const schedule_t schedule_cosine = {
    .name = "cosine",
    .purpose = "half a cosine down, or more of it",
    .citation = "Loshchilov, Hutter: SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, arXiv:1608.03983",
    .options = OPTIONS,
    .value = value,
    .between = between,
};
