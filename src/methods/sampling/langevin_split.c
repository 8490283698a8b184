/*
 * langevin_split: underdamped Langevin dynamics, dx = v dt, dv = -g dt - gamma v dt + sqrt(2 gamma T) dW, by a
 * splitting.
 *
 * Leimkuhler, Matthews, "Rational Construction of Stochastic Numerical Methods for Molecular Sampling", 2013,
 * arXiv:1203.5428; with stochastic gradients: Franzese, Milios, Filippone, Michiardi, "Revisiting the Effects of
 * Stochasticity for Hamiltonian Samplers", ICML 2022, arXiv:2106.16200.
 *
 *     A step is the letters of scheme, from left to right; each lasts h = lr over how often it occurs.
 *     A: x <- x + h v
 *     B: v <- v - h g(x)
 *     O: v <- e^(-gamma h) v + sqrt(T (1 - e^(-2 gamma h))) z,   z standard normal
 *
 * A gradient holds until the next A. Schemes without A before the first B and behind the last one, as BAOAB and OBABO,
 * end where the next step wants its first gradient: it is kept, with the batch it is of, and they make one less a step
 * after the first. Schemes with A before the first B ask for all gradients. State: v, 4 bytes a parameter in f32; BAOAB
 * and OBABO g, and within a step the parameters: 12.
 */
#include <string.h>

#include "blocks/noise.h"

enum { LR, GAMMA, TEMPERATURE, SCHEME };
enum { BAOAB = (((2 * 4 + 1) * 4 + 3) * 4 + 1) * 4 + 2 }; /* as a number: base/option.h */
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size h"},
    [GAMMA] = {"gamma", 1, "[0,inf)", "friction"},
    [TEMPERATURE] = {"temperature", 1, "[0,inf)", "T of the density exp(-U / T)"},
    [SCHEME] = {"scheme", BAOAB, "word of ABO", "order of drift (A), kick (B) and friction with noise (O)",
                .decides_memory = true},
    {0},
};

enum { A, B, O, END = -1 };
static int letter(const double *option, int i) {
    return option_letter(&OPTIONS[SCHEME], option[SCHEME], i);
}

/* Where the letter stands first or last; -1: nowhere. */
static int first(const double *option, int which) {
    int i = 0;
    while (letter(option, i) != which && letter(option, i) != END)
        ++i;
    return letter(option, i) == END ? -1 : i;
}
static int last(const double *option, int which) {
    int found = -1;
    for (int i = 0; letter(option, i) != END; ++i)
        found = letter(option, i) == which ? i : found;
    return found;
}

/* Whether the first gradient that a step wants is one where it begins. */
static bool begins_with_gradient(const double *option) {
    const int a = first(option, A), b = first(option, B);
    return b >= 0 && (a < 0 || b < a);
}
static bool asks_for_all(const double *option) {
    return !begins_with_gradient(option);
}

/* Whether steps of this scheme end at the gradient that the next one begins with. */
static bool keeps_gradient(const double *option) {
    return begins_with_gradient(option) && last(option, A) < last(option, B);
}
static bool has_gradient(const tensor_t *tensor, const double *option) {
    (void)tensor;
    return keeps_gradient(option);
}

/* Whether the parameters move before the last gradient is there. */
static bool has_start(const tensor_t *tensor, const double *option) {
    (void)tensor;
    return first(option, A) >= 0 && first(option, A) < last(option, B);
}

enum { V, G, START };
static const state_t STATE[] = {
    [V] = {"v", "velocity", LIKE_PARAM, FIRST_MOMENT, .undone = true},
    [G] = {"g", "the gradient at the parameters", LIKE_PARAM, KEPT, .exists = has_gradient, .undone = true},
    [START] = {"start", "the parameters as the step found them", LIKE_PARAM, RESTORE_POINT, .exists = has_start},
    {0},
};

typedef struct memory { /* within a step */
    int64_t letter;
    bool holds;        /* the gradient that arrived is that at the parameters */
    double loss, norm; /* of that */
} memory_t;

typedef struct constants {
    real drift, kick; /* lengths of A and B */
    real keep, noise; /* factors of O */
} constants_t;

/* How long the letter lasts. */
static double length(const double *option, int which) {
    int count = 0;
    for (int i = 0; letter(option, i) != END; ++i)
        count += letter(option, i) == which;
    return count > 0 ? option[LR] / count : 0;
}

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, friction = o[GAMMA] * length(o, O);
    *(constants_t *)constants = (constants_t){
        .drift = (real)length(o, A),
        .kick = (real)length(o, B),
        .keep = (real)exp(-friction),
        .noise = (real)sqrt(-o[TEMPERATURE] * expm1(-2 * friction)),
    };
}

static void drift(const tile_t *t) {
    const real h = ((const constants_t *)t->constants)->drift;
    real *restrict p = t->p;
    const real *restrict v = t->state[V];
    for (size_t i = 0; i < t->n; ++i)
        p[i] += h * v[i];
}

static void kick(const tile_t *t) {
    const real h = ((const constants_t *)t->constants)->kick;
    real *restrict v = t->state[V];
    const real *restrict g = t->state[G] != NULL ? t->state[G] : t->g;
    for (size_t i = 0; i < t->n; ++i)
        v[i] = settled(v[i] - h * g[i]);
}

static void refresh(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const noise_t z = *(const noise_t *)t->arguments;
    real *restrict v = t->state[V];
    for (size_t i = 0; i < t->n; ++i)
        v[i] = settled(k.keep * v[i] + k.noise * noise_at(&z, t, i));
}

static void keep_gradient(const tile_t *t) { /* and terms of its squared norm */
    const real *restrict g = t->g;
    memcpy(t->state[G], t->g, t->n * sizeof(real));
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = (double)g[i] * (double)g[i];
}

static void keep_start(const tile_t *t) {
    memcpy(t->state[START], t->p, t->n * sizeof(real));
}

enum { DRIFT, KICK, REFRESH, KEEP_GRADIENT, KEEP_START };

/* The gradient that arrived, for this step and the next. */
static void keep(step_t *s) {
    memory_t *m = s->memory;
    m->loss = s->loss;
    m->norm = sqrt(step_reduce(s, KEEP_GRADIENT, NULL, 1)[0]);
}

/* One that is not finite is not held: another one may be. */
static void hold(step_t *s) {
    const memory_t *m = s->memory;
    s->held_loss = m->loss;
    s->held_norm = m->norm;
    s->held_row = G;
    s->holds_gradient = isfinite(m->norm);
}

/* A or O. */
static void pass(step_t *s, int which) {
    if (which == A) {
        ((memory_t *)s->memory)->holds = false;
        step_update(s, DRIFT, NULL);
    } else {
        const noise_t z = noise_draw(s);
        step_update(s, REFRESH, &z);
    }
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const bool keeps = keeps_gradient(s->option);
    STEP_BEGIN(s);
    if (keeps && !s->holds_gradient)
        keep(s);
    if (has_start(NULL, s->option))
        step_update(s, KEEP_START, NULL);
    m->holds = begins_with_gradient(s->option);
    for (m->letter = 0; letter(s->option, (int)m->letter) != END; ++m->letter) {
        if (letter(s->option, (int)m->letter) != B) {
            pass(s, letter(s->option, (int)m->letter));
            continue;
        }
        if (!m->holds) {
            STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH);
            if (keeps)
                keep(s);
        }
        m->holds = true;
        step_update(s, KICK, NULL);
    }
    if (keeps)
        hold(s);
    STEP_END(s);
}

const method_t METHOD(langevin_split) = {
    .name = "langevin_split",
    .purpose = "underdamped Langevin dynamics by splitting into drift, kick, and friction with noise",
    .citation = "Leimkuhler, Matthews: Rational Construction of Stochastic Numerical Methods for Molecular Sampling, "
                "2013, arXiv:1203.5428; Franzese, Milios, Filippone, Michiardi: Revisiting the Effects of "
                "Stochasticity for Hamiltonian Samplers, ICML 2022, arXiv:2106.16200",
    .evaluations = "1 gradient for every B with an A since the last one; BAOAB and OBABO in the first step 1 more",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | ASKS_FOR_ALL,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .asks_for_all = asks_for_all,
    .prepare = prepare,
    .advance = advance,
    .kernels = {drift, kick, refresh, keep_gradient, keep_start},
    .arguments = {[REFRESH] = sizeof(noise_t)},
};
