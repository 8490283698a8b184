/*
 * psgd_xmat: a preconditioner in the form of an X, a diagonal and an antidiagonal, fitted to Hessian-vector products.
 *
 * Li, "Stochastic Hessian Fitting on Lie Group", 2024, arXiv:2402.11858. Q = diag(a) + antidiag(b), P = Q'Q; of the d
 * elements of all parameters i belongs with d - 1 - i, and ~z is z in reverse order; v is a probe, see psgd.h.
 *
 *     1. first step: a = init_scale or (mean h^4)^(-1/8), b = 0;   h = Hv
 *     2. q = Qh = a h + b ~h,   w = Q^-T v = (~a v - ~b ~v) / (a ~a - b ~b)
 *     3. A = q^2 - w^2,  B = q ~q - w ~w, 0 in the middle of an odd d;   x = precond_lr / max(q^2 + w^2)
 *        a <- a - x (A a + B ~b),   b <- b - x (A b + B ~a)
 *     4. momentum > 0: m <- momentum m + (1 - momentum) g, in place of g
 *     5. u = Pg = (a^2 + ~b^2) g + (a b + ~a ~b) ~g,   p <- p - lr min(1, clip_norm / |u|) u
 *
 * Elements pair up with those that took their first step when they did: what is never trained has no place, and what is
 * thawed later pairs up within itself. An element whose partner is frozen stands alone (b counts as 0) as long.
 *
 * State in f32: a, b, 8 bytes a parameter; with momentum 4 more.
 */
#include <string.h>

#include "blocks/psgd.h"

enum { LR, PRECOND_LR, MOMENTUM, INIT_SCALE, CLIP_NORM, RANDOM };
static const option_t OPTIONS[] = {
    [LR] = PSGD_LR_ROW(1e-2),
    [PRECOND_LR] = PSGD_PRECOND_LR_ROW,
    [MOMENTUM] = PSGD_MOMENTUM_ROW,
    [INIT_SCALE] = PSGD_INIT_SCALE_ROW,
    [CLIP_NORM] = PSGD_CLIP_NORM_ROW,
    [RANDOM] = PSGD_RANDOM_ROW,
    {0},
};

enum { V, HV, A, B, M };
static const state_t STATE[] = {
    [V] = {"v", "the probe", LIKE_PARAM, DIRECTION},
    [HV] = {"Hv", "the product", LIKE_PARAM, PRODUCT},
    [A] = {"a", "diagonal of Q", LIKE_PARAM, KEPT, .exact = true},
    [B] = {"b", "its antidiagonal", LIKE_PARAM, KEPT, .exact = true},
    [M] = {"m", "mean gradient", LIKE_PARAM, FIRST_MOMENT, .when = "momentum"},
    {0},
};

/* Vectors of all parameters, by place: 0 where an element is frozen. */
enum { OF_G, OF_V, OF_H, OF_A, OF_B, VECTORS };
typedef struct memory {
    double placed; /* places that are taken */
    double *room;
} memory_t;

/* Elements have the places place .. place + count - 1; they pair up within first .. end - 1. */
typedef struct tensor_memory {
    double place, first, end;
} tensor_memory_t;

static size_t room_length(size_t elements, const double *option) {
    (void)option;
    return elements > PTRDIFF_MAX / 1024 / VECTORS ? PTRDIFF_MAX / 1024 : VECTORS * elements;
}

static const field_t FIELDS[] = {
    {"placed", "elements that have a place", FIELD(OF_METHOD, memory_t, placed), .whole = true},
    {"place", "of the first element", FIELD(OF_TENSOR, tensor_memory_t, place), .whole = true},
    {"first", "where those that it pairs with begin", FIELD(OF_TENSOR, tensor_memory_t, first), .whole = true},
    {"end", "and end", FIELD(OF_TENSOR, tensor_memory_t, end), .whole = true},
    {"room", "vectors of a step", FIELD(OF_METHOD, memory_t, room), .length = room_length, .within_step = true},
    {0},
};

typedef struct constants {
    double lr, momentum;
    bool first;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){o[LR], o[MOMENTUM], group->t == 1};
}

/* ---- Kernels ---- */

/* What they take: the vectors, d from one to the next; the row that is copied to one of them (-1: the gradient); a
 * number. */
typedef struct call {
    double *vector;
    size_t d;
    int from, to;
    double factor;
} call_t;

/* Element i of the tile, and what it pairs with. */
typedef struct pair {
    double ai, aj, bi, bj;
    size_t i, j;
    bool alone;
} pair_t;
static pair_t pair_of(const tile_t *t, const call_t *c, size_t element) {
    const tensor_memory_t *m = t->memory;
    const size_t i = (size_t)m->place + t->offset + element, j = (size_t)(m->first + m->end) - 1 - i;
    const double *a = c->vector + OF_A * c->d, *b = c->vector + OF_B * c->d;
    const bool alone = i == j || a[j] == 0;
    return (pair_t){a[i], alone ? a[i] : a[j], alone ? 0 : b[i], alone ? 0 : b[j], i, alone ? i : j, alone};
}

/* Line 2: q and w of both. */
typedef struct products {
    double qi, qj, wi, wj;
} products_t;
static products_t products_of(const call_t *c, pair_t p) {
    const double *v = c->vector + OF_V * c->d, *h = c->vector + OF_H * c->d;
    const double determinant = p.ai * p.aj - p.bi * p.bj;
    return (products_t){p.ai * h[p.i] + p.bi * h[p.j], p.aj * h[p.j] + p.bj * h[p.i],
                        (p.aj * v[p.i] - p.bj * v[p.j]) / determinant, (p.ai * v[p.j] - p.bi * v[p.i]) / determinant};
}

static void draw(const tile_t *t) {
    psgd_draw(t, t->state[V]);
}

static void collect(const tile_t *t) {
    const call_t *c = t->arguments;
    const real *from = c->from < 0 ? t->g : t->state[c->from];
    double *to = c->vector + (size_t)c->to * c->d + (size_t)((const tensor_memory_t *)t->memory)->place + t->offset;
    for (size_t i = 0; i < t->n; ++i)
        to[i] = (double)from[i];
}

static void fourth_power(const tile_t *t) {
    const bool first = ((const constants_t *)t->constants)->first;
    const real *h = t->state[HV];
    for (size_t i = 0; i < t->n; ++i) {
        t->term[0][i] = first ? (double)h[i] * (double)h[i] * (double)h[i] * (double)h[i] : 0;
        t->term[1][i] = first;
    }
}

static void begin(const tile_t *t) { /* line 1 */
    real *a = t->state[A];
    for (size_t i = 0; ((const constants_t *)t->constants)->first && i < t->n; ++i)
        a[i] = (real)((const call_t *)t->arguments)->factor;
}

static void measure_pairs(const tile_t *t) {
    const call_t *c = t->arguments;
    for (size_t i = 0; i < t->n; ++i) {
        const products_t p = products_of(c, pair_of(t, c, i));
        t->term[0][i] = p.qi * p.qi + p.wi * p.wi;
    }
}

static void fit(const tile_t *t) { /* line 3 */
    const call_t *c = t->arguments;
    real *a = t->state[A], *b = t->state[B];
    for (size_t i = 0; i < t->n; ++i) {
        const pair_t p = pair_of(t, c, i);
        const products_t of = products_of(c, p);
        const double of_a = of.qi * of.qi - of.wi * of.wi, of_b = p.alone ? 0 : of.qi * of.qj - of.wi * of.wj;
        a[i] = (real)(p.ai - c->factor * (of_a * p.ai + of_b * p.bj));
        b[i] = p.alone ? b[i] : (real)(p.bi - c->factor * (of_a * p.bi + of_b * p.aj));
    }
}

static void average(const tile_t *t) { /* line 4; the gradient is where it was collected */
    const call_t *c = t->arguments;
    const double keep = ((const constants_t *)t->constants)->momentum;
    double *g = c->vector + OF_G * c->d + (size_t)((const tensor_memory_t *)t->memory)->place + t->offset;
    real *m = t->state[M];
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = (real)(keep * (double)m[i] + (1 - keep) * g[i]);
        g[i] = (double)m[i];
    }
}

static double direction(const tile_t *t, const call_t *c, size_t i) { /* line 5 */
    const double *g = c->vector + OF_G * c->d;
    const pair_t p = pair_of(t, c, i);
    return (p.ai * p.ai + p.bj * p.bj) * g[p.i] + (p.ai * p.bi + p.aj * p.bj) * g[p.j];
}

static void measure(const tile_t *t) {
    for (size_t i = 0; i < t->n; ++i) {
        const double u = direction(t, t->arguments, i);
        t->term[0][i] = u * u;
    }
}

static void move(const tile_t *t) {
    const call_t *c = t->arguments;
    const double step = ((const constants_t *)t->constants)->lr * c->factor;
    real *p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = (real)((double)p[i] - step * direction(t, c, i));
}

enum { DRAW, COLLECT, FOURTH_POWER, BEGIN, MEASURE_PAIRS, FIT, AVERAGE, MEASURE, MOVE };

/* ---- The step ---- */

/* To tensors that have none yet. */
static void give_places(step_t *s) {
    memory_t *m = s->memory;
    const double first = m->placed;
    double end = first;
    for (size_t n = 0; n < step_tensor_count(s); ++n)
        if (step_tensor(s, n) != NULL && ((const tensor_memory_t *)step_tensor_memory(s, n))->end == 0)
            end += (double)step_tensor(s, n)->count;
    for (size_t n = 0; n < step_tensor_count(s); ++n) {
        tensor_memory_t *own = step_tensor(s, n) == NULL ? NULL : step_tensor_memory(s, n);
        if (own == NULL || own->end > 0)
            continue;
        *own = (tensor_memory_t){m->placed, first, end};
        m->placed += (double)step_tensor(s, n)->count;
    }
}

static call_t call_of(const step_t *s) {
    return (call_t){.vector = ((const memory_t *)s->memory)->room, .d = step_own_elements(s)};
}

/* On whole tensors: what is queued reads the vectors as they were, what follows reads all of the new one. */
static void gather(step_t *s, int from, int to) {
    call_t call = call_of(s);
    call.from = from;
    call.to = to;
    step_tensors(s, COLLECT, &call);
}

static void begin_first(step_t *s) {
    call_t call = call_of(s);
    const double *sums = step_reduce(s, FOURTH_POWER, NULL, 2), given = s->option[INIT_SCALE];
    call.factor = given > 0 ? given : psgd_scale(sums[0] / sums[1], 0);
    step_update(s, BEGIN, &call);
}

static optim_status advance(step_t *s) {
    const double *o = s->option;
    call_t call = call_of(s);
    STEP_BEGIN(s);
    give_places(s);
    memset(call.vector, 0, VECTORS * call.d * sizeof *call.vector);
    gather(s, -1, OF_G);
    psgd_next(s, DRAW, o[RANDOM] != 0);
    STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
    if (step_is_a_first(s))
        begin_first(s);
    gather(s, V, OF_V);
    gather(s, HV, OF_H);
    gather(s, A, OF_A);
    gather(s, B, OF_B);
    call.factor = psgd_rate(o[PRECOND_LR], *step_reduce_max(s, MEASURE_PAIRS, &call, 1));
    step_update(s, FIT, &call);
    gather(s, A, OF_A);
    gather(s, B, OF_B);
    if (o[MOMENTUM] > 0)
        step_tensors(s, AVERAGE, &call);
    call.factor = psgd_clip(sqrt(*step_reduce(s, MEASURE, &call, 1)), o[CLIP_NORM]);
    step_update(s, MOVE, &call);
    STEP_END(s);
}

const method_t METHOD(psgd_xmat) = {
    .name = "psgd_xmat",
    .purpose = "a preconditioner in the form of an X, fitted to Hessian-vector products",
    .citation = "Li: Stochastic Hessian Fitting on Lie Group, 2024, arXiv:2402.11858",
    .evaluations = "1 gradient, 1 Hessian-vector product",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .tensor_memory = sizeof(tensor_memory_t),
    .flags = REQUESTS | REQUESTS_PRODUCTS | WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {draw, collect, fourth_power, begin, measure_pairs, fit, average, measure, move},
    .arguments = {[DRAW] = sizeof(psgd_probe_t),
                  [COLLECT] = sizeof(call_t),
                  [BEGIN] = sizeof(call_t),
                  [MEASURE_PAIRS] = sizeof(call_t),
                  [FIT] = sizeof(call_t),
                  [AVERAGE] = sizeof(call_t),
                  [MEASURE] = sizeof(call_t),
                  [MOVE] = sizeof(call_t)},
};
