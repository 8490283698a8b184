/*
 * Elements of any dtype at any address, for tests. Written from the definitions of the formats and not from the
 * library: what it rounds is the reference for the library's conversions.
 */
#ifndef TESTS_ELEMENT_H
#define TESTS_ELEMENT_H

#include <stddef.h>
#include <stdint.h>

#include "optim/optim.h"

size_t element_size(optim_dtype dtype);
const char *element_name(optim_dtype dtype);

double element_read(optim_dtype dtype, const void *base, size_t i);
/* Rounds to nearest, ties to even; too large becomes infinity. */
void element_write(optim_dtype dtype, void *base, size_t i, double value);

/* `count` elements at once. */
void element_read_all(optim_dtype dtype, const void *base, size_t count, double *to);
void element_write_all(optim_dtype dtype, void *base, size_t count, const double *from);

/* `value` as `dtype` holds it. */
double element_round(optim_dtype dtype, double value);

/* The same for the two 16-bit formats and their bits. */
double half_widen(optim_dtype dtype, uint16_t bits);
uint16_t half_narrow(optim_dtype dtype, double value);

/* Numbers of `dtype` between a and b; large for NaN. */
double element_ulps(optim_dtype dtype, double a, double b);

#endif
