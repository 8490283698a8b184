/*
 * Hard thresholds: the prox of lam times the number of entries that are not 0.
 *
 *     prox_l0:         v where |v| > sqrt(2 tau lam), else 0 (a tie gives 0)
 *     prox_nonneg_l0:  v where  v  > sqrt(2 tau lam), else 0: JumpReLU
 */
#include "engine/map.h"

enum { LAM };
static const option_t OPTIONS[] = {[LAM] = {"lam", 1, "[0,inf)", "what an entry that is not 0 costs"}, {0}};

static void apply_l0(const map_call_t *m, size_t n, void *data) {
    const real threshold = (real)sqrt(2 * m->step * m->option[LAM]);
    real *v = data;
    for (size_t i = 0; i < n; ++i)
        v[i] = map_finite(v[i], fabs(v[i]) > threshold ? v[i] : 0);
}

static void apply_nonneg_l0(const map_call_t *m, size_t n, void *data) {
    const real threshold = (real)sqrt(2 * m->step * m->option[LAM]);
    real *v = data;
    for (size_t i = 0; i < n; ++i)
        v[i] = map_finite(v[i], v[i] > threshold ? v[i] : 0);
}

static double value_l0(const map_call_t *m, size_t n, const void *data) {
    const real *v = data;
    size_t count = 0;
    for (size_t i = 0; i < n; ++i)
        count += v[i] != 0;
    return m->option[LAM] * (double)count;
}

static double value_nonneg_l0(const map_call_t *m, size_t n, const void *data) {
    const real *v = data;
    for (size_t i = 0; i < n; ++i)
        if (v[i] < 0)
            return (double)INFINITY;
    return value_l0(m, n, data);
}

const map_t MAP(prox_l0) = {
    .name = "prox_l0",
    .purpose = "hard threshold: the prox of lam times the number of entries that are not 0",
    .citation = "Blumensath, Davies: Iterative Thresholding for Sparse Approximations, 2008",
    .options = OPTIONS,
    .role = MAP_PROX,
    .reach = MAP_ELEMENT,
    .apply = apply_l0,
    .value = value_l0,
};

const map_t MAP(prox_nonneg_l0) = {
    .name = "prox_nonneg_l0",
    .purpose = "JumpReLU: the prox of lam times the number of entries that are not 0, on x >= 0",
    .citation = "Rajamanoharan et al.: Jumping Ahead: Improving Reconstruction Fidelity with JumpReLU Sparse "
                "Autoencoders, 2024, arXiv:2407.14435",
    .options = OPTIONS,
    .role = MAP_PROX,
    .reach = MAP_ELEMENT,
    .apply = apply_nonneg_l0,
    .value = value_nonneg_l0,
};
