/*
 * fedpca: principal components of data that stay where they are. Nguyen, Le, Nguyen, Bao, Seneviratne, Hong, Tran,
 * "Federated PCA on Grassmann Manifold for IoT Anomaly Detection", 2024, arXiv:2407.07421 (FedPE, FedPG).
 *
 * Z is d by k; client c has U (Z at first), Y = 0, T = 0 (k by k), and S = X X' of its data X, n columns. A = max(0,
 * U'U - I) by element. A round:
 *
 *     1. from the client's second round on: Y <- Y + rho (U - Z);   pe: T <- T + rho A o A
 *     2. g = (-4 S U + 2 S U (U'U) + 2 U (U'S U) + Y + rho (U - Z) + [pe] U (B + B')) / n,   B = 2 A o (T + rho A o A)
 *     3. local_steps times, pe: U <- U - lr g;   pg: U <- qr(U - lr (g - U U'g)), R with a positive diagonal
 *     4. Z = sum_c p_c U_c, equally or by n
 *
 * Step 1 is taken at the end of the round before. A local step is all of optim_server_local; it reads no gradient.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "federated/server.h"
#include "linear/linear.h"

enum { LR, LOCAL_STEPS, KIND, RHO, WEIGHTS };
enum { PG, PE };
static const option_t OPTIONS[] = {
    [LR] = {"lr", 0.01, "[0,inf)", "rate of the clients' steps"},
    [LOCAL_STEPS] = LOCAL_STEPS_ROW(5),
    [KIND] = {"kind", PG, "pg|pe", "clients on the Grassmann manifold, or in the space around it with a penalty"},
    [RHO] = {"rho", 1, "(0,inf)", "pull towards the server, and of the penalty"},
    [WEIGHTS] = {"weights", 0, "uniform|size", "of clients in the mean: equal, or their numbers of samples"},
    SEED_ROW,
    {0},
};

enum { U, Y, T, BASIS };
static const kept_t KEPT[] = {
    [U] = {.name = "U", .doc = "its components", .of = OF_CLIENT},
    [Y] = {.name = "Y", .doc = "multiplier of U = Z", .of = OF_CLIENT},
    [T] = {.name = "T", .doc = "multiplier of U'U <= I, k by k at the beginning", .of = OF_CLIENT},
    [BASIS] = {.name = "basis", .doc = "Q of Z = Q R: an orthonormal basis", .of = OF_SERVER},
    {0},
};

/* memory: three matrices of k by k, a row of k, room for QR */
typedef struct room {
    size_t d, k;
    double *gram, *inner, *b, *row;
    void *qr;
} room_t;

static room_t room_of(const server_t *s) {
    const size_t k = (size_t)s->param[0].dims[1], square = k * k;
    double *at = s->memory;
    return (room_t){(size_t)s->param[0].dims[0], k, at, at + square, at + 2 * square, at + 3 * square,
                    at + 3 * square + k};
}

static optim_status ready(server_t *s) {
    const optim_status status = linear_require("rule fedpca");
    if (status != OPTIM_OK || s->memory != NULL)
        return status;
    const server_param_t *z = &s->param[0];
    if (s->param_count != 1 || z->ndim != 2 || z->dims[1] < 1 || z->dims[1] > z->dims[0])
        return error_set(OPTIM_ERR_SHAPE, "rule fedpca wants one parameter, a matrix with no more columns than rows");
    const size_t k = (size_t)z->dims[1], qr = linear_qr_room((size_t)z->dims[0], k);
    size_t bytes, square;
    if (!size_multiply(k, k, &square) || !size_multiply(square, 4 * sizeof(double), &bytes) ||
        !size_add(bytes, qr, &bytes) || qr == SIZE_MAX)
        return error_set(OPTIM_ERR_SIZE, "the matrix of rule fedpca is too large");
    s->memory = malloc(bytes + k * sizeof(double));
    return s->memory == NULL ? error_nomem("making fedpca") : OPTIM_OK;
}

static void meet(const server_t *s, client_t *c) {
    if (s->w != NULL)
        memcpy(c->vector[U], s->w, s->d * sizeof *s->w);
}

static void begin(server_t *s, client_t *c) {
    memcpy(c->start, c->vector[U], s->d * sizeof *c->start);
}

/* ---- Matrices, row by row ---- */

/* out (k by k) <- a' b, both d by k */
static void gram(const room_t *r, const double *a, const double *b, double *out) {
    memset(out, 0, r->k * r->k * sizeof *out);
    for (size_t row = 0; row < r->d; ++row)
        for (size_t i = 0; i < r->k; ++i)
            for (size_t j = 0; j < r->k; ++j)
                out[i * r->k + j] += a[row * r->k + i] * b[row * r->k + j];
}

/* out (d by k) += factor a b, b being k by k */
static void add_product(const room_t *r, double factor, const double *a, const double *b, double *out) {
    for (size_t row = 0; row < r->d; ++row)
        for (size_t i = 0; i < r->k; ++i)
            for (size_t j = 0; j < r->k; ++j)
                out[row * r->k + j] += factor * a[row * r->k + i] * b[i * r->k + j];
}

static double entry(const server_matrix_t *m, size_t row, size_t column) {
    const size_t at = row * (size_t)m->dims[1] + column;
    return m->dtype == OPTIM_F64 ? ((const double *)m->data)[at] : (double)((const float *)m->data)[at];
}

/* out <- S u; of data column by column: X (X'u) */
static void multiply_moment(const room_t *r, const server_matrix_t *m, bool is_data, const double *u, double *out) {
    memset(out, 0, r->d * r->k * sizeof *out);
    for (size_t column = 0; column < (size_t)m->dims[1]; ++column) {
        const double *taken = is_data ? r->row : u + column * r->k;
        memset(r->row, 0, r->k * sizeof *r->row);
        for (size_t row = 0; is_data && row < r->d; ++row)
            for (size_t j = 0; j < r->k; ++j)
                r->row[j] += entry(m, row, column) * u[row * r->k + j];
        for (size_t row = 0; row < r->d; ++row)
            for (size_t j = 0; j < r->k; ++j)
                out[row * r->k + j] += entry(m, row, column) * taken[j];
    }
}

/* out <- A */
static void excess(const room_t *r, const double *gram_of_u, double *out) {
    for (size_t i = 0; i < r->k; ++i)
        for (size_t j = 0; j < r->k; ++j)
            out[i * r->k + j] = fmax(0, gram_of_u[i * r->k + j] - (i == j));
}

/* ---- A client ---- */

static optim_status find_data(const server_t *s, const client_t *c, const server_matrix_t **found, double *n) {
    const bool told = s->told[SIZE_OF] != NULL && c->id < s->clients;
    *found = server_matrix(s, c->id, "data");
    if (*found != NULL)
        *n = (double)(*found)->dims[1];
    else if ((*found = server_matrix(s, c->id, "second_moment")) != NULL && told)
        *n = s->told[SIZE_OF][c->id];
    else
        return error_set(OPTIM_ERR_ORDER,
                         "rule fedpca needs the client's input \"data\" (d by n), or \"second_moment\" "
                         "(d by d) and its number \"size\"");
    const int64_t d = s->param[0].dims[0];
    if ((*found)->dims[0] != d || (strcmp((*found)->name, "data") != 0 && (*found)->dims[1] != d))
        return error_set(OPTIM_ERR_SHAPE,
                         "the client's input \"%s\" does not have as many rows as the parameter, or is "
                         "not square",
                         (*found)->name);
    return OPTIM_OK;
}

/* g <- step 2 */
static void gradient(const server_t *s, const client_t *c, const room_t *r, const server_matrix_t *data, double n,
                     const double *u, double *g) {
    const double rho = s->option[RHO], *y = c->vector[Y], *t = c->vector[T];
    double *su = s->sum;
    multiply_moment(r, data, strcmp(data->name, "data") == 0, u, su);
    gram(r, u, u, r->gram);
    gram(r, u, su, r->inner);
    for (size_t i = 0; i < s->d; ++i)
        g[i] = -4 * su[i] + y[i] + rho * (u[i] - s->w[i]);
    add_product(r, 2, su, r->gram, g);
    add_product(r, 2, u, r->inner, g);
    excess(r, r->gram, r->b);
    for (size_t i = 0; i < r->k * r->k; ++i)
        r->b[i] *= 2 * (t[i] + rho * r->b[i] * r->b[i]);
    for (size_t i = 0; i < r->k; ++i)
        for (size_t j = 0; j < r->k; ++j)
            r->inner[i * r->k + j] = r->b[i * r->k + j] + r->b[j * r->k + i];
    if ((int)s->option[KIND] == PE)
        add_product(r, 1, u, r->inner, g);
    for (size_t i = 0; i < s->d; ++i)
        g[i] /= n;
}

static optim_status local(server_t *s, client_t *c, double *u, double *g) {
    const room_t r = room_of(s);
    const server_matrix_t *data;
    double n;
    const optim_status status = find_data(s, c, &data, &n);
    if (status != OPTIM_OK)
        return status;
    server_load_w(s);
    gradient(s, c, &r, data, n, u, g);
    if ((int)s->option[KIND] == PG) {
        memcpy(s->sum, u, s->d * sizeof *u);
        gram(&r, u, g, r.gram);
        add_product(&r, -1, s->sum, r.gram, g);
    }
    for (size_t i = 0; i < s->d; ++i)
        u[i] -= s->option[LR] * g[i];
    if ((int)s->option[KIND] == PE)
        return OPTIM_OK;
    const linear_status_t done = linear_qr(r.d, r.k, u, NULL, r.qr);
    return done == LINEAR_OK ? OPTIM_OK : linear_error(done, "the local step of fedpca");
}

/* ---- The server ---- */

static void weigh(server_t *s) {
    double total = 0;
    const bool by_size = s->option[WEIGHTS] == 1;
    for (size_t i = 0; i < s->count; ++i) {
        client_t *c = s->client[i];
        const server_matrix_t *data = server_matrix(s, c->id, "data");
        const double size = data != NULL ? (double)data->dims[1] : server_told(s, SIZE_OF, c->id, 1);
        c->weight = by_size ? size : 1;
        total += server_handed_in(s, i) != NULL ? c->weight : 0;
    }
    for (size_t i = 0; i < s->count; ++i)
        s->client[i]->weight /= total;
}

/* Step 1 of the next round. */
static void raise(const server_t *s, client_t *c, const room_t *r) {
    const double rho = s->option[RHO], *u = c->vector[U];
    gram(r, u, u, r->gram);
    excess(r, r->gram, r->b);
    for (size_t i = 0; i < s->d; ++i)
        c->vector[Y][i] += rho * (u[i] - s->w[i]);
    for (size_t i = 0; (int)s->option[KIND] == PE && i < r->k * r->k; ++i)
        c->vector[T][i] += rho * r->b[i] * r->b[i];
}

static void commit(server_t *s) {
    const room_t r = room_of(s);
    weigh(s);
    server_mean(s, s->sum);
    memcpy(s->w, s->sum, s->d * sizeof *s->w);
    if (linear_qr(r.d, r.k, s->sum, NULL, r.qr) == LINEAR_OK)
        memcpy(s->vector[BASIS], s->sum, s->d * sizeof *s->sum);
    for (size_t i = 0; i < s->count; ++i) {
        client_t *c = server_handed_in(s, i);
        if (c == NULL)
            continue;
        memcpy(c->vector[U], c->result, s->d * sizeof *c->result);
        raise(s, c, &r);
    }
}

const rule_t rule_fedpca = {
    .name = "fedpca",
    .purpose = "principal components of data that stay with the clients",
    .citation =
        "Nguyen, Le, Nguyen, Bao, Seneviratne, Hong, Tran, \"Federated PCA on Grassmann Manifold for IoT Anomaly "
        "Detection\", 2024, arXiv:2407.07421",
    .options = OPTIONS,
    .kept = KEPT,
    .flags = NO_GRADIENT,
    .ready = ready,
    .meet = meet,
    .begin = begin,
    .local = local,
    .commit = commit,
};
