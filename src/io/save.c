/* Saving: to a file, to memory, and to a file while the trainer goes on. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/arrays.h"
#include "io/byteorder.h"
#include "io/checkpoint.h"
#include "io/jsontext.h"
#include "io/record.h"
#include "io/safetensors.h"
#include "io/shards.h"
#include "io/system.h"

optim_status checkpoint_refuse(const optim_t *opt, const char *doing) {
    const optim_status status = refuse_handle(opt, NOT_OPEN, doing);
    return status == OPTIM_OK ? refuse_swapped_state(opt, doing) : status;
}

optim_status checkpoint_refuse_path(optim_t *opt, const char *path, const char *doing) {
    optim_status status = checkpoint_refuse(opt, doing);
    if (status == OPTIM_OK)
        status = refuse_null(path, "path");
    return status == OPTIM_OK ? optim_save_wait(opt) : status;
}

/* ---- Writing ---- */

/* Hands over all copies of an array as they are to stand in the file. */
static optim_status give_array(const array_t *array, byteorder_take_t *take, void *context) {
    const size_t item = safetensors_item(array->dtype);
    optim_status status = OPTIM_OK;
    for (size_t c = 0; status == OPTIM_OK && c < array->copies && array->bytes > 0; ++c) /* at NULL if it has none */
        status = byteorder_to_file(array->at + c * array->stride, array->bytes, item, take, context);
    return status;
}

static optim_status add_to_checksum(void *context, const void *bytes, size_t count) {
    (void)XXH3_64bits_update(context, bytes, count);
    return OPTIM_OK;
}

static uint64_t checksum_of(const array_t *array) {
    XXH3_state_t state;
    (void)XXH3_64bits_reset(&state);
    (void)give_array(array, add_to_checksum, &state);
    return XXH3_64bits_digest(&state);
}

/* The end of the record: the arrays' checksums. */
static void end_record(jsontext_t *record, const arrays_t *arrays, bool with_checksums) {
    jsontext_open(record, "sums", '{');
    for (size_t i = 0; !record->failed && i < arrays->count; ++i) {
        char checksum[CHECKSUM_TEXT];
        checksum_text(with_checksums ? checksum_of(&arrays->array[i]) : 0, checksum); /* always of one length */
        jsontext_string(record, arrays->array[i].name, checksum);
    }
    jsontext_close(record, '}');
    jsontext_close(record, '}');
}

static optim_status write_header(sink_t *sink, const arrays_t *arrays, const char *record) {
    jsontext_t header = {.at = NULL};
    size_t bytes = 0;
    safetensors_begin(&header, record);
    for (size_t i = 0; i < arrays->count; ++i) {
        const array_t *array = &arrays->array[i];
        const shape_t shape = array_shape(array);
        safetensors_add(&header, array->name, array->dtype, &shape, array_bytes(array), &bytes);
    }
    const optim_status status = safetensors_write_header(sink, &header, bytes);
    free(header.at);
    return status;
}

static optim_status write_to_sink(void *context, const void *bytes, size_t count) {
    sink_t *sink = context;
    return sink->write(sink, bytes, count);
}

static optim_status write_arrays(sink_t *sink, const arrays_t *arrays) {
    optim_status status = OPTIM_OK;
    for (size_t i = 0; status == OPTIM_OK && i < arrays->count; ++i)
        status = give_array(&arrays->array[i], write_to_sink, sink);
    return status;
}

static optim_status write_all(sink_t *sink, const optim_t *opt, const arrays_t *arrays, bool has_arrays) {
    jsontext_t record = {.at = NULL};
    optim_status status = record_make(&record, opt);
    if (status == OPTIM_OK) {
        if (!has_arrays)
            jsontext_word(&record, "arrays", "false");
        end_record(&record, arrays, !sink->only_counts);
        status = record.failed ? error_nomem("saving") : write_header(sink, arrays, record.at);
    }
    if (status == OPTIM_OK)
        status = write_arrays(sink, arrays);
    free(record.at);
    return status;
}

optim_status checkpoint_write(sink_t *sink, const void *context) {
    arrays_t arrays;
    optim_status status = arrays_make(&arrays, context, NULL);
    if (status == OPTIM_OK)
        status = write_all(sink, context, &arrays, true);
    arrays_free(&arrays);
    return status;
}

optim_status checkpoint_write_numbers(sink_t *sink, const void *context) {
    return write_all(sink, context, &(arrays_t){0}, false);
}

/* ---- To a file, to memory ---- */

static optim_status save_to(const char *path, writer_t *writer, const void *context) {
    file_place_t place;
    optim_status status = file_find(&place, path);
    if (status == OPTIM_OK)
        status = file_replace(&place, writer, context);
    file_place_free(&place);
    return status;
}

/* The states of all ranks, as rank 0 has collected them. */
typedef struct collection {
    const optim_t *opt;
    arrays_t arrays;
} collection_t;

static optim_status write_collection(sink_t *sink, const void *context) {
    const collection_t *collection = context;
    return write_all(sink, collection->opt, &collection->arrays, true);
}

/* All ranks call it, and all are told how it ended. */
static optim_status save_shards(optim_t *opt, const char *path, optim_status status) {
    collection_t collection = {.opt = opt};
    void *room = NULL;
    if (status == OPTIM_OK)
        status = arrays_make(&collection.arrays, opt, NULL);
    status = shards_collect(opt, status, &collection.arrays, &room);
    if (status == OPTIM_OK) {
        if (opt->replicas.comm.rank == 0)
            status = save_to(path, write_collection, &collection);
        status = replicas_agree_on(opt, status, "saving");
    }
    arrays_free(&collection.arrays);
    free(room);
    return status;
}

optim_status optim_save(optim_t *opt, const char *path) {
    const optim_status status = checkpoint_refuse_path(opt, path, "saving");
    if (opt != NULL && replicas_shard(opt))
        return save_shards(opt, path, status);
    return status == OPTIM_OK ? save_to(path, checkpoint_write, opt) : status;
}

static optim_status serialize(const optim_t *opt, writer_t *write, void *buffer, size_t room, size_t *size) {
    optim_status status = checkpoint_refuse(opt, "saving");
    if (status == OPTIM_OK)
        status = refuse_null(size, "size");
    if (status == OPTIM_OK)
        status = replicas_refuse_shard(opt, "saving by another call than optim_save");
    if (status != OPTIM_OK)
        return status;
    memory_sink_t memory = memory_sink(buffer, room);
    status = write(&memory.sink, opt);
    if (status != OPTIM_OK)
        return status;
    *size = memory.used;
    if (buffer != NULL && room < memory.used)
        return error_set(OPTIM_ERR_ARGUMENT, "the state takes %zu bytes; there is room for %zu", memory.used, room);
    return OPTIM_OK;
}

optim_status optim_serialize(const optim_t *opt, void *buffer, size_t room, size_t *size) {
    return serialize(opt, checkpoint_write, buffer, room, size);
}

optim_status optim_serialize_numbers(const optim_t *opt, void *buffer, size_t room, size_t *size) {
    return serialize(opt, checkpoint_write_numbers, buffer, room, size);
}

/* ---- While the trainer goes on ---- */

struct saving {
    pthread_t thread;
    bool started;
    pid_t process; /* in which the thread lives */
    file_place_t place;
    char *copy;
    size_t size;
    void *base;          /* of the copy: what free() wants */
    optim_status status; /* what became of it, with its sentence */
    char error[ERROR_TEXT];
};

static void saving_free(saving_t *saving) {
    if (saving == NULL)
        return;
    file_place_free(&saving->place);
    free(saving->base);
    free(saving);
}

static optim_status write_copy(sink_t *sink, const void *context) {
    const saving_t *saving = context;
    return sink->write(sink, saving->copy, saving->size);
}

static void note(saving_t *saving, optim_status status) {
    saving->status = status;
    (void)strncpy(saving->error, optim_error(), sizeof saving->error - 1);
}

static void *save_copy(void *argument) {
    saving_t *saving = argument;
    note(saving, file_replace(&saving->place, write_copy, saving));
    return NULL;
}

/* A memory sink that takes its memory when it knows how much. */
typedef struct copy_sink {
    memory_sink_t memory; /* first */
    void *base;           /* what free() wants */
} copy_sink_t;

static optim_status take_memory(sink_t *sink, size_t bytes) {
    copy_sink_t *copy = (copy_sink_t *)sink;
    copy->memory.at = memory_zeroed(bytes, &copy->base);
    copy->memory.room = bytes;
    return copy->memory.at == NULL ? error_nomem("copying the state") : OPTIM_OK;
}

static optim_status take_copy(const optim_t *opt, saving_t *saving) {
    copy_sink_t copy = {.memory = memory_sink(NULL, 0)};
    copy.memory.sink.only_counts = false;
    copy.memory.sink.expect = take_memory;
    const optim_status status = checkpoint_write(&copy.memory.sink, opt);
    saving->copy = copy.memory.at;
    saving->size = copy.memory.used;
    saving->base = copy.base;
    return status;
}

/* The state as it is now, for the place that the path means now. If there is no such place, that is what became of the
 * save, to be told like every failure. */
static optim_status prepare(const optim_t *opt, const char *path, saving_t **out) {
    saving_t *saving = calloc(1, sizeof *saving);
    if (saving == NULL)
        return error_nomem("copying the state");
    saving->process = getpid();
    optim_status status = file_find(&saving->place, path);
    if (status == OPTIM_OK)
        status = take_copy(opt, saving);
    if (status == OPTIM_ERR_IO) {
        note(saving, status);
        status = OPTIM_OK;
    }
    if (status == OPTIM_OK)
        *out = saving;
    else
        saving_free(saving);
    return status;
}

/* Signals are the host's: none is handled on a thread that it does not know of. */
static bool start(saving_t *saving) {
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    saving->started = pthread_create(&saving->thread, NULL, save_copy, saving) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return saving->started;
}

/* For optim_destroy. */
static void end_saving(optim_t *opt) {
    (void)optim_save_wait(opt);
}

optim_status optim_save_async(optim_t *opt, const char *path) {
    optim_status status = checkpoint_refuse_path(opt, path, "saving");
    saving_t *saving = NULL;
    if (status == OPTIM_OK)
        status = replicas_refuse_shard(opt, "saving by another call than optim_save");
    if (status == OPTIM_OK)
        status = prepare(opt, path, &saving);
    if (status != OPTIM_OK)
        return status;
    if (saving->status == OPTIM_OK && !start(saving)) {
        saving_free(saving);
        return error_set(OPTIM_ERR_NOMEM, "no thread could be started to save \"%.*s\": use optim_save", LONGEST_PATH,
                         path);
    }
    opt->saving = saving;
    opt->end_saving = end_saving;
    return OPTIM_OK;
}

optim_status optim_save_wait(optim_t *opt) {
    const optim_status refused = refuse_null(opt, "opt");
    if (refused != OPTIM_OK || opt->saving == NULL)
        return refused;
    saving_t *saving = opt->saving;
    opt->saving = NULL;
    if (saving->process != getpid()) { /* the parent's save, and the parent is told of it */
        saving_free(saving);
        return OPTIM_OK;
    }
    if (saving->started)
        (void)pthread_join(saving->thread, NULL);
    const optim_status status = saving->status;
    if (status != OPTIM_OK)
        error_text("%s", saving->error);
    saving_free(saving);
    return status;
}
