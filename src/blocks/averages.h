/* Moving averages a <- beta a + (1 - beta) x. */
#ifndef BLOCKS_AVERAGES_H
#define BLOCKS_AVERAGES_H

#include "engine/method.h"

/* c = 1 - beta^t: what the weights of an average that began at zero add up to. beta^t < exp(-t (1 - beta)) is lost
 * beside 1 soon, and then not worth a call of pow, which is slow where it underflows. */
static inline double correction(double beta, double t) {
    return t * (1 - beta) > 38 ? 1 : 1 - pow(beta, t);
}

/* The weights of what is there and of what is new. */
typedef struct weights {
    real keep, take;
} weights_t;
static inline weights_t weights(double beta) {
    return (weights_t){(real)beta, (real)(1 - beta)};
}
/* Those weights, where `e` is that of what is new: 1 - (1 - e) is not e. */
static inline weights_t weights_of_new(double e) {
    return (weights_t){(real)(1 - e), (real)e};
}

static inline real weighted(real a, real x, weights_t w) {
    return w.keep * a + w.take * x;
}
/* What is kept as a state must not end in subnormal numbers. */
static inline real ema(real a, real x, weights_t beta) {
    return settled(weighted(a, x, beta));
}

#endif
