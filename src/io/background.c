/*
 * Saving in the background. What is small (the record, the list of the arrays) is made by the call; the thread copies
 * the arrays, and then writes the copy. In between the trainer evaluates the next gradient, which changes no state, and
 * whatever changes one waits for the copy first: states_await_copy.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/memory.h"
#include "io/checkpoint.h"
#include "io/content.h"
#include "io/shares.h"
#include "io/system.h"

struct saving {
    pthread_t thread;
    bool started;
    pid_t process;      /* in which the thread lives */
    bool of_ranks;      /* what is written is this rank's share, for which ranks meet when they wait */
    share_save_t share; /* then */
    file_place_t place; /* else */
    content_t content;
    char *room;   /* for the copy */
    void *base;   /* of that: what free() wants */
    bool awaited; /* the handle's own thread has seen `copied` */
    bool copied;  /* under the lock */
    pthread_mutex_t lock;
    pthread_cond_t has_copied;
    optim_status status; /* what became of it, with its sentence */
    char error[ERROR_TEXT];
};

/* Of a child's copy of the record nothing can wait, and nothing is destroyed that a thread may hold. */
static void saving_free(saving_t *saving) {
    if (saving == NULL)
        return;
    if (saving->process == getpid()) {
        (void)pthread_cond_destroy(&saving->has_copied);
        (void)pthread_mutex_destroy(&saving->lock);
    }
    shares_free(&saving->share);
    file_place_free(&saving->place);
    content_free(&saving->content);
    free(saving->base);
    free(saving);
}

static saving_t *saving_create(void) {
    saving_t *saving = calloc(1, sizeof *saving);
    if (saving == NULL || pthread_mutex_init(&saving->lock, NULL) != 0) {
        free(saving);
        return NULL;
    }
    if (pthread_cond_init(&saving->has_copied, NULL) != 0) {
        (void)pthread_mutex_destroy(&saving->lock);
        free(saving);
        return NULL;
    }
    saving->process = getpid();
    saving->place.folder = -1;
    return saving;
}

static void note(saving_t *saving, optim_status status) {
    saving->status = status;
    (void)strncpy(saving->error, optim_error(), sizeof saving->error - 1);
}

static arrays_t *arrays_of(saving_t *saving) {
    return saving->of_ranks ? &saving->share.own.arrays : &saving->content.arrays;
}

/* ---- The thread ---- */

/* Afterwards the arrays are those of the copy. */
static void copy_arrays(saving_t *saving) {
    const arrays_t *arrays = arrays_of(saving);
    char *next = saving->room;
    for (size_t i = 0; i < arrays->count; ++i) {
        array_t *array = &arrays->array[i];
        char *to = next;
        for (size_t c = 0; c < array->copies && array->bytes > 0; ++c, next += array->bytes)
            memcpy(next, array->at + c * array->stride, array->bytes);
        array->at = to;
        array->stride = array->bytes;
    }
    (void)pthread_mutex_lock(&saving->lock);
    saving->copied = true;
    (void)pthread_cond_broadcast(&saving->has_copied);
    (void)pthread_mutex_unlock(&saving->lock);
}

static void *copy_and_write(void *argument) {
    saving_t *saving = argument;
    copy_arrays(saving);
    note(saving, saving->of_ranks ? shares_write(&saving->share)
                                  : file_replace(&saving->place, content_write, &saving->content));
    return NULL;
}

/* Signals are the host's: none is handled on a thread that it does not know of. */
static bool start(saving_t *saving) {
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    saving->started = pthread_create(&saving->thread, NULL, copy_and_write, saving) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return saving->started;
}

/* ---- Calls ---- */

static optim_status take_room(saving_t *saving) {
    const arrays_t *arrays = arrays_of(saving);
    size_t bytes = 0;
    for (size_t i = 0; i < arrays->count; ++i)
        bytes += array_bytes(&arrays->array[i]); /* of memory that exists */
    saving->room = memory_zeroed(bytes, &saving->base);
    return saving->room == NULL ? error_nomem("copying the state") : OPTIM_OK;
}

/* What is to be written, and the place that the path means now. If there is no such place, that is what became of the
 * save, to be told like every failure. */
static optim_status prepare(const optim_t *opt, const char *path, saving_t **out) {
    saving_t *saving = saving_create();
    if (saving == NULL)
        return error_nomem("copying the state");
    saving->of_ranks = replicas_shard(opt);
    optim_status status =
        saving->of_ranks ? shares_prepare(&saving->share, opt, path) : file_find(&saving->place, path);
    if (status == OPTIM_OK && !saving->of_ranks)
        status = content_make(&saving->content, opt, false);
    if (status == OPTIM_OK)
        status = take_room(saving);
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

/* What became of the thread's work. */
static optim_status join(saving_t *saving) {
    if (saving->started)
        (void)pthread_join(saving->thread, NULL);
    if (saving->status != OPTIM_OK)
        error_text("%s", saving->error);
    return saving->status;
}

/* For optim_destroy, for which ranks do not meet. */
static void end_saving(optim_t *opt) {
    saving_t *saving = opt->saving;
    if (saving == NULL || !saving->of_ranks || saving->process != getpid()) {
        (void)optim_save_wait(opt);
        return;
    }
    (void)join(saving);
    shares_drop(&saving->share);
    saving_free(saving);
    opt->saving = NULL;
}

/* For whatever changes states. A child has its own, which no thread copies. */
static void await_copy(const optim_t *opt) {
    saving_t *saving = opt->saving;
    if (saving->awaited || !saving->started || saving->process != getpid())
        return;
    (void)pthread_mutex_lock(&saving->lock);
    while (!saving->copied)
        (void)pthread_cond_wait(&saving->has_copied, &saving->lock);
    (void)pthread_mutex_unlock(&saving->lock);
    saving->awaited = true;
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
    optim_status status = join(saving);
    if (saving->of_ranks)
        status = shares_finish(&saving->share, opt, status);
    saving_free(saving);
    return status;
}

optim_status checkpoint_refuse_path(optim_t *opt, const char *path, const char *doing) {
    optim_status status = checkpoint_refuse(opt, doing);
    if (status == OPTIM_OK)
        status = refuse_null(path, "path");
    return status == OPTIM_OK ? optim_save_wait(opt) : status;
}

/* What is to be written, and the thread that does it. */
static optim_status begin(optim_t *opt, const char *path, saving_t **out) {
    saving_t *saving = NULL;
    optim_status status = prepare(opt, path, &saving);
    if (status == OPTIM_OK && saving->status == OPTIM_OK && !start(saving)) {
        saving_free(saving);
        status = error_set(OPTIM_ERR_NOMEM, "no thread could be started to save \"%.*s\": use optim_save", LONGEST_PATH,
                           path);
    }
    if (status == OPTIM_OK)
        *out = saving;
    return status;
}

static optim_status refuse_whole(const optim_t *opt) {
    if (!replicas_shard(opt) || shares_are_wanted(opt))
        return OPTIM_OK;
    return error_set(OPTIM_ERR_MISMATCH, "one file of all ranks' states is not saved in the background: set "
                                         "checkpoint=shares, with which each rank writes a file of its own");
}

/* That all ranks have begun; what one has begun alone is given up. */
static optim_status begin_on_all(optim_t *opt, optim_status status) {
    const bool begun = status == OPTIM_OK;
    if (opt == NULL || !shares_are_wanted(opt))
        return status;
    status = replicas_agree_on(opt, status, "saving");
    if (begun && status != OPTIM_OK)
        end_saving(opt);
    return status;
}

optim_status optim_save_async(optim_t *opt, const char *path) {
    optim_status status = checkpoint_refuse_path(opt, path, "saving");
    if (status == OPTIM_OK)
        status = refuse_whole(opt);
    if (status == OPTIM_OK)
        status = begin(opt, path, &opt->saving);
    if (status == OPTIM_OK) {
        opt->end_saving = end_saving;
        opt->await_copy = await_copy;
    }
    return begin_on_all(opt, status);
}

optim_status optim_snapshot_begin(optim_t *opt, const char *path) {
    return optim_save_async(opt, path);
}

optim_status optim_snapshot_wait(optim_t *opt) {
    return optim_save_wait(opt);
}
