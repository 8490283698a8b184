/* Rules: what a server makes of the vectors that clients hand in. The registry and introspection see this much of
 * one. */
#ifndef OPTIMIZER_RULE_H
#define OPTIMIZER_RULE_H

#include "base/entry.h"

struct optim_server;
struct client;

/*
 * A row of what a server keeps, or keeps of every client that it has met: a vector of as many doubles as all parameters
 * have elements, zero at the beginning, or a number. A table ends with a row without a name.
 */
typedef enum kept_of { OF_SERVER, OF_CLIENT } kept_of_t;
typedef struct kept {
    const char *name, *doc;
    kept_of_t of;
    bool is_number;
    double initial;         /* of a number */
    double lowest, highest; /* that a number may be; both 0: any */
} kept_t;

enum { /* rule_t.flags */
       /* clients train while others commit: what they were handed stays theirs through commits until they hand in */
       ASYNCHRONOUS = 1,
       COMMITS_EMPTY = 2, /* commit does something where nobody handed anything in */
       MEETS_ALL = 4,     /* keeps something of every client from the first round on */
       FROM_ANYONE = 8,   /* clients hand in without having begun */
       NO_GRADIENT = 16,  /* `local` is all of the training; it reads no gradient */
       NO_SERVER = 32     /* has functions of its own (optim_coding_...) in place of a server's */
};

typedef struct rule {
    union {
        entry_t entry;
        struct {
            ENTRY_FIELDS;
        };
    };
    const kept_t *kept; /* or NULL */
    int flags;
    /* A sentence on what is wrong with these options, or NULL. */
    const char *(*check)(const double *option);
    /* Before every use: what must be known by then; may take memory (server_t.memory) and keeps it. */
    optim_status (*ready)(struct optim_server *s);
    /* Who takes part in this round; `chosen` has room for all clients. Draws. NULL: all. */
    optim_status (*select)(struct optim_server *s, int64_t *chosen, size_t *count);
    /* What is kept of a client at first contact, where it is not the rows' initial values. */
    void (*meet)(const struct optim_server *s, struct client *c);
    /* Where a client starts (c->start, which is the server's vector), and what is kept of it meanwhile. */
    void (*begin)(struct optim_server *s, struct client *c);
    /* What becomes of the gradient g at the client's y before its optimizer sees it. OPTIM_EVAL_GRAD: it has moved y
     * and wants the gradient there. NULL: nothing. */
    optim_status (*local)(struct optim_server *s, struct client *c, double *y, double *g);
    /* The rate and number of a client's local steps. NULL: the options "lr" and "local_steps", where there are some. */
    double (*rate)(const struct optim_server *s, const struct client *c);
    double (*steps)(const struct optim_server *s, const struct client *c);
    /* Turns what was handed in (server_handed_in) into the server's new vector s->w. Cannot fail. */
    void (*commit)(struct optim_server *s);
} rule_t;

#endif
