/*
 * sgd: stochastic gradient descent with heavy-ball or Nesterov momentum.
 *
 * Polyak, "Some methods of speeding up the convergence of iteration methods", 1964; Sutskever, Martens, Dahl, Hinton,
 * "On the importance of initialization and momentum in deep learning", 2013; in the form of torch.optim.SGD.
 *
 *     1. decoupled = 0: g <- g + weight_decay p;   decoupled = 1: p <- (1 - lr weight_decay) p
 *     2. buf <- g at t = 1,   buf <- momentum buf + (1 - dampening) g later
 *     3. d <- g + momentum buf if nesterov, else buf;   without momentum d <- g
 *     4. p <- p - lr d
 *
 * The first step ignores dampening, and lr multiplies the whole buffer, as in torch. Without momentum a step is BLAS-1
 * on tiles in cache. State: buf with momentum, 4 bytes a parameter in f32; else none.
 */
#include <string.h>

#include "engine/method.h"
#include "kernels/blas.h"

enum { LR, MOMENTUM, DAMPENING, NESTEROV, WEIGHT_DECAY, DECOUPLED };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "[0,inf)", "step size"},
    [MOMENTUM] = {"momentum", 0, "[0,inf)", "share of the last direction that is kept; above 1 it grows", .live = true},
    [DAMPENING] = {"dampening", 0, "[0,1]", "share of the gradient left out of the buffer"},
    [NESTEROV] = {"nesterov", 0, "0|1", "look ahead along the buffer"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda"},
    [DECOUPLED] = {"decoupled", 0, "0|1", "decay the parameters (1) or add to the gradient (0)"},
    {0},
};

enum { BUF, STATES };
static const state_t STATE[] = {
    [BUF] = {"buf", "momentum buffer", LIKE_PARAM, FIRST_MOMENT, .when = "momentum"},
    {0},
};

static const char *check(const double *option) {
    const bool sound = option[MOMENTUM] > 0 && option[DAMPENING] == 0;
    return option[NESTEROV] != 0 && !sound ? "nesterov=1 needs momentum > 0 and dampening = 0" : NULL;
}

typedef struct constants {
    real lr;
    decay_t decay;
    real keep, take; /* buf <- keep buf + take g */
    real ahead;      /* momentum if nesterov, else 0 */
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .lr = (real)o[LR],
        .decay = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]),
        .keep = group->t == 1 ? 0 : (real)o[MOMENTUM],
        .take = group->t == 1 ? 1 : (real)(1 - o[DAMPENING]),
        .ahead = o[NESTEROV] != 0 ? (real)o[MOMENTUM] : 0,
    };
}

/* Lines 2 to 4 in one loop: three BLAS calls would walk the tile three times. */
static inline void with_momentum(size_t n, constants_t k, const real *restrict g, real *restrict buf, real *restrict p,
                                 const bool nesterov) {
    for (size_t i = 0; i < n; ++i) {
        buf[i] = settled(k.keep * buf[i] + k.take * g[i]);
        p[i] -= k.lr * (nesterov ? g[i] + k.ahead * buf[i] : buf[i]);
    }
}

/* Lines 2 to 4, and decoupled decay. */
static void step(const tile_t *t, const real *g) {
    const constants_t k = *(const constants_t *)t->constants;
    real *p = t->p, *buf = t->state[BUF];
    if (k.decay.shrink != 1)
        blas_scal(t->n, (double)k.decay.shrink, p);
    if (buf == NULL) {
        blas_axpy(t->n, -(double)k.lr, g, p); /* 4. */
        return;
    }
    if (k.ahead != 0)
        with_momentum(t->n, k, g, buf, p, true);
    else
        with_momentum(t->n, k, g, buf, p, false);
}

static void update(const tile_t *t) {
    const double l2 = (double)((const constants_t *)t->constants)->decay.l2;
    if (l2 == 0) {
        step(t, t->g);
        return;
    }
    for (size_t first = 0; first < t->n; first += CHUNK_ELEMENTS) { /* 1. */
        const tile_t chunk = tile_chunk(t, first, STATES);
        real with_decay[CHUNK_ELEMENTS];
        memcpy(with_decay, chunk.g, chunk.n * sizeof *with_decay);
        blas_axpy(chunk.n, l2, chunk.p, with_decay);
        step(&chunk, with_decay);
    }
}

const method_t METHOD(sgd) = {
    .name = "sgd",
    .purpose = "stochastic gradient descent with heavy-ball or Nesterov momentum",
    .citation =
        "Polyak: Some methods of speeding up the convergence of iteration methods, 1964; Sutskever et al.: On the "
        "importance of initialization and momentum in deep learning, 2013",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = BY_ELEMENT,
    .constants = sizeof(constants_t),
    .check = check,
    .prepare = prepare,
    .kernels = {update},
};
