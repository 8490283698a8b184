/* Something like a BLAS, for CMake to look at: INTEGER is the type of its integers, HAS_CBLAS says whether it has
   CBLAS, HAS_LAPACK whether it has LAPACK. */
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

#ifdef HAS_LAPACK
/* Factors a matrix of order 1 whose root is 2, and finds fault with others. */
void dpotrf_(const char *triangle, const INTEGER *n, double *a, const INTEGER *lda, INTEGER *info);
void dpotrf_(const char *triangle, const INTEGER *n, double *a, const INTEGER *lda, INTEGER *info) {
    (void)triangle;
    *info = *n < 0 ? -2 : *lda < *n ? -4 : 0;
    if (*info == 0)
        *a = 2;
}

#define ROUTINE(name)                                                                                                  \
    void name(void);                                                                                                   \
    void name(void) {                                                                                                  \
    }
ROUTINE(dpotrs_)
ROUTINE(dtrsm_)
ROUTINE(dsytrf_)
ROUTINE(dsytrs_)
ROUTINE(dsyevd_)
ROUTINE(dgelqf_)
ROUTINE(dorglq_)
ROUTINE(dgesdd_)
#endif
