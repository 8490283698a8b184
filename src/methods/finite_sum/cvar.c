/*
 * cvar: the mean of the worst losses (conditional value at risk), for n components f_i.
 *
 * Meng, Gower, "A Model-Based Method for Minimizing CVaR and Beyond", 2023, arXiv:2305.17498.
 *
 *     min over x and alpha of   alpha + mean of max(f_i(x) - alpha, 0) / (1 - beta);    kappa = 1 / (1 - beta)
 *     1. i uniform in 0 .. n - 1;   f = f_i(x),  g = grad f_i(x);   l = lr / t^power,  m = lr_alpha / t^power
 *     2. kind = spl:   w = (f - alpha + m) / (m + l |g|^2), no less than 0 and no more than kappa
 *        kind = sgm:   w = kappa if f > alpha, else 0
 *     3. x <- x - l w g;   alpha <- alpha - m (1 - w)
 *
 * spl minimizes alpha + kappa max(f + g (y - x) - alpha, 0) plus |y - x|^2 / (2 l) and the square of alpha's step over
 * 2 m; sgm is the subgradient method. l |g|^2 is a sum over the groups, each with its own lr. Two passes. A step begins
 * without a gradient. State: alpha, from 0 or the input of that name on.
 */
#include "blocks/finite.h"

enum { KIND, BETA, LR, LR_ALPHA, POWER };
enum { SPL, SGM };
static const option_t OPTIONS[] = {
    [KIND] = {"kind", SPL, "spl|sgm", "the exact minimizer of a model of the loss, or a subgradient step"},
    [BETA] = {"beta", 0.8, "(0,1)", "the worst share 1 - beta of the losses counts"},
    [LR] = {"lr", 0.1, "[0,inf)", "step size of the parameters"},
    [LR_ALPHA] = {"lr_alpha", 0.1, "[0,inf)", "step size of alpha"},
    [POWER] = {"power", 0.5, "[0,1]", "both are divided by t^power"},
    {0},
};

enum { ALPHA_INPUT };
static const input_t INPUTS[] = {
    [ALPHA_INPUT] = {"alpha", "where alpha starts, one number; without it at 0", INPUT_OF_METHOD, true},
    {0},
};

typedef struct memory {
    double alpha;
    int64_t i; /* within a step: component */
} memory_t;
static const field_t FIELDS[] = {
    {"alpha", "the value at risk: the loss that the worst ones exceed", FIELD(OF_METHOD, memory_t, alpha)},
    {0},
};

typedef struct constants {
    double lr; /* l */
} constants_t;

typedef struct weight {
    double w;
} weight_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){o[LR] / pow(group->step->t, o[POWER])};
}

static void squares_by_lr(const tile_t *t) {
    const double lr = ((const constants_t *)t->constants)->lr;
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = lr * ((double)g[i] * (double)g[i]);
}

static void move(const tile_t *t) {
    const real step = (real)(((const constants_t *)t->constants)->lr * ((const weight_t *)t->arguments)->w);
    const real *restrict g = t->g;
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] -= step * g[i];
}

enum { SQUARES, MOVE };

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *alpha = step_input(s, ALPHA_INPUT);
    return alpha != NULL && alpha->count != 1 ? "the input \"alpha\" must be one number" : NULL;
}

static void start(step_t *s) {
    const input_view_t *alpha = step_input(s, ALPHA_INPUT);
    double room;
    if (alpha != NULL)
        ((memory_t *)s->memory)->alpha = *input_doubles(alpha, 0, 1, &room);
}

/* Line 2. */
static double weigh(const step_t *s, double excess, double m, double square) {
    const double *o = s->option, kappa = 1 / (1 - o[BETA]);
    if ((int)o[KIND] == SGM)
        return excess > 0 ? kappa : 0;
    return m + square > 0 ? fmin(fmax((excess + m) / (m + square), 0), kappa) : 0;
}

static optim_status advance(step_t *s) {
    memory_t *memory = s->memory;
    const double m = s->option[LR_ALPHA] / pow(s->t, s->option[POWER]);
    STEP_BEGIN(s);
    memory->i = step_index(s, s->components);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = memory->i, .count = 1);
    const double square = step_reduce(s, SQUARES, NULL, 1)[0];
    if (!all_finite(s->loss, &square, 1))
        return step_reject(s);
    if (s->t == 1)
        start(s);
    const double w = weigh(s, s->loss - memory->alpha, m, square);
    step_update(s, MOVE, &(weight_t){w});
    memory->alpha -= m * (1 - w);
    STEP_END(s);
}

const method_t METHOD(cvar) = {
    .name = "cvar",
    .purpose = "minimizes the mean of the worst losses, with a step size that a model of the loss bounds",
    .citation = "Meng, Gower: A Model-Based Method for Minimizing CVaR and Beyond, ICML 2023, arXiv:2305.17498",
    .evaluations = "1 gradient of one component, with its loss",
    .options = OPTIONS,
    .inputs = INPUTS,
    .flags = REQUESTS | READS_LOSS | NEEDS_COMPONENTS | COMPONENT_GRADIENTS | ASKS_FOR_ALL,
    .constants = sizeof(constants_t),
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .refuses_inputs = refuses_inputs,
    .prepare = prepare,
    .advance = advance,
    .kernels = {squares_by_lr, move},
    .arguments = {[MOVE] = sizeof(weight_t)},
};
