/* The handwritten digits: reading them, holding out a fifth, and drawing mini-batches. */
#ifndef EXAMPLES_DIGITS_H
#define EXAMPLES_DIGITS_H

#include "mlp.h"

#ifndef DIGITS_CSV
#define DIGITS_CSV "examples/data/digits.csv" /* from the top of the source tree */
#endif

enum { DIGITS_PIXELS = 64, DIGITS_CLASSES = 10 };

typedef struct digits {
    batch_t train, test; /* point into x and label */
    float *x;
    unsigned char *label;
} digits_t;

/* Reads `path` (NULL: DIGITS_CSV), divides pixels by 16, and holds out a random fifth, the same one each time. Returns 0, or -1 after
 * saying on stderr what is wrong. */
int digits_load(digits_t *digits, const char *path);
void digits_free(digits_t *digits);

/* Mini-batches without replacement: each pass over the rows is shuffled anew; rows that do not fill a batch are left
 * out of that pass. */
typedef struct sampler {
    const batch_t *from;
    size_t next;
    uint64_t random;
    size_t *order;
    float *x;
    unsigned char *label;
    batch_t batch; /* what sampler_next drew last */
} sampler_t;

/* rows == 0: every batch is all of `from`. Returns 0, or -1 when there is no memory. */
int sampler_create(sampler_t *sampler, const batch_t *from, size_t rows, uint64_t seed);
void sampler_destroy(sampler_t *sampler);
void sampler_next(sampler_t *sampler);

#endif
