#include "base/option.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"

static const double MOST_WHOLE = 9007199254740992.0; /* 2^53 */

size_t option_count(const option_t *table) {
    size_t count = 0;
    while (table[count].name != NULL)
        ++count;
    return count;
}

bool option_is_entry(const option_t *option) {
    return option_kind(option) == OPTIM_KIND_ENTRY;
}

size_t option_inner(const option_t *table, size_t row) {
    size_t at = option_count(table);
    for (size_t i = 0; i < row; ++i)
        at += option_is_entry(&table[i]) ? OPTION_ROOM : 0;
    return at;
}

size_t option_values(const option_t *table) {
    return option_inner(table, option_count(table));
}

size_t option_outer(const option_t *table, size_t i) {
    size_t row = 0;
    while (!option_is_entry(&table[row]) || i >= option_inner(table, row) + OPTION_ROOM)
        ++row;
    return row;
}

int option_find(const option_t *table, const char *name, size_t length) {
    for (int i = 0; table[i].name != NULL; ++i)
        if (strlen(table[i].name) == length && memcmp(table[i].name, name, length) == 0)
            return i;
    return -1;
}

static const char WORD_OF[] = "word of ";

int option_kind(const option_t *option) {
    static const char INTEGER[] = "integer ";
    static const struct {
        const char *range;
        int kind;
    } NAMED[] = {{"0|1", OPTIM_KIND_SWITCH},
                 {"list", OPTIM_KIND_LIST},
                 {"map", OPTIM_KIND_ENTRY},
                 {"compressor", OPTIM_KIND_ENTRY},
                 {"schedules", OPTIM_KIND_ENTRIES}};
    for (size_t i = 0; i < sizeof NAMED / sizeof *NAMED; ++i)
        if (strcmp(option->range, NAMED[i].range) == 0)
            return NAMED[i].kind;
    if (strchr(option->range, '|') != NULL)
        return OPTIM_KIND_KEYWORD;
    if (strncmp(option->range, WORD_OF, sizeof WORD_OF - 1) == 0)
        return OPTIM_KIND_WORD;
    return strncmp(option->range, INTEGER, sizeof INTEGER - 1) == 0 ? OPTIM_KIND_INTEGER : OPTIM_KIND_NUMBER;
}

bool option_is_keyword(const option_t *option) {
    const int kind = option_kind(option);
    return kind == OPTIM_KIND_SWITCH || kind == OPTIM_KIND_KEYWORD;
}

bool option_is_text(const option_t *option) {
    const int kind = option_kind(option);
    return kind == OPTIM_KIND_LIST || kind == OPTIM_KIND_ENTRY || kind == OPTIM_KIND_ENTRIES;
}

/* Position of the word text[0..length) in "a|b|c", or -1. */
static int word_find(const char *words, const char *text, size_t length) {
    for (int position = 0;; ++position) {
        const size_t word = strcspn(words, "|");
        if (word == length && memcmp(words, text, length) == 0)
            return position;
        if (words[word] == '\0')
            return -1;
        words += word + 1;
    }
}

/* ---- Words of letters: numbers with the digits 1 .. n in the base n + 1, the first letter in front ---- */

static const char *letters_of(const option_t *option) {
    return option->range + sizeof WORD_OF - 1;
}

static double base_of(const option_t *option) {
    return (double)strlen(letters_of(option)) + 1;
}

static int word_length(const option_t *option, double value) {
    int length = 0;
    while (value >= 1) {
        value = floor(value / base_of(option));
        ++length;
    }
    return length;
}

int option_letter(const option_t *option, double value, int i) {
    const int length = word_length(option, value);
    if (i >= length)
        return -1;
    for (int k = length - 1; k > i; --k)
        value = floor(value / base_of(option));
    return (int)fmod(value, base_of(option)) - 1;
}

static bool is_word(const option_t *option, double value) {
    if (!(value >= 1 && value <= MOST_WHOLE && floor(value) == value))
        return false;
    for (int i = 0; i < word_length(option, value); ++i)
        if (option_letter(option, value, i) < 0)
            return false;
    return true;
}

static optim_status parse_word(const option_t *option, const char *text, size_t length, double *value) {
    const char *letters = letters_of(option);
    double word = 0;
    for (size_t i = 0; i < length; ++i) {
        const char *found = text[i] == '\0' ? NULL : strchr(letters, text[i]);
        word = found == NULL ? (double)INFINITY : word * base_of(option) + (double)(found - letters) + 1;
    }
    if (!is_word(option, word))
        return error_set(OPTIM_ERR_VALUE, "option \"%s\" cannot be \"%.*s\"; valid: a short %s", option->name,
                         (int)(length > 100 ? 100 : length), text, option->range);
    *value = word;
    return OPTIM_OK;
}

static void word_text(const option_t *option, double value, char text[OPTION_TEXT]) {
    int i = 0;
    for (; i < word_length(option, value) && i < OPTION_TEXT - 1; ++i)
        text[i] = letters_of(option)[option_letter(option, value, i)];
    text[i] = '\0';
}

void option_text(const option_t *option, double value, char text[OPTION_TEXT]) {
    const char *word = option->range;
    if (option_kind(option) == OPTIM_KIND_WORD) {
        word_text(option, value, text);
        return;
    }
    if (!option_is_keyword(option)) {
        number_text(value, text);
        return;
    }
    for (int position = (int)value; position > 0; --position)
        word += strcspn(word, "|") + 1;
    (void)snprintf(text, OPTION_TEXT, "%.*s", (int)strcspn(word, "|"), word);
}

static int word_count(const char *words) {
    int count = 1;
    for (; *words != '\0'; ++words)
        count += *words == '|';
    return count;
}

/* "integer [1,inf)" and the like; ranges are written by us, so this cannot fail. */
static option_bounds_t interval_read(const option_t *option) {
    const char *range = option->range;
    option_bounds_t bounds = {option_kind(option), -INFINITY, INFINITY, true, true};
    const char *open = strpbrk(range, "[(");
    const char *comma = open == NULL ? NULL : strchr(open, ',');
    const char *close = comma == NULL ? NULL : strpbrk(comma, ")]");
    if (close == NULL)
        return bounds;
    bounds.lowest_open = *open == '(';
    bounds.highest_open = *close == ')';
    (void)number_parse(open + 1, (size_t)(comma - open) - 1, &bounds.lowest);
    (void)number_parse(comma + 1, (size_t)(close - comma) - 1, &bounds.highest);
    return bounds;
}

option_bounds_t option_bounds(const option_t *option) {
    if (option_is_text(option) || option_kind(option) == OPTIM_KIND_WORD)
        return (option_bounds_t){.kind = option_kind(option)};
    if (!option_is_keyword(option))
        return interval_read(option);
    return (option_bounds_t){.kind = option_kind(option), .highest = word_count(option->range) - 1};
}

bool option_holds(const option_t *option, double value) {
    if (option_is_text(option))
        return isfinite(value);
    if (option_kind(option) == OPTIM_KIND_WORD)
        return is_word(option, value);
    const option_bounds_t bounds = option_bounds(option);
    const bool is_whole = floor(value) == value && fabs(value) <= MOST_WHOLE;
    if (bounds.kind != OPTIM_KIND_NUMBER && isfinite(value) && !is_whole)
        return false;
    return (bounds.lowest_open ? value > bounds.lowest : value >= bounds.lowest) &&
           (bounds.highest_open ? value < bounds.highest : value <= bounds.highest);
}

optim_status option_check(const option_t *option, double value) {
    if (option_is_text(option))
        return error_set(OPTIM_ERR_VALUE, "option \"%s\" is a %s and cannot be set to a number", option->name,
                         option_is_entry(option) ? option->range : "list");
    if (option_holds(option, value))
        return OPTIM_OK;
    return error_set(OPTIM_ERR_VALUE, "option \"%s\" cannot be %.17g; valid: %s%s", option->name, value,
                     option_is_keyword(option) ? "the position in " : "", option->range);
}

static optim_status refuse_word(const option_t *option, const char *text, size_t length) {
    nearest_t nearest = nearest_begin(text, length);
    char question[NEAREST_TEXT];
    for (const char *word = option->range; *word != '\0';) {
        const size_t end = strcspn(word, "|");
        nearest_offer(&nearest, word, end);
        word += end + (word[end] == '|');
    }
    nearest_text(&nearest, question);
    return error_set(OPTIM_ERR_VALUE, "option \"%s\" cannot be \"%.*s\"%s; valid: %s", option->name,
                     (int)(length > 100 ? 100 : length), text, question, option->range);
}

optim_status option_parse(const option_t *option, const char *text, size_t length, double *value) {
    if (option_is_keyword(option)) {
        const int position = word_find(option->range, text, length);
        if (position < 0)
            return refuse_word(option, text, length);
        *value = position;
        return OPTIM_OK;
    }
    if (option_kind(option) == OPTIM_KIND_WORD)
        return parse_word(option, text, length, value);
    double parsed;
    if (!number_parse(text, length, &parsed))
        return error_set(OPTIM_ERR_VALUE, "option \"%s\": \"%.*s\" is not a number; valid: %s", option->name,
                         (int)(length > 100 ? 100 : length), text, option->range);
    const optim_status status = option_check(option, parsed);
    if (status == OPTIM_OK)
        *value = parsed;
    return status;
}

void option_offer(const option_t *table, nearest_t *nearest) {
    for (size_t i = 0; table[i].name != NULL; ++i)
        nearest_offer(nearest, table[i].name, strlen(table[i].name));
}

void option_list(const option_t *table, list_t *list) {
    for (size_t i = 0; table[i].name != NULL; ++i)
        list_add(list, table[i].name);
}

optim_status option_refuse(const option_t *table, const char *owner, const char *key, size_t length) {
    nearest_t nearest = nearest_begin(key, length);
    list_t list = {.used = 0};
    char question[NEAREST_TEXT];
    option_offer(table, &nearest);
    nearest_text(&nearest, question);
    option_list(table, &list);
    return error_set(OPTIM_ERR_OPTION, "%s has no option \"%.*s\"%s; it has: %s", owner,
                     (int)(length > 60 ? 60 : length), key, question, list_end(&list, "optim_describe_option"));
}

ptrdiff_t option_span(const char *text, size_t length, char separator) {
    int depth = 0;
    size_t i = 0;
    for (; i < length && !(depth == 0 && text[i] == separator); ++i) {
        depth += text[i] == '(';
        depth -= text[i] == ')';
        if (depth < 0)
            return -1;
    }
    return depth == 0 ? (ptrdiff_t)i : -1;
}

int option_next(const char **cursor, option_pair_t *pair) {
    const char *text = *cursor;
    if (text == NULL || *text == '\0')
        return 0;
    const ptrdiff_t length = option_span(text, strlen(text), ',');
    if (length < 0)
        return error_set(OPTIM_ERR_VALUE, "parentheses do not match in \"%.100s\"", text);
    const char *equals = memchr(text, '=', (size_t)length);
    if (equals == NULL || equals == text)
        return error_set(OPTIM_ERR_VALUE, "\"%.*s\" is not of the form key=value", (int)(length > 100 ? 100 : length),
                         text);
    pair->key = text;
    pair->key_length = (size_t)(equals - text);
    pair->value = equals + 1;
    pair->value_length = (size_t)length - pair->key_length - 1;
    *cursor = text + length;
    if (**cursor == ',' && *++*cursor == '\0')
        return error_set(OPTIM_ERR_VALUE, "the option string ends in a comma");
    return 1;
}

/* More options than there are names for; comparing all with all would take for ever. */
static optim_status refuse_many(const char *text) {
    enum { MOST_OPTIONS = 256 };
    option_pair_t pair;
    int count = 0;
    while (count <= MOST_OPTIONS && option_next(&text, &pair) > 0)
        ++count;
    return count <= MOST_OPTIONS
               ? OPTIM_OK
               : error_set(OPTIM_ERR_VALUE, "there are more than %d options in one string", count - 1);
}

optim_status option_check_unique(const char *text) {
    option_pair_t pair, other;
    const optim_status many = refuse_many(text);
    if (many != OPTIM_OK)
        return many;
    int more;
    while ((more = option_next(&text, &pair)) > 0) {
        const char *rest = text;
        while (option_next(&rest, &other) > 0)
            if (other.key_length == pair.key_length && memcmp(other.key, pair.key, pair.key_length) == 0)
                return error_set(OPTIM_ERR_DUPLICATE, "option \"%.*s\" is given twice; give it once",
                                 (int)pair.key_length, pair.key);
    }
    return more;
}

optim_status option_read(const char *text, option_take_t *take, void *context) {
    option_pair_t pair;
    optim_status status = option_check_unique(text);
    int more = 0;
    while (status == OPTIM_OK && (more = option_next(&text, &pair)) > 0)
        status = take(context, &pair);
    return more < 0 ? more : status;
}

bool option_split_entry(const char *text, size_t length, option_pair_t *entry) {
    const char *open = memchr(text, '(', length);
    *entry = (option_pair_t){text, text + length, length, 0};
    if (open == NULL)
        return length > 0;
    entry->key_length = (size_t)(open - text);
    entry->value = open + 1;
    if (open == text || text[length - 1] != ')')
        return false;
    entry->value_length = length - entry->key_length - 2;
    return option_span(open + 1, entry->value_length, ')') == (ptrdiff_t)entry->value_length;
}
