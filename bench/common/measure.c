#define _GNU_SOURCE /* clock_gettime, nanosleep, ru_nivcsw */
#include "measure.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

double measure_now(bool one_thread) {
    struct timespec now;
    clock_gettime(one_thread ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double time_calls(const contender_t *contender, long calls, bool one_thread) {
    const double start = measure_now(one_thread);
    for (long i = 0; i < calls; ++i)
        contender->run(contender->context);
    return (measure_now(one_thread) - start) / (double)calls;
}

enum { SHORTEST_TURN = 250000, SHORT_TURN = 5000000 }; /* ns */

/* Calls that fill a turn. The first call of all warms caches, and takes the memory that is taken once. */
static long calls_in_turn(const contender_t *contender, bool one_thread, bool *is_short) {
    contender->run(contender->context);
    for (long calls = 1;; calls *= 2) {
        const double ns = time_calls(contender, calls, one_thread);
        if (ns * (double)calls < SHORTEST_TURN / 2.0)
            continue;
        *is_short &= ns < SHORT_TURN;
        return (long)(SHORTEST_TURN / ns) + 1;
    }
}

static void pause_for(double ns) {
    if (ns > 0)
        nanosleep(&(struct timespec){.tv_nsec = (long)ns}, NULL);
}

/* How often other programs took the processor from this one. */
static long interruptions(void) {
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nivcsw;
}

static double take_turn(const contender_t *contender, long calls, const measure_t *how, int *interrupted) {
    enum { TRIES = 4 };
    double ns = 0;
    for (int i = 0; i < TRIES; ++i) {
        pause_for(how->pause_ns);
        const long before = interruptions();
        ns = time_calls(contender, calls, how->one_thread);
        if (how->one_thread || interruptions() == before)
            return ns;
    }
    ++*interrupted;
    return ns;
}

void measure_run(samples_t *samples, const measure_t *how, const contender_t *contenders, int count) {
    long calls[MEASURE_CONTENDERS];
    bool is_short = true;
    for (int c = 0; c < count; ++c)
        calls[c] = calls_in_turn(&contenders[c], how->one_thread, &is_short);
    const int runs = is_short && 5 * how->runs < MEASURE_RUNS ? 5 * how->runs : how->runs;
    const double end = measure_now(false) + how->seconds * 1e9;
    samples->interrupted = 0;
    for (samples->runs = 0; samples->runs < runs && (samples->runs < 3 || measure_now(false) < end); ++samples->runs)
        for (int turn = 0; turn < count; ++turn) {
            const int c = (turn + samples->runs) % count; /* nobody always follows the same one */
            samples->ns[c][samples->runs] = take_turn(&contenders[c], calls[c], how, &samples->interrupted);
        }
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Between neighbours in rank, linearly. */
static double quantile(const double *sorted, int count, double share) {
    const double at = share * (count - 1);
    const int below = (int)at, above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

spread_t measure_spread(const double *values, int count) {
    double sorted[MEASURE_RUNS];
    memcpy(sorted, values, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, compare);
    return (spread_t){.low = quantile(sorted, count, 0.25),
                      .median = quantile(sorted, count, 0.5),
                      .high = quantile(sorted, count, 0.75),
                      .least = sorted[0]};
}

spread_t measure_time(const samples_t *samples, int contender) {
    return measure_spread(samples->ns[contender], samples->runs);
}

spread_t measure_ratio(const samples_t *samples, int contender, int reference) {
    double ratio[MEASURE_RUNS] = {0};
    for (int i = 0; i < samples->runs; ++i)
        ratio[i] = samples->ns[contender][i] / samples->ns[reference][i];
    spread_t spread = measure_spread(ratio, samples->runs);
    spread.least = measure_time(samples, contender).least / measure_time(samples, reference).least;
    return spread;
}
