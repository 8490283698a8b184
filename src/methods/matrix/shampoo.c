/*
 * shampoo: the gradient preconditioned along every axis of its tensor by a root of what it correlates with.
 *
 * Gupta, Koren, Singer, "Shampoo: Preconditioned Stochastic Tensor Optimization", 2018, arXiv:1802.09568, algorithms 1
 * and 2. G(a) is the gradient unfolded along axis a, x_a the product along it.
 *
 *     1. decoupled = 0: G <- G + weight_decay W;   decoupled = 1: W <- (1 - lr weight_decay) W
 *     2. L_a <- beta2 L_a + w G(a) G(a)', w = 1 if beta2 = 1, else 1 - beta2
 *     3. R_a = (L_a + eps I)^-exponent, when (t - 1) mod precondition_frequency = 0
 *     4. U = G x_1 R_1 x_2 R_2 ...;   grafting = sgd: U <- U |G| / |U|
 *     5. M <- momentum M + U,  W <- W - lr M
 *
 * exponent = 0 stands for 1 / (2 times the axes that have a factor). Axes longer than max_precond_dim have none (R =
 * I); with block_size axes are cut into runs of that length, the last one shorter, and each block is a tensor of its
 * own but for grafting. Eigenvalues of L_a are taken in double, those below 0 for 0. A root that is no finite number,
 * of a gradient that is not, makes the step NaN; one that LAPACK does not find leaves R_a as it was. State in f32: L,
 * R, 8 bytes times the square of each axis; M, 4 a parameter.
 */
#include <string.h>

#include "blocks/cut.h"
#include "blocks/dense.h"
#include "blocks/unfolding.h"
#include "blocks/whole.h"

enum {
    LR,
    MOMENTUM,
    BETA2,
    EPS,
    WEIGHT_DECAY,
    DECOUPLED,
    PRECONDITION_FREQUENCY,
    MAX_PRECOND_DIM,
    BLOCK_SIZE,
    EXPONENT,
    GRAFTING
};
enum { GRAFT_NONE, GRAFT_SGD };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1e-3, "[0,inf)", "step size"},
    [MOMENTUM] = {"momentum", 0, "[0,1)", "decay of the sum of updates", .live = true},
    [BETA2] = {"beta2", 1, "(0,1]", "decay of the factors; 1: sums"},
    [EPS] = {"eps", 1e-4, "(0,inf)", "added to the factors' diagonals"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda"},
    [DECOUPLED] = {"decoupled", 0, "0|1", "decay the parameters (1) or add to the gradient (0)"},
    [PRECONDITION_FREQUENCY] = {"precondition_frequency", 1, "integer [1,inf)", "steps from one root to the next"},
    [MAX_PRECOND_DIM] = {"max_precond_dim", 1024, "integer [0,inf)", "longer axes, or blocks, have no factor"},
    [BLOCK_SIZE] = {"block_size", 0, "integer [0,inf)", "axes are cut into such runs; 0: they are not"},
    [EXPONENT] = {"exponent", 0, "[0,inf)", "of the roots; 0: 1 / (2 axes)"},
    [GRAFTING] = {"grafting", GRAFT_NONE, "none|sgd", "length of the step: its own, or the gradient's"},
    {0},
};

static bool has_factor(const tensor_t *tensor, const double *option, int axis) {
    return (double)run_length(tensor, option[BLOCK_SIZE], axis) <= option[MAX_PRECOND_DIM];
}
static int factor_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    return has_factor(tensor, option, axis) ? cut_dims(tensor, option[BLOCK_SIZE], axis, dims) : -1;
}

enum { L, R, M };
static const state_t STATE[] = {
    [L] = {"L", "sum of what the gradient correlates with along an axis", PER_AXIS, KEPT, .dims = factor_dims},
    [R] = {"R", "its inverse root", PER_AXIS, KEPT, .dims = factor_dims},
    [M] = {"m", "momentum", LIKE_PARAM, FIRST_MOMENT, .when = "momentum"},
    {0},
};

typedef struct constants {
    double option[GRAFTING + 1];
    double take; /* w of line 2 */
    bool takes_roots;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    constants_t *k = constants;
    memcpy(k->option, o, sizeof k->option);
    k->take = o[BETA2] == 1 ? 1 : 1 - o[BETA2];
    k->takes_roots = fmod(group->t - 1, o[PRECONDITION_FREQUENCY]) == 0;
}

static double exponent_of(const tensor_t *tensor, const double *option) {
    int factors = 0;
    for (int i = 0; i < tensor_axes(tensor); ++i)
        factors += has_factor(tensor, option, i);
    return option[EXPONENT] > 0 ? option[EXPONENT] : 0.5 / factors;
}

/* ---- The step of one tensor ---- */

/* Room for a root; then U, and twice a block. */
typedef struct work {
    void *room;
    real *u, *x, *y;
} work_t;

static size_t room_bytes(const tensor_t *tensor, const double *option) {
    size_t longest = 0;
    for (int i = 0; i < tensor_axes(tensor); ++i)
        if (has_factor(tensor, option, i) && run_length(tensor, option[BLOCK_SIZE], i) > longest)
            longest = run_length(tensor, option[BLOCK_SIZE], i);
    return dense_room(longest);
}

static size_t workspace(const tensor_t *tensor, const double *option) {
    const size_t block = block_first(tensor, option[BLOCK_SIZE]).count;
    return dense_workspace(tensor, room_bytes(tensor, option), tensor->count + 2 * block);
}

static work_t work_of(const tile_t *t, const double *option) {
    real *u = (real *)t->work + tensor_reals(t->tensor, room_bytes(t->tensor, option)), *x = u + t->n;
    return (work_t){t->work, u, x, x + block_first(t->tensor, option[BLOCK_SIZE]).count};
}

/* Lines 2 to 4 for a block. */
static void precondition_block(const tile_t *t, const block_t *block, const work_t *w) {
    const constants_t *k = t->constants;
    const double *o = k->option;
    const real l2 = o[DECOUPLED] != 0 ? 0 : (real)o[WEIGHT_DECAY];
    real *x = w->x, *y = w->y;
    block_gather(t, block, l2, x);
    for (int axis = 0; axis < block->axes; ++axis) {
        const unfolding_t u = unfolding_of(block->axes, block->length, axis);
        real *l = block_matrix(t, L, block, axis);
        if (l == NULL)
            continue;
        unfolding_correlate(u, sizeof *x, x, o[BETA2], k->take, l);
        if (k->takes_roots)
            dense_inverse_root(u.n, l, exponent_of(t->tensor, o), o[EPS], block_matrix(t, R, block, axis), w->room);
    }
    for (int axis = 0; axis < block->axes; ++axis) {
        const real *root = block_matrix(t, R, block, axis);
        if (root == NULL)
            continue;
        unfolding_multiply(unfolding_of(block->axes, block->length, axis), sizeof *x, x, root, false, y);
        real *const swap = x;
        x = y;
        y = swap;
    }
    block_scatter(block, x, w->u);
}

/* |g + l2 p| / |U|, or 0 where there is no U. */
static double graft(const tile_t *t, const real *u) {
    const constants_t *k = t->constants;
    const double l2 = k->option[DECOUPLED] != 0 ? 0 : k->option[WEIGHT_DECAY];
    const real *g = t->g, *p = t->p;
    double of_g = 0, of_u = 0;
    for (size_t i = 0; i < t->n; ++i) {
        const double gi = (double)g[i] + l2 * (double)p[i];
        of_g += gi * gi;
        of_u += (double)u[i] * (double)u[i];
    }
    return of_u != 0 ? sqrt(of_g / of_u) : 0;
}

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    const double *o = k->option;
    const work_t w = work_of(t, o);
    block_t block = block_first(t->tensor, o[BLOCK_SIZE]);
    do
        precondition_block(t, &block, &w);
    while (block_advance(&block));
    const real scale = (int)o[GRAFTING] == GRAFT_SGD ? (real)graft(t, w.u) : 1, lr = (real)o[LR],
               mu = (real)o[MOMENTUM];
    const real shrink = decay_of(o[WEIGHT_DECAY], o[DECOUPLED] != 0, o[LR]).shrink;
    real *restrict p = t->p, *restrict m = t->state[M];
    const real *restrict u = w.u;
    for (size_t i = 0; m == NULL && i < t->n; ++i)
        p[i] = shrink * p[i] - lr * (scale * u[i]);
    for (size_t i = 0; m != NULL && i < t->n; ++i) {
        m[i] = settled(mu * m[i] + scale * u[i]);
        p[i] = shrink * p[i] - lr * m[i];
    }
}

const method_t METHOD(shampoo) = {
    .name = "shampoo",
    .purpose = "the gradient preconditioned along every axis of its tensor",
    .citation = "Gupta, Koren, Singer: Shampoo: Preconditioned Stochastic Tensor Optimization, 2018, arXiv:1802.09568",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = WHOLE_TENSORS | NEEDS_LAPACK,
    .constants = sizeof(constants_t),
    .refuses = unfolding_refuses,
    .workspace = workspace,
    .prepare = prepare,
    .advance = whole_advance,
    .kernels = {update},
};
