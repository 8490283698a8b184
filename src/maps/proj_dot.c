/*
 * proj_dot: every group (a_1..a_n, b_1..b_n, z) onto z = <a, b>; groups are consecutive entries, a remainder is left
 * alone.
 *
 * Bergmeister, Lal, Jegelka, Sra, "A projection-based framework for gradient-free and parallel learning", 2025.
 *
 *     P = a + b, M = a - b;  t in (-1, 1) is the root of the rising function
 *     F(t) = (|P|^2 / (1 - t)^2 - |M|^2 / (1 + t)^2) / 4 + t - z
 *     a, b <- (P / (1 - t) +- M / (1 + t)) / 2,   z <- z - t
 *
 * Without a root inside, which takes P = 0 or M = 0, t = 1 or -1 and what was 0 gets the length that is missing, along
 * the first axis. In terms of a and b the equation would cancel near the ends.
 */
#include "engine/map.h"

enum { GROUP };
static const option_t OPTIONS[] = {
    [GROUP] = {"group", 3, "integer [3,inf)", "entries of a group, an odd number: a, b and their product"},
    {0},
};

static const char *check(const double *option, double step) {
    (void)step;
    return fmod(option[GROUP], 2.0) == 1 ? NULL : "group must be odd: a, b and their product";
}

typedef struct product {
    double pp, mm, z; /* |P|^2, |M|^2 */
} product_t;

static double excess_at(const product_t *f, double t) {
    const double plus = f->pp > 0 ? f->pp / ((1 - t) * (1 - t)) : 0;
    const double minus = f->mm > 0 ? f->mm / ((1 + t) * (1 + t)) : 0;
    return (plus - minus) / 4 + t - f->z;
}

static double slope_at(const product_t *f, double t) {
    const double left = 1 - t, right = 1 + t;
    return (f->pp / (left * left * left) + f->mm / (right * right * right)) / 2 + 1;
}

/* Newton's steps, kept inside a bracket that each of them narrows. */
static double find_root(const product_t *f) {
    enum { MOST_STEPS = 200 };
    double low = -1, high = 1, t = 0;
    for (int step = 0; step < MOST_STEPS; ++step) {
        const double excess = excess_at(f, t);
        if (excess == 0)
            break;
        if (excess > 0)
            high = t;
        else
            low = t;
        double next = t - excess / slope_at(f, t);
        if (!(next > low && next < high))
            next = low + (high - low) / 2;
        if (next == t || next == low || next == high)
            break;
        t = next;
    }
    return t;
}

static product_t product_of(size_t n, const real *a, const real *b, double z) {
    product_t f = {.z = z};
    for (size_t i = 0; i < n; ++i) {
        const double p = (double)a[i] + (double)b[i], m = (double)a[i] - (double)b[i];
        f.pp += p * p;
        f.mm += m * m;
    }
    return f;
}

static void project(size_t n, real *a, real *b, real *z) {
    const product_t f = product_of(n, a, b, (double)*z);
    const bool at_one = f.pp == 0 && 1 - f.mm / 16 - f.z <= 0, at_minus_one = f.mm == 0 && f.pp / 16 - 1 - f.z >= 0;
    const double t = at_one ? 1 : at_minus_one ? -1 : find_root(&f);
    double product = 0; /* z - t, but for what t near 1 or -1 has lost */
    for (size_t i = 0; i < n; ++i) {
        double p = ((double)a[i] + (double)b[i]) / (1 - t), m = ((double)a[i] - (double)b[i]) / (1 + t);
        if (at_one)
            p = i == 0 ? sqrt(4 * (f.z - 1) + f.mm / 4) : 0;
        if (at_minus_one)
            m = i == 0 ? sqrt(f.pp / 4 - 4 * (f.z + 1)) : 0;
        a[i] = (real)((p + m) / 2);
        b[i] = (real)((p - m) / 2);
        product += (double)a[i] * (double)b[i];
    }
    *z = (real)product;
}

static void apply(const map_call_t *m, size_t n, void *data) {
    real *v = data;
    if (m->option[GROUP] > (double)n)
        return;
    const size_t size = (size_t)m->option[GROUP], half = size / 2;
    for (size_t first = 0; n - first >= size; first += size)
        project(half, v + first, v + first + half, v + first + 2 * half);
}

static double value(const map_call_t *m, size_t n, const void *data) {
    const real *v = data;
    if (m->option[GROUP] > (double)n)
        return 0;
    const size_t size = (size_t)m->option[GROUP], half = size / 2;
    for (size_t first = 0; n - first >= size; first += size) {
        const double z = (double)v[first + 2 * half];
        const product_t f = product_of(half, v + first, v + first + half, z);
        if (map_outside(fabs((f.pp - f.mm) / 4 - z), (f.pp + f.mm) / 2 + fabs(z)) != 0)
            return (double)INFINITY;
    }
    return 0;
}

const map_t MAP(proj_dot) = {
    .name = "proj_dot",
    .purpose = "the projection of every group onto: the last entry is the inner product of the two halves before it",
    .citation = "Bergmeister, Lal, Jegelka, Sra: A projection-based framework for gradient-free and parallel "
                "learning, 2025",
    .options = OPTIONS,
    .role = MAP_PROJECTION,
    .reach = MAP_TENSOR,
    .check = check,
    .apply = apply,
    .value = value,
};
