/* What the methods that bet are held to: cocob, kt, ckt. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "noisy.h"

enum { SIZE = 7, ROUNDS = 3000 };

static double product(const double *a, const double *b) {
    double sum = 0;
    for (int i = 0; i < SIZE; ++i)
        sum += a[i] * b[i];
    return sum;
}

/* ---- kt: wealth stays positive and regret is bounded, for every sequence of gradients of norm at most 1 ---- */

/* Gradient of round t: mostly one direction; noise; or whatever hurts most, against the present point. */
static void opponent(int kind, int t, const double *x, double *c) {
    for (int i = 0; i < SIZE; ++i)
        c[i] = kind == 0   ? (t % 10 == 0 ? 1 : -1) * (i + 1.0)
               : kind == 1 ? standard_normal((uint64_t)t, (uint64_t)i)
                           : x[i];
    const double norm = euclidean_norm(c, SIZE);
    for (int i = 0; i < SIZE; ++i)
        c[i] = norm > 0 ? c[i] / norm : i == t % SIZE;
}

static void play_kt(int kind, double w) {
    char *options = check_text("w=%.17g", w);
    rig_t *rig = play_vector("kt", options, "quadratic", SIZE, 0);
    double theta[SIZE] = {0}, paid = 0, c[SIZE];
    for (int t = 1; t <= ROUNDS && paid > -1e9; ++t) { /* against a fixed gradient wealth grows for ever */
        const double *x = rig_read(rig), loss = 0;
        opponent(kind, t, x, c);
        paid += product(c, x);
        for (int i = 0; i < SIZE; ++i)
            theta[i] -= c[i];
        replay_t round = {1, 0, &loss, c};
        rig->replay = &round;
        CHECK_OK(rig_step(rig));
        assert_true(w - paid > 0);
        for (int i = 0; i < SIZE; ++i) /* the bet is that share of the wealth */
            CHECK_CLOSE(rig_read(rig)[i], (w - paid) / (t + 1) * theta[i], 1e-9);
        /* Regret against u = a theta / |theta|, the worst of its length; corollary 5 of Orabona and Pal. */
        const double best = euclidean_norm(theta, SIZE);
        for (double a = 0.01; a < 1e3; a *= 10)
            CHECK_AT_MOST(paid + a * best, a * sqrt(t * log(1 + 24 * (double)t * t * a * a / (w * w))) + w);
    }
    free(options);
    rig_free(rig);
}

static void test_kt_wealth_and_regret(void **state) {
    (void)state;
    for (int kind = 0; kind < 3; ++kind) {
        play_kt(kind, 1e-4);
        play_kt(kind, 1);
    }
}

/* ---- ckt ---- */

/* A coordinate of ckt is kt by itself, in rounds that have a gradient there. */
static void test_ckt_is_kt_by_coordinate(void **state) {
    (void)state;
    rig_t *all = play_vector("ckt", "w=0.1", "quadratic", SIZE, 1), *one[SIZE];
    for (int i = 0; i < SIZE; ++i)
        one[i] = play_vector("kt", "w=0.1", "quadratic", 1, 1);
    for (int t = 1; t <= 200; ++t) {
        double c[SIZE];
        const double loss = 0;
        for (int i = 0; i < SIZE; ++i) {
            c[i] = t % (i + 1) == 0 ? tanh(standard_normal((uint64_t)t, (uint64_t)i) - 0.2) : 0;
            replay_t round = {1, 0, &loss, &c[i]};
            one[i]->replay = &round;
            if (c[i] != 0)
                CHECK_OK(rig_step(one[i]));
        }
        replay_t round = {1, 0, &loss, c};
        all->replay = &round;
        CHECK_OK(rig_step(all));
        for (int i = 0; i < SIZE; ++i)
            CHECK_CLOSE(rig_read(all)[i], rig_read(one[i])[0], 1e-12);
    }
    rig_free(all);
    for (int i = 0; i < SIZE; ++i)
        rig_free(one[i]);
}

static void check_overflow(optim_dtype dtype, const char *options) {
    static const layout_t VECTOR = {"vector", 1, {{"x", 1, {20003}}}};
    rig_t *rig = rig_new(&VECTOR, dtype, dtype, 0);
    rig->oracle = oracle_find("quadratic");
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "ckt", options));
    CHECK_OK(rig_lend(rig, opt));
    optim_status status = OPTIM_OK;
    void *before = NULL;
    int64_t steps = 0;
    for (int step = 0; step < 200 && status == OPTIM_OK; ++step) {
        free(before);
        before = rig_snapshot(rig);
        steps = optim_steps(opt);
        status = rig_step(rig);
    }
    CHECK_REFUSED(status, OPTIM_ERR_NONFINITE, "lower lr");
    rig_check_snapshot(rig, before, "a step of ckt that would overflow");
    rig_check_finite(rig, "before it");
    assert_int_equal(optim_steps(opt), steps);
    assert_int_equal(optim_skipped(opt), 0);
    CHECK_OK(optim_set(opt, -1, "lr", 0)); /* nothing was kept of it: with gradients of 0 the point stays */
    CHECK_OK(rig_step(rig));
    rig_check_near(rig, rig, 0, "finite");
    free(before);
    rig_free(rig);
}

static void test_ckt_refuses_to_overflow(void **state) {
    (void)state;
    check_overflow(OPTIM_F64, "lr=10");
    check_overflow(OPTIM_F32, "lr=10");
    check_overflow(OPTIM_F32, "lr=10,nonfinite=skip");
}

/* ---- cocob ---- */

static void test_coordinates_without_gradient_stay(void **state) {
    (void)state;
    static const char *const METHODS[][2] = {{"cocob", ""}, {"cocob", "alpha=0,eps=1e-300"}, {"ckt", ""}};
    static const layout_t VECTOR = {"vector", 1, {{"x", 1, {SIZE}}}};
    for (size_t k = 0; k < sizeof METHODS / sizeof *METHODS; ++k)
        for (int wide = 0; wide < 2; ++wide) { /* in f32 the eps of the second row is 0 */
            rig_t *rig = rig_new(&VECTOR, wide ? OPTIM_F64 : OPTIM_F32, wide ? OPTIM_F64 : OPTIM_F32, 0);
            optim_t *opt;
            CHECK_OK(optim_create(&opt, METHODS[k][0], METHODS[k][1]));
            CHECK_OK(rig_lend(rig, opt));
            double start[SIZE];
            memcpy(start, rig_read(rig), sizeof start);
            for (int step = 0; step < 20; ++step) {
                const double loss = 1, gradient[SIZE] = {0.5, 0, -0.25, 0, 0.125, 0, step % 2};
                replay_t given = {1, 0, &loss, gradient};
                rig->replay = &given;
                CHECK_OK(rig_step(rig));
            }
            for (int i = 0; i < SIZE; ++i)
                assert_true((rig_read(rig)[i] == start[i]) == (i == 1 || i == 3 || i == 5));
            rig_free(rig);
        }
}

/* One step of cocob moves by at most 1 / max(alpha, 2) times L + R over L, L + R = L at first: a bounded start. */
static void test_cocob_starts_gently(void **state) {
    (void)state;
    rig_t *rig = play_vector("cocob", "", "quadratic", 20, 1);
    CHECK_OK(rig_step(rig));
    for (int i = 0; i < 20; ++i)
        CHECK_CLOSE(fabs(rig_read(rig)[i] - 1), 0.01, 1e-12);
    rig_free(rig);
    rig = play_vector("cocob", "alpha=0", "quadratic", 20, 1);
    CHECK_OK(rig_step(rig));
    for (int i = 0; i < 20; ++i)
        CHECK_CLOSE(fabs(rig_read(rig)[i] - 1), 0.5, 1e-12);
    rig_free(rig);
}

/* Sums are kept whole whatever state_dtype says. */
static void test_sums_stay_exact(void **state) {
    (void)state;
    static const char *const METHODS[] = {"cocob", "ckt"};
    static const layout_t VECTOR = {"vector", 1, {{"x", 1, {500}}}};
    for (int k = 0; k < 2; ++k) {
        char *options = check_text("lr=0.1,state_dtype=bf16,state_min=0");
        rig_t *rig = play_new(METHODS[k], options, &VECTOR), *plain = play_new(METHODS[k], "lr=0.1", &VECTOR);
        rig->oracle = plain->oracle = oracle_find("quadratic");
        CHECK_OK(rig_steps(rig, 30));
        CHECK_OK(rig_steps(plain, 30));
        rig_check_same(rig, plain, METHODS[k]);
        free(options);
        rig_free(rig);
        rig_free(plain);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kt_wealth_and_regret),    cmocka_unit_test(test_ckt_is_kt_by_coordinate),
        cmocka_unit_test(test_ckt_refuses_to_overflow), cmocka_unit_test(test_coordinates_without_gradient_stay),
        cmocka_unit_test(test_cocob_starts_gently),     cmocka_unit_test(test_sums_stay_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
