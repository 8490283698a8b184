/*
 * admm: alternating directions: a smooth function and a penalty that has a prox, by two copies of the variables.
 *
 * Boyd, Parikh, Chu, Peleato, Eckstein, "Distributed Optimization and Statistical Learning via the Alternating
 * Direction Method of Multipliers", 2011, 10.1561/2200000016.
 *
 *     1. x <- argmin f(x) + rho/2 |x - z + u|^2
 *     2. xhat = relax x + (1 - relax) z;   z <- prox(xhat + u) with step 1 / rho;   u <- u + xhat - z
 *     3. primal = |x - z|,  dual = rho |z - z_old|
 *
 * Line 1 by Newton's method: (H + rho I) s = -(grad f + rho (x - z + u)) by conjugate gradients on Hessian-vector
 * products, until what is left is below tol times what there was at first; x <- x + s; again, for no more than `inner`
 * rounds or until the gradient is no longer cut in half. Of a quadratic f the first round is exact. The step begins
 * with the gradient at x. State: z, u; within a step x and four vectors: 28 bytes a parameter in f32.
 */
#include <string.h>

#include "blocks/agree.h"
#include "engine/map.h"

enum { RHO, RELAX, REG, INNER, TOL, CG };
static const option_t OPTIONS[] = {
    [RHO] = {"rho", 1, "(0,inf)", "weight of the distance between the copies"},
    [RELAX] = {"relax", 1, "(0,2)", "over-relaxation, usually 1 to 1.8"},
    [REG] = {"reg", 0, "map", "prox of the penalty, or projection", .choice = "prox_l1"},
    [INNER] = {"inner", 5, "integer [1,inf)", "most rounds of Newton's method; a quadratic takes one"},
    [TOL] = {"tol", 1e-13, "[0,1)", "how much of the gradient may be left"},
    [CG] = {"cg", 100, "integer [1,inf)", "most products of a round"},
    {0},
};

enum { Z_INPUT, U_INPUT };
static const input_t INPUTS[] = {
    [Z_INPUT] = {"z", "where z starts, a number for each element; without it at 0", INPUT_OF_METHOD, true},
    [U_INPUT] = {"u", "and u", INPUT_OF_METHOD, true},
    {0},
};

enum { X, Z, U, R, D, Q, S };
static const state_t STATE[] = {
    [X] = {"start", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [Z] = {"z", "the copy that the penalty sees", LIKE_PARAM, KEPT, .exact = true, .undone = true},
    [U] = {"u", "sum of differences, the multiplier over rho", LIKE_PARAM, KEPT, .exact = true, .undone = true},
    [R] = {"r", "what the Newton system lacks", LIKE_PARAM, WITHIN_STEP},
    [D] = {"d", "conjugate direction", LIKE_PARAM, DIRECTION},
    [Q] = {"q", "product with it", LIKE_PARAM, PRODUCT},
    [S] = {"s", "the Newton step", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct memory {
    double primal, dual;
    double first, square, left; /* |r|^2 of the step, of the round, now; within a step, as the counters */
    int64_t round, k;
} memory_t;
static const field_t FIELDS[] = {
    {"primal", "distance of the copies", FIELD(OF_METHOD, memory_t, primal)},
    {"dual", "rho times what z moved", FIELD(OF_METHOD, memory_t, dual)},
    {0},
};

typedef struct constants {
    real rho, relax;
    bool is_first;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){(real)group->option[RHO], (real)group->option[RELAX], group->t == 1};
}

/* ---- Kernels ---- */

typedef struct factor {
    double factor;
} factor_t;
typedef struct starts {
    const input_view_t *z, *u;
} starts_t;

static void read_start(const tile_t *t, const input_view_t *input, real *to) {
    for (size_t i = 0; input != NULL && i < t->n; ++i) {
        double room;
        to[i] = (real)*input_doubles(input, tile_first(t) + i, 1, &room);
    }
}

static void begin(const tile_t *t) {
    const starts_t *a = t->arguments;
    memcpy(t->state[X], t->p, t->n * sizeof(real));
    if (((const constants_t *)t->constants)->is_first) {
        read_start(t, a->z, t->state[Z]);
        read_start(t, a->u, t->state[U]);
    }
}

static void lack(const tile_t *t) { /* r = d = -(g + rho (x - z + u)), s = 0; |r|^2 */
    const real rho = ((const constants_t *)t->constants)->rho;
    const real *p = t->p, *g = t->g, *z = t->state[Z], *u = t->state[U];
    real *r = t->state[R], *d = t->state[D], *s = t->state[S];
    for (size_t i = 0; i < t->n; ++i) {
        r[i] = d[i] = -(g[i] + rho * (p[i] - z[i] + u[i]));
        s[i] = 0;
        t->term[0][i] = (double)r[i] * (double)r[i];
    }
}

static void curve(const tile_t *t) { /* <d, (H + rho I) d> */
    const real rho = ((const constants_t *)t->constants)->rho, *d = t->state[D], *q = t->state[Q];
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = (double)d[i] * ((double)q[i] + (double)rho * (double)d[i]);
}

static void follow(const tile_t *t) { /* s += a d, r -= a (H + rho I) d; |r|^2 */
    const real rho = ((const constants_t *)t->constants)->rho, *d = t->state[D], *q = t->state[Q];
    const real a = (real)((const factor_t *)t->arguments)->factor;
    real *r = t->state[R], *s = t->state[S];
    for (size_t i = 0; i < t->n; ++i) {
        s[i] += a * d[i];
        r[i] -= a * (q[i] + rho * d[i]);
        t->term[0][i] = (double)r[i] * (double)r[i];
    }
}

static void turn(const tile_t *t) {
    const real beta = (real)((const factor_t *)t->arguments)->factor, *r = t->state[R];
    real *d = t->state[D];
    for (size_t i = 0; i < t->n; ++i)
        d[i] = r[i] + beta * d[i];
}

static void move(const tile_t *t) {
    const real *s = t->state[S];
    real *p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] += s[i];
}

static void relax(const tile_t *t) { /* u <- xhat + u, s <- the old z, z <- u */
    const real a = ((const constants_t *)t->constants)->relax, *p = t->p;
    real *z = t->state[Z], *u = t->state[U], *s = t->state[S];
    for (size_t i = 0; i < t->n; ++i) {
        u[i] += a * p[i] + (1 - a) * z[i];
        s[i] = z[i];
        z[i] = u[i];
    }
}

static void settle(const tile_t *t) { /* u <- u - z; |x - z|^2, |z - z_old|^2 */
    const real *p = t->p, *z = t->state[Z], *s = t->state[S];
    real *u = t->state[U];
    for (size_t i = 0; i < t->n; ++i) {
        u[i] -= z[i];
        const double apart = (double)p[i] - (double)z[i], moved = (double)z[i] - (double)s[i];
        t->term[0][i] = apart * apart;
        t->term[1][i] = moved * moved;
    }
}

enum { BEGIN, LACK, CURVE, FOLLOW, TURN, MOVE, RELAX_KERNEL, SETTLE };

/* ---- The step ---- */

/* Whether there is another round, with the gradient at x. */
static bool lacks(step_t *s) {
    memory_t *m = s->memory;
    const double tol = s->option[TOL], before = m->square;
    m->square = m->left = step_reduce(s, LACK, NULL, 1)[0];
    if (m->round == 0)
        m->first = m->square;
    return m->left > tol * tol * m->first && m->left > 0 && isfinite(m->left) &&
           (m->round == 0 || 4 * m->square < before);
}

/* With the product of d: whether there is another one to ask for. */
static bool conjugate(step_t *s) {
    memory_t *m = s->memory;
    const double curvature = step_reduce(s, CURVE, NULL, 1)[0], tol = s->option[TOL], before = m->left;
    if (!(curvature > 0))
        return false;
    m->left = step_reduce(s, FOLLOW, &(factor_t){before / curvature}, 1)[0];
    if (!(m->left > tol * tol * m->square))
        return false;
    step_update(s, TURN, &(factor_t){m->left / before});
    return true;
}

static void end(step_t *s) { /* lines 2 and 3 */
    memory_t *m = s->memory;
    step_update(s, RELAX_KERNEL, NULL);
    step_map_state(s, REG, Z, 1 / s->option[RHO]);
    const double *sum = step_reduce(s, SETTLE, NULL, 2);
    m->primal = sqrt(sum[0]);
    m->dual = s->option[RHO] * sqrt(sum[1]);
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const char *wrong;
    STEP_BEGIN(s);
    wrong = step_map_refuses(s, REG, 1 / s->option[RHO], false);
    if (wrong == NULL && !groups_agree_but(s, OPTIONS, REG))
        wrong = "all options but reg must be the same in all groups";
    if (wrong != NULL)
        return step_fail(s, OPTIM_ERR_VALUE, wrong);
    step_update(s, BEGIN, &(starts_t){step_input(s, Z_INPUT), step_input(s, U_INPUT)});
    for (m->round = 0; (double)m->round < s->option[INNER]; ++m->round) {
        if (m->round > 0)
            STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
        if (!lacks(s))
            break;
        for (m->k = 0; (double)m->k < s->option[CG]; ++m->k) {
            STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .sample = OPTIM_SAMPLE_SAME);
            if (!conjugate(s))
                break;
        }
        step_update(s, MOVE, NULL);
    }
    end(s);
    STEP_END(s);
}

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *z = step_input(s, Z_INPUT), *u = step_input(s, U_INPUT);
    const size_t n = step_own_elements(s);
    return (z != NULL && z->count != n) || (u != NULL && u->count != n)
               ? "the inputs \"z\" and \"u\" must have a number for each element"
               : NULL;
}

const method_t METHOD(admm) = {
    .name = "admm",
    .purpose =
        "alternating directions: a smooth function and a penalty that has a prox, by two copies of the variables",
    .citation = "Boyd, Parikh, Chu, Peleato, Eckstein: Distributed Optimization and Statistical Learning via the "
                "Alternating Direction Method of Multipliers, 2011",
    .evaluations = "1 gradient and up to cg products for each of up to inner rounds",
    .options = OPTIONS,
    .inputs = INPUTS,
    .states = STATE,
    .fields = FIELDS,
    .flags = REQUESTS | REQUESTS_PRODUCTS,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .refuses_inputs = refuses_inputs,
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, lack, curve, follow, turn, move, relax, settle},
    .arguments = {[BEGIN] = sizeof(starts_t), [FOLLOW] = sizeof(factor_t), [TURN] = sizeof(factor_t)},
};
