/*
 * shuffle: one gradient of each of n components in turn, in an order that is chosen every epoch.
 *
 * Cha, Lee, Yun, "Tighter Lower Bounds for Shuffling SGD: Random Permutations and Beyond", 2023, arXiv:2303.07160;
 * grab: Lu, Guo, De Sa, "GraB: Finding Provably Better Data Permutations than Random Reshuffling", 2022,
 * arXiv:2205.10733.
 *
 *     one step is one epoch:   x <- x - lr grad f_i(x) for i along the order:
 *     ig           0, 1, ..., n - 1
 *     so           one permutation, drawn in the first epoch
 *     rr           a new permutation every epoch
 *     flipflop     a new permutation in odd epochs, in even ones the last reversed
 *     grab         0, 1, ..., n - 1 in the first epoch, then as the epoch before balanced it:
 *                  s = 0;   for each gradient g:   c = g - mean;   sign = |s + c| <= |s - c| ? 1 : -1;
 *                  s <- s + sign c;
 *                  i goes to the front of the next order if sign = 1, else to its back, filled from both ends
 *                  mean is that of the gradients of the epoch before, 0 in the first
 *     replacement  n draws with replacement
 *
 * The mean is of the gradients themselves: of centred ones, as in the authors' package, it would alternate. s and the
 * means are in double. State: the order, and for grab mean; within a step x, where it began, for grab s and the next
 * mean: 0 (8) bytes a parameter in f32, for grab 8 (24).
 */
#include "blocks/double_state.h"

enum { LR, ORDER };
enum { IG, SO, RR, FLIPFLOP, GRAB, REPLACEMENT };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.1, "[0,inf)", "step size"},
    [ORDER] = {"order", RR, "ig|so|rr|flipflop|grab|replacement", "in which the components are taken"},
    {0},
};

static bool is_grab(const tensor_t *tensor, const double *option) {
    (void)tensor;
    return (int)option[ORDER] == GRAB;
}

enum { START, X, MEAN, NEXT_MEAN, SUM };
static const state_t STATE[] = {
    [START] = {"start", "where the step began", LIKE_PARAM, RESTORE_POINT},
    [X] = {"x", "the iterate, in the precision of states", LIKE_PARAM, WITHIN_STEP},
    [MEAN] = {"mean", "of the last epoch's gradients, in double", SHAPED, KEPT, .exists = is_grab, .type = TYPE_DOUBLE,
              .dims = dims_of_parameter},
    [NEXT_MEAN] = {"next_mean", "of this epoch's", SHAPED, WITHIN_STEP, .exists = is_grab, .type = TYPE_DOUBLE,
                   .dims = dims_of_parameter},
    [SUM] = {"sum", "of the centred gradients with their signs", SHAPED, WITHIN_STEP, .exists = is_grab,
             .type = TYPE_DOUBLE, .dims = dims_of_parameter},
    {0},
};

typedef struct memory {
    double *order, *next;
    int64_t k, front, back; /* within a step */
} memory_t;
static const field_t FIELDS[] = {
    {"order", "of the components: this epoch's, for grab the next one's", FIELD(OF_METHOD, memory_t, order),
     .each = EACH_COMPONENT, .whole = true},
    {"next_order", "of the next epoch", FIELD(OF_METHOD, memory_t, next), .each = EACH_COMPONENT, .within_step = true},
    {0},
};

typedef struct constants {
    double components;
    real lr;
} constants_t;

typedef struct sign {
    double sign;
} sign_t;

static void prepare(const group_t *group, void *constants) {
    *(constants_t *)constants = (constants_t){(double)group->step->components, (real)group->option[LR]};
}

/* ---- Kernels ---- */

static void begin(const tile_t *t) {
    memcpy(t->state[START], t->p, t->n * sizeof(real));
    memcpy(t->state[X], t->p, t->n * sizeof(real));
    for (int k = NEXT_MEAN; k <= SUM; ++k)
        if (t->state[k] != NULL)
            memset(tile_doubles(t, k), 0, t->n * sizeof(double));
}

static void move(const tile_t *t) {
    const real lr = ((const constants_t *)t->constants)->lr;
    const real *restrict g = t->g;
    real *restrict p = t->p, *restrict x = t->state[X];
    for (size_t i = 0; i < t->n; ++i) {
        x[i] -= lr * g[i];
        p[i] = x[i];
    }
}

/* <s, c>: |s + c| <= |s - c| where it is not positive. A group may have another order, and then has no part in it. */
static void align(const tile_t *t) {
    const real *restrict g = t->g;
    const double *restrict mean = tile_doubles(t, MEAN), *restrict sum = tile_doubles(t, SUM);
    for (size_t i = 0; i < t->n; ++i)
        t->term[0][i] = sum == NULL ? 0 : sum[i] * ((double)g[i] - mean[i]);
}

static void balance(const tile_t *t) {
    const double sign = ((const sign_t *)t->arguments)->sign, n = ((const constants_t *)t->constants)->components;
    const real *restrict g = t->g;
    const double *restrict mean = tile_doubles(t, MEAN);
    double *restrict next_mean = tile_doubles(t, NEXT_MEAN), *restrict sum = tile_doubles(t, SUM);
    for (size_t i = 0; sum != NULL && i < t->n; ++i) {
        sum[i] += sign * ((double)g[i] - mean[i]);
        next_mean[i] += (double)g[i] / n;
    }
}

static void keep_mean(const tile_t *t) {
    if (t->state[MEAN] != NULL)
        memcpy(tile_doubles(t, MEAN), tile_doubles(t, NEXT_MEAN), t->n * sizeof(double));
}

enum { BEGIN, MOVE, ALIGN, BALANCE, KEEP_MEAN };

/* ---- Orders ---- */

static void draw_permutation(step_t *s, double *order) {
    int64_t *drawn = step_order(s);
    step_permutation(s, s->components, drawn);
    for (int64_t i = 0; i < s->components; ++i)
        order[i] = (double)drawn[i];
}

static void reverse(double *order, int64_t n) {
    for (int64_t i = 0; i < n / 2; ++i) {
        const double kept = order[i];
        order[i] = order[n - 1 - i];
        order[n - 1 - i] = kept;
    }
}

static void choose(step_t *s, double *order) {
    const int kind = (int)s->option[ORDER];
    const bool first = s->t == 1, odd = fmod(s->t, 2) == 1;
    if (kind == IG || (kind == GRAB && first))
        for (int64_t i = 0; i < s->components; ++i)
            order[i] = (double)i;
    else if (kind == REPLACEMENT)
        for (int64_t i = 0; i < s->components; ++i)
            order[i] = (double)step_index(s, s->components);
    else if (kind == RR || (kind == SO && first) || (kind == FLIPFLOP && odd))
        draw_permutation(s, order);
    else if (kind == FLIPFLOP)
        reverse(order, s->components);
}

/* Component `k` of the epoch; a checkpoint may say anything. */
static int64_t component(const step_t *s, int64_t k) {
    const int64_t i = (int64_t)((const memory_t *)s->memory)->order[k];
    return i < s->components ? i : s->components - 1;
}

/* With a gradient of grab. */
static void place(step_t *s) {
    memory_t *m = s->memory;
    const double sign = step_reduce(s, ALIGN, NULL, 1)[0] <= 0 ? 1 : -1;
    m->next[sign > 0 ? m->front++ : m->back--] = m->order[m->k];
    step_update(s, BALANCE, &(sign_t){sign});
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    const bool grabs = (int)s->option[ORDER] == GRAB;
    STEP_BEGIN(s);
    choose(s, m->order);
    step_update(s, BEGIN, NULL);
    m->front = 0;
    m->back = s->components - 1;
    for (m->k = 0; m->k < s->components; ++m->k) {
        STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = component(s, m->k), .count = 1);
        if (grabs)
            place(s);
        step_update(s, MOVE, NULL);
    }
    if (grabs) {
        step_update(s, KEEP_MEAN, NULL);
        memcpy(m->order, m->next, (size_t)s->components * sizeof *m->order);
    }
    STEP_END(s);
}

const method_t METHOD(shuffle) = {
    .name = "shuffle",
    .purpose = "one gradient of each component in turn, in an order that is chosen every epoch",
    .citation = "Cha, Lee, Yun: Tighter Lower Bounds for Shuffling SGD: Random Permutations and Beyond, ICML 2023, "
                "arXiv:2303.07160; Lu, Guo, De Sa: GraB: Finding Provably Better Data Permutations than Random "
                "Reshuffling, NeurIPS 2022, arXiv:2205.10733",
    .evaluations = "n gradients of one component",
    .options = OPTIONS,
    .states = STATE,
    .flags = REQUESTS | BY_ELEMENT | NEEDS_COMPONENTS | COMPONENT_GRADIENTS | ASKS_FOR_ALL,
    .constants = sizeof(constants_t),
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .prepare = prepare,
    .advance = advance,
    .kernels = {begin, move, align, balance, keep_mean},
    .arguments = {[BALANCE] = sizeof(sign_t)},
};
