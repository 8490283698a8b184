/* Text and JSON on standard output, complaints. Whether the output could be written is asked once, before the tool
   ends. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "tool.h"

/* Control characters, and what `mask` names, as \xNN. */
static void print_masked(FILE *file, const char *text, char mask) {
    const char *end = text + strlen(text);
    for (size_t length; text < end; text += length) {
        length = utf8_length(text, (size_t)(end - text));
        if (length > 0 && !utf8_is_control(text, length) && *text != mask)
            (void)fwrite(text, 1, length, file);
        else {
            length = 1; /* byte by byte */
            fprintf(file, "\\x%02x", (unsigned)(unsigned char)*text);
        }
    }
}

void print_text(const char *text) {
    print_masked(stdout, text, '\\');
}

int print_error(const char *format, ...) {
    enum { LONGEST = 8192 }; /* as the library's own sentences */
    char line[LONGEST];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    print_masked(stderr, line, '\0');
    (void)fputc('\n', stderr);
    return MISUSED;
}

/* A control character inside a string: those of two bytes, U+0080 to U+009F, end in their number. */
static void print_escape(const char *at, size_t length) {
    printf("\\u%04x", (unsigned)(unsigned char)at[length - 1]);
}

/* A string of JSON, in which a terminal finds nothing to act on either. */
static void quote(const char *text) {
    const char *end = text + strlen(text);
    putchar('"');
    for (size_t length; text < end; text += length) {
        length = utf8_length(text, (size_t)(end - text));
        if (length == 0) {
            printf("\\ufffd");
            length = 1;
        } else if (utf8_is_control(text, length))
            print_escape(text, length);
        else if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else
            (void)fwrite(text, 1, length, stdout);
    }
    putchar('"');
}

/* What stands before a value. */
static void begin_value(json_out_t *out, const char *key) {
    if (out->begun)
        putchar(',');
    out->begun = true;
    if (key != NULL) {
        quote(key);
        putchar(':');
    }
}

void out_open(json_out_t *out, const char *key, char bracket) {
    begin_value(out, key);
    putchar(bracket);
    out->begun = false;
}

void out_close(json_out_t *out, char bracket) {
    putchar(bracket);
    out->begun = true;
}

void out_text(json_out_t *out, const char *key, const char *text) {
    begin_value(out, key);
    quote(text);
}

void out_count(json_out_t *out, const char *key, size_t count) {
    begin_value(out, key);
    printf("%zu", count);
}

void out_bool(json_out_t *out, const char *key, bool truth) {
    out_raw(out, key, truth ? "true" : "false");
}

void out_raw(json_out_t *out, const char *key, const char *json) {
    const char *end = json + strlen(json);
    begin_value(out, key);
    for (size_t length; json < end; json += length) {
        length = utf8_length(json, (size_t)(end - json));
        length += length == 0; /* no character: as it stands */
        if (length <= 1 && (unsigned char)*json < 0x20)
            putchar(' '); /* it stands between values */
        else if (utf8_is_control(json, length))
            print_escape(json, length);
        else
            (void)fwrite(json, 1, length, stdout);
    }
}

void out_end(void) {
    putchar('\n');
}
