#include "scene.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

const char *when(const char *format, ...) {
    static char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return text;
}

bool blob_same(blob_t a, blob_t b) {
    if (a.bytes == NULL || b.bytes == NULL)
        return a.bytes == b.bytes;
    return a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0;
}

/* ---- The optimizer ---- */

void subject_open(subject_t *subject, size_t elements) {
    const int64_t first = (int64_t)elements / 3, second = (int64_t)elements - first;
    *subject = (subject_t){.count = elements};
    subject->p = check_memory(elements, sizeof *subject->p);
    subject->g = check_memory(elements, sizeof *subject->g);
    for (size_t i = 0; i < elements; ++i)
        subject->p[i] = 1 + (float)(i % 13) / 8;
    CHECK_OK(optim_create(&subject->opt, "adamw", "lr=0.01"));
    CHECK_OK(optim_wrap(subject->opt, "ema", NULL));
    CHECK_OK(optim_set_threads(subject->opt, 1)); /* processes that fork have no others */
    CHECK_OK(optim_add_param(subject->opt, 0, "a", OPTIM_F32, 1, &first, subject->p, subject->g));
    CHECK_OK(optim_add_param(subject->opt, 0, "b", OPTIM_F32, 1, &second, subject->p + first, subject->g + first));
}

void subject_close(subject_t *subject) {
    optim_destroy(subject->opt);
    free(subject->p);
    free(subject->g);
}

void subject_step(subject_t *subject) {
    for (size_t i = 0; i < subject->count; ++i)
        subject->g[i] = subject->p[i] + (float)(i % 7) / 16;
    CHECK_OK(optim_step(subject->opt));
}

blob_t subject_bytes(const subject_t *subject) {
    blob_t blob;
    blob.bytes = check_serialized(subject->opt, &blob.size);
    return blob;
}

/* ---- The folder ---- */

static void put(const char *path, blob_t blob) {
    if (blob.bytes == NULL) {
        (void)unlink(path);
        return;
    }
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(blob.bytes, 1, blob.size, stream), blob.size);
    assert_int_equal(fclose(stream), 0);
}

static blob_t get(const char *path) {
    blob_t blob = {NULL, 0};
    struct stat about;
    FILE *stream = fopen(path, "rb");
    if (stream == NULL)
        return blob;
    assert_int_equal(fstat(fileno(stream), &about), 0);
    blob.size = (size_t)about.st_size;
    blob.bytes = check_memory(blob.size, 1);
    assert_int_equal(fread(blob.bytes, 1, blob.size, stream), blob.size);
    (void)fclose(stream);
    return blob;
}

void scene_put(const scene_t *scene, blob_t file, blob_t partial) {
    put(scene->target, file);
    put(scene->partial, partial);
}

blob_t scene_get(const scene_t *scene, bool of_partial) {
    return get(of_partial ? scene->partial : scene->target);
}

static const char *base_folder(unsigned how) {
    const char *base = getenv("TMPDIR");
    if (base != NULL)
        return base;
    return (how & SCENE_ON_DISK) == 0 && access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
}

void scene_open(scene_t *scene, size_t elements, unsigned how) {
    *scene = (scene_t){.elements = elements};
    scene->root = check_text("%s/gradopt-crash-XXXXXX", base_folder(how));
    assert_non_null(mkdtemp(scene->root));
    scene->folder = check_text("%s/files", scene->root);
    assert_int_equal(mkdir(scene->folder, 0777), 0);
    scene->target = check_text("%s/run.optim", scene->folder);
    scene->partial = check_text("%s.partial", scene->target);
    scene->path = check_text("%s/%s", scene->root, (how & SCENE_LINK) != 0 ? "link" : "files/run.optim");
    if ((how & SCENE_LINK) != 0)
        assert_int_equal(symlink("files/run.optim", scene->path), 0);
    subject_t later;
    subject_open(&later, elements);
    for (int k = 0; k < SCENE_STATES; ++k) {
        subject_step(&later);
        scene->state[k] = subject_bytes(&later);
    }
    subject_close(&later);
    if ((how & SCENE_NO_FILE) != 0) {
        free(scene->state[0].bytes);
        scene->state[0] = (blob_t){NULL, 0};
    }
    subject_open(&scene->subject, elements);
    subject_step(&scene->subject);
    scene_put(scene, scene->state[0], (blob_t){NULL, 0});
}

void scene_close(scene_t *scene) {
    scene_put(scene, (blob_t){NULL, 0}, (blob_t){NULL, 0});
    assert_int_equal(rmdir(scene->folder), 0); /* fails if anything else was left there */
    if (strcmp(scene->path, scene->target) != 0)
        assert_int_equal(unlink(scene->path), 0);
    assert_int_equal(rmdir(scene->root), 0);
    subject_close(&scene->subject);
    for (int k = 0; k < SCENE_STATES; ++k)
        free(scene->state[k].bytes);
    free(scene->partial);
    free(scene->target);
    free(scene->path);
    free(scene->folder);
    free(scene->root);
}

/* ---- What must be ---- */

optim_status scene_save(const scene_t *scene, optim_t *opt, bool in_background) {
    if (!in_background)
        return optim_save(opt, scene->path);
    const optim_status status = optim_save_async(opt, scene->path);
    return status == OPTIM_OK ? optim_save_wait(opt) : status;
}

int scene_check_file(const scene_t *scene, int first, int last, const char *when) {
    const blob_t file = get(scene->target);
    int k = first;
    while (k <= last && !blob_same(file, scene->state[k]))
        ++k;
    if (k > last)
        fail_msg("%s: the file (%zu bytes) is none of the states %d to %d", when, file.size, first, last);
    free(file.bytes);
    subject_t fresh;
    subject_open(&fresh, scene->elements);
    const optim_status status = optim_load(fresh.opt, scene->path);
    if (status != (scene->state[k].bytes == NULL ? OPTIM_ERR_IO : OPTIM_OK))
        fail_msg("%s: loading returned %d: %s", when, status, optim_error());
    if (status == OPTIM_OK) {
        const blob_t loaded = subject_bytes(&fresh);
        if (!blob_same(loaded, scene->state[k]))
            fail_msg("%s: what was loaded is not state %d, which the file holds", when, k);
        free(loaded.bytes);
    }
    subject_close(&fresh);
    return k;
}

bool scene_check_folder(const scene_t *scene, bool partial_may_be, const char *when) {
    bool partial = false;
    DIR *folder = opendir(scene->folder);
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (strcmp(entry->d_name, "run.optim.partial") == 0)
            partial = true;
        else if (strcmp(entry->d_name, "run.optim") != 0 && entry->d_name[0] != '.')
            fail_msg("%s: \"%s\" was left in the folder", when, entry->d_name);
    }
    (void)closedir(folder);
    if (partial && !partial_may_be)
        fail_msg("%s: the partial file was left in the folder", when);
    return partial;
}

void scene_check_subject(const scene_t *scene, int k, const char *when) {
    const blob_t now = subject_bytes(&scene->subject);
    if (!blob_same(now, scene->state[k]))
        fail_msg("%s: the optimizer is no longer in state %d", when, k);
    free(now.bytes);
}

void scene_check_sentence(const char *path, const char *reason, const char *when) {
    if (strstr(optim_error(), path) == NULL || strstr(optim_error(), reason) == NULL)
        fail_msg("%s: the sentence \"%s\" does not name \"%s\" and \"%s\"", when, optim_error(), path, reason);
}

void scene_check_save(const scene_t *scene, int k, const char *when) {
    const optim_status status = optim_save(scene->subject.opt, scene->path);
    if (status != OPTIM_OK)
        fail_msg("%s: the next save returned %d: %s", when, status, optim_error());
    (void)scene_check_file(scene, k, k, when);
    (void)scene_check_folder(scene, false, when);
}
