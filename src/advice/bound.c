/*
 * The last-iterate bound of subgradient descent on a convex function, as a judge of schedules (Defazio, Cutkosky,
 * Mehta, Mishchenko, "When, Why and How Much? Adaptive Learning Rate Scheduling by Refinement", 2023, theorem 10;
 * Schaipp et al., "The Surprising Agreement Between Convex Optimization Theory and Learning-Rate Scheduling for Large
 * Model Training", 2025).
 *
 *     S = sum eta_t,   A = D^2 / (2 S),   B = sum eta_t^2 G_t^2 / (2 S)
 *     C = 1/2 sum_{k=1}^{T-1} (eta_k / sum_{t>k} eta_t) (sum_{t>=k} eta_t^2 G_t^2 / sum_{t>=k} eta_t)
 *     bound = A + B + C;   for rates c eta: best c = sqrt(A / (B + C)), best bound = 2 sqrt(A (B + C))
 *
 * Tail sums are formed from the end. Steps of rate 0 at the end move nothing and are left out.
 */
#include "advice/guard.h"
#include "optim/advice.h"
#include "optimizer/abi.h"

static optim_status check(const double *rate, const double *norm, size_t steps, double distance) {
    optim_status status = refuse_null(rate, "rate");
    if (status == OPTIM_OK)
        status = advice_refuse_number(distance, "distance");
    double sum = 0;
    for (size_t t = 0; status == OPTIM_OK && t < steps; ++t) {
        const double g = norm == NULL ? 1 : norm[t];
        if (!(rate[t] >= 0) || !(g >= 0) || !isfinite(rate[t]) || !isfinite(g))
            status = error_set(OPTIM_ERR_ARGUMENT,
                               "rates and norms must be finite and not negative; step %zu has %g, %g", t, rate[t], g);
        sum += rate[t] * g;
    }
    if (status == OPTIM_OK && !(sum > 0))
        status = error_set(OPTIM_ERR_ARGUMENT, "no step moves: every rate or norm is 0");
    return status;
}

optim_status optim_schedule_bound(const double *rate, const double *norm, size_t steps, double distance,
                                  optim_bound *bound) {
    optim_status status = refuse_null(bound, "bound");
    if (status == OPTIM_OK)
        status = check(rate, norm, steps, distance);
    if (status != OPTIM_OK)
        return status;
    double rates = 0, squares = 0, last = 0; /* sums over t >= k; C */
    for (size_t k = steps; k-- > 0;) {
        const double later = rates, g = norm == NULL ? 1 : norm[k];
        rates += rate[k];
        squares += rate[k] * rate[k] * g * g;
        if (later > 0)
            last += rate[k] / later * (squares / rates) / 2;
    }
    const double a = distance * distance / (2 * rates), b = squares / (2 * rates);
    const optim_bound ours = {.distance = a,
                              .gradients = b,
                              .last_iterate = last,
                              .bound = a + b + last,
                              .best_factor = sqrt(a / (b + last)),
                              .best_bound = 2 * sqrt(a * (b + last))};
    return abi_write(bound, &ours, sizeof ours, "optim_bound");
}
