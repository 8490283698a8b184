#include "world.h"

#include <stdbool.h>
#include <string.h>

#include "element.h"

const world_tensor_t WORLD[WORLD_TENSORS] = {
    {"weight", OPTIM_F32, 2, {WORLD_COMPONENTS, 5}}, {"bias", OPTIM_F64, 1, {5, 0}}, {"short", OPTIM_BF16, 2, {2, 4}}};

int world_elements(int tensor) {
    const world_tensor_t *t = &WORLD[tensor];
    return (int)(t->dims[0] * (t->ndim < 2 ? 1 : t->dims[1]));
}

static double curvature(int i) {
    return 1 + i % 3;
}

void world_start(world_t *world) {
    memset(world, 0, sizeof *world);
    for (int k = 0; k < WORLD_TENSORS; ++k)
        for (int i = 0; i < world_elements(k); ++i)
            element_write(WORLD[k].dtype, world->p[k], (size_t)i, 0.5 + (double)(i * 7 % 11) / 11);
}

double world_evaluate(world_t *world) {
    double loss = 0;
    for (int k = 0; k < WORLD_TENSORS; ++k)
        for (int i = 0; i < world_elements(k); ++i) {
            const double p = element_read(WORLD[k].dtype, world->p[k], (size_t)i);
            element_write(WORLD[k].dtype, world->g[k], (size_t)i, curvature(i) * p);
            loss += 0.5 * curvature(i) * p * p;
        }
    return loss;
}

optim_status world_product(optim_t *opt, int tensors) {
    for (int k = 0; k < tensors; ++k) {
        const optim_dtype dtype = WORLD[k].dtype == OPTIM_F64 ? OPTIM_F64 : OPTIM_F32;
        const void *direction;
        void *product;
        optim_status status = optim_hvp_vector(opt, k, &direction);
        if (status == OPTIM_OK)
            status = optim_hvp_result(opt, k, &product);
        if (status != OPTIM_OK)
            return status;
        for (int i = 0; i < world_elements(k); ++i)
            element_write(dtype, product, (size_t)i, curvature(i) * element_read(dtype, direction, (size_t)i));
    }
    return OPTIM_OK;
}

optim_status world_constraints(optim_t *opt) {
    double *values;
    const optim_status status = optim_constraint_values(opt, &values);
    for (int j = 0; status == OPTIM_OK && j < WORLD_CONSTRAINTS; ++j)
        values[j] = 0.25;
    return status;
}

/* Of the residual below. */
static optim_status multiply(optim_t *opt, optim_status request, int tensors) {
    const double *weight = NULL;
    double *sum = NULL;
    const bool forward = request == OPTIM_EVAL_JVP;
    optim_status status = forward ? optim_jvp_result(opt, &sum) : optim_vjp_vector(opt, &weight);
    if (forward && status == OPTIM_OK)
        *sum = 0;
    for (int k = 0; status == OPTIM_OK && k < tensors; ++k) {
        const optim_dtype dtype = WORLD[k].dtype == OPTIM_F64 ? OPTIM_F64 : OPTIM_F32;
        const void *v = NULL;
        void *product = NULL;
        status = forward ? optim_jvp_vector(opt, k, &v) : optim_vjp_result(opt, k, &product);
        for (int i = 0; status == OPTIM_OK && (v != NULL || product != NULL) && i < world_elements(k); ++i)
            if (forward)
                *sum += element_read(dtype, v, (size_t)i);
            else
                element_write(dtype, product, (size_t)i, *weight);
    }
    return status;
}

optim_status world_squares(const world_t *world, optim_t *opt, optim_status request, int tensors) {
    double *values = NULL;
    if (request == OPTIM_EVAL_JVP || request == OPTIM_EVAL_VJP)
        return multiply(opt, request, tensors);
    optim_status status = request == OPTIM_EVAL_RESIDUALS ? optim_residual_values(opt, &values) : OPTIM_OK;
    for (int k = 0; status == OPTIM_OK && k < tensors; ++k) {
        if (request == OPTIM_EVAL_JACOBIAN)
            status = optim_jacobian_rows(opt, k, &values);
        if (k == 0 && request == OPTIM_EVAL_RESIDUALS)
            *values = 0;
        for (int i = 0; status == OPTIM_OK && values != NULL && i < world_elements(k); ++i)
            if (request == OPTIM_EVAL_JACOBIAN)
                values[i] = 1;
            else
                *values += element_read(WORLD[k].dtype, world->p[k], (size_t)i);
    }
    return status;
}
