/*
 * Numbers out of the ordinary, for every algorithm by itself and under every wrapper, in every dtype: NaN and infinities in
 * a gradient, a loss or a parameter at each evaluation of a step under each policy; gradients near the ends of the range;
 * tensors of one element and of none.
 */
#ifndef CONFORMANCE_NUMBERS_H
#define CONFORMANCE_NUMBERS_H

#include <stdbool.h>

/* Runs the checks on all subjects, or on a sample; 0 if all held. GRADOPT_SUBJECT chooses as in suite.h. */
int numbers_run(bool all);

#endif
