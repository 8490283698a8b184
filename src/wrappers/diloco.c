/*
 * diloco: ranks that train by themselves, and an outer step with momentum along their mean move now and then.
 *
 * Douillard, Feng, Rusu, Chhaparia, Donchev, Kuncoro, Ranzato, Szlam, Shen, "DiLoCo: Distributed Low-Communication
 * Training of Language Models", 2023, arXiv:2311.08105.
 *
 *     after every `period` steps of the inner method, y being where they have led from w:
 *     1. Delta = w - mean over ranks of y
 *     2. b <- outer_momentum b + Delta
 *     3. w <- w - outer_lr (Delta + outer_momentum b), with nesterov=0: w - outer_lr b;   p <- w
 *
 * w begins at p. The state of the inner method stays each rank's own. With outer_lr = 1 and outer_momentum = 0 it is
 * local SGD: p <- mean of y. The output is w, which is the same on all ranks. State: w, b and, for the exchange, y: 12
 * bytes a parameter in f32; without outer_momentum 8.
 */
#include <string.h>

#include "blocks/meeting.h"

enum { PERIOD, OUTER_LR, OUTER_MOMENTUM, NESTEROV };
static const option_t OPTIONS[] = {
    [PERIOD] = {"period", 500, "integer [1,inf)", "steps between two exchanges"},
    [OUTER_LR] = {"outer_lr", 0.7, "[0,inf)", "rate of the outer step"},
    [OUTER_MOMENTUM] = {"outer_momentum", 0.9, "[0,1)", "of the outer step"},
    [NESTEROV] = {"nesterov", 1, "0|1", "look-ahead of the momentum"},
    {0},
};

enum { W, B, Y };
static const state_t STATE[] = {
    [W] = {"w", "where all ranks began", LIKE_PARAM, KEPT, .from_param = true, .exact = true, .alike = true},
    [B] = {"b", "average of the moves", LIKE_PARAM, KEPT, .when = "outer_momentum", .alike = true},
    [Y] = {"y", "where each rank has come", LIKE_PARAM, EXCHANGED},
    {0},
};

typedef struct constants {
    real lr, momentum, now, before; /* the step is lr (now Delta + before b) */
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double momentum = group->option[OUTER_MOMENTUM];
    const bool nesterov = group->option[NESTEROV] == 1;
    *(constants_t *)constants = (constants_t){.lr = (real)group->option[OUTER_LR],
                                              .momentum = (real)momentum,
                                              .now = (real)nesterov,
                                              .before = (real)(nesterov ? momentum : 1)};
}

static void offer(const tile_t *t) {
    memcpy(t->state[Y], t->p, t->n * sizeof(real));
}

static void step(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    real *restrict p = t->p, *restrict w = t->state[W], *restrict b = t->state[B];
    const real *restrict mean = t->state[Y];
    for (size_t i = 0; i < t->n; ++i) {
        const real delta = w[i] - mean[i];
        if (b == NULL) {
            p[i] = w[i] -= k.lr * delta;
            continue;
        }
        b[i] = settled(k.momentum * b[i] + delta);
        p[i] = w[i] -= k.lr * (k.now * delta + k.before * b[i]);
    }
}

enum { OFFER, STEP };

static bool exchanges(step_t *s) {
    return meeting_begins(s, s->option[PERIOD], OFFER);
}

static void finish(step_t *s) {
    meeting_ends(s, STEP);
}

static void output(const tile_t *t) {
    memcpy(t->out, t->state[W], t->n * sizeof(real));
}

const method_t METHOD(diloco) = {
    .name = "diloco",
    .purpose = "ranks that train by themselves, and an outer step with momentum along their mean move now and then",
    .citation = "Douillard et al.: DiLoCo: Distributed Low-Communication Training of Language Models, 2023, "
                "arXiv:2311.08105",
    .evaluations = "none of its own; ranks exchange the parameters once in `period` steps",
    .options = OPTIONS,
    .states = STATE,
    .fields = MEETING_FIELDS,
    .memory = sizeof(meeting_t),
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .exchanges = exchanges,
    .finish = finish,
    .kernels = {[OFFER] = offer, [STEP] = step},
    .output = output,
};
