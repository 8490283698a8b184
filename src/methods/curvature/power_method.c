/*
 * power_method: the leading eigenvector of a symmetric matrix, with a projection after each product.
 *
 * Liu, Liu, Ghosh, Han, Scarlett, "Generative Principal Component Analysis", 2022, arXiv:2203.09693, where P projects
 * on the range of a generator.
 *
 *     in the first step x <- x / |x|
 *     1. value = x'Vx
 *     2. y = P(V x + shift x)
 *     3. x <- y / |y|
 *
 * V is the input `matrix`, or the Hessian whose products are asked for. All parameters are one vector x; P goes by
 * tensor. Without a map this finds the eigenvalue of largest |lambda + shift|, and the sign of x alternates if that sum
 * is negative. x = 0 and y = 0 are errors. State: value; within a step x, the direction, the product and y: 16 bytes a
 * parameter in f32.
 */
#include "blocks/algebra.h"
#include "blocks/moving.h"
#include "engine/map.h"

enum { MAP_OPTION, SHIFT };
static const option_t OPTIONS[] = {
    [MAP_OPTION] = {"map", 0, "map", "P: a projection", .choice = "none"},
    [SHIFT] = {"shift", 0, "[0,inf)", "times the identity, added to the matrix"},
    {0},
};

enum { MATRIX };
static const input_t INPUTS[] = {
    [MATRIX] = {"matrix", "V, a row and a column for each element; without it products are asked for", INPUT_OF_METHOD,
                true},
    {0},
};

enum { X, V, VV, Y };
static const state_t STATE[] = {
    [X] = {"x", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [V] = {"v", "x of length 1", LIKE_PARAM, DIRECTION},
    [VV] = {"Vv", "the product", LIKE_PARAM, PRODUCT},
    [Y] = {"y", "what the map works on", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct memory {
    double value;
} memory_t;
static const field_t FIELDS[] = {
    {"value", "x'Vx of the x before the last step", FIELD(OF_METHOD, memory_t, value)},
    {0},
};

/* ---- The product with an input ---- */

typedef struct product {
    const step_t *step;
    const input_view_t *matrix;
} product_t;

enum { BLOCK = 256 };

/* The sum of row `row` of the matrix times x, over one parameter. */
static double row_times(const product_t *product, size_t row, const tensor_t *tensor) {
    double x[BLOCK], room[BLOCK], sum = 0;
    const size_t from = row * (size_t)product->matrix->dims[1] + tensor->first_of_method;
    for (size_t first = 0; first < tensor->count; first += BLOCK) {
        const size_t n = tensor->count - first < BLOCK ? tensor->count - first : BLOCK;
        const double *entry = input_doubles(product->matrix, from + first, n, room);
        step_parameter_read(product->step, tensor->id, first, n, x);
        for (size_t j = 0; j < n; ++j)
            sum += entry[j] * x[j];
    }
    return sum;
}

static void multiply(const tile_t *t) {
    const product_t *product = t->arguments;
    const step_t *s = product->step;
    real *out = t->state[VV];
    for (size_t i = 0; i < t->n; ++i) {
        double sum = 0;
        for (size_t k = 0; k < step_tensor_count(s); ++k)
            if (step_tensor(s, k) != NULL)
                sum += row_times(product, t->tensor->first_of_method + i, step_tensor(s, k));
        out[i] = (real)sum;
    }
}

enum { MULTIPLY = ALGEBRA_KERNEL_COUNT };

/* ---- A step ---- */

static optim_status begin(step_t *s) {
    const char *wrong = step_map_refuses(s, MAP_OPTION, 1, false);
    if (wrong != NULL)
        return step_fail(s, OPTIM_ERR_VALUE, wrong);
    const double norm = norm_2(s, vector(PARAMETERS));
    if (norm == 0)
        return step_fail(s, OPTIM_ERR_DOMAIN, "the parameters are 0: start elsewhere");
    copy(s, vector(PARAMETERS), vector(X));
    if (step_is_a_first(s))
        scale(s, 1 / norm, vector(PARAMETERS));
    copy(s, vector(PARAMETERS), vector(V));
    return OPTIM_OK;
}

/* With the product there. */
static optim_status move(step_t *s) {
    const double value = dot(s, vector(V), vector(VV));
    copy(s, vector(VV), vector(Y));
    axpy(s, s->option[SHIFT], vector(V), vector(Y));
    step_map_state(s, MAP_OPTION, Y, 1);
    const double norm = norm_2(s, vector(Y));
    if (norm == 0)
        return step_fail(s, OPTIM_ERR_DOMAIN, "nothing is left of the product: raise shift, or start elsewhere");
    ((memory_t *)s->memory)->value = value;
    copy(s, vector(Y), vector(PARAMETERS));
    scale(s, 1 / norm, vector(PARAMETERS));
    return OPTIM_OK;
}

static optim_status advance(step_t *s) {
    const input_view_t *matrix = step_input(s, MATRIX);
    optim_status status;
    STEP_BEGIN(s);
    if (moving_elements(s) == 0)
        return OPTIM_OK;
    if ((status = begin(s)) != OPTIM_OK)
        return status;
    if (matrix != NULL)
        step_tensors(s, MULTIPLY, &(product_t){s, matrix});
    else
        STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
    return move(s);
    STEP_END(s);
}

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *matrix = step_input(s, MATRIX);
    const size_t n = step_own_elements(s);
    if (matrix == NULL || (matrix->ndim == 2 && (size_t)matrix->dims[0] == n && (size_t)matrix->dims[1] == n))
        return NULL;
    return "the input \"matrix\" must have a row and a column for each element";
}

const method_t METHOD(power_method) = {
    .name = "power_method",
    .purpose = "the leading eigenvector of a symmetric matrix, with a projection after each product",
    .citation = "Liu, Liu, Ghosh, Han, Scarlett: Generative Principal Component Analysis, 2022, arXiv:2203.09693",
    .evaluations = "1 Hessian-vector product; none with the input matrix",
    .options = OPTIONS,
    .states = STATE,
    .inputs = INPUTS,
    .flags = REQUESTS | REQUESTS_PRODUCTS | VALUES_ONLY | WHOLE_TENSORS,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .refuses_inputs = refuses_inputs,
    .advance = advance,
    .kernels = {ALGEBRA_KERNELS, multiply},
    .arguments = {ALGEBRA_ARGUMENTS, sizeof(product_t)},
};
