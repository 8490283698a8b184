/*
 * proxy_prox: proximal steps whose subproblem has a cheap proxy h in the place of the loss f, once corrected by f's
 * gradient.
 *
 * Woodworth, Mishchenko, Bach, "Two Losses Are Better Than One: Faster Optimization Using a Cheaper Proxy", 2023,
 * arXiv:2302.03542; from memory.
 *
 *     1. a = grad f(x) - grad h(x);   y = x
 *     2. `inner` times:   y <- y - lr (grad h(y) + a + (y - x) / eta)
 *     3. x <- y
 *
 * f is objective 0, h objective 1; or, with n_proxy > 0, the mean of the first n_proxy components of f. grad h(x) is
 * asked for once. State: within a step where it began, y and a: 12 bytes a parameter in f32.
 */
#include <string.h>

#include "blocks/agree.h"

enum { ETA, INNER, LR, N_PROXY };
static const option_t OPTIONS[] = {
    [ETA] = {"eta", 1, "(0,inf)", "outer step size; theory: 1 / (smoothness of f - h), or less"},
    [INNER] = {"inner", 5, "integer [1,inf)", "steps on the subproblem"},
    [LR] = {"lr", 0.1, "[0,inf)", "their step size"},
    [N_PROXY] = {"n_proxy", 0, "integer [0,inf)", "h: the mean of so many components; 0: objective 1",
                 .zero_apart = true},
    {0},
};

enum { X, Y, A };
static const state_t STATE[] = {
    [X] = {"x", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [Y] = {"y", "the inner iterate, in the precision of states", LIKE_PARAM, WITHIN_STEP},
    [A] = {"a", "how much the gradient of f exceeds that of h", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct memory { /* within a step */
    int64_t k;
} memory_t;

typedef struct constants {
    real lr, lr_eta; /* lr / eta */
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){(real)o[LR], (real)(o[LR] / o[ETA])};
}

/* With the gradient of f. */
static void begin(const tile_t *t) {
    memcpy(t->state[X], t->p, t->n * sizeof(real));
    memcpy(t->state[Y], t->p, t->n * sizeof(real));
    memcpy(t->state[A], t->g, t->n * sizeof(real));
}

/* Line 1, with the gradient of h. */
static void correct(const tile_t *t) {
    const real *restrict g = t->g;
    real *restrict a = t->state[A];
    for (size_t i = 0; i < t->n; ++i)
        a[i] -= g[i];
}

/* Line 2. The sum of the gradients might leave f32 first. */
static void move(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const real *restrict g = t->g, *restrict a = t->state[A], *restrict x = t->state[X];
    real *restrict p = t->p, *restrict y = t->state[Y];
    for (size_t i = 0; i < t->n; ++i) {
        y[i] -= k.lr * g[i] + k.lr * a[i] + k.lr_eta * (y[i] - x[i]);
        p[i] = y[i];
    }
}

enum { BEGIN, CORRECT, MOVE };

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const double n_proxy = s->option[N_PROXY];
    STEP_BEGIN(s);
    if (!groups_agree(s, N_PROXY) || !groups_agree(s, INNER))
        return step_fail(s, OPTIM_ERR_VALUE, "inner and n_proxy must be the same in all groups");
    if (s->components > 0 && n_proxy > (double)s->components)
        return step_fail(s, OPTIM_ERR_VALUE, "n_proxy must be no more than the number of components");
    if (n_proxy > 0)
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH);
    step_update(s, BEGIN, NULL);
    for (m->k = 0; (double)m->k < s->option[INNER]; ++m->k) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .objective = n_proxy == 0, .count = (int64_t)n_proxy);
        if (m->k == 0)
            step_update(s, CORRECT, NULL);
        step_update(s, MOVE, NULL);
    }
    STEP_END(s);
}

static bool asks_for_all(const double *option) {
    return option[N_PROXY] > 0;
}

const method_t METHOD(proxy_prox) = {
    .name = "proxy_prox",
    .purpose = "proximal steps on a cheap proxy of the loss, corrected by one gradient of the loss itself",
    .citation = "Woodworth, Mishchenko, Bach: Two Losses Are Better Than One: Faster Optimization Using a Cheaper "
                "Proxy, ICML 2023, arXiv:2302.03542",
    .evaluations = "1 gradient of the loss, `inner` of the proxy",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | CUTS_EXACTLY | COMPONENT_GRADIENTS | ASKS_FOR_ALL,
    .asks_for_all = asks_for_all,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, correct, move},
};
