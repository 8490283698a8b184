/* The system's words for a value of errno, from whichever of its two forms strerror_r has here. */
#ifndef IO_REASON_H
#define IO_REASON_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/*
 * In `buffer`, or constant; the number itself where the system has no words for it. GNU's form returns the words, which
 * need not be in the buffer; that of POSIX writes them there and returns an int.
 */
static inline const char *reason_of(int number, char *buffer, size_t room) {
    (void)snprintf(buffer, room, "error %d", number);
    const intptr_t answer = (intptr_t)strerror_r(number, buffer, room);
    return _Generic(strerror_r(number, buffer, room), int : buffer, default : (const char *)answer);
}

#endif
