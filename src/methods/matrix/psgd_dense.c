/*
 * psgd_dense: one dense preconditioner of all parameters, fitted to Hessian-vector products.
 *
 * Li, "Stochastic Hessian Fitting on Lie Group", 2024, arXiv:2402.11858. P = Q'Q, d by d; v is a probe, see psgd.h.
 *
 *     1. first step: Q = s I, s = init_scale or (mean v^2)^(1/4) (mean h^4 + damping^4)^(-1/8);   h = Hv
 *     2. h <- h + (damping + 2.22e-16 |h|) v   (random = 1: a new normal vector in place of this v)
 *     3. a, b of the geometry, E = a a' - b b',   Lip <- max(beta_l Lip + (1 - beta_l) l, l) with l = |a|^2 + |b|^2,
 *        x = precond_lr / Lip:
 *
 *     eq         a = Qh, b = Q^-T v        Q <- Q - x triu(E) Q, Q upper triangular
 *     qep        a = Q Q'Q h, b = Qv       Q <- Q - x E Q
 *     qeq        a = Q'Q h, b = v          Q <- Q - x Q E
 *     q0.5eq1.5  a = Q'Q h, b = v          Q <- Q - x E Q, then turned towards symmetric: psgd_rotate
 *     quad       a = Q'Q h, b = v          Q <- Q - x/2 E Q, Q <- Q - x/2 Q E, Q <- (Q + Q') / 2
 *     quad4p     a = P h, b = v            the same with x on P, which is kept in place of Q
 *     pro4p      a = P h, b = v            P <- P - x E P, then turned, with terms to third order, until
 *                                          max |P' - P| < max |P| / 1000, ten times at most
 *
 *     4. momentum > 0: m <- beta m + (1 - beta) g, beta = min((t - 1) / t, momentum), m in place of g
 *     5. u = P g,   p <- p - lr min(1, clip_norm / |u|) u
 *
 * State: Q, 8 d^2 bytes; with momentum 8 d. Work: O(d^2) a step; q0.5eq1.5 and pro4p O(d^3).
 */
#include "blocks/joined.h"
#include "blocks/moving.h"
#include "blocks/psgd.h"

enum { LR, PRECOND_LR, BETA_L, DAMPING, MOMENTUM, INIT_SCALE, CLIP_NORM, GEOMETRY, RANDOM };
enum { Q05EQ15, EQ, QEP, QEQ, PRO4P, QUAD, QUAD4P };
static const option_t OPTIONS[] = {
    [LR] = PSGD_LR_ROW(1e-2),
    [PRECOND_LR] = PSGD_PRECOND_LR_ROW,
    [BETA_L] = PSGD_BETA_L_ROW,
    [DAMPING] = PSGD_DAMPING_ROW,
    [MOMENTUM] = PSGD_MOMENTUM_ROW,
    [INIT_SCALE] = PSGD_INIT_SCALE_ROW,
    [CLIP_NORM] = PSGD_CLIP_NORM_ROW,
    [GEOMETRY] = {"geometry", Q05EQ15, "q0.5eq1.5|eq|qep|qeq|pro4p|quad|quad4p", "how the preconditioner moves",
                  .decides_memory = true},
    [RANDOM] = PSGD_RANDOM_ROW,
    {0},
};

enum { V, HV };
static const state_t STATE[] = {
    [V] = {"v", "the probe", LIKE_PARAM, DIRECTION},
    [HV] = {"Hv", "the product", LIKE_PARAM, PRODUCT},
    {0},
};

typedef struct memory {
    double lip, begun;
    double *q, *m, *room;
} memory_t;

/* Vectors in the room, then what psgd_rotate needs. */
enum { OF_G, OF_V, OF_H, OF_A, OF_B, OF_U, OF_W, VECTORS };
static size_t room_length(size_t elements, const double *option) {
    (void)option;
    return elements > INT16_MAX ? PTRDIFF_MAX / 1024 : VECTORS * elements + psgd_rotate_room(elements);
}

static const field_t FIELDS[] = {
    {"lip", "bound on the curvature of the fit", FIELD(OF_METHOD, memory_t, lip)},
    {"begun", "whether there is a preconditioner", FIELD(OF_METHOD, memory_t, begun), .whole = true},
    {"Q", "Q, or P, row by row", FIELD(OF_METHOD, memory_t, q), .length = joined_square},
    {"m", "mean gradient", FIELD(OF_METHOD, memory_t, m), .when = "momentum", .each = EACH_ELEMENT},
    {"room", "vectors and matrices of a step", FIELD(OF_METHOD, memory_t, room), .length = room_length,
     .within_step = true},
    {0},
};

typedef struct constants {
    real lr;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    ((constants_t *)constants)->lr = (real)group->option[LR];
}

/* ---- Kernels ---- */

static void draw(const tile_t *t) {
    psgd_draw(t, t->state[V]);
}

static void collect(const tile_t *t) {
    joined_collect(t);
}

static void move(const tile_t *t) {
    joined_move(t, ((const constants_t *)t->constants)->lr);
}

enum { DRAW, COLLECT, MOVE };

/* ---- Matrices ---- */

static void multiply(size_t n, const double *q, const double *x, double *out) { /* Qx */
    for (size_t i = 0; i < n; ++i)
        out[i] = inner_product(n, q + i * n, x);
}

static void multiply_transposed(size_t n, const double *q, const double *x, double *out) { /* Q'x */
    memset(out, 0, n * sizeof *out);
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j)
            out[j] += x[i] * q[i * n + j];
}

static void solve_transposed(size_t n, const double *q, double *x) { /* x <- Q^-T x, Q upper triangular */
    for (size_t i = 0; i < n; ++i) {
        x[i] /= q[i * n + i];
        for (size_t j = i + 1; j < n; ++j)
            x[j] -= q[i * n + j] * x[i];
    }
}

static void add_outer(size_t n, double factor, const double *x, const double *y, double *q) { /* Q + factor x y' */
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j)
            q[i * n + j] += factor * x[i] * y[j];
}

/* Q - x triu(E) Q, from the last row on: wa and wb are the sums of a_k Q_k and b_k Q_k over the rows k that follow. */
static void move_triangle(size_t n, double x, const double *a, const double *b, double *q, double *wa, double *wb) {
    memset(wa, 0, n * sizeof *wa);
    memset(wb, 0, n * sizeof *wb);
    for (size_t i = n; i-- > 0;)
        for (size_t j = i; j < n; ++j) {
            wa[j] += a[i] * q[i * n + j];
            wb[j] += b[i] * q[i * n + j];
            q[i * n + j] -= x * (a[i] * wa[j] - b[i] * wb[j]);
        }
}

/* Q - x E Q, and Q - x Q E. */
static void move_left(size_t n, double x, const double *a, const double *b, double *q, double *wa, double *wb) {
    multiply_transposed(n, q, a, wa);
    multiply_transposed(n, q, b, wb);
    add_outer(n, -x, a, wa, q);
    add_outer(n, x, b, wb, q);
}
static void move_right(size_t n, double x, const double *a, const double *b, double *q, double *wa, double *wb) {
    multiply(n, q, a, wa);
    multiply(n, q, b, wb);
    add_outer(n, -x, wa, a, q);
    add_outer(n, x, wb, b, q);
}

static bool is_nearly_symmetric(size_t n, const double *p) {
    double most = 0, difference = 0;
    for (size_t i = 0; i < n; ++i)
        for (size_t j = 0; j < n; ++j) {
            most = fmax(most, fabs(p[i * n + j]));
            difference = fmax(difference, fabs(p[j * n + i] - p[i * n + j]));
        }
    return difference < 0.001 * most;
}

/* P + x (RP + x/2 (R^2 P + x/4 R^3 P)) with the x <= 1/3 for which the trace is largest; false: there is none. */
static bool rotate_third_order(size_t n, double *p, double *room) {
    double *r = room, *rp = r + n * n, *rrp = rp + n * n, *rrrp = rrp + n * n;
    if (!psgd_tangent(n, p, NULL, room))
        return false;
    unfolding_gemm(sizeof(double), false, false, n, n, n, 1, r, rrp, 0, rrrp);
    const double a = psgd_trace(n, rp), b = psgd_trace(n, rrp), c = psgd_trace(n, rrrp);
    if (!(a > 0 && c < 0))
        return false;
    const double x = fmin((-b - sqrt(b * b - 1.5 * a * c)) / (0.75 * c), 1.0 / 3);
    for (size_t i = 0; i < n * n; ++i)
        p[i] += x * (rp[i] + 0.5 * x * (rrp[i] + 0.25 * x * rrrp[i]));
    return true;
}

/* ---- The step ---- */

static bool keeps_p(int geometry) {
    return geometry == PRO4P || geometry == QUAD4P;
}

static void begin(step_t *s, size_t n) { /* line 1 */
    memory_t *m = s->memory;
    const double *o = s->option, *v = m->room + OF_V * n, *h = m->room + OF_H * n, live = (double)moving_elements(s);
    double v2 = 0, h4 = 0;
    for (size_t i = 0; i < n; ++i) {
        v2 += v[i] * v[i];
        h4 += h[i] * h[i] * h[i] * h[i];
    }
    const double scale = o[INIT_SCALE] > 0 ? o[INIT_SCALE] : pow(v2 / live, 0.25) * psgd_scale(h4 / live, o[DAMPING]);
    memset(m->q, 0, n * n * sizeof *m->q);
    for (size_t i = 0; i < n; ++i)
        m->q[i * n + i] = keeps_p((int)o[GEOMETRY]) ? scale * scale : scale;
    m->begun = 1;
}

/* a and b of line 3. */
static void take_pair(size_t n, int geometry, const double *q, const double *v, const double *h, double *room) {
    double *a = room + OF_A * n, *b = room + OF_B * n, *w = room + OF_W * n;
    memcpy(b, v, n * sizeof *b);
    if (keeps_p(geometry)) {
        multiply(n, q, h, a);
        return;
    }
    multiply(n, q, h, w);
    if (geometry == EQ) {
        memcpy(a, w, n * sizeof *a);
        solve_transposed(n, q, b);
        return;
    }
    multiply_transposed(n, q, w, a);
    if (geometry == QEP) {
        memcpy(w, a, n * sizeof *w);
        multiply(n, q, w, a);
        multiply(n, q, v, b);
    }
}

static void move_preconditioner(size_t n, int geometry, double x, double *q, double *room) {
    const double *a = room + OF_A * n, *b = room + OF_B * n;
    double *wa = room + OF_U * n, *wb = room + OF_W * n, *matrices = room + VECTORS * n;
    if (geometry == EQ) {
        move_triangle(n, x, a, b, q, wa, wb);
    } else if (geometry == QEQ) {
        move_right(n, x, a, b, q, wa, wb);
    } else if (geometry == QUAD || geometry == QUAD4P) {
        const double step = geometry == QUAD ? x / 2 : x;
        move_left(n, step, a, b, q, wa, wb);
        move_right(n, step, a, b, q, wa, wb);
        psgd_make_symmetric(n, q);
    } else {
        move_left(n, x, a, b, q, wa, wb);
        if (geometry == Q05EQ15)
            psgd_rotate(n, q, NULL, matrices);
        for (int i = 0; geometry == PRO4P && i < 10; ++i)
            if (!rotate_third_order(n, q, matrices) || is_nearly_symmetric(n, q))
                break;
    }
}

static void fit(step_t *s, size_t n) { /* lines 2 and 3 */
    memory_t *m = s->memory;
    const double *o = s->option;
    const int geometry = (int)o[GEOMETRY];
    double *v = m->room + OF_V * n, *h = m->room + OF_H * n, *a = m->room + OF_A * n, *b = m->room + OF_B * n;
    const psgd_probe_t probe = psgd_probe_of(s, 0, o[RANDOM] != 0);
    for (size_t i = 0; i < n; ++i)
        h[i] = psgd_damped(h[i], probe.random ? psgd_probe_at(&probe, i) : v[i], o[DAMPING]);
    take_pair(n, geometry, m->q, v, h, m->room);
    const double l = inner_product(n, a, a) + inner_product(n, b, b);
    const double x = psgd_rate(o[PRECOND_LR], psgd_lipschitz(&m->lip, o[BETA_L], l));
    move_preconditioner(n, geometry, x, m->q, m->room);
}

static double *direction(step_t *s, size_t n) { /* lines 4 and 5 */
    memory_t *m = s->memory;
    const double *o = s->option, keep = psgd_keep(s->t, o[MOMENTUM]);
    double *g = m->room + OF_G * n, *u = m->room + OF_U * n, *w = m->room + OF_W * n;
    for (size_t i = 0; o[MOMENTUM] > 0 && i < n; ++i)
        g[i] = m->m[i] = keep * m->m[i] + (1 - keep) * g[i];
    if (keeps_p((int)o[GEOMETRY])) {
        multiply(n, m->q, g, u);
    } else {
        multiply(n, m->q, g, w);
        multiply_transposed(n, m->q, w, u);
    }
    return u;
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const double *o = s->option;
    const size_t n = step_own_elements(s);
    STEP_BEGIN(s);
    joined_from(s, COLLECT, JOINED_GRADIENT, m->room + OF_G * n);
    psgd_next(s, DRAW, o[RANDOM] != 0);
    STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
    joined_from(s, COLLECT, V, m->room + OF_V * n);
    joined_from(s, COLLECT, HV, m->room + OF_H * n);
    if (m->begun == 0)
        begin(s, n);
    fit(s, n);
    double *u = direction(s, n);
    step_update(s, MOVE, &(joined_t){.list = u, .factor = joined_bound(n, u, o[CLIP_NORM])});
    STEP_END(s);
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor->count > 4096 ? "a tensor of more than 4096 elements is too large for a matrix of all parameters"
                                : NULL;
}

const method_t METHOD(psgd_dense) = {
    .name = "psgd_dense",
    .purpose = "one dense preconditioner of all parameters, fitted to Hessian-vector products",
    .citation = "Li: Stochastic Hessian Fitting on Lie Group, 2024, arXiv:2402.11858",
    .evaluations = "1 gradient, 1 Hessian-vector product",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .flags = REQUESTS | REQUESTS_PRODUCTS | WHOLE_TENSORS | NEEDS_LAPACK,
    .constants = sizeof(constants_t),
    .refuses = refuses,
    .prepare = prepare,
    .advance = advance,
    .kernels = {draw, collect, move},
    .arguments = {[DRAW] = sizeof(psgd_probe_t), [COLLECT] = sizeof(joined_t), [MOVE] = sizeof(joined_t)},
};
