/*
 * Soft thresholds: the prox of the l1 norm and of its relatives, element by element.
 *
 *     soft(v, t) = sign(v) max(|v| - t, 0)
 *     prox_l1:           r = lam |x|_1                           soft(v, tau lam)
 *     prox_nonneg_l1:    r = lam sum x on x >= 0                 max(v - tau lam, 0)
 *     prox_elastic_net:  r = lam |x|_1 + lam2 / 2 |x|^2          soft(v, tau lam) / (1 + tau lam2)
 *     prox_l2sq:         r = lam / 2 |x|^2                       v / (1 + tau lam)
 */
#include "engine/map.h"

enum { LAM, LAM2 };
#define LAM_ROW [LAM] = {"lam", 1, "[0,inf)", "weight of the penalty"}
static const option_t LAM_OPTIONS[] = {LAM_ROW, {0}};
static const option_t ELASTIC_OPTIONS[] = {
    LAM_ROW,
    [LAM2] = {"lam2", 1, "[0,inf)", "weight of the squared norm"},
    {0},
};

static void apply_l1(const map_call_t *m, size_t n, void *data) {
    const real threshold = (real)(m->step * m->option[LAM]);
    real *v = data;
    for (size_t i = 0; i < n; ++i)
        v[i] = map_finite(v[i], map_soft(v[i], threshold));
}

static double value_l1(const map_call_t *m, size_t n, const void *v) {
    return m->option[LAM] * map_sum_abs(n, v);
}

static void apply_nonneg_l1(const map_call_t *m, size_t n, void *data) {
    const real threshold = (real)(m->step * m->option[LAM]);
    real *v = data;
    for (size_t i = 0; i < n; ++i)
        v[i] = map_finite(v[i], larger(v[i] - threshold, 0));
}

static double value_nonneg_l1(const map_call_t *m, size_t n, const void *data) {
    const real *v = data;
    for (size_t i = 0; i < n; ++i)
        if (v[i] < 0)
            return (double)INFINITY;
    return m->option[LAM] * map_sum(n, v);
}

static void apply_elastic_net(const map_call_t *m, size_t n, void *data) {
    const real threshold = (real)(m->step * m->option[LAM]), divisor = (real)(1 + m->step * m->option[LAM2]);
    real *v = data;
    for (size_t i = 0; i < n; ++i)
        v[i] = map_finite(v[i], map_soft(v[i], threshold) / divisor);
}

static double half_square(double weight, size_t n, const void *v) {
    const double norm = map_norm(n, v);
    return weight / 2 * norm * norm;
}

static double value_elastic_net(const map_call_t *m, size_t n, const void *v) {
    return m->option[LAM] * map_sum_abs(n, v) + half_square(m->option[LAM2], n, v);
}

static void apply_l2sq(const map_call_t *m, size_t n, void *data) {
    const real divisor = (real)(1 + m->step * m->option[LAM]);
    real *v = data;
    for (size_t i = 0; i < n; ++i)
        v[i] = v[i] / divisor;
}

static double value_l2sq(const map_call_t *m, size_t n, const void *v) {
    return half_square(m->option[LAM], n, v);
}

static const char CITATION[] = "Parikh, Boyd: Proximal Algorithms, 2014";

const map_t MAP(prox_l1) = {
    .name = "prox_l1",
    .purpose = "soft threshold: the prox of lam |x|_1",
    .citation = CITATION,
    .options = LAM_OPTIONS,
    .role = MAP_PROX,
    .reach = MAP_ELEMENT,
    .apply = apply_l1,
    .value = value_l1,
};

const map_t MAP(prox_nonneg_l1) = {
    .name = "prox_nonneg_l1",
    .purpose = "ReLU with a threshold: the prox of lam |x|_1 on x >= 0",
    .citation = CITATION,
    .options = LAM_OPTIONS,
    .role = MAP_PROX,
    .reach = MAP_ELEMENT,
    .apply = apply_nonneg_l1,
    .value = value_nonneg_l1,
};

const map_t MAP(prox_elastic_net) = {
    .name = "prox_elastic_net",
    .purpose = "the prox of lam |x|_1 + lam2 / 2 |x|^2",
    .citation = "Zou, Hastie: Regularization and Variable Selection via the Elastic Net, 2005",
    .options = ELASTIC_OPTIONS,
    .role = MAP_PROX,
    .reach = MAP_ELEMENT,
    .apply = apply_elastic_net,
    .value = value_elastic_net,
};

const map_t MAP(prox_l2sq) = {
    .name = "prox_l2sq",
    .purpose = "shrinks all entries by one factor: the prox of lam / 2 |x|^2",
    .citation = CITATION,
    .options = LAM_OPTIONS,
    .role = MAP_PROX,
    .reach = MAP_ELEMENT,
    .apply = apply_l2sq,
    .value = value_l2sq,
};
