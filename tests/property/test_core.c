/* Sign methods, adadelta, qhm, aggmo, lars, novograd: what their definitions state. lion and lion_k as constrained
 * minimisers. Equalities between methods and tables of values are in test_relations.c and test_figures.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "play.h"

enum { D = 20 };
static const layout_t NUMBER = {"number", 1, {{"x", 0, {0}}}};
static const layout_t TWO = {"two", 2, {{"w", 2, {7, 5}}, {"b", 1, {13}}}};

/* One step on this gradient. */
static void step_on(rig_t *rig, const double *gradient) {
    const double loss = 1;
    replay_t replay = {1, 0, &loss, gradient};
    rig->replay = &replay;
    CHECK_OK(rig_step(rig));
    rig->replay = NULL;
}

static double length(const double *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sqrt(sum);
}

static void check_refused_at_creation(const char *algorithm, const char *options, const char *offender) {
    optim_t *opt;
    CHECK_REFUSED(optim_create(&opt, algorithm, options), OPTIM_ERR_VALUE, offender);
}

/* ---- signsgd, signum ---- */

/* Every coordinate moves by lr or stays; within lr of the minimum it stays within lr. */
static void test_signsgd_steps(void **state) {
    (void)state;
    rig_t *rig = play_vector("signsgd", "lr=0.0078125", "quadratic", D, 1);
    double before[D];
    for (int step = 0; step < 600; ++step) {
        memcpy(before, rig_read(rig), sizeof before);
        CHECK_OK(rig_step(rig));
        const double *x = rig_read(rig);
        for (size_t i = 0; i < D; ++i) {
            assert_true(fabs(x[i] - before[i]) == 0.0078125 || x[i] == before[i]);
            if (step > 200)
                CHECK_AT_MOST(fabs(x[i] - quadratic_minimum(i)), 0.0078125 * (1 + 1e-9));
        }
    }
    rig_free(rig);
}

/* No gradient yet: no motion. Later a zero gradient still moves signum, by what it remembers, and signsgd not. */
static void test_signs_of_zero(void **state) {
    (void)state;
    static const char *const METHODS[] = {"signsgd", "signum"};
    const double zero = 0, one = 1;
    for (int k = 0; k < 2; ++k) {
        rig_t *rig = play_new(METHODS[k], "lr=0.25", &NUMBER);
        const double start = rig_read(rig)[0];
        step_on(rig, &zero);
        assert_true(rig_read(rig)[0] == start);
        step_on(rig, &one);
        CHECK_CLOSE(rig_read(rig)[0], start - 0.25, 1e-15);
        step_on(rig, &zero);
        CHECK_CLOSE(rig_read(rig)[0], start - 0.25 * (1 + k), 1e-15);
        rig_free(rig);
    }
}

/* ---- adadelta ---- */

static void test_adadelta_first_step(void **state) {
    (void)state;
    rig_t *rig = play_new("adadelta", "lr=0.5", &NUMBER);
    const double start = rig_read(rig)[0], g = 1;
    step_on(rig, &g);
    CHECK_CLOSE((start - rig_read(rig)[0]) / (0.5 * sqrt(1e-6 / (0.1 + 1e-6))), 1, 1e-12);
    rig_free(rig);
    check_refused_at_creation("adadelta", "eps=0", "eps");
}

/* ---- aggmo: a constant gradient g is followed at lr / K sum 1 / (1 - beta_i) g, 37 lr g at the defaults ---- */

static void test_aggmo_steady_step(void **state) {
    (void)state;
    rig_t *rig = play_new("aggmo", "lr=0.001", &NUMBER);
    const double g = 2;
    for (int step = 0; step < 5000; ++step)
        step_on(rig, &g);
    const double before = rig_read(rig)[0];
    step_on(rig, &g);
    CHECK_CLOSE((before - rig_read(rig)[0]) / (37 * 0.001 * g), 1, 1e-10);
    rig_free(rig);
}

/* ---- lars ---- */

/* The first step of every tensor has length lr trust_coefficient |p| |g + lambda p| / (|g| + lambda |p| + eps). */
static void test_lars_first_step(void **state) {
    (void)state;
    const double lambda = 0.3;
    rig_t *rig = play_new("lars", "lr=2,trust_coefficient=0.01,weight_decay=0.3", &TWO);
    double before[48], zero[48] = {0};
    memcpy(before, rig_read(rig), sizeof before);
    replay_t *noise = noise_new(1, 48);
    step_on(rig, noise->gradient);
    for (size_t tensor = 0; tensor < 2; ++tensor) {
        const size_t first = tensor * 35, n = tensor == 0 ? 35 : 13;
        const double *p = before + first, *g = noise->gradient + first;
        double decayed[48];
        for (size_t i = 0; i < n; ++i)
            decayed[i] = g[i] + lambda * p[i];
        const double trust = 0.01 * length(p, zero, n) / (length(g, zero, n) + lambda * length(p, zero, n) + 1e-8);
        CHECK_CLOSE(length(rig_read(rig) + first, p, n) / (2 * trust * length(decayed, zero, n)), 1, 1e-12);
    }
    replay_free(noise);
    rig_free(rig);
}

/* Fresh biases: |p| = 0 gives ratio 1, and the tensor is not stuck. */
static void test_lars_from_zero(void **state) {
    (void)state;
    rig_t *rig = play_vector("lars", "lr=0.1,momentum=0", "quadratic", D, 0);
    CHECK_OK(rig_step(rig));
    for (size_t i = 0; i < D; ++i)
        CHECK_CLOSE(rig_read(rig)[i], 0.1 * quadratic_curvature(i) * quadratic_minimum(i), 1e-14);
    rig_free(rig);
}

/* lr inside the buffer or outside: the same while lr is constant, another method once it changes. */
static void test_lars_lr_in_momentum(void **state) {
    (void)state;
    rig_t *inside = play_new("lars", "lr=3,trust_coefficient=0.02", &TWO);
    rig_t *outside = play_new("lars", "lr=3,trust_coefficient=0.02,lr_in_momentum=0", &TWO);
    CHECK_OK(rig_steps(inside, 10));
    CHECK_OK(rig_steps(outside, 10));
    rig_check_near(inside, outside, 1e-12, "lr inside or outside the buffer");
    CHECK_OK(optim_set(inside->opt, -1, "lr", 0));
    CHECK_OK(optim_set(outside->opt, -1, "lr", 0));
    void *there = rig_snapshot(outside);
    CHECK_OK(rig_step(outside));
    rig_check_snapshot(outside, there, "lr = 0 outside the buffer");
    CHECK_OK(rig_step(inside));
    double before[48];
    memcpy(before, rig_read(outside), sizeof before);
    CHECK_AT_MOST(1e-3, length(rig_read(inside), before, 48)); /* the old velocity goes on */
    free(there);
    rig_free(inside);
    rig_free(outside);
}

/* ---- novograd ---- */

/* The first step of a tensor is lr long; v starts at the first gradient, zero or not, and never again. */
static void test_novograd_start(void **state) {
    (void)state;
    rig_t *rig = play_new("novograd", "lr=0.02,eps=0", &TWO);
    double before[48];
    memcpy(before, rig_read(rig), sizeof before);
    replay_t *noise = noise_new(1, 48);
    step_on(rig, noise->gradient);
    CHECK_CLOSE(length(rig_read(rig), before, 35) / 0.02, 1, 1e-12);
    CHECK_CLOSE(length(rig_read(rig) + 35, before + 35, 13) / 0.02, 1, 1e-12);
    replay_free(noise);
    rig_free(rig);

    rig = play_new("novograd", "lr=1,beta1=0,beta2=0.75,eps=0", &NUMBER);
    const double start = rig_read(rig)[0], zero = 0, one = 1;
    step_on(rig, &zero);
    assert_true(rig_read(rig)[0] == start);
    step_on(rig, &one); /* v = 0.25, not 1 */
    CHECK_CLOSE(rig_read(rig)[0], start - 2, 1e-14);
    rig_free(rig);
}

static void test_novograd_memory(void **state) {
    (void)state;
    static const layout_t MATRIX = {"matrix", 1, {{"w", 2, {64, 96}}}};
    rig_t *novograd = play_new("novograd", NULL, &MATRIX), *adam = play_new("adam", NULL, &MATRIX);
    size_t half, whole;
    CHECK_OK(optim_memory(novograd->opt, &half, NULL));
    CHECK_OK(optim_memory(adam->opt, &whole, NULL));
    CHECK_CLOSE((double)half / (double)whole, 0.5, 0.01);
    rig_free(novograd);
    rig_free(adam);
}

/* ---- lion and lion_k with decay lambda = 4 solve constrained problems: the quadratic from 5 ---- */

static rig_t *settle(const char *algorithm, const char *options, int steps) {
    rig_t *rig = play_vector(algorithm, options, "quadratic", D, 5);
    CHECK_OK(rig_steps(rig, steps));
    return rig;
}

static double into(double x, double low, double high) {
    return fmin(fmax(x, low), high);
}

static void test_lion_finds_the_box_minimiser(void **state) {
    (void)state;
    rig_t *rig = settle("lion", "lr=0.0005,weight_decay=4", 20000);
    for (size_t i = 0; i < D; ++i)
        CHECK_CLOSE(rig_read(rig)[i], into(quadratic_minimum(i), -0.25, 0.25), 6e-4);
    rig_free(rig);
}

/* kappa=lp, P = 2: the ball |x|_2 <= 1/4; x_i = h_i t_i / (h_i + mu). */
static void test_lion_k_ball(void **state) {
    (void)state;
    rig_t *rig = settle("lion_k", "kappa=lp,lr=0.002,weight_decay=4", 20000);
    double low = 0, high = 1000, want[D], zero[D] = {0};
    for (int k = 0; k < 200; ++k) {
        const double mu = (low + high) / 2;
        for (size_t i = 0; i < D; ++i)
            want[i] = quadratic_curvature(i) * quadratic_minimum(i) / (quadratic_curvature(i) + mu);
        *(length(want, zero, D) > 0.25 ? &low : &high) = mu;
    }
    for (size_t i = 0; i < D; ++i)
        CHECK_CLOSE(rig_read(rig)[i], want[i], 1e-6);
    CHECK_CLOSE(length(rig_read(rig), zero, D), 0.25, 1e-9);
    CHECK_CLOSE(rig_value(rig), 2.0677102126, 1e-10);
    rig_free(rig);
}

static double slope_huber(double c) {
    return into(c, -1, 1);
}
static double slope_entropy(double c) {
    return tanh(c);
}
static double slope_relativistic(double c) {
    return c / sqrt(c * c + 1);
}
static double slope_logsmooth(double c) {
    return c / (fabs(c) + 1);
}
static double slope_square(double c) {
    return c;
}

/* The smooth K settle where 4 x = K'(-f'(x)), coordinate by coordinate. */
static void test_lion_k_smooth(void **state) {
    (void)state;
    static const struct {
        const char *options;
        double (*slope)(double c);
    } CASES[] = {{"kappa=huber,lr=0.01,weight_decay=4", slope_huber},
                 {"kappa=entropy,lr=0.01,weight_decay=4", slope_entropy},
                 {"kappa=relativistic,lr=0.01,weight_decay=4", slope_relativistic},
                 {"kappa=logsmooth,lr=0.01,weight_decay=4", slope_logsmooth},
                 {"kappa=l2sq,lr=0.01,weight_decay=4", slope_square}};
    for (size_t k = 0; k < sizeof CASES / sizeof *CASES; ++k) {
        rig_t *rig = settle("lion_k", CASES[k].options, 5000);
        double most = 0;
        for (size_t i = 0; i < D; ++i) {
            const double x = rig_read(rig)[i], slope = quadratic_curvature(i) * (x - quadratic_minimum(i));
            CHECK_CLOSE(4 * x, CASES[k].slope(-slope), 1e-10);
            most = fmax(most, fabs(x));
        }
        if (k == 0) /* minimises f + 2 |x|^2 in the box */
            CHECK_CLOSE(most, 0.25, 1e-10);
        rig_free(rig);
    }
}

/* l1_threshold: soft threshold and box; it circles at a distance of lr. */
static void test_lion_k_threshold(void **state) {
    (void)state;
    rig_t *rig = settle("lion_k", "kappa=l1_threshold,kappa_e=0.4,lr=0.0005,weight_decay=4", 20000);
    for (size_t i = 0; i < D; ++i) {
        const double t = quadratic_minimum(i), shrunk = fmax(fabs(t) - 0.4 / quadratic_curvature(i), 0);
        CHECK_CLOSE(rig_read(rig)[i], copysign(fmin(shrunk, 0.25), t), 2e-3);
    }
    rig_free(rig);
}

/* topk: inside the box of 1/4 and the 1-norm ball of k/4 with k = ceil(20 / 4). */
static void test_lion_k_topk(void **state) {
    (void)state;
    rig_t *rig = settle("lion_k", "kappa=topk,kappa_frac=0.25,lr=0.0005,weight_decay=4", 20000);
    double sum = 0;
    for (size_t i = 0; i < D; ++i) {
        CHECK_AT_MOST(fabs(rig_read(rig)[i]), 0.25 + 1e-3);
        sum += fabs(rig_read(rig)[i]);
    }
    CHECK_CLOSE(sum, 5 * 0.25, 1e-3);
    rig_free(rig);
}

/* The lp step has unit Q-norm, 1/P + 1/Q = 1, at any scale of the gradient; a zero gradient moves nothing. */
static void test_lion_k_lp_step(void **state) {
    (void)state;
    static const double SCALES[] = {1e-200, 1e-3, 1, 1e200};
    replay_t *noise = noise_new(1, 48);
    for (size_t k = 0; k < 4; ++k) {
        rig_t *rig = play_new("lion_k", "kappa=lp,kappa_p=3,lr=1", &TWO);
        double start[48], gradient[48], sum[2] = {0};
        memcpy(start, rig_read(rig), sizeof start);
        memset(gradient, 0, sizeof gradient);
        step_on(rig, gradient);
        for (size_t i = 0; i < 48; ++i) {
            assert_true(rig_read(rig)[i] == start[i]);
            gradient[i] = SCALES[k] * noise->gradient[i];
        }
        step_on(rig, gradient);
        for (size_t i = 0; i < 48; ++i)
            sum[i >= 35] += pow(fabs(rig_read(rig)[i] - start[i]), 1.5);
        CHECK_CLOSE(sum[0], 1, 1e-12);
        CHECK_CLOSE(sum[1], 1, 1e-12);
        rig_free(rig);
    }
    replay_free(noise);
}

/* ---- topk moves the k largest, ties from the lowest index on; over several tiles and threads ---- */

enum { LONG = 3 * 4096 + 5 };

static int compare_down(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static void run_topk(const double *gradient, size_t k, int threads) {
    static const layout_t VECTOR = {"long", 1, {{"x", 1, {LONG}}}};
    char *options = check_text("kappa=topk,lr=1,kappa_frac=%.17g", ((double)k - 0.5) / LONG);
    rig_t *rig = play_new("lion_k", options, &VECTOR);
    double *start = check_memory(LONG, sizeof *start), *size = check_memory(LONG, sizeof *size);
    CHECK_OK(optim_set_threads(rig->opt, threads));
    memcpy(start, rig_read(rig), LONG * sizeof *start);
    step_on(rig, gradient);
    for (size_t i = 0; i < LONG; ++i)
        size[i] = fabs(gradient[i]);
    qsort(size, LONG, sizeof *size, compare_down);
    const double *x = rig_read(rig);
    size_t moved = 0, ties = 0;
    for (size_t i = 0; i < LONG; ++i)
        moved += size[i] > size[k - 1];
    for (size_t i = 0; i < LONG; ++i) {
        const bool takes_part =
            fabs(gradient[i]) > size[k - 1] || (fabs(gradient[i]) == size[k - 1] && moved + ties++ < k);
        const double sign = (gradient[i] > 0) - (gradient[i] < 0);
        assert_true(x[i] == start[i] - (takes_part ? sign : 0));
    }
    free(options);
    free(start);
    free(size);
    rig_free(rig);
}

static void test_lion_k_topk_selects(void **state) {
    (void)state;
    double *gradient = check_memory(LONG, sizeof *gradient);
    static const size_t COUNTS[] = {1, 2, 100, 4096, LONG - 1, LONG};
    for (int levels = 0; levels < 3; ++levels) { /* all different, many equal, one value only */
        replay_t *noise = noise_new(1, LONG);
        for (size_t i = 0; i < LONG; ++i)
            gradient[i] = levels == 0   ? noise->gradient[i]
                          : levels == 1 ? copysign(ceil(fabs(noise->gradient[i])), noise->gradient[i])
                                        : copysign(0.125, noise->gradient[i]);
        for (size_t c = 0; c < sizeof COUNTS / sizeof *COUNTS; ++c)
            run_topk(gradient, COUNTS[c], 1 + (int)c % 3);
        replay_free(noise);
    }
    free(gradient);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signsgd_steps),       cmocka_unit_test(test_signs_of_zero),
        cmocka_unit_test(test_adadelta_first_step), cmocka_unit_test(test_aggmo_steady_step),
        cmocka_unit_test(test_lars_first_step),     cmocka_unit_test(test_lars_from_zero),
        cmocka_unit_test(test_lars_lr_in_momentum), cmocka_unit_test(test_novograd_start),
        cmocka_unit_test(test_novograd_memory),     cmocka_unit_test(test_lion_finds_the_box_minimiser),
        cmocka_unit_test(test_lion_k_ball),         cmocka_unit_test(test_lion_k_smooth),
        cmocka_unit_test(test_lion_k_threshold),    cmocka_unit_test(test_lion_k_topk),
        cmocka_unit_test(test_lion_k_lp_step),      cmocka_unit_test(test_lion_k_topk_selects),
    };
    return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
