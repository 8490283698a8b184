/*
 * complex_momentum: gradient descent with a complex momentum coefficient. complex_adam: the same with Adam's scaling.
 *
 * Lorraine, Acuna, Vicol, Duvenaud, "Complex Momentum for Optimization in Games", 2022, arXiv:2102.08431; complex_adam
 * from knowledge of the paper's listing.
 *
 *     1. mu = beta mu - g,   beta = beta_mag e^{i beta_arg}, mu complex and at first 0
 *     2. complex_momentum:  p = p + Re(lr e^{i lr_arg} mu)
 *        complex_adam:      v = beta2 v + (1 - beta2) g^2;   p = p + lr Re(mu) / (sqrt(v / (1 - beta2^t)) + eps)
 *
 * Simultaneous: both players with the gradient at z. alternating = 1: player 1 first; then a second gradient, at the
 * new point, for player 2; both with the same t. There is no factor 1 - beta on g: with beta_arg = 0 the first is the
 * heavy ball with an undamped buffer, the second takes steps 1 / (1 - beta_mag) times Adam's, and pi is negative
 * momentum. State: re, im (complex_adam: and v), 8 (12) bytes a parameter in f32; alternating, within a step, z and g,
 * 8 more. eps_in_root = 1: adam_family.h.
 */
#include <string.h>

#include "blocks/adam_family.h"

enum { LR, BETA_MAG, BETA_ARG, ALTERNATING, SPLIT, LR_ARG, BETA2 = LR_ARG, EPS, EPS_IN_ROOT };
#define COMMON_OPTIONS(rate)                                                                                           \
    [LR] = {"lr", rate, "(0,inf)", "step size", .pauses = true},                                                       \
    [BETA_MAG] = {"beta_mag", 0.9, "[0,1)", "magnitude of the momentum coefficient"},                                  \
    [BETA_ARG] = {"beta_arg", 0.39269908169872414, "[0,3.141592653589793]", "its angle; 0: heavy ball, pi: negative"}, \
    [ALTERNATING] = {"alternating", 0, "0|1", "player 2 answers player 1's step"},                                     \
    [SPLIT] = {"split", 1, "integer [1,inf)",                                                                          \
               "deprecated, for groups with role=x and role=y: so many parameters, in order of declaration, are x"}
static const option_t MOMENTUM_OPTIONS[] = {
    COMMON_OPTIONS(0.01),
    [LR_ARG] = {"lr_arg", 0, "(-inf,inf)", "angle of the step size"},
    {0},
};
static const option_t ADAM_OPTIONS[] = {
    COMMON_OPTIONS(1e-3),
    [BETA2] = {"beta2", 0.999, "[0,1)", "decay of the second moment"},
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to the corrected root"},
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    {0},
};

enum { RE, IM, Z, G, V };
#define COMMON_STATES                                                                                                  \
    [RE] = {"re", "real part of the momentum", LIKE_PARAM, FIRST_MOMENT},                                              \
    [IM] = {"im", "its imaginary part", LIKE_PARAM, FIRST_MOMENT},                                                     \
    [Z] = {"z", "the point before player 1's step", LIKE_PARAM, RESTORE_POINT, .when = "alternating"},                 \
    [G] = {"g", "the gradient there", LIKE_PARAM, WITHIN_STEP, .when = "alternating"}
static const state_t MOMENTUM_STATES[] = {COMMON_STATES, {0}};
static const state_t ADAM_STATES[] = {
    COMMON_STATES,
    [V] = {"v", "second moment", LIKE_PARAM, KEPT, .nonnegative = true},
    {0},
};

typedef struct constants {
    real beta_re, beta_im, lr_re, lr_im;
    weights_t beta2;
    real inverse_root_c2;
    eps_t eps;
} constants_t;

static constants_t prepare_common(const group_t *group, double lr_arg) {
    const double *o = group->option;
    return (constants_t){
        .beta_re = (real)(o[BETA_MAG] * cos(o[BETA_ARG])),
        .beta_im = (real)(o[BETA_MAG] * sin(o[BETA_ARG])),
        .lr_re = (real)(o[LR] * cos(lr_arg)),
        .lr_im = (real)(o[LR] * sin(lr_arg)),
    };
}

static void prepare_momentum(const group_t *group, void *constants) {
    *(constants_t *)constants = prepare_common(group, group->option[LR_ARG]);
}

static void prepare_adam(const group_t *group, void *constants) {
    const double *o = group->option, c2 = 1 - pow(o[BETA2], group->t);
    constants_t *k = constants;
    *k = prepare_common(group, 0);
    k->beta2 = weights(o[BETA2]);
    k->inverse_root_c2 = (real)(1 / sqrt(c2));
    k->eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2);
}

/* Lines 1 and 2; `keep` = 0 moves the parameters alone. */
static inline void step(const tile_t *t, const real *g, const bool adam, const bool keep) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict re = t->state[RE], *restrict im = t->state[IM],
                   *restrict v = adam ? t->state[V] : NULL;
    for (size_t i = 0; i < t->n; ++i) {
        const real mu_re = settled(k.beta_re * re[i] - k.beta_im * im[i] - g[i]),
                   mu_im = settled(k.beta_im * re[i] + k.beta_re * im[i]);
        real moved = k.lr_re * mu_re - k.lr_im * mu_im;
        if (adam) {
            const real square = settled(k.beta2.keep * v[i] + k.beta2.take * g[i] * g[i]);
            moved = quotient(moved, damped_root(square, k.inverse_root_c2, k.eps));
            if (keep)
                v[i] = square;
        }
        if (keep) {
            re[i] = mu_re;
            im[i] = mu_im;
        }
        p[i] += moved;
    }
}

static bool is_player_1(const tile_t *t) {
    return t->tensor->role == 0;
}

/* alternating: player 1's step is a trial until the second gradient has come. */
static inline void begin(const tile_t *t, const bool adam) {
    memcpy(t->state[Z], t->p, t->n * sizeof(real));
    memcpy(t->state[G], t->g, t->n * sizeof(real));
    if (is_player_1(t))
        step(t, t->g, adam, false);
}

static inline void complete(const tile_t *t, const bool adam) {
    const bool again = t->state[Z] != NULL && is_player_1(t);
    if (again)
        memcpy(t->p, t->state[Z], t->n * sizeof(real));
    step(t, again ? t->state[G] : t->g, adam, true);
}

static void begin_momentum(const tile_t *t) {
    begin(t, false);
}
static void complete_momentum(const tile_t *t) {
    complete(t, false);
}
static void begin_adam(const tile_t *t) {
    begin(t, true);
}
static void complete_adam(const tile_t *t) {
    complete(t, true);
}

enum { BEGIN, COMPLETE };

static optim_status advance(step_t *s) {
    STEP_BEGIN(s);
    if (s->option[ALTERNATING] != 0) {
        step_update(s, BEGIN, NULL);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH);
    }
    step_update(s, COMPLETE, NULL);
    STEP_END(s);
}

const method_t METHOD(complex_momentum) = {
    .name = "complex_momentum",
    .purpose = "gradient descent with a complex momentum coefficient; for games",
    .citation = "Lorraine, Acuna, Vicol, Duvenaud: Complex Momentum for Optimization in Games, 2022, arXiv:2102.08431",
    .evaluations = "1 gradient; alternating=1: 2",
    .options = MOMENTUM_OPTIONS,
    .states = MOMENTUM_STATES,
    .roles = "x|y",
    .flags = REQUESTS | BY_ELEMENT,
    .constants = sizeof(constants_t),
    .prepare = prepare_momentum,
    .advance = advance,
    .kernels = {[BEGIN] = begin_momentum, [COMPLETE] = complete_momentum},
};

const method_t METHOD(complex_adam) = {
    .name = "complex_adam",
    .purpose = "Adam with a complex momentum coefficient; for games",
    .citation = "Lorraine, Acuna, Vicol, Duvenaud: Complex Momentum for Optimization in Games, 2022, arXiv:2102.08431",
    .evaluations = "1 gradient; alternating=1: 2",
    .options = ADAM_OPTIONS,
    .states = ADAM_STATES,
    .roles = "x|y",
    .flags = REQUESTS | BY_ELEMENT,
    .constants = sizeof(constants_t),
    .prepare = prepare_adam,
    .advance = advance,
    .kernels = {[BEGIN] = begin_adam, [COMPLETE] = complete_adam},
};
