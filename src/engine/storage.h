/* In which form the parameters and states of a tile are kept between steps, and how they get in and out of it. */
#ifndef ENGINE_STORAGE_H
#define ENGINE_STORAGE_H

#include "engine/engine.h"

/* Reals kept as they are, narrower numbers, or codes in blocks. */
typedef enum stored {
    STORED_REAL,
    STORED_F32,
    STORED_BF16,
    STORED_PARAM, /* as the parameter */
    STORED_INT8,
    STORED_INT4,   /* two codes a byte, the first in the lower half; every block begins with a byte */
    STORED_DOUBLE, /* from here on: numbers of that type, in which the method keeps them and sees them */
    STORED_U8,
    STORED_U16,
    STORED_U32
} stored_t;

/* Whether the method's states may be kept short: widening and narrowing them again is harmless once a step only. */
bool storage_may_be_short(const method_t *method);

/* The form in which kernels see a state of this type. */
stored_t storage_plain(state_type_t type);

/* The form of `state` for this tensor. */
stored_t storage_form(const engine_t *engine, const station_t *station, const state_t *state, const tensor_t *tensor);
/* Of codes: how many elements share a scale; whether an encoded number may not have another sign than before. */
size_t storage_block(const engine_t *engine, const tensor_t *tensor);
bool storage_keeps_sign(const tensor_t *tensor);

static inline bool stored_is_codes(stored_t form) {
    return form == STORED_INT8 || form == STORED_INT4;
}

/* Bytes of the codes of a tensor's first `elements` elements, without their scales, which lie behind all codes of a
 * copy. */
size_t storage_code_bytes(stored_t form, const tensor_t *tensor, size_t elements);

/* Bytes of an element in a form other than codes. */
size_t storage_element(stored_t form, const tensor_t *tensor);
/* Bytes of one copy of `reals` in this form; SIZE_MAX if that overflows. */
size_t storage_bytes(stored_t form, const tensor_t *tensor, size_t reals);

/* A copy of a state, from element `offset` on: out of its form into reals, and back. */
void storage_load(const engine_t *engine, const slot_t *slot, size_t copy, const tile_t *t, void *reals);
void storage_store(const engine_t *engine, const slot_t *slot, size_t copy, const tile_t *t, const void *reals);

/* The tile's parameters into t->p (in place, or in `room`), and back to where they are kept. */
void storage_open_parameters(const engine_t *engine, tile_t *t, void *room);
void storage_close_parameters(const engine_t *engine, const tile_t *t);

/* Whether kernels work on the caller's parameters themselves. */
bool storage_in_place(const engine_t *engine, const tensor_t *tensor);

/* Puts reals in the place of the tile's parameters, wherever they are kept. */
void storage_replace_parameters(const engine_t *engine, tile_t *t, const void *reals);

/* Any buffer as reals of the tensor's precision, and back, rounding to nearest. */
void storage_read(const engine_t *engine, const tensor_t *tensor, optim_dtype dtype, size_t n, const void *from,
                  void *to);
void storage_write(const engine_t *engine, const tensor_t *tensor, optim_dtype dtype, size_t n, const void *from,
                   void *to);
/* Whether kernels may work on the caller's buffer itself. */
bool storage_is_real(const tensor_t *tensor, optim_dtype dtype, const void *buffer);

#endif
