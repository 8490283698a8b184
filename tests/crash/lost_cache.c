#include "lost_cache.h"

#include <errno.h>

#include "calls.h"
#include "check.h"
#include "disk.h"
#include "scene.h"

/* The states at one point of the journal, or at all of them. */
typedef struct look {
    const scene_t *scene;
    const char *what; /* the saves that are looked at */
    size_t entry;
    int first, last;
    size_t states;
} look_t;

static bool is_right(blob_t file, blob_t partial, void *context) {
    look_t *look = context;
    const char *here = when("%s, crash after entry %zu of the journal, state %zu, which has %zu + %zu bytes",
                            look->what, look->entry, look->states++, file.size, partial.size);
    scene_put(look->scene, file, partial);
    (void)scene_check_file(look->scene, look->first, look->last, here);
    (void)scene_check_folder(look->scene, partial.bytes != NULL, here);
    scene_check_save(look->scene, SCENE_STATES - 1, here);
    return true;
}

/* The subject is in the last state by now; returns the number of states. */
static size_t look_at_all(const scene_t *scene, const journal_t *journal, size_t stride, const char *what) {
    look_t look = {.scene = scene, .what = what};
    disk_t disk;
    disk_open(&disk, scene);
    for (size_t i = 0; i < journal->count; ++i)
        (void)disk_follow(&disk, &journal->entry[i], DISK_HEARS_ALL);
    disk_check_real(&disk, scene);
    disk_close(&disk);
    disk_open(&disk, scene);
    for (look.entry = 0; look.entry < journal->count; ++look.entry)
        if (disk_follow(&disk, &journal->entry[look.entry], DISK_HEARS_ALL)) {
            look.first = disk.first;
            look.last = disk.last;
            (void)disk_states(&disk, stride, is_right, &look);
        }
    disk_close(&disk);
    return look.states;
}

/* Saves state k over state k - 1 and notes it; the subject is in state k - 1 and goes on to k. */
static void save_noted(scene_t *scene, journal_t *journal, int k, bool in_background) {
    subject_step(&scene->subject);
    journal_add_mark(journal, k - 1, k);
    calls_begin(NULL);
    CHECK_OK(scene_save(scene, scene->subject.opt, in_background));
    (void)calls_end();
    journal_add_mark(journal, k, k);
}

static void save_all(scene_t *scene, journal_t *journal) {
    calls_record(journal);
    for (int k = 1; k < SCENE_STATES; ++k)
        save_noted(scene, journal, k, k == 2);
    calls_record(NULL);
}

size_t lost_cache_of_saves(size_t elements, size_t stride) {
    size_t states = 0;
    for (unsigned how = SCENE_PLAIN; how <= SCENE_NO_FILE; ++how) {
        scene_t scene;
        journal_t journal = {0};
        scene_open(&scene, elements, how);
        save_all(&scene, &journal);
        states += look_at_all(&scene, &journal, stride, how == SCENE_LINK ? "through a link" : "saves in a row");
        journal_free(&journal);
        scene_close(&scene);
    }
    return states;
}

/* State 1 shall be saved and call k fails; then 2 and 3 are. False: there is no call k. */
static bool fail_noted(scene_t *scene, journal_t *journal, int k) {
    subject_step(&scene->subject);
    calls_record(journal);
    journal_add_mark(journal, 0, 1);
    calls_begin(&(fault_t){.fate = FATE_FAIL, .at = k, .number = EIO});
    const optim_status status = optim_save(scene->subject.opt, scene->path);
    const bool reached = calls_end() >= k;
    int now = scene_check_file(scene, 0, 1, "after a failure");
    journal_add_mark(journal, status == OPTIM_OK ? 1 : 0, now);
    subject_step(&scene->subject);
    journal_add_mark(journal, status == OPTIM_OK ? 1 : 0, 2);
    calls_begin(NULL);
    CHECK_OK(optim_save(scene->subject.opt, scene->path));
    (void)calls_end();
    journal_add_mark(journal, 2, 2);
    save_noted(scene, journal, 3, false);
    calls_record(NULL);
    return reached;
}

size_t lost_cache_of_failures(size_t elements, size_t stride) {
    size_t states = 0;
    bool reached = true;
    for (int k = 1; reached; ++k) {
        scene_t scene;
        journal_t journal = {0};
        scene_open(&scene, elements, SCENE_PLAIN);
        reached = fail_noted(&scene, &journal, k);
        states += look_at_all(&scene, &journal, stride, "a save that failed");
        journal_free(&journal);
        scene_close(&scene);
    }
    return states;
}

/* The file alone, without loading it. */
static bool is_one_of(blob_t file, blob_t partial, void *context) {
    const look_t *look = context;
    (void)partial;
    for (int k = look->first; k <= look->last; ++k)
        if (blob_same(file, look->scene->state[k]))
            return true;
    return false;
}

bool lost_cache_is_seen(disk_deaf_t deaf) {
    scene_t scene;
    journal_t journal = {0};
    disk_t disk;
    bool right = true;
    scene_open(&scene, SCENE_SMALL, SCENE_PLAIN);
    look_t look = {.scene = &scene};
    save_all(&scene, &journal);
    disk_open(&disk, &scene);
    for (size_t i = 0; right && i < journal.count; ++i)
        if (disk_follow(&disk, &journal.entry[i], deaf)) {
            look.first = disk.first;
            look.last = disk.last;
            right = disk_states(&disk, 1, is_one_of, &look);
        }
    disk_close(&disk);
    journal_free(&journal);
    scene_close(&scene);
    return !right;
}
