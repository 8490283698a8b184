/*
 * dice_sgd: differentially private SGD that feeds back what clipping takes away, so that clipping leaves no bias.
 *
 * Zhang, Bu, Wu, Hong, "Differentially Private SGD Without Clipping Bias: An Error-Feedback Approach", ICLR 2024,
 * arXiv:2311.14632, algorithm 2. clip(x, C) = x min(1, C / |x|):
 *
 *     1. v = (1/n) sum_i clip(g_i, C1) + clip(e, C2)
 *     2. e <- e + (1/n) sum_i g_i - v
 *     3. x <- x - lr (v + w),   w normal of deviation noise sqrt(C1^2 + 2 C1 C2) / n
 *
 * C1 is clip_norm, C2 clip_norm2. The noise is not fed back; e depends on single samples and is not to be released. The
 * authors' code clips e otherwise, and forgets most of it where it is long. State: e, 4 bytes a parameter in f32, and 8
 * within a step.
 */
#include "blocks/samples.h"

enum { CLIP_NORM = OWN_OPTIONS, CLIP_NORM2 };
static const option_t OPTIONS[] = {
    SAMPLES_ROWS,
    [CLIP_NORM] = {"clip_norm", 1, "(0,inf)", "C1: no sample's gradient is longer"},
    [CLIP_NORM2] = {"clip_norm2", 1, "(0,inf)", "C2: no more of the error is fed back; C1 or more"},
    {0},
};

enum { E, SUM, LOST };
static const state_t STATE[] = {
    [E] = {"e", "what clipping has taken away", LIKE_PARAM, KEPT, .exact = true},
    [SUM] = {"sum", "of the clipped gradients", LIKE_PARAM, WITHIN_STEP},
    [LOST] = {"lost", "sum of what they were cut by", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct constants {
    double c1, c2;
    real lr, samples, noise;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, c1 = o[CLIP_NORM], c2 = o[CLIP_NORM2];
    *(constants_t *)constants = (constants_t){
        .c1 = c1,
        .c2 = c2,
        .lr = (real)o[LR],
        .samples = (real)o[SAMPLES],
        .noise = (real)(o[NOISE] * sqrt(c1 * c1 + 2 * c1 * c2) / o[SAMPLES]),
    };
}

/* |g_i|^2 and |e|^2. */
static void measure(const tile_t *t) {
    squares(t);
    t->sum[1] += sum_squares(t->n, t->state[E]);
}

static void add(const tile_t *t) {
    const double norm = ((const sample_t *)t->arguments)->norm;
    const double factor = samples_clip(norm, ((const constants_t *)t->constants)->c1);
    samples_add(t, factor, t->state[SUM]);
    samples_add(t, 1 - factor, t->state[LOST]);
}

static void move(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const move_t *a = t->arguments;
    const real fed_back = (real)samples_clip(a->norm, k.c2);
    const real *restrict sum = t->state[SUM], *restrict lost = t->state[LOST];
    real *restrict p = t->p, *restrict e = t->state[E];
    for (size_t i = 0; i < t->n; ++i) {
        const real back = fed_back * e[i];
        e[i] += lost[i] / k.samples - back;
        p[i] -= k.lr * (sum[i] / k.samples + back);
    }
    for (size_t i = 0; k.noise > 0 && i < t->n; ++i)
        p[i] -= k.lr * k.noise * noise_at(&a->z, t, i);
}

static optim_status advance(step_t *s) {
    return samples_advance(s, 2);
}

const method_t METHOD(dice_sgd) = {
    .name = "dice_sgd",
    .purpose = "differentially private SGD that feeds back what clipping takes away",
    .citation = "Zhang, Bu, Wu, Hong: Differentially Private SGD Without Clipping Bias: An Error-Feedback Approach, "
                "ICLR 2024, arXiv:2311.14632",
    .evaluations = "1 gradient; samples=n: n, one of each sample, all at the same parameters",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | ASKS_FOR_ALL | COMPONENT_GRADIENTS,
    .asks_for_all = samples_ask_for_all,
    .constants = sizeof(constants_t),
    .memory = sizeof(samples_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[MEASURE] = measure, [ADD] = add, [MOVE] = move},
    .arguments = {[ADD] = sizeof(sample_t), [MOVE] = sizeof(move_t)},
};
