/* A handle that is one of several replicas: what it exchanges with the other ranks before a step reads anything. */
#ifndef OPTIMIZER_REPLICAS_H
#define OPTIMIZER_REPLICAS_H

#include "comm/comm.h"

/* What one rank says of itself before ranks exchange anything. */
typedef struct replica {
    int64_t status; /* < 0: it refuses the step */
    int64_t steps, skipped, evaluation;
    uint64_t structure, options, accumulation, parameters; /* digests */
    double loss;
} replica_t;

/* A place in vectors that are exchanged in one form. */
typedef struct place {
    size_t span, offset;
} place_t;

typedef struct replicas {
    optim_comm comm; /* ranks == 0: there is none */
    bool lost;       /* an exchange failed: the ranks may not be where this one is */
    bool compared;   /* all ranks began with the same parameters */
    replica_t *said; /* [ranks] */
    char *send, *receive;
    size_t room;   /* bytes of each */
    place_t *at;   /* [ranks]: how far what each rank has is exchanged */
    double *sums;  /* [1 + ranks][own]: of a reduction; NULL: nothing is sharded */
    size_t own;    /* most doubles of a rank */
} replicas_t;

#endif
