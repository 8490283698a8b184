/*
 * The engine's last station but one: direction and scale of every gradient that arrives.
 *
 *     g <- -g if maximize,  g <- grad_scale g
 */
#include "engine/method.h"

enum { MAXIMIZE, GRAD_SCALE };
static const option_t OPTIONS[] = {
    [MAXIMIZE] = {"maximize", 0, "0|1", "ascend: the gradient (and the loss) count negated"},
    [GRAD_SCALE] = {"grad_scale", 1, "(0,inf)", "factor on the gradient, e.g. 1 / loss scale"},
    {0},
};

typedef struct constants {
    real factor;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    ((constants_t *)constants)->factor = (real)(o[MAXIMIZE] != 0 ? -o[GRAD_SCALE] : o[GRAD_SCALE]);
}

static void scale(const tile_t *t) {
    const real factor = ((const constants_t *)t->constants)->factor;
    real *g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        g[i] *= factor;
}

static optim_status advance(step_t *s) {
    bool scales = false;
    for (int i = 0; i < s->groups; ++i) {
        const group_t group = step_group(s, i);
        scales |= group.option[MAXIMIZE] != 0 || group.option[GRAD_SCALE] != 1;
    }
    if (scales && s->accumulation != ACCUMULATION_MEAN)
        step_filter(s, 0, NULL);
    return OPTIM_OK;
}

const method_t METHOD(scale) = {
    .name = "scale",
    .purpose = "direction and scale of the gradient",
    .options = OPTIONS,
    .flags = BY_GROUP,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {scale},
};
