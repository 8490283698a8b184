/* What several schedules share: curves over q in [0, 1], the linear warmup, where a curve turns, what is refused. */
#ifndef SCHEDULES_SHAPE_H
#define SCHEDULES_SHAPE_H

#include <math.h>

#include "optimizer/schedule.h"

static const double SHAPE_PI = 3.14159265358979323846;

/* Half a cosine: 1 at q = 0, 0 at q = 1. */
static inline double shape_cosine(double q) {
    return (1 + cos(SHAPE_PI * q)) / 2;
}

/* From a at q = 0 to z at q = 1. */
static inline double shape_line(double a, double z, double q) {
    return a + (z - a) * q;
}
static inline double shape_wave(double a, double z, double q) {
    return z + (a - z) * shape_cosine(q);
}

/* t < warmup: from `initial` towards `base`. */
static inline double shape_warmup(double initial, double base, double t, double warmup) {
    return initial + (base - initial) * t / warmup;
}

/* The part of a cosine: halves of it, `cycles` of a whole one, at q; past q = 1 it holds, or goes on. */
enum { SHAPE_HOLD, SHAPE_GO_ON };
#define SHAPE_CYCLES_ROW                                                                                               \
    { "num_cycles", 0.5, "(0,inf)", "cycles of the cosine until t = steps: 1/2 falls, 1 falls and rises" }
#define SHAPE_PAST_END_ROW                                                                                             \
    { "past_end", SHAPE_HOLD, "hold|go_on", "from t = steps on: stay, or follow the cosine further" }
static inline double shape_cycles(double q, double cycles, int past_end) {
    return shape_cosine(2 * cycles * (past_end == SHAPE_HOLD ? fmin(q, 1) : q));
}

static inline const char *shape_refuse_floor(double base, double lr_min) {
    return base < lr_min ? "lr_min lies above the base value" : NULL;
}

/* schedule_t.between of a schedule whose curve turns at its options "warmup", if it has that, and "steps". */
static inline void shape_between_turns(const schedule_run_t *run, schedule_value_t *of, double base, double from,
                                       double to, extremes_t *extremes) {
    const option_t *options = run->schedule->options;
    const int turns[] = {option_find(options, "warmup", 6), option_find(options, "steps", 5)};
    for (size_t i = 0; i < sizeof turns / sizeof *turns; ++i)
        if (turns[i] >= 0)
            schedule_turn(run, of, base, from, to, run->option[turns[i]], extremes);
}

/* That of one with num_cycles and past_end, which may reach both ends more than once. */
static inline void shape_between_cycles(const schedule_run_t *run, schedule_value_t *of, double base, double from,
                                        double to, double cycles, int past_end, extremes_t *extremes) {
    const int lr_min = option_find(run->schedule->options, "lr_min", 6);
    shape_between_turns(run, of, base, from, to, extremes);
    if (cycles <= 0.5 && past_end == SHAPE_HOLD)
        return;
    extremes_add(extremes, base);
    extremes_add(extremes, run->option[lr_min]);
}

/* A sentence unless the list rises (`strictly`: no value twice) from above `low`; `empty` if there is none. */
static inline const char *shape_refuse_list(number_list_t list, double low, bool strictly, const char *empty) {
    if (list.count == 0)
        return empty;
    for (size_t i = 0; i < list.count; ++i) {
        const double before = i == 0 ? low : list.value[i - 1], now = list.value[i];
        const bool follows = strictly ? now > before : now >= before;
        if (!follows || !isfinite(now))
            return strictly ? "the steps in a list must be positive and rising"
                            : "the steps in a list must not be negative and must not fall";
    }
    return NULL;
}

/* How many values of a rising list are <= t. */
static inline size_t shape_passed(number_list_t list, double t) {
    size_t low = 0, high = list.count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (list.value[middle] <= t)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A share of the base value; where the share is the least value's or less, the least value itself, to the last bit. */
static inline double shape_above(double base, double share, double least) {
    return share <= least / base ? least : base * share;
}

#endif
