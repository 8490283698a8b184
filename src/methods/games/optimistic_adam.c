/*
 * optimistic_adam: Adam corrected by the change of its direction.
 *
 * Daskalakis, Ilyas, Syrgkanis, Zeng, "Training GANs with Optimism", 2018, arXiv:1711.00141, algorithm 1.
 *
 *     1. g = g + weight_decay p
 *     2. m = beta1 m + (1 - beta1) g;   v = beta2 v + (1 - beta2) g^2;
 *        amsgrad: vmax = max(vmax, v), h = vmax; else h = v
 *     3. r = (m / c1) / (sqrt(h / c2) + eps),   c1 = 1 - beta1^t,  c2 = 1 - beta2^t
 *     4. p = p - lr ((1 + optimism) r - optimism r_prev);   r_prev = r,  at first 0
 *
 * The first step is therefore longer by the factor 1 + optimism, as in the paper. r_prev has the bias correction of its
 * own step; one public class corrects it anew with the present one, another starts from r_prev = r. eps stands after
 * the correction. amsgrad takes the maximum of the uncorrected v. State: m, v, r_prev (and vmax), 12 (16) bytes in f32.
 * eps_in_root = 1: adam_family.h.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, WEIGHT_DECAY, AMSGRAD, OPTIMISM };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "[0,inf)", "step size"},
    [BETA1] = {"beta1", 0.9, "[0,1)", "decay of the first moment"},
    [BETA2] = {"beta2", 0.999, "[0,1)", "decay of the second moment"},
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to the corrected root"},
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, added to the gradient"},
    [AMSGRAD] = {"amsgrad", 0, "0|1", "divide by the running maximum of v", .live = true},
    [OPTIMISM] = {"optimism", 1, "[0,inf)", "weight of the change of direction; 0: Adam"},
    {0},
};

enum { M, V, VMAX, R_PREV };
static const state_t STATE[] = {
    [M] = {"m", "first moment", LIKE_PARAM, FIRST_MOMENT},
    [V] = {"v", "second moment", LIKE_PARAM, KEPT, .nonnegative = true},
    [VMAX] = {"vmax", "running maximum of v", LIKE_PARAM, KEPT, .when = "amsgrad", .nonnegative = true},
    [R_PREV] = {"r_prev", "the last direction", LIKE_PARAM, KEPT},
    {0},
};

typedef struct constants {
    weights_t beta1, beta2;
    real weight_decay;
    eps_t eps;
    real inverse_c1, inverse_root_c2; /* 1 / c1, 1 / sqrt(c2) */
    real now, past;                   /* lr (1 + optimism), lr optimism */
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, c2 = 1 - pow(o[BETA2], group->t);
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .weight_decay = (real)o[WEIGHT_DECAY],
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .inverse_c1 = (real)(1 / (1 - pow(o[BETA1], group->t))),
        .inverse_root_c2 = (real)(1 / sqrt(c2)),
        .now = (real)(o[LR] * (1 + o[OPTIMISM])),
        .past = (real)(o[LR] * o[OPTIMISM]),
    };
}

static inline void step(const tile_t *t, const bool amsgrad) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V], *restrict vmax = t->state[VMAX],
                   *restrict r_prev = t->state[R_PREV];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.weight_decay * p[i];
        m[i] = ema(m[i], gi, k.beta1);
        v[i] = settled(k.beta2.keep * v[i] + k.beta2.take * gi * gi);
        real h = v[i];
        if (amsgrad)
            h = vmax[i] = larger(vmax[i], v[i]);
        const real r = k.inverse_c1 * quotient(m[i], damped_root(h, k.inverse_root_c2, k.eps));
        p[i] -= k.now * r - k.past * r_prev[i];
        r_prev[i] = r;
    }
}

static void update(const tile_t *t) {
    if (t->state[VMAX] == NULL)
        step(t, false);
    else
        step(t, true);
}

const method_t METHOD(optimistic_adam) = {
    .name = "optimistic_adam",
    .purpose = "Adam corrected by the change of its direction; for games",
    .citation = "Daskalakis, Ilyas, Syrgkanis, Zeng: Training GANs with Optimism, 2018, arXiv:1711.00141",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
