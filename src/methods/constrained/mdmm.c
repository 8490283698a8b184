/*
 * mdmm: modified differential multiplier method, for min f(x) with c_j(x) = 0 or c_j(x) <= 0.
 *
 * Platt, Barr, "Constrained Differential Optimization", 1987.
 *
 *     e_j = -c_j(x), for an inequality -c_j(x) - s_j^2;    w_j = -scale (lam_j + damping e_j)
 *     1. x <- x - lr (grad f + sum_j w_j grad c_j)
 *     2. s_j <- s_j - 2 lr w_j s_j
 *     3. lam_j <- lam_j + lr_dual scale e_j
 *
 * all from the old values: descent in x and in the slacks s, ascent in the multipliers. lr_dual = 0 stands for lr. The
 * slack of an inequality starts at sqrt(max(0, -c_j)), lam at 0 or where the input of that name says. A step asks for
 * the constraints, then for the gradient of f + sum_j w_j c_j. State: a number or two for each constraint.
 */
#include "engine/method.h"

enum { LR, LR_DUAL, DAMPING, SCALE };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.01, "[0,inf)", "step size of the parameters"},
    [LR_DUAL] = {"lr_dual", -1, "[-1,inf)", "step size of the multipliers; -1: lr"},
    [DAMPING] = {"damping", 1, "[0,inf)", "weight of the constraints themselves; 0: the iterates circle"},
    [SCALE] = {"scale", 1, "[0,inf)", "weight of the constraints in all"},
    {0},
};

enum { LAM_INPUT };
static const input_t INPUTS[] = {
    [LAM_INPUT] = {"lam", "where the multipliers start, one for each constraint; without it at 0", INPUT_OF_METHOD,
                   true},
    {0},
};

typedef struct memory {
    double *lam, *slack;
} memory_t;
static const field_t FIELDS[] = {
    {"lam", "multiplier of each constraint", FIELD(OF_METHOD, memory_t, lam), .each = EACH_CONSTRAINT},
    {"slack", "of each inequality", FIELD(OF_METHOD, memory_t, slack), .each = EACH_INEQUALITY},
    {0},
};

static size_t constraints(const step_t *s) {
    return (size_t)(s->equalities + s->inequalities);
}

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *lam = step_input(s, LAM_INPUT);
    return lam != NULL && lam->count != constraints(s) ? "the input \"lam\" must have a number for each constraint"
                                                       : NULL;
}

/* With the constraints at the first point. */
static void start(step_t *s) {
    const memory_t *m = s->memory;
    const input_view_t *lam = step_input(s, LAM_INPUT);
    for (size_t j = 0; lam != NULL && j < constraints(s); ++j) {
        double room;
        m->lam[j] = *input_doubles(lam, j, 1, &room);
    }
    for (int64_t j = 0; j < s->inequalities; ++j)
        m->slack[j] = sqrt(fmax(0, -s->constraint[s->equalities + j]));
}

static double missing(const step_t *s, size_t j) {
    const memory_t *m = s->memory;
    const size_t equalities = (size_t)s->equalities;
    return -s->constraint[j] - (j < equalities ? 0 : m->slack[j - equalities] * m->slack[j - equalities]);
}

static void weigh(step_t *s) {
    const memory_t *m = s->memory;
    for (size_t j = 0; j < constraints(s); ++j)
        s->weights[j] = -s->option[SCALE] * (m->lam[j] + s->option[DAMPING] * missing(s, j));
}

/* Lines 2 and 3. */
static void move_multipliers(step_t *s) {
    const memory_t *m = s->memory;
    const double *o = s->option, lr_dual = o[LR_DUAL] >= 0 ? o[LR_DUAL] : o[LR];
    const size_t equalities = (size_t)s->equalities;
    for (size_t j = 0; j < constraints(s); ++j) {
        m->lam[j] += lr_dual * o[SCALE] * missing(s, j);
        if (j >= equalities)
            m->slack[j - equalities] -= 2 * o[LR] * s->weights[j] * m->slack[j - equalities];
    }
}

typedef struct constants {
    real lr;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){(real)group->option[LR]};
}

/* Line 1. */
static void move(const tile_t *t) {
    const real lr = ((const constants_t *)t->constants)->lr;
    const real *restrict g = t->g;
    real *restrict p = t->p;
    for (size_t i = 0; i < t->n; ++i)
        p[i] -= lr * g[i];
}

static optim_status advance(step_t *s) {
    STEP_BEGIN(s);
    STEP_ASK(s, .kind = OPTIM_EVAL_CONSTRAINTS);
    if (s->t == 1)
        start(s);
    weigh(s);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .sample = OPTIM_SAMPLE_FRESH);
    step_update(s, 0, NULL);
    move_multipliers(s);
    STEP_END(s);
}

const method_t METHOD(mdmm) = {
    .name = "mdmm",
    .purpose = "constraints by multipliers that ascend while the parameters descend, with damping",
    .citation = "Platt, Barr: Constrained Differential Optimization, NIPS 1987",
    .evaluations = "the constraints, then 1 gradient with them",
    .options = OPTIONS,
    .inputs = INPUTS,
    .flags = REQUESTS | BY_ELEMENT | NEEDS_CONSTRAINTS | ASKS_FOR_ALL,
    .constants = sizeof(constants_t),
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .refuses_inputs = refuses_inputs,
    .prepare = prepare,
    .advance = advance,
    .kernels = {move},
};
