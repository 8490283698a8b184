/* Tensors for tests that run every method: two that most of them take, and others for those that do not. */
#ifndef TESTS_LAYOUTS_H
#define TESTS_LAYOUTS_H

#include "rig.h"

/* A matrix and a vector of thousands of elements, which no length of a tile divides; short ones where needs_short. */
const layout_t *layouts_two(const char *algorithm);

/* Layout `i` of those for methods that refuse the two: one vector, one square matrix, two factors, a layer, a matrix of
 * two blocks of rows. NULL: there are no more. */
const layout_t *layouts_fallback(int i);

#endif
