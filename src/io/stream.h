/* Where a checkpoint goes to and comes from: a file or memory. */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "optim/optim.h"

typedef struct sink {
    bool only_counts; /* the bytes themselves are not read */
    optim_status (*write)(struct sink *sink, const void *bytes, size_t count);
} sink_t;

/* Bytes that stay the same while they are read. `name` is for errors: what they are, in words. */
typedef struct source {
    const char *name;
    size_t size;
    optim_status (*read)(struct source *source, size_t offset, void *to, size_t count); /* all within `size` */
    const char *path; /* of a file, beside which others may be; NULL: it is none */
} source_t;

/* What writes a whole checkpoint. */
typedef optim_status writer_t(sink_t *sink, const void *context);

/*
 * Where a file is to be put. It is looked up once: what becomes of the path, its links and the current folder
 * afterwards does not matter, and a folder that is renamed is followed.
 */
typedef struct file_place {
    int folder;       /* open; negative: not any more */
    char *path;       /* for sentences: as it was given, or where its link leads */
    const char *name; /* the end of that: the file's name in the folder */
    mode_t mode;      /* of the file that is there; 0: there is none */
} file_place_t;

/* A link is followed; what is there and not a file is refused. Errors: IO, NOMEM. Freed by file_place_free, even so. */
optim_status file_locate(file_place_t *place, const char *path);
/* The same, for a file to be put there: the folder is opened to be flushed. */
optim_status file_find(file_place_t *place, const char *path);
/* The path of a file of that name in the same folder, to be freed. NULL: no memory. */
char *file_beside(const file_place_t *place, const char *name);
/* Closes the folder. */
void file_leave(file_place_t *place);
void file_place_free(file_place_t *place);

/*
 * Puts what `writer` writes in that place: into PATH.partial in the same folder, flushed to the disk, renamed, and the
 * folder flushed and left. Whatever happens, PATH is the old file or the new one; on an error it is the old one (unless
 * the very last flush failed, as the error then says) and PATH.partial is gone, if it can be removed. What a file
 * system does not have (flushes, locks, modes) is done without. Errors: IO, NOMEM, the writer's.
 */
optim_status file_replace(file_place_t *place, writer_t *writer, const void *context);

typedef struct file_source {
    source_t source; /* first */
    int descriptor;
    char *name; /* of the source */
} file_source_t;

/* The path is the source's too, and must live as long. Errors: IO, NOMEM, SIZE. Closed by file_close. */
optim_status file_open(file_source_t *file, const char *path);
void file_close(file_source_t *file);

typedef struct memory_sink {
    sink_t sink; /* first */
    char *at;    /* NULL: only counts */
    size_t used, room;
} memory_sink_t;
/* Writes up to `room` bytes at `at`; past that it goes on counting. */
memory_sink_t memory_sink(void *at, size_t room);

typedef struct memory_source {
    source_t source; /* first */
    const char *at;
} memory_source_t;
memory_source_t memory_source(const void *at, size_t size);

#endif
