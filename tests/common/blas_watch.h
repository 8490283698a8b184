/*
 * Stands between the library and BLAS. The bits that BLAS returns depend on the BLAS and, with OpenBLAS, on the
 * processor: whether multiply and add are fused, in which order products are summed. Tests that must hold for all of
 * them ask here whether BLAS was called, and how far its rounding carries. A program that calls one of these functions
 * has the whole.
 */
#ifndef TESTS_BLAS_WATCH_H
#define TESTS_BLAS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

/* Calls so far, of all threads. */
int64_t blas_watch_calls(void);

/* Whether this thread is within one. */
bool blas_watch_within(void);

/* From now on moves what BLAS returns in f32 by up to a rounding error; each seed in its own way; 0: no longer. */
void blas_watch_nudge(uint64_t seed);

#endif
