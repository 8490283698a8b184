/* Lines and words of the golden files. Whatever is not as the format says fails the file, naming it and the line. */
#ifndef GOLDEN_TEXT_H
#define GOLDEN_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct golden_line {
    const char *path;
    int number;
    char *rest; /* what is still to be read of it */
    char *next; /* the text behind it */
} golden_line_t;

_Noreturn void golden_bad(const golden_line_t *line, const char *what);

/* Before the first line of the file, whose text stays until the file's end. */
golden_line_t golden_open(const char *path);

/* The next line; false at the line "end". */
bool golden_next(golden_line_t *line);

/* The next word, cut out of the line; NULL, "" or a failure if there is none. */
char *golden_word_next(golden_line_t *line);
const char *golden_word_or_empty(golden_line_t *line);
const char *golden_word(golden_line_t *line);

double golden_number(golden_line_t *line);
int64_t golden_whole(golden_line_t *line);
size_t golden_size(golden_line_t *line); /* a whole number from 0 to 10^7 */
void golden_numbers(golden_line_t *line, size_t count, double *numbers);
void golden_keyword(golden_line_t *line, const char *expected);
void golden_line_skip(golden_line_t *line);
void golden_line_end(golden_line_t *line);

/* The first line: "format NAME 1". */
const char *golden_format(golden_line_t *line);

/* What a line of a format does to what is read of its file. */
typedef struct golden_directive {
    const char *name;
    void (*read)(void *file, golden_line_t *line);
} golden_directive_t;

/* Reads all lines behind the first, each of them one of the table's, whose last row has no name. */
void golden_read_lines(golden_line_t *line, const golden_directive_t *table, void *file);

/* The value of `key` in "k=v,k=v". */
bool golden_option(const char *options, const char *key, double *value);

/* The array with room for one more element of `size` behind `count`. */
void *golden_room(void *array, size_t count, size_t size);

#endif
