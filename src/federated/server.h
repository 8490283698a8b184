/*
 * A server: the rule's numbers and vectors, and those of every client that it has met. All are doubles, one vector
 * being all parameters in a row, whatever the parameters' dtype; the parameters themselves are the caller's.
 */
#ifndef FEDERATED_SERVER_H
#define FEDERATED_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "optim/federated.h"
#include "optimizer/rule.h"

enum { SERVER_ROWS = 12, SERVER_OPTIONS = 24 };

/* Numbers of every client that the caller tells (optim_server_set_numbers). */
enum { SIZE_OF, PROBABILITY_OF, TIME_OF, NORM_OF, ARRIVAL_OF, LOSS_OF, SERVER_NUMBERS };

typedef enum stage { CLIENT_IDLE, CLIENT_BEGUN, CLIENT_ENDED } stage_t;

typedef struct client {
    int64_t id, version; /* version: the server's when it began */
    int64_t steps;       /* that it made, as it says with what it hands in */
    int64_t local;       /* calls of optim_server_local that made a gradient ready, since it began */
    stage_t stage;
    bool asked;             /* `local` waits for a gradient */
    double *start, *result; /* what it was handed, what it handed in: from begin to commit */
    double weight;          /* scratch of a commit */
    double *vector[SERVER_ROWS], number[SERVER_ROWS];
} client_t;

typedef struct server_param {
    char *name;
    optim_dtype dtype;
    int ndim;
    int64_t *dims;
    size_t count, first; /* elements; position of the first one in vectors */
    void *data;
} server_param_t;

/* A matrix that a client's training reads. */
typedef struct server_matrix {
    int64_t client;
    char *name;
    optim_dtype dtype;
    int64_t dims[2];
    const void *data;
} server_matrix_t;

typedef struct optim_server {
    const rule_t *rule;

    /* ---- Told by the caller ---- */
    size_t param_count;
    server_param_t *param;
    size_t d;                     /* elements of all */
    int64_t clients;              /* C; 0: not told */
    double *told[SERVER_NUMBERS]; /* [clients], or NULL */
    size_t matrix_count;
    server_matrix_t *matrix;

    /* ---- From first use on ---- */
    bool opened;
    double *w, *sum, *y, *g; /* scratch of d doubles: the parameters, and for rules to use */
    void *memory;            /* a rule's own, made by `ready` from what the caller told; or NULL */

    /* ---- What a checkpoint keeps ---- */
    double option[SERVER_OPTIONS];
    int64_t round, version, skipped; /* commits; changes of w; vectors that were not finite */
    uint64_t draws;
    bool has_selection; /* of this round */
    size_t selected;
    int64_t *selection;
    double *vector[SERVER_ROWS], number[SERVER_ROWS];
    size_t count;
    client_t **client; /* all that it has met, by ascending id */
    size_t room;       /* of that array */
} server_t;

/* ---- For rules ---- */

/* Client number `i` of those met if it has handed in for this commit, else NULL. */
static inline client_t *server_handed_in(const server_t *s, size_t i) {
    return s->client[i]->stage == CLIENT_ENDED ? s->client[i] : NULL;
}
size_t server_handed_in_count(const server_t *s);

/* The client, or NULL if the server has not met it. */
client_t *server_client(const server_t *s, int64_t id);

/* Sets `weight` of all who handed in: equal shares of 1, or shares by size. */
void server_weigh(server_t *s, bool by_size);
/* sum <- sum over who handed in of weight (result - start of w), ascending in id. */
void server_mean_move(server_t *s, double *sum);
/* mean <- the mean of what was handed in, by weight. */
void server_mean(server_t *s, double *mean);

/* OPTIM_OK if the caller told the number of clients, and these numbers of theirs. */
optim_status server_need_clients(server_t *s);
/* That there are at least `least`; `what` the rule wants, for the sentence. Error: VALUE too. */
optim_status server_need_at_least(server_t *s, int64_t least, const char *what);
optim_status server_need_numbers(server_t *s, int which);
double server_told(const server_t *s, int which, int64_t client, double otherwise);

/* The matrix of that name of a client's, or NULL. */
const server_matrix_t *server_matrix(const server_t *s, int64_t client, const char *name);

/* Draws from the server's stream. */
double server_uniform(server_t *s);
int64_t server_index(server_t *s, int64_t n);
/* The first `count` of a permutation of n stand in order[0..count) afterwards, ascending; order has room for n. */
void server_permutation(server_t *s, int64_t n, int64_t *order);
/* For qsort and bsearch of ids. */
int server_by_id(const void *a, const void *b);
void server_subset(server_t *s, int64_t n, int64_t count, int64_t *order);

static inline double vector_dot(size_t n, const double *a, const double *b) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += a[i] * b[i];
    return sum;
}

#define SEED_ROW                                                                                                       \
    { "seed", 1, "integer [0,9007199254740992]", "of the server's random stream", .decides_memory = true }
#define LR_LOCAL_ROW                                                                                                   \
    { "lr", 0.05, "[0,inf)", "rate of the clients' steps" }
#define LOCAL_STEPS_ROW(count)                                                                                         \
    { "local_steps", count, "integer [1,inf)", "steps of a client between two contacts" }
#define SERVER_LR_ROW                                                                                                  \
    { "server_lr", 1, "[0,inf)", "factor on the server's step" }

/* ---- Who takes part ---- */

#define PARTICIPATION_ROW(kind)                                                                                        \
    {                                                                                                                  \
        "participation", kind, "all|random|cyclic|bernoulli",                                                          \
            "who takes part: all, s at random, those with c mod groups = round mod groups, each with its probability"  \
    }
#define S_ROW                                                                                                          \
    { "s", 2, "integer [1,inf)", "clients of a round, with participation=random" }
#define GROUPS_ROW                                                                                                     \
    { "groups", 2, "integer [1,inf)", "with participation=cyclic" }
enum { ALL_TAKE_PART, RANDOM_TAKE_PART, CYCLIC_TAKE_PART, BERNOULLI_TAKE_PART };
typedef struct participation {
    double kind, s, groups;
} participation_t;
optim_status participate(server_t *s, participation_t how, int64_t *chosen, size_t *count);

/* ---- Tables (ledger.c) ---- */

/* Before every use. The first takes scratch and the server's vectors; asks the rule. Changes nothing on an error. */
optim_status server_open(server_t *s);
/* Back to where nothing was taken; options and counters stay. */
void server_close(server_t *s);
/* The client, met now if need be; NULL: no memory, or the id is refused, with the error in *status. */
client_t *server_meet(server_t *s, int64_t id, optim_status *status);
/* The same, with room for start and result. */
client_t *server_begin_with(server_t *s, int64_t id, optim_status *status);
client_t *client_new(const server_t *s, int64_t id);
/* Takes start and result if they are not there. */
bool client_take_vectors(const server_t *s, client_t *c);
void client_release(client_t *c);
void client_free(client_t *c);
bool server_insert(server_t *s, client_t *c);
/* Frees what a checkpoint keeps. */
void server_free_kept(server_t *s);
bool server_take_vectors(server_t *s);

bool server_has_row(const server_t *s, size_t row, kept_of_t of, bool is_number);
size_t server_rows(const server_t *s);

void server_read(const server_t *s, void *const *data, double *to);
void server_write(const server_t *s, const double *from, void *const *data);
void server_load_w(server_t *s);
void server_store_w(server_t *s);

/* The server with the caller's buffers in a vector's place: NULL checks. */
optim_status server_refuse_data(const server_t *s, void *const *data, const char *name);

#endif
