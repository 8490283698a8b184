/* Coded gradients: a state machine that hands out tasks round by round and says which jobs can be decoded. */
#ifndef FEDERATED_CODING_H
#define FEDERATED_CODING_H

#include "base/error.h"
#include "optim/federated.h"
#include "optimizer/rule.h"

/* A job's part that a worker computes: nothing (job -1), its own piece `index` plain, or the coded sum of group
 * `index`. */
enum { PART_PLAIN = 1, PART_CODED = 2 };
typedef struct task {
    int64_t job, part, index;
} task_t;

enum { CODING_OPTIONS = 10, MOST_SLOTS = 256 };

typedef enum scheme { CODING_PLAIN, CODING_REPEATS, CODING_MULTIPLEXED } scheme_t;

struct optim_coding {
    const rule_t *rule;
    scheme_t scheme;
    double option[CODING_OPTIONS];
    int64_t n, s, b, w, lambda, jobs; /* s: late workers that the code stands; jobs 0: as many as there are rounds */
    double mu;
    int64_t plain, groups, slots; /* pieces of a worker that are not coded; coded sums of a job; tasks of a round */
    int64_t last;                 /* rounds after a job's first in which it is worked on */
    bool always_counts;           /* late workers count in later rounds whatever they did */
    double *code;                 /* n by n, against s */
    double *room;                 /* of code_decode */

    /* ---- What changes ---- */
    int64_t round;
    bool waited;
    double duration;
    bool *late;      /* [w][n]: those that count, round r in row r mod w */
    bool *arrived;   /* [last + 1][plain + groups][n]: of job t in row t mod (last + 1) */
    bool *first;     /* [last + 1][n]: who delivered job t in round t */
    bool *done;      /* [last + 1]: decoded */
    int64_t decoded; /* at the end of the last round, ... */
    int64_t *job;    /* [last + 1] ... these, ascending, ... */
    int64_t *from;   /* [last + 1][groups][n - s] ... from these workers */
};

/* Another one with the same options, at its first round; NULL: no memory. */
struct optim_coding *coding_like(const struct optim_coding *c);

/* Errors: ARGUMENT. */
optim_status coding_refuse_worker(const struct optim_coding *c, int64_t worker);

/* How many there are; 0: no end. */
static inline int64_t coding_rounds(const struct optim_coding *c) {
    return c->jobs == 0 ? 0 : c->jobs + c->last;
}

static inline size_t coding_row(const struct optim_coding *c, int64_t job) {
    return (size_t)(job % (c->last + 1));
}

static inline bool *coding_arrived(const struct optim_coding *c, int64_t job, int64_t part) {
    return c->arrived + (coding_row(c, job) * (size_t)(c->plain + c->groups) + (size_t)part) * (size_t)c->n;
}

/* A job that exists and is still worked on in this round. */
static inline bool coding_is_open(const struct optim_coding *c, int64_t job) {
    return job >= 0 && (c->jobs == 0 || job < c->jobs) && !c->done[coding_row(c, job)];
}

#endif
