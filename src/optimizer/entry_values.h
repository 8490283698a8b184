/*
 * Values of an option table, those of entries that are an option's value among them: an option may be called by its
 * name, or, inside the entry that option "reg" names, "reg.lam". What is numbered below are values (see option_values).
 */
#ifndef OPTIMIZER_ENTRY_VALUES_H
#define OPTIMIZER_ENTRY_VALUES_H

#include "base/entry.h"

/* "option \"reg.lam\"": the longest name. */
enum { VALUE_NAME = 80 };

/* The entry that option `row` names; NULL: it names none, or its value is no entry. */
const entry_t *values_entry(const option_t *table, const double *option, size_t row);

/* The option row of value `i`, NULL if the entry has no such option; and the name by which that value is set. */
const option_t *values_row(const option_t *table, const double *option, size_t i);
void values_name(const option_t *table, const double *option, size_t i, char name[VALUE_NAME]);

/* The value called key[0..length), or -1: one of the table's own, or with the name of an entry. */
int values_find(const option_t *table, const double *option, const char *key, size_t length);
/* The value called by the bare name of an entry's option, or -1; *count says how many options have that name. */
int values_find_inner(const option_t *table, const double *option, const char *key, size_t length, size_t *count);

/* Every default: the table's, but for those that a preset's "key=value,..." gives; NULL: none. */
void values_default(const option_t *table, const char *preset, double *option);

/* Reads the text of one value. Of an entry, the options that it does not name stand at their defaults. On an error
 * values may have been written. Errors: VALUE, NAME, OPTION, DUPLICATE. */
optim_status values_parse(const option_t *table, double *option, size_t i, const char *text, size_t length);
/* The text that values_parse reads as the value: of an entry its name alone. */
void values_text(const option_t *table, const double *option, size_t i, char text[OPTION_TEXT]);

/* What an entry says is wrong with its own options, with the entry's name in *owner; or NULL. */
const char *values_refuse(const option_t *table, const double *option, const char **owner);

/* Reads all of "key=value,..." into the values of one table; `owner` is whose table it is, for errors. */
optim_status values_read(const option_t *table, const char *owner, double *option, const char *text);

/* For sentences about a name that nobody has. */
void values_offer(const option_t *table, const double *option, nearest_t *nearest);
void values_list(const option_t *table, const double *option, list_t *list);

#endif
