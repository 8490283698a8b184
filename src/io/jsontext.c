#include "io/jsontext.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "base/utf8.h"

/* ---- Writing ---- */

typedef struct text {
    char *at;
    size_t used, room;
    bool failed; /* for good: a later piece may find memory again */
} text_t;

static int append(const char *bytes, size_t count, void *context) {
    text_t *text = context;
    void *grown = text->at;
    text->failed = text->failed || !memory_grow(&grown, &text->room, text->used + count + 1, 1);
    if (text->failed)
        return -1;
    text->at = grown;
    memcpy(text->at + text->used, bytes, count);
    text->used += count;
    text->at[text->used] = '\0';
    return 0;
}

char *jsontext_make(const json_t *json, size_t flags) {
    text_t text = {NULL, 0, 0, false};
    if (json_dump_callback(json, append, &text, flags | JSON_COMPACT) == 0 && !text.failed)
        return text.at;
    free(text.at);
    return NULL;
}

/* ---- Characters ---- */

bool jsontext_can_hold(const char *text) {
    const char *end = text + strlen(text);
    for (size_t length; text < end; text += length)
        if ((length = utf8_length(text, (size_t)(end - text))) == 0)
            return false;
    return true;
}

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

/* ---- Reading ---- */

enum { DEEPEST = 32 };

typedef struct reader {
    const char *at, *end;
    char *room; /* for the strings that are being read: together no longer than the text */
    bool no_memory;
} reader_t;

static json_t *read_value(reader_t *reader, int depth);

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

/* A new value, or a note that there was no memory for it. */
static json_t *made(reader_t *reader, json_t *json) {
    reader->no_memory |= json == NULL;
    return json;
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

static size_t count_digits(const char *at, const char *end) {
    size_t count = 0;
    while (at + count < end && at[count] >= '0' && at[count] <= '9')
        ++count;
    return count;
}

/* Whole numbers as such. */
static json_t *read_number(reader_t *reader) {
    const char *begin = reader->at;
    const bool negative = accept(reader, "-");
    const size_t digits = count_digits(reader->at, reader->end);
    bool good = digits > 0 && (digits == 1 || *reader->at != '0'), whole = true, fits = true;
    json_int_t value = 0;
    for (size_t i = 0; i < digits; ++i, ++reader->at) {
        const int digit = *reader->at - '0';
        fits = fits && value >= (INT64_MIN + digit) / 10;
        value = fits ? 10 * value - digit : 0; /* negative: there is one more of them */
    }
    fits = fits && (negative || value > INT64_MIN);
    if (accept(reader, ".")) {
        const size_t more = count_digits(reader->at, reader->end);
        good = good && more > 0;
        whole = false;
        reader->at += more;
    }
    if (accept(reader, "e") || accept(reader, "E")) {
        (void)(accept(reader, "+") || accept(reader, "-"));
        const size_t more = count_digits(reader->at, reader->end);
        good = good && more > 0;
        whole = false;
        reader->at += more;
    }
    double real;
    if (whole)
        return good && fits ? made(reader, json_integer(negative ? value : -value)) : NULL;
    good = good && number_parse(begin, (size_t)(reader->at - begin), &real) && isfinite(real);
    return good ? made(reader, json_real(real)) : NULL;
}

/* `"key": value` into the object. */
static bool read_member(reader_t *reader, json_t *object, int depth) {
    char *room = reader->room;
    skip_space(reader);
    const char *key = read_string(reader);
    skip_space(reader);
    if (key == NULL || json_object_get(object, key) != NULL || !accept(reader, ":"))
        return false;
    json_t *value = read_value(reader, depth);
    if (value == NULL)
        return false;
    const bool added = json_object_set_new_nocheck(object, key, value) == 0;
    reader->no_memory |= !added;
    reader->room = room;
    return added;
}

static bool read_item(reader_t *reader, json_t *array, int depth) {
    json_t *value = read_value(reader, depth);
    if (value == NULL)
        return false;
    const bool added = json_array_append_new(array, value) == 0;
    reader->no_memory |= !added;
    return added;
}

/* What stands between `{` and `}`, or between `[` and `]`. */
static json_t *read_inside(reader_t *reader, json_t *whole, int depth) {
    const bool object = json_is_object(whole);
    const char *close = object ? "}" : "]";
    skip_space(reader);
    if (whole == NULL || accept(reader, close))
        return whole;
    bool good = depth > 0;
    for (bool more = good; more; more = good && accept(reader, ",")) {
        good = object ? read_member(reader, whole, depth - 1) : read_item(reader, whole, depth - 1);
        skip_space(reader);
    }
    if (good && accept(reader, close))
        return whole;
    json_decref(whole);
    return NULL;
}

static json_t *read_value(reader_t *reader, int depth) {
    skip_space(reader);
    if (accept(reader, "{"))
        return read_inside(reader, made(reader, json_object()), depth);
    if (accept(reader, "["))
        return read_inside(reader, made(reader, json_array()), depth);
    if (accept(reader, "true"))
        return json_true();
    if (accept(reader, "false"))
        return json_false();
    if (accept(reader, "null"))
        return json_null();
    if (reader->at == reader->end || *reader->at != '"')
        return read_number(reader);
    char *room = reader->room;
    const char *string = read_string(reader);
    reader->room = room;
    return string == NULL ? NULL : made(reader, json_string_nocheck(string));
}

json_t *jsontext_read(const char *text, size_t length, bool *no_memory) {
    char *room = malloc(length + 1);
    reader_t reader = {text, text + length, room, room == NULL};
    json_t *json = room == NULL ? NULL : read_value(&reader, DEEPEST);
    skip_space(&reader);
    if (json != NULL && reader.at != reader.end) {
        json_decref(json);
        json = NULL;
    }
    free(room);
    *no_memory = reader.no_memory;
    return json;
}
