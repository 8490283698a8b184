/* cmocka with its prerequisites, and assertions that say more. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "optim/optim.h"

/* The call returns exactly `expected`; otherwise the library's own sentence is shown. */
#define CHECK_STATUS(call, expected) check_status((call), (expected), #call, __FILE__, __LINE__)
#define CHECK_OK(call) CHECK_STATUS(call, OPTIM_OK)
void check_status(optim_status status, optim_status expected, const char *call, const char *file, int line);

/* The call returns `expected` and optim_error() names `offender`. */
#define CHECK_REFUSED(call, expected, offender) check_refused((call), (expected), (offender), #call, __FILE__, __LINE__)
void check_refused(optim_status status, optim_status expected, const char *offender, const char *call, const char *file,
                   int line);

/* |got - want| <= tolerance max(1, |want|) */
#define CHECK_CLOSE(got, want, tolerance) check_close((got), (want), (tolerance), #got, __FILE__, __LINE__)
void check_close(double got, double want, double tolerance, const char *what, const char *file, int line);

/* got <= limit; a NaN fails. */
#define CHECK_AT_MOST(got, limit) check_at_most((got), (limit), #got, __FILE__, __LINE__)
void check_at_most(double got, double limit, const char *what, const char *file, int line);

/* Memory for a test; ends the program if there is none. Filled with zeros. */
void *check_memory(size_t count, size_t size);

/* All that a handle is made of but its parameters, as optim_serialize writes it, in memory of its own. */
void *check_serialized(const optim_t *opt, size_t *size);

/* Formatted text in memory of its own. */
char *check_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
