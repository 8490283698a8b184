/*
 * The links of the mirror maps |x|_p^2 / 2, in double; the same bits on every machine.
 *
 *     link_p(x) = sign(x) |x|^(p-1) |x|_p^(2-p);   link_q, q = p / (p - 1), is its inverse
 */
#ifndef BLOCKS_PNORM_H
#define BLOCKS_PNORM_H

#include "blocks/logsum.h"

/* a^e, a >= 0; 0 where a is subnormal. */
static inline double pnorm_power(double a, double e) {
    return a >= DBL_MIN ? logsum_exp(e * elementary_log(a)) : a > 0 ? 0 : a;
}

/* x <- link_e(x): by the largest entry, so that no power of it over- or underflows. */
static inline void pnorm_link(size_t n, double e, double *x) {
    double most = 0, sum = 0;
    for (size_t i = 0; i < n; ++i)
        most = fabs(x[i]) <= most ? most : fabs(x[i]);
    for (size_t i = 0; most != 0 && i < n; ++i)
        sum += pnorm_power(fabs(x[i]) / most, e);
    const double factor = most * pnorm_power(sum, (2 - e) / e);
    for (size_t i = 0; most != 0 && i < n; ++i)
        x[i] = copysign(factor * pnorm_power(fabs(x[i]) / most, e - 1), x[i]);
}

#endif
