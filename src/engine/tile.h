/* One tile at work: its gradient, its station's states, and the kernel that runs on it. */
#ifndef ENGINE_TILE_H
#define ENGINE_TILE_H

#include "engine/engine.h"
#include "engine/part.h"
#include "engine/rows.h"
#include "kernels/primitives.h"

static inline char *tile_gradient(const tile_t *t) {
    const size_t size = dtype_size(t->tensor->grad_dtype);
    return t->tensor->rows != NULL ? rows_gradient(t->tensor->rows, t->offset, size)
                                   : (char *)t->tensor->grad + t->offset * size;
}

/* Whether the station's kernels run on this tensor: it covers it, and the tensor is not frozen. */
static inline bool station_takes(const station_t *station, const tensor_t *tensor) {
    return !tensor_is_frozen(tensor) && station_has(station, tensor);
}

/* Points the tile at what the call's kernel sees: its station's states and sums, constants, arguments; states kept in a
 * shorter form are widened into `room`. */
void tile_bind(const engine_t *engine, tile_t *t, const call_t *call, part_scratch_t *room);

/* Puts widened states back into their form, after a kernel that may have changed them. */
void tile_unbind(const engine_t *engine, const tile_t *t, const station_t *station, part_scratch_t *room);

/* Binds, runs the kernel, unbinds. */
void tile_run(const engine_t *engine, tile_t *t, const call_t *call, part_scratch_t *room);

/* The gradient of the tile as the filters leave it; copied into `room` where it must not be changed in place. */
void tile_open_gradient(const engine_t *engine, tile_t *t, void *room, part_scratch_t *scratch);

/* ---- whole.c ---- */

/* Room for all of a parameter as reals, or for what else needs_of has counted there. */
void *whole_room(const engine_t *engine);

/* All of the parameter of t->tensor as reals, in t->p: where it lies, or gathered tile by tile; and back. */
void whole_open_parameter(const engine_t *engine, tile_t *t);
void whole_close_parameter(const engine_t *engine, const tile_t *t);

#endif
