/*
 * Steps against batch size, and the loss that a model and its data allow.
 *
 *     relation  S = S_min (1 + B_crit / B),   E_min = S_min B_crit,   E = B S = E_min (1 + B / B_crit), so that
 *               (S / S_min - 1) (E / E_min - 1) = 1: McCandlish, Kaplan, Amodei, "An Empirical Model of Large-Batch
 *               Training", 2018, arXiv:1812.06162
 *     fit       S_min, E_min = least squares of S = S_min + E_min / B,   B_crit = E_min / S_min
 *     critical  B_crit = b_star / loss^(1 / alpha)
 *     loss      ((n_c / N)^(alpha_n / alpha_d) + d_c / D)^alpha_d,   lr = 0.003239 - 0.0001395 ln N: Kaplan et al.,
 *               "Scaling Laws for Neural Language Models", 2020, arXiv:2001.08361; its constants are from memory
 */
#include <stdbool.h>

#include "advice/guard.h"
#include "optim/advice.h"

optim_status optim_batch_relation(double least_steps, double batch, double critical_batch, double *steps,
                                  double *examples, double *least_examples) {
    optim_status status = refuse_null(steps, "steps");
    if (status == OPTIM_OK)
        status = refuse_null(examples, "examples");
    if (status == OPTIM_OK)
        status = refuse_null(least_examples, "least_examples");
    if (status == OPTIM_OK)
        status = advice_refuse_number(least_steps, "least_steps");
    if (status == OPTIM_OK)
        status = advice_refuse_number(batch, "batch");
    if (status == OPTIM_OK)
        status = advice_refuse_number(critical_batch, "critical_batch");
    if (status == OPTIM_OK) {
        *steps = least_steps * (1 + critical_batch / batch);
        *examples = batch * *steps;
        *least_examples = least_steps * critical_batch;
    }
    return status;
}

static optim_status refuse_runs(const double *batch, const double *steps, size_t count) {
    bool differ = false;
    for (size_t i = 0; i < count; ++i) {
        if (!(batch[i] > 0) || !isfinite(batch[i]) || !isfinite(steps[i]))
            return error_set(OPTIM_ERR_ARGUMENT,
                             "batch sizes must be finite and above 0, steps finite; run %zu has %g, %g", i, batch[i],
                             steps[i]);
        differ = differ || batch[i] != batch[0];
    }
    return differ ? OPTIM_OK : error_set(OPTIM_ERR_ARGUMENT, "a line needs runs of two different batch sizes");
}

optim_status optim_batch_fit(const double *batch, const double *steps, size_t count, double *least_steps,
                             double *least_examples, double *critical_batch) {
    optim_status status = refuse_null(least_steps, "least_steps");
    if (status == OPTIM_OK)
        status = refuse_null(least_examples, "least_examples");
    if (status == OPTIM_OK)
        status = refuse_null(critical_batch, "critical_batch");
    if (status == OPTIM_OK)
        status = refuse_null(batch, "batch");
    if (status == OPTIM_OK)
        status = refuse_null(steps, "steps");
    if (status == OPTIM_OK)
        status = refuse_runs(batch, steps, count);
    if (status != OPTIM_OK)
        return status;
    double mean_inverse = 0, mean_steps = 0, square = 0, product = 0;
    for (size_t i = 0; i < count; ++i) {
        mean_inverse += 1 / batch[i] / (double)count;
        mean_steps += steps[i] / (double)count;
    }
    for (size_t i = 0; i < count; ++i) {
        const double apart = 1 / batch[i] - mean_inverse;
        square += apart * apart;
        product += apart * (steps[i] - mean_steps);
    }
    *least_examples = product / square;
    *least_steps = mean_steps - *least_examples * mean_inverse;
    *critical_batch = *least_examples / *least_steps;
    return OPTIM_OK;
}

double optim_critical_batch(double loss, double b_star, double alpha) {
    return loss > 0 && b_star > 0 && alpha > 0 ? b_star / pow(loss, 1 / alpha) : NAN;
}

double optim_kaplan_loss(double parameters, double tokens, const double constants[4]) {
    static const double FITTED[] = {8.8e13, 0.076, 5.4e13, 0.095};
    const double *k = constants != NULL ? constants : FITTED;
    for (int i = 0; i < 4; ++i)
        if (!(k[i] > 0))
            return NAN;
    if (!(parameters > 0) || !(tokens > 0))
        return NAN;
    return pow(pow(k[0] / parameters, k[1] / k[3]) + k[2] / tokens, k[3]);
}

double optim_kaplan_lr(double parameters) {
    return parameters > 0 ? 0.003239 - 0.0001395 * log(parameters) : NAN;
}
