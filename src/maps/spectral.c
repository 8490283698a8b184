/*
 * Maps of the singular values s of a matrix V = U diag(s) W'.
 *
 *     prox_nuclear:       r = lam sum s:           s <- max(s - tau lam, 0)
 *     proj_nuclear_ball:  {sum s <= radius}:       s <- the projection onto the l1 ball
 *     lmo_nuclear:        over {sum s <= radius}:  -radius u_1 w_1', the pair of the largest s
 *     lmo_spectral:       over {max s <= radius}:  -radius U W'; where s = 0, 0
 */
#include "blocks/select.h"
#include "engine/map.h"
#include "maps/spectrum.h"

enum { ROWS, SIZE };
#define ROWS_ROW                                                                                                       \
    [ROWS] = {"rows", 0, "integer [0,inf)", "rows of the matrix; 0: dimension 0 of the tensor, one for a vector",      \
              .decides_memory = true}
static const option_t PROX_OPTIONS[] = {
    ROWS_ROW,
    [SIZE] = {"lam", 1, "[0,inf)", "weight of the penalty"},
    {0},
};
static const option_t BALL_OPTIONS[] = {
    ROWS_ROW,
    [SIZE] = {"radius", 1, "(0,inf)", "of the ball"},
    {0},
};

static double sum_of(const spectrum_t *z) {
    double sum = 0;
    for (size_t i = 0; i < z->count; ++i)
        sum += z->scale * z->old[i];
    return sum;
}

/* Lowers all singular values. */
static void lower(spectrum_t *z, double threshold) {
    for (size_t i = 0; i < z->count; ++i)
        z->value[i] = fmax(z->old[i] - threshold, 0.0);
}

static void apply_prox(const map_call_t *m, size_t n, void *data) {
    spectrum_t z = spectrum_of(n, m->rows, data, m->work);
    if (z.scale == 0)
        return;
    lower(&z, m->step * m->option[SIZE] / z.scale);
    spectrum_write(&z, n, data);
}

static double value_prox(const map_call_t *m, size_t n, const void *data) {
    const spectrum_t z = spectrum_of(n, m->rows, data, m->work);
    return m->option[SIZE] * sum_of(&z);
}

static void apply_ball(const map_call_t *m, size_t n, void *data) {
    spectrum_t z = spectrum_of(n, m->rows, data, m->work);
    if (sum_of(&z) <= m->option[SIZE])
        return;
    lower(&z, select_simplex(z.value, z.count, m->option[SIZE] / z.scale));
    spectrum_write(&z, n, data);
}

static double value_ball(const map_call_t *m, size_t n, const void *data) {
    const spectrum_t z = spectrum_of(n, m->rows, data, m->work);
    return map_outside(sum_of(&z) - m->option[SIZE], sum_of(&z) * (double)(z.count + z.length));
}

static void apply_nuclear(const map_call_t *m, size_t n, void *data) {
    spectrum_t z = spectrum_of(n, m->rows, data, m->work);
    size_t first = 0;
    for (size_t i = 1; i < z.count; ++i)
        first = z.old[i] > z.old[first] ? i : first;
    for (size_t i = 0; i < z.count; ++i)
        z.value[i] = i == first ? -m->option[SIZE] / z.scale : 0;
    if (z.scale > 0)
        spectrum_write(&z, n, data);
}

static void apply_spectral(const map_call_t *m, size_t n, void *data) {
    spectrum_t z = spectrum_of(n, m->rows, data, m->work);
    for (size_t i = 0; i < z.count; ++i)
        z.value[i] = -m->option[SIZE] / z.scale;
    if (z.scale > 0)
        spectrum_write(&z, n, data);
}

static const char CITATION[] = "Cai, Candes, Shen: A Singular Value Thresholding Algorithm for Matrix Completion, "
                               "2010, arXiv:0810.3286";
static const char JAGGI[] = "Jaggi: Revisiting Frank-Wolfe: Projection-Free Sparse Convex Optimization, 2013";

const map_t MAP(prox_nuclear) = {
    .name = "prox_nuclear",
    .purpose = "soft threshold of the singular values: the prox of the nuclear norm",
    .citation = CITATION,
    .options = PROX_OPTIONS,
    .role = MAP_PROX,
    .reach = MAP_TENSOR,
    .of_matrices = true,
    .workspace = spectrum_workspace,
    .apply = apply_prox,
    .value = value_prox,
};

const map_t MAP(proj_nuclear_ball) = {
    .name = "proj_nuclear_ball",
    .purpose = "the projection onto the matrices whose singular values have at most one sum",
    .citation = CITATION,
    .options = BALL_OPTIONS,
    .role = MAP_PROJECTION,
    .reach = MAP_TENSOR,
    .of_matrices = true,
    .workspace = spectrum_workspace,
    .apply = apply_ball,
    .value = value_ball,
};

const map_t MAP(lmo_nuclear) = {
    .name = "lmo_nuclear",
    .purpose = "the matrix of rank one in the nuclear ball with the least inner product",
    .citation = JAGGI,
    .options = BALL_OPTIONS,
    .role = MAP_ORACLE,
    .reach = MAP_TENSOR,
    .of_matrices = true,
    .workspace = spectrum_workspace,
    .apply = apply_nuclear,
};

const map_t MAP(lmo_spectral) = {
    .name = "lmo_spectral",
    .purpose = "the matrix of the spectral ball with the least inner product",
    .citation = JAGGI,
    .options = BALL_OPTIONS,
    .role = MAP_ORACLE,
    .reach = MAP_TENSOR,
    .of_matrices = true,
    .workspace = spectrum_workspace,
    .apply = apply_spectral,
};
