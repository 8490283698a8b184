/* What methods that probe the diagonal of the Hessian are held to. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "play.h"

enum { D = 34 };

/* Row i of the Hessian at the parameters as they stand. */
static void hessian_row(rig_t *rig, size_t i, double *row) {
    double unit[D] = {0};
    unit[i] = 1;
    rig->oracle->product(D, D, rig_read(rig), unit, row);
}

/* ---- The probes themselves ---- */

static uint64_t word(uint64_t seed, uint64_t k) {
    uint64_t z = seed + k * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static int walsh(size_t i, size_t k) {
    int bits = 0;
    for (size_t both = i & k; both != 0; both >>= 1)
        bits += both & 1;
    return bits % 2 == 0 ? 1 : -1;
}

/* Entry i of probe j (0, 1, ...): the sign of a uniform number of the stream minus 1/2, or the Walsh function j + 1; i runs
 * over all tensors. */
static void run_probes(const char *algorithm, const char *options, const char *probe, uint64_t seed) {
    static const layout_t LAYOUT = {"three", 3, {{"w", 2, {5, 3}}, {"s", 0, {0}}, {"b", 1, {40000}}}};
    char *all = check_text("%s,probe=%s,seed=%llu", options, probe, (unsigned long long)seed);
    rig_t *rig = play_new(algorithm, all, &LAYOUT);
    CHECK_OK(optim_set_threads(rig->opt, 2));
    const size_t d = rig_elements(rig);
    rig->stop_at = 2;
    optim_status status = rig_step(rig);
    for (size_t j = 0; j < 3; ++j) {
        assert_int_equal(status, OPTIM_EVAL_HVP);
        size_t flat = 0;
        for (int n = 0; n < rig->count; ++n) {
            const void *direction;
            CHECK_OK(optim_hvp_vector(rig->opt, n, &direction));
            for (size_t k = 0; k < rig->tensor[n].count; ++k, ++flat) {
                const double u = (double)(word(seed, 1 + j * d + flat) >> 11) * 0x1p-53;
                const double want = strcmp(probe, "walsh") == 0 ? walsh(flat, j + 1) : u < 0.5 ? 1 : -1;
                if (((const double *)direction)[k] != want)
                    fail_msg("%s: entry %zu of probe %zu is %g", algorithm, flat, j, ((const double *)direction)[k]);
            }
        }
        --rig->evaluation;
        ++rig->stop_at;
        status = rig_continue(rig, status);
    }
    free(all);
    rig_free(rig);
}

static void test_probes(void **state) {
    (void)state;
    static const char *const METHODS[][2] = {{"oasis", "init_samples=4"}, {"adahessian", "n_samples=4"}};
    for (int k = 0; k < 2; ++k) {
        run_probes(METHODS[k][0], METHODS[k][1], "walsh", 1);
        run_probes(METHODS[k][0], METHODS[k][1], "rademacher", 1);
        run_probes(METHODS[k][0], METHODS[k][1], "rademacher", 123456789);
    }
}

/* ---- The diagonal that a first step divides by: x <- x - lr g / D ---- */

/* D of coordinate i told from the step; `eps` was added to it. */
static void step_diagonal(rig_t *rig, double eps, double *diagonal) {
    double before[D], moved[D];
    play_step(rig, before, moved);
    for (size_t i = 0; i < D; ++i)
        diagonal[i] = -rig->g[i] / moved[i] - eps;
}

/* All Walsh probes 1 .. 2^b, of which the last is probe 0 over again, give the diagonal exactly. */
static void test_walsh_is_exact(void **state) {
    (void)state;
    static const char *const ORACLES[] = {"quadratic", "coupled", "rosenbrock", "logistic"};
    for (int k = 0; k < 4; ++k) {
        rig_t *rig[] = {play_vector("adahessian", "lr=1,eps=0,n_samples=64,probe=walsh", ORACLES[k], D, 1.5),
                        play_vector("oasis", "lr=1,init_samples=64,probe=walsh", ORACLES[k], D, 1.5)};
        for (int m = 0; m < 2; ++m) {
            double want[D], got[D], row[D];
            for (size_t i = 0; i < D; ++i) {
                hessian_row(rig[m], i, row);
                want[i] = row[i];
            }
            step_diagonal(rig[m], 0, got);
            for (size_t i = 0; i < D; ++i)
                CHECK_CLOSE(got[i] / want[i], 1, 1e-10);
            assert_int_equal(rig[m]->products, 64);
            rig_free(rig[m]);
        }
    }
}

/* The mean of m random estimates lies within 5 standard deviations, sqrt(sum of H_ij^2 off the diagonal / m). */
static void test_rademacher_statistics(void **state) {
    (void)state;
    enum { DRAWS = 4096 };
    static const char *const ORACLES[] = {"coupled", "rosenbrock"};
    for (int k = 0; k < 2; ++k) {
        rig_t *rig = play_vector("adahessian", "lr=1,eps=0,n_samples=4096,seed=7", ORACLES[k], D, 1.5);
        double want[D], bound[D], got[D], row[D], spread = 0;
        for (size_t i = 0; i < D; ++i) {
            hessian_row(rig, i, row);
            want[i] = row[i];
            bound[i] = 0;
            for (size_t j = 0; j < D; ++j)
                bound[i] += j == i ? 0 : row[j] * row[j] / DRAWS;
            bound[i] = 5 * sqrt(bound[i]);
        }
        step_diagonal(rig, 0, got);
        for (size_t i = 0; i < D; ++i) {
            CHECK_AT_MOST(fabs(got[i] - want[i]), bound[i] + 1e-12);
            spread += fabs(got[i] - want[i]) / bound[i];
        }
        CHECK_AT_MOST(0.04 * D, spread); /* and is no better than chance allows: a mean of 0.16 is expected */
        rig_free(rig);
    }
}

/* With a diagonal Hessian one draw is exact: z h z = h, so that all probes give the same bits. */
static void test_diagonal_needs_one_draw(void **state) {
    (void)state;
    static const char *const METHODS[][2] = {
        {"oasis", "lr=0.1"}, {"oasis", "lr=0.1,same_batch=1"}, {"adahessian", "lr=0.1"}, {"sophia", "lr=0.01"}};
    for (size_t k = 0; k < sizeof METHODS / sizeof *METHODS; ++k) {
        rig_t *first = NULL;
        static const char *const PROBES[] = {"walsh", "rademacher,seed=1", "rademacher,seed=2"};
        for (int p = 0; p < 3; ++p) {
            char *options = check_text("%s,probe=%s", METHODS[k][1], PROBES[p]);
            rig_t *rig = play_vector(METHODS[k][0], options, "quadratic", D, 1);
            CHECK_OK(rig_steps(rig, 30));
            if (first != NULL)
                rig_check_same(rig, first, options);
            free(options);
            if (first != NULL)
                rig_free(rig);
            else
                first = rig;
        }
        rig_free(first);
    }
}

/* ---- adahessian ---- */

/* Tensors of three or more dimensions: the mean over everything behind the first two. */
static void test_spatial_average(void **state) {
    (void)state;
    static const layout_t LAYOUT = {"kernels", 3, {{"c", 4, {2, 3, 2, 3}}, {"m", 2, {4, 3}}, {"l", 3, {2, 2, 5}}}};
    for (int average = 0; average < 2; ++average) {
        char *options = check_text("lr=1,eps=0,spatial_average=%d", average);
        rig_t *rig = play_new("adahessian", options, &LAYOUT);
        double before[68], moved[68];
        play_step(rig, before, moved);
        size_t first = 0;
        static const size_t KERNEL[] = {6, 1, 5}, COUNT[] = {36, 12, 20};
        for (int n = 0; n < 3; first += COUNT[n++])
            for (size_t k = 0; k < COUNT[n]; ++k) {
                const size_t at = first + k, begin = first + k / KERNEL[n] * KERNEL[n];
                double mean = 0;
                for (size_t i = begin; i < begin + KERNEL[n]; ++i)
                    mean += quadratic_curvature(i) / (double)KERNEL[n];
                CHECK_CLOSE(-moved[at] / rig->g[at], 1 / (average ? mean : quadratic_curvature(at)), 1e-12);
            }
        free(options);
        rig_free(rig);
    }
}

/* Products are asked for on steps 1, 1 + period, ... alone. */
static void test_update_period(void **state) {
    (void)state;
    static const char *const METHODS[][2] = {{"adahessian", "update_period=4,n_samples=2"},
                                             {"sophia", "update_period=4"}};
    for (int k = 0; k < 2; ++k) {
        rig_t *rig = play_vector(METHODS[k][0], METHODS[k][1], "logistic", D, 0.5);
        for (int step = 0; step < 13; ++step) {
            const int64_t before = rig->products;
            CHECK_OK(rig_step(rig));
            assert_int_equal(rig->products - before, step % 4 == 0 ? 2 - k : 0);
        }
        assert_int_equal(rig->gradients, 13);
        rig_free(rig);
    }
}

/* ---- sophia ---- */

/* One coordinate, gradient and curvature as given: sign momentum where h is 0 or below, never a step uphill. */
static double sophia_moves(double gradient, double curvature, const char *options) {
    double x = 1, g = gradient;
    optim_t *opt;
    void *product;
    CHECK_OK(optim_create(&opt, "sophia", options));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
    assert_int_equal(optim_step(opt), OPTIM_EVAL_HVP);
    const void *direction;
    CHECK_OK(optim_hvp_vector(opt, 0, &direction));
    CHECK_OK(optim_hvp_result(opt, 0, &product));
    *(double *)product = curvature * *(const double *)direction;
    CHECK_OK(optim_step(opt));
    optim_destroy(opt);
    return x - 1;
}

static void test_sophia_signs(void **state) {
    (void)state;
    static const double GRADIENT[] = {3, 1e-6, -2, -1e-9};
    for (int k = 0; k < 4; ++k) {
        const double down = GRADIENT[k] > 0 ? -0.125 : 0.125;
        CHECK_CLOSE(sophia_moves(GRADIENT[k], 0, "lr=0.125,weight_decay=0"), down, 1e-15);
        CHECK_CLOSE(sophia_moves(GRADIENT[k], -5, "lr=0.125,weight_decay=0"), down, 1e-15);
    }
    assert_true(sophia_moves(0, 0, "lr=0.125,weight_decay=0") == 0);
    /* m / (rho h) = 0.035 g / (0.5 0.01 h), unclipped and clipped */
    CHECK_CLOSE(sophia_moves(2, 20, "lr=0.125,weight_decay=0,rho=0.5"), -0.125 * 0.07 / 0.1, 1e-15);
    CHECK_CLOSE(sophia_moves(4, 20, "lr=0.125,weight_decay=0,rho=0.5"), -0.125, 1e-15);
    CHECK_CLOSE(sophia_moves(0, 20, "lr=0.125,weight_decay=0.5"), -0.0625, 1e-15);
}

/* Gauss-Newton-Bartlett: another gradient at the same x, of labels that the model draws; it moves h alone. */
static void test_sophia_gauss_newton(void **state) {
    (void)state;
    double x = 1, g = 2;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sophia", "lr=0.125,weight_decay=0,rho=0.5,estimator=1,batch_size=8,update_period=2"));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
    assert_int_equal(optim_step(opt), OPTIM_EVAL_GRAD);
    optim_request request = {.size = sizeof request};
    CHECK_OK(optim_request_info(opt, &request));
    assert_int_equal(request.sample, OPTIM_SAMPLE_MODEL);
    assert_true(x == 1);
    g = 3;
    CHECK_OK(optim_step(opt));
    const double h = 0.01 * 8 * 9;
    CHECK_CLOSE(x, 1 - 0.125 * 0.07 / (0.5 * h), 1e-15);
    g = 2;
    CHECK_OK(optim_step(opt)); /* no update of h in this one */
    assert_int_equal(optim_steps(opt), 2);
    CHECK_CLOSE(x, 1 - 0.125 * (0.07 + (0.965 * 0.07 + 0.07)) / (0.5 * h), 1e-15);
    CHECK_REFUSED(optim_set(opt, -1, "estimator", 0), OPTIM_ERR_ORDER, "estimator");
    CHECK_OK(optim_set(opt, -1, "lr", 0.25));
    assert_int_equal(optim_step(opt), OPTIM_EVAL_GRAD);
    optim_destroy(opt);
}

/* ---- oasis ---- */

/* The largest step that the curvature between the last two points allows is taken, and none is more than
 * sqrt(1 + theta) longer than the last: told in the scaled norm of a diagonal known from the start. */
static void test_oasis_step_sizes(void **state) {
    (void)state;
    rig_t *rig = play_vector("oasis", "lr=1e-3", "quadratic", D, 1);
    double before[D], moved[D], eta_last = 0, theta = (double)INFINITY;
    for (int step = 0; step < 25; ++step) {
        play_step(rig, before, moved);
        const double eta = -moved[0] * quadratic_curvature(0) / rig->g[0];
        for (size_t i = 0; i < D; ++i) /* Dh is the Hessian itself: every coordinate shrinks by 1 - eta */
            CHECK_CLOSE(-moved[i] * quadratic_curvature(i) / rig->g[i], eta, 1e-6);
        if (step > 0) {
            /* |x - x_prev|_D / (2 |g - g_prev|_{1/D}) = 1/2 here */
            CHECK_CLOSE(eta, fmin(sqrt(1 + theta) * eta_last, 0.5), 1e-6);
            theta = eta / eta_last;
        }
        eta_last = eta;
    }
    CHECK_CLOSE(eta_last, 0.5, 1e-6);
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probes),
        cmocka_unit_test(test_walsh_is_exact),
        cmocka_unit_test(test_rademacher_statistics),
        cmocka_unit_test(test_diagonal_needs_one_draw),
        cmocka_unit_test(test_spatial_average),
        cmocka_unit_test(test_update_period),
        cmocka_unit_test(test_sophia_signs),
        cmocka_unit_test(test_sophia_gauss_newton),
        cmocka_unit_test(test_oasis_step_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
