#include "tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "io/jsontext.h"

static char *own_text(const char *text) {
    char *copy = fuzz_memory(strlen(text) + 1);
    return strcpy(copy, text);
}

/* ---- Values ---- */

tree_t *tree_new(jsontree_kind_t kind) {
    tree_t *tree = fuzz_memory(sizeof *tree);
    *tree = (tree_t){.kind = kind};
    return tree;
}

tree_t *tree_integer(int64_t value) {
    tree_t *tree = tree_new(JSONTREE_INTEGER);
    tree->integer = value;
    return tree;
}

tree_t *tree_text(const char *text) {
    tree_t *tree = tree_new(JSONTREE_TEXT);
    tree->text = own_text(text);
    return tree;
}

void tree_free(tree_t *tree) {
    if (tree == NULL)
        return;
    for (tree_t *item = tree->first, *next; item != NULL; item = next) {
        next = item->next;
        tree_free(item);
    }
    free(tree->key);
    free(tree->text);
    free(tree);
}

static tree_t *from_json(const jsontree_t *json) {
    tree_t *tree = json->kind == JSONTREE_TEXT ? tree_text(json->is.text) : tree_new(json->kind);
    if (json->kind == JSONTREE_INTEGER)
        tree->integer = json->is.integer;
    if (json->kind == JSONTREE_REAL)
        tree->real = json->is.real;
    for (size_t i = 0; i < json->count; ++i) {
        tree_t *item = from_json(&json->is.items[i]);
        item->key = json->is.items[i].key == NULL ? NULL : own_text(json->is.items[i].key);
        tree_append(tree, item);
    }
    return tree;
}

tree_t *tree_read(const char *text, size_t length) {
    bool no_memory;
    jsontree_t *json = jsontree_read(text, length, &no_memory);
    tree_t *tree = json == NULL ? NULL : from_json(json);
    jsontree_free(json);
    return tree;
}

tree_t *tree_copy(const tree_t *tree) {
    tree_t *copy = tree_new(tree->kind);
    copy->integer = tree->integer;
    copy->real = tree->real;
    copy->text = tree->text == NULL ? NULL : own_text(tree->text);
    for (const tree_t *item = tree->first; item != NULL; item = item->next) {
        tree_t *own = tree_copy(item);
        own->key = item->key == NULL ? NULL : own_text(item->key);
        tree_append(copy, own);
    }
    return copy;
}

/* ---- Items ---- */

tree_t *tree_get(tree_t *object, const char *key) {
    tree_t *item = object == NULL || object->kind != JSONTREE_OBJECT ? NULL : object->first;
    while (item != NULL && strcmp(item->key, key) != 0)
        item = item->next;
    return item;
}

size_t tree_items(const tree_t *tree) {
    size_t count = 0;
    for (const tree_t *item = tree == NULL ? NULL : tree->first; item != NULL; item = item->next)
        ++count;
    return count;
}

tree_t *tree_at(tree_t *tree, size_t i) {
    tree_t *item = tree == NULL ? NULL : tree->first;
    for (; item != NULL && i > 0; --i)
        item = item->next;
    return item;
}

/* What points to the node: its parent, or the item before it. */
static tree_t **place_of(tree_t *node) {
    tree_t **place = &node->parent->first;
    while (*place != node)
        place = &(*place)->next;
    return place;
}

void tree_append(tree_t *array, tree_t *value) {
    tree_t **place = &array->first;
    while (*place != NULL)
        place = &(*place)->next;
    value->parent = array;
    *place = value;
}

void tree_set(tree_t *object, const char *key, tree_t *value) {
    tree_t *there = tree_get(object, key);
    if (there != NULL) {
        tree_replace(there, value);
        return;
    }
    value->key = own_text(key);
    tree_append(object, value);
}

void tree_replace(tree_t *node, tree_t *value) {
    if (node->parent == NULL) {
        tree_free(value);
        return;
    }
    tree_t **place = place_of(node);
    value->key = node->key;
    value->parent = node->parent;
    value->next = node->next;
    *place = value;
    node->key = NULL;
    tree_free(node);
}

void tree_cut(tree_t *node) {
    if (node->parent == NULL)
        return;
    *place_of(node) = node->next;
    tree_free(node);
}

/* ---- Text ---- */

/* With a point or an exponent, so that it is read as one. */
static void write_real(jsontext_t *text, const char *key, double value) {
    char digits[40];
    (void)snprintf(digits, sizeof digits - 2, "%.17g", value);
    if (strpbrk(digits, ".e") == NULL)
        (void)strcat(digits, ".0");
    jsontext_word(text, key, digits);
}

static void write_tree(jsontext_t *text, const tree_t *tree) {
    switch (tree->kind) {
    case JSONTREE_NULL:
        jsontext_word(text, tree->key, "null");
        break;
    case JSONTREE_FALSE:
    case JSONTREE_TRUE:
        jsontext_word(text, tree->key, tree->kind == JSONTREE_TRUE ? "true" : "false");
        break;
    case JSONTREE_INTEGER:
        jsontext_integer(text, tree->key, tree->integer);
        break;
    case JSONTREE_REAL:
        write_real(text, tree->key, tree->real);
        break;
    case JSONTREE_TEXT:
        jsontext_string(text, tree->key, tree->text);
        break;
    default:
        jsontext_open(text, tree->key, tree->kind == JSONTREE_OBJECT ? '{' : '[');
        for (const tree_t *item = tree->first; item != NULL; item = item->next)
            write_tree(text, item);
        jsontext_close(text, tree->kind == JSONTREE_OBJECT ? '}' : ']');
    }
}

char *tree_write(const tree_t *tree) {
    jsontext_t text = {.ascii = true};
    write_tree(&text, tree);
    if (text.failed)
        fuzz_fail("an edited text cannot be written");
    return text.at;
}
