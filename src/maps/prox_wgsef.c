/*
 * prox_wgsef: the weighted group-sparse envelope.
 *
 * Learning k-Level Structured Sparse Neural Networks Using Group Envelope Regularization, 2023.
 *
 * r is lam times the biconjugate of 1/2 sum_g d_g |x_g|^2 + [at most k groups are not 0], d_g = sqrt(size of g):
 *
 *     r(x) = lam min over 0 <= u <= 1, sum u <= k of 1/2 sum_g d_g |x_g|^2 / u_g
 *
 * The prox, with s_g = tau lam d_g and c_g = |v_g| sqrt(s_g):
 *
 *     u_g = clip(eta c_g - s_g, 0, 1), eta >= 0 so that sum u = k (1 for all groups that are not 0, if they are few)
 *     x_g = v_g u_g / (u_g + s_g)
 *
 * The sum is piecewise linear in eta, with breaks at s_g / c_g and (1 + s_g) / c_g. r itself is the same with s_g = 0
 * and c_g = |x_g| sqrt(d_g).
 */
#include "engine/map.h"

enum { LAM, K, GROUP };
static const option_t OPTIONS[] = {
    [LAM] = {"lam", 1, "[0,inf)", "weight of the penalty"},
    [K] = {"k", 1, "integer [1,inf)", "groups that cost no more than their squares"},
    [GROUP] = {"group", 3, "integer [1,inf)", "entries of a group; the last may be short"},
    {0},
};

static size_t group_size(const map_call_t *m, size_t left) {
    return m->option[GROUP] < (double)left ? (size_t)m->option[GROUP] : left;
}

/* By group, at most n: c, s; and the breaks. */
static size_t workspace(size_t n, size_t rows) {
    (void)rows;
    return n <= SIZE_MAX / 4 ? 4 * n : SIZE_MAX;
}

typedef struct groups {
    size_t count;
    double *c, *s, *breaks;
} groups_t;

static double share(double eta, double c, double s) {
    return fmin(fmax(eta * c - s, 0.0), 1.0);
}

static double sum_of_shares(const groups_t *groups, double eta) {
    double sum = 0;
    for (size_t g = 0; g < groups->count; ++g)
        sum += groups->c[g] > 0 ? share(eta, groups->c[g], groups->s[g]) : 0;
    return sum;
}

static void sift_down(double *x, size_t root, size_t n) {
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        child += child + 1 < n && x[child + 1] > x[child];
        if (x[root] >= x[child])
            return;
        const double larger_one = x[child];
        x[child] = x[root];
        x[root] = larger_one;
    }
}

static void sort_ascending(double *x, size_t n) {
    for (size_t root = n / 2; root-- > 0;)
        sift_down(x, root, n);
    for (; n > 1; --n) {
        const double most = x[0];
        x[0] = x[n - 1];
        x[n - 1] = most;
        sift_down(x, 0, n - 1);
    }
}

/* eta, or infinity if no more than k groups are not 0. */
static double find_eta(const groups_t *groups, double k) {
    size_t count = 0;
    for (size_t g = 0; g < groups->count; ++g)
        if (groups->c[g] > 0) {
            groups->breaks[count++] = groups->s[g] / groups->c[g];
            groups->breaks[count++] = (1 + groups->s[g]) / groups->c[g];
        }
    const size_t nonzero = count / 2;
    if ((double)nonzero <= k)
        return (double)INFINITY;
    sort_ascending(groups->breaks, count);
    size_t low = 0, high = count - 1; /* the first break whose sum reaches k lies in low .. high */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (sum_of_shares(groups, groups->breaks[middle]) >= k)
            high = middle;
        else
            low = middle + 1;
    }
    const double left = high == 0 ? 0 : groups->breaks[high - 1], right = groups->breaks[high];
    const double below = sum_of_shares(groups, left), above = sum_of_shares(groups, right);
    return above > below ? left + (k - below) / (above - below) * (right - left) : right;
}

/* Fills c and s for s_g = weight d_g; with weight 0 c is that of the penalty itself. */
static groups_t groups_of(const map_call_t *m, double weight, size_t n, const real *v) {
    groups_t groups = {0, m->work, m->work + n, m->work + 2 * n};
    for (size_t first = 0, size; first < n; first += size) {
        size = group_size(m, n - first);
        const double d = sqrt((double)size);
        groups.s[groups.count] = weight * d;
        groups.c[groups.count++] = map_norm(size, v + first) * sqrt(weight > 0 ? weight * d : d);
    }
    return groups;
}

static double share_of(const groups_t *groups, size_t g, double eta) {
    if (!(groups->c[g] > 0))
        return 0;
    return isinf(eta) ? 1 : share(eta, groups->c[g], groups->s[g]);
}

static void apply(const map_call_t *m, size_t n, void *data) {
    const double weight = m->step * m->option[LAM];
    real *v = data;
    if (weight == 0)
        return;
    const groups_t groups = groups_of(m, weight, n, v);
    const double eta = find_eta(&groups, m->option[K]);
    size_t g = 0;
    for (size_t first = 0, size; first < n; first += size, ++g) {
        size = group_size(m, n - first);
        const double u = share_of(&groups, g, eta);
        const real factor = (real)(u / (u + groups.s[g]));
        for (size_t i = first; i < first + size; ++i)
            v[i] *= factor;
    }
}

static double value(const map_call_t *m, size_t n, const void *v) {
    const groups_t groups = groups_of(m, 0, n, v);
    const double eta = find_eta(&groups, m->option[K]);
    double sum = 0;
    for (size_t g = 0; g < groups.count; ++g)
        if (groups.c[g] > 0)
            sum += groups.c[g] * groups.c[g] / share_of(&groups, g, eta);
    return m->option[LAM] / 2 * sum;
}

const map_t MAP(prox_wgsef) = {
    .name = "prox_wgsef",
    .purpose = "the prox of an envelope of the number of groups that are not 0",
    .citation = "Learning k-Level Structured Sparse Neural Networks Using Group Envelope Regularization, 2023",
    .options = OPTIONS,
    .role = MAP_PROX,
    .reach = MAP_TENSOR,
    .workspace = workspace,
    .apply = apply,
    .value = value,
};
