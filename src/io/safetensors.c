#include "io/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "base/memory.h"

static const char METADATA[] = "__metadata__", TEXT[] = "libgradopt", CHECKSUM[] = "libgradopt.checksum";
static const char NO_CHECKSUM[] = "0000000000000000";

void checksum_text(uint64_t checksum, char text[CHECKSUM_TEXT]) {
    (void)snprintf(text, CHECKSUM_TEXT, "%016" PRIx64, checksum);
}

const char *safetensors_dtype(optim_dtype dtype) {
    static const char *const NAMES[] = {
        [OPTIM_F32] = "F32", [OPTIM_F64] = "F64", [OPTIM_BF16] = "BF16", [OPTIM_F16] = "F16"};
    return NAMES[dtype];
}

size_t safetensors_item(const char *dtype) {
    static const struct {
        const char *name;
        size_t bytes;
    } ITEMS[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},  {"I32", 4},     {"I16", 2},    {"I8", 1},
                 {"U64", 8}, {"U32", 4}, {"U16", 2}, {"U8", 1},   {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};
    for (size_t i = 0; i < sizeof ITEMS / sizeof *ITEMS; ++i)
        if (strcmp(dtype, ITEMS[i].name) == 0)
            return ITEMS[i].bytes;
    return 0;
}

/* ---- Writing ---- */

void safetensors_begin(jsontext_t *header, const char *text) {
    header->ascii = true;
    jsontext_open(header, NULL, '{');
    jsontext_open(header, METADATA, '{');
    jsontext_string(header, "format", "libgradopt");
    jsontext_string(header, TEXT, text);
    jsontext_string(header, CHECKSUM, NO_CHECKSUM);
    jsontext_close(header, '}');
}

void safetensors_add(jsontext_t *header, const char *name, const char *dtype, const shape_t *shape, size_t bytes,
                     size_t *end) {
    jsontext_open(header, name, '{');
    jsontext_string(header, "dtype", dtype);
    jsontext_integers(header, "shape", shape->dims, shape->count);
    jsontext_integers(header, "data_offsets", (int64_t[]){(int64_t)*end, (int64_t)(*end + bytes)}, 2);
    jsontext_close(header, '}');
    *end += bytes;
}

/* The place of the checksum's digits in the header's text. */
static char *find_checksum(char *text) {
    char pattern[sizeof CHECKSUM + 8];
    (void)snprintf(pattern, sizeof pattern, "\"%s\":\"", CHECKSUM);
    char *found = strstr(text, pattern);
    return found == NULL || strlen(found) < strlen(pattern) + sizeof NO_CHECKSUM ? NULL : found + strlen(pattern);
}

optim_status safetensors_end(jsontext_t *header, char checksum[CHECKSUM_TEXT]) {
    jsontext_close(header, '}');
    if (header->failed)
        return error_nomem("saving");
    checksum_text(XXH3_64bits(header->at, header->used), checksum);
    memcpy(find_checksum(header->at), checksum, CHECKSUM_TEXT - 1);
    return OPTIM_OK;
}

optim_status safetensors_write_header(sink_t *sink, const jsontext_t *header) {
    enum { MULTIPLE = 8 };
    const size_t padding = (MULTIPLE - header->used % MULTIPLE) % MULTIPLE;
    uint8_t size[8];
    for (int i = 0; i < 8; ++i)
        size[i] = (uint8_t)((uint64_t)(header->used + padding) >> (8 * i));
    optim_status status = sink->write(sink, size, sizeof size);
    if (status == OPTIM_OK)
        status = sink->write(sink, header->at, header->used);
    return status == OPTIM_OK ? sink->write(sink, "        ", padding) : status;
}

/* ---- Reading ---- */

static optim_status malformed(const source_t *source, const char *what) {
    return error_set(OPTIM_ERR_FORMAT, "%s is not a checkpoint that can be read: %s", source->name, what);
}

static optim_status wrong_entry(const source_t *source, const char *name, const char *what) {
    return error_set(OPTIM_ERR_FORMAT, "%s is not a checkpoint that can be read: tensor \"%.100s\" %s", source->name,
                     name, what);
}

/* The header's text, with a terminator; *begin is where it ends. */
static optim_status read_text(source_t *source, char **text, size_t *length, size_t *begin) {
    uint8_t bytes[8];
    uint64_t size = 0;
    *text = NULL;
    if (source->size < sizeof bytes)
        return malformed(source, "it is shorter than 8 bytes");
    optim_status status = source->read(source, 0, bytes, sizeof bytes);
    if (status != OPTIM_OK)
        return status;
    for (int i = 0; i < 8; ++i)
        size |= (uint64_t)bytes[i] << (8 * i);
    if (size > source->size - sizeof bytes)
        return malformed(source, "its header is longer than all of it (a file cut short, or of another format)");
    *length = (size_t)size;
    *begin = *length + sizeof bytes;
    *text = malloc(*length + 1);
    if (*text == NULL)
        return error_nomem("reading a checkpoint");
    status = source->read(source, sizeof bytes, *text, *length);
    (*text)[*length] = '\0';
    return status;
}

/* What the checksum is, and whether it stands there; the text is left with zeros in its place. */
static bool checksum_is_right(char *text, size_t length, char wanted[CHECKSUM_TEXT]) {
    char *checksum = find_checksum(text), found[CHECKSUM_TEXT] = "";
    while (length > 0 && text[length - 1] == ' ')
        --length; /* padding */
    if (checksum == NULL)
        return false;
    memcpy(found, checksum, CHECKSUM_TEXT - 1);
    memcpy(checksum, NO_CHECKSUM, CHECKSUM_TEXT - 1);
    checksum_text(XXH3_64bits(text, length), wanted);
    return strcmp(found, wanted) == 0;
}

/* Elements of the shape times bytes of an element; false: not a shape, or too large. */
static bool shape_bytes(const jsontree_t *shape, size_t item, size_t *bytes) {
    size_t size;
    bool good = jsontree_is(shape, JSONTREE_ARRAY), empty = false; /* whatever its other dimensions are */
    for (size_t i = 0; good && i < jsontree_items(shape); ++i) {
        const jsontree_t *dim = jsontree_at(shape, i);
        good = jsontree_is(dim, JSONTREE_INTEGER) && dim->is.integer >= 0;
        empty |= good && dim->is.integer == 0;
    }
    *bytes = empty ? 0 : item;
    for (size_t i = 0; good && !empty && i < jsontree_items(shape); ++i)
        good = size_of_count(jsontree_integer(jsontree_at(shape, i)), &size) && size_multiply(*bytes, size, bytes);
    return good;
}

static optim_status read_entry(source_t *source, const jsontree_t *value, size_t begin, safetensors_entry_t *entry) {
    const jsontree_t *offsets = jsontree_get(value, "data_offsets");
    const jsontree_t *first = jsontree_at(offsets, 0), *last = jsontree_at(offsets, 1);
    const char *name = value->key;
    size_t bytes;
    entry->name = name;
    entry->source = source;
    entry->dtype = jsontree_text(jsontree_get(value, "dtype"));
    entry->shape = jsontree_get(value, "shape");
    if (entry->dtype == NULL || safetensors_item(entry->dtype) == 0)
        return wrong_entry(source, name, "has no known dtype");
    if (!shape_bytes(entry->shape, safetensors_item(entry->dtype), &bytes))
        return wrong_entry(source, name, "has no valid shape");
    if (jsontree_items(offsets) != 2 || !jsontree_is(first, JSONTREE_INTEGER) || !jsontree_is(last, JSONTREE_INTEGER))
        return wrong_entry(source, name, "has no data_offsets");
    const int64_t from = first->is.integer, to = last->is.integer;
    if (from < 0 || to < from || (uint64_t)to > source->size - begin || (uint64_t)(to - from) != bytes)
        return wrong_entry(source, name, "has data_offsets that do not fit its shape or the file");
    entry->begin = begin + (size_t)from;
    entry->bytes = bytes;
    return OPTIM_OK;
}

static int by_begin(const void *a, const void *b) {
    const safetensors_entry_t *left = a, *right = b;
    const int places = (left->begin > right->begin) - (left->begin < right->begin);
    return places != 0 ? places : (left->bytes > right->bytes) - (left->bytes < right->bytes);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const safetensors_entry_t *)a)->name, ((const safetensors_entry_t *)b)->name);
}

static optim_status check_filled(const safetensors_t *file, const source_t *source, size_t begin) {
    qsort(file->entries, file->count, sizeof *file->entries, by_begin);
    for (size_t i = 0; i < file->count; ++i) {
        if (file->entries[i].begin != begin)
            return wrong_entry(source, file->entries[i].name, "does not begin where the one before it ends");
        begin += file->entries[i].bytes;
    }
    return begin == source->size ? OPTIM_OK : malformed(source, "it does not end where its last tensor ends");
}

static optim_status read_entries(safetensors_t *file, source_t *source, size_t begin) {
    const size_t members = jsontree_members(file->header);
    optim_status status = OPTIM_OK;
    file->entries = calloc(members + 1, sizeof *file->entries);
    if (file->entries == NULL)
        return error_nomem("reading a checkpoint");
    for (size_t i = 0; status == OPTIM_OK && i < members; ++i) {
        const jsontree_t *value = &file->header->is.items[i];
        if (strcmp(value->key, METADATA) != 0)
            status = read_entry(source, value, begin, &file->entries[file->count++]);
    }
    if (status == OPTIM_OK)
        status = check_filled(file, source, begin);
    if (status == OPTIM_OK)
        qsort(file->entries, file->count, sizeof *file->entries, by_name);
    return status;
}

optim_status safetensors_read(safetensors_t *file, source_t *source) {
    char *text;
    size_t length = 0, begin = 0;
    bool no_memory;
    *file = (safetensors_t){0};
    optim_status status = read_text(source, &text, &length, &begin);
    if (status == OPTIM_OK) {
        file->is_intact = checksum_is_right(text, length, file->checksum);
        file->header = jsontree_read(text, length, &no_memory);
        if (no_memory)
            status = error_nomem("reading a checkpoint");
        else if (!jsontree_is(file->header, JSONTREE_OBJECT))
            status = malformed(source, "its header is not a JSON object");
    }
    free(text);
    if (status == OPTIM_OK)
        status = read_entries(file, source, begin);
    if (status == OPTIM_OK)
        file->text = jsontree_text(jsontree_get(jsontree_get(file->header, METADATA), TEXT));
    else
        safetensors_free(file);
    return status;
}

void safetensors_free(safetensors_t *file) {
    jsontree_free(file->header);
    free(file->entries);
    *file = (safetensors_t){0};
}

optim_status safetensors_join(safetensors_t *file, const safetensors_t *more, const source_t *source) {
    const size_t count = file->count + more->count; /* of memory that exists: no overflow */
    safetensors_entry_t *grown = realloc(file->entries, (count + 1) * sizeof *grown);
    if (grown == NULL)
        return error_nomem("reading a checkpoint");
    file->entries = grown;
    if (more->count > 0)
        memcpy(grown + file->count, more->entries, more->count * sizeof *grown);
    file->count = count;
    qsort(grown, count, sizeof *grown, by_name);
    for (size_t i = 1; i < count; ++i)
        if (strcmp(grown[i - 1].name, grown[i].name) == 0)
            return wrong_entry(source, grown[i].name, "is in two of its shares");
    return OPTIM_OK;
}

safetensors_entry_t *safetensors_find(const safetensors_t *file, const char *name) {
    const safetensors_entry_t wanted = {.name = name};
    return file->count == 0 ? NULL : bsearch(&wanted, file->entries, file->count, sizeof wanted, by_name);
}
