/*
 * agc: adaptive gradient clipping, unit by unit in proportion to the parameters' norm.
 *
 * Brock, De, Smith, Simonyan, "High-Performance Large-Scale Image Recognition Without Normalization", 2021,
 * arXiv:2102.06171.
 *
 *     top = clipping max(|p|, eps),  ng = max(|g|, grad_eps) of a unit;   where ng > top:  g <- g top / ng
 *
 * A unit is a slice along dimension 0 of a tensor of two or more dimensions (norm over all the others), else the whole
 * tensor. No state; one more pass over parameters and gradients.
 */
#include "engine/method.h"

enum { CLIPPING, EPS, GRAD_EPS };
static const option_t OPTIONS[] = {
    [CLIPPING] = {"clipping", 0.01, "[0,inf)", "largest norm of a unit's gradient, relative to its parameters'"},
    [EPS] = {"eps", 1e-3, "[0,inf)", "least norm of the parameters"},
    [GRAD_EPS] = {"grad_eps", 1e-6, "[0,inf)", "least norm of the gradient"},
    {0},
};

typedef struct constants {
    double clipping, eps, grad_eps;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){o[CLIPPING], o[EPS], o[GRAD_EPS]};
}

static void squares(const tile_t *t) {
    const real *restrict p = t->p, *restrict g = t->g;
    double *restrict of_p = t->term[0], *restrict of_g = t->term[1];
    for (size_t i = 0; i < t->n; ++i) {
        of_p[i] = (double)p[i] * (double)p[i];
        of_g[i] = (double)g[i] * (double)g[i];
    }
}

static inline double at_least(double norm, double least) {
    return norm < least ? least : norm; /* a NaN norm stays NaN */
}

static void clip(const tile_t *t) {
    const constants_t *k = t->constants;
    real *g = t->g;
    for (size_t i = 0; i < t->n;) {
        const double *sum = tile_row_sums(t, i);
        const double top = k->clipping * at_least(sqrt(sum[0]), k->eps), ng = at_least(sqrt(sum[1]), k->grad_eps);
        const real factor = ng > top ? (real)(top / ng) : 1;
        for (const size_t end = tile_row_end(t, i); i < end; ++i)
            g[i] *= factor;
    }
}

enum { SQUARES, CLIP };

static optim_status advance(step_t *s) {
    step_reduce_rows(s, SQUARES, NULL, METHOD_ROW_SUMS);
    step_filter(s, CLIP, NULL);
    return OPTIM_OK;
}

const method_t METHOD(agc) = {
    .name = "agc",
    .purpose = "adaptive gradient clipping: bounds every unit's gradient in proportion to its parameters",
    .citation = "Brock et al.: High-Performance Large-Scale Image Recognition Without Normalization, 2021, "
                "arXiv:2102.06171",
    .evaluations = "none of its own",
    .options = OPTIONS,
    .flags = SUMS_ROWS,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [CLIP] = clip},
};
