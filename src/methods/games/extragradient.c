/*
 * extragradient (mirror_prox): step with the gradient found at the end of a trial step.
 *
 * Korpelevich, "The extragradient method for finding saddle points and other problems", 1976; mirror form: Nemirovski,
 * "Prox-method with rate of convergence O(1/t) ...", 2004; Hsieh, Iutzeler, Malick, Mertikopoulos, "On the Convergence of
 * Single-Call Stochastic Extra-Gradient Methods", 2019; reg > 0: Tiapkin et al., "Accelerating Nash Learning from Human
 * Feedback via Mirror Prox", 2025.
 *
 *     1. z_half = prox_{lr_extra}(z, g at z)
 *     2. z = prox_{lr}(z, g at z_half)
 *
 *     euclidean:  prox_lr(z, g) = (z + lr reg anchor - lr g) / (1 + lr reg)
 *     entropic:   u = (log z + lr reg log anchor - lr g) / (1 + lr reg) on every row along the last axis,
 *                 prox_lr(z, g) = exp(u) / sum exp(u);   an entry that underflows to 0 stays 0
 *
 * The anchor is the initial point; lr_extra = 0 means lr. State: anchor if reg > 0; z within a step: 4 (8) bytes in f32.
 */
#include <string.h>
#include <tgmath.h>

#include "engine/method.h"

enum { LR, LR_EXTRA, MIRROR, REG };
enum { EUCLIDEAN, ENTROPIC };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "(0,inf)", "step of the update"},
    [LR_EXTRA] = {"lr_extra", 0, "[0,inf)", "step of the trial; 0: lr"},
    [MIRROR] = {"mirror", EUCLIDEAN, "euclidean|entropic", "entropic: rows are probability vectors"},
    [REG] = {"reg", 0, "[0,inf)", "strength of the pull towards the initial point"},
    {0},
};

enum { ANCHOR, Z };
static const state_t STATE[] = {
    [ANCHOR] = {"anchor", "the initial point", LIKE_PARAM, KEPT, .when = "reg", .from_param = true},
    [Z] = {"z", "the point that the trial step leaves", LIKE_PARAM, RESTORE_POINT},
    {0},
};

typedef struct scalars {
    double lr, reg;
} scalars_t;

enum { AT_Z, AT_Z_HALF };

static void prepare(const group_t *group, void *scalars) {
    const double *o = group->option;
    const bool trial = group->step->stage == AT_Z && o[LR_EXTRA] > 0;
    *(scalars_t *)scalars = (scalars_t){trial ? o[LR_EXTRA] : o[LR], o[REG]};
}

static void save(const tile_t *t) {
    memcpy(t->state[Z], t->p, t->n * sizeof(real));
}

static void prox_euclidean(const tile_t *t) {
    const scalars_t *k = t->scalars;
    const real lr = (real)k->lr, pull = (real)(k->lr * k->reg), divisor = (real)(1 + k->lr * k->reg);
    real *restrict p = t->p;
    const real *restrict z = t->state[Z], *restrict g = t->g, *anchor = t->state[ANCHOR];
    if (anchor == NULL)
        for (size_t i = 0; i < t->n; ++i)
            p[i] = z[i] - lr * g[i];
    else
        for (size_t i = 0; i < t->n; ++i)
            p[i] = (z[i] + pull * anchor[i] - lr * g[i]) / divisor;
}

/* One row: u into p, then its softmax with the largest entry taken out. */
static void prox_row(size_t n, real lr, real pull, const real *z, const real *anchor, const real *g, real *p) {
    real most = -(real)INFINITY, sum = 0;
    for (size_t j = 0; j < n; ++j) {
        const real pulled = anchor == NULL ? 0 : pull * log(anchor[j]);
        p[j] = z[j] > 0 ? (log(z[j]) + pulled - lr * g[j]) / (1 + pull) : -(real)INFINITY;
        most = larger(most, p[j]);
    }
    for (size_t j = 0; j < n; ++j) {
        p[j] = z[j] > 0 ? exp(p[j] - most) : 0;
        sum += p[j];
    }
    for (size_t j = 0; j < n; ++j)
        p[j] /= sum;
}

/* On a whole tensor. */
static void prox_entropic(const tile_t *t) {
    const scalars_t *k = t->scalars;
    const size_t n = t->tensor->ndim == 0 ? 1 : (size_t)t->tensor->dims[t->tensor->ndim - 1];
    const real *z = t->state[Z], *g = t->g, *anchor = t->state[ANCHOR];
    real *p = t->p;
    for (size_t i = 0; i < t->n; i += n)
        prox_row(n, (real)k->lr, (real)(k->lr * k->reg), z + i, anchor == NULL ? NULL : anchor + i, g + i, p + i);
}

/* Counts what has no logarithm. */
static void outside(const tile_t *t) {
    const real *p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = p[i] > 0 ? 0 : 1;
}

enum { SAVE, PROX_EUCLIDEAN, PROX_ENTROPIC, OUTSIDE };

static void prox(step_t *s) {
    if (s->option[MIRROR] == ENTROPIC)
        step_tensors(s, PROX_ENTROPIC);
    else
        step_update(s, PROX_EUCLIDEAN);
}

static optim_status advance(step_t *s) {
    if (s->stage == AT_Z_HALF) {
        prox(s);
        return OPTIM_OK;
    }
    if (s->t == 1 && s->option[MIRROR] == ENTROPIC && step_reduce(s, OUTSIDE, 1)[0] > 0)
        return step_fail(s, OPTIM_ERR_DOMAIN, "mirror=entropic needs positive parameters: start inside the simplex");
    step_update(s, SAVE);
    prox(s);
    return step_request(s, OPTIM_EVAL_GRAD, OPTIM_SAMPLE_FRESH, AT_Z_HALF);
}

const method_t METHOD(extragradient) = {
    .name = "extragradient",
    .purpose = "steps with the gradient found at the end of a trial step; for games and monotone operators",
    .citation = "Korpelevich: The extragradient method for finding saddle points and other problems, 1976; Nemirovski: "
                "Prox-method with rate of convergence O(1/t), 2004",
    .evaluations = "2 gradients",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | WHOLE_TENSORS,
    .scalars = sizeof(scalars_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {save, prox_euclidean, prox_entropic, outside},
};
