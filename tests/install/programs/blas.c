/* Something like a BLAS, for CMake to look at: INTEGER is the type of its integers, HAS_CBLAS says whether it has
   CBLAS. */
#include <stdint.h>

void sgemm_(void);
void sgemm_(void) {
}

#ifdef HAS_CBLAS
void cblas_sgemm(void);
void cblas_sgemm(void) {
}

void cblas_sscal(INTEGER n, float a, float *x, INTEGER step);
void cblas_sscal(INTEGER n, float a, float *x, INTEGER step) {
    for (INTEGER i = 0; i < n; ++i)
        x[i * step] *= a;
}
#endif
