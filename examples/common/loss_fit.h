/* The objective of a parametric loss fit, L(N, D) = E + A / N^alpha + B / D^beta. */
#ifndef LOSS_FIT_H
#define LOSS_FIT_H

#include <stddef.h>

enum { LOSS_FIT_PARAMETERS = 5 }; /* log A, log B, log E, alpha, beta */

typedef struct loss_fit {
    size_t count;                       /* runs */
    const double *size, *tokens, *loss; /* N, D, L of each */
    double delta;                       /* of the Huber loss */
} loss_fit_t;

/* The sum over runs of Huber_delta(log of the model's loss - log of the loss), and its gradient. */
double loss_fit_objective(const loss_fit_t *fit, const double p[LOSS_FIT_PARAMETERS],
                          double gradient[LOSS_FIT_PARAMETERS]);

#endif
