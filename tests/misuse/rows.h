/*
 * A table of misuse: each row is one call of a public function with one argument out of order, and what it must return.
 * Rows are recorded, so that a test can compare them with the header: which argument of which function has which rows.
 */
#ifndef MISUSE_ROWS_H
#define MISUSE_ROWS_H

#include <stdbool.h>

#include "check.h"
#include "optim/advice.h"

enum { WORLD_BOX = 1024 };

/* Handles in the states that a call may find, and arguments that no call likes. */
typedef struct world {
    optim_t *fresh;               /* parameters "x" (2 by 2) and "y" (2), no step */
    optim_t *stepped;             /* the same, two steps later */
    optim_t *asking;              /* one parameter "z" (3); a request for Hessian-vector products is open */
    optim_t *scratch;             /* like fresh; made anew after each row that is accepted */
    optim_batch_t *batch, *spare; /* two gradients of 2 elements; the second one is of ACCEPTED rows */
    double x[4][4], g[4][4], y[4][2], h[4][2];
    const char *control, *bytes; /* a path that does not exist: with control characters; no UTF-8 */
    char *endless;               /* 2^20 letters */
    _Alignas(16) unsigned char box[WORLD_BOX];
    double number, numbers[4], log[4];
    const void *gradients[1];
    optim_problem problem;
    optim_stop stop;
    void *before[3]; /* what fresh, stepped and batch are made of */
    size_t before_size[3];
    int rows;
} world_t;

world_t *world_new(void);
/* Fails unless every handle goes on as one that never was misused. */
void world_free(world_t *world);

/* A copy of a struct, which begins with its size, that is misused in this way: says 0, less than the size itself, nonsense;
 * is longer with zeros, or with something, behind what is known. */
enum { ZERO, SHORT, NONSENSE, LONGER, TAIL };
void *boxed(world_t *world, int form, const void *content);

#define REFUSED(function, arguments, status, offender)                                                                 \
    row_refused(world, #function, #arguments, function arguments, (status), (offender))
#define ACCEPTED(function, arguments) row_accepted(world, #function, #arguments, function arguments, OPTIM_OK)
#define BECOMES(function, arguments, status) row_accepted(world, #function, #arguments, function arguments, (status))
#define HOLDS(function, arguments, condition) row_holds(world, #function, #arguments, (condition))

/* The status; a sentence that names the offender; nothing has changed. */
void row_refused(world_t *world, const char *function, const char *arguments, optim_status status,
                 optim_status expected, const char *offender);
/* Not misuse after all, or an answer about the scratch handle, which is then replaced. */
void row_accepted(world_t *world, const char *function, const char *arguments, optim_status status,
                  optim_status expected);
/* Of functions that return no status. */
void row_holds(world_t *world, const char *function, const char *arguments, bool holds);

/* Those of optim/federated.h. */
void rows_of_servers(world_t *world);
/* Those of optim/comm.h. */
void rows_of_ranks(world_t *world);

/* Fails unless every function of tests/abi/symbols.txt has rows for each of its arguments, by type: NULL for pointers; "",
 * control characters, no UTF-8 and 2^20 letters for texts; INT_MIN and INT_MAX for numbers; NAN and INFINITY for doubles;
 * wrong sizes for structs. */
void rows_check_complete(void);

#endif
