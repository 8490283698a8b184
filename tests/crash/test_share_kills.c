/* Ranks that are threads of one process save a version each of their shares, and the process is killed right before, in
 * the middle of, and right after every system call that any of them makes. What is there then loads, without ranks: the
 * version before or the new one, to the bit; and the ranks can save again. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "check.h"
#include "scene.h"
#include "team.h"

enum { RANKS = 3, TENSORS = 4, N = 5, VERSIONS = 3 };

static char *folder, *path;
static blob_t version[VERSIONS]; /* the state after 1, 2, ... steps */

typedef struct model {
    optim_t *opt;
    float p[TENSORS][N], g[TENSORS][N];
} model_t;

static optim_status model_open(model_t *m, const optim_comm *comm) {
    static const char *const NAMES[TENSORS] = {"a", "b", "c", "d"};
    optim_status status =
        optim_create(&m->opt, "adamw", comm == NULL ? "lr=0.01" : "lr=0.01,replicas=mean,shard=1,checkpoint=shares");
    if (status == OPTIM_OK)
        status = optim_set_threads(m->opt, 1); /* processes that fork have no others */
    for (int i = 0; i < TENSORS; ++i) {
        for (int k = 0; k < N; ++k)
            m->p[i][k] = (float)(1 + i + k);
        if (status == OPTIM_OK)
            status = optim_add_param(m->opt, 0, NAMES[i], OPTIM_F32, 1, (int64_t[]){N}, m->p[i], m->g[i]);
    }
    return status == OPTIM_OK && comm != NULL ? optim_set_comm(m->opt, comm) : status;
}

static optim_status model_step(model_t *m) {
    for (int i = 0; i < TENSORS; ++i)
        for (int k = 0; k < N; ++k)
            m->g[i][k] = m->p[i][k] - (float)i / 3;
    return optim_step(m->opt);
}

static blob_t model_bytes(const model_t *m) {
    blob_t blob;
    blob.bytes = check_serialized(m->opt, &blob.size);
    return blob;
}

/* ---- The folder ---- */

/* How many files there are; they are removed, if they are to be. */
static int count_files(bool remove) {
    int found = 0;
    DIR *open = opendir(folder);
    assert_non_null(open);
    for (const struct dirent *entry = readdir(open); entry != NULL; entry = readdir(open)) {
        if (entry->d_name[0] == '.')
            continue;
        ++found;
        char *file = check_text("%s/%s", folder, entry->d_name);
        if (remove)
            assert_int_equal(unlink(file), 0);
        free(file);
    }
    (void)closedir(open);
    return found;
}

/* The file at the path loads and is one of these versions: which one. */
static int check_loads(int first, int last, const char *when) {
    model_t m;
    CHECK_OK(model_open(&m, NULL));
    if (optim_load(m.opt, path) != OPTIM_OK)
        fail_msg("%s: %s", when, optim_error());
    const blob_t found = model_bytes(&m);
    int v = first;
    while (v <= last && !blob_same(found, version[v]))
        ++v;
    if (v > last)
        fail_msg("%s: what was loaded is none of the versions %d to %d", when, first, last);
    free(found.bytes);
    optim_destroy(m.opt);
    return v;
}

/* ---- The ranks ---- */

typedef struct work {
    int first, steps;    /* saved after each from the first on */
    bool in_background;  /* and how */
    const fault_t *last; /* what the save after the last step meets; NULL: nothing */
    optim_status status[RANKS];
} work_t;

static void rank_work(const optim_comm *comm, void *context) {
    work_t *work = context;
    model_t m;
    optim_status status = model_open(&m, comm);
    for (int step = 1; status == OPTIM_OK && step <= work->steps; ++step) {
        status = model_step(&m);
        if (status != OPTIM_OK || step < work->first)
            continue;
        status = comm->barrier(comm);
        if (comm->rank == 0 && step == work->steps && work->last != NULL)
            calls_begin(work->last);
        if (status == OPTIM_OK)
            status = comm->barrier(comm);
        if (status == OPTIM_OK)
            status = work->in_background ? optim_save_async(m.opt, path) : optim_save(m.opt, path);
        if (status == OPTIM_OK)
            status = optim_save_wait(m.opt);
    }
    work->status[comm->rank] = status;
    optim_destroy(m.opt);
}

/* How many ranks were told that all is well. */
static int save_all(int first, int steps, bool in_background, const fault_t *last) {
    work_t work = {.first = first, .steps = steps, .in_background = in_background, .last = last};
    int good = 0;
    team_run(RANKS, 60, rank_work, &work);
    (void)calls_end();
    for (int r = 0; r < RANKS; ++r)
        good += work.status[r] == OPTIM_OK;
    return good;
}

/* A child saves versions 0 and 1, and is killed at call k of the second; false: there is no such call. */
static bool killed_at(fate_t fate, bool in_background, int k) {
    const pid_t child = fork();
    int status;
    assert_true(child >= 0);
    if (child == 0)
        _exit(save_all(1, 2, in_background, &(fault_t){.fate = fate, .at = k}) == RANKS ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return false;
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        fail_msg("fate %d, call %d: the child was to be killed, but ended with status %x", (int)fate, k,
                 (unsigned)status);
    return true;
}

static void a_whole_version_loads_whenever_ranks_are_killed(void **state) {
    static const fate_t FATES[] = {FATE_KILL_BEFORE, FATE_KILL_MIDDLE, FATE_KILL_AFTER};
    int points = 0, found[2] = {0, 0};
    (void)state;
    for (size_t f = 0; f < sizeof FATES / sizeof *FATES; ++f)
        for (int k = 1, more = true; more; ++k) {
            more = killed_at(FATES[f], f == 2, k); /* right after a call: in the background */
            points += more;
            const char *here = when("fate %d, call %d", (int)FATES[f], k);
            ++found[check_loads(more ? 0 : 1, 1, here)];
            if (!more)
                assert_int_equal(count_files(false), 1 + RANKS);  /* nothing is left of the version before */
            assert_int_equal(save_all(3, 3, false, NULL), RANKS); /* over what was left */
            assert_int_equal(check_loads(2, 2, here), 2);
            (void)count_files(true);
        }
    print_message("%d kill points: %d times the version before, %d times the new one\n", points, found[0], found[1]);
    assert_true(points >= 200);
    assert_true(found[0] > 0 && found[1] > 3);
}

/* All ranks are told; a save that failed leaves nothing, unless it was a removal that failed. */
static void a_call_that_fails_on_one_fails_on_all(void **state) {
    int refused = 0;
    (void)state;
    for (int k = 1, more = true; more; ++k) {
        const int good = save_all(1, 2, k % 2 == 0, &(fault_t){.fate = FATE_FAIL, .at = k, .number = EIO});
        const call_t call = calls_kind(k);
        const char *here = when("call %d (%s) fails", k, calls_name(call));
        more = call != CALL_NONE;
        if (good != 0 && good != RANKS)
            fail_msg("%s: %d of %d ranks have saved", here, good, RANKS);
        refused += good == 0;
        const int found = check_loads(good == RANKS ? 1 : 0, 1, here), left = count_files(true);
        if (found == 0 && call != CALL_UNLINK && left != 1 + RANKS)
            fail_msg("%s: there are %d files", here, left);
    }
    print_message("%d saves refused\n", refused);
    assert_true(refused >= 30);
}

static int make(void **state) {
    model_t m;
    (void)state;
    calls_flush(false); /* a process that is killed loses nothing it wrote */
    const char *base = getenv("TMPDIR");
    if (base == NULL)
        base = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
    folder = check_text("%s/gradopt-shares-XXXXXX", base);
    if (mkdtemp(folder) == NULL)
        return 1;
    path = check_text("%s/run.optim", folder);
    CHECK_OK(model_open(&m, NULL));
    for (int v = 0; v < VERSIONS; ++v) {
        CHECK_OK(model_step(&m));
        version[v] = model_bytes(&m);
    }
    optim_destroy(m.opt);
    return 0;
}

static int clear(void **state) {
    (void)state;
    for (int v = 0; v < VERSIONS; ++v)
        free(version[v].bytes);
    const int left = rmdir(folder);
    free(folder);
    free(path);
    return left;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_version_loads_whenever_ranks_are_killed),
        cmocka_unit_test(a_call_that_fails_on_one_fails_on_all),
    };
    return cmocka_run_group_tests_name("share_kills", tests, make, clear);
}
