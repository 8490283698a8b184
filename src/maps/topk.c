/*
 * The k largest entries, ties to the lower index; the others become 0.
 *
 *     abs_topk:     the k of largest modulus, signs kept: the projection onto vectors with at most k entries not 0
 *     topk_relu:    those of the k largest that are positive
 *     lmo_ksparse:  over the convex hull of the vectors with at most k entries not 0, none larger than the radius:
 *                   -radius sign(g) on the k of largest modulus, sign(0) = 1
 */
#include "blocks/select.h"
#include "engine/map.h"

enum { K, RADIUS };
#define K_ROW [K] = {"k", 1, "integer [1,inf)", "entries that stay; more than there are: all"}
static const option_t K_OPTIONS[] = {K_ROW, {0}};
static const option_t KSPARSE_OPTIONS[] = {K_ROW, [RADIUS] = {"radius", 1, "(0,inf)", "the largest entry"}, {0}};

static void apply_abs_topk(const map_call_t *m, size_t n, void *data) {
    real *v = data;
    select_top_t top = select_top(n, v, m->option[K], true, m->work);
    for (size_t i = 0; i < n; ++i)
        v[i] = select_takes(&top, (double)fabs(v[i])) ? v[i] : 0;
}

static double value_abs_topk(const map_call_t *m, size_t n, const void *data) {
    const real *v = data;
    double count = 0;
    for (size_t i = 0; i < n; ++i)
        count += v[i] != 0;
    return count <= m->option[K] ? 0 : (double)INFINITY;
}

static void apply_topk_relu(const map_call_t *m, size_t n, void *data) {
    real *v = data;
    select_top_t top = select_top(n, v, m->option[K], false, m->work);
    for (size_t i = 0; i < n; ++i)
        v[i] = select_takes(&top, (double)v[i]) ? larger(v[i], 0) : 0;
}

static double value_topk_relu(const map_call_t *m, size_t n, const void *data) {
    const real *v = data;
    for (size_t i = 0; i < n; ++i)
        if (v[i] < 0)
            return (double)INFINITY;
    return value_abs_topk(m, n, data);
}

static void apply_lmo_ksparse(const map_call_t *m, size_t n, void *data) {
    const real radius = (real)m->option[RADIUS];
    real *v = data;
    select_top_t top = select_top(n, v, m->option[K], true, m->work);
    for (size_t i = 0; i < n; ++i) {
        const real vertex = v[i] >= 0 ? -radius : radius;
        v[i] = select_takes(&top, (double)fabs(v[i])) ? vertex : 0;
    }
}

static const char ABSTOPK[] = "AbsTopK: Rethinking Sparse Autoencoders for Bidirectional Features, 2025";

const map_t MAP(abs_topk) = {
    .name = "abs_topk",
    .purpose = "keeps the k entries of largest modulus: the projection onto k-sparse vectors",
    .citation = ABSTOPK,
    .options = K_OPTIONS,
    .role = MAP_PROJECTION,
    .reach = MAP_TENSOR,
    .workspace = select_workspace,
    .apply = apply_abs_topk,
    .value = value_abs_topk,
};

const map_t MAP(topk_relu) = {
    .name = "topk_relu",
    .purpose = "keeps those of the k largest entries that are positive",
    .citation = ABSTOPK,
    .options = K_OPTIONS,
    .role = MAP_PROJECTION,
    .reach = MAP_TENSOR,
    .workspace = select_workspace,
    .apply = apply_topk_relu,
    .value = value_topk_relu,
};

const map_t MAP(lmo_ksparse) = {
    .name = "lmo_ksparse",
    .purpose = "the vertex of the k-sparse polytope with the least inner product",
    .citation = "Pokutta, Spiegel, Zimmer: Deep Neural Network Training with Frank-Wolfe, 2020, arXiv:2010.07243",
    .options = KSPARSE_OPTIONS,
    .role = MAP_ORACLE,
    .reach = MAP_TENSOR,
    .workspace = select_workspace,
    .apply = apply_lmo_ksparse,
};
