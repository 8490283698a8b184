/* Maps on short vectors of doubles. */
#ifndef TESTS_MAPS_APPLY_H
#define TESTS_MAPS_APPLY_H

#include "check.h"

enum { D = 12 };

/* A vector of rows by D / rows (rows = 0: of one dimension) becomes what the map makes of it. */
void apply(const char *map, double step, int rows, double v[D]);
double value_of(const char *map, int rows, const double v[D]);

/* Entries between -size and size from a stream of this number. */
void fill(uint64_t stream, double size, double v[D]);

double inner_product(const double *a, const double *b);
/* |a - b|^2 */
double distance2(const double *a, const double *b);

#endif
