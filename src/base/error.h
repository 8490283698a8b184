/* The thread-local error text. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "optim/optim.h"

/* Records the sentence (printf format; numbers are printed without regard to the locale) and returns `status`. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
optim_status error_set(optim_status status, const char *format, ...);

/* "out of memory while <doing>" */
optim_status error_nomem(const char *doing);

#endif
