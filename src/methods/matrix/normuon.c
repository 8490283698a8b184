/*
 * normuon: muon with a second moment for every neuron, a row of the matrix.
 *
 * Li, Liu, Liang, Chen, Zhao, "NorMuon: Making Muon more efficient and scalable", 2025, arXiv:2510.05491.
 *
 *     1. O = the orthogonal factor of the momentum, as of muon: newton_schulz.h
 *     2. v_i <- beta2 v_i + (1 - beta2) mean_j O_ij^2;   D_ij = O_ij / (sqrt(v_i) + eps)
 *     3. W <- (1 - lr weight_decay) W - lr length D / |D|_F
 *
 * length, r by c: scale=original |O|_F sqrt(max(1, r/c)), as the authors' code; match_rms_adamw 0.2 sqrt(r c), as the
 * paper; none |O|_F. What is no matrix is adamw's. State in f32: B, 4 bytes a parameter, and v, 4 bytes a row.
 */
#include "blocks/whole.h"
#include "methods/matrix/newton_schulz.h"

enum {
    LR,
    WEIGHT_DECAY,
    MOMENTUM,
    NESTEROV,
    BETA2,
    EPS,
    NS_STEPS,
    NS_EPS,
    COEFFICIENTS,
    SCALE,
    AUX_LR,
    AUX_BETA1,
    AUX_BETA2,
    AUX_EPS,
    AUX_WEIGHT_DECAY
};
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.02, "[0,inf)", "step size of matrices"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    [MOMENTUM] = MUON_MOMENTUM_ROW,
    [NESTEROV] = {"nesterov", 1, "0|1", "look ahead along the buffer"},
    [BETA2] = {"beta2", 0.95, "[0,1)", "decay of the second moment"},
    [EPS] = {"eps", 1e-10, "[0,inf)", "added to the root"},
    [NS_STEPS] = NS_STEPS_ROW,
    [NS_EPS] = NS_EPS_ROW,
    [COEFFICIENTS] = COEFFICIENTS_ROW,
    [SCALE] = MATRIX_SCALE_ROW,
    AUX_ROWS,
    {0},
};

static int rows_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)option;
    (void)axis;
    dims[0] = (int64_t)tensor_rows(tensor);
    return 1;
}

enum { B, V };
static const state_t STATE[] = {
    [B] = {"B", "momentum", LIKE_PARAM, FIRST_MOMENT},
    [V] = {"v", "second moment of each row", SHAPED, KEPT, .dims = rows_dims, .nonnegative = true},
    {0},
};

typedef struct constants {
    double lr;
    newton_schulz_t ns;
    weights_t momentum, beta2;
    real shrink, eps;
    int scale;
    bool nesterov;
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
        .scale = (int)o[SCALE],
        .nesterov = o[NESTEROV] != 0,
    };
}

/* Line 2: x <- D. Adds up the squares of O and D. */
static void divide_rows(const constants_t *k, const sides_t *s, real *restrict v, real *restrict x, double *of_o,
                        double *of_d) {
    for (size_t i = 0; i < s->rows; ++i) {
        double square = 0;
        for (size_t j = 0; j < s->columns; ++j)
            square += (double)x[in_x(s, i, j)] * (double)x[in_x(s, i, j)];
        v[i] = ema(v[i], (real)(square / (double)s->columns), k->beta2);
        const real factor = quotient(1, sqrt(v[i]) + k->eps);
        for (size_t j = 0; j < s->columns; ++j)
            x[in_x(s, i, j)] *= factor;
        *of_o += square;
        *of_d += square * (double)factor * (double)factor;
    }
}

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    const sides_t s = sides_of(t->tensor);
    const double square = matrix_momentum(t, &s, k->momentum, k->nesterov ? &k->momentum : NULL, t->state[B], t->work);
    real *x = newton_schulz(k->ns, s.r, s.c, square, t->work);
    double of_o = 0, of_d = 0;
    divide_rows(k, &s, t->state[V], x, &of_o, &of_d);
    const double length = k->scale == MATCH_RMS_ADAMW ? 0.2 * sqrt((double)t->n) : sqrt(of_o) * scale_of(k->scale, &s);
    matrix_move(t, &s, k->shrink, of_d > 0 ? (real)(k->lr * length / sqrt(of_d)) : 0, x);
}

const method_t METHOD(normuon) = {
    .name = "normuon",
    .purpose = "muon whose rows are divided by second moments of their own; AdamW for vectors",
    .citation = "Li, Liu, Liang, Chen, Zhao: NorMuon: Making Muon more efficient and scalable, 2025, arXiv:2510.05491",
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
