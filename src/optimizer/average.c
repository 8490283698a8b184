/* The mean over all ranks of what a step was handed, in buckets of bounded size, one form of numbers after another. */
#include "optimizer/replicas.h"

#include <string.h>

#include "base/memory.h"
#include "optimizer/optimizer.h"
#include "optimizer/problem.h"

/* ---- Vectors that are exchanged ---- */

typedef struct span {
    void *at;
    size_t count;
    optim_dtype dtype, wire; /* as it stands in memory; as it is sent */
} span_t;

/* The tensor's gradient, or the sum of those that were accumulated. */
static span_t gradient_span(const optim_t *opt, const tensor_t *tensor) {
    const uint64_t roles = opt->open == OPTIM_OK ? 0 : opt->engine.request.roles;
    const bool sum = opt->accumulation == ACCUMULATION_MEAN;
    if (!tensor_has_gradient(tensor) || !role_is_among(roles, tensor->role))
        return (span_t){0};
    const optim_dtype dtype = sum ? tensor_real_dtype(tensor) : tensor->grad_dtype;
    const bool rounds = (int)replicas_option(opt, REPLICAS_DTYPE) == REPLICAS_BF16 && dtype_size(dtype) > 2;
    void *at = sum ? (void *)(uintptr_t)accumulation_sum(opt, tensor->id) : tensor->grad;
    return (span_t){at, tensor->count, dtype, rounds ? OPTIM_BF16 : dtype};
}

/* The tensor's Hessian-vector product. */
static span_t product_span(const optim_t *opt, const tensor_t *tensor) {
    const station_t *station = opt->engine.stations[opt->asker];
    for (size_t k = 0; k < station->states; ++k) {
        void *at = station->slot[tensor->id * station->states + k].at;
        if (station->method->states[k].role == PRODUCT && at != NULL && !tensor_is_frozen(tensor))
            return (span_t){at, tensor->count, tensor_real_dtype(tensor), tensor_real_dtype(tensor)};
    }
    return (span_t){0};
}

/* Of the rows of the station that asks for an exchange, one after the other with all tensors. */
static span_t row_span(const optim_t *opt, size_t i) {
    const station_t *station = opt->engine.stations[opt->asker];
    const tensor_t *tensor = &opt->engine.tensors[i % opt->engine.tensor_count];
    const size_t row = i / opt->engine.tensor_count;
    void *at = station->slot[tensor->id * station->states + row].at;
    if (station->method->states[row].role != EXCHANGED || at == NULL || tensor_is_frozen(tensor))
        return (span_t){0};
    return (span_t){at, tensor->count, tensor_real_dtype(tensor), tensor_real_dtype(tensor)};
}

static size_t span_count(const optim_t *opt) {
    if (opt->open == OPTIM_EXCHANGE)
        return opt->engine.tensor_count * opt->engine.stations[opt->asker]->states;
    const bool by_tensor = opt->open == OPTIM_OK || opt->open == OPTIM_EVAL_GRAD || opt->open == OPTIM_EVAL_HVP;
    return by_tensor ? opt->engine.tensor_count : 1;
}

/* Number `i` of what this evaluation brings; a count of 0: nothing. */
static span_t span_of(const optim_t *opt, size_t i) {
    switch (opt->open) {
    case OPTIM_OK:
    case OPTIM_EVAL_GRAD:
        return step_arrival(opt) == opt->engine.station_count - 1 ? gradient_span(opt, &opt->engine.tensors[i])
                                                                  : (span_t){0};
    case OPTIM_EVAL_HVP:
        return product_span(opt, &opt->engine.tensors[i]);
    case OPTIM_EXCHANGE:
        return row_span(opt, i);
    case OPTIM_EVAL_LOSSES:
        return (span_t){opt->answers.losses, (size_t)opt->engine.request.count, OPTIM_F64, OPTIM_F64};
    case OPTIM_EVAL_CONSTRAINTS:
        return (span_t){opt->engine.constraint, engine_constraints(&opt->engine), OPTIM_F64, OPTIM_F64};
    default:
        return (span_t){0};
    }
}

/* ---- Buckets ---- */

static void convert(const primitives_t *primitives, size_t n, optim_dtype from_dtype, const char *from,
                    optim_dtype to_dtype, char *to) {
    double room[READ_ELEMENTS];
    if (from_dtype == to_dtype) {
        memcpy(to, from, n * dtype_size(to_dtype));
        return;
    }
    for (size_t first = 0, k; (k = primitives_read(primitives, from_dtype, from, n, first, room)) > 0; first += k)
        primitives->store_f64(to_dtype, k, room, to + first * dtype_size(to_dtype));
}

/* Whether span `i` is of a tensor that this rank keeps; ALL: of any. */
enum { ALL = -1 };
static bool is_of(const optim_t *opt, size_t i, int rank) {
    return rank == ALL || engine_rank_of(&opt->engine, &opt->engine.tensors[i]) == rank;
}

/* The next `n` elements that a rank keeps and that are sent in this form: into the bucket, or back out of it. */
static void move(const optim_t *opt, int rank, optim_dtype wire, place_t *place, size_t n, char *bucket, bool back) {
    for (; n > 0; ++place->span, place->offset = 0) {
        const span_t span = span_of(opt, place->span);
        if (span.count == 0 || span.wire != wire || !is_of(opt, place->span, rank))
            continue;
        const size_t k = size_smaller(n, span.count - place->offset);
        char *at = (char *)span.at + place->offset * dtype_size(span.dtype);
        if (back)
            convert(opt->engine.primitives, k, wire, bucket, span.dtype, at);
        else
            convert(opt->engine.primitives, k, span.dtype, at, wire, bucket);
        bucket += k * dtype_size(wire);
        n -= k;
        if (place->offset + k < span.count) {
            place->offset += k;
            return;
        }
    }
}

static size_t elements_in(const optim_t *opt, int rank, optim_dtype wire) {
    size_t count = 0;
    for (size_t i = 0; i < span_count(opt); ++i) {
        const span_t span = span_of(opt, i);
        count += span.wire == wire && span.count > 0 && is_of(opt, i, rank) ? span.count : 0;
    }
    return count;
}

/* Of all that is sent in one form: each rank gets the mean of what it keeps. */
static optim_status scatter_form(optim_t *opt, optim_dtype wire) {
    replicas_t *r = &opt->replicas;
    const size_t ranks = (size_t)r->comm.ranks, size = dtype_size(wire), room = r->room / size / ranks;
    const int rank = r->comm.rank;
    place_t to = {0, 0};
    size_t most = 0;
    replicas_begin_places(r);
    for (int other = 0; other < r->comm.ranks; ++other)
        most = size_larger(most, elements_in(opt, other, wire));
    for (size_t done = 0, block; done < most; done += block) {
        block = size_smaller(most - done, room);
        for (int other = 0; other < r->comm.ranks; ++other) {
            const size_t all = elements_in(opt, other, wire), n = size_smaller(all > done ? all - done : 0, block);
            char *bucket = r->send + (size_t)other * block * size;
            move(opt, other, wire, &r->at[other], n, bucket, false);
            memset(bucket + n * size, 0, (block - n) * size);
        }
        const optim_status status =
            comm_scatter(&r->comm, opt->engine.primitives, wire, block, true, r->send, r->receive);
        if (status != OPTIM_OK)
            return status;
        replicas_count_sent(opt, (ranks - 1) * block * size);
        const size_t own = elements_in(opt, rank, wire);
        move(opt, rank, wire, &to, size_smaller(own > done ? own - done : 0, block), r->send, true);
    }
    return OPTIM_OK;
}

/* Of all that is sent in one form: every rank gets all of the mean. */
static optim_status average_form(optim_t *opt, optim_dtype wire) {
    replicas_t *r = &opt->replicas;
    const size_t ranks = (size_t)r->comm.ranks, size = dtype_size(wire), most = r->room / size / ranks;
    place_t from = {0, 0}, to = {0, 0};
    size_t left = elements_in(opt, ALL, wire);
    while (left > 0) {
        const size_t block = size_smaller(left / ranks + (left % ranks != 0), most), whole = ranks * block,
                     n = size_smaller(left, whole);
        move(opt, ALL, wire, &from, n, r->send, false);
        memset(r->send + n * size, 0, (whole - n) * size);
        const optim_status status =
            comm_reduce(&r->comm, opt->engine.primitives, wire, block, true, r->send, r->receive);
        if (status != OPTIM_OK)
            return status;
        replicas_count_sent(opt, 2 * (ranks - 1) * block * size);
        move(opt, ALL, wire, &to, n, r->receive, true);
        left -= n;
    }
    return OPTIM_OK;
}

optim_status replicas_average(optim_t *opt) {
    static const optim_dtype FORMS[] = {OPTIM_F64, OPTIM_F32, OPTIM_BF16, OPTIM_F16};
    optim_status status = OPTIM_OK;
    for (size_t i = 0; status == OPTIM_OK && i < sizeof FORMS / sizeof *FORMS; ++i)
        status = replicas_shard(opt) ? scatter_form(opt, FORMS[i]) : average_form(opt, FORMS[i]);
    return status;
}

/* ---- Rows that ranks exchange now and then ---- */

/* Rows are reals. */
static const optim_dtype REALS[] = {OPTIM_F64, OPTIM_F32};
enum { REAL_DTYPES = sizeof REALS / sizeof *REALS };

optim_status replicas_average_rows(optim_t *opt) {
    optim_status status = OPTIM_OK;
    for (size_t i = 0; status == OPTIM_OK && i < REAL_DTYPES; ++i)
        status = average_form(opt, REALS[i]);
    return status;
}

/* Of all that is sent in one form: what rank `other` has comes in the place of what this one has. */
static optim_status swap_form(optim_t *opt, int other, optim_dtype wire) {
    replicas_t *r = &opt->replicas;
    const size_t size = dtype_size(wire), room = r->room / size;
    place_t from = {0, 0}, to = {0, 0};
    for (size_t left = elements_in(opt, ALL, wire), n; left > 0; left -= n) {
        n = size_smaller(left, room);
        move(opt, ALL, wire, &from, n, r->send, false);
        const optim_status status = r->comm.exchange(&r->comm, other, r->send, r->receive, n * size);
        if (status != OPTIM_OK)
            return status;
        replicas_count_sent(opt, n * size);
        move(opt, ALL, wire, &to, n, r->receive, true);
    }
    return OPTIM_OK;
}

optim_status replicas_swap_rows(optim_t *opt, int other) {
    optim_status status = OPTIM_OK;
    for (size_t i = 0; status == OPTIM_OK && i < REAL_DTYPES; ++i)
        status = swap_form(opt, other, REALS[i]);
    return status;
}
