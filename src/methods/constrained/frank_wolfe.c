/*
 * frank_wolfe: steps towards the vertices of a set that linear minimisation finds; also away from them, or from one to
 * another.
 *
 * Carderera, Besancon, Pokutta, "Simple Steps Are All You Need: Frank-Wolfe and Generalized Self-Concordant Functions",
 * 2021, arXiv:2105.13913; away, pairwise: Lacoste-Julien, Jaggi, "On the Global Linear Convergence of Frank-Wolfe
 * Optimization Variants", 2015, arXiv:1511.05932; backtracking: Pedregosa, Negiar, Askari, Jaggi, "Linearly Convergent
 * Frank-Wolfe with Backtracking Line-Search", 2020, arXiv:1806.05123.
 *
 *     1. s = argmin over the set of <g, s>;   d = s - x;   gap = -<g, d>
 *     2. x <- x + gamma d,  t = 0, 1, ...:
 *        open          gamma = 2 / (t + 2)
 *        monotone      that, but x stays where f would rise
 *        halving       gamma = 2^(1 - N) / (t + 2), N growing by one until f does not rise; N is kept
 *        short         gamma = min(1, gap / (L |d|^2))
 *        backtracking  M = eta L;  gamma = min(1, gap / (M |d|^2)), M <- tau M until
 *                      f(x + gamma d) <= f(x) - gamma gap + gamma^2 M |d|^2 / 2;  L = M
 *     3. away, pairwise: x = sum w_j v_j of atoms v_j, at first x itself.  v: that of largest <g, v_j>, w its weight
 *        away      d as above if -<g, d> >= -<g, x - v>, else d = x - v with gamma_max = w / (1 - w)
 *        pairwise  d = s - v, gamma_max = w
 *        gamma = min(gamma_max, -<g, d> / (L |d|^2))
 *        towards s: w_j <- (1 - gamma) w_j, s gains gamma;   from v: w_j <- (1 + gamma) w_j, v loses gamma
 *        pairwise: v loses gamma and s gains it;   at gamma_max v is dropped
 *
 * Backtracking compares with the model at the point as it was rounded, and forgives a few units of rounding of the
 * loss. The set is a product: one for each parameter. In float, x is made anew of its atoms every 100 steps. State:
 * within a step s, with losses x, backtracking g besides: 4 (8, 12) bytes a parameter in f32; away, pairwise: as many
 * vectors as `atoms` says.
 */
#include <float.h>
#include <string.h>

#include "blocks/agree.h"
#include "engine/map.h"
#include "methods/constrained/atoms.h"

enum { LMO, STEP_ROW, VARIANT, SMOOTHNESS, TAU, ETA, ATOMS_ROW };
enum { OPEN, MONOTONE, HALVING, SHORT, BACKTRACKING };
enum { VANILLA, AWAY, PAIRWISE };
static const option_t OPTIONS[] = {
    [LMO] = {"lmo", 0, "map", "linear minimisation over the set", .choice = "lmo_l1"},
    [STEP_ROW] = {"step", OPEN, "open|monotone|halving|short|backtracking", "how long steps are"},
    [VARIANT] = {"variant", VANILLA, "vanilla|away|pairwise", "where steps lead; the latter two take short steps"},
    [SMOOTHNESS] = {"L", 1, "(0,inf)", "smoothness of f; backtracking: the first guess"},
    [TAU] = {"tau", 2, "(1,inf)", "backtracking: by which factor the guess grows"},
    [ETA] = {"eta", 0.9, "(0,1]", "backtracking: by which factor it shrinks before a step"},
    [ATOMS_ROW] = {"atoms", 64, "integer [2,65536]", "away, pairwise: room for so many vertices"},
    {0},
};

static bool looks(const double *option) {
    return (int)option[VARIANT] == VANILLA && ((int)option[STEP_ROW] == MONOTONE || (int)option[STEP_ROW] == HALVING ||
                                               (int)option[STEP_ROW] == BACKTRACKING);
}

static bool has_x(const tensor_t *tensor, const double *option) {
    (void)tensor;
    return looks(option);
}

static bool has_g(const tensor_t *tensor, const double *option) {
    (void)tensor;
    return (int)option[VARIANT] == VANILLA && (int)option[STEP_ROW] == BACKTRACKING;
}

enum { S, X, G, ATOM };
static const state_t STATE[] = {
    [S] = {"s", "the vertex that linear minimisation finds", LIKE_PARAM, WITHIN_STEP},
    [X] = {"x", "where the step began", LIKE_PARAM, RESTORE_POINT, .exists = has_x},
    [G] = {"g", "the gradient there", LIKE_PARAM, WITHIN_STEP, .exists = has_g},
    [ATOM] = {"atom", "vertices that x is made of", LIKE_PARAM, KEPT, .when = "variant", .copies = "atoms",
              .exact = true},
    {0},
};

typedef struct memory {
    double gap, smoothness;
    int64_t halvings;
    atoms_t atoms;
    double square, loss, gamma; /* |d|^2, f(x), the step: within a step */
} memory_t;
static const field_t FIELDS[] = {
    {"gap", "no less than f(x) - min f, at the last point that was left", FIELD(OF_METHOD, memory_t, gap)},
    {"current_L", "backtracking: the guess of the smoothness", FIELD(OF_METHOD, memory_t, smoothness),
     .initial_option = "L"},
    {"halvings", "N of halving steps", FIELD(OF_METHOD, memory_t, halvings)},
    {"atoms_used", "vertices that x is made of", FIELD(OF_METHOD, memory_t, atoms.count), .when = "variant",
     .most = "atoms"},
    {"weight", "of the vertices, in order of their arrival", FIELD(OF_METHOD, memory_t, atoms.weight),
     .when = "variant", .copies = "atoms"},
    {"place", "their copies of the state", FIELD(OF_METHOD, memory_t, atoms.place), .when = "variant",
     .copies = "atoms"},
    {0},
};

typedef struct constants {
    bool is_first; /* the tensor's first step */
    const memory_t *memory;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){group->t == 1, group->memory};
}

/* ---- Kernels ---- */

typedef struct move {
    double gamma;
    int64_t from; /* the atom that is left: a copy of the state; less than 0: x */
    bool is_away; /* x - v, not s - v */
} move_t;

enum { MOST_HALVINGS = 100 };

static const atoms_t *atoms_of(const tile_t *t) {
    return &((const constants_t *)t->constants)->memory->atoms;
}

static void take_gradient(const tile_t *t) {
    memcpy(t->state[S], t->g, t->n * sizeof(real));
}

static void leave(const tile_t *t) {
    memcpy(t->state[X], t->p, t->n * sizeof(real));
    if (t->state[G] != NULL)
        memcpy(t->state[G], t->g, t->n * sizeof(real));
}

static void come_back(const tile_t *t) {
    memcpy(t->p, t->state[X], t->n * sizeof(real));
}

static void measure(const tile_t *t) { /* <g, s - x>, |s - x|^2 */
    const real *restrict p = t->p, *restrict s = t->state[S], *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        const double d = (double)s[i] - (double)p[i];
        t->term[0][i] = (double)g[i] * d;
        t->term[1][i] = d * d;
    }
}

static void move(const tile_t *t) {
    const real gamma = (real)((const move_t *)t->arguments)->gamma;
    const real *restrict s = t->state[S];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] += gamma * (s[i] - p[i]);
}

static void visit(const tile_t *t) {
    const real gamma = (real)((const move_t *)t->arguments)->gamma;
    const real *restrict s = t->state[S], *restrict x = t->state[X];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = x[i] + gamma * (s[i] - x[i]);
}

static void compare(const tile_t *t) { /* <g, c - x>, |c - x|^2 at the point c tried */
    const real *restrict p = t->p, *restrict x = t->state[X], *restrict g = t->state[G];
    for (size_t i = 0; i < t->n; ++i) {
        const double d = (double)p[i] - (double)x[i];
        t->term[0][i] = (double)g[i] * d;
        t->term[1][i] = d * d;
    }
}

static void join(const tile_t *t) {
    if (((const constants_t *)t->constants)->is_first)
        atoms_join(t, ATOM, atoms_of(t));
}

static void add_atom(const tile_t *t) {
    memcpy(atoms_copy(t, ATOM, ((const move_t *)t->arguments)->from), t->state[S], t->n * sizeof(real));
}

static void differ(const tile_t *t) {
    atoms_differ(t, ATOM, atoms_of(t), t->state[S]);
}

static void slopes(const tile_t *t) {
    atoms_slopes(t, ATOM, atoms_of(t));
}

/* Entry i of the direction. */
static inline double direction(const move_t *m, real x, real s, real v) {
    return m->is_away ? (double)x - (double)v : (double)s - (double)v;
}

static void measure_from(const tile_t *t) { /* <g, d>, |d|^2, d away from an atom */
    const move_t *m = t->arguments;
    const real *restrict p = t->p, *restrict s = t->state[S], *restrict g = t->g,
                         *restrict v = atoms_copy(t, ATOM, m->from);
    for (size_t i = 0; i < t->n; ++i) {
        const double d = direction(m, p[i], s[i], v[i]);
        t->term[0][i] = (double)g[i] * d;
        t->term[1][i] = d * d;
    }
}

static void move_from(const tile_t *t) {
    const move_t *m = t->arguments;
    const real gamma = (real)m->gamma;
    const real *restrict s = t->state[S], *restrict v = atoms_copy(t, ATOM, m->from);
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] += gamma * (real)direction(m, p[i], s[i], v[i]);
}

static void rebuild(const tile_t *t) {
    if (sizeof(real) < sizeof(double)) /* where rounding adds up */
        atoms_sum(t, ATOM, atoms_of(t));
}

enum {
    TAKE_GRADIENT,
    LEAVE,
    COME_BACK,
    MEASURE,
    MOVE,
    VISIT,
    COMPARE,
    JOIN,
    ADD_ATOM,
    DIFFER,
    SLOPES,
    MEASURE_FROM,
    MOVE_FROM,
    REBUILD
};

/* ---- The step ---- */

/* Line 1. */
static void find_vertex(step_t *s) {
    memory_t *m = s->memory;
    step_update(s, TAKE_GRADIENT, NULL);
    step_map_state(s, LMO, S, 0);
    const double *sum = step_reduce(s, MEASURE, NULL, 2);
    m->gap = -sum[0];
    m->square = sum[1];
    m->loss = s->loss;
}

/* min(most, slope / (L |d|^2)); 0 for a zero direction. */
static double short_step(double slope, double smoothness, double square, double most) {
    return square > 0 && slope > 0 ? fmin(most, slope / (smoothness * square)) : 0;
}

static void go(step_t *s, double gamma) {
    ((memory_t *)s->memory)->gamma = gamma;
    step_update(s, VISIT, &(move_t){.gamma = gamma});
}

/* With the loss at the point tried; one that is not finite is too large. */
static bool is_lower(step_t *s) {
    const memory_t *m = s->memory;
    if ((int)s->option[STEP_ROW] != BACKTRACKING)
        return s->loss <= m->loss;
    const double *sum = step_reduce(s, COMPARE, NULL, 2);
    const double slack = 8 * DBL_EPSILON * fabs(m->loss);
    return s->loss <= m->loss + sum[0] + m->smoothness / 2 * sum[1] + slack;
}

/* The first length that is tried. */
static double first_length(step_t *s) {
    const double *o = s->option;
    memory_t *m = s->memory;
    if ((int)o[STEP_ROW] != BACKTRACKING)
        return ldexp(2 / (s->t + 1), (int)o[STEP_ROW] == HALVING ? -(int)m->halvings : 0);
    m->smoothness *= o[ETA];
    return short_step(m->gap, m->smoothness, m->square, 1);
}

/* The next one, 0 for none. */
static double next_length(step_t *s) {
    memory_t *m = s->memory;
    if ((int)s->option[STEP_ROW] == MONOTONE)
        return 0;
    if ((int)s->option[STEP_ROW] == HALVING) {
        if (++m->halvings <= MOST_HALVINGS)
            return m->gamma / 2;
        m->halvings = 0; /* nothing helped: the next step begins anew */
        return 0;
    }
    m->smoothness *= s->option[TAU];
    const double next = short_step(m->gap, m->smoothness, m->square, 1);
    if (next == 0)
        m->smoothness = s->option[SMOOTHNESS]; /* likewise */
    return next;
}

/* ---- Atoms ---- */

/* s gains weight; `known` is its atom, or their count. */
static void gain(step_t *s, int64_t known, double gamma) {
    atoms_t *a = &((memory_t *)s->memory)->atoms;
    if (known == a->count) {
        a->place[known] = atoms_free_place(a);
        a->weight[known] = 0;
        step_update(s, ADD_ATOM, &(move_t){.from = (int64_t)a->place[known]});
        ++a->count;
    }
    a->weight[known] += gamma;
}

/* Line 3, towards s. */
static void move_towards(step_t *s, int64_t known) {
    memory_t *m = s->memory;
    atoms_t *a = &m->atoms;
    const double gamma = short_step(m->gap, s->option[SMOOTHNESS], m->square, 1);
    step_update(s, MOVE, &(move_t){.gamma = gamma});
    if (gamma == 0)
        return;
    atoms_scale(a, 1 - gamma);
    gain(s, known, gamma);
    if (gamma < 1)
        return;
    for (int64_t j = a->count - 1; j >= 0; --j) /* s alone is left */
        if (a->weight[j] == 0)
            atoms_drop(a, j);
}

/* From atom `worst`, along the direction whose <g, d> and |d|^2 these are. */
static void move_away(step_t *s, int64_t known, int64_t worst, bool is_away, const double *sum) {
    atoms_t *a = &((memory_t *)s->memory)->atoms;
    const double w = a->weight[worst];
    const double most = !is_away ? w : w < 1 ? w / (1 - w) : (double)INFINITY;
    const bool is_vertex = is_away && a->count == 1; /* then x is it, and what the difference shows is rounding */
    const double gamma = is_vertex ? 0 : short_step(-sum[0], s->option[SMOOTHNESS], sum[1], most);
    step_update(s, MOVE_FROM, &(move_t){gamma, (int64_t)a->place[worst], is_away});
    if (gamma == 0)
        return;
    if (is_away)
        atoms_scale(a, 1 + gamma);
    else
        gain(s, known, gamma);
    a->weight[worst] -= gamma;
    if (gamma == most)
        atoms_drop(a, worst);
}

static const double *measure_away(step_t *s, int64_t worst, bool is_away) {
    const double place = ((const memory_t *)s->memory)->atoms.place[worst];
    return step_reduce(s, MEASURE_FROM, &(move_t){0, (int64_t)place, is_away}, 2);
}

static optim_status step_among_atoms(step_t *s) {
    const bool is_pairwise = (int)s->option[VARIANT] == PAIRWISE;
    memory_t *m = s->memory;
    atoms_t *a = &m->atoms;
    if (a->count == 0) {
        a->count = 1;
        a->weight[0] = 1;
        a->place[0] = 0;
    }
    step_update(s, JOIN, NULL);
    const int64_t known = atoms_find(s, DIFFER, a), worst = atoms_worst(s, SLOPES, a);
    const double *sum = measure_away(s, worst, !is_pairwise);
    const bool is_towards = !is_pairwise && m->gap >= -sum[0];
    if ((is_towards || is_pairwise) && (double)known == s->option[ATOMS_ROW])
        return step_fail(s, OPTIM_ERR_VALUE, "the point is made of more vertices than atoms= has room for");
    if (is_towards)
        move_towards(s, known);
    else
        move_away(s, known, worst, !is_pairwise, sum);
    if (fmod(s->t, 100) == 0)
        step_update(s, REBUILD, NULL);
    return OPTIM_OK;
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    double next;
    STEP_BEGIN(s);
    if (!step_map_has_role(s, LMO, MAP_ORACLE))
        return step_fail(s, OPTIM_ERR_VALUE, "lmo must be a linear minimisation: one of the maps lmo_...");
    if (!groups_agree_but(s, OPTIONS, LMO))
        return step_fail(s, OPTIM_ERR_VALUE, "all options but lmo must be the same in all groups");
    find_vertex(s);
    if ((int)s->option[VARIANT] != VANILLA)
        return step_among_atoms(s);
    if (!looks(s->option)) {
        const double open = 2 / (s->t + 1), is_short = (int)s->option[STEP_ROW] == SHORT;
        m->gamma = is_short != 0 ? short_step(m->gap, s->option[SMOOTHNESS], m->square, 1) : open;
        step_update(s, MOVE, &(move_t){.gamma = m->gamma});
        return OPTIM_OK;
    }
    step_update(s, LEAVE, NULL);
    next = first_length(s);
    while (next > 0) {
        go(s, next);
        STEP_ASK(s, .kind = OPTIM_EVAL_LOSS, .sample = OPTIM_SAMPLE_SAME);
        if (is_lower(s))
            return OPTIM_OK;
        next = next_length(s);
    }
    step_update(s, COME_BACK, NULL);
    STEP_END(s);
}

const method_t METHOD(frank_wolfe) = {
    .name = "frank_wolfe",
    .purpose = "steps towards vertices of a set, found by linear minimisation",
    .citation =
        "Carderera, Besancon, Pokutta: Simple Steps Are All You Need: Frank-Wolfe and Generalized Self-Concordant "
        "Functions, NeurIPS 2021, arXiv:2105.13913",
    .evaluations =
        "1 gradient; step=monotone, halving or backtracking: with the loss, and 1 loss for every length tried",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .flags = READS_LOSS | REQUESTS | SEARCHES,
    .reads_loss = looks,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {take_gradient, leave, come_back, measure, move, visit, compare, join, add_atom, differ, slopes,
                measure_from, move_from, rebuild},
    .arguments = {[MOVE] = sizeof(move_t),
                  [VISIT] = sizeof(move_t),
                  [ADD_ATOM] = sizeof(move_t),
                  [DIFFER] = sizeof(batch_t),
                  [SLOPES] = sizeof(batch_t),
                  [MEASURE_FROM] = sizeof(move_t),
                  [MOVE_FROM] = sizeof(move_t)},
};
