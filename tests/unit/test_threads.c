/* Threads: handles side by side, a caller's parallel region, a forked child, the host's settings. */
#include <omp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
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

/* A child has none of its parent's threads: a handle made before the fork must go on without them. */
static void after_a_fork(void **state) {
    job_t job;
    const int64_t dims[] = {N};
    optim_t *opt;
    int status = 0;
    (void)state;
    job_make(&job, 2);
    assert_int_equal(optim_create(&opt, "adamw", NULL), OPTIM_OK);
    assert_int_equal(optim_set_threads(opt, 2), OPTIM_OK);
    assert_int_equal(optim_add_param(opt, 0, "p", OPTIM_F32, 1, dims, job.p, job.g), OPTIM_OK);
    assert_int_equal(optim_step(opt), OPTIM_OK);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)alarm(120); /* a child that waits for threads it does not have is ended */
        _exit(optim_step(opt) == OPTIM_OK && job.p[0] < 1.01F ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    optim_destroy(opt);
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
        cmocka_unit_test(the_hosts_thread_count_stays),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
