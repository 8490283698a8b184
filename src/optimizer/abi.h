/* Structs that cross the ABI begin with their size: an older, shorter one is served as far as it goes; a newer, longer
 * one is accepted while the part that we do not know is zero. */
#ifndef OPTIMIZER_ABI_H
#define OPTIMIZER_ABI_H

#include "optim/optim.h"

/* Copies `ours` (our_size bytes, beginning with a size_t) into the caller's struct, keeping its size field. `type` is
 * its name, for errors. */
optim_status abi_write(void *theirs, const void *ours, size_t our_size, const char *type);

/* Copies the caller's struct into `ours`; what it lacks is zero. */
optim_status abi_read(const void *theirs, void *ours, size_t our_size, const char *type);

#endif
