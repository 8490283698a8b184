/* Everything that is wrong, gathered for one error: as much of it as fits, and how much more there is. */
#ifndef IO_COMPLAINTS_H
#define IO_COMPLAINTS_H

#include <stddef.h>

#include "optim/optim.h"

enum { COMPLAINTS_TEXT = 7168 }; /* of ERROR_TEXT: the rest is for the name of the file */

typedef struct complaints {
    char text[COMPLAINTS_TEXT];
    size_t used;
    size_t count, shown;
} complaints_t;

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void complain(complaints_t *complaints, const char *format, ...);

/* OPTIM_OK if there are none; otherwise the error that `source` does not fit this optimizer, with all of them. */
optim_status complaints_end(const complaints_t *complaints, const char *source);

#endif
