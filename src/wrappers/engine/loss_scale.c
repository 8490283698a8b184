/*
 * The engine's outermost station: gradients of a loss that the caller has multiplied by a scale, so that 16-bit
 * gradients do not fall below their range (Micikevicius et al., "Mixed Precision Training", 2018, arXiv:1710.03740).
 * The scale adapts: too large a one shows as a gradient that is not finite.
 *
 *     g <- g / scale
 *     some gradient of the step not finite: nothing changes but scale <- backoff scale
 *     after every `interval` steps without one:   scale <- growth scale
 */
#include <math.h>

#include "engine/method.h"

enum { LOSS_SCALE, GROWTH, BACKOFF, INTERVAL };
static const option_t OPTIONS[] = {
    [LOSS_SCALE] = {"loss_scale", 0, "[0,inf)",
                    "initial factor on the loss, e.g. 65536; 0: gradients are those of the loss", .zero_apart = true},
    [GROWTH] = {"loss_scale_growth", 2, "[1,inf)", "factor on the scale after so many good steps"},
    [BACKOFF] = {"loss_scale_backoff", 0.5, "(0,1]", "factor on the scale after a gradient that is not finite"},
    [INTERVAL] = {"loss_scale_interval", 2000, "integer [1,inf)", "good steps in a row before the scale grows"},
    {0},
};

enum { SCALE, GOOD };
static const state_t STATE[] = {
    [SCALE] = {"current_loss_scale", "what the next loss is to be multiplied by", PER_METHOD, KEPT,
               .initial_option = "loss_scale"},
    [GOOD] = {"good_steps", "since the scale has changed", PER_METHOD, KEPT},
    {0},
};

typedef struct constants {
    double inverse;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    ((constants_t *)constants)->inverse = 1 / *group->scalar[SCALE];
}

static void unscale(const tile_t *t) {
    const real inverse = (real)((const constants_t *)t->constants)->inverse;
    real *g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        g[i] *= inverse;
}

static optim_status advance(step_t *s) {
    if (s->option[LOSS_SCALE] == 0)
        return OPTIM_OK;
    if (*s->scalar[SCALE] == 0) /* switched on later */
        *s->scalar[SCALE] = s->option[LOSS_SCALE];
    s->check_finite = true;
    if (s->accumulation != ACCUMULATION_MEAN)
        step_filter(s, 0, NULL);
    return OPTIM_OK;
}

/* Neither the scale nor its inverse shall leave what every precision holds. */
static void rescale(step_t *s, double factor) {
    *s->scalar[SCALE] = fmin(fmax(*s->scalar[SCALE] * factor, 0x1p-100), 0x1p100);
    *s->scalar[GOOD] = 0;
}

static bool rejected(step_t *s) {
    if (s->option[LOSS_SCALE] == 0)
        return false;
    rescale(s, s->option[BACKOFF]);
    return true;
}

static void finish(step_t *s) {
    *s->scalar[GOOD] += 1;
    if (s->option[LOSS_SCALE] != 0 && *s->scalar[GOOD] >= s->option[INTERVAL])
        rescale(s, s->option[GROWTH]);
}

const method_t METHOD(loss_scale) = {
    .name = "loss_scale",
    .purpose = "dynamic scale of the loss",
    .options = OPTIONS,
    .states = STATE,
    .flags = INCLUDES_FROZEN,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .rejected = rejected,
    .finish = finish,
    .kernels = {unscale},
};
