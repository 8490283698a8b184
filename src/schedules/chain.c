/*
 * chain: the factors of several schedules multiplied, all on the same clock.
 *
 *     b times the product of child(t) / b
 */
#include "optimizer/schedule.h"

enum { CHILDREN };
static const option_t OPTIONS[] = {
    [CHILDREN] = {"children", 0, "schedules",
                  "the schedules to multiply, e.g. constant(factor=0.5,steps=6);exponential"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    double product = base;
    for (size_t i = 0; base != 0 && i < run->children; ++i)
        product *= schedule_value(run->child[i], base, t) / base;
    return product;
}

/* The last child that drives momentum has its way. */
static double momentum(const schedule_run_t *run, double base, double t) {
    double driven = base;
    for (size_t i = 0; i < run->children; ++i)
        driven = schedule_momentum(run->child[i], driven, t);
    return driven;
}

static void report(schedule_run_t *run, double base, double t, double metric) {
    for (size_t i = 0; i < run->children; ++i)
        schedule_report(run->child[i], base, t, metric);
}

static const char *check(const schedule_run_t *run, double base) {
    (void)base;
    return run->children == 0 ? "children= is missing" : NULL;
}

const schedule_t schedule_chain = {
    .name = "chain",
    .purpose = "the factors of several schedules multiplied",
    .citation = "",
    .options = OPTIONS,
    .check = check,
    .value = value,
    .momentum = momentum,
    .report = report,
};
