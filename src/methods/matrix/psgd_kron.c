/*
 * psgd_kron: a preconditioner that is a Kronecker product, fitted so that it whitens the gradient.
 *
 * Li, "Stochastic Hessian Fitting on Lie Group", 2024, arXiv:2402.11858. A tensor has a factor Q_a for each axis longer
 * than 1, n_a by n_a or, of long axes, diagonal; x x_a A multiplies x by A along the axis, x_(a) is its n_a by
 * (everything else) unfolding. r_a = entries / n_a; V is a probe, see psgd.h. Line 3 comes before line 2 with
 * update_first = 0.
 *
 *     0. first step: Q_a = s^(1/axes) I, s = init_scale or (max over tensors of mean g^4 + damping^4)^(-1/8)
 *     1. m <- beta m + (1 - beta) g, beta = min((t - 1) / t, momentum)
 *     2. X = g, or m (whiten = momentum);   X <- X + (damping + 2.22e-16 |X|) V;   Y = X x_a Q_a'Q_a for all a,
 *        T = Y_(a) Y_(a)', Lip_a <- max(beta_l Lip_a + (1 - beta_l) l, l), l = |T| + r_a,  x = precond_lr / Lip_a:
 *
 *        q0.5eq1.5  Q <- Q - x (T - r) Q, then turned towards symmetric: psgd_rotate
 *        qeq        Q <- Q - x Q (T - r)
 *        quad       Q <- Q - x/2 (T - r) Q, Q <- Q - x/2 Q (T - r), Q <- (Q + Q') / 2
 *        eq         A = X x_a Q_a, B = V x_a Q_a^-T;   T = A_(a) A_(a)', U = B_(a) B_(a)', l = |T + U|,
 *                   Q <- Q - x triu(T - U) Q, Q upper triangular
 *
 *        of a diagonal factor the diagonals of all this. Every 100th step the Q_a get equal largest entries, their
 *        product staying what it is
 *     3. u = m x_a Q_a'Q_a;   rms(u) at most clip_avg, then |u_i| at most clip_max;   p <- p - lr u
 *
 * State: m, 4 bytes per f32 parameter, with momentum; Q: 8 n_a^2 bytes an axis, or 8 n_a.
 */
#include <string.h>

#include "blocks/psgd.h"

enum {
    LR,
    PRECOND_LR,
    BETA_L,
    DAMPING,
    MOMENTUM,
    GEOMETRY,
    MAX_SIZE,
    MAX_SKEW,
    INIT_SCALE,
    WHITEN,
    UPDATE_FIRST,
    CLIP_AVG,
    CLIP_MAX,
    RANDOM
};
enum { Q05EQ15, QEQ, EQ, QUAD };
enum { OF_GRADIENT, OF_MOMENTUM };
static const option_t OPTIONS[] = {
    [LR] = PSGD_LR_ROW(1e-3),
    [PRECOND_LR] = PSGD_PRECOND_LR_ROW,
    [BETA_L] = PSGD_BETA_L_ROW,
    [DAMPING] = PSGD_DAMPING_ROW,
    [MOMENTUM] = PSGD_MOMENTUM_ROW,
    [GEOMETRY] = {"geometry", Q05EQ15, "q0.5eq1.5|qeq|eq|quad", "how the preconditioner moves", .decides_memory = true},
    [MAX_SIZE] = {"max_size", 0, "integer [0,inf)", "longer axes have a diagonal factor; 0: any length",
                  .zero_apart = true, .decides_memory = true},
    [MAX_SKEW] = {"max_skew", 1, "[0,inf)", "so have axes whose length squared is more than this times the entries",
                  .decides_memory = true},
    [INIT_SCALE] = PSGD_INIT_SCALE_ROW,
    [WHITEN] = {"whiten", OF_GRADIENT, "gradient|momentum", "what the preconditioner is fitted to"},
    [UPDATE_FIRST] = PSGD_UPDATE_FIRST_ROW,
    [CLIP_AVG] = PSGD_CLIP_AVG_ROW,
    [CLIP_MAX] = PSGD_CLIP_MAX_ROW,
    [RANDOM] = PSGD_RANDOM_ROW,
    {0},
};

/* ---- Which axes have which factor ---- */

/* Axes of length 1 have none, but of a tensor of one element, which has one factor. */
static bool has_factor(const tensor_t *tensor, int axis) {
    return tensor->count > 0 && (tensor_axis(tensor, axis) > 1 || (axis == 0 && tensor->count == 1));
}

static bool is_diagonal(const tensor_t *tensor, double max_size, double max_skew, int axis) {
    const double n = (double)tensor_axis(tensor, axis);
    return n <= 1 || (max_size > 0 && n > max_size) || n * n > max_skew * (double)tensor->count;
}

static int shape(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    if (!has_factor(tensor, axis))
        return -1;
    dims[0] = dims[1] = (int64_t)tensor_axis(tensor, axis);
    return is_diagonal(tensor, option[MAX_SIZE], option[MAX_SKEW], axis) ? 1 : 2;
}
static int single(const tensor_t *tensor, const double *option, int axis, int64_t *dims) {
    (void)option, (void)dims;
    return has_factor(tensor, axis) ? 0 : -1;
}

enum { M, Q, LIP };
static const state_t STATE[] = {
    [M] = {"m", "mean gradient", LIKE_PARAM, FIRST_MOMENT, .when = "momentum"},
    [Q] = {"Q", "factor of an axis, or its diagonal", PER_AXIS, KEPT, .type = TYPE_DOUBLE, .dims = shape},
    [LIP] = {"lip", "bound on the curvature of its fit", PER_AXIS, KEPT, .type = TYPE_DOUBLE, .dims = single},
    {0},
};

typedef struct constants {
    double lr, keep, precond_lr, beta_l, damping, init_scale, max_size, max_skew, clip_avg, clip_max;
    int geometry;
    uint32_t t; /* steps by the tensor's own count */
    bool first, whitens_momentum, update_first;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){
        .lr = o[LR],
        .keep = psgd_keep(group->t, o[MOMENTUM]),
        .precond_lr = o[PRECOND_LR],
        .beta_l = o[BETA_L],
        .damping = o[DAMPING],
        .init_scale = o[INIT_SCALE],
        .max_size = o[MAX_SIZE],
        .max_skew = o[MAX_SKEW],
        .clip_avg = o[CLIP_AVG],
        .clip_max = o[CLIP_MAX],
        .geometry = (int)o[GEOMETRY],
        .t = (uint32_t)group->t,
        .first = group->t == 1,
        .whitens_momentum = (int)o[WHITEN] == OF_MOMENTUM,
        .update_first = o[UPDATE_FIRST] != 0,
    };
}

/* What the kernel takes. */
typedef struct call {
    psgd_probe_t probe;
    noise_t norms; /* random = 1: for the bounds on norms, two for each factor */
    double mean_g4;
    bool balances; /* random = 1 */
} call_t;

/* ---- Workspace: three tensors, three matrices as large as the largest factor, and what psgd_rotate needs ---- */

enum { TENSORS = 3, MATRICES = 3 };
typedef struct room {
    double *x, *y, *v;
    double *t, *u, *product, *rest;
} room_t;

/* Side of the largest full factor, and the numbers of the largest factor. */
typedef struct largest {
    size_t side, numbers;
} largest_t;
static largest_t largest_of(const tensor_t *tensor, double max_size, double max_skew) {
    largest_t largest = {1, 1};
    for (int a = 0; tensor->count > 0 && a < tensor_axes(tensor); ++a) {
        const size_t n = tensor_axis(tensor, a);
        const bool full = !is_diagonal(tensor, max_size, max_skew, a);
        const size_t numbers = full ? n * n : n;
        largest.side = full && n > largest.side ? n : largest.side;
        largest.numbers = numbers > largest.numbers ? numbers : largest.numbers;
    }
    return largest;
}

static size_t workspace(const tensor_t *tensor, const double *option) {
    const largest_t largest = largest_of(tensor, option[MAX_SIZE], option[MAX_SKEW]);
    if (largest.side > INT32_MAX / 64)
        return PTRDIFF_MAX / 1024;
    const size_t doubles = TENSORS * tensor->count + MATRICES * largest.numbers + psgd_rotate_room(largest.side);
    return tensor_reals(tensor, doubles * sizeof(double));
}

static room_t room_of(const tile_t *t, const constants_t *k) {
    const size_t numbers = largest_of(t->tensor, k->max_size, k->max_skew).numbers;
    double *x = t->work, *matrices = x + TENSORS * t->n;
    return (room_t){
        x, x + t->n, x + 2 * t->n, matrices, matrices + numbers, matrices + 2 * numbers, matrices + MATRICES * numbers};
}

/* ---- Factors, and products with them ---- */

typedef struct factor {
    unfolding_t u;
    size_t n, numbers;
    bool diagonal;
    double *q, *lip;
} factor_t;
typedef struct factors {
    int count;
    factor_t of[TENSOR_DIMS];
} factors_t;

static factors_t factors_of(const tile_t *t) {
    const constants_t *k = t->constants;
    factors_t factors = {0};
    for (int a = 0; a < tensor_axes(t->tensor); ++a) {
        const unfolding_t u = tensor_unfolding(t->tensor, a);
        const bool diagonal = is_diagonal(t->tensor, k->max_size, k->max_skew, a);
        if (has_factor(t->tensor, a))
            factors.of[factors.count++] =
                (factor_t){u, u.n, diagonal ? u.n : u.n * u.n, diagonal, tile_axis(t, Q, a), tile_axis(t, LIP, a)};
    }
    return factors;
}

/* out <- x x_a Q, or x x_a Q' */
static void multiply(const factor_t *f, const double *x, bool transposed, double *out) {
    if (!f->diagonal) {
        unfolding_multiply(f->u, sizeof *x, x, f->q, transposed, out);
        return;
    }
    for (size_t slice = 0, i = 0; slice < f->u.outer * f->n; ++slice)
        for (const size_t end = i + f->u.inner; i < end; ++i)
            out[i] = f->q[slice % f->n] * x[i];
}

/* x <- x x_a Q^-T, Q upper triangular */
static void solve(const factor_t *f, double *x) {
    const size_t n = f->n, inner = f->u.inner;
    for (size_t o = 0; o < f->u.outer; ++o, x += n * inner)
        for (size_t i = 0; i < n; ++i) {
            double *xi = x + i * inner;
            for (size_t k = 0; k < inner; ++k)
                xi[k] /= f->q[f->diagonal ? i : i * n + i];
            for (size_t j = i + 1; !f->diagonal && j < n; ++j)
                for (size_t k = 0; k < inner; ++k)
                    x[j * inner + k] -= f->q[i * n + j] * xi[k];
        }
}

/* x <- x x_a Q_a'Q_a for all a; y is room. */
static void precondition(const factors_t *factors, double *x, double *y) {
    for (int a = 0; a < factors->count; ++a) {
        multiply(&factors->of[a], x, false, y);
        multiply(&factors->of[a], y, true, x);
    }
}

/* x x_a Q_a for all a: in x or in y. */
static double *halfway(const factors_t *factors, double *x, double *y) {
    for (int a = 0; a < factors->count; ++a) {
        multiply(&factors->of[a], x, false, y);
        double *const swap = x;
        x = y;
        y = swap;
    }
    return x;
}

/* out <- x_(a) x_(a)', or its diagonal */
static void correlate(const factor_t *f, const double *x, double *out) {
    if (!f->diagonal) {
        unfolding_correlate(f->u, sizeof *x, x, 0, 1, out);
        return;
    }
    memset(out, 0, f->n * sizeof *out);
    for (size_t slice = 0, i = 0; slice < f->u.outer * f->n; ++slice)
        for (const size_t end = i + f->u.inner; i < end; ++i)
            out[slice % f->n] += x[i] * x[i];
}

/* ---- The fit of one factor; `noise` for two norms, or NULL: exact ones ---- */

/* precond_lr / Lip after l */
static double rate(const factor_t *f, const constants_t *k, double l) {
    return psgd_rate(k->precond_lr, psgd_lipschitz(f->lip, k->beta_l, l));
}

static double largest_entry(size_t n, const double *x) {
    double most = 0;
    for (size_t i = 0; i < n; ++i)
        most = fmax(most, fabs(x[i]));
    return most;
}

static double norm_of(const factor_t *f, double *t, const noise_t *noise, double *room) {
    return f->diagonal ? largest_entry(f->n, t) : psgd_norm(f->n, t, noise, room);
}

/* Q <- Q - x (T - r) Q, or Q - x Q (T - r) */
static void move_by(const factor_t *f, double x, const double *t, double r, bool left, double *product) {
    const size_t n = f->n;
    double *q = f->q;
    unfolding_gemm(sizeof *q, false, false, n, n, n, 1, left ? t : q, left ? q : t, 0, product);
    for (size_t i = 0; i < n * n; ++i)
        q[i] -= x * (product[i] - r * q[i]);
}

static void move_full(const factor_t *f, int geometry, double x, double r, const noise_t *noise, room_t room) {
    if (geometry == QEQ) {
        move_by(f, x, room.t, r, false, room.product);
    } else if (geometry == QUAD) {
        move_by(f, x / 2, room.t, r, true, room.product);
        move_by(f, x / 2, room.t, r, false, room.product);
        psgd_make_symmetric(f->n, f->q);
    } else {
        move_by(f, x, room.t, r, true, room.product);
        psgd_rotate(f->n, f->q, noise, room.rest);
    }
}

static void move_diagonal(const factor_t *f, int geometry, double x, double r, const double *t) {
    for (size_t i = 0; i < f->n; ++i) {
        const double half = 1 - x / 2 * (t[i] - r);
        f->q[i] *= geometry == QUAD ? half * half : 1 - x * (t[i] - r);
    }
}

static void fit_factor(const factor_t *f, const constants_t *k, const double *y, const noise_t *noise, room_t room) {
    const double r = (double)(f->u.outer * f->u.inner);
    correlate(f, y, room.t);
    const double x = rate(f, k, norm_of(f, room.t, noise, room.rest) + r);
    if (f->diagonal)
        move_diagonal(f, k->geometry, x, r, room.t);
    else
        move_full(f, k->geometry, x, r, noise == NULL ? NULL : noise + 1, room);
}

static void fit_triangle(const factor_t *f, const constants_t *k, const double *a, const double *b,
                         const noise_t *noise, room_t room) {
    correlate(f, a, room.t);
    correlate(f, b, room.u);
    for (size_t i = 0; i < f->numbers; ++i)
        room.product[i] = room.t[i] + room.u[i];
    const double x = rate(f, k, norm_of(f, room.product, noise, room.rest));
    for (size_t i = 0; i < f->numbers; ++i)
        room.t[i] = f->diagonal || i % f->n >= i / f->n ? room.t[i] - room.u[i] : 0;
    if (f->diagonal)
        move_diagonal(f, k->geometry, x, 0, room.t);
    else
        move_by(f, x, room.t, 0, true, room.product);
}

/* ---- The step of one tensor ---- */

/* Line 0. */
static void begin(const factors_t *factors, const constants_t *k, double mean_g4) {
    const double scale = k->init_scale > 0 ? k->init_scale : psgd_scale(mean_g4, k->damping);
    for (int a = 0; a < factors->count; ++a) {
        const factor_t *f = &factors->of[a];
        for (size_t i = 0; i < f->numbers; ++i)
            f->q[i] = f->diagonal || i % f->n == i / f->n ? pow(scale, 1.0 / factors->count) : 0;
    }
}

static void balance(const factors_t *factors) {
    double most[TENSOR_DIMS], mean = 1;
    for (int a = 0; a < factors->count; ++a) {
        most[a] = largest_entry(factors->of[a].numbers, factors->of[a].q);
        mean *= pow(most[a], 1.0 / factors->count);
    }
    for (int a = 0; a < factors->count && mean > 0 && isfinite(mean); ++a)
        for (size_t i = 0; i < factors->of[a].numbers; ++i)
            factors->of[a].q[i] *= mean / most[a];
}

/* Line 2. */
static void fit(const tile_t *t, const factors_t *factors, room_t room) {
    const constants_t *k = t->constants;
    const call_t *call = t->arguments;
    const real *from = k->whitens_momentum && t->state[M] != NULL ? t->state[M] : t->g;
    psgd_probe_t probe = call->probe;
    probe.stream = k->t;
    for (size_t i = 0; i < t->n; ++i) {
        room.v[i] = psgd_probe_at(&probe, t->tensor->first_of_method + i);
        room.x[i] = psgd_damped((double)from[i], room.v[i], k->damping);
    }
    const double *y = room.x;
    if (k->geometry == EQ) {
        y = halfway(factors, room.x, room.y);
        for (int a = 0; a < factors->count; ++a)
            solve(&factors->of[a], room.v);
    } else {
        precondition(factors, room.x, room.y);
    }
    uint64_t word = call->norms.first + 2 * psgd_norm_words(t->tensor->first_of_method);
    for (int a = 0; a < factors->count; ++a) {
        const factor_t *f = &factors->of[a];
        const noise_t noise[] = {{call->norms.seed, word}, {call->norms.seed, word + psgd_norm_words(f->n)}};
        word += 2 * psgd_norm_words(f->n);
        if (k->geometry == EQ)
            fit_triangle(f, k, y, room.v, call->probe.random ? noise : NULL, room);
        else
            fit_factor(f, k, y, call->probe.random ? noise : NULL, room);
    }
    if (call->probe.random ? call->balances : k->t % 100 == 0)
        balance(factors);
}

/* Line 3. */
static void move(const tile_t *t, const factors_t *factors, room_t room) {
    const constants_t *k = t->constants;
    const real *from = t->state[M] != NULL ? t->state[M] : t->g;
    real *p = t->p;
    double *u = room.x;
    for (size_t i = 0; i < t->n; ++i)
        u[i] = (double)from[i];
    precondition(factors, u, room.y);
    const double rms = norm(t->n, u) / sqrt((double)t->n), factor = psgd_clip(rms, k->clip_avg);
    for (size_t i = 0; i < t->n; ++i)
        p[i] = (real)((double)p[i] - k->lr * psgd_clamp(factor * u[i], k->clip_max));
}

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    const room_t room = room_of(t, k);
    const factors_t factors = factors_of(t);
    real *m = t->state[M];
    const real *g = t->g;
    for (size_t i = 0; m != NULL && i < t->n; ++i)
        m[i] = (real)(k->keep * (double)m[i] + (1 - k->keep) * (double)g[i]);
    if (k->first)
        begin(&factors, k, ((const call_t *)t->arguments)->mean_g4);
    if (k->update_first)
        fit(t, &factors, room);
    move(t, &factors, room);
    if (!k->update_first)
        fit(t, &factors, room);
}

static void fourth_power(const tile_t *t) {
    const real *g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = (double)g[i] * (double)g[i] * (double)g[i] * (double)g[i];
}

enum { UPDATE, FOURTH_POWER };

static double mean_fourth_power(step_t *s) {
    double most = 0;
    (void)step_reduce(s, FOURTH_POWER, NULL, 1);
    for (size_t i = 0; i < step_tensor_count(s); ++i)
        if (step_tensor(s, i) != NULL)
            most = fmax(most, step_tensor_sum(s, i)[0] / (double)step_tensor(s, i)->count);
    return most;
}

static optim_status advance(step_t *s) {
    const bool random = s->option[RANDOM] != 0;
    call_t call = {.probe = psgd_probe_of(s, 0, random)};
    if (random)
        call.norms = (noise_t){s->seed, step_draws(s, 2 * psgd_norm_words(step_own_elements(s)))};
    call.balances = random && step_bernoulli(s, 0.01);
    if (step_is_a_first(s))
        call.mean_g4 = mean_fourth_power(s);
    step_tensors(s, UPDATE, &call);
    return OPTIM_OK;
}

const method_t METHOD(psgd_kron) = {
    .name = "psgd_kron",
    .purpose = "a Kronecker product as preconditioner, fitted so that it whitens the gradient",
    .citation = "Li: Stochastic Hessian Fitting on Lie Group, 2024, arXiv:2402.11858",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .flags = WHOLE_TENSORS | NEEDS_LAPACK,
    .constants = sizeof(constants_t),
    .refuses = unfolding_refuses,
    .workspace = workspace,
    .prepare = prepare,
    .advance = advance,
    .kernels = {update, fourth_power},
    .arguments = {[UPDATE] = sizeof(call_t)},
};
