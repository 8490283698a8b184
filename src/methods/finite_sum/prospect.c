/*
 * prospect: a risk of the n losses f_i, their weighted mean with more weight on larger ones, without the bias of
 * mini-batches.
 *
 * Mehta, Roulet, Pillutla, Harchaoui, "Distributionally Robust Optimization with Bias and Variance Reduction", 2024,
 * arXiv:2310.13863.
 *
 *     min over x of   max over q of  sum_i q_i f_i(x) - n nu / 2 |q - 1 / n|^2   + l2 / 2 |x|^2
 *     q ranges over the permutations of the spectrum sigma, non-decreasing numbers of sum 1, and their mixtures:
 *     superquantile   k = floor(n param):   sigma_i = 1 / (n (1 - param)) for i > k, 0 for i < k,
 *                     sigma_k = (k + 1 - n param) / (n (1 - param))   (i = 0 .. n - 1)
 *     extremile       sigma_i = ((i + 1) / n)^param - (i / n)^param
 *     esrm            sigma_i = (exp(param (i + 1) / n) - exp(param i / n)) / (exp(param) - 1)
 *
 *     weights(l):  z = l / (n nu) in ascending order;   fit = non-decreasing least squares of z_i + 1 / n - sigma_i
 *                  (means of neighbours are merged while the left one is no less);   q = z - fit + 1 / n
 *     first:  l_i = f_i(x),  table_i = grad f_i(x),  rho = q = weights(l),  run = sum rho_i table_i
 *     1. i uniform in 0 .. n - 1;   g = grad f_i(x);   x <- x - lr (n q_i g - n rho_i table_i + run);
 *        oracle = prox:   x <- x / (1 + lr l2);      oracle = grad: gradients are those of f_i + l2 / 2 |x|^2
 *     2. l_i = f_i(x), x as it was;   run <- run + q_i g - rho_i table_i;   rho_i = q_i,   table_i = g
 *     3. q = weights(l)
 *
 * A step begins without a gradient and sorts n numbers. State: table, n vectors; run, in double; l, q, rho: 4 n + 8
 * bytes a parameter in f32.
 */
#include "blocks/double_state.h"
#include "blocks/finite.h"

enum { RISK, PARAM, NU, LR, L2, ORACLE };
enum { SUPERQUANTILE, EXTREMILE, ESRM };
enum { PROX, GRAD };
static const option_t OPTIONS[] = {
    [RISK] = {"risk", SUPERQUANTILE, "superquantile|extremile|esrm", "the spectrum"},
    [PARAM] = {"param", 0.5, "[0,inf)",
               "its level below 1, exponent from 1 on, or rate: the larger, the more the "
               "worst losses count"},
    [NU] = {"nu", 1, "(0,inf)", "cost of weights that differ from 1 / n"},
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [L2] = {"l2", 0.1, "[0,inf)", "weight of |x|^2 / 2"},
    [ORACLE] = {"oracle", PROX, "prox|grad", "how it enters: by its prox, or with the gradients"},
    {0},
};

enum { TABLE, RUN };
static const state_t STATE[] = {
    [TABLE] = {"table", "the last gradient seen of each component", LIKE_PARAM, KEPT, .each = EACH_COMPONENT,
               .exact = true},
    [RUN] = {"run", "sum of the table with weights rho, in double", SHAPED, KEPT, .type = TYPE_DOUBLE,
             .dims = dims_of_parameter},
    {0},
};

typedef struct memory {
    double *loss, *q, *rho;
    double *order, *spare, *fit; /* within a step */
    int64_t started;
    int64_t i; /* within a step: component */
} memory_t;
static const field_t FIELDS[] = {
    {"l", "the last loss seen of each component", FIELD(OF_METHOD, memory_t, loss), .each = EACH_COMPONENT},
    {"q", "its weight", FIELD(OF_METHOD, memory_t, q), .each = EACH_COMPONENT},
    {"rho", "its weight in run", FIELD(OF_METHOD, memory_t, rho), .each = EACH_COMPONENT},
    {"started", "whether all losses have been seen", FIELD(OF_METHOD, memory_t, started)},
    {"order", "of the losses", FIELD(OF_METHOD, memory_t, order), .each = EACH_COMPONENT, .within_step = true},
    {"spare", "room of that length", FIELD(OF_METHOD, memory_t, spare), .each = EACH_COMPONENT, .within_step = true},
    {"fit", "of the weights", FIELD(OF_METHOD, memory_t, fit), .each = EACH_COMPONENT, .within_step = true},
    {0},
};

static const char *check(const double *option) {
    if ((int)option[RISK] == SUPERQUANTILE)
        return option[PARAM] < 1 ? NULL : "risk=superquantile needs param below 1";
    return option[PARAM] > 0 ? NULL : "risk=extremile and esrm need param above 0";
}

/* ---- Weights ---- */

static double spectrum(const double *option, double i, double n) {
    const double param = option[PARAM], k = fmin(floor(n * param), n - 1);
    if ((int)option[RISK] == EXTREMILE)
        return pow((i + 1) / n, param) - pow(i / n, param);
    if ((int)option[RISK] == ESRM)
        return (exp(param * (i + 1) / n) - exp(param * i / n)) / (exp(param) - 1);
    return i < k ? 0 : (i > k ? 1 : k + 1 - n * param) / (n * (1 - param));
}

/* order <- 0 .. n - 1 by ascending keys, equal ones as they come: runs of doubling length are merged. */
static void sort(size_t n, const double *key, double *order, double *spare) {
    for (size_t i = 0; i < n; ++i)
        order[i] = (double)i;
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t at = 0; at < n; at += 2 * width) {
            const size_t middle = at + width < n ? at + width : n, end = middle + width < n ? middle + width : n;
            for (size_t a = at, b = middle, to = at; to < end; ++to) {
                const bool left = b == end || (a < middle && key[(size_t)order[a]] <= key[(size_t)order[b]]);
                spare[to] = order[left ? a++ : b++];
            }
        }
        memcpy(order, spare, n * sizeof *order);
    }
}

/* mean[0 .. result) and length[...]: the non-decreasing fit of the values as they come, in pieces. */
static size_t fit_add(double value, size_t pieces, double *mean, double *length) {
    mean[pieces] = value;
    length[pieces++] = 1;
    for (; pieces > 1 && mean[pieces - 2] >= mean[pieces - 1]; --pieces) {
        const double all = length[pieces - 2] + length[pieces - 1];
        mean[pieces - 2] = (mean[pieces - 2] * length[pieces - 2] + mean[pieces - 1] * length[pieces - 1]) / all;
        length[pieces - 2] = all;
    }
    return pieces;
}

static void weigh(const step_t *s) {
    const memory_t *m = s->memory;
    const size_t count = (size_t)s->components;
    const double n = (double)count, scale = n * s->option[NU];
    size_t pieces = 0, at = 0;
    sort(count, m->loss, m->order, m->spare);
    for (size_t i = 0; i < count; ++i) {
        const double z = m->loss[(size_t)m->order[i]] / scale;
        pieces = fit_add(z + 1 / n - spectrum(s->option, (double)i, n), pieces, m->fit, m->spare);
    }
    for (size_t piece = 0; piece < pieces; ++piece)
        for (size_t k = 0; (double)k < m->spare[piece]; ++k, ++at) {
            const size_t i = (size_t)m->order[at];
            m->q[i] = m->loss[i] / scale - m->fit[piece] + 1 / n;
        }
}

/* ---- Kernels ---- */

typedef struct constants {
    size_t components;
    real lr, in_gradient, shrink; /* l2, or 1 / (1 + lr l2) */
    bool first;                   /* step of the tensor: its table is not there */
} constants_t;

typedef struct component {
    size_t i;
    double q, rho;     /* its weights */
    const double *all; /* rho of all */
} component_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    const bool prox = (int)o[ORACLE] == PROX;
    *(constants_t *)constants = (constants_t){
        .components = (size_t)group->step->components,
        .lr = (real)o[LR],
        .in_gradient = prox ? 0 : (real)o[L2],
        .shrink = prox ? (real)(1 / (1 + o[LR] * o[L2])) : 1,
        .first = group->t == 1,
    };
}

static real *row(const tile_t *t, size_t i) {
    return (real *)t->state[TABLE] + i * t->stride;
}

static void fill(const tile_t *t) {
    const constants_t *k = t->constants;
    const real l2 = k->in_gradient, *restrict g = t->g, *restrict p = t->p;
    real *restrict seen = row(t, ((const component_t *)t->arguments)->i);
    for (size_t i = 0; k->first && i < t->n; ++i)
        seen[i] = g[i] + l2 * p[i];
}

/* Undoes it, should the step fail: the table is too long to be copied. */
static void empty(const tile_t *t) {
    const constants_t *k = t->constants;
    for (size_t c = 0; k->first && c < k->components; ++c)
        memset(row(t, c), 0, t->n * sizeof(real));
}

/* Of a new table: run. A reduction, since rho will have changed when what is queued runs; its sum is of no use. */
static void sum_up(const tile_t *t) {
    const constants_t *k = t->constants;
    const double *rho = ((const component_t *)t->arguments)->all;
    double *restrict run = tile_doubles(t, RUN);
    memset(t->term[0], 0, t->n * sizeof(double));
    for (size_t c = 0; k->first && c < k->components; ++c) {
        const real *restrict g = row(t, c);
        for (size_t i = 0; i < t->n; ++i)
            run[i] = (c == 0 ? 0 : run[i]) + rho[c] * (double)g[i];
    }
}

/* Lines 1 and 2. */
static void move(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const component_t *c = t->arguments;
    const real of_g = (real)((double)k.components * c->q), of_seen = (real)((double)k.components * c->rho);
    const real *restrict g = t->g;
    real *restrict p = t->p, *restrict seen = row(t, c->i);
    double *restrict run = tile_doubles(t, RUN);
    for (size_t i = 0; i < t->n; ++i) {
        const real gi = g[i] + k.in_gradient * p[i];
        p[i] = k.shrink * (p[i] - k.lr * (of_g * gi - of_seen * seen[i] + (real)run[i]));
        run[i] += c->q * (double)gi - c->rho * (double)seen[i];
        seen[i] = gi;
    }
}

enum { FILL, EMPTY, SUM_UP, MOVE };

/* ---- Steps ---- */

/* With losses and table of all components. */
static void begin(step_t *s) {
    memory_t *m = s->memory;
    if (m->started)
        return;
    weigh(s);
    memcpy(m->rho, m->q, (size_t)s->components * sizeof *m->rho);
    m->started = 1;
}

static void end(step_t *s) {
    memory_t *m = s->memory;
    const size_t i = (size_t)m->i;
    if (step_is_a_first(s))
        (void)step_reduce(s, SUM_UP, &(component_t){.all = m->rho}, 1);
    step_update(s, MOVE, &(component_t){.i = i, .q = m->q[i], .rho = m->rho[i]});
    m->rho[i] = m->q[i];
    m->loss[i] = s->loss;
    weigh(s);
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    STEP_BEGIN(s);
    for (m->i = 0; step_is_a_first(s) && m->i < s->components; ++m->i) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = m->i, .count = 1);
        if (!all_finite(s->loss, NULL, 0))
            return step_reject(s);
        step_update(s, FILL, &(component_t){.i = (size_t)m->i});
        if (!m->started)
            m->loss[m->i] = s->loss;
    }
    begin(s);
    m->i = step_index(s, s->components);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = m->i, .count = 1);
    if (!all_finite(s->loss, NULL, 0))
        return step_reject(s);
    end(s);
    STEP_END(s);
}

const method_t METHOD(prospect) = {
    .name = "prospect",
    .purpose = "minimizes a risk that weighs the larger losses more, with a table of the last gradients",
    .citation = "Mehta, Roulet, Pillutla, Harchaoui: Distributionally Robust Optimization with Bias and Variance "
                "Reduction, ICLR 2024, arXiv:2310.13863",
    .evaluations = "1 gradient of one component, with its loss; the first time one of each besides",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | BY_ELEMENT | READS_LOSS | NEEDS_COMPONENTS | COMPONENT_GRADIENTS | ASKS_FOR_ALL,
    .constants = sizeof(constants_t),
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .check = check,
    .prepare = prepare,
    .advance = advance,
    .undo_kernel = EMPTY,
    .kernels = {fill, empty, sum_up, move},
    .arguments = {[FILL] = sizeof(component_t), [SUM_UP] = sizeof(component_t), [MOVE] = sizeof(component_t)},
};
