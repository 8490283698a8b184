#include "disk.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { FOLDER = -2 };

static blob_t copy_of(blob_t blob) {
    blob_t copy = {NULL, 0};
    if (blob.bytes != NULL) {
        copy = (blob_t){check_memory(blob.size, 1), blob.size};
        memcpy(copy.bytes, blob.bytes, blob.size);
    }
    return copy;
}

static void replace(blob_t *blob, blob_t by) {
    free(blob->bytes);
    *blob = by;
}

static int new_node(disk_t *disk) {
    assert_true(disk->nodes < DISK_NODES);
    disk->node[disk->nodes] = (disk_node_t){.now = {check_memory(0, 1), 0}, .flushed = {check_memory(0, 1), 0}};
    return disk->nodes++;
}

void disk_open(disk_t *disk, const scene_t *scene) {
    *disk = (disk_t){.name = {scene->target, scene->partial}, .folder = scene->folder};
    for (int name = 0; name < DISK_NAMES; ++name)
        disk->now[name] = disk->flushed[name] = DISK_NOTHING;
    for (int descriptor = 0; descriptor < DISK_OPEN; ++descriptor)
        disk->open[descriptor] = DISK_NOTHING;
    if (scene->state[0].bytes == NULL)
        return;
    disk->now[0] = disk->flushed[0] = new_node(disk);
    replace(&disk->node[0].now, copy_of(scene->state[0]));
    replace(&disk->node[0].flushed, copy_of(scene->state[0]));
}

void disk_close(disk_t *disk) {
    for (int i = 0; i < disk->nodes; ++i) {
        free(disk->node[i].now.bytes);
        free(disk->node[i].flushed.bytes);
    }
}

/* ---- Following ---- */

static int name_of(const disk_t *disk, const char *path) {
    for (int name = 0; name < DISK_NAMES; ++name)
        if (strcmp(path, disk->name[name]) == 0)
            return name;
    return DISK_NOTHING;
}

static void apply(const disk_change_t *change, int names[DISK_NAMES]) {
    names[change->name] = change->node;
    if (change->from != DISK_NOTHING && names[change->from] == change->node)
        names[change->from] = DISK_NOTHING;
}

static void change_folder(disk_t *disk, int name, int node, int from) {
    assert_true(disk->changes < DISK_CHANGES);
    disk_change_t *change = &disk->change[disk->changes++];
    *change = (disk_change_t){name, node, from};
    apply(change, disk->now);
}

static bool is_folder(const disk_t *disk, const char *path) {
    const size_t length = strlen(disk->folder);
    return strncmp(path, disk->folder, length) == 0 && (path[length] == '\0' || strcmp(path + length, "/") == 0);
}

static bool follow_open(disk_t *disk, const entry_t *entry) {
    assert_in_range(entry->descriptor, 0, DISK_OPEN - 1);
    int *open = &disk->open[entry->descriptor];
    const int name = name_of(disk, entry->path);
    *open = is_folder(disk, entry->path) ? FOLDER : DISK_NOTHING;
    if (name == DISK_NOTHING)
        return false;
    const bool made = disk->now[name] == DISK_NOTHING;
    if (made)
        change_folder(disk, name, new_node(disk), DISK_NOTHING);
    *open = disk->now[name];
    return made;
}

static bool follow_write(disk_node_t *node, const entry_t *entry) {
    blob_t longer = {check_memory(node->now.size + entry->size, 1), node->now.size + entry->size};
    memcpy(longer.bytes, node->now.bytes, node->now.size);
    memcpy(longer.bytes + node->now.size, entry->bytes, entry->size);
    replace(&node->now, longer);
    node->dirty = true;
    return true;
}

static bool follow_truncate(disk_node_t *node) {
    replace(&node->now, (blob_t){check_memory(0, 1), 0});
    node->dirty = true;
    return true;
}

static bool follow_flush(disk_t *disk, int node, disk_deaf_t deaf) {
    if (node >= 0 && deaf != DISK_IGNORES_FILE_FLUSH) {
        replace(&disk->node[node].flushed, copy_of(disk->node[node].now));
        disk->node[node].dirty = false;
    }
    if (node == FOLDER && deaf != DISK_IGNORES_FOLDER_FLUSH) {
        memcpy(disk->flushed, disk->now, sizeof disk->now);
        disk->changes = 0;
    }
    return true;
}

static bool follow_names(disk_t *disk, const entry_t *entry) {
    const int from = name_of(disk, entry->path), to = entry->to == NULL ? from : name_of(disk, entry->to);
    if (from == DISK_NOTHING || to == DISK_NOTHING)
        return false;
    if (entry->deed == DEED_RENAME)
        change_folder(disk, to, disk->now[from], from);
    else
        change_folder(disk, from, DISK_NOTHING, DISK_NOTHING);
    return true;
}

bool disk_follow(disk_t *disk, const entry_t *entry, disk_deaf_t deaf) {
    int node = DISK_NOTHING;
    if (entry->deed == DEED_MARK) {
        disk->first = entry->descriptor;
        disk->last = (int)entry->size;
        return true;
    }
    if (entry->descriptor >= 0)
        node = disk->open[entry->descriptor];
    switch (entry->deed) {
    case DEED_OPEN:
        return follow_open(disk, entry);
    case DEED_CLOSE:
        disk->open[entry->descriptor] = DISK_NOTHING;
        return false;
    case DEED_WRITE:
        return node >= 0 && follow_write(&disk->node[node], entry);
    case DEED_TRUNCATE:
        return node >= 0 && follow_truncate(&disk->node[node]);
    case DEED_FLUSH:
        return follow_flush(disk, node, deaf);
    case DEED_RENAME:
    case DEED_UNLINK:
        return follow_names(disk, entry);
    default:
        return false;
    }
}

void disk_check_real(const disk_t *disk, const scene_t *scene) {
    const blob_t real[DISK_NAMES] = {scene_get(scene, false), scene_get(scene, true)};
    for (int name = 0; name < DISK_NAMES; ++name) {
        const int node = disk->now[name];
        const blob_t mine = node == DISK_NOTHING ? (blob_t){NULL, 0} : disk->node[node].now;
        if (!blob_same(mine, real[name]))
            fail_msg("%s: %zu bytes on the disk, %zu in the journal: a call was missed", disk->name[name],
                     real[name].size, mine.size);
        free(real[name].bytes);
    }
}

/* ---- After a crash ---- */

typedef struct search {
    const disk_t *disk;
    int names[DISK_NAMES];
    size_t stride;
    disk_visit_t *visit;
    void *context;
} search_t;

/* One state: `torn` is what node `dirty` holds in it. */
static bool visit_with(const search_t *search, int dirty, blob_t torn) {
    blob_t found[DISK_NAMES] = {{NULL, 0}, {NULL, 0}};
    for (int name = 0; name < DISK_NAMES; ++name) {
        const int node = search->names[name];
        if (node != DISK_NOTHING)
            found[name] = node == dirty ? torn : search->disk->node[node].flushed;
    }
    return search->visit(found[0], found[1], search->context);
}

/* What may be found of `node` if writing stopped at byte `cut`: nothing after it, zeros, or what was there before. */
static bool visit_cut(const search_t *search, int node, size_t cut, char *room) {
    const blob_t now = search->disk->node[node].now, before = search->disk->node[node].flushed;
    if (now.size > 0) /* an address is not needed for nothing */
        memcpy(room, now.bytes, cut);
    if (!visit_with(search, node, (blob_t){room, cut}))
        return false;
    if (cut < now.size) {
        memset(room + cut, 0, now.size - cut);
        if (!visit_with(search, node, (blob_t){room, now.size}))
            return false;
    }
    if (cut < before.size) {
        memcpy(room + cut, before.bytes + cut, before.size - cut);
        return visit_with(search, node, (blob_t){room, before.size});
    }
    return true;
}

static bool visit_cuts(const search_t *search, int node) {
    enum { ENDS = 2 };
    const blob_t now = search->disk->node[node].now, before = search->disk->node[node].flushed;
    char *room = check_memory(now.size + before.size, 1);
    bool on = visit_with(search, node, before);
    for (size_t cut = 0; on && cut <= now.size; ++cut)
        if (cut % search->stride == 0 || cut <= ENDS || now.size - cut <= ENDS)
            on = visit_cut(search, node, cut, room);
    free(room);
    return on;
}

bool disk_states(const disk_t *disk, size_t stride, disk_visit_t *visit, void *context) {
    for (int happened = 0; happened < 1 << disk->changes; ++happened) {
        search_t search = {disk, {DISK_NOTHING, DISK_NOTHING}, stride, visit, context};
        int dirty = DISK_NOTHING;
        memcpy(search.names, disk->flushed, sizeof search.names);
        for (int c = 0; c < disk->changes; ++c)
            if ((happened >> c & 1) != 0)
                apply(&disk->change[c], search.names);
        for (int name = 0; name < DISK_NAMES; ++name) {
            const int node = search.names[name];
            if (node == DISK_NOTHING || !disk->node[node].dirty)
                continue;
            assert_true(dirty == DISK_NOTHING || dirty == node); /* one file is written at a time */
            dirty = node;
        }
        if (dirty == DISK_NOTHING ? !visit_with(&search, dirty, (blob_t){NULL, 0}) : !visit_cuts(&search, dirty))
            return false;
    }
    return true;
}
