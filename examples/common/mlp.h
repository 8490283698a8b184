/*
 * A perceptron with one hidden layer of tanh units and softmax cross-entropy, in float32 on CBLAS:
 *
 *     a = tanh(x W1' + b1),   p = softmax(a W2' + b2),   loss = mean over the batch of -log p[label]
 */
#ifndef EXAMPLES_MLP_H
#define EXAMPLES_MLP_H

#include <stddef.h>
#include <stdint.h>

enum { MLP_W1, MLP_B1, MLP_W2, MLP_B2, MLP_TENSORS };

typedef struct mlp_tensor {
    const char *name;
    int ndim;
    int64_t dims[2];
    size_t count; /* elements */
    float *value, *grad;
} mlp_tensor_t;

typedef struct batch {
    size_t rows;
    const float *x;             /* rows x inputs */
    const unsigned char *label; /* rows */
} batch_t;

typedef struct mlp {
    size_t inputs, hidden, outputs;
    mlp_tensor_t tensor[MLP_TENSORS];
    size_t parameters;      /* elements of all tensors */
    float *memory;          /* holds all that follows, and the tensors */
    float *a, *ra, *e, *re; /* rows x hidden: activations, their derivative along a direction; errors, likewise */
    float *p, *rp, *d;      /* rows x outputs: probabilities, their derivative along a direction; errors */
} mlp_t;

/* Makes a network for batches of up to `rows` rows, all parameters 0. Returns 0, or -1 when there is no memory. */
int mlp_create(mlp_t *net, size_t inputs, size_t hidden, size_t outputs, size_t rows);
void mlp_destroy(mlp_t *net);

/* Uniform weights with Glorot's bounds, biases 0. */
void mlp_init(mlp_t *net, uint64_t seed);

double mlp_loss(mlp_t *net, const batch_t *batch);
double mlp_gradient(mlp_t *net, const batch_t *batch); /* returns the loss, fills every tensor's grad */

/* Hessian of the loss times `direction`, exactly, by differentiating the gradient along it (Pearlmutter's R operator). */
void mlp_hessian_product(mlp_t *net, const batch_t *batch, const float *const direction[MLP_TENSORS],
                         float *const product[MLP_TENSORS]);

/* Draws a label for every row of the batch from the probabilities that the network gives it. */
void mlp_draw_labels(mlp_t *net, const batch_t *batch, uint64_t *random, unsigned char *label);

/* Share of the rows whose label gets the highest probability. */
double mlp_accuracy(mlp_t *net, const batch_t *batch);

#endif
