/* Saving: to a file, to memory, and to a file while the trainer goes on. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/checkpoint.h"
#include "io/pieces.h"
#include "io/record.h"
#include "io/safetensors.h"

optim_status checkpoint_refuse(const optim_t *opt, const char *doing) {
    optim_status status = refuse_null(opt, "opt");
    if (status == OPTIM_OK)
        status = refuse_open(opt, doing);
    if (status == OPTIM_OK && opt->swapped != NULL)
        status = error_set(OPTIM_ERR_SWAPPED,
                           "%s while the output is swapped in would mix two points: optim_swap_output first", doing);
    return status;
}

/* ---- Writing ---- */

static uint64_t sum_of(const piece_t *piece) {
    XXH3_state_t state;
    (void)XXH3_64bits_reset(&state);
    for (size_t c = 0; c < piece->copies && piece->bytes > 0; ++c)
        (void)XXH3_64bits_update(&state, piece->at + c * piece->stride, piece->bytes);
    return XXH3_64bits_digest(&state);
}

/* The header's entries, and the record completed by the arrays' checksums. */
static bool describe_pieces(const pieces_t *pieces, json_t *header, json_t *record) {
    json_t *sums = json_object();
    size_t end = 0;
    bool made = sums != NULL;
    for (size_t i = 0; made && i < pieces->count; ++i) {
        const piece_t *piece = &pieces->piece[i];
        char sum[CHECKSUM_TEXT];
        checksum_text(sum_of(piece), sum);
        made = safetensors_add(header, piece->name, piece->dtype, piece->shape, piece_bytes(piece), &end) &&
               json_object_set_new(sums, piece->name, json_string(sum)) == 0;
    }
    made = made && json_object_set(record, "sums", sums) == 0;
    json_decref(sums);
    return made;
}

static optim_status write_pieces(sink_t *sink, const pieces_t *pieces) {
    optim_status status = OPTIM_OK;
    for (size_t i = 0; i < pieces->count; ++i)
        for (size_t c = 0; status == OPTIM_OK && c < pieces->piece[i].copies && pieces->piece[i].bytes > 0; ++c)
            status = sink->write(sink, pieces->piece[i].at + c * pieces->piece[i].stride, pieces->piece[i].bytes);
    return status;
}

optim_status checkpoint_write(sink_t *sink, const void *context) {
    pieces_t pieces = {0};
    json_t *record, *header = json_object();
    char *text = NULL;
    optim_status status = record_make(&record, context);
    if (status == OPTIM_OK)
        status = pieces_make(&pieces, context);
    if (status == OPTIM_OK && (header == NULL || !describe_pieces(&pieces, header, record) ||
                               (text = json_dumps(record, JSON_COMPACT)) == NULL))
        status = error_nomem("saving");
    if (status == OPTIM_OK)
        status = safetensors_write_header(sink, header, text);
    if (status == OPTIM_OK)
        status = write_pieces(sink, &pieces);
    free(text);
    json_decref(record);
    json_decref(header);
    pieces_free(&pieces);
    return status;
}

/* ---- To a file, to memory ---- */

optim_status optim_save(optim_t *opt, const char *path) {
    optim_status status = checkpoint_refuse(opt, "saving");
    if (status == OPTIM_OK)
        status = refuse_null(path, "path");
    if (status == OPTIM_OK)
        status = optim_save_wait(opt);
    return status == OPTIM_OK ? file_replace(path, checkpoint_write, opt) : status;
}

optim_status optim_serialize(const optim_t *opt, void *buffer, size_t room, size_t *size) {
    optim_status status = checkpoint_refuse(opt, "saving");
    if (status == OPTIM_OK)
        status = refuse_null(size, "size");
    if (status != OPTIM_OK)
        return status;
    memory_sink_t memory = memory_sink(buffer, room);
    status = checkpoint_write(&memory.sink, opt);
    if (status != OPTIM_OK)
        return status;
    *size = memory.used;
    if (buffer != NULL && room < memory.used)
        return error_set(OPTIM_ERR_ARGUMENT, "the state takes %zu bytes; there is room for %zu", memory.used, room);
    return OPTIM_OK;
}

/* ---- While the trainer goes on ---- */

struct saving {
    pthread_t thread;
    char *path, *copy;
    size_t size;
    optim_status status;
    char error[512];
};

static void saving_free(saving_t *saving) {
    if (saving == NULL)
        return;
    free(saving->path);
    free(saving->copy);
    free(saving);
}

static optim_status write_copy(sink_t *sink, const void *context) {
    const saving_t *saving = context;
    return sink->write(sink, saving->copy, saving->size);
}

static void *save_copy(void *argument) {
    saving_t *saving = argument;
    saving->status = file_replace(saving->path, write_copy, saving);
    (void)strncpy(saving->error, optim_error(), sizeof saving->error - 1);
    return NULL;
}

static optim_status take_copy(const optim_t *opt, const char *path, saving_t **out) {
    size_t size;
    *out = NULL;
    optim_status status = optim_serialize(opt, NULL, 0, &size);
    if (status != OPTIM_OK)
        return status;
    saving_t *saving = calloc(1, sizeof *saving);
    if (saving != NULL) {
        saving->path = memory_text(path, strlen(path));
        saving->copy = malloc(size);
    }
    if (saving == NULL || saving->path == NULL || saving->copy == NULL)
        status = error_nomem("copying the state");
    else
        status = optim_serialize(opt, saving->copy, size, &saving->size);
    if (status == OPTIM_OK)
        *out = saving;
    else
        saving_free(saving);
    return status;
}

optim_status optim_save_async(optim_t *opt, const char *path) {
    optim_status status = checkpoint_refuse(opt, "saving");
    if (status == OPTIM_OK)
        status = refuse_null(path, "path");
    if (status == OPTIM_OK)
        status = optim_save_wait(opt);
    saving_t *saving = NULL;
    if (status == OPTIM_OK)
        status = take_copy(opt, path, &saving);
    if (status != OPTIM_OK)
        return status;
    if (pthread_create(&saving->thread, NULL, save_copy, saving) != 0) {
        saving_free(saving);
        return error_set(OPTIM_ERR_NOMEM, "no thread could be started to save \"%s\": use optim_save", path);
    }
    opt->saving = saving;
    return OPTIM_OK;
}

optim_status optim_save_wait(optim_t *opt) {
    const optim_status refused = refuse_null(opt, "opt");
    if (refused != OPTIM_OK || opt->saving == NULL)
        return refused;
    saving_t *saving = opt->saving;
    opt->saving = NULL;
    (void)pthread_join(saving->thread, NULL);
    const optim_status status = saving->status;
    if (status != OPTIM_OK)
        error_text("%s", saving->error);
    saving_free(saving);
    return status;
}
