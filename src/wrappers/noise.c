/*
 * noise: normal noise on the gradients, which falls with the steps.
 *
 * Neelakantan, Vilnis, Le, Sutskever, Kaiser, Kurach, Martens, "Adding Gradient Noise Improves Learning for Very Deep
 * Networks", 2015, arXiv:1511.06807.
 *
 *     g <- g + sqrt(eta / t^gamma) n,   n standard normal, one for every coordinate and gradient
 *
 * The paper counts t from 0 and adds 1. The numbers are those of the handle's stream. No state.
 */
#include <tgmath.h>

#include "engine/method.h"
#include "kernels/random.h"

enum { ETA, GAMMA };
static const option_t OPTIONS[] = {
    [ETA] = {"eta", 0.01, "[0,inf)", "variance in the first step"},
    [GAMMA] = {"gamma", 0.55, "[0,inf)", "power by which the variance falls"},
    {0},
};

typedef struct draw {
    uint64_t seed, first; /* word for element 0 of all tensors */
} draw_t;

typedef struct constants {
    real deviation;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    ((constants_t *)constants)->deviation = (real)sqrt(o[ETA] / pow(group->t, o[GAMMA]));
}

static void add(const tile_t *t) {
    const real deviation = ((const constants_t *)t->constants)->deviation;
    const draw_t *draw = t->arguments;
    const uint64_t first = draw->first + 2 * (t->tensor->first_of_all + t->offset);
    real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        g[i] += deviation * (real)random_normal(draw->seed, first + 2 * i);
}

static optim_status advance(step_t *s) {
    step_filter(s, 0, &(draw_t){s->seed, step_draws(s, 2 * (uint64_t)step_element_count(s))});
    return OPTIM_OK;
}

const method_t METHOD(noise) = {
    .name = "noise",
    .purpose = "normal noise on the gradients, which falls with the steps",
    .citation = "Neelakantan et al.: Adding Gradient Noise Improves Learning for Very Deep Networks, 2015, "
                "arXiv:1511.06807",
    .evaluations = "none of its own",
    .options = OPTIONS,
    .flags = CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {add},
    .arguments = {sizeof(draw_t)},
};
