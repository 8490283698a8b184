/*
 * Projections element by element.
 *
 *     proj_box:     {lo <= x <= hi}
 *     proj_nonneg:  {x >= 0}
 *     proj_grid:    {x a whole multiple of cell}:  cell floor(v / cell + 1/2)
 */
#include "engine/map.h"

enum { LO, HI };
static const option_t BOX_OPTIONS[] = {
    [LO] = {"lo", 0, "(-inf,inf)", "least value"},
    [HI] = {"hi", 1, "(-inf,inf)", "largest value"},
    {0},
};
static const option_t NONNEG_OPTIONS[] = {{0}};
enum { CELL };
static const option_t GRID_OPTIONS[] = {[CELL] = {"cell", 1, "(0,inf)", "distance of the grid's points"}, {0}};

static const char *check_box(const double *option, double step) {
    (void)step;
    return option[LO] <= option[HI] ? NULL : "lo must not be larger than hi";
}

static void apply_box(const map_call_t *m, size_t n, void *data) {
    const real lo = (real)m->option[LO], hi = (real)m->option[HI];
    real *v = data;
    for (size_t i = 0; i < n; ++i)
        v[i] = map_finite(v[i], smaller(larger(v[i], lo), hi));
}

static double value_box(const map_call_t *m, size_t n, const void *data) {
    const real lo = (real)m->option[LO], hi = (real)m->option[HI];
    const real *v = data;
    for (size_t i = 0; i < n; ++i)
        if (!(v[i] >= lo && v[i] <= hi))
            return (double)INFINITY;
    return 0;
}

static void apply_nonneg(const map_call_t *m, size_t n, void *data) {
    real *v = data;
    (void)m;
    for (size_t i = 0; i < n; ++i)
        v[i] = map_finite(v[i], larger(v[i], 0));
}

static double value_nonneg(const map_call_t *m, size_t n, const void *data) {
    const real *v = data;
    (void)m;
    for (size_t i = 0; i < n; ++i)
        if (!(v[i] >= 0))
            return (double)INFINITY;
    return 0;
}

static void apply_grid(const map_call_t *m, size_t n, void *data) {
    const real cell = (real)m->option[CELL];
    real *v = data;
    for (size_t i = 0; i < n; ++i)
        v[i] = map_finite(v[i], cell * floor(v[i] / cell + (real)0.5));
}

static double value_grid(const map_call_t *m, size_t n, const void *data) {
    const real cell = (real)m->option[CELL];
    const real *v = data;
    for (size_t i = 0; i < n; ++i) {
        const real nearest = cell * floor(v[i] / cell + (real)0.5);
        if (map_outside((double)fabs(v[i] - nearest), (double)fabs(nearest)) != 0)
            return (double)INFINITY;
    }
    return 0;
}

static const char CITATION[] = "Parikh, Boyd: Proximal Algorithms, 2014";

const map_t MAP(proj_box) = {
    .name = "proj_box",
    .purpose = "the projection onto the box lo <= x <= hi",
    .citation = CITATION,
    .options = BOX_OPTIONS,
    .role = MAP_PROJECTION,
    .reach = MAP_ELEMENT,
    .check = check_box,
    .apply = apply_box,
    .value = value_box,
};

const map_t MAP(proj_nonneg) = {
    .name = "proj_nonneg",
    .purpose = "the projection onto x >= 0",
    .citation = CITATION,
    .options = NONNEG_OPTIONS,
    .role = MAP_PROJECTION,
    .reach = MAP_ELEMENT,
    .apply = apply_nonneg,
    .value = value_nonneg,
};

const map_t MAP(proj_grid) = {
    .name = "proj_grid",
    .purpose = "rounds to whole multiples of the cell",
    .citation = "Bergmeister, Lal, Jegelka, Sra: A projection-based framework for gradient-free and parallel "
                "learning, 2025",
    .options = GRID_OPTIONS,
    .role = MAP_PROJECTION,
    .reach = MAP_ELEMENT,
    .apply = apply_grid,
    .value = value_grid,
};
