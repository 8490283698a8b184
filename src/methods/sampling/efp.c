/*
 * efp: entropic fictitious play on finite sets: min_w F(w) + lam KL(w | ref) over probability measures.
 *
 * Chen, Ren, Wang, "Entropic Fictitious Play for Mean Field Optimization Problem", 2022, arXiv:2202.05841; Nitanda,
 * Oko, Wu, Suzuki, "Primal and Dual Analysis of Entropic Fictitious Play for Finite-sum Problems", 2023,
 * arXiv:2303.02957. From memory.
 *
 *     step k = 0, 1, ...:   eta = lr (constant) or 2 / (k + 2) (harmonic)
 *     1. p = softmax(ln ref - g / lam)
 *     2. gap = lam sum w ln(w / p)          with the w that g is at
 *     3. w <- (1 - eta) w + eta p
 *
 * Rows along the last axis are measures; gap is the sum over all of them. For convex F it bounds how far w is from the
 * minimum. Logarithms and their sums are in double. State: gap.
 */
#include "blocks/logsum.h"
#include "engine/method.h"

enum { LAM, LR, RATE, REFERENCE };
enum { CONSTANT, HARMONIC };
enum { UNIFORM, INPUT };
static const option_t OPTIONS[] = {
    [LAM] = {"lam", 0.1, "(0,inf)", "weight of the entropy"},
    [LR] = {"lr", 0.2, "(0,1]", "rate=constant: how far w goes to the best response; it must shrink with lam",
            .pauses = true},
    [RATE] = {"rate", CONSTANT, "constant|harmonic", "lr, or 2 / (k + 2) in step k = 0, 1, ..."},
    [REFERENCE] = {"reference", UNIFORM, "uniform|input", "what the entropy is relative to"},
    {0},
};

enum { REFERENCE_INPUT };
static const input_t INPUTS[] = {
    [REFERENCE_INPUT] = {"reference", "reference=input: a positive weight for each element, parameter by parameter",
                         INPUT_OF_METHOD, true},
    {0},
};

typedef struct memory {
    double gap;
} memory_t;
static const field_t FIELDS[] = {
    {"gap", "bound on the distance to the minimum, at the point before the last move", FIELD(OF_METHOD, memory_t, gap)},
    {0},
};

typedef struct tensor_memory { /* within a step */
    double gap;
} tensor_memory_t;

typedef struct constants {
    double lam, eta;
    bool reads_reference;
} constants_t;

typedef struct reference {
    const input_view_t *input;
} reference_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option, eta = (int)o[RATE] == HARMONIC ? 2 / (group->t + 1) : o[LR];
    *(constants_t *)constants = (constants_t){o[LAM], eta, (int)o[REFERENCE] == INPUT};
}

/* ln ref - g / lam of one element. */
static double exponent(const tile_t *t, const constants_t *k, size_t i) {
    const input_view_t *input = ((const reference_t *)t->arguments)->input;
    const double tilt = -(double)((real *)t->g)[i] / k->lam;
    double room;
    return k->reads_reference ? tilt + elementary_log(*input_doubles(input, t->tensor->first_of_method + i, 1, &room))
                              : tilt;
}

/* All three lines for n elements from `first` on; returns their gap over lam. */
static double answer(const tile_t *t, size_t first, size_t n) {
    const constants_t *k = t->constants;
    real *restrict w = (real *)t->p + first;
    logsum_t l = logsum_empty();
    double gap = 0;
    for (size_t i = 0; i < n; ++i)
        logsum_add(&l, exponent(t, k, first + i));
    const double log_sum = logsum_log(l);
    for (size_t i = 0; i < n; ++i) {
        const double log_p = exponent(t, k, first + i) - log_sum, wi = (double)w[i];
        gap += wi >= DBL_MIN ? wi * (elementary_log(wi) - log_p) : 0;
        w[i] = (real)((1 - k->eta) * wi + k->eta * logsum_exp(log_p));
    }
    return gap;
}

static void respond(const tile_t *t) {
    const int axes = t->tensor->ndim;
    const size_t row = axes > 0 ? (size_t)t->tensor->dims[axes - 1] : t->n;
    double gap = 0;
    for (size_t first = 0; first < t->n; first += row)
        gap += answer(t, first, row);
    ((tensor_memory_t *)t->memory)->gap = gap * ((const constants_t *)t->constants)->lam;
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    step_tensors(s, 0, &(reference_t){step_input(s, REFERENCE_INPUT)});
    m->gap = 0;
    for (size_t i = 0; i < step_tensor_count(s); ++i)
        if (step_tensor(s, i) != NULL && step_tensor(s, i)->count > 0)
            m->gap += ((const tensor_memory_t *)step_tensor_memory(s, i))->gap;
    return OPTIM_OK;
}

static bool wants_reference(const step_t *s) {
    for (size_t i = 0; i < step_tensor_count(s); ++i)
        if (step_tensor(s, i) != NULL && (int)step_tensor_option(s, i)[REFERENCE] == INPUT)
            return true;
    return false;
}

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *input = step_input(s, REFERENCE_INPUT);
    if (!wants_reference(s))
        return NULL;
    if (input == NULL)
        return "reference=input wants the input \"reference\": optim_set_input";
    if (input->count != step_own_elements(s))
        return "the input \"reference\" must have a weight for each element of all parameters";
    for (size_t i = 0; i < input->count; ++i) {
        double room;
        const double weight = *input_doubles(input, i, 1, &room);
        if (!(weight >= DBL_MIN && weight <= DBL_MAX))
            return "the input \"reference\" must be positive";
    }
    return NULL;
}

const method_t METHOD(efp) = {
    .name = "efp",
    .purpose = "entropic fictitious play: probability measures that move towards their best response",
    .citation = "Chen, Ren, Wang: Entropic Fictitious Play for Mean Field Optimization Problem, 2022, "
                "arXiv:2202.05841; Nitanda, Oko, Wu, Suzuki: Primal and Dual Analysis of Entropic Fictitious Play for "
                "Finite-sum Problems, ICML 2023, arXiv:2303.02957",
    .evaluations = "1 gradient",
    .options = OPTIONS,
    .inputs = INPUTS,
    .flags = WHOLE_TENSORS,
    .constants = sizeof(constants_t),
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .tensor_memory = sizeof(tensor_memory_t),
    .refuses_inputs = refuses_inputs,
    .prepare = prepare,
    .advance = advance,
    .kernels = {respond},
    .arguments = {sizeof(reference_t)},
};
