#include "ranks.h"

#include <stdio.h>
#include <string.h>

#include "check.h"

optim_status model_open(model_t *m, const job_t *job, const optim_comm *comm) {
    static const char *const NAMES[TENSORS] = {"a", "b", "c", "d"};
    optim_status status = optim_create(&m->opt, job->method, job->options);
    if (status == OPTIM_OK && job->wrap != NULL)
        status = optim_wrap(m->opt, job->wrap, NULL);
    for (int i = 0; i < TENSORS; ++i) {
        for (int k = 0; k < N; ++k)
            m->x[i][k] = (float)(1 + (i + k) % 5) / 4;
        if (status == OPTIM_OK)
            status = optim_add_param(m->opt, 0, NAMES[i], OPTIM_F32, 2, (int64_t[]){6, 6}, m->x[i], m->g[i]);
    }
    return status == OPTIM_OK ? optim_set_comm(m->opt, comm) : status;
}

void model_evaluate(model_t *m) {
    for (int i = 0; i < TENSORS; ++i)
        for (int k = 0; k < N; ++k)
            m->g[i][k] = m->x[i][k] * (float)(1 + i) - (float)(k % 4) / 3;
}

optim_status model_step(model_t *m) {
    optim_status status;
    do {
        model_evaluate(m);
        status = optim_step(m->opt);
    } while (status > 0);
    return status;
}

void rank_note(rank_t *rank, model_t *m, optim_status status) {
    rank->status = status;
    (void)snprintf(rank->error, sizeof rank->error, "%s", status == OPTIM_OK ? "" : optim_error());
    memcpy(rank->x, m->x, sizeof rank->x);
    rank->steps = optim_steps(m->opt);
    (void)optim_get(m->opt, 0, "bytes_sent", &rank->bytes);
    (void)optim_memory(m->opt, &rank->state, NULL);
}

void job_check(const job_t *job, int ranks) {
    for (int r = 0; r < ranks; ++r) {
        if (job->rank[r].status != OPTIM_OK)
            fail_msg("rank %d of %d: %s", r, ranks, job->rank[r].error);
        assert_memory_equal(job->rank[r].x, job->rank[0].x, sizeof job->rank[r].x);
    }
}
