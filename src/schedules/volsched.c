/*
 * volsched: a cosine whose speed follows the volatility of a metric; optim_report hands over the metric after every
 * step (Chai, "An Adaptive Volatility-based Learning Rate Scheduler", 2025).
 *
 *     t < W (W = warmup > 1):  b (wf + (1 - wf) t / (W - 1));   W = 1: b
 *     e = t - W = N, 2 N, ... <= T = steps - W:
 *         lr <- max(lr_min, lr M (1 + cos(pi e / T)) / (1 + cos(pi (e - N) / T)))
 *     M = 1 + sign(rho) log(1 + weight |rho|),   rho = sigma_all / sigma_N - 1
 *
 * sigma_all is the sample standard deviation of all log returns log(v_i / v_{i-1}) in the kept history, sigma_N that of
 * the last N. Metrics below floor count as floor, those that are then not positive and finite are left out. M = 1 while
 * there are fewer than N + 1 metrics, or if sigma_N = 0. M may be negative: lr_min catches it. The value at t uses the
 * metrics of steps before t and is stored over the base value; an update that no report came for is made up by the next
 * report.
 */
#include <float.h>
#include <string.h>

#include "schedules/shape.h"

enum { WINDOW, WEIGHT, STEPS, LR_MIN, WARMUP, WARMUP_FACTOR, HISTORY, FLOOR };
static const option_t OPTIONS[] = {
    [WINDOW] = {"window", 10, "integer [2,100000]",
                "N: steps between updates, and log returns of the recent volatility"},
    [WEIGHT] = {"weight", 0.1, "[0,inf)", "how strongly volatility speeds up or slows down"},
    [STEPS] = {"steps", 100, "integer [1,inf)", "steps in all, the warmup included"},
    [LR_MIN] = {"lr_min", 0, "[0,inf)", "lowest value; above 0 is advised"},
    [WARMUP] = {"warmup", 0, "integer [0,inf)", "W: steps of the rise"},
    [WARMUP_FACTOR] = {"warmup_factor", 0, "[0,inf)", "wf: factor at t = 0 of a rise"},
    [HISTORY] = {"history", 0, "integer [0,1000000]", "metrics that are kept; 0: 10 windows"},
    [FLOOR] = {"floor", 0, "[0,inf)", "least metric; public code: 1e-8"},
    {0},
};

static size_t kept(const double *option) {
    return (size_t)(option[HISTORY] == 0 ? 10 * option[WINDOW] : option[HISTORY]);
}

enum { SHARE, CLOCK, COUNT, METRICS };
static const schedule_state_t STATES[] = {
    [SHARE] = {"share", "value over base value"},
    [CLOCK] = {"clock", "e of the last update"},
    [COUNT] = {"count", "metrics kept"},
    [METRICS] = {"metrics", "the kept metrics, oldest first", .count = kept},
    {0},
};

static void start(schedule_run_t *run) {
    run->state[SHARE] = 1;
    run->state[CLOCK] = run->state[COUNT] = 0;
}

static double value(const schedule_run_t *run, double base, double t) {
    const double warmup = run->option[WARMUP], factor = run->option[WARMUP_FACTOR];
    if (t < warmup)
        return warmup > 1 ? base * shape_line(factor, 1, t / (warmup - 1)) : base;
    return shape_above(base, run->state[SHARE], run->option[LR_MIN]);
}

/* How many metrics are kept: within bounds, whatever a damaged checkpoint says. */
static size_t count_of(const schedule_run_t *run) {
    return (size_t)fmin(fmax(run->state[COUNT], 0), (double)kept(run->option));
}

static void keep(schedule_run_t *run, double metric) {
    const size_t room = kept(run->option);
    double *metrics = run->state + METRICS;
    size_t count = count_of(run);
    if (count == room) {
        memmove(metrics, metrics + 1, (room - 1) * sizeof *metrics);
        --count;
    }
    metrics[count] = metric;
    run->state[COUNT] = (double)count + 1;
}

/* Sample standard deviation of the log returns between `count` metrics. */
static double volatility(const double *metric, size_t count) {
    const double n = (double)count - 1;
    double mean = 0, squares = 0;
    for (size_t i = 1; i < count; ++i)
        mean += log(metric[i] / metric[i - 1]) / n;
    for (size_t i = 1; i < count; ++i) {
        const double off = log(metric[i] / metric[i - 1]) - mean;
        squares += off * off;
    }
    return sqrt(squares / (n - 1));
}

static double multiplier(const schedule_run_t *run) {
    const size_t count = count_of(run), recent = (size_t)run->option[WINDOW] + 1;
    const double *metrics = run->state + METRICS;
    if (count < recent)
        return 1;
    const double rho = volatility(metrics, count) / volatility(metrics + count - recent, recent) - 1;
    const double m = 1 + copysign(log1p(run->option[WEIGHT] * fabs(rho)), rho);
    return isfinite(m) ? m : 1;
}

static void report(schedule_run_t *run, double base, double t, double metric) {
    const double window = run->option[WINDOW], length = run->option[STEPS] - run->option[WARMUP];
    double *state = run->state;
    const double floored = fmax(metric, run->option[FLOOR]);
    if (isfinite(metric) && floored > 0)
        keep(run, floored);
    const double e = window * floor(fmin(t + 1 - run->option[WARMUP], length) / window);
    if (e <= state[CLOCK] || base == 0)
        return;
    const double ratio = shape_cosine(e / length) / shape_cosine(state[CLOCK] / length);
    state[SHARE] = fmax(run->option[LR_MIN] / base, state[SHARE] * multiplier(run) * ratio);
    state[CLOCK] = e;
}

static const char *check(const schedule_run_t *run, double base) {
    if (run->option[STEPS] <= run->option[WARMUP])
        return "steps must exceed warmup";
    if (run->option[HISTORY] != 0 && run->option[HISTORY] <= run->option[WINDOW])
        return "history must exceed window";
    return shape_refuse_floor(base, run->option[LR_MIN]);
}

/* Where volatility has a weight, the value may rise without bound. */
static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    schedule_turn(run, of, base, from, to, run->option[WARMUP], extremes);
    extremes_add(extremes, base);
    extremes_add(extremes, run->option[LR_MIN]);
    if (run->option[WEIGHT] > 0 && base != 0)
        extremes_add(extremes, copysign(DBL_MAX, base));
}

const schedule_t schedule_volsched = {
    .name = "volsched",
    .purpose = "a cosine whose speed follows the volatility of a reported metric",
    .citation = "Chai: An Adaptive Volatility-based Learning Rate Scheduler, 2025",
    .options = OPTIONS,
    .kept = STATES,
    .check = check,
    .start = start,
    .value = value,
    .between = between,
    .report = report,
};
