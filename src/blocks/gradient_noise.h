/*
 * Normal noise on gradients, for experiments with methods that are made for noisy ones. The noise of all parameters of
 * one role is one vector of the handle's stream, in the order of their elements.
 *
 * A method puts gradient_noise among its kernels, with sizeof(gradient_noise_t) as its arguments, and makes it a filter
 * when a gradient has arrived, with what gradient_noise_draw returns.
 */
#ifndef BLOCKS_GRADIENT_NOISE_H
#define BLOCKS_GRADIENT_NOISE_H

#include "engine/method.h"
#include "kernels/random.h"

typedef struct gradient_noise {
    double sigma;
    uint64_t seed, first; /* word of the stream for element 0 of the role */
} gradient_noise_t;

static void gradient_noise(const tile_t *t) {
    const gradient_noise_t *noise = t->arguments;
    const uint64_t first = noise->first + 2 * (t->tensor->first_of_role + t->offset);
    real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        g[i] += (real)(noise->sigma * random_normal(noise->seed, first + 2 * i));
}

/* Draws so many normals as parameters of this role have elements: noise of that gradient. */
static gradient_noise_t gradient_noise_draw(step_t *s, double sigma, int role) {
    uint64_t count = 0;
    for (size_t i = 0; i < step_tensor_count(s); ++i)
        if (step_parameter(s, i)->role == role) /* not NULL: these methods share no handle */
            count += step_parameter(s, i)->count;
    return (gradient_noise_t){sigma, s->seed, step_draws(s, 2 * count)};
}

#endif
