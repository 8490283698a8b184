#include "verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REASON_ROOM = 2000 };

/* What the present file took, the last first. */
typedef struct owned {
    struct owned *before;
    optim_t *opt; /* a handle, or else the memory that follows */
    max_align_t memory[];
} owned_t;

static owned_t *owned;
static jmp_buf end_of_file;
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

void fail_file(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reason_text, sizeof reason_text, format, arguments);
    va_end(arguments);
    longjmp(end_of_file, VERDICT_FAILED);
}

void leave_file(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reason_text, sizeof reason_text, format, arguments);
    va_end(arguments);
    longjmp(end_of_file, VERDICT_NOT_RUN);
}

void expect_ok(optim_status status, const char *call) {
    if (status != OPTIM_OK)
        fail_file("%s returned %d (%s): %s", call, status, optim_strerror(status), optim_error());
}

verdict_t verdict_of(void (*check)(const char *path), const char *path, const char **reason) {
    verdict_t verdict = VERDICT_PASSED;
    reason_text[0] = '\0';
    switch (setjmp(end_of_file)) {
    case 0:
        check(path);
        verdict = VERDICT_PASSED;
        break;
    case VERDICT_NOT_RUN:
        verdict = VERDICT_NOT_RUN;
        break;
    default:
        verdict = VERDICT_FAILED;
    }
    release();
    *reason = reason_text;
    return verdict;
}
