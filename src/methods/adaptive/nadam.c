/*
 * nadam, nadamax: Adam and Adamax with Nesterov's momentum.
 *
 * Dozat, "Incorporating Nesterov Momentum into Adam", 2016; as torch.optim.NAdam from version 2.0 on.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2);   prod <- prod mu_t
 *     3. m <- beta1 m + (1 - beta1) g;   v <- beta2 v + (1 - beta2) g^2
 *     4. p <- p - lr ((1 - mu_t) / (1 - prod) g + mu_{t+1} / (1 - prod mu_{t+1}) m) / (sqrt(v / c2) + eps)
 *
 * m is averaged with beta1, not with mu. prod holds mu_t already when line 4 reads it, mu_{t+1} enters it in the next
 * step; it starts at 1 and is multiplied once in each step that a tensor takes. State: m, v, 8 bytes a parameter in
 * f32; prod in double. eps_in_root = 1: adam_family.h.
 *
 * nadamax has the maximum norm in the place of v, as ensmallen: u <- max(beta2 u, |g|), and divides by u + eps.
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, MOMENTUM_DECAY, WEIGHT_DECAY, DECOUPLED };
#define MOMENTUM_DECAY_ROW                                                                                             \
    { "momentum_decay", 4e-3, "[0,inf)", "how fast mu rises from beta1 / 2 to beta1" }
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(2e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [MOMENTUM_DECAY] = MOMENTUM_DECAY_ROW,
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(0),
    {0},
};
/* The same, without eps_in_root. */
enum { MAX_EPS = EPS, MAX_MOMENTUM_DECAY, MAX_WEIGHT_DECAY, MAX_DECOUPLED };
static const option_t MAX_OPTIONS[] = {
    [LR] = LR_ROW(2e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = {"beta2", 0.99, "[0,1)", "decay of the maximum"},
    [MAX_EPS] = {"eps", 1e-8, "[0,inf)", "added to the maximum"},
    [MAX_MOMENTUM_DECAY] = MOMENTUM_DECAY_ROW,
    [MAX_WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [MAX_DECOUPLED] = DECOUPLED_ROW(0),
    {0},
};

enum { M, V };
static const state_t STATE[] = {[M] = M_ROW, [V] = V_ROW, {0}};
static const state_t MAX_STATE[] = {
    [M] = M_ROW,
    [V] = {"u", "decayed maximum of |g|", LIKE_PARAM, KEPT, .nonnegative = true},
    {0},
};

typedef struct cohort_memory {
    double prod;
} cohort_memory_t;
static const field_t FIELDS[] = {
    {"prod", "product of all mu", FIELD(OF_COHORT, cohort_memory_t, prod), .initial = 1},
    {0},
};

typedef struct constants {
    weights_t beta1, beta2;
    real lr, inverse_root_c2;
    real of_g, of_m; /* the factors in front of g and m */
    eps_t eps;
    decay_t decay;
} constants_t;

static double mu(double beta1, double momentum_decay, double t) {
    return beta1 * (1 - 0.5 * pow(0.96, t * momentum_decay));
}

/* All but the divisor's. */
static constants_t momentum(const group_t *group, double momentum_decay) {
    const double *o = group->option, next = mu(o[BETA1], momentum_decay, group->t + 1);
    const double prod = ((const cohort_memory_t *)group->cohort_memory)->prod;
    return (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .lr = (real)o[LR],
        .of_g = (real)((1 - mu(o[BETA1], momentum_decay, group->t)) / (1 - prod)),
        .of_m = (real)(next / (1 - prod * next)),
    };
}

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, c2 = correction(o[BETA2], group->t);
    constants_t *k = constants;
    *k = momentum(group, o[MOMENTUM_DECAY]);
    k->inverse_root_c2 = (real)(1 / sqrt(c2));
    k->eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2);
    k->decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]);
}

static void prepare_max(const group_t *group, void *constants) {
    const double *o = group->option;
    constants_t *k = constants;
    *k = momentum(group, o[MAX_MOMENTUM_DECAY]);
    k->eps = eps_of(o[MAX_EPS], false, 1);
    k->decay = decay_of(o[MAX_WEIGHT_DECAY], o[MAX_DECOUPLED] != 0, o[LR]);
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        m[i] = ema(m[i], gi, k.beta1);
        v[i] = ema(v[i], gi * gi, k.beta2);
        const real root = damped_root(v[i], k.inverse_root_c2, k.eps);
        p[i] = k.decay.shrink * p[i] - k.lr * quotient(k.of_g * gi + k.of_m * m[i], root);
    }
}

static void update_max(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict u = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.decay.l2 * p[i];
        m[i] = ema(m[i], gi, k.beta1);
        u[i] = larger(settled(k.beta2.keep * u[i]), fabs(gi));
        p[i] = k.decay.shrink * p[i] - k.lr * quotient(k.of_g * gi + k.of_m * m[i], u[i] + k.eps.outside);
    }
}

static optim_status multiply(step_t *s, int momentum_decay) {
    group_t cohort;
    for (size_t i = 0; i < step_cohort_count(s); ++i)
        if (step_cohort(s, i, &cohort))
            ((cohort_memory_t *)cohort.cohort_memory)->prod *=
                mu(cohort.option[BETA1], cohort.option[momentum_decay], cohort.t);
    step_update(s, 0, NULL);
    return OPTIM_OK;
}

static optim_status advance(step_t *s) {
    return multiply(s, MOMENTUM_DECAY);
}

static optim_status advance_max(step_t *s) {
    return multiply(s, MAX_MOMENTUM_DECAY);
}

const method_t METHOD(nadam) = {
    .name = "nadam",
    .purpose = "Adam with Nesterov's momentum",
    .citation = "Dozat: Incorporating Nesterov Momentum into Adam, 2016",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .cohort_memory = sizeof(cohort_memory_t),
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {update},
};

const method_t METHOD(nadamax) = {
    .name = "nadamax",
    .purpose = "Adamax with Nesterov's momentum",
    .citation = "Dozat: Incorporating Nesterov Momentum into Adam, 2016",
    .evaluations = "1 gradient",
    .options = MAX_OPTIONS,
    .states = MAX_STATE,
    .fields = FIELDS,
    .cohort_memory = sizeof(cohort_memory_t),
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare_max,
    .advance = advance_max,
    .kernels = {update_max},
};
