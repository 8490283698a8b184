/* Every system call of a save and of a load fails, for every reason; and reads and writes do less than was asked. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "check.h"
#include "scene.h"

static const int REASONS[] = {EIO,    ENOSPC, EDQUOT, EACCES, ENOMEM,      EMFILE, EINTR, EPERM, ENOSYS, EOPNOTSUPP,
                              EINVAL, ENOTTY, ENOLCK, EBADF,  EWOULDBLOCK, EROFS,  EXDEV, EBUSY, ESTALE, ETIMEDOUT};
enum { REASON_COUNT = sizeof REASONS / sizeof *REASONS, COMMON = 7 };

/* What a save does without: answers of file systems that do not have the call, or not for this user. */
enum { LEFT_LOCK, LOCK, MODE, FILE_FLUSH, FOLDER_FLUSH };
static const int WITHOUT[][12] = {
    [LEFT_LOCK] = {ENOSYS, EOPNOTSUPP, EINVAL, ENOTTY, ENOLCK, EBADF, EPERM}, /* of what an earlier save left behind */
    [LOCK] = {ENOSYS, EOPNOTSUPP, EINVAL, ENOTTY, ENOLCK, EBADF, EPERM, EACCES},
    [MODE] = {ENOSYS, EOPNOTSUPP, EINVAL, ENOTTY, ENOLCK, EBADF, EPERM, EACCES},
    [FILE_FLUSH] = {ENOSYS, EOPNOTSUPP, EINVAL, ENOTTY},
    [FOLDER_FLUSH] = {ENOSYS, EOPNOTSUPP, EINVAL, ENOTTY, ENOLCK, EBADF, EPERM, EACCES},
};

static int injected;

/* Who tells of a save that failed. */
enum teller { OPTIM_SAVE, SAVE_WAIT, NEXT_SAVE, NEXT_SAVE_ASYNC, NEXT_LOAD, TELLERS };
static const char *const TELLER[] = {"optim_save", "optim_save_wait", "the next optim_save",
                                     "the next optim_save_async", "the next optim_load"};

static optim_status save_and_tell(const scene_t *scene, enum teller teller) {
    optim_t *opt = scene->subject.opt;
    if (teller == OPTIM_SAVE)
        return optim_save(opt, scene->path);
    const optim_status status = optim_save_async(opt, scene->path);
    if (status != OPTIM_OK)
        return status;
    switch (teller) {
    case NEXT_SAVE:
        return optim_save(opt, scene->path);
    case NEXT_SAVE_ASYNC:
        return optim_save_async(opt, scene->path);
    case NEXT_LOAD:
        return optim_load(opt, scene->path);
    default:
        return optim_save_wait(opt);
    }
}

/* How many calls of that kind there were up to call k. */
static int ordinal(int k) {
    int number = 0;
    for (int before = 1; before <= k; ++before)
        number += calls_kind(before) == calls_kind(k);
    return number;
}

static bool is_done_without(int k, int reason, bool over_left) {
    const int number = ordinal(k);
    const int *reasons;
    switch (calls_kind(k)) {
    case CALL_OPEN: /* what was left may be read-only */
        return over_left && reason == EACCES && k > 1 && calls_kind(k - 1) == CALL_OPEN;
    case CALL_FLOCK:
        reasons = WITHOUT[over_left && number == 1 ? LEFT_LOCK : LOCK];
        break;
    case CALL_FCHMOD:
        reasons = WITHOUT[MODE];
        break;
    case CALL_FSYNC:
        reasons = WITHOUT[number == 1 ? FILE_FLUSH : FOLDER_FLUSH];
        break;
    default:
        return false;
    }
    while (*reasons != 0 && *reasons != reason)
        ++reasons;
    return *reasons == reason;
}

/* A signal interrupted it, so that it is made again; or it closes what has been flushed or only read. */
static bool is_harmless(call_t call, int reason) {
    return call == CALL_CLOSE || (reason == EINTR && calls_can_be_interrupted(call));
}

/* ---- Saving ---- */

/* The call that a save must fail at when call k fails, and if `onwards` all after it; 0: none. */
static int decisive(int k, int last, int reason, bool over_left) {
    for (; k <= last; ++k) {
        const bool in_place_of_flush =
            calls_kind(k) == CALL_CLOSE && k > 1 && calls_kind(k - 1) == CALL_FSYNC && ordinal(k - 1) == 1;
        if (in_place_of_flush || (!is_harmless(calls_kind(k), reason) && !is_done_without(k, reason, over_left)))
            return k;
    }
    return 0;
}

/* Whether the partial file is locked by another save, as far as this one knows. */
static bool is_anothers(int k, int reason) {
    return calls_kind(k) == CALL_FLOCK && reason == EWOULDBLOCK;
}

/* After the failure of call k. */
static void check_failed_save(const scene_t *scene, int k, int reason, bool after_rename, optim_status status,
                              const char *here) {
    const bool no_thread = calls_kind(k) == CALL_THREAD;
    if (status != (no_thread ? OPTIM_ERR_NOMEM : OPTIM_ERR_IO))
        fail_msg("%s: returned %d: %s", here, status, optim_error());
    /* Through a link, the first sentences are about the link and the later ones about the file. */
    const char *path = strstr(optim_error(), scene->target) == NULL ? scene->path : scene->target;
    scene_check_sentence(path, no_thread ? "thread" : is_anothers(k, reason) ? "another save" : strerror(reason), here);
    if (after_rename)
        scene_check_sentence(scene->target, "the new file is in place", here);
}

/* Call k of a save fails, and if `onwards` all after it; the subject is in state 1, the file in 0. */
static void fail_save(const scene_t *scene, enum teller teller, int k, int reason, bool onwards, blob_t stray) {
    bool after_rename = false;
    scene_put(scene, scene->state[0], stray);
    calls_begin(&(fault_t){.fate = FATE_FAIL, .at = k, .number = reason, .onwards = onwards});
    const optim_status status = save_and_tell(scene, teller);
    CHECK_OK(optim_save_wait(scene->subject.opt)); /* an error is told once; and no save is under way */
    const int made = calls_end();
    assert_true(made >= k);
    const int at = decisive(k, onwards ? made : k, reason, stray.bytes != NULL);
    for (int before = 1; before < at; ++before)
        after_rename = after_rename || calls_kind(before) == CALL_RENAME;
    const char *here = when("%s, %zu elements, call %d (%s) fails with \"%s\"%s%s", TELLER[teller], scene->elements, k,
                            calls_name(calls_kind(k)), strerror(reason), onwards ? ", and all after it" : "",
                            stray.bytes != NULL ? ", over what was left" : "");
    ++injected;
    if (at != 0)
        check_failed_save(scene, at, reason, after_rename, status, here);
    else if (status != OPTIM_OK)
        fail_msg("%s: returned %d: %s", here, status, optim_error());
    const int expected = status == OPTIM_OK || after_rename ? 1 : 0;
    (void)scene_check_file(scene, expected, expected, here);
    (void)scene_check_folder(scene, onwards || stray.bytes != NULL || is_anothers(k, reason), here);
    scene_check_subject(scene, 1, here);
    scene_check_save(scene, 1, here);
}

static int calls_of_a_save(const scene_t *scene, enum teller teller) {
    calls_begin(NULL);
    CHECK_OK(teller == OPTIM_SAVE ? optim_save(scene->subject.opt, scene->path)
                                  : optim_save_async(scene->subject.opt, scene->path));
    CHECK_OK(optim_save_wait(scene->subject.opt));
    return calls_end();
}

static void fail_saves(size_t elements, unsigned how) {
    const blob_t nothing = {NULL, 0};
    scene_t scene;
    scene_open(&scene, elements, how);
    subject_step(&scene.subject);
    for (enum teller teller = OPTIM_SAVE; teller < TELLERS; ++teller) {
        const int count = calls_of_a_save(&scene, teller);
        for (int k = 1; k <= count; ++k)
            for (int r = 0; r < (teller == OPTIM_SAVE ? REASON_COUNT : COMMON); ++r) {
                fail_save(&scene, teller, k, REASONS[r], false, nothing);
                if (teller > SAVE_WAIT)
                    continue;
                fail_save(&scene, teller, k, REASONS[r], false, scene.state[3]);
                if (REASONS[r] != EINTR) /* which for ever would be for ever */
                    fail_save(&scene, teller, k, REASONS[r], true, nothing);
            }
    }
    scene_close(&scene);
}

static void saving(void **state) {
    (void)state;
    injected = 0;
    fail_saves(SCENE_SMALL, SCENE_PLAIN);
    fail_saves(SCENE_SMALL, SCENE_LINK);
    print_message("%d errors while saving\n", injected);
    assert_true(injected >= 1000);
}

/* In several writes, and what one of them says about the disk does not depend on the reason. */
static void saving_a_large_one(void **state) {
    scene_t scene;
    (void)state;
    injected = 0;
    scene_open(&scene, SCENE_LARGE, SCENE_PLAIN);
    subject_step(&scene.subject);
    for (int k = calls_of_a_save(&scene, OPTIM_SAVE); k >= 1; --k)
        for (int onwards = 0; onwards < 2; ++onwards)
            fail_save(&scene, OPTIM_SAVE, k, ENOSPC, onwards, (blob_t){NULL, 0});
    scene_close(&scene);
    print_message("%d errors while saving a large one\n", injected);
}

/* File systems that have neither locks nor modes nor flushes: all of it at once. */
static void without_any(void **state) {
    static const int ANSWERS[] = {ENOSYS, EOPNOTSUPP, EINVAL, ENOTTY};
    (void)state;
    for (size_t i = 0; i < sizeof ANSWERS / sizeof *ANSWERS; ++i)
        for (int in_background = 0; in_background < 2; ++in_background)
            for (int left = 0; left < 2; ++left) {
                scene_t scene;
                scene_open(&scene, SCENE_SMALL, SCENE_PLAIN);
                subject_step(&scene.subject);
                scene_put(&scene, scene.state[0], left ? scene.state[3] : (blob_t){NULL, 0});
                calls_begin(&(fault_t){.fate = FATE_FAIL,
                                       .at = 1,
                                       .onwards = true,
                                       .number = ANSWERS[i],
                                       .of = 1U << CALL_FLOCK | 1U << CALL_FCHMOD | 1U << CALL_FSYNC});
                CHECK_OK(scene_save(&scene, scene.subject.opt, in_background));
                (void)calls_end();
                (void)scene_check_file(&scene, 1, 1, strerror(ANSWERS[i]));
                (void)scene_check_folder(&scene, false, strerror(ANSWERS[i]));
                scene_close(&scene);
            }
}

/* Without flushes, a close tells what could not be written: the old file stays. */
static void a_close_in_place_of_a_flush(void **state) {
    scene_t scene;
    (void)state;
    scene_open(&scene, SCENE_SMALL, SCENE_PLAIN);
    subject_step(&scene.subject);
    calls_begin(&(fault_t){
        .fate = FATE_FAIL, .at = 1, .onwards = true, .number = ENOSYS, .of = 1U << CALL_FSYNC | 1U << CALL_CLOSE});
    CHECK_STATUS(optim_save(scene.subject.opt, scene.path), OPTIM_ERR_IO);
    (void)calls_end();
    scene_check_sentence(scene.partial, strerror(ENOSYS), "a close that fails");
    (void)scene_check_file(&scene, 0, 0, "a close that fails");
    scene_check_save(&scene, 1, "with flushes");
    scene_close(&scene);
}

/* ---- Loading ---- */

/* Call k of loading state 0 fails, in an optimizer that has made `steps` steps. False: there is no call k. */
static bool fail_load(const scene_t *scene, int steps, int k, int reason) {
    subject_t subject;
    subject_open(&subject, scene->elements);
    for (int step = 0; step < steps; ++step)
        subject_step(&subject);
    const blob_t before = subject_bytes(&subject);
    calls_begin(&(fault_t){.fate = FATE_FAIL, .at = k, .number = reason});
    optim_status status = optim_load(subject.opt, scene->path);
    const bool reached = calls_end() >= k;
    const char *here = when("loading after %d steps, call %d (%s) fails with \"%s\"", steps, k,
                            calls_name(calls_kind(k)), strerror(reason));
    if (reached && !is_harmless(calls_kind(k), reason)) {
        if (status != OPTIM_ERR_IO)
            fail_msg("%s: returned %d: %s", here, status, optim_error());
        scene_check_sentence(scene->path, strerror(reason), here);
        const blob_t after = subject_bytes(&subject);
        if (!blob_same(before, after))
            fail_msg("%s: the optimizer has changed", here);
        free(after.bytes);
        status = optim_load(subject.opt, scene->path);
    }
    const blob_t loaded = subject_bytes(&subject);
    if (status != OPTIM_OK || !blob_same(loaded, scene->state[0]))
        fail_msg("%s: then the file cannot be loaded: %d, %s", here, status, optim_error());
    free(loaded.bytes);
    free(before.bytes);
    subject_close(&subject);
    injected += reached;
    return reached;
}

static void loading(void **state) {
    static const size_t ELEMENTS[] = {SCENE_SMALL, SCENE_LARGE};
    (void)state;
    injected = 0;
    for (size_t e = 0; e < sizeof ELEMENTS / sizeof *ELEMENTS; ++e) {
        scene_t scene;
        scene_open(&scene, ELEMENTS[e], SCENE_PLAIN);
        for (int steps = 0; steps < 3; steps += 2)
            for (int r = 0; r < COMMON; ++r)
                for (int k = 1; fail_load(&scene, steps, k, REASONS[r]); ++k)
                    continue;
        (void)scene_check_file(&scene, 0, 0, "after loading");
        scene_close(&scene);
    }
    print_message("%d errors while loading\n", injected);
    assert_true(injected >= 200);
}

/* ---- Less than was asked ---- */

static void parts(void **state) {
    static const struct {
        size_t elements;
        fate_t fate;
    } CASES[] = {{SCENE_SMALL, FATE_ONE_BYTE}, {SCENE_SMALL, FATE_HALF}, {SCENE_LARGE, FATE_HALF}};
    (void)state;
    for (size_t c = 0; c < sizeof CASES / sizeof *CASES; ++c)
        for (int in_background = 0; in_background < 2; ++in_background) {
            const fault_t fault = {.fate = CASES[c].fate, .at = 1, .onwards = true};
            scene_t scene;
            subject_t fresh;
            scene_open(&scene, CASES[c].elements, SCENE_PLAIN);
            subject_step(&scene.subject);
            calls_begin(&fault);
            CHECK_OK(scene_save(&scene, scene.subject.opt, in_background));
            const int writes = calls_end();
            (void)scene_check_file(&scene, 1, 1, "written in parts");
            subject_open(&fresh, scene.elements);
            calls_begin(&fault);
            CHECK_OK(optim_load(fresh.opt, scene.path));
            const int reads = calls_end();
            const blob_t loaded = subject_bytes(&fresh);
            assert_true(blob_same(loaded, scene.state[1]));
            free(loaded.bytes);
            print_message("%zu bytes in parts: %d calls to save, %d to load\n", scene.state[1].size, writes, reads);
            assert_true(writes > 20 && reads > 20);
            subject_close(&fresh);
            scene_close(&scene);
        }
}

/* A write or read that does nothing and calls that a success. */
static void nothing_at_all(void **state) {
    scene_t scene;
    (void)state;
    scene_open(&scene, SCENE_SMALL, SCENE_PLAIN);
    subject_step(&scene.subject);
    const fault_t fault = {.fate = FATE_NO_BYTE, .at = 1, .onwards = true};
    calls_begin(&fault);
    const optim_status saved = optim_save(scene.subject.opt, scene.path);
    (void)calls_end();
    CHECK_STATUS(saved, OPTIM_ERR_IO);
    scene_check_sentence(scene.partial, strerror(ENOSPC), "a write of nothing");
    (void)scene_check_file(&scene, 0, 0, "a write of nothing");
    (void)scene_check_folder(&scene, false, "a write of nothing");
    calls_begin(&fault);
    const optim_status loaded = optim_load(scene.subject.opt, scene.path);
    (void)calls_end();
    CHECK_STATUS(loaded, OPTIM_ERR_IO);
    scene_check_sentence(scene.path, "became shorter", "a read of nothing");
    scene_check_subject(&scene, 1, "a read of nothing");
    scene_close(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saving),         cmocka_unit_test(saving_a_large_one),
        cmocka_unit_test(without_any),    cmocka_unit_test(a_close_in_place_of_a_flush),
        cmocka_unit_test(loading),        cmocka_unit_test(parts),
        cmocka_unit_test(nothing_at_all),
    };
    calls_flush(false);
    return cmocka_run_group_tests_name("errors", tests, NULL, NULL);
}
