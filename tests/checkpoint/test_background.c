/* Saving while the trainer goes on: many handles at once, fork, signals, what failed told once. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "trainer.h"

enum { HANDLES = 8 };
static const plan_t PLAN = {.algorithm = "adamw", .options = "lr=0.05", .wrapper = "ema"};

typedef char path_t[300];
static char folder[] = "/tmp/gradopt-background-XXXXXX";

static void in_folder(path_t path, const char *name, int number) {
    (void)snprintf(path, sizeof(path_t), "%s/%s%d", folder, name, number);
}

/* What was saved, loaded and taken `steps` steps further, is where the trainer is now; the file is removed. */
static void check_goes_on(const char *path, const trainer_t *then, int steps, const trainer_t *now) {
    trainer_t loaded;
    trainer_open(&loaded, &PLAN);
    memcpy(loaded.p, then->p, sizeof then->p);
    CHECK_OK(optim_load(loaded.opt, path));
    trainer_steps(&loaded, steps);
    trainer_check_same(&loaded, now);
    trainer_close(&loaded);
    assert_int_equal(unlink(path), 0);
}

static void many_handles_at_once(void **state) {
    trainer_t now[HANDLES], then[HANDLES];
    path_t path;
    (void)state;
    for (int i = 0; i < HANDLES; ++i) {
        trainer_open(&now[i], &PLAN);
        trainer_steps(&now[i], 1 + i);
        then[i] = now[i];
        in_folder(path, "many", i);
        CHECK_OK(optim_save_async(now[i].opt, path));
    }
    for (int i = 0; i < HANDLES; ++i)
        trainer_steps(&now[i], 3);
    for (int i = 0; i < HANDLES; ++i) {
        CHECK_OK(optim_save_wait(now[i].opt));
        in_folder(path, "many", i);
        check_goes_on(path, &then[i], 3, &now[i]);
        trainer_close(&now[i]);
    }
}

/* One trainer a thread; cmocka's checks are for the main thread alone. */
typedef struct worker {
    trainer_t now, then;
    path_t path;
    optim_status status;
} worker_t;

static void *work(void *argument) {
    worker_t *worker = argument;
    for (int turn = 0; turn < 5 && worker->status == OPTIM_OK; ++turn) {
        worker->then = worker->now;
        worker->status = optim_save_async(worker->now.opt, worker->path);
        for (int step = 0; step < 4 && worker->status == OPTIM_OK; ++step) {
            for (int i = 0; i < TRAINER_ALL; ++i)
                worker->now.g[i] = worker->now.p[i];
            worker->status = optim_step(worker->now.opt);
        }
    }
    if (worker->status == OPTIM_OK)
        worker->status = optim_save_wait(worker->now.opt);
    return NULL;
}

static void handles_of_several_threads(void **state) {
    worker_t worker[HANDLES];
    pthread_t thread[HANDLES];
    (void)state;
    for (int i = 0; i < HANDLES; ++i) {
        worker[i].status = OPTIM_OK;
        trainer_open(&worker[i].now, &PLAN);
        trainer_steps(&worker[i].now, 1 + i);
        in_folder(worker[i].path, "thread", i);
    }
    for (int i = 0; i < HANDLES; ++i)
        assert_int_equal(pthread_create(&thread[i], NULL, work, &worker[i]), 0);
    for (int i = 0; i < HANDLES; ++i) {
        trainer_t loaded;
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_int_equal(worker[i].status, OPTIM_OK);
        trainer_open(&loaded, &PLAN);
        CHECK_OK(optim_load(loaded.opt, worker[i].path));
        assert_int_equal(optim_steps(loaded.opt), optim_steps(worker[i].now.opt) - 4);
        trainer_close(&loaded);
        assert_int_equal(unlink(worker[i].path), 0);
        trainer_close(&worker[i].now);
    }
}

/* Whoever comes second is refused or comes later: the file is one of both, whole. */
static void one_path_for_two(void **state) {
    trainer_t trainer[2], loaded;
    path_t path;
    (void)state;
    in_folder(path, "shared", 0);
    for (int i = 0; i < 2; ++i) {
        trainer_open(&trainer[i], &PLAN);
        trainer_steps(&trainer[i], 1 + i);
    }
    for (int turn = 0; turn < 20; ++turn) {
        optim_status status[2];
        for (int i = 0; i < 2; ++i)
            CHECK_OK(optim_save_async(trainer[i].opt, path));
        for (int i = 0; i < 2; ++i)
            if ((status[i] = optim_save_wait(trainer[i].opt)) != OPTIM_OK)
                CHECK_REFUSED(status[i], OPTIM_ERR_IO, "being written by another save");
        assert_true(status[0] == OPTIM_OK || status[1] == OPTIM_OK);
        trainer_open(&loaded, &PLAN);
        CHECK_OK(optim_load(loaded.opt, path));
        const int64_t steps = optim_steps(loaded.opt);
        assert_true((steps == 1 && status[0] == OPTIM_OK) || (steps == 2 && status[1] == OPTIM_OK));
        trainer_close(&loaded);
    }
    assert_int_equal(unlink(path), 0);
    for (int i = 0; i < 2; ++i)
        trainer_close(&trainer[i]);
}

/* ---- While the thread hangs: in opening a pipe that nobody reads ---- */

static void save_into_pipe(trainer_t *t, path_t path, path_t partial) {
    trainer_open(t, &PLAN);
    trainer_steps(t, 2);
    in_folder(path, "pipe", 0);
    (void)snprintf(partial, sizeof(path_t), "%.280s.partial", path);
    assert_int_equal(mkfifo(partial, 0600), 0);
    CHECK_OK(optim_save_async(t->opt, path));
}

/* Lets the thread go on; a pipe cannot be emptied like a file, so that the save fails. */
static void fail_in_pipe(trainer_t *t, const char *partial) {
    const int reader = open(partial, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    CHECK_REFUSED(optim_save_wait(t->opt), OPTIM_ERR_IO, partial);
    CHECK_OK(optim_save_wait(t->opt));
    (void)close(reader);
    trainer_close(t);
}

/* In the child the thread does not exist: it neither waits for it nor is told what becomes of it. */
static void a_fork_while_saving(void **state) {
    trainer_t t;
    path_t path, partial, other;
    int status;
    (void)state;
    save_into_pipe(&t, path, partial);
    in_folder(other, "child", 0);
    const trainer_t then = t;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const bool good = optim_save_wait(t.opt) == OPTIM_OK && optim_save(t.opt, other) == OPTIM_OK;
        optim_destroy(t.opt);
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    trainer_steps(&t, 2);
    check_goes_on(other, &then, 2, &t);
    fail_in_pipe(&t, partial);
}

static volatile sig_atomic_t handled;

static void handle(int number) {
    (void)number;
    handled = 1;
}

/* A signal that the trainer's threads block waits for them; the library's thread does not take it. */
static void signals_are_the_hosts(void **state) {
    trainer_t t;
    path_t path, partial;
    sigset_t ours, pending;
    struct sigaction action = {.sa_handler = handle}, before;
    (void)state;
    handled = 0;
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    save_into_pipe(&t, path, partial);
    (void)sigemptyset(&ours);
    (void)sigaddset(&ours, SIGUSR1);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, &ours, NULL), 0);
    assert_int_equal(kill(getpid(), SIGUSR1), 0);
    fail_in_pipe(&t, partial);
    assert_int_equal(handled, 0);
    assert_int_equal(sigpending(&pending), 0);
    assert_int_equal(sigismember(&pending, SIGUSR1), 1);
    assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &ours, NULL), 0);
    assert_int_equal(handled, 1);
    assert_int_equal(sigaction(SIGUSR1, &before, NULL), 0);
}

/* ---- Failures ---- */

static void check_told_once(trainer_t *t, optim_status told) {
    path_t path;
    in_folder(path, "fine", 0);
    CHECK_STATUS(told, OPTIM_ERR_IO);
    assert_non_null(strstr(optim_error(), "No such file"));
    CHECK_OK(optim_save_wait(t->opt));
    CHECK_OK(optim_save(t->opt, path));
    assert_int_equal(unlink(path), 0);
}

/* By whatever asks first, whole even where the path is long; steps do not ask. */
static void a_failure_is_told_once(void **state) {
    trainer_t t;
    char path[2000];
    size_t used = (size_t)snprintf(path, sizeof path, "%s", folder);
    (void)state;
    while (used < 1500)
        used += (size_t)snprintf(path + used, sizeof path - used, "/missing");
    trainer_open(&t, &PLAN);
    CHECK_OK(optim_save_async(t.opt, path));
    trainer_steps(&t, 3);
    check_told_once(&t, optim_save_wait(t.opt));
    CHECK_OK(optim_save_async(t.opt, path));
    check_told_once(&t, optim_save(t.opt, path));
    CHECK_OK(optim_save_async(t.opt, path));
    check_told_once(&t, optim_save_async(t.opt, path));
    CHECK_OK(optim_save_async(t.opt, path));
    check_told_once(&t, optim_load(t.opt, path));
    CHECK_OK(optim_save_async(t.opt, path)); /* nobody is there to be told */
    trainer_close(&t);
}

/* Without a writer that would be for ever. */
static void a_pipe_is_not_waited_for(void **state) {
    trainer_t t;
    path_t path;
    (void)state;
    in_folder(path, "pipe", 1);
    assert_int_equal(mkfifo(path, 0600), 0);
    trainer_open(&t, &PLAN);
    CHECK_REFUSED(optim_load(t.opt, path), OPTIM_ERR_IO, path);
    trainer_close(&t);
    assert_int_equal(unlink(path), 0);
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder); /* fails if anything was left there */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_handles_at_once),     cmocka_unit_test(handles_of_several_threads),
        cmocka_unit_test(one_path_for_two),         cmocka_unit_test(a_fork_while_saving),
        cmocka_unit_test(signals_are_the_hosts),    cmocka_unit_test(a_failure_is_told_once),
        cmocka_unit_test(a_pipe_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
