/* Names in sentences about a name that nobody has: the nearest ones, and a list of all that says where it is cut. */
#ifndef BASE_WORDS_H
#define BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* ---- The nearest ---- */

enum { NEAREST_MOST = 3, NEAREST_TEXT = 200, WORD_LONGEST = 48 };

/* A name by its letters: lower case, nothing between them. */
typedef struct word {
    char text[WORD_LONGEST + 1];
    int length; /* -1: too long */
} word_t;

/* What is like `wanted`, nearest first; the names belong to their owners. */
typedef struct nearest {
    word_t wanted;
    bool has_synonym; /* as few words have */
    size_t count;
    struct {
        const char *name;
        size_t length;
        int distance;
    } found[NEAREST_MOST];
} nearest_t;

nearest_t nearest_begin(const char *wanted, size_t length);

/*
 * Keeps the name if it is like the wanted one: the same but for upper case, '-', '_' and spaces; or few letters apart;
 * or one is a part of the other. Names longer than any of ours are like nothing.
 */
void nearest_offer(nearest_t *nearest, const char *name, size_t length);

/* ` (did you mean "adam" or "adamw"?)`, or "" */
void nearest_text(const nearest_t *nearest, char text[NEAREST_TEXT]);

/* ---- All ---- */

enum { LIST_TEXT = 400 };

/* "a, b, c", "a, b ... and 61 more (optim_algorithm_name lists them)", or "none" */
typedef struct list {
    char text[LIST_TEXT];
    size_t used, left_out;
} list_t;

/* Begins with a list_t of zeros. */
void list_add(list_t *list, const char *name);

/* Says how many were left out, if any, and that `lister` tells them; returns the text. */
const char *list_end(list_t *list, const char *lister);

#endif
