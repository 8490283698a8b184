#include "base/error.h"
#include "linear/lapack.h"
#include "linear/linear.h"

bool linear_available(void) {
    return lapack_available();
}

static const char MEND[] =
    "build it with OpenBLAS, which has LAPACK, or with a liblapack beside its BLAS (-DGRADOPT_LAPACK=ON insists)";

optim_status linear_require(const char *who) {
    if (linear_available())
        return OPTIM_OK;
    return error_set(OPTIM_ERR_MISSING, "%s needs LAPACK, and this library was built without: %s", who, MEND);
}

optim_status linear_error(linear_status_t status, const char *doing) {
    switch (status) {
    case LINEAR_OK:
        return OPTIM_OK;
    case LINEAR_MISSING:
        return error_set(OPTIM_ERR_MISSING, "%s: this library was built without LAPACK: %s", doing, MEND);
    case LINEAR_SIZE:
        return error_set(OPTIM_ERR_SIZE, "%s: the matrix is too large for LAPACK's integers of %d bits", doing,
                         (int)sizeof(blas_int) * 8);
    case LINEAR_NONFINITE:
        return error_set(OPTIM_ERR_NONFINITE, "%s: there is NaN or infinity in the matrix", doing);
    case LINEAR_SINGULAR:
        return error_set(OPTIM_ERR_DOMAIN, "%s: the matrix is singular, or not positive definite; more damping helps",
                         doing);
    case LINEAR_STALLED:
        break;
    }
    return error_set(OPTIM_ERR_DOMAIN, "%s: the iteration does not converge for this matrix", doing);
}
