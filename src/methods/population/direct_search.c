/*
 * direct_search: polls along the coordinates and moves where the value falls enough. Values alone.
 *
 * Kolda, Lewis, Torczon, "Optimization by Direct Search: New Perspectives on Some Classical and Modern Methods", 2003,
 * 10.1137/S003614450242889.
 *
 *     1. y = x + alpha e_j, j = 0 .. d - 1, then y = x - alpha e_j
 *        success: f(y) < f(x) - c alpha^2;   complete = 0: x <- the first such y,  1: all are polled, x <- the best
 *     2. success: alpha <- min(expand alpha, alpha_max);   else alpha <- contract alpha
 *
 * f(x) is asked for in the first step. A value that is not finite is no success. Frozen coordinates are not polled.
 * State: f, alpha; within a step x: 4 bytes a parameter in f32.
 */
#include <string.h>

#include "blocks/agree.h"

enum { ALPHA, EXPAND, CONTRACT, C, ALPHA_MAX, COMPLETE };
static const option_t OPTIONS[] = {
    [ALPHA] = {"alpha", 1, "(0,inf)", "how far the first polls go"},
    [EXPAND] = {"expand", 2, "[1,inf)", "factor on alpha after a success"},
    [CONTRACT] = {"contract", 0.5, "(0,1)", "factor on alpha without one"},
    [C] = {"c", 1e-3, "[0,inf)", "a success lowers the value by more than c alpha^2"},
    [ALPHA_MAX] = {"alpha_max", 10, "(0,inf)", "largest alpha"},
    [COMPLETE] = {"complete", 0, "0|1", "poll everywhere and take the best, not the first success"},
    {0},
};

enum { X };
static const state_t STATE[] = {
    [X] = {"x", "where the step began", LIKE_PARAM, RESTORE_POINT},
    {0},
};

typedef struct memory {
    double f, alpha;
    int64_t place, best; /* within a step: the poll under way, j or d + j, and the best so far; -1: none */
    double lowest;       /* what a poll must be below */
} memory_t;
static const field_t FIELDS[] = {
    {"f", "value at the parameters", FIELD(OF_METHOD, memory_t, f)},
    {"current_alpha", "how far polls go", FIELD(OF_METHOD, memory_t, alpha), .initial_option = "alpha"},
    {0},
};

typedef struct poll {
    size_t place; /* among the method's elements */
    double shift; /* 0: back to x */
} poll_t;

static void begin(const tile_t *t) {
    memcpy(t->state[X], t->p, t->n * sizeof(real));
}

static void poll(const tile_t *t) {
    const poll_t *a = t->arguments;
    const size_t first = tile_first(t);
    real *p = t->p;
    memcpy(p, t->state[X], t->n * sizeof(real));
    if (a->shift != 0 && a->place >= first && a->place - first < t->n)
        p[a->place - first] += (real)a->shift;
}

enum { BEGIN, POLL };

static bool is_frozen(const step_t *s, size_t place) {
    for (size_t i = 0; i < step_tensor_count(s); ++i) {
        const tensor_t *tensor = step_tensor(s, i);
        if (tensor != NULL && place >= tensor->first_of_method && place - tensor->first_of_method < tensor->count)
            return false;
    }
    return true;
}

/* The parameters become the poll of this number; -1: x. */
static void go(step_t *s, int64_t number) {
    const memory_t *m = s->memory;
    const int64_t d = (int64_t)step_own_elements(s);
    poll_t at = {0};
    if (number >= 0)
        at = (poll_t){(size_t)(number % d), number < d ? m->alpha : -m->alpha};
    step_update(s, POLL, &at);
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const double *o = s->option;
    const int64_t d = (int64_t)step_own_elements(s);
    STEP_BEGIN(s);
    if (!groups_agree_but(s, OPTIONS, -1))
        return step_fail(s, OPTIM_ERR_VALUE, "all options must be the same in all groups");
    step_update(s, BEGIN, NULL);
    if (s->t == 1) {
        STEP_ASK(s, .kind = OPTIM_EVAL_LOSS, .sample = OPTIM_SAMPLE_SAME);
        m->f = isfinite(s->loss) ? s->loss : (double)INFINITY;
    }
    m->best = -1;
    m->lowest = m->f - o[C] * m->alpha * m->alpha;
    for (m->place = 0; m->place < 2 * d && (m->best < 0 || o[COMPLETE] != 0); ++m->place) {
        if (is_frozen(s, (size_t)(m->place % d)))
            continue;
        go(s, m->place);
        STEP_ASK(s, .kind = OPTIM_EVAL_LOSS, .sample = OPTIM_SAMPLE_SAME);
        if (isfinite(s->loss) && s->loss < m->lowest) {
            m->lowest = s->loss;
            m->best = m->place;
        }
    }
    go(s, m->best);
    m->f = m->best < 0 ? m->f : m->lowest;
    m->alpha = m->best < 0 ? o[CONTRACT] * m->alpha : fmin(o[EXPAND] * m->alpha, o[ALPHA_MAX]);
    STEP_END(s);
}

const method_t METHOD(direct_search) = {
    .name = "direct_search",
    .purpose = "direct search: polls along the coordinates, nearer and nearer, and moves where the value falls enough",
    .citation = "Kolda, Lewis, Torczon: Optimization by Direct Search: New Perspectives on Some Classical and Modern "
                "Methods, SIAM Review, 2003",
    .evaluations = "1 to 2 values a coordinate, until one is low enough; 1 more in the first step",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .flags = REQUESTS | READS_LOSS | VALUES_ONLY,
    .memory = sizeof(memory_t),
    .advance = advance,
    .kernels = {begin, poll},
    .arguments = {[POLL] = sizeof(poll_t)},
};
