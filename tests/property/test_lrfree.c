/* What methods without a learning rate are held to: dog, ldog, u_dog, D-adaptation, prodigy. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "noisy.h"

enum { STEPS = 40 };

/* ---- d: a lower bound of the distance that never decreases ---- */

/* d of each step of dadapt_sgd, from the length of the step: d lr / g0 |g|. */
static void check_bounded(const char *oracle, double start, double distance) {
    rig_t *rig = play_vector("dadapt_sgd", "", oracle, 34, start);
    double before[34], first = 0, d = 0;
    for (int step = 0; step < 300; ++step) {
        memcpy(before, rig_read(rig), sizeof before);
        CHECK_OK(rig_step(rig));
        const double *x = rig_read(rig), slope = euclidean_norm(rig->g, 34);
        double moved[34];
        for (int i = 0; i < 34; ++i)
            moved[i] = x[i] - before[i];
        first = step == 0 ? slope : first;
        if (slope < 1e-6 * first)
            break; /* at the minimum: the steps are roundings */
        const double now = euclidean_norm(moved, 34) * first / slope;
        CHECK_AT_MOST(d, now * (1 + 1e-7));
        CHECK_AT_MOST(now, distance);
        d = now;
    }
    CHECK_AT_MOST(0.05 * distance, d); /* and it has grown, from 1e-6 */
    rig_free(rig);
}

static void test_d_is_a_lower_bound(void **state) {
    (void)state;
    double distance = 0;
    for (size_t i = 0; i < 34; ++i)
        distance += (2 - quadratic_minimum(i)) * (2 - quadratic_minimum(i));
    check_bounded("quadratic", 2, sqrt(distance));
    rig_t *solved = play_vector("prodigy", "", "logistic", 34, 0);
    CHECK_OK(rig_steps(solved, 3000));
    check_bounded("logistic", 0, euclidean_norm(rig_read(solved), 34));
    rig_free(solved);
}

/* A gradient handed out: `mean` and a share of the noise that it was. */
static void bend(const replay_t *noise, size_t k, double mean, double share) {
    double *gradient = (double *)(uintptr_t)noise->gradient;
    gradient[k] = mean + share * gradient[k];
}

/* Sign steps, or steps that options make sign steps, have the length of d. */
static void check_sign_steps(const char *algorithm, const char *options, double least) {
    static const layout_t VECTOR = {"vector", 1, {{"x", 1, {29}}}};
    rig_t *rig = play_new(algorithm, options, &VECTOR);
    replay_t *noise = noise_new(200, 29);
    for (size_t k = 0; k < noise->count * 29; ++k)
        bend(noise, k, 1, 0.05); /* with a direction, so that d has something to find */
    rig->replay = noise;
    double before[29], d = 0;
    for (int step = 0; step < 200; ++step) {
        memcpy(before, rig_read(rig), sizeof before);
        CHECK_OK(rig_step(rig));
        double most = 0;
        for (int i = 0; i < 29; ++i)
            most = fmax(most, fabs(rig_read(rig)[i] - before[i]));
        CHECK_AT_MOST(d, most * (1 + 1e-9) + 1e-14);
        d = most;
    }
    CHECK_AT_MOST(least, d);
    replay_free(noise);
    rig_free(rig);
}

/* Without a first moment a step of dadapt_adam is d g / sqrt(v), and one of dadapt_adagrad d g / D plus what the new D does to
 * the old sum: d from the first coordinate. */
static void check_first_coordinate(const char *algorithm, const char *options, bool sums) {
    rig_t *rig = play_vector(algorithm, options, "quadratic", 5, 0);
    replay_t *noise = noise_new(200, 5);
    for (size_t k = 0; k < noise->count * 5; ++k)
        bend(noise, k, 1, 0.05);
    rig->replay = noise;
    double v = sums ? 1e-6 : 0, last = 0, d = 0;
    for (int step = 0; step < 200; ++step) {
        const double g = noise->gradient[noise->next * 5];
        CHECK_OK(rig_step(rig));
        v = sums ? v + g * g : 0.99 * v + 0.01 * g * g;
        const double x = rig_read(rig)[0], now = sums ? -x * sqrt(v) - last : (last - x) * sqrt(v);
        CHECK_AT_MOST(d, now / g * (1 + 1e-9));
        d = now / g;
        last = sums ? -x * sqrt(v) : x;
    }
    CHECK_AT_MOST(1e-3, d);
    replay_free(noise);
    rig_free(rig);
}

static void test_d_never_decreases(void **state) {
    (void)state;
    check_first_coordinate("dadapt_adam", "beta1=0,beta2=0.99,eps=0,d0=1e-4", false);
    check_first_coordinate("dadapt_adagrad", "eps=0,d0=1e-4", true);
    check_sign_steps("dadapt_lion", "d0=1e-4", 1e-3);
    check_sign_steps("prodigy", "beta1=0,beta2=0,eps=0,beta3=0.95,d0=1e-4", 1e-3);
}

static void test_growth_is_bounded(void **state) {
    (void)state;
    static const char *const OPTIONS = "beta1=0,beta2=0,eps=0,beta3=0.95,d0=1e-4,growth_rate=1.5";
    rig_t *rig = play_vector("prodigy", OPTIONS, "quadratic", 20, 1);
    double x = rig_read(rig)[0], d = 0;
    for (int step = 0; step < 12; ++step) {
        CHECK_OK(rig_step(rig));
        const double moved = fabs(rig_read(rig)[0] - x);
        x = rig_read(rig)[0];
        if (step > 2) /* the step is d of before the estimate: it follows a step behind */
            CHECK_AT_MOST(moved, 1.5 * d * (1 + 1e-9));
        d = moved;
    }
    CHECK_AT_MOST(1e-3, d);
    rig_free(rig);
}

/* ---- While all gradients are 0 nothing happens ---- */

static void test_zero_gradients_do_not_count(void **state) {
    (void)state;
    static const char *const METHODS[][2] = {
        {"dadapt_sgd", ""},
        {"dadapt_adam", "bias_correction=1,decoupled=1,weight_decay=0.1,d0=0.01"},
        {"dadapt_adagrad", "d0=0.01"},
        {"dadapt_lion", "weight_decay=0.1,d0=0.01"},
        {"prodigy", "bias_correction=1,weight_decay=0.1,d0=0.01"},
    };
    static const layout_t VECTOR = {"vector", 1, {{"x", 1, {29}}}};
    for (size_t k = 0; k < sizeof METHODS / sizeof *METHODS; ++k) {
        rig_t *late = play_new(METHODS[k][0], METHODS[k][1], &VECTOR);
        rig_t *rig = play_new(METHODS[k][0], METHODS[k][1], &VECTOR);
        void *before = rig_snapshot(late);
        const double loss = 1, zero[29] = {0};
        for (int step = 0; step < 3; ++step) {
            replay_t nothing = {1, 0, &loss, zero};
            late->replay = &nothing;
            CHECK_OK(rig_step(late));
            rig_check_snapshot(late, before, METHODS[k][0]);
        }
        replay_t *noise = noise_new((size_t)2 * STEPS, 29);
        rig->replay = late->replay = noise;
        for (int step = 0; step < STEPS; ++step) {
            const size_t at = noise->next;
            CHECK_OK(rig_step(rig));
            noise->next = at;
            CHECK_OK(rig_step(late));
        }
        rig_check_same(late, rig, METHODS[k][0]);
        free(before);
        replay_free(noise);
        rig_free(late);
        rig_free(rig);
    }
}

/* ---- dog and ldog ---- */

/* A first gradient of 0 does not hold init_eta back. */
static void test_init_eta_waits(void **state) {
    (void)state;
    static const char *const METHODS[] = {"dog", "ldog"};
    for (int k = 0; k < 2; ++k) {
        rig_t *rig = play_vector(METHODS[k], "init_eta=0.5", "quadratic", 3, 1);
        const double loss = 1, gradient[2][3] = {{0, 0, 0}, {1, 2, -1}};
        for (int step = 0; step < 2; ++step) {
            replay_t given = {1, 0, &loss, gradient[step]};
            rig->replay = &given;
            CHECK_OK(rig_step(rig));
        }
        assert_true(rig_read(rig)[0] == 0.5 && rig_read(rig)[1] == 0 && rig_read(rig)[2] == 1.5);
        rig_free(rig);
    }
}

/* Every tensor of ldog is a dog of its own, also one that joins late. */
static void test_ldog_by_tensor(void **state) {
    (void)state;
    static const layout_t PAIR = {"pair", 2, {{"first", 1, {23}}, {"second", 1, {14}}}};
    static const layout_t ALONE = {"alone", 1, {{"second", 1, {14}}}};
    rig_t *pair = play_new("ldog", "reps_rel=0.01", &PAIR), *alone = play_new("dog", "reps_rel=0.01", &ALONE);
    rig_write(alone, rig_read(pair) + 23);
    replay_t *noise = noise_new(STEPS, 37);
    pair->replay = noise;
    rig_freeze(pair, 1, true);
    CHECK_OK(rig_steps(pair, 4));
    rig_freeze(pair, 1, false);
    for (int step = 4; step < STEPS; ++step) {
        const double loss = 1;
        replay_t own = {1, 0, &loss, noise->gradient + noise->next * 37 + 23};
        alone->replay = &own;
        CHECK_OK(rig_step(pair));
        CHECK_OK(rig_step(alone));
        assert_memory_equal(pair->tensor[1].data, alone->tensor[0].data, 14 * sizeof(double));
    }
    replay_free(noise);
    rig_free(pair);
    rig_free(alone);
}

/* ---- u_dog: f - f* falls as L d^2 / T^2 up to logarithms, whatever the first movement was ---- */

static void test_u_dog_is_accelerated(void **state) {
    (void)state;
    static const char *const FIRST[] = {"reps_rel=1e-9", "reps_rel=1e-6", "reps_rel=1e-2", "reps_rel=10"};
    double distance = 0;
    for (size_t i = 0; i < 34; ++i)
        distance += quadratic_minimum(i) * quadratic_minimum(i);
    for (int k = 0; k < 4; ++k) {
        rig_t *rig = play_vector("u_dog", FIRST[k], "quadratic", 34, 0);
        for (int T = 1; T <= 400; ++T) {
            CHECK_OK(rig_step(rig));
            const double reach = k == 3 ? 100 : 1; /* a first movement of ten is further than the minimum */
            if (T >= 40)
                CHECK_AT_MOST(output_value(rig), 20 * 7 * distance * reach / ((double)T * T));
        }
        assert_int_equal(rig->gradients, 800);
        rig_free(rig);
    }
}

/* ---- prodigy ---- */

/* As good as Adam with the best of its rates. */
static void test_prodigy_against_adam(void **state) {
    (void)state;
    double best = HUGE_VAL;
    for (double lr = 1e-4; lr < 2; lr *= 3.16227766) {
        char *options = check_text("lr=%.17g", lr);
        rig_t *adam = play_vector("adam", options, "logistic", 34, 0);
        CHECK_OK(rig_steps(adam, 200));
        best = fmin(best, rig_value(adam) - LOGISTIC_MINIMUM_34);
        free(options);
        rig_free(adam);
    }
    rig_t *rig = play_vector("prodigy", "", "logistic", 34, 0);
    CHECK_OK(rig_steps(rig, 200));
    CHECK_AT_MOST(rig_value(rig) - LOGISTIC_MINIMUM_34, 2 * best);
    rig_free(rig);
}

enum { LONG = 40007, SHORT = 13, P = 11, N = LONG + SHORT };

typedef struct reference {
    double x[N], x0[N], m[N], v[N], s[N];
    double d, d_max, num;
} reference_t;

/* Elements 0, p, 2p, ... of each of the two tensors. */
static bool is_kept(size_t i) {
    return (i < LONG ? i : i - LONG) % P == 0;
}

static void reference_step(reference_t *r, const double *g, double d0) {
    const double beta1 = 0.9, beta2 = 0.999, beta3 = sqrt(beta2), d = r->d;
    double product = 0, norm = 0;
    for (size_t i = 0; i < N; ++i) {
        product += is_kept(i) ? g[i] * (r->x0[i] - r->x[i]) : 0;
        r->m[i] = beta1 * r->m[i] + d * (1 - beta1) * g[i];
        r->v[i] = beta2 * r->v[i] + d * d * (1 - beta2) * g[i] * g[i];
        r->s[i] = is_kept(i) ? beta3 * r->s[i] + d / d0 * d * g[i] : 0;
        norm += fabs(r->s[i]);
    }
    r->num = beta3 * r->num + d / d0 * d * product;
    const double d_hat = r->num / norm;
    r->d_max = fmax(r->d_max, d_hat);
    r->d = r->d_max;
    for (size_t i = 0; i < N; ++i)
        if (r->v[i] != 0)
            r->x[i] -= d * r->m[i] / (sqrt(r->v[i]) + r->d * 1e-8);
}

static void test_prodigy_slices(void **state) {
    (void)state;
    static const layout_t LAYOUT = {"two", 2, {{"long", 1, {LONG}}, {"short", 1, {SHORT}}}};
    static reference_t r;
    rig_t *rig = play_new("prodigy", "slice_p=11,d0=0.001", &LAYOUT);
    CHECK_OK(optim_set_threads(rig->opt, 3));
    memcpy(r.x, rig_read(rig), sizeof r.x);
    memcpy(r.x0, r.x, sizeof r.x0);
    r.d = r.d_max = 0.001;
    r.num = 0;
    replay_t *noise = noise_new(20, N);
    for (size_t k = 0; k < noise->count * N; ++k)
        bend(noise, k, 1, 0.5);
    rig->replay = noise;
    for (size_t step = 0; step < 20; ++step) {
        CHECK_OK(rig_step(rig));
        reference_step(&r, noise->gradient + step * N, 0.001);
        check_all_close(rig_read(rig), r.x, N, 1e-10);
    }
    CHECK_AT_MOST(0.0011, r.d);
    size_t bytes;
    CHECK_OK(optim_memory(rig->opt, &bytes, NULL));
    CHECK_CLOSE((double)bytes / (8 * N), 2 + 2.0 / P, 0.01);
    CHECK_REFUSED(optim_set(rig->opt, 0, "slice_p", 1), OPTIM_ERR_ORDER, "slice_p");
    replay_free(noise);
    rig_free(rig);
}

/* x_0 is taken from parameters of any dtype, element by element. */
static void test_prodigy_slices_of_bf16(void **state) {
    (void)state;
    static const layout_t LAYOUT = {"vector", 1, {{"x", 1, {1000}}}};
    const optim_dtype dtypes[] = {OPTIM_BF16, OPTIM_F32};
    rig_t *rigs[2];
    for (int k = 0; k < 2; ++k) {
        rigs[k] = rig_new(&LAYOUT, dtypes[k], OPTIM_F32, 0);
        double start[1000];
        for (int i = 0; i < 1000; ++i)
            start[i] = 1 + (i % 64) / 64.0;
        rig_write(rigs[k], start);
        optim_t *opt;
        CHECK_OK(optim_create(&opt, "prodigy", k == 0 ? "slice_p=7,d0=0.01,master=f32" : "slice_p=7,d0=0.01"));
        CHECK_OK(rig_lend(rigs[k], opt));
        replay_t *noise = noise_new(12, 1000);
        for (size_t i = 0; i < noise->count * 1000; ++i)
            bend(noise, i, 1, 0.5);
        rigs[k]->replay = noise;
        CHECK_OK(rig_steps(rigs[k], 12));
        replay_free(noise);
    }
    rig_check_near(rigs[0], rigs[1], 0x1p-8, "bf16 against f32");
    rig_free(rigs[0]);
    rig_free(rigs[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_d_is_a_lower_bound),   cmocka_unit_test(test_d_never_decreases),
        cmocka_unit_test(test_growth_is_bounded),    cmocka_unit_test(test_zero_gradients_do_not_count),
        cmocka_unit_test(test_init_eta_waits),       cmocka_unit_test(test_ldog_by_tensor),
        cmocka_unit_test(test_u_dog_is_accelerated), cmocka_unit_test(test_prodigy_against_adam),
        cmocka_unit_test(test_prodigy_slices),       cmocka_unit_test(test_prodigy_slices_of_bf16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
