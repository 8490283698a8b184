/* The server's random stream, who takes part, and sums over clients in ascending order. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/option.h"
#include "federated/server.h"
#include "kernels/random.h"

static uint64_t seed_of(const server_t *s) {
    const int row = option_find(s->rule->options, "seed", 4);
    return row < 0 ? 1 : (uint64_t)s->option[row];
}

double server_uniform(server_t *s) {
    return random_uniform(seed_of(s), ++s->draws);
}

int64_t server_index(server_t *s, int64_t n) {
    const int64_t drawn = (int64_t)((double)n * server_uniform(s));
    return drawn < n ? drawn : n - 1;
}

void server_permutation(server_t *s, int64_t n, int64_t *order) {
    for (int64_t i = 0; i < n; ++i)
        order[i] = i;
    for (int64_t i = n - 1; i > 0; --i) {
        const int64_t j = server_index(s, i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

int server_by_id(const void *a, const void *b) {
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

void server_subset(server_t *s, int64_t n, int64_t count, int64_t *order) {
    server_permutation(s, n, order);
    qsort(order, (size_t)count, sizeof *order, server_by_id);
}

/* ---- Who takes part ---- */

optim_status server_need_clients(server_t *s) {
    return s->clients > 0 ? OPTIM_OK
                          : error_set(OPTIM_ERR_ORDER,
                                      "rule %s must know how many clients there are: "
                                      "optim_server_set_clients first",
                                      s->rule->name);
}

optim_status server_need_at_least(server_t *s, int64_t least, const char *what) {
    const optim_status status = server_need_clients(s);
    if (status == OPTIM_OK && s->clients < least)
        return error_set(OPTIM_ERR_VALUE, "rule %s wants %s", s->rule->name, what);
    return status;
}

static const char *const NUMBERS[] = {[SIZE_OF] = "size", [PROBABILITY_OF] = "probability", [TIME_OF] = "time",
                                      [NORM_OF] = "norm", [ARRIVAL_OF] = "arrival",         [LOSS_OF] = "loss"};

optim_status server_need_numbers(server_t *s, int which) {
    const optim_status status = server_need_clients(s);
    if (status != OPTIM_OK || s->told[which] != NULL)
        return status;
    return error_set(OPTIM_ERR_ORDER, "rule %s must know the %s of every client: optim_server_set_numbers first",
                     s->rule->name, NUMBERS[which]);
}

double server_told(const server_t *s, int which, int64_t client, double otherwise) {
    return s->told[which] == NULL || client >= s->clients ? otherwise : s->told[which][client];
}

optim_status participate(server_t *s, participation_t how, int64_t *chosen, size_t *count) {
    const int kind = (int)how.kind;
    optim_status status = kind == BERNOULLI_TAKE_PART ? server_need_numbers(s, PROBABILITY_OF) : server_need_clients(s);
    if (status == OPTIM_OK && kind == RANDOM_TAKE_PART && how.s > (double)s->clients)
        status = error_set(OPTIM_ERR_VALUE, "option \"s\" is %g, but there are %" PRId64 " clients", how.s, s->clients);
    if (status != OPTIM_OK)
        return status;
    *count = 0;
    if (kind == RANDOM_TAKE_PART) {
        *count = (size_t)how.s;
        server_subset(s, s->clients, (int64_t)how.s, chosen);
        return OPTIM_OK;
    }
    for (int64_t c = 0; c < s->clients; ++c) {
        const int64_t groups = (int64_t)how.groups;
        if (kind == ALL_TAKE_PART || (kind == CYCLIC_TAKE_PART && c % groups == s->round % groups) ||
            (kind == BERNOULLI_TAKE_PART && server_uniform(s) < s->told[PROBABILITY_OF][c]))
            chosen[(*count)++] = c;
    }
    return OPTIM_OK;
}

/* ---- Sums ---- */

size_t server_handed_in_count(const server_t *s) {
    size_t count = 0;
    for (size_t i = 0; i < s->count; ++i)
        count += server_handed_in(s, i) != NULL;
    return count;
}

void server_weigh(server_t *s, bool by_size) {
    double total = 0;
    for (size_t i = 0; i < s->count; ++i) {
        client_t *c = server_handed_in(s, i);
        if (c == NULL)
            continue;
        c->weight = by_size ? server_told(s, SIZE_OF, c->id, 1) : 1;
        total += c->weight;
    }
    for (size_t i = 0; i < s->count; ++i)
        if (server_handed_in(s, i) != NULL)
            s->client[i]->weight /= total;
}

void server_mean_move(server_t *s, double *sum) {
    memset(sum, 0, s->d * sizeof *sum);
    for (size_t i = 0; i < s->count; ++i) {
        const client_t *c = server_handed_in(s, i);
        for (size_t j = 0; c != NULL && j < s->d; ++j)
            sum[j] += c->weight * (c->result[j] - c->start[j]);
    }
}

void server_mean(server_t *s, double *mean) {
    memset(mean, 0, s->d * sizeof *mean);
    for (size_t i = 0; i < s->count; ++i) {
        const client_t *c = server_handed_in(s, i);
        for (size_t j = 0; c != NULL && j < s->d; ++j)
            mean[j] += c->weight * c->result[j];
    }
}
