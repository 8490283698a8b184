/*
 * Timing things against each other. They take turns, so that what slows the machine slows all of them alike. A turn in which
 * another program took the processor is repeated a few times. Work of a single thread is timed by the processor time of
 * that thread, and then it does not matter who else runs.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

enum { MEASURE_RUNS = 101, MEASURE_CONTENDERS = 4 };

typedef struct contender {
    void (*run)(void *context);
    void *context;
} contender_t;

typedef struct measure {
    bool one_thread; /* the caller's is the only one that works */
    int runs;        /* how often everyone has a turn, at most MEASURE_RUNS; more often where turns are short */
    double seconds;  /* of all turns together, at most; then there are fewer, but at least three */
    double pause_ns; /* before every turn, for threads of another runtime to go to sleep */
} measure_t;

/* Time per call of every contender in every turn. */
typedef struct samples {
    int runs;
    int interrupted; /* turns, of all contenders, in which another program took the processor all the same */
    double ns[MEASURE_CONTENDERS][MEASURE_RUNS];
} samples_t;

typedef struct spread {
    double low, median, high; /* quartiles */
    double least;
} spread_t;

double measure_now(bool one_thread); /* ns */

/* At most MEASURE_CONTENDERS. */
void measure_run(samples_t *samples, const measure_t *how, const contender_t *contenders, int count);

/* Of `count` values (> 0, at most MEASURE_RUNS). */
spread_t measure_spread(const double *values, int count);

/* Of one contender's times, and of its times over those of another: turn by turn, but the least over the least. */
spread_t measure_time(const samples_t *samples, int contender);
spread_t measure_ratio(const samples_t *samples, int contender, int reference);

#endif
