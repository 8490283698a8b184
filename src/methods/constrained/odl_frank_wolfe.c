/*
 * odl_frank_wolfe: an orthogonal dictionary from samples, by Frank-Wolfe steps over the spectral ball.
 *
 * Xue, Lau, Cai, "Online Orthogonal Dictionary Learning Based on Frank-Wolfe Method", 2022; averaged
 * gradients: Mokhtari, Hassani, Karbasi, "Stochastic Conditional Gradient Methods", 2020, arXiv:1804.09554.
 *
 *     maximise E |D'y|_3^3 / 3 over |D|_2 <= 1, D square; samples y are the columns of an input
 *     1. Y: `batch` samples drawn with replacement;  Z = D'Y;  G = -Y (sign(Z) Z^2)' / batch
 *     2. C <- (1 - rho) C + rho G,   rho = 1 at t = 1, then 4 / (t + 8)^rho_power
 *     3. S = argmin over the ball of <C, S> = -U V' of C = U diag V'
 *     4. D <- D + (S - D) / (t + 1)^gamma_power
 *
 * t is the tensor's own count. Sums are in double. State: C; within a step S: 8 bytes a parameter in f32.
 */
#include <string.h>

#include "blocks/logsum.h"
#include "engine/map.h"
#include "kernels/random.h"

enum { LMO, BATCH, RHO_POWER, GAMMA_POWER };
static const option_t OPTIONS[] = {
    [LMO] = {"lmo", 0, "map", "linear minimisation over the ball", .choice = "lmo_spectral"},
    [BATCH] = {"batch", 4, "integer [1,inf)", "samples of a step"},
    [RHO_POWER] = {"rho_power", 2.0 / 3, "[0,inf)", "how fast old gradients are kept longer"},
    [GAMMA_POWER] = {"gamma_power", 0.75, "[0,inf)", "how fast steps shrink"},
    {0},
};

enum { SAMPLES };
static const input_t INPUTS[] = {
    [SAMPLES] = {"samples", "a column for each sample, a row for each row of D", INPUT_OF_METHOD, false},
    {0},
};

enum { C, S };
static const state_t STATE[] = {
    [C] = {"C", "averaged gradient", LIKE_PARAM, KEPT, .exact = true},
    [S] = {"S", "the vertex", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct constants {
    double rho, batch;
    real gamma;
} constants_t;

static double power(double t, double exponent) {
    return logsum_exp(exponent * elementary_log(t));
}

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, t = group->t;
    *(constants_t *)constants = (constants_t){
        .rho = t == 1 ? 1 : 4 / power(t + 8, o[RHO_POWER]),
        .batch = o[BATCH],
        .gamma = (real)(1 / power(t + 1, o[GAMMA_POWER])),
    };
}

typedef struct draw {
    const input_view_t *samples;
    uint64_t seed, first; /* word of the first sample */
} draw_t;

static void average(const tile_t *t) { /* lines 1 and 2 */
    const constants_t *k = t->constants;
    const draw_t *draw = t->arguments;
    const size_t d = (size_t)t->tensor->dims[0], n = (size_t)draw->samples->dims[1];
    const real *dictionary = t->p;
    real *c = t->state[C], *s = t->state[S];
    double *g = t->work, *y = g + d * d, *z = y + d;
    memset(g, 0, d * d * sizeof *g);
    for (uint64_t b = 0; (double)b < k->batch; ++b) {
        const size_t column = (size_t)((double)n * random_uniform(draw->seed, draw->first + b));
        memset(z, 0, d * sizeof *z);
        for (size_t i = 0; i < d; ++i) {
            double room;
            y[i] = *input_doubles(draw->samples, i * n + column, 1, &room);
            for (size_t j = 0; j < d; ++j)
                z[j] += (double)dictionary[i * d + j] * y[i];
        }
        for (size_t i = 0; i < d; ++i)
            for (size_t j = 0; j < d; ++j)
                g[i * d + j] -= y[i] * z[j] * fabs(z[j]);
    }
    for (size_t i = 0; i < d * d; ++i) {
        c[i] = (real)((1 - k->rho) * (double)c[i] + k->rho * g[i] / k->batch);
        s[i] = c[i];
    }
}

static void move(const tile_t *t) { /* line 4 */
    const real gamma = ((const constants_t *)t->constants)->gamma, *restrict s = t->state[S];
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] += gamma * (s[i] - p[i]);
}

enum { AVERAGE, MOVE };

static size_t workspace(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor_reals(tensor, (tensor->count + 2 * tensor_axis(tensor, 0)) * sizeof(double));
}

static optim_status advance(step_t *s) {
    const input_view_t *samples = step_input(s, SAMPLES);
    if (!step_map_has_role(s, LMO, MAP_ORACLE))
        return step_fail(s, OPTIM_ERR_VALUE, "lmo must be a linear minimisation: one of the maps lmo_...");
    for (int i = 0; i < s->groups; ++i)
        if (step_group(s, i).option[BATCH] != s->option[BATCH])
            return step_fail(s, OPTIM_ERR_VALUE, "batch must be the same in all groups");
    step_tensors(s, AVERAGE, &(draw_t){samples, s->seed, step_draws(s, (uint64_t)s->option[BATCH])});
    step_map_state(s, LMO, S, 0);
    step_update(s, MOVE, NULL);
    return OPTIM_OK;
}

static const char *refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor->ndim != 2 || tensor->dims[0] != tensor->dims[1] ? "it takes square matrices" : NULL;
}

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *samples = step_input(s, SAMPLES);
    if (samples->ndim != 2 || samples->dims[1] < 1)
        return "the input \"samples\" must have a column for each sample";
    for (size_t i = 0; i < step_tensor_count(s); ++i)
        if (step_tensor(s, i) != NULL && step_tensor(s, i)->dims[0] != samples->dims[0])
            return "the input \"samples\" must have a row for each row of the dictionary";
    return input_is_finite(samples) ? NULL : "the input \"samples\" must hold finite numbers";
}

const method_t METHOD(odl_frank_wolfe) = {
    .name = "odl_frank_wolfe",
    .purpose = "an orthogonal dictionary from samples, by Frank-Wolfe steps over the spectral ball",
    .citation = "Xue, Lau, Cai: Online Orthogonal Dictionary Learning Based on Frank-Wolfe Method, IEEE TNNLS 2022; "
                "Mokhtari, Hassani, Karbasi: Stochastic Conditional Gradient Methods, JMLR 2020",
    .evaluations = "none",
    .options = OPTIONS,
    .inputs = INPUTS,
    .states = STATE,
    .flags = WHOLE_TENSORS | VALUES_ONLY | MAY_FAIL,
    .constants = sizeof(constants_t),
    .refuses = refuses,
    .refuses_inputs = refuses_inputs,
    .workspace = workspace,
    .prepare = prepare,
    .advance = advance,
    .kernels = {average, move},
    .arguments = {[AVERAGE] = sizeof(draw_t)},
};
