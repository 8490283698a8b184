/* The thread-local error text. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "optim/optim.h"

/* Room for the longest sentence: one that names everything that does not fit (io/complaints.h). */
enum { ERROR_TEXT = 8192 };

/* Records the sentence (printf format; numbers are printed without regard to the locale). */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void error_text(const char *format, ...);

/* Puts "<text>: " in front of the recorded sentence; the text names what the error comes from, such as a file. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void error_lead(const char *format, ...);

/* Records the sentence and is `status`; a macro so that static analysis sees which status that is. */
#define error_set(status, ...) (error_text(__VA_ARGS__), (status))

/* Error NULL if the argument of that name is. */
optim_status refuse_null(const void *pointer, const char *name);

/* "out of memory while <doing>" */
#define error_nomem(doing) error_set(OPTIM_ERR_NOMEM, "out of memory while %s; nothing was changed", doing)

#endif
