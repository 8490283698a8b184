/* The registry as targets use it: looked up once, since describing takes a search each time. */
#ifndef FUZZ_ENTRIES_H
#define FUZZ_ENTRIES_H

#include "fuzz.h"

typedef struct entry {
    const char *name;
    int needs;         /* of optim_description */
    const char *roles; /* likewise */
    size_t options;
    optim_option *option;
} entry_t;

/* All entries of a kind (OPTIM_ALGORITHM, ...; OPTIM_ENGINE has one). */
const entry_t *entries_of(int kind, size_t *count);
/* NULL: there is none of that name. */
const entry_t *entry_find(int kind, const char *name);
const optim_option *entry_option(const entry_t *entry, const char *key);

/* "key=value,..." with up to three options of the entry or the engine, valid ones and others; to be freed. */
char *entry_text(const entry_t *entry, bytes_t *bytes);

#endif
