/*
 * Coded gradients in bytes: text, a line each for the format with the rule, the options, the round with what is told of
 * the last one, and the tables, a digit an entry; of jobs that were decoded last, the numbers.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/numbers_text.h"
#include "base/option.h"
#include "federated/coding.h"

static const char FORMAT[] = "gradopt-coding 1 ";

/* The tables, in this order. */
enum { LATE, ARRIVED, FIRST, DONE, TABLES };
typedef struct table {
    bool *at;
    size_t count;
} table_t;

static table_t table_of(const optim_coding_t *c, int which) {
    const size_t n = (size_t)c->n, rows = (size_t)c->last + 1;
    switch (which) {
    case LATE:
        return (table_t){c->late, (size_t)c->w * n};
    case ARRIVED:
        return (table_t){c->arrived, rows * (size_t)(c->plain + c->groups) * n};
    case FIRST:
        return (table_t){c->first, rows * n};
    default:
        return (table_t){c->done, rows};
    }
}

/* Workers from whom a job is decoded. */
static size_t senders(const optim_coding_t *c) {
    return (size_t)(c->groups * (c->n - c->s));
}

/* ---- Writing ---- */

static void put_all(text_writer_t *w, const optim_coding_t *c) {
    const size_t options = option_count(c->rule->options);
    text_put(w, FORMAT, sizeof FORMAT - 1);
    text_put(w, c->rule->name, strlen(c->rule->name));
    text_put(w, "\n", 1);
    for (size_t i = 0; i < options; ++i)
        text_put_number(w, c->option[i], i + 1 < options ? ' ' : '\n');
    text_put_number(w, (double)c->round, ' ');
    text_put_number(w, c->waited, ' ');
    text_put_number(w, c->duration, ' ');
    text_put_number(w, (double)c->decoded, '\n');
    for (int which = 0; which < TABLES; ++which) {
        const table_t table = table_of(c, which);
        for (size_t i = 0; i < table.count; ++i)
            text_put(w, table.at[i] ? "1" : "0", 1);
        text_put(w, "\n", 1);
    }
    for (int64_t k = 0; k < c->decoded; ++k) {
        text_put_number(w, (double)c->job[k], '\n');
        for (size_t i = 0; i < senders(c); ++i)
            text_put_number(w, (double)c->from[(size_t)k * senders(c) + i], '\n');
    }
}

optim_status optim_coding_serialize(const optim_coding_t *coding, void *buffer, size_t room, size_t *size) {
    optim_status status = refuse_null(coding, "coding");
    if (status == OPTIM_OK)
        status = refuse_null(size, "size");
    if (status != OPTIM_OK)
        return status;
    text_writer_t w = {buffer, room, 0};
    put_all(&w, coding);
    *size = w.size;
    if (buffer != NULL && room < w.size)
        return error_set(OPTIM_ERR_ARGUMENT, "there is room for %zu bytes; %zu are needed", room, w.size);
    return OPTIM_OK;
}

/* ---- Reading: all of it is checked before anything is taken over ---- */

static void get_table(text_reader_t *r, table_t table) {
    for (size_t i = 0; i < table.count && !r->failed; ++i) {
        r->failed = r->at == r->end || (*r->at != '0' && *r->at != '1');
        if (!r->failed)
            table.at[i] = *r->at++ == '1';
    }
    r->failed |= !text_skip(r, "\n");
}

/* Jobs that were decoded last, ascending, and from whom. */
static void get_decoded(text_reader_t *r, optim_coding_t *c) {
    for (int64_t k = 0; k < c->decoded && !r->failed; ++k) {
        c->job[k] = text_whole(r, '\n', (double)c->round - 1);
        r->failed |= k > 0 && c->job[k] <= c->job[k - 1];
        for (size_t i = 0; i < senders(c); ++i)
            c->from[(size_t)k * senders(c) + i] = text_whole(r, '\n', (double)c->n - 1);
    }
}

static void get_all(text_reader_t *r, optim_coding_t *c) {
    const double most = 0x1p53;
    c->round = text_whole(r, ' ', c->jobs == 0 ? most : (double)(c->jobs + c->last));
    c->waited = text_whole(r, ' ', 1) == 1;
    c->duration = text_number(r, ' ');
    c->decoded = text_whole(r, '\n', (double)c->last + 1);
    for (int which = 0; which < TABLES; ++which)
        get_table(r, table_of(c, which));
    get_decoded(r, c);
    r->failed |= r->at != r->end;
}

/* Takes over what a copy with tables of its own has read. */
static void take_over(optim_coding_t *c, optim_coding_t *read) {
    for (int which = 0; which < TABLES; ++which)
        memcpy(table_of(c, which).at, table_of(read, which).at, table_of(c, which).count * sizeof(bool));
    memcpy(c->job, read->job, ((size_t)c->last + 1) * sizeof *c->job);
    memcpy(c->from, read->from, ((size_t)c->last + 1) * senders(c) * sizeof *c->from);
    c->round = read->round;
    c->waited = read->waited;
    c->duration = read->duration;
    c->decoded = read->decoded;
}

optim_status optim_coding_deserialize(optim_coding_t *coding, const void *buffer, size_t size) {
    optim_status status = refuse_null(coding, "coding");
    if (status == OPTIM_OK)
        status = refuse_null(buffer, "buffer");
    if (status != OPTIM_OK)
        return status;
    text_reader_t r = {buffer, (const char *)buffer + size, false};
    if (!text_skip(&r, FORMAT))
        return error_set(OPTIM_ERR_FORMAT, "these bytes are no saved coded gradients");
    if (!text_skip(&r, coding->rule->name) || !text_skip(&r, "\n"))
        return error_set(OPTIM_ERR_CHECKPOINT, "these bytes are not of rule %s", coding->rule->name);
    for (size_t i = 0; i < option_count(coding->rule->options); ++i) {
        const double value = text_number(&r, i + 1 < option_count(coding->rule->options) ? ' ' : '\n');
        if (!r.failed && value != coding->option[i])
            return error_set(OPTIM_ERR_CHECKPOINT, "saved with %s=%g, not %g", coding->rule->options[i].name, value,
                             coding->option[i]);
    }
    optim_coding_t *read = r.failed ? NULL : coding_like(coding);
    if (read == NULL && !r.failed)
        return error_nomem("loading coded gradients");
    if (read != NULL) {
        get_all(&r, read);
        if (!r.failed)
            take_over(coding, read);
    }
    optim_coding_destroy(read);
    return r.failed ? error_set(OPTIM_ERR_FORMAT, "these bytes are damaged coded gradients") : OPTIM_OK;
}
