/*
 * The prox of Euclidean norms that are not squared: whole blocks become 0 together.
 *
 *     prox_l2:        r = lam |x|                                    v max(0, 1 - tau lam / |v|)
 *     prox_group_l2:  r = lam sum_g w_g |x_g|, for every group g:  v_g max(0, 1 - tau lam w_g / |v_g|)
 *
 * Groups are consecutive entries, the last may be short; w_g = sqrt(size of g) if weighted, else 1.
 */
#include "engine/map.h"

enum { LAM, GROUP, WEIGHTED };
#define LAM_ROW [LAM] = {"lam", 1, "[0,inf)", "weight of the penalty"}
static const option_t L2_OPTIONS[] = {LAM_ROW, {0}};
static const option_t GROUP_OPTIONS[] = {
    LAM_ROW,
    [GROUP] = {"group", 3, "integer [1,inf)", "entries of a group"},
    [WEIGHTED] = {"weighted", 0, "0|1", "weigh a group by the square root of its size"},
    {0},
};

static void shrink(double threshold, size_t n, real *v) {
    const double norm = map_norm(n, v);
    const real factor = (real)(norm > threshold ? 1 - threshold / norm : 0);
    for (size_t i = 0; i < n; ++i)
        v[i] *= factor;
}

static void apply_l2(const map_call_t *m, size_t n, void *v) {
    shrink(m->step * m->option[LAM], n, v);
}

static double value_l2(const map_call_t *m, size_t n, const void *v) {
    return m->option[LAM] * map_norm(n, v);
}

static size_t group_size(const map_call_t *m, size_t left) {
    return m->option[GROUP] < (double)left ? (size_t)m->option[GROUP] : left;
}

static double weight(const map_call_t *m, size_t size) {
    return m->option[LAM] * (m->option[WEIGHTED] != 0 ? sqrt((double)size) : 1);
}

static void apply_group_l2(const map_call_t *m, size_t n, void *data) {
    real *v = data;
    for (size_t first = 0, size; first < n; first += size) {
        size = group_size(m, n - first);
        shrink(m->step * weight(m, size), size, v + first);
    }
}

static double value_group_l2(const map_call_t *m, size_t n, const void *data) {
    const real *v = data;
    double sum = 0;
    for (size_t first = 0, size; first < n; first += size) {
        size = group_size(m, n - first);
        sum += weight(m, size) * map_norm(size, v + first);
    }
    return sum;
}

const map_t MAP(prox_l2) = {
    .name = "prox_l2",
    .purpose = "shrinks the vector by a length: the prox of lam |x|",
    .citation = "Parikh, Boyd: Proximal Algorithms, 2014",
    .options = L2_OPTIONS,
    .role = MAP_PROX,
    .reach = MAP_TENSOR,
    .apply = apply_l2,
    .value = value_l2,
};

const map_t MAP(prox_group_l2) = {
    .name = "prox_group_l2",
    .purpose = "shrinks groups of entries by a length: the prox of the group lasso's penalty",
    .citation = "Yuan, Lin: Model Selection and Estimation in Regression with Grouped Variables, 2006",
    .options = GROUP_OPTIONS,
    .role = MAP_PROX,
    .reach = MAP_TENSOR,
    .apply = apply_group_l2,
    .value = value_group_l2,
};
