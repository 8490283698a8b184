/* Words of the field for which the library has another name. */
#ifndef BASE_SYNONYMS_H
#define BASE_SYNONYMS_H

#include <stddef.h>

typedef struct synonym {
    const char *word; /* in lower case, nothing between its letters */
    const char *name; /* of an entry, an option or a keyword */
    const char *with; /* what belongs to it, or "" */
} synonym_t;

extern const synonym_t SYNONYMS[];
extern const size_t SYNONYM_COUNT;

#endif
