/*
 * mechanic: learns the scale of the inner method's steps.
 *
 * Cutkosky, Defazio, Mehta, "Mechanic: A Learning Rate Tuner", 2023, arXiv:2306.00144, algorithm 1 with the clipping
 * that the authors added since; as optax.contrib.mechanize.
 *
 *     1. delta, S = sum s_i: blocks/tuners.h;   h = <g + weight_decay S |g| / (|p| + eps) p, -delta>
 *     2. of every learner i, with beta_i = 1 - 10^-i and m_i as it was:
 *        r_i <- beta_i r_i + min(max(h, -m_i), m_i) s_i;   m_i <- max(beta_i m_i, |h| + eps);
 *        v_i <- beta_i^2 v_i + h^2;   s_i <- (s_init / n m_i + max(0, r_i)) / (sqrt(v_i) + eps)
 *     3. the parameters at scale S
 *
 * s_i begins at s_init. Norms and products are over all tensors. One more pass, and one behind the step. State: x_0, 4
 * bytes a parameter in f32, and 4 within a step; r, m, v in double.
 */
#include <tgmath.h>

#include "blocks/tuners.h"

enum { WEIGHT_DECAY, EPS, S_INIT, NUM_BETAS };
static const option_t OPTIONS[] = {
    [WEIGHT_DECAY] = {"weight_decay", 1e-2, "[0,inf)", "pull of the scale towards 0"},
    [EPS] = {"eps", 1e-8, "(0,inf)", "added to roots, norms and scales"},
    [S_INIT] = {"s_init", 1e-6, "(0,inf)", "first scale of every learner"},
    [NUM_BETAS] = NUM_BETAS_ROW,
    {0},
};

static const state_t STATE[] = {TUNER_STATES, {0}};

typedef struct memory {
    double scale;
    double r[TUNER_LEARNERS], m[TUNER_LEARNERS], v[TUNER_LEARNERS];
    double h; /* within a step */
} memory_t;
static const field_t FIELDS[] = {
    {"scale", "S: factor on the inner method's steps; 0 before the first", FIELD(OF_METHOD, memory_t, scale)},
    {"r", "reward of every learner", FIELD(OF_METHOD, memory_t, r)},
    {"m", "largest h of every learner", FIELD(OF_METHOD, memory_t, m)},
    {"v", "sum of h^2 of every learner", FIELD(OF_METHOD, memory_t, v)},
    {0},
};

static double scale_before(const memory_t *m, const double *o) {
    return m->m[0] == 0 ? o[NUM_BETAS] * o[S_INIT] : m->scale;
}

static double learner_scale(const memory_t *m, int i, const double *o) {
    if (m->m[i] == 0)
        return o[S_INIT];
    return (o[S_INIT] / o[NUM_BETAS] * m->m[i] + fmax(0, m->r[i])) / (sqrt(m->v[i]) + o[EPS]);
}

/* Line 1. */
static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const double *o = s->option, scale = scale_before(m, o);
    if (!s->first)
        return OPTIM_OK;
    const double *sum = step_reduce(s, TUNER_PRODUCTS, NULL, 4);
    const double decay = o[WEIGHT_DECAY] * scale * sqrt(sum[2]) / (sqrt(sum[3]) + o[EPS]);
    m->h = -(sum[0] + decay * sum[1]) / (scale + o[EPS]);
    return OPTIM_OK;
}

/* Lines 2 and 3. */
static void finish(step_t *s) {
    memory_t *m = s->memory;
    const double *o = s->option, before = scale_before(m, o), h = m->h;
    double after = 0;
    for (int i = 0; i < (int)o[NUM_BETAS]; ++i) {
        const double beta = tuner_decay(i);
        m->r[i] = beta * m->r[i] + fmin(fmax(h, -m->m[i]), m->m[i]) * learner_scale(m, i, o);
        m->m[i] = fmax(beta * m->m[i], fabs(h) + o[EPS]);
        m->v[i] = beta * beta * m->v[i] + h * h;
        after += learner_scale(m, i, o);
    }
    m->scale = after;
    step_update(s, TUNER_RESCALE, &(rescale_t){after / (before + o[EPS]), after});
}

const method_t METHOD(mechanic) = {
    .name = "mechanic",
    .purpose = "learns the scale of the inner method's steps",
    .citation = "Cutkosky, Defazio, Mehta: Mechanic: A Learning Rate Tuner, 2023, arXiv:2306.00144",
    .evaluations = "none of its own",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .advance = advance,
    .finish = finish,
    TUNER_KERNELS,
};
