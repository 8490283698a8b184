/*
 * rls: recursive least squares with forgetting.
 *
 * Hu, Wang, Zhou et al., "Lite-RVFL: A Lightweight Random Vector Functional-Link Neural Network for Learning Under
 * Concept Drift", 2025, in the equivalent form that forgets: its weights theta^(2t) grow without bound.
 *
 *     mu = forget, or theta^-2;   P = I / reg at first;   inputs of the step: X (b by d), Y (b by k)
 *     1. K = P X' (mu I + X P X')^-1
 *     2. W <- W + K (Y - X W)
 *     3. P <- (P - K X P) / mu
 *
 * As implemented: P <- P / mu, then for each row x, y of X, Y:  u = P x, c = 1 + x'u,  W <- W + u (y - x'W) / c,
 * P <- P - u u' / c,  which is the same and keeps P symmetric to the last bit. W_t minimises
 * sum_s mu^(t - s) |X_s W - Y_s|^2 + mu^t reg |W - W_0|^2. b may change from step to step; with b = 0 only P <- P / mu.
 * With mu < 1, P grows in directions that no row has: a P that is not finite is an error. A tensor of three or more
 * dimensions is a matrix of dimension 0 by the rest, a vector one column. Several parameters are as many regressions,
 * each with a P of its own, whose X and Y stand side by side in the inputs, in order of declaration. Everything is in
 * double. State: P, 8 d^2 bytes; within a step as much again, and 8 bytes a parameter.
 */
#include <string.h>

#include "blocks/double_state.h"
#include "blocks/double_vector.h"
#include "engine/method.h"

enum { FORGET, THETA, REG };
static const option_t OPTIONS[] = {
    [FORGET] = {"forget", 1, "(0,1]", "mu: weight of the last step's rows"},
    [THETA] = {"theta", 0, "[0,inf)", "1 or more: mu is theta^-2, whatever forget is; 0: forget", .zero_apart = true},
    [REG] = {"reg", 1, "(0,inf)", "weight of the distance from the start"},
    {0},
};

static const char *check(const double *option) {
    return option[THETA] == 0 || option[THETA] >= 1 ? NULL : "theta must be 0, or 1 and above";
}

enum { FEATURES, TARGETS };
static const input_t INPUTS[] = {
    [FEATURES] = {"features", "X of the step, b by d", INPUT_OF_METHOD, false},
    [TARGETS] = {"targets", "Y of the step, b by k", INPUT_OF_METHOD, false},
    {0},
};

static int square_of_rows(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)option;
    (void)axis;
    dims[0] = dims[1] = (int64_t)tensor_axis(tensor, 0);
    return 2;
}

enum { P, P_NEW, W_NEW };
static const state_t STATE[] = {
    [P] = {"P", "inverse of the rows' weighted Gram matrix", SHAPED, KEPT, .type = TYPE_DOUBLE, .dims = square_of_rows},
    [P_NEW] = {"P_new", "behind the step", SHAPED, WITHIN_STEP, .type = TYPE_DOUBLE, .dims = square_of_rows},
    [W_NEW] = {"W_new", "W behind the step", SHAPED, WITHIN_STEP, .type = TYPE_DOUBLE, .dims = dims_of_parameter},
    {0},
};

typedef struct judgement {
    double failed; /* within a step: P is not finite */
} judgement_t;

typedef struct constants {
    double mu, reg;
    bool first;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants =
        (constants_t){o[THETA] == 0 ? o[FORGET] : 1 / (o[THETA] * o[THETA]), o[REG], group->t == 1};
}

/* ---- Kernels ---- */

static size_t rows_of(const tensor_t *tensor) {
    return tensor_axis(tensor, 0);
}
static size_t columns_of(const tensor_t *tensor) {
    size_t columns = 1;
    for (int axis = 1; axis < tensor->ndim; ++axis)
        columns *= (size_t)tensor->dims[axis];
    return columns;
}

/* Rows and columns of the parameters before `id`, which are columns of X and of Y; not of those without elements. */
typedef struct place {
    size_t rows, columns;
} place_t;
static place_t place_of(const step_t *s, size_t id) {
    place_t place = {0, 0};
    for (size_t i = 0; i < id; ++i) {
        const tensor_t *tensor = step_parameter(s, i);
        if (tensor == NULL || tensor->count == 0)
            continue;
        place.rows += rows_of(tensor);
        place.columns += columns_of(tensor);
    }
    return place;
}

/* u, a row of X and one of Y. */
static size_t workspace(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor_reals(tensor, (2 * rows_of(tensor) + columns_of(tensor)) * sizeof(double));
}

/* P_new = P / mu, W_new = W. */
static void begin(const tile_t *t) {
    const constants_t *k = t->constants;
    const size_t d = rows_of(t->tensor);
    const double *restrict P_old = t->state[P];
    double *restrict P_new = t->state[P_NEW], *restrict W_new = t->state[W_NEW];
    const real *restrict p = t->p;
    for (size_t i = 0; i < d; ++i)
        for (size_t j = 0; j < d; ++j)
            P_new[i * d + j] = (k->first ? (i == j) / k->reg : P_old[i * d + j]) / k->mu;
    for (size_t i = 0; i < t->n; ++i)
        W_new[i] = (double)p[i];
}

/* Row x, y. */
static void take_row(const tile_t *t, const double *x, const double *y, double *u) {
    const size_t d = rows_of(t->tensor), columns = columns_of(t->tensor);
    double *P_new = t->state[P_NEW], *W_new = t->state[W_NEW];
    for (size_t i = 0; i < d; ++i)
        u[i] = inner_product(d, P_new + i * d, x);
    const double c = 1 + inner_product(d, x, u);
    for (size_t k = 0; k < columns; ++k) {
        double miss = y[k];
        for (size_t i = 0; i < d; ++i)
            miss -= x[i] * W_new[i * columns + k];
        for (size_t i = 0; i < d; ++i)
            W_new[i * columns + k] += u[i] * (miss / c);
    }
    for (size_t i = 0; i < d; ++i)
        for (size_t j = 0; j < d; ++j)
            P_new[i * d + j] -= u[i] * u[j] / c;
}

/* The step, beside what is kept. */
static void learn(const tile_t *t) {
    const step_t *s = *(const step_t *const *)t->arguments;
    const input_view_t *features = step_input(s, FEATURES), *targets = step_input(s, TARGETS);
    const place_t place = place_of(s, t->tensor->id), all = place_of(s, step_tensor_count(s));
    const size_t d = rows_of(t->tensor), columns = columns_of(t->tensor);
    double *u = t->work, *x = u + d, *y = x + d, sum = 0;
    const double *P_new = t->state[P_NEW];
    begin(t);
    for (size_t row = 0; row < (size_t)features->dims[0]; ++row)
        take_row(t, input_doubles(features, row * all.rows + place.rows, d, x),
                 input_doubles(targets, row * all.columns + place.columns, columns, y), u);
    for (size_t i = 0; i < d * d; ++i)
        sum += P_new[i] - P_new[i];
    ((judgement_t *)t->memory)->failed = sum != 0;
}

static void keep(const tile_t *t) {
    const size_t d = rows_of(t->tensor);
    const double *restrict W_new = t->state[W_NEW];
    real *restrict p = t->p;
    memcpy(t->state[P], t->state[P_NEW], d * d * sizeof(double));
    for (size_t i = 0; i < t->n; ++i)
        p[i] = (real)W_new[i];
}

enum { LEARN, KEEP };

static optim_status advance(step_t *s) {
    step_tensors(s, LEARN, &s);
    for (size_t i = 0; i < step_tensor_count(s); ++i)
        if (step_tensor(s, i) != NULL && ((const judgement_t *)step_tensor_memory(s, i))->failed != 0)
            return step_fail(s, OPTIM_ERR_NONFINITE,
                             "P is not finite: an input is not, or P has grown where no row has come: raise forget");
    step_tensors(s, KEEP, NULL);
    return OPTIM_OK;
}

enum { ROWS = 4096 }; /* most of a parameter */

static const char *refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    return rows_of(tensor) > ROWS ? "a P of so many rows is too large: it takes up to 4096" : NULL;
}

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *x = step_input(s, FEATURES), *y = step_input(s, TARGETS);
    const place_t all = place_of(s, step_tensor_count(s));
    const bool is_column = y->ndim == 1 && all.columns == 1;
    if (x->ndim != 2 || (size_t)x->dims[1] != all.rows)
        return "the input \"features\" must have two dimensions, and a column for each row of the parameters";
    if (!is_column && (y->ndim != 2 || (size_t)y->dims[1] != all.columns))
        return "the input \"targets\" must have two dimensions, and a column for each column of the parameters";
    return x->dims[0] == y->dims[0] ? NULL : "the inputs \"features\" and \"targets\" must have equally many rows";
}

const method_t METHOD(rls) = {
    .name = "rls",
    .purpose = "recursive least squares with forgetting",
    .citation = "Hu et al.: Lite-RVFL: A Lightweight Random Vector Functional-Link Neural Network for Learning Under "
                "Concept Drift, 2025",
    .evaluations = "none",
    .options = OPTIONS,
    .states = STATE,
    .inputs = INPUTS,
    .flags = WHOLE_TENSORS | VALUES_ONLY | MAY_FAIL,
    .tensor_memory = sizeof(judgement_t),
    .constants = sizeof(constants_t),
    .check = check,
    .refuses = refuses,
    .refuses_inputs = refuses_inputs,
    .workspace = workspace,
    .prepare = prepare,
    .advance = advance,
    .kernels = {[LEARN] = learn, [KEEP] = keep},
    .arguments = {[LEARN] = sizeof(const step_t *)},
};
