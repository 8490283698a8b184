#include "optimizer/names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a */
static size_t hash(const char *name) {
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *name != '\0'; ++name)
        h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return (size_t)h;
}

/* Where the name is, or the free place where it belongs. */
static size_t place(const char *const *slot, size_t capacity, const char *name) {
    size_t i = hash(name) & (capacity - 1);
    while (slot[i] != NULL && strcmp(slot[i], name) != 0)
        i = (i + 1) & (capacity - 1);
    return i;
}

bool names_has(const names_t *names, const char *name) {
    return names->capacity > 0 && names->slot[place(names->slot, names->capacity, name)] != NULL;
}

bool names_reserve(names_t *names) {
    if (names->count + 1 <= names->capacity / 2)
        return true;
    const size_t capacity = names->capacity == 0 ? 16 : names->capacity * 2;
    const char **slot = calloc(capacity, sizeof *slot);
    if (slot == NULL)
        return false;
    for (size_t i = 0; i < names->capacity; ++i)
        if (names->slot[i] != NULL)
            slot[place(slot, capacity, names->slot[i])] = names->slot[i];
    free(names->slot);
    names->slot = slot;
    names->capacity = capacity;
    return true;
}

void names_add(names_t *names, const char *name) {
    names->slot[place(names->slot, names->capacity, name)] = name;
    ++names->count;
}
