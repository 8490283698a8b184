/*
 * greedy: rises by a factor while a metric improves and falls by it while it does not; optim_report hands over the
 * metric.
 *
 * "GreedyLR: A Novel Adaptive Learning Rate Scheduler", 2025, arXiv:2512.14527, as transformers' GreedyLR.
 *
 *     v = the metric; window > 0: the mean of the last `window` of them
 *     cool > 0: cool -= 1, good = bad = 0;   else warm > 0: warm -= 1, good = bad = 0;   else
 *         v better than best (as of plateau): best = v, good += 1, bad = 0;   not: bad += 1, good = 0
 *         good > patience: value = min(value / factor, lr_max), warm = warmup, good = 0, left = reset
 *         bad > patience:  value = max(value factor, lr_min), cool = cooldown, bad = 0;
 *                          value = lr_min: left -= 1; left = 0: all begins anew, at the base value
 *
 * A change by no more than eps is left out. The value is stored over the base value, which optim_set may change.
 */
#include "schedules/shape.h"

enum { MODE, FACTOR, PATIENCE, THRESHOLD, THRESHOLD_MODE, COOLDOWN, WARMUP, LR_MIN, LR_MAX, EPS, WINDOW, RESET };
enum { MODE_MIN, MODE_MAX };
enum { THRESHOLD_REL, THRESHOLD_ABS };
static const option_t OPTIONS[] = {
    [MODE] = {"mode", MODE_MIN, "min|max", "a better metric is smaller, or larger"},
    [FACTOR] = {"factor", 0.95, "(0,1)", "of a fall, and one over that of a rise"},
    [PATIENCE] = {"patience", 10, "integer [0,inf)", "reports of one kind that are let pass"},
    [THRESHOLD] = {"threshold", 1e-6, "[0,inf)", "how much better counts as better"},
    [THRESHOLD_MODE] = {"threshold_mode", THRESHOLD_ABS, "rel|abs",
                        "threshold as a share of the best, or a difference"},
    [COOLDOWN] = {"cooldown", 0, "integer [0,inf)", "reports after a fall that do not count"},
    [WARMUP] = {"warmup", 0, "integer [0,inf)", "reports after a rise that do not count"},
    [LR_MIN] = {"lr_min", 0, "[0,inf)", "lowest value; transformers: 1e-3"},
    [LR_MAX] = {"lr_max", 1, "(0,inf)", "highest value"},
    [EPS] = {"eps", 0, "[0,inf)", "a change by no more than this is left out; transformers: 1e-8"},
    [WINDOW] = {"window", 0, "integer [0,1000000]", "metrics in the mean, 0: they count one by one"},
    [RESET] = {"reset", 500, "integer [1,inf)", "falls at the lowest value before all begins anew"},
    {0},
};

static size_t window_of(const double *option) {
    return (size_t)option[WINDOW];
}

enum { SHARE, BEST, GOOD, BAD, COOL, WARM, LEFT, SEEN, RECENT };
static const schedule_state_t STATES[] = {
    [SHARE] = {"share", "value over base value"},
    [BEST] = {"best", "best metric so far"},
    [GOOD] = {"good", "reports with improvement"},
    [BAD] = {"bad", "reports without"},
    [COOL] = {"cool", "reports that still do not count, after a fall"},
    [WARM] = {"warm", "and after a rise"},
    [LEFT] = {"left", "falls at the lowest value before all begins anew"},
    [SEEN] = {"seen", "metrics so far"},
    [RECENT] = {"recent", "the last of them", window_of},
    {0},
};

static void start(schedule_run_t *run) {
    double *state = run->state;
    for (size_t i = 0; i < run->state_count; ++i)
        state[i] = 0;
    state[SHARE] = 1;
    state[BEST] = (int)run->option[MODE] == MODE_MIN ? HUGE_VAL : -HUGE_VAL;
    state[LEFT] = run->option[RESET];
}

static double value(const schedule_run_t *run, double base, double t) {
    (void)t;
    return fmin(shape_above(base, run->state[SHARE], run->option[LR_MIN]), run->option[LR_MAX]);
}

/* The mean of the last metrics, `metric` being the newest. */
static double smoothed(const schedule_run_t *run, double metric) {
    const size_t window = window_of(run->option);
    double *state = run->state, *recent = state + RECENT, sum = 0;
    if (window == 0)
        return metric;
    recent[(size_t)fmod(state[SEEN], (double)window)] = metric;
    state[SEEN] += 1;
    const size_t count = state[SEEN] < (double)window ? (size_t)state[SEEN] : window;
    for (size_t i = 0; i < count; ++i)
        sum += recent[i];
    return sum / (double)count;
}

static bool is_better(const double *option, double v, double best) {
    const double threshold = option[THRESHOLD];
    const bool relative = (int)option[THRESHOLD_MODE] == THRESHOLD_REL;
    if ((int)option[MODE] == MODE_MIN)
        return v < (relative ? best * (1 - threshold) : best - threshold);
    return v > (relative ? best * (1 + threshold) : best + threshold);
}

static void change(schedule_run_t *run, double base, double to) {
    if (fabs(to - value(run, base, 0)) > run->option[EPS])
        run->state[SHARE] = to / base;
}

static void rise(schedule_run_t *run, double base) {
    const double *o = run->option;
    change(run, base, fmin(value(run, base, 0) / o[FACTOR], o[LR_MAX]));
    run->state[WARM] = o[WARMUP];
    run->state[GOOD] = 0;
    run->state[LEFT] = o[RESET];
}

static void fall(schedule_run_t *run, double base) {
    const double *o = run->option;
    change(run, base, fmax(value(run, base, 0) * o[FACTOR], o[LR_MIN]));
    run->state[COOL] = o[COOLDOWN];
    run->state[BAD] = 0;
    if (value(run, base, 0) > o[LR_MIN])
        return;
    run->state[LEFT] -= 1;
    if (run->state[LEFT] > 0)
        return;
    start(run);
    run->state[COOL] = o[COOLDOWN];
}

static void report(schedule_run_t *run, double base, double t, double metric) {
    const double v = smoothed(run, metric), patience = run->option[PATIENCE];
    double *state = run->state;
    (void)t;
    if (state[COOL] > 0 || state[WARM] > 0) {
        state[state[COOL] > 0 ? COOL : WARM] -= 1;
        state[GOOD] = state[BAD] = 0;
        return;
    }
    const bool better = is_better(run->option, v, state[BEST]);
    state[BEST] = better ? v : state[BEST];
    state[GOOD] = better ? state[GOOD] + 1 : 0;
    state[BAD] = better ? 0 : state[BAD] + 1;
    if (state[GOOD] > patience)
        rise(run, base);
    else if (state[BAD] > patience)
        fall(run, base);
}

static const char *check(const schedule_run_t *run, double base) {
    const double *o = run->option;
    if ((int)o[THRESHOLD_MODE] == THRESHOLD_REL && (int)o[MODE] == MODE_MIN && o[THRESHOLD] >= 1)
        return "threshold_mode=rel needs threshold < 1";
    return o[LR_MAX] < base ? "lr_max lies below the base value" : shape_refuse_floor(base, o[LR_MIN]);
}

static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    const double lr_min = run->option[LR_MIN];
    (void)of, (void)from, (void)to;
    extremes_add(extremes, run->option[LR_MAX]);
    extremes_add(extremes, lr_min > 0 ? lr_min : nextafter(lr_min, base));
}

const schedule_t schedule_greedy = {
    .name = "greedy",
    .purpose = "rises by a factor while a reported metric improves, and falls by it while it does not",
    .citation = "GreedyLR: A Novel Adaptive Learning Rate Scheduler, 2025, arXiv:2512.14527",
    .options = OPTIONS,
    .kept = STATES,
    .check = check,
    .start = start,
    .value = value,
    .between = between,
    .report = report,
};
