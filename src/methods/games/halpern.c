/*
 * halpern: fixed points of a nonexpansive operator T, by averages with the start or with the last point.
 *
 * Park, Ryu, "Accelerated Infeasibility Detection of Constrained Optimization and Fixed-Point Iterations", 2023,
 * arXiv:2303.15876; average: Krasnoselskii, Mann.
 *
 *     k = 0, 1, ...;  the gradient that is handed over is x - T x
 *     halpern   x <- x_0 / (k + 2) + (k + 1) / (k + 2) T x
 *     plain     x <- T x
 *     average   x <- (1 - a) x + a T x,   a = alpha, or 2 / (k + 2) where alpha = 0
 *     map=entropic: each of these is the normalised geometric mean, row by row: softmax of the same mean of logarithms
 *     residual = T x - x;   normalized = 2 (x - x_0) / (k + 1) behind the step, without the 2 but in halpern
 *
 * Both go to v, the infimal displacement: v != 0 says that there is no fixed point. With lo < hi no gradient is read: T
 * is the Douglas-Rachford operator of the box [lo, hi] and the plane sum x = s over all elements,
 * T x = x + P_plane(2 P_box x - x) - P_box x. k counts the steps of a tensor. State: x_0, residual, normalized, 12
 * bytes a parameter in f32; within a step of map=entropic 4 more.
 */
#include <string.h>

#include "blocks/logsum.h"
#include "engine/method.h"

enum { SCHEME, ALPHA, MAP, LO, HI, SUM };
enum { HALPERN, PLAIN, AVERAGE };
enum { EUCLID, ENTROPIC };
static const option_t OPTIONS[] = {
    [SCHEME] = {"scheme", HALPERN, "halpern|plain|average", "T x is averaged with the start, nothing, the last x"},
    [ALPHA] = {"alpha", 0, "[0,1]", "average: weight of T x; 0: 2 / (k + 2)", .zero_apart = true},
    [MAP] = {"map", EUCLID, "euclid|entropic", "arithmetic means, or normalised geometric ones of rows"},
    [LO] = {"lo", 0, "(-inf,inf)", "least element of the box of the operator that is built in"},
    [HI] = {"hi", 0, "(-inf,inf)", "largest element of it; lo = hi: the operator is the caller's"},
    [SUM] = {"s", 0, "(-inf,inf)", "sum of the elements in the plane of that operator"},
    {0},
};

static const char *check(const double *option) {
    return option[LO] <= option[HI] ? NULL : "lo must not be above hi";
}

static bool is_built_in(const double *option) {
    return option[LO] < option[HI];
}

enum { X_0, RESIDUAL, NORMALIZED, MEAN };
static const state_t STATE[] = {
    [X_0] = {"x_0", "the start", LIKE_PARAM, KEPT, .from_param = true, .exact = true},
    [RESIDUAL] = {"residual", "T x - x of the x before the last step", LIKE_PARAM, KEPT},
    [NORMALIZED] = {"normalized", "the way from the start, for each step", LIKE_PARAM, KEPT},
    [MEAN] = {"mean", "geometric means before they are normalised", LIKE_PARAM, WITHIN_STEP, .when = "map"},
    {0},
};

/* The new point is keep times the start, or the last point, plus take times T x; both are in the way from x_0. */
typedef struct constants {
    double keep, take;
    real per_step;
    bool from_start;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, k = group->t - 1, weight = o[ALPHA] > 0 ? o[ALPHA] : 2 / (k + 2);
    const int scheme = (int)o[SCHEME];
    const double take = scheme == HALPERN ? (k + 1) / (k + 2) : scheme == PLAIN ? 1 : weight;
    *(constants_t *)constants = (constants_t){
        .keep = scheme == HALPERN ? 1 / (k + 2) : 1 - take,
        .take = take,
        .per_step = (real)((scheme == HALPERN ? 2 : 1) / group->t),
        .from_start = scheme == HALPERN,
    };
}

/* ---- T ---- */

typedef struct operator{
    bool is_built_in;
    double lo, hi, shift; /* shift: how far the plane is, element by element */
}
operator_t;

static real projected(const operator_t *T, real x) {
    return larger((real)T->lo, smaller((real)T->hi, x));
}

/* Elements of 2 P_box x - x, and their number. */
static void reflect(const tile_t *t) {
    const real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i) {
        t->term[0][i] = (double)(2 * projected(t->arguments, p[i]) - p[i]);
        t->term[1][i] = 1;
    }
}

static real moved(const operator_t *T, real x, real g) {
    const real box = projected(T, x);
    return T->is_built_in ? x + (2 * box - x - (real)T->shift) - box : x - g;
}

/* ---- Means ---- */

static void average(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real keep = (real)k.keep, take = (real)k.take;
    real *restrict p = t->p, *restrict residual = t->state[RESIDUAL], *restrict normalized = t->state[NORMALIZED];
    const real *restrict g = t->g, *restrict x_0 = t->state[X_0];
    for (size_t i = 0; i < t->n; ++i) {
        const real T = moved(t->arguments, p[i], g[i]);
        residual[i] = T - p[i];
        p[i] = keep * (k.from_start ? x_0[i] : p[i]) + take * T;
        normalized[i] = k.per_step * (p[i] - x_0[i]);
    }
}

/* weight ln x */
static double weighed_log(double weight, double x) {
    return weight == 0 ? 0 : x >= DBL_MIN ? weight * elementary_log(x) : x <= DBL_MIN ? -(double)INFINITY : x;
}

/* Geometric means, and what their rows are summed of. */
static void average_logs(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict p = t->p, *restrict g = t->g, *restrict x_0 = t->state[X_0];
    real *restrict residual = t->state[RESIDUAL], *restrict mean = t->state[MEAN];
    for (size_t i = 0; i < t->n; ++i) {
        const real T = moved(t->arguments, p[i], g[i]);
        const double log = weighed_log(k.keep, (double)(k.from_start ? x_0[i] : p[i])) + weighed_log(k.take, (double)T);
        residual[i] = T - p[i];
        mean[i] = (real)logsum_exp(log);
        t->term[0][i] = (double)mean[i];
    }
}

/* A row of which nothing is left stays where it is. */
static void normalise(const tile_t *t) {
    const real per_step = ((const constants_t *)t->constants)->per_step;
    real *restrict p = t->p, *restrict normalized = t->state[NORMALIZED];
    const real *restrict mean = t->state[MEAN], *restrict x_0 = t->state[X_0];
    for (size_t i = 0, end; i < t->n; i = end) {
        const double sum = tile_row_sum(t, i);
        end = tile_row_end(t, i);
        for (size_t j = i; j < end; ++j) {
            p[j] = sum == 0 ? p[j] : (real)((double)mean[j] / sum);
            normalized[j] = per_step * (p[j] - x_0[j]);
        }
    }
}

static void outside(const tile_t *t) { /* what has no logarithm */
    const real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = p[i] < 0;
}

enum { REFLECT, AVERAGE_ALL, AVERAGE_LOGS, NORMALISE, OUTSIDE };

static operator_t operator_of(step_t *s) {
    const double *o = s->option;
    operator_t T = {is_built_in(o), o[LO], o[HI], 0};
    if (T.is_built_in) {
        const double *sum = step_reduce(s, REFLECT, &T, 2);
        T.shift = (sum[0] - o[SUM]) / sum[1];
    }
    return T;
}

static optim_status advance(step_t *s) {
    const bool entropic = (int)s->option[MAP] == ENTROPIC;
    if (entropic && step_reduce(s, OUTSIDE, NULL, 1)[0] > 0)
        return step_fail(s, OPTIM_ERR_DOMAIN, "map=entropic is for parameters that are not negative: start there");
    const operator_t T = operator_of(s);
    if (entropic) {
        step_reduce_rows(s, AVERAGE_LOGS, &T, 1);
        step_update(s, NORMALISE, NULL);
    } else {
        step_update(s, AVERAGE_ALL, &T);
    }
    return OPTIM_OK;
}

const method_t METHOD(halpern) = {
    .name = "halpern",
    .purpose = "fixed points of a nonexpansive operator, by averages with the start or with the last point",
    .citation = "Park, Ryu: Accelerated Infeasibility Detection of Constrained Optimization and Fixed-Point "
                "Iterations, 2023, arXiv:2303.15876",
    .evaluations = "1 gradient, which is x - T x; none where lo < hi",
    .options = OPTIONS,
    .states = STATE,
    .flags = ASKS_FOR_ALL | SUMS_ROWS | MAY_FAIL,
    .constants = sizeof(constants_t),
    .check = check,
    .asks_for_all = is_built_in,
    .prepare = prepare,
    .advance = advance,
    .kernels = {[REFLECT] = reflect,
                [AVERAGE_ALL] = average,
                [AVERAGE_LOGS] = average_logs,
                [NORMALISE] = normalise,
                [OUTSIDE] = outside},
    .arguments =
        {[REFLECT] = sizeof(operator_t), [AVERAGE_ALL] = sizeof(operator_t), [AVERAGE_LOGS] = sizeof(operator_t)},
};
