#include "io/shares.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/system.h"

/* ---- Reading ---- */

/* The checksum that the name ends with, or NULL; nothing lies in another folder. */
static const char *checksum_in(const char *name) {
    const char *dot = name == NULL || strchr(name, '/') != NULL ? NULL : strrchr(name, '.');
    return dot == NULL || strlen(dot) != CHECKSUM_TEXT ? NULL : dot + 1;
}

static optim_status malformed(const source_t *source, const char *what) {
    return error_set(OPTIM_ERR_FORMAT, "%s is not a share that can be used: %s", source->name, what);
}

/* The checksums of the arrays are in the share's own record. */
static optim_status read_record(share_t *share) {
    bool no_memory = false;
    const char *text = share->header.text;
    share->record = text == NULL ? NULL : jsontree_read(text, strlen(text), &no_memory);
    if (no_memory)
        return error_nomem("reading a checkpoint");
    const jsontree_t *sums = jsontree_get(share->record, "sums");
    for (size_t i = 0; i < share->header.count; ++i) {
        safetensors_entry_t *entry = &share->header.entries[i];
        entry->checksum = jsontree_text(jsontree_get(sums, entry->name));
        if (entry->checksum == NULL)
            return malformed(&share->file.source, "an array has no checksum");
    }
    return OPTIM_OK;
}

/* `name` ends with `checksum`. */
static optim_status share_open(share_t *share, const file_place_t *place, const char *name, const char *checksum) {
    share->path = file_beside(place, name);
    if (share->path == NULL)
        return error_nomem("reading a checkpoint");
    optim_status status = file_open(&share->file, share->path);
    share->is_open = status == OPTIM_OK;
    if (status == OPTIM_OK)
        status = safetensors_read(&share->header, &share->file.source);
    if (status == OPTIM_OK && !(share->header.is_intact && strcmp(share->header.checksum, checksum) == 0))
        status = malformed(&share->file.source, "it is damaged, or not the file that was written under this name");
    return status == OPTIM_OK ? read_record(share) : status;
}

static void share_close(share_t *share) {
    jsontree_free(share->record);
    safetensors_free(&share->header);
    if (share->is_open)
        file_close(&share->file);
    free(share->path);
}

static optim_status open_all(shares_t *shares, const jsontree_t *names, const source_t *source, safetensors_t *into) {
    file_place_t place;
    optim_status status = file_locate(&place, source->path);
    for (size_t i = 0; status == OPTIM_OK && i < jsontree_items(names); ++i) {
        share_t *share = &shares->share[shares->count++];
        const char *name = jsontree_text(jsontree_at(names, i)), *checksum = checksum_in(name);
        status = checksum == NULL ? error_set(OPTIM_ERR_FORMAT, "number %zu has no name that a share can have", i)
                                  : share_open(share, &place, name, checksum);
        if (status == OPTIM_OK)
            status = safetensors_join(into, &share->header, source);
    }
    file_place_free(&place);
    return status;
}

optim_status shares_open(shares_t *shares, const jsontree_t *names, const source_t *source, safetensors_t *into) {
    if (source->path == NULL)
        return error_set(OPTIM_ERR_CHECKPOINT,
                         "%s names the shares of several ranks, which lie in files beside it: load it from there",
                         source->name);
    shares->share = calloc(jsontree_items(names) + 1, sizeof *shares->share);
    if (shares->share == NULL)
        return error_nomem("reading a checkpoint");
    const optim_status status = open_all(shares, names, source, into);
    if (status != OPTIM_OK)
        error_lead("%s cannot be loaded without its shares", source->name);
    return status;
}

void shares_close(shares_t *shares) {
    for (size_t i = 0; i < shares->count; ++i)
        share_close(&shares->share[i]);
    free(shares->share);
    *shares = (shares_t){0};
}

/* ---- What is there ---- */

/* The record of the file at `path`, to be freed; NULL: there is none. */
static jsontree_t *record_at(const char *path) {
    file_source_t file;
    safetensors_t header;
    jsontree_t *record = NULL;
    bool no_memory;
    if (file_open(&file, path) != OPTIM_OK)
        return NULL;
    if (safetensors_read(&header, &file.source) == OPTIM_OK) {
        if (header.text != NULL && header.is_intact)
            record = jsontree_read(header.text, strlen(header.text), &no_memory);
        safetensors_free(&header);
    }
    file_close(&file);
    return record;
}

static bool names(const jsontree_t *record, const char *name) {
    const jsontree_t *list = jsontree_get(record, "shares");
    for (size_t i = 0; i < jsontree_items(list); ++i) {
        const char *there = jsontree_text(jsontree_at(list, i));
        if (there != NULL && strcmp(there, name) == 0)
            return true;
    }
    return false;
}

/* Removes the shares of the version that the file at `path` has replaced. What cannot be removed is in nobody's way;
 * what was not saved under this name is left alone. */
static void remove_shares(const char *path, const jsontree_t *before) {
    file_place_t place;
    const jsontree_t *list = jsontree_get(before, "shares");
    const optim_status status = file_locate(&place, path);
    const size_t length = status == OPTIM_OK ? strlen(place.name) : 0;
    for (size_t i = 0; status == OPTIM_OK && i < jsontree_items(list); ++i) {
        const char *name = jsontree_text(jsontree_at(list, i));
        if (checksum_in(name) != NULL && strncmp(name, place.name, length) == 0 && name[length] == '.')
            (void)unlinkat(place.folder, name, 0);
    }
    file_place_free(&place);
}

/* ---- Writing ---- */

/* To be freed; NULL: no memory. */
static char *share_name(const file_place_t *place, int rank, int ranks, const char *checksum) {
    const size_t size = strlen(place->name) + CHECKSUM_TEXT + 32;
    char *name = malloc(size);
    if (name != NULL)
        (void)snprintf(name, size, "%s.%d-of-%d.%s", place->name, rank, ranks, checksum);
    return name;
}

/* Leaves the arrays of this rank. */
static void keep_own(arrays_t *arrays, const optim_t *opt) {
    size_t kept = 0;
    for (size_t i = 0; i < arrays->count; ++i) {
        array_t *array = &arrays->array[i];
        if (engine_rank_of(&opt->engine, array->of) == opt->replicas.comm.rank)
            arrays->array[kept++] = *array;
        else
            free(array->name);
    }
    arrays->count = kept;
}

/* Which share it is, of which save: two saves of the same states have files of their own, and either may go. */
static void tell_share(jsontext_t *record, const optim_comm *comm) {
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    jsontext_integers(record, "share", (int64_t[]){comm->rank, comm->ranks}, 2);
    jsontext_integers(record, "moment", (int64_t[]){now.tv_sec, now.tv_nsec, getpid()}, 3);
}

static optim_status prepare_names(share_save_t *save, const optim_t *opt) {
    const optim_status status = content_make(&save->names, opt, true);
    arrays_free(&save->names.arrays);
    return status;
}

optim_status shares_prepare(share_save_t *save, const optim_t *opt, const char *path) {
    const optim_comm *comm = &opt->replicas.comm;
    *save = (share_save_t){.rank = comm->rank, .ranks = comm->ranks, .place = {.folder = -1}};
    save->path = memory_text(path, strlen(path));
    save->checksums = calloc((size_t)comm->ranks, CHECKSUM_TEXT);
    optim_status status = OPTIM_OK;
    if (save->path == NULL || save->checksums == NULL)
        status = error_nomem("saving");
    if (status == OPTIM_OK)
        status = file_locate(&save->place, path);
    if (status == OPTIM_OK)
        status = content_make(&save->own, opt, true);
    if (status == OPTIM_OK) {
        keep_own(&save->own.arrays, opt);
        tell_share(&save->own.record, comm);
    }
    return status == OPTIM_OK && comm->rank == 0 ? prepare_names(save, opt) : status;
}

void shares_free(share_save_t *save) {
    content_free(&save->own);
    content_free(&save->names);
    if (save->path != NULL) /* else it is zero, and so no place */
        file_place_free(&save->place);
    free(save->path);
    free(save->name);
    free(save->checksums);
}

typedef struct written {
    const content_t *content;
    const jsontext_t *header;
} written_t;

/* A writer_t. */
static optim_status write_share(sink_t *sink, const void *context) {
    const written_t *written = context;
    return content_write_with(sink, written->content, written->header);
}

/* The new file has no more rights than the one that names it. */
static optim_status put_share(const share_save_t *save, const jsontext_t *header) {
    file_place_t target = {.folder = -1};
    char *path = file_beside(&save->place, save->name);
    optim_status status = path == NULL ? error_nomem("saving") : file_find(&target, path);
    if (status == OPTIM_OK) {
        target.mode = save->place.mode;
        status = file_replace(&target, write_share, &(written_t){&save->own, header});
    }
    file_place_free(&target);
    free(path);
    return status;
}

optim_status shares_write(share_save_t *save) {
    jsontext_t header;
    optim_status status = content_header(&save->own, false, &header, save->checksum);
    if (status == OPTIM_OK)
        save->name = share_name(&save->place, save->rank, save->ranks, save->checksum);
    if (status == OPTIM_OK)
        status = save->name == NULL ? error_nomem("saving") : put_share(save, &header);
    free(header.at);
    return status;
}

/* ---- The ranks meet ---- */

/* That rank 0 finds every rank's share, as those will who load; and its name into the record. */
static optim_status list_shares(share_save_t *save) {
    jsontext_t *record = &save->names.record;
    optim_status status = OPTIM_OK;
    jsontext_open(record, "shares", '[');
    for (int rank = 0; status == OPTIM_OK && rank < save->ranks; ++rank) {
        const char *checksum = save->checksums + (size_t)rank * CHECKSUM_TEXT;
        char *name = share_name(&save->place, rank, save->ranks, checksum);
        share_t share = {.path = NULL};
        status = name == NULL ? error_nomem("saving") : share_open(&share, &save->place, name, checksum);
        if (status == OPTIM_ERR_IO)
            error_lead("rank 0 does not find what rank %d has saved: all ranks must save to one folder", rank);
        if (status == OPTIM_OK)
            jsontext_string(record, NULL, name);
        share_close(&share);
        free(name);
    }
    jsontext_close(record, ']');
    return status;
}

/* On rank 0, when all shares are on the disk: makes them valid. */
static optim_status save_names(share_save_t *save) {
    optim_status status = list_shares(save);
    if (status == OPTIM_OK) {
        jsontree_t *before = record_at(save->path);
        status = content_save(&save->names, save->path);
        if (status == OPTIM_OK)
            remove_shares(save->path, before);
        jsontree_free(before);
    }
    return status;
}

/* Unless the file at the path names it. */
void shares_drop(const share_save_t *save) {
    jsontree_t *now = save->name == NULL ? NULL : record_at(save->path);
    if (save->name != NULL && !names(now, save->name))
        (void)unlinkat(save->place.folder, save->name, 0);
    jsontree_free(now);
}

/* All ranks have written their shares. *open: rank 0 may still make them valid, for all that this rank knows. */
static optim_status join_all(share_save_t *save, optim_t *opt, bool *open) {
    replicas_t *r = &opt->replicas;
    optim_status status = r->comm.gather(&r->comm, save->checksum, save->checksums, CHECKSUM_TEXT);
    r->lost |= status != OPTIM_OK;
    if (status == OPTIM_OK) {
        if (save->rank == 0)
            status = save_names(save);
        status = replicas_agree_on(opt, status, "saving");
    }
    *open = r->lost && save->rank != 0;
    return status;
}

optim_status shares_finish(share_save_t *save, optim_t *opt, optim_status own) {
    const optim_comm *comm = &opt->replicas.comm;
    bool open = false;
    optim_status status;
    if (comm->rank == save->rank && comm->ranks == save->ranks)
        status = replicas_agree_on(opt, own, "saving");
    else
        status = error_set(OPTIM_ERR_ORDER,
                           "the communicator was changed before all ranks had saved \"%.*s\": wait "
                           "for the save first",
                           LONGEST_PATH, save->path);
    if (status == OPTIM_OK)
        status = join_all(save, opt, &open);
    if (status != OPTIM_OK && !open)
        shares_drop(save);
    return status;
}
