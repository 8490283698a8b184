#define _POSIX_C_SOURCE 200809L
#include "verdict.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REASON_ROOM = 2000 };

/* What the present file took, the last first. */
typedef struct owned {
    struct owned *before;
    optim_t *opt; /* a handle, or else the memory that follows */
    max_align_t memory[];
} owned_t;

static owned_t *owned;
static int reason_end; /* where the process of a file writes its reason */
static char reason_text[REASON_ROOM];

static owned_t *own(size_t bytes) {
    owned_t *block = bytes > SIZE_MAX - sizeof *block ? NULL : calloc(1, sizeof *block + bytes);
    if (block == NULL) {
        (void)fputs("the test itself is out of memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    block->before = owned;
    owned = block;
    return block;
}

void *file_memory(size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / size)
        fail_file("%zu times %zu bytes are too many", count, size);
    return own(count * size)->memory;
}

void file_owns(optim_t *opt) {
    own(0)->opt = opt;
}

void file_disowns(optim_t *opt) {
    for (owned_t *block = owned; block != NULL; block = block->before)
        if (block->opt == opt)
            block->opt = NULL;
    optim_destroy(opt);
}

char *file_text(const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = file_memory((size_t)length + 1, 1);
    (void)vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

static void release(void) {
    while (owned != NULL) {
        owned_t *before = owned->before;
        optim_destroy(owned->opt);
        free(owned);
        owned = before;
    }
}

static _Noreturn void end_file(verdict_t verdict, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
static _Noreturn void end_file(verdict_t verdict, const char *format, va_list arguments) {
    (void)vdprintf(reason_end, format, arguments);
    exit((int)verdict);
}

void fail_file(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    end_file(VERDICT_FAILED, format, arguments);
}

void leave_file(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    end_file(VERDICT_NOT_RUN, format, arguments);
}

void expect_ok(optim_status status, const char *call) {
    if (status != OPTIM_OK)
        fail_file("%s returned %d (%s): %s", call, status, optim_strerror(status), optim_error());
}

static void read_reason(int from) {
    size_t length = 0;
    ssize_t got;
    while (length < sizeof reason_text - 1 &&
           (got = read(from, reason_text + length, sizeof reason_text - 1 - length)) > 0)
        length += (size_t)got;
    reason_text[length] = '\0';
    (void)close(from);
}

static verdict_t verdict_from(int status) {
    if (WIFEXITED(status) && WEXITSTATUS(status) <= VERDICT_NOT_RUN)
        return (verdict_t)WEXITSTATUS(status);
    const size_t length = strlen(reason_text);
    (void)snprintf(reason_text + length, sizeof reason_text - length, "%sits process ended with %s %d",
                   length == 0 ? "" : "; ", WIFEXITED(status) ? "status" : "signal",
                   WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return VERDICT_FAILED;
}

verdict_t verdict_of(void (*check)(const char *path), const char *path, const char **reason) {
    int ends[2], status;
    (void)fflush(NULL);
    const pid_t child = pipe(ends) == 0 ? fork() : -1;
    if (child < 0) {
        perror("no process for a golden file");
        exit(EXIT_FAILURE);
    }
    if (child == 0) {
        reason_end = ends[1];
        check(path);
        release();
        exit(VERDICT_PASSED);
    }
    (void)close(ends[1]);
    read_reason(ends[0]);
    if (waitpid(child, &status, 0) != child) {
        perror("the process of a golden file is lost");
        exit(EXIT_FAILURE);
    }
    *reason = reason_text;
    return verdict_from(status);
}
