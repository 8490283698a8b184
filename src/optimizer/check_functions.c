/*
 * What optim_check_gradient compares gradients with. With random u, w, and g, H, r, J of the caller's problem:
 *
 *     kind                     function       its gradient is told by
 *     OPTIM_EVAL_GRAD          f(x)           the gradient
 *     OPTIM_EVAL_HVP           u'g(x)         the product H u, H being symmetric
 *     OPTIM_EVAL_JACOBIAN      w'r(x)         the rows: J'w
 *     OPTIM_EVAL_VJP           w'r(x)         the product J'w
 *     OPTIM_EVAL_JVP           w'r(x)         along one direction, w'(J v) by the product J v
 *
 * Products are handed over by the handle, as in a step: the request counts as open while the caller's callback runs.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "kernels/random.h"
#include "optimizer/check_gradient.h"
#include "optimizer/problem.h"

/* Where the numbers of u and w begin, far behind those of all directions. */
static const uint64_t FACTORS = UINT64_C(1) << 62;

/* ---- What there is to check ---- */

/* Who asks for products; those of methods with roles are of another function than the loss. */
static int find_asker(const optim_t *opt) {
    for (int l = 0; l < opt->engine.station_count; ++l) {
        const method_t *method = opt->engine.stations[l]->method;
        if ((method->flags & (REQUESTS_PRODUCTS | LEAST_SQUARES)) && method->roles == NULL)
            return l;
    }
    return -1;
}

bool check_has(const checker_t *c, optim_status kind) {
    const optim_problem *problem = &c->problem;
    const int flags = c->asker < 0 ? 0 : c->opt->engine.stations[c->asker]->method->flags;
    const bool fits = (flags & LEAST_SQUARES) && problem->residuals != NULL, multiplies = flags & JACOBIAN_PRODUCTS;
    switch (kind) {
    case OPTIM_EVAL_GRAD:
        return problem->gradient != NULL;
    case OPTIM_EVAL_HVP:
        return (flags & REQUESTS_PRODUCTS) && problem->product != NULL && problem->gradient != NULL;
    case OPTIM_EVAL_JACOBIAN:
        return fits && !multiplies && problem->jacobian != NULL;
    case OPTIM_EVAL_VJP:
        return fits && multiplies && problem->vjp != NULL;
    default:
        return fits && multiplies && problem->jvp != NULL;
    }
}

bool check_covers(const checker_t *c, const tensor_t *tensor) {
    if (c->kind == OPTIM_EVAL_GRAD)
        return tensor->grad != NULL && !tensor->frozen;
    return !tensor_is_frozen(tensor) && station_has(c->opt->engine.stations[c->asker], tensor) &&
           (c->kind != OPTIM_EVAL_HVP || tensor->grad != NULL);
}

/* Doubles from the room, or only how many. */
static double *take(checker_t *c, size_t *used, size_t count) {
    double *taken = c->room == NULL ? NULL : (double *)c->room + *used;
    *used += count;
    return taken;
}

static size_t lay_out(checker_t *c) {
    const engine_t *engine = &c->opt->engine;
    const tensor_t *last = &engine->tensors[engine->tensor_count - 1];
    const size_t n = last->first_of_all + last->count, m = (size_t)engine->residuals;
    const bool has_rows = check_has(c, OPTIM_EVAL_JACOBIAN);
    size_t used = 0, jacobian = 0;
    if (has_rows && (!size_multiply(n, m, &jacobian) || jacobian > PTRDIFF_MAX / 16))
        return SIZE_MAX;
    c->told = take(c, &used, n);
    c->way = take(c, &used, n);
    c->weights = take(c, &used, m);
    c->r[0] = take(c, &used, m);
    c->r[1] = take(c, &used, m);
    c->product = take(c, &used, m);
    c->rows = take(c, &used, jacobian);
    return used;
}

void check_begin(checker_t *c) {
    c->asker = find_asker(c->opt);
}

optim_status check_prepare(checker_t *c) {
    if (!check_has(c, OPTIM_EVAL_HVP) && !check_has(c, OPTIM_EVAL_JACOBIAN) && !check_has(c, OPTIM_EVAL_VJP) &&
        !check_has(c, OPTIM_EVAL_JVP))
        return OPTIM_OK;
    const size_t count = lay_out(c);
    if (count == SIZE_MAX)
        return error_set(OPTIM_ERR_SIZE, "the Jacobian is larger than memory can be");
    c->room = calloc(count + 1, sizeof(double));
    if (c->room == NULL)
        return error_nomem("checking products");
    (void)lay_out(c);
    for (size_t r = 0; r < (size_t)c->opt->engine.residuals; ++r)
        c->weights[r] = random_normal(c->seed, FACTORS + 2 * (uint64_t)r);
    return optim_prepare(c->opt); /* last: what is refused has changed nothing */
}

/* ---- Calling the caller ---- */

static bool answered(checker_t *c, int answer) {
    c->result.callback = answer;
    return answer == 0;
}

static optim_request request_of(optim_status kind) {
    return (optim_request){.size = sizeof(optim_request),
                           .kind = kind,
                           .needs_loss = kind == OPTIM_EVAL_GRAD || kind == OPTIM_EVAL_LOSS,
                           .component = -1,
                           .evaluation = 1};
}

/* The loss, and with `gradient` that too. */
static bool evaluate(checker_t *c, bool gradient, double *loss) {
    const bool calls_loss = !gradient && c->problem.loss != NULL;
    const optim_request request = request_of(calls_loss ? OPTIM_EVAL_LOSS : OPTIM_EVAL_GRAD);
    *loss = NAN;
    ++c->result.evaluations;
    return answered(c, (calls_loss ? c->problem.loss : c->problem.gradient)(c->problem.user, &request, loss));
}

/* Opens a request, or with kind 0 closes it. */
static void open_request(checker_t *c, optim_status kind, double *values) {
    optim_t *opt = c->opt;
    opt->open = kind;
    opt->asker = c->asker;
    opt->engine.request = (request_t){.kind = kind, .values = values};
    opt->answers.complete = false;
}

static bool evaluate_product(checker_t *c, optim_status kind, double *values) {
    const optim_problem *problem = &c->problem;
    const optim_request request = request_of(kind);
    int answer;
    ++c->result.evaluations;
    open_request(c, kind, values);
    if (kind == OPTIM_EVAL_RESIDUALS)
        answer = problem->residuals(problem->user, &request, values);
    else if (kind == OPTIM_EVAL_JACOBIAN)
        answer = problem->jacobian(problem->user, &request, c->opt);
    else if (kind == OPTIM_EVAL_HVP)
        answer = problem->product(problem->user, &request, c->opt);
    else
        answer = (kind == OPTIM_EVAL_JVP ? problem->jvp : problem->vjp)(problem->user, &request, c->opt);
    open_request(c, OPTIM_OK, NULL);
    return answered(c, answer);
}

/* ---- Vectors that the handle hands out ---- */

/* Calls `use` with each piece of at most READ_ELEMENTS of the tensors that take part. */
typedef void use_t(checker_t *c, size_t tensor, size_t at, size_t n, size_t flat);
static void for_pieces(checker_t *c, use_t *use) {
    size_t flat = 0;
    for (size_t i = 0; i < c->opt->engine.tensor_count; ++i) {
        const tensor_t *tensor = &c->opt->engine.tensors[i];
        const size_t count = check_covers(c, tensor) ? tensor->count : 0;
        for (size_t at = 0; at < count; at += READ_ELEMENTS)
            use(c, i, at, size_smaller(count - at, READ_ELEMENTS), flat + at);
        flat += count;
    }
}

/* The asker's row with this role; NULL: there is none. */
static slot_t *slot_of(const checker_t *c, size_t tensor, state_role_t role) {
    const station_t *station = c->opt->engine.stations[c->asker];
    for (size_t k = 0; k < station->states; ++k)
        if (station->method->states[k].role == role)
            return &station->slot[tensor * station->states + k];
    return NULL;
}

static void clear_directions(checker_t *c) {
    for (size_t i = 0; i < c->opt->engine.tensor_count; ++i) {
        const slot_t *slot = slot_of(c, i, DIRECTION);
        if (slot != NULL && slot->at != NULL)
            memset(slot->at, 0, slot->bytes);
    }
}

static void put(checker_t *c, size_t tensor, size_t at, size_t n, const double *numbers) {
    const slot_t *slot = slot_of(c, tensor, DIRECTION);
    for (size_t j = 0; slot != NULL && slot->at != NULL && j < n; ++j)
        if (tensor_precision(&c->opt->engine.tensors[tensor]) == PRECISION_F64)
            ((double *)slot->at)[at + j] = numbers[j];
        else
            ((float *)slot->at)[at + j] = (float)numbers[j];
}

/* Element `flat` of u. */
static double factor_of(const checker_t *c, size_t flat) {
    return random_normal(c->seed, FACTORS + 2 * (uint64_t)flat);
}

static void put_factors(checker_t *c, size_t tensor, size_t at, size_t n, size_t flat) {
    double u[READ_ELEMENTS];
    for (size_t j = 0; j < n; ++j)
        u[j] = factor_of(c, flat + j);
    put(c, tensor, at, n, u);
}

static void put_way(checker_t *c, size_t tensor, size_t at, size_t n, size_t flat) {
    put(c, tensor, at, n, c->way + flat);
}

static void take_product(checker_t *c, size_t tensor, size_t at, size_t n, size_t flat) {
    const slot_t *slot = slot_of(c, tensor, PRODUCT);
    const optim_dtype dtype = tensor_real_dtype(&c->opt->engine.tensors[tensor]);
    double chunk[READ_ELEMENTS] = {0};
    if (slot != NULL && slot->at != NULL)
        (void)primitives_read(c->opt->engine.primitives, dtype, slot->at, at + n, at, chunk);
    memcpy(c->told + flat, chunk, n * sizeof *chunk);
}

/* J'w of the rows. */
static void take_rows(checker_t *c, size_t tensor, size_t at, size_t n, size_t flat) {
    const size_t m = (size_t)c->opt->engine.residuals, count = c->opt->engine.tensors[tensor].count;
    const double *rows = c->rows + m * c->opt->engine.tensors[tensor].first_of_method;
    for (size_t j = 0; j < n; ++j) {
        c->told[flat + j] = 0;
        for (size_t r = 0; r < m; ++r)
            c->told[flat + j] += c->weights[r] * rows[r * count + at + j];
    }
}

/* ---- What is told ---- */

bool check_tell(checker_t *c, optim_status kind) {
    double loss;
    if (kind == OPTIM_EVAL_GRAD || (kind == OPTIM_EVAL_HVP && !c->has_gradient)) {
        if (!evaluate(c, true, &loss))
            return false;
        copies_take(&c->g, c->opt);
        c->has_gradient = true;
    }
    if (kind == OPTIM_EVAL_GRAD || kind == OPTIM_EVAL_JVP)
        return true;
    if (kind == OPTIM_EVAL_HVP) {
        constraints_begin(c->opt);
        constraints_ask(c->opt);
        clear_directions(c);
        for_pieces(c, put_factors);
    }
    if (!evaluate_product(c, kind, kind == OPTIM_EVAL_JACOBIAN ? c->rows : c->weights))
        return false;
    for_pieces(c, kind == OPTIM_EVAL_JACOBIAN ? take_rows : take_product);
    return true;
}

void check_told(const checker_t *c, size_t tensor, size_t at, size_t n, size_t flat, double *chunk) {
    const tensor_t *of = &c->opt->engine.tensors[tensor];
    if (c->kind == OPTIM_EVAL_GRAD)
        (void)primitives_read(c->opt->engine.primitives, of->grad_dtype, c->g.of[tensor], at + n, at, chunk);
    else
        memcpy(chunk, c->told + flat, n * sizeof *chunk);
}

/* ---- What is seen ---- */

/* u'g of the gradient in the bound buffers, and the sum of the sizes of its terms. */
static void add_up_gradient(const checker_t *c, double *value, double *size) {
    const engine_t *engine = &c->opt->engine;
    double g[READ_ELEMENTS];
    size_t flat = 0;
    *value = *size = 0;
    for (size_t i = 0; i < engine->tensor_count; ++i) {
        const tensor_t *tensor = &engine->tensors[i];
        const size_t count = check_covers(c, tensor) ? tensor->count : 0;
        for (size_t at = 0, n;
             (n = primitives_read(engine->primitives, tensor->grad_dtype, tensor->grad, count, at, g)) > 0; at += n)
            for (size_t j = 0; j < n; ++j) {
                const double term = factor_of(c, flat + at + j) * g[j];
                *value += term;
                *size += fabs(term);
            }
        flat += count;
    }
}

static void add_up_residuals(const checker_t *c, const double *r, double *value, double *size) {
    *value = *size = 0;
    for (size_t i = 0; i < (size_t)c->opt->engine.residuals; ++i) {
        *value += c->weights[i] * r[i];
        *size += fabs(c->weights[i] * r[i]);
    }
}

bool check_value(checker_t *c, int side, double *value, double *size) {
    if (c->kind == OPTIM_EVAL_GRAD || c->kind == OPTIM_EVAL_HVP) {
        if (!evaluate(c, c->kind == OPTIM_EVAL_HVP, value))
            return false;
        *size = fabs(*value);
        if (c->kind == OPTIM_EVAL_HVP)
            add_up_gradient(c, value, size);
        return true;
    }
    if (!evaluate_product(c, OPTIM_EVAL_RESIDUALS, c->r[side]))
        return false;
    add_up_residuals(c, c->r[side], value, size);
    return true;
}

/* ---- Products with J ---- */

bool check_product(checker_t *c, double *told) {
    double size;
    clear_directions(c);
    for_pieces(c, put_way);
    if (!evaluate_product(c, OPTIM_EVAL_JVP, c->product))
        return false;
    add_up_residuals(c, c->product, told, &size);
    return true;
}

void check_adjoint(const checker_t *c, double *by_rows, double *by_columns, double *size) {
    add_up_residuals(c, c->product, by_rows, size);
    *by_columns = 0;
    for (size_t i = 0; i < c->elements; ++i) {
        *by_columns += c->way[i] * c->told[i];
        *size += fabs(c->way[i] * c->told[i]);
    }
}

void check_residual(const checker_t *c, size_t r, double *told, double *seen) {
    const engine_t *engine = &c->opt->engine;
    *seen = c->r[0][r] - c->r[1][r];
    *told = 0;
    if (c->kind == OPTIM_EVAL_JVP) {
        *told = c->product[r];
        return;
    }
    const tensor_t *tensor = &engine->tensors[c->result.param];
    const double *rows = c->rows + (size_t)engine->residuals * tensor->first_of_method;
    const size_t element = (size_t)c->result.element;
    size_t flat = element;
    for (int i = 0; i < c->result.param; ++i)
        flat += check_covers(c, &engine->tensors[i]) ? engine->tensors[i].count : 0;
    *told = rows[r * tensor->count + element] * c->way[flat];
}
