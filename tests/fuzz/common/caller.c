#include "caller.h"

#include <stdlib.h>
#include <string.h>

static const int64_t DIMS[] = {2, 3};
static const struct {
    const char *name;
    int ndim;
    const int64_t *dims;
    size_t count;
} TENSORS[CALLER_TENSORS] = {{"w", 2, DIMS, 6}, {"b", 1, DIMS + 1, 3}, {"s", 0, NULL, 1}};

static size_t item(optim_dtype dtype) {
    return dtype == OPTIM_F64 ? 8 : dtype == OPTIM_F32 ? 4 : 2;
}

static size_t tensor_bytes(const caller_t *caller, int i) {
    return TENSORS[i].count * item(caller->dtype);
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

optim_status caller_start(caller_t *caller, optim_t *opt, optim_dtype dtype, int group) {
    *caller = (caller_t){.opt = opt, .dtype = dtype};
    optim_status status = optim_set_components(opt, 2);
    if (status == OPTIM_OK)
        status = optim_set_constraints(opt, 1, 0);
    for (int i = 0; i < CALLER_TENSORS; ++i) {
        const size_t bytes = tensor_bytes(caller, i);
        caller->data[i] = fuzz_memory(bytes);
        caller->grad[i] = fuzz_memory(bytes);
        memset(caller->grad[i], 0, bytes);
        for (size_t j = 0; j < TENSORS[i].count; ++j)
            put(dtype, caller->data[i], j, 0.5 + 0.125 * (double)(j + 3 * (size_t)i));
        if (status == OPTIM_OK)
            status = optim_add_param(opt, i == 0 ? 0 : group, TENSORS[i].name, dtype, TENSORS[i].ndim, TENSORS[i].dims,
                                     caller->data[i], caller->grad[i]);
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

/* Half the square of the distance from 1/4. */
static void evaluate(caller_t *caller) {
    double loss = 0;
    for (int i = 0; i < CALLER_TENSORS; ++i)
        for (size_t j = 0; j < TENSORS[i].count; ++j) {
            const double off = get(caller->dtype, caller->data[i], j) - 0.25;
            loss += off * off / 2;
            put(caller->dtype, caller->grad[i], j, off);
        }
    (void)optim_set_loss(caller->opt, loss);
}

/* Its Hessian is the identity. */
static void multiply(caller_t *caller) {
    for (int i = 0; i < CALLER_TENSORS; ++i) {
        const void *direction = NULL;
        void *product = NULL;
        if (optim_hvp_vector(caller->opt, i, &direction) != OPTIM_OK ||
            optim_hvp_result(caller->opt, i, &product) != OPTIM_OK || direction == NULL || product == NULL)
            fuzz_fail("a product is asked for, but there is no direction or no room for parameter %d", i);
        memcpy(product, direction, TENSORS[i].count * (caller->dtype == OPTIM_F64 ? 8 : 4));
    }
}

/* The first number shall be 1/4. */
static void constrain(caller_t *caller) {
    double *values = NULL;
    if (optim_constraint_values(caller->opt, &values) != OPTIM_OK || values == NULL)
        fuzz_fail("values of constraints are asked for, but there is no room for them");
    *values = get(caller->dtype, caller->data[0], 0) - 0.25;
}

optim_status caller_step(caller_t *caller) {
    enum { MOST_REQUESTS = 60 };
    evaluate(caller);
    optim_status status = optim_step(caller->opt);
    for (int i = 0; i < MOST_REQUESTS && status > 0; ++i) {
        if (status == OPTIM_EVAL_HVP)
            multiply(caller);
        else if (status == OPTIM_EVAL_CONSTRAINTS)
            constrain(caller);
        else
            evaluate(caller);
        status = optim_step(caller->opt);
    }
    return status;
}

size_t caller_size(const caller_t *caller) {
    return CALLER_ELEMENTS * item(caller->dtype);
}

void caller_read(const caller_t *caller, unsigned char out[CALLER_BYTES]) {
    for (int i = 0; i < CALLER_TENSORS; out += tensor_bytes(caller, i), ++i)
        memcpy(out, caller->data[i], tensor_bytes(caller, i));
}

void caller_write(caller_t *caller, const unsigned char in[CALLER_BYTES]) {
    for (int i = 0; i < CALLER_TENSORS; in += tensor_bytes(caller, i), ++i)
        memcpy(caller->data[i], in, tensor_bytes(caller, i));
}
