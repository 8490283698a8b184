/* An optimizer with arrays of every width in its checkpoint, and a checkpoint of it from a little-endian machine. */
#ifndef TESTS_ORDERS_H
#define TESTS_ORDERS_H

#include <stddef.h>

#include "optim/optim.h"

enum { ORDERS_D = 5, ORDERS_F = 6, ORDERS_S = 7, ORDERS_Q = 10, ORDERS_STEPS = 3 };

typedef struct orders {
    optim_t *opt;
    double d[ORDERS_D], d_grad[ORDERS_D]; /* states in f64 */
    float f[ORDERS_F], f_grad[ORDERS_F];  /* in f32 */
    float s[ORDERS_S], s_grad[ORDERS_S];  /* in bf16 */
    float q[ORDERS_Q], q_grad[ORDERS_Q];  /* in 8-bit codes, with scales in f32 */
} orders_t;

/* The checkpoint's arrays, widest first as they lie in it: so many elements of so many bytes. */
typedef struct orders_run {
    size_t item, count;
} orders_run_t;
extern const orders_run_t ORDERS_RUNS[];
enum { ORDERS_RUN_COUNT = 4 };

/* Numbers whose arithmetic asks nothing of a C library but sqrt and pow. */
void orders_open(orders_t *orders);
void orders_close(orders_t *orders);
void orders_steps(orders_t *orders, int steps);
/* The parameters alone, which a checkpoint does not hold. */
void orders_copy_values(orders_t *to, const orders_t *from);
void orders_check_same(const orders_t *a, const orders_t *b);

/* What version 0.1.0 wrote on x86-64 after ORDERS_STEPS steps; to be freed. */
unsigned char *orders_file(size_t *size);
/* Where the arrays begin, which go on to the end. */
size_t orders_begin(const unsigned char *file);

#endif
