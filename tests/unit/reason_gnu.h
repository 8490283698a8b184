/* What io/reason.h makes of GNU's strerror_r; whoever includes that header without _GNU_SOURCE has that of POSIX. */
#ifndef UNIT_REASON_GNU_H
#define UNIT_REASON_GNU_H

#include <stddef.h>

const char *reason_of_gnu(int number, char *buffer, size_t room);

#endif
