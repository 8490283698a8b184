/*
 * asgd: SGD with a decaying rate whose answer is the average of its points.
 *
 * Polyak, Juditsky, "Acceleration of stochastic approximation by averaging", 1992; in the form of Bottou's sgd, as
 * torch.optim.ASGD.
 *
 *     1. g <- g + weight_decay p;   eta_t = lr / (1 + lambd lr (t - 1))^alpha
 *     2. p <- (1 - lambd eta_t) p - eta_t g
 *     3. avg <- avg + (p - avg) / max(1, t - 1 - t0)
 *
 * The output is avg: the parameters until step t0 + 2. lambd is a decay by itself and the decay of the rate; torch's
 * rate follows a schedule of lr one step later. State: avg, 4 bytes a parameter in f32.
 */
#include <string.h>
#include <tgmath.h>

#include "engine/method.h"

enum { LR, LAMBD, ALPHA, T0, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-2, "[0,inf)", "first step size"},
    [LAMBD] = {"lambd", 1e-4, "[0,inf)", "decay of the parameters and, by alpha, of the step size"},
    [ALPHA] = {"alpha", 0.75, "[0,inf)", "power by which the step size decays"},
    [T0] = {"t0", 1e6, "[0,inf)", "steps before the average"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, added to the gradient"},
    {0},
};

enum { AVG };
static const state_t STATE[] = {
    [AVG] = {"avg", "average of the parameters", LIKE_PARAM, KEPT, .from_param = true, .exact = true},
    {0},
};

typedef struct constants {
    real eta, shrink, l2, take;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, since = group->t - 1;
    const double eta = o[LR] / pow(1 + o[LAMBD] * o[LR] * since, o[ALPHA]);
    *(constants_t *)constants = (constants_t){
        .eta = (real)eta,
        .shrink = (real)(1 - o[LAMBD] * eta),
        .l2 = (real)o[WEIGHT_DECAY],
        .take = (real)(1 / fmax(1, since - o[T0])),
    };
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict avg = t->state[AVG];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        p[i] = k.shrink * p[i] - k.eta * (g[i] + k.l2 * p[i]);
        avg[i] = k.take == 1 ? p[i] : avg[i] + k.take * (p[i] - avg[i]);
    }
}

static void output(const tile_t *t) {
    memcpy(t->out, t->state[AVG], t->n * sizeof(real));
}

const method_t METHOD(asgd) = {
    .name = "asgd",
    .purpose = "SGD with a decaying rate, and the average of its points as the answer",
    .citation = "Polyak, Juditsky: Acceleration of stochastic approximation by averaging, 1992",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
    .output = output,
};
