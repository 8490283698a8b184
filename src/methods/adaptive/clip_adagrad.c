/*
 * clip_adagrad, clip_adam: AdaGrad and Adam on the clipped gradient, with step sizes that do not know the gradient they
 * multiply. clip_adagrad at its defaults is the paper's Clip-RAdaGradD (alias clip_radagradd).
 *
 * Chezhegov, Klyukin, Semenov, Beznosikov, Gasnikov, Horvath, Takac, Gorbunov, "Gradient Clipping Improves AdaGrad when
 * the Noise Is Heavy-Tailed", 2024, arXiv:2406.04443.
 *
 *     1. c = clip(g)                   (clipping.h)
 *     2. after = B + eta S;   clip_adam: after = beta2 B + (1 - beta2) eta S
 *        S: if scalar, the sum of c^2 over everything; else c^2, and an accumulator B for every coordinate
 *     3. m = beta1 m + (1 - beta1) c
 *     4. r = B if delay, else after;   p = p - a m / (sqrt(r) + eps);   p = p - lr weight_decay p;   B = after
 *
 * eps_in_root = 1: sqrt(r + eps), as adam_family.h with bias_correction. a = lr, or lr sqrt(1 - beta2^t) / (1 -
 * beta1^t) with bias_correction. B starts at initial_accumulator; for clip_adam at beta2 times that, without delay at
 * 0. The paper's delayed v_t is the B of step t: kept one step ahead, it needs no copy of the last gradient, and a
 * change of beta2 or eta acts one step later. The public delayed AdaGrad class steps along the last gradient, by which
 * nothing is delayed: not followed. Two passes (clip_type none, coord and scalar=0: one). State: m with beta1, B if not
 * scalar, 4 bytes a parameter each in f32; B in double if scalar.
 */
#include "blocks/adam_family.h"
#include "blocks/clipping.h"

enum { LR, CLIP, CLIP_TYPE, DELAY, SCALAR, ETA, INITIAL_ACCUMULATOR, BETA1, EPS, EPS_IN_ROOT };
enum { WEIGHT_DECAY = EPS_IN_ROOT + 1, BETA2, BIAS_CORRECTION };
#define COMMON_OPTIONS(scalar, accumulator, decay, epsilon)                                                            \
    [LR] = {"lr", 1e-3, "(0,inf)", "step size (gamma in the paper)", .pauses = true}, [CLIP] = {CLIP_LEVEL_OPTION},    \
    [CLIP_TYPE] = {CLIP_TYPE_OPTION},                                                                                  \
    [DELAY] = {"delay", 1, "0|1", "1: step sizes from the gradients of the steps before"},                             \
    [SCALAR] = {"scalar", scalar, "0|1", "one accumulator for everything (1) or one a coordinate (0)"},                \
    [ETA] = {"eta", 1, "(0,inf)", "weight of the squared clipped gradient"},                                           \
    [INITIAL_ACCUMULATOR] = {"initial_accumulator", accumulator, "[0,inf)", "start value of the accumulator"},         \
    [BETA1] = {"beta1", decay, "[0,1)", "decay of the momentum"}, [EPS] = EPS_ROW(epsilon),                            \
    [EPS_IN_ROOT] = EPS_IN_ROOT_ROW,                                                                                   \
    [WEIGHT_DECAY] = {"weight_decay", 0, "[0,inf)", "lambda, decoupled, after the update"}
static const option_t ADAGRAD_OPTIONS[] = {COMMON_OPTIONS(1, 1e-4, 0, 1e-10), {0}};
static const option_t ADAM_OPTIONS[] = {
    COMMON_OPTIONS(0, 1e-5, 0.9, 1e-6),
    [BETA2] = {"beta2", 0.999, "[0,1)", "decay of the second moment"},
    [BIAS_CORRECTION] = {"bias_correction", 0, "0|1", "1: Adam's correction of lr"},
    {0},
};

static const char *check_adagrad(const double *option) {
    const bool sound = option[DELAY] == 0 || option[INITIAL_ACCUMULATOR] > 0;
    return sound ? NULL : "delay=1 needs initial_accumulator > 0: the first step is divided by its root";
}

static bool by_coordinate(const tensor_t *tensor, const double *option) {
    (void)tensor;
    return option[SCALAR] == 0;
}

enum { M, B };
static const state_t STATE[] = {
    [M] = {"m", "momentum", LIKE_PARAM, FIRST_MOMENT, .when = "beta1"},
    [B] = {"B", "accumulator by coordinate", LIKE_PARAM, KEPT, .exists = by_coordinate, .nonnegative = true,
           .initial_option = "initial_accumulator"},
    {0},
};

typedef struct memory {
    double b;
} memory_t;
static const field_t FIELDS[] = {
    {"B_scalar", "accumulator of everything", FIELD(OF_METHOD, memory_t, b), .initial_option = "initial_accumulator"},
    {0},
};

typedef struct constants {
    weights_t beta1;
    real step, shrink;
    real start, keep, add; /* B <- start B,  after = keep B + add S */
    eps_t eps;
    double eps_inside; /* of the scalar's root, in double */
    bool delay;
    clip_t clip;
} constants_t;

/* With c2 = 1 - beta2^t as far as it is corrected for. */
static void prepare_with(const group_t *group, double step, double c2, constants_t *k) {
    const double *o = group->option;
    *k = (constants_t){
        .beta1 = weights(o[BETA1]),
        .step = (real)step,
        .shrink = (real)(1 - o[LR] * o[WEIGHT_DECAY]),
        .start = 1,
        .keep = 1,
        .add = (real)o[ETA],
        .eps = eps_of(o[EPS], o[EPS_IN_ROOT] != 0, c2),
        .eps_inside = o[EPS_IN_ROOT] != 0 ? o[EPS] * c2 : 0,
        .delay = o[DELAY] != 0,
        .clip = clip_of(o[CLIP_TYPE], o[CLIP]),
    };
}

static void prepare_adagrad(const group_t *group, void *constants) {
    prepare_with(group, group->option[LR], 1, constants);
}

static void prepare_adam(const group_t *group, void *constants) {
    const double *o = group->option;
    constants_t *k = constants;
    double step = o[LR], c2 = 1;
    if (o[BIAS_CORRECTION] != 0) {
        c2 = 1 - pow(o[BETA2], group->t);
        step *= sqrt(c2) / (1 - pow(o[BETA1], group->t));
    }
    prepare_with(group, step, c2, k);
    k->keep = (real)o[BETA2];
    k->add = (real)((1 - o[BETA2]) * o[ETA]);
    if (group->t == 1)
        k->start = k->delay ? (real)o[BETA2] : 0;
}

static void squares(const tile_t *t) {
    clip_squares(t, ((const constants_t *)t->constants)->clip, 0);
}

typedef struct update {
    double norm;   /* of the whole gradient */
    double square; /* r if scalar */
} update_t;

/* Which arrays there are is known to the compiler, which makes no vectors of loops with branches. */
static inline void move(const tile_t *t, const bool scalar, const bool with_momentum) {
    const constants_t k = *(const constants_t *)t->constants;
    const update_t *a = t->arguments;
    const real scalar_root = (real)sqrt(a->square + k.eps_inside) + k.eps.outside,
               factor = (real)clip_factor(k.clip, a->norm, t->tensor_sum[0]);
    real *restrict p = t->p, *restrict m = t->state[M], *restrict b = t->state[B];
    const real *restrict g = t->g;
#pragma omp simd
    for (size_t i = 0; i < t->n; ++i) {
        const real c = clipped(g[i], factor, k.clip.limit);
        real d = c, root = scalar_root;
        if (with_momentum)
            d = m[i] = ema(m[i], c, k.beta1);
        if (!scalar) {
            const real before = k.start * b[i], after = settled(k.keep * before + k.add * c * c);
            root = damped_root(k.delay ? before : after, 1, k.eps);
            b[i] = after;
        }
        p[i] = k.shrink * (p[i] - k.step * quotient(d, root));
    }
}

static void update(const tile_t *t) {
    const bool scalar = t->state[B] == NULL, with_momentum = t->state[M] != NULL;
    if (scalar && with_momentum)
        move(t, true, true);
    else if (scalar)
        move(t, true, false);
    else if (with_momentum)
        move(t, false, true);
    else
        move(t, false, false);
}

enum { SQUARES, UPDATE };

/* S over everything, from the sums by tensor. */
static double clipped_square(step_t *s, double norm) {
    double sum = 0;
    for (size_t n = 0; n < step_tensor_count(s); ++n) {
        const double *o = step_tensor_option(s, n);
        if (step_tensor(s, n) != NULL)
            sum += clip_square(clip_of(o[CLIP_TYPE], o[CLIP]), norm, step_tensor_sum(s, n));
    }
    return sum;
}

static optim_status advance(step_t *s, void prepare(const group_t *group, void *constants)) {
    bool measures = clip_needs_norms(s, CLIP_TYPE);
    for (int i = 0; i < s->groups; ++i)
        measures = measures || step_group(s, i).option[SCALAR] != 0;
    const double norm = measures ? clip_measure(s, SQUARES) : 0, square = measures ? clipped_square(s, norm) : 0;
    const group_t first = step_group(s, 0);
    memory_t *m = s->memory;
    constants_t k;
    prepare(&first, &k);
    const double before = (double)k.start * m->b, after = (double)k.keep * before + (double)k.add * square;
    m->b = after;
    step_update(s, UPDATE, &(update_t){norm, k.delay ? before : after});
    return OPTIM_OK;
}

static optim_status advance_adagrad(step_t *s) {
    return advance(s, prepare_adagrad);
}

static optim_status advance_adam(step_t *s) {
    return advance(s, prepare_adam);
}

static const char CITATION[] = "Chezhegov et al.: Gradient Clipping Improves AdaGrad when the Noise Is Heavy-Tailed, "
                               "2024, arXiv:2406.04443";

const method_t METHOD(clip_adagrad) = {
    .name = "clip_adagrad",
    .purpose = "AdaGrad on the clipped gradient with delayed step sizes, for heavy-tailed noise",
    .citation = CITATION,
    .evaluations = "1 gradient",
    .options = ADAGRAD_OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .constants = sizeof(constants_t),
    .check = check_adagrad,
    .prepare = prepare_adagrad,
    .advance = advance_adagrad,
    .kernels = {[SQUARES] = squares, [UPDATE] = update},
    .arguments = {[UPDATE] = sizeof(update_t)},
};

const method_t METHOD(clip_adam) = {
    .name = "clip_adam",
    .purpose = "Adam on the clipped gradient with a delayed second moment, for heavy-tailed noise",
    .citation = CITATION,
    .evaluations = "1 gradient",
    .options = ADAM_OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .constants = sizeof(constants_t),
    .prepare = prepare_adam,
    .advance = advance_adam,
    .kernels = {[SQUARES] = squares, [UPDATE] = update},
    .arguments = {[UPDATE] = sizeof(update_t)},
};
