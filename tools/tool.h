/* What the commands of the tool share. */
#ifndef TOOLS_TOOL_H
#define TOOLS_TOOL_H

#include <stdbool.h>
#include <stddef.h>

#include "optim/optim.h"

/* Exit statuses. */
enum { DONE = 0, FAILED = 1, MISUSED = 2 };

/* ---- Commands: each returns an exit status ---- */

/* `path` "-" is standard input. */
int inspect(const char *path, bool json);

/* `family`: "methods", ... or NULL, all; `word`: what name or purpose must have in them, or NULL. */
int list(const char *family, const char *word, bool json);
int describe(const char *name, bool json);

/* `call`: of another library, as its program has it. */
int port(const char *call);
/* The names that `port` knows, a line each. */
int list_ports(void);

/* argument[0] is the command's name; its own options stand behind it, up to a "--" the spaces, then a command. */
int tune(int count, char **argument, bool json);

/* The default as an option string has it: a keyword by its word, a number with all its digits; "": a list has none. */
enum { DEFAULT_TEXT = 64 };
void default_text(const optim_option *option, char text[DEFAULT_TEXT]);

/* ---- Text ---- */

/* A line on standard error; is MISUSED. What was given may hold anything there too. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
int print_error(const char *format, ...);

/* On standard output. Names may hold anything; a terminal shall not act on it: control characters and backslashes
 * become \xNN. */
void print_text(const char *text);

/* ---- JSON on standard output: values in lists and objects, the commas between them put in ---- */

typedef struct json_out {
    bool begun; /* something stands before on this level: a comma is due */
} json_out_t;

void out_open(json_out_t *out, const char *key, char bracket);
void out_close(json_out_t *out, char bracket);

/* Members of an object by `key`, or elements of a list: `key` NULL. Bytes that are not UTF-8 become U+FFFD. */
void out_text(json_out_t *out, const char *key, const char *text);
void out_count(json_out_t *out, const char *key, size_t count);
void out_bool(json_out_t *out, const char *key, bool truth);

/* What is JSON already: a number, "null", a whole object; its line breaks become spaces, control characters escapes. */
void out_raw(json_out_t *out, const char *key, const char *json);

/* The line's end after the outermost value. */
void out_end(void);

#endif
