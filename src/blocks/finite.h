/* For methods that keep numbers made from the loss and from sums: one that is not finite would stay there for ever. */
#ifndef BLOCKS_FINITE_H
#define BLOCKS_FINITE_H

#include <tgmath.h>

#include "engine/method.h"

/* Whether the loss and all these sums are finite. A method that finds they are not rejects the step, before it has
 * written anything and whatever nonfinite= says. */
static inline bool all_finite(double loss, const double *sum, int count) {
    bool finite = isfinite(loss);
    for (int i = 0; i < count; ++i)
        finite = finite && isfinite(sum[i]);
    return finite;
}

#endif
