#include "tamper.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "check.h"

enum { PREFIX = 8, SUM = 16 };
static const char KEY[] = "\"libgradopt.checksum\":\"";

static size_t header_length(const char *state) {
    uint64_t length = 0;
    for (int i = 0; i < PREFIX; ++i)
        length |= (uint64_t)(unsigned char)state[i] << (8 * i);
    return (size_t)length;
}

/* The header's text without padding, with a terminator. */
static char *header_text(const char *state, size_t size) {
    size_t length = header_length(state);
    assert_true(length <= size - PREFIX);
    char *text = check_memory(length + 1, 1);
    memcpy(text, state + PREFIX, length);
    while (length > 0 && text[length - 1] == ' ')
        text[--length] = '\0';
    return text;
}

/* As the record's JSON stands in the header's: quotes behind backslashes. */
static char *quoted(const char *words) {
    char *text = check_memory(2 * strlen(words) + 1, 1), *at = text;
    for (; *words != '\0'; *at++ = *words++)
        if (*words == '"')
            *at++ = '\\';
    return text;
}

int record_says(const char *state, size_t size, const char *words) {
    char *text = header_text(state, size), *wanted = quoted(words);
    const int says = strstr(text, wanted) != NULL;
    free(text);
    free(wanted);
    return says;
}

char *tampered(const char *state, size_t size, const char *from, const char *to, size_t *new_size) {
    char *text = header_text(state, size), *old = quoted(from), *new = quoted(to), *at = strstr(text, old);
    if (at == NULL)
        fail_msg("the record does not say %s", from);
    char *changed = check_text("%.*s%s%s", (int)(at - text), text, new, at + strlen(old)), *sum = strstr(changed, KEY);
    assert_non_null(sum);
    sum += sizeof KEY - 1;
    memset(sum, '0', SUM);
    char *digits = check_text("%016llx", (unsigned long long)XXH3_64bits(changed, strlen(changed)));
    memcpy(sum, digits, SUM);
    const size_t length = strlen(changed), padding = (8 - length % 8) % 8, data = size - PREFIX - header_length(state);
    const uint64_t header = length + padding;
    *new_size = PREFIX + length + padding + data;
    char *result = check_memory(*new_size, 1);
    for (int i = 0; i < PREFIX; ++i)
        result[i] = (char)(header >> (8 * i));
    memcpy(result + PREFIX, changed, length);
    memset(result + PREFIX + length, ' ', padding);
    memcpy(result + PREFIX + length + padding, state + size - data, data);
    free(text);
    free(old);
    free(new);
    free(changed);
    free(digits);
    return result;
}
