/*
 * hypernet: hyperparameters x and weights y by a linear hypernetwork c + A x that predicts y*(x), for min_x F(x,
 * y*(x)), y*(x) = argmin_y G(x, y).
 *
 * Lorraine, Duvenaud, "Stochastic Hyperparameter Optimization through Hypernetworks", 2018, arXiv:1802.09419; the local
 * form.
 *
 *     1. `inner` times, over `batch` draws x' = x + sigma z, z standard normal, with r = G_y(x', c + A x'):
 *            c <- c - lr_inner mean r,   A <- A - lr_inner mean r x''
 *     2. `outer` times, at y = c + A x:   h = F_x + A' F_y,   x <- x - lr h, or Adam's step
 *
 * F is objective 0, G objective 1. c starts at y, A at 0; after a step y = c + A x. With sigma = 0 the prediction is
 * fitted at one x alone: A is then no derivative, and x ends in a wrong place. Everything is asked for; the parameters
 * hold the point. What is summed over elements of x or y is in double. State: c; A, a number for each pair of elements
 * of x and y; with adam moments of x; batch numbers for each element of y.
 */
#include <string.h>

#include "engine/method.h"
#include "kernels/random.h"

enum { LR, LR_INNER, INNER, OUTER, BATCH, SIGMA, ADAM, BETA1, BETA2, EPS };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.05, "[0,inf)", "step size of x"},
    [LR_INNER] = {"lr_inner", 0.1, "[0,inf)", "step size of the hypernetwork"},
    [INNER] = {"inner", 5, "integer [1,inf)", "moves of the hypernetwork in a step"},
    [OUTER] = {"outer", 1, "integer [1,inf)", "moves of x in a step"},
    [BATCH] = {"batch", 1, "integer [1,inf)", "draws for a move of the hypernetwork", .decides_memory = true},
    [SIGMA] = {"sigma", 0, "[0,inf)", "spread of the draws around x; with 0 A is no derivative of y*",
               .zero_apart = true},
    [ADAM] = {"adam", 0, "0|1", "x by Adam", .decides_memory = true},
    [BETA1] = {"beta1", 0.9, "[0,1)", "adam: decay of the first moment"},
    [BETA2] = {"beta2", 0.999, "[0,1)", "adam: decay of the second moment"},
    [EPS] = {"eps", 1e-8, "[0,inf)", "adam: added to the root"},
    {0},
};

enum { X_ROLE, Y_ROLE };
enum { OF_Y = 1 << Y_ROLE }; /* mask of requests */
enum { UPPER, LOWER };       /* objectives: F, G */

static bool is_x(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor->role == X_ROLE;
}
static bool is_y(const tensor_t *tensor, const double *option) {
    return !is_x(tensor, option);
}
static bool has_moments(const tensor_t *tensor, const double *option) {
    return is_x(tensor, option) && option[ADAM] != 0;
}

enum { START, C, A, M, V };
static const state_t STATE[] = {
    [START] = {"start", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [C] = {"c", "the prediction at x = 0", LIKE_PARAM, KEPT, .exists = is_y, .from_param = true, .undone = true},
    [A] = {"A", "how the prediction of each element of y turns with x", LIKE_PARAM, KEPT, .exists = is_x,
           .each = EACH_OF_SECOND_ROLE, .undone = true},
    [M] = {"m", "first moment", LIKE_PARAM, FIRST_MOMENT, .exists = has_moments, .undone = true},
    [V] = {"v", "second moment", LIKE_PARAM, KEPT, .exists = has_moments, .nonnegative = true, .undone = true},
    {0},
};

typedef struct memory {
    double updates;  /* of Adam */
    double *ax, *r;  /* within a step: A x; gradients in y, of each draw */
    int64_t k, draw; /* move, draw */
    uint64_t first;  /* words of the first draw's z */
} memory_t;
static const field_t FIELDS[] = {
    {"updates", "moves of x so far", FIELD(OF_METHOD, memory_t, updates), .when = "adam", .whole = true},
    {"ax", "A x", FIELD(OF_METHOD, memory_t, ax), .each = EACH_OF_SECOND_ROLE, .within_step = true},
    {"r", "gradients in y, of each draw", FIELD(OF_METHOD, memory_t, r), .copies = "batch", .each = EACH_OF_SECOND_ROLE,
     .within_step = true},
    {0},
};

typedef struct constants {
    double lr, share, sigma; /* share: lr_inner / batch */
    double beta1, beta2, eps;
} constants_t;

/* What kernels take: lists by element of y, numbers of draws, Adam's corrections. */
typedef struct shared {
    double *ax, *r;
    size_t ys, batch;
    uint64_t seed, first, words; /* of one draw */
    double c1, c2;
} shared_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){o[LR], o[LR_INNER] / o[BATCH], o[SIGMA], o[BETA1], o[BETA2], o[EPS]};
}

/* ---- Kernels ---- */

static void begin(const tile_t *t) {
    memcpy(t->state[START], t->p, t->n * sizeof(real));
}

/* x' of one draw, element i. */
static double drawn(const tile_t *t, const shared_t *s, size_t draw, size_t i) {
    const double sigma = ((const constants_t *)t->constants)->sigma;
    const uint64_t word = s->first + draw * s->words + 2 * (t->tensor->first_of_role + t->offset + i);
    const double x = (double)((real *)t->state[START])[i];
    return sigma > 0 ? (double)(real)(x + sigma * random_normal(s->seed, word)) : x;
}

static void go_to_draw(const tile_t *t) { /* number batch - 1 */
    const shared_t *s = t->arguments;
    real *restrict p = t->p;
    for (size_t i = 0; t->tensor->role == X_ROLE && i < t->n; ++i)
        p[i] = (real)drawn(t, s, s->batch - 1, i);
}

static real *row(const tile_t *t, size_t i) {
    return (real *)t->state[A] + i * t->stride;
}

static void predict(const tile_t *t) { /* whole tensors, in turn: adds A x */
    const shared_t *s = t->arguments;
    const real *restrict p = t->p;
    for (size_t i = 0; t->tensor->role == X_ROLE && i < s->ys; ++i) {
        const real *restrict a = row(t, i);
        double sum = 0;
        for (size_t j = 0; j < t->n; ++j)
            sum += (double)a[j] * (double)p[j];
        s->ax[i] += sum;
    }
}

static void go_to_prediction(const tile_t *t) {
    const double *restrict ax = ((const shared_t *)t->arguments)->ax + t->tensor->first_of_role + t->offset;
    const real *restrict c = t->state[C];
    real *restrict p = t->p;
    for (size_t i = 0; c != NULL && i < t->n; ++i)
        p[i] = (real)((double)c[i] + ax[i]);
}

static void gather(const tile_t *t) { /* whole tensors, in turn: r of draw batch - 1 */
    const shared_t *s = t->arguments;
    double *restrict r = s->r + (s->batch - 1) * s->ys + t->tensor->first_of_role;
    const real *restrict g = t->g;
    for (size_t i = 0; t->tensor->role == Y_ROLE && i < t->n; ++i)
        r[i] = (double)g[i];
}

/* Line 1. */
static void fit(const tile_t *t) { /* whole tensors */
    const shared_t *s = t->arguments;
    const double share = ((const constants_t *)t->constants)->share;
    for (size_t draw = 0; draw < s->batch; ++draw) {
        const double *restrict r = s->r + draw * s->ys;
        real *restrict c = t->state[C];
        for (size_t i = 0; c != NULL && i < t->n; ++i)
            c[i] = (real)((double)c[i] - share * r[t->tensor->first_of_role + i]);
        for (size_t j = 0; c == NULL && j < t->n; ++j) {
            const double x = drawn(t, s, draw, j);
            for (size_t i = 0; i < s->ys; ++i)
                row(t, i)[j] = (real)((double)row(t, i)[j] - share * r[i] * x);
        }
    }
}

static void go_back(const tile_t *t) {
    if (t->tensor->role == X_ROLE)
        memcpy(t->p, t->state[START], t->n * sizeof(real));
}

/* Line 2. */
static void move(const tile_t *t) { /* whole tensors */
    const constants_t k = *(const constants_t *)t->constants;
    const shared_t *s = t->arguments;
    const real *restrict g = t->g;
    real *restrict p = t->p, *restrict m = t->state[M], *restrict v = t->state[V];
    for (size_t j = 0; t->tensor->role == X_ROLE && j < t->n; ++j) {
        double h = (double)g[j];
        for (size_t i = 0; i < s->ys; ++i)
            h += (double)row(t, i)[j] * s->r[i];
        if (m == NULL) {
            p[j] = (real)((double)p[j] - k.lr * h);
            continue;
        }
        const double mj = k.beta1 * (double)m[j] + (1 - k.beta1) * h,
                     vj = k.beta2 * (double)v[j] + (1 - k.beta2) * h * h;
        const double root = sqrt(vj / s->c2) + k.eps;
        m[j] = settled((real)mj);
        v[j] = settled((real)vj);
        p[j] = (real)((double)p[j] - (root > 0 ? k.lr * (mj / s->c1) / root : 0));
    }
}

enum { BEGIN, GO_TO_DRAW, PREDICT, GO_TO_PREDICTION, GATHER, FIT, GO_BACK, MOVE };

/* ---- A step ---- */

static size_t elements(const step_t *s, int role) {
    size_t count = 0;
    for (size_t i = 0; i < step_tensor_count(s); ++i)
        count += step_parameter(s, i) != NULL && step_parameter(s, i)->role == role ? step_parameter(s, i)->count : 0;
    return count;
}

/* For so many draws. */
static shared_t share(const step_t *s, int64_t draws) {
    const memory_t *m = s->memory;
    return (shared_t){.ax = m->ax,
                      .r = m->r,
                      .ys = elements(s, Y_ROLE),
                      .batch = (size_t)draws,
                      .seed = s->seed,
                      .first = m->first,
                      .words = 2 * (uint64_t)elements(s, X_ROLE)};
}

/* y <- c + A x, with x as it stands. */
static void go_to_y(step_t *s) {
    const shared_t shared = share(s, 1);
    memset(shared.ax, 0, shared.ys * sizeof *shared.ax);
    step_tensors_in_turn(s, PREDICT, &shared);
    step_update(s, GO_TO_PREDICTION, &shared);
}

static void begin_draw(step_t *s) {
    memory_t *m = s->memory;
    if (s->option[SIGMA] > 0) {
        const uint64_t first = step_draws(s, 2 * (uint64_t)elements(s, X_ROLE));
        m->first = m->draw == 0 ? first : m->first;
    }
    const shared_t shared = share(s, m->draw + 1);
    step_update(s, GO_TO_DRAW, &shared);
    go_to_y(s);
}

/* r of this draw; what is frozen has none. */
static void take(step_t *s, int64_t draw) {
    const shared_t shared = share(s, draw + 1);
    memset(shared.r + (size_t)draw * shared.ys, 0, shared.ys * sizeof *shared.r);
    step_tensors_in_turn(s, GATHER, &shared);
}

static void move_x(step_t *s) {
    memory_t *m = s->memory;
    shared_t shared = share(s, 1);
    take(s, 0);
    ++m->updates;
    shared.c1 = 1 - pow(s->option[BETA1], m->updates);
    shared.c2 = 1 - pow(s->option[BETA2], m->updates);
    step_tensors(s, MOVE, &shared);
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    step_update(s, BEGIN, NULL);
    for (m->k = 0; (double)m->k < s->option[INNER]; ++m->k) {
        for (m->draw = 0; (double)m->draw < s->option[BATCH]; ++m->draw) {
            begin_draw(s);
            STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = LOWER, .roles = OF_Y);
            take(s, m->draw);
        }
        const shared_t shared = share(s, m->draw);
        step_tensors(s, FIT, &shared);
    }
    step_update(s, GO_BACK, NULL);
    for (m->k = 0; (double)m->k < s->option[OUTER]; ++m->k) {
        go_to_y(s);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH, .objective = UPPER);
        move_x(s);
    }
    go_to_y(s);
    STEP_END(s);
}

const method_t METHOD(hypernet) = {
    .name = "hypernet",
    .purpose = "hyperparameters by a linear hypernetwork that predicts the weights they lead to",
    .citation = "Lorraine, Duvenaud: Stochastic Hyperparameter Optimization through Hypernetworks, 2018, "
                "arXiv:1802.09419",
    .evaluations = "inner batch gradients of the lower objective, outer of the upper one",
    .options = OPTIONS,
    .states = STATE,
    .roles = "x|y",
    .flags = REQUESTS | ASKS_FOR_ALL | WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, go_to_draw, predict, go_to_prediction, gather, fit, go_back, move},
    .arguments = {[GO_TO_DRAW] = sizeof(shared_t),
                  [PREDICT] = sizeof(shared_t),
                  [GO_TO_PREDICTION] = sizeof(shared_t),
                  [GATHER] = sizeof(shared_t),
                  [FIT] = sizeof(shared_t),
                  [MOVE] = sizeof(shared_t)},
};
