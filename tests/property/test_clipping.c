/* Methods that clip: what each kind of clipping does, whom they equal without it, and heavy-tailed noise. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "play.h"

enum { STEPS = 25 };
static const layout_t TWO = {"two", 2, {{"w", 2, {7, 5}}, {"b", 1, {13}}}};
static const layout_t NUMBER = {"number", 1, {{"x", 0, {0}}}};

/* One step on this gradient. */
static void step_on(rig_t *rig, const double *gradient) {
    const double loss = 1;
    replay_t replay = {1, 0, &loss, gradient};
    rig->replay = &replay;
    CHECK_OK(rig_step(rig));
    rig->replay = NULL;
}

static double norm(const double *a, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += a[i] * a[i];
    return sqrt(sum);
}

/* ---- The four kinds: a step of clipped_sgd with lr = 1 moves by the clipped gradient ---- */

static void check_clipped(const char *type, double level, const double *gradient, const double *want) {
    char *options = check_text("lr=1,clip_type=%s,clip=%.17g", type, level);
    for (int groups = 1; groups <= 2; ++groups) { /* norms run over all groups */
        rig_t *rig = rig_new(&TWO, OPTIM_F64, OPTIM_F64, 0);
        optim_t *opt;
        double zero[48] = {0};
        CHECK_OK(optim_create(&opt, "clipped_sgd", options));
        if (groups == 2)
            CHECK_OK(optim_add_group(opt, NULL, &rig->tensor[1].group));
        CHECK_OK(rig_lend(rig, opt));
        rig_write(rig, zero);
        step_on(rig, gradient);
        const double *x = rig_read(rig);
        for (size_t i = 0; i < 48; ++i)
            CHECK_CLOSE(-x[i], want[i], 1e-15);
        rig_free(rig);
    }
    free(options);
}

static void test_kinds_of_clipping(void **state) {
    (void)state;
    replay_t *noise = noise_new(1, 48);
    const double *g = noise->gradient, zero[48] = {0};
    double by_norm[48], by_layer[48], by_coordinate[48];
    for (size_t i = 0; i < 48; ++i) {
        by_norm[i] = g[i] * fmin(1, 0.5 / norm(g, 48));
        by_layer[i] = g[i] * fmin(1, 0.5 / (i < 35 ? norm(g, 35) : norm(g + 35, 13)));
        by_coordinate[i] = fmin(fmax(g[i], -0.5), 0.5);
    }
    check_clipped("none", 0.5, g, g);
    check_clipped("norm", 0.5, g, by_norm);
    check_clipped("layer", 0.5, g, by_layer);
    check_clipped("coord", 0.5, g, by_coordinate);
    static const char *const TYPES[] = {"none", "norm", "layer", "coord"};
    for (size_t k = 0; k < 4; ++k) {
        check_clipped(TYPES[k], 1000, g, g); /* below the level nothing changes */
        check_clipped(TYPES[k], 0.5, zero, zero);
    }
    replay_free(noise);
}

/* ---- Equal methods on the same gradients ---- */

static void test_equal_methods(void **state) {
    (void)state;
    static const struct {
        const char *algorithm, *options, *other, *other_options;
        const layout_t *layout;
    } EQUAL[] = {
        {"clipped_sgd", "lr=0.1,clip_type=none,momentum=0.9,weight_decay=0.1", "sgd",
         "lr=0.1,momentum=0.9,weight_decay=0.1", &TWO},
        {"clipped_sgd", "lr=0.1,clip=0.3,momentum=0.9", "sgd", "lr=0.1,momentum=0.9,clip_norm=0.3", &TWO},
        {"clipped_sgd", "lr=0.1,clip=0.3,clip_type=coord", "sgd", "lr=0.1,clip_value=0.3", &TWO},
        {"clipped_sgd", "lr=0.1,clip=0.3,clip_type=layer", "clipped_sgd", "lr=0.1,clip=0.3", &NUMBER},
        {"clip_adagrad", "lr=0.1,clip_type=none,delay=0,scalar=0,initial_accumulator=0.2", "adagrad",
         "lr=0.1,initial_accumulator=0.2", &TWO},
        {"clip_adagrad", "lr=0.1,clip_type=none,delay=0,initial_accumulator=0.09,eps=0", "adagrad_norm",
         "lr=0.1,b0=0.3", &TWO},
        {"clip_adagrad", "lr=0.1,delay=0,clip=0.7,initial_accumulator=0.09,eps=0", "adagrad_norm",
         "lr=0.1,b0=0.3,clip_norm=0.7", &TWO},
        {"clip_adagrad", "lr=0.1,delay=0,clip=0.7,clip_type=coord,initial_accumulator=0.09,eps=0", "adagrad_norm",
         "lr=0.1,b0=0.3,clip_value=0.7", &TWO},
        {"clip_adagrad", "lr=0.1,beta1=0.5", "clip_adagrad", "lr=0.1,beta1=0.5,scalar=0,clip_type=coord", &NUMBER},
        {"clip_radagradd", "lr=0.1", "clip_adagrad", "lr=0.1", &TWO},
        {"clip_adam", "clip_type=none,delay=0,bias_correction=1,eps=1e-30", "adam", "eps=1e-30", &TWO},
        {"clip_adam", "clip=0.7,delay=0,bias_correction=1,eps=1e-30", "adam", "eps=1e-30,clip_norm=0.7", &TWO},
        {"clip_adam", "clip=0.7,scalar=1", "clip_adam", "clip=0.7,clip_type=layer", &NUMBER},
        {"clip_adam", "clip=0.7,scalar=1,delay=0", "clip_adam", "clip=0.7,delay=0", &NUMBER},
    };
    for (size_t k = 0; k < sizeof EQUAL / sizeof *EQUAL; ++k) {
        rig_t *rig = play_new(EQUAL[k].algorithm, EQUAL[k].options, EQUAL[k].layout);
        rig_t *other = play_new(EQUAL[k].other, EQUAL[k].other_options, EQUAL[k].layout);
        replay_t *noise = noise_new(STEPS, rig_elements(rig));
        char *what =
            check_text("%s(%s) = %s(%s)", EQUAL[k].algorithm, EQUAL[k].options, EQUAL[k].other, EQUAL[k].other_options);
        rig->replay = other->replay = noise;
        for (size_t step = 0; step < STEPS; ++step) {
            noise->next = step;
            CHECK_OK(rig_step(rig));
            noise->next = step;
            CHECK_OK(rig_step(other));
            rig_check_near(rig, other, 1e-12, what);
        }
        free(what);
        replay_free(noise);
        rig_free(rig);
        rig_free(other);
    }
}

/* With delay the step size knows only the gradients of the steps before. */
static void test_delay(void **state) {
    (void)state;
    rig_t *rig = play_new("clip_adagrad", "lr=0.5,initial_accumulator=0.25,eps=0,clip_type=none", &NUMBER);
    double x = rig_read(rig)[0], sum = 0.25;
    for (int step = 0; step < 5; ++step) {
        const double g = 3 - step;
        step_on(rig, &g);
        x -= 0.5 * g / sqrt(sum);
        sum += g * g;
        CHECK_CLOSE(rig_read(rig)[0], x, 1e-14);
    }
    rig_free(rig);

    rig = play_new("clip_adam", "lr=0.5,beta1=0,beta2=0.5,initial_accumulator=0.25,eps=0,clip_type=none", &NUMBER);
    double v = 0.25, last = 0;
    x = rig_read(rig)[0];
    for (int step = 0; step < 5; ++step) {
        const double g = 3 - step;
        step_on(rig, &g);
        v = 0.5 * v + 0.5 * last * last;
        x -= 0.5 * g / sqrt(v);
        last = g;
        CHECK_CLOSE(rig_read(rig)[0], x, 1e-14);
    }
    rig_free(rig);
    optim_t *opt;
    CHECK_REFUSED(optim_create(&opt, "clip_adagrad", "initial_accumulator=0"), OPTIM_ERR_VALUE, "initial_accumulator");
}

/* ---- Noise ---- */

static uint64_t noise_counter;

static double uniform(void) {
    uint64_t z = ++noise_counter * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return ((double)((z ^ (z >> 31)) >> 11) + 0.5) * 0x1p-53;
}

/* Student's t with 1.5 degrees of freedom: infinite variance (Bailey 1994). */
static double heavy(void) {
    const double u = uniform(), angle = 6.283185307179586 * uniform();
    return sqrt(1.5 * (pow(u, -2 / 1.5) - 1)) * cos(angle);
}

/* Mean zero, but the large values are all on one side. */
static double lopsided(void) {
    return uniform() < 0.2 ? 4 : -1;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* f = x^2 / 2 from x = 5: the 95 % quantile of f after 1000 steps, over 400 runs. */
static double quantile(const char *algorithm, const char *options) {
    enum { RUNS = 400 };
    double f[RUNS];
    noise_counter = 0;
    for (int run = 0; run < RUNS; ++run) {
        double x = 5, g;
        optim_t *opt;
        CHECK_OK(optim_create(&opt, algorithm, options));
        CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
        for (int step = 0; step < 1000; ++step) {
            g = x + heavy();
            CHECK_OK(optim_step(opt));
        }
        optim_destroy(opt);
        f[run] = x * x / 2;
    }
    qsort(f, RUNS, sizeof *f, compare);
    return f[RUNS * 95 / 100];
}

/* Stated: about 0.04 with clipping and delay, about 0.3 without either, at least four times as much. */
static void test_clip_adagrad_heavy_tails(void **state) {
    (void)state;
    const double clipped = quantile("clip_adagrad", "lr=1,clip=1,initial_accumulator=1");
    const double plain = quantile("clip_adagrad", "lr=1,clip_type=none,delay=0,initial_accumulator=1");
    CHECK_CLOSE(clipped, 0.04, 0.01);
    CHECK_CLOSE(plain, 0.3, 0.1);
    CHECK_AT_MOST(4 * clipped, plain);
}

/* Stated: about 0.055 with clip = 1, above 1 without. */
static void test_clipped_sgd_heavy_tails(void **state) {
    (void)state;
    CHECK_CLOSE(quantile("clipped_sgd", "lr=0.05"), 0.055, 0.012);
    CHECK_AT_MOST(1, quantile("clipped_sgd", "lr=0.05,clip_type=none"));
}

/* A constant level leaves a bias: the mean iterate settles at 0.75, not at 0. */
static void test_clipped_sgd_bias(void **state) {
    (void)state;
    double x = 0, g, sum = 0;
    optim_t *opt;
    noise_counter = 0;
    CHECK_OK(optim_create(&opt, "clipped_sgd", "lr=0.01"));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
    for (int step = 0; step < 202000; ++step) {
        g = x + lopsided();
        CHECK_OK(optim_step(opt));
        sum += step < 2000 ? 0 : x;
    }
    optim_destroy(opt);
    CHECK_CLOSE(sum / 200000, 0.75, 0.02);
}

/* ---- clipped_sstm ---- */

/* shift = 1, lr = 1, L known, no clipping: f(y_N) - f* <= 2 L R^2 / (N (N + 3)), and far below it after 30 steps. */
static void test_sstm_bound(void **state) {
    (void)state;
    enum { D = 21 };
    rig_t *rig = play_vector("clipped_sstm", "shift=1,lr=1,L=7,clip_type=none", "quadratic", D, 1);
    double square = 0;
    for (size_t i = 0; i < D; ++i)
        square += (1 - quadratic_minimum(i)) * (1 - quadratic_minimum(i));
    for (int n = 1; n <= 200; ++n) {
        const double bound = 2 * 7 * square / (n * (n + 3.0));
        CHECK_OK(rig_step(rig));
        CHECK_AT_MOST(output_value(rig), n < 30 ? bound : 1e-3 * bound);
    }
    rig_free(rig);
}

/* The first gradient is used, at unchanged parameters; y and the parameters are means of the mirror points. */
static void test_sstm_first_steps(void **state) {
    (void)state;
    rig_t *rig = play_new("clipped_sstm", "lr=1,L=0.5,clip=2", &NUMBER);
    const double start = rig_read(rig)[0], ones[2] = {1, 10};
    double y;
    step_on(rig, &ones[0]); /* alpha = 1: z = y = start - 1, and so the parameters */
    CHECK_CLOSE(rig_read(rig)[0], start - 1, 1e-15);
    step_on(rig, &ones[1]); /* alpha = 2, level 1: z = start - 3, y = (y + 2 z) / 3 */
    CHECK_OK(optim_output(rig->opt, 0, &y));
    CHECK_CLOSE(y, start - 7.0 / 3, 1e-15);
    CHECK_CLOSE(rig_read(rig)[0], (start - 7.0 / 3) / 2 + (start - 3) / 2, 1e-15); /* alpha = 3: both weigh 3 */
    rig_free(rig);
}

/* A stage is what a new handle does from y with the smaller level and rate. */
static void test_sstm_restarts(void **state) {
    (void)state;
    enum { D = 21 };
    rig_t *rig = play_vector("clipped_sstm", "lr=0.5,L=7,clip=0.5,restart=5,restart_lr=0.5,restart_growth=1.3",
                             "quadratic", D, 1);
    CHECK_OK(rig_steps(rig, 5));
    rig_t *fresh = play_vector("clipped_sstm", "lr=0.25,L=7,clip=0.35355339059327379", "quadratic", D, 1);
    rig_write(fresh, rig_read(rig));
    for (int n = 1; n <= 6; ++n) { /* the second stage has 7 steps */
        CHECK_OK(rig_step(rig));
        CHECK_OK(rig_step(fresh));
        rig_check_near(rig, fresh, 1e-15, "a stage and a new handle");
    }
    CHECK_OK(rig_step(rig));
    CHECK_OK(rig_step(fresh));
    assert_true(rig_read(rig)[0] != rig_read(fresh)[0]); /* it is over */
    rig_free(fresh);
    rig_free(rig);
}

/* Without noise each halves the squared distance to the minimum, if it is long enough. */
static void test_sstm_stages(void **state) {
    (void)state;
    enum { D = 21 };
    rig_t *rig = play_vector("clipped_sstm", "shift=1,lr=1,L=7,clip_type=none,restart=7", "quadratic", D, 1);
    double before = HUGE_VAL;
    for (int stage = 0; stage < 5; ++stage) {
        double square = 0;
        for (size_t i = 0; i < D; ++i)
            square += (rig_read(rig)[i] - quadratic_minimum(i)) * (rig_read(rig)[i] - quadratic_minimum(i));
        CHECK_AT_MOST(square, 0.5 * before);
        before = square;
        CHECK_OK(rig_steps(rig, 7));
    }
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds_of_clipping),
        cmocka_unit_test(test_equal_methods),
        cmocka_unit_test(test_delay),
        cmocka_unit_test(test_clip_adagrad_heavy_tails),
        cmocka_unit_test(test_clipped_sgd_heavy_tails),
        cmocka_unit_test(test_clipped_sgd_bias),
        cmocka_unit_test(test_sstm_bound),
        cmocka_unit_test(test_sstm_first_steps),
        cmocka_unit_test(test_sstm_restarts),
        cmocka_unit_test(test_sstm_stages),
    };
    return cmocka_run_group_tests_name("clipping", tests, NULL, NULL);
}
