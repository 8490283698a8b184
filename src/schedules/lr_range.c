/*
 * lr_range: the learning-rate range test, from the base value up to lr_max (Smith, "Cyclical Learning Rates for
 * Training Neural Networks", 2017).
 *
 *     q = min(t, steps - 1) / (steps - 1);   exponential: b (lr_max / b)^q,   linear: b + (lr_max - b) q
 */
#include "schedules/shape.h"

enum { LR_MAX, STEPS, MODE };
enum { EXPONENTIAL, LINEAR };
static const option_t OPTIONS[] = {
    [LR_MAX] = {"lr_max", 10, "(0,inf)", "value of the last step"},
    [STEPS] = {"steps", 100, "integer [2,inf)", "steps from b to lr_max, both included"},
    [MODE] = {"mode", EXPONENTIAL, "exponential|linear", "equal steps in the logarithm, or in the value"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    const double last = run->option[STEPS] - 1, q = fmin(t, last) / last, lr_max = run->option[LR_MAX];
    return (int)run->option[MODE] == EXPONENTIAL ? base * pow(lr_max / base, q) : shape_line(base, lr_max, q);
}

static const char *check(const schedule_run_t *run, double base) {
    return (int)run->option[MODE] == EXPONENTIAL && base <= 0 ? "mode=exponential needs a base value above 0" : NULL;
}

static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    schedule_turn(run, of, base, from, to, run->option[STEPS] - 1, extremes);
}

const schedule_t schedule_lr_range = {
    .name = "lr_range",
    .purpose = "the learning-rate range test: from the base value up to lr_max",
    .citation = "Smith: Cyclical Learning Rates for Training Neural Networks, 2017, arXiv:1506.01186",
    .options = OPTIONS,
    .check = check,
    .value = value,
    .between = between,
};
