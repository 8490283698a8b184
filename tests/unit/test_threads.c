/* Threads: handles side by side, a caller's parallel region, a forked child, the host's settings. */
#include <omp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "optim/optim.h"

enum { N = 200000, STEPS = 5, HANDLES = 4 };

typedef struct job {
    int threads;
    float *p, *g;
    optim_status status;
} job_t;

static void job_make(job_t *job, int threads) {
    *job = (job_t){threads, malloc(N * sizeof(float)), malloc(N * sizeof(float)), OPTIM_OK};
    for (size_t i = 0; i < N; ++i) {
        job->p[i] = 1;
        job->g[i] = (float)(i % 13) - 6;
    }
}

static void job_free(job_t *job) {
    free(job->p);
    free(job->g);
}

static void *job_run(void *argument) {
    job_t *job = argument;
    const int64_t dims[] = {N};
    optim_t *opt = NULL;
    job->status = optim_create(&opt, "adamw", "clip_norm=10");
    if (job->status == OPTIM_OK)
        job->status = optim_set_threads(opt, job->threads);
    if (job->status == OPTIM_OK)
        job->status = optim_add_param(opt, 0, "p", OPTIM_F32, 1, dims, job->p, job->g);
    for (int step = 0; job->status == OPTIM_OK && step < STEPS; ++step)
        job->status = optim_step(opt);
    optim_destroy(opt);
    return NULL;
}

static void assert_same(const job_t *a, const job_t *b) {
    assert_int_equal(a->status, OPTIM_OK);
    assert_int_equal(b->status, OPTIM_OK);
    assert_memory_equal(a->p, b->p, N * sizeof(float));
}

static void handles_step_side_by_side(void **state) {
    job_t alone, job[HANDLES];
    pthread_t thread[HANDLES];
    (void)state;
    job_make(&alone, 1);
    (void)job_run(&alone);
    for (int i = 0; i < HANDLES; ++i) {
        job_make(&job[i], 1 + i % 3);
        assert_int_equal(pthread_create(&thread[i], NULL, job_run, &job[i]), 0);
    }
    for (int i = 0; i < HANDLES; ++i) {
        assert_int_equal(pthread_join(thread[i], NULL), 0);
        assert_same(&job[i], &alone);
        job_free(&job[i]);
    }
    job_free(&alone);
}

static void inside_a_parallel_region(void **state) {
    job_t alone, job[2];
    (void)state;
    job_make(&alone, 1);
    (void)job_run(&alone);
    for (int i = 0; i < 2; ++i)
        job_make(&job[i], 4);
#pragma omp parallel for num_threads(2)
    for (int i = 0; i < 2; ++i)
        (void)job_run(&job[i]);
    for (int i = 0; i < 2; ++i) {
        assert_same(&job[i], &alone);
        job_free(&job[i]);
    }
    job_free(&alone);
}

/* Whether a child of this process finds what it does good; one that waits for threads it does not have is ended. */
static bool child_succeeds(bool (*work)(void *), void *argument) {
    int status = 0;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)alarm(120);
        _exit(work(argument) ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Twins take the same steps, each on parameters of its own. */
typedef struct twin {
    job_t job;
    optim_t *opt;
} twin_t;

static twin_t twin_make(void) {
    twin_t twin;
    const int64_t dims[] = {N};
    job_make(&twin.job, 2);
    assert_int_equal(optim_create(&twin.opt, "adamw", NULL), OPTIM_OK);
    assert_int_equal(optim_set_threads(twin.opt, 2), OPTIM_OK);
    assert_int_equal(optim_add_param(twin.opt, 0, "p", OPTIM_F32, 1, dims, twin.job.p, twin.job.g), OPTIM_OK);
    assert_int_equal(optim_step(twin.opt), OPTIM_OK);
    return twin;
}

static void twin_free(twin_t *twin) {
    optim_destroy(twin->opt);
    job_free(&twin->job);
}

static bool catches_up(void *argument) {
    const twin_t *twin = argument;
    return optim_step(twin[0].opt) == OPTIM_OK && memcmp(twin[0].job.p, twin[1].job.p, N * sizeof(float)) == 0;
}

/* A child has none of its parent's threads: a handle made before the fork must go on without them, to the same bits. */
static void after_a_fork(void **state) {
    twin_t twin[2] = {twin_make(), twin_make()};
    (void)state;
    assert_int_equal(optim_step(twin[1].opt), OPTIM_OK);
    assert_true(child_succeeds(catches_up, twin));
    assert_int_equal(optim_step(twin[0].opt), OPTIM_OK); /* the parent has threads as before */
    assert_same(&twin[0].job, &twin[1].job);
    twin_free(&twin[0]);
    twin_free(&twin[1]);
}

static bool runs_like(void *argument) {
    const job_t *alone = argument;
    job_t job;
    job_make(&job, 2);
    (void)job_run(&job);
    return job.status == OPTIM_OK && memcmp(job.p, alone->p, N * sizeof *job.p) == 0;
}

static bool grandchild_runs_like(void *argument) {
    return child_succeeds(runs_like, argument);
}

/* So must a handle that the child makes: the parent has run parallel regions (here, and in the tests before). */
static void a_handle_of_a_childs_own(void **state) {
    job_t alone, job;
    (void)state;
    job_make(&alone, 1);
    (void)job_run(&alone);
    job_make(&job, 2);
    (void)job_run(&job);
    assert_true(child_succeeds(runs_like, &alone));
    assert_true(child_succeeds(grandchild_runs_like, &alone));
    job_free(&alone);
    job_free(&job);
}

static void the_hosts_thread_count_stays(void **state) {
    const int before = omp_get_max_threads();
    job_t job;
    (void)state;
    job_make(&job, 3);
    (void)job_run(&job);
    assert_int_equal(omp_get_max_threads(), before); /* the host's setting is its own */
    job_free(&job);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handles_step_side_by_side),
        cmocka_unit_test(inside_a_parallel_region),
        cmocka_unit_test(after_a_fork),
        cmocka_unit_test(a_handle_of_a_childs_own),
        cmocka_unit_test(the_hosts_thread_count_stays),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
