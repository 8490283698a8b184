/*
 * Conversions between bf16, f16, f32 and f64 at every instruction-set level that this machine runs, at any length, alignment
 * and position, against the definitions of the formats (tests/common/element.h): loading, storing to nearest, storing at
 * random, and parameters with a Kahan carry over a few steps of SGD. The input: what, dtype, length, offsets, a key, and then
 * the values' bits, repeated as often as the length wants.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "element.h"
#include "engine/engine.h"
#include "fuzz.h"
#include "kernels/primitives.h"

enum { LONGEST = 600, EDGE = 32, STEPS = 4 };

typedef struct job {
    optim_dtype dtype;
    size_t n, from_skip, to_skip, split; /* bytes off alignment; where a store at random is cut in two */
    uint64_t key, first;
    bytes_t values;
} job_t;

/* Word i of the values' bits; zero if there are none. */
static uint64_t word_at(const job_t *job, size_t i, size_t size) {
    uint64_t word = 0;
    for (size_t b = 0; b < size && job->values.left > 0; ++b)
        word |= (uint64_t)job->values.at[(i * size + b) % job->values.left] << (8 * b);
    return word;
}

static float float_at(const job_t *job, size_t i) {
    const uint32_t bits = (uint32_t)word_at(job, i, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double double_at(const job_t *job, size_t i) {
    const uint64_t bits = word_at(job, i, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* `size` bytes, `skip` off alignment, that end where their memory ends. */
static char *buffer(size_t size, size_t skip, char **block) {
    *block = fuzz_memory(size + skip);
    memset(*block, 0xA5, size + skip);
    return *block + skip;
}

static bool same(double a, double b) {
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

static void differs(const char *what, const job_t *job, int level, size_t i, double from, double got, double want) {
    fuzz_fail("%s, dtype %d, level %s, element %zu of %zu: %a became %a, not %a", what, job->dtype,
              ENGINE_LEVEL_NAMES[level], i, job->n, from, got, want);
}

/* ---- Loading ---- */

static void check_load(const job_t *job, int level) {
    const primitives_t *primitives = engine_primitives(level);
    const size_t size = element_size(job->dtype);
    char *block;
    char *from = buffer(job->n * size, job->from_skip, &block);
    float *narrow = fuzz_memory(job->n * sizeof *narrow);
    double *wide = fuzz_memory(job->n * sizeof *wide);
    for (size_t i = 0; i < job->n; ++i) {
        const uint64_t bits = word_at(job, i, size);
        memcpy(from + i * size, &bits, size);
    }
    primitives->load_f32(job->dtype, job->n, from, narrow);
    primitives->load_f64(job->dtype, job->n, from, wide);
    for (size_t i = 0; i < job->n; ++i) {
        const double is = element_read(job->dtype, from, i);
        if (!same(wide[i], is))
            differs("load_f64", job, level, i, is, wide[i], is);
        if (!same((double)narrow[i], element_round(OPTIM_F32, is)))
            differs("load_f32", job, level, i, is, (double)narrow[i], element_round(OPTIM_F32, is));
    }
    free(block);
    free(narrow);
    free(wide);
}

/* ---- Storing ---- */

static void check_store_f32(const job_t *job, int level) {
    const optim_dtype dtype = job->dtype == OPTIM_F64 ? OPTIM_F32 : job->dtype; /* f64 is never stored from f32 */
    char *block;
    char *to = buffer(job->n * element_size(dtype), job->to_skip, &block);
    float *from = fuzz_memory(job->n * sizeof *from);
    for (size_t i = 0; i < job->n; ++i)
        from[i] = float_at(job, i);
    engine_primitives(level)->store_f32(dtype, job->n, from, to);
    for (size_t i = 0; i < job->n; ++i)
        if (!same(element_read(dtype, to, i), element_round(dtype, (double)from[i])))
            differs("store_f32", job, level, i, (double)from[i], element_read(dtype, to, i),
                    element_round(dtype, (double)from[i]));
    free(block);
    free(from);
}

/* Rounded once: not to f32 first. */
static void check_store_f64(const job_t *job, int level) {
    const optim_dtype dtype = job->dtype == OPTIM_F16 ? OPTIM_F64 : job->dtype; /* f16 is never stored from f64 */
    char *block;
    char *to = buffer(job->n * element_size(dtype), job->to_skip, &block);
    double *from = fuzz_memory(job->n * sizeof *from);
    for (size_t i = 0; i < job->n; ++i)
        from[i] = double_at(job, i);
    engine_primitives(level)->store_f64(dtype, job->n, from, to);
    for (size_t i = 0; i < job->n; ++i) {
        const double want = element_round(dtype, from[i]), got = element_read(dtype, to, i);
        if (!same(got, want))
            differs("store_f64", job, level, i, from[i], got, want);
    }
    free(block);
    free(from);
}

/* ---- At random ---- */

/* The largest number of the format that is no further from 0 than `value`. */
static double towards_zero(optim_dtype dtype, double value) {
    const uint16_t nearest = half_narrow(dtype, value);
    return fabs(half_widen(dtype, nearest)) <= fabs(value) ? half_widen(dtype, nearest)
                                                           : half_widen(dtype, (uint16_t)(nearest - 1));
}

static double away_from_zero(optim_dtype dtype, double value) {
    const double below = towards_zero(dtype, value);
    return fabs(below) == fabs(value) ? below : half_widen(dtype, (uint16_t)(half_narrow(dtype, below) + 1));
}

/* One of the two neighbours; the number itself if the format has it; the same at every level and however it is cut. */
static void check_store_random(const job_t *job, int level) {
    const optim_dtype dtype = job->dtype == OPTIM_F16 ? OPTIM_F16 : OPTIM_BF16;
    const size_t split = job->n == 0 ? 0 : job->split % job->n;
    char *block, *other_block;
    char *to = buffer(job->n * 2, job->to_skip, &block), *other = buffer(job->n * 2, 0, &other_block);
    float *from = fuzz_memory(job->n * sizeof *from);
    for (size_t i = 0; i < job->n; ++i)
        from[i] = float_at(job, i);
    engine_primitives(level)->store_random(dtype, job->n, from, job->key, job->first, to);
    primitives_base.store_random(dtype, split, from, job->key, job->first, other);
    primitives_base.store_random(dtype, job->n - split, from + split, job->key, job->first + split, other + 2 * split);
    for (size_t i = 0; i < job->n; ++i) {
        const double value = (double)from[i], got = element_read(dtype, to, i);
        const double low = towards_zero(dtype, value), high = away_from_zero(dtype, value);
        if (memcmp(to + 2 * i, other + 2 * i, 2) != 0)
            differs("store_random, cut in two", job, level, i, value, got, element_read(dtype, other, i));
        const bool neighbour = isnan(value) ? isnan(got) : same(got, low) || same(got, high);
        const bool too_large = fabs(value) > fabs(low) && isinf(high); /* beyond the largest: to nearest */
        if (!neighbour || (too_large && !same(got, element_round(dtype, value))))
            differs("store_random", job, level, i, value, got, low);
    }
    free(block);
    free(other_block);
    free(from);
}

/* ---- Kahan ---- */

/* What one step of SGD with lr = 1 makes of a 16-bit parameter and its carry, both multiples of the format's numbers. */
static void kahan_step(optim_dtype dtype, float *p, float *carry, float g) {
    const float real = *p + *carry, next = real - g;
    *p = (float)element_round(dtype, (double)next);
    const float lost = next - *p;
    *carry = isfinite(lost) ? (float)towards_zero(dtype, (double)lost) : lost;
}

static void check_kahan(const job_t *job, int level) {
    const optim_dtype dtype = job->dtype == OPTIM_F16 ? OPTIM_F16 : OPTIM_BF16;
    const int64_t dims[] = {(int64_t)job->n};
    char *block, *grad_block;
    char *data = buffer(job->n * 2, job->to_skip, &block), *grad = buffer(job->n * 2, job->from_skip, &grad_block);
    float *p = fuzz_memory(job->n * sizeof *p), *carry = fuzz_memory(job->n * sizeof *carry);
    optim_t *opt;
    if (setenv("GRADOPT_LEVEL", ENGINE_LEVEL_NAMES[level], 1) != 0 ||
        optim_create(&opt, "sgd", "lr=1,rounding=kahan") != OPTIM_OK || optim_set_threads(opt, 1) != OPTIM_OK ||
        optim_add_param(opt, 0, "p", dtype, 1, dims, data, grad) != OPTIM_OK)
        fuzz_fail("sgd with rounding=kahan is refused");
    for (size_t i = 0; i < job->n; ++i) {
        const uint64_t bits = word_at(job, i, 2);
        memcpy(data + 2 * i, &bits, 2);
        p[i] = (float)element_read(dtype, data, i);
        carry[i] = 0;
    }
    for (size_t step = 1; step <= STEPS; ++step) {
        for (size_t i = 0; i < job->n; ++i) {
            const uint64_t bits = word_at(job, i * 3 + step * 7, 2);
            memcpy(grad + 2 * i, &bits, 2);
            kahan_step(dtype, &p[i], &carry[i], (float)element_read(dtype, grad, i));
        }
        if (optim_step(opt) != OPTIM_OK)
            fuzz_fail("a step of sgd failed");
        for (size_t i = 0; i < job->n; ++i)
            if (!same(element_read(dtype, data, i), (double)p[i]))
                differs("kahan", job, level, i, (double)step, element_read(dtype, data, i), (double)p[i]);
    }
    optim_destroy(opt);
    free(block);
    free(grad_block);
    free(p);
    free(carry);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const CHECKS[])(const job_t *, int) = {check_load, check_store_f32, check_store_f64,
                                                         check_store_random, check_kahan};
    bytes_t bytes = {data, size};
    const size_t check = bytes_below(&bytes, sizeof CHECKS / sizeof *CHECKS);
    job_t job = {.dtype = (optim_dtype)bytes_below(&bytes, 4), .n = bytes_below(&bytes, LONGEST + 1)};
    job.from_skip = bytes_below(&bytes, EDGE);
    job.to_skip = bytes_below(&bytes, EDGE);
    job.split = bytes_below(&bytes, LONGEST);
    for (int i = 0; i < 8; ++i)
        job.key = job.key << 8 | bytes_one(&bytes);
    job.first = (uint64_t)bytes_one(&bytes) << (bytes_one(&bytes) % 57);
    job.values = bytes;
    for (int level = 0; level <= engine_best_level(); ++level) {
        CHECKS[check](&job, level);
        (void)unsetenv("GRADOPT_LEVEL");
    }
    return 0;
}
