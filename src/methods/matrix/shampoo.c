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

#include "blocks/dense.h"
#include "kernels/blas.h"

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
    [MOMENTUM] = {"momentum", 0, "[0,1)", "decay of the sum of updates"},
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

/* ---- Axes and blocks ---- */

/* The longest run of an axis; whether it has a factor. */
static size_t run_length(const tensor_t *tensor, const double *option, int axis) {
    const size_t length = tensor_axis(tensor, axis);
    return option[BLOCK_SIZE] > 0 && option[BLOCK_SIZE] < (double)length ? (size_t)option[BLOCK_SIZE] : length;
}
static bool has_factor(const tensor_t *tensor, const double *option, int axis) {
    return (double)run_length(tensor, option, axis) <= option[MAX_PRECOND_DIM];
}
static size_t run_count(const tensor_t *tensor, const double *option, int axis) {
    const size_t length = tensor_axis(tensor, axis), run = run_length(tensor, option, axis);
    return run == 0 ? 0 : (length - 1) / run + 1;
}

/* Squares of the lengths of an axis's runs, in all. */
static size_t run_squares(const tensor_t *tensor, const double *option, int axis) {
    const size_t run = run_length(tensor, option, axis), count = run_count(tensor, option, axis);
    const size_t last = count == 0 ? 0 : tensor_axis(tensor, axis) - (count - 1) * run;
    return count == 0 ? 0 : (count - 1) * run * run + last * last;
}

/* A factor for every block: of the same run of this axis there are as many as the other axes have runs. */
static int factor_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    const size_t length = tensor_axis(tensor, axis);
    if (!has_factor(tensor, option, axis) || length > INT32_MAX)
        return -1;
    int count = 0;
    for (int other = 0; other < tensor_axes(tensor); ++other)
        if (other != axis && run_count(tensor, option, other) > 1)
            dims[count++] = (int64_t)run_count(tensor, option, other);
    if (run_length(tensor, option, axis) < length) {
        dims[count++] = (int64_t)run_squares(tensor, option, axis);
        return count;
    }
    dims[count++] = (int64_t)length;
    dims[count++] = (int64_t)length;
    return count;
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

/* ---- One block ---- */

typedef struct block {
    const tensor_t *tensor;
    const double *option;
    int axes;
    size_t begin[TENSOR_DIMS], length[TENSOR_DIMS]; /* by axis */
    size_t count;                                   /* elements */
} block_t;

static void measure(block_t *block) {
    block->count = 1;
    for (int i = 0; i < block->axes; ++i) {
        const size_t left = tensor_axis(block->tensor, i) - block->begin[i];
        const size_t run = run_length(block->tensor, block->option, i);
        block->length[i] = run < left ? run : left;
        block->count *= block->length[i];
    }
}

static block_t first_block(const tensor_t *tensor, const double *option) {
    block_t block = {.tensor = tensor, .option = option, .axes = tensor_axes(tensor)};
    measure(&block);
    return block;
}

/* The next one, the last axis running fastest; false: that was the last. */
static bool advance_block(block_t *block) {
    for (int i = block->axes - 1; i >= 0; --i) {
        block->begin[i] += block->length[i];
        if (block->begin[i] < tensor_axis(block->tensor, i)) {
            measure(block);
            return true;
        }
        block->begin[i] = 0;
        measure(block);
    }
    return false;
}

/* Where element `i` of the block lies in its tensor. */
static size_t place_of(const block_t *block, size_t i) {
    size_t place = 0, stride = 1;
    for (int axis = block->axes - 1; axis >= 0; --axis) {
        place += (block->begin[axis] + i % block->length[axis]) * stride;
        i /= block->length[axis];
        stride *= tensor_axis(block->tensor, axis);
    }
    return place;
}

/* x <- the block of g + l2 p */
static void gather(const tile_t *t, const block_t *block, real l2, real *x) {
    const size_t run = block->length[block->axes - 1];
    for (size_t i = 0; i < block->count; i += run) {
        const size_t place = place_of(block, i);
        const real *g = (const real *)t->g + place, *p = (const real *)t->p + place;
        for (size_t j = 0; j < run; ++j)
            x[i + j] = l2 != 0 ? g[j] + l2 * p[j] : g[j];
    }
}
static void scatter(const block_t *block, const real *x, real *whole) {
    const size_t run = block->length[block->axes - 1];
    for (size_t i = 0; i < block->count; i += run)
        memcpy(whole + place_of(block, i), x + i, run * sizeof *x);
}

/* The block as (outer, n, inner) about an axis. */
typedef struct unfolding {
    size_t outer, n, inner;
} unfolding_t;

static unfolding_t unfold(const block_t *block, int axis) {
    unfolding_t u = {1, block->length[axis], 1};
    for (int i = 0; i < block->axes; ++i)
        *(i < axis ? &u.outer : &u.inner) *= i == axis ? 1 : block->length[i];
    return u;
}

/* The block's factor of an axis, or its root; NULL: it has none. */
static real *factor_of(const tile_t *t, int state, const block_t *block, int axis) {
    const size_t run = run_length(block->tensor, block->option, axis);
    size_t others = 0;
    if (!has_factor(block->tensor, block->option, axis))
        return NULL;
    for (int i = 0; i < block->axes; ++i)
        if (i != axis)
            others = others * run_count(block->tensor, block->option, i) +
                     block->begin[i] / run_length(block->tensor, block->option, i);
    return (real *)tile_axis(t, state, axis) + others * run_squares(block->tensor, block->option, axis) +
           block->begin[axis] * run;
}

/* Line 2. */
static void correlate(unfolding_t u, const real *x, double beta2, double take, real *l) {
    if (u.inner == 1) {
        blas_gemm(1, 0, u.n, u.n, u.outer, take, x, u.n, x, u.n, beta2, l, u.n);
        return;
    }
    for (size_t o = 0; o < u.outer; ++o, x += u.n * u.inner)
        blas_gemm(0, 1, u.n, u.n, u.inner, take, x, u.inner, x, u.inner, o == 0 ? beta2 : 1, l, u.n);
}

/* Line 4 for one axis: out <- x times the root. */
static void precondition(unfolding_t u, const real *x, const real *root, real *out) {
    if (u.inner == 1) {
        blas_gemm(0, 0, u.outer, u.n, u.n, 1, x, u.n, root, u.n, 0, out, u.n);
        return;
    }
    for (size_t o = 0; o < u.outer; ++o, x += u.n * u.inner, out += u.n * u.inner)
        blas_gemm(0, 0, u.n, u.inner, u.n, 1, root, u.n, x, u.inner, 0, out, u.inner);
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
        if (has_factor(tensor, option, i) && run_length(tensor, option, i) > longest)
            longest = run_length(tensor, option, i);
    return dense_room(longest);
}

static size_t workspace(const tensor_t *tensor, const double *option) {
    return dense_workspace(tensor, room_bytes(tensor, option), tensor->count + 2 * first_block(tensor, option).count);
}

static work_t work_of(const tile_t *t, const double *option) {
    real *u = (real *)t->work + tensor_reals(t->tensor, room_bytes(t->tensor, option)), *x = u + t->n;
    return (work_t){t->work, u, x, x + first_block(t->tensor, option).count};
}

/* Lines 2 to 4 for a block. */
static void precondition_block(const tile_t *t, const block_t *block, const work_t *w) {
    const constants_t *k = t->constants;
    const double *o = k->option;
    const real l2 = o[DECOUPLED] != 0 ? 0 : (real)o[WEIGHT_DECAY];
    real *x = w->x, *y = w->y;
    gather(t, block, l2, x);
    for (int axis = 0; axis < block->axes; ++axis) {
        const unfolding_t u = unfold(block, axis);
        real *l = factor_of(t, L, block, axis);
        if (l == NULL)
            continue;
        correlate(u, x, o[BETA2], k->take, l);
        if (k->takes_roots)
            dense_inverse_root(u.n, l, exponent_of(t->tensor, o), o[EPS], factor_of(t, R, block, axis), w->room);
    }
    for (int axis = 0; axis < block->axes; ++axis) {
        const real *root = factor_of(t, R, block, axis);
        if (root == NULL)
            continue;
        precondition(unfold(block, axis), x, root, y);
        real *const swap = x;
        x = y;
        y = swap;
    }
    scatter(block, x, w->u);
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
    block_t block = first_block(t->tensor, o);
    do
        precondition_block(t, &block, &w);
    while (advance_block(&block));
    const real scale = o[GRAFTING] == GRAFT_SGD ? (real)graft(t, w.u) : 1, lr = (real)o[LR], mu = (real)o[MOMENTUM];
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

static optim_status advance(step_t *s) {
    step_tensors(s, 0, NULL);
    return OPTIM_OK;
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor->count > INT32_MAX ? "a tensor of more than 2^31 - 1 elements is too large for BLAS" : NULL;
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
    .refuses = refuses,
    .workspace = workspace,
    .prepare = prepare,
    .advance = advance,
    .kernels = {update},
};
