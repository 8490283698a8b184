/*
 * Whether samples Y are closer to X than samples Z are: a test of relative similarity by maximum mean discrepancies.
 *
 * Bounliphone, Belilovsky, Blaschko, Antonoglou, Gretton, "A Test of Relative Similarity For Model Selection in
 * Generative Models", 2016, arXiv:1511.04581; Binkowski, Sutherland, Arbel, Gretton, "Demystifying MMD GANs", 2018,
 * arXiv:1801.01401, whose kernel and variance these are.
 *
 *     kernel(x, y) = (x y / dim + 1)^3;   of Y, and of Z likewise: S = the matrix within Y without its diagonal,
 *     K = that between X (rows) and Y;   k = S 1,  a = K' 1,  r = K 1,
 *     alpha = 1' S 1 / (m (m - 1)),  beta = 1' K 1 / m^2
 *     difference = (alpha - 2 beta) of Y - (alpha - 2 beta) of Z
 *     first  = sum over Y, Z of (e1 - alpha^2 + e2 + e3 - 2 beta^2 - 2 c + 2 alpha beta) - 2 w + 2 beta_Y beta_Z
 *     second = sum over Y, Z of (|S|^2 / (m (m - 1)) - alpha^2 + 2 |K|^2 / m^2 - 2 beta^2 - 4 c + 4 alpha beta)
 *              - 4 w + 4 beta_Y beta_Z,   w = r_Y r_Z / m^3,   c = k a / (m^2 (m - 1))
 *     e1 = (k k - |S|^2) / (m (m - 1) (m - 2)),  e2 = (a a - |K|^2) / (m^2 (m - 1)),
 *     e3 = (r r - |K|^2) / (m^2 (m - 1))
 *     var = 4 (m - 2) / (m (m - 1)) first + 2 / (m (m - 1)) second
 *     statistic = difference / sqrt(max(var, min_var)),   p = Phi(statistic)
 */
#include <stdlib.h>

#include "advice/guard.h"
#include "optim/advice.h"
#include "optimizer/abi.h"

/* Of Y or Z. */
typedef struct side {
    double *k, *a, *r;                   /* m each */
    double alpha, beta, within, between; /* |S|^2, |K|^2 */
} side_t;

static double kernel(const double *x, const double *y, size_t dim) {
    double product = 0;
    for (size_t j = 0; j < dim; ++j)
        product += x[j] * y[j];
    const double base = product / (double)dim + 1;
    return base * base * base;
}

static double dot(const double *a, const double *b, size_t m) {
    double sum = 0;
    for (size_t i = 0; i < m; ++i)
        sum += a[i] * b[i];
    return sum;
}

static void measure(side_t *side, const double *x, const double *y, size_t m, size_t dim) {
    const double n = (double)m;
    for (size_t i = 0; i < m; ++i)
        for (size_t j = 0; j < m; ++j) {
            const double within = i == j ? 0 : kernel(y + i * dim, y + j * dim, dim);
            const double between = kernel(x + i * dim, y + j * dim, dim);
            side->k[i] += within;
            side->r[i] += between;
            side->a[j] += between;
            side->within += within * within;
            side->between += between * between;
        }
    for (size_t i = 0; i < m; ++i) {
        side->alpha += side->k[i] / (n * (n - 1));
        side->beta += side->r[i] / (n * n);
    }
}

/* The terms of one side in `first` and `second`. */
static void add_side(const side_t *side, size_t m, double *first, double *second) {
    const double n = (double)m, pairs = n * (n - 1), alpha = side->alpha, beta = side->beta;
    const double e1 = (dot(side->k, side->k, m) - side->within) / (pairs * (n - 2));
    const double e2 = (dot(side->a, side->a, m) - side->between) / (n * pairs);
    const double e3 = (dot(side->r, side->r, m) - side->between) / (n * pairs);
    const double c = dot(side->k, side->a, m) / (n * pairs);
    *first += e1 - alpha * alpha + e2 + e3 - 2 * beta * beta - 2 * c + 2 * alpha * beta;
    *second +=
        side->within / pairs - alpha * alpha + 2 * side->between / (n * n) - 2 * beta * beta - 4 * c + 4 * alpha * beta;
}

static optim_status conclude(const side_t *y, const side_t *z, size_t m, double min_var, optim_mmd *mmd) {
    const double n = (double)m, cross = dot(y->r, z->r, m) / (n * n * n) - y->beta * z->beta;
    double first = -2 * cross, second = -4 * cross;
    add_side(y, m, &first, &second);
    add_side(z, m, &first, &second);
    const double variance = (4 * (n - 2) * first + 2 * second) / (n * (n - 1));
    optim_mmd ours = {.size = sizeof ours, .difference = y->alpha - 2 * y->beta - (z->alpha - 2 * z->beta)};
    if (!isfinite(variance) || !isfinite(ours.difference))
        return error_set(OPTIM_ERR_NONFINITE, "the samples, or their kernels, are not finite");
    ours.statistic = ours.difference / sqrt(fmax(variance, min_var));
    ours.p = 0.5 * erfc(-ours.statistic / sqrt(2));
    return abi_write(mmd, &ours, sizeof ours, "optim_mmd");
}

static optim_status refuse(size_t count, size_t dim, const double *x, const double *y, const double *z, double min_var,
                           const optim_mmd *mmd) {
    optim_status status = refuse_null(mmd, "mmd");
    if (status == OPTIM_OK)
        status = refuse_null(x, "x");
    if (status == OPTIM_OK)
        status = refuse_null(y, "y");
    if (status == OPTIM_OK)
        status = refuse_null(z, "z");
    if (status == OPTIM_OK)
        status = advice_refuse_number(min_var, "min_var");
    if (status == OPTIM_OK && (count < 3 || dim < 1))
        status = error_set(OPTIM_ERR_ARGUMENT, "%zu samples of %zu dimensions: three samples of one are the least",
                           count, dim);
    return status;
}

optim_status optim_mmd_three_sample(size_t count, size_t dim, const double *x, const double *y, const double *z,
                                    double min_var, optim_mmd *mmd) {
    const optim_status status = refuse(count, dim, x, y, z, min_var, mmd);
    if (status != OPTIM_OK)
        return status;
    double *room = calloc(count, 6 * sizeof *room);
    if (room == NULL)
        return error_set(OPTIM_ERR_NOMEM, "no memory for the sums of %zu samples", count);
    side_t of_y = {.k = room, .a = room + count, .r = room + 2 * count};
    side_t of_z = {.k = room + 3 * count, .a = room + 4 * count, .r = room + 5 * count};
    measure(&of_y, x, y, count, dim);
    measure(&of_z, x, z, count, dim);
    const optim_status concluded = conclude(&of_y, &of_z, count, min_var, mmd);
    free(room);
    return concluded;
}
