/*
 * nadam: Adam with Nesterov's momentum.
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
 */
#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, MOMENTUM_DECAY, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(2e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [MOMENTUM_DECAY] = {"momentum_decay", 4e-3, "[0,inf)", "how fast mu rises from beta1 / 2 to beta1"},
    [WEIGHT_DECAY] = WEIGHT_DECAY_ROW(0),
    [DECOUPLED] = DECOUPLED_ROW(0),
    {0},
};

enum { M, V, PROD };
static const state_t STATE[] = {
    [M] = M_ROW,
    [V] = V_ROW,
    [PROD] = {"prod", "product of all mu", PER_COHORT, KEPT, .initial = 1},
    {0},
};

typedef struct scalars {
    double lr, beta1, beta2, inverse_root_c2;
    double of_g, of_m; /* the factors in front of g and m */
    eps_t eps;
    decay_t decay;
} scalars_t;

static double mu(const double *o, double t) {
    return o[BETA1] * (1 - 0.5 * pow(0.96, t * o[MOMENTUM_DECAY]));
}

static void prepare(const group_t *group, void *scalars) {
    const double *o = group->option, prod = *group->scalar[PROD], next = mu(o, group->t + 1);
    const double c2 = correction(o[BETA2], group->t);
    *(scalars_t *)scalars = (scalars_t){
        .lr = o[LR],
        .beta1 = o[BETA1],
        .beta2 = o[BETA2],
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .inverse_root_c2 = 1 / sqrt(c2),
        .of_g = (1 - mu(o, group->t)) / (1 - prod),
        .of_m = next / (1 - prod * next),
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
    };
}

static void update(const tile_t *t) {
    const scalars_t *k = t->scalars;
    const weights_t beta1 = weights(k->beta1), beta2 = weights(k->beta2);
    const eps_t eps = k->eps;
    const real lr = (real)k->lr, inverse_root_c2 = (real)k->inverse_root_c2, of_g = (real)k->of_g, of_m = (real)k->of_m,
               l2 = (real)k->decay.l2, shrink = (real)k->decay.shrink;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + l2 * p[i];
        m[i] = ema(m[i], gi, beta1);
        v[i] = ema(v[i], gi * gi, beta2);
        p[i] = shrink * p[i] - lr * quotient(of_g * gi + of_m * m[i], damped_root(v[i], inverse_root_c2, eps));
    }
}

static optim_status advance(step_t *s) {
    group_t cohort;
    for (size_t i = 0; i < step_cohort_count(s); ++i)
        if (step_cohort(s, i, &cohort))
            *cohort.scalar[PROD] *= mu(cohort.option, cohort.t);
    step_update(s, 0);
    return OPTIM_OK;
}

const method_t METHOD(nadam) = {
    .name = "nadam",
    .purpose = "Adam with Nesterov's momentum",
    .citation = "Dozat: Incorporating Nesterov Momentum into Adam, 2016",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .scalars = sizeof(scalars_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {update},
};
