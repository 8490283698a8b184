#include "engine/storage.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"
#include "engine/handle_option.h"
#include "kernels/random.h"

/* ---- Forms ---- */

static double option_of(const station_t *station, const tensor_t *tensor, const char *name) {
    return method_option(station->method, name, station_option(station, tensor->group));
}

static const double *engine_option(const engine_t *engine, const tensor_t *tensor) {
    return station_option(engine->storage, tensor->group);
}

bool storage_may_be_short(const method_t *method) {
    return (method->flags & (CUTS_EXACTLY | BY_ELEMENT)) != 0;
}

/* Whether the state may be kept shorter: a point or a sum may not. */
static bool may_be_short(const station_t *station, const state_t *state) {
    return station->is_method && storage_may_be_short(station->method) && state_is_by_element(state) &&
           !state->from_param && !state->exact && (state->role == KEPT || state->role == FIRST_MOMENT);
}

stored_t storage_plain(state_type_t type) {
    return type == TYPE_REAL ? STORED_REAL : (stored_t)(STORED_DOUBLE + (type - TYPE_DOUBLE));
}

stored_t storage_form(const engine_t *engine, const station_t *station, const state_t *state, const tensor_t *tensor) {
    static const stored_t FORMS[] = {
        [STATE_FULL] = STORED_REAL, [STATE_F32] = STORED_F32,   [STATE_BF16] = STORED_BF16,
        [STATE_INT8] = STORED_INT8, [STATE_INT4] = STORED_INT4,
    };
    const double *option = engine_option(engine, tensor);
    if (state->type != TYPE_REAL)
        return storage_plain(state->type);
    if (state->as_param)
        return STORED_PARAM;
    if (!may_be_short(station, state))
        return STORED_REAL;
    if (station->method->flags & OWN_STORAGE)
        return (double)tensor->count >= option_of(station, tensor, "min_8bit_size") ? STORED_INT8 : STORED_REAL;
    return (double)tensor->count >= option[STATE_MIN] ? FORMS[(int)option[STATE_DTYPE]] : STORED_REAL;
}

size_t storage_block(const engine_t *engine, const tensor_t *tensor) {
    const station_t *owner = tensor->owner;
    if (owner->method->flags & OWN_STORAGE)
        return size_of_number(option_of(owner, tensor, "block_size"));
    const double *option = engine_option(engine, tensor);
    const size_t block = size_of_number(option[STATE_BLOCK]);
    return (int)option[STATE_DTYPE] == STATE_INT4 ? (block + 1) / 2 : block;
}

bool storage_keeps_sign(const tensor_t *tensor) {
    const station_t *owner = tensor->owner;
    return (owner->method->flags & OWN_STORAGE) && option_of(owner, tensor, "keep_sign") != 0;
}

static optim_dtype dtype_of(stored_t form, const tensor_t *tensor) {
    return form == STORED_F32 ? OPTIM_F32 : form == STORED_BF16 ? OPTIM_BF16 : tensor->dtype;
}

size_t storage_code_bytes(stored_t form, const tensor_t *tensor, size_t elements) {
    const size_t block = tensor->block, rest = elements % block;
    return form == STORED_INT4 ? elements / block * ((block + 1) / 2) + (rest + 1) / 2 : elements;
}

size_t storage_element(stored_t form, const tensor_t *tensor) {
    static const size_t PLAIN[] = {sizeof(double), sizeof(uint8_t), sizeof(uint16_t), sizeof(uint32_t)};
    if (form >= STORED_DOUBLE)
        return PLAIN[form - STORED_DOUBLE];
    return form == STORED_REAL ? tensor_real(tensor) : dtype_size(dtype_of(form, tensor));
}

size_t storage_bytes(stored_t form, const tensor_t *tensor, size_t reals) {
    size_t bytes, scales;
    if (stored_is_codes(form)) {
        const size_t blocks = reals / tensor->block + (reals % tensor->block != 0);
        if (!size_multiply(blocks, tensor_real(tensor), &scales))
            return SIZE_MAX;
        const size_t codes = storage_code_bytes(form, tensor, reals);
        return size_add(size_aligned(codes), scales, &bytes) ? size_aligned(bytes) : SIZE_MAX;
    }
    return size_multiply(reals, storage_element(form, tensor), &bytes) ? size_aligned(bytes) : SIZE_MAX;
}

/* ---- States ---- */

static char *copy_of(const slot_t *slot, size_t copy) {
    return (char *)slot->at + copy * slot->bytes;
}

/* Codes of the tile, and the scale of its first block: tiles begin with a block. */
static uint8_t *codes_of(const slot_t *slot, size_t copy, const tile_t *t) {
    return (uint8_t *)copy_of(slot, copy) + storage_code_bytes(slot->form, t->tensor, t->offset);
}
static char *scales_of(const slot_t *slot, size_t copy, const tile_t *t) {
    char *scales = copy_of(slot, copy) + size_aligned(storage_code_bytes(slot->form, t->tensor, t->tensor->count));
    return scales + t->offset / t->tensor->block * tensor_real(t->tensor);
}

/* The table for codes of 8 bits or 4, of signed or nonnegative numbers. */
static const quantize_table_t *table_of(const engine_t *engine, const slot_t *slot) {
    return &engine->tables[2 * (slot->form == STORED_INT4) + slot->nonnegative];
}

static void decode(const engine_t *engine, const slot_t *slot, size_t copy, const tile_t *t, void *reals) {
    const quantizer_t *quantizer = engine->primitives->quantizer;
    const quantize_table_t *table = table_of(engine, slot);
    const size_t block = t->tensor->block, bytes = storage_code_bytes(slot->form, t->tensor, block);
    const uint8_t *code = codes_of(slot, copy, t);
    const char *scales = scales_of(slot, copy, t);
    const bool wide = tensor_precision(t->tensor) == PRECISION_F64;
    for (size_t i = 0, b = 0; i < t->n; i += block, ++b, code += bytes) {
        const size_t n = t->n - i < block ? t->n - i : block;
        if (wide)
            quantizer->decode_f64(table, n, code, ((const double *)(const void *)scales)[b], (double *)reals + i);
        else
            quantizer->decode_f32(table, n, code, ((const float *)(const void *)scales)[b], (float *)reals + i);
    }
}

static void encode(const engine_t *engine, const slot_t *slot, size_t copy, const tile_t *t, const void *reals) {
    const quantizer_t *quantizer = engine->primitives->quantizer;
    const quantize_table_t *table = table_of(engine, slot);
    const size_t block = t->tensor->block, bytes = storage_code_bytes(slot->form, t->tensor, block);
    const bool wide = tensor_precision(t->tensor) == PRECISION_F64, keep_sign = slot->keep_sign;
    uint8_t *code = codes_of(slot, copy, t);
    char *scales = scales_of(slot, copy, t);
    for (size_t i = 0, b = 0; i < t->n; i += block, ++b, code += bytes) {
        const size_t n = t->n - i < block ? t->n - i : block;
        if (wide)
            ((double *)(void *)scales)[b] = quantizer->encode_f64(table, n, (const double *)reals + i, keep_sign, code);
        else
            ((float *)(void *)scales)[b] = quantizer->encode_f32(table, n, (const float *)reals + i, keep_sign, code);
    }
}

void storage_load(const engine_t *engine, const slot_t *slot, size_t copy, const tile_t *t, void *reals) {
    if (stored_is_codes(slot->form)) {
        decode(engine, slot, copy, t, reals);
        return;
    }
    const optim_dtype dtype = dtype_of(slot->form, t->tensor);
    storage_read(engine, t->tensor, dtype, t->n, copy_of(slot, copy) + t->offset * dtype_size(dtype), reals);
}

void storage_write(const engine_t *engine, const tensor_t *tensor, optim_dtype dtype, size_t n, const void *from,
                   void *to) {
    primitives_store(engine->primitives, tensor_precision(tensor) == PRECISION_F64, dtype, n, from, to);
}

void storage_store(const engine_t *engine, const slot_t *slot, size_t copy, const tile_t *t, const void *reals) {
    if (stored_is_codes(slot->form)) {
        encode(engine, slot, copy, t, reals);
        return;
    }
    const optim_dtype dtype = dtype_of(slot->form, t->tensor);
    storage_write(engine, t->tensor, dtype, t->n, reals, copy_of(slot, copy) + t->offset * dtype_size(dtype));
}

/* ---- Parameters ---- */

bool storage_is_real(const tensor_t *tensor, optim_dtype dtype, const void *buffer) {
    const size_t real = tensor_real(tensor);
    return dtype == (real == sizeof(double) ? OPTIM_F64 : OPTIM_F32) && (uintptr_t)buffer % real == 0;
}

void storage_read(const engine_t *engine, const tensor_t *tensor, optim_dtype dtype, size_t n, const void *from,
                  void *to) {
    primitives_load(engine->primitives, tensor_precision(tensor) == PRECISION_F64, dtype, n, from, to);
}

static const slot_t *own_slot(const engine_t *engine, const tensor_t *tensor, size_t state) {
    return &engine->storage->slot[tensor->id * engine->storage->states + state];
}

static char *data_at(const tile_t *t) {
    return (char *)t->tensor->data + t->offset * dtype_size(t->tensor->dtype);
}

/* Carries have the parameter's format. */
static char *carry_at(const slot_t *carry, const tile_t *t) {
    return copy_of(carry, 0) + t->offset * dtype_size(t->tensor->dtype);
}

bool storage_in_place(const engine_t *engine, const tensor_t *tensor) {
    return own_slot(engine, tensor, STORAGE_MASTER)->at == NULL && storage_is_real(tensor, tensor->dtype, tensor->data);
}

void storage_open_parameters(const engine_t *engine, tile_t *t, void *room) {
    if (t->tensor->plain_data) {
        t->p = data_at(t);
        return;
    }
    const slot_t *master = own_slot(engine, t->tensor, STORAGE_MASTER),
                 *carry = own_slot(engine, t->tensor, STORAGE_CARRY);
    if (master->at != NULL) {
        t->p = (char *)master->at + t->offset * sizeof(float);
        return;
    }
    t->p = room;
    if (carry->at != NULL)
        engine->primitives->load_carried(t->tensor->dtype, t->n, data_at(t), carry_at(carry, t), room);
    else
        storage_read(engine, t->tensor, t->tensor->dtype, t->n, data_at(t), room);
}

void storage_close_parameters(const engine_t *engine, const tile_t *t) {
    char *data = data_at(t);
    if (t->p == data)
        return;
    const slot_t *carry = own_slot(engine, t->tensor, STORAGE_CARRY);
    const bool is_short = dtype_size(t->tensor->dtype) == 2;
    if (is_short && (int)engine_option(engine, t->tensor)[ROUNDING] == ROUND_STOCHASTIC) {
        const uint64_t key = random_word(engine->rounding_key, t->tensor->id + 1);
        engine->primitives->store_random(t->tensor->dtype, t->n, t->p, key, t->offset, data);
    } else if (carry->at != NULL)
        engine->primitives->store_carried(t->tensor->dtype, t->n, t->p, data, carry_at(carry, t));
    else
        storage_write(engine, t->tensor, t->tensor->dtype, t->n, t->p, data);
}

void storage_replace_parameters(const engine_t *engine, tile_t *t, const void *reals) {
    const slot_t *master = own_slot(engine, t->tensor, STORAGE_MASTER);
    t->p = (void *)(uintptr_t)reals; /* read only: closing copies out of it */
    if (master->at != NULL)
        memcpy((char *)master->at + t->offset * sizeof(float), reals, t->n * sizeof(float));
    storage_close_parameters(engine, t);
}
