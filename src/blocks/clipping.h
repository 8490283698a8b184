/*
 * Clipping as clip_adagrad, clip_adam, clipped_sgd and clipped_sstm have it: clip_c(g) with the level c of the option
 * clip.
 *
 *     none   g
 *     norm   g min(1, c / |g|),  |g| over all tensors of all groups
 *     layer  the same, tensor by tensor
 *     coord  min(max(g, -c), c)
 *
 * Nothing is added to a norm (public code adds 1e-6 or 1e-8); a norm of 0 leaves g as it is. A method has the two
 * options and the state, and a kernel that calls clip_squares and is run by clip_measure.
 */
#ifndef BLOCKS_CLIPPING_H
#define BLOCKS_CLIPPING_H

#include <tgmath.h>

#include "engine/method.h"

enum { CLIP_NONE, CLIP_NORM, CLIP_LAYER, CLIP_COORD };
#define CLIP_LEVEL_OPTION "clip", 1, "(0,inf)", "level of clipping"
#define CLIP_TYPE_OPTION "clip_type", CLIP_NORM, "none|norm|layer|coord", "what is kept at or below the level"
#define CLIP_NORM_STATE "norm", "of the whole gradient", PER_METHOD, WITHIN_STEP

typedef struct clip {
    int type;
    double level, norm; /* of the whole gradient */
} clip_t;

/* What multiplies the gradient of a tensor whose squares have this sum ... */
static inline double clip_factor(const clip_t *clip, double tensor_square) {
    const bool scales = clip->type == CLIP_NORM || clip->type == CLIP_LAYER;
    const double norm = clip->type == CLIP_LAYER ? sqrt(tensor_square) : clip->norm;
    return scales && norm > clip->level ? clip->level / norm : 1;
}

/* ... and what then bounds every element. */
static inline double clip_limit(const clip_t *clip) {
    return clip->type == CLIP_COORD ? clip->level : HUGE_VAL;
}

/* NaN stays NaN. */
static inline real clipped(real g, real factor, real limit) {
    return smaller(limit, larger(-limit, factor * g));
}

/* Squares of g + l2 p, and of the same limited element by element: for the norms, and for clip_square. */
static inline void clip_squares(const tile_t *t, const clip_t *clip, double l2) {
    const real decay = (real)l2, limit = (real)clip_limit(clip);
    const real *restrict g = t->g, *restrict p = t->p;
    double *restrict square = t->term[0], *restrict limited = t->term[1];
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + decay * p[i], c = clipped(gi, 1, limit);
        square[i] = (double)gi * (double)gi;
        limited[i] = (double)c * (double)c;
    }
}

/* The sum of the clipped squares of one tensor, from the sums of both terms. */
static inline double clip_square(const clip_t *clip, const double *sums) {
    const double factor = clip_factor(clip, sums[0]);
    return clip->type == CLIP_COORD ? sums[1] : factor * factor * sums[0];
}

/* Runs the kernel that calls clip_squares, and keeps the norm. */
static inline void clip_measure(step_t *s, int kernel, int norm) {
    *s->scalar[norm] = sqrt(step_reduce(s, kernel, NULL, 2)[0]);
}

/* Whether any group clips by a norm. */
static inline bool clip_needs_norms(step_t *s, int clip_type) {
    for (int i = 0; i < s->groups; ++i) {
        const double type = step_group(s, i).option[clip_type];
        if ((int)type == CLIP_NORM || (int)type == CLIP_LAYER)
            return true;
    }
    return false;
}

#endif
