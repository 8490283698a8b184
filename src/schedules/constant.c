/*
 * constant: a factor for the first steps, then the base value.
 *
 *     b factor  for t < steps,  then  b
 */
#include "optimizer/schedule.h"

enum { FACTOR, STEPS };
static const option_t OPTIONS[] = {
    [FACTOR] = {"factor", 1, "[0,inf)", "factor on the base value"},
    [STEPS] = {"steps", 0, "integer [0,inf)", "steps it lasts"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    return t < run->option[STEPS] ? base * run->option[FACTOR] : base;
}

static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    schedule_turn(run, of, base, from, to, run->option[STEPS], extremes);
}

const schedule_t schedule_constant = {
    .name = "constant",
    .purpose = "a factor for the first steps, then the base value",
    .citation = "",
    .options = OPTIONS,
    .value = value,
    .between = between,
};
