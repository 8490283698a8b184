/* Compressed messages by themselves, without a handle: docs/compressors.md has the format. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "optimizer/entry_values.h"
#include "optimizer/optimizer.h"

/* A compressor is read as the value of an option. */
static const option_t OPTIONS[] = {{"compressor", 0, "compressor", "", .choice = "topk"}, {0}};

/* What every message begins with: "GCM1", the compressor's code, bytes of a real, two zero bytes, the elements. */
enum { HEADER = 16, MAGIC = 0x314D4347 };

typedef struct job {
    double option[1 + OPTION_ROOM];
    const compressor_t *compressor;
    compressor_call_t call;
    optim_dtype dtype;
    int precision;
    size_t n;
    void *reals;        /* room for the vector as such, where it has another dtype or is to be read */
    const void *vector; /* what is compressed */
} job_t;

static size_t real_bytes(const job_t *job) {
    return job->precision == PRECISION_F64 ? sizeof(double) : sizeof(float);
}

static optim_status read_compressor(job_t *job, const char *text) {
    optim_status status = refuse_null(text, "compressor");
    if (status == OPTIM_OK)
        status = values_parse(OPTIONS, job->option, 0, text, strlen(text));
    if (status != OPTIM_OK)
        return status;
    job->compressor = registry_compressor_at(engine_best_level(), (size_t)job->option[0])->precision[job->precision];
    job->call.option = job->option + 1;
    return OPTIM_OK;
}

static optim_status read_shape(job_t *job, optim_dtype dtype, int ndim, const int64_t *dims) {
    *job = (job_t){.dtype = dtype};
    optim_status status = engine_check_level();
    if (status == OPTIM_OK)
        status = data_shape(dtype, ndim, dims, &job->n);
    if (status != OPTIM_OK)
        return status;
    job->precision = dtype == OPTIM_F64 ? PRECISION_F64 : PRECISION_F32;
    job->call.rows = compressor_rows(ndim, dims);
    return OPTIM_OK;
}

/* Room for the compressor and, if it is needed, for the vector as reals; to be freed with job->call.work. */
static optim_status take_memory(job_t *job, bool needs_reals) {
    size_t work, reals, bytes;
    if (!size_multiply(job->n, sizeof(double), &work) ||
        !size_multiply(needs_reals ? job->n : 0, real_bytes(job), &reals) ||
        !size_add(size_aligned(work), reals, &bytes) || bytes > PTRDIFF_MAX)
        return error_set(OPTIM_ERR_SIZE, "a message of %zu elements needs more than memory can be", job->n);
    job->call.work = memory_aligned(bytes);
    if (job->call.work == NULL)
        return error_nomem("working on a message");
    job->reals = (char *)job->call.work + size_aligned(work);
    return OPTIM_OK;
}

/* ---- To a message ---- */

/* Bytes of the longest message, header and all. */
static optim_status longest(const job_t *job, size_t *size) {
    const double bits = job->n == 0 ? 0 : job->compressor->bits(&job->call, job->n, 8 * (double)real_bytes(job));
    const double bytes = (double)HEADER + ceil(bits / 8);
    if (bytes > (double)(PTRDIFF_MAX / 2))
        return error_set(OPTIM_ERR_SIZE, "a message of %zu elements needs more than memory can be", job->n);
    *size = (size_t)bytes;
    return OPTIM_OK;
}

static void put_message(const job_t *job, message_t *m) {
    message_put(m, MAGIC, 32);
    message_put(m, (uint64_t)job->compressor->code, 8);
    message_put(m, real_bytes(job), 8);
    message_put(m, 0, 16);
    message_put(m, job->n, 64);
    if (job->n > 0)
        job->compressor->encode(&job->call, m, job->n, job->vector);
}

static size_t message_bytes(const message_t *m) {
    return (size_t)(m->bit / 8 + (m->bit % 8 != 0));
}

/* Where the longest message might not fit, this one is counted first. */
static optim_status write_message(const job_t *job, size_t most, void *buffer, size_t room, size_t *size) {
    message_t count = {.bytes = NULL}, m = {.bytes = buffer};
    if (buffer == NULL || room < most) {
        put_message(job, &count);
        *size = message_bytes(&count);
    }
    if (buffer == NULL)
        return OPTIM_OK;
    if (room < most && room < *size)
        return error_set(OPTIM_ERR_ARGUMENT, "room: the message has %zu bytes, and there is room for %zu", *size, room);
    memset(buffer, 0, room < most ? *size : most);
    put_message(job, &m);
    *size = message_bytes(&m);
    return OPTIM_OK;
}

static bool is_real(const job_t *job) {
    return job->dtype == (job->precision == PRECISION_F64 ? OPTIM_F64 : OPTIM_F32);
}

static void load(job_t *job, const void *data) {
    job->vector = is_real(job) ? data : job->reals;
    if (!is_real(job))
        primitives_load(engine_primitives(engine_best_level()), job->precision == PRECISION_F64, job->dtype, job->n,
                        data, job->reals);
}

optim_status optim_compress_size(const char *compressor, optim_dtype dtype, int ndim, const int64_t *dims,
                                 size_t *size) {
    job_t job = {0};
    optim_status status = refuse_null(size, "size");
    if (status == OPTIM_OK)
        status = read_shape(&job, dtype, ndim, dims);
    if (status == OPTIM_OK)
        status = read_compressor(&job, compressor);
    return status == OPTIM_OK ? longest(&job, size) : status;
}

optim_status optim_compress(const char *compressor, uint64_t seed, int64_t step, optim_dtype dtype, int ndim,
                            const int64_t *dims, const void *data, void *buffer, size_t room, size_t *size) {
    job_t job = {0};
    size_t most = 0;
    optim_status status = refuse_null(size, "size");
    if (status == OPTIM_OK)
        status = read_shape(&job, dtype, ndim, dims);
    if (status == OPTIM_OK)
        status = read_compressor(&job, compressor);
    if (status == OPTIM_OK && step < 0)
        status = error_set(OPTIM_ERR_ARGUMENT, "step cannot be %" PRId64 "; valid: 0 and more", step);
    if (status == OPTIM_OK && job.n > 0)
        status = refuse_null(data, "data");
    if (status == OPTIM_OK)
        status = longest(&job, &most);
    if (status == OPTIM_OK)
        status = take_memory(&job, !is_real(&job));
    if (status != OPTIM_OK)
        return status;
    const uint64_t draws = job.compressor->draws == NULL ? 0 : job.compressor->draws(job.call.option, job.n);
    job.call.step = (double)step;
    job.call.seed = seed;
    job.call.first = 1 + (uint64_t)step * draws;
    load(&job, data);
    status = write_message(&job, most, buffer, room, size);
    free(job.call.work);
    return status;
}

/* ---- From a message ---- */

static const compressor_t *compressor_of(uint64_t code, int precision) {
    for (size_t i = 0; i < REGISTRY_COMPRESSOR_COUNT; ++i)
        if ((uint64_t)registry_compressor(i)->code == code)
            return registry_compressor_at(engine_best_level(), i)->precision[precision];
    return NULL;
}

/* The header; NULL in *wrong if it is that of a message for this vector. */
static optim_status read_header(job_t *job, incoming_t *r) {
    if (r->size < HEADER)
        return error_set(OPTIM_ERR_FORMAT, "the message is cut short: it has %zu bytes, a header has %d", r->size,
                         HEADER);
    const uint64_t magic = incoming_get(r, 32), code = incoming_get(r, 8), real = incoming_get(r, 8),
                   zero = incoming_get(r, 16), n = incoming_get(r, 64);
    if (magic != MAGIC || zero != 0 || (real != sizeof(float) && real != sizeof(double)))
        return error_set(OPTIM_ERR_FORMAT, "these bytes are no message of optim_compress, or of a newer version");
    job->compressor = compressor_of(code, job->precision);
    if (job->compressor == NULL)
        return error_set(OPTIM_ERR_FORMAT, "no compressor has the number %" PRIu64 " that the message names", code);
    if (real != real_bytes(job))
        return error_set(OPTIM_ERR_ARGUMENT,
                         "the message is of %s numbers, and the data are to be %s: dtype must be what was compressed",
                         real == sizeof(double) ? "64-bit" : "32-bit or shorter",
                         real == sizeof(double) ? "32-bit or shorter" : "64-bit");
    if (n != job->n)
        return error_set(OPTIM_ERR_SHAPE, "the message is of %" PRIu64 " elements, and the data have %zu", n, job->n);
    return OPTIM_OK;
}

/* After the last field nothing but the zero bits that fill its byte. */
static optim_status read_end(const job_t *job, incoming_t *r) {
    const uint64_t used = r->bit / 8 + (r->bit % 8 != 0);
    if (used > r->size)
        return error_set(OPTIM_ERR_FORMAT, "the message of %s is cut short: it has %zu bytes of %" PRIu64,
                         job->compressor->name, r->size, used);
    if (used < r->size || incoming_get(r, (int)(8 * used - r->bit)) != 0)
        return error_set(OPTIM_ERR_FORMAT, "the message of %s goes on behind its end, byte %" PRIu64,
                         job->compressor->name, used);
    return OPTIM_OK;
}

static void store(const job_t *job, void *data) {
    primitives_store(engine_primitives(engine_best_level()), job->precision == PRECISION_F64, job->dtype, job->n,
                     job->reals, data);
}

optim_status optim_decompress(const void *buffer, size_t size, optim_dtype dtype, int ndim, const int64_t *dims,
                              void *data) {
    job_t job = {0};
    incoming_t r = {.bytes = buffer, .size = size};
    const char *wrong = NULL;
    optim_status status = read_shape(&job, dtype, ndim, dims);
    if (status == OPTIM_OK)
        status = refuse_null(buffer, "buffer");
    if (status == OPTIM_OK && job.n > 0)
        status = refuse_null(data, "data");
    if (status == OPTIM_OK)
        status = read_header(&job, &r);
    if (status == OPTIM_OK)
        status = take_memory(&job, true);
    if (status != OPTIM_OK)
        return status;
    if (job.n > 0)
        wrong = job.compressor->decode(&job.call, &r, job.n, job.reals);
    status = wrong == NULL
                 ? read_end(&job, &r)
                 : error_set(OPTIM_ERR_FORMAT, "the message of %s is damaged: %s", job.compressor->name, wrong);
    if (status == OPTIM_OK)
        store(&job, data);
    free(job.call.work);
    return status;
}
