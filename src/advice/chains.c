/*
 * How well chains of draws have mixed: split R-hat and the effective number of draws.
 *
 * Gelman, Carlin, Stern, Dunson, Vehtari, Rubin, "Bayesian Data Analysis", 3rd edition, 2013, sections 11.4, 11.5;
 * Geyer, "Practical Markov Chain Monte Carlo", Statistical Science 7, 1992, section 3.3.
 *
 *     Each chain is split into two halves, the middle draw of an odd number left out: m halves of n draws x_ji
 *     1. W = mean of the halves' variances (over n - 1),  B = n times the variance of their means (over m - 1)
 *        var+ = (n - 1) / n W + B / n,   R-hat = sqrt(var+ / W)
 *     2. a_t = mean over the halves of 1/n sum_i (x_ji - mean_j) (x_j,i+t - mean_j)
 *        rho_0 = 1,  rho_t = 1 - (W - a_t) / var+
 *     3. P_k = rho_2k + rho_2k+1 for k = 0, 1, ... while positive, each no larger than the one before
 *     4. tau = -1 + 2 sum P_k, plus the even rho behind the last pair if it is positive;   at least 1 / log10(m n)
 *        effective = m n / tau
 */
#include <float.h>

#include "advice/guard.h"
#include "optim/advice.h"
#include "optimizer/abi.h"

/* The halves: half j begins at first + (j / 2) length + (j % 2) (length - n). */
typedef struct halves {
    const double *first;
    size_t m, n, length;
    double within, whole; /* W, var+ */
} halves_t;

static const double *half(const halves_t *h, size_t j) {
    return h->first + j / 2 * h->length + j % 2 * (h->length - h->n);
}

static double mean_of(size_t n, const double *x) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += x[i];
    return sum / (double)n;
}

/* a_t */
static double covariance(const halves_t *h, size_t t) {
    double all = 0;
    for (size_t j = 0; j < h->m; ++j) {
        const double *x = half(h, j), mean = mean_of(h->n, x);
        double sum = 0;
        for (size_t i = 0; i + t < h->n; ++i)
            sum += (x[i] - mean) * (x[i + t] - mean);
        all += sum / (double)h->n;
    }
    return all / (double)h->m;
}

static void measure(halves_t *h) { /* line 1 */
    const double n = (double)h->n, m = (double)h->m;
    double mean = 0, between = 0;
    for (size_t j = 0; j < h->m; ++j)
        mean += mean_of(h->n, half(h, j)) / m;
    for (size_t j = 0; j < h->m; ++j) {
        const double away = mean_of(h->n, half(h, j)) - mean;
        between += away * away / (m - 1);
    }
    h->within = covariance(h, 0) * n / (n - 1);
    h->whole = (n - 1) / n * h->within + between;
}

static double rho(const halves_t *h, size_t t) {
    return t == 0 ? 1 : 1 - (h->within - covariance(h, t)) / h->whole;
}

static double effective(const halves_t *h) { /* lines 3 and 4 */
    const double all = (double)(h->m * h->n);
    double sum = 0, least = INFINITY, even = 1, pair = 1 + rho(h, 1);
    size_t t = 0;
    while (pair > 0 && t + 5 <= h->n) {
        least = fmin(least, pair);
        sum += least;
        t += 2;
        even = rho(h, t);
        pair = even + rho(h, t + 1);
    }
    const double tau = -1 + 2 * sum + (even > 0 ? even : 0);
    return all / fmax(tau, 1 / log10(all));
}

static optim_status refuse(const double *draws, size_t chains, size_t length, const optim_chains *about) {
    optim_status status = refuse_null(about, "about");
    if (status == OPTIM_OK)
        status = refuse_null(draws, "draws");
    if (status == OPTIM_OK && (chains < 1 || length < 4))
        status = error_set(OPTIM_ERR_ARGUMENT, "%zu chains of %zu draws: one chain of four draws is the least", chains,
                           length);
    if (status == OPTIM_OK && chains > SIZE_MAX / sizeof *draws / length)
        status = error_set(OPTIM_ERR_ARGUMENT, "%zu chains of %zu draws are more than memory can hold", chains, length);
    for (size_t i = 0; status == OPTIM_OK && i < chains * length; ++i)
        if (!isfinite(draws[i]))
            status = error_set(OPTIM_ERR_NONFINITE, "draw %zu of chain %zu is %g", i % length, i / length, draws[i]);
    return status;
}

static double deviation(size_t count, const double *draws, double mean) {
    double sum = 0;
    for (size_t i = 0; i < count; ++i)
        sum += (draws[i] - mean) * (draws[i] - mean);
    return sqrt(sum / (double)(count - 1));
}

optim_status optim_chain_statistics(const double *draws, size_t chains, size_t length, optim_chains *about) {
    const optim_status status = refuse(draws, chains, length, about);
    if (status != OPTIM_OK)
        return status;
    halves_t h = {.first = draws, .m = 2 * chains, .n = length / 2, .length = length};
    measure(&h);
    optim_chains ours = {.size = sizeof ours, .mean = mean_of(chains * length, draws)};
    ours.deviation = deviation(chains * length, draws, ours.mean);
    ours.effective = h.whole > 0 ? effective(&h) : (double)(h.m * h.n);
    ours.r_hat = h.whole > 0 ? sqrt(h.whole / h.within) : 1;
    if (!isfinite(ours.deviation) || !isfinite(h.whole))
        return error_set(OPTIM_ERR_NONFINITE, "the variance of the draws is not finite");
    return abi_write(about, &ours, sizeof ours, "optim_chains");
}
