/*
 * Projections onto sets that are told by one sum or one norm; n entries.
 *
 *     proj_l2_ball:     {|x| <= radius}:      v min(1, radius / |v|)
 *     proj_hyperplane:  {sum x  = offset}:    v - (sum v - offset) / n
 *     proj_halfspace:   {sum x <= offset}:    v - max(0, sum v - offset) / n
 */
#include "engine/map.h"

enum { RADIUS };
static const option_t BALL_OPTIONS[] = {[RADIUS] = {"radius", 1, "(0,inf)", "of the ball"}, {0}};
enum { OFFSET };
static const option_t PLANE_OPTIONS[] = {[OFFSET] = {"offset", 0, "(-inf,inf)", "the sum of all entries"}, {0}};
static const option_t SPACE_OPTIONS[] = {[OFFSET] = {"offset", 0, "(-inf,inf)", "the largest sum of all entries"}, {0}};

static void apply_l2_ball(const map_call_t *m, size_t n, void *data) {
    real *v = data;
    const double norm = map_norm(n, v), radius = m->option[RADIUS];
    for (size_t i = 0; norm > radius && i < n; ++i)
        v[i] = (real)((double)v[i] * (radius / norm));
}

static double value_l2_ball(const map_call_t *m, size_t n, const void *v) {
    const double norm = map_norm(n, v);
    return map_outside(norm - m->option[RADIUS], norm);
}

static void move_sum(double excess, size_t n, real *v) {
    const double shift = excess / (double)n;
    for (size_t i = 0; i < n; ++i)
        v[i] = (real)((double)v[i] - shift);
}

static void apply_hyperplane(const map_call_t *m, size_t n, void *v) {
    move_sum(map_sum(n, v) - m->option[OFFSET], n, v);
}

static double value_hyperplane(const map_call_t *m, size_t n, const void *v) {
    return map_outside(fabs(map_sum(n, v) - m->option[OFFSET]), map_sum_abs(n, v) + fabs(m->option[OFFSET]));
}

static void apply_halfspace(const map_call_t *m, size_t n, void *v) {
    const double excess = map_sum(n, v) - m->option[OFFSET];
    if (excess > 0)
        move_sum(excess, n, v);
}

static double value_halfspace(const map_call_t *m, size_t n, const void *v) {
    return map_outside(map_sum(n, v) - m->option[OFFSET], map_sum_abs(n, v) + fabs(m->option[OFFSET]));
}

static const char CITATION[] = "Parikh, Boyd: Proximal Algorithms, 2014";

const map_t MAP(proj_l2_ball) = {
    .name = "proj_l2_ball",
    .purpose = "the projection onto the Euclidean ball",
    .citation = CITATION,
    .options = BALL_OPTIONS,
    .role = MAP_PROJECTION,
    .reach = MAP_TENSOR,
    .apply = apply_l2_ball,
    .value = value_l2_ball,
};

const map_t MAP(proj_hyperplane) = {
    .name = "proj_hyperplane",
    .purpose = "the projection onto the vectors with one sum",
    .citation = CITATION,
    .options = PLANE_OPTIONS,
    .role = MAP_PROJECTION,
    .reach = MAP_TENSOR,
    .apply = apply_hyperplane,
    .value = value_hyperplane,
};

const map_t MAP(proj_halfspace) = {
    .name = "proj_halfspace",
    .purpose = "the projection onto the vectors whose sum is not larger than an offset",
    .citation = CITATION,
    .options = SPACE_OPTIONS,
    .role = MAP_PROJECTION,
    .reach = MAP_TENSOR,
    .apply = apply_halfspace,
    .value = value_halfspace,
};
