/* Every state in which the disk may be after the machine stopped while a checkpoint was saved. */
#ifndef CRASH_LOST_CACHE_H
#define CRASH_LOST_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "disk.h"

/* Saves one after the other; for the state that each crash leaves, the file must be the old or the new one and the next
 * save must succeed. Files of `elements` parameters are cut at every `stride`-th byte. Returns the number of states. */
size_t lost_cache_of_saves(size_t elements, size_t stride);

/* The same with a save that fails at each of its calls, before one that does not. */
size_t lost_cache_of_failures(size_t elements, size_t stride);

/* Whether a disk that does not hear one kind of flush is caught with neither the old nor the new file: then the functions
 * above would notice if the library left that flush out. */
bool lost_cache_is_seen(disk_deaf_t deaf);

#endif
