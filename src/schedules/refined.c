/*
 * refined: the rate that is best in hindsight for the gradient norms of an earlier run (Defazio, Cutkosky, Mehta,
 * Mishchenko, "When, Why and How Much? Adaptive Learning Rate Scheduling by Refinement", 2023).
 *
 *     1. Ghat_t = median of the 2 h + 1 norms around t, h = floor(floor(tau T) / 2); before the first the first
 *        repeats, after the last the log is mirrored: G_{T-1}, G_{T-2}, ...
 *     2. w_t = Ghat_t^-power
 *     3. s_t = w_t sum_{p > t} w_p   (s_T = 0)
 *     4. factor_t = s_t / max s,   value at t: b factor_{t+1},   0 from t = T on
 *
 * For SGD the norms are L2 and power is 2, for Adam L1 and 1; optim_record_norms records both. Zeros count as the
 * smallest positive norm. Factors do not change when all norms are multiplied, so w is taken of Ghat over its minimum.
 * They are computed once, when the schedule is set, and take the place of the norms.
 */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "schedules/shape.h"

enum { NORMS, TAU, POWER };
static const option_t OPTIONS[] = {
    [NORMS] = {"norms", 0, "list", "gradient norm of every step of an earlier run"},
    [TAU] = {"tau", 0.1, "[0,1]", "share of the run that the median filter spans; 0: no filter"},
    [POWER] = {"power", 2, "(0,inf)", "2 for L2 norms (SGD), 1 for L1 norms (Adam)"},
    {0},
};

static double value(const schedule_run_t *run, double base, double t) {
    const number_list_t factors = run->list[NORMS];
    return t < (double)factors.count ? base * factors.value[(size_t)t] : 0;
}

static const char *check(const schedule_run_t *run, double base) {
    (void)base;
    const number_list_t norms = run->list[NORMS];
    double largest = 0;
    if (norms.count < 2)
        return norms.count == 0 ? "norms= is missing" : "norms needs two steps or more";
    for (size_t i = 0; i < norms.count; ++i) {
        if (!(norms.value[i] >= 0) || !isfinite(norms.value[i]))
            return "norms must not be negative or infinite";
        largest = fmax(largest, norms.value[i]);
    }
    return largest == 0 ? "all norms are 0" : NULL;
}

static void replace_zeros(number_list_t norms) {
    double least = HUGE_VAL;
    for (size_t i = 0; i < norms.count; ++i)
        least = norms.value[i] > 0 ? fmin(least, norms.value[i]) : least;
    for (size_t i = 0; i < norms.count; ++i)
        norms.value[i] = fmax(norms.value[i], least);
}

/* The log with its ends continued. */
static double norm_at(number_list_t norms, ptrdiff_t i) {
    const ptrdiff_t last = (ptrdiff_t)norms.count - 1;
    return norms.value[i < 0 ? 0 : i > last ? 2 * last - i : i];
}

/* Position of the first of the sorted values that is not below x. */
static size_t place(const double *sorted, size_t count, double x) {
    size_t low = 0;
    while (low < count) {
        const size_t middle = low + (count - low) / 2;
        if (sorted[middle] < x)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

static void insert(double *sorted, size_t *count, double x) {
    const size_t i = place(sorted, *count, x);
    memmove(sorted + i + 1, sorted + i, (*count - i) * sizeof *sorted);
    sorted[i] = x;
    ++*count;
}

static void remove_one(double *sorted, size_t *count, double x) {
    const size_t i = place(sorted, *count, x);
    --*count;
    memmove(sorted + i, sorted + i + 1, (*count - i) * sizeof *sorted);
}

/* 1., with a sorted window that moves along; `sorted` has room for 2 h + 1. */
static void filter(number_list_t norms, ptrdiff_t h, double *sorted, double *filtered) {
    const ptrdiff_t steps = (ptrdiff_t)norms.count;
    size_t count = 0;
    for (ptrdiff_t i = -h; i < h; ++i)
        insert(sorted, &count, norm_at(norms, i));
    for (ptrdiff_t t = 0; t < steps; ++t) {
        insert(sorted, &count, norm_at(norms, t + h));
        filtered[t] = sorted[h];
        remove_one(sorted, &count, norm_at(norms, t - h));
    }
}

/* 2. to 4., in place; sums from the end. */
static void refine(double *norm, size_t steps, double power) {
    double least = HUGE_VAL, tail = 0, largest = 0;
    for (size_t i = 0; i < steps; ++i)
        least = fmin(least, norm[i]);
    for (size_t i = steps; i-- > 0;) {
        const double w = pow(least / norm[i], power);
        norm[i] = w * tail;
        tail += w;
        largest = fmax(largest, norm[i]);
    }
    for (size_t i = 0; i < steps; ++i)
        norm[i] /= largest;
}

static optim_status prepare(schedule_run_t *run) {
    const number_list_t norms = run->list[NORMS];
    const ptrdiff_t h = (ptrdiff_t)floor(floor(run->option[TAU] * (double)norms.count) / 2);
    double *sorted = calloc(2 * (size_t)h + 1, sizeof *sorted), *filtered = malloc(norms.count * sizeof *filtered);
    if (sorted != NULL && filtered != NULL) {
        replace_zeros(norms);
        filter(norms, h, sorted, filtered);
        refine(filtered, norms.count, run->option[POWER]);
        memcpy(norms.value, filtered, norms.count * sizeof *filtered);
    }
    const bool failed = sorted == NULL || filtered == NULL;
    free(sorted);
    free(filtered);
    return failed ? error_nomem("refining a schedule") : OPTIM_OK;
}

static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    const double last = fmin(to, (double)run->list[NORMS].count + 1);
    const size_t inside = last > from + 1 ? (size_t)ceil(last - from - 1) : 0;
    for (size_t i = 1; i <= inside; ++i)
        extremes_add(extremes, of(run, base, from + (double)i));
}

const schedule_t schedule_refined = {
    .name = "refined",
    .purpose = "the rate that is best in hindsight for the gradient norms of an earlier run",
    .citation = "Defazio, Cutkosky, Mehta, Mishchenko: When, Why and How Much? Adaptive Learning Rate Scheduling by "
                "Refinement, 2023, arXiv:2310.07831",
    .options = OPTIONS,
    .check = check,
    .prepare = prepare,
    .value = value,
    .between = between,
};
