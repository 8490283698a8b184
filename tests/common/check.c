#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *file_name(const char *file) {
    const char *slash = strrchr(file, '/');
    return slash == NULL ? file : slash + 1;
}

void check_status(optim_status status, optim_status expected, const char *call, const char *file, int line) {
    if (status != expected)
        fail_msg("%s:%d: %s returned %d (%s), not %d (%s); the library says \"%s\"", file_name(file), line, call,
                 status, optim_strerror(status), expected, optim_strerror(expected), optim_error());
}

void check_refused(optim_status status, optim_status expected, const char *offender, const char *call, const char *file,
                   int line) {
    check_status(status, expected, call, file, line);
    if (strstr(optim_error(), offender) == NULL)
        fail_msg("%s:%d: %s: the sentence does not name %s: \"%s\"", file_name(file), line, call, offender,
                 optim_error());
}

void check_close(double got, double want, double tolerance, const char *what, const char *file, int line) {
    if (!(fabs(got - want) <= tolerance * fmax(1, fabs(want))))
        fail_msg("%s:%d: %s is %.17g, not %.17g within %g", file_name(file), line, what, got, want, tolerance);
}

void check_at_most(double got, double limit, const char *what, const char *file, int line) {
    if (!(got <= limit))
        fail_msg("%s:%d: %s is %.17g, more than %.17g", file_name(file), line, what, got, limit);
}

void *check_memory(size_t count, size_t size) {
    void *memory = calloc(count == 0 ? 1 : count, size);
    if (memory == NULL) {
        (void)fputs("the test itself is out of memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    return memory;
}

void *check_serialized(const optim_t *opt, size_t *size) {
    CHECK_OK(optim_serialize(opt, NULL, 0, size));
    void *bytes = check_memory(*size, 1);
    CHECK_OK(optim_serialize(opt, bytes, *size, size));
    return bytes;
}

char *check_text(const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = check_memory((size_t)length + 1, 1);
    (void)vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}
