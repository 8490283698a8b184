/*
 * katyusha: accelerated variance reduction, for a mean of n strongly convex components f_i.
 *
 * Allen-Zhu, "Katyusha: The First Direct Acceleration of Stochastic Gradient Methods", 2017, arXiv:1603.05953.
 *
 *     theta_2 = 1/2,   theta_1 = min(sqrt(m mu / (3 L)), 1/2),   alpha = 1 / (3 theta_1 L)
 *     1. mu_g = grad f(ref), ref being the parameters;   w = 1, S = 0, W = 0
 *     2. m times:   x = theta_1 z + theta_2 ref + (1 - theta_1 - theta_2) y;   i uniform in 0 .. n - 1
 *                   g = mu_g + grad f_i(x) - grad f_i(ref)
 *                   z = reg(z - alpha g), reg's step being alpha
 *                   y = reg(x - g / (3 L)), reg's step being 1 / (3 L)
 *                   S = S + w y,   W = W + w,   w = w (1 + alpha mu)
 *     3. the parameters are S / W
 *
 * y and z start at the parameters and are kept. m = 0 stands for 2 n. A step begins with the gradient of a full pass
 * and asks for two gradients of one component in each iteration: at x, then at ref. S is summed in double. State: y, z;
 * within a step ref, mu_g, x, grad f_i(x), S, and copies of y and z: 8 (32) bytes a parameter in f32.
 */
#include "blocks/agree.h"
#include "blocks/double_state.h"
#include "engine/map.h"

enum { MU, L, M, REG };
static const option_t OPTIONS[] = {
    [MU] = {"mu", 0.1, "(0,inf)", "strong convexity of f"},
    [L] = {"L", 1, "(0,inf)", "smoothness of the components"},
    [M] = {"m", 0, "integer [0,inf)", "iterations of a step; 0: twice the number of components", .zero_apart = true},
    [REG] = {"reg", 0, "map", "prox of a penalty on the parameters, or projection", .choice = "none"},
    {0},
};

enum { REF, GRADIENT_REF, X, Y, Z, G, SUM };
static const state_t STATE[] = {
    [REF] = {"ref", "the reference point: where the step began", LIKE_PARAM, RESTORE_POINT},
    [GRADIENT_REF] = {"mu_g", "the gradient of a full pass at the reference", LIKE_PARAM, WITHIN_STEP},
    [X] = {"x", "the point of the iteration, in the precision of states", LIKE_PARAM, WITHIN_STEP},
    [Y] = {"y", "the sequence of short steps", LIKE_PARAM, KEPT, .from_param = true, .undone = true},
    [Z] = {"z", "the sequence of long steps", LIKE_PARAM, KEPT, .from_param = true, .undone = true},
    [G] = {"g", "the component's gradient at x", LIKE_PARAM, WITHIN_STEP},
    [SUM] = {"sum", "of the y by weight, in double", SHAPED, WITHIN_STEP, .type = TYPE_DOUBLE,
             .dims = dims_of_parameter},
    {0},
};

typedef struct memory { /* within a step */
    int64_t k, i;       /* iteration, component */
    double weight, weights;
} memory_t;

typedef struct constants {
    real theta_1, theta_2, alpha, step;
} constants_t;

typedef struct weight {
    double weight;
} weight_t;

static int64_t iterations(const step_t *s) {
    return s->option[M] > 0 ? (int64_t)s->option[M] : 2 * s->components;
}

static double theta_1(const double *option, int64_t m) {
    return fmin(sqrt((double)m * option[MU] / (3 * option[L])), 0.5);
}
static double alpha(const double *option, int64_t m) {
    return 1 / (3 * theta_1(option, m) * option[L]);
}
static double step_of_y(const double *option) {
    return 1 / (3 * option[L]);
}

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    const int64_t m = iterations(group->step);
    *(constants_t *)constants = (constants_t){(real)theta_1(o, m), (real)0.5, (real)alpha(o, m), (real)step_of_y(o)};
}

/* Line 1. */
static void begin(const tile_t *t) {
    memcpy(t->state[REF], t->p, t->n * sizeof(real));
    memcpy(t->state[GRADIENT_REF], t->g, t->n * sizeof(real));
    memset(tile_doubles(t, SUM), 0, t->n * sizeof(double));
}

static void go_to_x(const tile_t *t) {
    const constants_t *k = t->constants;
    const real theta_1 = k->theta_1, theta_2 = k->theta_2, theta_3 = 1 - theta_1 - theta_2;
    const real *restrict ref = t->state[REF], *restrict y = t->state[Y], *restrict z = t->state[Z];
    real *restrict p = t->p, *restrict x = t->state[X];
    for (size_t i = 0; i < t->n; ++i) {
        x[i] = theta_1 * z[i] + theta_2 * ref[i] + theta_3 * y[i];
        p[i] = x[i];
    }
}

/* The gradient at x is there: on to the reference. */
static void go_to_reference(const tile_t *t) {
    memcpy(t->state[G], t->g, t->n * sizeof(real));
    memcpy(t->p, t->state[REF], t->n * sizeof(real));
}

/* Line 2 up to the maps, with the gradient at the reference. */
static void move(const tile_t *t) {
    const constants_t *k = t->constants;
    const real alpha = k->alpha, step = k->step;
    const real *restrict mu_g = t->state[GRADIENT_REF], *restrict g_x = t->state[G], *restrict g_ref = t->g;
    const real *restrict x = t->state[X];
    real *restrict y = t->state[Y], *restrict z = t->state[Z];
    for (size_t i = 0; i < t->n; ++i) {
        const real g = mu_g[i] + g_x[i] - g_ref[i];
        z[i] -= alpha * g;
        y[i] = x[i] - step * g;
    }
}

/* Line 2 behind the maps: the sum of the y. */
static void add_up(const tile_t *t) {
    const double weight = ((const weight_t *)t->arguments)->weight;
    const real *restrict y = t->state[Y];
    double *restrict sum = tile_doubles(t, SUM);
    for (size_t i = 0; i < t->n; ++i)
        sum[i] += weight * (double)y[i];
}

/* Line 3. */
static void end(const tile_t *t) {
    const double weights = ((const weight_t *)t->arguments)->weight;
    const double *restrict sum = tile_doubles(t, SUM);
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = (real)(sum[i] / weights);
}

enum { BEGIN, GO_TO_X, GO_TO_REFERENCE, MOVE, ADD_UP, END };

/* What is wrong with the map, or NULL: its steps are the method's own, of which there is one for all groups. */
static const char *refuse(step_t *s) {
    const char *wrong = step_map_refuses(s, REG, alpha(s->option, iterations(s)), false);
    bool maps = false;
    for (int i = 0; i < s->groups; ++i)
        maps |= step_group(s, i).option[REG] >= 0;
    if (wrong == NULL)
        wrong = step_map_refuses(s, REG, step_of_y(s->option), false);
    return maps && wrong == NULL && !groups_agree_but(s, OPTIONS, REG)
               ? "with reg all other options must be the same in all groups"
               : wrong;
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const char *wrong = refuse(s);
    if (wrong != NULL)
        return step_fail(s, OPTIM_ERR_VALUE, wrong);
    STEP_BEGIN(s);
    step_update(s, BEGIN, NULL);
    m->weight = 1;
    m->weights = 0;
    for (m->k = 0; m->k < iterations(s); ++m->k) {
        step_update(s, GO_TO_X, NULL);
        m->i = step_index(s, s->components);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = m->i, .count = 1);
        step_update(s, GO_TO_REFERENCE, NULL);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = m->i, .count = 1);
        step_update(s, MOVE, NULL);
        step_map_state(s, REG, Z, alpha(s->option, iterations(s)));
        step_map_state(s, REG, Y, step_of_y(s->option));
        step_update(s, ADD_UP, &(weight_t){m->weight});
        m->weights += m->weight;
        m->weight *= 1 + alpha(s->option, iterations(s)) * s->option[MU];
    }
    step_update(s, END, &(weight_t){m->weights});
    STEP_END(s);
}

const method_t METHOD(katyusha) = {
    .name = "katyusha",
    .purpose = "accelerated variance reduction for strongly convex sums, held back by a reference point",
    .citation = "Allen-Zhu: Katyusha: The First Direct Acceleration of Stochastic Gradient Methods, STOC 2017, "
                "arXiv:1603.05953",
    .evaluations = "1 gradient of a full pass, 2 m of one component",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | BY_ELEMENT | NEEDS_COMPONENTS | COMPONENT_GRADIENTS | BEGINS_FULL,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, go_to_x, go_to_reference, move, add_up, end},
    .arguments = {[ADD_UP] = sizeof(weight_t), [END] = sizeof(weight_t)},
};
