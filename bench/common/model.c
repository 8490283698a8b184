#include "model.h"

#include <math.h>
#include <stdlib.h>

size_t shape_elements(const shape_t *shape) {
    size_t elements = 1;
    for (int i = 0; i < shape->ndim; ++i)
        elements *= (size_t)shape->dims[i];
    return elements;
}

static bool add(model_t *model, shape_t shape) {
    if (model->tensors == model->capacity) {
        const size_t capacity = model->capacity == 0 ? 64 : 2 * model->capacity;
        shape_t *shapes = realloc(model->shapes, capacity * sizeof *shapes);
        if (shapes == NULL)
            return false;
        model->shapes = shapes;
        model->capacity = capacity;
    }
    model->shapes[model->tensors++] = shape;
    model->elements += shape_elements(&shape);
    return true;
}

static bool add_vector(model_t *model, int64_t length) {
    return add(model, (shape_t){1, {length}});
}

static bool add_matrix(model_t *model, int64_t rows, int64_t columns) {
    return add(model, (shape_t){2, {rows, columns}});
}

static bool add_kernel(model_t *model, int64_t out, int64_t in, int64_t side) {
    return add(model, (shape_t){4, {out, in, side, side}});
}

void model_free(model_t *model) {
    free(model->shapes);
    *model = (model_t){0};
}

bool model_equal(model_t *model, size_t elements, size_t tensors) {
    size_t done = 0;
    for (size_t i = 1; i <= tensors; ++i) {
        const size_t end = (size_t)((double)elements / (double)tensors * (double)i + 0.5);
        if (!add_vector(model, (int64_t)(end - done)))
            return false;
        done = end;
    }
    return true;
}

bool model_small(model_t *model, size_t tensors) {
    uint32_t random = 1;
    for (size_t i = 0; i < tensors; ++i) {
        random = random * 1664525u + 1013904223u;
        if (!add_vector(model, (int64_t)exp2(12 * (random / 4294967296.0) + 0.5 / 4096)))
            return false;
    }
    return true;
}

bool model_matrix(model_t *model, int64_t rows, int64_t columns) {
    return add_matrix(model, rows, columns);
}

/* ---- GPT-2-small: 12 blocks of width 768, output tied to the embedding ---- */

static bool add_linear(model_t *model, int64_t in, int64_t out) {
    return add_matrix(model, in, out) && add_vector(model, out);
}

static bool add_norm(model_t *model, int64_t width) {
    const bool scale = add_vector(model, width), shift = add_vector(model, width);
    return scale && shift;
}

static bool add_transformer_block(model_t *model, int64_t width) {
    return add_norm(model, width) && add_linear(model, width, 3 * width) && add_linear(model, width, width) &&
           add_norm(model, width) && add_linear(model, width, 4 * width) && add_linear(model, 4 * width, width);
}

bool model_gpt2(model_t *model) {
    enum { WIDTH = 768, BLOCKS = 12, WORDS = 50257, POSITIONS = 1024 };
    if (!add_matrix(model, WORDS, WIDTH) || !add_matrix(model, POSITIONS, WIDTH))
        return false;
    for (int i = 0; i < BLOCKS; ++i)
        if (!add_transformer_block(model, WIDTH))
            return false;
    return add_norm(model, WIDTH);
}

/* ---- ResNet-50 for 1000 classes ---- */

static bool add_convolution(model_t *model, int64_t out, int64_t in, int64_t side) {
    return add_kernel(model, out, in, side) && add_norm(model, out);
}

static bool add_bottleneck(model_t *model, int64_t in, int64_t width, bool first) {
    const int64_t out = 4 * width;
    return add_convolution(model, width, in, 1) && add_convolution(model, width, width, 3) &&
           add_convolution(model, out, width, 1) && (!first || add_convolution(model, out, in, 1));
}

bool model_resnet50(model_t *model) {
    static const int BLOCKS[] = {3, 4, 6, 3};
    enum { STAGES = sizeof BLOCKS / sizeof *BLOCKS, CLASSES = 1000 };
    int64_t in = 64, width = 64;
    if (!add_convolution(model, in, 3, 7))
        return false;
    for (int stage = 0; stage < STAGES; ++stage, width *= 2)
        for (int i = 0; i < BLOCKS[stage]; ++i, in = 4 * width)
            if (!add_bottleneck(model, in, width, i == 0))
                return false;
    return add_matrix(model, CLASSES, in) && add_vector(model, CLASSES);
}
