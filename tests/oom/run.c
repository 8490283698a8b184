#include "run.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocator.h"

static const char *const MODES[FAIL_MODES] = {"alone", "with all later ones", "before everything was destroyed"};
static long all_requests, all_failures;
static bool in_short;

/* ---- What is compared ---- */

static snapshot_t take_snapshot(const run_t *run) {
    snapshot_t snapshot = {0};
    for (int i = 0; i < RUN_HANDLES; ++i)
        snapshot_handle(&snapshot, run->opt[i], run->algorithms);
    for (int i = 0; i < RUN_HANDLES; ++i)
        snapshot_server(&snapshot, run->server[i]);
    snapshot_add(&snapshot, "whether there is a code", &(bool){run->coding != NULL}, sizeof(bool));
    snapshot_add(&snapshot, "whether there is a batch", &(bool){run->batch != NULL}, sizeof(bool));
    snapshot_add(&snapshot, "a parameter", run->world.p, sizeof run->world.p);
    snapshot_add(&snapshot, "a gradient", run->world.g, sizeof run->world.g);
    snapshot_add(&snapshot, "the log of norms", run->world.log, sizeof run->world.log);
    snapshot_add(&snapshot, "a size", &run->size, sizeof run->size);
    snapshot_file(&snapshot, run->path);
    snapshot_file(&snapshot, run->link);
    return snapshot;
}

/* Files besides the checkpoint and the link to it. */
static void check_folder(const run_t *run, const char *folder) {
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;)
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, strrchr(run->path, '/') + 1) != 0 &&
            strcmp(entry->d_name, strrchr(run->link, '/') + 1) != 0)
            fail_msg("%s leaves %s behind", run->text, entry->d_name);
    (void)closedir(entries);
}

/* ---- One call ---- */

static void complain(const run_t *run, const char *what) {
    fail_msg("%s, line %d: %s, request %ld failing %s: %s; the library says \"%s\"", run->script, run->line, run->text,
             run->nth, MODES[run->mode], what, optim_error());
}

void call_begin(run_t *run, const char *text, int line) {
    run->text = text;
    run->line = line;
    run->again = false;
    run->done = run->left;
    run->status = OPTIM_OK;
    assert_true(run->call < RUN_CALLS);
    const long here = run->asked[run->call];
    run->fails_here = !run->is_first && !run->left && run->nth > run->passed && run->nth <= run->passed + here;
    if (run->left)
        return;
    if (run->fails_here)
        run->before = take_snapshot(run);
    (void)optim_create(NULL, NULL, NULL); /* so that the sentence is not one of an earlier failure */
    if (!run->spared)
        allocator_arm(run->fails_here ? run->nth - run->passed : 0, run->mode == FAIL_LATER_TOO);
}

bool call_goes_on(const run_t *run) {
    return !run->done;
}

static void check_failure(run_t *run, optim_status status) {
    snapshot_t after = {0};
    if (allocator_failures() == 0)
        complain(run, "it asked for less memory than the first time");
    if (status != OPTIM_ERR_NOMEM)
        complain(run, status < 0 ? "it says something else than OPTIM_ERR_NOMEM" : "it did not notice");
    if (strstr(optim_error(), "out of memory") == NULL && strstr(optim_error(), "no thread") == NULL)
        complain(run, "its sentence does not say what is short");
    after = take_snapshot(run);
    const char *difference = snapshot_difference(&run->before, &after);
    if (difference != NULL)
        complain(run, difference);
    snapshot_free(&run->before);
    snapshot_free(&after);
}

void call_end(run_t *run, optim_status status) {
    const long asked = run->spared ? 0 : allocator_disarm();
    if (run->fails_here && !run->again) {
        check_failure(run, status);
        run->reached = run->again = true;
        run->left = run->done = run->mode == FAIL_AND_LEAVE;
        run->passed += run->asked[run->call];
        return; /* it is made again, with memory */
    }
    if (status < 0)
        complain(run, "it fails though there is memory");
    if (run->is_first)
        run->asked[run->call] = asked;
    if (!run->reached && asked != run->asked[run->call])
        complain(run, "it does not ask as often as the first time");
    if (!run->again)
        run->passed += asked;
    run->status = status;
    run->done = true;
    ++run->call;
}

/* ---- One run, all runs ---- */

static void go(run_t *run, script_t *script, const void *subject, const char *folder) {
    const long held = allocator_held();
    world_start(&run->world);
    run->path = check_text("%s/state", folder);
    run->link = check_text("%s/link", folder);
    script(run, subject);
    if (!run->left)
        run->final = take_snapshot(run);
    check_folder(run, folder);
    for (int i = 0; i < RUN_HANDLES; ++i)
        optim_destroy(run->opt[i]);
    for (int i = 0; i < RUN_HANDLES; ++i)
        free(run->lent[i]);
    optim_batch_destroy(run->batch);
    for (int i = 0; i < RUN_HANDLES; ++i)
        optim_server_destroy(run->server[i]);
    optim_coding_destroy(run->coding);
    (void)unlink(run->path);
    (void)unlink(run->link);
    free(run->path);
    free(run->link);
    free(run->bytes);
    const long more = allocator_held() - held - (run->final.bytes != NULL);
    if (more != 0)
        fail_msg("%s: %ld blocks of memory are not given back, request %ld failing %s", run->script, more, run->nth,
                 MODES[run->mode]);
}

/* Whether there was a request `nth`. */
static bool fail_request(const run_t *reference, fail_mode_t mode, long nth, script_t *script, const void *subject,
                         const char *folder) {
    run_t run = {.script = reference->script, .asked = reference->asked, .mode = mode, .nth = nth};
    go(&run, script, subject, folder);
    const char *difference = run.left ? NULL : snapshot_difference(&reference->final, &run.final);
    if (difference != NULL)
        fail_msg("%s: in the end %s is not as in an undisturbed run, request %ld failing %s", run.script, difference,
                 nth, MODES[mode]);
    snapshot_free(&run.final);
    return run.reached;
}

/* The next request after this one that is to fail. */
static long next_request(const run_t *reference, long nth) {
    enum { FIRST = 8, EVERY = 61 };
    long before = 0;
    for (int call = 0; in_short && call < RUN_CALLS && before < nth; before += reference->asked[call++]) {
        const long here = nth - before, all = reference->asked[call];
        if (here > FIRST && here + EVERY < all)
            return nth + EVERY;
    }
    return nth + 1;
}

void torture(const char *name, script_t *script, const void *subject) {
    char folder[] = "/tmp/optim-oom-XXXXXX";
    long asked[RUN_CALLS] = {0};
    run_t reference = {.script = name, .asked = asked, .is_first = true};
    assert_non_null(mkdtemp(folder));
    go(&reference, script, subject, folder);
    assert_true(reference.passed > 0);
    long failures = 0;
    for (fail_mode_t mode = 0; mode < FAIL_MODES; ++mode) {
        long nth = 1;
        for (; fail_request(&reference, mode, nth, script, subject, folder); nth = next_request(&reference, nth))
            ++failures;
        assert_int_equal(nth, reference.passed + 1); /* the last one failed too */
    }
    print_message("%s: %ld requests for memory, %ld failures\n", name, reference.passed, failures);
    all_failures += failures;
    all_requests += reference.passed;
    snapshot_free(&reference.final);
    assert_int_equal(rmdir(folder), 0);
}

void torture_in_short(void) {
    in_short = true;
}

void torture_report(void) {
    print_message("in all: %ld requests for memory, %ld failures\n", all_requests, all_failures);
}
