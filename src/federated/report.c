/* Numbers and vectors by name. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/option.h"
#include "base/words.h"
#include "engine/engine.h"
#include "federated/server.h"

static int find_row(const server_t *s, const char *name, kept_of_t of, bool is_number) {
    const size_t rows = server_rows(s);
    for (size_t row = 0; row < rows; ++row)
        if (server_has_row(s, row, of, is_number) && strcmp(s->rule->kept[row].name, name) == 0)
            return (int)row;
    return -1;
}

static optim_status refuse_name(const server_t *s, const char *name, kept_of_t of, bool is_number) {
    static const char *const ALWAYS[2][2] = {
        {"", "start, result"}, {"round, version, skipped, met", "rate, steps, version, begun, handed_in"}};
    const char *owner = of == OF_SERVER ? "the server" : "a client";
    list_t list = {.used = 0};
    if (*ALWAYS[is_number][of == OF_CLIENT] != '\0')
        list_add(&list, ALWAYS[is_number][of == OF_CLIENT]);
    for (int i = 0; is_number && of == OF_SERVER && s->rule->options[i].name != NULL; ++i)
        list_add(&list, s->rule->options[i].name);
    const size_t rows = server_rows(s);
    for (size_t row = 0; row < rows; ++row)
        if (server_has_row(s, row, of, is_number))
            list_add(&list, s->rule->kept[row].name);
    return error_set(OPTIM_ERR_OPTION, "%s of rule %s has no %s \"%.60s\"; there are: %s", owner, s->rule->name,
                     is_number ? "number" : "vector", name, list_end(&list, "optim_describe_state"));
}

/* ---- Numbers ---- */

static double option_or(const server_t *s, const char *name, double otherwise) {
    const int row = option_find(s->rule->options, name, strlen(name));
    return row < 0 ? otherwise : s->option[row];
}

static optim_status get_of_server(const server_t *s, const char *name, double *value) {
    const struct {
        const char *name;
        double value;
    } NUMBERS[] = {{"round", (double)s->round},
                   {"version", (double)s->version},
                   {"skipped", (double)s->skipped},
                   {"met", (double)s->count}};
    for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; ++i)
        if (strcmp(NUMBERS[i].name, name) == 0) {
            *value = NUMBERS[i].value;
            return OPTIM_OK;
        }
    const int option = option_find(s->rule->options, name, strlen(name));
    const int row = option < 0 ? find_row(s, name, OF_SERVER, true) : -1;
    if (option < 0 && row < 0)
        return refuse_name(s, name, OF_SERVER, true);
    *value = option >= 0 ? s->option[option] : s->opened ? s->number[row] : s->rule->kept[row].initial;
    return OPTIM_OK;
}

static optim_status get_of_client(const server_t *s, const client_t *c, const char *name, double *value) {
    const int row = find_row(s, name, OF_CLIENT, true);
    if (row >= 0)
        *value = c->number[row];
    else if (strcmp(name, "rate") == 0)
        *value = s->rule->rate != NULL ? s->rule->rate(s, c) : option_or(s, "lr", 0);
    else if (strcmp(name, "steps") == 0)
        *value = s->rule->steps != NULL ? s->rule->steps(s, c) : option_or(s, "local_steps", 1);
    else if (strcmp(name, "version") == 0)
        *value = (double)c->version;
    else if (strcmp(name, "begun") == 0 || strcmp(name, "handed_in") == 0)
        *value = c->stage == (*name == 'b' ? CLIENT_BEGUN : CLIENT_ENDED);
    else
        return refuse_name(s, name, OF_CLIENT, true);
    return OPTIM_OK;
}

/* One that was not met is as it would be met now. */
typedef optim_status of_client_t(const server_t *s, const client_t *c, void *context);
static optim_status with_client(const server_t *s, int64_t id, of_client_t *act, void *context) {
    if (id < -1 || (s->clients > 0 && id >= s->clients))
        return error_set(OPTIM_ERR_ARGUMENT, "there is no client %" PRId64, id);
    const client_t *known = server_client(s, id);
    if (known != NULL)
        return act(s, known, context);
    client_t *c = client_new(s, id);
    if (c == NULL)
        return error_nomem("looking at a client");
    const optim_status status = act(s, c, context);
    client_free(c);
    return status;
}

typedef struct question {
    const char *name;
    double *value;
    int param;
    void *values;
} question_t;

static optim_status ask_number(const server_t *s, const client_t *c, void *context) {
    const question_t *question = context;
    return get_of_client(s, c, question->name, question->value);
}

optim_status optim_server_get(const optim_server_t *server, int64_t client, const char *name, double *value) {
    optim_status status = refuse_null(server, "server");
    if (status == OPTIM_OK)
        status = refuse_null(name, "name");
    if (status == OPTIM_OK)
        status = refuse_null(value, "value");
    if (status != OPTIM_OK)
        return status;
    question_t question = {.name = name, .value = value};
    return client == -1 ? get_of_server(server, name, value) : with_client(server, client, ask_number, &question);
}

/* ---- Vectors ---- */

/* Its part of the parameter, zeros for NULL: what begins as zero is not there before the first round. */
static optim_status give(const server_t *s, const double *vector, const question_t *question) {
    const server_param_t *param = &s->param[question->param];
    const primitives_t *convert = engine_primitives(0);
    const double zero = 0;
    char *values = question->values;
    for (size_t i = 0; vector == NULL && i < param->count; ++i)
        convert->store_f64(param->dtype, 1, &zero, values + i * dtype_size(param->dtype));
    if (vector != NULL && param->count > 0)
        convert->store_f64(param->dtype, param->count, vector + param->first, values);
    return OPTIM_OK;
}

static optim_status ask_vector(const server_t *s, const client_t *c, void *context) {
    const question_t *question = context;
    const int row = find_row(s, question->name, OF_CLIENT, false);
    const bool is_start = strcmp(question->name, "start") == 0, is_result = strcmp(question->name, "result") == 0;
    if (row >= 0)
        return give(s, c->vector[row], question);
    if (!is_start && !is_result)
        return refuse_name(s, question->name, OF_CLIENT, false);
    if (c->stage == CLIENT_IDLE || (is_result && c->stage != CLIENT_ENDED))
        return error_set(OPTIM_ERR_ORDER, "client %" PRId64 " has no %s now", c->id, question->name);
    return give(s, is_start ? c->start : c->result, question);
}

optim_status optim_server_state(const optim_server_t *server, int64_t client, const char *name, int param,
                                void *values) {
    optim_status status = refuse_null(server, "server");
    if (status == OPTIM_OK)
        status = refuse_null(name, "name");
    if (status == OPTIM_OK)
        status = refuse_null(values, "values");
    if (status == OPTIM_OK && (param < 0 || (size_t)param >= server->param_count))
        status =
            error_set(OPTIM_ERR_ARGUMENT, "there is no parameter %d; the server has %zu", param, server->param_count);
    if (status != OPTIM_OK)
        return status;
    question_t question = {.name = name, .param = param, .values = values};
    if (client != -1)
        return with_client(server, client, ask_vector, &question);
    const int row = find_row(server, name, OF_SERVER, false);
    return row < 0 ? refuse_name(server, name, OF_SERVER, false) : give(server, server->vector[row], &question);
}
