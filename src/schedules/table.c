/*
 * table: a factor for every step, as a list says.
 *
 *     b factors[min(t, n - 1)],   n factors
 */
#include "schedules/shape.h"

enum { FACTORS };
static const option_t OPTIONS[] = {
    [FACTORS] = {"factors", 0, "list", "factors on the base value, from the first step on, e.g. 0.1;0.5;1"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    const number_list_t factors = run->list[FACTORS];
    return base * factors.value[t < (double)factors.count ? (size_t)t : factors.count - 1];
}

static const char *check(const schedule_run_t *run, double base) {
    (void)base;
    const number_list_t factors = run->list[FACTORS];
    if (factors.count == 0)
        return "factors= is missing";
    for (size_t i = 0; i < factors.count; ++i)
        if (!(factors.value[i] >= 0) || !isfinite(factors.value[i]))
            return "factors must not be negative or infinite";
    return NULL;
}

static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    const number_list_t factors = run->list[FACTORS];
    (void)of;
    for (size_t i = from < (double)factors.count ? (size_t)from : factors.count - 1;
         i < factors.count && (double)i <= to; ++i)
        extremes_add(extremes, base * factors.value[i]);
}

const schedule_t schedule_table = {
    .name = "table",
    .purpose = "a factor for every step, as a list says",
    .citation = "",
    .options = OPTIONS,
    .check = check,
    .value = value,
    .between = between,
};
