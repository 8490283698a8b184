/*
 * gradient_coding: late workers are done without. Tandon, Lei, Dimakis, Karampatziakis, "Gradient Coding: Avoiding
 * Stragglers in Distributed Learning", 2017, arXiv:1612.03301, cyclic repetition.
 * sequential_gradient_coding: Krishnan, Ebrahimi, Khisti, "Sequential Gradient Coding For Straggler Mitigation", 2023,
 * arXiv:2211.13802.
 *
 * Worker i sums row i of the code over the parts of the data; from any n - s of the sums that of all parts follows.
 * Here are the rules, their options and their codes; what happens round by round is in coding_rounds.c.
 */
#include "federated/coding.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/number.h"
#include "base/option.h"
#include "federated/code.h"
#include "kernels/random.h"
#include "optimizer/entry_values.h"
#include "optimizer/registry.h"

#define COMMON_ROWS                                                                                                    \
    [N] = {"n", 4, "integer [1,1024]", "workers"},                                                                     \
    [CODE_MU] = {"mu", 1, "[0,inf)", "a worker is late that takes more than 1 + this times the fastest one's time"},   \
    [MATRIX] = {"matrix", 0, "cos|random", "the code's H: of cosines, or normal numbers"},                             \
    [SEED] = {"seed", 1, "integer [0,9007199254740992]", "of these"}
enum { N, CODE_MU, MATRIX, SEED, S, SCHEME = S, B, W, LAMBDA, JOBS };
static const option_t PLAIN_OPTIONS[] = {
    COMMON_ROWS,
    [S] = {"s", 1, "integer [0,1023]", "late workers that are done without"},
    {0},
};
static const option_t SEQUENTIAL_OPTIONS[] = {
    COMMON_ROWS,
    [SCHEME] = {"scheme", 0, "sr|m", "selective repeat, or multiplexed"},
    [B] = {"b", 1, "integer [1,127]", "rounds that a worker may be late in a row"},
    [W] = {"w", 2, "integer [1,128]", "rounds over which late workers are counted"},
    [LAMBDA] = {"lambda", 1, "integer [1,1024]", "late workers among those rounds"},
    [JOBS] = {"jobs", 0, "integer [0,inf)", "how many there are; 0: as many as rounds"},
    {0},
};

static const char *check_plain(const double *o) {
    return o[S] < o[N] ? NULL : "option \"s\" must be less than n";
}

static double tolerance(const double *o) {
    return ceil(o[B] * o[LAMBDA] / (o[W] - 1 + o[B]));
}

static const char *check_sequential(const double *o) {
    if (o[LAMBDA] > o[N])
        return "option \"lambda\" must not be more than n";
    if (o[SCHEME] == 1)
        return o[B] < o[W] ? NULL : "option \"b\" must be less than w, with scheme=m";
    if (fmod(o[W] - 1, o[B]) != 0)
        return "option \"b\" must divide w - 1, with scheme=sr";
    return tolerance(o) < o[N] ? NULL : "with these options no worker would be left: less of b or lambda, or more of w";
}

const rule_t rule_gradient_coding = {
    .name = "gradient_coding",
    .purpose = "coded sums of gradients, from which late workers can be left out",
    .citation =
        "Tandon, Lei, Dimakis, Karampatziakis, \"Gradient Coding: Avoiding Stragglers in Distributed Learning\", "
        "2017, arXiv:1612.03301",
    .options = PLAIN_OPTIONS,
    .flags = NO_SERVER,
    .check = check_plain,
};

const rule_t rule_sequential_gradient_coding = {
    .name = "sequential_gradient_coding",
    .purpose = "coded sums of gradients over several rounds, which cost less than in every round alone",
    .citation = "Krishnan, Ebrahimi, Khisti, \"Sequential Gradient Coding For Straggler Mitigation\", 2023, "
                "arXiv:2211.13802",
    .options = SEQUENTIAL_OPTIONS,
    .flags = NO_SERVER,
    .check = check_sequential,
};

/* ---- Life ---- */

static void set_up(struct optim_coding *c) {
    const double *o = c->option;
    c->n = (int64_t)o[N];
    c->mu = o[CODE_MU];
    c->plain = 0;
    c->groups = c->slots = c->w = c->b = 1;
    c->scheme = CODING_PLAIN;
    c->s = c->lambda = (int64_t)o[S];
    if (c->rule == &rule_gradient_coding)
        return;
    c->b = (int64_t)o[B];
    c->w = (int64_t)o[W];
    c->lambda = (int64_t)o[LAMBDA];
    c->jobs = (int64_t)o[JOBS];
    c->s = (int64_t)tolerance(o);
    c->last = c->b;
    c->scheme = CODING_REPEATS;
    if (o[SCHEME] == 0)
        return;
    c->always_counts = true;
    c->s = c->lambda;
    c->plain = c->w - 1;
    c->groups = c->lambda == c->n ? 0 : c->b;
    c->slots = c->w - 1 + c->b;
    c->last = c->slots - 1;
    c->scheme = CODING_MULTIPLEXED;
}

/* H, s by n, with rows that sum to 0. */
static void fill_h(const struct optim_coding *c, double *h) {
    const size_t n = (size_t)c->n, s = (size_t)c->s;
    for (size_t k = 0; k < s; ++k) {
        double sum = 0;
        for (size_t j = 0; j + 1 < n; ++j) {
            const double row = (double)k, column = (double)j;
            h[k * n + j] = c->option[MATRIX] == 0 ? cos(1 + 1.7 * row + 2.9 * column + 0.6 * row * column)
                                                  : random_normal((uint64_t)c->option[SEED], 2 * (k * n + j) + 1);
            sum += h[k * n + j];
        }
        h[k * n + n - 1] = -sum;
    }
}

static optim_status make_code(struct optim_coding *c) {
    const size_t n = (size_t)c->n, s = (size_t)c->s;
    c->code = calloc(n * n, sizeof *c->code);
    c->room = calloc(code_decode_room(n, s) + 1, sizeof *c->room);
    double *h = calloc(n * s + 1, sizeof *h), *room = calloc(code_make_room(s) + 1, sizeof *room);
    optim_status status = OPTIM_OK;
    if (c->code == NULL || c->room == NULL || h == NULL || room == NULL)
        status = error_nomem("making a code");
    else if (s < n) {
        fill_h(c, h);
        if (!code_make(n, s, h, c->code, room))
            status = error_set(OPTIM_ERR_VALUE, "this matrix gives no code: try matrix=random, or another seed");
    }
    free(h);
    free(room);
    return status;
}

static optim_status take_tables(struct optim_coding *c) {
    const size_t n = (size_t)c->n, rows = (size_t)c->last + 1, parts = (size_t)(c->plain + c->groups);
    c->late = calloc((size_t)c->w * n + 1, sizeof *c->late);
    c->arrived = calloc(rows * parts * n + 1, sizeof *c->arrived);
    c->first = calloc(rows * n, sizeof *c->first);
    c->done = calloc(rows, sizeof *c->done);
    c->job = calloc(rows, sizeof *c->job);
    c->from = calloc(rows * (size_t)c->groups * (size_t)(c->n - c->s) + 1, sizeof *c->from);
    const bool done = c->late != NULL && c->arrived != NULL && c->first != NULL && c->done != NULL && c->job != NULL &&
                      c->from != NULL;
    return done ? OPTIM_OK : error_nomem("making a code");
}

struct optim_coding *coding_like(const struct optim_coding *c) {
    struct optim_coding *other = calloc(1, sizeof *other);
    if (other == NULL)
        return NULL;
    other->rule = c->rule;
    memcpy(other->option, c->option, sizeof c->option);
    set_up(other);
    if (take_tables(other) == OPTIM_OK)
        return other;
    optim_coding_destroy(other);
    return NULL;
}

static optim_status read_options(struct optim_coding *c, const char *options) {
    char owner[VALUE_NAME];
    (void)snprintf(owner, sizeof owner, "rule \"%s\"", c->rule->name);
    values_default(c->rule->options, NULL, c->option);
    const optim_status status = values_read(c->rule->options, owner, c->option, options);
    const char *wrong = status == OPTIM_OK ? c->rule->check(c->option) : NULL;
    return wrong == NULL ? status : error_set(OPTIM_ERR_VALUE, "rule %s: %s", c->rule->name, wrong);
}

optim_status optim_coding_create(optim_coding_t **out, const char *rule, const char *options) {
    optim_status status = refuse_null(out, "out");
    if (status != OPTIM_OK)
        return status;
    *out = NULL;
    status = refuse_null(rule, "rule");
    const rule_t *found = status == OPTIM_OK ? registry_find_rule(rule, strlen(rule)) : NULL;
    if (found == NULL)
        return status == OPTIM_OK ? OPTIM_ERR_NAME : status;
    if (!(found->flags & NO_SERVER))
        return error_set(OPTIM_ERR_MISMATCH, "%s is a rule of servers: optim_server_create takes it", rule);
    struct optim_coding *c = calloc(1, sizeof *c);
    if (c == NULL)
        return error_nomem("making a code");
    c->rule = found;
    status = read_options(c, options);
    if (status == OPTIM_OK) {
        set_up(c);
        status = make_code(c);
    }
    if (status == OPTIM_OK)
        status = take_tables(c);
    if (status == OPTIM_OK)
        *out = c;
    else
        optim_coding_destroy(c);
    return status;
}

void optim_coding_destroy(optim_coding_t *coding) {
    if (coding == NULL)
        return;
    free(coding->code);
    free(coding->room);
    free(coding->late);
    free(coding->arrived);
    free(coding->first);
    free(coding->done);
    free(coding->job);
    free(coding->from);
    free(coding);
}

/* ---- The code ---- */

optim_status coding_refuse_worker(const optim_coding_t *c, int64_t worker) {
    return worker >= 0 && worker < c->n
               ? OPTIM_OK
               : error_set(OPTIM_ERR_ARGUMENT, "there is no worker %" PRId64 "; there are %" PRId64, worker, c->n);
}

/* lambda = n of scheme m */
static optim_status refuse_codeless(const optim_coding_t *c) {
    return c->groups > 0 ? OPTIM_OK : error_set(OPTIM_ERR_MISMATCH, "with lambda = n nothing is coded");
}

optim_status optim_coding_weights(const optim_coding_t *coding, int64_t worker, double *weights) {
    optim_status status = refuse_null(coding, "coding");
    if (status == OPTIM_OK)
        status = refuse_null(weights, "weights");
    if (status == OPTIM_OK)
        status = coding_refuse_worker(coding, worker);
    if (status == OPTIM_OK)
        status = refuse_codeless(coding);
    if (status == OPTIM_OK)
        memcpy(weights, coding->code + worker * coding->n, (size_t)coding->n * sizeof *weights);
    return status;
}

optim_status optim_coding_decode(const optim_coding_t *coding, const int64_t *workers, size_t count, double *weights) {
    optim_status status = refuse_null(coding, "coding");
    if (status == OPTIM_OK)
        status = refuse_null(workers, "workers");
    if (status == OPTIM_OK)
        status = refuse_null(weights, "weights");
    if (status == OPTIM_OK)
        status = refuse_codeless(coding);
    if (status == OPTIM_OK && count != (size_t)(coding->n - coding->s))
        status = error_set(OPTIM_ERR_ARGUMENT, "%" PRId64 " workers are needed, not %zu", coding->n - coding->s, count);
    for (size_t k = 0; status == OPTIM_OK && k < count; ++k) {
        status = coding_refuse_worker(coding, workers[k]);
        if (status == OPTIM_OK && k > 0 && workers[k] <= workers[k - 1])
            status = error_set(OPTIM_ERR_ARGUMENT, "the workers must be in ascending order, each once");
    }
    if (status != OPTIM_OK)
        return status;
    if (code_decode((size_t)coding->n, (size_t)coding->s, coding->code, workers, weights, coding->room))
        return OPTIM_OK;
    return error_set(OPTIM_ERR_VALUE, "these sums do not give that of all: try matrix=random, or another seed");
}

/* The share of the data that a worker computes in a round. */
static double load(const optim_coding_t *c) {
    const double n = (double)c->n, s = (double)c->s, w = (double)c->w, b = (double)c->b;
    if (c->scheme != CODING_MULTIPLEXED)
        return (s + 1) / n;
    if (c->groups == 0)
        return (w - 1 + b) / (n * (w - 1));
    return (s + 1) * (w - 1 + b) / (n * (b + (w - 1) * (s + 1)));
}

optim_status optim_coding_get(const optim_coding_t *coding, const char *name, double *value) {
    optim_status status = refuse_null(coding, "coding");
    if (status == OPTIM_OK)
        status = refuse_null(name, "name");
    if (status == OPTIM_OK)
        status = refuse_null(value, "value");
    if (status != OPTIM_OK)
        return status;
    const struct {
        const char *name;
        double value;
    } NUMBERS[] = {{"load", load(coding)},
                   {"rounds", (double)coding_rounds(coding)},
                   {"round", (double)coding->round},
                   {"tolerated", (double)coding->s},
                   {"groups", (double)coding->groups},
                   {"decoded", (double)coding->decoded},
                   {"wait", coding->waited},
                   {"duration", coding->duration}};
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; ++i)
        if (strcmp(NUMBERS[i].name, name) == 0) {
            *value = NUMBERS[i].value;
            return OPTIM_OK;
        }
    const int row = option_find(coding->rule->options, name, strlen(name));
    if (row < 0)
        return error_set(
            OPTIM_ERR_OPTION,
            "coded gradients have no number \"%.60s\"; valid: options, load, rounds, round, tolerated, groups, "
            "decoded, wait, duration",
            name);
    *value = coding->option[row];
    return OPTIM_OK;
}
