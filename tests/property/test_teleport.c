/* teleport: moves along the symmetry of a layer of ReLU units. */
#include <math.h>
#include <string.h>

#include "check.h"

enum { D = 3, H = 4, M = 2, SAMPLES = 8 };

typedef struct net {
    double w[H * D], b[H], v[M * H], gw[H * D], gb[H], gv[M * H];
} net_t;

static void start(net_t *net) {
    *net = (net_t){.b = {0.1, -0.2, 0.3, 0}};
    for (int i = 0; i < H * D; ++i)
        net->w[i] = 2 * sin(1 + 1.3 * i);
    for (int i = 0; i < M * H; ++i)
        net->v[i] = cos(2 + 0.7 * i);
}

/* The loss, with its gradient. */
static double evaluate(net_t *net) {
    double loss = 0;
    memset(net->gw, 0, sizeof net->gw);
    memset(net->gb, 0, sizeof net->gb);
    memset(net->gv, 0, sizeof net->gv);
    for (int i = 0; i < SAMPLES; ++i)
        for (int o = 0; o < M; ++o) {
            double x[D], unit[H], miss = -cos(0.9 * i + 1.3 * o);
            for (int j = 0; j < D; ++j)
                x[j] = sin(1.7 * i + 2.3 * j * j + 0.5);
            for (int k = 0; k < H; ++k) {
                unit[k] = net->b[k];
                for (int j = 0; j < D; ++j)
                    unit[k] += net->w[k * D + j] * x[j];
                miss += net->v[o * H + k] * fmax(unit[k], 0);
            }
            loss += miss * miss / (2 * SAMPLES);
            for (int k = 0; k < H; ++k) {
                const double back = unit[k] > 0 ? miss / SAMPLES * net->v[o * H + k] : 0;
                net->gv[o * H + k] += miss / SAMPLES * fmax(unit[k], 0);
                net->gb[k] += back;
                for (int j = 0; j < D; ++j)
                    net->gw[k * D + j] += back * x[j];
            }
        }
    return loss;
}

static double squared_length(const net_t *net) {
    double sum = 0;
    for (int i = 0; i < H * D; ++i)
        sum += net->gw[i] * net->gw[i];
    for (int i = 0; i < H; ++i)
        sum += net->gb[i] * net->gb[i];
    for (int i = 0; i < M * H; ++i)
        sum += net->gv[i] * net->gv[i];
    return sum;
}

static optim_t *open_around(net_t *net, const char *algorithm, const char *options, const char *wrapper) {
    optim_t *opt;
    CHECK_OK(optim_create(&opt, algorithm, options));
    CHECK_OK(optim_wrap(opt, "teleport", wrapper));
    CHECK_OK(optim_add_param(opt, 0, "W", OPTIM_F64, 2, (const int64_t[]){H, D}, net->w, net->gw));
    CHECK_OK(optim_add_param(opt, 0, "b", OPTIM_F64, 1, (const int64_t[]){H}, net->b, net->gb));
    CHECK_OK(optim_add_param(opt, 0, "V", OPTIM_F64, 2, (const int64_t[]){M, H}, net->v, net->gv));
    return opt;
}

/* Around steps of length 0: the loss stays, the gradient becomes longer by no more than the last step adds, or as short
 * as it can be: then another move does nothing. */
static void test_symmetry(void **state) {
    (void)state;
    static const char *const TARGETS[] = {"in=0,bias=1,out=2,lr=0.01", "in=0,bias=1,out=2,target=down,limit=20"};
    for (int k = 0; k < 2; ++k) {
        net_t net;
        start(&net);
        const double loss = evaluate(&net), before = squared_length(&net);
        optim_t *opt = open_around(&net, "sgd", "lr=0", TARGETS[k]);
        CHECK_OK(optim_step(opt));
        CHECK_CLOSE(evaluate(&net), loss, 1e-13);
        const double after = squared_length(&net);
        if (k == 0) {
            CHECK_AT_MOST(before, 0.99 * after);
        } else {
            const net_t there = net;
            CHECK_AT_MOST(after, 0.99 * before);
            CHECK_OK(optim_step(opt));
            for (int i = 0; i < H * D; ++i)
                CHECK_CLOSE(net.w[i], there.w[i], 1e-13);
        }
        optim_destroy(opt);
    }
}

/* The inner step is made with the gradient at the new point: a step of 1 from there. */
static void test_gradient_goes_along(void **state) {
    (void)state;
    net_t still, moving;
    start(&still);
    start(&moving);
    optim_t *of_still = open_around(&still, "sgd", "lr=0", "in=0,bias=1,out=2,target=down");
    optim_t *of_moving = open_around(&moving, "sgd", "lr=1", "in=0,bias=1,out=2,target=down");
    (void)evaluate(&still);
    (void)evaluate(&moving);
    CHECK_OK(optim_step(of_still));
    CHECK_OK(optim_step(of_moving));
    (void)evaluate(&still);
    for (int i = 0; i < H * D; ++i)
        CHECK_CLOSE(moving.w[i], still.w[i] - still.gw[i], 1e-13);
    for (int i = 0; i < H; ++i)
        CHECK_CLOSE(moving.b[i], still.b[i] - still.gb[i], 1e-13);
    for (int i = 0; i < M * H; ++i)
        CHECK_CLOSE(moving.v[i], still.v[i] - still.gv[i], 1e-13);
    optim_destroy(of_still);
    optim_destroy(of_moving);
}

/* A step that is cancelled while the inner method waits ends where it began, the move included. */
static void test_cancel(void **state) {
    (void)state;
    net_t net;
    start(&net);
    const net_t before = net;
    optim_t *opt = open_around(&net, "extragradient", "lr=0.01", "in=0,bias=1,out=2,target=down");
    (void)evaluate(&net);
    assert_int_equal(optim_step(opt), OPTIM_EVAL_GRAD);
    assert_true(net.w[0] != before.w[0]);
    CHECK_OK(optim_cancel(opt));
    assert_memory_equal(net.w, before.w, sizeof net.w);
    assert_memory_equal(net.b, before.b, sizeof net.b);
    assert_memory_equal(net.v, before.v, sizeof net.v);
    optim_destroy(opt);
}

static void test_period_and_frozen(void **state) {
    (void)state;
    net_t net;
    start(&net);
    optim_t *opt = open_around(&net, "sgd", "lr=0", "in=0,out=2,target=down,limit=0.01,period=3");
    for (int t = 1; t <= 5; ++t) {
        const net_t before = net;
        (void)evaluate(&net);
        CHECK_OK(optim_freeze(opt, 2, t == 4));
        CHECK_OK(optim_step(opt));
        assert_int_equal(memcmp(net.w, before.w, sizeof net.w) != 0, t == 1);
        assert_memory_equal(net.b, before.b, sizeof net.b);
    }
    optim_destroy(opt);
}

static void test_refusals(void **state) {
    (void)state;
    net_t net;
    optim_t *opt;
    start(&net);
    CHECK_OK(optim_create(&opt, "sgd", NULL));
    CHECK_REFUSED(optim_wrap(opt, "teleport", "in=0"), OPTIM_ERR_VALUE, "in and out go together");
    CHECK_REFUSED(optim_wrap(opt, "teleport", "in=1,out=1"), OPTIM_ERR_VALUE, "different parameters");
    optim_destroy(opt);
    static const struct {
        const char *options, *sentence;
    } CASES[] = {{"in=0,out=3", "numbers of parameters"},
                 {"in=2,out=0", "dimension 1 of out"},
                 {"in=0,bias=2,out=1", "dimension 1 of out"}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i) {
        opt = open_around(&net, "sgd", NULL, CASES[i].options);
        CHECK_REFUSED(optim_step(opt), OPTIM_ERR_SHAPE, CASES[i].sentence);
        optim_destroy(opt);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_symmetry), cmocka_unit_test(test_gradient_goes_along),
        cmocka_unit_test(test_cancel),   cmocka_unit_test(test_period_and_frozen),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
