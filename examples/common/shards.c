#include "shards.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

int shards_load(shards_t *shards, const char *path, size_t rows, size_t batch, uint64_t seed) {
    *shards = (shards_t){.rows = rows, .batch = batch, .seed = seed};
    if (digits_load(&shards->digits, path) != 0)
        return -1;
    const batch_t *train = &shards->digits.train;
    size_t at = 0;
    shards->order = malloc(train->rows * sizeof *shards->order);
    if (shards->order == NULL) {
        fprintf(stderr, "not enough memory\n");
        return -1;
    }
    for (int label = 0; label < DIGITS_CLASSES; ++label) {
        shards->first[label] = at;
        for (size_t i = 0; i < train->rows; ++i)
            if (train->label[i] == label)
                shards->order[at++] = i;
    }
    shards->first[DIGITS_CLASSES] = at;
    return 0;
}

void shards_free(shards_t *shards) {
    digits_free(&shards->digits);
    free(shards->order);
}

/* The image that is row `row` of a client's. */
static size_t image(const shards_t *shards, int64_t client, size_t row) {
    const size_t c = (size_t)client, one = c % DIGITS_CLASSES;
    size_t label = one;
    if (row % 2 != 0) {
        label = (c / DIGITS_CLASSES + c + 1) % DIGITS_CLASSES;
        label = label == one ? (label + 1) % DIGITS_CLASSES : label;
    }
    uint64_t random = shards->seed + 1000003 * (uint64_t)c + row;
    const size_t first = shards->mixed ? 0 : shards->first[label];
    const size_t count = shards->first[shards->mixed ? DIGITS_CLASSES : label + 1] - first;
    return shards->order[first + (size_t)(random_uniform(&random) * (double)count)];
}

/* p <- probabilities of an image's labels; returns -log p[its own]. */
static double forward(const batch_t *from, size_t i, const double *w, double p[DIGITS_CLASSES]) {
    const float *x = from->x + i * DIGITS_PIXELS;
    double most = -(double)INFINITY, sum = 0;
    for (int k = 0; k < DIGITS_CLASSES; ++k)
        p[k] = w[DIGITS_PIXELS * DIGITS_CLASSES + k];
    for (int j = 0; j < DIGITS_PIXELS; ++j)
        for (int k = 0; k < DIGITS_CLASSES; ++k)
            p[k] += w[j * DIGITS_CLASSES + k] * (double)x[j];
    for (int k = 0; k < DIGITS_CLASSES; ++k)
        most = fmax(most, p[k]);
    const double own = p[from->label[i]] - most;
    for (int k = 0; k < DIGITS_CLASSES; ++k)
        sum += p[k] = exp(p[k] - most);
    for (int k = 0; k < DIGITS_CLASSES; ++k)
        p[k] /= sum;
    return log(sum) - own;
}

double shards_gradient(const shards_t *shards, int64_t client, uint64_t step, const double *w, double *grad) {
    const batch_t *train = &shards->digits.train;
    double loss = 0;
    memset(grad, 0, SHARD_PARAMETERS * sizeof *grad);
    for (size_t b = 0; b < shards->batch; ++b) {
        const size_t i = image(shards, client, (size_t)((step * shards->batch + b) % shards->rows));
        const float *x = train->x + i * DIGITS_PIXELS;
        double p[DIGITS_CLASSES];
        loss += forward(train, i, w, p) / (double)shards->batch;
        p[train->label[i]] -= 1;
        for (int k = 0; k < DIGITS_CLASSES; ++k)
            grad[DIGITS_PIXELS * DIGITS_CLASSES + k] += p[k] /= (double)shards->batch;
        for (int j = 0; j < DIGITS_PIXELS; ++j)
            for (int k = 0; k < DIGITS_CLASSES; ++k)
                grad[j * DIGITS_CLASSES + k] += p[k] * (double)x[j];
    }
    return loss;
}

double shards_loss(const shards_t *shards, const double *w) {
    const batch_t *train = &shards->digits.train;
    double p[DIGITS_CLASSES], sum = 0;
    for (size_t i = 0; i < train->rows; ++i)
        sum += forward(train, i, w, p);
    return sum / (double)train->rows;
}

double shards_accuracy(const shards_t *shards, const double *w) {
    const batch_t *test = &shards->digits.test;
    size_t right = 0;
    for (size_t i = 0; i < test->rows; ++i) {
        double p[DIGITS_CLASSES];
        int best = 0;
        (void)forward(test, i, w, p);
        for (int k = 1; k < DIGITS_CLASSES; ++k)
            best = p[k] > p[best] ? k : best;
        right += test->label[i] == best;
    }
    return (double)right / (double)test->rows;
}
