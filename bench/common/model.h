/* Lists of tensor shapes to be stepped. */
#ifndef BENCH_MODEL_H
#define BENCH_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct shape {
    int ndim;
    int64_t dims[4];
} shape_t;

typedef struct model {
    shape_t *shapes;
    size_t tensors, elements, capacity;
} model_t;

size_t shape_elements(const shape_t *shape);

/* Each fills an empty model; false: out of memory. model_free empties it, whatever happened. */
bool model_equal(model_t *model, size_t elements, size_t tensors); /* vectors of (almost) equal length */
bool model_small(model_t *model, size_t tensors);                  /* 1 to 4096 elements, log-uniform */
bool model_matrix(model_t *model, int64_t rows, int64_t columns);
bool model_gpt2(model_t *model); /* GPT-2-small */
bool model_resnet50(model_t *model);
void model_free(model_t *model);

#endif
