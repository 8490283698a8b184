/*
 * demon: decaying momentum: falls to 0 so that what a gradient gives to all later steps falls in a line.
 *
 * Chen, Wolfe, Li, Kyrillidis, "Demon: Improved Neural Network Training with Momentum Decay", 2019, arXiv:1910.04952.
 *
 *     q = 1 - min(t, steps) / steps;   b q / (1 - b + b q)
 */
#include "schedules/shape.h"

enum { STEPS };
static const option_t OPTIONS[] = {
    [STEPS] = {"steps", 1000, "(0,inf)", "steps until the value is 0"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    const double steps = run->option[STEPS], q = 1 - fmin(t, steps) / steps;
    return base * q / (1 - base + base * q);
}

static const char *check(const schedule_run_t *run, double base) {
    (void)run;
    return base >= 1 ? "the value must be below 1: it is a decay" : NULL;
}

const schedule_t schedule_demon = {
    .name = "demon",
    .purpose = "decaying momentum: down to 0, at first slowly, for beta1 or momentum",
    .citation = "Chen et al.: Demon: Improved Neural Network Training with Momentum Decay, 2019, arXiv:1910.04952",
    .options = OPTIONS,
    .check = check,
    .value = value,
};
