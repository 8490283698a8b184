/*
 * eve: Adam whose rate falls while the loss changes much, and rises while it stays.
 *
 * Koushik, Hayashi, "Improving Stochastic Gradient Descent with Feedback", 2016, arXiv:1611.01505, algorithm 1.
 *
 *     1. m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2
 *     2. t > 1:  r = |f - f_prev| / (min(f, f_prev) - f_star), from 1 / clip to clip;
 *                d <- beta3 d + (1 - beta3) r;   d starts at 1
 *     3. p <- p - lr / d / c1 m / (sqrt(v / c2) + eps)
 *
 * Where the divisor of line 2 is not above 0, r is clip. State: m, v, 8 bytes a parameter in f32; d and f_prev in
 * double.
 */
#include "blocks/adam_family.h"
#include "blocks/finite.h"

enum { LR, BETA1, BETA2, BETA3, EPS, EPS_IN_ROOT, CLIP, F_STAR };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [BETA3] = {"beta3", 0.999, "[0,1)", "decay of the loss's relative change"},
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [CLIP] = {"clip", 10, "[1,inf)", "largest relative change, and one over the smallest"},
    [F_STAR] = {"f_star", 0, "(-inf,inf)", "smallest value of the loss"},
    {0},
};

enum { M, V };
static const state_t STATE[] = {[M] = M_ROW, [V] = V_ROW, {0}};

typedef struct memory {
    double d, f_prev;
} memory_t;
static const field_t FIELDS[] = {
    {"d", "average relative change of the loss", FIELD(OF_METHOD, memory_t, d), .initial = 1},
    {"f_prev", "loss of the step before", FIELD(OF_METHOD, memory_t, f_prev)},
    {0},
};

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, c2 = correction(o[BETA2], group->t);
    const double rate = o[LR] / ((const memory_t *)group->memory)->d;
    *(adam_t *)constants = (adam_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .step = (real)(rate / correction(o[BETA1], group->t)),
        .inverse_root_c2 = (real)(1 / sqrt(c2)),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .decay = decay_of(0, false, o[LR]),
    };
}

static void update(const tile_t *t) {
    adam_loop(t, *(const adam_t *)t->constants, t->state[M], t->state[V], NULL, false, false);
}

/* Line 2. */
static void follow_loss(memory_t *m, const double *o, double f, bool first) {
    const double least = fmin(f, m->f_prev) - o[F_STAR], change = fabs(f - m->f_prev);
    const double r = change < o[CLIP] * least ? fmax(change / least, 1 / o[CLIP]) : o[CLIP];
    m->d = first ? m->d : o[BETA3] * m->d + (1 - o[BETA3]) * r;
    m->f_prev = f;
}

static optim_status advance(step_t *s) {
    if (!all_finite(s->loss, NULL, 0))
        return step_reject(s);
    follow_loss(s->memory, s->option, s->loss, s->t == 1);
    step_update(s, 0, NULL);
    return OPTIM_OK;
}

const method_t METHOD(eve) = {
    .name = "eve",
    .purpose = "Adam whose rate falls while the loss changes much, and rises while it stays",
    .citation = "Koushik, Hayashi: Improving Stochastic Gradient Descent with Feedback, 2016, arXiv:1611.01505",
    .evaluations = "1 gradient with the loss",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .flags = READS_LOSS | MAY_FAIL,
    .constants = sizeof(adam_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {update},
};
