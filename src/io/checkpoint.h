/* Checkpoints: a handle's record and arrays as one safetensors stream. */
#ifndef IO_CHECKPOINT_H
#define IO_CHECKPOINT_H

#include "io/stream.h"
#include "optimizer/optimizer.h"

/* Every call here begins with this check; a call that reads or writes a file also wants a path, and waits for a save
 * that a thread is still writing. */
optim_status checkpoint_refuse(const optim_t *opt, const char *doing);
optim_status checkpoint_refuse_path(optim_t *opt, const char *path, const char *doing);

/* All or nothing; `rules` may be NULL: nothing may differ. Errors: FORMAT, CHECKPOINT, NOMEM, SIZE, the source's. */
optim_status checkpoint_read(optim_t *opt, source_t *source, optim_load_rules *rules);

#endif
