/* Rules that keep a vector of every replica; the server's vector is their mean. */
#ifndef FEDERATED_REPLICAS_H
#define FEDERATED_REPLICAS_H

#include <string.h>

#include "federated/server.h"

/* A replica that is met begins where the server stands. */
static inline void replica_begin_at_server(const server_t *s, double *x) {
    if (s->w != NULL)
        memcpy(x, s->w, s->d * sizeof *x);
}

/* w <- mean over all replicas of vector `row`, ascending. */
static inline void replicas_mean(server_t *s, size_t row) {
    memset(s->w, 0, s->d * sizeof *s->w);
    for (size_t k = 0; k < s->count; ++k)
        for (size_t i = 0; i < s->d; ++i)
            s->w[i] += s->client[k]->vector[row][i] / (double)s->count;
}

#endif
