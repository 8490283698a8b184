/* Everything a caller can see of a handle, and of files: bytes under labels, to be compared. */
#ifndef OOM_SNAPSHOT_H
#define OOM_SNAPSHOT_H

#include <stddef.h>

#include "optim/federated.h"

typedef struct snapshot {
    char *bytes;
    size_t used, room;
} snapshot_t;

/* `label` is a literal. */
void snapshot_add(snapshot_t *snapshot, const char *label, const void *bytes, size_t count);
/* Counters, request, memory, the value of every option of every group, outputs, and the bytes of a checkpoint. */
void snapshot_handle(snapshot_t *snapshot, const optim_t *opt, const char *const *algorithms);
/* The bytes of a server's checkpoint; NULL: there is no server. */
void snapshot_server(snapshot_t *snapshot, const optim_server_t *server);
/* The file's bytes, or that there is none; where a link leads to. */
void snapshot_file(snapshot_t *snapshot, const char *path);

/* The label of the first difference, or NULL. */
const char *snapshot_difference(const snapshot_t *a, const snapshot_t *b);
void snapshot_free(snapshot_t *snapshot);

#endif
