/* A round: who takes part, where they start, what they hand in, what the server makes of it. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "federated/server.h"

/* A call that fails leaves a server unopened that it found so. */
static optim_status settle(server_t *s, bool was_open, optim_status status) {
    if (status < 0 && s->opened && !was_open)
        server_close(s);
    return status;
}

static optim_status refuse_client(const server_t *s, int64_t client) {
    if (client >= 0 && (s->clients == 0 || client < s->clients))
        return OPTIM_OK;
    return s->clients == 0
               ? error_set(OPTIM_ERR_ARGUMENT, "there is no client %" PRId64, client)
               : error_set(OPTIM_ERR_ARGUMENT, "there is no client %" PRId64 "; there are %" PRId64 ", counted from 0",
                           client, s->clients);
}

/* ---- Select ---- */

static optim_status choose(server_t *s, int64_t *chosen, size_t *count) {
    if (s->rule->select != NULL)
        return s->rule->select(s, chosen, count);
    return participate(s, (participation_t){0}, chosen, count);
}

/* Draws; on an error the stream stands where it stood. */
static optim_status make_selection(server_t *s) {
    size_t bytes, count = 0;
    optim_status status = server_need_clients(s);
    if (status == OPTIM_OK && !size_multiply((size_t)s->clients, sizeof *s->selection, &bytes))
        status = error_set(OPTIM_ERR_SIZE, "there are too many clients");
    if (status != OPTIM_OK)
        return status;
    int64_t *chosen = malloc(bytes);
    if (chosen == NULL)
        return error_nomem("choosing clients");
    const uint64_t draws = s->draws;
    status = choose(s, chosen, &count);
    if (status != OPTIM_OK) {
        s->draws = draws;
        free(chosen);
        return status;
    }
    free(s->selection);
    s->selection = chosen;
    s->selected = count;
    s->has_selection = true;
    return OPTIM_OK;
}

static optim_status try_select(optim_server_t *server, int64_t *clients, size_t room, size_t *count) {
    optim_status status = refuse_null(count, "count");
    if (status == OPTIM_OK)
        status = server_open(server);
    if (status == OPTIM_OK && !server->has_selection)
        status = make_selection(server);
    if (status != OPTIM_OK)
        return status;
    *count = server->selected;
    if (clients == NULL)
        return OPTIM_OK;
    if (room < server->selected)
        return error_set(OPTIM_ERR_ARGUMENT, "%zu clients take part; there is room for %zu", server->selected, room);
    memcpy(clients, server->selection, server->selected * sizeof *clients);
    return OPTIM_OK;
}

optim_status optim_server_select(optim_server_t *server, int64_t *clients, size_t room, size_t *count) {
    const optim_status refused = refuse_null(server, "server");
    if (refused != OPTIM_OK)
        return refused;
    const bool was_open = server->opened;
    return settle(server, was_open, try_select(server, clients, room, count));
}

/* ---- Begin ---- */

/* What was written is what the client starts from, rounded or not. */
static void start(server_t *s, client_t *c) {
    server_load_w(s);
    memcpy(c->start, s->w, s->d * sizeof *s->w);
    c->stage = CLIENT_BEGUN;
    c->asked = false;
    c->version = s->version;
    c->local = c->steps = 0;
    if (s->rule->begin != NULL)
        s->rule->begin(s, c);
}

static optim_status try_begin(optim_server_t *server, int64_t client, void *const *data) {
    optim_status status = server_open(server);
    if (status == OPTIM_OK)
        status = refuse_client(server, client);
    if (status == OPTIM_OK && data != NULL)
        status = server_refuse_data(server, data, "data");
    if (status != OPTIM_OK)
        return status;
    client_t *c = server_begin_with(server, client, &status);
    if (c == NULL)
        return status;
    start(server, c);
    if (data != NULL)
        server_write(server, c->start, data);
    return OPTIM_OK;
}

optim_status optim_server_begin(optim_server_t *server, int64_t client, void *const *data) {
    const optim_status refused = refuse_null(server, "server");
    if (refused != OPTIM_OK)
        return refused;
    const bool was_open = server->opened;
    return settle(server, was_open, try_begin(server, client, data));
}

/* ---- Local steps ---- */

static optim_status find_begun(const server_t *s, int64_t client, client_t **found) {
    *found = server_client(s, client);
    if (*found != NULL && (*found)->stage == CLIENT_BEGUN)
        return OPTIM_OK;
    return error_set(OPTIM_ERR_ORDER, "client %" PRId64 " has not begun%s: optim_server_begin first", client,
                     *found != NULL && (*found)->stage == CLIENT_ENDED ? " again since it handed in" : "");
}

static optim_status try_local(optim_server_t *server, int64_t client, void *const *data, void *const *grad) {
    client_t *c;
    optim_status status = server_open(server);
    if (status == OPTIM_OK)
        status = refuse_client(server, client);
    if (status == OPTIM_OK)
        status = server_refuse_data(server, data, "data");
    const bool reads = status == OPTIM_OK && !(server->rule->flags & NO_GRADIENT);
    if (reads)
        status = server_refuse_data(server, grad, "grad");
    if (status == OPTIM_OK)
        status = find_begun(server, client, &c);
    if (status != OPTIM_OK)
        return status;
    if (server->rule->local != NULL) {
        server_read(server, data, server->y);
        if (reads)
            server_read(server, grad, server->g);
        status = server->rule->local(server, c, server->y, server->g);
        if (status < 0)
            return status;
        server_write(server, server->y, data);
        if (reads)
            server_write(server, server->g, grad);
    }
    c->asked = status == OPTIM_EVAL_GRAD;
    c->local += status == OPTIM_OK;
    return status;
}

optim_status optim_server_local(optim_server_t *server, int64_t client, void *const *data, void *const *grad) {
    const optim_status refused = refuse_null(server, "server");
    if (refused != OPTIM_OK)
        return refused;
    const bool was_open = server->opened;
    return settle(server, was_open, try_local(server, client, data, grad));
}

/* ---- End ---- */

static bool is_finite(size_t n, const double *x) {
    for (size_t i = 0; i < n; ++i)
        if (!isfinite(x[i]))
            return false;
    return true;
}

/* Who may hand in: who has begun, or, where the rule lets anyone, whoever has not yet. */
static optim_status find_who_ends(server_t *s, int64_t client, client_t **found) {
    if (!(s->rule->flags & FROM_ANYONE) || (server_client(s, client) != NULL && server_client(s, client)->stage))
        return find_begun(s, client, found);
    optim_status status;
    *found = server_begin_with(s, client, &status);
    if (*found != NULL)
        start(s, *found);
    return status;
}

static optim_status try_end(optim_server_t *server, int64_t client, const void *const *data, int64_t steps) {
    client_t *c;
    optim_status status = server_open(server);
    if (status == OPTIM_OK)
        status = refuse_client(server, client);
    if (status == OPTIM_OK)
        status = server_refuse_data(server, (void *const *)data, "data");
    if (status == OPTIM_OK && steps < 0)
        status = error_set(OPTIM_ERR_ARGUMENT, "a client cannot have made %" PRId64 " steps", steps);
    if (status == OPTIM_OK)
        status = find_who_ends(server, client, &c);
    if (status != OPTIM_OK)
        return status;
    server_read(server, (void *const *)data, c->result);
    c->steps = steps;
    c->stage = CLIENT_ENDED;
    if (!is_finite(server->d, c->result)) {
        ++server->skipped;
        client_release(c);
    }
    return OPTIM_OK;
}

optim_status optim_server_end(optim_server_t *server, int64_t client, const void *const *data, int64_t steps) {
    const optim_status refused = refuse_null(server, "server");
    if (refused != OPTIM_OK)
        return refused;
    const bool was_open = server->opened;
    return settle(server, was_open, try_end(server, client, data, steps));
}

/* ---- Commit ---- */

/* Clients of the round are done with; those who train on while others commit keep what they began with. */
static void end_round(server_t *s) {
    for (size_t i = 0; i < s->count; ++i)
        if (s->client[i]->stage == CLIENT_ENDED || !(s->rule->flags & ASYNCHRONOUS))
            client_release(s->client[i]);
    s->has_selection = false;
    s->selected = 0;
    ++s->round;
}

static optim_status try_commit(optim_server_t *server) {
    const optim_status status = server_open(server);
    if (status != OPTIM_OK)
        return status;
    const bool empty = server_handed_in_count(server) == 0;
    if (!empty || server->rule->flags & COMMITS_EMPTY) {
        server_load_w(server);
        server->rule->commit(server);
        server_store_w(server);
    }
    server->version += !empty && !(server->rule->flags & ASYNCHRONOUS);
    end_round(server);
    return OPTIM_OK;
}

optim_status optim_server_commit(optim_server_t *server) {
    const optim_status refused = refuse_null(server, "server");
    if (refused != OPTIM_OK)
        return refused;
    const bool was_open = server->opened;
    return settle(server, was_open, try_commit(server));
}

optim_status optim_server_uniform(optim_server_t *server, double *value) {
    optim_status status = refuse_null(server, "server");
    if (status == OPTIM_OK)
        status = refuse_null(value, "value");
    if (status == OPTIM_OK)
        *value = server_uniform(server);
    return status;
}
