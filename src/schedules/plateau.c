/*
 * plateau: falls by a factor when a metric has not improved for a while; optim_report hands over the metric.
 *
 *     better (mode = min):  rel: v < best (1 - threshold),  abs: v < best - threshold
 *            (mode = max):  rel: v > best (1 + threshold),  abs: v > best + threshold
 *            (mode = pvalue):  v <= threshold,   (mode = predicate):  v = 0,   a NaN: nothing changes
 *     better: best = v, bad = 0;  else bad += 1
 *     if cool > 0: cool -= 1, bad = 0
 *     if bad > patience: new = max(value factor, lr_min); if value - new > e: value = new, cool = cooldown, bad = 0
 *
 * e = eps, or eps_rel |b| where that is larger and lr_min = 0: then some fall has to be the last.
 * As torch's ReduceLROnPlateau, where e = 1e-8 and so keeps small values from falling. With mode=min and max a NaN is
 * not better, and with threshold_mode=rel and a negative best the threshold points the wrong way; that is kept.
 * mode=pvalue is the rule of Binkowski, Sutherland, Arbel, Gretton, "Demystifying MMD GANs", 2018, arXiv:1801.01401: v
 * is the p-value of a test whose hypothesis is that the model improves. The value is stored over the base value, which
 * optim_set may change.
 */
#include "schedules/shape.h"

enum { MODE, FACTOR, PATIENCE, THRESHOLD, THRESHOLD_MODE, COOLDOWN, LR_MIN, EPS, EPS_REL };
enum { MODE_MIN, MODE_MAX, MODE_PVALUE, MODE_PREDICATE };
enum { THRESHOLD_REL, THRESHOLD_ABS };
static const option_t OPTIONS[] = {
    [MODE] = {"mode", MODE_MIN, "min|max|pvalue|predicate",
              "a better metric is smaller, larger, no more than the threshold, or 0"},
    [FACTOR] = {"factor", 0.1, "[0,1)", "of a fall"},
    [PATIENCE] = {"patience", 10, "integer [0,inf)", "reports without improvement that are let pass"},
    [THRESHOLD] = {"threshold", 1e-4, "[0,inf)", "how much better counts as better"},
    [THRESHOLD_MODE] = {"threshold_mode", THRESHOLD_REL, "rel|abs",
                        "threshold as a share of the best, or a difference"},
    [COOLDOWN] = {"cooldown", 0, "integer [0,inf)", "reports after a fall that do not count"},
    [LR_MIN] = {"lr_min", 0, "[0,inf)", "lowest value"},
    [EPS] = {"eps", 0, "[0,inf)", "a fall by no more than this is left out; torch: 1e-8"},
    [EPS_REL] = {"eps_rel", 1e-7, "[0,inf)", "lr_min = 0: the same as a share of the base value"},
    {0},
};

enum { SHARE, BEST, BAD, COOL };
static const schedule_state_t STATES[] = {
    [SHARE] = {"share", "value over base value"},
    [BEST] = {"best", "best metric so far"},
    [BAD] = {"bad", "reports without improvement"},
    [COOL] = {"cool", "reports that still do not count"},
    {0},
};

static void start(schedule_run_t *run) {
    run->state[SHARE] = 1;
    run->state[BEST] = (int)run->option[MODE] == MODE_MIN ? HUGE_VAL : -HUGE_VAL;
    run->state[BAD] = run->state[COOL] = 0;
}

static double value(const schedule_run_t *run, double base, double t) {
    (void)t;
    return shape_above(base, run->state[SHARE], run->option[LR_MIN]);
}

static bool is_better(const double *option, double v, double best) {
    const double threshold = option[THRESHOLD];
    if ((int)option[MODE] == MODE_PVALUE)
        return v <= threshold;
    if ((int)option[MODE] == MODE_PREDICATE)
        return v == 0;
    if ((int)option[MODE] == MODE_MIN)
        return v < ((int)option[THRESHOLD_MODE] == THRESHOLD_REL ? best * (1 - threshold) : best - threshold);
    return v > ((int)option[THRESHOLD_MODE] == THRESHOLD_REL ? best * (1 + threshold) : best + threshold);
}

static void report(schedule_run_t *run, double base, double t, double metric) {
    const double *option = run->option, now = value(run, base, t);
    double *state = run->state;
    const bool compares = (int)option[MODE] == MODE_MIN || (int)option[MODE] == MODE_MAX;
    if (!compares && isnan(metric))
        return;
    if (is_better(option, metric, state[BEST])) {
        state[BEST] = compares ? metric : state[BEST];
        state[BAD] = 0;
    } else {
        state[BAD] += 1;
    }
    if (state[COOL] > 0) {
        state[COOL] -= 1;
        state[BAD] = 0;
    }
    const double next = fmax(now * option[FACTOR], option[LR_MIN]);
    const double least = fmax(option[EPS], option[LR_MIN] > 0 ? 0 : option[EPS_REL] * fabs(base));
    if (state[BAD] > option[PATIENCE] && now - next > least) {
        state[SHARE] = next / base;
        state[COOL] = option[COOLDOWN];
        state[BAD] = 0;
    }
}

static const char *check(const schedule_run_t *run, double base) {
    if ((int)run->option[THRESHOLD_MODE] == THRESHOLD_REL && (int)run->option[MODE] == MODE_MIN &&
        run->option[THRESHOLD] >= 1)
        return "threshold_mode=rel needs threshold < 1";
    return shape_refuse_floor(base, run->option[LR_MIN]);
}

/* The value falls towards lr_min; with a factor of 0 it reaches lr_min at once. */
static void between(const schedule_run_t *run, schedule_value_t *of, double base, double from, double to,
                    extremes_t *extremes) {
    (void)of, (void)from, (void)to;
    const double lr_min = run->option[LR_MIN];
    extremes_add(extremes, base);
    extremes_add(extremes, lr_min > 0 || run->option[FACTOR] == 0 ? lr_min : nextafter(lr_min, base));
}

const schedule_t schedule_plateau = {
    .name = "plateau",
    .purpose = "falls by a factor when a reported metric has not improved for a while",
    .citation = "",
    .options = OPTIONS,
    .kept = STATES,
    .check = check,
    .start = start,
    .value = value,
    .between = between,
    .report = report,
};
