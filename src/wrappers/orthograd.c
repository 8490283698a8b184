/*
 * orthograd: gradients without their part along the parameters.
 *
 * Prieto, Barsbey, Mediano, Birdal, "Grokking at the Edge of Numerical Stability", 2025, arXiv:2501.04697: what only
 * scales the logits is taken out.
 *
 *     h = g - <p, g> / (<p, p> + eps) p;   g <- |g| / (|h| + eps) h;   0 where h is 0 to rounding
 *
 * for every tensor. No state; two more passes over parameters and gradients.
 */
#include <float.h>
#include <tgmath.h>

#include "engine/method.h"

enum { EPS };
static const option_t OPTIONS[] = {
    [EPS] = {"eps", 1e-30, "[0,inf)", "added to the square of the parameters' norm, and to that of h"},
    {0},
};

/* Within a step. */
typedef struct tensor_memory {
    double along, scale;
} tensor_memory_t;

/* In double: for small p `along` may be more than a float holds. */
static inline double without(real g, real p, double along) {
    return (double)g - along * (double)p;
}

static void products(const tile_t *t) {
    const real *restrict p = t->p, *restrict g = t->g;
    double *restrict pg = t->term[0], *restrict pp = t->term[1];
    for (size_t i = 0; i < t->n; ++i) {
        pg[i] = (double)p[i] * (double)g[i];
        pp[i] = (double)p[i] * (double)p[i];
    }
}

static void norms(const tile_t *t) {
    const double along = ((const tensor_memory_t *)t->memory)->along;
    const real *restrict p = t->p, *restrict g = t->g;
    double *restrict gg = t->term[0], *restrict hh = t->term[1];
    for (size_t i = 0; i < t->n; ++i) {
        const double h = without(g[i], p[i], along);
        gg[i] = (double)g[i] * (double)g[i];
        hh[i] = h * h;
    }
}

static void project(const tile_t *t) {
    const tensor_memory_t *m = t->memory;
    const double along = m->along, scale = m->scale;
    const real *restrict p = t->p;
    real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        g[i] = (real)(scale * without(g[i], p[i], along));
}

/* |g| / |h|. */
static double scale_of(const tensor_t *tensor, const double *sum, double eps) {
    const double g = sqrt(sum[0]), h = sqrt(sum[1]);
    const double rounding = 4 * (tensor->dtype == OPTIM_F64 ? DBL_EPSILON : (double)FLT_EPSILON);
    return h <= rounding * g ? 0 : g / (h + eps);
}

enum { PRODUCTS, NORMS, PROJECT };

static optim_status advance(step_t *s) {
    const double eps = s->option[EPS];
    (void)step_reduce(s, PRODUCTS, NULL, 2);
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        if (step_tensor(s, n) != NULL) {
            const double *sum = step_tensor_sum(s, n), square = sum[1] + eps;
            ((tensor_memory_t *)step_tensor_memory(s, n))->along = square > 0 ? sum[0] / square : 0;
        }
    (void)step_reduce(s, NORMS, NULL, 2);
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        if (step_tensor(s, n) != NULL)
            ((tensor_memory_t *)step_tensor_memory(s, n))->scale =
                scale_of(step_tensor(s, n), step_tensor_sum(s, n), eps);
    step_filter(s, PROJECT, NULL);
    return OPTIM_OK;
}

const method_t METHOD(orthograd) = {
    .name = "orthograd",
    .purpose = "takes out of every tensor's gradient the part along the tensor, and keeps its length",
    .citation = "Prieto et al.: Grokking at the Edge of Numerical Stability, 2025, arXiv:2501.04697",
    .evaluations = "none of its own",
    .options = OPTIONS,
    .tensor_memory = sizeof(tensor_memory_t),
    .advance = advance,
    .kernels = {[PRODUCTS] = products, [NORMS] = norms, [PROJECT] = project},
};
