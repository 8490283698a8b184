/* JSON that can be edited: what jsontree_read gives, copied into nodes of its own. */
#ifndef FUZZ_TREE_H
#define FUZZ_TREE_H

#include "io/jsontree.h"

typedef struct tree {
    jsontree_kind_t kind;
    char *key; /* of a member of an object; NULL otherwise */
    int64_t integer;
    double real;
    char *text;
    struct tree *parent, *first, *next; /* first of its own items, next of its parent's */
} tree_t;

tree_t *tree_new(jsontree_kind_t kind);
tree_t *tree_integer(int64_t value);
tree_t *tree_text(const char *text);
tree_t *tree_read(const char *text, size_t length); /* NULL: not JSON */
tree_t *tree_copy(const tree_t *tree);
void tree_free(tree_t *tree);

/* The member of an object, or NULL; of NULL and of others too. */
tree_t *tree_get(tree_t *object, const char *key);
size_t tree_items(const tree_t *tree);
tree_t *tree_at(tree_t *tree, size_t i);

/* Takes over `value` as the object's member `key`, in the place of the one that is there, or as the array's last
   item. */
void tree_set(tree_t *object, const char *key, tree_t *value);
void tree_append(tree_t *array, tree_t *value);
/* Takes over `value` in the place of `node`, which is freed; the root stays. */
void tree_replace(tree_t *node, tree_t *value);
/* Takes `node` out of what it is in; the root stays. */
void tree_cut(tree_t *node);

/* The compact text, in ASCII, to be freed. */
char *tree_write(const tree_t *tree);

#endif
