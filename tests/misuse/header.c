#include "header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static char *file_text(const char *path) {
    char *name = check_text("%s/%s", TEST_SOURCE_DIR, path);
    FILE *file = fopen(name, "rb");
    if (file == NULL)
        fail_msg("cannot read %s", name);
    enum { ROOM = 1 << 20 };
    char *text = check_memory(ROOM, 1);
    text[fread(text, 1, ROOM - 1, file)] = '\0';
    (void)fclose(file);
    free(name);
    return text;
}

static void blank_comments(char *text) {
    for (char *at; (at = strstr(text, "/*")) != NULL;) {
        const char *end = strstr(at, "*/");
        assert_non_null(end);
        memset(at, ' ', (size_t)(end - at) + 2);
    }
}

static const char *prototype(const char *header, const char *function) {
    const size_t length = strlen(function);
    for (const char *at = header; (at = strstr(at, function)) != NULL; at += length)
        if (at[length] == '(' && (at[-1] == ' ' || at[-1] == '*'))
            return at + length;
    fail_msg("%s is in symbols.txt and in no header", function);
    return NULL;
}

/* All public headers, one after the other. */
static char *headers_text(void) {
    char *first = file_text("../include/optim/optim.h"), *second = file_text("../include/optim/advice.h");
    char *third = file_text("../include/optim/federated.h"), *fourth = file_text("../include/optim/comm.h");
    char *text = check_text("%s%s%s%s", first, second, third, fourth);
    free(first);
    free(second);
    free(third);
    free(fourth);
    return text;
}

header_t *header_read(void) {
    header_t *header = check_memory(1, sizeof *header);
    char *rest = NULL;
    header->text = headers_text();
    header->symbols = file_text("abi/symbols.txt");
    blank_comments(header->text);
    for (char *name = strtok_r(header->symbols, "\n", &rest); name != NULL; name = strtok_r(NULL, "\n", &rest)) {
        assert_in_range(header->functions, 0, HEADER_FUNCTIONS - 1);
        header->name[header->functions] = name;
        header->parameters[header->functions++] = prototype(header->text, name);
    }
    return header;
}

void header_free(header_t *header) {
    free(header->text);
    free(header->symbols);
    free(header);
}
