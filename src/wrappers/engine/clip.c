/*
 * The engine's two innermost stations: what the method receives. First the bounds that each group has for itself, on
 * the norm of its own part of the gradient as the wrappers hand it on, then those of the handle, on the norm over all
 * tensors; values are clipped after norms.
 *
 * Of the handle the norm may be another one, N, over all tensors or over each by itself, and large gradients may be
 * left out altogether:
 *
 *     clip_measure   l2: |g|_2;  l1: |g|_1;  max: |g|_inf;  lp: |g|_p, p = clip_p;  rms: |g|_2 / sqrt(elements)
 *     clip_by        all: one N over all tensors;  tensor: one for each
 *     skip_norm      not N(g) <= skip_norm, over all tensors: the step is passed over
 *
 *     for each group:  g <- g min(1, group_clip_norm / |g of the group|),
 *                      g <- min(max(g, -group_clip_value), group_clip_value)
 *     g <- g min(1, clip_norm / (N + clip_eps)),   g <- min(max(g, -clip_value), clip_value)
 */
#include <math.h>

#include "blocks/reduce.h"
#include "kernels/elementary.h"

/* Within a step, of the handle or of a group. */
typedef struct bound {
    double factor; /* that brings the norm to its bound */
} bound_t;

/* Which norm is bounded, and by what. */
typedef enum measure { L2, L1, MAX, LP, RMS } measure_t;
typedef struct norm {
    measure_t measure;
    double p, bound, eps;
} norm_t;

typedef struct constants {
    real factor, limit;
    bool by_tensor; /* each has a factor of its own, by its sum */
    norm_t norm;
} constants_t;

static constants_t constants_of(const bound_t *bound, double clip_value) {
    return (constants_t){.factor = (real)bound->factor, .limit = (real)(clip_value > 0 ? clip_value : HUGE_VAL)};
}

/* x^p for x >= 0, without the C library, whose last bits are not the same everywhere. */
static double power(double x, double p) {
    const double exponent = p * elementary_log(x);
    return x == 0 ? 0 : exponent > 700 ? HUGE_VAL : exponent < -700 ? 0 : elementary_exp(exponent);
}

/* The norm whose terms have this sum, or this maximum, over so many elements. */
static double norm_of(norm_t norm, double sum, double count) {
    switch (norm.measure) {
    case L1:
    case MAX:
        return sum;
    case LP:
        return isfinite(sum) ? power(sum, 1 / norm.p) : sum;
    case RMS:
        return count > 0 ? sqrt(sum / count) : 0;
    default:
        return sqrt(sum);
    }
}

static double factor_of(norm_t norm, double length) {
    return norm.bound > 0 && length + norm.eps > norm.bound ? norm.bound / (length + norm.eps) : 1;
}

static void clip(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const double own = k.by_tensor ? factor_of(k.norm, norm_of(k.norm, *t->tensor_sum, (double)t->tensor->count)) : 1;
    const real factor = k.by_tensor ? (real)own : k.factor;
    real *g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const real a = g[i] * factor, b = a < -k.limit ? -k.limit : a;
        g[i] = b > k.limit ? k.limit : b;
    }
}

static void moduli(const tile_t *t) {
    t->sum[0] += sum_moduli(t->n, t->g);
}

static void largest(const tile_t *t) {
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = fabs((double)g[i]);
}

static void powers(const tile_t *t) {
    const double p = ((const constants_t *)t->constants)->norm.p;
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = power(fabs((double)g[i]), p);
}

enum { CLIP, SQUARES, NONFINITE, MODULI, LARGEST, POWERS };

/* A sum of squares that is finite says that the gradient is; large doubles overflow when squared. */
static bool is_finite(step_t *s, bool summed, double sum) {
    return (summed && isfinite(sum)) || !isnan(step_sums(s, NONFINITE, NULL, 1)[0]);
}

/* ---- Of the handle ---- */

enum { CLIP_NORM, CLIP_VALUE, CLIP_BY, CLIP_MEASURE, CLIP_P, CLIP_EPS, SKIP_NORM };
enum { BY_ALL, BY_TENSOR };
static const option_t OPTIONS[] = {
    [CLIP_NORM] = {"clip_norm", 0, "[0,inf)", "bound on the norm of the whole gradient; 0: none", .zero_apart = true},
    [CLIP_VALUE] = {"clip_value", 0, "[0,inf)", "bound on every element of the gradient; 0: none", .zero_apart = true},
    [CLIP_BY] = {"clip_by", BY_ALL, "all|tensor", "what clip_norm bounds: one norm over all tensors, or that of each"},
    [CLIP_MEASURE] = {"clip_measure", L2, "l2|l1|max|lp|rms", "which norm that is"},
    [CLIP_P] = {"clip_p", 2, "[1,inf)", "p of clip_measure=lp"},
    [CLIP_EPS] = {"clip_eps", 0, "[0,inf)", "added to the norm before the bound is divided by it; torch's is 1e-6"},
    [SKIP_NORM] = {"skip_norm", 0, "[0,inf)", "a gradient whose norm is above this is passed over; 0: none",
                   .zero_apart = true},
    {0},
};

typedef struct memory {
    bound_t bound;
    double measured;      /* in the step under way ... */
    int64_t is_measured;  /* ... if a gradient has come: a method may go on with one that it holds */
    double gradient_norm; /* of the last step */
    int64_t is_too_large; /* the gradient was rejected for its norm */
} memory_t;
static const field_t FIELDS[] = {
    {"gradient_norm", "of the last step's gradient before it was clipped; 0: it was not measured",
     FIELD(OF_METHOD, memory_t, gradient_norm)},
    {0},
};

static norm_t norm_by(const double *option) {
    return (norm_t){(measure_t)option[CLIP_MEASURE], option[CLIP_P], option[CLIP_NORM], option[CLIP_EPS]};
}

static void prepare(const group_t *group, void *constants) {
    const memory_t *m = group->memory;
    constants_t *k = constants;
    *k = constants_of(&m->bound, group->option[CLIP_VALUE]);
    k->by_tensor = (int)group->option[CLIP_BY] == BY_TENSOR && group->option[CLIP_NORM] > 0;
    k->norm = norm_by(group->option);
}

/* The sum of the terms of the norm over all tensors, and over each. */
static double terms(step_t *s) {
    switch ((int)s->option[CLIP_MEASURE]) {
    case L1:
        return step_sums(s, MODULI, NULL, 1)[0];
    case MAX:
        return step_reduce_max(s, LARGEST, NULL, 1)[0];
    case LP:
        return step_reduce(s, POWERS, NULL, 1)[0];
    default:
        return step_sums(s, SQUARES, NULL, 1)[0];
    }
}

/* Elements that are not frozen: those that the norm is of. */
static double element_count(const step_t *s) {
    double count = 0;
    for (size_t i = 0; i < step_tensor_count(s); ++i)
        count += step_tensor(s, i) == NULL ? 0 : (double)step_tensor(s, i)->count;
    return count;
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const double *o = s->option;
    const bool by_tensor = (int)o[CLIP_BY] == BY_TENSOR && o[CLIP_NORM] > 0, is_max = (int)o[CLIP_MEASURE] == MAX;
    const bool measures = o[CLIP_NORM] > 0 || o[SKIP_NORM] > 0;
    double sum = measures ? terms(s) : 0;
    if (s->check_finite && !is_finite(s, measures && !is_max, sum)) /* a maximum passes a NaN by */
        return step_reject(s);
    if (s->check_finite && by_tensor && (is_max || !isfinite(sum)))
        sum = terms(s); /* that look took the place of each tensor's sum */
    m->measured = !measures ? 0 : norm_of(norm_by(o), sum, (int)o[CLIP_MEASURE] == RMS ? element_count(s) : 0);
    m->is_measured = 1;
    m->is_too_large = o[SKIP_NORM] > 0 && !(m->measured <= o[SKIP_NORM]) && !s->is_trial;
    if (m->is_too_large)
        return step_reject(s);
    m->bound.factor = by_tensor ? 1 : factor_of(norm_by(o), m->measured);
    if (by_tensor || m->bound.factor != 1 || o[CLIP_VALUE] > 0)
        step_filter(s, CLIP, NULL);
    return OPTIM_OK;
}

static bool rejected(step_t *s) {
    memory_t *m = s->memory;
    const bool skips = m->is_too_large;
    m->is_too_large = m->is_measured = 0;
    return skips;
}

static void finish(step_t *s) {
    memory_t *m = s->memory;
    if (m->is_measured)
        m->gradient_norm = m->measured;
    m->is_measured = 0;
}

const method_t METHOD(clip) = {
    .name = "clip",
    .purpose = "bounds on the gradient",
    .options = OPTIONS,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .rejected = rejected,
    .finish = finish,
    .kernels = {[CLIP] = clip,
                [SQUARES] = squares,
                [NONFINITE] = nonfinite,
                [MODULI] = moduli,
                [LARGEST] = largest,
                [POWERS] = powers},
};

/* ---- Of each group ---- */

enum { GROUP_CLIP_NORM, GROUP_CLIP_VALUE };
static const option_t GROUP_OPTIONS[] = {
    [GROUP_CLIP_NORM] = {"group_clip_norm", 0, "[0,inf)",
                         "bound on the norm of the group's part of the gradient; 0: none", .zero_apart = true},
    [GROUP_CLIP_VALUE] = {"group_clip_value", 0, "[0,inf)", "bound on every element of that part; 0: none",
                          .zero_apart = true},
    {0},
};

static void prepare_group(const group_t *group, void *constants) {
    *(constants_t *)constants = constants_of(group->group_memory, group->option[GROUP_CLIP_VALUE]);
}

static optim_status advance_groups(step_t *s) {
    bool norms = false, clips = false;
    for (int i = 0; i < s->groups; ++i) {
        const double *option = step_group(s, i).option;
        norms |= option[GROUP_CLIP_NORM] > 0;
        clips |= option[GROUP_CLIP_VALUE] > 0;
    }
    if (!norms && !clips)
        return OPTIM_OK;
    const double sum = norms ? step_sums(s, SQUARES, NULL, 1)[0] : 0;
    for (int i = 0; i < s->groups; ++i) {
        const group_t group = step_group(s, i);
        bound_t *bound = group.group_memory;
        bound->factor = norms ? factor_of((norm_t){.bound = group.option[GROUP_CLIP_NORM]}, sqrt(*group.sum)) : 1;
        clips |= bound->factor != 1;
    }
    if (s->check_finite && !is_finite(s, norms, sum))
        return step_reject(s);
    s->check_finite = false; /* an infinity that is clipped would not be seen further in */
    if (clips)
        step_filter(s, CLIP, NULL);
    return OPTIM_OK;
}

const method_t METHOD(group_clip) = {
    .name = "group_clip",
    .purpose = "bounds on a group's part of the gradient",
    .options = GROUP_OPTIONS,
    .group_memory = sizeof(bound_t),
    .flags = BY_GROUP,
    .constants = sizeof(constants_t),
    .prepare = prepare_group,
    .advance = advance_groups,
    .kernels = {[CLIP] = clip, [SQUARES] = squares, [NONFINITE] = nonfinite},
};
