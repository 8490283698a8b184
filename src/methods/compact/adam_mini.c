/*
 * adam_mini: adamw with one second moment for each block of elements.
 *
 * Zhang, Chen, Li, Ding, Chen, Ye, Luo, Sun, "Adam-mini: Use Fewer Learning Rates To Gain More", 2024,
 * arXiv:2406.16793, algorithm 1. With partition=all AdaSGD of Xie, Mohamadi, Li, "Adam Exploits l_inf-geometry of Loss
 * Landscape via Coordinate-wise Adaptivity", 2024, arXiv:2410.08198.
 *
 *     1. p <- (1 - lr weight_decay) p
 *     2. m <- beta1 m + (1 - beta1) g
 *     3. of every block b:  v_b <- beta2 v_b + (1 - beta2) mean over b of g^2
 *     4. p <- p - lr / c1 m / (sqrt(v_b) / sqrt(c2) + eps)
 *
 * Blocks of a tensor of two or more dimensions: tensor (all of it), row (each slice of dimension 0), blocks (so many
 * runs of equal length; one, if they do not divide it). Vectors and scalars: one block, or with vector=adam one for
 * each element, which is adamw. all: one block for all tensors of a group, whose v is averaged before any of them moves
 * and counts its own steps for c2. State: m, 4 bytes a parameter in f32; v, 4 a block.
 */
#include <string.h>

#include "blocks/adam_family.h"
#include "blocks/reduce.h"

enum { LR, BETA1, BETA2, EPS, WEIGHT_DECAY, PARTITION, BLOCKS, VECTOR };
enum { BY_TENSOR, BY_ROW, BY_BLOCKS, ALL };
enum { VECTOR_IS_BLOCK, VECTOR_ADAM };
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = BETA2_ROW(0.999),
    [EPS] = EPS_ROW(1e-8),
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    [PARTITION] = {"partition", BY_ROW, "tensor|row|blocks|all", "blocks of matrices; all: one block for the group",
                   .decides_memory = true},
    [BLOCKS] = {"blocks", 1, "integer [1,inf)", "partition=blocks: how many", .decides_memory = true},
    [VECTOR] = {"vector", VECTOR_IS_BLOCK, "tensor|adam", "a vector is one block, or each of its elements",
                .decides_memory = true},
    {0},
};

/* How many blocks of equal length a tensor has. */
static size_t blocks_of(const tensor_t *tensor, const double *option) {
    if (tensor->ndim < 2)
        return (int)option[VECTOR] == VECTOR_ADAM ? tensor->count : 1;
    if ((int)option[PARTITION] == BY_ROW)
        return tensor_rows(tensor);
    const bool divides = (int)option[PARTITION] == BY_BLOCKS && fmod((double)tensor->count, option[BLOCKS]) == 0;
    return divides && tensor->count > 0 ? (size_t)option[BLOCKS] : 1;
}

static int dims_of_v(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)axis;
    dims[0] = (int64_t)blocks_of(tensor, option);
    return (int)option[PARTITION] == ALL ? -1 : 1;
}

enum { M, V };
static const state_t STATE[] = {
    [M] = M_ROW,
    [V] = {"v", "second moment of each block", SHAPED, KEPT, .dims = dims_of_v, .nonnegative = true},
    {0},
};

typedef struct group_memory {
    double v;
    int64_t steps;
} group_memory_t;
static const field_t FIELDS[] = {
    {"v_all", "partition=all: second moment of the group", FIELD(OF_GROUP, group_memory_t, v)},
    {"steps_all", "partition=all: squares that are in it", FIELD(OF_GROUP, group_memory_t, steps)},
    {0},
};

typedef struct constants {
    double option[VECTOR + 1];
    adam_t adam;
    real root; /* of line 4, with partition=all */
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    const group_memory_t *m = group->group_memory;
    const double c2 = correction(o[BETA2], (int)o[PARTITION] == ALL ? (double)m->steps : group->t);
    constants_t *k = constants;
    *k = (constants_t){
        .adam = {.beta1 = weights(o[BETA1]),
                 .beta2 = weights(o[BETA2]),
                 .step = (real)(o[LR] / correction(o[BETA1], group->t)),
                 .inverse_root_c2 = (real)(1 / sqrt(c2)),
                 .eps = eps_of(o[EPS], false, c2),
                 .decay = decay_of(o[WEIGHT_DECAY], true, o[LR])},
        .root = (real)(sqrt(m->v / c2) + o[EPS]),
    };
    memcpy(k->option, o, sizeof k->option);
}

/* ---- Lines 1, 2 and 4 for elements first .. first + n - 1 of the tile, which share a root ---- */

static void move(const tile_t *t, size_t first, size_t n, real root) {
    const adam_t k = ((const constants_t *)t->constants)->adam;
    real *restrict p = (real *)t->p + first, *restrict m = (real *)t->state[M] + first;
    const real *restrict g = (const real *)t->g + first;
    for (size_t i = 0; i < n; ++i) {
        m[i] = ema(m[i], g[i], k.beta1);
        p[i] = k.decay.shrink * p[i] - k.step * quotient(m[i], root);
    }
}

/* ---- A tensor with blocks of its own ---- */

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    real *v = t->state[V];
    const size_t blocks = v == NULL ? 0 : blocks_of(t->tensor, k->option);
    if (blocks == 0)
        return;
    const size_t length = t->n / blocks;
    if (length == 1) {
        adam_loop(t, k->adam, t->state[M], v, NULL, false, false);
        return;
    }
    for (size_t b = 0; b < blocks; ++b) {
        const real *g = (const real *)t->g + b * length;
        v[b] = ema(v[b], (real)(sum_squares(length, g) / (double)length), k->adam.beta2);
        move(t, b * length, length, damped_root(v[b], k->adam.inverse_root_c2, k->adam.eps));
    }
}

/* ---- One block for all tensors of a group ---- */

static void update_all(const tile_t *t) {
    const constants_t *k = t->constants;
    if ((int)k->option[PARTITION] == ALL)
        move(t, 0, t->n, k->root);
}

/* Elements of the group's tensors that take this step. */
static double elements_of(const step_t *s, int group) {
    double count = 0;
    for (size_t n = 0; n < step_tensor_count(s); ++n) {
        const tensor_t *tensor = step_tensor(s, n);
        count += tensor != NULL && tensor->group == group ? (double)tensor->count : 0;
    }
    return count;
}

enum { SQUARES, UPDATE, UPDATE_ALL };

/* Line 3, of every such group; whether there are any, and any others. */
typedef struct kinds {
    bool all, own;
} kinds_t;
static kinds_t average_groups(step_t *s) {
    kinds_t kinds = {false, false};
    for (int i = 0; i < s->groups; ++i)
        *((int)step_group(s, i).option[PARTITION] == ALL ? &kinds.all : &kinds.own) = true;
    if (kinds.all)
        (void)step_sums(s, SQUARES, NULL, 1);
    for (int i = 0; kinds.all && i < s->groups; ++i) {
        const group_t group = step_group(s, i);
        const double beta2 = group.option[BETA2], count = elements_of(s, group.index);
        group_memory_t *m = group.group_memory;
        if ((int)group.option[PARTITION] != ALL || count == 0)
            continue;
        m->v = beta2 * m->v + (1 - beta2) * (group.sum[0] / count);
        ++m->steps;
    }
    return kinds;
}

static optim_status advance(step_t *s) {
    const kinds_t kinds = average_groups(s);
    if (kinds.all)
        step_update(s, UPDATE_ALL, NULL);
    if (kinds.own)
        step_tensors(s, UPDATE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(adam_mini) = {
    .name = "adam_mini",
    .purpose = "adamw with one second moment for each row, tensor or block",
    .citation = "Zhang et al.: Adam-mini: Use Fewer Learning Rates To Gain More, 2024, arXiv:2406.16793; Xie, "
                "Mohamadi, Li: Adam Exploits l_inf-geometry of Loss Landscape via Coordinate-wise Adaptivity, 2024, "
                "arXiv:2410.08198",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .group_memory = sizeof(group_memory_t),
    .flags = WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [UPDATE] = update, [UPDATE_ALL] = update_all},
};
