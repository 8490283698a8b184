#include "simulation.h"

#include <math.h>
#include <stdlib.h>

#include "check.h"

double client_h(size_t c, size_t i) {
    return (double)(1 + (i + 2 * c) % 5);
}

double client_t(size_t c, size_t i) {
    return sin(2 + (double)i + 3 * (double)c);
}

void client_gradient(size_t c, const double *x, double *g) {
    for (size_t i = 0; i < D; ++i)
        g[i] = client_h(c, i) * (x[i] - client_t(c, i));
}

double client_loss(size_t c, const double *x) {
    double sum = 0;
    for (size_t i = 0; i < D; ++i)
        sum += client_h(c, i) * (x[i] - client_t(c, i)) * (x[i] - client_t(c, i)) / 2;
    return sum;
}

simulation_t *simulation_new(const char *rule, const char *options) {
    static const double SIZES[] = {1, 2, 3, 4}, PROBABILITIES[] = {0.2, 0.4, 0.6, 0.8};
    simulation_t *s = check_memory(1, sizeof *s);
    for (size_t i = 0; i < D; ++i)
        s->w[i] = sin(1 + 1.3 * (double)i);
    CHECK_OK(optim_server_create(&s->server, rule, options));
    CHECK_OK(optim_server_add_param(s->server, "w", OPTIM_F64, 1, (int64_t[]){D}, s->w));
    CHECK_OK(optim_server_set_clients(s->server, CLIENTS));
    CHECK_OK(optim_server_set_numbers(s->server, "size", SIZES, CLIENTS));
    CHECK_OK(optim_server_set_numbers(s->server, "probability", PROBABILITIES, CLIENTS));
    CHECK_OK(optim_server_set_numbers(s->server, "time", SIZES, CLIENTS));
    return s;
}

void simulation_free(simulation_t *simulation) {
    optim_server_destroy(simulation->server);
    free(simulation);
}

double simulation_number(const simulation_t *simulation, int64_t client, const char *name) {
    double value;
    CHECK_OK(optim_server_get(simulation->server, client, name, &value));
    return value;
}

void simulation_begin(simulation_t *simulation, size_t client) {
    CHECK_OK(optim_server_begin(simulation->server, (int64_t)client, (void *[]){simulation->y[client]}));
}

void simulation_train(simulation_t *simulation, size_t client) {
    double *y = simulation->y[client], *g = simulation->g[client];
    const int steps = (int)simulation_number(simulation, (int64_t)client, "steps");
    for (int k = 0; k < steps; ++k) {
        optim_status status = OPTIM_EVAL_GRAD;
        while (status == OPTIM_EVAL_GRAD) {
            client_gradient(client, y, g);
            status = optim_server_local(simulation->server, (int64_t)client, (void *[]){y}, (void *[]){g});
        }
        CHECK_OK(status);
        const double rate = simulation_number(simulation, (int64_t)client, "rate");
        for (size_t i = 0; i < D; ++i)
            y[i] -= rate * g[i];
    }
}

void simulation_end(simulation_t *simulation, size_t client) {
    const int64_t steps = (int64_t)simulation_number(simulation, (int64_t)client, "steps");
    CHECK_OK(optim_server_end(simulation->server, (int64_t)client, (const void *[]){simulation->y[client]}, steps));
}

static size_t selected(simulation_t *s, int64_t who[CLIENTS]) {
    size_t count;
    CHECK_OK(optim_server_select(s->server, who, CLIENTS, &count));
    return count;
}

void simulation_round(simulation_t *simulation) {
    int64_t who[CLIENTS];
    const size_t count = selected(simulation, who);
    for (size_t k = 0; k < count; ++k) {
        const size_t c = (size_t)who[simulation->backwards ? count - 1 - k : k];
        simulation_begin(simulation, c);
        simulation_train(simulation, c);
        simulation_end(simulation, c);
    }
    CHECK_OK(optim_server_commit(simulation->server));
}

void simulation_event(simulation_t *simulation) {
    int64_t who[CLIENTS];
    const size_t count = selected(simulation, who);
    for (size_t k = 0; k < count; ++k) {
        simulation_train(simulation, (size_t)who[k]);
        simulation_end(simulation, (size_t)who[k]);
    }
    CHECK_OK(optim_server_commit(simulation->server));
    for (size_t k = 0; k < count; ++k)
        simulation_begin(simulation, (size_t)who[k]);
}

void simulation_gradient_event(simulation_t *simulation) {
    int64_t who[CLIENTS];
    const size_t count = selected(simulation, who);
    for (size_t k = 0; k < count; ++k) {
        const size_t c = (size_t)who[k];
        simulation_begin(simulation, c);
        client_gradient(c, simulation->y[c], simulation->g[c]);
        CHECK_OK(optim_server_end(simulation->server, who[k], (const void *[]){simulation->g[c]}, 1));
    }
    CHECK_OK(optim_server_commit(simulation->server));
}

void minimiser(const double weight[CLIENTS], double x[D]) {
    for (size_t i = 0; i < D; ++i) {
        double above = 0, below = 0;
        for (size_t c = 0; c < CLIENTS; ++c) {
            above += weight[c] * client_h(c, i) * client_t(c, i);
            below += weight[c] * client_h(c, i);
        }
        x[i] = above / below;
    }
}

double distance(const double x[D], const double y[D]) {
    double square = 0;
    for (size_t i = 0; i < D; ++i)
        square += (x[i] - y[i]) * (x[i] - y[i]);
    return sqrt(square);
}
