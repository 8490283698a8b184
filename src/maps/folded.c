/*
 * Folded concave penalties: like lam |x| near 0, constant far from it, so that large entries are not shrunk.
 *
 *     prox_scad, tau < a - 1:  |v| <= lam (1 + tau):  soft(v, tau lam)
 *                              |v| <= a lam:          ((a - 1) v - sign(v) tau a lam) / (a - 1 - tau)
 *                              else:                  v
 *     prox_mcp, tau < gamma:   |v| <= gamma lam:      soft(v, tau lam) / (1 - tau / gamma)
 *                              else:                  v
 *
 * Beyond these steps the prox is no function of v any more.
 */
#include "engine/map.h"

enum { LAM, SHAPE };
static const option_t SCAD_OPTIONS[] = {
    [LAM] = {"lam", 1, "[0,inf)", "weight of the penalty near 0"},
    [SHAPE] = {"a", 3.7, "(2,inf)", "beyond a lam the penalty is constant"},
    {0},
};
static const option_t MCP_OPTIONS[] = {
    [LAM] = {"lam", 1, "[0,inf)", "weight of the penalty near 0"},
    [SHAPE] = {"gamma", 3, "(1,inf)", "beyond gamma lam the penalty is constant"},
    {0},
};

static const char *check_scad(const double *option, double step) {
    return step < option[SHAPE] - 1 ? NULL : "the step must be less than a - 1";
}

static const char *check_mcp(const double *option, double step) {
    return step < option[SHAPE] ? NULL : "the step must be less than gamma";
}

static void apply_scad(const map_call_t *m, size_t n, void *data) {
    const double lam = m->option[LAM], a = m->option[SHAPE], tau = m->step;
    const real threshold = (real)(tau * lam), near = (real)(lam * (1 + tau)), far = (real)(a * lam);
    const real slope = (real)((a - 1) / (a - 1 - tau)), shift = (real)(tau * a * lam / (a - 1 - tau));
    real *v = data;
    for (size_t i = 0; i < n; ++i) {
        const real size = fabs(v[i]);
        const real between = slope * v[i] - sign(v[i]) * shift;
        v[i] = size <= near ? map_soft(v[i], threshold) : size <= far ? between : v[i];
    }
}

static double value_scad(const map_call_t *m, size_t n, const void *data) {
    const double lam = m->option[LAM], a = m->option[SHAPE];
    const real *v = data;
    double sum = 0;
    for (size_t i = 0; i < n; ++i) {
        const double x = (double)fabs(v[i]);
        const double between = (2 * a * lam * x - x * x - lam * lam) / (2 * (a - 1));
        sum += x <= lam ? lam * x : x <= a * lam ? between : lam * lam * (a + 1) / 2;
    }
    return sum;
}

static void apply_mcp(const map_call_t *m, size_t n, void *data) {
    const double lam = m->option[LAM], gamma = m->option[SHAPE];
    const real threshold = (real)(m->step * lam), far = (real)(gamma * lam), divisor = (real)(1 - m->step / gamma);
    real *v = data;
    for (size_t i = 0; i < n; ++i)
        v[i] = fabs(v[i]) <= far ? map_soft(v[i], threshold) / divisor : v[i];
}

static double value_mcp(const map_call_t *m, size_t n, const void *data) {
    const double lam = m->option[LAM], gamma = m->option[SHAPE];
    const real *v = data;
    double sum = 0;
    for (size_t i = 0; i < n; ++i) {
        const double x = (double)fabs(v[i]);
        sum += x <= gamma * lam ? lam * x - x * x / (2 * gamma) : gamma * lam * lam / 2;
    }
    return sum;
}

const map_t MAP(prox_scad) = {
    .name = "prox_scad",
    .purpose = "the prox of SCAD: a threshold that leaves large entries as they are",
    .citation = "Fan, Li: Variable Selection via Nonconcave Penalized Likelihood and its Oracle Properties, 2001",
    .options = SCAD_OPTIONS,
    .role = MAP_PROX,
    .reach = MAP_ELEMENT,
    .check = check_scad,
    .apply = apply_scad,
    .value = value_scad,
};

const map_t MAP(prox_mcp) = {
    .name = "prox_mcp",
    .purpose = "the prox of the minimax concave penalty: a threshold that leaves large entries as they are",
    .citation = "Zhang: Nearly Unbiased Variable Selection under Minimax Concave Penalty, 2010, arXiv:1002.4734",
    .options = MCP_OPTIONS,
    .role = MAP_PROX,
    .reach = MAP_ELEMENT,
    .check = check_mcp,
    .apply = apply_mcp,
    .value = value_mcp,
};
