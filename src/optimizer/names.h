/* A set of names: finding a duplicate among ten thousand must not take ten thousand comparisons. */
#ifndef OPTIMIZER_NAMES_H
#define OPTIMIZER_NAMES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct names {
    const char **slot; /* open addressing; the strings belong to their owners */
    size_t capacity, count;
} names_t;

bool names_has(const names_t *names, const char *name);
/* Room for one more; false: no memory. */
bool names_reserve(names_t *names);
/* Adds a name that is not there, after names_reserve; it must outlive the set. */
void names_add(names_t *names, const char *name);

#endif
