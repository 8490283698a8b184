/*
 * Directions inside a box for methods that keep their points there: elements are held at their bounds, or free. Held
 * are those that the gradient would drive out of the box, and those that a direction has led to their bounds.
 *
 * Nocedal, Wright, "Numerical Optimization", 2006, section 16.7; what ends at its bound is sent a hair beyond, so that
 * rounding cannot leave it a hair before: points are projected.
 *
 * Serial code in double: walks over the elements. Nothing may be queued. `x` and the other rows are of the state table,
 * x being where the parameters are. A method that uses this has the flag KEEPS_BOX, a face_t in its memory, and
 * FACE_ROW for that.
 */
#ifndef BLOCKS_FACE_H
#define BLOCKS_FACE_H

#include "engine/method.h"

typedef struct face {
    double *held; /* by element: 1, or 0 */
} face_t;

size_t face_elements(size_t elements, const double *option);
/* For FACE_ROW(FIELD(OF_METHOD, memory_t, face.held)). */
#define FACE_ROW(where)                                                                                                \
    {                                                                                                                  \
        "held", "elements that are held at their bounds", where, .length = face_elements, .of_box = true,              \
                                                                 .within_step = true                                   \
    }

/* Which elements the gradient would drive out; returns of how many that is news. */
size_t face_find(step_t *s, face_t *face, int x, int g);

/* row_i <- 0 of those that are held; of the others the sum of row_i^2, and of |row_i|. */
void face_restrict(step_t *s, face_t *face, int row);
double face_square(step_t *s, face_t *face, int row);
double face_norm_1(step_t *s, face_t *face, int row);

/* The largest t for which x + z + t p lies in the box; INFINITY: any does. */
double face_room(step_t *s, face_t *face, int x, int z, int p);

/* z <- z + t p; what meets its bound is held from here on. */
void face_go(step_t *s, face_t *face, int x, int z, int p, double t);

/* How far x + t z stays in the box, but at least 1. */
double face_longest(step_t *s, face_t *face, int x, int z);

/* d <- P(x + d) - x, and where that does not go down, the part of d that lies in the box. */
typedef enum face_cut {
    FACE_WHOLE, /* d is what it was */
    FACE_CUT,
    FACE_NONE /* nothing is left that goes down */
} face_cut_t;
face_cut_t face_cut(step_t *s, face_t *face, int x, int g, int d);

#endif
