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
 * Message of topk: K, K values, K indices, rising. Of randk: K, a byte (random), two words from which the entries
 * follow (0 and the first of the run; or the seed and the first word of the draws), K values in their order.
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

/* K of a message. */
static size_t read_count(incoming_t *r, size_t n, const char **wrong) {
    const uint64_t k = incoming_get(r, 64);
    *wrong = k > n ? "it has more entries than the vector" : NULL;
    return (size_t)k;
}

static void clear(size_t n, real *v) {
    for (size_t i = 0; i < n; ++i)
        v[i] = 0;
}

/* ---- topk ---- */

static size_t topk_workspace(const double *option, size_t n) {
    (void)option;
    return n;
}

static void apply_topk(const compressor_call_t *c, size_t n, void *data) {
    real *v = data;
    select_top_t top = select_top(n, v, (double)kept(c->option, n), true, c->work);
    for (size_t begin = 0, i; begin < n; begin = i + 1) {
        i = select_next(&top, n, v, begin);
        clear(i - begin, v + begin);
    }
}

static void encode_topk(const compressor_call_t *c, message_t *m, size_t n, const void *data) {
    const real *v = data;
    select_top_t values = select_top(n, v, (double)kept(c->option, n), true, c->work), indices = values;
    message_put(m, kept(c->option, n), 64);
    for (size_t i = select_next(&values, n, v, 0); i < n; i = select_next(&values, n, v, i + 1))
        message_put_real(m, v[i]);
    for (size_t i = select_next(&indices, n, v, 0); i < n; i = select_next(&indices, n, v, i + 1))
        message_put(m, i, message_width(n - 1));
}

static const char *decode_topk(compressor_call_t *c, incoming_t *r, size_t n, void *data) {
    const char *wrong;
    const size_t k = read_count(r, n, &wrong);
    real *v = data;
    incoming_t indices = *r;
    (void)c;
    if (wrong != NULL)
        return wrong;
    clear(n, v);
    indices.bit += 8 * sizeof(real) * (uint64_t)k;
    for (size_t j = 0, least = 0; j < k; ++j) {
        const uint64_t i = incoming_get(&indices, message_width(n - 1));
        if (i < least || i >= n)
            return "its indices do not rise, or lie beyond the vector";
        v[i] = incoming_get_real(r);
        least = (size_t)i + 1;
    }
    r->bit = indices.bit;
    return NULL;
}

static double topk_bits(const compressor_call_t *c, size_t n, double real_bits) {
    return 64 + (double)kept(c->option, n) * (real_bits + message_width(n - 1));
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

static size_t run_begins(const compressor_call_t *c, size_t n, size_t k) {
    return (size_t)fmod(c->step * (double)k, (double)n);
}

static real factor_of(const compressor_call_t *c, size_t n, size_t k) {
    return c->option[SCALED] != 0 ? (real)((double)n / (double)k) : 1;
}

static void apply_randk(const compressor_call_t *c, size_t n, void *data) {
    real *v = data;
    const size_t k = kept(c->option, n);
    const real factor = factor_of(c, n, k);
    if (c->option[RANDOM] == 0) {
        keep_run(n, run_begins(c, n, k), k, factor, v);
        return;
    }
    permute(c, n, c->work);
    for (size_t j = 0; j < n; ++j) {
        real *entry = &v[(size_t)c->work[j]];
        *entry = j < k ? *entry * factor : 0;
    }
}

/* The j-th entry that is kept: of the run, or of the permutation in c->work. */
static size_t kept_entry(const compressor_call_t *c, bool random, size_t first, size_t n, size_t j) {
    if (random)
        return (size_t)c->work[j];
    return j < n - first ? first + j : j - (n - first);
}

static void encode_randk(const compressor_call_t *c, message_t *m, size_t n, const void *data) {
    const real *v = data;
    const size_t k = kept(c->option, n), first = run_begins(c, n, k);
    const bool random = c->option[RANDOM] != 0;
    const real factor = factor_of(c, n, k);
    message_put(m, k, 64);
    message_put(m, random, 8);
    message_put(m, random ? c->seed : 0, 64);
    message_put(m, random ? c->first : first, 64);
    if (random)
        permute(c, n, c->work);
    for (size_t j = 0; j < k; ++j)
        message_put_real(m, v[kept_entry(c, random, first, n, j)] * factor);
}

static const char *decode_randk(compressor_call_t *c, incoming_t *r, size_t n, void *data) {
    const char *wrong;
    const size_t k = read_count(r, n, &wrong);
    const uint64_t random = incoming_get(r, 8);
    real *v = data;
    if (wrong != NULL)
        return wrong;
    c->seed = incoming_get(r, 64);
    c->first = incoming_get(r, 64);
    if (random > 1 || (random == 0 && (c->seed != 0 || c->first >= n)))
        return "its entries are neither a run of the vector's nor drawn";
    if (random != 0)
        permute(c, n, c->work);
    clear(n, v);
    for (size_t j = 0; j < k; ++j)
        v[kept_entry(c, random != 0, (size_t)c->first, n, j)] = incoming_get_real(r);
    return NULL;
}

static double randk_bits(const compressor_call_t *c, size_t n, double real_bits) {
    return 64 + 8 + 2 * 64 + (double)kept(c->option, n) * real_bits;
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
    .code = 2,
    .bits = topk_bits,
    .encode = encode_topk,
    .decode = decode_topk,
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
    .code = 3,
    .bits = randk_bits,
    .encode = encode_randk,
    .decode = decode_randk,
    .contraction = randk_contraction,
    .variance = randk_variance,
};
