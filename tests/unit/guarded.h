/* Memory between two pages that may not be touched. */
#ifndef UNIT_GUARDED_H
#define UNIT_GUARDED_H

#include <stdbool.h>
#include <stddef.h>

typedef struct guarded {
    unsigned char *map, *begin; /* [begin, begin + size) lies between two pages without access */
    size_t size, map_size;
} guarded_t;

guarded_t guarded_new(size_t bytes); /* rounded up to whole pages */
void guarded_free(guarded_t *g);

/* Room for `bytes` that begins at the first page or ends at the last one. */
void *guarded_place(const guarded_t *g, size_t bytes, bool at_end);

#endif
