/*
 * aepg: preconditioned gradient descent with one energy, stable for any step size.
 *
 * Liu, Nurbekyan, Tian, Yang, "Adaptive Preconditioned Gradient Descent with Energy", 2023, arXiv:2310.06733.
 *
 *     1. S = sqrt(f + c);   t = 1: r = S;   v = g / (2 S),   w = A^{-1} v:
 *        metric 0: v;   1: x v  (entropy, x > 0);   2: x^2 v  (log barrier, x > 0)
 *        metric 3: x (v - <x, v> / sum x), tensor by tensor  (entropy on the simplex: keeps each tensor's sum)
 *     2. r <- r / (1 + 2 lr <v, w>);   x <- x - 2 lr r w
 *
 * r never increases, whatever lr is. A step can leave x > 0. With metric 1 that ends it with an error: A would not be
 * positive beyond. x^2 is a metric on both sides, and the simplex form often turns back, so that metrics 2 and 3 report
 * it only if strict says so; <v, w> < 0 is an error in any case, as f + c <= 0 is. State: r alone.
 */
#include "blocks/finite.h"

enum { LR, C, METRIC, STRICT };
enum { IDENTITY, ENTROPY, LOG_BARRIER, SIMPLEX };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [C] = {"c", 1, "(-inf,inf)", "added to the loss, so that f + c > 0"},
    [METRIC] = {"metric", IDENTITY, "integer [0,3]", "0: none, 1: entropy, 2: log barrier, 3: entropy on the simplex"},
    [STRICT] = {"strict", 0, "0|1", "metric 2, 3: leaving x > 0 is an error, as it is with metric 1"},
    {0},
};

typedef struct memory {
    double r;
} memory_t;
static const field_t FIELDS[] = {{"r", "energy", FIELD(OF_METHOD, memory_t, r)}, {0}};

/* Whether leaving x > 0 is an error. */
static bool guards_domain(const double *option) {
    return (int)option[METRIC] == ENTROPY || (option[STRICT] != 0 && (int)option[METRIC] != IDENTITY);
}

typedef struct constants {
    real half, step; /* 1/(2S); 2 lr r */
    int metric;
    bool guarded;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .half = (real)(0.5 / sqrt(group->step->loss + o[C])),
        .step = (real)(2 * o[LR] * ((const memory_t *)group->memory)->r),
        .metric = (int)o[METRIC],
        .guarded = guards_domain(o),
    };
}

enum { VW, XV, SUM_X }; /* sums of both reductions; in the second VW counts what has left the domain */

static inline real direction(real x, real v, int metric, real mean) {
    const real scale = metric == IDENTITY ? 1 : metric == LOG_BARRIER ? x * x : x;
    return scale * (v - mean);
}

/* Metric 3: <x, v> / sum x. */
static real mean_of(const tile_t *t) {
    const double *sum = t->tensor_sum;
    const int metric = ((const constants_t *)t->constants)->metric;
    return metric == SIMPLEX && sum[SUM_X] != 0 ? (real)(sum[XV] / sum[SUM_X]) : 0;
}

/* <v, A^{-1} v> without the mean, and what the mean is made of. */
static void products(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict x = t->p, *restrict g = t->g;
    double *restrict vw = t->term[VW], *restrict xv = t->term[XV], *restrict sum_x = t->term[SUM_X];
    for (size_t i = 0; i < t->n; ++i) {
        const real v = g[i] * k.half;
        vw[i] = (double)v * (double)direction(x[i], v, k.metric, 0);
        xv[i] = (double)x[i] * (double)v;
        sum_x[i] = (double)x[i];
    }
}

static inline real moved(real x, real g, const constants_t *k, real mean) { /* line 2 */
    return x - k->step * direction(x, g * k->half, k->metric, mean);
}

static void look(const tile_t *t) { /* whether the step leaves x > 0 */
    const constants_t k = *(const constants_t *)t->constants;
    const real mean = mean_of(t);
    const real *restrict x = t->p, *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        t->term[VW][i] = k.guarded && (!(x[i] > 0) || !(moved(x[i], g[i], &k, mean) > 0));
        t->term[XV][i] = (double)x[i] * (double)(g[i] * k.half);
        t->term[SUM_X][i] = (double)x[i];
    }
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real mean = mean_of(t);
    real *restrict x = t->p;
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        x[i] = moved(x[i], g[i], &k, mean);
}

enum { PRODUCTS, LOOK, UPDATE };

/* lr <v, w> over everything, or -1 if it is below 0 by more than rounding: A is not positive here. */
static double dissipation(const step_t *s) {
    double total = 0, size = 0;
    for (size_t n = 0; n < step_tensor_count(s); ++n) {
        if (step_tensor(s, n) == NULL)
            continue;
        const double *sum = step_tensor_sum(s, n), *o = step_tensor_option(s, n);
        const bool centred = (int)o[METRIC] == SIMPLEX && sum[SUM_X] != 0;
        total += o[LR] * (centred ? sum[VW] - sum[XV] * sum[XV] / sum[SUM_X] : sum[VW]);
        size += o[LR] * fabs(sum[VW]);
    }
    return total < -1e-9 * size ? -1 : fmax(total, 0);
}

static bool any_guarded(step_t *s) {
    bool any = false;
    for (int i = 0; i < s->groups; ++i)
        any = any || guards_domain(step_group(s, i).option);
    return any;
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const double *o = s->option, before = m->r;
    if (!isfinite(s->loss))
        return step_reject(s);
    if (!(s->loss + o[C] > 0))
        return step_fail(s, OPTIM_ERR_DOMAIN, "the loss plus c is not positive: raise c");
    if (!all_finite(s->loss, step_reduce(s, PRODUCTS, NULL, 3), 3))
        return step_reject(s);
    const double dissipated = dissipation(s);
    if (dissipated < 0)
        return step_fail(s, OPTIM_ERR_DOMAIN, "outside x > 0 the metric is no longer positive: lower lr");
    m->r = (s->t == 1 ? sqrt(s->loss + o[C]) : before) / (1 + 2 * dissipated);
    if (any_guarded(s) && step_reduce(s, LOOK, NULL, 3)[VW] > 0) {
        m->r = before;
        return step_fail(s, OPTIM_ERR_DOMAIN, "the step leaves x > 0: lower lr");
    }
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(aepg) = {
    .name = "aepg",
    .purpose = "preconditioned gradient descent with one energy, stable for any step size",
    .citation =
        "Liu, Nurbekyan, Tian, Yang: Adaptive Preconditioned Gradient Descent with Energy, 2023, arXiv:2310.06733",
    .evaluations = "1 gradient with the loss",
    .options = OPTIONS,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .flags = READS_LOSS | MAY_FAIL,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[PRODUCTS] = products, [LOOK] = look, [UPDATE] = update},
};
