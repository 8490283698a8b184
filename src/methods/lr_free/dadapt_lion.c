/*
 * dadapt_lion: Lion whose step size is a growing estimate d of the distance to the solution.
 *
 * Defazio, Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", 2023, arXiv:2301.07733; the Lion form is that of
 * the authors' package. q = sqrt(beta2), dlr = d lr.
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
#include "blocks/sums.h"

enum { LR, BETA1, BETA2, WEIGHT_DECAY, D0 };
static const option_t OPTIONS[] = {
    [LR] = COUPLED_LR_ROW,
    [BETA1] = {"beta1", 0.9, "[0,1)", "share of m in the direction"},
    [BETA2] = {"beta2", 0.99, "[0,1)", "decay of m"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decays the parameters"},
    [D0] = D0_ROW,
    {0},
};

enum { M, S };
static const state_t STATE[] = {
    [M] = {"m", "first moment of the scaled gradients", LIKE_PARAM, FIRST_MOMENT},
    [S] = {"s", "average of the scaled directions", LIKE_PARAM, KEPT},
    {0},
};

typedef struct memory {
    double d, num, shared_lr;
} memory_t;
static const field_t FIELDS[] = {
    D_FIELD,
    {"num", "numerator of the estimate", FIELD(OF_METHOD, memory_t, num)},
    {0},
};

typedef struct constants {
    real dlr, shrink;
    weights_t beta1, m, s; /* m and s take dlr times what averages would */
    bool stays;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const memory_t *m = group->memory;
    const double *o = group->option, dlr = m->d * o[LR], q = sqrt(o[BETA2]);
    *(constants_t *)constants = (constants_t){
        .dlr = (real)dlr,
        .shrink = (real)(1 - dlr * o[WEIGHT_DECAY]),
        .beta1 = weights(o[BETA1]),
        .m = {(real)o[BETA2], (real)((1 - o[BETA2]) * dlr)},
        .s = {(real)q, (real)((1 - q) * dlr)},
        .stays = coupled_stays(group, LR, m->shared_lr),
    };
}

static inline real direction(real m, real g, weights_t beta1) {
    return sign(beta1.keep * m + beta1.take * g);
}

static void sum(const tile_t *t) { /* line 1 */
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict s = t->state[S];
    const real *restrict g = t->g, *restrict m = t->state[M];
    real u[SUM_ELEMENTS];
    if (k.stays)
        return;
    for (size_t i = 0; i < t->n; ++i)
        u[i] = direction(m[i], g[i], k.beta1);
    t->sum[0] += sum_products(t->n, u, s);
    for (size_t i = 0; i < t->n; ++i)
        s[i] = ema(s[i], u[i], k.s);
    t->sum[1] += sum_moduli(t->n, s);
}

static void move(const tile_t *t) { /* line 2 */
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict x = t->p, *restrict m = t->state[M];
    const real *restrict g = t->g;
    for (size_t i = 0; !k.stays && i < t->n; ++i) {
        x[i] = k.shrink * x[i] - k.dlr * direction(m[i], g[i], k.beta1);
        m[i] = ema(m[i], g[i], k.m);
    }
}

enum { SUM, MOVE };

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const double q = sqrt(s->option[BETA2]);
    if (coupled_check(s, LR, &m->shared_lr) != OPTIM_OK)
        return OPTIM_ERR_VALUE;
    const double *sums = step_sums(s, SUM, NULL, 2);
    m->num = q * m->num + (1 - q) * (m->d * m->shared_lr * sums[0]);
    (void)dadapt_move(s, MOVE, &m->d, m->num, (1 - q) * sums[1], HUGE_VAL);
    return OPTIM_OK;
}

const method_t METHOD(dadapt_lion) = {
    .name = "dadapt_lion",
    .purpose = "learning-rate-free Lion: the step size grows with an estimate of the distance to the solution",
    .citation = "Defazio, Mishchenko: Learning-Rate-Free Learning by D-Adaptation, 2023, arXiv:2301.07733",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = MAY_FAIL,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SUM] = sum, [MOVE] = move},
};
