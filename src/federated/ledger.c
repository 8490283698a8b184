/* What a server keeps: its own vectors, and a client's from first contact on. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/engine.h"
#include "federated/server.h"

/* ---- Rows ---- */

size_t server_rows(const server_t *s) {
    size_t rows = 0;
    while (s->rule->kept != NULL && s->rule->kept[rows].name != NULL)
        ++rows;
    return rows;
}

bool server_has_row(const server_t *s, size_t row, kept_of_t of, bool is_number) {
    return s->rule->kept[row].of == of && s->rule->kept[row].is_number == is_number;
}

/* One zeroed block for the vectors of that owner; false: no memory. */
static bool take_rows(const server_t *s, kept_of_t of, double **vector, double *number) {
    const size_t rows = server_rows(s);
    for (size_t row = 0; row < rows; ++row) {
        if (s->rule->kept[row].of != of)
            continue;
        number[row] = s->rule->kept[row].initial;
        if (s->rule->kept[row].is_number)
            continue;
        vector[row] = calloc(s->d + 1, sizeof **vector);
        if (vector[row] == NULL)
            return false;
    }
    return true;
}

bool server_take_vectors(server_t *s) {
    return take_rows(s, OF_SERVER, s->vector, s->number);
}

/* ---- Clients ---- */

client_t *client_new(const server_t *s, int64_t id) {
    client_t *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->id = id;
    if (!take_rows(s, OF_CLIENT, c->vector, c->number)) {
        client_free(c);
        return NULL;
    }
    if (s->rule->meet != NULL)
        s->rule->meet(s, c);
    return c;
}

bool client_take_vectors(const server_t *s, client_t *c) {
    if (c->start == NULL)
        c->start = calloc(s->d + 1, sizeof *c->start);
    if (c->result == NULL)
        c->result = calloc(s->d + 1, sizeof *c->result);
    return c->start != NULL && c->result != NULL;
}

void client_release(client_t *c) {
    free(c->start);
    free(c->result);
    c->start = c->result = NULL;
    c->stage = CLIENT_IDLE;
    c->asked = false;
}

void client_free(client_t *c) {
    if (c == NULL)
        return;
    client_release(c);
    for (size_t row = 0; row < SERVER_ROWS; ++row)
        free(c->vector[row]);
    free(c);
}

/* Where the client stands, or belongs. */
static size_t position(const server_t *s, int64_t id) {
    size_t low = 0, high = s->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (s->client[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

client_t *server_client(const server_t *s, int64_t id) {
    const size_t at = position(s, id);
    return at < s->count && s->client[at]->id == id ? s->client[at] : NULL;
}

bool server_insert(server_t *s, client_t *c) {
    void *grown = s->client;
    if (!memory_grow(&grown, &s->room, s->count + 1, sizeof *s->client))
        return false;
    s->client = grown;
    const size_t at = position(s, c->id);
    memmove(s->client + at + 1, s->client + at, (s->count - at) * sizeof *s->client);
    s->client[at] = c;
    ++s->count;
    return true;
}

client_t *server_meet(server_t *s, int64_t id, optim_status *status) {
    client_t *c = server_client(s, id);
    *status = OPTIM_OK;
    if (c != NULL)
        return c;
    c = client_new(s, id);
    if (c != NULL && server_insert(s, c))
        return c;
    client_free(c);
    *status = error_nomem("meeting a client");
    return NULL;
}

client_t *server_begin_with(server_t *s, int64_t id, optim_status *status) {
    client_t *known = server_client(s, id), *c = known != NULL ? known : client_new(s, id);
    *status = OPTIM_OK;
    if (c != NULL && client_take_vectors(s, c) && (known != NULL || server_insert(s, c)))
        return c;
    if (known == NULL)
        client_free(c);
    *status = error_nomem("beginning with a client");
    return NULL;
}

void server_free_kept(server_t *s) {
    for (size_t i = 0; i < s->count; ++i)
        client_free(s->client[i]);
    free(s->client);
    free(s->selection);
    for (size_t row = 0; row < SERVER_ROWS; ++row)
        free(s->vector[row]);
}

/* ---- First use ---- */

static optim_status ready(server_t *s) {
    return s->rule->ready == NULL ? OPTIM_OK : s->rule->ready(s);
}

static optim_status meet_all(server_t *s) {
    optim_status status = server_need_clients(s);
    for (int64_t id = 0; status == OPTIM_OK && id < s->clients; ++id)
        (void)server_meet(s, id, &status);
    return status;
}

static optim_status take_all(server_t *s) {
    double **const SCRATCH[] = {&s->w, &s->sum, &s->y, &s->g};
    for (size_t i = 0; i < sizeof SCRATCH / sizeof *SCRATCH; ++i)
        if ((*SCRATCH[i] = calloc(s->d + 1, sizeof **SCRATCH[i])) == NULL)
            return error_nomem("beginning to serve");
    if (!server_take_vectors(s))
        return error_nomem("beginning to serve");
    server_load_w(s);
    optim_status status = ready(s);
    if (status == OPTIM_OK && s->rule->flags & MEETS_ALL)
        status = meet_all(s);
    return status;
}

void server_close(server_t *s) {
    s->opened = false;
    free(s->w);
    free(s->sum);
    free(s->y);
    free(s->g);
    free(s->memory);
    s->w = s->sum = s->y = s->g = s->memory = NULL;
    server_free_kept(s);
    s->client = NULL;
    s->selection = NULL;
    s->count = s->room = 0;
    memset(s->vector, 0, sizeof s->vector);
}

optim_status server_open(server_t *s) {
    if (s->opened)
        return ready(s);
    if (s->param_count == 0)
        return error_set(OPTIM_ERR_ORDER, "the server has no parameters: optim_server_add_param first");
    const optim_status status = take_all(s);
    if (status != OPTIM_OK)
        server_close(s);
    s->opened = status == OPTIM_OK;
    return status;
}

/* ---- The caller's buffers ---- */

static const primitives_t *convert(void) {
    return engine_primitives(0);
}

void server_read(const server_t *s, void *const *data, double *to) {
    for (size_t i = 0; i < s->param_count; ++i)
        if (s->param[i].count > 0)
            convert()->load_f64(s->param[i].dtype, s->param[i].count, data[i], to + s->param[i].first);
}

void server_write(const server_t *s, const double *from, void *const *data) {
    for (size_t i = 0; i < s->param_count; ++i)
        if (s->param[i].count > 0)
            convert()->store_f64(s->param[i].dtype, s->param[i].count, from + s->param[i].first, data[i]);
}

void server_load_w(server_t *s) {
    for (size_t i = 0; i < s->param_count; ++i)
        if (s->param[i].count > 0)
            convert()->load_f64(s->param[i].dtype, s->param[i].count, s->param[i].data, s->w + s->param[i].first);
}

void server_store_w(server_t *s) {
    for (size_t i = 0; i < s->param_count; ++i)
        if (s->param[i].count > 0)
            convert()->store_f64(s->param[i].dtype, s->param[i].count, s->w + s->param[i].first, s->param[i].data);
}

optim_status server_refuse_data(const server_t *s, void *const *data, const char *name) {
    const optim_status status = refuse_null(data, name);
    for (size_t i = 0; status == OPTIM_OK && i < s->param_count; ++i)
        if (data[i] == NULL && s->param[i].count > 0)
            return error_set(OPTIM_ERR_NULL, "%s[%zu] is NULL: a buffer as large as parameter \"%.100s\" is needed",
                             name, i, s->param[i].name);
    return status;
}
