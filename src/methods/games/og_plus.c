/*
 * og_plus: optimistic gradient with a rate of its own for the optimistic step (OG+, OptDA+).
 *
 * Hsieh, Antonakopoulos, Cevher, Mertikopoulos, "No-Regret Learning in Games with Noisy Feedback: Faster Rates and
 * Adaptivity via Learning Rate Separation", 2022, arXiv:2206.06015. From knowledge of the paper; no public code was
 * found.
 *
 *     with tau = t + 1, player by player:
 *     1. eta = lr tau^-lr_power,   gamma = lr_extra tau^-extra_power;
 *        adaptive: eta = lr / sqrt(1 + G + D),   gamma = lr_extra / (1 + G)^(1/2 - q),
 *        G, D of the steps before this one
 *     2. dual = 0 (OG+):     X_new = X - eta g;   dual = 1 (OptDA+):   S = S + g,  X_new = X_1 - eta S
 *     3. adaptive: G = G + |g|^2,   D = D + |X_new - X|^2
 *     4. X = X_new;   p = X - gamma g
 *
 * g is taken at the parameters, first at the initial point X_1. G and D at the rates of index t + 1 hold the steps up
 * to t - 1, the paper's sums to (t + 1) - 2. Output: X. One pass; adaptive two.
 * State: X, with dual = 1 also X_1 and S: 4 (12) bytes a parameter in f32; G and D of both players in double.
 */
#include "blocks/iterate.h"
#include "blocks/sums.h"

enum { LR, LR_EXTRA, LR_POWER, EXTRA_POWER, DUAL, ADAPTIVE, Q, SPLIT };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "(0,inf)", "eta: step of the update", .pauses = true},
    [LR_EXTRA] = {"lr_extra", 0.2, "(0,inf)", "gamma: the optimistic step, at least lr"},
    [LR_POWER] = {"lr_power", 0, "[0,1]", "eta falls as this power of t; with noise 1/2"},
    [EXTRA_POWER] = {"extra_power", 0, "[0,1]", "gamma falls as this power of t; with noise 1/4"},
    [DUAL] = {"dual", 0, "0|1", "0: OG+; 1: OptDA+, dual averaging from the initial point"},
    [ADAPTIVE] = {"adaptive", 0, "0|1", "rates from what each player has seen; the powers are ignored"},
    [Q] = {"q", 0.25, "(0,0.25]", "exponent of the adaptive gamma"},
    [SPLIT] = {"split", 1, "integer [1,inf)",
               "deprecated, for groups with role=x and role=y: so many parameters, in order of declaration, are x"},
    {0},
};

static const char *check(const double *option) {
    return option[LR_EXTRA] < option[LR] ? "lr_extra must not be smaller than lr" : NULL;
}

enum { X = ITERATE, X1, S };
static const state_t STATE[] = {
    [X] = {"X", "the iterate", LIKE_PARAM, KEPT, .from_param = true},
    [X1] = {"X1", "the initial point", LIKE_PARAM, KEPT, .when = "dual", .from_param = true},
    [S] = {"S", "sum of the gradients", LIKE_PARAM, KEPT, .when = "dual"},
    {0},
};

enum { PLAYERS = 2 };
typedef struct memory {
    double seen[PLAYERS], moved[PLAYERS]; /* G and D */
} memory_t;
static const field_t FIELDS[] = {
    {"G", "each player's sum of squared gradient norms", FIELD(OF_METHOD, memory_t, seen)},
    {"D", "each player's sum of squared steps", FIELD(OF_METHOD, memory_t, moved)},
    {0},
};

typedef struct constants {
    real eta[PLAYERS], gamma[PLAYERS];
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, tau = group->t + 1;
    const memory_t *m = group->memory;
    const bool adaptive = o[ADAPTIVE] != 0;
    constants_t *k = constants;
    for (int player = 0; player < PLAYERS; ++player) {
        const double seen = 1 + m->seen[player], moved = m->moved[player];
        k->eta[player] = (real)(adaptive ? o[LR] / sqrt(seen + moved) : o[LR] * pow(tau, -o[LR_POWER]));
        k->gamma[player] =
            (real)(adaptive ? o[LR_EXTRA] * pow(seen, o[Q] - 0.5) : o[LR_EXTRA] * pow(tau, -o[EXTRA_POWER]));
    }
}

/* Squares for line 3. */
static void squares(const tile_t *t) {
    const real eta = ((const constants_t *)t->constants)->eta[t->tensor->role];
    const real *restrict g = t->g, *restrict x = t->state[X], *restrict x1 = t->state[X1], *restrict sum = t->state[S];
    real step[SUM_ELEMENTS];
    for (size_t i = 0; i < t->n; ++i)
        step[i] = sum == NULL ? eta * g[i] : x1[i] - eta * (sum[i] + g[i]) - x[i];
    t->sum[0] += sum_squares(t->n, g);
    t->sum[1] += sum_squares(t->n, step);
}

static void update(const tile_t *t) {
    const constants_t *k = t->constants;
    const int player = t->tensor->role;
    const real eta = k->eta[player], gamma = k->gamma[player];
    real *restrict p = t->p, *restrict x = t->state[X], *restrict sum = t->state[S];
    const real *restrict g = t->g, *restrict x1 = t->state[X1];
    for (size_t i = 0; sum == NULL && i < t->n; ++i) {
        x[i] -= eta * g[i];
        p[i] = x[i] - gamma * g[i];
    }
    for (size_t i = 0; sum != NULL && i < t->n; ++i) {
        sum[i] += g[i];
        x[i] = x1[i] - eta * sum[i];
        p[i] = x[i] - gamma * g[i];
    }
}

enum { SQUARES, UPDATE };

static void accumulate(step_t *s) {
    memory_t *m = s->memory;
    for (size_t n = 0; n < step_tensor_count(s); ++n) {
        const tensor_t *tensor = step_tensor(s, n);
        if (tensor == NULL)
            continue;
        m->seen[tensor->role] += step_tensor_sum(s, n)[0];
        m->moved[tensor->role] += step_tensor_sum(s, n)[1];
    }
}

static optim_status advance(step_t *s) {
    const bool adaptive = s->option[ADAPTIVE] != 0;
    if (adaptive)
        (void)step_sums(s, SQUARES, NULL, 2);
    step_update(s, UPDATE, NULL); /* with G and D as they were */
    if (adaptive)
        accumulate(s);
    return OPTIM_OK;
}

const method_t METHOD(og_plus) = {
    .name = "og_plus",
    .purpose = "optimistic gradient with separate, possibly adaptive rates of the two steps; for games with noise",
    .citation =
        "Hsieh et al.: No-Regret Learning in Games with Noisy Feedback: Faster Rates and Adaptivity via Learning Rate "
        "Separation, 2022, arXiv:2206.06015",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .roles = "x|y",
    .constants = sizeof(constants_t),
    .check = check,
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [UPDATE] = update},
    .output = output_iterate,
};
