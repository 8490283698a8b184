/*
 * kfac: the gradient of a linear layer, preconditioned by the Kronecker factors of its curvature.
 *
 * Martens, Grosse, "Optimizing Neural Networks with Kronecker-factored Approximate Curvature", 2015, arXiv:1503.05671;
 * a layer that is used at several times as in Martens, Ba, Johnson, "Kronecker-factored Curvature Approximations for
 * Recurrent Neural Networks", 2018. W is out by in; the caller hands in, for each step, A (B time by in), what went
 * into the layer, and S (B time by out), derivatives of each sample's own loss by what came out, so that G = S'A / B.
 *
 *     1. Abar <- rho Abar + (1 - rho) A'A / (B time),   Sbar <- rho Sbar + (1 - rho) S'S / B,   rho = factor_decay
 *     2. when (t - 1) mod inv_interval = 0, eigen: Abar = Q_A diag(a) Q_A',  Sbar = Q_S diag(s) Q_S';
 *        factored: (Abar + l I)^-1, (Sbar + l I)^-1, l = damping;
 *        tikhonov: (Abar + pi sqrt(l) I)^-1, (Sbar + sqrt(l) / pi I)^-1, pi^2 = (tr Abar / in) / (tr Sbar / out)
 *     3. eigen: P = Q_S [(Q_S' G Q_A) / (s a' + l)] Q_A';   else P = Sbar^-1 G Abar^-1, those of line 2
 *     4. nu = min(1, sqrt(kl_clip / |lr^2 sum over layers of <P, G>|)), 1 if kl_clip = 0
 *     5. M <- momentum M + nu P + weight_decay W,  W <- W - lr M
 *
 * init = identity: both factors are I at first; first: what the first step estimates. Eigenvalues below 0 count as 0.
 * A matrix without inputs takes W <- W - lr G; what is not a matrix goes to sgd with the same lr. What is not finite
 * makes the step NaN. State in f32: 8 (in^2 + out^2) bytes a layer, eigen 4 (in + out) more; M, 4 a parameter.
 */
#include <string.h>

#include "blocks/dense.h"
#include "kernels/blas.h"

enum { LR, MOMENTUM, WEIGHT_DECAY, DAMPING, FACTOR_DECAY, INVERSE, INV_INTERVAL, KL_CLIP, INIT, TIME };
enum { EIGEN, FACTORED, TIKHONOV };
enum { IDENTITY, FIRST };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-2, "[0,inf)", "step size"},
    [MOMENTUM] = {"momentum", 0, "[0,1)", "decay of the sum of updates", .live = true},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, beside the preconditioned gradient"},
    [DAMPING] = {"damping", 1e-3, "(0,inf)", "added to the curvature"},
    [FACTOR_DECAY] = {"factor_decay", 0.95, "[0,1)", "decay of the factors"},
    [INVERSE] = {"inverse", EIGEN, "eigen|factored|tikhonov", "where damping enters"},
    [INV_INTERVAL] = {"inv_interval", 1, "integer [1,inf)", "steps from one inversion to the next"},
    [KL_CLIP] = {"kl_clip", 0, "[0,inf)", "most that a step may move the outputs; 0: off"},
    [INIT] = {"init", IDENTITY, "identity|first", "what the factors begin with"},
    [TIME] = {"time", 1, "integer [1,inf)", "uses of the layer in a sample"},
    {0},
};

enum { A, S };
static const input_t INPUTS[] = {
    [A] = {"activations", "samples by the layer's inputs: what went in", INPUT_OF_PARAMETER, .optional = true},
    [S] = {"derivatives", "samples by its outputs: derivatives of each sample's loss", INPUT_OF_PARAMETER,
           .optional = true},
    {0},
};

/* Axis 0 is the outputs', with S; axis 1 the inputs', with A. */
static int factor_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)option;
    dims[0] = dims[1] = (int64_t)tensor_axis(tensor, axis);
    return 2;
}
static int value_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    dims[0] = (int64_t)tensor_axis(tensor, axis);
    return (int)option[INVERSE] == EIGEN ? 1 : -1;
}

enum { FACTOR, INVERTED, VALUES, M, P };
static const state_t STATE[] = {
    [FACTOR] = {"factor", "curvature by the layer's outputs, and inputs", PER_AXIS, KEPT, .dims = factor_dims},
    [INVERTED] = {"inverse", "its eigenvectors, or inverse", PER_AXIS, KEPT, .dims = factor_dims},
    [VALUES] = {"values", "its eigenvalues", PER_AXIS, KEPT, .dims = value_dims},
    [M] = {"m", "momentum", LIKE_PARAM, FIRST_MOMENT, .when = "momentum"},
    [P] = {"P", "the preconditioned gradient", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct constants {
    real lr, momentum, weight_decay;
    double keep, damping; /* keep: rho, or 0 for a first estimate */
    int64_t time;
    int inverse;
    bool begins, inverts;
} constants_t;
typedef struct length {
    double nu;
} length_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .lr = (real)o[LR],
        .momentum = (real)o[MOMENTUM],
        .weight_decay = (real)o[WEIGHT_DECAY],
        .keep = group->t == 1 && (int)o[INIT] == FIRST ? 0 : o[FACTOR_DECAY],
        .damping = o[DAMPING],
        .time = (int64_t)o[TIME],
        .inverse = (int)o[INVERSE],
        .begins = group->t == 1,
        .inverts = fmod(group->t - 1, o[INV_INTERVAL]) == 0,
    };
}

static bool has_inputs(const tile_t *t) {
    return t->input != NULL && t->input[A].data != NULL && t->input[S].data != NULL;
}

/* ---- Factors ---- */

enum { ROWS = 64 }; /* of an input, read at once */

/* Room for an inverse; then two matrices like the parameter, and rows of an input. */
typedef struct work {
    void *room;
    real *x, *y, *rows;
} work_t;

static size_t longer_side(const tensor_t *tensor) {
    const size_t out = tensor_axis(tensor, 0), in = tensor_axis(tensor, 1);
    return out > in ? out : in;
}

static size_t workspace(const tensor_t *tensor, const double *option) {
    const size_t side = longer_side(tensor);
    (void)option;
    return dense_workspace(tensor, dense_room(side), 2 * tensor->count + ROWS * side);
}

static work_t work_of(const tile_t *t) {
    real *x = (real *)t->work + tensor_reals(t->tensor, dense_room(longer_side(t->tensor)));
    return (work_t){t->work, x, x + t->n, x + 2 * t->n};
}

/* factor <- keep factor + take X'X of an input X of n columns. */
static void correlate(const input_view_t *input, size_t n, double keep, double take, real *room, real *factor) {
    const size_t count = (size_t)input->dims[0];
    for (size_t row = 0; row < count; row += ROWS) {
        const size_t rows = count - row < ROWS ? count - row : ROWS;
        const real *x = input_reals(input, row * n, rows * n, room);
        blas_gemm(1, 0, n, n, rows, take, x, n, x, n, row == 0 ? keep : 1, factor, n);
    }
}

/* Line 1 for one axis. */
static void update_factor(const tile_t *t, int axis, real *room) {
    const constants_t *k = t->constants;
    const size_t n = tensor_axis(t->tensor, axis);
    const input_view_t *input = &t->input[axis == 0 ? S : A];
    const double rows = (double)input->dims[0], samples = axis == 0 ? rows / (double)k->time : rows;
    real *factor = tile_axis(t, FACTOR, axis);
    correlate(input, n, k->keep, (1 - k->keep) / samples, room, factor);
}

/* Factors are I, in memory that is zero so far. */
static void begin(const tile_t *t) {
    for (int axis = 0; axis < 2; ++axis) {
        const size_t n = tensor_axis(t->tensor, axis);
        real *factor = tile_axis(t, FACTOR, axis);
        for (size_t i = 0; i < n; ++i)
            factor[i * n + i] = 1;
    }
}

static double mean_of_diagonal(const tile_t *t, int axis) {
    const size_t n = tensor_axis(t->tensor, axis);
    const real *factor = tile_axis(t, FACTOR, axis);
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += (double)factor[i * n + i];
    return sum / (double)n;
}

/* Line 2. */
static void invert(const tile_t *t, void *room) {
    const constants_t *k = t->constants;
    const double pi = k->inverse == TIKHONOV ? sqrt(mean_of_diagonal(t, 1) / mean_of_diagonal(t, 0)) : 1;
    const double root = sqrt(k->damping);
    for (int axis = 0; axis < 2; ++axis) {
        const size_t n = tensor_axis(t->tensor, axis);
        const double ridge = k->inverse == FACTORED ? k->damping : axis == 0 ? root / pi : root * pi;
        const real *factor = tile_axis(t, FACTOR, axis);
        if (k->inverse == EIGEN)
            dense_eigen(n, factor, tile_axis(t, INVERTED, axis), tile_axis(t, VALUES, axis), room);
        else
            dense_inverse_root(n, factor, 1, ridge, tile_axis(t, INVERTED, axis), room);
    }
}

/* ---- Line 3 ---- */

/* out <- op(left) x op(right), left of out by out, right of in by in. */
static void multiply(const tile_t *t, bool transpose_left, const real *x, bool transpose_right, real *between,
                     real *out) {
    const size_t rows = tensor_axis(t->tensor, 0), columns = tensor_axis(t->tensor, 1);
    const real *left = tile_axis(t, INVERTED, 0), *right = tile_axis(t, INVERTED, 1);
    blas_gemm(transpose_left, 0, rows, columns, rows, 1, left, rows, x, columns, 0, between, columns);
    blas_gemm(0, transpose_right, rows, columns, columns, 1, between, columns, right, columns, 0, out, columns);
}

static void divide(const tile_t *t, double damping, real *x) {
    const size_t rows = tensor_axis(t->tensor, 0), columns = tensor_axis(t->tensor, 1);
    const real *s = tile_axis(t, VALUES, 0), *a = tile_axis(t, VALUES, 1);
    for (size_t i = 0; i < rows; ++i)
        for (size_t j = 0; j < columns; ++j)
            x[i * columns + j] =
                (real)((double)x[i * columns + j] / ((double)larger(s[i], 0) * (double)larger(a[j], 0) + damping));
}

static void precondition(const tile_t *t) {
    const constants_t *k = t->constants;
    const work_t w = work_of(t);
    if (k->begins)
        begin(t);
    if (!has_inputs(t)) {
        memcpy(t->state[P], t->g, t->n * sizeof(real));
        return;
    }
    for (int axis = 0; axis < 2; ++axis)
        update_factor(t, axis, w.rows);
    if (k->inverts)
        invert(t, w.room);
    if (k->inverse != EIGEN) {
        multiply(t, false, t->g, false, w.x, t->state[P]);
        return;
    }
    multiply(t, false, t->g, true, w.x, w.y);
    divide(t, k->damping, w.y);
    multiply(t, true, w.y, false, w.x, t->state[P]);
}

/* ---- Lines 4 and 5 ---- */

static void products(const tile_t *t) {
    const real *restrict g = t->g, *restrict x = t->state[P];
    const bool counts = has_inputs(t);
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = counts ? (double)g[i] * (double)x[i] : 0;
}

static void update(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real nu = (real)((const length_t *)t->arguments)->nu;
    real *restrict p = t->p, *restrict m = t->state[M];
    const real *restrict x = t->state[P];
    if (!has_inputs(t)) {
        for (size_t i = 0; i < t->n; ++i)
            p[i] -= k.lr * x[i];
        return;
    }
    for (size_t i = 0; m == NULL && i < t->n; ++i)
        p[i] -= k.lr * (nu * x[i] + k.weight_decay * p[i]);
    for (size_t i = 0; m != NULL && i < t->n; ++i) {
        m[i] = settled(k.momentum * m[i] + (nu * x[i] + k.weight_decay * p[i]));
        p[i] -= k.lr * m[i];
    }
}

enum { PRECONDITION, PRODUCTS, UPDATE };

static optim_status advance(step_t *s) {
    const double *o = s->option;
    length_t length = {1};
    step_tensors(s, PRECONDITION, NULL);
    if (o[KL_CLIP] > 0) {
        const double moves = fabs(o[LR] * o[LR] * step_reduce(s, PRODUCTS, NULL, 1)[0]);
        length.nu = moves > o[KL_CLIP] ? sqrt(o[KL_CLIP] / moves) : 1;
    }
    step_update(s, UPDATE, &length);
    return OPTIM_OK;
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    if (tensor->ndim != 2)
        return "it takes matrices";
    return tensor->count > INT32_MAX ? "a matrix of more than 2^31 - 1 elements is too large for BLAS" : NULL;
}

static const char *refuses_inputs(const step_t *s) {
    for (size_t i = 0; i < step_tensor_count(s); ++i) {
        const tensor_t *tensor = step_tensor(s, i);
        if (tensor == NULL)
            continue;
        const input_view_t *in = step_tensor_input(s, i, A), *out = step_tensor_input(s, i, S);
        if ((in == NULL) != (out == NULL))
            return "a layer has activations and derivatives, or neither";
        if (in == NULL)
            continue;
        const int64_t time = (int64_t)step_tensor_option(s, i)[TIME];
        if (in->ndim != 2 || out->ndim != 2 || in->dims[1] != tensor->dims[1] || out->dims[1] != tensor->dims[0])
            return "activations are samples by the parameter's columns, derivatives samples by its rows";
        if (in->dims[0] != out->dims[0] || in->dims[0] < 1 || in->dims[0] % time != 0)
            return "activations and derivatives have equally many rows, `time` for each sample";
    }
    return NULL;
}

const method_t METHOD(kfac) = {
    .name = "kfac",
    .purpose = "gradients of linear layers preconditioned by Kronecker factors of the curvature",
    .citation = "Martens, Grosse: Optimizing Neural Networks with Kronecker-factored Approximate Curvature, 2015, "
                "arXiv:1503.05671",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .inputs = INPUTS,
    .flags = WHOLE_TENSORS | NEEDS_LAPACK,
    .constants = sizeof(constants_t),
    .refuses = refuses,
    .otherwise = {"sgd", "", .only = "lr"},
    .refuses_inputs = refuses_inputs,
    .workspace = workspace,
    .prepare = prepare,
    .advance = advance,
    .kernels = {[PRECONDITION] = precondition, [PRODUCTS] = products, [UPDATE] = update},
    .arguments = {[UPDATE] = sizeof(length_t)},
};
