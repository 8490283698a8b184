/* Checkpoints as no program of ours would write them, with checksums that are right all the same. */
#ifndef CHECKPOINT_TAMPER_H
#define CHECKPOINT_TAMPER_H

#include <stddef.h>

/*
 * The state with the first occurrence of `from` in its record, compact JSON, replaced by `to`; to be freed. Fails the test
 * if there is none.
 */
char *tampered(const char *state, size_t size, const char *from, const char *to, size_t *new_size);

/* Whether the record says this, compact JSON. */
int record_says(const char *state, size_t size, const char *words);

#endif
