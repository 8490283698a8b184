/*
 * libgradopt: servers, which many clients hand their work in to.
 *
 * A rule turns the vectors that clients hand in into the vector that they start from: federated averaging and its
 * relatives, replicas that exchange now and then, workers some of which are late. The order of calls in a round:
 *
 *     optim_server_select(server, who, room, &count);              who takes part
 *     for each client c of those:
 *         optim_server_begin(server, c, data);                     where it starts
 *         for optim_server_get(server, c, "steps") times:
 *             the gradient at data into grad;
 *             optim_server_local(server, c, data, grad);           what the rule adds to it
 *             optim_step(local);                                   any optimizer
 *         optim_server_end(server, c, data, steps);                what it hands in
 *     optim_server_commit(server);                                 the server's vector moves
 *
 * Clients may begin and hand in in any order, in any process, over any transport: sums run over ascending client
 * numbers at commit, so that the order of arrival changes no bit. docs/servers.md tells more.
 *
 * Experimental: what this header declares may change in any version. Errors are told as in optim.h; a call that fails
 * changes nothing; different servers may be used from different threads.
 */
#ifndef OPTIM_FEDERATED_H
#define OPTIM_FEDERATED_H

#include "optim.h"

#ifdef __cplusplus
extern "C" {
#endif
#if defined(OPTIM_BUILD) && defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* ---- What there is ---- */

/* The kind of a rule for optim_describe, ..._option and ..._state, where a state's `shape` is "server's vector",
 * "client's vector", or "server", "client" (numbers); vectors are doubles, whatever the parameters are. */
enum { OPTIM_RULE = 6 };

size_t optim_rule_count(void);
const char *optim_rule_name(size_t i); /* NULL past the end */

/* ---- Servers ---- */

typedef struct optim_server optim_server_t; /* opaque */

/*
 * Makes a server that goes by `rule` (a name of optim_rule_name) with `options`, "key=value,..." or NULL;
 * optim_describe with OPTIM_RULE tells them. *out is NULL on error. Errors: NULL, NAME, OPTION, VALUE, DUPLICATE,
 * MISMATCH (a rule that has functions of its own instead), NOMEM.
 */
optim_status optim_server_create(optim_server_t **out, const char *rule, const char *options);
void optim_server_destroy(optim_server_t *server); /* NULL is fine */

/*
 * Adds a parameter, `data` being where the server's vector stands: borrowed, written by optim_server_commit alone.
 * Names as in optim_add_param. Before the first select, begin or end. Errors: NULL, ARGUMENT, SHAPE, DUPLICATE, SIZE,
 * ORDER, NOMEM.
 */
optim_status optim_server_add_param(optim_server_t *server, const char *name, optim_dtype dtype, int ndim,
                                    const int64_t *dims, void *data);

/* The buffer of parameter `param` has moved. Errors: NULL, ARGUMENT. */
optim_status optim_server_bind(optim_server_t *server, int param, void *data);

/*
 * There are `count` (1 to 2^40) clients, numbered from 0. Memory is taken for those that the server has met alone, but
 * for rules that keep something of everyone. Before the first select, begin or end. Errors: NULL, ARGUMENT, ORDER.
 */
optim_status optim_server_set_clients(optim_server_t *server, int64_t count);

/*
 * Numbers of all clients, which are copied: "size" (samples, > 0), "probability" (of taking part, 0 to 1), "time" (for
 * its local steps, > 0), "norm" (>= 0; of the last gradient), and of those that hand in in this round "arrival" (>= 0;
 * how long after the round's beginning) and "loss" (where it began). `count` must be the number of clients. Checkpoints
 * do not keep them. Errors: NULL, NAME, ARGUMENT, ORDER (clients not told; "time" after the first use), SIZE, NOMEM.
 */
optim_status optim_server_set_numbers(optim_server_t *server, const char *name, const double *values, int64_t count);

/*
 * Lends a matrix of a client's that the rule itself trains on (its page names them): row-major, borrowed. data == NULL
 * takes it back. Errors: NULL, ARGUMENT, NAME, SHAPE, NOMEM.
 */
optim_status optim_server_set_input(optim_server_t *server, int64_t client, const char *name, optim_dtype dtype,
                                    int64_t rows, int64_t columns, const void *data);

/* An option's value from now on. Errors: NULL, OPTION, VALUE. */
optim_status optim_server_set(optim_server_t *server, const char *key, double value);

/* ---- A round ---- */

/*
 * Who takes part in this round: *count clients, ascending. `clients` may be NULL; otherwise `room` must suffice
 * (ARGUMENT). Drawn by the first call of a round; later ones say the same. Whoever chooses clients otherwise need not
 * call it. Errors: NULL, ARGUMENT, ORDER (something was not told), NOMEM, SIZE, VALUE.
 */
optim_status optim_server_select(optim_server_t *server, int64_t *clients, size_t room, size_t *count);

/*
 * Client `client` starts: writes where into data[0..parameters), buffers as those of the parameters. data NULL: for
 * those who read it with optim_server_state, as "start". A client that begins anew forgets what it had begun. Errors:
 * NULL, ARGUMENT (no such client), ORDER (something was not told), NOMEM.
 */
optim_status optim_server_begin(optim_server_t *server, int64_t client, void *const *data);

/*
 * What the rule changes about a local step, between the client's gradient at `data` and its optimizer's step. OPTIM_OK:
 * the gradient is ready for the step. OPTIM_EVAL_GRAD: the rule has moved `data`; evaluate there, into `grad`, and call
 * again. Rules that leave local steps alone return OPTIM_OK with nothing changed. Errors: NULL, ORDER (it has not
 * begun).
 */
optim_status optim_server_local(optim_server_t *server, int64_t client, void *const *data, void *const *grad);

/*
 * The client hands in `data` (what its rule's page says: as a rule its parameters) after `steps` local steps of its
 * own. A vector that is not finite is left out and counted ("skipped"); the call returns OPTIM_OK, and the client may
 * begin again. Errors: NULL, ARGUMENT, ORDER (it has not begun in this round, or has handed in), NOMEM.
 */
optim_status optim_server_end(optim_server_t *server, int64_t client, const void *const *data, int64_t steps);

/*
 * Ends the round: the server's vector moves by what was handed in. If that is nothing, it stays as it is. Clients of
 * this round that have not handed in must begin again, except where the rule lets them go on (its page says so).
 * Errors: NULL, ORDER (no parameters; something was not told), NOMEM.
 */
optim_status optim_server_commit(optim_server_t *server);

/* A number in [0, 1) of the server's stream, for whoever simulates clients and wants all of it to follow from one seed.
 * Errors: NULL. */
optim_status optim_server_uniform(optim_server_t *server, double *value);

/* ---- What it knows ---- */

/*
 * A number by name. Of the server (client -1): options, "round" (commits so far), "version" (changes of the vector so
 * far), "skipped", "met" (clients), and what the rule keeps. Of a client: "rate" and "steps" of its local training,
 * "version" at which it began, "begun" and "handed_in" (0 or 1), and what the rule keeps. Errors: NULL, ARGUMENT,
 * OPTION.
 */
optim_status optim_server_get(const optim_server_t *server, int64_t client, const char *name, double *value);

/*
 * A vector by name, its part of parameter `param`, in that parameter's dtype. Of the server (client -1) what the rule
 * keeps; of a client that too, and "start" and "result" from begin to commit. A client that was never met has what it
 * would begin with. Errors: NULL, ARGUMENT, OPTION, ORDER (not there now), NOMEM.
 */
optim_status optim_server_state(const optim_server_t *server, int64_t client, const char *name, int param,
                                void *values);

/*
 * Checkpoints, as of optimizers: at any moment, in the middle of a round too; the parameters are the caller's. Loading
 * wants a server of the same rule with the same parameters by name; options are the checkpoint's afterwards; all or
 * nothing. Errors: those of optim_save and optim_load.
 */
optim_status optim_server_save(const optim_server_t *server, const char *path);
optim_status optim_server_load(optim_server_t *server, const char *path);
optim_status optim_server_serialize(const optim_server_t *server, void *buffer, size_t room, size_t *size);
optim_status optim_server_deserialize(optim_server_t *server, const void *buffer, size_t size);

/* ---- Coded gradients: what late workers have to do is done by others too ---- */

/*
 * Worker i of n computes sums over parts of the data with weights (optim_coding_weights); from the sums of some of them
 * follows that of all parts (optim_coding_decode). In every round: each worker's tasks; who was late; what can be
 * decoded.
 */
typedef struct optim_coding optim_coding_t; /* opaque */

/* `rule`: "gradient_coding" or "sequential_gradient_coding". Errors: NULL, NAME, OPTION, VALUE, DUPLICATE, MISMATCH,
 * NOMEM. */
optim_status optim_coding_create(optim_coding_t **out, const char *rule, const char *options);
void optim_coding_destroy(optim_coding_t *coding); /* NULL is fine */

/* The n weights with which a worker sums the gradients of the n parts that are coded. Errors: NULL, ARGUMENT, MISMATCH
 * (nothing is coded). */
optim_status optim_coding_weights(const optim_coding_t *coding, int64_t worker, double *weights);

/* The weights with which the sums of `count` workers, ascending, give that of all parts; count must be n less the late
 * workers that the code stands ("tolerated"). Errors: NULL, ARGUMENT, MISMATCH, VALUE (the code is ill-conditioned). */
optim_status optim_coding_decode(const optim_coding_t *coding, const int64_t *workers, size_t count, double *weights);

/*
 * The tasks of a worker in this round, *count of them, each an entry of the arrays (NULL: not wanted): the job, -1 for
 * nothing to do; its part, 1: piece `index` of the worker's own, plain, 2: the coded sum of group `index`.
 * Errors: NULL, ARGUMENT (worker, room).
 */
optim_status optim_coding_tasks(const optim_coding_t *coding, int64_t worker, int64_t *jobs, int64_t *parts,
                                int64_t *indices, size_t room, size_t *count);

/* Ends the round, given who is late, or how long each worker took. *wait (may be NULL) becomes 1 if all must be waited
 * for: then nobody is late. Errors: NULL, ARGUMENT, ORDER (all rounds have been). */
optim_status optim_coding_late(optim_coding_t *coding, const int64_t *workers, size_t count, int *wait);
optim_status optim_coding_times(optim_coding_t *coding, const double *times, size_t count, int *wait);

/*
 * Job number `i` = 0, 1, ... of those that can be decoded since the last round: *job, and from whose sums, group by
 * group, *count workers in all; `workers` may be NULL, otherwise `room` must suffice. Errors: NULL, ARGUMENT.
 */
optim_status optim_coding_decoded(const optim_coding_t *coding, size_t i, int64_t *job, int64_t *workers, size_t room,
                                  size_t *count);

/* Options, "load" (share of the data that a worker computes a round), "rounds" (0: no end), "round", "tolerated",
 * "groups" of a job, and of the last round "decoded", "wait", "duration". Errors: NULL, OPTION. */
optim_status optim_coding_get(const optim_coding_t *coding, const char *name, double *value);

/* Where it stands, between two rounds, to memory and back into one with the same options; buffer NULL: only how many
 * bytes. Errors: NULL, ARGUMENT (room), FORMAT, CHECKPOINT (another rule or other options), NOMEM. */
optim_status optim_coding_serialize(const optim_coding_t *coding, void *buffer, size_t room, size_t *size);
optim_status optim_coding_deserialize(optim_coding_t *coding, const void *buffer, size_t size);

#if defined(OPTIM_BUILD) && defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
