/*
 * rprop: a step size for each coordinate that grows while the gradient keeps its sign.
 *
 * Riedmiller, Braun, "A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP Algorithm", 1993; without
 * going back, as torch.optim.Rprop (Igel, Huesken 2000: iRprop-).
 *
 *     1. s = sign(g) prev,  prev in {-1, 0, 1},  0 at first
 *     2. s > 0: delta <- min(eta_plus delta, step_max);   s < 0: delta <- max(eta_minus delta, step_min), g <- 0;
 *        s = 0: delta <- min(max(delta, step_min), step_max)
 *     3. p <- p - sign(g) delta;   prev <- sign(g)
 *
 * delta begins at lr, which counts no more from then on. For gradients of all data: with minibatches signs change by
 * chance. State: delta, prev, 8 bytes a parameter in f32.
 */
#include "engine/method.h"

enum { LR, ETA_MINUS, ETA_PLUS, STEP_MIN, STEP_MAX };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-2, "[0,inf)", "first step size of every coordinate"},
    [ETA_MINUS] = {"eta_minus", 0.5, "(0,1)", "factor on the step size where the sign changed"},
    [ETA_PLUS] = {"eta_plus", 1.2, "(1,inf)", "factor where it did not"},
    [STEP_MIN] = {"step_min", 1e-6, "[0,inf)", "least step size"},
    [STEP_MAX] = {"step_max", 50, "(0,inf]", "largest step size"},
    {0},
};

enum { DELTA, PREV };
static const state_t STATE[] = {
    [DELTA] = {"delta", "step size", LIKE_PARAM, KEPT, .initial_option = "lr", .nonnegative = true},
    [PREV] = {"prev", "sign of the gradient before, 0 where it had changed", LIKE_PARAM, KEPT},
    {0},
};

static const char *check(const double *option) {
    return option[STEP_MIN] > option[STEP_MAX] ? "step_min must not be larger than step_max" : NULL;
}

typedef struct constants {
    real minus, plus, least, most;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants =
        (constants_t){(real)o[ETA_MINUS], (real)o[ETA_PLUS], (real)o[STEP_MIN], (real)o[STEP_MAX]};
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict delta = t->state[DELTA], *restrict prev = t->state[PREV];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real now = sign(g[i]), s = now * prev[i], factor = s > 0 ? k.plus : s < 0 ? k.minus : 1;
        delta[i] = larger(smaller(factor * delta[i], k.most), k.least);
        prev[i] = s < 0 ? 0 : now;
        p[i] -= prev[i] * delta[i];
    }
}

const method_t METHOD(rprop) = {
    .name = "rprop",
    .purpose = "steps along the gradient's sign, whose sizes grow while it stays and shrink when it changes",
    .citation = "Riedmiller, Braun: A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP Algorithm, "
                "1993",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .check = check,
    .prepare = prepare,
    .kernels = {update},
};
