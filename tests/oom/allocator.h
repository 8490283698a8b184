/*
 * Stands between the library and the allocator: the linker sends its calls here (--wrap, see CMakeLists.txt).
 * It counts what is asked for and what is still held, and fails a request on demand.
 * The counts of the test program's own requests are part of it; it fails none of them, being armed only during calls of
 * the library.
 */
#ifndef OOM_ALLOCATOR_H
#define OOM_ALLOCATOR_H

#include <stdbool.h>

/* From now on request number `nth` fails, counted from 1, and those after it too if it is to last; 0: none fails. */
void allocator_arm(long nth, bool lasting);
/* No request fails any more. Returns how many were made since the call of allocator_arm, failed ones included. */
long allocator_disarm(void);
/* Requests that failed since then. */
long allocator_failures(void);

/* Blocks taken and not given back. */
long allocator_held(void);

#endif
