/* Tables of figures that the methods' definitions state. Rows whose method is yet to come wait. */
#ifndef PROPERTY_FIGURES_H
#define PROPERTY_FIGURES_H

#include <stddef.h>

/* Motion in units of lr under the constant gradient 2, lr 1e-3, after 1, 2, 10 and 100 steps. */
typedef struct motion {
    const char *algorithm;
    double moved[4];
} motion_t;

/* f after 100 and 300 steps: the quadratic from 1, the logistic from 1/2, 20 elements. NAN: not stated. */
typedef struct closed_loop {
    const char *algorithm, *options;
    double value[4];
} closed_loop_t;

/* f - f* after 100, 300 and 1000 steps: quadratic, then logistic, 34 elements from 0; 0 stands for less than 1e-12. */
typedef struct acceptance {
    const char *algorithm, *options;
    const char *least; /* option that is given f*, or NULL */
    double excess[6];
} acceptance_t;

extern const motion_t MOTION[];
extern const closed_loop_t CLOSED_LOOP[];
extern const acceptance_t ACCEPTANCE[];
extern const size_t MOTION_COUNT, CLOSED_LOOP_COUNT, ACCEPTANCE_COUNT;

#endif
