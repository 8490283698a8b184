/*
 * discover: a momentum for every cluster of the data, combined into a control variate.
 *
 * Tondji, Kashubin, Cisse, "Variance Reduction in Deep Learning: More Momentum is All You Need", 2021, after COVER,
 * Yuan et al. 2019. Reconstructed: the cluster control variate joined with quasi-hyperbolic momentum and gradient
 * transport, so that one cluster gives qhm, and with transport igt at a constant weight. Unverified against the
 * authors' numbers.
 *
 *     1. j = cluster of the step's minibatch:  cluster, or (t - 1) mod clusters if that is -1
 *     2. m_new = beta1 m^j + (1 - beta1) g;   mbar <- mbar + (m_new - m^j) / clusters;   m^j <- m_new
 *     3. e = (1 - nu) (g - m^j) + mbar
 *     4. x_new = x - lr e;   p <- x_new,   with transport p <- x_new + beta1 / (1 - beta1) (x_new - x);   x <- x_new
 *
 * nu = 0 is the SAGA-like estimator g - m^j + mbar, nu = 1 the mean of the momenta. Output: x.
 * State: one m for each cluster, mbar, and x with transport: 4 (clusters + 1) bytes a parameter in f32, 4 more.
 */
#include <string.h>

#include "blocks/averages.h"

enum { LR, BETA1, NU, CLUSTERS, TRANSPORT, CLUSTER };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [BETA1] = {"beta1", 0.9, "[0,1)", "decay of the momenta"},
    [NU] = {"nu", 0.7, "[0,1]", "1: momenta alone; 0: gradient with control variate"},
    [CLUSTERS] = {"clusters", 4, "integer [1,1000]", "K: momenta kept"},
    [TRANSPORT] = {"transport", 0, "0|1", "take gradients at the transported point"},
    [CLUSTER] = {"cluster", -1, "integer [-1,999]", "of the next minibatch, counted from 0; -1: each in turn"},
    {0},
};

static const char *check(const double *option) {
    return option[CLUSTER] < option[CLUSTERS] ? NULL : "cluster must lie below clusters";
}

enum { M, MBAR, X };
static const state_t STATE[] = {
    [M] = {"m", "momentum of each cluster", LIKE_PARAM, KEPT, .copies = "clusters"},
    [MBAR] = {"mbar", "mean of the momenta", LIKE_PARAM, KEPT},
    [X] = {"x", "the iterate", LIKE_PARAM, KEPT, .when = "transport", .from_param = true},
    {0},
};

typedef struct constants {
    weights_t beta1;
    real lr, one_nu, share, ahead; /* share = 1 / clusters, ahead = beta1 / (1 - beta1) */
    size_t cluster;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .lr = (real)o[LR],
        .one_nu = (real)(1 - o[NU]),
        .share = (real)(1 / o[CLUSTERS]),
        .ahead = (real)(o[BETA1] / (1 - o[BETA1])),
        .cluster = (size_t)(o[CLUSTER] < 0 ? fmod(group->step->t - 1, o[CLUSTERS]) : o[CLUSTER]),
    };
}

/* Lines 2 and 3 for one element: returns e. */
static inline real estimate(real *m, real *mbar, real g, constants_t k) {
    const real m_new = ema(*m, g, k.beta1);
    *mbar = settled(*mbar + k.share * (m_new - *m));
    *m = m_new;
    return k.one_nu * (g - m_new) + *mbar;
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict m = (real *)t->state[M] + k.cluster * t->stride, *restrict mbar = t->state[MBAR],
                   *restrict x = t->state[X];
    const real *restrict g = t->g;
    if (x == NULL)
        for (size_t i = 0; i < t->n; ++i)
            p[i] -= k.lr * estimate(&m[i], &mbar[i], g[i], k);
    else
        for (size_t i = 0; i < t->n; ++i) {
            const real moved = -k.lr * estimate(&m[i], &mbar[i], g[i], k);
            x[i] += moved;
            p[i] = x[i] + k.ahead * moved;
        }
}

static void output(const tile_t *t) {
    memcpy(t->out, t->state[X] == NULL ? t->p : t->state[X], t->n * sizeof(real));
}

const method_t METHOD(discover) = {
    .name = "discover",
    .purpose = "a momentum for every cluster of the data, combined into a control variate",
    .citation = "Tondji, Kashubin, Cisse: Variance Reduction in Deep Learning: More Momentum is All You Need, 2021",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .check = check,
    .prepare = prepare,
    .kernels = {update},
    .output = output,
};
