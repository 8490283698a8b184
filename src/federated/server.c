/* The life of a server, and what its caller tells it. */
#include "federated/server.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/option.h"
#include "optimizer/entry_values.h"
#include "optimizer/optimizer.h"
#include "optimizer/registry.h"

/* ---- Life ---- */

static optim_status check_options(const rule_t *rule, const double *option) {
    const char *wrong = rule->check == NULL ? NULL : rule->check(option);
    return wrong == NULL ? OPTIM_OK : error_set(OPTIM_ERR_VALUE, "rule %s: %s", rule->name, wrong);
}

static optim_status read_options(server_t *s, const char *options) {
    char owner[VALUE_NAME];
    (void)snprintf(owner, sizeof owner, "rule \"%s\"", s->rule->name);
    values_default(s->rule->options, NULL, s->option);
    const optim_status status = values_read(s->rule->options, owner, s->option, options);
    return status == OPTIM_OK ? check_options(s->rule, s->option) : status;
}

static const rule_t *find_server_rule(const char *name, optim_status *status) {
    const rule_t *rule = registry_find_rule(name, strlen(name));
    *status = rule == NULL ? OPTIM_ERR_NAME : OPTIM_OK;
    if (rule != NULL && rule->flags & NO_SERVER)
        *status = error_set(OPTIM_ERR_MISMATCH, "%s is no rule of a server: optim_coding_create takes it", name);
    return rule;
}

optim_status optim_server_create(optim_server_t **out, const char *rule, const char *options) {
    optim_status status = refuse_null(out, "out");
    if (status != OPTIM_OK)
        return status;
    *out = NULL;
    status = refuse_null(rule, "rule");
    const rule_t *found = status == OPTIM_OK ? find_server_rule(rule, &status) : NULL;
    if (status != OPTIM_OK)
        return status;
    server_t *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_nomem("making a server");
    s->rule = found;
    status = read_options(s, options);
    if (status == OPTIM_OK)
        *out = s;
    else
        optim_server_destroy(s);
    return status;
}

void optim_server_destroy(optim_server_t *server) {
    if (server == NULL)
        return;
    server_free_kept(server);
    for (size_t i = 0; i < server->param_count; ++i) {
        free(server->param[i].name);
        free(server->param[i].dims);
    }
    for (size_t i = 0; i < server->matrix_count; ++i)
        free(server->matrix[i].name);
    for (int i = 0; i < SERVER_NUMBERS; ++i)
        free(server->told[i]);
    free(server->param);
    free(server->matrix);
    free(server->memory);
    free(server->w);
    free(server->sum);
    free(server->y);
    free(server->g);
    free(server);
}

/* ---- Parameters ---- */

static optim_status refuse_opened(const server_t *s, const char *doing) {
    return s->opened ? error_set(OPTIM_ERR_ORDER, "%s is possible before the server's first round only", doing)
                     : OPTIM_OK;
}

static optim_status check_param(const server_t *s, const char *name, optim_dtype dtype, int ndim, const int64_t *dims,
                                server_param_t *param) {
    enum { MOST_DIMS = 8 };
    size_t row, d;
    optim_status status = refuse_opened(s, "adding a parameter");
    if (status == OPTIM_OK && (dtype < OPTIM_F32 || dtype > OPTIM_F16))
        status = error_set(OPTIM_ERR_ARGUMENT, "there is no dtype %d", dtype);
    if (status == OPTIM_OK && (ndim < 0 || ndim > MOST_DIMS))
        status = error_set(OPTIM_ERR_SHAPE, "a parameter cannot have %d dimensions; valid: 0 to %d", ndim, MOST_DIMS);
    if (status == OPTIM_OK && ndim > 0)
        status = refuse_null(dims, "dims");
    if (status == OPTIM_OK)
        status = tensor_shape(name, ndim, dims, &param->count, &row);
    if (status == OPTIM_OK && (s->param_count == INT_MAX || !size_add(s->d, param->count, &d) ||
                               !size_multiply(d, sizeof(double), &row) || row > PTRDIFF_MAX))
        status = error_set(OPTIM_ERR_SIZE, "the parameters have more elements than memory can hold");
    return status;
}

static bool has_param(const server_t *s, const char *name) {
    for (size_t i = 0; i < s->param_count; ++i)
        if (strcmp(s->param[i].name, name) == 0)
            return true;
    return false;
}

/* Name and dimensions are copied; false: no memory. */
static bool append_param(server_t *s, server_param_t param, const char *name, const int64_t *dims) {
    server_param_t *grown = realloc(s->param, (s->param_count + 1) * sizeof *grown);
    if (grown == NULL)
        return false;
    s->param = grown;
    param.name = memory_text(name, strlen(name));
    param.dims = calloc((size_t)param.ndim + 1, sizeof *param.dims);
    if (param.name == NULL || param.dims == NULL) {
        free(param.name);
        free(param.dims);
        return false;
    }
    if (param.ndim > 0)
        memcpy(param.dims, dims, (size_t)param.ndim * sizeof *dims);
    param.first = s->d;
    s->d += param.count;
    s->param[s->param_count++] = param;
    return true;
}

optim_status optim_server_add_param(optim_server_t *server, const char *name, optim_dtype dtype, int ndim,
                                    const int64_t *dims, void *data) {
    char numbered[32];
    optim_status status = refuse_null(server, "server");
    if (status != OPTIM_OK)
        return status;
    (void)snprintf(numbered, sizeof numbered, "param%zu", server->param_count);
    name = name == NULL ? numbered : name;
    server_param_t param = {.dtype = dtype, .ndim = ndim, .data = data};
    status = check_param(server, name, dtype, ndim, dims, &param);
    if (status == OPTIM_OK && has_param(server, name))
        status = error_set(OPTIM_ERR_DUPLICATE, "there is a parameter \"%.100s\" already; names must differ", name);
    if (status == OPTIM_OK && param.count > 0)
        status = refuse_null(data, "data");
    if (status != OPTIM_OK)
        return status;
    return append_param(server, param, name, dims) ? OPTIM_OK : error_nomem("adding a parameter");
}

optim_status optim_server_bind(optim_server_t *server, int param, void *data) {
    const optim_status status = refuse_null(server, "server");
    if (status != OPTIM_OK)
        return status;
    if (param < 0 || (size_t)param >= server->param_count)
        return error_set(OPTIM_ERR_ARGUMENT, "there is no parameter %d; the server has %zu", param,
                         server->param_count);
    if (data == NULL && server->param[param].count > 0)
        return refuse_null(data, "data");
    server->param[param].data = data;
    return OPTIM_OK;
}

/* ---- Clients ---- */

optim_status optim_server_set_clients(optim_server_t *server, int64_t count) {
    const int64_t most = (int64_t)1 << 40;
    optim_status status = refuse_null(server, "server");
    if (status == OPTIM_OK)
        status = refuse_opened(server, "telling the number of clients");
    if (status == OPTIM_OK && (count < 1 || count > most))
        status =
            error_set(OPTIM_ERR_ARGUMENT, "there cannot be %" PRId64 " clients; valid: 1 to %" PRId64, count, most);
    if (status != OPTIM_OK)
        return status;
    for (int i = 0; count != server->clients && i < SERVER_NUMBERS; ++i) {
        free(server->told[i]); /* of another number of clients */
        server->told[i] = NULL;
    }
    server->clients = count;
    return OPTIM_OK;
}

typedef struct number {
    const char *name;
    double lowest, highest;
    bool lowest_open;
} number_t;
static const number_t NUMBERS[] = {
    [SIZE_OF] = {"size", 0, HUGE_VAL, true},        [PROBABILITY_OF] = {"probability", 0, 1, false},
    [TIME_OF] = {"time", 0, HUGE_VAL, true},        [NORM_OF] = {"norm", 0, HUGE_VAL, false},
    [ARRIVAL_OF] = {"arrival", 0, HUGE_VAL, false}, [LOSS_OF] = {"loss", -HUGE_VAL, HUGE_VAL, false}};

static int find_number(const char *name) {
    for (int i = 0; i < SERVER_NUMBERS; ++i)
        if (strcmp(NUMBERS[i].name, name) == 0)
            return i;
    (void)error_set(OPTIM_ERR_NAME,
                    "clients have no number \"%.60s\"; valid: size, probability, time, norm, arrival, loss", name);
    return -1;
}

static optim_status check_numbers(const server_t *s, const number_t *number, const double *values, int64_t count) {
    if (s->clients == 0)
        return error_set(OPTIM_ERR_ORDER, "how many clients there are comes first: optim_server_set_clients");
    if (count != s->clients)
        return error_set(OPTIM_ERR_ARGUMENT, "there are %" PRId64 " numbers for %" PRId64 " clients", count,
                         s->clients);
    for (int64_t i = 0; i < count; ++i)
        if (!isfinite(values[i]) || values[i] < number->lowest || values[i] > number->highest ||
            (number->lowest_open && values[i] == number->lowest))
            return error_set(OPTIM_ERR_ARGUMENT, "the %s of client %" PRId64 " cannot be %g", number->name, i,
                             values[i]);
    return OPTIM_OK;
}

optim_status optim_server_set_numbers(optim_server_t *server, const char *name, const double *values, int64_t count) {
    optim_status status = refuse_null(server, "server");
    if (status == OPTIM_OK)
        status = refuse_null(name, "name");
    if (status == OPTIM_OK)
        status = refuse_null(values, "values");
    if (status != OPTIM_OK)
        return status;
    const int which = find_number(name);
    if (which < 0)
        return OPTIM_ERR_NAME;
    status = check_numbers(server, &NUMBERS[which], values, count);
    if (status == OPTIM_OK && which == TIME_OF)
        status = refuse_opened(server, "telling how long clients take");
    size_t bytes;
    if (status == OPTIM_OK && !size_multiply((size_t)count, sizeof *values, &bytes))
        status = error_set(OPTIM_ERR_SIZE, "there are too many clients");
    if (status != OPTIM_OK)
        return status;
    double *copy = malloc(bytes);
    if (copy == NULL)
        return error_nomem("telling numbers of clients");
    memcpy(copy, values, bytes);
    free(server->told[which]);
    server->told[which] = copy;
    return OPTIM_OK;
}

/* ---- Matrices ---- */

static server_matrix_t *find_matrix(const server_t *s, int64_t client, const char *name) {
    for (size_t i = 0; i < s->matrix_count; ++i)
        if (s->matrix[i].client == client && strcmp(s->matrix[i].name, name) == 0)
            return &s->matrix[i];
    return NULL;
}

const server_matrix_t *server_matrix(const server_t *s, int64_t client, const char *name) {
    const server_matrix_t *found = find_matrix(s, client, name);
    return found == NULL || found->data == NULL ? NULL : found;
}

static bool append_matrix(server_t *s, server_matrix_t matrix, const char *name) {
    server_matrix_t *grown = realloc(s->matrix, (s->matrix_count + 1) * sizeof *grown);
    if (grown == NULL)
        return false;
    s->matrix = grown;
    matrix.name = memory_text(name, strlen(name));
    if (matrix.name == NULL)
        return false;
    s->matrix[s->matrix_count++] = matrix;
    return true;
}

optim_status optim_server_set_input(optim_server_t *server, int64_t client, const char *name, optim_dtype dtype,
                                    int64_t rows, int64_t columns, const void *data) {
    optim_status status = refuse_null(server, "server");
    if (status == OPTIM_OK)
        status = refuse_null(name, "name");
    if (status != OPTIM_OK)
        return status;
    if (client < 0 || (server->clients > 0 && client >= server->clients))
        return error_set(OPTIM_ERR_ARGUMENT, "there is no client %" PRId64, client);
    if (strcmp(name, "data") != 0 && strcmp(name, "second_moment") != 0)
        return error_set(OPTIM_ERR_NAME, "clients have no input \"%.60s\"; valid: data, second_moment", name);
    if (dtype != OPTIM_F32 && dtype != OPTIM_F64)
        return error_set(OPTIM_ERR_ARGUMENT, "a client's input must be OPTIM_F32 or OPTIM_F64, not %d", dtype);
    size_t size, item;
    if (rows < 1 || columns < 1 || !size_multiply((size_t)rows, (size_t)columns, &size) ||
        !size_multiply(size, sizeof(double), &item))
        return error_set(OPTIM_ERR_SHAPE, "a client's input cannot be %" PRId64 " by %" PRId64, rows, columns);
    const server_matrix_t matrix = {client, NULL, dtype, {rows, columns}, data};
    server_matrix_t *found = find_matrix(server, client, name);
    if (found == NULL)
        return append_matrix(server, matrix, name) ? OPTIM_OK : error_nomem("telling of a client's input");
    char *kept = found->name;
    *found = matrix;
    found->name = kept;
    return OPTIM_OK;
}

/* ---- Options ---- */

optim_status optim_server_set(optim_server_t *server, const char *key, double value) {
    optim_status status = refuse_null(server, "server");
    if (status == OPTIM_OK)
        status = refuse_null(key, "key");
    if (status != OPTIM_OK)
        return status;
    const option_t *table = server->rule->options;
    const int row = option_find(table, key, strlen(key));
    if (row < 0) {
        char owner[VALUE_NAME];
        (void)snprintf(owner, sizeof owner, "rule \"%s\"", server->rule->name);
        return option_refuse(table, owner, key, strlen(key));
    }
    if (table[row].decides_memory && server->opened)
        return error_set(OPTIM_ERR_ORDER, "option \"%s\" can be set before the server's first round only", key);
    status = option_check(&table[row], value);
    const double before = server->option[row];
    if (status != OPTIM_OK)
        return status;
    server->option[row] = value;
    status = check_options(server->rule, server->option);
    if (status != OPTIM_OK)
        server->option[row] = before;
    return status;
}
