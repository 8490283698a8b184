/*
 * Linear minimisation oracles of balls and the simplex: g becomes the s in the set with the least <g, s>.
 *
 *     lmo_l1:       the first i of largest |g_i|: s_i = -radius if g_i >= 0, else radius; others 0
 *     lmo_simplex:  radius e_i, the first i of the smallest g_i
 *     lmo_l2:       -radius g / |g|; 0 if g = 0
 *     lmo_linf:     -radius where g >= 0, radius elsewhere
 */
#include "engine/map.h"

enum { RADIUS };
static const option_t OPTIONS[] = {[RADIUS] = {"radius", 1, "(0,inf)", "of the set"}, {0}};

/* All entries 0 but one. */
static void set_vertex(size_t n, real *v, size_t at, real entry) {
    for (size_t i = 0; i < n; ++i)
        v[i] = 0;
    v[at] = entry;
}

static void apply_l1(const map_call_t *m, size_t n, void *data) {
    real *v = data;
    size_t at = 0;
    for (size_t i = 1; i < n; ++i)
        at = fabs(v[i]) > fabs(v[at]) ? i : at;
    const real radius = (real)m->option[RADIUS];
    set_vertex(n, v, at, v[at] >= 0 ? -radius : radius);
}

static void apply_simplex(const map_call_t *m, size_t n, void *data) {
    real *v = data;
    size_t at = 0;
    for (size_t i = 1; i < n; ++i)
        at = v[i] < v[at] ? i : at;
    set_vertex(n, v, at, (real)m->option[RADIUS]);
}

static void apply_l2(const map_call_t *m, size_t n, void *data) {
    real *v = data;
    const double norm = map_norm(n, v), radius = m->option[RADIUS];
    for (size_t i = 0; norm > 0 && i < n; ++i)
        v[i] = (real)(-radius * ((double)v[i] / norm));
}

static void apply_linf(const map_call_t *m, size_t n, void *data) {
    const real radius = (real)m->option[RADIUS];
    real *v = data;
    for (size_t i = 0; i < n; ++i)
        v[i] = map_finite(v[i], v[i] >= 0 ? -radius : radius);
}

static const char CITATION[] = "Jaggi: Revisiting Frank-Wolfe: Projection-Free Sparse Convex Optimization, 2013";

const map_t MAP(lmo_l1) = {
    .name = "lmo_l1",
    .purpose = "the vertex of the l1 ball with the least inner product",
    .citation = CITATION,
    .options = OPTIONS,
    .role = MAP_ORACLE,
    .reach = MAP_TENSOR,
    .apply = apply_l1,
};

const map_t MAP(lmo_simplex) = {
    .name = "lmo_simplex",
    .purpose = "the vertex of the simplex with the least inner product",
    .citation = CITATION,
    .options = OPTIONS,
    .role = MAP_ORACLE,
    .reach = MAP_TENSOR,
    .apply = apply_simplex,
};

const map_t MAP(lmo_l2) = {
    .name = "lmo_l2",
    .purpose = "the point of the Euclidean ball with the least inner product",
    .citation = CITATION,
    .options = OPTIONS,
    .role = MAP_ORACLE,
    .reach = MAP_TENSOR,
    .apply = apply_l2,
};

const map_t MAP(lmo_linf) = {
    .name = "lmo_linf",
    .purpose = "the vertex of the box |x| <= radius with the least inner product",
    .citation = CITATION,
    .options = OPTIONS,
    .role = MAP_ORACLE,
    .reach = MAP_ELEMENT,
    .apply = apply_linf,
};
