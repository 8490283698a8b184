/*
 * JSON as text. Jansson's own functions do not notice every failed allocation: json_dumps leaves a key out of the text
 * where it could not grow its buffer, and its parser drops characters of strings. Besides, text of json_dumps belongs to
 * an allocator that the program may have chosen.
 */
#ifndef IO_JSONTEXT_H
#define IO_JSONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

/* The compact text of `json`, to be freed; NULL: out of memory. `flags` as of json_dumps. */
char *jsontext_make(const json_t *json, size_t flags);

/* What `length` characters of text say. NULL: *no_memory, or else it is not JSON; nor is an object with the same key
 * twice, a text with a zero in it, or one that is nested deeper than a checkpoint ever is. */
json_t *jsontext_read(const char *text, size_t length, bool *no_memory);

/* Whether the text is UTF-8, as names must be to stand in JSON. */
bool jsontext_can_hold(const char *text);

#endif
