/* A model of four tensors that several ranks train, and what the ranks found. */
#ifndef COMM_RANKS_H
#define COMM_RANKS_H

#include "optim/comm.h"
#include "team.h"

enum { TENSORS = 4, N = 36 };

typedef struct rank {
    optim_status status;
    char error[500];
    float x[TENSORS][N];
    double bytes;
    size_t state;
    int64_t steps;
} rank_t;

typedef struct job {
    const char *method, *options, *wrap, *path;
    int steps;
    rank_t rank[TEAM_RANKS];
} job_t;

typedef struct model {
    optim_t *opt;
    float x[TENSORS][N], g[TENSORS][N];
} model_t;

/* With the communicator (NULL: alone); what was made so far is to be destroyed, even after an error. */
optim_status model_open(model_t *m, const job_t *job, const optim_comm *comm);
/* The same gradients on every rank. */
void model_evaluate(model_t *m);
optim_status model_step(model_t *m);

/* What has become of a rank. */
void rank_note(rank_t *rank, model_t *m, optim_status status);
/* All ended well, with the same parameters. */
void job_check(const job_t *job, int ranks);

#endif
