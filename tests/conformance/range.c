#include "range.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static double bound_read(const char **text, const char *whole) {
    char *end;
    const double value = strtod(*text, &end);
    if (end == *text)
        fail_msg("\"%s\" is no range: a bound is missing", whole);
    *text = end;
    return value;
}

static void interval_read(range_t *range, const char *text, const char *whole) {
    if (*text != '[' && *text != '(')
        fail_msg("\"%s\" is no range", whole);
    range->low_closed = *text++ == '[';
    range->low = bound_read(&text, whole);
    if (*text++ != ',')
        fail_msg("\"%s\" is no range: no comma", whole);
    range->high = bound_read(&text, whole);
    range->high_closed = *text == ']';
    if ((*text != ']' && *text != ')') || text[1] != '\0' || !(range->low <= range->high))
        fail_msg("\"%s\" is no range: its end", whole);
}

static void words_read(range_t *range, const char *text) {
    while (*text != '\0') {
        const size_t length = strcspn(text, "|");
        assert_in_range(length, 1, RANGE_WORD - 1);
        assert_in_range(range->words, 0, RANGE_VALUES - 1);
        memcpy(range->word[range->words++], text, length);
        text += length + (text[length] == '|');
    }
}

bool range_holds(const range_t *range, double value) {
    if (range->kind == RANGE_WHOLE && isfinite(value) && floor(value) != value)
        return false;
    return (range->low_closed ? value >= range->low : value > range->low) &&
           (range->high_closed ? value <= range->high : value < range->high);
}

static void propose(range_t *range, double value) {
    if (isnan(value))
        return;
    double *list = range_holds(range, value) ? range->inside : range->outside;
    int *count = range_holds(range, value) ? &range->inside_count : &range->outside_count;
    for (int i = 0; i < *count; ++i)
        if (list[i] == value)
            return;
    assert_in_range(*count, 0, RANGE_VALUES - 2);
    list[(*count)++] = value;
}

/* The ends, what lies next to them, and something between. */
static void propose_interval(range_t *range) {
    const double low = isfinite(range->low) ? range->low : -8, high = isfinite(range->high) ? range->high : low + 3;
    const bool is_whole = range->kind == RANGE_WHOLE;
    const double step = is_whole ? 1 : (high - low) / 1024;
    propose(range, low);
    propose(range, low - step);
    propose(range, low + step);
    propose(range, is_whole ? floor((low + high) / 2) : (low + high) / 2);
    if (isfinite(range->high)) {
        propose(range, high);
        propose(range, high - step);
        propose(range, high + step);
    }
    propose(range, (double)INFINITY);
    propose(range, -(double)INFINITY);
    if (is_whole)
        propose(range, low + 0.5);
    range->outside[range->outside_count++] = (double)NAN;
}

static void propose_words(range_t *range) {
    range->low_closed = true;
    range->high = range->words;
    for (int i = 0; i < range->words; ++i)
        propose(range, i);
    propose(range, -1);
    propose(range, range->words);
    range->outside[range->outside_count++] = 0.5;
    range->outside[range->outside_count++] = (double)NAN;
}

range_t range_read(const char *text) {
    static const char INTEGER[] = "integer ";
    range_t range = {RANGE_NUMBER};
    if (strcmp(text, "list") == 0 || strcmp(text, "schedules") == 0 || strcmp(text, "map") == 0 ||
        strcmp(text, "compressor") == 0 || strncmp(text, "word of ", 8) == 0) {
        range.kind = RANGE_TEXT;
    } else if (strchr(text, '|') != NULL) {
        range.kind = RANGE_WORDS;
        words_read(&range, text);
        propose_words(&range);
    } else {
        const bool is_whole = strncmp(text, INTEGER, sizeof INTEGER - 1) == 0;
        range.kind = is_whole ? RANGE_WHOLE : RANGE_NUMBER;
        interval_read(&range, is_whole ? text + sizeof INTEGER - 1 : text, text);
        propose_interval(&range);
    }
    return range;
}
