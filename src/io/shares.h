/*
 * A checkpoint in several files: every rank's share of the arrays, and one file that names the shares and makes them
 * valid. All lie in one folder. A share is called PATH.1-of-3.CHECKSUM, by the checksum of its header, of which the
 * checksums of its arrays are a part: another version of the states has other names, so that no file of a version that
 * is valid is ever written to, and no file can stand for another.
 */
#ifndef IO_SHARES_H
#define IO_SHARES_H

#include "io/jsontree.h"
#include "io/safetensors.h"
#include "io/stream.h"
#include "optimizer/optimizer.h"

/*
 * On all ranks. First each writes its share, and they tell each other; when all have, rank 0 writes the file at `path`,
 * which takes the place of the one before, and then removes the shares that only that one named. `own`: why this rank
 * cannot go on, or OPTIM_OK. An error leaves what was there before. Errors: IO, NOMEM, VALUE, COMM.
 */
optim_status shares_save(optim_t *opt, const char *path, optim_status own);

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
