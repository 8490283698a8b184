/*
 * JSON that is written: compact text, value by value, without a tree. A failure lasts: writers check `failed` once, at
 * the end.
 */
#ifndef IO_JSONTEXT_H
#define IO_JSONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero at the beginning. */
typedef struct jsontext {
    char *at; /* with a terminator; to be freed */
    size_t used, room;
    bool ascii;  /* characters beyond ASCII as \uXXXX */
    bool after;  /* a value stands in front of the next one, which needs a comma */
    bool failed; /* no memory, or a string that is not UTF-8 */
} jsontext_t;

/* Values: the member `key` of an object; of an array, and the outermost one, `key` is NULL. */

/* `{` or `[`, and its counterpart. */
void jsontext_open(jsontext_t *text, const char *key, char bracket);
void jsontext_close(jsontext_t *text, char bracket);

void jsontext_string(jsontext_t *text, const char *key, const char *string);
void jsontext_integer(jsontext_t *text, const char *key, int64_t value);
void jsontext_integers(jsontext_t *text, const char *key, const int64_t *value, size_t count);

/* `true`, `false` or `null`. */
void jsontext_word(jsontext_t *text, const char *key, const char *word);

/* Whether the string is UTF-8, as names must be to stand in JSON. */
bool jsontext_can_hold(const char *string);

#endif
