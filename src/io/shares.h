/*
 * A checkpoint in several files: every rank's share of the arrays, and one file that names the shares and makes them
 * valid. All lie in one folder. A share is called PATH.1-of-3.CHECKSUM, by the checksum of its header, of which the
 * checksums of its arrays and the moment of the save are a part: every save has names of its own, so that no file of a
 * version that is valid is ever written to, and no file can stand for another.
 */
#ifndef IO_SHARES_H
#define IO_SHARES_H

#include "io/content.h"
#include "io/jsontree.h"
#include "io/safetensors.h"
#include "io/stream.h"
#include "optimizer/optimizer.h"

/* Whether ranks save so: checkpoint=shares. */
static inline bool shares_are_wanted(const optim_t *opt) {
    return replicas_shard(opt) && (int)replicas_option(opt, CHECKPOINT) == CHECKPOINT_SHARES;
}

/* ---- Saving ---- */

/* One rank's part of a save. */
typedef struct share_save {
    int rank, ranks;
    char *path;         /* as it was given */
    file_place_t place; /* to which that leads */
    content_t own;      /* the arrays of this rank: they may be copied before they are written */
    content_t names;    /* what is to name the shares, on rank 0 */
    char *name;         /* of the share that has been written */
    char checksum[CHECKSUM_TEXT];
    char *checksums; /* [ranks]: room for those of all */
} share_save_t;

/*
 * What is to be saved, as it is now; then, in any thread, this rank's share is written; and then, on all ranks, they
 * tell each other, and when all have, rank 0 writes the file at `path`, which takes the place of the one before, and
 * removes the shares that only that one named. `own`: why this rank cannot go on, or OPTIM_OK. An error leaves what was
 * there before. Errors: IO, NOMEM, VALUE; COMM and ORDER (another communicator than at the beginning) of the last. The
 * struct is freed by shares_free, whatever happened.
 */
optim_status shares_prepare(share_save_t *save, const optim_t *opt, const char *path);
optim_status shares_write(share_save_t *save);
optim_status shares_finish(share_save_t *save, optim_t *opt, optim_status own);
/* Instead of shares_finish, if the ranks do not meet any more: removes the share. */
void shares_drop(const share_save_t *save);
void shares_free(share_save_t *save);

/* ---- Loading ---- */

typedef struct share {
    char *path;
    file_source_t file;
    bool is_open;
    safetensors_t header;
    jsontree_t *record;
} share_t;

/* All zero at the beginning. */
typedef struct shares {
    size_t count;
    share_t *share;
} shares_t;

/* Opens the shares that a record names (its member "shares") beside the source, and adds their arrays to `into`.
 * Errors: IO, FORMAT, CHECKPOINT (the source has no path), SIZE, NOMEM. Closed by shares_close, even so. */
optim_status shares_open(shares_t *shares, const jsontree_t *names, const source_t *source, safetensors_t *into);
void shares_close(shares_t *shares);

#endif
