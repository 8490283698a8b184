/* Where a file is to be put: the folder that a path and its links lead to, opened. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/stream.h"
#include "io/system.h"

enum { MOST_LINKS = 40, LONGEST_LINK = 4096 };

/* To go through a folder it need not be readable, where the system knows the difference. */
#if defined(O_PATH)
enum { TO_PASS = O_PATH | O_DIRECTORY };
#elif defined(O_SEARCH)
enum { TO_PASS = O_SEARCH | O_DIRECTORY };
#else
enum { TO_PASS = O_RDONLY | O_DIRECTORY };
#endif

/* The part of a path that says in which folder, with its last slash. */
static size_t folder_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? 0 : (size_t)(slash - path) + 1;
}

/* `descriptor` instead of the folder so far. */
static void enter(file_place_t *place, int descriptor) {
    if (place->folder >= 0)
        (void)close(place->folder);
    place->folder = descriptor;
}

/* Goes on to where `path` leads from the folder so far. */
static optim_status go_to(file_place_t *place, const char *path) {
    const size_t in_path = folder_length(path), length = strlen(path);
    const size_t before = place->path == NULL || path[0] == '/' ? 0 : folder_length(place->path);
    char *folder = in_path > 0 ? memory_text(path, in_path) : memory_text(".", 1);
    char *joined = malloc(before + length + 1);
    if (folder == NULL || joined == NULL) {
        free(folder);
        free(joined);
        return error_nomem("saving");
    }
    if (before > 0)
        memcpy(joined, place->path, before);
    memcpy(joined + before, path, length + 1);
    free(place->path);
    place->path = joined;
    place->name = joined + before + in_path;
    const int opened = io_open(place->folder, folder, TO_PASS, 0);
    free(folder);
    if (opened < 0)
        return io_error("cannot open the folder of", joined);
    enter(place, opened);
    return OPTIM_OK;
}

/* `name` is a link: goes on to where it leads. */
static optim_status follow(file_place_t *place, const char *given, bool too_many) {
    char link[LONGEST_LINK];
    const ssize_t length = too_many ? -1 : readlinkat(place->folder, place->name, link, sizeof link);
    if (too_many)
        errno = ELOOP;
    else if (length == sizeof link)
        errno = ENAMETOOLONG; /* it may go on */
    if (length < 0 || length == sizeof link)
        return io_error("cannot follow the link", given);
    link[length] = '\0';
    return go_to(place, link);
}

/* A link is followed: the file it leads to is replaced, not the link. */
optim_status file_locate(file_place_t *place, const char *path) {
    struct stat about;
    *place = (file_place_t){.folder = AT_FDCWD};
    optim_status status = go_to(place, path);
    for (int links = 0; status == OPTIM_OK; ++links) {
        if (place->name[0] == '\0')
            return error_set(OPTIM_ERR_IO, "\"%.*s\" is not a file: no name stands at its end", LONGEST_PATH, path);
        const bool there = fstatat(place->folder, place->name, &about, AT_SYMLINK_NOFOLLOW) == 0;
        if (!there && (errno != ENOENT || links > 0))
            return io_error(links > 0 ? "cannot follow the link" : "cannot examine", path);
        if (there && !S_ISREG(about.st_mode) && !S_ISLNK(about.st_mode))
            return error_set(OPTIM_ERR_IO, "\"%.*s\" is not a file", LONGEST_PATH, path);
        if (!there || S_ISREG(about.st_mode)) {
            place->mode = there ? about.st_mode : 0;
            return OPTIM_OK;
        }
        status = follow(place, path, links == MOST_LINKS);
    }
    return status;
}

/* Before anything is written: what cannot be flushed in the end is not begun. */
static optim_status open_to_flush(file_place_t *place) {
    const int opened = io_open(place->folder, ".", O_RDONLY | O_DIRECTORY, 0);
    if (opened < 0)
        return io_error("cannot open to read, without which it cannot be flushed, the folder of", place->path);
    enter(place, opened);
    return OPTIM_OK;
}

optim_status file_find(file_place_t *place, const char *path) {
    optim_status status = file_locate(place, path);
    if (status == OPTIM_OK)
        status = open_to_flush(place);
    return status;
}

char *file_beside(const file_place_t *place, const char *name) {
    const size_t in_path = (size_t)(place->name - place->path), size = in_path + strlen(name) + 1;
    char *path = malloc(size);
    if (path != NULL)
        (void)snprintf(path, size, "%.*s%s", (int)in_path, place->path, name);
    return path;
}

/* The number goes first: a child forked in between must not close what the number may stand for by then. */
void file_leave(file_place_t *place) {
    const int folder = place->folder;
    place->folder = -1;
    if (folder >= 0)
        (void)close(folder);
}

void file_place_free(file_place_t *place) {
    file_leave(place);
    free(place->path);
    *place = (file_place_t){.folder = -1};
}
