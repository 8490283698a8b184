/* Compressors that options of methods name, in a step. */
#include <string.h>

#include "base/memory.h"
#include "engine/slots.h"
#include "engine/tile.h"

/* ---- What is compressed, and how ---- */

static bool is_compressor(const option_t *option) {
    return strcmp(option->range, "compressor") == 0;
}

/* Whether all tensors are one vector. */
static bool is_global(const station_t *station) {
    const option_t *table = station->method->options;
    const int scope = option_find(table, "scope", strlen("scope"));
    char word[OPTION_TEXT];
    if (scope < 0)
        return false;
    option_text(&table[scope], station_option(station, station->first_group)[scope], word);
    return strcmp(word, "global") == 0;
}

typedef struct compression {
    const compressor_t *compressor; /* NULL: the option names none */
    compressor_call_t call;
} compression_t;

static compression_t compression_of(const engine_t *engine, const station_t *station, int group, int option,
                                    int precision) {
    const double *values = station_option(station, group);
    compression_t compression = {.compressor = NULL};
    if (values == NULL || values[option] < 0 || !is_compressor(&station->method->options[option]))
        return compression;
    compression.compressor = engine->compressor_at(engine->level, (size_t)values[option])->precision[precision];
    compression.call = (compressor_call_t){.option = values + option_inner(station->method->options, (size_t)option),
                                           .work = (double *)(void *)engine->large_room};
    return compression;
}

/* real v[0..n) becomes C(v), in the step with this number: 1, 2, ... */
static void compress(step_t *s, compression_t *c, double t, size_t rows, size_t n, void *v) {
    c->call.step = t - 1;
    c->call.rows = rows;
    c->call.seed = s->seed;
    c->call.first = c->compressor->draws == NULL ? 0 : step_draws(s, c->compressor->draws(c->call.option, n));
    c->compressor->apply(&c->call, n, v);
}

/* Where tensor `i` keeps the state; NULL: it takes no part. */
static void *state_of(const step_t *s, size_t i, int state) {
    const tensor_t *tensor = &s->engine->tensors[i];
    if (!station_takes(s->station, tensor) || tensor->count == 0)
        return NULL;
    return s->station->slot[i * s->station->states + (size_t)state].at;
}

/* ---- Tensor by tensor, or all in one row ---- */

static void compress_each(step_t *s, int option, int state) {
    const engine_t *engine = s->engine;
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        compression_t c = compression_of(engine, s->station, tensor->group, option, tensor_precision(tensor));
        if (state_of(s, i, state) != NULL && c.compressor != NULL)
            compress(s, &c, step_tensor_clock(s, i), compressor_rows(tensor->ndim, tensor->dims), tensor->count,
                     state_of(s, i, state));
    }
}

/* All tensors' states into the row, or (`back`) out of it: in double, which holds floats exactly. */
static size_t move_row(const step_t *s, int state, double *row, bool back) {
    const engine_t *engine = s->engine;
    size_t n = 0;
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        void *at = state_of(s, i, state);
        const optim_dtype dtype = tensor_real_dtype(tensor);
        if (at == NULL)
            continue;
        if (back)
            engine->primitives->store_f64(dtype, tensor->count, row + n, at);
        else
            engine->primitives->load_f64(dtype, tensor->count, at, row + n);
        n += tensor->count;
    }
    return n;
}

static void compress_all(step_t *s, int option, int state) {
    compression_t c = compression_of(s->engine, s->station, s->station->first_group, option, PRECISION_F64);
    double *row = whole_room(s->engine);
    if (c.compressor == NULL)
        return;
    const size_t n = move_row(s, state, row, false);
    if (n == 0)
        return;
    compress(s, &c, s->t, 0, n, row);
    (void)move_row(s, state, row, true);
}

void step_compress(step_t *s, int option, int state) {
    if (pass_is_put_off(s->engine, s->station))
        return;
    pass_flush(s->engine, NULL);
    if (is_global(s->station))
        compress_all(s, option, state);
    else
        compress_each(s, option, state);
}

/* ---- Memory ---- */

static bool has_compressor(const station_t *station) {
    const option_t *table = station->method->options;
    for (int row = 0; table != NULL && table[row].name != NULL; ++row)
        if (is_compressor(&table[row]))
            return true;
    return false;
}

/* Room is no more than the vector, whatever the compressor. */
bool compression_needs(const engine_t *engine, const station_t *station, size_t *whole, size_t *work) {
    const bool is_row = has_compressor(station) && is_global(station);
    size_t n = 0;
    *whole = *work = 0;
    if (!has_compressor(station))
        return true;
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        if (!station_has(station, tensor))
            continue;
        if (is_row && !size_add(n, tensor->count, &n))
            return false;
        if (!is_row)
            n = tensor->count > n ? tensor->count : n;
    }
    if (!size_multiply(n, sizeof(double), work))
        return false;
    *whole = is_row ? *work : 0;
    return true;
}
