/* optim_check_gradient: right gradients pass, in every dtype and in boxes; of a wrong one the element is named. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "element.h"

enum { ROWS = 40, COLUMNS = 60, N = ROWS * COLUMNS, B = 7, FEW = 5 };

typedef struct scene {
    optim_t *opt;
    optim_dtype dtype;
    size_t elements; /* of w that are used */
    double w[N], gw[N], b[B], gb[B], lower[B], upper[B];
    int wrong_tensor, wrong_element; /* whose gradient is 3 times what it should be; -1: none */
    double add;                      /* or has this added */
    int evaluations, losses;
} scene_t;

/* sum of sin(i) + i-th weights: no two derivatives alike. */
static double value(const scene_t *s) {
    double sum = 0;
    for (size_t i = 0; i < s->elements; ++i)
        sum += sin(element_read(s->dtype, s->w, i) + (double)i) / (1 + (double)(i % 5));
    for (size_t i = 0; i < B; ++i)
        sum += exp(element_read(s->dtype, s->b, i)) * (double)(i + 1);
    return sum;
}

static double derivative(const scene_t *s, int tensor, size_t i) {
    const double d = tensor == 0 ? cos(element_read(s->dtype, s->w, i) + (double)i) / (1 + (double)(i % 5))
                                 : exp(element_read(s->dtype, s->b, i)) * (double)(i + 1);
    return tensor == s->wrong_tensor && (int)i == s->wrong_element ? 3 * d + s->add : d;
}

static int on_gradient(void *user, const optim_request *request, double *loss) {
    scene_t *s = user;
    assert_int_equal(request->kind, OPTIM_EVAL_GRAD);
    ++s->evaluations;
    *loss = value(s);
    for (size_t i = 0; i < s->elements; ++i)
        element_write(s->dtype, s->gw, i, derivative(s, 0, i));
    for (size_t i = 0; i < B; ++i)
        element_write(s->dtype, s->gb, i, derivative(s, 1, i));
    return 0;
}

static int on_loss(void *user, const optim_request *request, double *loss) {
    scene_t *s = user;
    assert_int_equal(request->kind, OPTIM_EVAL_LOSS);
    ++s->evaluations;
    ++s->losses;
    *loss = value(s);
    for (size_t i = 0; i < B && s->lower[0] < s->upper[0]; ++i) {
        const double b = element_read(s->dtype, s->b, i);
        assert_true(b >= element_read(s->dtype, s->lower, i) && b <= element_read(s->dtype, s->upper, i));
    }
    return 0;
}

static void open_scene(scene_t *s, optim_dtype dtype, size_t elements, const char *algorithm) {
    memset(s, 0, sizeof *s);
    s->dtype = dtype;
    s->elements = elements;
    s->wrong_tensor = -1;
    for (size_t i = 0; i < elements; ++i)
        element_write(dtype, s->w, i, 0.01 * (double)((i * 37) % 101) - 0.5);
    for (size_t i = 0; i < B; ++i)
        element_write(dtype, s->b, i, 0.1 * (double)i);
    CHECK_OK(optim_create(&s->opt, algorithm, NULL));
    CHECK_OK(optim_add_param(s->opt, 0, "w", dtype, 1, (int64_t[]){(int64_t)elements}, s->w, s->gw));
    CHECK_OK(optim_add_param(s->opt, 0, "b", dtype, 1, (int64_t[]){B}, s->b, s->gb));
}

static optim_gradient_check check(scene_t *s, int directions, uint64_t seed) {
    const optim_problem problem = {.size = sizeof problem, .user = s, .gradient = on_gradient, .loss = on_loss};
    optim_gradient_check found = {.size = sizeof found};
    double w[N], b[B];
    memcpy(w, s->w, sizeof w);
    memcpy(b, s->b, sizeof b);
    CHECK_OK(optim_check_gradient(s->opt, &problem, directions, seed, &found));
    assert_memory_equal(w, s->w, sizeof w);
    assert_memory_equal(b, s->b, sizeof b);
    assert_int_equal(found.evaluations, s->evaluations);
    assert_int_equal(s->losses, s->evaluations - 1);
    assert_true(element_read(s->dtype, s->gb, 1) == element_read(s->dtype, s->gb, 1));
    return found;
}

static void test_right(void **state) {
    (void)state;
    for (optim_dtype dtype = OPTIM_F32; dtype <= OPTIM_F16; ++dtype)
        for (uint64_t seed = 0; seed < 4; ++seed) {
            scene_t s;
            open_scene(&s, dtype, FEW, "sgd");
            const optim_gradient_check found = check(&s, 5, seed);
            if (!found.agrees)
                fail_msg("dtype %d, seed %d: error %g, told %g, seen %g", dtype, (int)seed, found.error, found.told,
                         found.seen);
            assert_true(found.param == -1 && found.name[0] == '\0' && found.error <= found.tolerance);
            assert_int_equal(found.evaluations, 1 + 5 * 4);
            optim_destroy(s.opt);
        }
}

static void test_wrong_element(void **state) {
    (void)state;
    static const struct {
        int tensor, element;
        size_t elements;
        double add;
    } WRONG[] = {{0, 3, FEW, 0}, {1, 6, FEW, 0}, {0, 1234, N, 0}, {0, N - 1, N, 0.5}, {1, 0, N, 0}, {0, 0, N, -20}};
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; ++i)
        for (int of_f32 = 0; of_f32 < 2; ++of_f32) {
            scene_t s;
            const optim_dtype dtype = of_f32 ? OPTIM_F32 : OPTIM_F64;
            open_scene(&s, dtype, WRONG[i].elements, "adam");
            s.wrong_tensor = WRONG[i].tensor;
            s.wrong_element = WRONG[i].element;
            s.add = WRONG[i].add;
            const optim_gradient_check found = check(&s, 0, 7);
            if (found.agrees || found.param != WRONG[i].tensor || found.element != WRONG[i].element)
                fail_msg("case %zu, f32 %d: agrees %d, error %g, element %d of %d", i, of_f32, found.agrees,
                         found.error, (int)found.element, found.param);
            assert_string_equal(found.name, WRONG[i].tensor == 0 ? "w" : "b");
            const double told = derivative(&s, s.wrong_tensor, (size_t)s.wrong_element);
            s.wrong_tensor = -1;
            const double seen = derivative(&s, WRONG[i].tensor, (size_t)WRONG[i].element);
            CHECK_CLOSE(found.element_told, told, of_f32 ? 1e-6 : 1e-14);
            assert_true(fabs(found.element_seen - seen) <= (of_f32 ? 2e-3 : 1e-5) * fmax(1, fabs(seen)));
            assert_true(found.error > found.tolerance);
            optim_destroy(s.opt);
        }
}

/* Points stay in the box, of which the parameters may lie on the wall. */
static void test_in_a_box(void **state) {
    (void)state;
    scene_t s;
    open_scene(&s, OPTIM_F64, FEW, "sgd");
    for (int i = 0; i < B; ++i) {
        s.lower[i] = i % 2 == 0 ? s.b[i] : -1;
        s.upper[i] = i % 2 == 0 ? 2 : s.b[i];
    }
    CHECK_OK(optim_set_bounds(s.opt, 1, s.lower, s.upper));
    assert_true(check(&s, 3, 1).agrees);
    optim_destroy(s.opt);
}

/* Of methods that read no gradients, frozen parameters, and before the first step or behind it. */
static void test_any_handle(void **state) {
    (void)state;
    scene_t s;
    open_scene(&s, OPTIM_F64, FEW, "direct_search");
    CHECK_OK(optim_freeze(s.opt, 1, 1));
    s.wrong_tensor = 1; /* nobody asks */
    assert_true(check(&s, 3, 1).agrees);
    CHECK_OK(optim_wrap(s.opt, "ema", NULL)); /* the first step is still to come */
    optim_destroy(s.opt);
}

static int stops(void *user, const optim_request *request, double *loss) {
    (void)request;
    scene_t *s = user;
    *loss = 1;
    return ++s->evaluations == 3 ? 42 : 0;
}

static void test_refusals(void **state) {
    (void)state;
    scene_t s;
    open_scene(&s, OPTIM_F64, FEW, "sgd");
    optim_problem problem = {.size = sizeof problem, .user = &s, .gradient = stops};
    optim_gradient_check found = {.size = sizeof found};
    CHECK_OK(optim_check_gradient(s.opt, &problem, 0, 0, &found));
    assert_true(found.callback == 42 && !found.agrees && found.evaluations == 3);
    CHECK_REFUSED(optim_check_gradient(s.opt, &problem, -1, 0, &found), OPTIM_ERR_ARGUMENT, "-1 directions");
    CHECK_REFUSED(optim_check_gradient(s.opt, &problem, 1001, 0, &found), OPTIM_ERR_ARGUMENT, "1001 directions");
    CHECK_REFUSED(optim_check_gradient(s.opt, NULL, 0, 0, &found), OPTIM_ERR_NULL, "problem");
    CHECK_REFUSED(optim_check_gradient(s.opt, &problem, 0, 0, NULL), OPTIM_ERR_NULL, "check");
    problem.gradient = NULL;
    CHECK_REFUSED(optim_check_gradient(s.opt, &problem, 0, 0, &found), OPTIM_ERR_NULL, "problem.gradient");
    problem.gradient = stops;
    found.size = 0;
    CHECK_REFUSED(optim_check_gradient(s.opt, &problem, 0, 0, &found), OPTIM_ERR_ARGUMENT,
                  "sizeof(optim_gradient_check)");
    found.size = sizeof found;
    CHECK_OK(optim_freeze(s.opt, 0, 1));
    CHECK_OK(optim_freeze(s.opt, 1, 1));
    CHECK_REFUSED(optim_check_gradient(s.opt, &problem, 0, 0, &found), OPTIM_ERR_ORDER, "no parameter with a gradient");
    optim_destroy(s.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),      cmocka_unit_test(test_wrong_element), cmocka_unit_test(test_in_a_box),
        cmocka_unit_test(test_any_handle), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
