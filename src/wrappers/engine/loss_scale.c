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

typedef struct memory {
    double scale;
    int64_t good_steps;
} memory_t;
static const field_t FIELDS[] = {
    {"current_loss_scale", "what the next loss is to be multiplied by", FIELD(OF_METHOD, memory_t, scale),
     .initial_option = "loss_scale"},
    {"good_steps", "since the scale has changed", FIELD(OF_METHOD, memory_t, good_steps)},
    {0},
};

typedef struct unscale {
    double inverse;
} unscale_t;

static void unscale(const tile_t *t) {
    const real inverse = (real)((const unscale_t *)t->arguments)->inverse;
    real *g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        g[i] *= inverse;
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    if (s->option[LOSS_SCALE] == 0)
        return OPTIM_OK;
    if (m->scale == 0) /* switched on later */
        m->scale = s->option[LOSS_SCALE];
    s->check_finite = true;
    if (s->accumulation != ACCUMULATION_MEAN)
        step_filter(s, 0, &(unscale_t){1 / m->scale});
    return OPTIM_OK;
}

/* Neither the scale nor its inverse shall leave what every precision holds. */
static void rescale(step_t *s, double factor) {
    memory_t *m = s->memory;
    m->scale = fmin(fmax(m->scale * factor, 0x1p-100), 0x1p100);
    m->good_steps = 0;
}

static bool rejected(step_t *s) {
    if (s->option[LOSS_SCALE] == 0)
        return false;
    rescale(s, s->option[BACKOFF]);
    return true;
}

static void finish(step_t *s) {
    memory_t *m = s->memory;
    ++m->good_steps;
    if (s->option[LOSS_SCALE] != 0 && (double)m->good_steps >= s->option[INTERVAL])
        rescale(s, s->option[GROWTH]);
}

const method_t METHOD(loss_scale) = {
    .name = "loss_scale",
    .purpose = "dynamic scale of the loss",
    .options = OPTIONS,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .flags = INCLUDES_FROZEN,
    .advance = advance,
    .rejected = rejected,
    .finish = finish,
    .kernels = {unscale},
    .arguments = {sizeof(unscale_t)},
};
