/*
 * topk, randk: a few entries are sent, the others become 0.
 *
 * Stich, Cordonnier, Jaggi, "Sparsified SGD with Memory", 2018, arXiv:1809.07599.
 *
 *     K = min(n, k if k > 0, else max(1, ceil(density n)))
 *     topk:   the K entries of largest modulus, ties to the lower index:  contractive with delta = K / n
 *     randk:  random = 0: entries (tau K + j) mod n, j < K, of step tau;
 *             random = 1: the first K of a random permutation
 *             scaled = 1: times n / K: unbiased with omega = n / K - 1;  scaled = 0: contractive with delta = K / n
 *
 * The permutation is p = 0..n-1, for i = n-1 down to 1: p_i <-> p_j, j uniform in 0..i; all n - 1 numbers are drawn.
 * Message: K values, and for topk K indices; randk's follow from the step or the seed.
 */
#include "blocks/select.h"
#include "engine/compressor.h"
#include "kernels/random.h"

enum { COUNT, DENSITY, SCALED, RANDOM };
#define COUNT_ROWS                                                                                                     \
    [COUNT] = {"k", 0, "integer [0,inf)", "entries that are kept; 0: by density"},                                     \
    [DENSITY] = {"density", 0.01, "(0,1]", "share of the entries that is kept, at least one"}
static const option_t TOPK_OPTIONS[] = {COUNT_ROWS, {0}};
static const option_t RANDK_OPTIONS[] = {
    COUNT_ROWS,
    [SCALED] = {"scaled", 1, "0|1", "multiply what is kept, so that the mean is right"},
    [RANDOM] = {"random", 0, "0|1", "draw the entries (1) or take them in turn (0)"},
    {0},
};

static size_t kept(const double *option, size_t n) {
    const double count = option[COUNT] > 0 ? option[COUNT] : fmax(1.0, ceil(option[DENSITY] * (double)n));
    return count < (double)n ? (size_t)count : n;
}

static double share(const double *option, size_t n) {
    return n == 0 ? 1 : (double)kept(option, n) / (double)n;
}

static double index_bits(size_t n) {
    return n > 1 ? ceil(log2((double)n)) : 0;
}

/* ---- topk ---- */

static size_t topk_workspace(const double *option, size_t n) {
    (void)option;
    return n;
}

static void apply_topk(const compressor_call_t *c, size_t n, void *data) {
    real *v = data;
    select_top_t top = select_top(n, v, (double)kept(c->option, n), true, c->work);
    for (size_t i = 0; i < n; ++i)
        v[i] = select_takes(&top, (double)fabs(v[i])) ? v[i] : 0;
}

static double topk_bits(const double *option, size_t n, double real_bits) {
    return (double)kept(option, n) * (real_bits + index_bits(n));
}

/* ---- randk ---- */

static uint64_t randk_draws(const double *option, size_t n) {
    return option[RANDOM] != 0 && n > 1 ? n - 1 : 0;
}

static size_t randk_workspace(const double *option, size_t n) {
    return option[RANDOM] != 0 ? n : 0;
}

/* order[0..n): a permutation. */
static void permute(const compressor_call_t *c, size_t n, double *order) {
    uint64_t word = c->first;
    for (size_t i = 0; i < n; ++i)
        order[i] = (double)i;
    for (size_t i = n - 1; i > 0; --i) {
        const size_t j = (size_t)((double)(i + 1) * random_uniform(c->seed, word++));
        const double moved = order[i];
        order[i] = order[j];
        order[j] = moved;
    }
}

/* The run of k entries that begins at `first`, around the end; all others become 0. */
static void keep_run(size_t n, size_t first, size_t k, real factor, real *v) {
    for (size_t i = 0; i < n; ++i) {
        const size_t place = i >= first ? i - first : n - first + i;
        v[i] = place < k ? v[i] * factor : 0;
    }
}

static void apply_randk(const compressor_call_t *c, size_t n, void *data) {
    real *v = data;
    const size_t k = kept(c->option, n);
    const real factor = c->option[SCALED] != 0 ? (real)((double)n / (double)k) : 1;
    if (c->option[RANDOM] == 0) {
        keep_run(n, (size_t)fmod(c->step * (double)k, (double)n), k, factor, v);
        return;
    }
    permute(c, n, c->work);
    for (size_t j = 0; j < n; ++j) {
        real *entry = &v[(size_t)c->work[j]];
        *entry = j < k ? *entry * factor : 0;
    }
}

static double randk_bits(const double *option, size_t n, double real_bits) {
    return (double)kept(option, n) * real_bits;
}

/* Taken in turn, the entries of one step may be those that are 0. */
static double randk_contraction(const double *option, size_t n) {
    return option[SCALED] == 0 && option[RANDOM] != 0 ? share(option, n) : (double)NAN;
}

static double randk_variance(const double *option, size_t n) {
    return option[SCALED] != 0 && option[RANDOM] != 0 ? 1 / share(option, n) - 1 : (double)NAN;
}

static const char CITATION[] = "Stich, Cordonnier, Jaggi: Sparsified SGD with Memory, 2018, arXiv:1809.07599";

const compressor_t COMPRESSOR(topk) = {
    .name = "topk",
    .purpose = "keeps the entries of largest modulus",
    .citation = CITATION,
    .options = TOPK_OPTIONS,
    .workspace = topk_workspace,
    .apply = apply_topk,
    .bits = topk_bits,
    .contraction = share,
};

const compressor_t COMPRESSOR(randk) = {
    .name = "randk",
    .purpose = "keeps some entries, in turn or at random",
    .citation = CITATION,
    .options = RANDK_OPTIONS,
    .draws = randk_draws,
    .workspace = randk_workspace,
    .apply = apply_randk,
    .bits = randk_bits,
    .contraction = randk_contraction,
    .variance = randk_variance,
};
