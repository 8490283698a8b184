/*
 * The handwritten digits in the hands of clients, and what they train: softmax regression in double,
 *
 *     p = softmax(W x + b),   loss = mean over rows of -log p[label],   w = (W by columns, b): 64 * 10 + 10 numbers
 *
 * Client c holds `rows` training images of two labels alone, (c mod 10) and ((c / 10 + c + 1) mod 10 or the next one
 * if that is the same), or, with `mixed`, of any; with many clients an image is in the hands of several.
 */
#ifndef EXAMPLES_SHARDS_H
#define EXAMPLES_SHARDS_H

#include "digits.h"

enum { SHARD_PARAMETERS = DIGITS_CLASSES * (DIGITS_PIXELS + 1) };

typedef struct shards {
    digits_t digits;
    size_t *order, first[DIGITS_CLASSES + 1]; /* training images by label */
    size_t rows, batch;
    uint64_t seed;
    int mixed;
} shards_t;

/* Return 0, or -1 after saying on stderr what is wrong. */
int shards_load(shards_t *shards, const char *path, size_t rows, size_t batch, uint64_t seed);
void shards_free(shards_t *shards);

/* The gradient of client's batch number `step` at w, and its loss; batches follow each other through its rows. */
double shards_gradient(const shards_t *shards, int64_t client, uint64_t step, const double *w, double *grad);

double shards_loss(const shards_t *shards, const double *w);     /* over all training images */
double shards_accuracy(const shards_t *shards, const double *w); /* of the images that are held out */

#endif
