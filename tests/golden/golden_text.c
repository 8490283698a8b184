#include "golden_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verdict.h"

_Noreturn void golden_bad(const golden_line_t *line, const char *what) {
    const char *slash = strrchr(line->path, '/');
    fail_file("%s:%d: %s", slash == NULL ? line->path : slash + 1, line->number, what);
}

static char *whole_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_file("it cannot be opened");
    (void)fseek(file, 0, SEEK_END);
    const long size = ftell(file);
    rewind(file);
    char *text = size < 0 ? NULL : file_memory((size_t)size + 1, 1);
    const size_t got = size < 0 ? 0 : fread(text, 1, (size_t)size, file);
    (void)fclose(file);
    if (size < 0 || got != (size_t)size)
        fail_file("it cannot be read");
    return text;
}

golden_line_t golden_open(const char *path) {
    char *text = whole_file(path);
    return (golden_line_t){path, 0, text, text};
}

bool golden_next(golden_line_t *line) {
    char *end = strchr(line->next, '\n');
    ++line->number;
    if (end == NULL)
        golden_bad(line, "the file has no line \"end\"");
    *end = '\0';
    line->rest = line->next;
    line->next = end + 1;
    return strcmp(line->rest, "end") != 0;
}

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
    if (!(value >= -9007199254740992.0 && value <= 9007199254740992.0) || value != (double)(int64_t)value)
        golden_bad(line, "not a whole number");
    return (int64_t)value;
}

size_t golden_size(golden_line_t *line) {
    const int64_t value = golden_whole(line);
    if (value < 0 || value > 10000000)
        golden_bad(line, "not a size");
    return (size_t)value;
}

void golden_numbers(golden_line_t *line, size_t count, double *numbers) {
    for (size_t i = 0; i < count; ++i)
        numbers[i] = golden_number(line);
}

void golden_keyword(golden_line_t *line, const char *expected) {
    if (strcmp(golden_word(line), expected) != 0)
        golden_bad(line, file_text("\"%s\" is missing", expected));
}

void golden_line_skip(golden_line_t *line) {
    line->rest += strlen(line->rest);
}

void golden_line_end(golden_line_t *line) {
    if (golden_word_next(line) != NULL)
        golden_bad(line, "more on the line than expected");
}

const char *golden_format(golden_line_t *line) {
    if (!golden_next(line))
        golden_bad(line, "the file is empty");
    golden_keyword(line, "format");
    const char *format = golden_word(line);
    golden_keyword(line, "1");
    golden_line_end(line);
    return format;
}

static void read_line(golden_line_t *line, const golden_directive_t *table, void *file) {
    const char *name = golden_word(line);
    for (; table->name != NULL; ++table)
        if (strcmp(table->name, name) == 0) {
            table->read(file, line);
            golden_line_end(line);
            return;
        }
    golden_bad(line, file_text("the format has no line \"%s\"", name));
}

void golden_read_lines(golden_line_t *line, const golden_directive_t *table, void *file) {
    while (golden_next(line))
        read_line(line, table, file);
}

bool golden_option(const char *options, const char *key, double *value) {
    const size_t length = strlen(key);
    for (const char *at = options; *at != '\0'; at += *at == ',') {
        if (strncmp(at, key, length) == 0 && at[length] == '=') {
            *value = strtod(at + length + 1, NULL);
            return true;
        }
        at += strcspn(at, ",");
    }
    return false;
}

/* It doubles at powers of two; what is left behind is freed with the file. */
void *golden_room(void *array, size_t count, size_t size) {
    if ((count & (count - 1)) != 0)
        return array;
    void *larger = file_memory(count == 0 ? 1 : 2 * count, size);
    if (count > 0)
        memcpy(larger, array, count * size);
    return larger;
}
