#include "base/words.h"

#include <stdio.h>
#include <string.h>

#include "base/synonyms.h"

/* ---- The nearest ---- */

enum { PART = WORD_LONGEST }; /* more than any number of letters between two words */

static word_t word_of(const char *name, size_t length) {
    word_t word = {.length = length > 2 * WORD_LONGEST ? -1 : 0};
    for (size_t i = 0; i < length && word.length >= 0; ++i) {
        const char c = name[i];
        if (c == '-' || c == '_' || c == ' ')
            continue;
        if (word.length == WORD_LONGEST)
            word.length = -1;
        else
            word.text[word.length++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return word;
}

static int smaller(int a, int b) {
    return a < b ? a : b;
}

/* Insertions, deletions, replacements and swaps of neighbours between the two. */
static int letters_apart(const word_t *a, const word_t *b) {
    int rows[3][WORD_LONGEST + 1];
    for (int k = 0; k <= b->length; ++k)
        rows[0][k] = k;
    for (int i = 1; i <= a->length; ++i) {
        int *row = rows[i % 3];
        const int *before = rows[(i + 2) % 3], *second = rows[(i + 1) % 3];
        row[0] = i;
        for (int k = 1; k <= b->length; ++k) {
            const char left = a->text[i - 1], right = b->text[k - 1];
            row[k] = smaller(before[k - 1] + (left != right), smaller(before[k], row[k - 1]) + 1);
            if (i > 1 && k > 1 && left == b->text[k - 2] && a->text[i - 2] == right)
                row[k] = smaller(row[k], second[k - 2] + 1);
        }
    }
    return rows[a->length % 3][b->length];
}

/* 0: the same letters; then by letters apart, a name that begins with the wanted one counting as a letter; PART and
 * more: one is a part of the other; -1: not alike. */
static int distance_between(const word_t *wanted, const word_t *name) {
    enum { FARTHEST = 3, SHORTEST_PART = 3, SHORTEST_BEGINNING = 4 };
    if (wanted->length < 0 || name->length < 0)
        return -1;
    const bool beyond = name->length > wanted->length;
    const word_t *inner = beyond ? wanted : name, *outer = beyond ? name : wanted;
    if (beyond && inner->length >= SHORTEST_BEGINNING && strstr(outer->text, inner->text) == outer->text)
        return 1;
    const int more = outer->length - inner->length;
    const int limit = outer->length < 6 ? 1 : smaller(outer->length / 3, FARTHEST);
    const int apart = more > limit ? more : letters_apart(wanted, name);
    if (apart <= limit && 2 * apart <= inner->length)
        return apart;
    return inner->length >= SHORTEST_PART && strstr(outer->text, inner->text) != NULL ? PART + more : -1;
}

static bool is_synonym_for(const synonym_t *synonym, const word_t *wanted) {
    return strlen(synonym->word) == (size_t)wanted->length &&
           memcmp(wanted->text, synonym->word, (size_t)wanted->length) == 0;
}

/* The synonym that this name has the wanted word for; NULL: there is none. */
static const synonym_t *synonym_of(const nearest_t *nearest, const char *name, size_t length) {
    for (size_t i = 0; nearest->has_synonym && i < SYNONYM_COUNT; ++i) {
        const synonym_t *synonym = &SYNONYMS[i];
        if (is_synonym_for(synonym, &nearest->wanted) && strlen(synonym->name) == length &&
            memcmp(synonym->name, name, length) == 0)
            return synonym;
    }
    return NULL;
}

nearest_t nearest_begin(const char *wanted, size_t length) {
    nearest_t nearest = {.wanted = word_of(wanted, length)};
    for (size_t i = 0; nearest.wanted.length > 0 && i < SYNONYM_COUNT; ++i)
        nearest.has_synonym |= is_synonym_for(&SYNONYMS[i], &nearest.wanted);
    return nearest;
}

void nearest_offer(nearest_t *nearest, const char *name, size_t length) {
    const word_t offered = word_of(name, length);
    const bool is_synonym = synonym_of(nearest, name, length) != NULL;
    const int distance = is_synonym ? 0 : distance_between(&nearest->wanted, &offered);
    size_t at = nearest->count;
    while (at > 0 && nearest->found[at - 1].distance > distance)
        --at;
    if (distance < 0 || at == NEAREST_MOST)
        return;
    nearest->count += nearest->count < NEAREST_MOST;
    for (size_t i = nearest->count - 1; i > at; --i)
        nearest->found[i] = nearest->found[i - 1];
    nearest->found[at].name = name;
    nearest->found[at].length = length;
    nearest->found[at].distance = distance;
}

/* Of names some letters apart those that are as near as the first. */
static size_t count_shown(const nearest_t *nearest) {
    size_t count = 0;
    while (count < nearest->count &&
           (nearest->found[count].distance == nearest->found[0].distance || nearest->found[0].distance >= PART))
        ++count;
    return count;
}

void nearest_text(const nearest_t *nearest, char text[NEAREST_TEXT]) {
    const size_t count = count_shown(nearest);
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count; ++i) {
        const char *before = i == 0 ? " (did you mean " : i + 1 < count ? ", " : " or ";
        const synonym_t *synonym = synonym_of(nearest, nearest->found[i].name, nearest->found[i].length);
        const char *with = synonym == NULL ? "" : synonym->with;
        const int wrote =
            snprintf(text + used, NEAREST_TEXT - used, "%s\"%.*s\"%s%s%s", before, (int)nearest->found[i].length,
                     nearest->found[i].name, with[0] == '\0' ? "" : " with ", with, i + 1 < count ? "" : "?)");
        if (wrote < 0 || (size_t)wrote >= NEAREST_TEXT - used)
            return;
        used += (size_t)wrote;
    }
}

/* ---- All ---- */

void list_add(list_t *list, const char *name) {
    enum { END = 80 }; /* room for what list_end writes */
    const char *comma = list->used == 0 ? "" : ", ";
    if (list->left_out > 0 || strlen(comma) + strlen(name) >= LIST_TEXT - END - list->used) {
        ++list->left_out;
        return;
    }
    list->used += (size_t)snprintf(list->text + list->used, LIST_TEXT - list->used, "%s%s", comma, name);
}

const char *list_end(list_t *list, const char *lister) {
    if (list->left_out > 0)
        (void)snprintf(list->text + list->used, LIST_TEXT - list->used, " ... and %zu more (%s lists them)",
                       list->left_out, lister);
    return list->used == 0 && list->left_out == 0 ? "none" : list->text;
}
