/*
 * mngp: normalised gradient perturbation: gradients of single samples over max(1, their length), with noise.
 *
 * Kang, Liu, Li, Wang, "Sharper Utility Bounds for Differentially Private Models", 2022, arXiv:2204.10536
 * (m-NGP).
 *
 *     x <- x - lr ((1/n) sum_i g_i / max(1, |g_i|) + noise z / n),   z standard normal
 *
 * dp_sgd with clip_norm=1; the paper bounds the excess risk of losses that are Hoelder smooth, without a Lipschitz
 * constant. State: none between steps; within a step the sum, 4 bytes a parameter in f32.
 */
#include "blocks/samples.h"

static const option_t OPTIONS[] = {SAMPLES_ROWS, {0}};

enum { SUM };
static const state_t STATE[] = {
    [SUM] = {"sum", "of the normalised gradients", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct constants {
    real lr, samples, noise;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){(real)o[LR], (real)o[SAMPLES], (real)o[NOISE]};
}

static void add(const tile_t *t) {
    samples_add(t, samples_clip(((const sample_t *)t->arguments)->norm, 1), t->state[SUM]);
}

static void move(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const noise_t *z = &((const move_t *)t->arguments)->z;
    real *restrict p = t->p, *restrict sum = t->state[SUM];
    for (size_t i = 0; k.noise > 0 && i < t->n; ++i)
        sum[i] += k.noise * noise_at(z, t, i);
    for (size_t i = 0; i < t->n; ++i)
        p[i] -= k.lr * (sum[i] / k.samples);
}

static optim_status advance(step_t *s) {
    return samples_advance(s, 1);
}

const method_t METHOD(mngp) = {
    .name = "mngp",
    .purpose = "gradients of single samples over max(1, their length), with noise: differentially private",
    .citation = "Kang, Liu, Li, Wang: Sharper Utility Bounds for Differentially Private Models, 2022, "
                "arXiv:2204.10536",
    .evaluations = "1 gradient; samples=n: n, one of each sample, all at the same parameters",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | ASKS_FOR_ALL | COMPONENT_GRADIENTS,
    .asks_for_all = samples_ask_for_all,
    .constants = sizeof(constants_t),
    .memory = sizeof(samples_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[MEASURE] = squares, [ADD] = add, [MOVE] = move},
    .arguments = {[ADD] = sizeof(sample_t), [MOVE] = sizeof(move_t)},
};
