/* Methods that clip the gradients of single samples and add noise. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { SAMPLES = 3 };
static const double AT[SAMPLES] = {0, 0, 10};

/* f_i = (x - a_i)^2 / 2: the mean of the gradients is 0 at 10/3, that of gradients clipped to 1 at 1/2. */
typedef struct problem {
    optim_t *opt;
    double x, g;
} problem_t;

static void open_problem(problem_t *p, const char *algorithm, const char *options) {
    const int64_t one = 1;
    *p = (problem_t){.x = 0};
    CHECK_OK(optim_create(&p->opt, algorithm, options));
    CHECK_OK(optim_add_param(p->opt, 0, "x", OPTIM_F64, 1, &one, &p->x, &p->g));
}

static void step(problem_t *p) {
    optim_request request = {.size = sizeof request};
    optim_status status;
    assert_false(optim_wants_gradient(p->opt));
    for (int i = 0; (status = optim_step(p->opt)) == OPTIM_EVAL_GRAD; ++i) {
        CHECK_OK(optim_request_info(p->opt, &request));
        assert_int_equal(request.component, i);
        assert_int_equal(request.count, 1);
        p->g = p->x - AT[request.component];
    }
    CHECK_OK(status);
}

static void check_rests_at(const char *algorithm, const char *options, int steps, double want, double tolerance) {
    problem_t p;
    open_problem(&p, algorithm, options);
    for (int k = 0; k < steps; ++k)
        step(&p);
    CHECK_CLOSE(p.x, want, tolerance);
    optim_destroy(p.opt);
}

static void test_fixed_points(void **state) {
    (void)state;
    check_rests_at("dp_sgd", "samples=3,lr=0.1", 3000, 0.5, 1e-9);
    check_rests_at("dp_sgd", "samples=3,lr=0.1,momentum=0.5", 3000, 0.5, 1e-9);
    check_rests_at("mngp", "samples=3,lr=0.1", 3000, 0.5, 1e-9);
    check_rests_at("dp_sgd", "samples=3,lr=0.1,clip_norm=20", 3000, 10.0 / 3, 1e-9);
    check_rests_at("dice_sgd", "samples=3,lr=0.1", 3000, 10.0 / 3, 1e-7);
    check_rests_at("dice_sgd", "samples=3,lr=0.1,clip_norm=0.5,clip_norm2=3", 3000, 10.0 / 3, 1e-7);
}

/* A step that is cancelled after some samples leaves nothing behind. */
static void test_cancel(void **state) {
    (void)state;
    static const char *const METHODS[] = {"dp_sgd", "dice_sgd", "mngp"};
    for (size_t k = 0; k < sizeof METHODS / sizeof *METHODS; ++k) {
        problem_t p, twin;
        open_problem(&p, METHODS[k], "samples=3,noise=1,seed=4");
        open_problem(&twin, METHODS[k], "samples=3,noise=1,seed=4");
        for (int i = 0; i < 4; ++i)
            step(&p);
        for (int i = 0; i < 8; ++i)
            step(&twin);
        for (int i = 0; i < 3; ++i) {
            CHECK_STATUS(optim_step(p.opt), OPTIM_EVAL_GRAD);
            p.g = 100;
        }
        CHECK_OK(optim_cancel(p.opt));
        for (int i = 0; i < 4; ++i)
            step(&p);
        assert_memory_equal(&p.x, &twin.x, sizeof p.x);
        optim_destroy(p.opt);
        optim_destroy(twin.opt);
    }
}

/* ---- One step on many elements, all gradients 0: the noise alone ---- */

enum { MANY = 10000 };

typedef struct moments {
    double mean, deviation;
} moments_t;

static moments_t noise_of(const char *algorithm, const char *options, double *x) {
    const int64_t halves[] = {MANY / 4, MANY - MANY / 4};
    optim_t *opt;
    optim_status status;
    double *g = check_memory(MANY, sizeof *g), sum = 0, square = 0;
    memset(x, 0, MANY * sizeof *x);
    CHECK_OK(optim_create(&opt, algorithm, options));
    CHECK_OK(optim_add_param(opt, 0, "a", OPTIM_F64, 1, &halves[0], x, g));
    CHECK_OK(optim_add_param(opt, 0, "b", OPTIM_F64, 1, &halves[1], x + halves[0], g + halves[0]));
    while ((status = optim_step(opt)) == OPTIM_EVAL_GRAD)
        continue;
    CHECK_OK(status);
    for (int i = 0; i < MANY; ++i) {
        sum += x[i];
        square += x[i] * x[i];
    }
    optim_destroy(opt);
    free(g);
    const double mean = sum / MANY;
    return (moments_t){mean, sqrt(square / MANY - mean * mean)};
}

static void check_noise(const char *algorithm, const char *options, double deviation) {
    double *x = check_memory(MANY, sizeof *x);
    const moments_t m = noise_of(algorithm, options, x);
    CHECK_AT_MOST(fabs(m.mean), 5 * deviation / sqrt(MANY));
    CHECK_AT_MOST(fabs(m.deviation / deviation - 1), 0.02);
    free(x);
}

static void test_noise(void **state) {
    (void)state;
    check_noise("dp_sgd", "samples=4,noise=2,lr=1", 0.5);
    check_noise("dp_sgd", "samples=4,noise=2,lr=1,clip_norm=3,clipping=per_tensor", 1.5);
    check_noise("dp_sgd", "samples=4,noise=2,lr=1,clipping=automatic,eps=0.01,momentum=0.9", 0.5);
    check_noise("mngp", "samples=4,noise=2,lr=1", 0.5);
    check_noise("dice_sgd", "samples=4,noise=2,lr=1", 0.5 * sqrt(3));
    check_noise("dice_sgd", "samples=4,noise=2,lr=0.5,clip_norm=2,clip_norm2=3", 0.25 * sqrt(4 + 12));
}

static void test_seeds(void **state) {
    (void)state;
    double *x = check_memory(MANY, sizeof *x), *y = check_memory(MANY, sizeof *y);
    (void)noise_of("dp_sgd", "noise=1,seed=1", x);
    (void)noise_of("dp_sgd", "noise=1,seed=1", y);
    assert_memory_equal(x, y, MANY * sizeof *x);
    (void)noise_of("dp_sgd", "noise=1,seed=2", y);
    assert_true(memcmp(x, y, MANY * sizeof *x) != 0);
    (void)noise_of("dp_sgd", "noise=0", y);
    for (int i = 0; i < MANY; ++i)
        assert_true(y[i] == 0);
    free(x);
    free(y);
}

/* ---- Norms ---- */

/* Two tensors of which the first has the gradient (3, 4), the second (0.3); one sample, lr 1, from 0. */
static void one_step(const char *options, double x[3]) {
    const int64_t counts[] = {2, 1};
    double g[] = {3, 4, 0.3};
    optim_t *opt;
    memset(x, 0, 3 * sizeof *x);
    CHECK_OK(optim_create(&opt, "dp_sgd", options));
    CHECK_OK(optim_add_param(opt, 0, "a", OPTIM_F64, 1, &counts[0], x, g));
    CHECK_OK(optim_add_param(opt, 0, "b", OPTIM_F64, 1, &counts[1], x + 2, g + 2));
    CHECK_OK(optim_step(opt));
    optim_destroy(opt);
}

static void test_clipping(void **state) {
    (void)state;
    double x[3];
    const double whole = sqrt(25.09), each = 1 / sqrt(2);
    one_step("lr=1", x);
    CHECK_CLOSE(x[0], -3 / whole, 1e-15);
    CHECK_CLOSE(x[2], -0.3 / whole, 1e-15);
    one_step("lr=1,clipping=per_tensor", x);
    CHECK_CLOSE(x[1], -4.0 / 5 * each, 1e-15);
    CHECK_CLOSE(x[2], -0.3, 1e-15);
    one_step("lr=1,clip_norm=10,eps=1", x);
    CHECK_CLOSE(x[0], -3, 1e-15);
    one_step("lr=1,clip_norm=10,clipping=automatic,eps=1", x);
    CHECK_CLOSE(x[0], -30 / (whole + 1), 1e-15);
}

static void test_refuses(void **state) {
    (void)state;
    optim_t *opt;
    problem_t p;
    const int64_t one = 1;
    double y = 0, g = 0;
    CHECK_REFUSED(optim_create(&opt, "dp_sgd", "clipping=automatic"), OPTIM_ERR_VALUE, "eps");
    CHECK_REFUSED(optim_create(&opt, "mngp", "clipping=flat"), OPTIM_ERR_OPTION, "clipping");
    open_problem(&p, "dp_sgd", "samples=3");
    CHECK_OK(optim_add_group(p.opt, "samples=2", NULL));
    CHECK_OK(optim_add_param(p.opt, 1, "y", OPTIM_F64, 1, &one, &y, &g));
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_VALUE, "samples");
    optim_destroy(p.opt);
}

/* ---- dp_spider ---- */

enum { D = 5, Q = 3 };

/* Number k of stream 7, and of those the normal one that two make. */
static double uniform(uint64_t k) {
    uint64_t z = 7 + k * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}
static double normal(uint64_t k) {
    return sqrt(-2 * log(1 - uniform(k))) * cos(8 * atan(1) * uniform(k + 1));
}

/* A batch's gradient, another one for each step. */
static void evaluate(int batch, const double x[D], double g[D]) {
    for (int j = 0; j < D; ++j)
        g[j] = (1 + j) * (x[j] - 0.1 * j) + sin(batch + x[j] * j);
}

/* One step of the method; returns how many gradients it took, all of one batch. */
static int spider_step(optim_t *opt, int t, const double x[D], double g[D]) {
    int count = 1;
    optim_status status;
    for (evaluate(t, x, g); (status = optim_step(opt)) == OPTIM_EVAL_GRAD; ++count) {
        optim_request request = {.size = sizeof request};
        CHECK_OK(optim_request_info(opt, &request));
        assert_int_equal(request.sample, OPTIM_SAMPLE_SAME);
        evaluate(t, x, g);
    }
    CHECK_OK(status);
    return count;
}

/* The equations of the page with the stream's numbers, once bounded by the cap and once by the way. */
static void compare_spider(const char *options, double cap) {
    const int64_t count = D;
    double x[D] = {1, -1, 2, 0.5, 3}, g[D], want[D] = {1, -1, 2, 0.5, 3}, last[D] = {0}, d[D] = {0};
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "dp_spider", options));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &count, x, g));
    for (int t = 0; t < 4 * Q; ++t) {
        double here[D], there[D], way = 0;
        assert_int_equal(spider_step(opt, t, x, g), t % Q == 0 ? 1 : 2);
        evaluate(t, want, here);
        evaluate(t, last, there);
        for (int j = 0; j < D; ++j)
            way += (want[j] - last[j]) * (want[j] - last[j]);
        const double sigma = t % Q == 0 ? 0.3 : fmin(0.5 * sqrt(way), cap);
        for (int j = 0; j < D; ++j) {
            d[j] = (t % Q == 0 ? here[j] : d[j] + here[j] - there[j]) + sigma * normal(1 + 2 * (uint64_t)(t * D + j));
            last[j] = want[j];
            want[j] -= 0.05 * d[j];
            CHECK_CLOSE(x[j], want[j], 1e-12);
        }
    }
    optim_destroy(opt);
}

static void test_spider(void **state) {
    (void)state;
    compare_spider("lr=0.05,q=3,sigma1=0.3,sigma2=0.5,seed=7", (double)INFINITY);
    compare_spider("lr=0.05,q=3,sigma1=0.3,sigma2=0.5,sigma2_cap=0.05,seed=7", 0.05);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixed_points), cmocka_unit_test(test_cancel),   cmocka_unit_test(test_noise),
        cmocka_unit_test(test_seeds),        cmocka_unit_test(test_clipping), cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_spider),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
