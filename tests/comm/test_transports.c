/* Communicators: threads of one program, and processes over sockets as anybody may write them. That over MPI is another
 * program (programs/mpi.c), started by mpirun. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "conformance.h"
#include "sockets.h"
#include "team.h"

/* What ranks of a team found, by rank. */
typedef struct findings {
    char wrong[TEAM_RANKS][500];
    uint64_t bits[TEAM_RANKS];
    optim_status status[TEAM_RANKS];
    char error[TEAM_RANKS][500];
} findings_t;

static void note(char text[500], const char *what) {
    (void)snprintf(text, 500, "%s", what == NULL ? "" : what);
}

static void conform(const optim_comm *comm, void *context) {
    findings_t *f = context;
    note(f->wrong[comm->rank], comm_conformance(comm));
}

static void train(const optim_comm *comm, void *context) {
    findings_t *f = context;
    note(f->wrong[comm->rank], comm_training(comm, &f->bits[comm->rank]));
}

static void check_none(const findings_t *f, int ranks) {
    for (int r = 0; r < ranks; ++r)
        if (f->wrong[r][0] != '\0')
            fail_msg("rank %d of %d: %s", r, ranks, f->wrong[r]);
}

static void threads_conform(void **state) {
    static const int RANKS[] = {1, 2, 3, 4, 7};
    static findings_t f;
    (void)state;
    for (size_t i = 0; i < sizeof RANKS / sizeof *RANKS; ++i) {
        team_run(RANKS[i], 60, conform, &f);
        check_none(&f, RANKS[i]);
    }
}

static int conform_process(const optim_comm *comm) {
    const char *wrong = comm_conformance(comm);
    if (wrong != NULL)
        print_error("rank %d: %s\n", comm->rank, wrong);
    return wrong != NULL;
}

static void sockets_conform(void **state) {
    (void)state;
    assert_int_equal(sockets_run(1, conform_process), 0);
    assert_int_equal(sockets_run(4, conform_process), 0);
}

/* ---- The same bits on every transport ---- */

static uint64_t expected;

static int train_process(const optim_comm *comm) {
    uint64_t bits;
    const char *wrong = comm_training(comm, &bits);
    if (wrong != NULL || bits != expected)
        print_error("rank %d: %s, bits %016llx\n", comm->rank, wrong == NULL ? "other bits" : wrong,
                    (unsigned long long)bits);
    return wrong != NULL || bits != expected;
}

static void same_bits(void **state) {
    static findings_t f;
    (void)state;
    team_run(4, 60, train, &f);
    check_none(&f, 4);
    for (int r = 1; r < 4; ++r)
        assert_int_equal(f.bits[r], f.bits[0]);
    expected = f.bits[0];
    assert_int_equal(sockets_run(4, train_process), 0);
}

/* ---- Checkpoints ---- */

static char folder[100], path[200];

/* Makes the folder, or removes it with all that is in it. */
static void make_folder(void) {
    (void)snprintf(folder, sizeof folder, "/tmp/gradopt-transports-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/run.optim", folder);
}
static void remove_folder(void) {
    DIR *open = opendir(folder);
    assert_non_null(open);
    for (const struct dirent *entry = readdir(open); entry != NULL; entry = readdir(open))
        (void)unlinkat(dirfd(open), entry->d_name, 0);
    (void)closedir(open);
    assert_int_equal(rmdir(folder), 0);
}

static void save_and_load(const optim_comm *comm, void *context) {
    findings_t *f = context;
    note(f->wrong[comm->rank], comm_checkpoint(comm, path));
}

static int tell(const optim_comm *comm, const char *wrong) {
    if (wrong != NULL)
        print_error("rank %d: %s\n", comm->rank, wrong);
    return wrong != NULL;
}

static int save_and_load_process(const optim_comm *comm) {
    return tell(comm, comm_checkpoint(comm, path));
}

static void die(void) {
    (void)raise(SIGKILL);
}

static int die_process(const optim_comm *comm) {
    (void)signal(SIGPIPE, SIG_IGN); /* as the socket of the dead tells it */
    return tell(comm, comm_checkpoint_of_the_dead(comm, path, die));
}

static void processes_save_shares(void **state) {
    (void)state;
    make_folder();
    assert_int_equal(sockets_run(4, save_and_load_process), 0);
    remove_folder();
}

static void threads_save_shares(void **state) {
    static findings_t f;
    (void)state;
    make_folder();
    team_run(4, 60, save_and_load, &f);
    check_none(&f, 4);
    remove_folder();
}

static void the_version_before_outlives_a_rank(void **state) {
    (void)state;
    make_folder();
    assert_int_equal(sockets_run(3, die_process), 1); /* who was killed */
    remove_folder();
}

/* ---- What goes wrong ---- */

/* Rank 2 stays away. */
static void wait_in_vain(const optim_comm *comm, void *context) {
    findings_t *f = context;
    if (comm->rank == 2)
        return;
    f->status[comm->rank] = comm->barrier(comm);
    note(f->error[comm->rank], optim_error());
}

static void the_missing_rank_is_named(void **state) {
    static findings_t f;
    (void)state;
    team_run(3, 0.05, wait_in_vain, &f);
    for (int r = 0; r < 2; ++r) {
        assert_int_equal(f.status[r], OPTIM_ERR_COMM);
        assert_non_null(strstr(f.error[r], "rank 2"));
    }
}

/* Rank 1 calls something else. */
static void disagree(const optim_comm *comm, void *context) {
    findings_t *f = context;
    char send[64] = "", receive[64];
    f->status[comm->rank] =
        comm->rank == 1 ? comm->gather(comm, send, receive, 16) : comm->gather(comm, send, receive, 24);
    note(f->error[comm->rank], optim_error());
}

static void other_calls_are_told(void **state) {
    static findings_t f;
    (void)state;
    team_run(2, 60, disagree, &f);
    assert_true(f.status[0] == OPTIM_ERR_COMM && f.status[1] == OPTIM_ERR_COMM);
    assert_true(strstr(f.error[0], "something else") != NULL || strstr(f.error[1], "something else") != NULL);
}

static void what_is_no_communicator_is_refused(void **state) {
    optim_team_t *team;
    optim_comm comm;
    double x = 3;
    (void)state;
    CHECK_REFUSED(optim_team_create(&team, 0), OPTIM_ERR_ARGUMENT, "0 ranks");
    assert_null(team);
    CHECK_OK(optim_team_create(&team, 1));
    CHECK_REFUSED(optim_comm_team(&comm, team, 1), OPTIM_ERR_ARGUMENT, "rank 1");
    CHECK_OK(optim_comm_team(&comm, team, 0));
    CHECK_OK(optim_comm_sum(&comm, OPTIM_F64, 1, &x));
    assert_true(x == 3);
    optim_comm broken = comm;
    broken.gather = NULL;
    CHECK_REFUSED(optim_comm_sum(&broken, OPTIM_F64, 1, &x), OPTIM_ERR_ARGUMENT, "gather");
    broken = comm;
    broken.size = 8;
    CHECK_REFUSED(optim_comm_sum(&broken, OPTIM_F64, 1, &x), OPTIM_ERR_ARGUMENT, "8 bytes");
    broken = comm;
    broken.timeout = -1;
    CHECK_REFUSED(optim_comm_sum(&broken, OPTIM_F64, 1, &x), OPTIM_ERR_ARGUMENT, "timeout");
    optim_comm_release(&comm);
    assert_null(comm.gather);
    optim_comm_release(&comm);
    optim_team_destroy(team);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets_conform), /* first: a process with threads should not fork */
        cmocka_unit_test(processes_save_shares),
        cmocka_unit_test(the_version_before_outlives_a_rank),
        cmocka_unit_test(threads_save_shares),
        cmocka_unit_test(threads_conform),
        cmocka_unit_test(same_bits),
        cmocka_unit_test(the_missing_rank_is_named),
        cmocka_unit_test(other_calls_are_told),
        cmocka_unit_test(what_is_no_communicator_is_refused),
    };
    return cmocka_run_group_tests_name("communicators", tests, NULL, NULL);
}
