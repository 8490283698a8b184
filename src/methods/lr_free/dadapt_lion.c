/*
 * dadapt_lion: Lion whose step size is a growing estimate d of the distance to the solution.
 *
 * Defazio, Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", 2023, arXiv:2301.07733; the Lion form is that of the
 * authors' package. q = sqrt(beta2), dlr = d lr.
 *
 *     1. u = sign(beta1 m + (1 - beta1) g),  sign(0) = 0;   acc = dlr <u, s>;   s <- q s + (1 - q) dlr u
 *     2. x <- (1 - dlr weight_decay) x - dlr u;   m <- beta2 m + (1 - beta2) dlr g
 *     3. num <- q num + (1 - q) acc;   d <- max(d, num / ((1 - q) |s|_1)),  used from the next step on
 *
 * One d for all groups. |s|_1 = 0: the step ends after line 1. Two passes.
 * State: m, s, 8 bytes a parameter in f32; d, num in double.
 */
#include "blocks/adam_family.h"
#include "blocks/coupled.h"

enum { LR, BETA1, BETA2, WEIGHT_DECAY, D0 };
static const option_t OPTIONS[] = {
    [LR] = COUPLED_LR_ROW,
    [BETA1] = {"beta1", 0.9, "[0,1)", "share of m in the direction"},
    [BETA2] = {"beta2", 0.99, "[0,1)", "decay of m"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decays the parameters"},
    [D0] = D0_ROW,
    {0},
};

enum { M, S, D, NUM, SHARED };
static const state_t STATE[] = {
    [M] = {"m", "first moment of the scaled gradients", LIKE_PARAM, FIRST_MOMENT},
    [S] = {"s", "average of the scaled directions", LIKE_PARAM, KEPT},
    [D] = D_ROW,
    [NUM] = {"num", "numerator of the estimate", PER_METHOD, KEPT},
    [SHARED] = SHARED_LR_ROW,
    {0},
};

typedef struct constants {
    double beta1, beta2, q, dlr, weight_decay;
    bool stays;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .beta1 = o[BETA1],
        .beta2 = o[BETA2],
        .q = sqrt(o[BETA2]),
        .dlr = *group->scalar[D] * o[LR],
        .weight_decay = o[WEIGHT_DECAY],
        .stays = coupled_stays(group, LR, SHARED),
    };
}

static inline real direction(real m, real g, weights_t beta1) {
    return sign(beta1.keep * m + beta1.take * g);
}

static void sum(const tile_t *t) { /* line 1 */
    const constants_t *k = t->constants;
    const weights_t beta1 = weights(k->beta1);
    const real q = (real)k->q, take = (real)((1 - k->q) * k->dlr);
    real *restrict s = t->state[S];
    const real *restrict g = t->g, *restrict m = t->state[M];
    double *restrict product = t->term[0], *restrict norm = t->term[1];
    if (k->stays) {
        coupled_no_terms(t, 2);
        return;
    }
    for (size_t i = 0; i < t->n; ++i) {
        const real u = direction(m[i], g[i], beta1);
        product[i] = (double)u * (double)s[i];
        s[i] = settled(q * s[i] + take * u);
        norm[i] = (double)fabs(s[i]);
    }
}

static void move(const tile_t *t) { /* line 2 */
    const constants_t *k = t->constants;
    const weights_t beta1 = weights(k->beta1);
    const real dlr = (real)k->dlr, shrink = (real)(1 - k->dlr * k->weight_decay), beta2 = (real)k->beta2,
               take = (real)((1 - k->beta2) * k->dlr);
    real *restrict x = t->p, *restrict m = t->state[M];
    const real *restrict g = t->g;
    for (size_t i = 0; !k->stays && i < t->n; ++i) {
        x[i] = shrink * x[i] - dlr * direction(m[i], g[i], beta1);
        m[i] = settled(beta2 * m[i] + take * g[i]);
    }
}

enum { SUM, MOVE };

static optim_status advance(step_t *s) {
    const double q = sqrt(s->option[BETA2]);
    double *d = s->scalar[D], *num = s->scalar[NUM];
    const optim_status status = coupled_check(s, LR, SHARED);
    if (status != OPTIM_OK)
        return status;
    const double *sums = step_reduce(s, SUM, NULL, 2), acc = *d * *s->scalar[SHARED] * sums[0], norm = sums[1];
    *num = q * *num + (1 - q) * acc;
    if (norm == 0)
        return OPTIM_OK;
    step_update(s, MOVE, NULL); /* with d as it was */
    *d = raised(*d, *num / ((1 - q) * norm), HUGE_VAL);
    return OPTIM_OK;
}

const method_t METHOD(dadapt_lion) = {
    .name = "dadapt_lion",
    .purpose = "learning-rate-free Lion: the step size grows with an estimate of the distance to the solution",
    .citation = "Defazio, Mishchenko: Learning-Rate-Free Learning by D-Adaptation, 2023, arXiv:2301.07733",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SUM] = sum, [MOVE] = move},
};
