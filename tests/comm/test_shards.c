/* Handles of which each rank keeps a part of the states. That every method has the same bits so is looked at over the
 * registry (conformance/replicas); here is what goes around it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "ranks.h"

static void train(const optim_comm *comm, void *context) {
    job_t *job = context;
    model_t m;
    optim_status status = model_open(&m, job, comm);
    for (int step = 0; status == OPTIM_OK && step < job->steps; ++step)
        status = model_step(&m);
    rank_note(&job->rank[comm->rank], &m, status);
    optim_destroy(m.opt);
}

/* ---- Memory and bytes ---- */

static void states_are_shared_out(void **state) {
    static job_t whole = {.method = "adamw", .options = "replicas=mean", .steps = 3},
                 shards = {.method = "adamw", .options = "replicas=mean,shard=1", .steps = 3};
    (void)state;
    for (int ranks = 2; ranks <= 4; ranks += 2) {
        team_run(ranks, 60, train, &whole);
        team_run(ranks, 60, train, &shards);
        job_check(&whole, ranks);
        job_check(&shards, ranks);
        assert_memory_equal(whole.rank[0].x, shards.rank[0].x, sizeof whole.rank[0].x);
        const double theory = 2.0 * (ranks - 1) / ranks * TENSORS * N * sizeof(float) * 3;
        for (int r = 0; r < ranks; ++r) {
            CHECK_CLOSE(shards.rank[r].bytes, theory, 0);
            CHECK_CLOSE((double)(whole.rank[r].state - shards.rank[r].state), (1 - 1.0 / ranks) * 2 * TENSORS * 192,
                        0); /* two moments, each on whole cache lines */
        }
    }
}

/* ---- Checkpoints ---- */

/* Loads job->path if it is there, steps, saves to `path`. */
static void go_on(const optim_comm *comm, void *context) {
    job_t *job = context;
    model_t m;
    optim_status status = model_open(&m, job, comm->ranks > 1 ? comm : NULL);
    if (status == OPTIM_OK && access(job->path, R_OK) == 0) {
        status = optim_load(m.opt, job->path);
        memcpy(m.x, job->rank[0].x, sizeof m.x);
    }
    if (comm->ranks > 1 && status == OPTIM_OK)
        status = comm->barrier(comm); /* all have read it */
    for (int step = 0; status == OPTIM_OK && step < job->steps; ++step)
        status = model_step(&m);
    if (status == OPTIM_OK)
        status = optim_save(m.opt, job->path);
    if (comm->ranks > 1)
        (void)comm->barrier(comm); /* rank[0].x is read above */
    rank_note(&job->rank[comm->rank], &m, status);
    optim_destroy(m.opt);
}

static void checkpoints_suit_any_number_of_ranks(void **state) {
    static const char *const METHODS[] = {"adamw", "muon", "soap", "novograd"};
    static const int RANKS[] = {3, 1, 4, 2};
    char *path = check_text("shards-%ld.optim", (long)getpid());
    (void)state;
    for (size_t k = 0; k < sizeof METHODS / sizeof *METHODS; ++k) {
        static job_t alone, job;
        alone = (job_t){.method = METHODS[k], .steps = 8};
        job = (job_t){.method = METHODS[k], .steps = 2, .path = path};
        team_run(1, 60, train, &alone);
        job_check(&alone, 1);
        for (size_t i = 0; i < sizeof RANKS / sizeof *RANKS; ++i) {
            job.options = RANKS[i] > 1 ? "replicas=mean,shard=1" : NULL;
            team_run(RANKS[i], 60, go_on, &job);
            job_check(&job, RANKS[i]);
        }
        assert_memory_equal(job.rank[0].x, alone.rank[0].x, sizeof alone.rank[0].x);
        assert_int_equal(unlink(path), 0);
    }
    free(path);
}

static void save_nowhere(const optim_comm *comm, void *context) {
    job_t *job = context;
    model_t m;
    size_t size;
    optim_status status = model_open(&m, job, comm);
    if (status == OPTIM_OK)
        status = model_step(&m);
    if (status == OPTIM_OK && optim_serialize(m.opt, NULL, 0, &size) != OPTIM_ERR_MISMATCH)
        status = optim_comm_fail(comm->rank, "serializes a part of the state");
    if (status == OPTIM_OK && optim_save_async(m.opt, "somewhere") != OPTIM_ERR_MISMATCH)
        status = optim_comm_fail(comm->rank, "saves a part of the state");
    if (status == OPTIM_OK)
        status = optim_save(m.opt, "no/such/folder");
    rank_note(&job->rank[comm->rank], &m, status);
    optim_destroy(m.opt);
}

static void all_are_told_that_a_save_failed(void **state) {
    static job_t job = {.method = "adamw", .options = "replicas=mean,shard=1"};
    (void)state;
    team_run(3, 60, save_nowhere, &job);
    assert_int_equal(job.rank[0].status, OPTIM_ERR_IO);
    for (int r = 1; r < 3; ++r) {
        assert_int_equal(job.rank[r].status, OPTIM_ERR_COMM);
        assert_non_null(strstr(job.rank[r].error, "rank 0"));
    }
}

/* ---- Steps that are undone ---- */

/* With sam the parameters stand elsewhere when the step is cancelled, and when rank 1 has a gradient that is not finite. */
static void go_back(const optim_comm *comm, void *context) {
    job_t *job = context;
    model_t m;
    optim_status status = model_open(&m, job, comm);
    if (status == OPTIM_OK)
        status = model_step(&m);
    float before[TENSORS][N];
    memcpy(before, m.x, sizeof before);
    for (int k = 0; status == OPTIM_OK && k < 2; ++k) {
        model_evaluate(&m);
        if (optim_step(m.opt) != OPTIM_EVAL_GRAD || memcmp(before, m.x, sizeof before) == 0)
            status = optim_comm_fail(comm->rank, "did not go elsewhere");
        model_evaluate(&m);
        if (k == 1 && comm->rank == 1)
            m.g[3][5] = (float)NAN;
        if (status == OPTIM_OK)
            status = k == 0 ? optim_cancel(m.opt) : optim_step(m.opt);
        if (status == OPTIM_OK && memcmp(before, m.x, sizeof before) != 0)
            status = optim_comm_fail(comm->rank, "did not come back");
    }
    if (status == OPTIM_OK)
        status = model_step(&m);
    rank_note(&job->rank[comm->rank], &m, status);
    optim_destroy(m.opt);
}

static void undone_steps_are_undone_everywhere(void **state) {
    static job_t shards = {.method = "adamw", .options = "replicas=mean,shard=1,nonfinite=skip", .wrap = "sam"},
                 alone = {.method = "adamw", .wrap = "sam", .steps = 2};
    (void)state;
    team_run(3, 60, go_back, &shards);
    team_run(1, 60, train, &alone);
    job_check(&shards, 3);
    job_check(&alone, 1);
    assert_int_equal(shards.rank[0].steps, 2);
    assert_memory_equal(shards.rank[0].x, alone.rank[0].x, sizeof alone.rank[0].x);
}

/* ---- What is refused ---- */

static void what_cannot_be_sharded_says_so(void **state) {
    static const char *const CASES[][3] = {{"lbfgs", "replicas=mean,shard=1", "\"lbfgs\""},
                                           {"mfac", "replicas=mean,shard=1", "\"mfac\""},
                                           {"cma_es", "replicas=mean,shard=1", "\"cma_es\""},
                                           {"adamw", "replicas=mean,shard=1,accumulate=1", "accumulate=1"}};
    (void)state;
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; ++k) {
        static job_t job;
        job = (job_t){.method = CASES[k][0], .options = CASES[k][1], .steps = 1};
        team_run(2, 60, train, &job);
        for (int r = 0; r < 2; ++r)
            if (job.rank[r].status != OPTIM_ERR_MISMATCH || strstr(job.rank[r].error, CASES[k][2]) == NULL)
                fail_msg("%s: status %d, \"%s\"", CASES[k][0], job.rank[r].status, job.rank[r].error);
    }
    optim_t *opt;
    CHECK_REFUSED(optim_create(&opt, "adamw", "shard=1"), OPTIM_ERR_VALUE, "replicas=mean");
}

/* The communicator is taken away, the output is elsewhere. */
static void misuse(const optim_comm *comm, void *context) {
    job_t *job = context;
    model_t m;
    float out[N];
    optim_status status = model_open(&m, job, comm);
    if (status == OPTIM_OK)
        status = model_step(&m);
    if (status == OPTIM_OK && optim_output(m.opt, 0, out) != OPTIM_ERR_MISMATCH)
        status = optim_comm_fail(comm->rank, "gives an output of which it has a part");
    if (status == OPTIM_OK && optim_swap_output(m.opt) != OPTIM_ERR_MISMATCH)
        status = optim_comm_fail(comm->rank, "swaps an output of which it has a part");
    if (status == OPTIM_OK && optim_set(m.opt, 0, "shard", 0) != OPTIM_ERR_ORDER)
        status = optim_comm_fail(comm->rank, "changes its share");
    if (status == OPTIM_OK)
        status = optim_set_comm(m.opt, NULL);
    if (status == OPTIM_OK)
        status = model_step(&m);
    rank_note(&job->rank[comm->rank], &m, status);
    optim_destroy(m.opt);
}

static void a_share_is_kept(void **state) {
    static job_t job = {.method = "adamw", .options = "replicas=mean,shard=1", .wrap = "ema"};
    (void)state;
    team_run(2, 60, misuse, &job);
    for (int r = 0; r < 2; ++r) {
        assert_int_equal(job.rank[r].status, OPTIM_ERR_ORDER);
        assert_non_null(strstr(job.rank[r].error, "of 2"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_shared_out),           cmocka_unit_test(checkpoints_suit_any_number_of_ranks),
        cmocka_unit_test(all_are_told_that_a_save_failed), cmocka_unit_test(undone_steps_are_undone_everywhere),
        cmocka_unit_test(what_cannot_be_sharded_says_so),  cmocka_unit_test(a_share_is_kept),
    };
    return cmocka_run_group_tests_name("shards", tests, NULL, NULL);
}
