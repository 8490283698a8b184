/* Option tables: the one source of parsing, validation, introspection and documentation of every option. */
#ifndef BASE_OPTION_H
#define BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/words.h"
#include "optim/optim.h"

/*
 * One row of an option table; a table ends with a row without a name. `range` says what is valid, and is shown as it
 * stands in documentation and errors:
 *   "[0,inf)" "(0,1]" ...     a number in an interval; "inf" is a value where the bracket is closed
 *   "integer [1,inf)"         a whole number in it
 *   "0|1"                     a flag
 *   "random|quasi|mean"       a keyword; its value is its position
 *   "list"                    numbers separated by ';'
 *   "schedules"               schedules separated by ';', each NAME or NAME(options)
 */
typedef struct option {
    const char *name;
    double initial; /* default; a keyword's position */
    const char *range;
    const char *doc;
    bool pauses;     /* a schedule may take it to 0, though it cannot be set to that */
    bool zero_apart; /* 0 means something else than a small value ("0: none"): no schedule may reach it */
} option_t;

size_t option_count(const option_t *table);

/* Position of the option called `name[0..length)`, or -1. */
int option_find(const option_t *table, const char *name, size_t length);

bool option_is_keyword(const option_t *option);
bool option_is_text(const option_t *option); /* a list or schedules: not a number */

/* The range as numbers: those of a keyword are positions; a list and schedules have none (0). */
typedef struct option_bounds {
    int kind; /* OPTIM_KIND_... */
    double lowest, highest;
    bool lowest_open, highest_open;
} option_bounds_t;
option_bounds_t option_bounds(const option_t *option);

/* Whether the option's range holds the value. */
bool option_holds(const option_t *option, double value);

/* Checks `value` against the option's range; an error names both. */
optim_status option_check(const option_t *option, double value);

/* Reads the text of a number or keyword and checks it. */
optim_status option_parse(const option_t *option, const char *text, size_t length, double *value);

/* The text that option_parse reads as `value`. */
enum { OPTION_TEXT = 64 };
void option_text(const option_t *option, double value, char text[OPTION_TEXT]);

/* The table's names, for sentences about one that it lacks. */
void option_offer(const option_t *table, nearest_t *nearest);
void option_list(const option_t *table, list_t *list);

/* The error that `owner` (of the table) has no option key[0..length), with the nearest names and all of them. */
optim_status option_refuse(const option_t *table, const char *owner, const char *key, size_t length);

/* Piece of an option string: key=value, both pointing into it. */
typedef struct option_piece {
    const char *key, *value;
    size_t key_length, value_length;
} option_piece_t;

/*
 * Walks "key=value,key=value". *cursor starts at the string (NULL is an empty one) and moves on; commas inside
 * parentheses do not separate. Returns 1 with a piece, 0 at the end, a negative status on malformed text.
 */
int option_next(const char **cursor, option_piece_t *piece);

/* Length of the text up to the next `separator` outside parentheses, or up to the end; -1 if they do not match. */
ptrdiff_t option_span(const char *text, size_t length, char separator);

/* Refuses an option string that names a key twice. */
optim_status option_check_unique(const char *text);

#endif
