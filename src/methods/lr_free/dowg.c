/*
 * dowg: distance over weighted gradients.
 *
 * Khaled, Mishchenko, Jin, "DoWG Unleashed: An Efficient Universal Parameter-Free Gradient Descent Method", 2023,
 * arXiv:2305.16284, algorithm 1; as optax.contrib.dowg.
 *
 *     1. g <- g + weight_decay x
 *     2. d <- max(d, |x - x_0|^2),  d = init_sq_dist at first;   v <- v + d |g|^2
 *     3. x <- x - lr d / (sqrt(v) + eps) g
 *
 * Norms are over all tensors, and so are d and v. Two passes. State: x_0, 4 bytes a parameter in f32; d, v in double.
 */
#include <tgmath.h>

#include "blocks/coupled.h"
#include "blocks/sums.h"

enum { LR, INIT_SQ_DIST, EPS, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = COUPLED_LR_ROW,
    [INIT_SQ_DIST] = {"init_sq_dist", 1e-4, "(0,inf)", "first estimate of the squared distance to the solution"},
    [EPS] = {"eps", 1e-4, "[0,inf)", "added to the root of v"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, added to the gradient"},
    {0},
};

enum { X0 };
static const state_t STATE[] = {
    [X0] = {"x0", "the starting point", LIKE_PARAM, KEPT, .from_param = true},
    {0},
};

typedef struct memory {
    double d, v;
    double shared_lr;
} memory_t;
static const field_t FIELDS[] = {
    {"sq_dist", "d: largest squared distance from x_0", FIELD(OF_METHOD, memory_t, d),
     .initial_option = "init_sq_dist"},
    {"v", "sum of squared gradient norms, times d", FIELD(OF_METHOD, memory_t, v)},
    {0},
};

typedef struct constants {
    real l2;
    bool stays;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){
        .l2 = (real)group->option[WEIGHT_DECAY],
        .stays = coupled_stays(group, LR, ((const memory_t *)group->memory)->shared_lr),
    };
}

static void distances(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict x = t->p, *restrict x0 = t->state[X0];
    real from_x0[SUM_ELEMENTS];
    if (k.stays)
        return;
    for (size_t i = 0; i < t->n; ++i)
        from_x0[i] = x[i] - x0[i];
    t->sum[0] += sum_decayed_squares(t, k.l2);
    t->sum[1] += sum_squares(t->n, from_x0);
}

typedef struct move {
    double eta;
} move_t;

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real eta = (real)((const move_t *)t->arguments)->eta;
    real *restrict x = t->p;
    const real *restrict g = t->g;
    for (size_t i = 0; !k.stays && i < t->n; ++i)
        x[i] -= eta * (g[i] + k.l2 * x[i]);
}

enum { DISTANCES, UPDATE };

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    if (coupled_check(s, LR, &m->shared_lr) != OPTIM_OK)
        return OPTIM_ERR_VALUE;
    const double *sum = step_sums(s, DISTANCES, NULL, 2);
    m->d = fmax(m->d, sum[1]);
    m->v += m->d * sum[0];
    const double root = sqrt(m->v) + s->option[EPS];
    step_update(s, UPDATE, &(move_t){root > 0 ? m->shared_lr * m->d / root : 0});
    return OPTIM_OK;
}

const method_t METHOD(dowg) = {
    .name = "dowg",
    .purpose = "learning-rate-free SGD: squared distance over the root of gradient norms that it weighs",
    .citation =
        "Khaled, Mishchenko, Jin: DoWG Unleashed: An Efficient Universal Parameter-Free Gradient Descent Method, "
        "2023, arXiv:2305.16284",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = MAY_FAIL,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[DISTANCES] = distances, [UPDATE] = update},
    .arguments = {[UPDATE] = sizeof(move_t)},
};
