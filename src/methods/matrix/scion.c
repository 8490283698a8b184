/*
 * scion: steps to the point of a norm ball that the momentum points to: spectral for matrices, RMS for vectors.
 *
 * Pethick, Xie, Antonakopoulos, Zhu, Silveti-Falls, Cevher, "Training Deep Learning Models with Norm-Constrained LMOs",
 * 2025, arXiv:2502.07529, algorithms 1 and 2.
 *
 *     1. constrained = 0: p <- (1 - lr weight_decay) p;   constrained = 1: p <- (1 - lr) p
 *     2. d <- (1 - alpha) d + alpha g
 *     3. p <- p - lr radius u,  u by norm, for a matrix r by c (dimension 0 by the rest):
 *        auto      sqrt(r / c) the orthogonal factor of d (newton_schulz.h);  of three or more dimensions
 *                  sqrt(r / c1) over the product of the others, c1 being dimension 1
 *        spectral  sqrt(r / c) the orthogonal factor, whatever the dimensions
 *        sign      sign(d) / c
 *        row       every row over its norm times sqrt(c)
 *        column    sqrt(r) every column over its norm
 *        a vector: d over its root mean square, or sign(d) with norm=sign
 *
 * constrained = 1 keeps parameters in the ball of that radius: algorithm 1, conditional gradients. State: d, 4 bytes a
 * parameter in f32.
 */
#include "blocks/sums.h"
#include "blocks/whole.h"
#include "methods/matrix/newton_schulz.h"

enum { LR, ALPHA, NORM, RADIUS, CONSTRAINED, WEIGHT_DECAY, NS_STEPS, NS_EPS, COEFFICIENTS };
enum { AUTO, SPECTRAL, SIGN, ROW, COLUMN };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "[0,inf)", "step size"},
    [ALPHA] = {"alpha", 0.1, "(0,1]", "weight of a new gradient in the momentum"},
    [NORM] = {"norm", AUTO, "auto|spectral|sign|row|column", "whose ball it is"},
    [RADIUS] = {"radius", 1, "[0,inf)", "of the ball: factor on the step"},
    [CONSTRAINED] = {"constrained", 0, "0|1", "stay in the ball: conditional gradients"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled, without constrained"},
    [NS_STEPS] = NS_STEPS_ROW,
    [NS_EPS] = NS_EPS_ROW,
    [COEFFICIENTS] = COEFFICIENTS_ROW,
    {0},
};

enum { D };
static const state_t STATE[] = {[D] = {"d", "momentum", LIKE_PARAM, FIRST_MOMENT}, {0}};

typedef struct constants {
    weights_t alpha;
    newton_schulz_t ns;
    double step; /* lr radius */
    real shrink;
    int norm;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .alpha = weights_of_new(o[ALPHA]),
        .ns = {.eps = o[NS_EPS], .steps = (int)o[NS_STEPS], .coefficients = (int)o[COEFFICIENTS]},
        .step = o[LR] * o[RADIUS],
        .shrink = (real)(1 - o[LR] * (o[CONSTRAINED] != 0 ? 1 : o[WEIGHT_DECAY])),
        .norm = (int)o[NORM],
    };
}

static size_t workspace(const tensor_t *tensor, const double *option) {
    const size_t columns = is_matrix(tensor) ? tensor_reals(tensor, tensor_columns(tensor) * sizeof(double)) : 0;
    const size_t ns = is_matrix(tensor) ? newton_schulz_workspace(tensor, option) : 0;
    return ns > columns ? ns : columns;
}

static void move(const tile_t *t, size_t first, size_t n, double step) {
    const real shrink = ((const constants_t *)t->constants)->shrink, by = (real)step;
    real *restrict p = (real *)t->p + first;
    const real *restrict d = (const real *)t->state[D] + first;
    for (size_t i = 0; i < n; ++i)
        p[i] = shrink * p[i] - by * d[i];
}

static void by_sign(const tile_t *t, double step) {
    const real shrink = ((const constants_t *)t->constants)->shrink, by = (real)step;
    real *restrict p = t->p;
    const real *restrict d = t->state[D];
    for (size_t i = 0; i < t->n; ++i)
        p[i] = shrink * p[i] - by * sign(d[i]);
}

static double over(double a, double norm) {
    return norm > 0 ? a / norm : 0;
}

static void by_row(const tile_t *t, double step) {
    const size_t c = tensor_columns(t->tensor);
    for (size_t i = 0; i < t->n; i += c)
        move(t, i, c, over(step / sqrt((double)c), sqrt(sum_squares(c, (const real *)t->state[D] + i))));
}

static void by_column(const tile_t *t, double step) {
    const size_t c = tensor_columns(t->tensor);
    const real shrink = ((const constants_t *)t->constants)->shrink;
    real *restrict p = t->p;
    const real *restrict d = t->state[D];
    double *restrict norm = t->work;
    for (size_t j = 0; j < c; ++j)
        norm[j] = 0;
    for (size_t i = 0; i < t->n; i += c)
        for (size_t j = 0; j < c; ++j)
            norm[j] += (double)d[i + j] * (double)d[i + j];
    for (size_t j = 0; j < c; ++j)
        norm[j] = over(step * sqrt((double)tensor_rows(t->tensor)), sqrt(norm[j]));
    for (size_t i = 0; i < t->n; i += c)
        for (size_t j = 0; j < c; ++j)
            p[i + j] = shrink * p[i + j] - (real)(norm[j] * (double)d[i + j]);
}

static double spectral_scale(const tensor_t *tensor, int norm) {
    const double r = (double)tensor_rows(tensor), c = (double)tensor_columns(tensor);
    if (norm == SPECTRAL || tensor->ndim == 2)
        return sqrt(r / c);
    const double input = (double)tensor->dims[1];
    return sqrt(r / input) * input / c;
}

static void by_factor(const tile_t *t, double step) {
    const constants_t *k = t->constants;
    const sides_t s = sides_of(t->tensor);
    real *x = t->work;
    const real *restrict d = t->state[D];
    for (size_t i = 0; i < s.rows; ++i)
        for (size_t j = 0; j < s.columns; ++j)
            x[in_x(&s, i, j)] = d[i * s.columns + j];
    const double square = sum_squares(t->n, t->state[D]);
    matrix_move(t, &s, k->shrink, (real)(step * spectral_scale(t->tensor, k->norm)),
                newton_schulz(k->ns, s.r, s.c, square, x));
}

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    real *restrict d = t->state[D];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        d[i] = ema(d[i], g[i], k->alpha);
    if (k->norm == SIGN)
        by_sign(t, is_matrix(t->tensor) ? k->step / (double)tensor_columns(t->tensor) : k->step);
    else if (!is_matrix(t->tensor))
        move(t, 0, t->n, over(k->step * sqrt((double)t->n), sqrt(sum_squares(t->n, t->state[D]))));
    else if (k->norm == ROW)
        by_row(t, k->step);
    else if (k->norm == COLUMN)
        by_column(t, k->step);
    else
        by_factor(t, k->step);
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    return matrix_is_too_large(tensor);
}

const method_t METHOD(scion) = {
    .name = "scion",
    .purpose = "steps to the point of a norm ball that the momentum points to: spectral, RMS, signs",
    .citation = "Pethick et al.: Training Deep Learning Models with Norm-Constrained LMOs, 2025, arXiv:2502.07529",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .refuses = refuses,
    .workspace = workspace,
    .prepare = prepare,
    .advance = whole_advance,
    .kernels = {update},
};
