/*
 * What a page says under "## Scale": which options turn with the units of loss and gradient, and how. One of
 *
 *     The same steps with loss and gradient times s[, `OPTION` times POWER[ where `OPTION=VALUE`]]...[; only with `OPTION=VALUE`
 *         [ and `OPTION=VALUE`]...].
 *     No rule: REASON.
 *
 * POWER is s, s^2, 1/s, 1/s^(1/3), ...; of two that name the same option the later one counts.
 */
#ifndef CONFORMANCE_STATEMENT_H
#define CONFORMANCE_STATEMENT_H

#include <stdbool.h>

enum { STATEMENT_TURNS = 8, STATEMENT_ONLY = 3, STATEMENT_WORD = 40 };

typedef struct turn {
    char option[STATEMENT_WORD];
    double power;                   /* of s */
    char condition[STATEMENT_WORD]; /* "option=value", or "" */
} turn_t;

typedef struct statement {
    bool is_rule;
    int turns;
    turn_t turn[STATEMENT_TURNS];
    char only[STATEMENT_ONLY][STATEMENT_WORD]; /* "option=value", or "" */
} statement_t;

/* From docs/<folder>/<name>.md; fails the test if the page makes no statement of that form. */
statement_t statement_read(const char *folder, const char *name);

#endif
