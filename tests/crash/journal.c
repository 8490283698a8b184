#include "journal.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

static entry_t *add(journal_t *journal, deed_t deed, int descriptor) {
    if (journal->count == journal->room) {
        journal->room = 2 * journal->room + 64;
        journal->entry = realloc(journal->entry, journal->room * sizeof *journal->entry);
        if (journal->entry == NULL)
            abort();
    }
    entry_t *entry = &journal->entry[journal->count++];
    *entry = (entry_t){.deed = deed, .descriptor = descriptor};
    return entry;
}

void journal_add(journal_t *journal, deed_t deed, int descriptor, const char *path, const char *to) {
    entry_t *entry = add(journal, deed, descriptor);
    entry->path = path == NULL ? NULL : check_text("%s", path);
    entry->to = to == NULL ? NULL : check_text("%s", to);
}

void journal_add_write(journal_t *journal, int descriptor, const void *bytes, size_t size) {
    entry_t *entry = add(journal, DEED_WRITE, descriptor);
    entry->bytes = check_memory(size, 1);
    memcpy(entry->bytes, bytes, size);
    entry->size = size;
}

void journal_add_mark(journal_t *journal, int first, int last) {
    add(journal, DEED_MARK, first)->size = (size_t)last;
}

void journal_free(journal_t *journal) {
    for (size_t i = 0; i < journal->count; ++i) {
        free(journal->entry[i].path);
        free(journal->entry[i].to);
        free(journal->entry[i].bytes);
    }
    free(journal->entry);
    *journal = (journal_t){0};
}
