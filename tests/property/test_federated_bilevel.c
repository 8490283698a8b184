/*
 * What docs/recipes/federated_bilevel.md promises: a bilevel problem over clients, by two servers and a Neumann series
 * whose factors are clients' (fedmbo).
 *
 * Client c has F_c = 1/2 |y - t_c|^2 + 1/4 |x - s_c|^2 and G_c = 1/2 y' A_c y - y' (B_c x + b_c), A_c being a diagonal
 * plus a matrix of rank one.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "optim/federated.h"

enum { CLIENTS = 8, X = 2, Y = 3 };

static double of(int what, int c, int i, int j) {
    return sin(1 + 2.1 * what + 1.3 * c + 0.7 * i + 1.9 * j);
}

/* A_c v, B_c x + b_c, and B_c' v. */
static void product(int c, const double v[Y], double out[Y]) {
    double along = 0;
    for (int i = 0; i < Y; ++i)
        along += of(0, c, i, 0) * v[i];
    for (int i = 0; i < Y; ++i)
        out[i] = (1.5 + of(1, c, i, 0)) * v[i] + 0.5 * of(0, c, i, 0) * along;
}

static double right(int c, const double x[X], int i) {
    double sum = of(2, c, i, 0);
    for (int j = 0; j < X; ++j)
        sum += of(3, c, i, j) * x[j];
    return sum;
}

static double across(int c, const double v[Y], int j) {
    double sum = 0;
    for (int i = 0; i < Y; ++i)
        sum += of(3, c, i, j) * v[i];
    return sum;
}

static void lower_gradient(int c, const double x[X], const double y[Y], double g[Y]) {
    product(c, y, g);
    for (int i = 0; i < Y; ++i)
        g[i] -= right(c, x, i);
}

static void upper_gradient_y(int c, const double y[Y], double g[Y]) {
    for (int i = 0; i < Y; ++i)
        g[i] = y[i] - of(4, c, i, 0);
}

static double upper_gradient_x(int c, const double x[X], int j) {
    return 0.5 * (x[j] - of(5, c, j, 0));
}

/* ---- The recipe ---- */

typedef struct recipe {
    optim_server_t *lower, *upper;
    optim_t *on_x, *on_y;
    const char *lower_rule;
    int clients; /* of the problem: 1, or all */
    int terms;   /* of the series */
    double lambda;
    bool exact; /* every factor is the mean of all clients' */
    double x[X], y[Y], at[X], g_at[X], yc[Y], g_yc[Y];
} recipe_t;

static void recipe_start(recipe_t *r, const char *lower, const char *upper) {
    double rate;
    memset(r->x, 0, sizeof r->x);
    memset(r->y, 0, sizeof r->y);
    CHECK_OK(optim_server_create(&r->lower, r->lower_rule, lower));
    CHECK_OK(optim_server_create(&r->upper, "fedavg", upper));
    CHECK_OK(optim_server_add_param(r->lower, "y", OPTIM_F64, 1, (int64_t[]){Y}, r->y));
    CHECK_OK(optim_server_add_param(r->upper, "x", OPTIM_F64, 1, (int64_t[]){X}, r->x));
    CHECK_OK(optim_server_set_clients(r->lower, r->clients));
    CHECK_OK(optim_server_set_clients(r->upper, r->clients));
    CHECK_OK(optim_create(&r->on_y, "sgd", NULL));
    CHECK_OK(optim_create(&r->on_x, "sgd", NULL));
    CHECK_OK(optim_add_param(r->on_y, 0, "y", OPTIM_F64, 1, (int64_t[]){Y}, r->yc, r->g_yc));
    CHECK_OK(optim_add_param(r->on_x, 0, "x", OPTIM_F64, 1, (int64_t[]){X}, r->at, r->g_at));
    CHECK_OK(optim_server_get(r->lower, 0, "rate", &rate));
    CHECK_OK(optim_set(r->on_y, 0, "lr", rate));
    CHECK_OK(optim_server_get(r->upper, 0, "rate", &rate));
    CHECK_OK(optim_set(r->on_x, 0, "lr", rate));
}

static void recipe_end(recipe_t *r) {
    optim_server_destroy(r->lower);
    optim_server_destroy(r->upper);
    optim_destroy(r->on_x);
    optim_destroy(r->on_y);
}

static int steps_of(const optim_server_t *server) {
    double steps;
    CHECK_OK(optim_server_get(server, 0, "steps", &steps));
    return (int)steps;
}

static void lower_round(recipe_t *r) {
    int64_t who[CLIENTS];
    size_t count;
    CHECK_OK(optim_server_select(r->lower, who, CLIENTS, &count));
    for (size_t k = 0; k < count; ++k) {
        CHECK_OK(optim_server_begin(r->lower, who[k], (void *[]){r->yc}));
        for (int step = 0; step < steps_of(r->lower); ++step) {
            lower_gradient((int)who[k], r->x, r->yc, r->g_yc);
            CHECK_OK(optim_server_local(r->lower, who[k], (void *[]){r->yc}, (void *[]){r->g_yc}));
            CHECK_OK(optim_step(r->on_y));
        }
        CHECK_OK(optim_server_end(r->lower, who[k], (const void *[]){r->yc}, steps_of(r->lower)));
    }
    CHECK_OK(optim_server_commit(r->lower));
}

/* v <- v + lambda (F_y - A v) of client c; of all with weight 1 / clients where factors are exact. */
static void factor(const recipe_t *r, int first, int count, double v[Y]) {
    double sum[Y] = {0};
    for (int c = first; c < first + count; ++c) {
        double f[Y], av[Y];
        upper_gradient_y(c, r->y, f);
        product(c, v, av);
        for (int i = 0; i < Y; ++i)
            sum[i] += (f[i] - av[i]) / count;
    }
    for (int i = 0; i < Y; ++i)
        v[i] += r->lambda * sum[i];
}

static void series(recipe_t *r, double v[Y]) {
    memset(v, 0, Y * sizeof *v);
    for (int k = 0; k < r->terms; ++k) {
        double u;
        CHECK_OK(optim_server_uniform(r->upper, &u));
        factor(r, r->exact ? 0 : (int)(u * r->clients), r->exact ? r->clients : 1, v);
    }
}

static void upper_round(recipe_t *r) {
    int64_t who[CLIENTS];
    size_t count;
    CHECK_OK(optim_server_select(r->upper, who, CLIENTS, &count));
    for (size_t k = 0; k < count; ++k) {
        double v[Y];
        series(r, v);
        CHECK_OK(optim_server_begin(r->upper, who[k], (void *[]){r->at}));
        for (int step = 0; step < steps_of(r->upper); ++step) {
            for (int j = 0; j < X; ++j)
                r->g_at[j] = upper_gradient_x((int)who[k], r->at, j) + across((int)who[k], v, j);
            CHECK_OK(optim_server_local(r->upper, who[k], (void *[]){r->at}, (void *[]){r->g_at}));
            CHECK_OK(optim_step(r->on_x));
        }
        CHECK_OK(optim_server_end(r->upper, who[k], (const void *[]){r->at}, steps_of(r->upper)));
    }
    CHECK_OK(optim_server_commit(r->upper));
}

/* ---- The truth ---- */

/* Solves mean A_c z = right by gradient steps: the matrix is well conditioned. */
static void solve(int clients, const double right_hand[Y], double z[Y]) {
    memset(z, 0, Y * sizeof *z);
    for (int step = 0; step < 300; ++step) {
        double az[Y] = {0};
        for (int c = 0; c < clients; ++c) {
            double out[Y];
            product(c, z, out);
            for (int i = 0; i < Y; ++i)
                az[i] += out[i] / clients;
        }
        for (int i = 0; i < Y; ++i)
            z[i] += 0.3 * (right_hand[i] - az[i]);
    }
}

static void hypergradient(int clients, const double x[X], double h[X]) {
    double rhs[Y] = {0}, y[Y], f[Y] = {0}, v[Y];
    for (int c = 0; c < clients; ++c)
        for (int i = 0; i < Y; ++i)
            rhs[i] += right(c, x, i) / clients;
    solve(clients, rhs, y);
    for (int c = 0; c < clients; ++c) {
        double g[Y];
        upper_gradient_y(c, y, g);
        for (int i = 0; i < Y; ++i)
            f[i] += g[i] / clients;
    }
    solve(clients, f, v);
    for (int j = 0; j < X; ++j) {
        h[j] = 0;
        for (int c = 0; c < clients; ++c)
            h[j] += (upper_gradient_x(c, x, j) + across(c, v, j)) / clients;
    }
}

static void optimum(double x[X]) {
    memset(x, 0, X * sizeof *x);
    for (int step = 0; step < 400; ++step) {
        double h[X];
        hypergradient(CLIENTS, x, h);
        for (int j = 0; j < X; ++j)
            x[j] -= 0.2 * h[j];
    }
}

static double squared_distance(const double a[X], const double b[X]) {
    double sum = 0;
    for (int j = 0; j < X; ++j)
        sum += (a[j] - b[j]) * (a[j] - b[j]);
    return sum;
}

/* ---- One client, whose series is long: hoag's direction ---- */

typedef struct hoag {
    optim_t *opt;
    double x[X], gx[X], y[Y], gy[Y];
} hoag_t;

static int hoag_gradient(void *user, const optim_request *request, double *loss) {
    hoag_t *h = user;
    *loss = 0;
    if (request->objective == 1)
        lower_gradient(0, h->x, h->y, h->gy);
    else
        upper_gradient_y(0, h->y, h->gy);
    for (int j = 0; j < X; ++j)
        h->gx[j] = request->objective == 1 ? -across(0, h->y, j) : upper_gradient_x(0, h->x, j);
    return 0;
}

static int hoag_product(void *user, const optim_request *request, optim_t *opt) {
    const hoag_t *h = user;
    const void *vx, *vy;
    void *px, *py;
    (void)h, (void)request;
    CHECK_OK(optim_hvp_vector(opt, 0, &vx));
    CHECK_OK(optim_hvp_vector(opt, 1, &vy));
    CHECK_OK(optim_hvp_result(opt, 0, &px));
    CHECK_OK(optim_hvp_result(opt, 1, &py));
    const double *x = vx, *y = vy;
    product(0, y, py);
    for (int j = 0; j < X; ++j)
        ((double *)px)[j] = -across(0, y, j);
    for (int i = 0; i < Y; ++i)
        for (int j = 0; j < X; ++j)
            ((double *)py)[i] -= of(3, 0, i, j) * x[j];
    return 0;
}

static void test_one_client_is_hoag(void **state) {
    recipe_t r = {.lower_rule = "fedavg", .clients = 1, .terms = 400, .lambda = 0.3};
    hoag_t h = {0};
    int role;
    (void)state;
    recipe_start(&r, "lr=0.3,local_steps=400", "lr=0.25,local_steps=1");
    CHECK_OK(optim_create(&h.opt, "hoag", "lr_inner=0.3,tol0=1e-12,L=4,lo=-10,hi=10"));
    CHECK_OK(optim_add_group(h.opt, "role=y", &role));
    CHECK_OK(optim_add_param(h.opt, 0, "x", OPTIM_F64, 1, (int64_t[]){X}, h.x, h.gx));
    CHECK_OK(optim_add_param(h.opt, role, "y", OPTIM_F64, 1, (int64_t[]){Y}, h.y, h.gy));
    const optim_problem problem = {
        .size = sizeof problem, .user = &h, .gradient = hoag_gradient, .product = hoag_product};
    const optim_stop one = {.size = sizeof one, .steps = 1};
    for (int round = 0; round < 5; ++round) {
        lower_round(&r);
        upper_round(&r);
        CHECK_OK(optim_minimize(h.opt, &problem, &one, NULL));
        for (int j = 0; j < X; ++j)
            if (!(fabs(r.x[j] - h.x[j]) <= 1e-10))
                fail_msg("round %d: x[%d] = %.15g, hoag has %.15g", round + 1, j, r.x[j], h.x[j]);
    }
    optim_destroy(h.opt);
    recipe_end(&r);
}

/* ---- All clients ---- */

/* Mean squared distance from the optimum over the last half of the rounds. */
static double error_of(recipe_t *r, const char *lower, const char *upper, int rounds) {
    double best[X], sum = 0;
    optimum(best);
    recipe_start(r, lower, upper);
    for (int round = 0; round < rounds; ++round) {
        lower_round(r);
        upper_round(r);
        if (round >= rounds / 2)
            sum += squared_distance(r->x, best);
    }
    recipe_end(r);
    return sum / (rounds - rounds / 2);
}

/* With the mean of all clients in every factor: the optimum to rounding; five local steps of y leave it, unless their
 * drift is corrected. */
static void test_exact_averages(void **state) {
    recipe_t r = {.lower_rule = "fedavg", .clients = CLIENTS, .terms = 60, .lambda = 0.4, .exact = true};
    (void)state;
    const double one = error_of(&r, "lr=0.3,local_steps=1", "lr=0.2,local_steps=1", 1000);
    const double five = error_of(&r, "lr=0.06,local_steps=5", "lr=0.2,local_steps=1", 1000);
    CHECK_AT_MOST(sqrt(one), 1e-12);
    CHECK_CLOSE(sqrt(five), 0.0059, 0.0001);
    r.lower_rule = "scaffold";
    CHECK_AT_MOST(sqrt(error_of(&r, "lr=0.06,local_steps=5", "lr=0.2,local_steps=1", 1000)), 1e-12);
}

/* Mean squared distances for s = 1, 2, 4, 8 clients in a round. */
static void test_speedup(void **state) {
    static const double WANT[] = {0.0154, 0.0118, 0.0041, 0.0013};
    recipe_t r = {.lower_rule = "fedavg", .clients = CLIENTS, .terms = 10, .lambda = 0.3};
    (void)state;
    for (int k = 0; k < 4; ++k) {
        char *upper = check_text("lr=0.02,local_steps=1,participation=random,s=%d", 1 << k);
        CHECK_CLOSE(error_of(&r, "lr=0.1,local_steps=1", upper, 4000), WANT[k], 0.02 * WANT[k]);
        free(upper);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_client_is_hoag),
        cmocka_unit_test(test_exact_averages),
        cmocka_unit_test(test_speedup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
