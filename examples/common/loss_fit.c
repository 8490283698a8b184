#include "loss_fit.h"

#include <math.h>
#include <string.h>

/* LSE(a - alpha log N, b - beta log D, e) and its softmax weights; the largest term is taken out. */
static double log_loss(const double *p, double log_n, double log_d, double weight[3]) {
    const double term[3] = {p[0] - p[3] * log_n, p[1] - p[4] * log_d, p[2]};
    const double largest = fmax(fmax(term[0], term[1]), term[2]);
    double sum = 0;
    for (int i = 0; i < 3; ++i)
        sum += weight[i] = exp(term[i] - largest);
    for (int i = 0; i < 3; ++i)
        weight[i] /= sum;
    return largest + log(sum);
}

double loss_fit_objective(const loss_fit_t *fit, const double p[LOSS_FIT_PARAMETERS],
                          double gradient[LOSS_FIT_PARAMETERS]) {
    const double delta = fit->delta;
    double objective = 0, s[3];
    memset(gradient, 0, LOSS_FIT_PARAMETERS * sizeof *gradient);
    for (size_t i = 0; i < fit->count; ++i) {
        const double log_n = log(fit->size[i]), log_d = log(fit->tokens[i]);
        const double r = log_loss(p, log_n, log_d, s) - log(fit->loss[i]);
        const double psi = fmax(-delta, fmin(delta, r));
        objective += fabs(r) <= delta ? r * r / 2 : delta * (fabs(r) - delta / 2);
        for (int k = 0; k < 3; ++k)
            gradient[k] += psi * s[k];
        gradient[3] -= psi * s[0] * log_n;
        gradient[4] -= psi * s[1] * log_d;
    }
    return objective;
}
