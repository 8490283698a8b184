/*
 * cosine_restarts: half cosines down, one after the other, each longer or shorter than the one before (Loshchilov,
 * Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2017).
 *
 *     cycle n = 0, 1, ... lasts period mult^n; t' = t less its start:
 *     lr_min + (b decay^n - lr_min) (1 + cos(pi t' / (period mult^n))) / 2
 *
 * With mult < 1 the last cycle is the last that takes a step or more; after it the value stays at lr_min.
 */
#include "schedules/shape.h"

enum { PERIOD, MULT, LR_MIN, DECAY };
static const option_t OPTIONS[] = {
    [PERIOD] = {"period", 10, "integer [1,inf)", "steps of the first cycle"},
    [MULT] = {"mult", 1, "(0,inf)", "factor from one cycle's steps to the next's"},
    [LR_MIN] = {"lr_min", 0, "[0,inf)", "value towards which each cycle falls"},
    [DECAY] = {"decay", 1, "(0,inf)", "factor on the peak from cycle to cycle"},
    {0},
};

static double cycle_start(double period, double mult, double n) {
    return mult == 1 ? period * n : period * ((pow(mult, n) - 1) / (mult - 1));
}

/* Where the last cycle ends that takes at least one step. */
static double end_of(double period, double mult) {
    return mult < 1 ? cycle_start(period, mult, floor(-log(period) / log(mult) + 1e-12) + 1) : HUGE_VAL;
}

/* Number of the cycle that t lies in. A beginning that rounding puts a hair behind t is at t; the logarithm may round
 * to the neighbour. */
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
    if (t >= end_of(period, mult))
        return lr_min;
    const double n = cycle_of(period, mult, t), length = period * pow(mult, n);
    const double peak = base * pow(run->option[DECAY], n);
    return shape_wave(peak, lr_min, (t - cycle_start(period, mult, n)) / length);
}

/* Peaks rise or fall from cycle to cycle; between two peaks the value falls towards lr_min. */
static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    const double period = run->option[PERIOD], mult = run->option[MULT], end = end_of(period, mult);
    const double n = cycle_of(period, mult, from), next = cycle_start(period, mult, n + 1);
    schedule_turn(run, of, base, from, to, end, extremes);
    if (from >= end || next > to)
        return;
    const double last = fmin(to, end * (1 - 1e-12));
    const double peaks[2] = {n + 1, isfinite(last) ? cycle_of(period, mult, last) : HUGE_VAL};
    for (int i = 0; i < 2; ++i) {
        const double peak = base * pow(run->option[DECAY], peaks[i]);
        extremes_add(extremes, isfinite(peaks[i]) ? peak : nextafter(peak, base));
    }
    extremes_add(extremes, nextafter(run->option[LR_MIN], base));
}

const schedule_t schedule_cosine_restarts = {
    .name = "cosine_restarts",
    .purpose = "half cosines down, one after the other, each longer or shorter than the one before",
    .citation = "Loshchilov, Hutter: SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, arXiv:1608.03983",
    .options = OPTIONS,
    .value = value,
    .between = between,
};
