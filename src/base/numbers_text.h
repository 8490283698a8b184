/* A state as text: numbers, each with the character behind it, and words. Written in one go, read with every check. */
#ifndef BASE_NUMBERS_TEXT_H
#define BASE_NUMBERS_TEXT_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/number.h"

/* Appends to what fits into the room; counts what does not. */
typedef struct text_writer {
    char *buffer; /* NULL: it is only counted */
    size_t room, size;
} text_writer_t;

static inline void text_put(text_writer_t *w, const char *text, size_t length) {
    if (w->buffer != NULL && w->size + length <= w->room)
        memcpy(w->buffer + w->size, text, length);
    w->size += length;
}

static inline void text_put_number(text_writer_t *w, double value, char end) {
    char text[NUMBER_TEXT];
    number_text(value, text);
    text_put(w, text, strlen(text));
    text_put(w, &end, 1);
}

typedef struct text_reader {
    const char *at, *end;
    bool failed; /* once for all: what is read from then on is 0 */
} text_reader_t;

/* Whether this text comes next; then it is behind. */
static inline bool text_skip(text_reader_t *r, const char *text) {
    const size_t length = strlen(text);
    if (r->failed || (size_t)(r->end - r->at) < length || memcmp(r->at, text, length) != 0)
        return false;
    r->at += length;
    return true;
}

/* The next number, which `end` follows. */
static inline double text_number(text_reader_t *r, char end) {
    double value = 0;
    const char *stop = r->failed ? NULL : memchr(r->at, end, (size_t)(r->end - r->at));
    r->failed = stop == NULL || !number_parse(r->at, (size_t)(stop - r->at), &value);
    if (!r->failed)
        r->at = stop + 1;
    return value;
}

/* A whole number from 0 to `most`. */
static inline int64_t text_whole(text_reader_t *r, char end, double most) {
    const double value = text_number(r, end);
    r->failed |= !(value >= 0 && value <= most && floor(value) == value);
    return r->failed ? 0 : (int64_t)value;
}

#endif
