/*
 * psgd_lra: one preconditioner of all parameters, a diagonal times a matrix of low rank beside the identity.
 *
 * Li, "Stochastic Hessian Fitting on Lie Group", 2024, arXiv:2402.11858. Q = (I + U V') diag(c), P = Q'Q; U and V are d
 * by r = rank. v is a probe, see psgd.h; h is the gradient (mode = whiten) or Hv (mode = newton).
 *
 *     0. first step: U, V: probes times (0.1 / (d r))^(1/2);   c = init_scale or (mean h^4 + damping^4)^(-1/8)
 *     1. h <- h + (damping + 2.22e-16 |h|) v
 *     2. A = U'U, C = V'V, s = (tr A / tr C)^(1/4), E = (A/s^2 - C s^2) / (10 (tr A/s^2 + tr C s^2)):
 *        U <- U (I - E + E^2/2) / s,   V <- V (I + E + E^2/2) s
 *     3. x = c h, z = v / c, K = I + V'U;   q = x + U V'x,   Ph = c (q + V U'q)
 *        w = z - V K^-T U'z,   P^-1 v = (w - U K^-1 V'w) / c
 *     4. l = max |h Ph| + max |v P^-1 v|;   c <- c - precond_lr / Lip_c (h Ph - v P^-1 v) c
 *     5. t odd:  l = |q| |V V'q| + |w| |V V'w|,   U <- U - precond_lr / Lip_U (q q'V K - w w'V K)
 *        t even: l = |q| |U U'q| + |w| |U U'w|,   V <- V - precond_lr / Lip_V ((q + V U'q) q'U - (w + V U'w) w'U)
 *        (random = 1: one of the two by chance), Lip <- max(beta_l Lip + (1 - beta_l) l, l) of each
 *     6. m <- beta m + (1 - beta) g, beta = min((t - 1) / t, momentum)
 *     7. u = c (I + V U') (I + U V') (c m);   rms(u) at most clip_avg, then |u_i| at most clip_max; with mode = newton
 *        |u| at most clip_norm in place of both;   p <- p - lr u.   update_first = 0: before lines 1 to 5
 *
 * All vectors of lines 3 to 7 are combinations of Z = [U V x z], so that their inner products follow from Z'Z: a fit is
 * a walk that makes Z'Z, one for l of line 4, and one that moves U, V and c.
 *
 * State in f32: U, V and c, 4 (2 r + 1) bytes a parameter; 4 with momentum.
 */
#include <string.h>

#include "blocks/moving.h"
#include "blocks/psgd.h"
#include "methods/matrix/low_rank.h"

enum {
    LR,
    PRECOND_LR,
    BETA_L,
    DAMPING,
    MOMENTUM,
    INIT_SCALE,
    UPDATE_FIRST,
    CLIP_AVG,
    CLIP_MAX,
    RANK,
    MODE,
    CLIP_NORM,
    RANDOM
};
enum { WHITEN, NEWTON };
static const option_t OPTIONS[] = {
    [LR] = PSGD_LR_ROW(1e-3),
    [PRECOND_LR] = PSGD_PRECOND_LR_ROW,
    [BETA_L] = PSGD_BETA_L_ROW,
    [DAMPING] = PSGD_DAMPING_ROW,
    [MOMENTUM] = PSGD_MOMENTUM_ROW,
    [INIT_SCALE] = PSGD_INIT_SCALE_ROW,
    [UPDATE_FIRST] = PSGD_UPDATE_FIRST_ROW,
    [CLIP_AVG] = PSGD_CLIP_AVG_ROW,
    [CLIP_MAX] = PSGD_CLIP_MAX_ROW,
    [RANK] = {"rank", 10, "integer [0,inf)", "columns of U and V; 0: a diagonal alone", .zero_apart = true},
    [MODE] = {"mode", WHITEN, "whiten|newton", "fitted to gradients, or to Hessian-vector products"},
    [CLIP_NORM] = PSGD_CLIP_NORM_ROW,
    [RANDOM] = PSGD_RANDOM_ROW,
    {0},
};

enum { V_PROBE, HV, G, M, C, U, V, BY_ELEMENT_ROWS };
static const state_t STATE[] = {
    [V_PROBE] = {"probe", "the probe", LIKE_PARAM, DIRECTION},
    [HV] = {"Hv", "the product", LIKE_PARAM, PRODUCT, .when = "mode"},
    [G] = {"g", "the gradient", LIKE_PARAM, WITHIN_STEP, .when = "mode"},
    [M] = {"m", "mean gradient", LIKE_PARAM, FIRST_MOMENT, .when = "momentum"},
    [C] = {"c", "diagonal of Q", LIKE_PARAM, KEPT, .exact = true},
    [U] = {"U", "columns of U", LIKE_PARAM, KEPT, .copies = "rank", .exact = true},
    [V] = {"V", "columns of V", LIKE_PARAM, KEPT, .copies = "rank", .exact = true},
    {0},
};

typedef struct memory {
    double lip_c, lip_u, lip_v;
    low_rank_t z; /* combinations of Z; n = 2 rank + 2 is how many vectors it has */
} memory_t;

static size_t vectors(double rank) {
    return 2 * (size_t)rank + 2;
}
static size_t square(size_t elements, const double *option) {
    (void)elements;
    return option[RANK] > INT16_MAX ? PTRDIFF_MAX / 1024 : vectors(option[RANK]) * vectors(option[RANK]);
}
static size_t line(size_t elements, const double *option) {
    (void)elements;
    return option[RANK] > INT16_MAX ? PTRDIFF_MAX / 1024 : vectors(option[RANK]);
}

static const field_t FIELDS[] = {
    {"lip_c", "bound on the curvature of the fit of c", FIELD(OF_METHOD, memory_t, lip_c)},
    {"lip_u", "of U", FIELD(OF_METHOD, memory_t, lip_u)},
    {"lip_v", "of V", FIELD(OF_METHOD, memory_t, lip_v)},
    {"gram", "inner products of Z", FIELD(OF_METHOD, memory_t, z.gram), .length = square, .within_step = true},
    {"balance", "line 2", FIELD(OF_METHOD, memory_t, z.balance), .length = square, .within_step = true},
    {"turn", "lines 2 to 5", FIELD(OF_METHOD, memory_t, z.turn), .length = square, .within_step = true},
    {"spare", "room of products", FIELD(OF_METHOD, memory_t, z.spare), .length = square, .within_step = true},
    {"q", "Qh", FIELD(OF_METHOD, memory_t, z.q), .length = line, .within_step = true},
    {"w", "Q^-T v", FIELD(OF_METHOD, memory_t, z.w), .length = line, .within_step = true},
    {"gram_q", "inner products of q", FIELD(OF_METHOD, memory_t, z.gram_q), .length = line, .within_step = true},
    {"gram_w", "inner products of w", FIELD(OF_METHOD, memory_t, z.gram_w), .length = line, .within_step = true},
    {"of_u", "the direction", FIELD(OF_METHOD, memory_t, z.of_u), .length = line, .within_step = true},
    {"solved", "room of K", FIELD(OF_METHOD, memory_t, z.solved), .length = square, .within_step = true},
    {0},
};

typedef struct constants {
    double lr, keep;
    bool first;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){o[LR], psgd_keep(group->t, o[MOMENTUM]), group->t == 1};
}

/* ---- Z = [U V x z], a row for each vector ---- */

/* What kernels take: x = c h, damped, or c m (of_fit = false); coefficients of a combination of Z, or two. */
typedef struct basis {
    size_t rank;
    bool of_fit;
    double damping;
    double *gram;                /* GRAM adds to it */
    const double *first, *other; /* of q and w, of P^-1 v and Ph; of the direction */
    const double *turn;          /* TURN: U and V are these combinations */
    double rate;                 /* TURN: of c */
    double factor, clip_max;     /* MOVE: of the direction */
} basis_t;

static const real *fitted(const tile_t *t) {
    return t->state[HV] != NULL ? t->state[HV] : t->g;
}
static const real *mean_of(const tile_t *t) {
    return t->state[M] != NULL ? t->state[M] : t->state[G] != NULL ? t->state[G] : t->g;
}
static real *column(const tile_t *t, size_t k, size_t rank) {
    return k < rank ? (real *)t->state[U] + k * t->stride : (real *)t->state[V] + (k - rank) * t->stride;
}
static double x_at(const tile_t *t, const basis_t *b, size_t i) {
    const double c = (double)((const real *)t->state[C])[i];
    if (!b->of_fit)
        return c * (double)mean_of(t)[i];
    return c * psgd_damped((double)fitted(t)[i], (double)((const real *)t->state[V_PROBE])[i], b->damping);
}
static double z_at(const tile_t *t, size_t i) {
    return (double)((const real *)t->state[V_PROBE])[i] / (double)((const real *)t->state[C])[i];
}

/* out <- Z coefficient, of a chunk. */
static void combine(const tile_t *t, const basis_t *b, const double *coefficient, double *out) {
    const double x = coefficient[2 * b->rank], z = coefficient[2 * b->rank + 1];
    for (size_t i = 0; i < t->n; ++i)
        out[i] = x * x_at(t, b, i) + (z != 0 ? z * z_at(t, i) : 0);
    for (size_t k = 0; k < 2 * b->rank; ++k) {
        const real *row = column(t, k, b->rank);
        for (size_t i = 0; i < t->n; ++i)
            out[i] += coefficient[k] * (double)row[i];
    }
}

/* rows <- Z', of a chunk. */
static void fill(const tile_t *t, const basis_t *b, double *rows) {
    for (size_t k = 0; k < 2 * b->rank; ++k, rows += t->n) {
        const real *row = column(t, k, b->rank);
        for (size_t i = 0; i < t->n; ++i)
            rows[i] = (double)row[i];
    }
    for (size_t i = 0; i < t->n; ++i) {
        rows[i] = x_at(t, b, i);
        rows[t->n + i] = z_at(t, i);
    }
}

/* ---- Kernels ---- */

static void draw(const tile_t *t) {
    psgd_draw(t, t->state[V_PROBE]);
}

static void keep_gradient(const tile_t *t) {
    memcpy(t->state[G], t->g, t->n * sizeof(real));
}

static void fourth_power(const tile_t *t) {
    const real *h = fitted(t);
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = (double)h[i] * (double)h[i] * (double)h[i] * (double)h[i];
}

/* Line 0, of tensors that take their first step. */
typedef struct start {
    psgd_probe_t u, v;
    size_t rank;
    double entry, scale;
} start_t;

static void begin(const tile_t *t) {
    const start_t *start = t->arguments;
    real *c = t->state[C];
    if (!((const constants_t *)t->constants)->first)
        return;
    for (size_t i = 0; i < t->n; ++i) {
        const size_t at = (tile_first(t) + i) * start->rank;
        c[i] = (real)start->scale;
        for (size_t j = 0; j < start->rank; ++j) {
            column(t, j, start->rank)[i] = (real)(start->entry * psgd_probe_at(&start->u, at + j));
            column(t, start->rank + j, start->rank)[i] = (real)(start->entry * psgd_probe_at(&start->v, at + j));
        }
    }
}

/* gram <- gram + Z'Z, of a whole tensor. */
static void add_products(const tile_t *t) {
    const basis_t *b = t->arguments;
    const size_t n = 2 * b->rank + 2;
    for (size_t first = 0; first < t->n; first += CHUNK_ELEMENTS) {
        const tile_t chunk = tile_chunk(t, first, BY_ELEMENT_ROWS);
        fill(&chunk, b, (double *)t->work);
        unfolding_gemm(sizeof(double), false, true, n, n, chunk.n, 1, t->work, t->work, 1, b->gram);
    }
}

/* The terms of l in line 4. */
static void bound(const tile_t *t) {
    const basis_t *b = t->arguments;
    double ph[PIECE_ELEMENTS], pv[PIECE_ELEMENTS];
    combine(t, b, b->first, ph);
    combine(t, b, b->other, pv);
    for (size_t i = 0; i < t->n; ++i) {
        t->term[0][i] = fabs(ph[i] * x_at(t, b, i));
        t->term[1][i] = fabs(pv[i] * z_at(t, i));
    }
}

/* Lines 2, 4 and 5, on whole tensors: the last two columns of `turn` are Ph / c and c P^-1 v. */
static void turn(const tile_t *t) {
    const basis_t *b = t->arguments;
    const size_t n = 2 * b->rank + 2;
    double *z = t->work, *out = z + n * CHUNK_ELEMENTS;
    for (size_t first = 0; first < t->n; first += CHUNK_ELEMENTS) {
        const tile_t chunk = tile_chunk(t, first, BY_ELEMENT_ROWS);
        fill(&chunk, b, z);
        unfolding_gemm(sizeof(double), true, false, n, chunk.n, n, 1, b->turn, z, 0, out);
        for (size_t k = 0; k < 2 * b->rank; ++k)
            for (size_t i = 0; i < chunk.n; ++i)
                column(&chunk, k, b->rank)[i] = (real)out[k * chunk.n + i];
        const double *x = z + (n - 2) * chunk.n, *ph = out + (n - 2) * chunk.n, *pv = ph + chunk.n;
        real *c = chunk.state[C];
        for (size_t i = 0; i < chunk.n; ++i)
            c[i] = (real)((double)c[i] * (1 - b->rate * (ph[i] * x[i] - pv[i] * x[chunk.n + i])));
    }
}

static void average(const tile_t *t) {
    const double keep = ((const constants_t *)t->constants)->keep;
    const real *g = t->state[G] != NULL ? t->state[G] : t->g;
    real *m = t->state[M];
    for (size_t i = 0; i < t->n; ++i)
        m[i] = (real)(keep * (double)m[i] + (1 - keep) * (double)g[i]);
}

/* u, of a chunk. */
static void direction(const tile_t *t, const basis_t *b, double *u) {
    const real *c = t->state[C];
    combine(t, b, b->first, u);
    for (size_t i = 0; i < t->n; ++i)
        u[i] *= (double)c[i];
}

static void measure(const tile_t *t) {
    double u[PIECE_ELEMENTS];
    direction(t, t->arguments, u);
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = u[i] * u[i];
}

static void move(const tile_t *t) {
    const basis_t *b = t->arguments;
    const double lr = ((const constants_t *)t->constants)->lr;
    for (size_t first = 0; first < t->n; first += CHUNK_ELEMENTS) {
        const tile_t chunk = tile_chunk(t, first, BY_ELEMENT_ROWS);
        double u[CHUNK_ELEMENTS];
        real *p = chunk.p;
        direction(&chunk, b, u);
        for (size_t i = 0; i < chunk.n; ++i)
            p[i] = (real)((double)p[i] - lr * psgd_clamp(b->factor * u[i], b->clip_max));
    }
}

enum { DRAW, KEEP_GRADIENT, FOURTH_POWER, BEGIN, ADD_PRODUCTS, BOUND, TURN, AVERAGE, MEASURE, MOVE };

static size_t workspace(const tensor_t *tensor, const double *option) {
    const size_t n = option[RANK] > INT16_MAX ? INT16_MAX : vectors(option[RANK]);
    return tensor_reals(tensor, 2 * n * CHUNK_ELEMENTS * sizeof(double));
}

/* ---- The fit ---- */

static void take_products(step_t *s, basis_t basis) {
    const size_t n = 2 * basis.rank + 2;
    memset(basis.gram, 0, n * n * sizeof *basis.gram);
    step_tensors_in_turn(s, ADD_PRODUCTS, &basis);
}

static void fit(step_t *s, bool moves_u) { /* lines 1 to 5 */
    memory_t *m = s->memory;
    const low_rank_t *z = &m->z;
    const double *o = s->option;
    const size_t rank = (size_t)o[RANK], n = 2 * rank + 2;
    basis_t basis = {.rank = rank, .of_fit = true, .damping = o[DAMPING], .gram = z->gram};
    take_products(s, basis);
    low_rank_balance(z, rank);
    double *next = z->spare, *lip = moves_u ? &m->lip_u : &m->lip_v;
    low_rank_unit(n, next);
    low_rank_pair(z, rank, next);
    if (rank > 0) {
        const double l = low_rank_curvature(z, rank, moves_u ? rank : 0);
        const double rate = psgd_rate(o[PRECOND_LR], psgd_lipschitz(lip, o[BETA_L], l));
        (moves_u ? low_rank_turn_u : low_rank_turn_v)(z, rank, rate, next);
    }
    unfolding_gemm(sizeof *next, false, false, n, n, n, 1, z->balance, next, 0, z->turn);
    low_rank_column(n, z->turn, n - 2, z->q);
    low_rank_column(n, z->turn, n - 1, z->w);
    basis.first = z->q;
    basis.other = z->w;
    const double *most = step_reduce_max(s, BOUND, &basis, 2), l = most[0] + most[1];
    basis.turn = z->turn;
    basis.rate = psgd_rate(o[PRECOND_LR], psgd_lipschitz(&m->lip_c, o[BETA_L], l));
    step_tensors(s, TURN, &basis);
}

/* ---- The step ---- */

static void begin_all(step_t *s) {
    const double *o = s->option;
    const bool random = o[RANDOM] != 0;
    const size_t d = step_own_elements(s), rank = (size_t)o[RANK];
    start_t start = {{.stream = 1000001, .random = random},
                     {.stream = 1000002, .random = random},
                     rank,
                     sqrt(0.1 / ((double)moving_elements(s) * fmax((double)rank, 1))),
                     o[INIT_SCALE]};
    if (random) {
        start.u.noise = (noise_t){s->seed, step_draws(s, 4 * (uint64_t)d * rank)};
        start.v.noise = (noise_t){s->seed, start.u.noise.first + 2 * (uint64_t)d * rank};
    }
    if (!(start.scale > 0))
        start.scale = psgd_scale(*step_reduce(s, FOURTH_POWER, NULL, 1) / (double)moving_elements(s), o[DAMPING]);
    step_update(s, BEGIN, &start);
}

static void go(step_t *s) { /* line 7 */
    const low_rank_t *z = &((const memory_t *)s->memory)->z;
    const double *o = s->option;
    const size_t rank = (size_t)o[RANK], n = 2 * rank + 2;
    basis_t basis = {.rank = rank, .gram = z->gram, .first = z->of_u};
    take_products(s, basis);
    memset(z->of_u, 0, n * sizeof *z->of_u);
    for (size_t k = 0; k < rank; ++k)
        z->of_u[k] = z->gram[(rank + k) * n + n - 2];
    z->of_u[n - 2] = 1;
    low_rank_multiply(n, z->gram, z->of_u, z->gram_q);
    memcpy(z->of_u + rank, z->gram_q, rank * sizeof *z->of_u);
    const double norm = sqrt(*step_reduce(s, MEASURE, &basis, 1));
    const bool newton = (int)o[MODE] == NEWTON;
    basis.factor =
        newton ? psgd_clip(norm, o[CLIP_NORM]) : psgd_clip(norm / sqrt((double)moving_elements(s)), o[CLIP_AVG]);
    basis.clip_max = newton ? 0 : o[CLIP_MAX];
    step_update(s, MOVE, &basis);
}

static optim_status advance(step_t *s) {
    const double *o = s->option;
    const bool newton = (int)o[MODE] == NEWTON;
    STEP_BEGIN(s);
    psgd_next(s, DRAW, o[RANDOM] != 0);
    if (newton) {
        step_update(s, KEEP_GRADIENT, NULL);
        STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
    }
    if (step_is_a_first(s))
        begin_all(s);
    if (o[MOMENTUM] > 0)
        step_update(s, AVERAGE, NULL);
    const bool moves_u = o[RANDOM] != 0 ? step_bernoulli(s, 0.5) : fmod(s->t, 2) != 0;
    if (newton || o[UPDATE_FIRST] != 0)
        fit(s, moves_u);
    go(s);
    if (!newton && o[UPDATE_FIRST] == 0)
        fit(s, moves_u);
    STEP_END(s);
}

const method_t METHOD(psgd_lra) = {
    .name = "psgd_lra",
    .purpose = "one preconditioner of all parameters: a diagonal, and a matrix of low rank beside the identity",
    .citation = "Li: Stochastic Hessian Fitting on Lie Group, 2024, arXiv:2402.11858",
    .evaluations = "1 gradient; with mode=newton 1 Hessian-vector product",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .flags = REQUESTS | REQUESTS_PRODUCTS | WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .workspace = workspace,
    .prepare = prepare,
    .advance = advance,
    .kernels = {draw, keep_gradient, fourth_power, begin, add_products, bound, turn, average, measure, move},
    .arguments = {[DRAW] = sizeof(psgd_probe_t),
                  [BEGIN] = sizeof(start_t),
                  [ADD_PRODUCTS] = sizeof(basis_t),
                  [BOUND] = sizeof(basis_t),
                  [TURN] = sizeof(basis_t),
                  [MEASURE] = sizeof(basis_t),
                  [MOVE] = sizeof(basis_t)},
};
