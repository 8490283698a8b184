/* Methods whose workers send compressed gradients, on three functions where compression without memory diverges. */
#include <math.h>
#include <string.h>

#include "check.h"

enum { D = 3 };
static const double A[D][D] = {{-3, 2, 2}, {2, -3, 2}, {2, 2, -3}};

/* f_i = <a_i, x>^2 + |x|^2 / 4 (Beznosikov et al. 2020). */
typedef struct problem {
    optim_t *opt;
    double x[D], g[D];
} problem_t;

static void add_gradient(problem_t *p, int worker, double weight) {
    double inner = 0;
    for (int j = 0; j < D; ++j)
        inner += A[worker][j] * p->x[j];
    for (int j = 0; j < D; ++j)
        p->g[j] += weight * (2 * A[worker][j] * inner + p->x[j] / 2);
}

static void fill(problem_t *p, const optim_request *request) {
    memset(p->g, 0, sizeof p->g);
    for (int i = 0; i < D; ++i)
        if (request->count == 0 || i == request->component)
            add_gradient(p, i, request->count == 0 ? 1.0 / D : 1);
}

static void open_problem(problem_t *p, const char *algorithm, const char *options) {
    const int64_t count = D;
    *p = (problem_t){.x = {1, 1, 1}};
    CHECK_OK(optim_create(&p->opt, algorithm, options));
    CHECK_OK(optim_add_param(p->opt, 0, "x", OPTIM_F64, 1, &count, p->x, p->g));
}

static void step(problem_t *p) {
    optim_request request = {.size = sizeof request, .component = -1};
    optim_status status;
    if (optim_wants_gradient(p->opt))
        fill(p, &request);
    while ((status = optim_step(p->opt)) == OPTIM_EVAL_GRAD) {
        CHECK_OK(optim_request_info(p->opt, &request));
        assert_int_equal(request.count, 1);
        fill(p, &request);
    }
    CHECK_OK(status);
}

static double norm_after(problem_t *p, int steps) {
    double square = 0;
    for (int k = 0; k < steps; ++k)
        step(p);
    for (int j = 0; j < D; ++j)
        square += p->x[j] * p->x[j];
    return sqrt(square);
}

/* Known lengths after 100 steps and after 1000. */
static void test_converges(void **state) {
    (void)state;
    static const struct {
        const char *method;
        double hundred, thousand;
    } KNOWN[] = {{"ef14", 0.5527, 1.2707e-5}, {"ef21", 0.5522, 1.2630e-5}, {"econtrol", 0.5359, 1.4071e-5}};
    for (size_t k = 0; k < sizeof KNOWN / sizeof *KNOWN; ++k) {
        problem_t p;
        open_problem(&p, KNOWN[k].method, "workers=3,k=1,lr=0.01");
        const double hundred = norm_after(&p, 100), thousand = norm_after(&p, 900);
        CHECK_AT_MOST(fabs(hundred / KNOWN[k].hundred - 1), 1e-4);
        CHECK_AT_MOST(fabs(thousand / KNOWN[k].thousand - 1), 1e-4);
        optim_destroy(p.opt);
    }
}

/* Without memory three workers send the wrong entry of each gradient: x grows by 1 + 11 lr / 6 a step. */
static void test_diverges(void **state) {
    (void)state;
    problem_t p;
    open_problem(&p, "dcgd", "workers=3,k=1,lr=0.01");
    const double hundred = norm_after(&p, 100);
    for (int j = 0; j < D; ++j)
        CHECK_CLOSE(p.x[j], pow(1 + 0.11 / 6, 100), 1e-12);
    CHECK_AT_MOST(fabs(hundred / 10.655 - 1), 1e-4);
    optim_destroy(p.opt);
}

/* Without compression all are gradient descent. */
static void test_identity(void **state) {
    (void)state;
    static const char *const METHODS[] = {"dcgd", "ef14", "ef21", "econtrol"};
    problem_t sgd;
    open_problem(&sgd, "sgd", "lr=0.01");
    (void)norm_after(&sgd, 20);
    for (size_t k = 0; k < sizeof METHODS / sizeof *METHODS; ++k) {
        problem_t p;
        open_problem(&p, METHODS[k], "workers=3,compressor=identity,lr=0.01");
        (void)norm_after(&p, 20);
        for (int j = 0; j < D; ++j)
            CHECK_CLOSE(p.x[j], sgd.x[j], 1e-13);
        optim_destroy(p.opt);
    }
    optim_destroy(sgd.opt);
}

/* A step that is cancelled after some workers have sent leaves nothing behind. */
static void test_cancel(void **state) {
    (void)state;
    static const char *const METHODS[] = {"dcgd", "ef14", "ef21", "econtrol"};
    for (size_t k = 0; k < sizeof METHODS / sizeof *METHODS; ++k) {
        problem_t p, twin;
        optim_request request = {.size = sizeof request};
        open_problem(&p, METHODS[k], "workers=3,k=1");
        open_problem(&twin, METHODS[k], "workers=3,k=1");
        (void)norm_after(&p, 4);
        for (int i = 0; i < 3; ++i) {
            CHECK_STATUS(optim_step(p.opt), OPTIM_EVAL_GRAD);
            CHECK_OK(optim_request_info(p.opt, &request));
            assert_int_equal(request.component, i);
            fill(&p, &request);
        }
        CHECK_OK(optim_cancel(p.opt));
        (void)norm_after(&p, 4);
        (void)norm_after(&twin, 8);
        assert_memory_equal(p.x, twin.x, sizeof p.x);
        optim_destroy(p.opt);
        optim_destroy(twin.opt);
    }
}

/* One tensor cut in two is the same vector to a global scope, and not to a scope by tensor. */
static void run_cut(const char *options, double x[D]) {
    static const char *const NAMES[] = {"first", "rest"};
    const int64_t counts[] = {1, D - 1};
    problem_t p = {.x = {1, -2, 3}};
    CHECK_OK(optim_create(&p.opt, "ef14", options));
    for (int i = 0; i < 2; ++i)
        CHECK_OK(optim_add_param(p.opt, 0, NAMES[i], OPTIM_F64, 1, &counts[i], p.x + i, p.g + i));
    (void)norm_after(&p, 10);
    memcpy(x, p.x, sizeof p.x);
    optim_destroy(p.opt);
}

static void test_scope(void **state) {
    (void)state;
    double global[D], by_tensor[D];
    problem_t whole;
    open_problem(&whole, "ef14", "k=1,lr=0.05");
    memcpy(whole.x, (double[]){1, -2, 3}, sizeof whole.x);
    (void)norm_after(&whole, 10);
    run_cut("k=1,lr=0.05,scope=global", global);
    run_cut("k=1,lr=0.05,scope=tensor", by_tensor);
    assert_memory_equal(global, whole.x, sizeof global);
    assert_true(memcmp(by_tensor, whole.x, sizeof by_tensor) != 0);
    optim_destroy(whole.opt);
}

/* A random compressor draws anew in each step, and the same with the same seed. */
static void test_draws(void **state) {
    (void)state;
    problem_t p, twin, other;
    open_problem(&p, "ef21", "compressor=randk(k=1,random=1,scaled=0),workers=3,seed=5");
    open_problem(&twin, "ef21", "compressor=randk(k=1,random=1,scaled=0),workers=3,seed=5");
    open_problem(&other, "ef21", "compressor=randk(k=1,random=1,scaled=0),workers=3,seed=6");
    (void)norm_after(&p, 20);
    (void)norm_after(&twin, 20);
    (void)norm_after(&other, 20);
    assert_memory_equal(p.x, twin.x, sizeof p.x);
    assert_true(memcmp(p.x, other.x, sizeof p.x) != 0);
    optim_destroy(p.opt);
    optim_destroy(twin.opt);
    optim_destroy(other.opt);
}

static int whole(void *user, const optim_request *request, double *loss) {
    fill(user, request);
    *loss = 0;
    return 0;
}

static void test_refuses(void **state) {
    (void)state;
    problem_t p;
    const optim_problem problem = {.size = sizeof problem, .user = &p, .gradient = whole};
    const optim_stop stop = {.size = sizeof stop, .steps = 1};
    const int64_t three = 3, two = 2;
    const double weights[] = {1, -1, 2};
    open_problem(&p, "ef21", "workers=3,accumulate=1");
    CHECK_OK(optim_set_input(p.opt, -1, "weights", OPTIM_F64, 1, &two, weights));
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "weights");
    CHECK_OK(optim_set_input(p.opt, -1, "weights", OPTIM_F64, 1, &three, weights));
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "weights");
    CHECK_REFUSED(optim_accumulate(p.opt), OPTIM_ERR_ORDER, "ef21");
    CHECK_REFUSED(optim_minimize(p.opt, &problem, &stop, NULL), OPTIM_ERR_NULL, "component");
    optim_destroy(p.opt);
    open_problem(&p, "ef21", "");
    CHECK_OK(optim_minimize(p.opt, &problem, &stop, NULL));
    optim_destroy(p.opt);
    open_problem(&p, "ef14", "workers=3");
    CHECK_OK(optim_add_group(p.opt, "workers=2", NULL));
    CHECK_OK(optim_add_param(p.opt, 1, "y", OPTIM_F64, 1, &two, (double[]){1, 2}, (double[]){1, 2}));
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_VALUE, "workers");
    optim_destroy(p.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_converges), cmocka_unit_test(test_diverges), cmocka_unit_test(test_identity),
        cmocka_unit_test(test_cancel),    cmocka_unit_test(test_scope),    cmocka_unit_test(test_draws),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
