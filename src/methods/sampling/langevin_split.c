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
 * BAOAB and OBABO end where the next step wants its first gradient: it is kept, with the batch it is of, and they make
 * one a step after the first. ABOBA starts with A: the parameters stand behind it between steps, where the gradient is
 * wanted, and the output before it. State: v, 4 bytes a parameter in f32; BAOAB and OBABO g, and within a step the
 * parameters: 12.
 */
#include <string.h>

#include "blocks/noise.h"

enum { LR, GAMMA, TEMPERATURE, SCHEME };
enum { BAOAB, OBABO, ABOBA, BAO };
static const char *const WORDS[] = {[BAOAB] = "BAOAB", [OBABO] = "OBABO", [ABOBA] = "ABOBA", [BAO] = "BAO"};
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size h"},
    [GAMMA] = {"gamma", 1, "[0,inf)", "friction"},
    [TEMPERATURE] = {"temperature", 1, "[0,inf)", "T of the density exp(-U / T)"},
    [SCHEME] = {"scheme", BAOAB, "BAOAB|OBABO|ABOBA|BAO", "order of drift (A), kick (B) and friction with noise (O)"},
    {0},
};

/* Whether steps of this scheme end at the gradient that the next one begins with. */
static bool keeps_gradient(const double *option) {
    return (int)option[SCHEME] == BAOAB || (int)option[SCHEME] == OBABO;
}
static bool has_gradient(const tensor_t *tensor, const double *option) {
    (void)tensor;
    return keeps_gradient(option);
}

enum { V, G, START };
static const state_t STATE[] = {
    [V] = {"v", "velocity", LIKE_PARAM, FIRST_MOMENT, .undone = true},
    [G] = {"g", "the gradient at the parameters", LIKE_PARAM, KEPT, .exists = has_gradient, .undone = true},
    [START] = {"start", "the parameters as the step found them", LIKE_PARAM, RESTORE_POINT, .exists = has_gradient},
    {0},
};

typedef struct memory { /* within a step */
    int64_t letter;
    bool moved;        /* since the gradient was taken */
    double loss, norm; /* of that */
} memory_t;

typedef struct constants {
    real drift, kick; /* lengths of A and B */
    real ahead;       /* of the A that the parameters are past between steps */
    real keep, noise; /* factors of O */
} constants_t;

/* How often the letter occurs in a word; a scheme has each at least once. */
static double times(const char *word, char letter) {
    double count = 0;
    for (; *word != '\0'; ++word)
        count += *word == letter;
    return count;
}

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    const char *word = WORDS[(int)o[SCHEME]];
    const double friction = o[GAMMA] * o[LR] / times(word, 'O');
    *(constants_t *)constants = (constants_t){
        .drift = (real)(o[LR] / times(word, 'A')),
        .kick = (real)(o[LR] / times(word, 'B')),
        .ahead = *word == 'A' ? (real)(o[LR] / times(word, 'A')) : 0,
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

static void output(const tile_t *t) {
    const real ahead = ((const constants_t *)t->constants)->ahead;
    real *restrict out = t->out;
    const real *restrict p = t->p, *restrict v = t->state[V];
    for (size_t i = 0; i < t->n; ++i)
        out[i] = p[i] - ahead * v[i];
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
    s->holds_gradient = isfinite(m->norm);
}

/* A or O. */
static void pass(step_t *s, char letter) {
    if (letter == 'A') {
        ((memory_t *)s->memory)->moved = true;
        step_update(s, DRIFT, NULL);
    } else {
        const noise_t z = noise_draw(s);
        step_update(s, REFRESH, &z);
    }
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const char *word = WORDS[(int)s->option[SCHEME]];
    const bool keeps = keeps_gradient(s->option);
    STEP_BEGIN(s);
    if (keeps && !s->holds_gradient)
        keep(s);
    if (keeps)
        step_update(s, KEEP_START, NULL);
    m->moved = false;
    for (m->letter = *word == 'A'; word[m->letter] != '\0'; ++m->letter) {
        if (word[m->letter] != 'B') {
            pass(s, word[m->letter]);
            continue;
        }
        if (m->moved && keeps) {
            STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH);
            keep(s);
        }
        m->moved = false;
        step_update(s, KICK, NULL);
    }
    if (*word == 'A')
        step_update(s, DRIFT, NULL);
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
    .evaluations = "1 gradient; BAOAB and OBABO in the first step 1 more",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {drift, kick, refresh, keep_gradient, keep_start},
    .arguments = {[REFRESH] = sizeof(noise_t)},
    .output = output,
};
