/*
 * Bilevel methods that keep z, the minimiser of G(x, .), beside y: parameters have role=x or role=y, z is a state of
 * those with role=y, and is visited by the parameters y when a gradient at (x, z) is wanted.
 *
 * A method that uses this puts LOWER_LEVEL_STATES first into its state table (or LOWER_LEVEL_ROWS and a row Z of its
 * own), LOWER_LEVEL_KERNELS first among its kernels, a lower_level_t first into its constants, LOWER_LEVEL_INPUT first
 * among its inputs, and has LOWER_LEVEL_ROLES and lower_level_refuses_inputs.
 */
#ifndef BLOCKS_LOWER_LEVEL_H
#define BLOCKS_LOWER_LEVEL_H

#include <string.h>

#include "engine/method.h"

#define LOWER_LEVEL_ROLES "x|y"
enum { X_ROLE, Y_ROLE };
enum { OF_X = 1 << X_ROLE, OF_Y = 1 << Y_ROLE }; /* masks of requests */
enum { UPPER, LOWER };                           /* objectives: F, G */

static bool is_y(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor->role == Y_ROLE;
}

enum { START, Y, H, Z };
#define LOWER_LEVEL_ROWS                                                                                               \
    [START] = {"start", "where the step began", LIKE_PARAM, RESTORE_POINT},                                            \
    [Y] = {"y", "y, in the precision of states", LIKE_PARAM, WITHIN_STEP, .exists = is_y},                             \
    [H] = {"h", "the part of a direction that is known", LIKE_PARAM, WITHIN_STEP}
#define LOWER_LEVEL_COPY(name, doc)                                                                                    \
    [Z] = {name, doc, LIKE_PARAM, KEPT, .exists = is_y, .from_param = true, .undone = true}
#define LOWER_LEVEL_STATES LOWER_LEVEL_ROWS, LOWER_LEVEL_COPY("z", "the minimiser of the lower level")

#define LOWER_LEVEL_INPUT(name)                                                                                        \
    { name, "where " name " starts, with the shape of the parameter; without it at y", INPUT_OF_PARAMETER, true }

/* For method_t.refuses_inputs: the start of z that the caller hands in must suit its parameter. */
static const char *lower_level_refuses_inputs(const step_t *s) {
    for (size_t i = 0; i < step_tensor_count(s); ++i) {
        const input_view_t *z = step_tensor_input(s, i, 0);
        if (z != NULL && z->count != step_parameter(s, i)->count)
            return "its input, where the lower level starts, must have as many elements as the parameter it is for";
    }
    return NULL;
}

typedef struct lower_level {
    bool first; /* step of the tensor */
} lower_level_t;

static void begin(const tile_t *t) {
    real room[CHUNK_ELEMENTS];
    memcpy(t->state[START], t->p, t->n * sizeof(real));
    if (t->tensor->role != Y_ROLE)
        return;
    memcpy(t->state[Y], t->p, t->n * sizeof(real));
    for (size_t i = 0; ((const lower_level_t *)t->constants)->first && i < t->n; i += CHUNK_ELEMENTS) {
        const tile_t chunk = tile_chunk(t, i, Z + 1);
        const real *z = tile_input(&chunk, 0, room);
        if (z != NULL)
            memcpy(chunk.state[Z], z, chunk.n * sizeof(real));
    }
}

static void go_to_z(const tile_t *t) {
    if (t->tensor->role == Y_ROLE)
        memcpy(t->p, t->state[Z], t->n * sizeof(real));
}
static void go_to_y(const tile_t *t) {
    if (t->tensor->role == Y_ROLE)
        memcpy(t->p, t->state[Y], t->n * sizeof(real));
}

/* h <- g */
static void keep(const tile_t *t) {
    memcpy(t->state[H], t->g, t->n * sizeof(real));
}

enum { BEGIN, GO_TO_Z, GO_TO_Y, KEEP, LOWER_LEVEL_KERNEL_COUNT };
#define LOWER_LEVEL_KERNELS begin, go_to_z, go_to_y, keep

#endif
