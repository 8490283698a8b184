/* Ranks that save their shares, with request 1, 2, 3, ... for memory failing on whichever of them makes it: all are
 * told, nothing is lost, and the next save succeeds. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocator.h"
#include "check.h"
#include "team.h"

enum { RANKS = 2, TENSORS = 3, N = 4 };

static char folder[100], path[200];

typedef struct work {
    bool in_background;
    long nth, failures; /* the request that fails; how many did */
    optim_status first, status[RANKS], next;
} work_t;

static optim_status save(optim_t *opt, bool in_background) {
    if (!in_background)
        return optim_save(opt, path);
    const optim_status status = optim_save_async(opt, path);
    return status == OPTIM_OK ? optim_save_wait(opt) : status;
}

static void rank_work(const optim_comm *comm, void *context) {
    static const char *const NAMES[TENSORS] = {"a", "b", "c"};
    float w[TENSORS][N] = {{1, 2, 3, 4}}, g[TENSORS][N] = {{1, 1, 1, 1}};
    work_t *work = context;
    optim_t *opt = NULL;
    optim_status status = optim_create(&opt, "adamw", "replicas=mean,shard=1,checkpoint=shares");
    for (int i = 0; status == OPTIM_OK && i < TENSORS; ++i)
        status = optim_add_param(opt, 0, NAMES[i], OPTIM_F32, 1, (int64_t[]){N}, w[i], g[i]);
    if (status == OPTIM_OK)
        status = optim_set_comm(opt, comm);
    if (status == OPTIM_OK)
        status = optim_step(opt);
    if (status == OPTIM_OK)
        status = optim_save(opt, path);
    (void)comm->barrier(comm);
    if (comm->rank == 0)
        allocator_arm(work->nth, false);
    (void)comm->barrier(comm);
    work->status[comm->rank] = save(opt, work->in_background);
    (void)comm->barrier(comm);
    if (comm->rank == 0) {
        work->failures = allocator_failures();
        (void)allocator_disarm();
        work->first = status;
    }
    (void)comm->barrier(comm);
    status = save(opt, work->in_background);
    if (comm->rank == 0)
        work->next = status;
    optim_destroy(opt);
}

static int count_files(bool remove) {
    int found = 0;
    DIR *open = opendir(folder);
    assert_non_null(open);
    for (const struct dirent *entry = readdir(open); entry != NULL; entry = readdir(open))
        if (entry->d_name[0] != '.') {
            ++found;
            if (remove)
                assert_int_equal(unlinkat(dirfd(open), entry->d_name, 0), 0);
        }
    (void)closedir(open);
    return found;
}

static void ranks_without_memory(void **state) {
    int refused = 0;
    (void)state;
    for (int in_background = 0; in_background < 2; ++in_background) {
        work_t work = {.failures = 1};
        for (long nth = 1; work.failures > 0; nth += in_background ? 3 : 1) { /* what is written is written alike */
            const long held = allocator_held();
            work = (work_t){.in_background = in_background, .nth = nth};
            team_run(RANKS, 60, rank_work, &work);
            assert_int_equal(work.first, OPTIM_OK);
            assert_int_equal(work.next, OPTIM_OK);
            assert_true((work.status[0] == OPTIM_OK) == (work.status[1] == OPTIM_OK));
            if (work.status[0] != OPTIM_OK) {
                ++refused;
                assert_true(work.status[0] == OPTIM_ERR_NOMEM || work.status[1] == OPTIM_ERR_NOMEM);
            }
            assert_int_equal(allocator_held(), held);
            if (work.status[0] != OPTIM_OK || work.failures == 0)
                assert_int_equal(count_files(false), 1 + RANKS);
            (void)count_files(true);
        }
    }
    print_message("%d saves refused\n", refused);
    assert_true(refused >= 60);
}

static int make_folder(void **state) {
    (void)state;
    const char *base = access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(folder, sizeof folder, "%s/gradopt-oom-ranks-XXXXXX", base);
    if (mkdtemp(folder) == NULL)
        return 1;
    (void)snprintf(path, sizeof path, "%s/run.optim", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(ranks_without_memory)};
    return cmocka_run_group_tests_name("ranks", tests, make_folder, remove_folder);
}
