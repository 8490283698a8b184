/* Order statistics without memory of their own. */
#ifndef BLOCKS_SELECT_H
#define BLOCKS_SELECT_H

#include <stddef.h>

/* The k-th smallest of n numbers, k from 0, by Hoare's selection (Wirth 1976). Reorders them: those before place k are
 * no larger, those behind it no smaller. NaN may end anywhere. */
static inline double select_smallest(size_t n, size_t k, double *x) {
    const ptrdiff_t place = (ptrdiff_t)k;
    ptrdiff_t first = 0, last = (ptrdiff_t)n - 1;
    while (first < last) {
        const double pivot = x[place];
        ptrdiff_t i = first, j = last;
        while (i <= j) {
            while (x[i] < pivot)
                ++i;
            while (pivot < x[j])
                --j;
            if (i <= j) {
                const double kept = x[i];
                x[i++] = x[j];
                x[j--] = kept;
            }
        }
        first = j < place ? i : first;
        last = place < i ? j : last;
    }
    return x[place];
}

/* The median of n > 0 numbers, which it reorders: of an even number the mean of the middle two. */
static inline double select_median(size_t n, double *x) {
    const double upper = select_smallest(n, n / 2, x);
    double lower = n % 2 == 0 ? x[0] : upper;
    for (size_t i = 1; n % 2 == 0 && i < n / 2; ++i)
        lower = x[i] > lower ? x[i] : lower;
    return 0.5 * (lower + upper);
}

#endif
