#include "fuzz.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)fputs("fuzz: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fprintf(stderr, "\n(last error: \"%s\")\n", optim_error());
    va_end(arguments);
    abort();
}

void *fuzz_memory(size_t bytes) {
    void *memory = malloc(bytes == 0 ? 1 : bytes);
    if (memory == NULL)
        fuzz_fail("the test itself has no memory for %zu bytes", bytes);
    return memory;
}

/* ---- Bytes ---- */

uint8_t bytes_one(bytes_t *bytes) {
    if (bytes->left == 0)
        return 0;
    --bytes->left;
    return *bytes->at++;
}

size_t bytes_below(bytes_t *bytes, size_t bound) {
    if (bound == 0)
        return 0;
    size_t value = bytes_one(bytes);
    for (size_t reach = 256; reach < bound; reach *= 256)
        value = value << 8 | bytes_one(bytes);
    return value % bound;
}

char *bytes_line(bytes_t *bytes) {
    if (bytes->left == 0)
        return NULL;
    const uint8_t *end = memchr(bytes->at, '\n', bytes->left);
    const size_t length = end == NULL ? bytes->left : (size_t)(end - bytes->at);
    char *line = fuzz_memory(length + 1);
    memcpy(line, bytes->at, length);
    line[length] = '\0';
    bytes->at += length + (end != NULL);
    bytes->left -= length + (end != NULL);
    return line;
}

/* ---- Statuses and states ---- */

void fuzz_check_status(const char *call, optim_status status, const optim_status *allowed, size_t count) {
    bool found = false;
    for (size_t i = 0; i < count; ++i)
        found = found || allowed[i] == status;
    if (!found)
        fuzz_fail("%s returned %d, which is not among its documented statuses", call, status);
    if (status < 0 && strlen(optim_error()) < 10)
        fuzz_fail("%s returned %d without a sentence", call, status);
}

saved_t saved_make(const optim_t *opt) {
    saved_t saved = {OPTIM_OK, 0, NULL};
    size_t size;
    saved.status = optim_serialize(opt, NULL, 0, &size);
    if (saved.status != OPTIM_OK)
        return saved;
    saved.bytes = fuzz_memory(size);
    saved.status = optim_serialize(opt, saved.bytes, size, &saved.size);
    if (saved.status == OPTIM_OK && saved.size != size)
        fuzz_fail("optim_serialize announced %zu bytes and wrote %zu", size, saved.size);
    return saved;
}

void saved_free(saved_t *saved) {
    free(saved->bytes);
    *saved = (saved_t){OPTIM_OK, 0, NULL};
}

bool saved_same(const saved_t *a, const saved_t *b) {
    return a->status == b->status && a->size == b->size &&
           (a->status != OPTIM_OK || memcmp(a->bytes, b->bytes, a->size) == 0);
}

static bool saved_has(const saved_t *saved, const char *mark) {
    const size_t length = strlen(mark);
    for (size_t i = 0; i + length < saved->size; ++i)
        if (memcmp(saved->bytes + i, mark, length) == 0)
            return true;
    return false;
}

bool saved_planned(const saved_t *saved) {
    return saved_has(saved, "planned\\\":true");
}

bool saved_forms_anew(const saved_t *saved) {
    return saved_has(saved, "{\\\"name\\\":\\\"lbfgs\\\"");
}

/* ---- Ranges ---- */

bool range_allows(const char *range, double value) {
    if (strcmp(range, "list") == 0 || strcmp(range, "schedules") == 0 || strcmp(range, "map") == 0 ||
        strcmp(range, "compressor") == 0 || isnan(value))
        return false;
    if (strncmp(range, "word of ", 8) == 0)
        return value >= 1 && value == floor(value);
    if (strchr(range, '|') != NULL) {
        int last = 0;
        for (const char *c = range; *c != '\0'; ++c)
            last += *c == '|';
        return value >= 0 && value <= last && value == floor(value);
    }
    const bool whole = strncmp(range, "integer ", 8) == 0;
    const char *low = range + (whole ? 8 : 0);
    char *end;
    const double least = strtod(low + 1, &end), most = strtod(end + 1, &end);
    if (whole && isfinite(value) && value != floor(value))
        return false;
    return (*low == '[' ? value >= least : value > least) && (*end == ']' ? value <= most : value < most);
}

int range_position(const char *range, const char *word) {
    const size_t length = strlen(word);
    if (strchr(range, '|') == NULL)
        return -1;
    for (int position = 0;; ++position) {
        const size_t here = strcspn(range, "|");
        if (here == length && memcmp(range, word, length) == 0)
            return position;
        if (range[here] == '\0')
            return -1;
        range += here + 1;
    }
}
