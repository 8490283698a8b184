/*
 * adashift: Adam whose second moment is of gradients some steps old, so that it does not depend on the newest.
 *
 * Zhou, Zhang, Lu, Wang, Zhang, Yu, "AdaShift: Decorrelation and Convergence of Adaptive Learning Rate Methods",
 * 2018, arXiv:1810.00143, algorithm 3. n = keep_num; nothing moves in the first n steps.
 *
 *     1. m = sum over i < n of beta1^i g_{t-i}, over the sum of beta1^i
 *     2. reduce = max: v <- beta2 v + (1 - beta2) max over the tensor of g_{t-n}^2, one number
 *        reduce = none: v <- beta2 v + (1 - beta2) g_{t-n}^2
 *     3. p <- p - lr m / (sqrt(v / (1 - beta2^(t-n))) + eps)
 *
 * m is made anew in every step from the gradients kept. State: n gradients, 4 n bytes a parameter in f32; v, a number
 * for a tensor or, with reduce = none, 4 bytes a parameter.
 */
#include <string.h>

#include "blocks/adam_family.h"

enum { LR, BETA1, BETA2, KEEP_NUM, REDUCE, EPS };
enum { REDUCE_MAX, REDUCE_NONE };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = {"beta1", 0.9, "[0,1)", "from one gradient kept to the one before, the factor on its weight"},
    [BETA2] = BETA2_ROW(0.999),
    [KEEP_NUM] = {"keep_num", 10, "integer [1,1000]", "gradients kept: age of the one in v", .decides_memory = true},
    [REDUCE] = {"reduce", REDUCE_MAX, "max|none", "max: one second moment for a tensor, of its largest element"},
    [EPS] = EPS_ROW(1e-10),
    {0},
};

enum { RING, V };
static const state_t STATE[] = {
    [RING] = {"g", "the last gradients, in a ring", LIKE_PARAM, KEPT, .copies = "keep_num"},
    [V] = {"v", "second moment", LIKE_PARAM, KEPT, .when = "reduce", .nonnegative = true},
    {0},
};

typedef struct tensor_memory {
    double v;
} tensor_memory_t;
static const field_t FIELDS[] = {
    {"v_max", "second moment of the largest element", FIELD(OF_TENSOR, tensor_memory_t, v)},
    {0},
};

typedef struct constants {
    weights_t beta2;
    double beta1, newest, inverse_root_c2, eps; /* newest: weight of g_t in m */
    real lr;
    size_t keep, at; /* where g_{t-n} is in the ring, and g_t will be */
    bool moves;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, n = o[KEEP_NUM], t = group->t;
    *(constants_t *)constants = (constants_t){
        .beta2 = weights(o[BETA2]),
        .beta1 = o[BETA1],
        .newest = (1 - o[BETA1]) / correction(o[BETA1], n),
        .inverse_root_c2 = t > n ? 1 / sqrt(correction(o[BETA2], t - n)) : 0,
        .eps = o[EPS],
        .lr = (real)o[LR],
        .keep = (size_t)n,
        .at = (size_t)fmod(t - 1, n),
        .moves = t > n,
    };
}

static real *kept(const tile_t *t, size_t place) {
    return (real *)t->state[RING] + place * t->stride;
}

static void magnitudes(const tile_t *t) {
    const constants_t *k = t->constants;
    const real *restrict old = kept(t, k->at);
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = fabs((double)old[i]);
}

/* Line 1, up to CHUNK_ELEMENTS elements. */
static void average(const tile_t *t, const constants_t *k, real *restrict m) {
    double weight = k->newest;
    for (size_t i = 0; i < t->n; ++i)
        m[i] = 0;
    for (size_t age = 0; age < k->keep; ++age, weight *= k->beta1) {
        const real w = (real)weight, *restrict g = kept(t, (k->at + k->keep - age) % k->keep);
        for (size_t i = 0; i < t->n; ++i)
            m[i] += w * g[i];
    }
}

static void move(const tile_t *t, const constants_t *k) {
    real m[CHUNK_ELEMENTS];
    real *restrict p = t->p, *restrict v = t->state[V], *restrict old = kept(t, k->at);
    const real *restrict g = t->g;
    const real inverse_root_c2 = (real)k->inverse_root_c2, eps = (real)k->eps;
    for (size_t i = 0; v != NULL && k->moves && i < t->n; ++i)
        v[i] = ema(v[i], old[i] * old[i], k->beta2);
    memcpy(old, g, t->n * sizeof *old);
    if (!k->moves)
        return;
    average(t, k, m);
    const real of_tensor = (real)(sqrt(((const tensor_memory_t *)t->memory)->v) * k->inverse_root_c2 + k->eps);
    for (size_t i = 0; v == NULL && i < t->n; ++i)
        p[i] -= k->lr * quotient(m[i], of_tensor);
    for (size_t i = 0; v != NULL && i < t->n; ++i)
        p[i] -= k->lr * quotient(m[i], sqrt(v[i]) * inverse_root_c2 + eps);
}

static void update(const tile_t *t) {
    for (size_t first = 0; first < t->n; first += CHUNK_ELEMENTS) {
        const tile_t chunk = tile_chunk(t, first, V + 1);
        move(&chunk, t->constants);
    }
}

enum { MAGNITUDES, UPDATE };

/* Whether v of this tensor is one number and changes now. */
static bool reduces(const step_t *s, size_t tensor) {
    if (step_tensor(s, tensor) == NULL)
        return false;
    const double *o = step_tensor_option(s, tensor);
    return (int)o[REDUCE] == REDUCE_MAX && step_tensor_clock(s, tensor) > o[KEEP_NUM];
}

/* Line 2 with reduce = max. */
static void follow_largest(step_t *s) {
    (void)step_reduce_max(s, MAGNITUDES, NULL, 1);
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        if (reduces(s, n)) {
            const double beta2 = step_tensor_option(s, n)[BETA2], most = step_tensor_sum(s, n)[0];
            tensor_memory_t *m = step_tensor_memory(s, n);
            m->v = beta2 * m->v + (1 - beta2) * most * most;
        }
}

static optim_status advance(step_t *s) {
    bool any = false;
    for (size_t n = 0; n < step_tensor_count(s) && !any; ++n)
        any = reduces(s, n);
    if (any)
        follow_largest(s);
    step_update(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(adashift) = {
    .name = "adashift",
    .purpose = "Adam whose second moment is of gradients some steps old",
    .citation = "Zhou et al.: AdaShift: Decorrelation and Convergence of Adaptive Learning Rate Methods, 2018, "
                "arXiv:1810.00143",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .tensor_memory = sizeof(tensor_memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[MAGNITUDES] = magnitudes, [UPDATE] = update},
};
