/* What a program did to the disk, call by call, so that a crash after any of them can be looked at later. */
#ifndef CRASH_JOURNAL_H
#define CRASH_JOURNAL_H

#include <stddef.h>

typedef enum deed {
    DEED_OPEN,     /* `path` as `descriptor`; made if it was not there */
    DEED_CLOSE,    /* `descriptor` */
    DEED_WRITE,    /* `bytes` at the end of what `descriptor` has written */
    DEED_TRUNCATE, /* `descriptor`, to nothing */
    DEED_FLUSH,    /* `descriptor`, a file or a folder */
    DEED_RENAME,   /* `path` to `to` */
    DEED_UNLINK,   /* `path` */
    DEED_MARK      /* the program's own note: from here on the states `descriptor` to `size` are right after a crash */
} deed_t;

typedef struct entry {
    deed_t deed;
    int descriptor;
    char *path, *to;
    char *bytes;
    size_t size;
} entry_t;

typedef struct journal {
    size_t count, room;
    entry_t *entry;
} journal_t;

void journal_add(journal_t *journal, deed_t deed, int descriptor, const char *path, const char *to);
void journal_add_write(journal_t *journal, int descriptor, const void *bytes, size_t size);
void journal_add_mark(journal_t *journal, int first, int last);
void journal_free(journal_t *journal);

#endif
