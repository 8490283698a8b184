/* Handles as replicas: what is averaged, what must agree, what is counted, and what goes wrong. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "optim/comm.h"
#include "team.h"

enum { N = 24 }; /* elements: a multiple of 2, 3 and 4 */

/* What one rank found; sentences are those of its own thread. */
typedef struct rank {
    optim_status status;
    char error[500];
    double x[N], bytes;
    int64_t steps;
} rank_t;

typedef struct job {
    const char *method, *options;
    optim_dtype dtype;
    int steps;
    rank_t rank[TEAM_RANKS];
} job_t;

static void note(rank_t *rank, optim_status status) {
    rank->status = status;
    (void)snprintf(rank->error, sizeof rank->error, "%s", status == OPTIM_OK ? "" : optim_error());
}

/* One parameter of N elements, all 1; its gradient lies behind it. */
typedef struct model {
    optim_t *opt;
    double x[N], g[N];
    float xf[N], gf[N];
} model_t;

static optim_status model_open(model_t *m, const char *method, const char *options, optim_dtype dtype,
                               const optim_comm *comm) {
    *m = (model_t){0};
    for (int i = 0; i < N; ++i)
        m->x[i] = m->xf[i] = 1;
    const int wide = dtype == OPTIM_F64;
    optim_status status = optim_create(&m->opt, method, options);
    if (status == OPTIM_OK)
        status = optim_add_param(m->opt, 0, "x", dtype, 1, (int64_t[]){N}, wide ? (void *)m->x : m->xf,
                                 wide ? (void *)m->g : m->gf);
    return status == OPTIM_OK ? optim_set_comm(m->opt, comm) : status;
}

/* Rank r of R: whole numbers whose mean over ranks is i - 5. */
static double gradient_of(const optim_comm *comm, int i) {
    return i - 5 + 2 * comm->rank - (comm->ranks - 1);
}

static void model_evaluate(model_t *m, const optim_comm *comm) {
    for (int i = 0; i < N; ++i)
        m->g[i] = m->gf[i] = (float)gradient_of(comm, i);
}

static void model_close(model_t *m, rank_t *rank) {
    for (int i = 0; i < N; ++i)
        rank->x[i] = m->xf[i] != 1 ? (double)m->xf[i] : m->x[i];
    rank->steps = optim_steps(m->opt);
    (void)optim_get(m->opt, 0, "bytes_sent", &rank->bytes);
    optim_destroy(m->opt);
}

static void train(const optim_comm *comm, void *context) {
    job_t *job = context;
    model_t m;
    optim_status status = model_open(&m, job->method, job->options, job->dtype, comm);
    for (int step = 0; status == OPTIM_OK && step < job->steps; ++step) {
        model_evaluate(&m, comm);
        status = optim_step(m.opt);
    }
    note(&job->rank[comm->rank], status);
    model_close(&m, &job->rank[comm->rank]);
}

/* ---- What is averaged ---- */

static void gradients_become_their_mean(void **state) {
    static const int RANKS[] = {1, 2, 3, 4, 7};
    static job_t job = {.method = "sgd", .options = "lr=0.25,replicas=mean", .steps = 2};
    (void)state;
    for (int k = 0; k < 10; ++k) {
        job.dtype = k % 2 == 0 ? OPTIM_F64 : OPTIM_F32;
        team_run(RANKS[k / 2], 60, train, &job);
        for (int r = 0; r < RANKS[k / 2]; ++r) {
            CHECK_OK(job.rank[r].status);
            for (int i = 0; i < N; ++i)
                assert_true(job.rank[r].x[i] == 1 - 2 * 0.25 * (i - 5));
        }
    }
}

static void without_the_option_each_goes_its_own_way(void **state) {
    static job_t job = {.method = "sgd", .options = "lr=0.25", .dtype = OPTIM_F64, .steps = 1};
    (void)state;
    team_run(2, 60, train, &job);
    assert_true(job.rank[0].x[0] != job.rank[1].x[0]);
    assert_true(job.rank[0].bytes == 0);
}

/* 2 (N - 1) / N of the vector, from each rank in each step. */
static void bytes_are_those_of_a_ring(void **state) {
    static const int RANKS[] = {2, 3, 4};
    static job_t job = {.method = "adamw", .options = "replicas=mean,clip_norm=1", .dtype = OPTIM_F32, .steps = 5};
    (void)state;
    for (int k = 0; k < 3; ++k) {
        const double theory = 2.0 * (RANKS[k] - 1) / RANKS[k] * N * sizeof(float) * 5;
        team_run(RANKS[k], 60, train, &job);
        for (int r = 0; r < RANKS[k]; ++r)
            CHECK_CLOSE(job.rank[r].bytes, theory, 0);
    }
    job.options = "replicas=mean,clip_norm=1,replicas_dtype=bf16";
    team_run(4, 60, train, &job);
    CHECK_CLOSE(job.rank[0].bytes, 2.0 * 3 / 4 * N * 2 * 5, 0);
}

/* ---- bf16 on the way ---- */

static void average_thirds(const optim_comm *comm, void *context) {
    job_t *job = context;
    model_t m;
    optim_status status = model_open(&m, "sgd", job->options, OPTIM_F32, comm);
    for (int i = 0; i < N; ++i)
        m.gf[i] = (float)(1.0 / (3 + i + comm->rank));
    if (status == OPTIM_OK)
        status = optim_step(m.opt);
    note(&job->rank[comm->rank], status);
    for (int i = 0; i < N; ++i)
        job->rank[comm->rank].x[i] = m.gf[i];
    optim_destroy(m.opt);
}

/* Each addend and the mean are rounded to 8 bits: off by 2^-9 each, 2^-8 in all. */
static void bf16_is_off_by_two_roundings(void **state) {
    static job_t exact = {.options = "lr=1,replicas=mean"},
                 rounded = {.options = "lr=1,replicas=mean,replicas_dtype=bf16"};
    double worst = 0;
    (void)state;
    team_run(3, 60, average_thirds, &exact);
    team_run(3, 60, average_thirds, &rounded);
    for (int r = 0; r < 3; ++r)
        for (int i = 0; i < N; ++i) {
            assert_true(rounded.rank[r].x[i] == rounded.rank[0].x[i]);
            worst = fmax(worst, fabs(rounded.rank[r].x[i] / exact.rank[r].x[i] - 1));
        }
    assert_true(worst > 0);
    CHECK_AT_MOST(worst, 0x1p-8 + 0x1p-16);
}

/* ---- Accumulated gradients ---- */

static void accumulate(const optim_comm *comm, void *context) {
    job_t *job = context;
    model_t m;
    optim_status status = model_open(&m, "sgd", "lr=0.25,replicas=mean,accumulate=1", OPTIM_F64, comm);
    for (int k = -1; status == OPTIM_OK && k <= 1; k += 2) {
        model_evaluate(&m, comm);
        for (int i = 0; i < N; ++i)
            m.g[i] += k;
        status = optim_accumulate(m.opt);
    }
    if (status == OPTIM_OK)
        status = optim_step(m.opt);
    note(&job->rank[comm->rank], status);
    model_close(&m, &job->rank[comm->rank]);
}

static void what_was_accumulated_is_exchanged_once(void **state) {
    static job_t job;
    (void)state;
    team_run(3, 60, accumulate, &job);
    for (int r = 0; r < 3; ++r) {
        CHECK_OK(job.rank[r].status);
        for (int i = 0; i < N; ++i)
            assert_true(job.rank[r].x[i] == 1 - 0.25 * (i - 5));
        CHECK_CLOSE(job.rank[r].bytes, 2.0 * 2 / 3 * N * sizeof(double), 0);
    }
}

/* ---- Losses, and a gradient that is not finite on one rank ---- */

/* A quadratic whose minimum is another on every rank: lbfgs finds that of the mean, by searches that agree. */
static void search(const optim_comm *comm, void *context) {
    job_t *job = context;
    model_t m;
    optim_status status = model_open(&m, "lbfgs", "replicas=mean", OPTIM_F64, comm);
    for (int step = 0; status == OPTIM_OK && step < 60; ++step)
        do {
            double loss = 0;
            for (int i = 0; i < N; ++i) {
                const double away = m.x[i] - gradient_of(comm, i);
                m.g[i] = (1 + i) * away;
                loss += 0.5 * (1 + i) * away * away;
            }
            (void)optim_set_loss(m.opt, loss);
            status = optim_step(m.opt);
        } while (status > 0);
    note(&job->rank[comm->rank], status == OPTIM_ERR_LINE_SEARCH ? OPTIM_OK : status); /* it has arrived */
    model_close(&m, &job->rank[comm->rank]);
}

static void searches_agree(void **state) {
    static job_t job;
    (void)state;
    team_run(3, 60, search, &job);
    for (int r = 0; r < 3; ++r) {
        CHECK_OK(job.rank[r].status);
        assert_memory_equal(job.rank[r].x, job.rank[0].x, sizeof job.rank[r].x);
        for (int i = 0; i < N; ++i)
            CHECK_CLOSE(job.rank[r].x[i], i - 5, 1e-6);
    }
}

static void spoil(const optim_comm *comm, void *context) {
    job_t *job = context;
    model_t m;
    optim_status status = model_open(&m, "adamw", "replicas=mean,nonfinite=skip", OPTIM_F32, comm);
    for (int step = 0; status == OPTIM_OK && step < 3; ++step) {
        model_evaluate(&m, comm);
        if (step == 1 && comm->rank == 1)
            m.gf[3] = (float)INFINITY;
        status = optim_step(m.opt);
    }
    note(&job->rank[comm->rank], status);
    model_close(&m, &job->rank[comm->rank]);
}

static void all_skip_what_one_cannot_use(void **state) {
    static job_t job;
    (void)state;
    team_run(3, 60, spoil, &job);
    for (int r = 0; r < 3; ++r) {
        CHECK_OK(job.rank[r].status);
        assert_int_equal(job.rank[r].steps, 2);
        assert_memory_equal(job.rank[r].x, job.rank[0].x, sizeof job.rank[r].x);
    }
}

/* ---- What must agree ---- */

/* One rank is not like the others; then all are alike, and the step is taken. */
static void disagree(const optim_comm *comm, void *context) {
    job_t *job = context;
    rank_t *rank = &job->rank[comm->rank];
    const int odd = comm->rank == 1;
    model_t m;
    optim_status status = model_open(&m, "sgd", "lr=0.25,replicas=mean", OPTIM_F64, comm);
    model_evaluate(&m, comm);
    if (status == OPTIM_OK && odd && job->steps == 0)
        status = optim_set(m.opt, 0, "lr", 0.5);
    if (odd && job->steps == 1)
        m.x[2] = 3;
    if (status == OPTIM_OK && odd && job->steps == 2)
        status = optim_bind(m.opt, 0, m.x, NULL);
    if (status == OPTIM_OK && odd && job->steps == 3)
        status = optim_swap_output(m.opt);
    note(rank, status == OPTIM_OK ? optim_step(m.opt) : OPTIM_OK);
    const double moved = m.x[0];
    if (odd) {
        if (job->steps == 3)
            (void)optim_swap_output(m.opt);
        m.x[2] = 1;
        (void)optim_set(m.opt, 0, "lr", 0.25);
        (void)optim_bind(m.opt, 0, m.x, m.g);
    }
    const optim_status again = optim_step(m.opt);
    if (again != OPTIM_OK || moved != 1) {
        note(rank, OPTIM_OK);
        (void)snprintf(rank->error, sizeof rank->error, "x[0] was %g; then %d: %s", moved, again, optim_error());
    }
    model_close(&m, rank);
}

static void ranks_that_differ_are_told_so(void **state) {
    static const char *const SENTENCE[] = {"option values", "begins with other parameters", "other parameters than",
                                           "could not take part in the step"};
    (void)state;
    for (int k = 0; k < 4; ++k) {
        static job_t job;
        job = (job_t){.steps = k};
        team_run(3, 60, disagree, &job);
        for (int r = 0; r < 3; ++r) {
            const rank_t *rank = &job.rank[r];
            const int own = k == 3 && r == 1;
            if (rank->status != (own ? OPTIM_ERR_SWAPPED : OPTIM_ERR_COMM) ||
                (!own && (strstr(rank->error, "rank 1") == NULL || strstr(rank->error, SENTENCE[k]) == NULL)))
                fail_msg("case %d, rank %d: status %d, \"%s\"", k, r, rank->status, rank->error);
            assert_int_equal(rank->steps, 1);
            for (int i = 0; i < N; ++i)
                assert_true(rank->x[i] == 1 - 0.25 * (i - 5));
        }
    }
}

/* ---- A rank that goes away ---- */

/* Rank 1 leaves after the first step. The others say so, keep what they have, and go on with a new communicator. */
static void leave(const optim_comm *comm, void *context) {
    job_t *job = context;
    rank_t *rank = &job->rank[comm->rank];
    model_t m;
    optim_status status = model_open(&m, "adamw", "replicas=mean", OPTIM_F64, comm);
    model_evaluate(&m, comm);
    if (status == OPTIM_OK)
        status = optim_step(m.opt);
    if (comm->rank != 1 && status == OPTIM_OK) {
        double before[N];
        memcpy(before, m.x, sizeof before);
        status = optim_step(m.opt);
        if (status == OPTIM_ERR_COMM && memcmp(before, m.x, sizeof before) == 0)
            status = optim_step(m.opt); /* is refused before it waits */
    }
    note(rank, status);
    if (comm->rank == 0 && optim_set_comm(m.opt, NULL) == OPTIM_OK && optim_step(m.opt) != OPTIM_OK)
        note(rank, OPTIM_OK);
    model_close(&m, rank);
}

static void a_rank_that_leaves_ends_the_steps(void **state) {
    static job_t job;
    (void)state;
    team_run(3, 0.2, leave, &job);
    CHECK_OK(job.rank[1].status);
    for (int r = 0; r < 3; r += 2) {
        assert_int_equal(job.rank[r].status, OPTIM_ERR_COMM);
        assert_non_null(strstr(job.rank[r].error, "optim_set_comm"));
        assert_int_equal(job.rank[r].steps, r == 0 ? 2 : 1);
    }
}

/* ---- Beside steps ---- */

static int no_loss(void *user, const optim_request *request, double *loss) {
    (void)user;
    (void)request;
    *loss = 0;
    return 0;
}

static void loop(const optim_comm *comm, void *context) {
    job_t *job = context;
    model_t m;
    optim_status status = model_open(&m, "sgd", "replicas=mean", OPTIM_F64, comm);
    const optim_problem problem = {.size = sizeof problem, .gradient = no_loss};
    const optim_stop stop = {.size = sizeof stop, .steps = 1};
    if (status == OPTIM_OK)
        status = optim_minimize(m.opt, &problem, &stop, NULL);
    note(&job->rank[comm->rank], status);
    optim_destroy(m.opt);
}

static void loops_of_the_library_are_refused(void **state) {
    static job_t job;
    (void)state;
    team_run(2, 60, loop, &job);
    assert_int_equal(job.rank[0].status, OPTIM_ERR_MISMATCH);
    assert_non_null(strstr(job.rank[0].error, "optim_step"));
}

static void rows(const optim_comm *comm, void *context) {
    job_t *job = context;
    model_t m;
    optim_status status = model_open(&m, "sgd", "replicas=mean", OPTIM_F64, comm);
    if (status == OPTIM_OK)
        status = optim_set_sparse_grad(m.opt, 0, 0, NULL, NULL);
    if (status == OPTIM_OK)
        status = optim_step(m.opt);
    note(&job->rank[comm->rank], status);
    optim_destroy(m.opt);
}

static void rows_are_refused(void **state) {
    (void)state;
    static job_t job;
    team_run(2, 60, rows, &job);
    assert_int_equal(job.rank[0].status, OPTIM_ERR_MISMATCH);
    assert_non_null(strstr(job.rank[0].error, "exchange the rows yourself"));
}

static void squares(const optim_comm *comm, void *context) {
    job_t *job = context;
    model_t m;
    optim_status status = model_open(&m, "gauss_newton", "replicas=mean", OPTIM_F64, comm);
    if (status == OPTIM_OK)
        status = optim_step(m.opt);
    note(&job->rank[comm->rank], status);
    optim_destroy(m.opt);
}

static void residuals_are_refused(void **state) {
    (void)state;
    static job_t job;
    team_run(2, 60, squares, &job);
    assert_int_equal(job.rank[0].status, OPTIM_ERR_MISMATCH);
    assert_non_null(strstr(job.rank[0].error, "residuals"));
}

/* A checkpoint of a rank says nothing of ranks: it goes on with any number of them. */
static void resume(const optim_comm *comm, void *context) {
    job_t *job = context;
    rank_t *rank = &job->rank[comm->rank];
    model_t m;
    optim_status status = model_open(&m, "adamw", "replicas=mean", OPTIM_F64, comm);
    for (int step = 0; status == OPTIM_OK && step < 2; ++step) {
        model_evaluate(&m, comm);
        status = optim_step(m.opt);
    }
    size_t size = 0;
    if (status == OPTIM_OK)
        status = optim_serialize(m.opt, NULL, 0, &size);
    char *bytes = malloc(size + 1);
    if (status == OPTIM_OK)
        status = optim_serialize(m.opt, bytes, size, &size);
    model_t other;
    if (status == OPTIM_OK)
        status = model_open(&other, "adamw", NULL, OPTIM_F64, NULL);
    memcpy(other.x, m.x, sizeof other.x);
    if (status == OPTIM_OK)
        status = optim_deserialize(other.opt, bytes, size);
    model_evaluate(&m, comm);
    for (int i = 0; i < N; ++i)
        other.g[i] = i - 5; /* the mean */
    if (status == OPTIM_OK)
        status = optim_step(other.opt);
    if (status == OPTIM_OK)
        status = optim_step(m.opt);
    if (status == OPTIM_OK && memcmp(other.x, m.x, sizeof m.x) != 0)
        status = optim_comm_fail(comm->rank, "goes on with other bits");
    note(rank, status);
    free(bytes);
    optim_destroy(other.opt);
    model_close(&m, rank);
}

static void checkpoints_know_no_ranks(void **state) {
    static job_t job;
    (void)state;
    team_run(3, 60, resume, &job);
    for (int r = 0; r < 3; ++r)
        if (job.rank[r].status != OPTIM_OK)
            fail_msg("rank %d: %s", r, job.rank[r].error);
}

static void memory_is_told_before_the_first_step(void **state) {
    optim_team_t *team;
    optim_comm comm;
    model_t m;
    size_t alone, many, after;
    (void)state;
    CHECK_OK(optim_team_create(&team, 2));
    CHECK_OK(optim_comm_team(&comm, team, 0));
    CHECK_OK(model_open(&m, "adamw", "replicas=mean", OPTIM_F64, NULL));
    CHECK_OK(optim_memory(m.opt, NULL, &alone));
    CHECK_OK(optim_set_comm(m.opt, &comm));
    CHECK_OK(optim_memory(m.opt, NULL, &many));
    assert_true(many > alone);
    CHECK_OK(optim_prepare(m.opt));
    CHECK_OK(optim_memory(m.opt, NULL, &after));
    assert_true(after == many);
    optim_destroy(m.opt);
    optim_team_destroy(team);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_become_their_mean),
        cmocka_unit_test(without_the_option_each_goes_its_own_way),
        cmocka_unit_test(bytes_are_those_of_a_ring),
        cmocka_unit_test(bf16_is_off_by_two_roundings),
        cmocka_unit_test(what_was_accumulated_is_exchanged_once),
        cmocka_unit_test(searches_agree),
        cmocka_unit_test(all_skip_what_one_cannot_use),
        cmocka_unit_test(ranks_that_differ_are_told_so),
        cmocka_unit_test(a_rank_that_leaves_ends_the_steps),
        cmocka_unit_test(loops_of_the_library_are_refused),
        cmocka_unit_test(rows_are_refused),
        cmocka_unit_test(residuals_are_refused),
        cmocka_unit_test(checkpoints_know_no_ranks),
        cmocka_unit_test(memory_is_told_before_the_first_step),
    };
    return cmocka_run_group_tests_name("replicas", tests, NULL, NULL);
}
