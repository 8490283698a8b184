/*
 * bradley_terry: strengths of players from how often each beat each, by fixed-point sweeps.
 *
 * Newman, "Efficient Computation of Rankings from Pairwise Comparisons", 2023, arXiv:2207.00076 (alpha = 0); Zermelo,
 * "Die Berechnung der Turnier-Ergebnisse als ein Maximumproblem der Wahrscheinlichkeitsrechnung", 1929 (alpha = 1).
 *
 *     1. for i = 0 .. n - 1, always with the newest pi, c = prior, w = wins:
 *        pi_i <- (c (alpha pi_i + 1) / (pi_i + 1) + sum_j w_ij (alpha pi_i + pi_j) / (pi_i + pi_j))
 *              / (c (alpha + 1) / (pi_i + 1) + sum_j (alpha w_ij + w_ji) / (pi_i + pi_j))
 *     2. c = 0: pi <- pi over its geometric mean;   rescale: pi <- e^tau pi, sum (1 - e^tau pi) / (1 + e^tau pi) = 0
 *     3. loglik = sum w_ij (ln pi_i - ln(pi_i + pi_j)) + c sum (ln pi_i - 2 ln(1 + pi_i))
 *
 * The parameter, one vector, is pi; w is an input. Where c = 0 every player must have beaten every other one over some
 * chain of players, or strengths go to 0 and infinity: the first step sees to it. All sums are in double. State:
 * loglik.
 */
#include "blocks/logsum.h"
#include "engine/method.h"

enum { ALPHA, PRIOR, RESCALE };
static const option_t OPTIONS[] = {
    [ALPHA] = {"alpha", 0, "[0,inf)", "0: Newman's sweep; 1: Zermelo's, which is slower"},
    [PRIOR] = {"prior", 0, "[0,inf)", "games won, and as many lost, against a player of strength 1"},
    [RESCALE] = {"rescale", 0, "0|1", "with a prior: find the common factor of all strengths at once"},
    {0},
};

enum { WINS };
static const input_t INPUTS[] = {
    [WINS] = {"wins", "n x n: how often the player of the row beat that of the column", INPUT_OF_METHOD, false},
    {0},
};

typedef struct memory {
    double loglik;
} memory_t;
static const field_t FIELDS[] = {
    {"loglik", "logarithm of the likelihood, with the prior", FIELD(OF_METHOD, memory_t, loglik)},
    {0},
};

typedef struct constants {
    double alpha, prior;
    bool rescales;
} constants_t;

static void prepare(const group_t *group, void *constants) {
    const double *o = group->option;
    *(constants_t *)constants = (constants_t){o[ALPHA], o[PRIOR], o[RESCALE] != 0 && o[PRIOR] > 0};
}

/* ---- Kernels on the whole vector ---- */

typedef struct games {
    const input_view_t *wins;
    double *result; /* loglik, or how many cannot be compared */
} games_t;

static double wins_of(const input_view_t *wins, size_t n, size_t i, size_t j) {
    double room;
    return i == j ? 0 : *input_doubles(wins, i * n + j, 1, &room);
}

static double sweep_one(const constants_t *k, const input_view_t *wins, size_t n, const double *pi, size_t i) {
    const double alpha = k->alpha, own = pi[i];
    double above = k->prior * (alpha * own + 1) / (own + 1), below = k->prior * (alpha + 1) / (own + 1);
    for (size_t j = 0; j < n; ++j) {
        const double won = wins_of(wins, n, i, j), lost = wins_of(wins, n, j, i), sum = own + pi[j];
        above += won * (alpha * own + pi[j]) / sum;
        below += (alpha * won + lost) / sum;
    }
    return below > 0 ? above / below : own; /* nobody else, and no prior */
}

static void multiply(size_t n, double factor, double *pi) {
    for (size_t i = 0; i < n; ++i)
        pi[i] *= factor;
}

/* e^tau of line 2, by Newton's method. */
static double common_factor(size_t n, const double *pi) {
    double tau = 0;
    for (int round = 0; round < 50; ++round) {
        double sum = 0, slope = 0;
        for (size_t i = 0; i < n; ++i) {
            const double x = logsum_exp(tau) * pi[i];
            sum += (1 - x) / (1 + x);
            slope -= 2 * x / ((1 + x) * (1 + x));
        }
        if (fabs(sum) <= 1e-14 * (double)n)
            break;
        tau -= sum / slope;
    }
    return logsum_exp(tau);
}

static double likelihood(const constants_t *k, const input_view_t *wins, size_t n, const double *pi) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i) {
        sum += k->prior * (elementary_log(pi[i]) - 2 * elementary_log(1 + pi[i]));
        for (size_t j = 0; j < n; ++j) {
            const double won = wins_of(wins, n, i, j);
            sum += won > 0 ? won * (elementary_log(pi[i]) - elementary_log(pi[i] + pi[j])) : 0;
        }
    }
    return sum;
}

static void sweep(const tile_t *t) {
    const constants_t *k = t->constants;
    const games_t *games = t->arguments;
    real *p = t->p;
    double *pi = t->work, logs = 0;
    for (size_t i = 0; i < t->n; ++i)
        pi[i] = (double)p[i];
    for (size_t i = 0; i < t->n; ++i)
        pi[i] = sweep_one(k, games->wins, t->n, pi, i);
    for (size_t i = 0; i < t->n; ++i)
        logs += elementary_log(pi[i]);
    if (k->prior == 0)
        multiply(t->n, logsum_exp(-logs / (double)t->n), pi);
    else if (k->rescales)
        multiply(t->n, common_factor(t->n, pi), pi);
    for (size_t i = 0; i < t->n; ++i)
        p[i] = (real)pi[i];
    *games->result = likelihood(k, games->wins, t->n, pi);
}

/* Counts players that player 0 does not reach along wins, or along losses. */
static double unreached(const input_view_t *wins, size_t n, bool along_losses, double *queue, double *seen) {
    size_t first = 0, end = 1;
    for (size_t i = 0; i < n; ++i)
        seen[i] = i == 0;
    queue[0] = 0;
    for (; first < end; ++first) {
        const size_t i = (size_t)queue[first];
        for (size_t j = 0; j < n; ++j)
            if (seen[j] == 0 && (along_losses ? wins_of(wins, n, j, i) : wins_of(wins, n, i, j)) > 0) {
                seen[j] = 1;
                queue[end++] = (double)j;
            }
    }
    return (double)(n - end);
}

/* What keeps the sweep from beginning: strengths that are none, players that are not compared. */
static void survey(const tile_t *t) {
    const games_t *games = t->arguments;
    const real *p = t->p;
    double *room = t->work;
    for (size_t i = 0; i < t->n; ++i)
        games->result[0] += !(p[i] > 0 && p[i] - p[i] == 0);
    if (((const constants_t *)t->constants)->prior == 0 && t->n > 1)
        games->result[1] += unreached(games->wins, t->n, false, room, room + t->n) +
                            unreached(games->wins, t->n, true, room, room + t->n);
}

enum { SWEEP, SURVEY };

static size_t workspace(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor_reals(tensor, 2 * tensor->count * sizeof(double));
}

/* ---- The step ---- */

static const char *refuses(const tensor_t *tensor, const double *option) {
    (void)option;
    return tensor->ndim > 1 ? "it takes one vector, the strengths of all players" : NULL;
}

static const char *refuses_inputs(const step_t *s) {
    const input_view_t *wins = step_input(s, WINS);
    const size_t n = step_own_elements(s);
    if (step_own_parameters(s) > 1)
        return "it takes one vector, the strengths of all players";
    if (wins->count != n * n || (n > 0 && (wins->ndim != 2 || (size_t)wins->dims[0] != n)))
        return "the input \"wins\" must be a square matrix with a row for each player";
    for (size_t i = 0; i < wins->count; ++i) {
        double room;
        const double won = *input_doubles(wins, i, 1, &room);
        if (!(won >= 0 && won <= DBL_MAX))
            return "the input \"wins\" must hold numbers that are not below 0";
    }
    return NULL;
}

static optim_status advance(step_t *s) {
    memory_t *m = s->memory;
    double faults[2] = {0}, loglik = m->loglik;
    step_tensors_in_turn(s, SURVEY, &(games_t){step_input(s, WINS), faults});
    if (faults[0] > 0)
        return step_fail(s, OPTIM_ERR_DOMAIN, "strengths are positive: start at 1");
    if (faults[1] > 0)
        return step_fail(s, OPTIM_ERR_DOMAIN,
                         "some players have not beaten others, over any chain of players: without prior= their "
                         "strengths would go to 0 or infinity");
    step_tensors_in_turn(s, SWEEP, &(games_t){step_input(s, WINS), &loglik});
    m->loglik = loglik;
    return OPTIM_OK;
}

const method_t METHOD(bradley_terry) = {
    .name = "bradley_terry",
    .purpose = "strengths of players from how often each beat each, by fixed-point sweeps",
    .citation = "Newman: Efficient Computation of Rankings from Pairwise Comparisons, JMLR 2023, arXiv:2207.00076",
    .evaluations = "none",
    .options = OPTIONS,
    .inputs = INPUTS,
    .fields = FIELDS,
    .flags = WHOLE_TENSORS | VALUES_ONLY | MAY_FAIL,
    .constants = sizeof(constants_t),
    .memory = sizeof(memory_t),
    .refuses = refuses,
    .refuses_inputs = refuses_inputs,
    .workspace = workspace,
    .prepare = prepare,
    .advance = advance,
    .kernels = {sweep, survey},
    .arguments = {sizeof(games_t), sizeof(games_t)},
};
