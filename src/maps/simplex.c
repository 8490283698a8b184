/*
 * Projections onto the simplex and the l1 ball, and the prox of the largest entry, which is what the latter leaves.
 *
 *     proj_simplex:  {x >= 0, sum x = radius}:  max(v - theta, 0), theta so that the sum is radius
 *     proj_l1_ball:  v if |v|_1 <= radius; else sign(v) proj_simplex(|v|)
 *     prox_linf:     r = lam |x|_inf:  v - proj_l1_ball(v, tau lam)
 */
#include "blocks/select.h"
#include "engine/map.h"

enum { RADIUS };
static const option_t BALL_OPTIONS[] = {[RADIUS] = {"radius", 1, "(0,inf)", "of the ball"}, {0}};
static const option_t SIMPLEX_OPTIONS[] = {[RADIUS] = {"radius", 1, "(0,inf)", "the sum of all entries"}, {0}};
enum { LAM };
static const option_t LINF_OPTIONS[] = {[LAM] = {"lam", 1, "[0,inf)", "weight of the penalty"}, {0}};

static void apply_simplex(const map_call_t *m, size_t n, void *data) {
    real *v = data;
    for (size_t i = 0; i < n; ++i)
        m->work[i] = (double)v[i];
    const double theta = select_simplex(m->work, n, m->option[RADIUS]);
    for (size_t i = 0; i < n; ++i)
        v[i] = (real)((double)v[i] > theta ? (double)v[i] - theta : 0);
}

static double value_simplex(const map_call_t *m, size_t n, const void *data) {
    const double radius = m->option[RADIUS];
    const real *v = data;
    double excess = fabs(map_sum(n, v) - radius);
    for (size_t i = 0; i < n; ++i)
        excess = (double)v[i] < -excess ? -(double)v[i] : excess;
    return map_outside(excess, map_sum_abs(n, v) + radius);
}

/* What the moduli are lowered by to lie in the ball. */
static double ball_threshold(const map_call_t *m, size_t n, const real *v, double radius) {
    if (map_sum_abs(n, v) <= radius)
        return 0;
    for (size_t i = 0; i < n; ++i)
        m->work[i] = (double)fabs(v[i]);
    return select_simplex(m->work, n, radius);
}

static void apply_l1_ball(const map_call_t *m, size_t n, void *data) {
    real *v = data;
    const double theta = ball_threshold(m, n, v, m->option[RADIUS]);
    for (size_t i = 0; theta > 0 && i < n; ++i) {
        const double size = (double)fabs(v[i]);
        v[i] = sign(v[i]) * (real)(size > theta ? size - theta : 0);
    }
}

static double value_l1_ball(const map_call_t *m, size_t n, const void *v) {
    const double norm = map_sum_abs(n, v);
    return map_outside(norm - m->option[RADIUS], norm);
}

static void apply_linf(const map_call_t *m, size_t n, void *data) {
    const double radius = m->step * m->option[LAM];
    real *v = data;
    if (radius == 0)
        return;
    const real most = (real)ball_threshold(m, n, v, radius);
    for (size_t i = 0; i < n; ++i)
        v[i] = sign(v[i]) * smaller(fabs(v[i]), most);
}

static double value_linf(const map_call_t *m, size_t n, const void *v) {
    return m->option[LAM] * map_largest_abs(n, v);
}

static const char CITATION[] = "Duchi, Shalev-Shwartz, Singer, Chandra: Efficient Projections onto the l1-Ball for "
                               "Learning in High Dimensions, 2008";

const map_t MAP(proj_simplex) = {
    .name = "proj_simplex",
    .purpose = "the projection onto the vectors x >= 0 whose sum is the radius",
    .citation = CITATION,
    .options = SIMPLEX_OPTIONS,
    .role = MAP_PROJECTION,
    .reach = MAP_TENSOR,
    .workspace = select_workspace,
    .apply = apply_simplex,
    .value = value_simplex,
};

const map_t MAP(proj_l1_ball) = {
    .name = "proj_l1_ball",
    .purpose = "the projection onto the l1 ball",
    .citation = CITATION,
    .options = BALL_OPTIONS,
    .role = MAP_PROJECTION,
    .reach = MAP_TENSOR,
    .workspace = select_workspace,
    .apply = apply_l1_ball,
    .value = value_l1_ball,
};

const map_t MAP(prox_linf) = {
    .name = "prox_linf",
    .purpose = "cuts the largest entries to one size: the prox of lam |x|_inf",
    .citation = "Parikh, Boyd: Proximal Algorithms, 2014",
    .options = LINF_OPTIONS,
    .role = MAP_PROX,
    .reach = MAP_TENSOR,
    .workspace = select_workspace,
    .apply = apply_linf,
    .value = value_linf,
};
