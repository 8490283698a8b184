/* Checkpoints are little-endian; memory is what the machine is. Nothing happens here where the two agree. */
#ifndef IO_BYTEORDER_H
#define IO_BYTEORDER_H

#include <stddef.h>

#include "optim/optim.h"

typedef optim_status byteorder_take_t(void *context, const void *bytes, size_t count);

/* Hands over `count` bytes of elements of `item` bytes as they are to stand in a file, all at once or in runs.
 * Errors: those of `take`. */
optim_status byteorder_to_file(const void *bytes, size_t count, size_t item, byteorder_take_t *take, void *context);

/* Turns what was read from a file, in place. */
void byteorder_from_file(void *bytes, size_t count, size_t item);

#endif
