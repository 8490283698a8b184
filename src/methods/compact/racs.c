/*
 * racs: gradients divided by roots of row and column means of their squares, with a bound on how fast steps grow.
 *
 * Gong, Scetbon, Ma, Meeds, "Towards Efficient Optimizer Design for LLM via Structured Fisher Approximation with a
 * Low-Rank Extension", 2025, arXiv:2502.07752, in the form of pytorch_optimizer: one round, means by beta.
 *
 *     of a matrix of dimension 0 by the rest; what is no matrix is one column:
 *     1. p <- (1 - lr weight_decay) p
 *     2. s <- beta s + (1 - beta) mean of g^2 over columns;   q <- beta q + (1 - beta) mean of g^2 over rows
 *     3. u = g / (sqrt(s + eps) sqrt(q + eps))
 *     4. t > 1:  f = gamma / max(|u| / (theta + eps), gamma),  else 1;   theta <- f |u|
 *     5. p <- p - lr alpha f u
 *
 * s begins at 0, q at 1. The paper iterates s and q within a step until they agree. State: s and q, 4 bytes a row and a
 * column in f32; theta, a double a tensor.
 */
#include <tgmath.h>

#include "blocks/averages.h"
#include "blocks/whole.h"

enum { LR, BETA, ALPHA, GAMMA, EPS, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "[0,inf)", "step size"},
    [BETA] = {"beta", 0.9, "[0,1)", "decay of the means"},
    [ALPHA] = {"alpha", 0.05, "[0,inf)", "factor on the step"},
    [GAMMA] = {"gamma", 1.01, "(0,inf)", "most by which steps grow from one to the next"},
    [EPS] = {"eps", 1e-8, "[0,inf)", "added to the means, and to the last norm"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    {0},
};

static size_t columns_of(const tensor_t *tensor) {
    return tensor->ndim > 1 ? tensor_columns(tensor) : 1;
}
static size_t rows_of(const tensor_t *tensor) {
    const size_t columns = columns_of(tensor);
    return columns > 0 ? tensor->count / columns : 0;
}

static int dims_of_s(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)option, (void)axis;
    dims[0] = (int64_t)rows_of(tensor);
    return 1;
}
static int dims_of_q(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)option, (void)axis;
    dims[0] = (int64_t)columns_of(tensor);
    return 1;
}

enum { S, Q };
static const state_t STATE[] = {
    [S] = {"s", "mean square of each row", SHAPED, KEPT, .dims = dims_of_s, .nonnegative = true},
    [Q] = {"q", "mean square of each column", SHAPED, KEPT, .dims = dims_of_q, .initial = 1, .nonnegative = true},
    {0},
};

typedef struct tensor_memory {
    double theta;
} tensor_memory_t;
static const field_t FIELDS[] = {
    {"theta", "norm of the last step over its rate", FIELD(OF_TENSOR, tensor_memory_t, theta)},
    {0},
};

typedef struct constants {
    weights_t beta;
    double step, gamma, eps;
    real shrink;
    bool first;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .beta = weights(o[BETA]),
        .step = o[LR] * o[ALPHA],
        .gamma = o[GAMMA],
        .eps = o[EPS],
        .shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]),
        .first = group->t == 1,
    };
}

/* Sums of squares by row and by column, in double. */
static size_t workspace(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor_reals(tensor, (rows_of(tensor) + columns_of(tensor)) * sizeof(double));
}

/* Line 2: afterwards `row` and `column` are what line 3 divides by. */
static void follow(const tile_t *t, const constants_t *k, size_t rows, size_t columns, double *row, double *column) {
    real *s = t->state[S], *q = t->state[Q];
    const real *restrict g = t->g;
    for (size_t i = 0; i < rows + columns; ++i)
        row[i] = 0;
    for (size_t i = 0; i < rows; ++i)
        for (size_t j = 0; j < columns; ++j) {
            const double square = (double)g[i * columns + j] * (double)g[i * columns + j];
            row[i] += square;
            column[j] += square;
        }
    for (size_t i = 0; i < rows; ++i) {
        s[i] = ema(s[i], (real)(row[i] / (double)columns), k->beta);
        row[i] = sqrt((double)s[i] + k->eps);
    }
    for (size_t j = 0; j < columns; ++j) {
        q[j] = ema(q[j], (real)(column[j] / (double)rows), k->beta);
        column[j] = sqrt((double)q[j] + k->eps);
    }
}

static inline double divided(real g, double row, double column) {
    return row > 0 && column > 0 ? (double)g / row / column : 0;
}

/* Line 4. */
static double factor(tensor_memory_t *m, const constants_t *k, double norm) {
    const double before = m->theta + k->eps, f = k->first || !(norm > k->gamma * before) ? 1 : k->gamma * before / norm;
    m->theta = f * norm;
    return f;
}

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    const size_t columns = columns_of(t->tensor), rows = rows_of(t->tensor);
    double *row = t->work, *column = row + rows, square = 0;
    real *restrict p = t->p;
    const real *restrict g = t->g;
    follow(t, k, rows, columns, row, column);
    for (size_t i = 0; i < t->n; ++i) {
        const double u = divided(g[i], row[i / columns], column[i % columns]);
        square += u * u;
    }
    const double step = k->step * factor(t->memory, k, sqrt(square));
    for (size_t i = 0; i < t->n; ++i)
        p[i] = k->shrink * p[i] - (real)(step * divided(g[i], row[i / columns], column[i % columns]));
}

const method_t METHOD(racs) = {
    .name = "racs",
    .purpose = "gradients over roots of row and column means of their squares, with no momentum",
    .citation = "Gong, Scetbon, Ma, Meeds: Towards Efficient Optimizer Design for LLM via Structured Fisher "
                "Approximation with a Low-Rank Extension, 2025, arXiv:2502.07752",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .flags = WHOLE_TENSORS,
    .tensor_memory = sizeof(tensor_memory_t),
    .constants = sizeof(constants_t),
    .workspace = workspace,
    .prepare = prepare,
    .advance = whole_advance,
    .kernels = {update},
};
