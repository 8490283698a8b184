#include "caller.h"

#include <stdlib.h>
#include <string.h>

#include "alone.h"

typedef struct layout {
    const char *name;
    int ndim;
    int64_t dims[2];
    size_t count;
} layout_t;
static const layout_t TENSORS[CALLER_TENSORS] = {{"w", 2, {2, 3}, 6}, {"b", 1, {3}, 3}, {"s", 0, {0}, 1}},
                      PARTICLES[CALLER_TENSORS] = {{"w", 2, {CALLER_COMPONENTS, 3}, 6},
                                                   {"b", 2, {CALLER_COMPONENTS, 2}, 4},
                                                   {"s", 1, {CALLER_COMPONENTS}, 2}};

static const layout_t *layout(const caller_t *caller, int i) {
    return caller->particles ? &PARTICLES[i] : &TENSORS[i];
}

static size_t item(optim_dtype dtype) {
    return dtype == OPTIM_F64 ? 8 : dtype == OPTIM_F32 ? 4 : 2;
}

static size_t tensor_bytes(const caller_t *caller, int i) {
    return layout(caller, i)->count * item(caller->dtype);
}

/* 16-bit numbers by their upper half: exactly enough for small trainers. */
static double get(optim_dtype dtype, const void *at, size_t i) {
    double wide;
    float single;
    uint16_t half;
    if (dtype == OPTIM_F64) {
        memcpy(&wide, (const char *)at + 8 * i, 8);
        return wide;
    }
    if (dtype == OPTIM_F32) {
        memcpy(&single, (const char *)at + 4 * i, 4);
        return (double)single;
    }
    memcpy(&half, (const char *)at + 2 * i, 2);
    return (double)(half & 0x7FFF) / 0x8000 * (half & 0x8000 ? -1 : 1); /* monotone, which is all that is needed */
}

static void put(optim_dtype dtype, void *at, size_t i, double value) {
    const float single = (float)value;
    uint32_t bits;
    memcpy(&bits, &single, sizeof bits);
    const uint16_t half = (uint16_t)(bits >> 16); /* of f16 another number, of the same sign */
    if (dtype == OPTIM_F64)
        memcpy((char *)at + 8 * i, &value, 8);
    else if (dtype == OPTIM_F32)
        memcpy((char *)at + 4 * i, &single, 4);
    else
        memcpy((char *)at + 2 * i, &half, 2);
}

optim_status caller_start(caller_t *caller, optim_t *opt, const char *algorithm, optim_dtype dtype, int group) {
    optim_description about = {.size = sizeof about};
    optim_status status = optim_describe(OPTIM_ALGORITHM, algorithm, &about);
    *caller = (caller_t){.opt = opt, .dtype = dtype, .particles = (about.needs & OPTIM_NEEDS_PARTICLES) != 0};
    if (status == OPTIM_OK)
        status = optim_set_components(opt, CALLER_COMPONENTS);
    if (status == OPTIM_OK)
        status = optim_set_constraints(opt, 1, 0);
    if (status == OPTIM_OK)
        status = optim_set_residuals(opt, 1);
    for (int i = 0; i < CALLER_TENSORS; ++i) {
        const size_t bytes = tensor_bytes(caller, i);
        caller->data[i] = fuzz_memory(bytes);
        caller->grad[i] = fuzz_memory(bytes);
        memset(caller->grad[i], 0, bytes);
        for (size_t j = 0; j < layout(caller, i)->count; ++j)
            put(dtype, caller->data[i], j, 0.5 + 0.125 * (double)(j + 3 * (size_t)i));
        if (status == OPTIM_OK)
            status = optim_add_param(opt, i == 0 ? 0 : group, layout(caller, i)->name, dtype, layout(caller, i)->ndim,
                                     layout(caller, i)->dims, caller->data[i], caller->grad[i]);
    }
    return status;
}

void caller_end(caller_t *caller) {
    optim_destroy(caller->opt);
    for (int i = 0; i < CALLER_TENSORS; ++i) {
        free(caller->data[i]);
        free(caller->grad[i]);
    }
    *caller = (caller_t){0};
}

/* Half the square of the distance from 1/4; returns it. */
static double evaluate(caller_t *caller) {
    double loss = 0;
    for (int i = 0; i < CALLER_TENSORS; ++i)
        for (size_t j = 0; j < layout(caller, i)->count; ++j) {
            const double off = get(caller->dtype, caller->data[i], j) - 0.25;
            loss += off * off / 2;
            put(caller->dtype, caller->grad[i], j, off);
        }
    (void)optim_set_loss(caller->opt, loss);
    return loss;
}

/* Of the components that are asked for: the first is the function, the other more. */
static void evaluate_each(caller_t *caller) {
    optim_request request = {.size = sizeof request};
    double losses[CALLER_COMPONENTS];
    if (optim_request_info(caller->opt, &request) != OPTIM_OK || request.count < 1 || request.component < 0 ||
        request.component + request.count > CALLER_COMPONENTS)
        fuzz_fail("losses of %d components from %d on are asked for", (int)request.count, (int)request.component);
    for (int64_t i = 0; i < request.count; ++i)
        losses[i] = evaluate(caller) + (double)(request.component + i);
    if (optim_set_losses(caller->opt, losses, (size_t)request.count) != OPTIM_OK)
        fuzz_fail("the losses that are asked for are refused");
}

/* Its Hessian is the identity. */
static void multiply(caller_t *caller) {
    for (int i = 0; i < CALLER_TENSORS; ++i) {
        const void *direction = NULL;
        void *product = NULL;
        if (optim_hvp_vector(caller->opt, i, &direction) != OPTIM_OK ||
            optim_hvp_result(caller->opt, i, &product) != OPTIM_OK || direction == NULL || product == NULL)
            fuzz_fail("a product is asked for, but there is no direction or no room for parameter %d", i);
        memcpy(product, direction, layout(caller, i)->count * (caller->dtype == OPTIM_F64 ? 8 : 4));
    }
}

/* The first number shall be 1/4. */
static void constrain(caller_t *caller) {
    double *values = NULL;
    if (optim_constraint_values(caller->opt, &values) != OPTIM_OK || values == NULL)
        fuzz_fail("values of constraints are asked for, but there is no room for them");
    *values = get(caller->dtype, caller->data[0], 0) - 0.25;
}

/* Whose derivative is this, of the residual below. */
static void multiply_by_ones(caller_t *caller, optim_status request) {
    const double *weight = NULL;
    double *sum = NULL;
    const bool forward = request == OPTIM_EVAL_JVP;
    if ((forward ? optim_jvp_result(caller->opt, &sum) : optim_vjp_vector(caller->opt, &weight)) != OPTIM_OK)
        fuzz_fail("a product with the Jacobian is asked for, but there is no room for it");
    if (forward)
        *sum = 0;
    for (int i = 0; i < CALLER_TENSORS; ++i) {
        const optim_dtype dtype = caller->dtype == OPTIM_F64 ? OPTIM_F64 : OPTIM_F32;
        const void *v = NULL;
        void *product = NULL;
        if ((forward ? optim_jvp_vector(caller->opt, i, &v) : optim_vjp_result(caller->opt, i, &product)) != OPTIM_OK)
            fuzz_fail("a product with the Jacobian is asked for, but not of parameter %d", i);
        for (size_t j = 0; (v != NULL || product != NULL) && j < layout(caller, i)->count; ++j)
            if (forward)
                *sum += get(dtype, v, j);
            else if (dtype == OPTIM_F64)
                ((double *)product)[j] = *weight;
            else
                ((float *)product)[j] = (float)*weight;
    }
}

/* One residual: the sum of all numbers less 1/4 each. */
static void sum_up(caller_t *caller, optim_status request) {
    double sum = 0, *values = NULL;
    for (int i = 0; i < CALLER_TENSORS; ++i)
        for (size_t j = 0; j < layout(caller, i)->count; ++j)
            sum += get(caller->dtype, caller->data[i], j) - 0.25;
    if (request == OPTIM_EVAL_RESIDUALS) {
        if (optim_residual_values(caller->opt, &values) != OPTIM_OK || values == NULL)
            fuzz_fail("residuals are asked for, but there is no room for them");
        *values = sum;
        return;
    }
    if (request == OPTIM_EVAL_JVP || request == OPTIM_EVAL_VJP) {
        multiply_by_ones(caller, request);
        return;
    }
    for (int i = 0; i < CALLER_TENSORS; ++i) {
        if (optim_jacobian_rows(caller->opt, i, &values) != OPTIM_OK)
            fuzz_fail("derivatives of residuals are asked for, but there is no room for parameter %d", i);
        for (size_t j = 0; values != NULL && j < layout(caller, i)->count; ++j)
            values[j] = 1;
    }
}

optim_status caller_step(caller_t *caller) {
    enum { MOST_REQUESTS = 60 };
    (void)evaluate(caller);
    optim_status status = alone_step(caller->opt);
    for (int i = 0; i < MOST_REQUESTS && status > 0; ++i) {
        if (status == OPTIM_EVAL_HVP)
            multiply(caller);
        else if (status == OPTIM_EVAL_CONSTRAINTS)
            constrain(caller);
        else if (status == OPTIM_EVAL_LOSSES)
            evaluate_each(caller);
        else if (status == OPTIM_EVAL_RESIDUALS || status == OPTIM_EVAL_JACOBIAN || status == OPTIM_EVAL_JVP ||
                 status == OPTIM_EVAL_VJP)
            sum_up(caller, status);
        else
            (void)evaluate(caller);
        status = alone_step(caller->opt);
    }
    return status;
}

size_t caller_size(const caller_t *caller) {
    size_t bytes = 0;
    for (int i = 0; i < CALLER_TENSORS; ++i)
        bytes += tensor_bytes(caller, i);
    return bytes;
}

void caller_read(const caller_t *caller, unsigned char out[CALLER_BYTES]) {
    for (int i = 0; i < CALLER_TENSORS; out += tensor_bytes(caller, i), ++i)
        memcpy(out, caller->data[i], tensor_bytes(caller, i));
}

void caller_write(caller_t *caller, const unsigned char in[CALLER_BYTES]) {
    for (int i = 0; i < CALLER_TENSORS; in += tensor_bytes(caller, i), ++i)
        memcpy(caller->data[i], in, tensor_bytes(caller, i));
}
