/*
 * When to enlarge the batch: the tests of Lau, Liu, Kolar, "AdAdaGrad: Adaptive Batch Size Schemes for Adaptive
 * Gradient Methods", 2024, from n per-sample gradients g_i with mean m, sample variances with n - 1, all tensors one
 * vector.
 *
 *     norm           ceil(sum_j var_j / (eta^2 |m|^2))
 *     inner_product  ceil(var_i(<g_i, m>) / (theta^2 |m|^4))
 *     orthogonality  ceil(sum_j var_j(r) / (nu^2 |m|^2)),   r_i = g_i - <g_i, m> / |m|^2 m
 *     augmented      the larger of the last two
 *     coordinate     ceil(max_j var_j / (eta^2 m_j^2))
 *     next size = min(max, max(test, n, size));   m = 0: max
 *
 * r is what the projection along m leaves, so sum_j var_j(r) = sum_j var_j - var_i(<g_i, m>) / |m|^2. Fed with means of
 * micro-batches, variances are multiplied by their size. Means and variances are kept in double and updated gradient by
 * gradient (16 bytes an element); inner_product, orthogonality and augmented also keep the gradients of a window.
 */
#include <stdlib.h>
#include <string.h>

#include "advice/guard.h"
#include "base/memory.h"
#include "base/option.h"
#include "engine/engine.h"
#include "optim/advice.h"

enum { TEST_NORM, TEST_INNER_PRODUCT, TEST_ORTHOGONALITY, TEST_AUGMENTED, TEST_COORDINATE, TESTS };

enum { TEST, ETA, THETA, NU, MAX, SIZE, MICROBATCH, GRADIENTS, OPTION_COUNT };
static const option_t OPTIONS[] = {
    [TEST] = {"test", TEST_NORM, "norm|inner_product|orthogonality|augmented|coordinate", ""},
    [ETA] = {"eta", 0.1, "(0,inf)", ""},
    [THETA] = {"theta", 0.9, "(0,inf)", ""},
    [NU] = {"nu", 5.84, "(0,inf)", ""},
    [MAX] = {"max", 0, "integer [0,inf)", ""},
    [SIZE] = {"size", 1, "integer [1,inf)", ""},
    [MICROBATCH] = {"microbatch", 1, "integer [1,inf)", ""},
    [GRADIENTS] = {"gradients", 16, "integer [2,inf)", ""},
    {0},
};

struct optim_batch {
    double option[OPTION_COUNT];
    double size;
    optim_dtype dtype;
    int tensors;
    size_t *count; /* elements of each tensor */
    size_t elements;
    size_t fed;            /* gradients of this window */
    double *mean, *spread; /* by element: mean, and sum of squares about it */
    char *kept;            /* the window's gradients, or NULL */
};

static bool keeps_gradients(int test) {
    return test == TEST_INNER_PRODUCT || test == TEST_ORTHOGONALITY || test == TEST_AUGMENTED;
}

/* ---- Life ---- */

void optim_batch_destroy(optim_batch_t *batch) {
    if (batch == NULL)
        return;
    free(batch->count);
    free(batch->mean);
    free(batch->kept);
    free(batch);
}

static optim_status read_option(void *context, const option_pair_t *pair) {
    optim_batch_t *batch = context;
    const int i = option_find(OPTIONS, pair->key, pair->key_length);
    if (i < 0)
        return option_refuse(OPTIONS, "a batch", pair->key, pair->key_length);
    return option_parse(&OPTIONS[i], pair->value, pair->value_length, &batch->option[i]);
}

static optim_status read_options(optim_batch_t *batch, const char *options) {
    for (int i = 0; i < OPTION_COUNT; ++i)
        batch->option[i] = OPTIONS[i].initial;
    const optim_status status = option_read(options, read_option, batch);
    if (status != OPTIM_OK)
        return status;
    batch->size = batch->option[SIZE];
    if (batch->option[MAX] < batch->size)
        return error_set(OPTIM_ERR_VALUE, batch->option[MAX] == 0 ? "option \"max\" is missing"
                                                                  : "option \"max\" must not lie below \"size\"");
    return OPTIM_OK;
}

static optim_status read_sizes(optim_batch_t *batch, int tensors, const int64_t *counts) {
    batch->count = calloc((size_t)tensors + 1, sizeof *batch->count);
    if (batch->count == NULL)
        return error_nomem("making a batch");
    for (batch->tensors = 0; batch->tensors < tensors; ++batch->tensors) {
        const int64_t count = counts[batch->tensors];
        if (count < 0)
            return error_set(OPTIM_ERR_SHAPE, "tensor %d cannot have %lld elements", batch->tensors, (long long)count);
        if (!size_of_count(count, &batch->count[batch->tensors]) ||
            !size_add(batch->elements, batch->count[batch->tensors], &batch->elements))
            return error_set(OPTIM_ERR_SIZE, "the tensors have too many elements");
    }
    return OPTIM_OK;
}

static optim_status take_memory(optim_batch_t *batch) {
    const double gradients = batch->option[GRADIENTS];
    size_t bytes, kept = 0;
    bool fits = size_multiply(batch->elements, 2 * sizeof(double), &bytes) && bytes < SIZE_MAX;
    if (keeps_gradients((int)batch->option[TEST]))
        fits = fits && gradients < 1e15 && size_multiply(batch->elements, dtype_size(batch->dtype), &kept) &&
               size_multiply(kept, size_of_number(gradients), &kept) && kept < SIZE_MAX;
    if (!fits)
        return error_set(OPTIM_ERR_SIZE, "a batch with so many elements and gradients overflows the address space");
    batch->mean = calloc(bytes + 1, 1);
    batch->kept = kept > 0 ? malloc(kept) : NULL;
    if (batch->mean == NULL || (kept > 0 && batch->kept == NULL))
        return error_nomem("making a batch");
    batch->spread = batch->mean + batch->elements;
    return OPTIM_OK;
}

optim_status optim_batch_create(optim_batch_t **out, const char *options, optim_dtype dtype, int tensors,
                                const int64_t *counts) {
    optim_status status = refuse_null(out, "out");
    if (status != OPTIM_OK)
        return status;
    enum { MOST_TENSORS = 1 << 24 }; /* more is no count but an uninitialised number */
    *out = NULL;
    status = advice_refuse_dtype(dtype);
    if (status == OPTIM_OK && (tensors < 1 || tensors > MOST_TENSORS))
        status =
            error_set(OPTIM_ERR_ARGUMENT, "there cannot be %d tensors; valid: 1 to %d", tensors, (int)MOST_TENSORS);
    if (status == OPTIM_OK)
        status = refuse_null(counts, "counts");
    if (status != OPTIM_OK)
        return status;
    optim_batch_t *batch = calloc(1, sizeof *batch);
    if (batch == NULL)
        return error_nomem("making a batch");
    batch->dtype = dtype;
    status = read_options(batch, options);
    if (status == OPTIM_OK)
        status = read_sizes(batch, tensors, counts);
    if (status == OPTIM_OK)
        status = take_memory(batch);
    if (status != OPTIM_OK)
        optim_batch_destroy(batch);
    else
        *out = batch;
    return status;
}

/* ---- Feeding ---- */

static char *kept_gradient(const optim_batch_t *batch, size_t i) {
    return batch->kept + i * batch->elements * dtype_size(batch->dtype);
}

/* Mean and squares about it, with `n` elements of one gradient more (Welford). */
static void take(optim_batch_t *batch, size_t at, const double *g, size_t n) {
    double *mean = batch->mean + at, *spread = batch->spread + at;
    for (size_t i = 0; i < n; ++i) {
        const double off = g[i] - mean[i];
        mean[i] += off / (double)batch->fed;
        spread[i] += off * (g[i] - mean[i]);
    }
}

optim_status optim_batch_add(optim_batch_t *batch, const void *const *gradients) {
    optim_status status = refuse_null(batch, "batch");
    if (status == OPTIM_OK)
        status = refuse_null(gradients, "gradients");
    for (int i = 0; status == OPTIM_OK && i < batch->tensors; ++i)
        if (batch->count[i] > 0 && gradients[i] == NULL)
            status = error_set(OPTIM_ERR_NULL, "argument \"gradients[%d]\" must not be NULL", i);
    if (status == OPTIM_OK && batch->kept != NULL && (double)batch->fed >= batch->option[GRADIENTS])
        status =
            error_set(OPTIM_ERR_ORDER, "the window is full: \"gradients\" made room for %g; optim_batch_next first",
                      batch->option[GRADIENTS]);
    if (status != OPTIM_OK)
        return status;
    const primitives_t *primitives = engine_primitives(0);
    const size_t size = dtype_size(batch->dtype);
    size_t flat = 0;
    ++batch->fed;
    for (int tensor = 0; tensor < batch->tensors; flat += batch->count[tensor], ++tensor) {
        const char *gradient = gradients[tensor];
        const size_t count = batch->count[tensor];
        double g[READ_ELEMENTS];
        for (size_t at = 0, n; (n = primitives_read(primitives, batch->dtype, gradient, count, at, g)) > 0; at += n)
            take(batch, flat + at, g, n);
        if (batch->kept != NULL && count > 0)
            memcpy(kept_gradient(batch, batch->fed - 1) + flat * size, gradient, count * size);
    }
    return OPTIM_OK;
}

/* ---- Tests ---- */

static double dot_with_mean(const optim_batch_t *batch, const char *gradient) {
    const primitives_t *primitives = engine_primitives(0);
    double g[READ_ELEMENTS], sum = 0;
    for (size_t at = 0, n; (n = primitives_read(primitives, batch->dtype, gradient, batch->elements, at, g)) > 0;
         at += n) {
        for (size_t i = 0; i < n; ++i)
            g[i] *= batch->mean[at + i];
        sum += primitives->sum(n, g);
    }
    return sum;
}

/* Sample variance of <g_i, m>, whose mean is |m|^2. */
static double variance_along_mean(const optim_batch_t *batch, double mean_square) {
    double squares = 0;
    for (size_t i = 0; i < batch->fed; ++i) {
        const double off = dot_with_mean(batch, kept_gradient(batch, i)) - mean_square;
        squares += off * off;
    }
    return squares / (double)(batch->fed - 1);
}

/* What the test asks for, not yet a whole number; infinite where the mean is 0. */
static double asked(const optim_batch_t *batch, int test) {
    const double *o = batch->option, scale = o[MICROBATCH] / (double)(batch->fed - 1);
    double mean_square = 0, spread = 0, worst = 0;
    for (size_t i = 0; i < batch->elements; ++i) {
        const double square = batch->mean[i] * batch->mean[i], variance = batch->spread[i] * scale;
        mean_square += square;
        spread += variance;
        const double ratio = variance == 0 ? 0 : variance / square;
        worst = ratio > worst || isnan(ratio) ? ratio : worst;
    }
    if (mean_square == 0)
        return HUGE_VAL;
    if (test == TEST_NORM)
        return spread / (o[ETA] * o[ETA] * mean_square);
    if (test == TEST_COORDINATE)
        return worst / (o[ETA] * o[ETA]);
    const double along = variance_along_mean(batch, mean_square) * o[MICROBATCH];
    const double inner = along / (o[THETA] * o[THETA] * mean_square * mean_square);
    const double orthogonal = (spread - along / mean_square) / (o[NU] * o[NU] * mean_square);
    if (test == TEST_INNER_PRODUCT)
        return inner;
    if (test == TEST_ORTHOGONALITY)
        return orthogonal < 0 ? 0 : orthogonal;
    return orthogonal > inner ? orthogonal : inner;
}

static optim_status refuse_few(const optim_batch_t *batch) {
    if (batch->fed >= 2)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_ORDER, "a variance needs two gradients or more; %zu have been added", batch->fed);
}

optim_status optim_batch_test(const optim_batch_t *batch, const char *test, double *size) {
    double which = 0;
    optim_status status = refuse_null(batch, "batch");
    if (status == OPTIM_OK)
        status = refuse_null(test, "test");
    if (status == OPTIM_OK)
        status = refuse_null(size, "size");
    if (status == OPTIM_OK)
        status = option_parse(&OPTIONS[TEST], test, strlen(test), &which);
    if (status == OPTIM_OK && keeps_gradients((int)which) && !keeps_gradients((int)batch->option[TEST]))
        status = error_set(OPTIM_ERR_MISMATCH, "test \"%s\" needs the gradients, which this batch does not keep", test);
    if (status == OPTIM_OK)
        status = refuse_few(batch);
    if (status == OPTIM_OK)
        *size = ceil(asked(batch, (int)which));
    return status;
}

optim_status optim_batch_next(optim_batch_t *batch, int64_t *size) {
    optim_status status = refuse_null(batch, "batch");
    if (status == OPTIM_OK)
        status = refuse_null(size, "size");
    if (status == OPTIM_OK)
        status = refuse_few(batch);
    if (status != OPTIM_OK)
        return status;
    const double wanted = ceil(asked(batch, (int)batch->option[TEST]));
    const double samples = (double)batch->fed * batch->option[MICROBATCH];
    batch->fed = 0;
    memset(batch->mean, 0, 2 * batch->elements * sizeof *batch->mean);
    if (isnan(wanted))
        return error_set(OPTIM_ERR_NONFINITE, "a gradient of the window is not finite; the window was dropped");
    batch->size = fmin(batch->option[MAX], fmax(batch->size, fmax(wanted, samples)));
    *size = (int64_t)batch->size;
    return OPTIM_OK;
}
