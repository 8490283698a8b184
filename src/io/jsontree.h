/*
 * JSON that is read: a tree of values, which stays as it is. Look-ups take NULL and values of any kind, and find
 * nothing there, so that a path into a file of unknown contents needs one check, at its end.
 */
#ifndef IO_JSONTREE_H
#define IO_JSONTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum jsontree_kind {
    JSONTREE_NULL,
    JSONTREE_FALSE,
    JSONTREE_TRUE,
    JSONTREE_INTEGER, /* an integer, written as one */
    JSONTREE_REAL,
    JSONTREE_TEXT,
    JSONTREE_ARRAY,
    JSONTREE_OBJECT
} jsontree_kind_t;

typedef struct jsontree {
    jsontree_kind_t kind;
    const char *key; /* of a member of an object; NULL otherwise */
    union {
        int64_t integer;
        double real;
        const char *text;
        struct jsontree *items; /* of an array, or the members of an object, in the order of the text */
    } is;
    size_t count;                   /* of items */
    const struct jsontree **by_key; /* an object's members in the order of their keys; NULL where there are few */
} jsontree_t;

/* What `length` characters of text say, to be freed. NULL: *no_memory, or else it is not JSON; nor is an object with
 * the same key twice, a text with a zero in it, a number that neither int64_t nor double holds, or a text that is
 * nested deeper than a checkpoint ever is. */
jsontree_t *jsontree_read(const char *text, size_t length, bool *no_memory);
void jsontree_free(jsontree_t *root);

static inline bool jsontree_is(const jsontree_t *json, jsontree_kind_t kind) {
    return json != NULL && json->kind == kind;
}

/* The member of an object, or NULL. */
const jsontree_t *jsontree_get(const jsontree_t *object, const char *key);

/* Item number `i` of an array, or NULL: also for a negative number that was converted to this type. */
const jsontree_t *jsontree_at(const jsontree_t *array, uint64_t i);

/* Items of an array, or 0; members of an object, or 0. */
size_t jsontree_items(const jsontree_t *array);
size_t jsontree_members(const jsontree_t *object);

/* The text, or NULL; the integer, or 0. */
const char *jsontree_text(const jsontree_t *json);
int64_t jsontree_integer(const jsontree_t *json);

#endif
