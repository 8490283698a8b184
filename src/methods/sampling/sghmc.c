/*
 * sghmc: stochastic gradient Hamiltonian Monte Carlo: momentum with friction and the noise that balances it.
 *
 * Chen, Fox, Guestrin, "Stochastic Gradient Hamiltonian Monte Carlo", ICML 2014, arXiv:1402.4102, eq. 15.
 *
 *     t = 0, 1, ...;  z standard normal
 *     0. every resample steps, at t = 0 too:  v = sqrt(h T) z
 *     1. x <- x + v
 *     2. v <- (1 - alpha) v - h g(x) + sqrt(2 (alpha - beta) h T) z
 *
 * The gradient is that at the new x. So the parameters are x + v between steps, where it is wanted next, and the output
 * is x; a step that begins with another v asks for one more gradient. v is in units of sqrt(h). State: v, 4 bytes a
 * parameter in f32; with resample within a step the parameters besides.
 */
#include "blocks/noise.h"

enum { LR, ALPHA, BETA, TEMPERATURE, RESAMPLE };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.01, "[0,inf)", "step size h"},
    [ALPHA] = {"alpha", 0.1, "[0,1]", "friction"},
    [BETA] = {"beta", 0, "[0,1]", "noise that the gradient has by itself, as friction; at most alpha"},
    [TEMPERATURE] = {"temperature", 1, "[0,inf)", "T of the density exp(-U / T)"},
    [RESAMPLE] = {"resample", 0, "integer [0,inf)", "steps from one fresh v to the next; 0: none", .zero_apart = true},
    {0},
};

enum { V, START };
static const state_t STATE[] = {
    [V] = {"v", "velocity", LIKE_PARAM, FIRST_MOMENT, .undone = true},
    [START] = {"start", "the parameters as the step found them", LIKE_PARAM, RESTORE_POINT, .when = "resample"},
    {0},
};

typedef struct constants {
    real step, keep, noise, fresh;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, heat = o[LR] * o[TEMPERATURE];
    *(constants_t *)constants = (constants_t){
        .step = (real)o[LR],
        .keep = (real)(1 - o[ALPHA]),
        .noise = (real)sqrt(2 * fmax(o[ALPHA] - o[BETA], 0) * heat),
        .fresh = (real)sqrt(heat),
    };
}

static void resample(const tile_t *t) { /* lines 0 and 1 */
    const real fresh = ((const constants_t *)t->constants)->fresh;
    const noise_t z = *(const noise_t *)t->arguments;
    real *restrict p = t->p, *restrict v = t->state[V], *restrict start = t->state[START];
    for (size_t i = 0; i < t->n; ++i) {
        const real old = v[i];
        start[i] = p[i];
        v[i] = fresh * noise_at(&z, t, i);
        p[i] += v[i] - old;
    }
}

static void move(const tile_t *t) { /* line 2, and line 1 of the next step */
    const constants_t k = *(const constants_t *)t->constants;
    const noise_t z = *(const noise_t *)t->arguments;
    real *restrict p = t->p, *restrict v = t->state[V];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        v[i] = settled(k.keep * v[i] - k.step * g[i] + k.noise * noise_at(&z, t, i));
        p[i] += v[i];
    }
}

static void output(const tile_t *t) {
    real *restrict out = t->out;
    const real *restrict p = t->p, *restrict v = t->state[V];
    for (size_t i = 0; i < t->n; ++i)
        out[i] = p[i] - v[i];
}

enum { NEW_VELOCITY, MOVE };

static optim_status advance(step_t *s) {
    noise_t z;
    STEP_BEGIN(s);
    if (s->option[RESAMPLE] > 0 && fmod(s->t - 1, s->option[RESAMPLE]) == 0) {
        z = noise_draw(s);
        step_update(s, NEW_VELOCITY, &z);
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
    }
    z = noise_draw(s);
    step_update(s, MOVE, &z);
    STEP_END(s);
}

static const char *check(const double *option) {
    return option[BETA] > option[ALPHA] ? "beta is a part of the friction: no more than alpha" : NULL;
}

const method_t METHOD(sghmc) = {
    .name = "sghmc",
    .purpose = "stochastic gradient Hamiltonian Monte Carlo: momentum with friction and the noise that balances it",
    .citation = "Chen, Fox, Guestrin: Stochastic Gradient Hamiltonian Monte Carlo, ICML 2014, arXiv:1402.4102",
    .evaluations = "1 gradient; every resample steps 1 more",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | CUTS_EXACTLY,
    .constants = sizeof(constants_t),
    .check = check,
    .prepare = prepare,
    .advance = advance,
    .kernels = {resample, move},
    .arguments = {sizeof(noise_t), sizeof(noise_t)},
    .output = output,
};
