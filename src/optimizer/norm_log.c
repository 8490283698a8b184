/* The log of gradient norms: one pass over the gradients a step, tile by tile, summed in the order of tiles. */
#include <math.h>

#include "base/error.h"
#include "engine/rows.h"
#include "optimizer/optimizer.h"

optim_status optim_record_norms(optim_t *opt, int norm, double *log, size_t capacity) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK && (norm < OPTIM_NORM_NONE || norm > OPTIM_NORM_L2))
        status = error_set(OPTIM_ERR_ARGUMENT, "there is no norm %d; valid: OPTIM_NORM_NONE, _L1, _L2", norm);
    if (status == OPTIM_OK && norm != OPTIM_NORM_NONE && capacity > 0)
        status = refuse_null(log, "log");
    if (status == OPTIM_OK)
        status = refuse_open(opt, "changing the log of norms");
    if (status == OPTIM_OK && norm != OPTIM_NORM_NONE)
        status = replicas_refuse_shard(opt, "recording norms");
    if (status == OPTIM_OK)
        opt->norm_log = (norm_log_t){.norm = norm, .log = log, .capacity = norm == OPTIM_NORM_NONE ? 0 : capacity};
    return status;
}

size_t optim_recorded(const optim_t *opt) {
    return opt == NULL ? 0 : opt->norm_log.count;
}

/* Sum of |g| or g^2 over one tile of the bound gradients, or of the sum of those that were accumulated. */
static double tile_sum(const optim_t *opt, const tile_ref_t *tile) {
    double chunk[READ_ELEMENTS], sum = 0;
    const engine_t *engine = &opt->engine;
    const tensor_t *tensor = &engine->tensors[tile->tensor];
    const bool accumulated = accumulation_exists(opt);
    const optim_dtype dtype = tensor_real_dtype(tensor);
    const int norm = opt->norm_log.norm;
    const void *sum_so_far = accumulated ? accumulation_sum(opt, tile->tensor) : NULL;
    const size_t end = tile->offset + tile->n;
    for (size_t at = tile->offset, n;
         (n = accumulated ? primitives_read(engine->primitives, dtype, sum_so_far, end, at, chunk)
                          : gradient_read(engine->primitives, tensor, end, at, chunk)) > 0;
         at += n) {
        for (size_t i = 0; i < n; ++i)
            chunk[i] = norm == OPTIM_NORM_L1 ? fabs(chunk[i]) : chunk[i] * chunk[i];
        sum += engine->primitives->sum(n, chunk);
    }
    return sum;
}

static void sum_part(const engine_t *engine, int part, void *context) {
    const optim_t *opt = context;
    for (size_t i = engine->part[part]; i < engine->part[part + 1]; ++i)
        engine->partial[i * METHOD_SUMS] =
            !tensor_has_gradient(&engine->tensors[engine->tiles[i].tensor]) ? 0 : tile_sum(opt, &engine->tiles[i]);
}

void norm_log_begin(optim_t *opt) {
    const engine_t *engine = &opt->engine;
    double sum = 0;
    if (opt->norm_log.count == opt->norm_log.capacity)
        return;
    engine_parallel(engine, sum_part, opt);
    for (size_t i = 0; i < engine->tile_count; ++i)
        sum += engine->partial[i * METHOD_SUMS];
    opt->norm_log.open = opt->norm_log.norm == OPTIM_NORM_L1 ? sum : sqrt(sum);
    if (accumulation_exists(opt))
        opt->norm_log.open = accumulation_mean(opt, opt->norm_log.open);
}

void norm_log_finish(optim_t *opt) {
    if (opt->norm_log.count < opt->norm_log.capacity)
        opt->norm_log.log[opt->norm_log.count++] = opt->norm_log.open;
}
