#include "io/jsontext.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

static void append(jsontext_t *text, const char *bytes, size_t count) {
    void *grown = text->at;
    text->failed = text->failed || !memory_grow(&grown, &text->room, text->used + count + 1, 1);
    if (text->failed)
        return;
    text->at = grown;
    memcpy(text->at + text->used, bytes, count);
    text->used += count;
    text->at[text->used] = '\0';
}

/* ---- Strings ---- */

/* The code point of a character of UTF-8. */
static uint32_t code_point(const char *at, size_t length) {
    static const unsigned char MASKS[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t character = (unsigned char)*at & MASKS[length];
    for (size_t i = 1; i < length; ++i)
        character = character << 6 | ((unsigned char)at[i] & 0x3FU);
    return character;
}

static void append_escape(jsontext_t *text, uint32_t character) {
    static const char MEANINGS[] = "\"\\\b\f\n\r\t", LETTERS[] = "\"\\bfnrt";
    const char *meaning = character < 0x80 ? strchr(MEANINGS, (char)character) : NULL;
    char escape[16];
    int length;
    if (meaning != NULL)
        length = snprintf(escape, sizeof escape, "\\%c", LETTERS[meaning - MEANINGS]);
    else if (character < 0x10000)
        length = snprintf(escape, sizeof escape, "\\u%04" PRIX32, character);
    else
        length = snprintf(escape, sizeof escape, "\\u%04" PRIX32 "\\u%04" PRIX32, 0xD7C0 + (character >> 10),
                          0xDC00 + (character & 0x3FF));
    append(text, escape, (size_t)length);
}

/* Bytes of the character at `at`, and whether it can stand as it is. */
static size_t next_character(const jsontext_t *text, const char *at, const char *end, bool *plain) {
    const unsigned char first = (unsigned char)*at;
    *plain = first >= 0x20 && first != '"' && first != '\\' && (first < 0x80 || !text->ascii);
    return utf8_length(at, (size_t)(end - at));
}

static void append_string(jsontext_t *text, const char *string) {
    const char *end = string + strlen(string), *plain_from = string;
    append(text, "\"", 1);
    while (string < end) {
        bool plain;
        const size_t length = next_character(text, string, end, &plain);
        text->failed = text->failed || length == 0;
        if (text->failed)
            return;
        if (!plain) {
            append(text, plain_from, (size_t)(string - plain_from));
            append_escape(text, code_point(string, length));
            plain_from = string + length;
        }
        string += length;
    }
    append(text, plain_from, (size_t)(end - plain_from));
    append(text, "\"", 1);
}

bool jsontext_can_hold(const char *string) {
    const char *end = string + strlen(string);
    for (size_t length; string < end; string += length)
        if ((length = utf8_length(string, (size_t)(end - string))) == 0)
            return false;
    return true;
}

/* ---- Values ---- */

/* What stands before a value: the comma, if another came before it, and its key. */
static void begin_value(jsontext_t *text, const char *key) {
    if (text->after)
        append(text, ",", 1);
    text->after = true;
    if (key == NULL)
        return;
    append_string(text, key);
    append(text, ":", 1);
}

void jsontext_open(jsontext_t *text, const char *key, char bracket) {
    begin_value(text, key);
    append(text, &bracket, 1);
    text->after = false;
}

void jsontext_close(jsontext_t *text, char bracket) {
    append(text, &bracket, 1);
    text->after = true;
}

void jsontext_string(jsontext_t *text, const char *key, const char *string) {
    begin_value(text, key);
    append_string(text, string);
}

void jsontext_integer(jsontext_t *text, const char *key, int64_t value) {
    char digits[24];
    const int length = snprintf(digits, sizeof digits, "%" PRId64, value);
    begin_value(text, key);
    append(text, digits, (size_t)length);
}

void jsontext_integers(jsontext_t *text, const char *key, const int64_t *value, size_t count) {
    jsontext_open(text, key, '[');
    for (size_t i = 0; i < count; ++i)
        jsontext_integer(text, NULL, value[i]);
    jsontext_close(text, ']');
}

void jsontext_word(jsontext_t *text, const char *key, const char *word) {
    begin_value(text, key);
    append(text, word, strlen(word));
}
