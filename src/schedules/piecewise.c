/*
 * piecewise: given factors, constant between given steps or joined by lines or half cosines.
 *
 *     none:         b factors[k],  k = number of boundaries <= t  (one factor more than boundaries)
 *     linear, cos:  b times the curve through factors[0] at t = 0 and factors[k] at boundaries[k - 1], constant
 *                   after that
 */
#include "schedules/shape.h"

enum { BOUNDARIES, FACTORS, INTERPOLATE };
enum { INTERPOLATE_NONE, INTERPOLATE_LINEAR, INTERPOLATE_COS };
static const option_t OPTIONS[] = {
    [BOUNDARIES] = {"boundaries", 0, "list", "rising steps, e.g. 100;200"},
    [FACTORS] = {"factors", 0, "list", "factors on the base value: one more than boundaries, e.g. 1;0.5;0.1"},
    [INTERPOLATE] = {"interpolate", INTERPOLATE_NONE, "none|linear|cos", "how the factors are joined"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    const number_list_t boundaries = run->list[BOUNDARIES];
    const double *factor = run->list[FACTORS].value;
    const size_t k = shape_passed(boundaries, t);
    if ((int)run->option[INTERPOLATE] == INTERPOLATE_NONE || k == boundaries.count)
        return base * factor[k];
    const double start = k == 0 ? 0 : boundaries.value[k - 1], q = (t - start) / (boundaries.value[k] - start);
    return base * ((int)run->option[INTERPOLATE] == INTERPOLATE_LINEAR ? shape_line(factor[k], factor[k + 1], q)
                                                                       : shape_wave(factor[k], factor[k + 1], q));
}

static const char *check(const schedule_run_t *run, double base) {
    (void)base;
    const number_list_t factors = run->list[FACTORS];
    if (factors.count == 0)
        return "factors= is missing";
    if (factors.count != run->list[BOUNDARIES].count + 1)
        return "there must be one factor more than boundaries";
    for (size_t i = 0; i < factors.count; ++i)
        if (!(factors.value[i] >= 0) || !isfinite(factors.value[i]))
            return "factors must not be negative or infinite";
    return shape_refuse_list(run->list[BOUNDARIES], 0, true, NULL);
}

static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    const number_list_t boundaries = run->list[BOUNDARIES];
    for (size_t k = shape_passed(boundaries, from); k < boundaries.count && boundaries.value[k] <= to; ++k)
        schedule_turn(run, of, base, from, to, boundaries.value[k], extremes);
}

const schedule_t schedule_piecewise = {
    .name = "piecewise",
    .purpose = "given factors, constant between given steps or joined by lines or half cosines",
    .citation = "",
    .options = OPTIONS,
    .check = check,
    .value = value,
    .between = between,
};
