/* Places where a file cannot be saved: a disk that is full, a folder without permission, names that lead elsewhere. */
#define _GNU_SOURCE /* unshare */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "check.h"
#include "scene.h"

static const blob_t NOTHING = {NULL, 0};

/* A save of state 1 to `path` is refused, in the foreground and in the background, with this in the sentence. */
static void check_refusal(const scene_t *scene, const char *path, const char *name, const char *reason) {
    CHECK_STATUS(optim_save(scene->subject.opt, path), OPTIM_ERR_IO);
    scene_check_sentence(name, reason, "in the foreground");
    char *sentence = check_text("%s", optim_error());
    CHECK_OK(optim_save_async(scene->subject.opt, path));
    CHECK_STATUS(optim_save_wait(scene->subject.opt), OPTIM_ERR_IO);
    assert_string_equal(optim_error(), sentence);
    CHECK_OK(optim_save_wait(scene->subject.opt));
    scene_check_subject(scene, 1, reason);
    free(sentence);
}

/* To the scene's own path; afterwards the old file is there and nothing else. */
static void check_refusal_here(const scene_t *scene, const char *reason) {
    check_refusal(scene, scene->path, scene->target, reason);
    (void)scene_check_file(scene, 0, 0, reason);
    (void)scene_check_folder(scene, false, reason);
}

static void open_scene(scene_t *scene, unsigned how) {
    scene_open(scene, SCENE_LARGE, how);
    subject_step(&scene->subject);
}

/* ---- A limit on files, a disk that is full ---- */

static void a_limit_on_files(void **state) {
    struct rlimit before, limit;
    scene_t scene;
    (void)state;
    open_scene(&scene, SCENE_PLAIN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    const size_t limits[] = {1, 4096, 70000, scene.state[1].size - 1};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; ++i) {
        limit = (struct rlimit){.rlim_cur = limits[i], .rlim_max = before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        check_refusal_here(&scene, strerror(EFBIG));
    }
    limit.rlim_cur = scene.state[1].size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    scene_check_save(&scene, 1, "just enough");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);
    scene_close(&scene);
}

/* Runs in a process of its own, which sees a small disk where the scene's folder is. */
static void use_small_disk(const scene_t *scene) {
    char *options = check_text("size=%zu", scene->state[1].size * 5 / 4); /* one file, and not another */
    assert_int_equal(mount("tmpfs", scene->folder, "tmpfs", 0, options), 0);
    free(options);
    scene_put(scene, scene->state[0], NOTHING);
    check_refusal_here(scene, strerror(ENOSPC));
    assert_int_equal(mount("tmpfs", scene->folder, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
    check_refusal_here(scene, strerror(EROFS));
    assert_int_equal(mount("tmpfs", scene->folder, "tmpfs", MS_REMOUNT, "size=10M"), 0);
    scene_check_save(scene, 1, "after the disk was full");
}

/* In a child; false: this process may not do what `work` needs. */
static bool in_child(bool (*prepare)(const scene_t *scene), void (*work)(const scene_t *scene), const scene_t *scene) {
    enum { MAY_NOT = 77 };
    int status;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (!prepare(scene))
            _exit(MAY_NOT);
        work(scene);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == MAY_NOT)
        return false;
    assert_int_equal(WEXITSTATUS(status), 0);
    return true;
}

/* The file itself is a mount, as containers are given single files: nothing can be renamed over it. */
static void use_mounted_file(const scene_t *scene) {
    scene_put(scene, scene->state[0], NOTHING);
    assert_int_equal(mount(scene->target, scene->target, NULL, MS_BIND, NULL), 0);
    check_refusal_here(scene, strerror(EBUSY));
    scene_check_sentence(scene->target, "mounted", "a mounted file");
    assert_int_equal(umount(scene->target), 0);
    scene_check_save(scene, 1, "when it is no mount");
}

static bool mounts_of_its_own(const scene_t *scene) {
    return unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
           mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", scene->folder, "tmpfs", 0, NULL) == 0;
}

static void a_full_disk(void **state) {
    scene_t scene;
    (void)state;
    open_scene(&scene, SCENE_PLAIN);
    const bool could =
        in_child(mounts_of_its_own, use_small_disk, &scene) && in_child(mounts_of_its_own, use_mounted_file, &scene);
    scene_check_save(&scene, 1, "on the disk beneath");
    scene_close(&scene);
    if (!could) {
        print_message("a disk cannot be mounted here\n");
        skip();
    }
}

/* ---- Permissions ---- */

static bool as_nobody(const scene_t *scene) {
    enum { NOBODY = 65534 };
    (void)scene;
    return geteuid() != 0 || (setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
}

static void use_read_only_folder(const scene_t *scene) {
    check_refusal_here(scene, strerror(EACCES));
}

/* May write there, but not look what is there: then the folder cannot be flushed. */
static void use_folder_unseen(const scene_t *scene) {
    check_refusal(scene, scene->path, scene->target, strerror(EACCES));
    assert_int_equal(scene_check_file(scene, 0, 0, "in a folder that cannot be read"), 0);
    assert_int_not_equal(access(scene->partial, F_OK), 0);
}

static void use_unreadable_file(const scene_t *scene) {
    CHECK_STATUS(optim_load(scene->subject.opt, scene->path), OPTIM_ERR_IO);
    scene_check_sentence(scene->path, strerror(EACCES), "a file that cannot be read");
    scene_check_subject(scene, 1, "a file that cannot be read");
}

static void permissions(void **state) {
    static const struct {
        mode_t folder, file;
        void (*work)(const scene_t *scene);
    } CASES[] = {{0555, 0444, use_read_only_folder}, {0333, 0444, use_folder_unseen}, {0777, 0, use_unreadable_file}};
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i) {
        scene_t scene;
        open_scene(&scene, SCENE_PLAIN);
        assert_int_equal(chmod(scene.root, 0755), 0);
        assert_int_equal(chmod(scene.target, CASES[i].file), 0);
        assert_int_equal(chmod(scene.folder, CASES[i].folder), 0);
        assert_true(in_child(as_nobody, CASES[i].work, &scene));
        assert_int_equal(chmod(scene.folder, 0777), 0);
        assert_int_equal(chmod(scene.target, 0600), 0);
        scene_check_save(&scene, 1, "with permission");
        scene_close(&scene);
    }
}

/* ---- Modes ---- */

static mode_t mode_of(const char *path) {
    struct stat about;
    assert_int_equal(lstat(path, &about), 0);
    return about.st_mode & 07777;
}

static void look_at_partial(void *context) {
    const scene_t *scene = context;
    struct stat about;
    if (lstat(scene->partial, &about) == 0)
        assert_int_equal(about.st_mode & 07777 & ~(mode_of(scene->target) | S_IWUSR), 0);
}

/* At no call may anybody read or write the new file who could not the old one; and in the end its mode is the old
   one's. */
static void modes(void **state) {
    static const mode_t MODES[] = {0600, 0640, 0444, 0400, 0666};
    const mode_t mask = umask(022);
    (void)state;
    for (size_t i = 0; i < sizeof MODES / sizeof *MODES; ++i) {
        scene_t scene;
        bool reached = true;
        scene_open(&scene, SCENE_SMALL, SCENE_PLAIN);
        subject_step(&scene.subject);
        for (int k = 1; reached; ++k) {
            scene_put(&scene, NOTHING, NOTHING);
            scene_put(&scene, scene.state[0], NOTHING);
            assert_int_equal(chmod(scene.target, MODES[i]), 0);
            calls_begin(&(fault_t){.fate = FATE_MEANWHILE, .at = k, .meanwhile = look_at_partial, .context = &scene});
            CHECK_OK(optim_save(scene.subject.opt, scene.path));
            reached = calls_end() >= k;
            assert_int_equal(mode_of(scene.target), MODES[i]);
        }
        scene_put(&scene, NOTHING, NOTHING);
        CHECK_OK(optim_save(scene.subject.opt, scene.path));
        assert_int_equal(mode_of(scene.target), 0644); /* of a new file: what the mask leaves */
        scene_close(&scene);
    }
    (void)umask(mask);
}

/* ---- What an interrupted save left behind ---- */

/* Read-only, as a save over a read-only file leaves it; the user may not write it, but the folder. */
static void use_left(const scene_t *scene) {
    scene_check_save(scene, 1, "over a read-only file that was left");
}

static void left_read_only(void **state) {
    enum { NOBODY = 65534 };
    scene_t scene;
    (void)state;
    open_scene(&scene, SCENE_PLAIN);
    scene_put(&scene, scene.state[0], scene.state[3]);
    assert_int_equal(chmod(scene.root, 0755), 0);
    assert_int_equal(chmod(scene.folder, 0777), 0);
    assert_int_equal(chmod(scene.target, 0444), 0);
    assert_int_equal(chmod(scene.partial, 0444), 0);
    assert_true(geteuid() != 0 || chown(scene.partial, NOBODY, NOBODY) == 0);
    assert_true(in_child(as_nobody, use_left, &scene));
    scene_close(&scene);
}

/* It has a second name, as backups by links give it: what stands there stays. */
static void left_with_a_second_name(void **state) {
    scene_t scene;
    struct stat about;
    (void)state;
    open_scene(&scene, SCENE_PLAIN);
    char *backup = check_text("%s/backup", scene.root);
    scene_put(&scene, scene.state[0], scene.state[3]);
    assert_int_equal(link(scene.partial, backup), 0);
    scene_check_save(&scene, 1, "over what has a second name");
    assert_int_equal(stat(backup, &about), 0);
    assert_int_equal(about.st_size, scene.state[3].size);
    assert_int_equal(about.st_nlink, 1);
    assert_int_equal(unlink(backup), 0);
    free(backup);
    scene_close(&scene);
}

/* ---- What is not a file ---- */

/* `path` leads to something that is not a file; it stays what it is, and nothing is put beside it. */
static void check_not_a_file(const scene_t *scene, const char *path, const char *reason) {
    struct stat before, after;
    char *partial = check_text("%s.partial", path);
    assert_int_equal(lstat(path, &before), 0);
    check_refusal(scene, path, path, reason);
    assert_int_equal(lstat(path, &after), 0);
    assert_true(before.st_ino == after.st_ino && before.st_mode == after.st_mode && before.st_rdev == after.st_rdev);
    assert_int_not_equal(access(partial, F_OK), 0);
    free(partial);
}

static void what_is_not_a_file(void **state) {
    scene_t scene;
    (void)state;
    open_scene(&scene, SCENE_PLAIN);
    check_not_a_file(&scene, scene.folder, "not a file");
    char *pipe = check_text("%s/pipe", scene.folder), *device = check_text("%s/device", scene.folder);
    assert_int_equal(mkfifo(pipe, 0666), 0);
    check_not_a_file(&scene, pipe, "not a file");
    assert_int_equal(unlink(pipe), 0);
    if (mknod(device, S_IFCHR | 0666, 0x107) == 0) { /* as /dev/full, for those who may */
        check_not_a_file(&scene, device, "not a file");
        assert_int_equal(unlink(device), 0);
    }
    CHECK_STATUS(optim_load(scene.subject.opt, scene.folder), OPTIM_ERR_IO);
    scene_check_sentence(scene.folder, "not a file", "a folder");
    assert_int_equal(mkdir(scene.partial, 0777), 0);
    check_refusal(&scene, scene.path, scene.partial, strerror(EISDIR));
    assert_int_equal(rmdir(scene.partial), 0);
    scene_check_save(&scene, 1, "after all");
    free(device);
    free(pipe);
    scene_close(&scene);
}

static void links(void **state) {
    scene_t scene;
    (void)state;
    open_scene(&scene, SCENE_PLAIN);
    char *link = check_text("%s/link", scene.folder), *other = check_text("%s/other", scene.folder);
    assert_int_equal(symlink("nowhere", link), 0);
    check_not_a_file(&scene, link, strerror(ENOENT));
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink("link", link), 0);
    check_not_a_file(&scene, link, strerror(ELOOP));
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink(".", link), 0);
    check_not_a_file(&scene, link, "not a file");
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink("other", scene.partial), 0); /* which is not followed */
    check_refusal(&scene, scene.path, scene.partial, strerror(ELOOP));
    assert_int_not_equal(access(other, F_OK), 0);
    assert_int_equal(unlink(scene.partial), 0);
    free(link);
    free(other);
    scene_close(&scene);
}

static void long_names(void **state) {
    static const size_t LENGTHS[] = {252, 256, 600, 5000}; /* of 255: the first leaves no room for ".partial" */
    scene_t scene;
    (void)state;
    open_scene(&scene, SCENE_PLAIN);
    for (size_t i = 0; i < sizeof LENGTHS / sizeof *LENGTHS; ++i) {
        char *name = check_memory(LENGTHS[i] + 1, 1);
        memset(name, 'n', LENGTHS[i]);
        char *path = check_text("%s/%s", scene.folder, name);
        check_refusal(&scene, path, scene.folder, strerror(ENAMETOOLONG));
        CHECK_STATUS(optim_load(scene.subject.opt, path), OPTIM_ERR_IO);
        assert_non_null(strstr(optim_error(), scene.folder));
        free(path);
        free(name);
    }
    (void)scene_check_file(&scene, 0, 0, "long names");
    (void)scene_check_folder(&scene, false, "long names");
    scene_close(&scene);
}

/* A path of many folders is cut in every sentence of a save and a load, so that the reason after it is not. */
static void long_paths(void **state) {
    enum { MOST_QUOTED = 603 }; /* and "..." */
    static const char DOT[] = "./././././././././././././././././././././././././././././././";
    scene_t scene;
    (void)state;
    open_scene(&scene, SCENE_ON_DISK);
    char *way = check_memory(60 * sizeof DOT + 1, 1);
    for (int i = 0; i < 60; ++i)
        strcat(way, DOT);
    char *folder = check_text("%s/%s.", scene.folder, way), *file = check_text("%s/%spart", scene.folder, way);
    const char *const paths[] = {folder, file};
    FILE *part = fopen(file, "w");
    assert_true(part != NULL && fputs("not a checkpoint", part) >= 0 && fclose(part) == 0);
    for (int i = 0; i < 2; ++i) {
        CHECK_STATUS(optim_load(scene.subject.opt, paths[i]), i == 0 ? OPTIM_ERR_IO : OPTIM_ERR_FORMAT);
        assert_true(strlen(optim_error()) < MOST_QUOTED + 150);
        assert_non_null(strstr(optim_error(), i == 0 ? "is not a file" : "is not a checkpoint that can be read: "));
    }
    CHECK_STATUS(optim_save(scene.subject.opt, folder), OPTIM_ERR_IO);
    assert_true(strlen(optim_error()) < MOST_QUOTED + 150);
    CHECK_OK(optim_save(scene.subject.opt, file));
    CHECK_OK(optim_load(scene.subject.opt, file));
    assert_int_equal(unlink(file), 0);
    free(file);
    free(folder);
    free(way);
    scene_close(&scene);
}

/* Of more bytes than a narrow size_t counts: all of them are seen, and it is refused for what it is. */
static void a_huge_file(void **state) {
    scene_t scene;
    (void)state;
    open_scene(&scene, SCENE_ON_DISK);
    if (sizeof(off_t) == 8 && truncate(scene.target, (off_t)(UINT64_C(1) << 32 | 4096)) == 0) {
        CHECK_STATUS(optim_load(scene.subject.opt, scene.path),
                     sizeof(size_t) == 4 ? OPTIM_ERR_SIZE : OPTIM_ERR_FORMAT);
        scene_check_sentence(scene.path, "", "a huge file");
        scene_check_subject(&scene, 1, "a huge file");
    }
    scene_check_save(&scene, 1, "over a huge file");
    scene_close(&scene);
}

/* ---- Others who save there ---- */

static void a_save_under_way(void **state) {
    scene_t scene;
    (void)state;
    open_scene(&scene, SCENE_PLAIN);
    const int other = open(scene.partial, O_CREAT | O_WRONLY, 0666);
    assert_true(other >= 0 && flock(other, LOCK_EX) == 0);
    assert_int_equal(write(other, "half", 4), 4);
    check_refusal(&scene, scene.path, scene.partial, "being written by another save");
    const blob_t left = scene_get(&scene, true);
    assert_true(left.size == 4 && memcmp(left.bytes, "half", 4) == 0);
    free(left.bytes);
    (void)scene_check_file(&scene, 0, 0, "a save under way");
    assert_int_equal(close(other), 0);
    scene_check_save(&scene, 1, "when that has ended");
    scene_close(&scene);
}

/* Two processes save to one path as fast as they can: each save is done or refused, and the file is always whole. */
static void rivals(void **state) {
    enum { SAVES = 300 };
    pid_t child[2];
    scene_t scene;
    (void)state;
    scene_open(&scene, SCENE_SMALL, SCENE_PLAIN);
    for (int i = 0; i < 2; ++i) {
        subject_step(&scene.subject);
        child[i] = fork();
        assert_true(child[i] >= 0);
        for (int k = 0; child[i] == 0 && k < SAVES; ++k)
            if (optim_save(scene.subject.opt, scene.path) != OPTIM_OK &&
                strstr(optim_error(), "being written by another save") == NULL)
                _exit(1);
        if (child[i] == 0)
            _exit(0);
    }
    for (int i = 0; i < 2; ++i) {
        int status = 0;
        pid_t ended;
        while ((ended = waitpid(child[i], &status, WNOHANG)) == 0) {
            subject_t fresh;
            subject_open(&fresh, SCENE_SMALL);
            CHECK_OK(optim_load(fresh.opt, scene.path));
            subject_close(&fresh);
        }
        assert_true(ended == child[i] && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    (void)scene_check_file(&scene, 1, 2, "two at once");
    (void)scene_check_folder(&scene, false, "two at once");
    scene_close(&scene);
}

typedef struct rival {
    subject_t subject; /* in state 2 */
    const char *path;
    optim_status status;
} rival_t;

static void save_rival(void *context) {
    rival_t *rival = context;
    rival->status = optim_save(rival->subject.opt, rival->path);
}

/* A save is made while another one is at its k-th call: done or refused, each of them, and what is there is the file of
 * one that was done. */
static void meet_at_every_call(bool with_locks) {
    rival_t rival;
    scene_t scene;
    bool reached = true;
    int refused = 0;
    calls_lock(with_locks);
    scene_open(&scene, SCENE_SMALL, SCENE_PLAIN);
    subject_step(&scene.subject);
    subject_open(&rival.subject, SCENE_SMALL);
    for (int step = 0; step < 3; ++step)
        subject_step(&rival.subject);
    rival.path = scene.path;
    for (int k = 1; reached; ++k) {
        scene_put(&scene, scene.state[0], NOTHING);
        rival.status = OPTIM_ERR_IO;
        calls_begin(&(fault_t){.fate = FATE_MEANWHILE, .at = k, .meanwhile = save_rival, .context = &rival});
        const optim_status status = optim_save(scene.subject.opt, scene.path);
        reached = calls_end() >= k;
        const char *here =
            when("a rival at call %d (%s): %d and %d", k, calls_name(calls_kind(k)), status, rival.status);
        if (reached && !with_locks && rival.status != OPTIM_OK)
            fail_msg("%s: %s", here, optim_error());
        refused += status != OPTIM_OK;
        (void)scene_check_file(&scene, status == OPTIM_OK ? 1 : 2, rival.status == OPTIM_OK ? 2 : 1, here);
        (void)scene_check_folder(&scene, false, here);
    }
    assert_true(with_locks || refused >= 3);
    calls_lock(true);
    subject_close(&rival.subject);
    scene_close(&scene);
}

static void a_rival_at_every_call(void **state) {
    (void)state;
    meet_at_every_call(true);
}

/* On a file system without locks a save finds before it renames that another one has taken its place. */
static void a_rival_without_locks(void **state) {
    (void)state;
    meet_at_every_call(false);
}

static void put_half(void *context) {
    const scene_t *scene = context;
    (void)unlink(scene->partial);
    FILE *stream = fopen(scene->partial, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite("half", 1, 4, stream), 4);
    assert_int_equal(fclose(stream), 0);
}

/* Another machine's save, whose lock is not seen here, puts its own unfinished file under the name: that one is not put
 * in place, nor removed. */
static void an_unfinished_rival(void **state) {
    scene_t scene;
    bool reached = true;
    int refused = 0;
    (void)state;
    scene_open(&scene, SCENE_SMALL, SCENE_PLAIN);
    subject_step(&scene.subject);
    for (int k = 1; reached; ++k) {
        scene_put(&scene, scene.state[0], NOTHING);
        calls_begin(&(fault_t){.fate = FATE_MEANWHILE, .at = k, .meanwhile = put_half, .context = &scene});
        const optim_status status = optim_save(scene.subject.opt, scene.path);
        reached = calls_end() >= k;
        if (calls_kind(k) == CALL_RENAME) /* the instant in which it cannot be seen any more */
            continue;
        const char *here = when("half a file put there at call %d (%s): %d", k, calls_name(calls_kind(k)), status);
        (void)scene_check_file(&scene, status == OPTIM_OK, status == OPTIM_OK, here);
        if (status == OPTIM_OK)
            continue;
        ++refused;
        scene_check_sentence(scene.partial, "by another save", here);
        const blob_t left = scene_get(&scene, true);
        assert_true(left.size == 4 && memcmp(left.bytes, "half", 4) == 0);
        free(left.bytes);
    }
    assert_true(refused >= 4);
    scene_close(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_on_files),
        cmocka_unit_test(a_full_disk),
        cmocka_unit_test(permissions),
        cmocka_unit_test(modes),
        cmocka_unit_test(left_read_only),
        cmocka_unit_test(left_with_a_second_name),
        cmocka_unit_test(what_is_not_a_file),
        cmocka_unit_test(links),
        cmocka_unit_test(long_names),
        cmocka_unit_test(long_paths),
        cmocka_unit_test(a_huge_file),
        cmocka_unit_test(a_save_under_way),
        cmocka_unit_test(rivals),
        cmocka_unit_test(a_rival_at_every_call),
        cmocka_unit_test(a_rival_without_locks),
        cmocka_unit_test(an_unfinished_rival),
    };
    return cmocka_run_group_tests_name("places", tests, NULL, NULL);
}
