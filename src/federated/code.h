/* The codes of coded gradients: what each worker sums up, and how the sum of all is had from some of them. */
#ifndef FEDERATED_CODE_H
#define FEDERATED_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Doubles of room for code_make and code_decode. */
size_t code_make_room(size_t s);
size_t code_decode_room(size_t n, size_t s);

/*
 * b (n by n) <- the cyclic repetition code against s < n late workers of Tandon et al.: row i has 1 at i and other
 * entries at i + 1 .. i + s (mod n), such that H b' = 0. h is s by n with H 1 = 0. False: a system was singular.
 */
bool code_make(size_t n, size_t s, const double *h, double *b, double *room);

/* a[0..n - s) with sum_k a_k b[worker[k]] = 1', by least squares. False: these rows do not give it. */
bool code_decode(size_t n, size_t s, const double *b, const int64_t *worker, double *a, double *room);

#endif
