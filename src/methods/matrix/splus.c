/*
 * splus: signs of the momentum in the eigenbasis of Shampoo's statistics, and an average of the parameters to evaluate.
 *
 * Frans, Levine, Abbeel, "A Stable Whitening Optimizer for Efficient Neural Network Training", 2025, arXiv:2506.07254,
 * algorithm 1.
 *
 *     of a matrix r by c:
 *     1. m <- beta1 m + (1 - beta1) g;   L <- beta2 L + (1 - beta2) g g',   R <- beta2 R + (1 - beta2) g' g
 *     2. u = Q_L sign(Q_L' m Q_R) Q_R',  the bases as they were: the identity at first
 *     3. t = 1 or a multiple of inverse_steps: Q_L, Q_R <- eigenvectors of L, R
 *     4. p <- p - 2 lr / (r + c) u;   avg <- average of p, by ema_rate;   p <- (1 - 2 lr / (r + c) weight_decay) p
 *     what is no matrix, or has a side above max_dim:  u = sign(m), with lr nonstandard_constant for 2 lr / (r + c)
 *
 * The output is avg, corrected for its start at 0. A side of max_dim or more has no statistics and no basis. State in
 * f32: m, avg, 8 bytes a parameter, and 16 n^2 for every side n of a matrix.
 */
#include "blocks/averages.h"
#include "blocks/whole.h"
#include "methods/matrix/eigenbasis.h"

enum { LR, BETA1, BETA2, EMA_RATE, INVERSE_STEPS, NONSTANDARD_CONSTANT, MAX_DIM, WEIGHT_DECAY };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [BETA1] = {"beta1", 0.9, "[0,1)", "decay of the momentum"},
    [BETA2] = {"beta2", 0.999, "[0,1)", "decay of the statistics"},
    [EMA_RATE] = {"ema_rate", 0.999, "[0,1)", "decay of the average that is the output"},
    [INVERSE_STEPS] = {"inverse_steps", 100, "integer [1,inf)", "steps from one basis to the next"},
    [NONSTANDARD_CONSTANT] = {"nonstandard_constant", 1e-3, "[0,inf)", "factor on lr of what is no matrix"},
    [MAX_DIM] = {"max_dim", 1000, "integer [1,inf)", "longest side that has a basis", .decides_memory = true},
    [WEIGHT_DECAY] = {"weight_decay", 1e-2, "[0,inf)", "lambda, decoupled, after the step"},
    {0},
};

static bool has_basis(const tensor_t *tensor, const double *option, int axis) {
    return tensor->ndim == 2 && tensor->count > 0 && (double)tensor_axis(tensor, axis) < option[MAX_DIM];
}

static int square(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    dims[0] = dims[1] = (int64_t)tensor_axis(tensor, axis);
    return has_basis(tensor, option, axis) ? 2 : -1;
}

enum { M, AVG, L, Q };
static const state_t STATE[] = {
    [M] = {"m", "momentum", LIKE_PARAM, FIRST_MOMENT},
    [AVG] = {"avg", "average of the parameters", LIKE_PARAM, KEPT, .from_param = true, .exact = true},
    [L] = {"L", "statistics of a side", PER_AXIS, KEPT, .type = TYPE_DOUBLE, .dims = square},
    [Q] = {"Q", "eigenvectors of a side", PER_AXIS, KEPT, .type = TYPE_DOUBLE, .dims = square},
    {0},
};

typedef struct constants {
    weights_t beta1;
    double beta2, lr, of_others, max_dim, weight_decay;
    real take; /* weight of p in avg: (1 - ema_rate) / (1 - ema_rate^t) */
    bool first, new_basis;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, t = group->t;
    *(constants_t *)constants = (constants_t){
        .beta1 = weights(o[BETA1]),
        .beta2 = o[BETA2],
        .lr = o[LR],
        .of_others = o[NONSTANDARD_CONSTANT],
        .max_dim = o[MAX_DIM],
        .weight_decay = o[WEIGHT_DECAY],
        .take = (real)((1 - o[EMA_RATE]) / correction(o[EMA_RATE], t)),
        .first = t == 1,
        .new_basis = t == 1 || fmod(t, o[INVERSE_STEPS]) == 0,
    };
}

/* ---- Workspace: two tensors; of the longest side 4 n^2 + n numbers, and what LAPACK needs ---- */

typedef struct room {
    double *x, *y;
    eigenbasis_room_t basis;
} room_t;

static size_t longest(const tensor_t *tensor) {
    const size_t r = tensor->ndim == 2 ? tensor_axis(tensor, 0) : 0, c = tensor->ndim == 2 ? tensor_axis(tensor, 1) : 0;
    return r > c ? r : c;
}

static size_t workspace(const tensor_t *tensor, const double *option) {
    size_t n = 0;
    for (int a = 0; tensor->ndim == 2 && a < 2; ++a)
        if (has_basis(tensor, option, a) && tensor_axis(tensor, a) > n)
            n = tensor_axis(tensor, a);
    return n == 0 ? tensor_reals(tensor, 2 * tensor->count * sizeof(double))
                  : tensor_reals(tensor, (2 * tensor->count + 4 * n * n + n) * sizeof(double) + linear_eigen_room(n));
}

static room_t room_of(const tile_t *t) {
    size_t n = 0;
    for (int a = 0; a < 2; ++a)
        if (tile_axis(t, Q, a) != NULL && tensor_axis(t->tensor, a) > n)
            n = tensor_axis(t->tensor, a);
    double *x = t->work, *y = x + t->n, *square_room = y + t->n;
    double *spare = square_room + n * n, *values = spare + 3 * n * n;
    return (room_t){x, y, {square_room, spare, values, values + n}};
}

/* ---- The step of a matrix ---- */

static void identity(size_t n, double *q) {
    for (size_t i = 0; i < n * n; ++i)
        q[i] = i % (n + 1) == 0;
}

/* x in the bases, or back from them: in x or y, of which the other one is room. */
static double *turned(const tile_t *t, bool back, double *x, double *y) {
    for (int a = 0; a < 2; ++a) {
        const double *q = tile_axis(t, Q, a);
        if (q == NULL)
            continue;
        unfolding_multiply(tensor_unfolding(t->tensor, a), sizeof *q, x, q, !back, y);
        double *const swap = x;
        x = y;
        y = swap;
    }
    return x;
}

/* Line 2. */
static const double *direction(const tile_t *t, room_t room) {
    const real *restrict m = t->state[M];
    for (size_t i = 0; i < t->n; ++i)
        room.x[i] = (double)m[i];
    double *x = turned(t, false, room.x, room.y);
    for (size_t i = 0; i < t->n; ++i)
        x[i] = (double)((x[i] > 0) - (x[i] < 0));
    return turned(t, true, x, x == room.x ? room.y : room.x);
}

/* Lines 1 and 3, but for m. A basis that cannot be found stays as it was. */
static void bases(const tile_t *t, const constants_t *k, room_t room) {
    const real *restrict g = t->g;
    for (int a = 0; a < 2; ++a) {
        double *l = tile_axis(t, L, a), *q = tile_axis(t, Q, a);
        if (l == NULL)
            continue;
        const unfolding_t u = tensor_unfolding(t->tensor, a);
        for (size_t i = 0; i < t->n; ++i)
            room.x[i] = (double)g[i];
        unfolding_correlate(u, sizeof *l, room.x, k->beta2, 1 - k->beta2, l);
        if (k->new_basis)
            (void)eigenbasis(u.n, l, q, room.basis);
    }
}

/* Line 4. */
static void move(const tile_t *t, const constants_t *k, double lr, const double *u) {
    const real shrink = (real)(1 - lr * k->weight_decay), *restrict m = t->state[M];
    real *restrict p = t->p, *restrict avg = t->state[AVG];
    for (size_t i = 0; i < t->n; ++i) {
        p[i] = u != NULL ? (real)((double)p[i] - lr * u[i]) : p[i] - (real)lr * sign(m[i]);
        avg[i] = k->take == 1 ? p[i] : avg[i] + k->take * (p[i] - avg[i]);
        p[i] *= shrink;
    }
}

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    real *restrict m = t->state[M];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        m[i] = ema(m[i], g[i], k->beta1);
    if (t->tensor->ndim != 2) {
        move(t, k, k->lr * k->of_others, NULL);
        return;
    }
    const room_t room = room_of(t);
    for (int a = 0; k->first && a < 2; ++a)
        if (tile_axis(t, Q, a) != NULL)
            identity(tensor_axis(t->tensor, a), tile_axis(t, Q, a));
    const double sides = (double)(tensor_axis(t->tensor, 0) + tensor_axis(t->tensor, 1));
    const bool standard = (double)longest(t->tensor) <= k->max_dim;
    move(t, k, standard ? k->lr * (2 / sides) : k->lr * k->of_others, direction(t, room));
    bases(t, k, room);
}

static void output(const tile_t *t) {
    memcpy(t->out, t->state[AVG], t->n * sizeof(real));
}

const method_t METHOD(splus) = {
    .name = "splus",
    .purpose = "signs of the momentum in the eigenbasis of Shampoo's statistics; the answer is an average",
    .citation = "Frans, Levine, Abbeel: A Stable Whitening Optimizer for Efficient Neural Network Training, 2025, "
                "arXiv:2506.07254",
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
    .output = output,
};
