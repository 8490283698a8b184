/*
 * constant: a factor for the first steps, then the base value.
 *
 *     b factor  for t < steps,  then  b
 */
#include "schedules/shape.h"

enum { FACTOR, STEPS };
static const option_t OPTIONS[] = {
    [FACTOR] = {"factor", 1, "[0,inf)", "factor on the base value"},
    [STEPS] = {"steps", 0, "integer [0,inf)", "steps it lasts"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    return t < run->option[STEPS] ? base * run->option[FACTOR] : base;
}

const schedule_t schedule_constant = {
    .name = "constant",
    .purpose = "a factor for the first steps, then the base value",
    .citation = "",
    .options = OPTIONS,
    .value = value,
    .between = shape_between_turns,
};
