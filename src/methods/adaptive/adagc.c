/*
 * adagc: adamw over gradients that are clipped tensor by tensor, by what their norms have been.
 *
 * Wang et al., "AdaGC: Improving Training Stability for Large Language Model Pretraining", 2025,
 * arXiv:2502.11034, algorithm 1.
 *
 *     of every tensor, with t counting its steps and |G| the norm of all gradients:
 *     1. t < warmup, or t = 1:  g <- min(lambda_abs / (|G| + eps), 1) g;   gamma <- |g|, then min(gamma, |g|)
 *     2. later:  g <- min(lambda_rel max(gamma, eps) / |g|, 1) g;   gamma <- beta gamma + (1 - beta) |g|
 *     3. adamw: m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,
 *        p <- (1 - lr weight_decay) p - lr / c1 m / (sqrt(v / c2) + eps)
 *
 * Two passes. State: m, v, 8 bytes a parameter in f32; gamma, a double a tensor.
 */
#include <tgmath.h>

#include "blocks/adam_family.h"
#include "blocks/reduce.h"

enum { LR, BETA1, BETA2, BETA, LAMBDA_ABS, LAMBDA_REL, WARMUP, EPS, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [BETA] = {"beta", 0.98, "[0,1)", "decay of the norms"},
    [LAMBDA_ABS] = {"lambda_abs", 1, "(0,inf)", "largest norm of all gradients in the warm-up"},
    [LAMBDA_REL] = {"lambda_rel", 1.05, "(0,inf)", "largest norm of a tensor's gradient, over gamma"},
    [WARMUP] = {"warmup", 100, "integer [0,inf)", "steps before gamma is used"},
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to the root and to norms"},
    [WEIGHT_DECAY] = {"weight_decay", 0.1, "[0,inf)", "lambda, decoupled"},
    {0},
};

enum { M, V };
static const state_t STATE[] = {[M] = M_ROW, [V] = V_ROW, {0}};

typedef struct tensor_memory {
    double gamma, factor; /* factor, within a step: on the gradient */
} tensor_memory_t;
static const field_t FIELDS[] = {
    {"gamma", "what the gradient's norm has been", FIELD(OF_TENSOR, tensor_memory_t, gamma)},
    {0},
};

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, c2 = correction(o[BETA2], group->t);
    *(adam_t *)constants = (adam_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .step = (real)(o[LR] / correction(o[BETA1], group->t)),
        .inverse_root_c2 = (real)(1 / sqrt(c2)),
        .eps = eps_of(o[EPS], false, c2),
        .decay = decay_of(o[WEIGHT_DECAY], true, o[LR]),
    };
}

static void update(const tile_t *t) {
    const adam_t k = *(const adam_t *)t->constants;
    const real factor = (real)((const tensor_memory_t *)t->memory)->factor;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real h = factor * g[i];
        m[i] = ema(m[i], h, k.beta1);
        v[i] = ema(v[i], h * h, k.beta2);
        p[i] = k.decay.shrink * p[i] - k.step * quotient(m[i], damped_root(v[i], k.inverse_root_c2, k.eps));
    }
}

/* Lines 1 and 2. */
static void clip(tensor_memory_t *m, const double *o, double t, double norm, double of_all) {
    const bool begins = t < o[WARMUP] || t == 1;
    const double limit = begins ? o[LAMBDA_ABS] : o[LAMBDA_REL] * fmax(m->gamma, o[EPS]);
    const double divisor = begins ? of_all + o[EPS] : norm;
    m->factor = divisor > limit ? limit / divisor : 1;
    const double clipped = m->factor * norm;
    if (begins)
        m->gamma = t == 1 ? clipped : fmin(m->gamma, clipped);
    else
        m->gamma = o[BETA] * m->gamma + (1 - o[BETA]) * clipped;
}

enum { SQUARES, UPDATE };

static optim_status advance(step_t *s) {
    const double of_all = sqrt(step_sums(s, SQUARES, NULL, 1)[0]);
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        if (step_tensor(s, n) != NULL)
            clip(step_tensor_memory(s, n), step_tensor_option(s, n), step_tensor_clock(s, n),
                 sqrt(step_tensor_sum(s, n)[0]), of_all);
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(adagc) = {
    .name = "adagc",
    .purpose = "adamw over gradients clipped tensor by tensor, by what their norms have been",
    .citation = "Wang et al.: AdaGC: Improving Training Stability for Large Language Model Pretraining, 2025, "
                "arXiv:2502.11034",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .tensor_memory = sizeof(tensor_memory_t),
    .constants = sizeof(adam_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [UPDATE] = update},
};
