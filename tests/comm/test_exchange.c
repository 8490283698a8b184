/* Ranks that train by themselves and exchange now and then: as the server's rule does, by whichever door, and what goes
 * wrong. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "optim/comm.h"
#include "optim/federated.h"
#include "team.h"

enum { N = 24, MOST_STEPS = 15 }; /* elements: a multiple of 2, 3 and 4 */

/* What one rank found; sentences are those of its own thread. */
typedef struct rank {
    optim_status status;
    char error[500];
    double x[MOST_STEPS][N], output[N], bytes;
    int64_t steps;
} rank_t;

/* How the ranks answer: the step does it; optim_exchange does it for a handle that has no communicator. */
typedef enum door { BY_STEP, BY_CALL } door_t;

typedef struct job {
    const char *method, *options;
    door_t door;
    int steps, resume_at; /* in front of that step from a checkpoint; 0: not */
    rank_t rank[TEAM_RANKS];
} job_t;

static void note(rank_t *rank, optim_status status) {
    rank->status = status;
    (void)snprintf(rank->error, sizeof rank->error, "%s", status == OPTIM_OK ? "" : optim_error());
}

typedef struct model {
    optim_t *opt;
    double x[N], g[N];
} model_t;

static double start(int i) {
    return sin(1.0 + i);
}

/* Rank r has a quadratic of its own. */
static void evaluate(model_t *m, int rank) {
    for (int i = 0; i < N; ++i)
        m->g[i] = (1 + 0.1 * i) * (m->x[i] - cos(rank + 0.7 * i));
}

/* "method@wrapper(options)@...", from the inside out. */
static optim_status chain_open(optim_t **opt, const char *chain, const char *options) {
    char text[200], *at = text;
    (void)snprintf(text, sizeof text, "%s", chain);
    optim_status status = optim_create(opt, strtok_r(text, "@", &at), options);
    for (char *wrapper; status == OPTIM_OK && (wrapper = strtok_r(NULL, "@", &at)) != NULL;) {
        char *inside = wrapper;
        const char *name = strtok_r(wrapper, "()", &inside);
        status = optim_wrap(*opt, name, strtok_r(NULL, "()", &inside));
    }
    return status;
}

static optim_status model_open(model_t *m, const char *method, const char *options, const optim_comm *comm) {
    *m = (model_t){0};
    for (int i = 0; i < N; ++i)
        m->x[i] = start(i);
    optim_status status = chain_open(&m->opt, method, options);
    if (status == OPTIM_OK)
        status = optim_add_param(m->opt, 0, "x", OPTIM_F64, 1, (int64_t[]){N}, m->x, m->g);
    return status == OPTIM_OK && comm != NULL ? optim_set_comm(m->opt, comm) : status;
}

/* The same training in a new handle. */
static optim_status start_anew(model_t *m, const job_t *job, const optim_comm *comm) {
    model_t other;
    size_t size;
    void *bytes = check_serialized(m->opt, &size);
    optim_status status = model_open(&other, job->method, job->options, NULL);
    if (status == OPTIM_OK)
        status = optim_deserialize(other.opt, bytes, size);
    if (status == OPTIM_OK && job->door == BY_STEP)
        status = optim_set_comm(other.opt, comm);
    optim_destroy(m->opt);
    memcpy(other.x, m->x, sizeof other.x);
    *m = other;
    if (status == OPTIM_OK)
        status = optim_bind(m->opt, 0, m->x, m->g);
    free(bytes);
    return status;
}

static void train(const optim_comm *comm, void *context) {
    job_t *job = context;
    rank_t *rank = &job->rank[comm->rank];
    model_t m;
    optim_status status = model_open(&m, job->method, job->options, job->door == BY_STEP ? comm : NULL);
    for (int step = 0; status == OPTIM_OK && step < job->steps; ++step) {
        if (job->resume_at > 0 && step == job->resume_at)
            status = start_anew(&m, job, comm);
        evaluate(&m, comm->rank);
        if (status == OPTIM_OK)
            status = optim_step(m.opt);
        if (status == OPTIM_EXCHANGE && job->door == BY_CALL)
            status = optim_exchange(m.opt, comm);
        memcpy(rank->x[step], m.x, sizeof m.x);
    }
    note(rank, status);
    rank->steps = optim_steps(m.opt);
    (void)optim_get(m.opt, 0, "bytes_sent", &rank->bytes);
    (void)optim_output(m.opt, 0, rank->output);
    optim_destroy(m.opt);
}

static void run(job_t *job, int ranks) {
    team_run(ranks, 60, train, job);
    for (int r = 0; r < ranks; ++r)
        if (job->rank[r].status != OPTIM_OK || job->rank[r].steps != job->steps)
            fail_msg("rank %d of %d, %s: status %d, %s", r, ranks, job->method, job->rank[r].status,
                     job->rank[r].error);
}

/* ---- As the server's rule ---- */

enum { PERIOD = 3, ROUNDS = MOST_STEPS / PERIOD };

/* Where each client of the rule stands as the next round begins: `name` of the client, or where all do. */
static void serve(const char *rule, const char *options, const char *name, int clients,
                  double x[ROUNDS][TEAM_RANKS][N]) {
    optim_server_t *server;
    double w[N];
    model_t client[TEAM_RANKS];
    for (int i = 0; i < N; ++i)
        w[i] = start(i);
    CHECK_OK(optim_server_create(&server, rule, options));
    CHECK_OK(optim_server_add_param(server, "x", OPTIM_F64, 1, (int64_t[]){N}, w));
    CHECK_OK(optim_server_set_clients(server, clients));
    for (int c = 0; c < clients; ++c)
        CHECK_OK(model_open(&client[c], "adamw", "lr=0.05", NULL));
    for (int round = 0; round < ROUNDS; ++round) {
        for (int c = 0; c < clients; ++c) {
            CHECK_OK(optim_server_begin(server, c, (void *[]){client[c].x}));
            for (int step = 0; step < PERIOD; ++step) {
                evaluate(&client[c], c);
                CHECK_OK(optim_step(client[c].opt));
            }
            CHECK_OK(optim_server_end(server, c, (const void *[]){client[c].x}, PERIOD));
        }
        CHECK_OK(optim_server_commit(server));
        for (int c = 0; c < clients; ++c) {
            memcpy(x[round][c], w, sizeof w);
            if (name != NULL)
                CHECK_OK(optim_server_state(server, c, name, 0, x[round][c]));
        }
    }
    for (int c = 0; c < clients; ++c)
        optim_destroy(client[c].opt);
    optim_server_destroy(server);
}

/* Options of the rule and of the wrapper, whose names are the same but for the number of local steps. */
static void compare(const char *rule, const char *options, const char *name, int ranks, door_t door) {
    static double served[ROUNDS][TEAM_RANKS][N];
    static job_t job;
    char of_rule[200], method[200];
    (void)snprintf(of_rule, sizeof of_rule, "local_steps=%d%s", PERIOD, options);
    (void)snprintf(method, sizeof method, "adamw@%s(period=%d%s)", rule, PERIOD, options);
    job = (job_t){.method = method, .options = "lr=0.05", .door = door, .steps = MOST_STEPS};
    serve(rule, of_rule, name, ranks, served);
    run(&job, ranks);
    const double tolerance = (ranks & (ranks - 1)) == 0 ? 0 : 1e-14; /* 1 / 3 is rounded, and then a product with it */
    for (int round = 0; round < ROUNDS; ++round)
        for (int r = 0; r < ranks; ++r)
            for (int i = 0; i < N; ++i)
                CHECK_CLOSE(job.rank[r].x[PERIOD * (round + 1) - 1][i], served[round][r][i], tolerance);
}

static void diloco_is_that_of_the_server(void **state) {
    static const char *OPTIONS[] = {"", ",outer_lr=0.9,outer_momentum=0.5,nesterov=0",
                                    ",outer_lr=1,outer_momentum=0,nesterov=0"};
    (void)state;
    for (int ranks = 1; ranks <= 4; ++ranks)
        for (size_t i = 0; i < sizeof OPTIONS / sizeof *OPTIONS; ++i) {
            compare("diloco", OPTIONS[i], NULL, ranks, BY_STEP);
            compare("diloco", OPTIONS[i], NULL, ranks, BY_CALL);
        }
}

static void noloco_is_that_of_the_server(void **state) {
    (void)state;
    for (int ranks = 2; ranks <= 8; ranks += 2)
        for (door_t door = BY_STEP; door <= BY_CALL; ++door) {
            compare("noloco", ",seed=3", "X", ranks, door);
            compare("noloco", ",seed=4,gamma=0.2,outer_lr=0.9,outer_momentum=0.3", "X", ranks, door);
        }
}

/* Of three ranks one is left over in every exchange, and sends nothing. */
static void an_odd_rank_is_left_over(void **state) {
    static job_t job = {.method = "adamw@noloco(period=1)", .steps = 9};
    double bytes = 0;
    (void)state;
    run(&job, 3);
    for (int r = 0; r < 3; ++r)
        bytes += job.rank[r].bytes;
    CHECK_CLOSE(bytes, 9.0 * 2 * 2 * N * sizeof(double), 0);
}

static void ranks_meet_only_then(void **state) {
    static job_t job = {.method = "adamw@diloco(period=3)", .steps = 4};
    (void)state;
    run(&job, 3);
    assert_true(memcmp(job.rank[0].x[1], job.rank[1].x[1], sizeof job.rank[0].x[1]) != 0);
    assert_true(memcmp(job.rank[0].x[2], job.rank[1].x[2], sizeof job.rank[0].x[2]) == 0);
    assert_true(memcmp(job.rank[0].x[3], job.rank[1].x[3], sizeof job.rank[0].x[3]) != 0);
    assert_true(memcmp(job.rank[0].output, job.rank[0].x[2], sizeof job.rank[0].output) == 0);
}

static void local_sgd_takes_the_mean(void **state) {
    static job_t job = {.method = "sgd@local_sgd(period=2)", .options = "lr=0.05", .steps = 2};
    (void)state;
    run(&job, 2);
    for (int i = 0; i < N; ++i) {
        double mean = 0;
        for (int r = 0; r < 2; ++r) {
            double x = start(i);
            for (int step = 0; step < 2; ++step)
                x -= 0.05 * (1 + 0.1 * i) * (x - cos(r + 0.7 * i));
            mean += x / 2;
        }
        CHECK_CLOSE(job.rank[0].x[1][i], mean, 1e-15);
    }
}

/* 2 (N - 1) / N of the vector in every period. */
static void bytes_are_those_of_a_ring_once_in_a_period(void **state) {
    static job_t job = {.method = "adamw@diloco(period=3)", .steps = 14};
    (void)state;
    for (int ranks = 1; ranks <= 4; ++ranks)
        for (job.door = BY_STEP; job.door <= BY_CALL; ++job.door) {
            run(&job, ranks);
            for (int r = 0; r < ranks; ++r)
                CHECK_CLOSE(job.rank[r].bytes, 2.0 * (ranks - 1) / ranks * N * sizeof(double) * 4, 0);
        }
}

static void wrappers_outside_see_the_outer_step(void **state) {
    static job_t job = {.method = "adamw@diloco(period=3)@ema(decay=0)", .steps = 3};
    (void)state;
    run(&job, 2);
    assert_true(memcmp(job.rank[1].output, job.rank[1].x[2], sizeof job.rank[1].output) == 0);
}

static void checkpoints_go_on_with_the_same_bits(void **state) {
    static job_t whole = {.method = "adamw@diloco(period=3)", .steps = 10}, resumed;
    (void)state;
    for (int at = 1; at < 10; ++at) {
        resumed = whole;
        resumed.resume_at = at;
        run(&whole, 3);
        run(&resumed, 3);
        for (int r = 0; r < 3; ++r)
            assert_memory_equal(whole.rank[r].x, resumed.rank[r].x, sizeof whole.rank[r].x);
    }
}

/* ---- What goes wrong ---- */

static optim_status steps(model_t *m, int rank, int count) {
    optim_status status = OPTIM_OK;
    for (int step = 0; status == OPTIM_OK && step < count; ++step) {
        evaluate(m, rank);
        status = optim_step(m->opt);
    }
    return status;
}

static void calls_out_of_order_are_refused(void **state) {
    optim_team_t *team;
    optim_comm comm, broken;
    model_t m;
    double before[N];
    size_t size;
    (void)state;
    CHECK_OK(optim_team_create(&team, 1));
    CHECK_OK(optim_comm_team(&comm, team, 0));
    CHECK_OK(model_open(&m, "adamw@diloco(period=2)", NULL, NULL));
    CHECK_REFUSED(optim_exchange(NULL, &comm), OPTIM_ERR_NULL, "opt");
    CHECK_REFUSED(optim_exchange(m.opt, NULL), OPTIM_ERR_NULL, "comm");
    CHECK_REFUSED(optim_exchange(m.opt, &comm), OPTIM_ERR_CLOSED, "OPTIM_EXCHANGE");
    CHECK_STATUS(steps(&m, 0, 2), OPTIM_EXCHANGE);
    assert_int_equal(optim_steps(m.opt), 1);
    memcpy(before, m.x, sizeof before);
    broken = comm;
    broken.gather = NULL;
    CHECK_REFUSED(optim_exchange(m.opt, &broken), OPTIM_ERR_ARGUMENT, "gather");
    CHECK_REFUSED(optim_step(m.opt), OPTIM_ERR_OPEN, "diloco");
    CHECK_REFUSED(optim_set_comm(m.opt, &comm), OPTIM_ERR_OPEN, "request");
    CHECK_REFUSED(optim_serialize(m.opt, NULL, 0, &size), OPTIM_ERR_OPEN, "request");
    optim_request request = {.size = sizeof request};
    CHECK_OK(optim_request_info(m.opt, &request));
    assert_int_equal(request.kind, OPTIM_EXCHANGE);
    assert_false(request.needs_loss);
    assert_memory_equal(before, m.x, sizeof before);
    CHECK_OK(optim_exchange(m.opt, &comm));
    assert_int_equal(optim_steps(m.opt), 2);
    assert_true(memcmp(before, m.x, sizeof before) != 0);
    optim_destroy(m.opt);
    optim_comm_release(&comm);
    optim_team_destroy(team);
}

/* Cancelled, the step stands as the inner method has taken it, and the next one asks again. */
static void a_cancelled_exchange_is_due_again(void **state) {
    optim_team_t *team;
    optim_comm comm;
    model_t m, alone;
    (void)state;
    CHECK_OK(optim_team_create(&team, 1));
    CHECK_OK(optim_comm_team(&comm, team, 0));
    CHECK_OK(model_open(&m, "adamw@diloco(period=2)", NULL, NULL));
    CHECK_OK(model_open(&alone, "adamw", NULL, NULL));
    CHECK_STATUS(steps(&m, 0, 2), OPTIM_EXCHANGE);
    CHECK_OK(optim_cancel(m.opt));
    CHECK_OK(steps(&alone, 0, 2));
    assert_int_equal(optim_steps(m.opt), 2);
    assert_memory_equal(m.x, alone.x, sizeof m.x);
    CHECK_REFUSED(optim_cancel(m.opt), OPTIM_ERR_CLOSED, "no request");
    CHECK_STATUS(steps(&m, 0, 1), OPTIM_EXCHANGE);
    CHECK_OK(steps(&alone, 0, 1));
    assert_memory_equal(m.x, alone.x, sizeof m.x);
    CHECK_OK(optim_exchange(m.opt, &comm));
    for (int i = 0; i < N; ++i) /* delta + 0.9 b, b = delta */
        CHECK_CLOSE(m.x[i], start(i) - 0.7 * 1.9 * (start(i) - alone.x[i]), 1e-15);
    CHECK_OK(steps(&m, 0, 1));
    CHECK_STATUS(steps(&m, 0, 1), OPTIM_EXCHANGE);
    optim_destroy(m.opt);
    optim_destroy(alone.opt);
    optim_comm_release(&comm);
    optim_team_destroy(team);
}

/* The ranks differ in options or in where they began; all say so, and go on by themselves. */
static void differ(const optim_comm *comm, void *context) {
    job_t *job = context;
    rank_t *rank = &job->rank[comm->rank];
    model_t m;
    const int options = strcmp(job->options, "options") == 0;
    optim_status status = model_open(
        &m, options && comm->rank == 1 ? "adamw@diloco(period=2,outer_lr=1)" : "adamw@diloco(period=2)", NULL, comm);
    m.x[0] += !options && comm->rank == 1;
    if (status == OPTIM_OK)
        status = steps(&m, comm->rank, 2);
    note(rank, status);
    if (optim_cancel(m.opt) == OPTIM_OK)
        rank->steps = optim_steps(m.opt);
    optim_destroy(m.opt);
}

static void differences_are_told(void **state) {
    static job_t job;
    static const char *WHAT[] = {"options", "begins with other parameters"};
    (void)state;
    for (int k = 0; k < 2; ++k) {
        job.options = WHAT[k];
        team_run(3, 60, differ, &job);
        for (int r = 0; r < 3; ++r) {
            assert_int_equal(job.rank[r].status, OPTIM_ERR_COMM);
            assert_non_null(strstr(job.rank[r].error, "rank 1"));
            assert_non_null(strstr(job.rank[r].error, WHAT[k]));
            assert_int_equal(job.rank[r].steps, 2);
        }
    }
}

/* Rank 2 leaves before the exchange. The others hear of it, and exchange without it. */
typedef struct leaving {
    optim_team_t *without;
    rank_t rank[3];
} leaving_t;

static void leave(const optim_comm *comm, void *context) {
    leaving_t *l = context;
    rank_t *rank = &l->rank[comm->rank];
    model_t m;
    optim_comm two = {0};
    optim_status status = model_open(&m, "adamw@diloco(period=2)", NULL, comm);
    if (status == OPTIM_OK)
        status = steps(&m, comm->rank, comm->rank == 2 ? 1 : 2);
    note(rank, status);
    if (comm->rank < 2) {
        memcpy(rank->x[0], m.x, sizeof m.x);
        const optim_status again = optim_step(m.opt); /* is refused before it waits */
        status = optim_comm_team(&two, l->without, comm->rank);
        if (status == OPTIM_OK && again == OPTIM_ERR_COMM && memcmp(rank->x[0], m.x, sizeof m.x) == 0)
            status = optim_exchange(m.opt, &two);
        memcpy(rank->x[1], m.x, sizeof m.x);
        rank->steps = status == OPTIM_OK ? optim_steps(m.opt) : -1;
    }
    optim_comm_release(&two);
    optim_destroy(m.opt);
}

static void a_rank_that_leaves_ends_no_training(void **state) {
    static leaving_t l;
    (void)state;
    CHECK_OK(optim_team_create(&l.without, 2));
    team_run(3, 0.2, leave, &l);
    optim_team_destroy(l.without);
    CHECK_OK(l.rank[2].status);
    for (int r = 0; r < 2; ++r) {
        assert_int_equal(l.rank[r].status, OPTIM_ERR_COMM);
        assert_int_equal(l.rank[r].steps, 2);
    }
    assert_memory_equal(l.rank[0].x[1], l.rank[1].x[1], sizeof l.rank[0].x[1]);
    for (int i = 0; i < N; ++i) {
        const double delta = start(i) - (l.rank[0].x[0][i] + l.rank[1].x[0][i]) / 2;
        CHECK_CLOSE(l.rank[0].x[1][i], start(i) - 0.7 * 1.9 * delta, 1e-15);
    }
}

/* ---- What cannot be had together ---- */

static int no_loss(void *user, const optim_request *request, double *loss) {
    (void)user;
    (void)request;
    *loss = 0;
    return 0;
}

static void what_cannot_meet_is_refused(void **state) {
    optim_team_t *team;
    optim_comm comm;
    model_t m;
    double update[N];
    const optim_problem problem = {.size = sizeof problem, .gradient = no_loss};
    const optim_stop stop = {.size = sizeof stop, .steps = 1};
    (void)state;
    CHECK_OK(optim_team_create(&team, 2));
    CHECK_OK(optim_comm_team(&comm, team, 0));
    CHECK_OK(model_open(&m, "adamw@diloco", NULL, NULL));
    CHECK_REFUSED(optim_minimize(m.opt, &problem, &stop, NULL), OPTIM_ERR_MISMATCH, "diloco");
    CHECK_REFUSED(optim_step_begin(m.opt), OPTIM_ERR_MISMATCH, "diloco");
    CHECK_REFUSED(optim_update(m.opt, (void *[]){update}, 1), OPTIM_ERR_MISMATCH, "diloco");
    optim_destroy(m.opt);
    CHECK_OK(model_open(&m, "adamw@diloco@picard", NULL, NULL));
    CHECK_REFUSED(optim_step(m.opt), OPTIM_ERR_MISMATCH, "diloco");
    optim_destroy(m.opt);
    CHECK_OK(model_open(&m, "adamw@diloco", "replicas=mean,shard=1", &comm));
    CHECK_REFUSED(optim_prepare(m.opt), OPTIM_ERR_MISMATCH, "diloco");
    optim_destroy(m.opt);
    optim_comm_release(&comm);
    optim_team_destroy(team);
}

/* Memory for what ranks exchange is told and taken before the first step. */
static void memory_is_told(void **state) {
    optim_team_t *team;
    optim_comm comm;
    model_t m;
    size_t alone, many, after;
    (void)state;
    CHECK_OK(optim_team_create(&team, 2));
    CHECK_OK(optim_comm_team(&comm, team, 0));
    CHECK_OK(model_open(&m, "adamw@diloco", NULL, NULL));
    CHECK_OK(optim_memory(m.opt, NULL, &alone));
    CHECK_OK(optim_set_comm(m.opt, &comm));
    CHECK_OK(optim_memory(m.opt, NULL, &many));
    assert_true(many > alone);
    CHECK_OK(optim_prepare(m.opt));
    CHECK_OK(optim_memory(m.opt, NULL, &after));
    assert_true(after == many);
    optim_destroy(m.opt);
    optim_comm_release(&comm);
    optim_team_destroy(team);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(diloco_is_that_of_the_server),
        cmocka_unit_test(noloco_is_that_of_the_server),
        cmocka_unit_test(an_odd_rank_is_left_over),
        cmocka_unit_test(ranks_meet_only_then),
        cmocka_unit_test(local_sgd_takes_the_mean),
        cmocka_unit_test(bytes_are_those_of_a_ring_once_in_a_period),
        cmocka_unit_test(wrappers_outside_see_the_outer_step),
        cmocka_unit_test(checkpoints_go_on_with_the_same_bits),
        cmocka_unit_test(calls_out_of_order_are_refused),
        cmocka_unit_test(a_cancelled_exchange_is_due_again),
        cmocka_unit_test(differences_are_told),
        cmocka_unit_test(a_rank_that_leaves_ends_no_training),
        cmocka_unit_test(what_cannot_meet_is_refused),
        cmocka_unit_test(memory_is_told),
    };
    return cmocka_run_group_tests_name("exchanges", tests, NULL, NULL);
}
