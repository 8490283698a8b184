/*
 * Returns the bytes of the integers that LAPACK takes: 4 or 8. The order of the matrix is 1 to a LAPACK of 32 bits,
 * which factors it; to others it is negative, or on big-endian machines more than the leading dimension, and they
 * complain.
 * All routines that src/linear calls must be there.
 */
#include <stddef.h>
#include <stdint.h>

void dpotrf_(const char *triangle, const void *n, double *a, const void *lda, void *info, size_t length);
void dpotrs_(void);
void dtrsm_(void);
void dsytrf_(void);
void dsytrs_(void);
void dsyevd_(void);
void dgelqf_(void);
void dorglq_(void);
void dgesdd_(void);

/* LAPACK's own says what is wrong and ends the program. */
void xerbla_(const char *name, const void *which, size_t length);
void xerbla_(const char *name, const void *which, size_t length) {
    (void)name, (void)which, (void)length;
}

int main(int argc, char **argv) {
    const int32_t order[2] = {1, -1}, leading[2] = {1, 0};
    int64_t info = 0;
    double a = 4;
    (void)argv;
    if (argc > 9) { /* never, but must be there */
        dpotrs_();
        dtrsm_();
        dsytrf_();
        dsytrs_();
        dsyevd_();
        dgelqf_();
        dorglq_();
        dgesdd_();
    }
    dpotrf_("U", order, &a, leading, &info, 1);
    return a == 2 ? 4 : 8;
}
