/*
 * adamuon: muon on the signs of the momentum, with a second moment for every element.
 *
 * Si, Zhang, Shen, "AdaMuon: Adaptive Muon Optimizer", 2025, arXiv:2507.11005, algorithm 1.
 *
 *     1. U = the momentum, as of muon;   S = sign(U), or U with sign=0
 *     2. O = the orthogonal factor of S: newton_schulz.h
 *     3. V <- beta2 V + (1 - beta2) O^2;   D = O / (sqrt(V) + eps)
 *     4. W <- (1 - lr weight_decay) W - lr 0.2 sqrt(r c) D / |D|_F
 *
 * The step has the root mean square 0.2, about that of Adam's. Line 4 makes corrections of V for its start at 0
 * needless. The first code that the authors published has sign=0, nesterov=1, beta2=0.999. What is no matrix is
 * adamw's. State in f32: 8 bytes a parameter.
 */
#include "blocks/whole.h"
#include "methods/matrix/newton_schulz.h"

enum {
    LR,
    WEIGHT_DECAY,
    MOMENTUM,
    NESTEROV,
    SIGN,
    BETA2,
    EPS,
    NS_STEPS,
    NS_EPS,
    COEFFICIENTS,
    AUX_LR,
    AUX_BETA1,
    AUX_BETA2,
    AUX_EPS,
    AUX_WEIGHT_DECAY
};
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "[0,inf)", "step size of matrices"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    [MOMENTUM] = MUON_MOMENTUM_ROW,
    [NESTEROV] = {"nesterov", 0, "0|1", "look ahead along the buffer"},
    [SIGN] = {"sign", 1, "0|1", "take the signs of the momentum"},
    [BETA2] = {"beta2", 0.95, "[0,1)", "decay of the second moment"},
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to the root"},
    [NS_STEPS] = NS_STEPS_ROW,
    [NS_EPS] = NS_EPS_ROW,
    [COEFFICIENTS] = COEFFICIENTS_ROW,
    AUX_ROWS,
    {0},
};

enum { B, V };
static const state_t STATE[] = {
    [B] = {"B", "momentum", LIKE_PARAM, FIRST_MOMENT},
    [V] = {"v", "second moment of the orthogonal factor", LIKE_PARAM, KEPT, .nonnegative = true},
    {0},
};

typedef struct constants {
    double lr;
    newton_schulz_t ns;
    weights_t momentum, beta2;
    real shrink, eps;
    bool nesterov, sign;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .lr = o[LR],
        .ns = {.eps = o[NS_EPS], .steps = (int)o[NS_STEPS], .coefficients = (int)o[COEFFICIENTS]},
        .momentum = weights(o[MOMENTUM]),
        .beta2 = weights(o[BETA2]),
        .shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]),
        .eps = (real)o[EPS],
        .nesterov = o[NESTEROV] != 0,
        .sign = o[SIGN] != 0,
    };
}

/* x <- sign(x); returns the sum of squares. */
static double take_signs(size_t n, real *restrict x) {
    double count = 0;
    for (size_t i = 0; i < n; ++i) {
        x[i] = sign(x[i]);
        count += (double)(x[i] * x[i]);
    }
    return count;
}

/* Line 3: x <- D; returns the sum of squares. */
static double divide(const constants_t *k, const sides_t *s, real *restrict v, real *restrict x) {
    double square = 0;
    for (size_t i = 0; i < s->rows; ++i)
        for (size_t j = 0; j < s->columns; ++j) {
            const size_t ij = i * s->columns + j;
            real *o = x + in_x(s, i, j);
            v[ij] = ema(v[ij], *o * *o, k->beta2);
            *o = quotient(*o, sqrt(v[ij]) + k->eps);
            square += (double)*o * (double)*o;
        }
    return square;
}

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    const sides_t s = sides_of(t->tensor);
    const double square = matrix_momentum(t, &s, k->momentum, k->nesterov ? &k->momentum : NULL, t->state[B], t->work);
    real *x = newton_schulz(k->ns, s.r, s.c, k->sign ? take_signs(t->n, t->work) : square, t->work);
    const double norm = sqrt(divide(k, &s, t->state[V], x));
    matrix_move(t, &s, k->shrink, norm > 0 ? (real)(k->lr * 0.2 * sqrt((double)t->n) / norm) : 0, x);
}

const method_t METHOD(adamuon) = {
    .name = "adamuon",
    .purpose = "muon on signs of the momentum, over second moments by element; AdamW for vectors",
    .citation = "Si, Zhang, Shen: AdaMuon: Adaptive Muon Optimizer, 2025, arXiv:2507.11005",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .refuses = matrix_refuses,
    .otherwise = {"adamw", "aux_"},
    .workspace = newton_schulz_workspace,
    .prepare = prepare,
    .advance = whole_advance,
    .kernels = {update},
};
