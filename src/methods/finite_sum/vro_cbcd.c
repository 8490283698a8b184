/*
 * vro_cbcd: cyclic descent over blocks of coordinates with recursive estimates of the gradient, for a mean of n
 * components f_i plus a penalty that is a sum over the blocks.
 *
 * Cai, Song, Wright, Diakonikolas, "Cyclic Block Coordinate Descent With Variance Reduction for Composite Nonconvex
 * Optimization", 2023, arXiv:2212.05088. One coin and one batch for a whole cycle are a reading of the paper.
 *
 *     one step is one cycle;   it is full if it is the first, else with probability p
 *     batch: all components if it is full and b = n;   b draws of i if it is full, else b2, uniform in 0 .. n - 1
 *     for each block j in order, x being the parameters as the blocks before it have left them:
 *     1. full:       g_j = [mean over the batch of grad f_i(x)]_j
 *        otherwise:  g_j = g_j + [mean over the batch of grad f_i(x) - grad f_i(x_prev)]_j
 *     2. x_j = reg(x_j - lr g_j), reg's step being lr
 *
 * x_prev is where block j was updated in the cycle before: the start of this cycle in the blocks before j, the start of
 * that one in the others. Blocks are of all elements that are not frozen, in the order of declaration; block j ends at
 * element round(j d / blocks), halves to even; an empty one is left out. A cycle after the blocks have changed is full.
 * b = 0 stands for n. reg sees a block with zeros in the place of the others.
 *
 * A step begins without a gradient. State: prev, g, 8 bytes a parameter in f32; within a step x and what is kept or
 * summed up besides.
 */
#include <string.h>

#include "engine/map.h"

enum { LR, BLOCKS, P, B, B2, REG };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [BLOCKS] = {"blocks", 2, "integer [1,inf)", "in a cycle"},
    [P] = {"p", 0.3, "(0,1]", "probability of a full cycle; 1: all of them"},
    [B] = {"b", 0, "integer [0,inf)", "draws in a full cycle; 0, or the number of components: a full pass",
           .zero_apart = true},
    [B2] = {"b2", 2, "integer [1,inf)", "draws in other cycles"},
    [REG] = {"reg", 0, "map", "prox of a penalty on the parameters, or projection", .choice = "none"},
    {0},
};

/* A rounded prev would not be the point of g: the error would stay until the next full cycle. */
enum { X, PREV, G, SUM, AWAY };
static const state_t STATE[] = {
    [X] = {"x", "where the cycle began", LIKE_PARAM, RESTORE_POINT},
    [PREV] = {"prev", "where the cycle before began", LIKE_PARAM, KEPT, .exact = true},
    [G] = {"g", "the estimates of the gradient by block", LIKE_PARAM, KEPT, .exact = true},
    [SUM] = {"sum", "the estimates of this cycle", LIKE_PARAM, WITHIN_STEP},
    [AWAY] = {"away", "the point to come back to", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct memory {
    double elements;
    int64_t block, k, sign, draws; /* within a step */
    bool full;
} memory_t;
typedef struct tensor_memory {
    double place;
} tensor_memory_t;
static const field_t FIELDS[] = {
    {"elements", "d: that are not frozen", FIELD(OF_METHOD, memory_t, elements)},
    {"place", "of its first element among them, from 1 on", FIELD(OF_TENSOR, tensor_memory_t, place), .whole = true},
    {0},
};

typedef struct constants {
    real lr;
} constants_t;

/* What kernels take: elements first .. end - 1 of all are the block. */
typedef struct part {
    double first, end;
    double weight; /* of a gradient; of the last estimates */
} part_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){(real)group->option[LR]};
}

/* ---- Kernels ---- */

/* The elements of the tile that come before place `bound` of all. */
static size_t before(const tile_t *t, double bound) {
    const double first = ((const tensor_memory_t *)t->memory)->place - 1 + (double)t->offset;
    return bound <= first ? 0 : bound - first < (double)t->n ? (size_t)(bound - first) : t->n;
}

static void begin(const tile_t *t) {
    const real weight = (real)((const part_t *)t->arguments)->weight;
    const real *restrict g = t->state[G];
    real *restrict sum = t->state[SUM];
    memcpy(t->state[X], t->p, t->n * sizeof(real));
    for (size_t i = 0; i < t->n; ++i)
        sum[i] = weight * g[i];
}

/* Line 1. */
static void add(const tile_t *t) {
    const part_t *part = t->arguments;
    const real weight = (real)part->weight;
    const real *restrict g = t->g;
    real *restrict sum = t->state[SUM];
    for (size_t i = before(t, part->first), end = before(t, part->end); i < end; ++i)
        sum[i] += weight * g[i];
}

/* To x_prev. */
static void go_away(const tile_t *t) {
    const size_t first = before(t, ((const part_t *)t->arguments)->first);
    real *p = t->p;
    memcpy(t->state[AWAY], p, t->n * sizeof(real));
    memcpy(p, t->state[X], first * sizeof(real));
    memcpy(p + first, (const real *)t->state[PREV] + first, (t->n - first) * sizeof(real));
}

static void come_back(const tile_t *t) {
    memcpy(t->p, t->state[AWAY], t->n * sizeof(real));
}

/* Line 2 up to the map, and behind it. */
static void move(const tile_t *t) {
    const part_t *part = t->arguments;
    const size_t first = before(t, part->first), end = before(t, part->end);
    const real lr = ((const constants_t *)t->constants)->lr, *restrict sum = t->state[SUM];
    real *restrict p = t->p;
    memcpy(t->state[AWAY], p, t->n * sizeof(real));
    memset(p, 0, first * sizeof(real));
    for (size_t i = first; i < end; ++i)
        p[i] -= lr * sum[i];
    memset(p + end, 0, (t->n - end) * sizeof(real));
}

static void join(const tile_t *t) {
    const part_t *part = t->arguments;
    const size_t first = before(t, part->first), end = before(t, part->end);
    const real *away = t->state[AWAY];
    real *p = t->p;
    memcpy(p, away, first * sizeof(real));
    memcpy(p + end, away + end, (t->n - end) * sizeof(real));
}

static void end(const tile_t *t) {
    memcpy(t->state[PREV], t->state[X], t->n * sizeof(real));
    memcpy(t->state[G], t->state[SUM], t->n * sizeof(real));
}

enum { BEGIN, ADD, GO_AWAY, COME_BACK, MOVE, JOIN, END };

/* ---- A cycle ---- */

/* Finds the elements' places; whether they are others than in the cycle before. */
static bool arrange(step_t *s) {
    memory_t *m = s->memory;
    double place = 1;
    bool changed = false;
    for (size_t i = 0; i < step_tensor_count(s); ++i) {
        const tensor_t *tensor = step_tensor(s, i);
        if (tensor == NULL)
            continue;
        tensor_memory_t *of = step_tensor_memory(s, i);
        changed |= of->place != place;
        of->place = place;
        place += (double)tensor->count;
    }
    changed |= m->elements != place - 1;
    m->elements = place - 1;
    return changed;
}

static double end_of(const step_t *s, int64_t block) {
    return rint((double)block * ((const memory_t *)s->memory)->elements / s->option[BLOCKS]);
}

static const part_t *part_of(const step_t *s, double weight, part_t *part) {
    const int64_t block = ((const memory_t *)s->memory)->block;
    *part = (part_t){end_of(s, block), end_of(s, block + 1), weight};
    return part;
}

static const char *refuses(const step_t *s) {
    const double *o = s->option, n = (double)s->components;
    if (o[B] > n || o[B2] > n)
        return "b and b2 must be no more than the number of components";
    return step_map_refuses(s, REG, 1, true);
}

/* Coin and batch; draws = 0: a full pass. */
static void draw(step_t *s) {
    memory_t *m = s->memory;
    const double *o = s->option;
    const bool all = o[B] == 0 || o[B] == (double)s->components;
    m->full = arrange(s) || step_is_a_first(s) || step_bernoulli(s, o[P]);
    m->draws = m->full ? (all ? 0 : (int64_t)o[B]) : (int64_t)o[B2];
    for (int64_t k = 0; k < m->draws; ++k)
        step_order(s)[k] = step_index(s, s->components);
}

static double weight(const memory_t *m) {
    return (double)m->sign / (double)(m->draws > 1 ? m->draws : 1);
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    part_t part;
    const char *wrong = refuses(s);
    if (wrong != NULL)
        return step_fail(s, OPTIM_ERR_VALUE, wrong);
    STEP_BEGIN(s);
    draw(s);
    step_update(s, BEGIN, &(part_t){.weight = m->full ? 0 : 1});
    for (m->block = 0; (double)m->block < s->option[BLOCKS]; ++m->block) {
        if (end_of(s, m->block) == end_of(s, m->block + 1))
            continue;
        for (m->sign = 1; m->sign >= (m->full ? 1 : -1); m->sign -= 2) { /* at x, then at x_prev */
            if (m->sign < 0)
                step_update(s, GO_AWAY, part_of(s, 0, &part));
            for (m->k = 0; m->k < (m->draws > 1 ? m->draws : 1); ++m->k) {
                STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = m->draws == 0 ? OPTIM_SAMPLE_FULL : OPTIM_SAMPLE_SAME,
                         .first = m->draws == 0 ? 0 : step_order(s)[m->k], .count = m->draws > 0);
                step_update(s, ADD, part_of(s, weight(m), &part));
            }
            if (m->sign < 0)
                step_update(s, COME_BACK, NULL);
        }
        step_update(s, MOVE, part_of(s, 0, &part));
        step_map_by_lr(s, REG, 1);
        step_update(s, JOIN, part_of(s, 0, &part));
    }
    step_update(s, END, NULL);
    STEP_END(s);
}

const method_t METHOD(vro_cbcd) = {
    .name = "vro_cbcd",
    .purpose = "descent over blocks of coordinates in turn, with estimates of the gradient that correct themselves",
    .citation = "Cai, Song, Wright, Diakonikolas: Cyclic Block Coordinate Descent With Variance Reduction for "
                "Composite Nonconvex Optimization, ICML 2023, arXiv:2212.05088",
    .evaluations = "for each block with probability p, and in the first step, 1 gradient of a full pass (b < n: b of "
                   "one component), otherwise 2 b2 of one component",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | BY_ELEMENT | NEEDS_COMPONENTS | COMPONENT_GRADIENTS | ASKS_FOR_ALL,
    .constants = sizeof(constants_t),
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .tensor_memory = sizeof(tensor_memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, add, go_away, come_back, move, join, end},
    .arguments = {[BEGIN] = sizeof(part_t),
                  [ADD] = sizeof(part_t),
                  [GO_AWAY] = sizeof(part_t),
                  [MOVE] = sizeof(part_t),
                  [JOIN] = sizeof(part_t)},
};
