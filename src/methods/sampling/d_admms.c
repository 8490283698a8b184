/*
 * d_admms: distributed sampling by the alternating direction method of multipliers: agents on a graph, each with its
 * share f_i of the negative log density, agree up to noise.
 *
 * "Distributed Markov Chain Monte Carlo Sampling based on the Alternating Direction Method of Multipliers", 2024,
 * arXiv:2401.15838; from the authors' scripts, with the sum over neighbours where those sum over 0 .. deg - 1.
 *
 *     w_i = sigma z, z standard normal;   sigma^2 = 1 / (rho deg) (target) or 1 / (2 rho^2) (paper)
 *     1. x_i <- argmin f_i(x) + p_i'x + rho sum_{j in N(i)} |x - (x_i + x_j) / 2 + w_i|^2      with the old x
 *     2. p_i <- p_i + rho sum_{j in N(i)} (x_i - x_j)                                          with the new x
 *
 * Row i of every tensor belongs to agent i. inner = 0: f_i = sum h_i (x - t_i)^2 / 2, of the inputs `precision` h and
 * `center` t, so that line 1 is exact: (h t - p + rho sum_j (x_i + x_j - 2 w_i)) / (h + 2 rho deg). inner > 0: that
 * many gradient steps from x_i; the gradient's row i is that of f_i at row i. State: p, 4 bytes a parameter in f32;
 * within a step the old x and, with inner, the middle, 8.
 */
#include <string.h>

#include "blocks/noise.h"
#include "blocks/particles.h"

enum { RHO, GRAPH, NOISE, SIGMA, INNER, LR_INNER };
enum { RING, COMPLETE };
enum { TARGET, PAPER };
static const option_t OPTIONS[] = {
    [RHO] = {"rho", 1, "(0,inf)", "how strongly neighbours are held together"},
    [GRAPH] = {"graph", RING, "ring|complete", "who is whose neighbour"},
    [NOISE] = {"noise", TARGET, "target|paper", "scaled so that the mean follows the density, or as in the scripts"},
    [SIGMA] = {"sigma", -1, "[-1,inf)", "standard deviation of the noise; below 0: as noise says", .zero_apart = true},
    [INNER] = {"inner", 0, "integer [0,inf)", "gradient steps of an agent in a round; 0: exact, from the inputs",
               .zero_apart = true},
    [LR_INNER] = {"lr_inner", 0.1, "[0,inf)", "their step size"},
    {0},
};

enum { PRECISION, CENTER };
static const input_t INPUTS[] = {
    [PRECISION] = {"precision", "inner=0: h, a positive number for each element, parameter by parameter",
                   INPUT_OF_METHOD, true},
    [CENTER] = {"center", "inner=0: t, shaped likewise", INPUT_OF_METHOD, true},
    {0},
};

enum { P, START, PULL };
static const state_t STATE[] = {
    [P] = {"p", "multipliers of the agents", LIKE_PARAM, KEPT, .exact = true},
    [START] = {"start", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [PULL] = {"pull", "2 rho deg times the point that an agent is drawn to, less p", LIKE_PARAM, WITHIN_STEP},
    {0},
};

typedef struct memory { /* within a step: gradient step */
    int64_t k;
} memory_t;

typedef struct constants {
    double rho, sigma, lr_inner;
    size_t agents, degree;
    bool ring;
} constants_t;

typedef struct exact {
    const input_view_t *precision, *center; /* NULL: by gradients */
    noise_t z;
} exact_t;

static size_t degree_of(bool ring, size_t agents) {
    return ring && agents > 2 ? 2 : agents - 1;
}

static double sigma_of(const double *o, double degree) {
    if (o[SIGMA] >= 0 || degree == 0)
        return o[SIGMA] >= 0 ? o[SIGMA] : 0;
    return (int)o[NOISE] == TARGET ? 1 / sqrt(o[RHO] * degree) : sqrt(2) / (2 * o[RHO]);
}

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    const bool ring = (int)o[GRAPH] == RING;
    const size_t agents = (size_t)group->step->components, degree = degree_of(ring, agents);
    *(constants_t *)constants = (constants_t){o[RHO], sigma_of(o, (double)degree), o[LR_INNER], agents, degree, ring};
}

/* Sum over the neighbours of agent i, of column c of x. */
static double neighbours(const constants_t *k, const real *x, size_t row, size_t i, size_t c) {
    const size_t n = k->agents;
    double sum = 0;
    if (k->degree == 0)
        return 0;
    if (k->ring && n > 2)
        return (double)x[(i + n - 1) % n * row + c] + (double)x[(i + 1) % n * row + c];
    for (size_t j = 0; j < n; ++j)
        sum += j == i ? 0 : (double)x[j * row + c];
    return sum;
}

static void begin(const tile_t *t) { /* whole tensors */
    const constants_t *k = t->constants;
    const exact_t *e = t->arguments;
    const size_t row = particle_row(t->tensor);
    const double degree = (double)k->degree;
    const real *restrict p = t->state[P], *restrict x = t->p;
    real *restrict pull = t->state[PULL];
    memcpy(t->state[START], t->p, t->n * sizeof(real));
    for (size_t i = 0; i < t->n; ++i) {
        const double w = k->sigma > 0 ? k->sigma * noise_double_at(&e->z, t, i) : 0;
        const double sum = degree * (double)x[i] + neighbours(k, x, row, i / row, i % row) - 2 * degree * w;
        pull[i] = (real)(k->rho * sum - (double)p[i]);
    }
}

static void solve(const tile_t *t) { /* line 1 */
    const constants_t *k = t->constants;
    const exact_t *e = t->arguments;
    const real *restrict pull = t->state[PULL];
    real *restrict x = t->p;
    for (size_t i = 0; i < t->n; ++i) {
        double room;
        const double h = *input_doubles(e->precision, tile_first(t) + i, 1, &room);
        const double center = *input_doubles(e->center, tile_first(t) + i, 1, &room);
        x[i] = (real)((h * center + (double)pull[i]) / (h + 2 * k->rho * (double)k->degree));
    }
}

static void descend(const tile_t *t) { /* line 1, by the gradient of f */
    const constants_t *k = t->constants;
    const real lr = (real)k->lr_inner, weight = (real)(k->lr_inner * 2 * k->rho * (double)k->degree);
    const real *restrict g = t->g, *restrict pull = t->state[PULL];
    real *restrict x = t->p;
    for (size_t i = 0; i < t->n; ++i)
        x[i] -= lr * g[i] + (weight * x[i] - lr * pull[i]);
}

static void finish(const tile_t *t) { /* whole tensors: line 2 */
    const constants_t *k = t->constants;
    const size_t row = particle_row(t->tensor);
    const real *restrict x = t->p;
    real *restrict p = t->state[P];
    for (size_t i = 0; i < t->n; ++i) {
        const double apart = (double)k->degree * (double)x[i] - neighbours(k, x, row, i / row, i % row);
        p[i] = (real)((double)p[i] + k->rho * apart);
    }
}

enum { BEGIN, SOLVE, DESCEND, FINISH };

/* Whether any agent is pushed: without noise nothing is drawn. */
static bool has_noise(step_t *s) {
    const double degree = (double)degree_of((int)s->option[GRAPH] == RING, (size_t)s->components);
    return sigma_of(s->option, degree) > 0;
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    exact_t exact = {step_input(s, PRECISION), step_input(s, CENTER), {0, 0}};
    STEP_BEGIN(s);
    if (has_noise(s))
        exact.z = noise_draw(s);
    step_tensors(s, BEGIN, &exact);
    if (s->option[INNER] == 0)
        step_update(s, SOLVE, &exact);
    for (m->k = 0; (double)m->k < s->option[INNER]; ++m->k) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH);
        step_update(s, DESCEND, NULL);
    }
    step_tensors(s, FINISH, NULL);
    STEP_END(s);
}

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *precision = step_input(s, PRECISION), *center = step_input(s, CENTER);
    const size_t count = step_own_elements(s);
    if (s->option[INNER] > 0)
        return NULL;
    if (precision == NULL || center == NULL)
        return "inner=0 wants the inputs \"precision\" and \"center\": optim_set_input, or say inner=";
    if (precision->count != count || center->count != count)
        return "the inputs \"precision\" and \"center\" must have a number for each element of all parameters";
    for (size_t i = 0; i < count; ++i) {
        double room;
        if (!(*input_doubles(precision, i, 1, &room) > 0))
            return "the input \"precision\" must be positive";
    }
    return NULL;
}

const method_t METHOD(d_admms) = {
    .name = "d_admms",
    .purpose = "distributed sampling by multipliers: agents on a graph that agree up to noise",
    .citation =
        "Distributed Markov Chain Monte Carlo Sampling based on the Alternating Direction Method of Multipliers, "
        "2024, arXiv:2401.15838",
    .evaluations = "inner gradients, of every agent",
    .options = OPTIONS,
    .states = STATE,
    .inputs = INPUTS,
    .flags = REQUESTS | NEEDS_COMPONENTS | PARTICLES | WHOLE_TENSORS | ASKS_FOR_ALL,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .refuses_inputs = refuses_inputs,
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, solve, descend, finish},
    .arguments = {[BEGIN] = sizeof(exact_t), [SOLVE] = sizeof(exact_t)},
};
