/* The `range` of an option as a reader of the documentation understands it, and values inside and outside of it. */
#ifndef CONFORMANCE_RANGE_H
#define CONFORMANCE_RANGE_H

#include <stdbool.h>

typedef enum range_kind { RANGE_NUMBER, RANGE_WHOLE, RANGE_WORDS, RANGE_TEXT } range_kind_t;

enum { RANGE_VALUES = 16, RANGE_WORD = 32 };

typedef struct range {
    range_kind_t kind;
    double low, high;
    bool low_closed, high_closed;
    int words;
    char word[RANGE_VALUES][RANGE_WORD];
    int inside_count, outside_count;
    double inside[RANGE_VALUES], outside[RANGE_VALUES]; /* numbers; positions for words */
} range_t;

/* Fails the test if `text` is none of the forms that optim.h lists. */
range_t range_read(const char *text);
bool range_holds(const range_t *range, double value);

#endif
