/*
 * adahessian: Adam with the diagonal of the Hessian in place of the gradient's square.
 *
 * Yao, Gholami, Shen, Mustafa, Keutzer, Mahoney, "ADAHESSIAN: An Adaptive Second Order Optimizer for Machine Learning",
 * 2021, arXiv:2006.00719.
 *
 *     on steps t = 1, 1 + update_period, ...:
 *     1. d = |mean of n_samples estimates z (.) Hz|;   spatial_average, tensors of 3 or more dimensions: the mean of d
 *        over dimensions 2 and on (the kernel) in place of d
 *     2. v <- beta2 v + (1 - beta2) d^2,   j <- j + 1   (j counts these steps)
 *     on every step:
 *     3. m <- beta1 m + (1 - beta1) g
 *     4. x <- x - lr (m / c1 / (sqrt(v / c2)^hessian_power + eps) + weight_decay x),   c1 = 1 - beta1^t,
 *        c2 = 1 - beta2^j;
 *        eps_in_root = 1: sqrt(v / c2 + eps)^hessian_power in the divisor
 *
 * z: see probe.h. Public code averages over kernels of 4 dimensions only.
 * State: m, v; within a step d, g, z, Hz: 24 bytes a parameter in f32.
 */
#include <string.h>

#include "blocks/adam_family.h"
#include "blocks/probe.h"

enum { LR, BETA1, BETA2, EPS, EPS_IN_ROOT, WEIGHT_DECAY };
enum { HESSIAN_POWER = WEIGHT_DECAY + 1, SPATIAL_AVERAGE, N_SAMPLES, UPDATE_PERIOD, PROBE };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(0.15),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-4),
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    [HESSIAN_POWER] = {"hessian_power", 1, "(0,1]", "exponent of the diagonal"},
    [SPATIAL_AVERAGE] = {"spatial_average", 1, "0|1", "average the diagonal over convolution kernels"},
    [N_SAMPLES] = {"n_samples", 1, "integer [1,inf)", "probes of an update of the diagonal"},
    [UPDATE_PERIOD] = {"update_period", 1, "integer [1,inf)", "steps from one update of the diagonal to the next"},
    [PROBE] = PROBE_ROW,
    {0},
};

enum { M, V, ESTIMATE, G, Z, HZ };
static const state_t STATE[] = {
    [M] = M_ROW,
    [V] = {"v", "average of the diagonal's square", LIKE_PARAM, KEPT, .nonnegative = true},
    [ESTIMATE] = {"d", "the step's estimate of the diagonal", LIKE_PARAM, WITHIN_STEP},
    [G] = WAITING_GRADIENT_ROW,
    [Z] = Z_ROW,
    [HZ] = HZ_ROW,
    {0},
};

typedef struct memory {
    int64_t probes;
    int64_t collected; /* products, in this step */
} memory_t;
typedef struct cohort_memory {
    double j;
} cohort_memory_t;
static const field_t FIELDS[] = {
    {"j", "updates of the diagonal", FIELD(OF_COHORT, cohort_memory_t, j), .whole = true},
    PROBES_FIELD,
    {0},
};

typedef struct constants {
    weights_t beta1, beta2;
    real step, inverse_root_c2, power, shrink;
    eps_t eps;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, j = ((const cohort_memory_t *)group->cohort_memory)->j;
    const double c2 = correction(o[BETA2], j);
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = weights(o[BETA2]),
        .step = (real)(o[LR] / correction(o[BETA1], group->t)),
        .inverse_root_c2 = (real)(1 / sqrt(c2)),
        .power = (real)o[HESSIAN_POWER],
        .shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]),
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
    };
    constants_t *k = constants;
    if (j == 0) { /* it has thawed and waits for its first diagonal */
        k->step = 0;
        k->inverse_root_c2 = k->shrink = 1;
    }
}

static void keep(const tile_t *t) {
    memcpy(t->state[G], t->g, t->n * sizeof(real));
}

static void draw(const tile_t *t) {
    probe_draw(t, t->state[Z]);
}

static void collect(const tile_t *t) {
    probe_collect(t, t->state[ESTIMATE], t->state[Z], t->state[HZ], probe_weights(t));
}

static bool has_kernels(const tensor_t *tensor) {
    return tensor->ndim > 2;
}

/* Line 1, on a whole tensor: every kernel's mean of |d|. */
static void average_kernels(const tile_t *t) {
    const tensor_t *tensor = t->tensor;
    size_t kernel = 1;
    for (int i = 2; i < tensor->ndim; ++i)
        kernel *= (size_t)tensor->dims[i];
    real *d = t->state[ESTIMATE];
    for (size_t first = 0; first < t->n; first += kernel) {
        double sum = 0;
        for (size_t i = 0; i < kernel; ++i)
            sum += (double)fabs(d[first + i]);
        for (size_t i = 0; i < kernel; ++i)
            d[first + i] = (real)(sum / (double)kernel);
    }
}

static void diagonal(const tile_t *t) { /* line 2 */
    const weights_t beta2 = ((const constants_t *)t->constants)->beta2;
    real *restrict v = t->state[V];
    const real *restrict d = t->state[ESTIMATE];
    for (size_t i = 0; i < t->n; ++i)
        v[i] = ema(v[i], d[i] * d[i], beta2);
}

static inline void update_with(const tile_t *t, const bool plain) { /* lines 3 and 4 */
    const constants_t k = *(const constants_t *)t->constants;
    const eps_t inside = {k.eps.inside, 0};
    real *restrict x = t->p, *restrict m = t->state[M];
    const real *restrict v = t->state[V], *restrict g = probe_gradient(t, G);
    for (size_t i = 0; i < t->n; ++i) {
        const real root = damped_root(v[i], k.inverse_root_c2, inside);
        m[i] = ema(m[i], g[i], k.beta1);
        x[i] = k.shrink * x[i] - k.step * quotient(m[i], (plain ? root : pow(root, k.power)) + k.eps.outside);
    }
}

static void update(const tile_t *t) {
    if (((const constants_t *)t->constants)->power == 1)
        update_with(t, true);
    else
        update_with(t, false);
}

enum { KEEP, DRAW, COLLECT, AVERAGE_KERNELS, DIAGONAL, UPDATE };

static void count_update(step_t *s) {
    group_t cohort;
    for (size_t i = 0; i < step_cohort_count(s); ++i)
        if (step_cohort(s, i, &cohort))
            ++((cohort_memory_t *)cohort.cohort_memory)->j;
}

static optim_status advance(step_t *s) {
    const double *o = s->option;
    const bool is_due = fmod(s->t - 1, o[UPDATE_PERIOD]) == 0;
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    if (is_due) {
        step_update(s, KEEP, NULL);
        for (m->collected = 0; (double)m->collected < o[N_SAMPLES]; ++m->collected) {
            probe_next(s, o[PROBE], &m->probes, DRAW);
            STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
            step_update(s, COLLECT, &(sample_t){m->collected, o[N_SAMPLES]});
        }
        if (o[SPATIAL_AVERAGE] != 0)
            step_tensors(s, AVERAGE_KERNELS, NULL);
        count_update(s);
        step_update(s, DIAGONAL, NULL);
    }
    step_update(s, UPDATE, &(waiting_t){is_due});
    STEP_END(s);
}

const method_t METHOD(adahessian) = {
    .name = "adahessian",
    .purpose = "Adam with the diagonal of the Hessian in place of the gradient's square",
    .citation = "Yao et al.: ADAHESSIAN: An Adaptive Second Order Optimizer for Machine Learning, 2021, "
                "arXiv:2006.00719",
    .evaluations = "1 gradient; every update_period steps n_samples Hessian-vector products",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .cohort_memory = sizeof(cohort_memory_t),
    .flags = REQUESTS | REQUESTS_PRODUCTS | WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .takes_whole = has_kernels,
    .prepare = prepare,
    .advance = advance,
    .kernels = {keep, draw, collect, average_kernels, diagonal, update},
    .arguments = {[DRAW] = sizeof(probe_t), [COLLECT] = sizeof(sample_t), [UPDATE] = sizeof(waiting_t)},
};
