/* Files: replaced whole or not at all; read at any place. Calls that a signal interrupts are made again. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/stream.h"

enum { BUFFER = 1 << 16, LONGEST_WRITE = 1 << 30 };

typedef struct file_sink {
    sink_t sink; /* first */
    int descriptor;
    const char *path;
    size_t used;
    char buffer[BUFFER];
} file_sink_t;

/* In sentences a longer path is cut, so that the reason after it is not. */
enum { LONGEST_PATH = 600 };

static optim_status io_error(const char *doing, const char *path) {
    const int number = errno;
    char reason[128];
    return error_set(OPTIM_ERR_IO, "%s \"%.*s%s\": %s", doing, LONGEST_PATH, path,
                     strlen(path) > LONGEST_PATH ? "..." : "", strerror_r(number, reason, sizeof reason));
}

static bool interrupted(long result) {
    return result < 0 && errno == EINTR;
}

static int open_again(const char *path, int flags, mode_t mode) {
    int descriptor;
    do
        descriptor = open(path, flags | O_CLOEXEC, mode);
    while (interrupted(descriptor));
    return descriptor;
}

/* ---- Writing ---- */

static optim_status write_through(const file_sink_t *file, const char *bytes, size_t count) {
    while (count > 0) {
        const ssize_t wrote = write(file->descriptor, bytes, count < LONGEST_WRITE ? count : LONGEST_WRITE);
        if (interrupted(wrote))
            continue;
        if (wrote == 0)
            errno = ENOSPC; /* no file system should, but going on would take forever */
        if (wrote <= 0)
            return io_error("cannot write", file->path);
        bytes += wrote;
        count -= (size_t)wrote;
    }
    return OPTIM_OK;
}

static optim_status flush(file_sink_t *file) {
    const size_t used = file->used;
    file->used = 0;
    return write_through(file, file->buffer, used);
}

static optim_status write_file(sink_t *sink, const void *bytes, size_t count) {
    file_sink_t *file = (file_sink_t *)sink;
    if (count > BUFFER - file->used) {
        const optim_status status = flush(file);
        if (status != OPTIM_OK)
            return status;
    }
    if (count > BUFFER)
        return write_through(file, bytes, count);
    if (count > 0)
        memcpy(file->buffer + file->used, bytes, count);
    file->used += count;
    return OPTIM_OK;
}

static bool flush_to_disk(int descriptor) {
    int result;
    do
        result = fsync(descriptor);
    while (interrupted(result));
    return result == 0;
}

/* A file on its way to be replaced. */
typedef struct replacement {
    char *target;      /* what is replaced: where the caller's path leads to */
    mode_t mode;       /* of the file that is there now; 0: there is none */
    int folder;        /* that of the target, open to be flushed */
    char *partial;     /* the new content, under its name for the time being */
    int descriptor;    /* of that */
    bool ours;         /* it is there and no other save's: to be removed on an error */
} replacement_t;

/* A link is followed: the file it leads to is replaced, not the link. */
static optim_status find_target(replacement_t *r, const char *path) {
    struct stat about;
    const bool there = lstat(path, &about) == 0;
    if (!there && errno != ENOENT)
        return io_error("cannot examine", path);
    const bool link = there && S_ISLNK(about.st_mode);
    r->target = link ? realpath(path, NULL) : memory_text(path, strlen(path));
    if (r->target == NULL)
        return link && errno != ENOMEM ? io_error("cannot follow the link", path) : error_nomem("saving");
    if (link && stat(r->target, &about) != 0)
        return io_error("cannot examine", r->target);
    if (there && !S_ISREG(about.st_mode))
        return error_set(OPTIM_ERR_IO, "\"%.*s\" is not a file", LONGEST_PATH, path);
    r->mode = there ? about.st_mode : 0;
    return OPTIM_OK;
}

static optim_status name_partial(replacement_t *r) {
    static const char SUFFIX[] = ".partial";
    const size_t size = strlen(r->target) + sizeof SUFFIX;
    r->partial = malloc(size);
    if (r->partial == NULL)
        return error_nomem("saving");
    (void)snprintf(r->partial, size, "%s%s", r->target, SUFFIX);
    return OPTIM_OK;
}

/* Before anything is written: what cannot be flushed in the end is not begun. */
static optim_status open_folder(replacement_t *r) {
    char *slash = strrchr(r->target, '/');
    if (slash == NULL)
        r->folder = open_again(".", O_RDONLY | O_DIRECTORY, 0);
    else {
        char *end = slash + 1;
        const char first = *end;
        *end = '\0';
        r->folder = open_again(r->target, O_RDONLY | O_DIRECTORY, 0);
        *end = first;
    }
    return r->folder >= 0 ? OPTIM_OK : io_error("cannot open the folder of", r->target);
}

static optim_status lock_partial(replacement_t *r) {
    int result;
    do
        result = flock(r->descriptor, LOCK_EX | LOCK_NB);
    while (interrupted(result));
    if (result == 0)
        return OPTIM_OK;
    if (errno != EWOULDBLOCK)
        return io_error("cannot lock", r->partial);
    r->ours = false;
    return error_set(OPTIM_ERR_IO, "\"%.*s\" is being written by another save", LONGEST_PATH, r->partial);
}

/* Whether what is open is still what the name leads to: another save may have renamed it before it was locked. */
static optim_status check_partial(replacement_t *r) {
    struct stat open, there = {0};
    if (fstat(r->descriptor, &open) != 0 || (lstat(r->partial, &there) != 0 && errno != ENOENT))
        return io_error("cannot examine", r->partial);
    r->ours = open.st_dev == there.st_dev && open.st_ino == there.st_ino;
    return OPTIM_OK;
}

static optim_status empty_partial(const replacement_t *r) {
    int result;
    do
        result = ftruncate(r->descriptor, 0);
    while (interrupted(result));
    return result == 0 ? OPTIM_OK : io_error("cannot empty", r->partial);
}

/* Opens the file to write, empty and locked. One that an interrupted save left behind is used anew. */
static optim_status open_partial(replacement_t *r) {
    optim_status status = OPTIM_OK;
    while (status == OPTIM_OK) {
        r->descriptor = open_again(r->partial, O_CREAT | O_EXCL | O_WRONLY, 0666);
        r->ours = r->descriptor >= 0;
        if (r->descriptor < 0 && errno == EEXIST)
            r->descriptor = open_again(r->partial, O_CREAT | O_WRONLY | O_NOFOLLOW, 0666);
        if (r->descriptor < 0)
            return io_error("cannot create", r->partial);
        status = lock_partial(r);
        if (status == OPTIM_OK)
            status = check_partial(r);
        if (status == OPTIM_OK && r->ours)
            return empty_partial(r);
        if (status == OPTIM_OK)
            (void)close(r->descriptor);
    }
    return status;
}

static optim_status fill_partial(const replacement_t *r, writer_t *writer, const void *context) {
    file_sink_t *file = malloc(sizeof *file);
    if (file == NULL)
        return error_nomem("saving");
    file->sink = (sink_t){.write = write_file};
    file->descriptor = r->descriptor;
    file->path = r->partial;
    file->used = 0;
    optim_status status = writer(&file->sink, context);
    if (status == OPTIM_OK)
        status = flush(file);
    free(file);
    return status;
}

static optim_status keep_mode(const replacement_t *r) {
    int result = 0;
    if (r->mode != 0)
        do
            result = fchmod(r->descriptor, r->mode & 07777);
        while (interrupted(result));
    return result == 0 ? OPTIM_OK : io_error("cannot set the mode of", r->partial);
}

/* The content is on the disk before the name leads to it, and the save is done when the name is on the disk too. */
static optim_status put_in_place(replacement_t *r) {
    if (!flush_to_disk(r->descriptor))
        return io_error("cannot flush", r->partial);
    if (rename(r->partial, r->target) != 0)
        return io_error("cannot rename to", r->target);
    r->ours = false;
    if (!flush_to_disk(r->folder) && errno != EINVAL) /* there are file systems whose folders cannot be flushed */
        return io_error("the new file is in place, but cannot flush the folder of", r->target);
    return OPTIM_OK;
}

static void end_replacement(const replacement_t *r) {
    if (r->ours)
        (void)unlink(r->partial);
    if (r->descriptor >= 0)
        (void)close(r->descriptor); /* ends the lock; what could fail has been flushed */
    if (r->folder >= 0)
        (void)close(r->folder);
    free(r->partial);
    free(r->target);
}

optim_status file_replace(const char *path, writer_t *writer, const void *context) {
    replacement_t r = {.folder = -1, .descriptor = -1};
    optim_status status = find_target(&r, path);
    if (status == OPTIM_OK)
        status = name_partial(&r);
    if (status == OPTIM_OK)
        status = open_folder(&r);
    if (status == OPTIM_OK)
        status = open_partial(&r);
    if (status == OPTIM_OK)
        status = fill_partial(&r, writer, context);
    if (status == OPTIM_OK)
        status = keep_mode(&r);
    if (status == OPTIM_OK)
        status = put_in_place(&r);
    end_replacement(&r);
    return status;
}

/* ---- Reading ---- */

static optim_status read_file(source_t *source, size_t offset, void *to, size_t count) {
    const file_source_t *file = (const file_source_t *)source;
    char *at = to;
    while (count > 0) {
        const ssize_t got = pread(file->descriptor, at, count < LONGEST_WRITE ? count : LONGEST_WRITE, (off_t)offset);
        if (interrupted(got))
            continue;
        if (got < 0)
            return io_error("cannot read", file->name);
        if (got == 0)
            return error_set(OPTIM_ERR_IO, "\"%s\" became shorter while it was read", file->name);
        at += got;
        offset += (size_t)got;
        count -= (size_t)got;
    }
    return OPTIM_OK;
}

optim_status file_open(file_source_t *file, const char *path) {
    struct stat about;
    size_t size = 0;
    *file =
        (file_source_t){.descriptor = open_again(path, O_RDONLY | O_NONBLOCK, 0)}; /* a pipe is no file: no waiting */
    if (file->descriptor < 0)
        return io_error("cannot open", path);
    optim_status status = OPTIM_OK;
    if (fstat(file->descriptor, &about) != 0)
        status = io_error("cannot examine", path);
    else if (!S_ISREG(about.st_mode))
        status = error_set(OPTIM_ERR_IO, "\"%s\" is not a file", path);
    else if (!size_of_count(about.st_size, &size))
        status = error_set(OPTIM_ERR_SIZE, "\"%s\" is larger than the address space", path);
    else if ((file->name = memory_text(path, strlen(path))) == NULL)
        status = error_nomem("opening a checkpoint");
    if (status != OPTIM_OK) {
        (void)close(file->descriptor);
        return status;
    }
    file->source = (source_t){file->name, size, read_file};
    return OPTIM_OK;
}

void file_close(file_source_t *file) {
    (void)close(file->descriptor);
    free(file->name);
}
