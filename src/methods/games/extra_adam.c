/*
 * extra_adam: extragradient with Adam's step in both halves.
 *
 * Gidel, Berard, Vignoud, Vincent, Lacoste-Julien, "A Variational Inequality Perspective on Generative Adversarial
 * Networks", 2019, arXiv:1802.10551.
 *
 *     move(g):  s = s + 1;   g = g + weight_decay p  at the point where g was taken
 *               m = beta1 m + (1 - beta1) g;   v = beta2 v + (1 - beta2) g^2;
 *               amsgrad: vmax = max(vmax, v), h = vmax; else h = v
 *               returns -lr sqrt(1 - beta2^s) / (1 - beta1^s) m / (sqrt(h) + eps)
 *     1. z_half = z + move(g at z)
 *     2. z = z + move(g at z_half)
 *
 * The moments and s advance twice a step, as in the authors' code; eps is added to the uncorrected root. Until the
 * second gradient has come the first is kept and the moments wait, so that the step can be abandoned.
 * State: m, v (and vmax), 8 (12) bytes a parameter in f32; within a step z and the first gradient, 8 more.
 * eps_in_root = 1: adam_family.h.
 */
#include <string.h>

#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, WEIGHT_DECAY, AMSGRAD };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "[0,inf)", "step size of both halves"},
    [BETA1] = {"beta1", 0.9, "[0,1)", "decay of the first moment"},
    [BETA2] = {"beta2", 0.999, "[0,1)", "decay of the second moment"},
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, added to the gradient"},
    [AMSGRAD] = {"amsgrad", 0, "0|1", "divide by the running maximum of v", .live = true},
    {0},
};

enum { M, V, VMAX, Z, G };
static const state_t STATE[] = {
    [M] = {"m", "first moment", LIKE_PARAM, FIRST_MOMENT},
    [V] = {"v", "second moment", LIKE_PARAM, KEPT, .nonnegative = true},
    [VMAX] = {"vmax", "running maximum of v", LIKE_PARAM, KEPT, .when = "amsgrad", .nonnegative = true},
    [Z] = {"z", "the point that the trial step leaves", LIKE_PARAM, RESTORE_POINT},
    [G] = {"g", "the gradient there", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct constants {
    weights_t beta1, beta2;
    real weight_decay;
    struct {
        eps_t eps;
        real step; /* lr sqrt(1 - beta2^s) / (1 - beta1^s) */
    } half[2];
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    constants_t *k = constants;
    *k = (constants_t){.beta1 = weights(o[BETA1]), .beta2 = weights(o[BETA2]), .weight_decay = (real)o[WEIGHT_DECAY]};
    for (int second = 0; second < 2; ++second) {
        const double s = 2 * group->t - 1 + second, c2 = 1 - pow(o[BETA2], s);
        k->half[second].eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2);
        k->half[second].step = (real)(o[LR] * sqrt(c2) / (1 - pow(o[BETA1], s)));
    }
}

typedef struct moments {
    real m, v, vmax;
} moments_t;

static inline moments_t average(moments_t s, real g, weights_t beta1, weights_t beta2) {
    const real v = settled(beta2.keep * s.v + beta2.take * g * g);
    return (moments_t){ema(s.m, g, beta1), v, larger(s.vmax, v)};
}

/* Line 1 keeps z and g1; line 2 averages both gradients into the moments. */
static inline void half(const tile_t *t, const bool second, const bool amsgrad) {
    const constants_t k = *(const constants_t *)t->constants;
    const eps_t eps = k.half[second].eps;
    const real step = k.half[second].step;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V], *restrict vmax = t->state[VMAX],
                   *restrict z = t->state[Z], *restrict g1 = t->state[G];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.weight_decay * p[i];
        moments_t s = {m[i], v[i], amsgrad ? vmax[i] : 0};
        if (second)
            s = average(s, g1[i], k.beta1, k.beta2);
        s = average(s, gi, k.beta1, k.beta2);
        const real from = second ? z[i] : p[i],
                   move = step * quotient(s.m, damped_root(amsgrad ? s.vmax : s.v, 1, eps));
        if (second) {
            m[i] = s.m;
            v[i] = s.v;
            if (amsgrad)
                vmax[i] = s.vmax;
        } else {
            z[i] = from;
            g1[i] = gi;
        }
        p[i] = from - move;
    }
}

static void trial(const tile_t *t) {
    if (t->state[VMAX] == NULL)
        half(t, false, false);
    else
        half(t, false, true);
}

static void update(const tile_t *t) {
    if (t->state[VMAX] == NULL)
        half(t, true, false);
    else
        half(t, true, true);
}

enum { TRIAL, UPDATE };

static optim_status advance(step_t *s) {
    STEP_BEGIN(s);
    step_update(s, TRIAL, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH);
    step_update(s, UPDATE, NULL);
    STEP_END(s);
}

const method_t METHOD(extra_adam) = {
    .name = "extra_adam",
    .purpose = "extragradient with Adam's step in both halves",
    .citation =
        "Gidel et al.: A Variational Inequality Perspective on Generative Adversarial Networks, 2019, arXiv:1802.10551",
    .evaluations = "2 gradients",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[TRIAL] = trial, [UPDATE] = update},
};
