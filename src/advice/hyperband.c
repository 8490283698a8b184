/*
 * Which configurations to train on: hyperband. Li, Jamieson, DeSalvo, Rostamizadeh, Talwalkar, "Hyperband: A Novel
 * Bandit-Based Approach to Hyperparameter Optimization", 2018, arXiv:1603.06560; one bracket is the successive halving
 * of Jamieson, Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", 2016,
 * arXiv:1502.07943.
 *
 *     s_max = the largest s with min_resource eta^s <= max_resource;   brackets s = s_max, s_max - 1, ...:
 *         n = ceil((s_max + 1) eta^s / (s + 1)) new configurations
 *         rungs i = 0 .. s: train them to max_resource / eta^(s - i), keep the floor(n / eta) best
 *
 * Best are the lowest losses, of equal ones the lowest numbers; survivors run in ascending number. A bracket ends early
 * where none would survive. All there is to remember is the rung under way.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "advice/guard.h"
#include "base/memory.h"
#include "base/numbers_text.h"
#include "base/option.h"
#include "optim/advice.h"
#include "optimizer/abi.h"

enum { MAX_RESOURCE, ETA, MIN_RESOURCE, BRACKETS, OPTION_COUNT };
static const option_t OPTIONS[] = {
    [MAX_RESOURCE] = {"max_resource", 81, "(0,inf)", ""},
    [ETA] = {"eta", 3, "integer [2,inf)", ""},
    [MIN_RESOURCE] = {"min_resource", 1, "(0,inf)", ""},
    [BRACKETS] = {"brackets", 0, "integer [0,inf)", ""},
    {0},
};

enum { MOST_CONFIGURATIONS = 1 << 28 }; /* of a bracket */

typedef struct member {
    int64_t config;
    double loss;
    bool told;
} member_t;

/* Of the rung under way. */
typedef struct rung {
    int bracket, rung; /* bracket < last: all is done */
    int64_t created;   /* configurations so far */
    size_t count, issued, told;
} rung_t;

struct optim_hyperband {
    double option[OPTION_COUNT];
    int largest, last; /* brackets */
    rung_t at;
    member_t *member; /* [at.count], ascending in number */
};

/* ---- Sizes ---- */

static double power(double eta, int exponent) {
    double product = 1;
    for (int i = 0; i < exponent; ++i)
        product *= eta;
    return product;
}

static int largest_bracket(const double *option) {
    int s = 0;
    double resource = option[MIN_RESOURCE] * option[ETA];
    while (resource <= option[MAX_RESOURCE]) {
        resource *= option[ETA];
        ++s;
    }
    return s;
}

/* Configurations of a rung; all are whole numbers that doubles hold, see take_memory. */
static double rung_size(const optim_hyperband_t *h, int bracket, int rung) {
    double n = ceil((h->largest + 1) * power(h->option[ETA], bracket) / (bracket + 1));
    for (int i = 0; i < rung; ++i)
        n = floor(n / h->option[ETA]);
    return n;
}

static double resource(const optim_hyperband_t *h, int bracket, int rung) {
    return rung < 0 ? 0 : h->option[MAX_RESOURCE] / power(h->option[ETA], bracket - rung);
}

/* ---- Rungs ---- */

static bool is_done(const optim_hyperband_t *h) {
    return h->at.bracket < h->last;
}

static void begin_bracket(optim_hyperband_t *h, int bracket) {
    h->at = (rung_t){.bracket = bracket, .created = h->at.created};
    if (is_done(h))
        return;
    h->at.count = (size_t)rung_size(h, bracket, 0);
    for (size_t i = 0; i < h->at.count; ++i)
        h->member[i] = (member_t){.config = h->at.created++};
}

static int by_loss(const void *a, const void *b) {
    const member_t *m = a, *n = b;
    const int order = (m->loss > n->loss) - (m->loss < n->loss);
    return order != 0 ? order : (m->config > n->config) - (m->config < n->config);
}
static int by_number(const void *a, const void *b) {
    const member_t *m = a, *n = b;
    return (m->config > n->config) - (m->config < n->config);
}

static void end_rung(optim_hyperband_t *h) {
    const size_t kept = (size_t)floor((double)h->at.count / h->option[ETA]);
    if (h->at.rung == h->at.bracket || kept == 0) {
        begin_bracket(h, h->at.bracket - 1);
        return;
    }
    qsort(h->member, h->at.count, sizeof *h->member, by_loss);
    qsort(h->member, kept, sizeof *h->member, by_number);
    h->at = (rung_t){h->at.bracket, h->at.rung + 1, h->at.created, .count = kept};
    for (size_t i = 0; i < kept; ++i)
        h->member[i].told = false;
}

/* ---- Life ---- */

void optim_hyperband_destroy(optim_hyperband_t *hyperband) {
    if (hyperband != NULL)
        free(hyperband->member);
    free(hyperband);
}

static optim_status read_option(void *context, const option_pair_t *pair) {
    optim_hyperband_t *h = context;
    const int i = option_find(OPTIONS, pair->key, pair->key_length);
    if (i < 0)
        return option_refuse(OPTIONS, "hyperband", pair->key, pair->key_length);
    return option_parse(&OPTIONS[i], pair->value, pair->value_length, &h->option[i]);
}

static optim_status read_options(optim_hyperband_t *h, const char *options) {
    for (int i = 0; i < OPTION_COUNT; ++i)
        h->option[i] = OPTIONS[i].initial;
    const optim_status status = option_read(options, read_option, h);
    if (status != OPTIM_OK)
        return status;
    if (h->option[MIN_RESOURCE] > h->option[MAX_RESOURCE])
        return error_set(OPTIM_ERR_VALUE, "option \"min_resource\" must not lie above \"max_resource\"");
    h->largest = largest_bracket(h->option);
    const double brackets = h->option[BRACKETS];
    h->last = brackets == 0 || brackets > h->largest ? 0 : h->largest + 1 - (int)brackets;
    return OPTIM_OK;
}

static optim_status take_memory(optim_hyperband_t *h) {
    double most = 0;
    for (int s = h->last; s <= h->largest; ++s)
        most = fmax(most, rung_size(h, s, 0));
    if (!(most <= (double)MOST_CONFIGURATIONS))
        return error_set(OPTIM_ERR_SIZE, "hyperband would begin with %g configurations: say a larger min_resource",
                         most);
    h->member = calloc((size_t)most, sizeof *h->member);
    return h->member == NULL ? error_nomem("making hyperband") : OPTIM_OK;
}

optim_status optim_hyperband_create(optim_hyperband_t **out, const char *options) {
    optim_status status = refuse_null(out, "out");
    if (status != OPTIM_OK)
        return status;
    *out = NULL;
    optim_hyperband_t *h = calloc(1, sizeof *h);
    if (h == NULL)
        return error_nomem("making hyperband");
    status = read_options(h, options);
    if (status == OPTIM_OK)
        status = take_memory(h);
    if (status != OPTIM_OK) {
        optim_hyperband_destroy(h);
        return status;
    }
    begin_bracket(h, h->largest);
    *out = h;
    return OPTIM_OK;
}

/* ---- Jobs ---- */

optim_status optim_hyperband_next(optim_hyperband_t *hyperband, optim_job *job) {
    optim_status status = refuse_null(hyperband, "hyperband");
    if (status == OPTIM_OK)
        status = refuse_null(job, "job");
    if (status != OPTIM_OK)
        return status;
    rung_t *at = &hyperband->at;
    optim_job next = {.kind = is_done(hyperband) ? OPTIM_JOB_DONE : OPTIM_JOB_WAIT};
    const bool runs = !is_done(hyperband) && at->issued < at->count;
    if (runs)
        next = (optim_job){.kind = OPTIM_JOB_RUN,
                           .config = hyperband->member[at->issued].config,
                           .bracket = at->bracket,
                           .rung = at->rung,
                           .resource = resource(hyperband, at->bracket, at->rung),
                           .resume = resource(hyperband, at->bracket, at->rung - 1)};
    status = abi_write(job, &next, sizeof next, "optim_job");
    at->issued += runs && status == OPTIM_OK;
    return status;
}

/* The configuration among those whose jobs are out, or NULL. */
static member_t *find_issued(optim_hyperband_t *h, int64_t config) {
    const member_t key = {.config = config};
    member_t *found = is_done(h) ? NULL : bsearch(&key, h->member, h->at.issued, sizeof *h->member, by_number);
    return found == NULL || found->told ? NULL : found;
}

optim_status optim_hyperband_tell(optim_hyperband_t *hyperband, int64_t config, double loss) {
    const optim_status status = refuse_null(hyperband, "hyperband");
    if (status != OPTIM_OK)
        return status;
    member_t *member = find_issued(hyperband, config);
    if (member == NULL)
        return error_set(OPTIM_ERR_ARGUMENT, "configuration %" PRId64 " has no job that is out", config);
    member->told = true;
    member->loss = isfinite(loss) ? loss : (double)INFINITY;
    if (++hyperband->at.told == hyperband->at.count)
        end_rung(hyperband);
    return OPTIM_OK;
}

/* ---- Saving: text, a line of numbers for the options, for the rung, and for each configuration ---- */

static const char FORMAT[] = "gradopt-hyperband 1\n";

static void put_numbers(text_writer_t *w, const double *value, int count) {
    for (int i = 0; i < count; ++i)
        text_put_number(w, value[i], i + 1 < count ? ' ' : '\n');
}

optim_status optim_hyperband_serialize(const optim_hyperband_t *hyperband, void *buffer, size_t room, size_t *size) {
    optim_status status = refuse_null(hyperband, "hyperband");
    if (status == OPTIM_OK)
        status = refuse_null(size, "size");
    if (status != OPTIM_OK)
        return status;
    const rung_t *at = &hyperband->at;
    text_writer_t w = {buffer, room, 0};
    text_put(&w, FORMAT, sizeof FORMAT - 1);
    put_numbers(&w, hyperband->option, OPTION_COUNT);
    put_numbers(&w, (double[]){at->bracket, at->rung, (double)at->created, (double)at->count, (double)at->issued}, 5);
    for (size_t i = 0; i < at->count; ++i) {
        const member_t *m = &hyperband->member[i];
        put_numbers(&w, (double[]){(double)m->config, m->told, m->told ? m->loss : 0}, 3);
    }
    *size = w.size;
    if (buffer != NULL && room < w.size)
        return error_set(OPTIM_ERR_ARGUMENT, "there is room for %zu bytes; %zu are needed", room, w.size);
    return OPTIM_OK;
}

/* A rung that these options can lead to. */
static rung_t read_rung(const optim_hyperband_t *h, text_reader_t *r) {
    enum { MOST_CREATED = INT32_MAX };
    rung_t at = {0};
    at.bracket = (int)text_number(r, ' ');
    at.rung = (int)text_whole(r, ' ', h->largest);
    at.created = text_whole(r, ' ', MOST_CREATED);
    at.count = (size_t)text_whole(r, ' ', MOST_CONFIGURATIONS);
    at.issued = (size_t)text_whole(r, '\n', (double)at.count);
    const bool done = at.bracket == h->last - 1 && at.count == 0 && at.rung == 0;
    const bool under_way = at.bracket >= h->last && at.bracket <= h->largest && at.rung <= at.bracket &&
                           (double)at.count == rung_size(h, at.bracket, at.rung) && at.count > 0;
    r->failed |= !done && !under_way;
    return at;
}

static void read_members(text_reader_t *r, rung_t *at, member_t *member) {
    for (size_t i = 0; i < at->count && !r->failed; ++i) {
        member[i].config = text_whole(r, ' ', (double)at->created - 1);
        member[i].told = text_whole(r, ' ', i < at->issued) == 1;
        member[i].loss = text_number(r, '\n');
        r->failed |= i > 0 && member[i].config <= member[i - 1].config;
        at->told += member[i].told;
    }
    r->failed |= r->at != r->end || (at->count > 0 && at->told == at->count);
}

optim_status optim_hyperband_deserialize(optim_hyperband_t *hyperband, const void *buffer, size_t size) {
    optim_status status = refuse_null(hyperband, "hyperband");
    if (status == OPTIM_OK)
        status = refuse_null(buffer, "buffer");
    if (status != OPTIM_OK)
        return status;
    text_reader_t r = {buffer, (const char *)buffer + size, false};
    if (!text_skip(&r, FORMAT))
        return error_set(OPTIM_ERR_CHECKPOINT, "these bytes are no saved hyperband");
    for (int i = 0; i < OPTION_COUNT; ++i) {
        const double value = text_number(&r, i + 1 < OPTION_COUNT ? ' ' : '\n');
        if (!r.failed && value != hyperband->option[i])
            return error_set(OPTIM_ERR_MISMATCH, "saved with %s=%g, not %g", OPTIONS[i].name, value,
                             hyperband->option[i]);
    }
    rung_t at = {0};
    if (!r.failed)
        at = read_rung(hyperband, &r);
    member_t *member = r.failed ? NULL : calloc(at.count + 1, sizeof *member);
    if (member == NULL && !r.failed)
        return error_nomem("loading hyperband");
    if (!r.failed)
        read_members(&r, &at, member);
    if (r.failed) {
        free(member);
        return error_set(OPTIM_ERR_CHECKPOINT, "these bytes are no saved hyperband, or are damaged");
    }
    memcpy(hyperband->member, member, at.count * sizeof *member);
    free(member);
    hyperband->at = at;
    return OPTIM_OK;
}
