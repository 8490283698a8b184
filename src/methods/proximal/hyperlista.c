/*
 * hyperlista: a sparse code of b in a dictionary A, by thresholded steps with momentum whose thresholds come from three
 * numbers.
 *
 * Chen, Liu, Wang, Yin, "Hyperparameter Tuning is All You Need for LISTA", 2021, arXiv:2110.15900.
 *
 *     1. r = A x - b,  e = |A^+ r|_1,  beta = c2 |x|_0,  theta = c1 lr e
 *     2. z = x - lr A'r + beta (x - x_prev)
 *     3. p = c3 ln(ref / e) in [0, 1] (1 if e = 0),  ref = |A^+ b|_1 + 1e-20
 *        q = the (1 - p)-quantile of |z|, linear between order statistics
 *     4. x_j <- z_j where |z_j| >= q and |z_j| >= theta, else soft(z_j, theta);   x_prev is the old x
 *
 * A^+ r = (A'A)^+ A'r, or A'(A A')^+ r where A has fewer rows than columns: the pseudo-inverse of the smaller product
 * is kept from the first step. The parameter is one vector, all sums are in double. State: x_prev; that matrix; ref.
 */
#include <string.h>

#include "blocks/double_vector.h"
#include "blocks/logsum.h"
#include "blocks/select.h"
#include "blocks/square.h"
#include "linear/linear.h"

enum { C1, C2, C3, LR };
static const option_t OPTIONS[] = {
    [C1] = {"c1", 0.01, "[0,inf)", "threshold, in units of lr times the error"},
    [C2] = {"c2", 0.02, "[0,inf)", "momentum for each entry that is not 0"},
    [C3] = {"c3", 1, "[0,inf)", "how fast entries escape the threshold as the error falls"},
    [LR] = {"lr", 1, "[0,inf)", "step size, below 2 over the squared norm of A"},
    {0},
};

enum { A, B };
static const input_t INPUTS[] = {
    [A] = {"A", "dictionary: a row for each entry of b, a column of norm 1 for each element", INPUT_OF_METHOD, false},
    [B] = {"b", "what is to be coded", INPUT_OF_METHOD, false},
    {0},
};

enum { X_PREV, INVERSE };
static const state_t STATE[] = {
    [X_PREV] = {"x_prev", "the point before", LIKE_PARAM, KEPT, .exact = true},
    [INVERSE] = {"inverse", "pseudo-inverse of A'A or A A'", SHAPED, KEPT, .type = TYPE_DOUBLE, .dims = square_dims},
    {0},
};

typedef struct memory {
    double ref;
} memory_t;
static const field_t FIELDS[] = {
    {"ref", "size of the solution of least squares", FIELD(OF_METHOD, memory_t, ref)},
    {0},
};

typedef struct constants {
    double c1, c2, c3, lr;
    bool is_first;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){o[C1], o[C2], o[C3], o[LR], group->t == 1};
}

typedef struct data {
    const input_view_t *a, *b;
    double *ref;
    bool *singular;
} data_t;

/* ---- Products with A; n rows, d columns ---- */

typedef struct room {
    double *row, *r, *gradient, *z, *spare; /* d each, of r the first min(n, d) */
    double *matrix;
    void *lapack;
} room_t;

static room_t room_of(const tile_t *t) {
    const size_t d = t->n;
    double *work = t->work;
    return (room_t){work, work + d, work + 2 * d, work + 3 * d, work + 4 * d, work + 5 * d, work + 5 * d + d * d};
}

static size_t workspace(const tensor_t *tensor, const double *option) {
    const size_t d = tensor->count;
    (void)option;
    return tensor_reals(tensor, (5 * d + d * d) * sizeof(double) + linear_inverse_root_room(d));
}

/* A'(A x - b), or -A'b without x; what of A x - b fits is kept. */
static void residual(const tile_t *t, const room_t *w, const real *x) {
    const data_t *data = t->arguments;
    const size_t d = t->n, n = (size_t)data->a->dims[0];
    memset(w->gradient, 0, d * sizeof *w->gradient);
    for (size_t i = 0; i < n; ++i) {
        double value, r = -*input_doubles(data->b, i, 1, &value);
        const double *row = input_doubles(data->a, i * d, d, w->row);
        for (size_t j = 0; x != NULL && j < d; ++j)
            r += row[j] * (double)x[j];
        for (size_t j = 0; j < d; ++j)
            w->gradient[j] += r * row[j];
        if (n < d)
            w->r[i] = r;
    }
}

/* |A^+ r|_1 of what residual left. */
static double error_of(const tile_t *t, const room_t *w) {
    const data_t *data = t->arguments;
    const double *inverse = t->state[INVERSE];
    const size_t d = t->n, n = (size_t)data->a->dims[0];
    double sum = 0;
    if (n >= d) {
        for (size_t j = 0; j < d; ++j)
            sum += fabs(inner_product(d, inverse + j * d, w->gradient));
        return sum;
    }
    memset(w->spare, 0, d * sizeof *w->spare);
    for (size_t i = 0; i < n; ++i) {
        const double along = inner_product(n, inverse + i * n, w->r);
        const double *row = input_doubles(data->a, i * d, d, w->row);
        for (size_t j = 0; j < d; ++j)
            w->spare[j] += along * row[j];
    }
    for (size_t j = 0; j < d; ++j)
        sum += fabs(w->spare[j]);
    return sum;
}

/* ---- Start ---- */

static void set_inverse(const tile_t *t, const room_t *w) {
    const data_t *data = t->arguments;
    const size_t d = t->n, n = (size_t)data->a->dims[0], side = n < d ? n : d;
    memset(w->matrix, 0, side * side * sizeof *w->matrix);
    for (size_t i = 0; i < n; ++i) {
        const double *row = input_doubles(data->a, i * d, d, w->row);
        for (size_t j = 0; n >= d && j < d * d; ++j)
            w->matrix[j] += row[j / d] * row[j % d];
        for (size_t k = 0; n < d && k <= i; ++k) {
            const double entry = inner_product(d, row, input_doubles(data->a, k * d, d, w->z));
            w->matrix[i * n + k] = w->matrix[k * n + i] = entry;
        }
    }
    *data->singular |= linear_pseudo_inverse(side, w->matrix, 1e-14, t->state[INVERSE], w->lapack) != LINEAR_OK;
}

static void begin(const tile_t *t) {
    const room_t w = room_of(t);
    if (!((const constants_t *)t->constants)->is_first)
        return;
    set_inverse(t, &w);
    residual(t, &w, NULL);
    *((const data_t *)t->arguments)->ref = error_of(t, &w) + 1e-20;
}

/* ---- A step ---- */

/* Entry `place` of |z| in ascending order, linear between neighbours. */
static double quantile(size_t n, const double *z, double place, double *room) {
    const size_t below = (size_t)place < n - 1 ? (size_t)place : n - 1;
    for (size_t i = 0; i < n; ++i)
        room[i] = fabs(z[i]);
    const double lower = select_largest(room, n, n - below), share = place - (double)below;
    return share > 0 && below + 1 < n ? lower + share * (select_largest(room, n, n - below - 1) - lower) : lower;
}

static void step(const tile_t *t) {
    const constants_t *k = t->constants;
    const data_t *data = t->arguments;
    const room_t w = room_of(t);
    const size_t d = t->n;
    real *p = t->p, *before = t->state[X_PREV];
    double count = 0;
    residual(t, &w, p);
    const double e = error_of(t, &w), theta = k->c1 * k->lr * e;
    for (size_t j = 0; j < d; ++j)
        count += p[j] != 0;
    for (size_t j = 0; j < d; ++j)
        w.z[j] = (double)p[j] - k->lr * w.gradient[j] + k->c2 * count * ((double)p[j] - (double)before[j]);
    const double share = e >= DBL_MIN ? fmin(fmax(k->c3 * elementary_log(*data->ref / e), 0), 1) : 1;
    const double q = quantile(d, w.z, (1 - share) * (double)(d - 1), w.spare);
    memcpy(before, p, d * sizeof(real));
    for (size_t j = 0; j < d; ++j) {
        const double size = fabs(w.z[j]), soft = size > theta ? size - theta : 0;
        p[j] = (real)(size >= q && size >= theta ? w.z[j] : copysign(soft, w.z[j]));
    }
}

enum { BEGIN, STEP };

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    double ref = m->ref;
    bool singular = false;
    const data_t data = {step_input(s, A), step_input(s, B), &ref, &singular};
    step_tensors_in_turn(s, BEGIN, &data);
    if (singular)
        return step_fail(s, OPTIM_ERR_DOMAIN, "the pseudo-inverse of the input \"A\" cannot be taken");
    m->ref = ref;
    step_tensors_in_turn(s, STEP, &data);
    return OPTIM_OK;
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    if (tensor->ndim > 1)
        return "it takes one vector, the code";
    return tensor->count > 2048 ? "it is dense: more than 2048 elements are too many" : NULL;
}

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *a = step_input(s, A), *b = step_input(s, B);
    const size_t d = step_own_elements(s);
    if (step_own_parameters(s) > 1)
        return "it takes one vector, the code";
    if (d == 0)
        return NULL;
    if (a->ndim != 2 || (size_t)a->dims[1] != d || a->dims[0] < 1 || !input_is_finite(a))
        return "the input \"A\" must have a row for each entry of \"b\", a column for each element, of finite numbers";
    return b->count != (size_t)a->dims[0] || !input_is_finite(b)
               ? "the input \"b\" must have a finite number for each row of \"A\""
               : NULL;
}

const method_t METHOD(hyperlista) = {
    .name = "hyperlista",
    .purpose = "a sparse code in a dictionary, by thresholded steps whose thresholds come from three numbers",
    .citation = "Chen, Liu, Wang, Yin: Hyperparameter Tuning is All You Need for LISTA, NeurIPS 2021, arXiv:2110.15900",
    .evaluations = "none",
    .options = OPTIONS,
    .inputs = INPUTS,
    .states = STATE,
    .fields = FIELDS,
    .flags = WHOLE_TENSORS | VALUES_ONLY | NEEDS_LAPACK | MAY_FAIL,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .refuses = refuses,
    .refuses_inputs = refuses_inputs,
    .workspace = workspace,
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, step},
    .arguments = {sizeof(data_t), sizeof(data_t)},
};
