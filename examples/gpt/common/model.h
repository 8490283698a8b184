/*
 * A small GPT: characters in, the next character out. Float32 on CBLAS; forward and backward by hand.
 *
 *     x = token[c] + position[t]
 *     x <- x + attention(norm(x) qkv') out',   x <- x + gelu(norm(x) up') down'      for every layer
 *     logits = norm(x) head',   loss = mean of -log softmax(logits)[next character]
 *
 * norm is (x - mean) / standard deviation times a gain; no tensor has a bias. Names in formulas are those of tensors.
 */
#ifndef GPT_MODEL_H
#define GPT_MODEL_H

#include <stddef.h>
#include <stdint.h>

typedef struct gpt_shape {
    int layers, heads, width, context, characters; /* heads divides width */
} gpt_shape_t;

/* A parameter: `hidden` ones are the matrices inside the layers. */
typedef struct gpt_tensor {
    char name[32];
    int ndim, hidden;
    int64_t dims[2];
    size_t count;
    float *value, *grad;
} gpt_tensor_t;

typedef struct gpt {
    gpt_shape_t shape;
    gpt_tensor_t *tensor;
    int tensors;
    float *values, *grads; /* of all tensors */
    size_t count;
    int batch;       /* rows of `context` characters that there is room for */
    float *activity; /* what forward leaves for backward */
    struct gpt_layer *layer;
} gpt_t;

/* Room for `batch` rows; weights are normal, their deviation 0.02, smaller where they end in the sum over layers.
 * Returns 0, or -1 when there is no memory. */
int gpt_create(gpt_t *net, gpt_shape_t shape, int batch, uint64_t seed);
void gpt_destroy(gpt_t *net);

/* Mean loss over rows x context characters: in[i] is followed by next[i]. */
double gpt_loss(gpt_t *net, int rows, const unsigned char *in, const unsigned char *next);
/* The same, and adds its gradient, times `scale`, to every grad. */
double gpt_gradient(gpt_t *net, int rows, const unsigned char *in, const unsigned char *next, float scale);
void gpt_zero_grad(gpt_t *net);

/* Logits of the character behind the last of `length` <= context ones; belongs to the net. */
const float *gpt_next(gpt_t *net, const unsigned char *text, int length);

#endif
