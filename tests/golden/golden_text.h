/* Lines and words of the golden files. Whatever is not as the format says fails the running test, naming file and line. */
#ifndef GOLDEN_TEXT_H
#define GOLDEN_TEXT_H

#include <stdint.h>

typedef struct line {
    const char *path;
    int number;
    char *rest; /* what is still to be read of it */
} golden_line_t;

_Noreturn void golden_bad(const golden_line_t *line, const char *what);

/* The whole file; to be freed. */
char *golden_text(const char *path);

/* The next word, cut out of the line; NULL, "" or a failure if there is none. */
char *golden_word_next(golden_line_t *line);
const char *golden_word_or_empty(golden_line_t *line);
const char *golden_word(golden_line_t *line);

double golden_number(golden_line_t *line);
int64_t golden_whole(golden_line_t *line);
void golden_keyword(golden_line_t *line, const char *expected);
void golden_line_end(golden_line_t *line);

#endif
