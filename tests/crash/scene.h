/*
 * A folder with a checkpoint in it, an optimizer to save there, and what the file may hold: states 0, 1, 2, ... of the
 * optimizer, one step apart. Everything here fails the test, with `when` in the message, if it is not as it must be.
 */
#ifndef CRASH_SCENE_H
#define CRASH_SCENE_H

#include <stdbool.h>
#include <stddef.h>

#include "optim/optim.h"

/* Bytes of a file; NULL: there is no file. */
typedef struct blob {
    char *bytes;
    size_t size;
} blob_t;

bool blob_same(blob_t a, blob_t b);

typedef struct subject {
    optim_t *opt;
    size_t count;
    float *p, *g;
} subject_t;

/* The large one is written in several pieces, as its tensors do not fit the library's buffer. */
enum { SCENE_STATES = 4, SCENE_SMALL = 24, SCENE_LARGE = 26000 };

typedef struct scene {
    char *root, *folder; /* a new folder, and the one in it where the file is */
    char *path, *target; /* what the library is told, and the file: the same but for a link */
    char *partial;
    size_t elements;
    blob_t state[SCENE_STATES];
    subject_t subject; /* in state 0 */
} scene_t;

/* Two tensors, together of `elements` elements, and the state of AdamW with an average for them. */
void subject_open(subject_t *subject, size_t elements);
void subject_close(subject_t *subject);
void subject_step(subject_t *subject);
blob_t subject_bytes(const subject_t *subject);

/* State 0 is the file, and the folder in memory where the system has such folders, unless told otherwise. */
enum { SCENE_PLAIN = 0, SCENE_LINK = 1, SCENE_NO_FILE = 2, SCENE_ON_DISK = 4 };
void scene_open(scene_t *scene, size_t elements, unsigned how);
void scene_close(scene_t *scene);
/* Puts the folder into this state: the bytes of the file and of PATH.partial. */
void scene_put(const scene_t *scene, blob_t file, blob_t partial);
/* The bytes of the file, or of PATH.partial; to be freed. */
blob_t scene_get(const scene_t *scene, bool of_partial);

/* Saves, in the background or not, and waits. */
optim_status scene_save(const scene_t *scene, optim_t *opt, bool in_background);

/* The file loads into a new optimizer and is, to the bit, one of the states `first` to `last`: which one. */
int scene_check_file(const scene_t *scene, int first, int last, const char *when);
/* Nothing else is in the folder, except, if it may be, PATH.partial; whether that is there. */
bool scene_check_folder(const scene_t *scene, bool partial_may_be, const char *when);
/* The subject is as it was in state `k`. */
void scene_check_subject(const scene_t *scene, int k, const char *when);
/* The last error names `path` and says `reason`. */
void scene_check_sentence(const char *path, const char *reason, const char *when);
/* A save now succeeds, and leaves state `k`, which the subject is in, and nothing besides. */
void scene_check_save(const scene_t *scene, int k, const char *when);

/* Formatted words for `when`, valid until the next call. */
const char *when(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
