/*
 * Maps: named operations on a vector in place. The prox of a penalty r with step tau, argmin_x of
 * tau r(x) + |x - v|^2 / 2; the projection onto a set; the linear minimisation oracle of a set, argmin over its s
 * of <v, s>.
 *
 * A map is an entry of the registry: the value of an option of a method ("reg=prox_l1(lam=0.1)"), or called by itself
 * through optim_map_apply. Like a method's file, a map's is compiled once per precision and instruction-set level.
 */
#ifndef ENGINE_MAP_H
#define ENGINE_MAP_H

#include "engine/method.h"

typedef enum map_role {
    MAP_PROX,
    MAP_PROJECTION,
    MAP_ORACLE /* linear minimisation */
} map_role_t;

typedef enum map_reach {
    MAP_ELEMENT, /* an element's result depends on that element alone: any run of elements can be mapped by itself */
    MAP_TENSOR   /* the whole vector at once */
} map_reach_t;

/* What a map is called with. */
typedef struct map_call {
    const double *option; /* by row of the option table */
    double step;          /* tau >= 0 */
    size_t rows;          /* the vector as a matrix, for maps of singular values; divides the elements */
    double *work;         /* room for workspace() doubles */
} map_call_t;

typedef struct map {
    union {
        entry_t entry;
        struct {
            ENTRY_FIELDS;
        };
    };
    map_role_t role;
    map_reach_t reach;
    bool of_matrices; /* has the option `rows`: 0, the tensor's dimension 0 (a vector is one row) */

    /* A sentence on what is wrong with this combination of options and step, or NULL. */
    const char *(*check)(const double *option, double step);
    /* Doubles that `apply` and `value` need for n elements; NULL: none. */
    size_t (*workspace)(size_t n, size_t rows);
    /* real v[0..n) becomes the result. A MAP_TENSOR is never called with n = 0 or an entry that is not finite; a
     * MAP_ELEMENT leaves such an entry as it is. */
    void (*apply)(const map_call_t *m, size_t n, void *v);
    /* The penalty r(v); of a projection 0 in the set (to rounding) and infinity outside. NULL: an oracle has none. */
    double (*value)(const map_call_t *m, size_t n, const void *v);
} map_t;

/* The copies of one map for one instruction-set level, by precision: f32, f64. */
typedef struct map_level {
    const map_t *precision[2];
} map_level_t;

/* Rows of the matrix that a tensor is to the map: its option, or else dimension 0. */
size_t map_rows(const map_t *map, const double *option, int ndim, const int64_t *dims);
/* A sentence on why the map cannot take n elements in so many rows, or NULL. */
const char *map_refuses(const map_t *map, size_t n, size_t rows);
/* Doubles of m->work. */
size_t map_workspace(const map_t *map, size_t n, size_t rows);
/* v[0..n), in this precision, becomes the result: all of a tensor, unless the map goes by element. */
void map_apply(const map_level_t *map, int precision, const map_call_t *m, size_t n, void *v);
/* The penalty at v[0..n); NaN where there is none or an entry is not finite. */
double map_value(const map_level_t *map, int precision, const map_call_t *m, size_t n, const void *v);

/* ---- Services of a step, for an option whose range is "map"; nothing happens where it names none ---- */

/* The parameters become what the map makes of them, with this step, or `factor` times each group's learning rate. */
void step_map(step_t *s, int option, double step);
void step_map_by_lr(step_t *s, int option, double factor);
/* step_map for a state that is an array of reals like the parameter: `exact`, `from_param`, or within the step. */
void step_map_state(step_t *s, int option, int state, double step);
/* The penalty at the parameters, summed over all tensors. */
double step_map_value(step_t *s, int option);
/* Whether what the option names is of this role wherever it names one. */
bool step_map_has_role(const step_t *s, int option, map_role_t role);
/* Whether what the option names is the map of this name wherever it names one. */
bool step_map_is(const step_t *s, int option, const char *name);
/* A sentence on why the map cannot have this step, or NULL: to be asked before it is applied. */
const char *step_map_refuses(const step_t *s, int option, double step, bool times_lr);

/* ---- In map files ---- */
#ifdef REAL

/* Name of a descriptor: one for each precision and instruction-set level. */
#define MAP_PASTE(name, suffix) map_##name##_##suffix
#define MAP_EXPAND(name, suffix) MAP_PASTE(name, suffix)
#define MAP(name) MAP_EXPAND(name, METHOD_SUFFIX)

/* What an element that is not finite becomes: itself. */
static inline real map_finite(real v, real mapped) {
    return v - v == 0 ? mapped : v;
}
static inline real map_soft(real v, real threshold) {
    return sign(v) * larger(fabs(v) - threshold, 0);
}

/* Sums in double, in the order of the elements. */
static inline double map_sum(size_t n, const real *v) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += (double)v[i];
    return sum;
}
static inline double map_sum_abs(size_t n, const real *v) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += (double)fabs(v[i]);
    return sum;
}
static inline double map_largest_abs(size_t n, const real *v) {
    real most = 0;
    for (size_t i = 0; i < n; ++i)
        most = larger(most, fabs(v[i]));
    return (double)most;
}

/* The Euclidean norm; squares that would overflow or vanish are scaled first. */
static inline double map_norm(size_t n, const real *v) {
    const double scale = map_largest_abs(n, v), factor = scale > 1e-140 && scale < 1e140 ? 1 : scale;
    double sum = 0;
    for (size_t i = 0; scale > 0 && i < n; ++i)
        sum += (double)v[i] / factor * ((double)v[i] / factor);
    return factor * sqrt(sum);
}

/* The value of a set's indicator for a point that breaks a condition by `excess`: rounding of terms that are `scale` in
 * all is forgiven. */
static inline double map_outside(double excess, double scale) {
    const double epsilon = sizeof(real) == sizeof(float) ? (double)FLT_EPSILON : DBL_EPSILON;
    return excess <= 8 * epsilon * scale ? 0 : (double)INFINITY;
}

#endif

#endif
