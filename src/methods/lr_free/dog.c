/*
 * dog, ldog: distance over gradients.
 *
 * Ivgi, Hinder, Carmon, "DoG is SGD's Best Friend: A Parameter-Free Dynamic Step Size Schedule", 2023,
 * arXiv:2302.12022.
 *
 *     1. g <- g + weight_decay x
 *     2. first step: x_0 = x, rbar = reps_rel (1 + |x_0|), G = eps + |g|^2
 *        then:       rbar <- max(rbar, |x - x_0|), G <- G + |g|^2
 *     3. eta = lr rbar / sqrt(G);   init_eta > 0: rbar = 0 and eta = init_eta until x has moved
 *     4. x <- x - eta g
 *
 * G = 0: no step. dog has one pair rbar, G for all groups, ldog one for every tensor, with the tensor's own norms. The
 * published results are those of the average that the wrapper poly_avg keeps.
 * Two passes. State: x_0, 4 bytes a parameter in f32; rbar and G in double.
 */
#include <tgmath.h>

#include "blocks/coupled.h"
#include "blocks/sums.h"

enum { LR, REPS_REL, EPS, WEIGHT_DECAY, INIT_ETA };
#define COMMON_OPTIONS                                                                                                 \
    [REPS_REL] = {"reps_rel", 1e-6, "(0,inf)", "first movement relative to 1 + |x_0|"},                                \
    [EPS] = {"eps", 1e-8, "[0,inf)", "added once to the sum of squared norms"},                                        \
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, added to the gradient"},                                  \
    [INIT_ETA] = {"init_eta", 0, "[0,inf)", "step size until x has moved; 0: from reps_rel", .zero_apart = true}
static const option_t DOG_OPTIONS[] = {[LR] = COUPLED_LR_ROW, COMMON_OPTIONS, {0}};
static const option_t LDOG_OPTIONS[] = {
    [LR] = {"lr", 1, "[0,inf)", "factor on the step size: leave at 1"},
    COMMON_OPTIONS,
    {0},
};

enum { X0 };
static const state_t STATE[] = {
    [X0] = {"x0", "the starting point", LIKE_PARAM, KEPT, .from_param = true},
    {0},
};

/* Of all tensors; ldog: of each. */
typedef struct memory {
    double rbar, G;
    double shared_lr; /* dog */
} memory_t;
#define FIELDS(of)                                                                                                     \
    {"rbar", "largest distance from x_0; -1 before the first step", FIELD(of, memory_t, rbar), .initial = -1},         \
        {"G", "eps and the sum of squared gradient norms", FIELD(of, memory_t, G)}, {                                  \
        0                                                                                                              \
    }
static const field_t DOG_FIELDS[] = {FIELDS(OF_METHOD)};
static const field_t LDOG_FIELDS[] = {FIELDS(OF_TENSOR)};

typedef struct constants {
    real l2;
    double lr, init_eta;
    bool stays;
} constants_t;

static void prepare_ldog(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){.l2 = (real)o[WEIGHT_DECAY], .lr = o[LR], .init_eta = o[INIT_ETA]};
}

static void prepare_dog(const group_t *group, void *constants) {
    prepare_ldog(group, constants);
    ((constants_t *)constants)->stays = coupled_stays(group, LR, ((const memory_t *)group->memory)->shared_lr);
}

/* dog hands over its own. */
static const memory_t *memory_of(const tile_t *t) {
    return t->memory != NULL ? t->memory : t->arguments;
}

/* |g|^2 and, in the first step, |x_0|^2, later |x - x_0|^2. */
static void distances(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const bool first = memory_of(t)->rbar < 0;
    const real *restrict x = t->p, *restrict x0 = t->state[X0];
    real from_x0[SUM_ELEMENTS];
    if (k.stays)
        return;
    for (size_t i = 0; i < t->n; ++i)
        from_x0[i] = first ? x[i] : x[i] - x0[i];
    t->sum[0] += sum_decayed_squares(t, k.l2);
    t->sum[1] += sum_squares(t->n, from_x0);
}

/* Line 2. */
static void follow(memory_t *m, const double *sum, const double *o) {
    const bool first = m->rbar < 0;
    if (first)
        m->rbar = o[INIT_ETA] > 0 ? 0 : o[REPS_REL] * (1 + sqrt(sum[1]));
    else
        m->rbar = fmax(m->rbar, sqrt(sum[1]));
    m->G = (first ? o[EPS] : m->G) + sum[0];
}

/* Line 3. */
static double step_size(const constants_t *k, const memory_t *m) {
    if (m->rbar == 0 && k->init_eta > 0)
        return k->init_eta;
    return m->G > 0 ? k->lr * m->rbar / sqrt(m->G) : 0;
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real eta = (real)step_size(&k, memory_of(t));
    real *restrict x = t->p;
    const real *restrict g = t->g;
    for (size_t i = 0; !k.stays && i < t->n; ++i)
        x[i] -= eta * (g[i] + k.l2 * x[i]);
}

enum { DISTANCES, UPDATE };

static optim_status advance_dog(step_t *s) {
    memory_t *m = s->memory;
    if (coupled_check(s, LR, &m->shared_lr) != OPTIM_OK)
        return OPTIM_ERR_VALUE;
    follow(m, step_sums(s, DISTANCES, m, 2), s->option);
    step_update(s, UPDATE, m);
    return OPTIM_OK;
}

static optim_status advance_ldog(step_t *s) {
    (void)step_sums(s, DISTANCES, NULL, 2);
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        if (step_tensor(s, n) != NULL)
            follow(step_tensor_memory(s, n), step_tensor_sum(s, n), step_tensor_option(s, n));
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

#define CITATION                                                                                                       \
    "Ivgi, Hinder, Carmon: DoG is SGD's Best Friend: A Parameter-Free Dynamic Step Size Schedule, 2023, "              \
    "arXiv:2302.12022"

const method_t METHOD(dog) = {
    .name = "dog",
    .purpose = "learning-rate-free SGD: distance travelled over the root of summed squared gradient norms",
    .citation = CITATION,
    .evaluations = "1 gradient",
    .options = DOG_OPTIONS,
    .states = STATE,
    .flags = MAY_FAIL,
    .fields = DOG_FIELDS,
    .memory = sizeof(memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare_dog,
    .advance = advance_dog,
    .kernels = {[DISTANCES] = distances, [UPDATE] = update},
    .arguments = {[DISTANCES] = sizeof(memory_t), [UPDATE] = sizeof(memory_t)},
};

const method_t METHOD(ldog) = {
    .name = "ldog",
    .purpose = "dog with distances, gradient norms and a step size for every tensor by itself",
    .citation = CITATION,
    .evaluations = "1 gradient",
    .options = LDOG_OPTIONS,
    .states = STATE,
    .flags = MAY_FAIL,
    .fields = LDOG_FIELDS,
    .tensor_memory = sizeof(memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare_ldog,
    .advance = advance_ldog,
    .kernels = {[DISTANCES] = distances, [UPDATE] = update},
};
