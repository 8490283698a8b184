/* Logarithms of sums of exponentials, of any size, in double; the same bits on every machine. */
#ifndef BLOCKS_LOGSUM_H
#define BLOCKS_LOGSUM_H

#include <float.h>
#include <math.h>

#include "kernels/elementary.h"

/* e^x */
static inline double logsum_exp(double x) {
    return fabs(x) <= 700 ? elementary_exp(x) : x > 0 ? (double)INFINITY : x < 0 ? 0 : x;
}

/* sum_k exp(a_k) = sum exp(most), over those a_k that were added. */
typedef struct logsum {
    double most, sum;
} logsum_t;

static inline logsum_t logsum_empty(void) {
    return (logsum_t){-(double)INFINITY, 0};
}

static inline void logsum_add(logsum_t *l, double a) {
    if (a > l->most) {
        l->sum = l->sum * logsum_exp(l->most - a) + 1;
        l->most = a;
    } else if (!(a < -DBL_MAX)) { /* exp(-infinity) is 0, also where nothing else was added */
        l->sum += logsum_exp(a - l->most);
    }
}

static inline double logsum_log(logsum_t l) {
    return l.sum >= 1 ? l.most + elementary_log(l.sum) : l.sum == 0 ? -(double)INFINITY : l.sum;
}

#endif
