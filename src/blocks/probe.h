/*
 * Probes for the diagonal of the Hessian: z with entries +1 and -1, so that the mean of z (.) Hz is the diagonal.
 *
 * rademacher: drawn, entry i of a probe from word i of those that the probe reserved in the handle's stream, so that
 * any tile draws its own. walsh: entry i of probe k = 1, 2, ... is +1 if popcount(i AND k) is even; over k = 0 .. 2^b -
 * 1 (2^b at least the number of elements) the mean is exact. i is the position in all tensors concatenated.
 */
#ifndef BLOCKS_PROBE_H
#define BLOCKS_PROBE_H

#include "engine/method.h"
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
#define PROBES_ROW                                                                                                     \
    { "probes", "drawn so far", PER_METHOD, KEPT, .whole = true }

typedef struct probe {
    uint64_t seed, number; /* of the Walsh probe, or of its first random word */
    bool walsh;
} probe_t;

static inline probe_t probe_of(const group_t *group, double kind, double number) {
    return (probe_t){group->step->seed, (uint64_t)number, (int)kind == WALSH};
}

/* A random entry is -1 if its number in [0, 1) is at or above 1/2: if the word's first bit is set. */
static inline void probe_draw(const tile_t *t, const probe_t *probe, real *restrict z) {
    const uint64_t first = t->tensor->flat + t->offset, number = probe->number, seed = probe->seed;
    if (probe->walsh)
        for (size_t i = 0; i < t->n; ++i)
            z[i] = __builtin_parityll((first + i) & number) ? -1 : 1;
    else
        for (size_t i = 0; i < t->n; ++i)
            z[i] = random_word(seed, number + first + i) >> 63 ? -1 : 1;
}

/* Moves on to the next probe, which `kernel` draws: the direction of the next product. */
static inline void probe_next(step_t *s, double kind, double *number, int kernel) {
    *number = (int)kind == WALSH ? *number + 1 : (double)step_draws(s, step_element_count(s));
    step_update(s, kernel, NULL);
}

#endif
