/*
 * What noisy gradients of random samples disclose: the accountant of dp_sgd and its kin.
 *
 * Mironov, Talwar, Zhang, "Renyi Differential Privacy of the Sampled Gaussian Mechanism", 2019, arXiv:1908.10530,
 * sections 3.2 and 3.3. q = rate is the probability that a sample is taken, s = noise the standard deviation over the
 * clipping length. A step is (a, r)-RDP with r = ln A / (a - 1):
 *
 *     q = 1          A = e^((a^2 - a) / 2 s^2)
 *     a an integer   A = sum_k binom(a, k) (1 - q)^(a - k) q^k e^((k^2 - k) / 2 s^2)
 *     otherwise      A = sum_k binom(a, k) (B_k + C_k),  with z = s^2 ln(1/q - 1) + 1/2, j = a - k,
 *                    B_k = (1 - q)^j q^k e^((k^2 - k) / 2 s^2) erfc((k - z) / (2^(1/2) s)) / 2
 *                    C_k = q^j (1 - q)^k e^((j^2 - j) / 2 s^2) erfc((z - j) / (2^(1/2) s)) / 2
 *
 * Steps add up. The conversion is theorem 21 of Balle, Barthe, Gaboardi, Hsu, Sato, "Hypothesis Testing
 * Interpretations and Renyi Differential Privacy", 2020, arXiv:1905.09982: for every order a,
 *
 *     epsilon = r + ln((a - 1) / a) - (ln delta + ln a) / (a - 1)
 */
#include "advice/guard.h"
#include "optim/advice.h"

/* ---- Sums of numbers that are known by their logarithms ---- */

typedef struct sum {
    double top, scaled; /* the sum is scaled e^top */
} sum_t;

static void add(sum_t *sum, double sign, double log_term) {
    if (log_term > sum->top) {
        sum->scaled *= exp(sum->top - log_term);
        sum->top = log_term;
    }
    sum->scaled += sign * exp(log_term - sum->top);
}

/* ln erfc(x): by its asymptotic series where erfc leaves the range of doubles. */
static double log_erfc(double x) {
    if (x < 20)
        return log(erfc(x));
    const double y = 1 / (2 * x * x);
    return -x * x - log(x * sqrt(acos(-1.0))) + log1p(-y * (1 - 3 * y * (1 - 5 * y * (1 - 7 * y * (1 - 9 * y)))));
}

/* ---- One step ---- */

static double log_sum_whole(double q, double s, double order) {
    sum_t sum = {-INFINITY, 0};
    double binomial = 0; /* its logarithm */
    for (int64_t i = 0; (double)i <= order; ++i) {
        const double k = (double)i;
        add(&sum, 1, binomial + (order - k) * log1p(-q) + k * log(q) + (k * k - k) / (2 * s * s));
        binomial += log((order - k) / (k + 1));
    }
    return sum.top + log(sum.scaled);
}

static double log_sum_between(double q, double s, double order) {
    enum { MOST = 1000000 };
    const double z = s * s * log(1 / q - 1) + 0.5, root = sqrt(2) * s;
    sum_t sum = {-INFINITY, 0};
    double binomial = 0, sign = 1;
    for (int i = 0; i < MOST; ++i) {
        const double k = i, j = order - k;
        const double b = binomial + j * log1p(-q) + k * log(q) + (k * k - k) / (2 * s * s) + log_erfc((k - z) / root);
        const double c = binomial + j * log(q) + k * log1p(-q) + (j * j - j) / (2 * s * s) + log_erfc((z - j) / root);
        add(&sum, sign, b);
        add(&sum, sign, c);
        if (k > order && fmax(b, c) < sum.top - 40)
            break;
        binomial += log(fabs(j) / (k + 1));
        sign = j < 0 ? -sign : sign;
    }
    return sum.top + log(sum.scaled / 2);
}

/* Infinity where A is too large for what its logarithm is made of. */
static double rdp_of_step(double q, double noise, double order) {
    const double s = fmin(noise, 1e100);
    if (q == 1)
        return order / (2 * s * s);
    const double log_sum = order == floor(order) ? log_sum_whole(q, s, order) : log_sum_between(q, s, order);
    return isnan(log_sum) ? INFINITY : fmax(log_sum / (order - 1), 0);
}

/* ---- All of them ---- */

/* The orders that are tried: 1.1, 1.2, ..., 10.9, 11, 12, ..., 64, then each twice the one before; 0: no more. */
static double order_at(int i) {
    if (i < 99)
        return (double)(i + 11) / 10;
    if (i < 99 + 54)
        return (double)(i - 99 + 11);
    return i < 99 + 54 + 4 ? ldexp(64, i - (99 + 54) + 1) : 0;
}

typedef struct spent {
    double epsilon, order;
} spent_t;
static spent_t spend(double q, double s, double steps, double delta) {
    spent_t best = {INFINITY, order_at(0)};
    for (int i = 0; order_at(i) > 0; ++i) {
        const double a = order_at(i), rdp = steps * rdp_of_step(q, s, a);
        const double epsilon = rdp + log1p(-1 / a) - (log(delta) + log(a)) / (a - 1);
        if (epsilon < best.epsilon)
            best = (spent_t){epsilon, a};
    }
    best.epsilon = fmax(best.epsilon, 0);
    return best;
}

/* ---- What callers see ---- */

static optim_status refuse_rate(double rate) {
    if (rate > 0 && rate <= 1)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_ARGUMENT, "argument \"rate\" cannot be %g; valid: (0,1]", rate);
}

static optim_status refuse_run(double rate, int64_t steps, double delta) {
    const optim_status status = refuse_rate(rate);
    if (status != OPTIM_OK)
        return status;
    if (steps < 1)
        return error_set(OPTIM_ERR_ARGUMENT, "argument \"steps\" cannot be %lld; it must be positive",
                         (long long)steps);
    if (!(delta > 0 && delta < 1))
        return error_set(OPTIM_ERR_ARGUMENT, "argument \"delta\" cannot be %g; valid: (0,1)", delta);
    return OPTIM_OK;
}

optim_status optim_privacy_rdp(double rate, double noise, double order, double *rdp) {
    optim_status status = refuse_null(rdp, "rdp");
    if (status == OPTIM_OK)
        status = refuse_rate(rate);
    if (status == OPTIM_OK)
        status = advice_refuse_number(noise, "noise");
    if (status == OPTIM_OK && !(order > 1 && order <= 1024))
        status = error_set(OPTIM_ERR_ARGUMENT, "argument \"order\" cannot be %g; valid: (1,1024]", order);
    if (status == OPTIM_OK)
        *rdp = rdp_of_step(rate, noise, order);
    return status;
}

optim_status optim_privacy_epsilon(double rate, double noise, int64_t steps, double delta, double *epsilon,
                                   double *order) {
    optim_status status = refuse_null(epsilon, "epsilon");
    if (status == OPTIM_OK)
        status = refuse_null(order, "order");
    if (status == OPTIM_OK)
        status = refuse_run(rate, steps, delta);
    if (status == OPTIM_OK)
        status = advice_refuse_number(noise, "noise");
    if (status != OPTIM_OK)
        return status;
    const spent_t spent = spend(rate, noise, (double)steps, delta);
    *epsilon = spent.epsilon;
    *order = spent.order;
    return OPTIM_OK;
}

optim_status optim_privacy_noise(double rate, int64_t steps, double epsilon, double delta, double *noise) {
    enum { HALVINGS = 50 };
    const double least = 0x1p-7, most = 0x1p30;
    optim_status status = refuse_null(noise, "noise");
    if (status == OPTIM_OK)
        status = refuse_run(rate, steps, delta);
    if (status == OPTIM_OK)
        status = advice_refuse_number(epsilon, "epsilon");
    if (status != OPTIM_OK)
        return status;
    double low = least, high = low;
    while (high < most && spend(rate, high, (double)steps, delta).epsilon > epsilon) {
        low = high;
        high *= 2;
    }
    if (high >= most)
        return error_set(OPTIM_ERR_ARGUMENT, "no noise gives epsilon = %g with delta = %g: take a larger one", epsilon,
                         delta);
    for (int i = 0; i < HALVINGS && high - low > 1e-12 * high; ++i) {
        const double middle = (low + high) / 2;
        *(spend(rate, middle, (double)steps, delta).epsilon > epsilon ? &low : &high) = middle;
    }
    *noise = high;
    return OPTIM_OK;
}
