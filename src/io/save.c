/* Saving: to a file, to memory, and of several ranks. */
#include <stdlib.h>

#include "base/error.h"
#include "io/checkpoint.h"
#include "io/content.h"
#include "io/shards.h"
#include "io/shares.h"

static optim_status save_alone(const optim_t *opt, const char *path) {
    content_t content;
    optim_status status = content_make(&content, opt, false);
    if (status == OPTIM_OK)
        status = content_save(&content, path);
    content_free(&content);
    return status;
}

/* All ranks call it, and all are told how it ended. */
static optim_status save_collected(optim_t *opt, const char *path, optim_status status) {
    content_t content = {.arrays = {0}};
    void *room = NULL;
    if (status == OPTIM_OK)
        status = content_make(&content, opt, false);
    status = shards_collect(opt, status, &content.arrays, &room);
    if (status == OPTIM_OK) {
        if (opt->replicas.comm.rank == 0)
            status = content_save(&content, path);
        status = replicas_agree_on(opt, status, "saving");
    }
    content_free(&content);
    free(room);
    return status;
}

/* The same, each rank to a file of its own. */
static optim_status save_shares(optim_t *opt, const char *path, optim_status status) {
    share_save_t save = {.rank = opt->replicas.comm.rank, .ranks = opt->replicas.comm.ranks};
    if (status == OPTIM_OK)
        status = shares_prepare(&save, opt, path);
    if (status == OPTIM_OK)
        status = shares_write(&save);
    status = shares_finish(&save, opt, status);
    shares_free(&save);
    return status;
}

optim_status optim_save(optim_t *opt, const char *path) {
    const optim_status status = checkpoint_refuse_path(opt, path, "saving");
    if (opt == NULL || !replicas_shard(opt))
        return status == OPTIM_OK ? save_alone(opt, path) : status;
    return shares_are_wanted(opt) ? save_shares(opt, path, status) : save_collected(opt, path, status);
}

typedef optim_status make_content_t(content_t *content, const optim_t *opt);

static optim_status make_whole(content_t *content, const optim_t *opt) {
    return content_make(content, opt, false);
}

static optim_status serialize(const optim_t *opt, make_content_t *make, void *buffer, size_t room, size_t *size) {
    optim_status status = checkpoint_refuse(opt, "saving");
    if (status == OPTIM_OK)
        status = refuse_null(size, "size");
    if (status == OPTIM_OK)
        status = replicas_refuse_shard(opt, "saving by another call than optim_save");
    if (status != OPTIM_OK)
        return status;
    memory_sink_t memory = memory_sink(buffer, room);
    content_t content;
    status = make(&content, opt);
    if (status == OPTIM_OK)
        status = content_write(&memory.sink, &content);
    content_free(&content);
    if (status != OPTIM_OK)
        return status;
    *size = memory.used;
    if (buffer != NULL && room < memory.used)
        return error_set(OPTIM_ERR_ARGUMENT, "the state takes %zu bytes; there is room for %zu", memory.used, room);
    return OPTIM_OK;
}

optim_status optim_serialize(const optim_t *opt, void *buffer, size_t room, size_t *size) {
    return serialize(opt, make_whole, buffer, room, size);
}

optim_status optim_serialize_numbers(const optim_t *opt, void *buffer, size_t room, size_t *size) {
    return serialize(opt, content_make_numbers, buffer, room, size);
}
