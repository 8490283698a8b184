/* Files: replaced whole or not at all; read at any place. */
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
#include "io/system.h"

enum { BUFFER = 1 << 16, LONGEST_WRITE = 1 << 30 };

typedef struct file_sink {
    sink_t sink; /* first */
    int descriptor;
    const char *path;
    size_t used;
    char buffer[BUFFER];
} file_sink_t;

/* ---- Writing ---- */

static optim_status write_through(const file_sink_t *file, const char *bytes, size_t count) {
    while (count > 0) {
        const ssize_t wrote = write(file->descriptor, bytes, count < LONGEST_WRITE ? count : LONGEST_WRITE);
        if (io_interrupted(wrote))
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

/* A file on its way to be replaced. */
typedef struct replacement {
    const file_place_t *place;
    char *partial;    /* the new content, under its name for the time being; for sentences as place->path */
    const char *name; /* that in the folder */
    int descriptor;   /* of that */
    bool ours;        /* it is there and no other save's: to be removed on an error */
} replacement_t;

static optim_status name_partial(replacement_t *r) {
    static const char SUFFIX[] = ".partial";
    const size_t size = strlen(r->place->path) + sizeof SUFFIX;
    r->partial = malloc(size);
    if (r->partial == NULL)
        return error_nomem("saving");
    (void)snprintf(r->partial, size, "%s%s", r->place->path, SUFFIX);
    r->name = r->partial + (r->place->name - r->place->path);
    return OPTIM_OK;
}

static optim_status another_save(const replacement_t *r) {
    return error_set(OPTIM_ERR_IO, "\"%.*s\" is being written by another save", LONGEST_PATH, r->partial);
}

/* Whether errno is an answer of a file system, or of a program's sandbox, that does not have what a save can do
   without. */
static bool is_lacking(void) {
    return io_unsupported() || io_denied() || errno == ENOLCK || errno == EBADF;
}

/*
 * Not every file system has locks; without one a save goes by check_partial alone. That access to the lock of a file
 * which was there already is denied can mean that another save holds it: CIFS says so in these words.
 */
static optim_status lock_partial(replacement_t *r, bool made) {
    int result;
    do
        result = flock(r->descriptor, LOCK_EX | LOCK_NB);
    while (io_interrupted(result));
    if (result != 0 && errno == EWOULDBLOCK) {
        r->ours = false;
        return another_save(r);
    }
    if (result == 0 || (is_lacking() && (made || errno != EACCES)))
        return OPTIM_OK;
    return io_error(errno == EACCES ? "perhaps another save is at work: cannot lock" : "cannot lock", r->partial);
}

/* Whether the name leads to what is open: another save may have renamed or removed that. */
static optim_status check_partial(replacement_t *r) {
    struct stat open, there = {0};
    if (fstat(r->descriptor, &open) != 0 ||
        (fstatat(r->place->folder, r->name, &there, AT_SYMLINK_NOFOLLOW) != 0 && errno != ENOENT))
        return io_error("cannot examine", r->partial);
    r->ours = open.st_dev == there.st_dev && open.st_ino == there.st_ino;
    if (!S_ISREG(open.st_mode))
        return error_set(OPTIM_ERR_IO, "\"%.*s\" is not a file", LONGEST_PATH, r->partial);
    return OPTIM_OK;
}

/* Nobody may read more than could read the old file, not even before the mode is set. */
static int make_partial(const replacement_t *r) {
    const mode_t mode = r->place->mode == 0 ? 0666 : (r->place->mode & 0777) | S_IWUSR;
    return io_open(r->place->folder, r->name, O_CREAT | O_EXCL | O_WRONLY, mode);
}

/* What an interrupted save left behind, perhaps with the mode of a read-only file; or what another save is writing. */
static int open_left(const replacement_t *r) {
    const int descriptor = io_open(r->place->folder, r->name, O_WRONLY | O_NOFOLLOW, 0);
    return descriptor < 0 && errno == EACCES ? io_open(r->place->folder, r->name, O_RDONLY | O_NOFOLLOW, 0)
                                             : descriptor;
}

/* It is removed rather than written anew: its owner, mode and further names are none of this save's. */
static optim_status remove_left(replacement_t *r) {
    if (unlinkat(r->place->folder, r->name, 0) != 0 && errno != ENOENT)
        return io_error("cannot remove", r->partial);
    r->ours = false;
    return OPTIM_OK;
}

/* Makes the file to write, locked. It is `ours` then; if it is not, and there is no error, it is worth another try. */
static optim_status try_partial(replacement_t *r) {
    r->descriptor = make_partial(r);
    r->ours = r->descriptor >= 0;
    const bool made = r->ours;
    if (!made && errno == EEXIST) {
        r->descriptor = open_left(r);
        if (r->descriptor < 0 && errno == ENOENT)
            return OPTIM_OK;
    }
    if (r->descriptor < 0)
        return io_error("cannot create", r->partial);
    optim_status status = lock_partial(r, made);
    if (status == OPTIM_OK)
        status = check_partial(r);
    return status == OPTIM_OK && r->ours && !made ? remove_left(r) : status;
}

static void close_partial(replacement_t *r) {
    if (r->descriptor >= 0)
        (void)close(r->descriptor); /* ends the lock; what could fail has been flushed */
    r->descriptor = -1;
}

static optim_status open_partial(replacement_t *r) {
    enum { TRIES = 100 };
    for (int tries = 0; tries < TRIES; ++tries) {
        const optim_status status = try_partial(r);
        if (status != OPTIM_OK || r->ours)
            return status;
        close_partial(r);
    }
    return another_save(r);
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

/* File systems of some machines have no owners or modes, or leave them to a server. */
static optim_status keep_mode(const replacement_t *r) {
    int result = 0;
    if (r->place->mode != 0)
        do
            result = fchmod(r->descriptor, r->place->mode & 07777);
        while (io_interrupted(result));
    return result == 0 || is_lacking() ? OPTIM_OK : io_error("cannot set the mode of", r->partial);
}

static bool flush_to_disk(int descriptor) {
    int result;
    do
        result = fsync(descriptor);
    while (io_interrupted(result));
    return result == 0;
}

/* A file system that cannot flush tells when a descriptor is closed, if at all, what it could not write. The other one
 * goes on holding the lock. */
static bool close_another(int descriptor) {
    const int another = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    return another >= 0 && (close(another) == 0 || errno == EINTR);
}

static bool flush_file(int descriptor) {
    return flush_to_disk(descriptor) || (io_unsupported() && close_another(descriptor));
}

/* There are file systems whose folders cannot be flushed. */
static bool flush_folder(int folder) {
    return flush_to_disk(folder) || is_lacking();
}

/* The content is on the disk before the name leads to it, and the save is done when the name is on the disk too. */
static optim_status put_in_place(replacement_t *r) {
    const file_place_t *place = r->place;
    if (!flush_file(r->descriptor))
        return io_error("cannot flush", r->partial);
    const optim_status status = check_partial(r);
    if (status != OPTIM_OK)
        return status;
    if (!r->ours)
        return error_set(OPTIM_ERR_IO, "\"%.*s\" was replaced by another save, or removed, while it was written",
                         LONGEST_PATH, r->partial);
    if (renameat(place->folder, r->name, place->folder, place->name) != 0)
        return io_error(errno == EBUSY || errno == EXDEV ? "is something mounted there? cannot rename to"
                                                         : "cannot rename to",
                        place->path);
    r->ours = false;
    if (!flush_folder(place->folder))
        return io_error("the new file is in place, but cannot flush the folder of", place->path);
    return OPTIM_OK;
}

static void end_replacement(replacement_t *r) {
    if (r->ours)
        (void)unlinkat(r->place->folder, r->name, 0);
    close_partial(r);
    free(r->partial);
}

optim_status file_replace(file_place_t *place, writer_t *writer, const void *context) {
    replacement_t r = {.place = place, .descriptor = -1};
    optim_status status = name_partial(&r);
    if (status == OPTIM_OK)
        status = open_partial(&r);
    if (status == OPTIM_OK)
        status = fill_partial(&r, writer, context);
    if (status == OPTIM_OK)
        status = keep_mode(&r);
    if (status == OPTIM_OK)
        status = put_in_place(&r);
    end_replacement(&r);
    file_leave(place);
    return status;
}

/* ---- Reading ---- */

static optim_status read_file(source_t *source, size_t offset, void *to, size_t count) {
    const file_source_t *file = (const file_source_t *)source;
    char *at = to;
    while (count > 0) {
        const ssize_t got = pread(file->descriptor, at, count < LONGEST_WRITE ? count : LONGEST_WRITE, (off_t)offset);
        if (io_interrupted(got))
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

/* The path as sentences quote it; NULL: no memory. */
static char *shown(const char *path) {
    const size_t size = LONGEST_PATH + sizeof "...";
    char *name = malloc(size);
    if (name != NULL)
        (void)snprintf(name, size, "%.*s%s", LONGEST_PATH, path, strlen(path) > LONGEST_PATH ? "..." : "");
    return name;
}

optim_status file_open(file_source_t *file, const char *path) {
    struct stat about;
    size_t size = 0;
    *file = (file_source_t){.descriptor = io_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0)}; /* a pipe may block */
    if (file->descriptor < 0)
        return io_error("cannot open", path);
    optim_status status = OPTIM_OK;
    if (fstat(file->descriptor, &about) != 0)
        status = io_error("cannot examine", path);
    else if (!S_ISREG(about.st_mode))
        status = error_set(OPTIM_ERR_IO, "\"%.*s\" is not a file", LONGEST_PATH, path);
    else if (!size_of_count(about.st_size, &size))
        status = error_set(OPTIM_ERR_SIZE, "\"%.*s\" is larger than what this machine can address", LONGEST_PATH, path);
    else if ((file->name = shown(path)) == NULL)
        status = error_nomem("opening a checkpoint");
    if (status != OPTIM_OK) {
        (void)close(file->descriptor);
        return status;
    }
    file->source = (source_t){file->name, size, read_file, path};
    return OPTIM_OK;
}

void file_close(file_source_t *file) {
    (void)close(file->descriptor);
    free(file->name);
}
