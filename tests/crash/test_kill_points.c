/* The process is killed right before, in the middle of, and right after every system call that saving and loading make. */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "check.h"
#include "scene.h"

enum work { SAVE, SAVE_IN_BACKGROUND, LOAD };
static const char *const WORK[] = {"save", "save in the background", "load"};

static int points;

static optim_status do_work(const scene_t *scene, enum work work) {
    return work == LOAD ? optim_load(scene->subject.opt, scene->path)
                        : scene_save(scene, scene->subject.opt, work == SAVE_IN_BACKGROUND);
}

/* A child does the work and is killed at call k; false: there is no such call, and the work was done. */
static bool killed_at(const scene_t *scene, enum work work, fate_t fate, int k) {
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        calls_begin(&(fault_t){.fate = fate, .at = k});
        _exit(do_work(scene, work) == OPTIM_OK ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return false;
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail_msg("%s, call %d: the child was to be killed, but ended with status %x", WORK[work], k, (unsigned)status);
    return true;
}

/* `scene->subject` is in state 1, state 0 lies on the disk. */
static void kill_everywhere(const scene_t *scene, enum work work, fate_t fate, blob_t stray) {
    scene_put(scene, scene->state[1], stray);
    calls_begin(NULL); /* says which calls there are: only writes have a middle */
    CHECK_OK(do_work(scene, work));
    const int count = calls_end();
    for (int k = 1, more = true; more; ++k) {
        if (fate == FATE_KILL_MIDDLE && k <= count && calls_kind(k) != CALL_WRITE)
            continue;
        scene_put(scene, scene->state[0], stray);
        more = killed_at(scene, work, fate, k);
        points += more;
        const char *here = when("%s, %zu elements, fate %d, call %d", WORK[work], scene->elements, (int)fate, k);
        const int first = more || work == LOAD ? 0 : 1, last = work == LOAD ? 0 : 1;
        (void)scene_check_file(scene, first, last, here);
        (void)scene_check_folder(scene, more || work == LOAD, here);
        scene_check_save(scene, 1, here);
    }
}

static void kill_saves(size_t elements, unsigned how) {
    static const fate_t FATES[] = {FATE_KILL_BEFORE, FATE_KILL_MIDDLE, FATE_KILL_AFTER};
    scene_t scene;
    scene_open(&scene, elements, how);
    subject_step(&scene.subject);
    for (size_t f = 0; f < sizeof FATES / sizeof *FATES; ++f)
        for (enum work work = SAVE; work <= SAVE_IN_BACKGROUND; ++work) {
            kill_everywhere(&scene, work, FATES[f], (blob_t){NULL, 0});
            if (elements == SCENE_SMALL)
                kill_everywhere(&scene, work, FATES[f], scene.state[3]); /* an earlier crash left something */
        }
    scene_close(&scene);
}

static void while_saving(void **state) {
    (void)state;
    points = 0;
    kill_saves(SCENE_SMALL, SCENE_PLAIN);
    kill_saves(SCENE_LARGE, SCENE_PLAIN);
    kill_saves(SCENE_SMALL, SCENE_NO_FILE);
    kill_saves(SCENE_LARGE, SCENE_NO_FILE);
    kill_saves(SCENE_SMALL, SCENE_LINK);
    print_message("%d kill points while saving\n", points);
    assert_true(points >= 400);
}

static void while_loading(void **state) {
    scene_t scene;
    (void)state;
    points = 0;
    scene_open(&scene, SCENE_LARGE, SCENE_PLAIN);
    subject_step(&scene.subject);
    kill_everywhere(&scene, LOAD, FATE_KILL_BEFORE, scene.state[3]);
    kill_everywhere(&scene, LOAD, FATE_KILL_AFTER, scene.state[3]);
    scene_close(&scene);
    print_message("%d kill points while loading\n", points);
    assert_true(points >= 10);
}

/* What the tests here rest on: these are the calls of a save, in this order. */
static void the_calls_of_a_save(void **state) {
    static const call_t ESSENTIAL[] = {CALL_OPEN,   CALL_FLOCK, CALL_WRITE, CALL_FSYNC,
                                       CALL_RENAME, CALL_FSYNC, CALL_CLOSE};
    enum { COUNT = sizeof ESSENTIAL / sizeof *ESSENTIAL };
    (void)state;
    for (int in_background = 0; in_background < 2; ++in_background) {
        scene_t scene;
        char text[512] = "";
        size_t found = 0, used = 0;
        scene_open(&scene, SCENE_LARGE, SCENE_PLAIN);
        subject_step(&scene.subject);
        calls_begin(NULL);
        CHECK_OK(scene_save(&scene, scene.subject.opt, in_background));
        const int count = calls_end();
        for (int k = 1; k <= count; ++k) {
            used += (size_t)snprintf(text + used, sizeof text - used, " %s", calls_name(calls_kind(k)));
            found += found < COUNT && calls_kind(k) == ESSENTIAL[found];
        }
        print_message("%d calls:%s\n", count, text);
        assert_int_equal(found, COUNT);
        scene_close(&scene);
    }
}

int main(void) {
    calls_flush(
        false); /* a process that is killed loses nothing it wrote; what a disk may lose, test_lost_cache looks at */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_calls_of_a_save),
        cmocka_unit_test(while_saving),
        cmocka_unit_test(while_loading),
    };
    return cmocka_run_group_tests_name("kill_points", tests, NULL, NULL);
}
