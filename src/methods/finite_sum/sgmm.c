/*
 * sgmm: the generalized method of moments, one observation at a time, for linear instrumental variables.
 *
 * Chen, Lee, Liao, Seo, Shin, Song, "SGMM: Stochastic Approximation to Generalized Method of Moments", 2023,
 * arXiv:2308.13564.
 *
 *     y = x b + e, the mean of e z is 0: x regressors (as many as b has elements), z instruments, no fewer
 *     observation t, k = n0 + t:
 *     1. g = z (x b - y);   b <- b - lr t^-power Phi' W g
 *     2. Phi <- ((k - 1) Phi + z x') / k
 *     3. h = z  (weight = s2sls, or t <= warm), else g:   W <- k / (k - 1) (W - W h h' W / (k - 1 + h' W h))
 *     4. mean <- mean + (b - mean) / t
 *     5. V = sum over s <= t of s^2 (mean_s - mean) (mean_s - mean)' / t^2
 *
 * W is the inverse of the running mean of h h'. Phi starts at the first columns of the unit matrix, W at w0 times it,
 * or both where inputs say. An interval for element j that holds it with 95 %: mean_j +- 6.747 sqrt(V_jj / t). The sums
 * of line 5 are of mean_s - mean_1, in double: they do not drift apart. The components are the instruments. Nothing is
 * asked for. Several parameters are as many regressions on the same y and z, whose x stand side by side; one of more
 * than 2048 elements has no V. State: for p elements and q instruments Phi, q p; W, q^2; V and its sum, p^2 each; mean,
 * and two vectors more.
 */
#include "blocks/double_state.h"
#include "engine/method.h"

enum { LR, POWER, WEIGHT, WARM, N0, W0 };
enum { S2SLS, GMM };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1, "(0,inf)", "step size of the first observation", .pauses = true},
    [POWER] = {"power", 0.501, "(0.5,1)", "lr is divided by t^power"},
    [WEIGHT] = {"weight", S2SLS, "s2sls|gmm", "W from the instruments (two-stage least squares), or from the moments"},
    [WARM] = {"warm", 0, "integer [0,inf)", "weight=gmm: observations that use the instruments"},
    [N0] = {"n0", 1, "integer [1,inf)", "observations that the start counts for"},
    [W0] = {"w0", 1, "(0,inf)", "W at the start, times the unit matrix"},
    {0},
};

enum { X_INPUT, Y_INPUT, Z_INPUT, PHI_INPUT, W_INPUT };
static const input_t INPUTS[] = {
    [X_INPUT] = {"x", "regressors of the observation, a number for each element", INPUT_OF_METHOD, false},
    [Y_INPUT] = {"y", "its outcome, one number", INPUT_OF_METHOD, false},
    [Z_INPUT] = {"z", "its instruments, a number for each component", INPUT_OF_METHOD, false},
    [PHI_INPUT] = {"phi0", "Phi at the start: a row for each component, a column for each element", INPUT_OF_METHOD,
                   true},
    [W_INPUT] = {"w0_matrix", "W at the start: a row and a column for each component", INPUT_OF_METHOD, true},
    {0},
};

/* A number for each pair of elements, where there are not too many. */
static int square_of_count(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    enum { MOST = 2048 };
    (void)option;
    (void)axis;
    dims[0] = dims[1] = (int64_t)tensor->count;
    return tensor->count > MOST ? -1 : 2;
}

enum { PHI, MEAN, FIRST, SUM, SQUARES, V };
static const state_t STATE[] = {
    [PHI] = {"Phi", "mean of z x', a copy for each instrument", LIKE_PARAM, KEPT, .each = EACH_COMPONENT,
             .exact = true},
    [MEAN] = {"mean", "of b so far: the output", SHAPED, KEPT, .type = TYPE_DOUBLE, .dims = dims_of_parameter},
    [FIRST] = {"first", "mean_1", SHAPED, KEPT, .type = TYPE_DOUBLE, .dims = dims_of_parameter},
    [SUM] = {"sum", "of s^2 (mean_s - mean_1)", SHAPED, KEPT, .type = TYPE_DOUBLE, .dims = dims_of_parameter},
    [SQUARES] = {"squares", "of s^2 (mean_s - mean_1) (mean_s - mean_1)'", SHAPED, KEPT, .type = TYPE_DOUBLE,
                 .dims = square_of_count},
    [V] = {"V", "random scaling of the variance", SHAPED, KEPT, .type = TYPE_DOUBLE, .dims = square_of_count},
    {0},
};

typedef struct tensor_memory {
    double *w;
    double *z, *g, *wg; /* within a step */
} tensor_memory_t;
static const field_t FIELDS[] = {
    {"W", "weights of the moments", FIELD(OF_TENSOR, tensor_memory_t, w), .each = EACH_PAIR},
    {"z", "of the observation", FIELD(OF_TENSOR, tensor_memory_t, z), .each = EACH_COMPONENT, .within_step = true},
    {"g", "its moments", FIELD(OF_TENSOR, tensor_memory_t, g), .each = EACH_COMPONENT, .within_step = true},
    {"Wg", "W times these", FIELD(OF_TENSOR, tensor_memory_t, wg), .each = EACH_COMPONENT, .within_step = true},
    {0},
};

typedef struct constants {
    double t, k, lr, w0; /* k = n0 + t; the step size of this observation */
    size_t instruments;
    bool by_moments; /* line 3 */
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, t = group->t;
    *(constants_t *)constants = (constants_t){
        .t = t,
        .k = o[N0] + t,
        .lr = o[LR] / pow(t, o[POWER]),
        .w0 = o[W0],
        .instruments = (size_t)group->step->components,
        .by_moments = (int)o[WEIGHT] == GMM && t > o[WARM],
    };
}

/* ---- Kernels on whole tensors ---- */

typedef struct observation {
    const input_view_t *x, *y, *z, *phi0, *w0;
    size_t elements; /* of all parameters */
} observation_t;

static double entry(const input_view_t *input, size_t i) {
    double room;
    return *input_doubles(input, i, 1, &room);
}

static real *phi_row(const tile_t *t, size_t k) {
    return (real *)t->state[PHI] + k * t->stride;
}

static void start(const tile_t *t) {
    const observation_t *o = t->arguments;
    const constants_t *c = t->constants;
    const size_t q = c->instruments;
    double *w = ((const tensor_memory_t *)t->memory)->w;
    for (size_t k = 0; k < q; ++k) {
        real *phi = phi_row(t, k);
        for (size_t j = 0; j < t->n; ++j)
            phi[j] = o->phi0 == NULL ? (real)(j == k)
                                     : (real)entry(o->phi0, k * o->elements + t->tensor->first_of_method + j);
        for (size_t l = 0; l < q; ++l)
            w[k * q + l] = o->w0 == NULL ? (k == l ? c->w0 : 0) : entry(o->w0, k * q + l);
    }
}

/* to = W v; returns v'W v. */
static double weigh(size_t q, const double *w, const double *v, double *to) {
    double product = 0;
    for (size_t k = 0; k < q; ++k) {
        to[k] = 0;
        for (size_t l = 0; l < q; ++l)
            to[k] += w[k * q + l] * v[l];
        product += v[k] * to[k];
    }
    return product;
}

/* Lines 1 and 2. */
static void descend(const tile_t *t, const tensor_memory_t *m) {
    const observation_t *o = t->arguments;
    const constants_t *c = t->constants;
    const size_t q = c->instruments, own = t->tensor->first_of_method;
    real *b = t->p;
    double residual = -entry(o->y, 0);
    for (size_t j = 0; j < t->n; ++j)
        residual += entry(o->x, own + j) * (double)b[j];
    for (size_t k = 0; k < q; ++k) {
        m->z[k] = entry(o->z, k);
        m->g[k] = m->z[k] * residual;
    }
    (void)weigh(q, m->w, m->g, m->wg);
    for (size_t j = 0; j < t->n; ++j) {
        double sum = 0;
        for (size_t k = 0; k < q; ++k) {
            real *phi = phi_row(t, k) + j;
            sum += (double)*phi * m->wg[k];
            *phi = (real)(((c->k - 1) * (double)*phi + m->z[k] * entry(o->x, own + j)) / c->k);
        }
        b[j] -= (real)(c->lr * sum);
    }
}

/* Line 3. */
static void update_weights(const tile_t *t, const tensor_memory_t *m) {
    const constants_t *c = t->constants;
    const size_t q = c->instruments;
    const double below = c->k - 1 + weigh(q, m->w, c->by_moments ? m->g : m->z, m->wg);
    for (size_t k = 0; k < q; ++k)
        for (size_t l = 0; l < q; ++l)
            m->w[k * q + l] = c->k / (c->k - 1) * (m->w[k * q + l] - m->wg[k] * m->wg[l] / below);
}

/* Lines 4 and 5. */
static void average(const tile_t *t) {
    const constants_t *c = t->constants;
    const size_t n = t->n;
    const double square = c->t * c->t, squares_of_t = c->t * (c->t + 1) * (2 * c->t + 1) / 6;
    const real *b = t->p;
    double *mean = t->state[MEAN], *first = t->state[FIRST], *sum = t->state[SUM], *squares = t->state[SQUARES];
    double *v = t->state[V];
    for (size_t j = 0; j < n; ++j) {
        mean[j] += ((double)b[j] - mean[j]) / c->t;
        first[j] = c->t == 1 ? mean[j] : first[j];
        sum[j] += square * (mean[j] - first[j]);
    }
    for (size_t i = 0; v != NULL && i < n; ++i)
        for (size_t j = 0; j < n; ++j) {
            const double a = mean[i] - first[i], d = mean[j] - first[j];
            squares[i * n + j] += square * a * d;
            v[i * n + j] = (squares[i * n + j] - sum[i] * d - a * sum[j] + squares_of_t * a * d) / square;
        }
}

static void observe(const tile_t *t) {
    const tensor_memory_t *m = t->memory;
    if (((const constants_t *)t->constants)->t == 1)
        start(t);
    descend(t, m);
    update_weights(t, m);
    average(t);
}

/* ---- Steps ---- */

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *x = step_input(s, X_INPUT), *y = step_input(s, Y_INPUT), *z = step_input(s, Z_INPUT);
    const input_view_t *phi0 = step_input(s, PHI_INPUT), *w0 = step_input(s, W_INPUT);
    const size_t p = step_own_elements(s), q = (size_t)s->components;
    if (x->count != p || !input_is_finite(x))
        return "the input \"x\" must have a finite number for each element";
    if (y->count != 1 || !input_is_finite(y))
        return "the input \"y\" must be one finite number";
    if (z->count != q || !input_is_finite(z))
        return "the input \"z\" must have a finite number for each component, which are the instruments";
    if (phi0 != NULL && (phi0->count != p * q || !input_is_finite(phi0)))
        return "the input \"phi0\" must have a row for each component, a column for each element, of finite numbers";
    if (w0 != NULL && (w0->count != q * q || !input_is_finite(w0)))
        return "the input \"w0_matrix\" must have a row and a column for each component, of finite numbers";
    return NULL;
}

static optim_status advance(step_t *s) {
    step_tensors(s, 0,
                 &(observation_t){step_input(s, X_INPUT), step_input(s, Y_INPUT), step_input(s, Z_INPUT),
                                  step_input(s, PHI_INPUT), step_input(s, W_INPUT), step_own_elements(s)});
    return OPTIM_OK;
}

static void output(const tile_t *t) {
    const double *mean = tile_doubles(t, MEAN);
    real *out = t->out;
    for (size_t i = 0; i < t->n; ++i)
        out[i] = (real)mean[i];
}

const method_t METHOD(sgmm) = {
    .name = "sgmm",
    .purpose = "linear regression with instrumental variables, one observation a step, with the estimate's variance",
    .citation = "Chen, Lee, Liao, Seo, Shin, Song: SGMM: Stochastic Approximation to Generalized Method of Moments, "
                "2023, arXiv:2308.13564",
    .evaluations = "none",
    .options = OPTIONS,
    .inputs = INPUTS,
    .states = STATE,
    .fields = FIELDS,
    .flags = WHOLE_TENSORS | VALUES_ONLY | NEEDS_COMPONENTS,
    .constants = sizeof(constants_t),
    .tensor_memory = sizeof(tensor_memory_t),
    .refuses_inputs = refuses_inputs,
    .prepare = prepare,
    .advance = advance,
    .kernels = {observe},
    .arguments = {sizeof(observation_t)},
    .output = output,
};
