/*
 * What Stein's methods on a simplex, and in metrics, share: the mirror map of the entropy, and their kernels
 *
 *     imq: k = (1 + r / w)^(-1/2),  gradient -(1 + r / w)^(-3/2) (y - z) / w;    r = |y - z|^2
 *     rbf: k = e^(-r / w),          gradient -2 / w (y - z) k
 */
#ifndef BLOCKS_MIRRORED_H
#define BLOCKS_MIRRORED_H

#include <string.h>

#include "blocks/particles.h"
#include "blocks/select.h"
#include "kernels/elementary.h"

enum { KERNEL_IMQ, KERNEL_RBF };

/* k, and the factor of y - z in its gradient, both over `divisor`. */
typedef struct mirrored_kernel {
    double k, slope;
} mirrored_kernel_t;

static inline mirrored_kernel_t mirrored_kernel(bool rbf, double square, double w, double divisor) {
    const double r = square / w, root = 1 / sqrt(1 + r);
    const double k = (rbf ? r < 700 ? elementary_exp(-r) : 0 : root) / divisor;
    return (mirrored_kernel_t){k, (rbf ? -2 * k : -k * root * root) / w};
}

/* w: the option, or if that is negative the middle of all N^2 squared distances, 1 if that is 0. */
static inline double mirrored_width(const step_t *s, double bandwidth2, const double *square, double *room) {
    const size_t pairs = (size_t)s->components * (size_t)s->components;
    if (bandwidth2 > 0)
        return bandwidth2;
    memcpy(room, square, pairs * sizeof *room);
    const double middle = select_largest(room, pairs, pairs > 1 ? pairs / 2 : 1);
    return middle > 0 ? middle : 1;
}

static inline const char *mirrored_check(double bandwidth2) {
    return bandwidth2 == 0 ? "bandwidth2=0 is no width: say a positive one, or -1 for the median" : NULL;
}

/* The method's memory begins with it; within a step, N by N. */
typedef struct mirrored_memory {
    double *square, *room;
} mirrored_memory_t;
#define MIRRORED_FIELDS                                                                                                \
    {"D", "squared distances", FIELD(OF_METHOD, mirrored_memory_t, square), .each = EACH_PAIR, .within_step = true}, { \
        "room", "for the median", FIELD(OF_METHOD, mirrored_memory_t, room), .each = EACH_PAIR, .within_step = true    \
    }

/* What kernels take. */
typedef struct pairs {
    double *square;
    double w;
} pairs_t;

/* The kernel `measure` adds each tensor's squared distances to those of its pairs_t. */
static inline pairs_t mirrored_pairs(step_t *s, int measure, double bandwidth2) {
    const mirrored_memory_t *m = s->memory;
    const size_t pairs = (size_t)s->components * (size_t)s->components;
    memset(m->square, 0, pairs * sizeof *m->square);
    step_tensors_in_turn(s, measure, &(pairs_t){.square = m->square});
    return (pairs_t){m->square, mirrored_width(s, bandwidth2, m->square, m->room)};
}

/* The first n entries of softmax(eta, 0), the largest exponent being 0. */
static inline void mirrored_map(size_t n, const real *eta, real *theta) {
    double largest = 0, sum;
    for (size_t c = 0; c < n; ++c)
        largest = (double)eta[c] > largest ? (double)eta[c] : largest;
    sum = largest < 700 ? elementary_exp(-largest) : 0;
    for (size_t c = 0; c < n; ++c) {
        const double x = (double)eta[c] - largest;
        theta[c] = (real)(x > -700 ? elementary_exp(x) : 0);
        sum += (double)theta[c];
    }
    for (size_t c = 0; c < n; ++c)
        theta[c] = (real)((double)theta[c] / sum);
}

#endif
