/*
 * Messages of compressors. The input: one byte for the dtype, one for the elements, one for the rows, and the message,
 * whose header is put right if the byte for the rows is even, so that most inputs get past it. What is refused leaves
 * the vector as it was and says why; what is accepted gives the same vector twice. Then the vector itself is sent with
 * each compressor: the message has no more bytes than were promised, and arrives.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { MOST = 80, HEADER = 16 };

static const optim_status OF_MESSAGES[] = {OPTIM_OK, OPTIM_ERR_FORMAT, OPTIM_ERR_SHAPE, OPTIM_ERR_ARGUMENT};
enum { OF_MESSAGES_COUNT = sizeof OF_MESSAGES / sizeof *OF_MESSAGES };

typedef struct vector {
    optim_dtype dtype;
    int ndim;
    int64_t dims[2];
    size_t n, bytes;
    double data[MOST];
} vector_t;

static vector_t vector_of(bytes_t *input, bool *mends) {
    vector_t v = {.dtype = bytes_one(input) % 2 == 0 ? OPTIM_F32 : OPTIM_F64};
    v.n = bytes_below(input, MOST + 1);
    const uint8_t rows = bytes_one(input);
    *mends = rows % 2 == 0;
    v.ndim = 1;
    v.dims[0] = (int64_t)v.n;
    if (rows / 2 > 0 && v.n % (rows / 2) == 0) {
        v.ndim = 2;
        v.dims[0] = rows / 2;
        v.dims[1] = (int64_t)v.n / v.dims[0];
    }
    v.bytes = v.n * (v.dtype == OPTIM_F64 ? sizeof(double) : sizeof(float));
    memset(v.data, 0xA5, sizeof v.data);
    return v;
}

/* A header that fits the vector, but for the compressor's number. */
static void mend(const vector_t *v, uint8_t *message, size_t size) {
    const uint8_t header[HEADER] = {
        'G', 'C', 'M', '1', size > 4 ? message[4] % 10 : 0, v->dtype == OPTIM_F64 ? 8 : 4, 0, 0, (uint8_t)v->n};
    memcpy(message, header, size < HEADER ? size : HEADER);
}

static optim_status decode(const uint8_t *message, size_t size, vector_t *v) {
    vector_t before = *v;
    const optim_status status = optim_decompress(message, size, v->dtype, v->ndim, v->dims, v->data);
    fuzz_check_status("optim_decompress", status, OF_MESSAGES, OF_MESSAGES_COUNT);
    if (status != OPTIM_OK && memcmp(before.data, v->data, sizeof v->data) != 0)
        fuzz_fail("a message was refused and the vector changed");
    if (memcmp((const char *)before.data + v->bytes, (const char *)v->data + v->bytes, sizeof v->data - v->bytes) != 0)
        fuzz_fail("decoding wrote behind the vector");
    return status;
}

/* Sends the vector, which may hold anything, and reads what arrives. */
static void send(const char *compressor, const vector_t *v) {
    vector_t arrived = *v;
    size_t most = 0, counted = 0, size = 0;
    if (optim_compress_size(compressor, v->dtype, v->ndim, v->dims, &most) != OPTIM_OK ||
        optim_compress(compressor, v->n, 1, v->dtype, v->ndim, v->dims, v->data, NULL, 0, &counted) != OPTIM_OK)
        fuzz_fail("%s refuses a vector", compressor);
    uint8_t *message = fuzz_memory(counted);
    if (counted > most ||
        optim_compress(compressor, v->n, 1, v->dtype, v->ndim, v->dims, v->data, message, counted, &size) != OPTIM_OK)
        fuzz_fail("%s: %zu bytes, of %zu at most", compressor, counted, most);
    if (size != counted || decode(message, size, &arrived) != OPTIM_OK)
        fuzz_fail("%s does not read its own message", compressor);
    free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bytes_t input = {data, size};
    bool mends;
    vector_t first = vector_of(&input, &mends), second = first;
    uint8_t *message = fuzz_memory(input.left + 1); /* its own memory: a read behind its end is seen */
    memcpy(message, input.at, input.left);
    if (mends)
        mend(&first, message, input.left);
    const optim_status status = decode(message, input.left, &first);
    if (decode(message, input.left, &second) != status || memcmp(first.data, second.data, sizeof first.data) != 0)
        fuzz_fail("twice the same message, and not the same vector");
    free(message);
    if (status == OPTIM_OK)
        for (size_t i = 0; i < optim_compressor_count(); ++i)
            send(optim_compressor_name(i), &first);
    return 0;
}
