#define _GNU_SOURCE /* GNU's strerror_r */
#include "reason_gnu.h"

#include "io/reason.h"

const char *reason_of_gnu(int number, char *buffer, size_t room) {
    return reason_of(number, buffer, room);
}
