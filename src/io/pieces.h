/* The arrays that a checkpoint keeps of a handle: states by parameter, in the form in which they lie in memory. */
#ifndef IO_PIECES_H
#define IO_PIECES_H

#include "io/safetensors.h"
#include "io/stream.h"
#include "optimizer/optimizer.h"

/* One array: `copies` runs of `bytes` bytes, `stride` apart. */
typedef struct piece {
    char *name; /* PARAMETER/METHOD.STATE */
    const char *dtype;
    const tensor_t *like; /* whose dimensions it has; NULL: it has one, `elements` */
    size_t elements;      /* of a copy */
    char *at;
    size_t copies, bytes, stride; /* several copies are one more dimension, the first */
    const station_t *station; /* of numbers, NULL otherwise: what they may be is for the field's row to say */
    const field_t *field;
    int group;
    const state_t *shaped; /* of an array with dimensions of its own, or of axis `axis` of tensor `of`; else NULL */
    const tensor_t *of;
    const double *option;
    int axis;
} piece_t;

typedef struct pieces {
    size_t count, capacity;
    piece_t *piece; /* widest elements first, so that all are aligned in the file */
} pieces_t;

/* Of a planned handle; of another there are none. `stateless`, if not NULL, tells by parameter of which those are left
 * out that a tensor gets with its first gradient. Errors: NOMEM, VALUE (a name that is not UTF-8). */
optim_status pieces_make(pieces_t *pieces, const optim_t *opt, const bool *stateless);
void pieces_free(pieces_t *pieces);

/* Bytes of all copies of a piece. */
static inline size_t piece_bytes(const piece_t *piece) {
    return piece->copies * piece->bytes;
}

shape_t piece_shape(const piece_t *piece);

#endif
