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

static optim_status io_error(const char *doing, const char *path) {
    const int number = errno;
    char reason[128];
    return error_set(OPTIM_ERR_IO, "%s \"%s\": %s", doing, path, strerror_r(number, reason, sizeof reason));
}

/* ---- Writing ---- */

static optim_status write_through(const file_sink_t *file, const char *bytes, size_t count) {
    while (count > 0) {
        const ssize_t wrote = write(file->descriptor, bytes, count < LONGEST_WRITE ? count : LONGEST_WRITE);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
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
    while (result != 0 && errno == EINTR);
    return result == 0;
}

/* Whether the descriptor is still what the path leads to: another process may have renamed it. */
static bool is_at(int descriptor, const char *path) {
    struct stat ours, there;
    return fstat(descriptor, &ours) == 0 && lstat(path, &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

static int open_again(const char *path, int flags, mode_t mode) {
    int descriptor;
    do
        descriptor = open(path, flags | O_CLOEXEC, mode);
    while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

/* Opens the file to write, empty and locked. One that an interrupted save left behind is used anew. */
static optim_status open_partial(const char *partial, int *descriptor) {
    for (;;) {
        *descriptor = open_again(partial, O_CREAT | O_WRONLY | O_NOFOLLOW, 0666);
        if (*descriptor < 0)
            return io_error("cannot create", partial);
        if (flock(*descriptor, LOCK_EX | LOCK_NB) != 0) {
            (void)close(*descriptor);
            return error_set(OPTIM_ERR_IO, "\"%s\" is being written by another save", partial);
        }
        if (is_at(*descriptor, partial))
            break;
        (void)close(*descriptor); /* renamed between opening and locking: it is no longer ours to write */
    }
    if (ftruncate(*descriptor, 0) == 0)
        return OPTIM_OK;
    const optim_status status = io_error("cannot empty", partial);
    (void)unlink(partial);
    (void)close(*descriptor);
    return status;
}

/* Writes and flushes the new content; afterwards the file is closed, and gone if that failed. */
static optim_status fill_partial(const char *path, const char *partial, int descriptor, writer_t *writer,
                                 const void *context) {
    struct stat old;
    file_sink_t *file = malloc(sizeof *file);
    optim_status status = OPTIM_OK;
    if (file == NULL)
        status = error_nomem("saving");
    else {
        file->sink.write = write_file;
        file->descriptor = descriptor;
        file->path = partial;
        file->used = 0;
        status = writer(&file->sink, context);
    }
    if (status == OPTIM_OK)
        status = flush(file);
    free(file);
    if (status == OPTIM_OK && stat(path, &old) == 0 && fchmod(descriptor, old.st_mode & 07777) != 0)
        status = io_error("cannot set the mode of", partial);
    if (status == OPTIM_OK && !flush_to_disk(descriptor))
        status = io_error("cannot flush", partial);
    if (status == OPTIM_OK && rename(partial, path) != 0)
        status = io_error("cannot rename to", path);
    if (status != OPTIM_OK)
        (void)unlink(partial);
    if (close(descriptor) != 0 && errno != EINTR && status == OPTIM_OK)
        status = io_error("the new file is in place, but cannot close", path);
    return status;
}

/* The rename is on the disk when the folder is. */
static optim_status flush_folder(const char *path, char *folder) {
    char *slash = strrchr(folder, '/');
    if (slash == NULL)
        (void)snprintf(folder, 2, ".");
    else
        slash[slash == folder] = '\0';
    const int descriptor = open_again(folder, O_RDONLY | O_DIRECTORY, 0);
    if (descriptor < 0 || !flush_to_disk(descriptor)) {
        const optim_status status = io_error("the new file is in place, but cannot flush the folder of", path);
        if (descriptor >= 0)
            (void)close(descriptor);
        return status;
    }
    (void)close(descriptor);
    return OPTIM_OK;
}

/* A link is followed: the file it leads to is replaced, not the link. *real is that file's name, to be freed; NULL:
 * path itself is to be written, being no link or one that leads nowhere. */
static optim_status resolve(const char *path, char **real) {
    struct stat link;
    *real = NULL;
    if (lstat(path, &link) != 0 || !S_ISLNK(link.st_mode))
        return OPTIM_OK;
    *real = realpath(path, NULL);
    return *real == NULL && errno == ENOMEM ? error_nomem("saving") : OPTIM_OK;
}

optim_status file_replace(const char *path, writer_t *writer, const void *context) {
    static const char SUFFIX[] = ".partial";
    char *real;
    optim_status status = resolve(path, &real);
    if (status != OPTIM_OK)
        return status;
    const char *target = real == NULL ? path : real;
    const size_t length = strlen(target);
    char *partial = malloc(length + sizeof SUFFIX), *folder = memory_text(target, length + 1);
    int descriptor = -1;
    if (partial == NULL || folder == NULL)
        status = error_nomem("saving");
    else {
        (void)snprintf(partial, length + sizeof SUFFIX, "%s%s", target, SUFFIX);
        status = open_partial(partial, &descriptor);
    }
    if (status == OPTIM_OK)
        status = fill_partial(target, partial, descriptor, writer, context);
    if (status == OPTIM_OK)
        status = flush_folder(target, folder);
    free(partial);
    free(folder);
    free(real);
    return status;
}

/* ---- Reading ---- */

static optim_status read_file(source_t *source, size_t offset, void *to, size_t count) {
    const file_source_t *file = (const file_source_t *)source;
    char *at = to;
    while (count > 0) {
        const ssize_t got = pread(file->descriptor, at, count < LONGEST_WRITE ? count : LONGEST_WRITE, (off_t)offset);
        if (got < 0 && errno == EINTR)
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
    *file = (file_source_t){.descriptor = open_again(path, O_RDONLY, 0)};
    if (file->descriptor < 0)
        return io_error("cannot open", path);
    optim_status status = OPTIM_OK;
    if (fstat(file->descriptor, &about) != 0)
        status = io_error("cannot examine", path);
    else if (!S_ISREG(about.st_mode))
        status = error_set(OPTIM_ERR_IO, "\"%s\" is not a file", path);
    else if ((file->name = memory_text(path, strlen(path))) == NULL)
        status = error_nomem("opening a checkpoint");
    if (status != OPTIM_OK) {
        (void)close(file->descriptor);
        return status;
    }
    file->source = (source_t){file->name, (size_t)about.st_size, read_file};
    return OPTIM_OK;
}

void file_close(file_source_t *file) {
    (void)close(file->descriptor);
    free(file->name);
}
