/*
 * bcd_dnn: a network of ReLU layers without back-propagation, block by block, each of which is solved for.
 *
 * Zeng, Lau, Lin, Yao, "Global Convergence of Block Coordinate Descent in Deep Learning", 2019, arXiv:1803.00225, with
 * three splittings and the squared loss.
 *
 *     Q = 1/2 |V_N - Y|^2 + gamma/2 |V_N - U_N|^2 + gamma/2 sum_{i<N} |V_i - relu(U_i)|^2
 *         + rho/2 sum_i |U_i - W_i V_{i-1} - b_i 1'|^2,   V_0 = X
 *     at first U_i = W_i V_{i-1} + b_i 1', V_i = relu(U_i), V_N = U_N
 *     1. V_N <- (Y + gamma U_N + alpha V_N) / (1 + gamma + alpha)
 *     2. U_N <- (gamma V_N + rho (W_N V_{N-1} + b_N 1')) / (gamma + rho)
 *     3. (W_N, b_N) as in 6, and for i = N - 1, ..., 1:
 *     4. V_i <- (rho W'W + gamma I)^-1 (rho W' (U_{i+1} - b 1') + gamma relu(U_i)),   W, b those of i + 1, just updated
 *     5. U_i <- element by element the minimiser of gamma/2 (V_i - relu(u))^2 + (rho + alpha)/2 (u - c)^2,
 *               c = (rho (W_i V_{i-1} + b_i) + alpha U_i) / (rho + alpha)
 *     6. wb=jacobi, both from the old pair, U = U_i, V = V_{i-1} with n columns:
 *            W <- (alpha W + rho (U - b 1') V') (alpha I + rho V V')^-1,
 *            b <- (alpha b + rho sum of columns of (U - W V)) / (rho n + alpha)
 *        wb=joint: W's formula for [W b], V with a row of ones more
 *
 * W_1, b_1, ..., W_N, b_N are the parameters in this order; nothing is evaluated. U_i and V_i lie with b_i, a copy for
 * each sample, which is a component. A frozen W_i or b_i stays; the other one is then as with jacobi. Everything is in
 * double. State: U, V, 16 bytes for each unit and sample; within a step a matrix of the inputs of each layer, and twice
 * the parameters.
 */
#include <string.h>

#include "blocks/agree.h"
#include "linear/linear.h"

enum { GAMMA, RHO, ALPHA, WB };
enum { JACOBI, JOINT };
static const option_t OPTIONS[] = {
    [GAMMA] = {"gamma", 1, "(0,inf)", "weight of what activations differ from relu of what comes in"},
    [RHO] = {"rho", 1, "(0,inf)", "weight of what comes in differs from the layer's product"},
    [ALPHA] = {"alpha", 5, "(0,inf)", "weight of how far a block moves"},
    [WB] = {"wb", JACOBI, "jacobi|joint", "weights and biases of a layer: each from the other's last, or both at once"},
    {0},
};

enum { INPUT_X, INPUT_Y };
static const input_t INPUTS[] = {
    [INPUT_X] = {"X", "samples in columns, as many rows as W_1 has columns", INPUT_OF_METHOD, false},
    [INPUT_Y] = {"Y", "targets in columns, as many rows as W_N has", INPUT_OF_METHOD, false},
    {0},
};

/* ---- States: U and V of biases, matrices of weights ---- */

static int units(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)option;
    (void)axis;
    dims[0] = (int64_t)tensor->count;
    return tensor->ndim == 1 ? 1 : -1;
}
static int row_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)option;
    (void)axis;
    if (tensor->ndim != 2)
        return -1;
    dims[0] = tensor->dims[1] + 1;
    return 1;
}
static int gram_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    dims[1] = tensor->ndim == 2 ? tensor->dims[1] + 1 : 0;
    return row_dims(tensor, option, axis, dims) < 0 ? -1 : 2;
}
static int right_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    const int ndim = gram_dims(tensor, option, axis, dims);
    dims[0] = tensor->ndim == 2 ? tensor->dims[0] : 0;
    return ndim;
}

#define DOUBLES(name, doc, role, dims_of)                                                                              \
    { name, doc, SHAPED, role, .type = TYPE_DOUBLE, .dims = (dims_of), .of_frozen = true }
enum { U, V, GRAM, RIGHT, ROW };
static const state_t STATE[] = {
    [U] = {"U", "what comes into each unit, by sample", SHAPED, KEPT, .type = TYPE_DOUBLE, .dims = units,
           .each = EACH_COMPONENT, .of_frozen = true},
    [V] = {"V", "its activation", SHAPED, KEPT, .type = TYPE_DOUBLE, .dims = units, .each = EACH_COMPONENT,
           .of_frozen = true},
    [GRAM] = DOUBLES("gram", "matrix of a linear system", WITHIN_STEP, gram_dims),
    [RIGHT] = DOUBLES("right", "its right-hand sides", WITHIN_STEP, right_dims),
    [ROW] = DOUBLES("row", "a sample, as the layer sees it", WITHIN_STEP, row_dims),
    {0},
};

typedef struct memory {
    double objective;
    double *theta;
} memory_t;
static const field_t FIELDS[] = {
    {"objective", "Q", FIELD(OF_METHOD, memory_t, objective)},
    {"theta", "the parameters", FIELD(OF_METHOD, memory_t, theta), .each = EACH_ELEMENT, .within_step = true},
    {0},
};

/* ---- The network ---- */

typedef struct layer {
    const step_t *step;
    const input_view_t *x;                            /* of the first layer; NULL: before it lies another one */
    size_t rows, columns, samples, pace, pace_before; /* doubles from sample to sample of U, V, and of `before` */
    double *w, *b, *u, *v, *gram, *right, *row;
    const double *before; /* V of the layer before */
    bool moves_w, moves_b;
    double gamma, rho, alpha;
} layer_t;

/* Parameter number k of those with elements; NULL: there are fewer. */
static const tensor_t *part(const step_t *s, size_t k) {
    for (size_t i = 0; i < step_tensor_count(s); ++i) {
        const tensor_t *tensor = step_parameter(s, i);
        if (tensor != NULL && tensor->count > 0 && k-- == 0)
            return tensor;
    }
    return NULL;
}
static size_t layer_count(const step_t *s) {
    size_t count = 0;
    while (part(s, count) != NULL)
        ++count;
    return count / 2;
}

static layer_t layer_of(const step_t *s, size_t i) {
    const tensor_t *w = part(s, 2 * i), *b = part(s, 2 * i + 1);
    double *theta = ((const memory_t *)s->memory)->theta;
    const double *o = s->option;
    size_t pace, before = 0, none;
    layer_t layer = {.step = s,
                     .x = i == 0 ? step_input(s, INPUT_X) : NULL,
                     .rows = tensor_rows(w),
                     .columns = tensor_columns(w),
                     .samples = (size_t)s->components,
                     .w = theta + w->first_of_method,
                     .b = theta + b->first_of_method,
                     .u = step_state(s, b->id, U, &pace),
                     .v = step_state(s, b->id, V, &pace),
                     .gram = step_state(s, w->id, GRAM, &none),
                     .right = step_state(s, w->id, RIGHT, &none),
                     .row = step_state(s, w->id, ROW, &none),
                     .before = i == 0 ? NULL : step_state(s, part(s, 2 * i - 1)->id, V, &before),
                     .moves_w = step_tensor(s, w->id) != NULL,
                     .moves_b = step_tensor(s, b->id) != NULL,
                     .gamma = o[GAMMA],
                     .rho = o[RHO],
                     .alpha = o[ALPHA]};
    layer.pace = pace / sizeof(double);
    layer.pace_before = before / sizeof(double);
    return layer;
}

/* V_{i-1} of sample j, with a 1 at the end. */
static const double *sample_before(const layer_t *l, size_t j) {
    if (l->before != NULL)
        memcpy(l->row, l->before + j * l->pace_before, l->columns * sizeof(double));
    for (size_t k = 0; l->before == NULL && k < l->columns; ++k) {
        double room;
        l->row[k] = *input_doubles(l->x, k * l->samples + j, 1, &room);
    }
    l->row[l->columns] = 1;
    return l->row;
}

static double target(const layer_t *l, size_t j, size_t r) {
    double room;
    return *input_doubles(step_input(l->step, INPUT_Y), r * l->samples + j, 1, &room);
}

/* (W V + b)_r of a sample. */
static double product(const layer_t *l, const double *sample, size_t r) {
    double sum = l->b[r];
    for (size_t k = 0; k < l->columns; ++k)
        sum += l->w[r * l->columns + k] * sample[k];
    return sum;
}

static double relu(double a) {
    return a > 0 ? a : 0;
}
static double square(double a) {
    return a * a;
}

static void feed_forward(const layer_t *l, bool is_last) {
    for (size_t j = 0; j < l->samples; ++j) {
        const double *sample = sample_before(l, j);
        for (size_t r = 0; r < l->rows; ++r) {
            const double u = l->u[j * l->pace + r] = product(l, sample, r);
            l->v[j * l->pace + r] = is_last ? u : relu(u);
        }
    }
}

/* The layer's terms of Q. */
static double objective(const layer_t *l, bool is_last) {
    double sum = 0;
    for (size_t j = 0; j < l->samples; ++j) {
        const double *sample = sample_before(l, j), *u = l->u + j * l->pace, *v = l->v + j * l->pace;
        for (size_t r = 0; r < l->rows; ++r) {
            sum += l->gamma / 2 * square(v[r] - (is_last ? u[r] : relu(u[r])));
            sum += l->rho / 2 * square(u[r] - product(l, sample, r));
            sum += is_last ? square(v[r] - target(l, j, r)) / 2 : 0;
        }
    }
    return sum;
}

/* ---- The blocks ---- */

/* Lines 1 and 2. */
static void solve_last(const layer_t *l) {
    for (size_t j = 0; j < l->samples; ++j) {
        const double *sample = sample_before(l, j);
        double *u = l->u + j * l->pace, *v = l->v + j * l->pace;
        for (size_t r = 0; r < l->rows; ++r) {
            v[r] = (target(l, j, r) + l->gamma * u[r] + l->alpha * v[r]) / (1 + l->gamma + l->alpha);
            u[r] = (l->gamma * v[r] + l->rho * product(l, sample, r)) / (l->gamma + l->rho);
        }
    }
}

/* Divides `count` rows of `right`, k long, by gram; what has no answer is no number, which shows in the parameters. */
static void divide(size_t k, double *gram, size_t count, double *right) {
    if (linear_cholesky(k, gram) == LINEAR_OK)
        linear_cholesky_solve_rows(k, gram, count, right);
    else
        for (size_t i = 0; i < count * k; ++i)
            right[i] = (double)NAN;
}

/* Line 4, for the activations of the layer before. */
static void solve_activations(const layer_t *l, const layer_t *before) {
    const size_t k = l->columns;
    for (size_t p = 0; p < k; ++p)
        for (size_t q = 0; q <= p; ++q) {
            double sum = 0;
            for (size_t r = 0; r < l->rows; ++r)
                sum += l->w[r * k + p] * l->w[r * k + q];
            l->gram[p * k + q] = l->rho * sum + (p == q ? l->gamma : 0);
        }
    const bool solvable = linear_cholesky(k, l->gram) == LINEAR_OK;
    for (size_t j = 0; j < l->samples; ++j) {
        const double *u = l->u + j * l->pace, *u_before = before->u + j * before->pace;
        double *v = before->v + j * before->pace;
        for (size_t p = 0; p < k; ++p) {
            double sum = 0;
            for (size_t r = 0; r < l->rows; ++r)
                sum += l->w[r * k + p] * (u[r] - l->b[r]);
            v[p] = solvable ? l->rho * sum + l->gamma * relu(u_before[p]) : (double)NAN;
        }
        if (solvable)
            linear_cholesky_solve_rows(k, l->gram, 1, v);
    }
}

/* Line 5: s / (1 + g) minimises where u >= 0, min(c, 0) elsewhere. */
static double input_of(double a, double c, double g) {
    const double s = a + g * c;
    if (s < 0)
        return c < 0 ? c : 0;
    return c >= 0 || a * (g - sqrt(g * (g + 1))) <= g * c ? s / (1 + g) : c;
}

static void solve_inputs(const layer_t *l) {
    const double weight = l->rho + l->alpha;
    for (size_t j = 0; j < l->samples; ++j) {
        const double *sample = sample_before(l, j), *v = l->v + j * l->pace;
        double *u = l->u + j * l->pace;
        for (size_t r = 0; r < l->rows; ++r)
            u[r] = input_of(v[r], (l->rho * product(l, sample, r) + l->alpha * u[r]) / weight, weight / l->gamma);
    }
}

/* The system of W, or of [W b] with k = columns + 1. */
static void make_system(const layer_t *l, size_t k) {
    const bool joint = k > l->columns;
    for (size_t p = 0; p < k; ++p)
        for (size_t q = 0; q < k; ++q)
            l->gram[p * k + q] = p == q ? l->alpha : 0;
    for (size_t r = 0; r < l->rows; ++r)
        for (size_t p = 0; p < k; ++p)
            l->right[r * k + p] = l->alpha * (p < l->columns ? l->w[r * l->columns + p] : l->b[r]);
    for (size_t j = 0; j < l->samples; ++j) {
        const double *sample = sample_before(l, j), *u = l->u + j * l->pace;
        for (size_t p = 0; p < k; ++p)
            for (size_t q = 0; q <= p; ++q)
                l->gram[p * k + q] += l->rho * sample[p] * sample[q];
        for (size_t r = 0; r < l->rows; ++r)
            for (size_t p = 0; p < k; ++p)
                l->right[r * k + p] += l->rho * (u[r] - (joint ? 0 : l->b[r])) * sample[p];
    }
}

/* b from W as it is; behind the right-hand sides of W's system there is room for the sums. */
static void solve_biases(const layer_t *l) {
    double *sum = l->right + l->rows * l->columns;
    memset(sum, 0, l->rows * sizeof *sum);
    for (size_t j = 0; j < l->samples; ++j) {
        const double *sample = sample_before(l, j), *u = l->u + j * l->pace;
        for (size_t r = 0; r < l->rows; ++r)
            sum[r] += u[r] - (product(l, sample, r) - l->b[r]);
    }
    for (size_t r = 0; r < l->rows; ++r)
        l->b[r] = (l->alpha * l->b[r] + l->rho * sum[r]) / (l->rho * (double)l->samples + l->alpha);
}

/* Line 6. */
static void solve_parameters(const layer_t *l, bool joint) {
    const size_t k = l->columns + (joint && l->moves_w && l->moves_b);
    make_system(l, k);
    if (l->moves_b && k == l->columns)
        solve_biases(l);
    if (!l->moves_w)
        return;
    divide(k, l->gram, l->rows, l->right);
    for (size_t r = 0; r < l->rows; ++r) {
        memcpy(l->w + r * l->columns, l->right + r * k, l->columns * sizeof(double));
        if (k > l->columns)
            l->b[r] = l->right[r * k + l->columns];
    }
}

/* ---- The step ---- */

static void take(const tile_t *t) {
    const double *theta = *(double *const *)t->arguments + tile_first(t);
    real *p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = (real)theta[i];
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const size_t layers = layer_count(s);
    const bool joint = (int)s->option[WB] == JOINT;
    if (!groups_agree_but(s, OPTIONS, -1))
        return step_fail(s, OPTIM_ERR_VALUE, "all options must be the same in all groups");
    m->objective = 0;
    for (size_t i = 0; i < 2 * layers; ++i)
        step_parameter_read(s, part(s, i)->id, 0, part(s, i)->count, m->theta + part(s, i)->first_of_method);
    for (size_t i = 0; i < layers && s->t == 1; ++i) {
        const layer_t layer = layer_of(s, i);
        feed_forward(&layer, i + 1 == layers);
    }
    for (size_t i = layers; i-- > 0;) {
        const layer_t layer = layer_of(s, i);
        if (i + 1 == layers)
            solve_last(&layer);
        else
            solve_inputs(&layer);
        solve_parameters(&layer, joint);
        if (i > 0) {
            const layer_t before = layer_of(s, i - 1);
            solve_activations(&layer, &before);
        }
    }
    for (size_t i = 0; i < layers; ++i) {
        const layer_t layer = layer_of(s, i);
        m->objective += objective(&layer, i + 1 == layers);
    }
    step_update(s, 0, &m->theta);
    return OPTIM_OK;
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor->ndim != 1 && tensor->ndim != 2 ? "it takes matrices of weights and vectors of biases" : NULL;
}

static bool has_shape(const input_view_t *input, int64_t rows, int64_t columns) {
    return input->ndim == 2 && input->dims[0] == rows && input->dims[1] == columns && input_is_finite(input);
}

static const char *refuses_inputs(const step_t *s) {
    const size_t layers = layer_count(s);
    int64_t width = -1;
    if (part(s, 0) != NULL && (layers == 0 || part(s, 2 * layers) != NULL))
        return "it takes W1, b1, W2, b2, ... in this order: a vector of biases behind every matrix of weights";
    for (size_t i = 0; i < layers; ++i) {
        const tensor_t *w = part(s, 2 * i), *b = part(s, 2 * i + 1);
        if (w->ndim != 2 || b->ndim != 1 || b->dims[0] != w->dims[0])
            return "it takes W1, b1, W2, b2, ... in this order: a matrix, a vector as long as it has rows";
        if (width >= 0 && w->dims[1] != width)
            return "every matrix of weights must have a column for each row of the one before";
        width = w->dims[0];
    }
    if (layers > 0 && !has_shape(step_input(s, INPUT_X), part(s, 0)->dims[1], s->components))
        return "the input \"X\" must have a row for each column of W1 and a column for each component, all finite";
    if (layers > 0 && !has_shape(step_input(s, INPUT_Y), width, s->components))
        return "the input \"Y\" must have a row for each row of the last W and a column for each component, all "
               "finite";
    return NULL;
}

const method_t METHOD(bcd_dnn) = {
    .name = "bcd_dnn",
    .purpose = "a network of ReLU layers without back-propagation, block by block",
    .citation = "Zeng, Lau, Lin, Yao: Global Convergence of Block Coordinate Descent in Deep Learning, ICML 2019, "
                "arXiv:1803.00225",
    .evaluations = "none",
    .options = OPTIONS,
    .inputs = INPUTS,
    .states = STATE,
    .fields = FIELDS,
    .flags = VALUES_ONLY | NEEDS_COMPONENTS | NEEDS_LAPACK | MAY_FAIL,
    .memory = sizeof(memory_t),
    .refuses = refuses,
    .refuses_inputs = refuses_inputs,
    .advance = advance,
    .kernels = {take},
    .arguments = {sizeof(double *)},
};
