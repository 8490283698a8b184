/* exact_al under curved constraints: how many steps it needs, that the last ones are Newton's, and its sketches. */
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "solve.h"

enum { D = 6, M = 2 };

/* f = sum h_i (x_i - t_i)^2 / 2,   c_k = A_k x + sum_j w_kj x_j^2 / 4 - b_k */
typedef struct scene {
    optim_t *opt;
    double x[D], g[D], lam[M];
} scene_t;

static double curvature(int i) {
    return 1 + i % 7;
}
static double center(int i) {
    return 37 * i % 11 / 11.0 - 0.5;
}
static double bend(int k, int j) {
    return cos(0.5 * k + 0.8 * j);
}
static double jacobian(const scene_t *s, int k, int j) {
    return cos(k + 0.5 * j * j + 0.7 * k * j) + bend(k, j) * s->x[j] / 2;
}

static int on_gradient(void *user, const optim_request *request, double *loss) {
    scene_t *s = user;
    static const double NONE[M];
    const double *weights = NONE;
    if (request->kind == OPTIM_EVAL_GRAD && optim_constraint_weights(s->opt, &weights) != OPTIM_OK)
        weights = NONE; /* between two steps */
    *loss = 0;
    for (int i = 0; i < D; ++i) {
        const double away = s->x[i] - center(i);
        *loss += curvature(i) * away * away / 2;
        s->g[i] = curvature(i) * away;
        for (int k = 0; k < M; ++k)
            s->g[i] += weights[k] * jacobian(s, k, i);
    }
    return 0;
}

static int on_product(void *user, const optim_request *request, optim_t *opt) {
    const scene_t *s = user;
    const double *weights;
    const void *v;
    void *hv;
    (void)request;
    CHECK_OK(optim_constraint_weights(s->opt, &weights));
    CHECK_OK(optim_hvp_vector(opt, 0, &v));
    CHECK_OK(optim_hvp_result(opt, 0, &hv));
    for (int i = 0; i < D; ++i) {
        double entry = curvature(i);
        for (int k = 0; k < M; ++k)
            entry += weights[k] * bend(k, i) / 2;
        ((double *)hv)[i] = entry * ((const double *)v)[i];
    }
    return 0;
}

static int on_constraints(void *user, const optim_request *request, double *values) {
    const scene_t *s = user;
    (void)request;
    for (int k = 0; k < M; ++k) {
        values[k] = -0.3 * (k + 1);
        for (int j = 0; j < D; ++j)
            values[k] += (cos(k + 0.5 * j * j + 0.7 * k * j) + bend(k, j) * s->x[j] / 4) * s->x[j];
    }
    return 0;
}

/* |(g, c)| */
static double kkt(const scene_t *s) {
    double square = 0, c[M];
    (void)on_constraints((void *)s, NULL, c);
    for (int i = 0; i < D; ++i) {
        double g = curvature(i) * (s->x[i] - center(i));
        for (int k = 0; k < M; ++k) {
            char key[] = "lam_0";
            double lam;
            key[4] = (char)('0' + k);
            CHECK_OK(optim_get(s->opt, 0, key, &lam));
            g += lam * jacobian(s, k, i);
        }
        square += g * g;
    }
    return sqrt(square + c[0] * c[0] + c[1] * c[1]);
}

static void open_scene(scene_t *s, const char *options) {
    CHECK_OK(optim_create(&s->opt, "exact_al", options));
    CHECK_OK(optim_add_param(s->opt, 0, "x", OPTIM_F64, 1, (int64_t[]){D}, s->x, s->g));
    CHECK_OK(optim_set_constraints(s->opt, M, 0));
    CHECK_OK(optim_set_input(s->opt, -1, "lam", OPTIM_F64, 1, (int64_t[]){M}, s->lam));
}

static void step(scene_t *s) {
    const optim_problem problem = {.size = sizeof problem,
                                   .user = s,
                                   .gradient = on_gradient,
                                   .product = on_product,
                                   .constraints = on_constraints};
    const optim_stop stop = {.size = sizeof stop, .steps = 1};
    optim_result result = {.size = sizeof result};
    CHECK_OK(optim_minimize(s->opt, &problem, &stop, &result));
}

/* The number of right digits doubles in the end. */
static void test_quadratic_convergence(void **state) {
    (void)state;
    static const double AT_MOST[] = {1.6, 1e-1, 3e-4, 4e-9};
    scene_t s;
    for (int i = 0; i < D; ++i)
        s.x[i] = sin(1 + 1.3 * i);
    s.lam[0] = s.lam[1] = 1;
    open_scene(&s, NULL);
    for (int t = 0; t < 4; ++t) {
        step(&s);
        CHECK_AT_MOST(kkt(&s), AT_MOST[t]);
    }
    optim_destroy(s.opt);
}

static int compare(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

/* Steps to |(g, c)| < 1e-8, of starts that are normal numbers, the multipliers three times as large: sorted. */
static void steps_needed(const char *options, int starts, int *steps) {
    uint64_t stream = 1;
    for (int k = 0; k < starts; ++k) {
        scene_t s;
        for (int i = 0; i < D; ++i)
            s.x[i] = solve_normal(&stream);
        for (int i = 0; i < M; ++i)
            s.lam[i] = 3 * solve_normal(&stream);
        open_scene(&s, options);
        steps[k] = 0;
        do
            step(&s);
        while (++steps[k] < 30 && kkt(&s) >= 1e-8);
        optim_destroy(s.opt);
    }
    qsort(steps, (size_t)starts, sizeof *steps, compare);
}

static void test_any_start(void **state) {
    (void)state;
    enum { STARTS = 100, FEW = 5 };
    int steps[STARTS];
    steps_needed(NULL, STARTS, steps);
    assert_in_range(steps[STARTS / 2], 4, 6);
    assert_in_range(steps[STARTS - 1], 5, 10);
    steps_needed("sketch=kaczmarz", FEW, steps); /* thousands of sketches a step */
    assert_in_range(steps[FEW - 1], 4, 13);
    steps_needed("sketch=gaussian,size=4", FEW, steps);
    assert_in_range(steps[FEW - 1], 4, 13);
    steps_needed("sketch=count,size=5", FEW, steps);
    assert_in_range(steps[FEW - 1], 4, 13);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quadratic_convergence),
        cmocka_unit_test(test_any_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
