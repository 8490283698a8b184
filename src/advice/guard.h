/* Refusals shared by the functions that need no optimizer. */
#ifndef ADVICE_GUARD_H
#define ADVICE_GUARD_H

#include <math.h>

#include "base/error.h"

/* A finite number above 0. */
static inline optim_status advice_refuse_number(double value, const char *name) {
    if (value > 0 && isfinite(value))
        return OPTIM_OK;
    return error_set(OPTIM_ERR_ARGUMENT, "argument \"%s\" cannot be %g; valid: (0,inf)", name, value);
}

static inline optim_status advice_refuse_dtype(optim_dtype dtype) {
    if (dtype >= OPTIM_F32 && dtype <= OPTIM_F16)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_ARGUMENT, "there is no dtype %d; valid: OPTIM_F32, _F64, _BF16, _F16", dtype);
}

#endif
