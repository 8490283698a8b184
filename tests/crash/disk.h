/*
 * A disk that promises as little as it may. Of a file, what was written since it was last flushed may be there in whole, in
 * part, as zeros, mixed with what was there before, or not at all; of a folder, each change since it was last flushed may
 * have happened or not, in any combination. It follows a journal, for one file and its .partial.
 */
#ifndef CRASH_DISK_H
#define CRASH_DISK_H

#include <stdbool.h>
#include <stddef.h>

#include "journal.h"
#include "scene.h"

enum { DISK_NAMES = 2, DISK_NODES = 16, DISK_CHANGES = 16, DISK_OPEN = 64, DISK_NOTHING = -1 };

typedef struct disk_node {
    blob_t now, flushed;
    bool dirty;
} disk_node_t;

/* A name (0: the file, 1: its .partial) that leads to another node from now on. `from`: a name that then leads nowhere. */
typedef struct disk_change {
    int name, node, from;
} disk_change_t;

typedef struct disk {
    const char *name[DISK_NAMES], *folder;
    disk_node_t node[DISK_NODES];
    int nodes;
    int now[DISK_NAMES], flushed[DISK_NAMES]; /* the nodes that the names lead to */
    disk_change_t change[DISK_CHANGES];       /* since the folder was flushed */
    int changes;
    int open[DISK_OPEN]; /* node by descriptor */
    int first, last;     /* the last mark */
} disk_t;

/* What holds for the code under test, and what would if it left out a flush. */
typedef enum disk_deaf { DISK_HEARS_ALL, DISK_IGNORES_FILE_FLUSH, DISK_IGNORES_FOLDER_FLUSH } disk_deaf_t;

/* With state 0 of the scene, flushed. */
void disk_open(disk_t *disk, const scene_t *scene);
void disk_close(disk_t *disk);
/* Whether this changed what a crash may leave. */
bool disk_follow(disk_t *disk, const entry_t *entry, disk_deaf_t deaf);

/* What may be found after a crash: the file and its .partial. Returning false ends the search. */
typedef bool disk_visit_t(blob_t file, blob_t partial, void *context);
/* Cuts at every `stride`-th byte of what was not flushed, and near its ends. False: a visit returned that. */
bool disk_states(const disk_t *disk, size_t stride, disk_visit_t *visit, void *context);

/* Fails the test unless the disk's own view is what the folder really holds: then the journal missed nothing. */
void disk_check_real(const disk_t *disk, const scene_t *scene);

#endif
