/*
 * aggmo: the mean of several momentum methods with decays ever nearer to 1.
 *
 * Lucas, Sun, Zemel, Grosse, "Aggregated Momentum: Stability Through Passive Damping", 2019, arXiv:1804.00325.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. v_i <- beta_i v_i + g,   beta_i = 1 - agg_base^i,  i = 0 .. num_betas - 1
 *     3. p <- p - (lr / num_betas) sum_i v_i
 *
 * The buffers are undamped sums, as the authors': with the defaults a constant gradient is followed at 37 lr. v_0 is
 * the gradient itself. State: num_betas buffers, 4 num_betas bytes a parameter in f32.
 */
#include <string.h>
#include <tgmath.h>

#include "base/memory.h"
#include "engine/method.h"

enum { LR, NUM_BETAS, AGG_BASE, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [NUM_BETAS] = {"num_betas", 3, "integer [1,inf)", "buffers (K in the paper)"},
    [AGG_BASE] = {"agg_base", 0.1, "(0,1)", "beta_i = 1 - agg_base^i"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda"},
    [DECOUPLED] = {"decoupled", 0, "0|1", "decay the parameters (1) or add to the gradient (0)"},
    {0},
};

enum { V };
static const state_t STATE[] = {
    [V] = {"v", "momentum buffers", LIKE_PARAM, FIRST_MOMENT, .copies = "num_betas"},
    {0},
};

typedef struct constants {
    real step;
    double agg_base;
    decay_t decay;
    size_t num_betas;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .step = (real)(o[LR] / o[NUM_BETAS]),
        .agg_base = o[AGG_BASE],
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
        .num_betas = size_of_number(o[NUM_BETAS]),
    };
}

/* Line 2 for elements i .. i + n of one buffer, which are added to the sum. */
static inline void accumulate(const tile_t *t, size_t i, size_t n, real beta, real l2, real *restrict v,
                              real *restrict sum) {
    const real *restrict g = (const real *)t->g + i, *restrict p = (const real *)t->p + i;
    for (size_t j = 0; j < n; ++j) {
        v[j] = settled(beta * v[j] + (g[j] + l2 * p[j]));
        sum[j] += v[j];
    }
}

/* In runs whose sum stays in the first-level cache from buffer to buffer. */
static void update(const tile_t *t) {
    enum { RUN = 256 };
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *v = t->state[V], sum[RUN];
    for (size_t i = 0; i < t->n; i += RUN) {
        const size_t n = t->n - i < RUN ? t->n - i : RUN;
        double power = 1; /* agg_base^b */
        memset(sum, 0, n * sizeof *sum);
        for (size_t b = 0; b < k.num_betas; ++b) {
            accumulate(t, i, n, (real)(1 - power), k.decay.l2, v + b * t->stride + i, sum);
            power *= k.agg_base;
        }
        for (size_t j = 0; j < n; ++j)
            p[i + j] = k.decay.shrink * p[i + j] - k.step * sum[j];
    }
}

const method_t METHOD(aggmo) = {
    .name = "aggmo",
    .purpose = "mean of several momentum methods with decays ever nearer to 1",
    .citation = "Lucas et al.: Aggregated Momentum: Stability Through Passive Damping, 2019, arXiv:1804.00325",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .kernels = {update},
};
