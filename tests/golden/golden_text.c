#include "golden_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

_Noreturn void golden_bad(const golden_line_t *line, const char *what) {
    const char *slash = strrchr(line->path, '/');
    fail_msg("%s:%d: %s", slash == NULL ? line->path : slash + 1, line->number, what);
    abort(); /* not reached: the test has ended */
}

char *golden_text(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("cannot open %s", path);
    (void)fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    rewind(file);
    char *text = check_memory((size_t)size + 1, 1);
    const size_t got = fread(text, 1, (size_t)size, file);
    (void)fclose(file);
    assert_int_equal(got, size);
    return text;
}

/* The next word, or NULL; it is cut out of the line. */
char *golden_word_next(golden_line_t *line) {
    char *word = line->rest + strspn(line->rest, " ");
    if (*word == '\0')
        return NULL;
    const size_t length = strcspn(word, " ");
    line->rest = word + length + (word[length] != '\0');
    word[length] = '\0';
    return word;
}

const char *golden_word(golden_line_t *line) {
    const char *next = golden_word_next(line);
    if (next == NULL)
        golden_bad(line, "a word is missing");
    return next;
}

const char *golden_word_or_empty(golden_line_t *line) {
    const char *next = golden_word_next(line);
    return next == NULL ? "" : next;
}

double golden_number(golden_line_t *line) {
    char *end;
    const char *text = golden_word(line);
    const double value = strtod(text, &end);
    if (*end != '\0')
        golden_bad(line, "not a number");
    return value;
}

int64_t golden_whole(golden_line_t *line) {
    const double value = golden_number(line);
    if (value != (double)(int64_t)value)
        golden_bad(line, "not a whole number");
    return (int64_t)value;
}

void golden_keyword(golden_line_t *line, const char *expected) {
    if (strcmp(golden_word(line), expected) != 0)
        golden_bad(line, "a keyword is missing");
}

void golden_line_end(golden_line_t *line) {
    if (golden_word_next(line) != NULL)
        golden_bad(line, "more on the line than expected");
}
