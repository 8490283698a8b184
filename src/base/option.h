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
 *   "word of ABO"             a word of these letters; its value: the number with the digits 1, 2, 3 in the base 4
 *   "list"                    numbers separated by ';'
 *   "map", "compressor"       an entry of that kind, NAME or NAME(options), or "none" where that is the default
 *   "schedules"               schedules separated by ';', each NAME or NAME(options)
 */
typedef struct option {
    const char *name;
    double initial; /* default; a keyword's position */
    const char *range;
    const char *doc;
    bool pauses;         /* a schedule may take it to 0, though it cannot be set to that */
    bool zero_apart;     /* 0 means something else than a small value ("0: none"): no schedule may reach it */
    bool decides_memory; /* how much is taken, or in which form states are kept: to be set before the first step */
    bool live;          /* it says which states there are, and may change between steps: no other state depends on it */
    const char *choice; /* default of an entry */
} option_t;

/* OPTIM_KIND_..., as the range says it. */
int option_kind(const option_t *option);

size_t option_count(const option_t *table);

/*
 * Where values stand: one for each row, an entry's being its position among the entries of its kind, or -1 for none;
 * behind them OPTION_ROOM for each row that is an entry, for the options of what it names.
 */
enum { OPTION_ROOM = 8 };
size_t option_values(const option_t *table);
size_t option_inner(const option_t *table, size_t row);
/* The row of an entry whose options' room value `i` lies in. */
size_t option_outer(const option_t *table, size_t i);

/* Position of the option called `name[0..length)`, or -1. */
int option_find(const option_t *table, const char *name, size_t length);

/* Whether its value is a position among words; whether it names an entry; whether it is no number at all. */
bool option_is_keyword(const option_t *option);
bool option_is_entry(const option_t *option);
bool option_is_text(const option_t *option);

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

/* Letter `i` of the word that the value is, by its position among those of the range; -1: the word ends before. */
int option_letter(const option_t *option, double value, int i);

/* The text that option_parse reads as `value`. */
enum { OPTION_TEXT = 64 };
void option_text(const option_t *option, double value, char text[OPTION_TEXT]);

/* The table's names, for sentences about one that it lacks. */
void option_offer(const option_t *table, nearest_t *nearest);
void option_list(const option_t *table, list_t *list);

/* The error that `owner` (of the table) has no option key[0..length), with the nearest names and all of them. */
optim_status option_refuse(const option_t *table, const char *owner, const char *key, size_t length);

/* Piece of an option string: key=value, both pointing into it. */
typedef struct option_pair {
    const char *key, *value;
    size_t key_length, value_length;
} option_pair_t;

/*
 * Walks "key=value,key=value". *cursor starts at the string (NULL is an empty one) and moves on; commas inside
 * parentheses do not separate. Returns 1 with a pair, 0 at the end, a negative status on malformed text.
 */
int option_next(const char **cursor, option_pair_t *pair);

/* Calls `take` with every pair of "key=value,..." until one fails; a key that stands there twice is refused before. */
typedef optim_status option_take_t(void *context, const option_pair_t *pair);
optim_status option_read(const char *text, option_take_t *take, void *context);

/* Splits NAME, or NAME(options), into both; false if it is neither. */
bool option_split_entry(const char *text, size_t length, option_pair_t *entry);

/* Length of the text up to the next `separator` outside parentheses, or up to the end; -1 if they do not match. */
ptrdiff_t option_span(const char *text, size_t length, char separator);

/* Refuses an option string that names a key twice. */
optim_status option_check_unique(const char *text);

#endif
