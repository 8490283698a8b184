/*
 * A script is a list of API calls; a run of it fails one request for memory. torture() runs it again and again: with the
 * first request failing, the second, ..., until no request is left to fail.
 *
 * When the request fails, the call must say OPTIM_ERR_NOMEM with a sentence, and nothing that a caller can see may have
 * changed. Then the call is made again with memory available and the script goes on; in the end everything must be, bit
 * for bit, as if nothing had happened. Whatever the run took must have been given back. Every request is failed three
 * times: by itself; with all later requests of that call failing too; and by itself, everything being destroyed at
 * once.
 */
#ifndef OOM_RUN_H
#define OOM_RUN_H

#include <stdbool.h>

#include "check.h"
#include "optim/advice.h"
#include "optim/federated.h"
#include "snapshot.h"
#include "world.h"

enum { RUN_HANDLES = 2, RUN_CALLS = 4096 };

typedef enum { FAIL_ONE, FAIL_LATER_TOO, FAIL_AND_LEAVE, FAIL_MODES } fail_mode_t;

typedef struct run {
    /* the caller's */
    world_t world;
    optim_t *opt[RUN_HANDLES]; /* destroyed when the script ends */
    optim_batch_t *batch;      /* likewise */
    optim_server_t *server[RUN_HANDLES];
    optim_coding_t *coding;
    const char *algorithms[RUN_HANDLES + 1];
    double *lent[RUN_HANDLES]; /* inputs; freed when the script ends */
    char *path, *link;   /* of a checkpoint, and of a link to it */
    char *bytes;         /* a checkpoint in memory; freed when the script ends */
    size_t size;         /* of that */
    optim_status status; /* of the last call: OPTIM_OK or a request */
    bool spared;         /* the calls that follow do not fail: others like them did */

    /* the harness's */
    const char *script, *text;
    int line;
    fail_mode_t mode;
    long nth, passed; /* the request that fails, requests so far */
    bool reached, left, fails_here, again, done;
    int call;
    long *asked;   /* requests of every call when nothing fails: [RUN_CALLS] */
    bool is_first; /* this run counts them */
    snapshot_t before, final;
} run_t;

/* One call of the API. It is evaluated again after its failure. */
#define CALL(run, expression)                                                                                          \
    for (call_begin((run), #expression, __LINE__); call_goes_on(run);)                                                 \
    call_end((run), (expression))
void call_begin(run_t *run, const char *text, int line);
bool call_goes_on(const run_t *run);
void call_end(run_t *run, optim_status status);

typedef void script_t(run_t *run, const void *subject);

/* Fails the test unless all is well. In the short form, of the many requests of one call the first are failed, and then
 * every so many. */
void torture(const char *name, script_t *script, const void *subject);
void torture_in_short(void);
/* So many requests and failures by now, on one line. */
void torture_report(void);

#endif
