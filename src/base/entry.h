/* What entries of the registry have in common: methods, wrappers, schedules, maps, compressors. */
#ifndef BASE_ENTRY_H
#define BASE_ENTRY_H

#include "base/option.h"

/*
 * The fields by themselves, so that a descriptor writes `.name = ...` whatever its kind:
 * union { entry_t entry; struct { ENTRY_FIELDS; }; }.
 */
#define ENTRY_FIELDS                                                                                                   \
    const char *name, *purpose, *citation;                                                                             \
    const option_t *options;                                                                                           \
    const struct state *states /* kept from step to step; NULL: none */

typedef struct entry {
    ENTRY_FIELDS;
} entry_t;

#endif
