/*
 * chain: the factors of several schedules multiplied, all on the same clock.
 *
 *     b times the product of child(t) / b
 */
#include <float.h>
#include <math.h>

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

/* Of several children that drive momentum the last one decides. */
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

/* A product of factors that are neither 0 nor infinite is neither 0 nor infinite. */
static double product(double a, double b) {
    const double c = a * b;
    if (c == 0 && a != 0 && b != 0)
        return copysign(DBL_TRUE_MIN, a) * copysign(1, b);
    return isinf(c) && isfinite(a) && isfinite(b) ? copysign(DBL_MAX, a) * copysign(1, b) : c;
}

static extremes_t products(extremes_t a, extremes_t b) {
    const double corner[4] = {product(a.least, b.least), product(a.least, b.most), product(a.most, b.least),
                              product(a.most, b.most)};
    extremes_t extremes = {corner[0], corner[0]};
    for (int i = 1; i < 4; ++i)
        extremes_add(&extremes, corner[i]);
    return extremes;
}

/* The product of the children's ranges: they need not go to their ends at the same time. */
static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    extremes_t all = {base, base};
    for (size_t i = 0; base != 0 && i < run->children; ++i) {
        extremes_t child = schedule_extremes(run->child[i], of, base, from, to);
        if (of == schedule_value)
            all = products(all, products(child, (extremes_t){1 / base, 1 / base}));
        else
            all = (extremes_t){fmin(all.least, child.least), fmax(all.most, child.most)};
    }
    extremes_add(extremes, all.least);
    extremes_add(extremes, all.most);
}

const schedule_t schedule_chain = {
    .name = "chain",
    .purpose = "the factors of several schedules multiplied",
    .citation = "",
    .options = OPTIONS,
    .check = check,
    .value = value,
    .between = between,
    .momentum = momentum,
    .report = report,
};
