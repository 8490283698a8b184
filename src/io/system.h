/* System calls of saving and loading: made again when a signal interrupts them, and what they answer as a sentence. */
#ifndef IO_SYSTEM_H
#define IO_SYSTEM_H

#include <stdbool.h>
#include <sys/types.h>

#include "optim/optim.h"

/* In sentences a longer path is cut, so that the reason after it is not. */
enum { LONGEST_PATH = 600 };

/* The error that `doing` something to `path` failed, for the reason in errno. */
optim_status io_error(const char *doing, const char *path);

/* Whether a call ended with this result because of a signal. */
bool io_interrupted(long result);

/* openat; the descriptor is closed on exec. */
int io_open(int folder, const char *path, int flags, mode_t mode);

/* Whether errno says that this file system does not have the call, rather than that the call failed; or that the
 * program may not make it. */
bool io_unsupported(void);
bool io_denied(void);

#endif
