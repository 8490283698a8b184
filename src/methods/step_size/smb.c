/*
 * smb: stochastic gradient descent with model building.
 *
 * Birbil, Martin, Onay, Oztoprak, "Bolstering Stochastic Gradient Descent with Model Building", 2024, arXiv:2111.07058.
 *
 *     1. s = -lr g;   f_t and g_t at the trial point x + s, on the same sample
 *     2. failed = f_t > f - c lr |g|^2 and g != 0      (lr |g|^2 summed over the groups)
 *     3. independent = 0: failed: a model step with gamma = g;   else the trial is kept
 *        independent = 1, nothing pending: failed: back to x, g is pending;   else the trial is kept
 *                         something pending: a model step with gamma = what is pending, whatever the trial says
 *     4. the model step, tensor by tensor:  y = g_t - g,  S = |s|,  Y = |y|,  G = |g| / eta
 *        h = S (Y + G),  theta = S^2 G (G + 2 Y),  c_g = -S^2 / (h - <y, s>)
 *        c_s = c_g / theta (Y^2 <s, gamma> - h <y, gamma>),   c_y = c_g / theta (S^2 <y, gamma> - h <s, gamma>)
 *        x <- x + c_s s + c_g gamma + c_y y           (x alone where h <= <y, s> or theta <= 0)
 *     5. autoschedule: every n_batches steps, by the share of model steps among them:
 *        share > gamma (gamma / 2 if independent): lr <- beta lr;   else, while lr / beta <= lr_max, lr <- lr / beta
 *
 * h and theta are the paper's <y, s> + 2 sigma and h^2 - S^2 Y^2 without their cancellation.
 * State: pending g (independent); within a step x, g: 8 (12) bytes a parameter in f32.
 */
#include <string.h>

#include "blocks/finite.h"
#include "blocks/reduce.h"

enum { LR, ETA, C, INDEPENDENT, AUTOSCHEDULE, N_BATCHES, GAMMA, BETA, LR_MAX };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 1, "[0,inf)", "length of the trial step in gradients"},
    [ETA] = {"eta", 0.99, "(0,1)", "bound on the model's step"},
    [C] = {"c", 0.1, "[0,1)", "share of the expected decrease that a trial must reach"},
    [INDEPENDENT] = {"independent", 0, "0|1", "build the model from the last step's gradient"},
    [AUTOSCHEDULE] = {"autoschedule", 0, "0|1", "change lr by the share of model steps"},
    [N_BATCHES] = {"n_batches", 500, "integer [1,inf)", "autoschedule: steps between changes"},
    [GAMMA] = {"gamma", 0.05, "[0,1]", "autoschedule: share above which lr shrinks"},
    [BETA] = {"beta", 0.9, "(0,1)", "autoschedule: factor on lr"},
    [LR_MAX] = {"lr_max", 20, "(0,inf)", "autoschedule: lr does not grow beyond"},
    {0},
};

enum { X, G, PENDING };
static const state_t STATE[] = {
    [X] = {"x", "the point that the trial leaves", LIKE_PARAM, RESTORE_POINT},
    [G] = {"g", "the gradient there", LIKE_PARAM, WITHIN_STEP},
    [PENDING] = {"pending", "gradient of a failed trial", LIKE_PARAM, KEPT, .when = "independent"},
    {0},
};

typedef struct memory {
    int64_t waits, steps, models;
    double lr;
    double f, square, hoped; /* before the trial: the loss, |g|^2, the sum of lr |g|^2 over the groups */
} memory_t;
static const field_t FIELDS[] = {
    {"waits", "whether one is pending", FIELD(OF_METHOD, memory_t, waits)},
    {"lr", "autoschedule: the present lr", FIELD(OF_METHOD, memory_t, lr), .initial_option = "lr"},
    {"steps", "autoschedule: since the last change", FIELD(OF_METHOD, memory_t, steps)},
    {"models", "model steps among them", FIELD(OF_METHOD, memory_t, models)},
    {0},
};

typedef struct constants {
    real lr;
    double eta;
    bool pending; /* gamma is what is pending */
} constants_t;

static double rate(const double *option, const memory_t *m) {
    return option[AUTOSCHEDULE] != 0 ? m->lr : option[LR];
}

static void prepare(const group_t *group, void *constants) {
    const memory_t *m = group->memory;
    *(constants_t *)constants = (constants_t){(real)rate(group->option, m), group->option[ETA], m->waits != 0};
}

static void try(const tile_t *t) { /* line 1 */
    const real lr = ((const constants_t *)t->constants)->lr;
    real *restrict x = t->p, *restrict kept = t->state[X], *restrict kept_g = t->state[G];
    const real *restrict g = t->g;
    for (size_t i = 0; i < t->n; ++i) {
        kept[i] = x[i];
        kept_g[i] = g[i];
        x[i] -= lr * g[i];
    }
}

static void give_up(const tile_t *t) { /* line 3 */
    memcpy(t->p, t->state[X], t->n * sizeof(real));
    memcpy(t->state[PENDING], t->state[G], t->n * sizeof(real));
}

static const real *gamma_of(const tile_t *t) {
    return t->state[((const constants_t *)t->constants)->pending ? PENDING : G];
}

enum { SS, YY, GG, YS, YV, SV, MODEL_SUMS }; /* V: gamma */

static void products(const tile_t *t) {
    const real lr = ((const constants_t *)t->constants)->lr;
    const real *g_t = t->g, *g = t->state[G], *gamma = gamma_of(t);
    for (size_t i = 0; i < t->n; ++i) {
        const double s = (double)(-lr * g[i]), y = (double)(g_t[i] - g[i]), v = (double)gamma[i];
        t->term[SS][i] = s * s;
        t->term[YY][i] = y * y;
        t->term[GG][i] = (double)g[i] * (double)g[i];
        t->term[YS][i] = y * s;
        t->term[YV][i] = y * v;
        t->term[SV][i] = s * v;
    }
}

typedef struct model {
    double s, gamma, y; /* weights of the step */
} model_t;

static model_t model_of(const double *sum, double eta) { /* line 4 */
    const double s = sqrt(sum[SS]), y = sqrt(sum[YY]), g = sqrt(sum[GG]) / eta;
    const double h = s * (y + g), theta = s * s * g * (g + 2 * y), divisor = h - sum[YS];
    if (!(divisor > 0) || !(theta > 0))
        return (model_t){0, 0, 0};
    const double c = -sum[SS] / divisor;
    return (model_t){.s = c / theta * (sum[YY] * sum[SV] - h * sum[YV]),
                     .gamma = c,
                     .y = c / theta * (sum[SS] * sum[YV] - h * sum[SV])};
}

static void build(const tile_t *t) {
    const constants_t k = *(const constants_t *)t->constants;
    const model_t model = model_of(t->tensor_sum, k.eta);
    const real c_s = (real)model.s, c_g = (real)model.gamma, c_y = (real)model.y;
    const real *x = t->state[X], *g_t = t->g, *g = t->state[G], *gamma = gamma_of(t);
    real *p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] = x[i] - c_s * k.lr * g[i] + c_g * gamma[i] + c_y * (g_t[i] - g[i]);
}

enum { SQUARES, TRY, GIVE_UP, PRODUCTS, BUILD };

static void count(const step_t *s, bool built) { /* line 5 */
    const double *o = s->option;
    memory_t *m = s->memory;
    m->models += built;
    if ((double)++m->steps < o[N_BATCHES])
        return;
    if ((double)m->models / (double)m->steps > (o[INDEPENDENT] != 0 ? o[GAMMA] / 2 : o[GAMMA]))
        m->lr *= o[BETA];
    else if (m->lr / o[BETA] <= o[LR_MAX])
        m->lr /= o[BETA];
    m->steps = m->models = 0;
}

/* Line 1: to the trial point. */
static optim_status leave(step_t *s) {
    memory_t *m = s->memory;
    m->f = s->loss;
    m->square = step_sums(s, SQUARES, NULL, 1)[0];
    if (!all_finite(s->loss, &m->square, 1))
        return step_reject(s);
    m->hoped = 0;
    for (int i = 0; i < s->groups; ++i) {
        const group_t group = step_group(s, i);
        m->hoped += rate(group.option, m) * group.sum[0];
    }
    step_update(s, TRY, NULL);
    return OPTIM_OK;
}

/* Lines 2 to 5. */
static optim_status judge(step_t *s) {
    const double *o = s->option;
    memory_t *m = s->memory;
    const bool failed = s->loss > m->f - o[C] * m->hoped && m->square > 0;
    const bool builds = o[INDEPENDENT] != 0 ? m->waits != 0 : failed;
    if (!isfinite(s->loss) || (builds && !all_finite(0, step_reduce(s, PRODUCTS, NULL, MODEL_SUMS), MODEL_SUMS)))
        return step_reject(s);
    if (builds)
        step_update(s, BUILD, NULL);
    else if (failed)
        step_update(s, GIVE_UP, NULL);
    m->waits = o[INDEPENDENT] != 0 && failed && !builds;
    count(s, builds);
    return OPTIM_OK;
}

static optim_status advance(step_t *s) {
    optim_status status;
    STEP_BEGIN(s);
    if ((status = leave(s)) != OPTIM_OK)
        return status;
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_SAME);
    return judge(s);
    STEP_END(s);
}

const method_t METHOD(smb) = {
    .name = "smb",
    .purpose = "stochastic gradient descent that corrects failed steps by a quadratic model",
    .citation = "Birbil, Martin, Onay, Oztoprak: Bolstering Stochastic Gradient Descent with Model Building, 2024, "
                "arXiv:2111.07058",
    .evaluations = "2 gradients with their losses",
    .options = OPTIONS,
    .states = STATE,
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .flags = READS_LOSS | REQUESTS,
    .constants = sizeof(constants_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {[SQUARES] = squares, [TRY] = try, [GIVE_UP] = give_up, [PRODUCTS] = products, [BUILD] = build},
};
