/*
 * The rate that curvature allows, from three consecutive iterates of plain SGD: the simplified Hessian-free estimate of
 * Smith, Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates", 2019.
 *
 *     estimate = lr sum |x_1 - x_0| / sum |2 x_1 - x_0 - x_2|
 */
#include "advice/guard.h"
#include "engine/engine.h"
#include "optim/advice.h"

optim_status optim_lr_from_iterates(optim_dtype dtype, size_t count, const void *x0, const void *x1, const void *x2,
                                    double sums[2]) {
    double a[READ_ELEMENTS], b[READ_ELEMENTS], c[READ_ELEMENTS];
    optim_status status = advice_refuse_dtype(dtype);
    if (status == OPTIM_OK)
        status = refuse_null(sums, "sums");
    if (status == OPTIM_OK && count > 0)
        status = refuse_null(x0, "x0");
    if (status == OPTIM_OK && count > 0)
        status = refuse_null(x1, "x1");
    if (status == OPTIM_OK && count > 0)
        status = refuse_null(x2, "x2");
    if (status != OPTIM_OK)
        return status;
    const primitives_t *primitives = engine_primitives(0);
    for (size_t at = 0, n; (n = primitives_read(primitives, dtype, x0, count, at, a)) > 0; at += n) {
        (void)primitives_read(primitives, dtype, x1, count, at, b);
        (void)primitives_read(primitives, dtype, x2, count, at, c);
        for (size_t i = 0; i < n; ++i) {
            sums[0] += fabs(b[i] - a[i]);
            sums[1] += fabs(2 * b[i] - a[i] - c[i]);
        }
    }
    return OPTIM_OK;
}
