/* States by name, out of the bytes of a checkpoint: a safetensors file with arrays "PARAMETER/METHOD.STATE". */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "element.h"
#include "run.h"
#include "verdict.h"

typedef struct array {
    char dtype[8];
    size_t begin, end; /* bytes, from the end of the header */
} array_t;

/* The number behind `key` in the description of an array. */
static size_t number_behind(const char *text, const char *key, int skipped) {
    const char *at = strstr(text, key);
    for (; at != NULL && skipped > 0; --skipped)
        at = strchr(at, ',') == NULL ? NULL : strchr(at, ',') + 1;
    if (at == NULL)
        fail_file("a checkpoint's header lacks %s", key);
    return (size_t)strtoull(at + strcspn(at, "0123456789"), NULL, 10);
}

/* The description is {"dtype":"F64","shape":[..],"data_offsets":[begin,end]}. */
static array_t array_at(const char *text) {
    static const char DTYPE[] = "\"dtype\":\"", OFFSETS[] = "\"data_offsets\":[";
    array_t array = {{0}, number_behind(text, OFFSETS, 0), 0};
    array.end = number_behind(strstr(text, OFFSETS), ",", 1);
    const char *dtype = strstr(text, DTYPE);
    for (size_t i = 0; dtype != NULL && i + 1 < sizeof array.dtype && dtype[sizeof DTYPE - 1 + i] != '"'; ++i)
        array.dtype[i] = dtype[sizeof DTYPE - 1 + i];
    return array;
}

static uint64_t little_endian(const unsigned char *bytes, size_t size) {
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

static double element_at(const char *dtype, const unsigned char *bytes, size_t size) {
    const uint64_t bits = little_endian(bytes, size);
    const uint32_t low = (uint32_t)bits;
    if (strcmp(dtype, "F64") == 0)
        return element_read(OPTIM_F64, &bits, 0);
    if (strcmp(dtype, "F32") == 0)
        return element_read(OPTIM_F32, &low, 0);
    return (double)bits;
}

static size_t size_of(const char *dtype) {
    return strstr(dtype, "64") != NULL ? 8 : strstr(dtype, "32") != NULL ? 4 : strstr(dtype, "16") != NULL ? 2 : 1;
}

/* How many elements the array has; those for which there is room go to `values`. */
static size_t append(const array_t *array, const unsigned char *data, size_t room, double *values) {
    const size_t size = size_of(array->dtype), count = (array->end - array->begin) / size;
    for (size_t i = 0; i < count && i < room; ++i)
        values[i] = element_at(array->dtype, data + array->begin + i * size, size);
    return count;
}

static const unsigned char *serialize(const optim_t *opt, size_t *size) {
    expect_ok(optim_serialize(opt, NULL, 0, size), "optim_serialize");
    unsigned char *bytes = file_memory(*size, 1);
    expect_ok(optim_serialize(opt, bytes, *size, size), "optim_serialize");
    return bytes;
}

bool read_state(const optim_t *opt, const char *name, size_t count, double *values) {
    size_t size, got = 0;
    const unsigned char *bytes = serialize(opt, &size);
    const size_t length = (size_t)little_endian(bytes, 8);
    if (size < 8 || length > size - 8)
        fail_file("a checkpoint's header does not fit in it");
    char *header = file_memory(length + 1, 1);
    memcpy(header, bytes + 8, length);
    const char *key = file_text(".%s\":{", name);
    for (const char *at = strstr(header, key); at != NULL; at = strstr(at + 1, key)) {
        const array_t array = array_at(at + strlen(key));
        if (array.end < array.begin || array.end > size - 8 - length)
            fail_file("a checkpoint's array %s lies outside it", name);
        got += append(&array, bytes + 8 + length, got < count ? count - got : 0, values + (got < count ? got : 0));
    }
    return got == count && count > 0;
}
