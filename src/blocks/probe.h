/*
 * Probes for the diagonal of the Hessian: z with entries +1 and -1, so that the mean of z (.) Hz is the diagonal.
 *
 * rademacher: drawn, entry i of a probe from word i of those that the probe reserved in the handle's stream, so that
 * any tile draws its own. walsh: entry i of probe k = 1, 2, ... is +1 if popcount(i AND k) is even; over k = 0 .. 2^b -
 * 1 (2^b at least the number of elements) the mean is exact. i is the position in all tensors concatenated.
 */
#ifndef BLOCKS_PROBE_H
#define BLOCKS_PROBE_H

#include "blocks/averages.h"
#include "kernels/random.h"

enum { RADEMACHER, WALSH };

#define PROBE_ROW                                                                                                      \
    { "probe", RADEMACHER, "rademacher|walsh", "random or enumerated signs" }
#define Z_ROW                                                                                                          \
    { "z", "the probe", LIKE_PARAM, DIRECTION }
#define HZ_ROW                                                                                                         \
    { "Hz", "the product", LIKE_PARAM, PRODUCT }
#define WAITING_GRADIENT_ROW                                                                                           \
    { "g", "the gradient while more is evaluated", LIKE_PARAM, WITHIN_STEP }
#define PROBES_FIELD                                                                                                   \
    { "probes", "drawn so far", FIELD(OF_METHOD, memory_t, probes) }

/* ---- Kernels ---- */

/* What the kernel that draws takes. */
typedef struct probe {
    uint64_t seed, number; /* of the Walsh probe, or of its first random word */
    bool walsh;
} probe_t;

/* A random entry is -1 if its number in [0, 1) is at or above 1/2: if the word's first bit is set. */
static inline void probe_draw(const tile_t *t, real *restrict z) {
    const probe_t *probe = t->arguments;
    const uint64_t first = t->tensor->first_of_all + t->offset, number = probe->number, seed = probe->seed;
    if (probe->walsh)
        for (size_t i = 0; i < t->n; ++i)
            z[i] = __builtin_parityll((first + i) & number) ? -1 : 1;
    else
        for (size_t i = 0; i < t->n; ++i)
            z[i] = random_word(seed, number + first + i) >> 63 ? -1 : 1;
}

/* What the kernel that collects takes: the product that has arrived is number i = 0, 1, ... of n. */
typedef struct sample {
    int64_t i;
    double n;
} sample_t;

/* The weights with which d becomes the mean of n products; the first product replaces what was there. */
static inline weights_t probe_weights(const tile_t *t) {
    const sample_t *sample = t->arguments;
    return (weights_t){sample->i == 0 ? 0 : 1, (real)(1 / sample->n)};
}

/* d <- keep d + take z (.) Hz */
static inline void probe_collect(const tile_t *t, real *restrict d, const real *restrict z, const real *restrict hz,
                                 weights_t weight) {
    for (size_t i = 0; i < t->n; ++i)
        d[i] = weight.keep * d[i] + weight.take * z[i] * hz[i];
}

/* What an update takes: whether the gradient waits in a state since more has been evaluated. */
typedef struct waiting {
    bool waits;
} waiting_t;
static inline const real *probe_gradient(const tile_t *t, int state) {
    return ((const waiting_t *)t->arguments)->waits ? t->state[state] : t->g;
}

/* ---- The conversation ---- */

/* Moves on to the next probe, which `kernel` draws: the direction of the next product. */
static inline void probe_next(step_t *s, double kind, int64_t *probes, int kernel) {
    const bool walsh = (int)kind == WALSH;
    *probes = walsh ? *probes + 1 : (int64_t)step_draws(s, step_element_count(s));
    step_update(s, kernel, &(probe_t){s->seed, (uint64_t)*probes, walsh});
}

#endif
