/* Characters of UTF-8. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the character that begins at `at`, of at most `room`; 0: none does there. Neither longer than need be, nor a
 * surrogate, nor beyond the last one. */
size_t utf8_length(const char *at, size_t room);

/* Whether a terminal may act on the character of `length` bytes instead of showing it. */
bool utf8_is_control(const char *at, size_t length);

#endif
