/* The folder of a save is the one that the path meant when it was called: the program goes elsewhere, the folder gets
 * another name or goes away, a link leads on. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calls.h"
#include "check.h"
#include "scene.h"

static const blob_t NOTHING = {NULL, 0};

/* What happens at a call. */
typedef struct event {
    const scene_t *scene;
    char *renamed; /* the folder's second name */
    int times;
} event_t;

typedef void happen_t(event_t *event);

static void go_elsewhere(event_t *event) {
    assert_int_equal(chdir(event->scene->root), 0);
}

static void rename_folder(event_t *event) {
    assert_int_equal(rename(event->scene->folder, event->renamed), 0);
}

static void put_back(event_t *event) {
    (void)rename(event->renamed, event->scene->folder);
}

/* The folder with the file stands under another name, and an empty one where it was. */
static void exchange_folder(event_t *event) {
    rename_folder(event);
    assert_int_equal(mkdir(event->scene->folder, 0777), 0);
}

static void exchange_back(event_t *event) {
    assert_int_equal(rmdir(event->scene->folder), 0); /* fails if the save put anything there */
    put_back(event);
}

static happen_t *happening;

static void happen(void *context) {
    event_t *event = context;
    ++event->times;
    happening(event);
}

/* From the first look at the folder on, whatever happens at a call: the file is saved there. */
static void happens_at_every_call(const char *path, happen_t *what, happen_t *undo, bool in_background) {
    scene_t scene;
    bool reached = true;
    char *before = getcwd(NULL, 0);
    scene_open(&scene, SCENE_SMALL, SCENE_PLAIN);
    subject_step(&scene.subject);
    char *absolute = check_text("%s/%s", scene.folder, path);
    event_t event = {.scene = &scene, .renamed = check_text("%s/renamed", scene.root)};
    happening = what;
    for (int k = 2; reached; ++k) {
        scene_put(&scene, scene.state[0], NOTHING);
        assert_int_equal(chdir(scene.folder), 0);
        calls_begin(&(fault_t){.fate = FATE_MEANWHILE, .at = k, .meanwhile = happen, .context = &event});
        optim_status status;
        const char *to = what == go_elsewhere ? path : absolute;
        if (in_background) {
            status = optim_save_async(scene.subject.opt, to);
            status = status == OPTIM_OK ? optim_save_wait(scene.subject.opt) : status;
        } else {
            status = optim_save(scene.subject.opt, to);
        }
        reached = calls_end() >= k;
        assert_int_equal(chdir(before), 0);
        if (reached)
            undo(&event);
        const char *here =
            when("%s%s, call %d (%s)", path, in_background ? " in the background" : "", k, calls_name(calls_kind(k)));
        if (status != OPTIM_OK)
            fail_msg("%s: %d: %s", here, status, optim_error());
        (void)scene_check_file(&scene, 1, 1, here);
        (void)scene_check_folder(&scene, false, here);
    }
    assert_true(event.times >= 10);
    free(event.renamed);
    free(absolute);
    free(before);
    scene_close(&scene); /* fails if anything was left beside the folder */
}

static void a_program_goes_elsewhere(void **state) {
    (void)state;
    for (int in_background = 0; in_background < 2; ++in_background) {
        happens_at_every_call("run.optim", go_elsewhere, put_back, in_background);
        happens_at_every_call("./run.optim", go_elsewhere, put_back, in_background);
        happens_at_every_call("../files/run.optim", go_elsewhere, put_back, in_background);
    }
}

static void a_folder_gets_another_name(void **state) {
    (void)state;
    for (int in_background = 0; in_background < 2; ++in_background) {
        happens_at_every_call("run.optim", rename_folder, put_back, in_background);
        happens_at_every_call("run.optim", exchange_folder, exchange_back, in_background);
    }
}

/* Links with a relative path, one leading to the next, across folders; the program leaves the folder meanwhile. */
static void links_from_where_they_lie(void **state) {
    scene_t scene;
    char *before = getcwd(NULL, 0);
    (void)state;
    scene_open(&scene, SCENE_SMALL, SCENE_PLAIN);
    subject_step(&scene.subject);
    char *first = check_text("%s/first", scene.folder), *second = check_text("%s/second", scene.root);
    assert_int_equal(symlink("../second", first), 0);
    assert_int_equal(symlink("files/./run.optim", second), 0);
    for (int k = 6; k < 18; ++k) { /* the links have been followed */
        event_t event = {.scene = &scene};
        scene_put(&scene, scene.state[0], NOTHING);
        assert_int_equal(chdir(scene.folder), 0);
        happening = go_elsewhere;
        calls_begin(&(fault_t){.fate = FATE_MEANWHILE, .at = k, .meanwhile = happen, .context = &event});
        CHECK_OK(optim_save_async(scene.subject.opt, "first"));
        CHECK_OK(optim_save_wait(scene.subject.opt));
        (void)calls_end();
        assert_int_equal(event.times, 1);
        (void)scene_check_file(&scene, 1, 1, "through two links");
        assert_int_not_equal(access(scene.partial, F_OK), 0);
        struct stat about;
        assert_true(lstat(first, &about) == 0 && S_ISLNK(about.st_mode));
        assert_true(lstat(second, &about) == 0 && S_ISLNK(about.st_mode));
    }
    assert_int_equal(chdir(before), 0);
    assert_int_equal(unlink(first), 0);
    assert_int_equal(unlink(second), 0);
    free(first);
    free(second);
    free(before);
    scene_close(&scene);
}

/* ---- A folder that is gone ---- */

static void remove_folder(event_t *event) {
    scene_put(event->scene, NOTHING, NOTHING);
    assert_int_equal(rmdir(event->scene->folder), 0);
}

/* An error, whenever it happens before the new file is in place; and nothing is put anywhere else. */
static void a_folder_goes_away(void **state) {
    char *before = getcwd(NULL, 0);
    bool saved = false;
    int refused = 0;
    (void)state;
    for (int k = 1; !saved; ++k) {
        scene_t scene;
        scene_open(&scene, SCENE_SMALL, SCENE_PLAIN);
        subject_step(&scene.subject);
        assert_int_equal(chdir(scene.folder), 0);
        event_t event = {.scene = &scene};
        happening = remove_folder;
        calls_begin(&(fault_t){.fate = FATE_MEANWHILE, .at = k, .meanwhile = happen, .context = &event});
        CHECK_OK(optim_save_async(scene.subject.opt, "run.optim"));
        const optim_status status = optim_save_wait(scene.subject.opt);
        saved = calls_end() < k || status == OPTIM_OK;
        assert_int_equal(chdir(before), 0);
        if (!saved) {
            const char *here = when("the folder goes away at call %d (%s)", k, calls_name(calls_kind(k)));
            assert_int_equal(status, OPTIM_ERR_IO);
            scene_check_sentence("run.optim", "", here);
            scene_check_subject(&scene, 1, here);
            ++refused;
        }
        if (event.times > 0)
            assert_int_equal(mkdir(scene.folder, 0777), 0);
        scene_check_save(&scene, 1, "in a new folder");
        scene_close(&scene);
    }
    assert_true(refused >= 5);
    free(before);
}

/* Where the program stands has been removed before. */
static void no_folder_to_stand_in(void **state) {
    scene_t scene;
    char *before = getcwd(NULL, 0);
    (void)state;
    scene_open(&scene, SCENE_SMALL, SCENE_PLAIN);
    subject_step(&scene.subject);
    assert_int_equal(chdir(scene.folder), 0);
    event_t event = {.scene = &scene};
    remove_folder(&event);
    CHECK_REFUSED(optim_save(scene.subject.opt, "run.optim"), OPTIM_ERR_IO, strerror(ENOENT));
    CHECK_OK(optim_save_async(scene.subject.opt, "run.optim"));
    CHECK_REFUSED(optim_save_wait(scene.subject.opt), OPTIM_ERR_IO, strerror(ENOENT));
    assert_int_equal(mkdir(scene.folder, 0777), 0);
    scene_check_save(&scene, 1, "by an absolute path"); /* which asks for no folder to stand in */
    assert_int_equal(chdir(before), 0);
    free(before);
    scene_close(&scene);
}

/* A save that has ended holds nothing open, waited for or not, well or not. */
static void nothing_stays_open(void **state) {
    scene_t scene;
    (void)state;
    scene_open(&scene, SCENE_SMALL, SCENE_LINK);
    subject_step(&scene.subject);
    const int free_before = dup(0);
    assert_true(free_before >= 0 && close(free_before) == 0);
    calls_begin(NULL);
    CHECK_OK(optim_save(scene.subject.opt, scene.path));
    const int count = calls_end();
    for (int k = 1; k <= count; ++k)
        for (int in_background = 0; in_background < 2; ++in_background) {
            calls_begin(&(fault_t){.fate = FATE_FAIL, .at = k, .number = EIO});
            (void)scene_save(&scene, scene.subject.opt, in_background);
            (void)calls_end();
            const int free_now = dup(0);
            assert_int_equal(free_now, free_before);
            assert_int_equal(close(free_now), 0);
        }
    scene_close(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_goes_elsewhere),  cmocka_unit_test(a_folder_gets_another_name),
        cmocka_unit_test(links_from_where_they_lie), cmocka_unit_test(a_folder_goes_away),
        cmocka_unit_test(no_folder_to_stand_in),     cmocka_unit_test(nothing_stays_open),
    };
    calls_flush(false);
    return cmocka_run_group_tests_name("folders", tests, NULL, NULL);
}
