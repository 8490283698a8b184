/*
 * Clients with quadratic losses F_c(x) = 1/2 sum_i h_ci (x_i - t_ci)^2, h_ci = 1 + (i + 2c) mod 5, t_ci = sin(2 + i + 3c),
 * that train by SGD under a server's rule.
 */
#ifndef PROPERTY_SIMULATION_H
#define PROPERTY_SIMULATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "optim/federated.h"

enum { CLIENTS = 4, D = 6 };

typedef struct simulation {
    optim_server_t *server;
    double w[D];
    double y[CLIENTS][D], g[CLIENTS][D];
    bool backwards; /* clients hand in from the last to the first */
} simulation_t;

double client_h(size_t c, size_t i);
double client_t(size_t c, size_t i);
void client_gradient(size_t c, const double *x, double *g);
double client_loss(size_t c, const double *x);

/* A server with four clients, whose sizes are 1, 2, 3, 4, probabilities 0.2 to 0.8 and times 1, 2, 3, 4; w = sin(1 + 1.3 i). */
simulation_t *simulation_new(const char *rule, const char *options);
void simulation_free(simulation_t *simulation);

void simulation_begin(simulation_t *simulation, size_t client);
void simulation_train(simulation_t *simulation, size_t client);
void simulation_end(simulation_t *simulation, size_t client);

/* A round of those whom the server selects. */
void simulation_round(simulation_t *simulation);
/* The same where clients begin anew behind the commit alone; all have begun before. */
void simulation_event(simulation_t *simulation);
/* What is handed in is the gradient. */
void simulation_gradient_event(simulation_t *simulation);

double simulation_number(const simulation_t *simulation, int64_t client, const char *name);

/* Minimiser of sum_c weight_c F_c, and |x - y|. */
void minimiser(const double weight[CLIENTS], double x[D]);
double distance(const double x[D], const double y[D]);

#endif
