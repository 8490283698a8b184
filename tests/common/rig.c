#include "rig.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alone.h"
#include "check.h"
#include "element.h"
#include "needs.h"

enum { MOST_EVALUATIONS = 200000 }; /* of one step: an engine that asks for ever fails */

/* ---- Tensors ---- */

static void *block_new(size_t bytes, size_t misalign, void **start) {
    char *block = check_memory(bytes + misalign, 1);
    *start = block + misalign;
    return block;
}

static void tensor_new(rig_tensor_t *tensor, const layout_t *layout, int i, optim_dtype dtype, optim_dtype grad_dtype,
                       size_t misalign) {
    tensor->name = layout->tensor[i].name;
    tensor->ndim = layout->tensor[i].ndim;
    tensor->dims = layout->tensor[i].dims;
    tensor->dtype = dtype;
    tensor->grad_dtype = grad_dtype;
    tensor->count = 1;
    for (int k = 0; k < tensor->ndim; ++k)
        tensor->count *= (size_t)tensor->dims[k];
    tensor->data_block = block_new(tensor->count * element_size(dtype), misalign, &tensor->data);
    tensor->grad_block = block_new(tensor->count * element_size(grad_dtype), misalign, &tensor->grad);
}

size_t rig_elements(const rig_t *rig) {
    size_t count = 0;
    for (int i = 0; i < rig->count; ++i)
        count += rig->tensor[i].count;
    return count;
}

rig_t *rig_new(const layout_t *layout, optim_dtype dtype, optim_dtype grad_dtype, size_t misalign) {
    rig_t *rig = check_memory(1, sizeof *rig);
    rig->layout = *layout;
    rig->count = layout->count;
    rig->misalign = misalign;
    rig->sign = rig->scale = 1;
    rig->lowest = -(double)INFINITY;
    rig->highest = (double)INFINITY;
    rig->oracle = oracle_find("quadratic");
    for (int i = 0; i < rig->count; ++i)
        tensor_new(&rig->tensor[i], &rig->layout, i, dtype, grad_dtype, misalign);
    rig->room = rig_elements(rig);
    rig->x = check_memory(rig->room, sizeof *rig->x);
    rig->g = check_memory(rig->room, sizeof *rig->g);
    rig->v = check_memory(rig->room, sizeof *rig->v);
    rig->hv = check_memory(rig->room, sizeof *rig->hv);
    rig_write(rig, NULL);
    return rig;
}

static layout_t of_particles(const layout_t *layout) {
    layout_t many = *layout;
    for (int i = 0; i < many.count; ++i) {
        assert_in_range(many.tensor[i].ndim, 0, RIG_DIMS - 1);
        memmove(many.tensor[i].dims + 1, many.tensor[i].dims, (size_t)many.tensor[i].ndim * sizeof(int64_t));
        many.tensor[i].dims[0] = RIG_COMPONENTS;
        ++many.tensor[i].ndim;
    }
    return many;
}

rig_t *rig_new_for(const char *algorithm, const layout_t *layout, optim_dtype dtype, optim_dtype grad_dtype,
                   size_t misalign) {
    optim_description about = {.size = sizeof about};
    CHECK_OK(optim_describe(OPTIM_ALGORITHM, algorithm, &about));
    const layout_t many = about.needs & OPTIM_NEEDS_PARTICLES ? of_particles(layout) : *layout;
    rig_t *rig = rig_new(&many, dtype, grad_dtype, misalign);
    rig->by_values = !(about.needs & OPTIM_NEEDS_GRADIENT);
    return rig;
}

void rig_free(rig_t *rig) {
    if (rig == NULL)
        return;
    optim_destroy(rig->opt);
    free(rig->lent);
    for (int i = 0; i < rig->count; ++i) {
        free(rig->tensor[i].data_block);
        free(rig->tensor[i].grad_block);
    }
    free(rig->x);
    free(rig->g);
    free(rig->v);
    free(rig->hv);
    free(rig);
}

/* About 1 + sin(0.7 i + 0.3) / 2, by Bhaskara's formula: a C library's sine has other bits elsewhere. */
double rig_start(size_t i) {
    const double pi = 3.14159265358979323846, x = fmod(0.7 * (double)i + 0.3, 2 * pi), h = x < pi ? x : x - pi;
    const double arch = h * (pi - h), sine = 16 * arch / (5 * pi * pi - 4 * arch);
    return x < pi ? 1 + 0.5 * sine : 1 - 0.5 * sine;
}

/* The sum of start values flat .. flat + n - 1, or 1. */
static double start_sum(const rig_t *rig, size_t flat, size_t n) {
    double sum = 0;
    for (size_t i = flat; i < flat + n; ++i)
        sum += rig_start(i);
    return rig->starts_on_simplex ? sum : 1;
}

void rig_write(rig_t *rig, const double *values) {
    size_t flat = 0;
    for (int i = 0; i < rig->count; ++i) {
        const rig_tensor_t *tensor = &rig->tensor[i];
        const size_t row = tensor->ndim == 0 ? 1 : (size_t)tensor->dims[tensor->ndim - 1];
        double sum = 1;
        for (size_t k = 0; k < tensor->count; ++k, ++flat) {
            if (k % row == 0)
                sum = start_sum(rig, flat, row);
            element_write(tensor->dtype, tensor->data, k, values == NULL ? rig_start(flat) / sum : values[flat]);
        }
    }
}

const double *rig_read(rig_t *rig) {
    size_t flat = 0;
    for (int i = 0; i < rig->count; ++i) {
        element_read_all(rig->tensor[i].dtype, rig->tensor[i].data, rig->tensor[i].count, rig->x + flat);
        flat += rig->tensor[i].count;
    }
    return rig->x;
}

static needs_sizes_t sizes_of(const rig_t *rig) {
    needs_sizes_t sizes = {.components = RIG_COMPONENTS};
    size_t all = 0;
    for (int i = 0; i < rig->count - rig->guests; ++i) {
        const rig_tensor_t *t = &rig->tensor[i];
        all += t->count;
        if (t->count == 0)
            continue;
        const size_t rows = t->ndim == 0 ? 1 : (size_t)t->dims[0];
        sizes.first = sizes.first == 0 ? t->count : sizes.first;
        sizes.rows += rows;
        sizes.columns += t->count / rows;
    }
    sizes.others = all - sizes.first;
    return sizes;
}

optim_status rig_lend(rig_t *rig, optim_t *opt) {
    rig->opt = opt;
    CHECK_OK(optim_set_components(opt, RIG_COMPONENTS));
    free(rig->lent);
    rig->lent = needs_lend(opt, sizes_of(rig));
    if (rig->lent == NULL)
        fail_msg("what the method needs is refused: %s", optim_error());
    const int others = needs_group(opt);
    bool follows = false; /* a tensor that has elements */
    for (int i = 0; i < rig->count; ++i) {
        rig_tensor_t *tensor = &rig->tensor[i];
        const int group = follows && tensor->group == 0 ? others : tensor->group;
        tensor->role = others > 0 && follows;
        follows |= tensor->count > 0;
        optim_status status =
            optim_add_param(opt, group, tensor->name, tensor->dtype, tensor->ndim, tensor->dims,
                            tensor->count == 0 ? NULL : tensor->data, tensor->frozen ? NULL : tensor->grad);
        if (status == OPTIM_OK && tensor->grad_dtype != tensor->dtype)
            status = optim_set_grad_dtype(opt, i, tensor->grad_dtype);
        if (status == OPTIM_OK && tensor->frozen && rig->by_values)
            status = optim_freeze(opt, i, 1);
        if (status != OPTIM_OK)
            return status;
    }
    rig->begins_without_gradient = !optim_wants_gradient(opt);
    return OPTIM_OK;
}

/* ---- Evaluations ---- */

/* Elements of a tensor that the function has as variables. */
static size_t variables(const rig_t *rig, const rig_tensor_t *tensor) {
    return tensor->frozen && rig->leaves_out_frozen ? 0 : tensor->count;
}

static size_t read_variables(rig_t *rig) {
    size_t d = 0;
    for (int i = 0; i < rig->count; ++i) {
        const rig_tensor_t *t = &rig->tensor[i];
        element_read_all(t->dtype, t->data, variables(rig, t), rig->x + d);
        d += variables(rig, t);
    }
    return d;
}

static size_t first_variables(const rig_t *rig) {
    for (int i = 0; i < rig->count; ++i)
        if (variables(rig, &rig->tensor[i]) > 0)
            return rig->tensor[i].count;
    return 0;
}

/* rig->g into the buffers that are lent. */
static void write_buffers(const rig_t *rig) {
    size_t at = 0;
    for (int i = 0; i < rig->count; ++i) {
        const rig_tensor_t *t = &rig->tensor[i];
        if (!t->frozen)
            element_write_all(t->grad_dtype, t->grad, t->count, rig->g + at);
        at += variables(rig, t);
    }
}

/* The gradient in rig->g, signed and scaled, into the buffers. */
static void write_gradient(rig_t *rig) {
    const size_t d = rig_elements(rig);
    double factor = rig->sign * rig->scale, scale = 1;
    if (rig->loss_scaled)
        CHECK_OK(optim_get(rig->opt, 0, "current_loss_scale", &scale));
    factor *= scale;
    for (size_t i = 0; i < d && factor != 1; ++i)
        rig->g[i] *= factor;
    write_buffers(rig);
}

static bool is_spoilt(const rig_t *rig) {
    return rig->poison_at != 0 && rig->evaluation == rig->poison_at;
}

/* c(x): how far the first variable and the last one are above 1; the former shall be 1, the latter no more. */
static void evaluate_constraints(rig_t *rig) {
    double *values;
    const size_t d = read_variables(rig);
    CHECK_OK(optim_constraint_values(rig->opt, &values));
    values[0] = is_spoilt(rig) ? rig->poison_value : d > 0 ? rig->x[0] - 1 : 0;
    if (needs_constraints(rig->opt) > 1)
        values[1] = d > 0 ? rig->x[d - 1] - 1 : 0;
}

/* Gradients that are asked for are of the function and the constraints with these weights. */
static void add_constraints(rig_t *rig, size_t d) {
    optim_request request = {.size = sizeof request};
    const double *weights = NULL;
    CHECK_OK(optim_request_info(rig->opt, &request));
    if (request.kind == OPTIM_EVAL_GRAD)
        CHECK_OK(optim_constraint_weights(rig->opt, &weights));
    if (weights == NULL || d == 0)
        return;
    rig->g[0] += rig->sign * weights[0];
    if (needs_constraints(rig->opt) > 1)
        rig->g[d - 1] += rig->sign * weights[1];
}

static void hand_loss(rig_t *rig, double loss) {
    rig->loss = loss;
    if (rig->held < RIG_LOSSES)
        rig->handed[rig->held++] = loss;
    if (!rig->withhold_loss)
        CHECK_OK(optim_set_loss(rig->opt, rig->sign * loss));
}

double rig_value(rig_t *rig) {
    const size_t d = read_variables(rig);
    return rig->oracle->loss(d, first_variables(rig), rig->x);
}

static void replay_next(rig_t *rig, bool gradient) {
    replay_t *replay = rig->replay;
    if (replay->next >= replay->count)
        fail_msg("asks for evaluation %zu; there are %zu", replay->next + 1, replay->count);
    hand_loss(rig, replay->loss[replay->next]);
    const size_t d = rig_elements(rig);
    if (gradient) {
        memcpy(rig->g, replay->gradient + replay->next * d, d * sizeof *rig->g);
        write_gradient(rig);
    }
    ++replay->next;
}

static void spoil(rig_t *rig) {
    if (rig->poison_loss) {
        hand_loss(rig, rig->poison_value);
        return;
    }
    optim_request request = {.size = sizeof request};
    size_t index = rig->poison_index;
    CHECK_OK(optim_request_info(rig->opt, &request));
    for (int i = 0; i < rig->count; ++i) {
        const bool is_read = request.kind == 0 || request.roles == 0 || (request.roles >> rig->tensor[i].role & 1) != 0;
        if (rig->tensor[i].frozen)
            continue;
        if (!is_read) { /* then the first element that is */
            index = index < rig->tensor[i].count ? 0 : index - rig->tensor[i].count;
            continue;
        }
        if (index < rig->tensor[i].count) {
            element_write(rig->tensor[i].grad_dtype, rig->tensor[i].grad, index, rig->poison_value);
            return;
        }
        index -= rig->tensor[i].count;
    }
    for (int i = 0; i < rig->count; ++i) { /* none behind it is read */
        const rig_tensor_t *tensor = &rig->tensor[i];
        if (!tensor->frozen && tensor->count > 0 && (request.roles >> tensor->role & 1) != 0) {
            element_write(tensor->grad_dtype, tensor->grad, 0, rig->poison_value);
            return;
        }
    }
}

/* What must not be read is filled with numbers that would be noticed. */
static void fill_unread(rig_t *rig) {
    const size_t d = rig_elements(rig);
    for (size_t i = 0; i < d; ++i)
        rig->g[i] = 12345;
    write_buffers(rig);
}

/* Shares whose mean is 1, without rounding in any dtype. What is lent to optim_step itself is not to be read. */
static void accumulate(rig_t *rig) {
    static const double SHARES[] = {0, 2, 1, 1};
    const size_t d = rig_elements(rig);
    double *whole = check_memory(d, sizeof *whole);
    memcpy(whole, rig->g, d * sizeof *whole);
    for (int k = 0; k < 4; ++k) {
        for (size_t i = 0; i < d; ++i)
            rig->g[i] = SHARES[k] * whole[i];
        write_buffers(rig);
        if (!rig->withhold_loss)
            CHECK_OK(optim_set_loss(rig->opt, rig->sign * SHARES[k] * rig->loss));
        if (k == 1 && is_spoilt(rig))
            spoil(rig);
        CHECK_OK(optim_accumulate(rig->opt));
    }
    free(whole);
    fill_unread(rig);
}

void rig_evaluate(rig_t *rig) {
    ++rig->gradients;
    if (rig->replay != NULL) {
        replay_next(rig, true);
    } else {
        const size_t d = read_variables(rig);
        hand_loss(rig, rig->oracle->loss(d, first_variables(rig), rig->x));
        rig->oracle->gradient(d, first_variables(rig), rig->x, rig->g);
        if (rig->opt != NULL)
            add_constraints(rig, d);
        write_gradient(rig);
    }
    if (rig->accumulates)
        accumulate(rig);
    else if (is_spoilt(rig))
        spoil(rig);
}

static void evaluate_loss(rig_t *rig) {
    ++rig->losses;
    if (rig->replay != NULL)
        replay_next(rig, false);
    else
        hand_loss(rig, rig_value(rig));
    if (is_spoilt(rig))
        hand_loss(rig, rig->poison_value);
}

/* Of the components that are asked for: each is the function. */
static void evaluate_losses(rig_t *rig) {
    optim_request request = {.size = sizeof request};
    CHECK_OK(optim_request_info(rig->opt, &request));
    assert_in_range(request.count, 1, RIG_COMPONENTS);
    double losses[RIG_COMPONENTS];
    rig->losses += request.count;
    rig->loss = rig_value(rig);
    for (int64_t i = 0; i < request.count; ++i)
        losses[i] = rig->sign * rig->loss;
    if (is_spoilt(rig))
        losses[request.count - 1] = rig->poison_value;
    CHECK_OK(optim_set_losses(rig->opt, losses, (size_t)request.count));
}

static optim_dtype product_dtype(const rig_tensor_t *tensor) {
    return tensor->dtype == OPTIM_F64 ? OPTIM_F64 : OPTIM_F32;
}

/* A frozen tensor has no direction, or nothing but zeros; one of another method than that which asks has none. */
static void read_direction(rig_t *rig) {
    size_t at = 0;
    for (int i = 0; i < rig->count; ++i) {
        const rig_tensor_t *t = &rig->tensor[i];
        const void *direction = NULL;
        if (t->count > 0)
            CHECK_OK(optim_hvp_vector(rig->opt, i, &direction));
        for (size_t k = 0; k < t->count; ++k) {
            const double v = direction == NULL ? 0 : element_read(product_dtype(t), direction, k);
            if (t->frozen && v != 0)
                fail_msg("the direction moves element %zu of %s, which is frozen", k, t->name);
            if (k < variables(rig, t))
                rig->v[at++] = v;
        }
    }
}

static void evaluate_product(rig_t *rig) {
    ++rig->products;
    assert_null(rig->replay);
    read_direction(rig);
    const size_t d = read_variables(rig);
    rig->oracle->product(d, first_variables(rig), rig->x, rig->v, rig->hv);
    if (is_spoilt(rig))
        rig->hv[rig->poison_index] = rig->poison_value;
    size_t at = 0;
    for (int i = 0; i < rig->count; ++i) {
        const rig_tensor_t *t = &rig->tensor[i];
        void *product = NULL;
        if (t->count > 0)
            CHECK_OK(optim_hvp_result(rig->opt, i, &product));
        for (size_t k = 0; k < variables(rig, t); ++k, ++at)
            if (product != NULL)
                element_write(product_dtype(t), product, k, rig->sign * rig->hv[at]);
    }
}

/* Where a box has been set: no evaluation outside. */
static void look_at_box(rig_t *rig) {
    for (int i = 0; i < rig->count; ++i) {
        const rig_tensor_t *t = &rig->tensor[i];
        for (size_t k = 0; k < t->count && !t->frozen; ++k) {
            const double x = element_read(t->dtype, t->data, k);
            if (!(x >= rig->lowest && x <= rig->highest))
                fail_msg("evaluation %d of a step is at %s[%zu] = %.17g, outside the box", rig->evaluation, t->name, k,
                         x);
        }
    }
}

static void spoil_product(rig_t *rig) {
    for (int i = 0; i < rig->count; ++i) {
        const rig_tensor_t *t = &rig->tensor[i];
        void *product;
        CHECK_OK(optim_vjp_result(rig->opt, i, &product));
        if (!t->frozen && t->count > 0 && product != NULL) {
            element_write(t->dtype == OPTIM_F64 ? OPTIM_F64 : OPTIM_F32, product, 0, rig->poison_value);
            return;
        }
    }
}

/* Least squares; of a frozen parameter the derivatives are there all the same. */
static void evaluate_squares(rig_t *rig, optim_status request) {
    needs_param_t params[RIG_TENSORS];
    double *spoilt = NULL;
    for (int i = 0; i < rig->count; ++i) {
        const rig_tensor_t *t = &rig->tensor[i];
        params[i] = (needs_param_t){t->data, t->dtype, rig->leaves_out_frozen && t->frozen ? 0 : t->count};
    }
    assert_true(needs_squares(rig->opt, request, params, rig->count));
    if (!is_spoilt(rig))
        return;
    if (request == OPTIM_EVAL_RESIDUALS)
        CHECK_OK(optim_residual_values(rig->opt, &spoilt));
    if (request == OPTIM_EVAL_JVP)
        CHECK_OK(optim_jvp_result(rig->opt, &spoilt));
    if (request == OPTIM_EVAL_VJP) {
        spoil_product(rig);
        return;
    }
    for (int i = 0; i < rig->count && spoilt == NULL; ++i)
        if (!rig->tensor[i].frozen)
            CHECK_OK(optim_jacobian_rows(rig->opt, i, &spoilt));
    if (spoilt != NULL)
        *spoilt = rig->poison_value;
}

static void answer(rig_t *rig, optim_status request) {
    if (rig->lowest > -(double)INFINITY || rig->highest < (double)INFINITY)
        look_at_box(rig);
    switch (request) {
    case OPTIM_EVAL_GRAD:
        rig_evaluate(rig);
        break;
    case OPTIM_EVAL_LOSS:
        evaluate_loss(rig);
        break;
    case OPTIM_EVAL_HVP:
        evaluate_product(rig);
        break;
    case OPTIM_EVAL_CONSTRAINTS:
        evaluate_constraints(rig);
        break;
    case OPTIM_EVAL_LOSSES:
        evaluate_losses(rig);
        break;
    case OPTIM_EVAL_RESIDUALS:
    case OPTIM_EVAL_JACOBIAN:
    case OPTIM_EVAL_JVP:
    case OPTIM_EVAL_VJP:
        evaluate_squares(rig, request);
        break;
    default:
        fail_msg("optim_step returned a request of unknown kind %d", request);
    }
}

/* ---- Steps ---- */

static optim_status take_by_param(rig_t *rig) {
    const optim_status status = optim_step_begin(rig->opt);
    for (int i = rig->count - 1; status == OPTIM_OK && i > 0; --i)
        CHECK_OK(optim_step_param(rig->opt, i));
    if (status == OPTIM_OK)
        CHECK_OK(optim_step_end(rig->opt));
    return status;
}

static optim_status take(rig_t *rig) {
    if (rig->by_param)
        return take_by_param(rig);
    return rig->updates == NULL ? alone_step(rig->opt) : optim_update(rig->opt, rig->updates, (size_t)rig->count);
}

optim_status rig_continue(rig_t *rig, optim_status request) {
    while (request > 0) {
        if (++rig->evaluation == rig->stop_at)
            return request;
        if (rig->evaluation > MOST_EVALUATIONS)
            fail_msg("the step asks for more than %d evaluations", MOST_EVALUATIONS);
        answer(rig, request);
        request = take(rig);
    }
    return request;
}

optim_status rig_step(rig_t *rig) {
    rig->evaluation = rig->held = 0;
    if (optim_wants_gradient(rig->opt)) {
        rig->evaluation = 1;
        rig_evaluate(rig);
    } else {
        fill_unread(rig);
    }
    return rig_continue(rig, take(rig));
}

optim_status rig_steps(rig_t *rig, int steps) {
    for (int i = 0; i < steps; ++i) {
        const optim_status status = rig_step(rig);
        if (status != OPTIM_OK)
            return status;
    }
    return OPTIM_OK;
}

void rig_freeze(rig_t *rig, int tensor, bool frozen) {
    rig_tensor_t *t = &rig->tensor[tensor];
    t->frozen = frozen;
    if (rig->opt != NULL)
        CHECK_OK(optim_bind(rig->opt, tensor, t->count == 0 ? NULL : t->data, frozen ? NULL : t->grad));
    if (rig->opt != NULL && rig->by_values)
        CHECK_OK(optim_freeze(rig->opt, tensor, frozen));
}

static void *block_move(void *old_block, void **start, size_t bytes, size_t misalign) {
    void *old = *start;
    void *block = block_new(bytes, misalign, start);
    memcpy(*start, old, bytes);
    memset(old, 0x5A, bytes);
    free(old_block);
    return block;
}

void rig_move(rig_t *rig) {
    for (int i = 0; i < rig->count; ++i) {
        rig_tensor_t *t = &rig->tensor[i];
        t->data_block = block_move(t->data_block, &t->data, t->count * element_size(t->dtype), rig->misalign);
        t->grad_block = block_move(t->grad_block, &t->grad, t->count * element_size(t->grad_dtype), rig->misalign);
        CHECK_OK(optim_bind(rig->opt, i, t->count == 0 ? NULL : t->data, t->frozen ? NULL : t->grad));
    }
}

/* ---- Comparing ---- */

static size_t tensor_bytes(const rig_tensor_t *tensor) {
    return tensor->count * element_size(tensor->dtype);
}

void *rig_snapshot(const rig_t *rig) {
    size_t bytes = 0;
    for (int i = 0; i < rig->count; ++i)
        bytes += tensor_bytes(&rig->tensor[i]);
    char *snapshot = check_memory(bytes, 1), *at = snapshot;
    for (int i = 0; i < rig->count; ++i) {
        memcpy(at, rig->tensor[i].data, tensor_bytes(&rig->tensor[i]));
        at += tensor_bytes(&rig->tensor[i]);
    }
    return snapshot;
}

void rig_restore(rig_t *rig, const void *snapshot) {
    const char *at = snapshot;
    for (int i = 0; i < rig->count; ++i) {
        memcpy(rig->tensor[i].data, at, tensor_bytes(&rig->tensor[i]));
        at += tensor_bytes(&rig->tensor[i]);
    }
}

static void bits_differ(const rig_tensor_t *tensor, const void *want, const char *what) {
    const size_t size = element_size(tensor->dtype);
    for (size_t k = 0; k < tensor->count; ++k) {
        if (memcmp((const char *)tensor->data + k * size, (const char *)want + k * size, size) == 0)
            continue;
        const double got = element_read(tensor->dtype, tensor->data, k),
                     expected = element_read(tensor->dtype, want, k);
        fail_msg("%s: %s of %s[%zu] is %.17g, not %.17g (%g ulp)", what, element_name(tensor->dtype), tensor->name, k,
                 got, expected, element_ulps(tensor->dtype, got, expected));
    }
}

void rig_check_snapshot(const rig_t *rig, const void *snapshot, const char *what) {
    const char *at = snapshot;
    for (int i = 0; i < rig->count; ++i) {
        const size_t bytes = tensor_bytes(&rig->tensor[i]);
        if (memcmp(rig->tensor[i].data, at, bytes) != 0)
            bits_differ(&rig->tensor[i], at, what);
        at += bytes;
    }
}

void rig_check_same(const rig_t *rig, const rig_t *other, const char *what) {
    void *snapshot = rig_snapshot(other);
    rig_check_snapshot(rig, snapshot, what);
    free(snapshot);
}

void rig_check_near(rig_t *rig, rig_t *other, double tolerance, const char *what) {
    const size_t d = rig_elements(rig);
    const double *got = rig_read(rig), *want = rig_read(other);
    for (size_t i = 0; i < d; ++i)
        if (!(fabs(got[i] - want[i]) <= tolerance * fmax(1, fabs(want[i]))))
            fail_msg("%s: element %zu of all is %.17g, not %.17g within %g", what, i, got[i], want[i], tolerance);
}

void rig_check_finite(rig_t *rig, const char *what) {
    const size_t d = rig_elements(rig);
    const double *x = rig_read(rig);
    for (size_t i = 0; i < d; ++i)
        if (!isfinite(x[i]))
            fail_msg("%s: element %zu of all is %g", what, i, x[i]);
}
