/*
 * For methods that clip the gradient of every sample before they are added up, and add noise: the loop of a step, and
 * the options they share.
 *
 *     for every sample i:  MEASURE writes the squares of its gradient;  ADD adds the clipped gradient to a sum
 *     MOVE takes the sum and, if any group has noise, standard normal numbers
 *
 * With one sample the step begins with its gradient, as of any method. With more it asks for all: sample i's is that of
 * component i, and the parameters stay until the last is there.
 */
#ifndef BLOCKS_SAMPLES_H
#define BLOCKS_SAMPLES_H

#include "blocks/agree.h"
#include "blocks/noise.h"
#include "blocks/reduce.h"

enum { LR, SAMPLES, NOISE, OWN_OPTIONS };
#define SAMPLES_ROWS                                                                                                   \
    [LR] = {"lr", 0.01, "[0,inf)", "step size"},                                                                       \
    [SAMPLES] = {"samples", 1, "integer [1,65536]", "n: gradients in a step, each of one sample"},                     \
    [NOISE] = {"noise", 0, "[0,inf)", "noise multiplier: deviation of the noise over what one sample can change"}

enum { MEASURE, ADD, MOVE };

/* The method's memory, within a step. */
typedef struct samples {
    int64_t i;
    double tensors; /* that take the step */
    double norm[2]; /* roots of the sums of MEASURE: of the gradient of sample i, and of what else there is */
} samples_t;

/* What ADD and MOVE take. */
typedef struct sample {
    double norm;
    bool is_first;
} sample_t;
typedef struct move {
    double norm; /* the second one */
    noise_t z;
} move_t;

/* What brings a vector of this length to `most`, if it is longer. */
static inline double samples_clip(double length, double most) {
    return length > most ? most / length : 1;
}

/* sum <- sum + factor g, with the first sample factor g; in double, since the factor may be as small as g is large. */
static inline void samples_add(const tile_t *t, double factor, real *restrict sum) {
    const bool is_first = ((const sample_t *)t->arguments)->is_first;
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        sum[i] = (is_first ? 0 : sum[i]) + (real)(factor * (double)g[i]);
}

static inline double samples_tensors(step_t *s) {
    double count = 0;
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        count += step_tensor(s, n) != NULL && step_tensor(s, n)->count > 0;
    return count;
}

static inline noise_t samples_noise(step_t *s) {
    for (int i = 0; i < s->groups; ++i)
        if (step_group(s, i).option[NOISE] > 0)
            return noise_draw(s);
    return (noise_t){0, 0};
}

/* MEASURE adds up `terms` sums, 1 or 2. */
static inline optim_status samples_advance(step_t *s, int terms) {
    samples_t *m = s->memory;
    STEP_BEGIN(s);
    if (!groups_agree(s, SAMPLES))
        return step_fail(s, OPTIM_ERR_VALUE, "samples must be the same in all groups");
    m->tensors = samples_tensors(s);
    for (m->i = 0; (double)m->i < s->option[SAMPLES]; ++m->i) {
        if (s->option[SAMPLES] > 1)
            STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .first = m->i, .count = 1);
        const double *sum = step_sums(s, MEASURE, NULL, terms);
        for (int k = 0; k < terms; ++k)
            m->norm[k] = sqrt(sum[k]);
        step_update(s, ADD, &(sample_t){m->norm[0], m->i == 0});
    }
    step_update(s, MOVE, &(move_t){m->norm[1], samples_noise(s)});
    STEP_END(s);
}

static inline bool samples_ask_for_all(const double *option) {
    return option[SAMPLES] > 1;
}

#endif
