/*
 * Returns the bytes of the integers that CBLAS takes: 4 or 8. A length of 1 - 2^32 is negative to a BLAS of 64 bits, which
 * then does nothing; others read its lower half, a length of 1.
 */
#include <stdint.h>

void cblas_sscal(int64_t n, float a, float *x, int64_t step);
void cblas_sgemm(void);

int main(int argc, char **argv) {
    float x = 1;
    (void)argv;
    if (argc > 9)
        cblas_sgemm(); /* never, but must be there */
    if (sizeof(void *) == 4)
        return 4;
    cblas_sscal(1 - (INT64_C(1) << 32), 2, &x, 1);
    return x == 2 ? 4 : 8;
}
