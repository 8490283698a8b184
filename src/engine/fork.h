/* What a fork leaves of threads. */
#ifndef ENGINE_FORK_H
#define ENGINE_FORK_H

#include <stdbool.h>

/*
 * Whether this process may run parallel regions. OpenMP's threads do not survive fork, and some run times wait for them
 * for ever: the child of a process that had other threads when it forked stays on the calling thread, and so do its
 * children. Whose threads they were cannot be told; they may be those of a region of the host.
 */
bool fork_left_threads_usable(void);

#endif
