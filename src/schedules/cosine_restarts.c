/*
 * cosine_restarts: half cosines down, one after the other, each longer than the one before (Loshchilov, Hutter, "SGDR:
 * Stochastic Gradient Descent with Warm Restarts", 2017).
 *
 *     cycle n = 0, 1, ... lasts period mult^n; t' = t less its start:
 *     lr_min + (b decay^n - lr_min) (1 + cos(pi t' / (period mult^n))) / 2
 */
#include "schedules/shape.h"

enum { PERIOD, MULT, LR_MIN, DECAY };
static const option_t OPTIONS[] = {
    [PERIOD] = {"period", 10, "integer [1,inf)", "steps of the first cycle"},
    [MULT] = {"mult", 1, "[1,inf)", "how much longer each cycle is"},
    [LR_MIN] = {"lr_min", 0, "[0,inf)", "value towards which each cycle falls"},
    [DECAY] = {"decay", 1, "(0,inf)", "factor on the peak from cycle to cycle"},
    {0},
};

static double cycle_start(double period, double mult, double n) {
    return mult == 1 ? period * n : period * ((pow(mult, n) - 1) / (mult - 1));
}

/* Number of the cycle that t lies in. A beginning that rounding puts a hair behind t is at t; the logarithm may round to the
 * neighbour. */
static double cycle_of(double period, double mult, double t) {
    const double at = t * (1 + 1e-12);
    double n = mult == 1 ? floor(t / period) : floor(log1p(at * (mult - 1) / period) / log(mult));
    if (cycle_start(period, mult, n) > at)
        --n;
    else if (cycle_start(period, mult, n + 1) <= at)
        ++n;
    return n;
}

static double value(const schedule_run_t *run, double base, double t) {
    const double period = run->option[PERIOD], mult = run->option[MULT], lr_min = run->option[LR_MIN];
    const double n = cycle_of(period, mult, t), length = period * pow(mult, n);
    const double peak = base * pow(run->option[DECAY], n);
    return shape_wave(peak, lr_min, (t - cycle_start(period, mult, n)) / length);
}

static const char *check(const schedule_run_t *run, double base) {
    return shape_refuse_floor(base, run->option[LR_MIN]);
}

const schedule_t schedule_cosine_restarts = {
    .name = "cosine_restarts",
    .purpose = "half cosines down, one after the other, each longer than the one before",
    .citation = "Loshchilov, Hutter: SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, arXiv:1608.03983",
    .options = OPTIONS,
    .check = check,
    .value = value,
};
