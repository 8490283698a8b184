/*
 * Projections that tie the entries of a group to each other, for problems that are written as a set of small
 * constraints. Groups are consecutive entries; a remainder is left alone.
 *
 * Bergmeister, Lal, Jegelka, Sra, "A projection-based framework for gradient-free and parallel learning", 2025.
 *
 *     proj_consensus:  {all entries are equal}:        their mean
 *     proj_sum:        (a_1..a_n, z), z = sum a:       t = (z - sum a) / (n + 1):  a + t, z - t
 *     proj_sum_relu:   (a_1..a_n, z), z = max(sum a, 0), S = sum a; the nearer of (the first on a tie)
 *                      0. a - max(S, 0) / n, 0
 *                      1. t = (z - S) / (n + 1):  a + t, z - t if z - t >= 0;  else a - S / n, 0
 *     proj_max:        (a_1..a_n, z), z = max a.  z >= max a: the first largest a and z become their mean; else z and
 *                      the largest a's, in order while the next exceeds the mean of those before, become their mean
 */
#include "engine/map.h"

enum { GROUP };
static const option_t PAIR_OPTIONS[] = {[GROUP] = {"group", 2, "integer [1,inf)", "entries of a group"}, {0}};
static const option_t TRIPLE_OPTIONS[] = {
    [GROUP] = {"group", 3, "integer [2,inf)", "entries of a group; the last is the result"},
    {0},
};

/* Calls `map` for every group: its first entries, their number, and the last entry. */
static void for_groups(const map_call_t *m, size_t n, real *v, void (*map)(size_t n, real *a, real *z)) {
    if (m->option[GROUP] > (double)n)
        return;
    const size_t size = (size_t)m->option[GROUP];
    for (size_t first = 0; n - first >= size; first += size)
        map(size - 1, v + first, v + first + size - 1);
}

/* The indicator: `excess` says by how much a group breaks its condition. */
static double value_of_groups(const map_call_t *m, size_t n, const real *v,
                              double (*excess)(size_t n, const real *a, double z)) {
    if (m->option[GROUP] > (double)n)
        return 0;
    const size_t size = (size_t)m->option[GROUP];
    for (size_t first = 0; n - first >= size; first += size)
        if (map_outside(excess(size - 1, v + first, (double)v[first + size - 1]), map_sum_abs(size, v + first)) != 0)
            return (double)INFINITY;
    return 0;
}

static void shift(size_t n, real *a, double by) {
    for (size_t i = 0; i < n; ++i)
        a[i] = (real)((double)a[i] + by);
}

static double largest(size_t n, const real *a) {
    double most = (double)a[0];
    for (size_t i = 1; i < n; ++i)
        most = (double)a[i] > most ? (double)a[i] : most;
    return most;
}

/* ---- Consensus ---- */

static void consensus(size_t n, real *a, real *z) {
    const real mean = (real)((map_sum(n, a) + (double)*z) / (double)(n + 1));
    for (size_t i = 0; i < n; ++i)
        a[i] = mean;
    *z = mean;
}

static double consensus_excess(size_t n, const real *a, double z) {
    double excess = 0;
    for (size_t i = 0; i < n; ++i)
        excess = fmax(excess, fabs((double)a[i] - z));
    return excess;
}

static void apply_consensus(const map_call_t *m, size_t n, void *v) {
    for_groups(m, n, v, consensus);
}
static double value_consensus(const map_call_t *m, size_t n, const void *v) {
    return value_of_groups(m, n, v, consensus_excess);
}

/* ---- Sum ---- */

static void sum(size_t n, real *a, real *z) {
    const double t = ((double)*z - map_sum(n, a)) / (double)(n + 1);
    shift(n, a, t);
    *z = (real)((double)*z - t);
}

static double sum_excess(size_t n, const real *a, double z) {
    return fabs(map_sum(n, a) - z);
}

static void apply_sum(const map_call_t *m, size_t n, void *v) {
    for_groups(m, n, v, sum);
}
static double value_sum(const map_call_t *m, size_t n, const void *v) {
    return value_of_groups(m, n, v, sum_excess);
}

/* ---- Sum and ReLU ---- */

static void sum_relu(size_t n, real *a, real *z) {
    const double terms = (double)n, s = map_sum(n, a), t = ((double)*z - s) / (terms + 1), zz = (double)*z * (double)*z;
    const double shift0 = -fmax(s, 0.0) / terms, distance0 = terms * shift0 * shift0 + zz;
    const bool on_slope = (double)*z - t >= 0;
    const double distance1 = on_slope ? (terms + 1) * t * t : s * s / terms + zz;
    if (distance0 <= distance1) {
        shift(n, a, shift0);
        *z = 0;
    } else {
        shift(n, a, on_slope ? t : -s / terms);
        *z = on_slope ? (real)((double)*z - t) : 0;
    }
}

static double sum_relu_excess(size_t n, const real *a, double z) {
    return fabs(fmax(map_sum(n, a), 0.0) - z);
}

static void apply_sum_relu(const map_call_t *m, size_t n, void *v) {
    for_groups(m, n, v, sum_relu);
}
static double value_sum_relu(const map_call_t *m, size_t n, const void *v) {
    return value_of_groups(m, n, v, sum_relu_excess);
}

/* ---- Maximum ---- */

/* The largest a behind entry `last` in the order of falling values, ties by index; n: none. `last` = n: the first. */
static size_t next_largest(size_t n, const real *a, size_t last) {
    size_t next = n;
    for (size_t i = 0; i < n; ++i) {
        const bool behind = last == n || a[i] < a[last] || (i > last && a[i] == a[last]);
        if (behind && (next == n || a[i] > a[next]))
            next = i;
    }
    return next;
}

static void maximum(size_t n, real *a, real *z) {
    size_t last = next_largest(n, a, n);
    double total = (double)*z + (double)a[last], count = 2;
    for (size_t next; (double)*z < (double)a[last] && (next = next_largest(n, a, last)) < n; last = next) {
        if ((double)a[next] <= total / count)
            break;
        total += (double)a[next];
        count += 1;
    }
    const real mean = (real)(total / count), bound = a[last];
    for (size_t i = 0; i < n; ++i)
        if (a[i] > bound || (i <= last && a[i] == bound))
            a[i] = mean;
    *z = mean;
}

static double maximum_excess(size_t n, const real *a, double z) {
    return fabs(largest(n, a) - z);
}

static void apply_max(const map_call_t *m, size_t n, void *v) {
    for_groups(m, n, v, maximum);
}
static double value_max(const map_call_t *m, size_t n, const void *v) {
    return value_of_groups(m, n, v, maximum_excess);
}

static const char CITATION[] = "Bergmeister, Lal, Jegelka, Sra: A projection-based framework for gradient-free and "
                               "parallel learning, 2025";

const map_t MAP(proj_consensus) = {
    .name = "proj_consensus",
    .purpose = "makes the entries of a group equal: copies of one variable",
    .citation = CITATION,
    .options = PAIR_OPTIONS,
    .role = MAP_PROJECTION,
    .reach = MAP_TENSOR,
    .apply = apply_consensus,
    .value = value_consensus,
};

const map_t MAP(proj_sum) = {
    .name = "proj_sum",
    .purpose = "the projection of every group onto: the last entry is the sum of the others",
    .citation = CITATION,
    .options = TRIPLE_OPTIONS,
    .role = MAP_PROJECTION,
    .reach = MAP_TENSOR,
    .apply = apply_sum,
    .value = value_sum,
};

const map_t MAP(proj_sum_relu) = {
    .name = "proj_sum_relu",
    .purpose = "the projection of every group onto: the last entry is the positive part of the sum of the others",
    .citation = CITATION,
    .options = TRIPLE_OPTIONS,
    .role = MAP_PROJECTION,
    .reach = MAP_TENSOR,
    .apply = apply_sum_relu,
    .value = value_sum_relu,
};

const map_t MAP(proj_max) = {
    .name = "proj_max",
    .purpose = "the projection of every group onto: the last entry is the largest of the others",
    .citation = CITATION,
    .options = TRIPLE_OPTIONS,
    .role = MAP_PROJECTION,
    .reach = MAP_TENSOR,
    .apply = apply_max,
    .value = value_max,
};
