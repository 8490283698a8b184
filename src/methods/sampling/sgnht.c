/*
 * sgnht: stochastic gradient Nose-Hoover thermostat: friction that adapts to the noise of the gradients.
 *
 * Ding, Fang, Babbush, Chen, Skeel, Neven, "Bayesian Sampling Using Stochastic Gradient Thermostats", NeurIPS 2014.
 *
 *     v = sqrt(h) z and xi = a at first;  z standard normal
 *     1. v <- v - xi v - h g + sqrt(2 a h) z
 *     2. x <- x + v
 *     3. xi <- xi + |v|^2 / d - h,   d the number of coordinates
 *
 * xi, one number for all tensors, rises until the mean of v^2 is h, whatever noise the gradients bring: noise of
 * variance B makes it a + h B / 2. State: v, 4 bytes a parameter in f32, and xi.
 */
#include "blocks/noise.h"

enum { LR, A };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.01, "[0,inf)", "step size h"},
    [A] = {"a", 0.1, "[0,inf)", "noise that is added, as friction"},
    {0},
};

enum { V };
static const state_t STATE[] = {
    [V] = {"v", "velocity", LIKE_PARAM, FIRST_MOMENT},
    {0},
};

typedef struct memory {
    double xi;
} memory_t;
static const field_t FIELDS[] = {
    {"xi", "the thermostat: friction", FIELD(OF_METHOD, memory_t, xi), .initial_option = "a"},
    {0},
};

typedef struct constants {
    real step, keep, noise, fresh;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, xi = ((const memory_t *)group->memory)->xi;
    *(constants_t *)constants = (constants_t){
        .step = (real)o[LR],
        .keep = (real)(1 - xi),
        .noise = (real)sqrt(2 * o[A] * o[LR]),
        .fresh = (real)sqrt(o[LR]),
    };
}

static void start(const tile_t *t) {
    const real fresh = ((const constants_t *)t->constants)->fresh;
    const noise_t z = *(const noise_t *)t->arguments;
    real *restrict v = t->state[V];
    for (size_t i = 0; i < t->n; ++i)
        v[i] = fresh * noise_at(&z, t, i);
}

static void turn(const tile_t *t) { /* line 1; terms of |v|^2 and of d */
    const constants_t k = *(const constants_t *)t->constants;
    const noise_t z = *(const noise_t *)t->arguments;
    real *restrict v = t->state[V];
    const real *restrict g = t->g;
    double *restrict square = t->term[0], *restrict one = t->term[1];
    for (size_t i = 0; i < t->n; ++i) {
        v[i] = settled(k.keep * v[i] - k.step * g[i] + k.noise * noise_at(&z, t, i));
        square[i] = (double)v[i] * (double)v[i];
        one[i] = 1;
    }
}

static void move(const tile_t *t) { /* line 2 */
    real *restrict p = t->p;
    const real *restrict v = t->state[V];
    for (size_t i = 0; i < t->n; ++i)
        p[i] += v[i];
}

enum { FIRST_VELOCITY, TURN, MOVE };

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    noise_t z;
    if (s->t == 1) {
        z = noise_draw(s);
        step_update(s, FIRST_VELOCITY, &z);
    }
    z = noise_draw(s);
    const double *sum = step_reduce(s, TURN, &z, 2);
    if (sum[1] > 0)
        m->xi += sum[0] / sum[1] - s->option[LR];
    step_update(s, MOVE, NULL);
    return OPTIM_OK;
}

const method_t METHOD(sgnht) = {
    .name = "sgnht",
    .purpose = "stochastic gradient thermostat: Hamiltonian dynamics whose friction adapts to the noise of gradients",
    .citation = "Ding, Fang, Babbush, Chen, Skeel, Neven: Bayesian Sampling Using Stochastic Gradient Thermostats, "
                "NeurIPS 2014",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {start, turn, move},
    .arguments = {[FIRST_VELOCITY] = sizeof(noise_t), [TURN] = sizeof(noise_t)},
};
