/*
 * dog: distance over gradients.
 *
 * Ivgi, Hinder, Carmon, "DoG is SGD's Best Friend: A Parameter-Free Dynamic Step Size Schedule", 2023, arXiv:2302.12022.
 *
 *     1. g <- g + weight_decay x
 *     2. t = 1: x_0 = x, rbar = reps_rel (1 + |x_0|), G = eps + |g|^2
 *        t > 1: rbar <- max(rbar, |x - x_0|), G <- G + |g|^2
 *     3. eta = lr rbar / sqrt(G);   t = 1 and init_eta > 0: eta = init_eta, rbar = 0
 *     4. x <- x - eta g
 *
 * One pair rbar, G for all groups. The published results are those of the average that the wrapper poly_avg keeps.
 * Two passes. State: x_0, 4 bytes a parameter in f32; rbar and G in double.
 */
#include <tgmath.h>

#include "engine/method.h"

enum { LR, REPS_REL, EPS, WEIGHT_DECAY, INIT_ETA };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1, "[0,inf)", "factor on the step size: leave at 1"},
    [REPS_REL] = {"reps_rel", 1e-6, "(0,inf)", "first movement relative to 1 + |x_0|"},
    [EPS] = {"eps", 1e-8, "[0,inf)", "added once to the sum of squared norms"},
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, added to the gradient"},
    [INIT_ETA] = {"init_eta", 0, "[0,inf)", "step size of step 1; 0: from reps_rel"},
    {0},
};

enum { X0, RBAR, G };
static const state_t STATE[] = {
    [X0] = {"x0", "the starting point", LIKE_PARAM, KEPT, .from_param = true},
    [RBAR] = {"rbar", "largest distance from x_0", PER_METHOD, KEPT},
    [G] = {"G", "eps and the sum of squared gradient norms", PER_METHOD, KEPT},
    {0},
};

typedef struct scalars {
    double eta, weight_decay;
    bool first;
} scalars_t;

static void prepare(const group_t *group, void *scalars) {
    const double *o = group->option, rbar = *group->scalar[RBAR], sum = *group->scalar[G];
    const bool given = group->t == 1 && o[INIT_ETA] > 0;
    *(scalars_t *)scalars = (scalars_t){
        .eta = given     ? o[INIT_ETA]
               : sum > 0 ? o[LR] * rbar / sqrt(sum)
                         : 0,
        .weight_decay = o[WEIGHT_DECAY],
        .first = group->t == 1,
    };
}

/* Squares for |g| and, at t = 1, |x_0|, later |x - x_0|. */
static void distances(const tile_t *t) {
    const scalars_t *k = t->scalars;
    const real decay = (real)k->weight_decay;
    const real *restrict x = t->p, *restrict g = t->g, *restrict x0 = t->state[X0];
    double *restrict gradient = t->term[0], *restrict distance = t->term[1];
    for (size_t i = 0; i < t->n; ++i) {
        const double gi = (double)(g[i] + decay * x[i]), from_x0 = (double)(k->first ? x[i] : x[i] - x0[i]);
        gradient[i] = gi * gi;
        distance[i] = from_x0 * from_x0;
    }
}

static void update(const tile_t *t) {
    const scalars_t *k = t->scalars;
    const real eta = (real)k->eta, decay = (real)k->weight_decay;
    real *restrict x = t->p;
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i)
        x[i] -= eta * (g[i] + decay * x[i]);
}

enum { DISTANCES, UPDATE };

static optim_status advance(step_t *s) {
    const double *sum = step_reduce(s, DISTANCES, 2), *o = s->option;
    double *rbar = s->scalar[RBAR], *total = s->scalar[G];
    if (s->t == 1) {
        *rbar = o[INIT_ETA] > 0 ? 0 : o[REPS_REL] * (1 + sqrt(sum[1]));
        *total = o[EPS] + sum[0];
    } else {
        *rbar = fmax(*rbar, sqrt(sum[1]));
        *total += sum[0];
    }
    step_update(s, UPDATE);
    return OPTIM_OK;
}

const method_t METHOD(dog) = {
    .name = "dog",
    .purpose = "learning-rate-free SGD: distance travelled over the root of summed squared gradient norms",
    .citation = "Ivgi, Hinder, Carmon: DoG is SGD's Best Friend: A Parameter-Free Dynamic Step Size Schedule, 2023, "
                "arXiv:2302.12022",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .scalars = sizeof(scalars_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[DISTANCES] = distances, [UPDATE] = update},
};
