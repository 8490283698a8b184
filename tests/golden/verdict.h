/*
 * What becomes of one golden file. Each is checked in a process of its own: what fails, or crashes, ends the file and
 * not the program.
 */
#ifndef GOLDEN_VERDICT_H
#define GOLDEN_VERDICT_H

#include <stddef.h>

#include "optim/optim.h"

typedef enum verdict { VERDICT_PASSED, VERDICT_FAILED, VERDICT_NOT_RUN } verdict_t;

/* Runs `check` on the file. *reason, valid until the next call, says why it failed or was not run. */
verdict_t verdict_of(void (*check)(const char *path), const char *path, const char **reason);

/* End the file that is being checked, and its process. */
_Noreturn void fail_file(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void leave_file(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Fails the file, with the library's sentence, unless `status` is OPTIM_OK. */
void expect_ok(optim_status status, const char *call);

/* Memory filled with zeros, and handles: theirs until the file's end. */
void *file_memory(size_t count, size_t size);
char *file_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
void file_owns(optim_t *opt);
void file_disowns(optim_t *opt); /* destroys it now */

#endif
