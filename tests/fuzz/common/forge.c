#include "forge.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "io/jsontext.h"
#include "tree.h"

static const char METADATA[] = "__metadata__", TEXT[] = "libgradopt", SUM[] = "libgradopt.checksum";
static const char NO_SUM[] = "0000000000000000";

enum { REPLACEMENTS = 3, MOST_NODES = 4000, MOST_EDITS = 24, DEEPEST = 3000 };

/* One key's text in the place of another's, once everything is text: this is how a name comes twice. */
typedef struct replacement {
    char *from, *to;
} replacement_t;

typedef struct forge {
    tree_t *header, *record;
    uint8_t *data;
    size_t data_size;
    bool leave_sums, leave_header_sum, has_length;
    uint64_t length;
    replacement_t replacement[REPLACEMENTS];
    int replacements;
} forge_t;

/* ---- Nodes of a tree, in the order in which they are written ---- */

typedef struct nodes {
    size_t count;
    tree_t **node;
} nodes_t;

static void list_nodes(nodes_t *nodes, tree_t *here) {
    if (nodes->count == MOST_NODES)
        return;
    nodes->node[nodes->count++] = here;
    for (tree_t *item = here->first; item != NULL; item = item->next)
        list_nodes(nodes, item);
}

static tree_t *pick(tree_t *root, bytes_t *bytes) {
    nodes_t nodes = {0, fuzz_memory(MOST_NODES * sizeof(tree_t *))};
    list_nodes(&nodes, root);
    tree_t *picked = nodes.node[bytes_below(bytes, nodes.count > 256 ? nodes.count : 257) % nodes.count];
    free(nodes.node);
    return picked;
}

static size_t count_nodes(tree_t *root) {
    nodes_t nodes = {0, fuzz_memory(MOST_NODES * sizeof(tree_t *))};
    list_nodes(&nodes, root);
    free(nodes.node);
    return nodes.count;
}

/* ---- Values ---- */

static tree_t *nested(size_t depth) {
    tree_t *value = tree_new(JSONTREE_ARRAY);
    for (size_t i = 0; i < depth; ++i) {
        tree_t *outer = tree_new(i % 2 == 0 ? JSONTREE_ARRAY : JSONTREE_OBJECT);
        if (i % 2 == 0)
            tree_append(outer, value);
        else
            tree_set(outer, "a", value);
        value = outer;
    }
    return value;
}

static tree_t *real(double value) {
    tree_t *tree = tree_new(isfinite(value) ? JSONTREE_REAL : JSONTREE_NULL);
    tree->real = value;
    return tree;
}

static const char *const TEXTS[] = {"nan",
                                    "inf",
                                    "-inf",
                                    "-1",
                                    "0",
                                    "1",
                                    "2",
                                    "0.5",
                                    "3",
                                    "-0",
                                    "7",
                                    "1e10",
                                    "1e300",
                                    "1e19",
                                    "1e999",
                                    "0x10",
                                    "1e-320",
                                    "",
                                    "4294967296",
                                    "1,5",
                                    "F64",
                                    "U8",
                                    "BF16",
                                    "F32",
                                    "I64",
                                    "lr",
                                    "adamw",
                                    "sgd",
                                    "ema",
                                    "steps=1",
                                    "constant",
                                    "chain",
                                    "9223372036854775807",
                                    "inf ",
                                    "1.5",
                                    "100",
                                    "1000",
                                    "1e8",
                                    "255",
                                    "true",
                                    "__metadata__",
                                    "window=99",
                                    "\xC3\xA4",
                                    "children=constant;linear"};
static const int64_t INTEGERS[] = {0,
                                   1,
                                   -1,
                                   2,
                                   3,
                                   4,
                                   7,
                                   8,
                                   24,
                                   255,
                                   INT32_MAX,
                                   INT32_MIN,
                                   (int64_t)1 << 32,
                                   ((int64_t)1 << 32) + 1,
                                   (int64_t)1 << 53,
                                   (int64_t)1 << 61,
                                   INT64_MAX,
                                   INT64_MAX - 1,
                                   INT64_MIN};

static tree_t *any_value(bytes_t *bytes) {
    switch (bytes_one(bytes) % 10) {
    case 0:
    case 1:
    case 2:
        return tree_integer(INTEGERS[bytes_below(bytes, sizeof INTEGERS / sizeof *INTEGERS)]);
    case 3:
    case 4:
    case 5:
        return tree_text(TEXTS[bytes_below(bytes, sizeof TEXTS / sizeof *TEXTS)]);
    case 6:
        return real(ldexp((double)bytes_one(bytes) - 128, (int)bytes_one(bytes) * 8 - 1024));
    case 7:
        return tree_new(bytes_one(bytes) % 3 == 0   ? JSONTREE_NULL
                        : bytes_one(bytes) % 2 == 0 ? JSONTREE_FALSE
                                                    : JSONTREE_TRUE);
    case 8:
        return tree_new(bytes_one(bytes) % 2 == 0 ? JSONTREE_ARRAY : JSONTREE_OBJECT);
    default:
        return nested(bytes_below(bytes, DEEPEST));
    }
}

/* ---- Edits ---- */

static void put_own_text(tree_t *node, bytes_t *bytes) {
    size_t length = bytes_one(bytes);
    length = length < bytes->left ? length : bytes->left;
    char *text = fuzz_memory(length + 1);
    memcpy(text, bytes->at, length);
    text[length] = '\0';
    if (jsontext_can_hold(text))
        tree_replace(node, tree_text(text));
    free(text);
    bytes->at += length;
    bytes->left -= length;
}

static void rename_key(tree_t *node, const char *key) {
    if (node->key == NULL)
        return;
    tree_t *object = node->parent, *value = tree_copy(node);
    tree_cut(node);
    tree_set(object, key, value);
}

static void extend(tree_t *node, const tree_t *with) {
    if (node->kind == JSONTREE_ARRAY)
        tree_append(node, tree_copy(with));
    else if (node->kind == JSONTREE_OBJECT)
        tree_set(node, with->key == NULL ? "0" : with->key, tree_copy(with));
}

static void edit_data(forge_t *forge, bytes_t *bytes) {
    static const double DOUBLES[] = {0,    1,     -1,   2,        3,         0.5,         1e10,   -1e10,
                                     1e19, 1e300, 1e-9, INFINITY, -INFINITY, (double)NAN, 0x1p31, 0x1p63};
    const double value = DOUBLES[bytes_below(bytes, sizeof DOUBLES / sizeof *DOUBLES)];
    const float single = (float)value;
    const bool wide = bytes_one(bytes) % 2 == 0;
    const size_t width = wide ? 8 : 4, at = bytes_below(bytes, forge->data_size) / width * width;
    if (at + width <= forge->data_size)
        memcpy(forge->data + at, wide ? (const void *)&value : (const void *)&single, width);
}

static void resize_data(forge_t *forge, bytes_t *bytes) {
    const size_t by = bytes_one(bytes);
    const bool grows = bytes_one(bytes) % 2 == 0;
    const size_t size =
        grows ? forge->data_size + by : forge->data_size - (by < forge->data_size ? by : forge->data_size);
    uint8_t *data = fuzz_memory(size);
    memset(data, 0, size);
    memcpy(data, forge->data, size < forge->data_size ? size : forge->data_size);
    free(forge->data);
    forge->data = data;
    forge->data_size = size;
}

static char *own_copy(const char *text) {
    char *copy = fuzz_memory(strlen(text) + 1);
    (void)strcpy(copy, text);
    return copy;
}

static void replace_later(forge_t *forge, const tree_t *from, const tree_t *to) {
    if (from->key == NULL || to->key == NULL || forge->replacements == REPLACEMENTS)
        return;
    forge->replacement[forge->replacements++] = (replacement_t){own_copy(from->key), own_copy(to->key)};
}

static void edit_length(forge_t *forge, bytes_t *bytes) {
    forge->has_length = true;
    forge->length = bytes_one(bytes) % 2 == 0
                        ? bytes_below(bytes, 65536)
                        : (uint64_t)INTEGERS[bytes_below(bytes, sizeof INTEGERS / sizeof *INTEGERS)];
}

/* A number that a station keeps: what kernels may count with. */
static void edit_number(forge_t *forge, bytes_t *bytes) {
    tree_t *layers = tree_get(forge->record, "layers");
    tree_t *layer = tree_at(layers, bytes_below(bytes, tree_items(layers)));
    tree_t *numbers = tree_get(layer, "numbers");
    if (tree_items(numbers) == 0)
        numbers = tree_get(tree_get(tree_get(layer, "groups"), "0"), "numbers");
    if (numbers != NULL)
        tree_replace(pick(numbers, bytes), tree_text(TEXTS[bytes_below(bytes, sizeof TEXTS / sizeof *TEXTS)]));
}

static void edit(forge_t *forge, bytes_t *bytes) {
    const int what = bytes_one(bytes);
    tree_t *root = what % 4 == 0 ? forge->header : forge->record;
    tree_t *node = pick(root, bytes);
    const bool room = count_nodes(root) < MOST_NODES / 2; /* for copies of copies */
    switch (what / 4 % 16) {
    case 0:
    case 1:
        tree_replace(node, any_value(bytes));
        break;
    case 2:
        edit_number(forge, bytes);
        break;
    case 3:
        tree_cut(node);
        break;
    case 4:
        if (room)
            tree_replace(node, tree_copy(pick(root, bytes)));
        break;
    case 5:
        rename_key(node, TEXTS[bytes_below(bytes, sizeof TEXTS / sizeof *TEXTS)]);
        break;
    case 6:
        if (room)
            extend(node, pick(root, bytes));
        break;
    case 7:
    case 8:
        put_own_text(node, bytes);
        break;
    case 9:
        if (node->kind == JSONTREE_INTEGER)
            node->integer = (int64_t)((uint64_t)node->integer + bytes_one(bytes) - 128);
        break;
    case 10:
    case 11:
        edit_data(forge, bytes);
        break;
    case 12:
        resize_data(forge, bytes);
        break;
    case 13:
        replace_later(forge, node, pick(root, bytes));
        break;
    case 14:
        edit_length(forge, bytes);
        break;
    default:
        forge->leave_sums = what % 2 == 0;
        forge->leave_header_sum = what % 2 == 1;
    }
}

/* ---- Taking apart and putting together ---- */

static uint64_t read_length(const uint8_t *bytes) {
    uint64_t length = 0;
    for (int i = 0; i < 8; ++i)
        length |= (uint64_t)bytes[i] << (8 * i);
    return length;
}

static void write_length(uint8_t *bytes, uint64_t length) {
    for (int i = 0; i < 8; ++i)
        bytes[i] = (uint8_t)(length >> (8 * i));
}

static void take_apart(forge_t *forge, const saved_t *sound) {
    const size_t length = (size_t)read_length((const uint8_t *)sound->bytes), begin = length + 8;
    forge->header = tree_read(sound->bytes + 8, length);
    tree_t *metadata = tree_get(forge->header, METADATA);
    const tree_t *text = tree_get(metadata, TEXT);
    forge->record = text == NULL || text->text == NULL ? NULL : tree_read(text->text, strlen(text->text));
    if (forge->record == NULL)
        fuzz_fail("a checkpoint has no record");
    tree_set(metadata, SUM, tree_text(NO_SUM));
    forge->data_size = sound->size - begin;
    forge->data = fuzz_memory(forge->data_size);
    memcpy(forge->data, sound->bytes + begin, forge->data_size);
}

static int64_t integer_at(tree_t *array, size_t i) {
    const tree_t *item = array == NULL || array->kind != JSONTREE_ARRAY ? NULL : tree_at(array, i);
    return item == NULL || item->kind != JSONTREE_INTEGER ? 0 : item->integer;
}

static void sum_arrays(forge_t *forge) {
    tree_t *sums = tree_get(forge->record, "sums");
    if (sums == NULL || sums->kind != JSONTREE_OBJECT)
        return;
    for (tree_t *entry = forge->header->first; entry != NULL; entry = entry->next) {
        tree_t *offsets = tree_get(entry, "data_offsets");
        const int64_t from = integer_at(offsets, 0), to = integer_at(offsets, 1);
        char text[17];
        if (from < 0 || to < from || (uint64_t)to > forge->data_size)
            continue;
        (void)snprintf(text, sizeof text, "%016" PRIx64, XXH3_64bits(forge->data + from, (size_t)(to - from)));
        tree_set(sums, entry->key, tree_text(text));
    }
}

/* The first '"from"' in the text becomes '"to"'. */
static char *replaced(char *text, const replacement_t *replacement) {
    const size_t size = strlen(replacement->from) + strlen(replacement->to) + strlen(text) + 8;
    char *wanted = fuzz_memory(size);
    (void)snprintf(wanted, size, "\"%s\"", replacement->from);
    const char *found = strstr(text, wanted);
    if (found == NULL) {
        free(wanted);
        return text;
    }
    const char *rest = found + strlen(wanted);
    (void)snprintf(wanted, size, "%.*s\"%s\"%s", (int)(found - text), text, replacement->to, rest);
    free(text);
    return wanted;
}

static char *dumped(const forge_t *forge, const tree_t *tree) {
    char *text = tree_write(tree);
    for (int i = 0; i < forge->replacements; ++i)
        text = replaced(text, &forge->replacement[i]);
    return text;
}

static char *header_text(forge_t *forge) {
    tree_t *metadata = tree_get(forge->header, METADATA);
    char *record = dumped(forge, forge->record);
    if (metadata != NULL && metadata->kind == JSONTREE_OBJECT)
        tree_set(metadata, TEXT, tree_text(record));
    free(record);
    return dumped(forge, forge->header);
}

static image_t put_together(forge_t *forge) {
    if (!forge->leave_sums)
        sum_arrays(forge);
    char *text = header_text(forge);
    const size_t length = strlen(text), padding = (8 - length % 8) % 8;
    image_t image = {8 + length + padding + forge->data_size, NULL};
    image.bytes = fuzz_memory(image.size);
    write_length(image.bytes, length + padding);
    memcpy(image.bytes + 8, text, length);
    memset(image.bytes + 8 + length, ' ', padding);
    memcpy(image.bytes + 8 + length + padding, forge->data, forge->data_size);
    if (!forge->leave_header_sum)
        forge_repair(image.bytes, image.size);
    if (forge->has_length)
        write_length(image.bytes, forge->length);
    free(text);
    return image;
}

image_t forge_make(const saved_t *sound, bytes_t *bytes) {
    forge_t forge = {0};
    take_apart(&forge, sound);
    for (int i = 0; i < MOST_EDITS && bytes->left > 0; ++i)
        edit(&forge, bytes);
    const image_t image = put_together(&forge);
    tree_free(forge.header);
    tree_free(forge.record);
    free(forge.data);
    for (int i = 0; i < forge.replacements; ++i) {
        free(forge.replacement[i].from);
        free(forge.replacement[i].to);
    }
    return image;
}

/* Where `wanted` stands in the bytes, or NULL. */
static uint8_t *find_bytes(uint8_t *bytes, size_t size, const char *wanted) {
    const size_t length = strlen(wanted);
    for (size_t i = 0; i + length <= size; ++i)
        if (memcmp(bytes + i, wanted, length) == 0)
            return bytes + i;
    return NULL;
}

void forge_repair(uint8_t *bytes, size_t size) {
    char pattern[sizeof SUM + 8], sum[17];
    if (size < 8)
        return;
    size_t length = (size_t)read_length(bytes);
    if (read_length(bytes) > size - 8) {
        length = size - 8;
        write_length(bytes, length);
    }
    (void)snprintf(pattern, sizeof pattern, "\"%s\":\"", SUM);
    uint8_t *found = find_bytes(bytes + 8, length, pattern);
    while (length > 0 && bytes[8 + length - 1] == ' ')
        --length;
    if (found == NULL || (size_t)(found - bytes - 8) + strlen(pattern) + sizeof NO_SUM > length)
        return;
    memcpy(found + strlen(pattern), NO_SUM, sizeof NO_SUM - 1);
    (void)snprintf(sum, sizeof sum, "%016" PRIx64, XXH3_64bits(bytes + 8, length));
    memcpy(found + strlen(pattern), sum, sizeof NO_SUM - 1);
}
