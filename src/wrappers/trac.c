/*
 * trac: pulls the inner method's way back to where it began, by a scale that is learned.
 *
 * Muppidi, Zhang, Yang, "Fast TRAC: A Parameter-Free Optimizer for Lifelong Reinforcement Learning", 2024,
 * arXiv:2405.16642, algorithms 1 and 2.
 *
 *     1. delta, S: blocks/tuners.h;   h = <g, delta>
 *     2. of every learner i, with beta_i = 1 - 10^-i:   v_i <- beta_i^2 v_i + h^2;   sigma_i <- beta_i sigma_i - h
 *     3. S <- sum over i of  s_init / erfi(1 / sqrt(2)) erfi(sigma_i / (sqrt(2 v_i) + eps))
 *     4. the parameters at scale max(S, 0)
 *
 * erfi is the imaginary error function, 2 / sqrt(pi) times the integral of e^(t^2) from 0. sigma begins at 1e-8 as in
 * the authors' code, so that the first steps are not none. Products are over all tensors. One more pass, and one behind
 * the step. State: x_0, 4 bytes a parameter in f32, and 4 within a step; v, sigma in double.
 */
#include <tgmath.h>

#include "blocks/tuners.h"

enum { EPS, S_INIT, NUM_BETAS };
static const option_t OPTIONS[] = {
    [EPS] = {"eps", 1e-8, "(0,inf)", "added to the root and to the scale"},
    [S_INIT] = {"s_init", 1e-8, "(0,inf)", "factor on all scales"},
    [NUM_BETAS] = NUM_BETAS_ROW,
    {0},
};

static const state_t STATE[] = {TUNER_STATES, {0}};

typedef struct memory {
    double scale, v[TUNER_LEARNERS], sigma[TUNER_LEARNERS];
    double h; /* within a step */
} memory_t;
static const field_t FIELDS[] = {
    {"scale", "S: factor on the inner method's way", FIELD(OF_METHOD, memory_t, scale)},
    {"v", "sum of h^2 of every learner", FIELD(OF_METHOD, memory_t, v)},
    {"sigma", "less the sum of h, of every learner", FIELD(OF_METHOD, memory_t, sigma), .initial = 1e-8},
    {0},
};

/* sqrt(pi) / 2 erfi: the series, whose terms have one sign. Beyond 26 it leaves double. */
static double imaginary_error(double x) {
    const double limit = 26, bounded = fmin(fmax(x, -limit), limit), square = bounded * bounded;
    double power = bounded, sum = bounded;
    for (int k = 1; k < 4096 && fabs(power) > DBL_EPSILON / 16 * fabs(sum); ++k) {
        power *= square / k;
        sum += power / (2 * k + 1);
    }
    return sum;
}

/* Line 1. */
static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    if (s->first)
        m->h = step_reduce(s, TUNER_PRODUCTS, NULL, 4)[0] / (m->scale + s->option[EPS]);
    return OPTIM_OK;
}

/* Lines 2 to 4. */
static void finish(step_t *s) {
    memory_t *m = s->memory;
    const double *o = s->option, before = m->scale, unit = o[S_INIT] / imaginary_error(sqrt(0.5));
    m->scale = 0;
    for (int i = 0; i < (int)o[NUM_BETAS]; ++i) {
        const double beta = tuner_decay(i);
        m->v[i] = beta * beta * m->v[i] + m->h * m->h;
        m->sigma[i] = beta * m->sigma[i] - m->h;
        m->scale += unit * imaginary_error(m->sigma[i] / (sqrt(2 * m->v[i]) + o[EPS]));
    }
    const double after = fmax(m->scale, 0);
    step_update(s, TUNER_RESCALE, &(rescale_t){after / (before + o[EPS]), after});
}

const method_t METHOD(trac) = {
    .name = "trac",
    .purpose = "scales the inner method's way from where it began by a factor that is learned",
    .citation =
        "Muppidi, Zhang, Yang: Fast TRAC: A Parameter-Free Optimizer for Lifelong Reinforcement Learning, 2024, "
        "arXiv:2405.16642",
    .evaluations = "none of its own",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .advance = advance,
    .finish = finish,
    TUNER_KERNELS,
};
