/*
 * dash: Shampoo by blocks, of averages, each block's step as long as Adam's.
 *
 * Modoranu, Zmushko, Schultheis, Safaryan, Alistarh, "DASH: Faster Shampoo via Batched Block Preconditioning and
 * Efficient Inverse-Root Solvers", 2026, arXiv:2602.02016: the method of Shi et al., "A Distributed Data-Parallel
 * PyTorch Implementation of the Distributed Shampoo Optimizer", 2023, arXiv:2309.06497, with roots by eigenvalues.
 *
 *     of a matrix, the first dimension that is not 1 by the rest, cut into blocks of block_size by block_size, the last
 *     ones smaller; what has no second such dimension is a column, with L alone:
 *     1. L <- beta2 L + (1 - beta2) G G',   R <- beta2 R + (1 - beta2) G' G
 *     2. m <- beta1 m + (1 - beta1) G,   v <- grafting_beta v + (1 - grafting_beta) G^2
 *     3. A = (m / c1) / (sqrt(v / c2) + eps),  c as Adam's; 1 with bias_correction = 0
 *     4. t = start, or later and a multiple of precondition_frequency:
 *        P = (L + matrix_eps I)^-1/4,  Q = (R + matrix_eps I)^-1/4;   of a column P = (L + matrix_eps I)^-1/2
 *     5. t < start:  U = A;   else  U = P m Q,  U <- U |A| / |U|
 *     6. momentum > 0:  b <- momentum b + U,  U <- b;  with nesterov  U <- U + momentum b
 *     7. p <- (1 - lr weight_decay) p - lr U
 *
 * Eigenvalues below 0 are taken for 0. State: m, v, b (with momentum), 12 bytes a parameter in f32; L, R, P, Q, 16
 * bytes times the square of each side of a block. A tensor is worked on by one thread.
 */
#include <string.h>

#include "blocks/adam_family.h"
#include "blocks/dense.h"
#include "blocks/unfolding.h"
#include "blocks/whole.h"

enum {
    LR,
    BETA1,
    BETA2,
    GRAFTING_BETA,
    EPS,
    MATRIX_EPS,
    BLOCK_SIZE,
    PRECONDITION_FREQUENCY,
    START,
    MOMENTUM,
    NESTEROV,
    BIAS_CORRECTION,
    WEIGHT_DECAY
};
static const option_t OPTIONS[] = {
    [LR] = LR_ROW(1e-3),
    [BETA1] = BETA1_ROW(0.9),
    [BETA2] = {"beta2", 0.95, "[0,1)", "decay of the factors"},
    [GRAFTING_BETA] = {"grafting_beta", 0.95, "[0,1)", "decay of the second moment that a step's length is from"},
    [EPS] = EPS_ROW(1e-8),
    [MATRIX_EPS] = {"matrix_eps", 1e-10, "(0,inf)", "added to the factors' diagonals"},
    [BLOCK_SIZE] = {"block_size", 128, "integer [1,inf)", "longest side of a block", .decides_memory = true},
    [PRECONDITION_FREQUENCY] = {"precondition_frequency", 10, "integer [1,inf)", "steps from one root to the next"},
    [START] = {"start", 1, "integer [1,inf)", "first step that is preconditioned", .decides_memory = true},
    [MOMENTUM] = {"momentum", 0, "[0,1)", "decay of the sum of steps"},
    [NESTEROV] = {"nesterov", 1, "0|1", "with momentum: the step once more in front of its sum"},
    [BIAS_CORRECTION] = BIAS_CORRECTION_ROW(1),
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled"},
    {0},
};

/* ---- Sizes: rows by columns, blocks of up to height by width, `down` by `across` of them ---- */

typedef struct grid {
    size_t rows, columns, height, width, down, across;
} grid_t;

/* Whether there are fewer than two dimensions that are not 1. */
static bool is_column(const tensor_t *tensor) {
    int sides = 0;
    for (int i = 0; i < tensor->ndim; ++i)
        sides += tensor_axis(tensor, i) != 1;
    return sides < 2;
}

static size_t rows_of(const tensor_t *tensor) {
    for (int i = 0; !is_column(tensor) && i < tensor->ndim; ++i)
        if (tensor_axis(tensor, i) != 1)
            return tensor_axis(tensor, i);
    return tensor->count;
}

static size_t in_blocks(size_t side, size_t block) {
    return block > 0 ? (side + block - 1) / block : 0;
}

static grid_t grid_of(const tensor_t *tensor, const double *option) {
    const size_t rows = rows_of(tensor), columns = rows > 0 ? tensor->count / rows : 0;
    const size_t height = option[BLOCK_SIZE] < (double)rows ? (size_t)option[BLOCK_SIZE] : rows;
    const size_t width = option[BLOCK_SIZE] < (double)columns ? (size_t)option[BLOCK_SIZE] : columns;
    return (grid_t){rows, columns, height, width, in_blocks(rows, height), in_blocks(columns, width)};
}

static int left_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)axis;
    const grid_t g = grid_of(tensor, option);
    dims[0] = (int64_t)(g.down * g.across);
    dims[1] = dims[2] = (int64_t)g.height;
    return 3;
}
static int right_dims(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)axis;
    const grid_t g = grid_of(tensor, option);
    dims[0] = (int64_t)(g.down * g.across);
    dims[1] = dims[2] = (int64_t)g.width;
    return is_column(tensor) ? -1 : 3;
}

enum { M, V, B, L, R, P, Q };
static const state_t STATE[] = {
    [M] = M_ROW,
    [V] = V_ROW,
    [B] = {"b", "momentum of steps", LIKE_PARAM, KEPT, .when = "momentum"},
    [L] = {"L", "mean of G G' of each block", SHAPED, KEPT, .type = TYPE_DOUBLE, .dims = left_dims},
    [R] = {"R", "mean of G' G of each block", SHAPED, KEPT, .type = TYPE_DOUBLE, .dims = right_dims},
    [P] = {"P", "inverse roots of L", SHAPED, KEPT, .type = TYPE_DOUBLE, .dims = left_dims},
    [Q] = {"Q", "inverse roots of R", SHAPED, KEPT, .type = TYPE_DOUBLE, .dims = right_dims},
    {0},
};

typedef struct constants {
    double option[WEIGHT_DECAY + 1], c1, c2;
    weights_t beta1, grafting_beta;
    bool preconditions, takes_roots;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, t = group->t;
    const bool corrects = o[BIAS_CORRECTION] != 0;
    constants_t *k = constants;
    *k = (constants_t){
        .c1 = corrects ? correction(o[BETA1], t) : 1,
        .c2 = corrects ? correction(o[GRAFTING_BETA], t) : 1,
        .beta1 = weights(o[BETA1]),
        .grafting_beta = weights(o[GRAFTING_BETA]),
        .preconditions = t >= o[START],
        .takes_roots = t == o[START] || (t > o[START] && fmod(t, o[PRECONDITION_FREQUENCY]) == 0),
    };
    memcpy(k->option, o, sizeof k->option);
}

/* ---- Workspace: a root's room, its matrix and the result; two blocks; U ---- */

typedef struct work {
    double *copy, *root, *x, *y;
    void *room;
    real *u;
} work_t;

static size_t longest(grid_t g) {
    return g.height > g.width ? g.height : g.width;
}

/* Bytes of all but U; SIZE_MAX: too large. */
static size_t room_bytes(grid_t g) {
    const size_t root = dense_room(longest(g));
    size_t bytes;
    return root != SIZE_MAX && size_multiply(g.height * g.width, 2 * sizeof(double), &bytes) &&
                   size_add(bytes, root, &bytes)
               ? bytes
               : SIZE_MAX;
}

static size_t workspace(const tensor_t *tensor, const double *option) {
    return dense_workspace(tensor, room_bytes(grid_of(tensor, option)), tensor->count);
}

static work_t work_of(const tile_t *t, grid_t g) {
    const size_t square = longest(g) * longest(g), block = g.height * g.width;
    double *copy = t->work, *root = copy + square, *x = root + square, *y = x + block;
    return (work_t){copy, root, x, y, y + block, (real *)t->work + tensor_reals(t->tensor, room_bytes(g))};
}

/* ---- The step of a block ---- */

/* Its first row and column, how many it has, and its place among the blocks. */
typedef struct part {
    size_t row, column, rows, columns, index;
} part_t;

static part_t part_of(grid_t g, size_t index) {
    const size_t row = index / g.across * g.height, column = index % g.across * g.width;
    const size_t below = g.rows - row, right = g.columns - column;
    return (part_t){row, column, below < g.height ? below : g.height, right < g.width ? right : g.width, index};
}

static void gather(const part_t *b, size_t columns, const real *from, double *to) {
    for (size_t i = 0; i < b->rows; ++i)
        dense_load(b->columns, from + (b->row + i) * columns + b->column, to + i * b->columns);
}

/* root <- (a + matrix_eps I)^-exponent of n by n; where LAPACK stalls it stays. */
static void take_root(const work_t *w, const constants_t *k, size_t n, const double *a, double exponent, double *root) {
    memcpy(w->copy, a, n * n * sizeof *a);
    const linear_status_t status = linear_inverse_root(n, w->copy, exponent, k->option[MATRIX_EPS], w->root, w->room);
    for (size_t i = 0; status != LINEAR_STALLED && i < n * n; ++i)
        root[i] = status == LINEAR_OK ? w->root[i] : (double)NAN;
}

/* Lines 1 and 4. */
static void follow(const tile_t *t, const constants_t *k, grid_t g, const part_t *b, const work_t *w) {
    const double keep = k->option[BETA2], take = 1 - keep;
    double *l = (double *)t->state[L] + b->index * g.height * g.height, *r = t->state[R];
    double *p = (double *)t->state[P] + b->index * g.height * g.height, *q = t->state[Q];
    gather(b, g.columns, t->g, w->x);
    unfolding_gemm(sizeof(double), false, true, b->rows, b->rows, b->columns, take, w->x, w->x, keep, l);
    if (k->takes_roots)
        take_root(w, k, b->rows, l, r == NULL ? 0.5 : 0.25, p);
    if (r == NULL)
        return;
    r += b->index * g.width * g.width;
    unfolding_gemm(sizeof(double), true, false, b->columns, b->columns, b->rows, take, w->x, w->x, keep, r);
    if (k->takes_roots)
        take_root(w, k, b->columns, r, 0.25, q + b->index * g.width * g.width);
}

/* Line 3, of one element. */
static inline double of_adam(const constants_t *k, real m, real v) {
    const double root = sqrt((double)v / k->c2) + k->option[EPS];
    return root > 0 ? (double)m / k->c1 / root : 0;
}

/* P m Q, in x or y. */
static const double *preconditioned(const tile_t *t, grid_t g, const part_t *b, const work_t *w) {
    const double *p = (double *)t->state[P] + b->index * g.height * g.height, *q = t->state[Q];
    gather(b, g.columns, t->state[M], w->x);
    unfolding_gemm(sizeof(double), false, false, b->rows, b->columns, b->rows, 1, p, w->x, 0, w->y);
    if (q == NULL)
        return w->y;
    unfolding_gemm(sizeof(double), false, false, b->rows, b->columns, b->columns, 1, w->y,
                   q + b->index * g.width * g.width, 0, w->x);
    return w->x;
}

/* Line 5. */
static void direct(const tile_t *t, const constants_t *k, grid_t g, const part_t *b, const work_t *w) {
    const real *m = t->state[M], *v = t->state[V];
    const double *x = k->preconditions ? preconditioned(t, g, b, w) : NULL;
    double of_a = 0, of_x = 0;
    for (size_t i = 0; i < b->rows; ++i)
        for (size_t j = 0; j < b->columns; ++j) {
            const size_t at = (b->row + i) * g.columns + b->column + j;
            const double a = of_adam(k, m[at], v[at]), u = x == NULL ? 0 : x[i * b->columns + j];
            of_a += a * a;
            of_x += u * u;
            w->u[at] = (real)a;
        }
    const double factor = of_x != 0 ? sqrt(of_a) / sqrt(of_x) : 0;
    for (size_t i = 0; x != NULL && i < b->rows; ++i)
        for (size_t j = 0; j < b->columns; ++j)
            w->u[(b->row + i) * g.columns + b->column + j] = (real)(factor * x[i * b->columns + j]);
}

/* Lines 6 and 7. */
static void move(const tile_t *t, const constants_t *k, const real *restrict u) {
    const double *o = k->option;
    const real lr = (real)o[LR], mu = (real)o[MOMENTUM], shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]);
    const bool nesterov = o[NESTEROV] != 0;
    real *restrict p = t->p, *restrict b = t->state[B];
    for (size_t i = 0; b == NULL && i < t->n; ++i)
        p[i] = shrink * p[i] - lr * u[i];
    for (size_t i = 0; b != NULL && i < t->n; ++i) {
        b[i] = settled(mu * b[i] + u[i]);
        p[i] = shrink * p[i] - lr * (nesterov ? u[i] + mu * b[i] : b[i]);
    }
}

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    const grid_t grid = grid_of(t->tensor, k->option);
    const work_t w = work_of(t, grid);
    real *restrict m = t->state[M], *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        m[i] = ema(m[i], g[i], k->beta1);
        v[i] = ema(v[i], g[i] * g[i], k->grafting_beta);
    }
    for (size_t i = 0; i < grid.down * grid.across; ++i) {
        const part_t b = part_of(grid, i);
        follow(t, k, grid, &b, &w);
        direct(t, k, grid, &b, &w);
    }
    move(t, k, w.u);
}

const method_t METHOD(dash) = {
    .name = "dash",
    .purpose = "Shampoo by blocks, of averages, each block's step as long as Adam's",
    .citation = "Modoranu et al.: DASH: Faster Shampoo via Batched Block Preconditioning and Efficient Inverse-Root "
                "Solvers, 2026, arXiv:2602.02016",
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
