#include "io/jsontree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "base/utf8.h"

enum {
    DEEPEST = 32,
    FEW = 8 /* members that are looked through one after the other */
};

typedef struct reader {
    const char *at, *end;
    char *room;         /* for strings: together no longer than the text */
    jsontree_t *values; /* finished ones, whose arrays and objects are not: the items of the innermost one last */
    size_t count, capacity;
    bool no_memory;
} reader_t;

/* ---- Characters ---- */

/* Writes the character as UTF-8; returns what comes after it. */
static char *put(char *to, uint32_t character) {
    if (character < 0x80) {
        *to++ = (char)character;
        return to;
    }
    const int more = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
    *to++ = (char)((0xFFU << (7 - more) & 0xFFU) | character >> (6 * more));
    for (int i = more - 1; i >= 0; --i)
        *to++ = (char)(0x80U | (character >> (6 * i) & 0x3FU));
    return to;
}

static void skip_space(reader_t *reader) {
    while (reader->at < reader->end && strchr(" \t\n\r", *reader->at) != NULL && *reader->at != '\0')
        ++reader->at;
}

static bool accept(reader_t *reader, const char *word) {
    const size_t length = strlen(word);
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
        return false;
    reader->at += length;
    return true;
}

/* Four hexadecimal digits, or a number that is no character. */
static uint32_t read_hex(reader_t *reader) {
    static const char DIGITS[] = "0123456789abcdef0123456789ABCDEF";
    uint32_t value = 0;
    for (int i = 0; i < 4; ++i) {
        const char *digit = reader->at == reader->end || *reader->at == '\0' ? NULL : strchr(DIGITS, *reader->at);
        if (digit == NULL)
            return UINT32_MAX;
        value = value << 4 | (uint32_t)(digit - DIGITS) % 16;
        ++reader->at;
    }
    return value;
}

/* What follows a backslash, written to `to`; NULL: nothing known. */
static char *read_escape(reader_t *reader, char *to) {
    static const char LETTERS[] = "\"\\/bfnrt", MEANINGS[] = "\"\\/\b\f\n\r\t";
    const char *letter = reader->at == reader->end || *reader->at == '\0' ? NULL : strchr(LETTERS, *reader->at);
    if (letter != NULL) {
        ++reader->at;
        *to = MEANINGS[letter - LETTERS];
        return to + 1;
    }
    if (!accept(reader, "u"))
        return NULL;
    uint32_t character = read_hex(reader);
    if (character >= 0xD800 && character < 0xDC00) {
        const uint32_t low = accept(reader, "\\u") ? read_hex(reader) : 0;
        if (low < 0xDC00 || low >= 0xE000)
            return NULL;
        character = 0x10000 + ((character - 0xD800) << 10) + (low - 0xDC00);
    }
    const bool lone = character >= 0xDC00 && character < 0xE000;
    return character == 0 || lone || character > 0x10FFFF ? NULL : put(to, character);
}

/* The string without its quotes and with a terminator, in the room; NULL: there is none. */
static const char *read_string(reader_t *reader) {
    char *to = reader->room;
    const char *string = to;
    if (!accept(reader, "\""))
        return NULL;
    while (reader->at < reader->end && *reader->at != '"') {
        if (accept(reader, "\\")) {
            to = read_escape(reader, to);
            if (to == NULL)
                return NULL;
            continue;
        }
        const size_t length =
            (unsigned char)*reader->at < 0x20 ? 0 : utf8_length(reader->at, (size_t)(reader->end - reader->at));
        if (length == 0)
            return NULL;
        memcpy(to, reader->at, length);
        to += length;
        reader->at += length;
    }
    *to++ = '\0';
    reader->room = to;
    return accept(reader, "\"") ? string : NULL;
}

/* ---- Numbers ---- */

static size_t count_digits(const char *at, const char *end) {
    size_t count = 0;
    while (at + count < end && at[count] >= '0' && at[count] <= '9')
        ++count;
    return count;
}

/* Whole numbers as such. */
static bool read_number(reader_t *reader, jsontree_t *number) {
    const char *begin = reader->at;
    const bool negative = accept(reader, "-");
    const size_t digits = count_digits(reader->at, reader->end);
    bool good = digits > 0 && (digits == 1 || *reader->at != '0'), integer = true, fits = true;
    int64_t value = 0;
    for (size_t i = 0; i < digits; ++i, ++reader->at) {
        const int digit = *reader->at - '0';
        fits = fits && value >= (INT64_MIN + digit) / 10;
        value = fits ? 10 * value - digit : 0; /* negative: there is one more of them */
    }
    fits = fits && (negative || value > INT64_MIN);
    if (accept(reader, ".")) {
        const size_t more = count_digits(reader->at, reader->end);
        good = good && more > 0;
        integer = false;
        reader->at += more;
    }
    if (accept(reader, "e") || accept(reader, "E")) {
        (void)(accept(reader, "+") || accept(reader, "-"));
        const size_t more = count_digits(reader->at, reader->end);
        good = good && more > 0;
        integer = false;
        reader->at += more;
    }
    if (integer) {
        number->kind = JSONTREE_INTEGER;
        number->is.integer = fits && !negative ? -value : value;
        return good && fits;
    }
    number->kind = JSONTREE_REAL;
    return good && number_parse(begin, (size_t)(reader->at - begin), &number->is.real) && isfinite(number->is.real);
}

/* ---- Arrays and objects ---- */

static void release(jsontree_t *json) {
    if (json->kind != JSONTREE_ARRAY && json->kind != JSONTREE_OBJECT)
        return;
    for (size_t i = 0; i < json->count; ++i)
        release(&json->is.items[i]);
    free(json->is.items);
    free(json->by_key);
}

static int by_key(const void *a, const void *b) {
    return strcmp((*(const jsontree_t *const *)a)->key, (*(const jsontree_t *const *)b)->key);
}

/* Puts the members in order where there are many. */
static bool sort_members(reader_t *reader, jsontree_t *object) {
    if (object->count <= FEW)
        return true;
    object->by_key = malloc(object->count * sizeof *object->by_key);
    if (object->by_key == NULL) {
        reader->no_memory = true;
        return false;
    }
    for (size_t i = 0; i < object->count; ++i)
        object->by_key[i] = &object->is.items[i];
    qsort(object->by_key, object->count, sizeof *object->by_key, by_key);
    return true;
}

static bool has_key_twice(const jsontree_t *object) {
    for (size_t i = 1; object->by_key != NULL && i < object->count; ++i)
        if (by_key(&object->by_key[i - 1], &object->by_key[i]) == 0)
            return true;
    for (size_t i = 1; object->by_key == NULL && i < object->count; ++i)
        for (size_t before = 0; before < i; ++before)
            if (strcmp(object->is.items[before].key, object->is.items[i].key) == 0)
                return true;
    return false;
}

static bool push(reader_t *reader, jsontree_t value) {
    void *grown = reader->values;
    if (!memory_grow(&grown, &reader->capacity, reader->count + 1, sizeof value)) {
        reader->no_memory = true;
        return false;
    }
    reader->values = grown;
    reader->values[reader->count++] = value;
    return true;
}

/* Moves the values from number `first` on into the array or object. */
static bool take_items(reader_t *reader, jsontree_t *parent, size_t first) {
    const size_t count = reader->count - first;
    if (count == 0)
        return true;
    parent->is.items = malloc(count * sizeof *parent->is.items);
    if (parent->is.items == NULL) {
        reader->no_memory = true;
        return false;
    }
    memcpy(parent->is.items, reader->values + first, count * sizeof *parent->is.items);
    parent->count = count;
    reader->count = first;
    return true;
}

static bool read_value(reader_t *reader, int depth, jsontree_t *value);

/* An item, or `"key": value`, onto the finished values. */
static bool read_item(reader_t *reader, bool member, int depth) {
    jsontree_t item = {.kind = JSONTREE_NULL};
    if (member) {
        skip_space(reader);
        item.key = read_string(reader);
        skip_space(reader);
        if (item.key == NULL || !accept(reader, ":"))
            return false;
    }
    if (read_value(reader, depth, &item) && push(reader, item))
        return true;
    release(&item);
    return false;
}

/* What stands between `{` and `}`, or between `[` and `]`. */
static bool read_inside(reader_t *reader, jsontree_kind_t kind, int depth, jsontree_t *parent) {
    const bool object = kind == JSONTREE_OBJECT;
    const char *close = object ? "}" : "]";
    const size_t first = reader->count;
    parent->kind = kind;
    skip_space(reader);
    if (accept(reader, close))
        return true;
    bool good = depth > 0;
    for (bool more = good; more; more = good && accept(reader, ",")) {
        good = read_item(reader, object, depth - 1);
        skip_space(reader);
    }
    return good && accept(reader, close) && take_items(reader, parent, first) &&
           (!object || (sort_members(reader, parent) && !has_key_twice(parent)));
}

/* What is wrong has items nevertheless, for release(). */
static bool read_value(reader_t *reader, int depth, jsontree_t *value) {
    skip_space(reader);
    if (accept(reader, "{"))
        return read_inside(reader, JSONTREE_OBJECT, depth, value);
    if (accept(reader, "["))
        return read_inside(reader, JSONTREE_ARRAY, depth, value);
    if (reader->at == reader->end || strchr("tfn\"", *reader->at) == NULL || *reader->at == '\0')
        return read_number(reader, value);
    if (*reader->at == '"') {
        value->kind = JSONTREE_TEXT;
        return (value->is.text = read_string(reader)) != NULL;
    }
    value->kind = *reader->at == 't' ? JSONTREE_TRUE : *reader->at == 'f' ? JSONTREE_FALSE : JSONTREE_NULL;
    return accept(reader, "true") || accept(reader, "false") || accept(reader, "null");
}

/* ---- Whole texts ---- */

typedef struct document {
    jsontree_t root; /* first */
    char *strings;
} document_t;

jsontree_t *jsontree_read(const char *text, size_t length, bool *no_memory) {
    document_t *document = calloc(1, sizeof *document);
    char *strings = malloc(length + 1);
    reader_t reader = {.at = text, .end = text + length, .room = strings};
    reader.no_memory = document == NULL || strings == NULL;
    bool good = !reader.no_memory && read_value(&reader, DEEPEST, &document->root);
    skip_space(&reader);
    good = good && reader.at == reader.end;
    for (size_t i = 0; i < reader.count; ++i)
        release(&reader.values[i]);
    free(reader.values);
    *no_memory = reader.no_memory;
    if (good) {
        document->strings = strings;
        return &document->root;
    }
    free(strings);
    if (document != NULL)
        release(&document->root);
    free(document);
    return NULL;
}

void jsontree_free(jsontree_t *root) {
    if (root == NULL)
        return;
    document_t *document = (document_t *)root;
    release(root);
    free(document->strings);
    free(document);
}

/* ---- Looking up ---- */

const jsontree_t *jsontree_get(const jsontree_t *object, const char *key) {
    const size_t count = jsontree_members(object);
    if (count > 0 && object->by_key != NULL) {
        const jsontree_t wanted = {.key = key}, *at = &wanted;
        const jsontree_t *const *found = bsearch(&at, object->by_key, count, sizeof at, by_key);
        return found == NULL ? NULL : *found;
    }
    for (size_t i = 0; i < count; ++i)
        if (strcmp(object->is.items[i].key, key) == 0)
            return &object->is.items[i];
    return NULL;
}

const jsontree_t *jsontree_at(const jsontree_t *array, uint64_t i) {
    return i < jsontree_items(array) ? &array->is.items[i] : NULL;
}

size_t jsontree_items(const jsontree_t *array) {
    return jsontree_is(array, JSONTREE_ARRAY) ? array->count : 0;
}

size_t jsontree_members(const jsontree_t *object) {
    return jsontree_is(object, JSONTREE_OBJECT) ? object->count : 0;
}

const char *jsontree_text(const jsontree_t *json) {
    return jsontree_is(json, JSONTREE_TEXT) ? json->is.text : NULL;
}

int64_t jsontree_integer(const jsontree_t *json) {
    return jsontree_is(json, JSONTREE_INTEGER) ? json->is.integer : 0;
}
