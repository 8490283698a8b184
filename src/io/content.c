/* A checkpoint as bytes: the header, whose record ends with the checksums of the arrays, and the arrays. */
#include "io/content.h"

#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/byteorder.h"
#include "io/record.h"
#include "io/safetensors.h"

optim_status content_make(content_t *content, const optim_t *opt, bool of_ranks) {
    *content = (content_t){.arrays = {0}};
    const optim_status status = record_make(&content->record, opt, of_ranks);
    return status == OPTIM_OK ? arrays_make(&content->arrays, opt, NULL) : status;
}

optim_status content_make_numbers(content_t *content, const optim_t *opt) {
    *content = (content_t){.arrays = {0}};
    const optim_status status = record_make(&content->record, opt, false);
    if (status == OPTIM_OK)
        jsontext_word(&content->record, "arrays", "false");
    return status;
}

void content_free(content_t *content) {
    arrays_free(&content->arrays);
    free(content->record.at);
    content->record.at = NULL;
}

/* Hands over all copies of an array as they are to stand in the file. */
static optim_status give_array(const array_t *array, byteorder_take_t *take, void *context) {
    const size_t item = safetensors_item(array->dtype);
    optim_status status = OPTIM_OK;
    for (size_t c = 0; status == OPTIM_OK && c < array->copies && array->bytes > 0; ++c) /* at NULL if it has none */
        status = byteorder_to_file(array->at + c * array->stride, array->bytes, item, take, context);
    return status;
}

static optim_status add_to_checksum(void *context, const void *bytes, size_t count) {
    (void)XXH3_64bits_update(context, bytes, count);
    return OPTIM_OK;
}

static uint64_t checksum_of(const array_t *array) {
    XXH3_state_t state;
    (void)XXH3_64bits_reset(&state);
    (void)give_array(array, add_to_checksum, &state);
    return XXH3_64bits_digest(&state);
}

/* The whole record: a copy, so that the content stays as it is, with the arrays' checksums at its end. */
static jsontext_t whole_record(const content_t *content, bool only_counts) {
    const arrays_t *arrays = &content->arrays;
    jsontext_t record = content->record;
    record.at = record.failed ? NULL : memory_text(content->record.at, record.used);
    record.room = record.used + 1;
    record.failed = record.at == NULL;
    jsontext_open(&record, "sums", '{');
    for (size_t i = 0; !record.failed && i < arrays->count; ++i) {
        char checksum[CHECKSUM_TEXT];
        checksum_text(only_counts ? 0 : checksum_of(&arrays->array[i]), checksum); /* always of one length */
        jsontext_string(&record, arrays->array[i].name, checksum);
    }
    jsontext_close(&record, '}');
    jsontext_close(&record, '}');
    return record;
}

optim_status content_header(const content_t *content, bool only_counts, jsontext_t *header,
                            char checksum[CHECKSUM_TEXT]) {
    *header = (jsontext_t){.at = NULL};
    jsontext_t record = whole_record(content, only_counts);
    size_t bytes = 0;
    if (record.failed) {
        free(record.at);
        return error_nomem("saving");
    }
    safetensors_begin(header, record.at);
    free(record.at);
    for (size_t i = 0; i < content->arrays.count; ++i) {
        const array_t *array = &content->arrays.array[i];
        safetensors_add(header, array->name, array->dtype, &array->shape, array_bytes(array), &bytes);
    }
    return safetensors_end(header, checksum);
}

static optim_status write_to_sink(void *context, const void *bytes, size_t count) {
    sink_t *sink = context;
    return sink->write(sink, bytes, count);
}

optim_status content_write_with(sink_t *sink, const content_t *content, const jsontext_t *header) {
    optim_status status = safetensors_write_header(sink, header);
    for (size_t i = 0; status == OPTIM_OK && i < content->arrays.count; ++i)
        status = give_array(&content->arrays.array[i], write_to_sink, sink);
    return status;
}

optim_status content_write(sink_t *sink, const void *context) {
    jsontext_t header;
    char checksum[CHECKSUM_TEXT];
    optim_status status = content_header(context, sink->only_counts, &header, checksum);
    if (status == OPTIM_OK)
        status = content_write_with(sink, context, &header);
    free(header.at);
    return status;
}

optim_status content_save(const content_t *content, const char *path) {
    file_place_t place;
    optim_status status = file_find(&place, path);
    if (status == OPTIM_OK)
        status = file_replace(&place, content_write, content);
    file_place_free(&place);
    return status;
}
