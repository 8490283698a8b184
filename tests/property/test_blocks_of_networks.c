/* Networks that are trained without gradients: bcd_dnn, block by block, and relu_admm, to the global optimum. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "check.h"

enum { SAMPLES = 10, LAYERS = 3, MOST = 36 };
static const int64_t WIDTH[LAYERS + 1] = {4, 6, 5, 3};

typedef struct net {
    optim_t *opt;
    double x[4 * SAMPLES], y[3 * SAMPLES], w[LAYERS][MOST], b[LAYERS][6];
} net_t;

static void open_net(net_t *net, const char *options) {
    static const char *const NAMES[] = {"W1", "W2", "W3", "b1", "b2", "b3"};
    *net = (net_t){.opt = NULL};
    for (int i = 0; i < SAMPLES; ++i) {
        for (int j = 0; j < 4; ++j)
            net->x[j * SAMPLES + i] = sin(1.7 * i + 0.9 * i * j + 2.3 * j * j + 0.5);
        net->y[i % 3 * SAMPLES + i] = 1;
    }
    CHECK_OK(optim_create(&net->opt, "bcd_dnn", options));
    for (int l = 0; l < LAYERS; ++l) {
        const int64_t dims[] = {WIDTH[l + 1], WIDTH[l]};
        for (int e = 0; e < dims[0] * dims[1]; ++e)
            net->w[l][e] = 0.5 * sin(2 + l + 1.3 * e);
        for (int e = 0; e < dims[0]; ++e)
            net->b[l][e] = 0.1;
        CHECK_OK(optim_add_param(net->opt, 0, NAMES[l], OPTIM_F64, 2, dims, net->w[l], NULL));
        CHECK_OK(optim_add_param(net->opt, 0, NAMES[LAYERS + l], OPTIM_F64, 1, dims, net->b[l], NULL));
    }
    CHECK_OK(optim_set_components(net->opt, SAMPLES));
    CHECK_OK(optim_set_input(net->opt, -1, "X", OPTIM_F64, 2, (const int64_t[]){4, SAMPLES}, net->x));
    CHECK_OK(optim_set_input(net->opt, -1, "Y", OPTIM_F64, 2, (const int64_t[]){3, SAMPLES}, net->y));
}

static double objective(const net_t *net) {
    double value;
    CHECK_OK(optim_get(net->opt, 0, "objective", &value));
    return value;
}

/* Q never rises, and falls as the reference does. */
static void test_objective_falls(void **state) {
    (void)state;
    static const struct {
        const char *options;
        double after[3]; /* 10, 100, 300 steps */
    } CASES[] = {{"", {1.12, 0.152, 0.0389}}, {"wb=joint,alpha=0.1", {0.097, 0.0015, 9.1e-5}}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i) {
        net_t net;
        double before = (double)INFINITY;
        open_net(&net, CASES[i].options);
        for (int t = 1; t <= 300; ++t) {
            CHECK_OK(optim_step(net.opt));
            CHECK_AT_MOST(objective(&net), before * (1 + 1e-12));
            before = objective(&net);
            if (t == 10 || t == 100 || t == 300)
                CHECK_CLOSE(before, CASES[i].after[t == 10 ? 0 : t == 100 ? 1 : 2], 0.02 * before);
        }
        optim_destroy(net.opt);
    }
}

static void test_frozen_blocks(void **state) {
    (void)state;
    net_t net;
    double w[MOST], b[6], before = (double)INFINITY;
    open_net(&net, "wb=joint");
    memcpy(w, net.w[1], sizeof w);
    memcpy(b, net.b[2], sizeof b);
    CHECK_OK(optim_freeze(net.opt, 2, 1));
    CHECK_OK(optim_freeze(net.opt, 5, 1));
    for (int t = 0; t < 30; ++t) {
        CHECK_OK(optim_step(net.opt));
        CHECK_AT_MOST(objective(&net), before);
        before = objective(&net);
    }
    assert_memory_equal(net.w[1], w, sizeof w);
    assert_memory_equal(net.b[2], b, sizeof b);
    assert_true(net.b[1][0] != 0.1 && net.w[0][0] != 0.5 * sin(2));
    optim_destroy(net.opt);
}

/* One layer is ridge regression on the targets. */
static void test_one_layer(void **state) {
    (void)state;
    const double x[] = {1, 2, -1}, y[] = {0.5, 1, 0};
    double w[1] = {0}, b[1] = {0};
    const int64_t one[] = {1, 1}, row[] = {1, 3};
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "bcd_dnn", "wb=joint,alpha=0.01"));
    CHECK_OK(optim_add_param(opt, 0, "W", OPTIM_F64, 2, one, w, NULL));
    CHECK_OK(optim_add_param(opt, 0, "b", OPTIM_F64, 1, one, b, NULL));
    CHECK_OK(optim_set_components(opt, 3));
    CHECK_OK(optim_set_input(opt, -1, "X", OPTIM_F64, 2, row, x));
    CHECK_OK(optim_set_input(opt, -1, "Y", OPTIM_F64, 2, row, y));
    for (int t = 0; t < 3000; ++t)
        CHECK_OK(optim_step(opt));
    CHECK_CLOSE(w[0], 4.5 / 14, 1e-9); /* slope and intercept of the line through them */
    CHECK_CLOSE(b[0], 0.5 - 4.5 / 14 * 2 / 3, 1e-9);
    optim_destroy(opt);
}

static void test_shapes(void **state) {
    (void)state;
    net_t net;
    const int64_t turned[] = {SAMPLES, 4};
    double more[3] = {0};
    open_net(&net, NULL);
    CHECK_OK(optim_set_input(net.opt, -1, "X", OPTIM_F64, 2, turned, net.x));
    CHECK_REFUSED(optim_step(net.opt), OPTIM_ERR_SHAPE, "\"X\" must have a row for each column of W1");
    CHECK_OK(optim_set_input(net.opt, -1, "X", OPTIM_F64, 2, (const int64_t[]){4, SAMPLES}, net.x));
    net.y[7] = (double)NAN;
    CHECK_REFUSED(optim_step(net.opt), OPTIM_ERR_SHAPE, "\"Y\" must have a row for each row of the last W");
    optim_destroy(net.opt);
    open_net(&net, NULL);
    CHECK_OK(optim_add_param(net.opt, 0, "W4", OPTIM_F64, 1, &WIDTH[3], more, NULL));
    CHECK_REFUSED(optim_step(net.opt), OPTIM_ERR_SHAPE, "a vector of biases behind every matrix");
    optim_destroy(net.opt);
}

/* ---- relu_admm ---- */

enum { COLUMNS = 3, GATES = 4, BLOCKS = 2 * GATES };

typedef struct program {
    optim_t *opt;
    double x[SAMPLES * COLUMNS], y[SAMPLES], gates[GATES * COLUMNS], u[BLOCKS * COLUMNS];
} program_t;

static void open_program(program_t *p, const char *options, bool with_gates) {
    *p = (program_t){.opt = NULL};
    for (int i = 0; i < SAMPLES; ++i) {
        p->y[i] = cos(0.9 * i);
        for (int j = 0; j < COLUMNS; ++j)
            p->x[i * COLUMNS + j] = j + 1 == COLUMNS ? 1 : sin(1.7 * i + 0.9 * i * j + 2.3 * j * j + 0.5);
    }
    for (int i = 0; i < GATES; ++i)
        for (int j = 0; j < COLUMNS; ++j)
            p->gates[i * COLUMNS + j] = sin(1.1 * i + 0.7 * i * j + 1.9 * j * j + 0.2);
    CHECK_OK(optim_create(&p->opt, "relu_admm", options));
    CHECK_OK(optim_add_param(p->opt, 0, "u", OPTIM_F64, 2, (const int64_t[]){BLOCKS, COLUMNS}, p->u, NULL));
    CHECK_OK(optim_set_components(p->opt, SAMPLES));
    CHECK_OK(optim_set_input(p->opt, -1, "X", OPTIM_F64, 2, (const int64_t[]){SAMPLES, COLUMNS}, p->x));
    CHECK_OK(optim_set_input(p->opt, -1, "y", OPTIM_F64, 1, (const int64_t[]){SAMPLES}, p->y));
    if (with_gates)
        CHECK_OK(optim_set_input(p->opt, -1, "gates", OPTIM_F64, 2, (const int64_t[]){GATES, COLUMNS}, p->gates));
}

static double run_program(program_t *p, int steps, double *violation) {
    double objective;
    for (int t = 0; t < steps; ++t)
        CHECK_OK(optim_step(p->opt));
    CHECK_OK(optim_get(p->opt, 0, "objective", &objective));
    CHECK_OK(optim_get(p->opt, 0, "violation", violation));
    return objective;
}

/* The optimum is one, whatever rho is, also where that changes on the way; the answer is what the network computes. */
static void test_global_optimum(void **state) {
    (void)state;
    static const char *const OPTIONS[] = {"rho=0.02", "rho=0.1", "rho=0.5"};
    double violation;
    for (int k = 0; k < 3; ++k) {
        program_t p;
        double v[BLOCKS * COLUMNS], loss = 0;
        open_program(&p, OPTIONS[k], true);
        (void)run_program(&p, 1000, &violation);
        CHECK_OK(optim_set(p.opt, 0, "rho", 0.05));
        const double objective = run_program(&p, 20000, &violation);
        CHECK_CLOSE(objective, 0.892325351936, 1e-9);
        CHECK_AT_MOST(violation, 1e-8);
        CHECK_OK(optim_output(p.opt, 0, v));
        for (int i = 0; i < SAMPLES; ++i) {
            double miss = -p.y[i];
            for (int b = 0; b < BLOCKS; ++b) {
                double unit = 0;
                for (int j = 0; j < COLUMNS; ++j)
                    unit += p.x[i * COLUMNS + j] * v[b * COLUMNS + j];
                miss += (b < GATES ? 1 : -1) * fmax(unit, 0);
            }
            loss += miss * miss / 2;
        }
        for (int b = 0; b < BLOCKS; ++b) {
            double square = 0;
            for (int j = 0; j < COLUMNS; ++j)
                square += v[b * COLUMNS + j] * v[b * COLUMNS + j];
            loss += 0.01 * sqrt(square);
        }
        CHECK_CLOSE(loss, objective, 1e-7);
        optim_destroy(p.opt);
    }
}

/* Gates that are drawn go by the seed. */
static void test_drawn_gates(void **state) {
    (void)state;
    static const char *const OPTIONS[] = {"seed=1", "seed=1", "seed=2"};
    double objective[3], violation;
    for (int k = 0; k < 3; ++k) {
        program_t p;
        open_program(&p, OPTIONS[k], false);
        objective[k] = run_program(&p, 5, &violation);
        optim_destroy(p.opt);
    }
    assert_true(objective[0] == objective[1] && objective[0] != objective[2]);
}

static void test_program_is_refused(void **state) {
    (void)state;
    program_t p;
    double odd[3] = {0};
    open_program(&p, NULL, true);
    CHECK_OK(optim_set_input(p.opt, -1, "gates", OPTIM_F64, 2, (const int64_t[]){COLUMNS, GATES}, p.gates));
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "\"gates\" must have half as many rows");
    p.y[3] = (double)NAN;
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "\"y\" must have a finite number for each component");
    CHECK_OK(optim_set_input(p.opt, -1, "X", OPTIM_F64, 2, (const int64_t[]){COLUMNS, SAMPLES}, p.x));
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "\"X\" must have a row for each component");
    optim_destroy(p.opt);
    CHECK_OK(optim_create(&p.opt, "relu_admm", NULL));
    CHECK_OK(optim_set_components(p.opt, SAMPLES));
    CHECK_OK(optim_add_param(p.opt, 0, "odd", OPTIM_F64, 2, (const int64_t[]){1, 3}, odd, NULL));
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "one matrix of an even number of rows");
    optim_destroy(p.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objective_falls),    cmocka_unit_test(test_frozen_blocks),
        cmocka_unit_test(test_one_layer),          cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_global_optimum),     cmocka_unit_test(test_drawn_gates),
        cmocka_unit_test(test_program_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
