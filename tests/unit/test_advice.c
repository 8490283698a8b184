/* Rules without an optimizer: what they refuse, and how the batch grows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "kernels/primitives.h"
#include "optim/advice.h"

/* ---- The bound ---- */

static void test_bound_errors(void **state) {
    (void)state;
    const double rate[] = {1, 0.5}, negative[] = {1, -1}, nothing[] = {0, 0}, infinite[] = {1, (double)INFINITY};
    optim_bound bound = {.size = sizeof bound};
    CHECK_OK(optim_schedule_bound(rate, NULL, 2, 1, &bound));
    CHECK_REFUSED(optim_schedule_bound(NULL, NULL, 2, 1, &bound), OPTIM_ERR_NULL, "rate");
    CHECK_REFUSED(optim_schedule_bound(rate, NULL, 2, 1, NULL), OPTIM_ERR_NULL, "bound");
    CHECK_REFUSED(optim_schedule_bound(rate, NULL, 2, 0, &bound), OPTIM_ERR_ARGUMENT, "distance");
    CHECK_REFUSED(optim_schedule_bound(rate, NULL, 2, (double)NAN, &bound), OPTIM_ERR_ARGUMENT, "distance");
    CHECK_REFUSED(optim_schedule_bound(negative, NULL, 2, 1, &bound), OPTIM_ERR_ARGUMENT, "step 1");
    CHECK_REFUSED(optim_schedule_bound(rate, infinite, 2, 1, &bound), OPTIM_ERR_ARGUMENT, "step 1");
    CHECK_REFUSED(optim_schedule_bound(nothing, NULL, 2, 1, &bound), OPTIM_ERR_ARGUMENT, "moves");
    CHECK_REFUSED(optim_schedule_bound(rate, nothing, 2, 1, &bound), OPTIM_ERR_ARGUMENT, "moves");
    CHECK_REFUSED(optim_schedule_bound(rate, NULL, 0, 1, &bound), OPTIM_ERR_ARGUMENT, "moves");
    bound.size = 3;
    CHECK_REFUSED(optim_schedule_bound(rate, NULL, 2, 1, &bound), OPTIM_ERR_ARGUMENT, "size");
}

/* Two steps by hand: A = D^2 / (2 S), B = sum eta^2 G^2 / (2 S), C with k = 1 alone. */
static void test_bound_by_hand(void **state) {
    (void)state;
    const double rate[] = {2, 1}, norm[] = {3, 2}, with_zeros[] = {2, 1, 0, 0};
    optim_bound bound = {.size = sizeof bound}, longer = {.size = sizeof longer};
    CHECK_OK(optim_schedule_bound(rate, norm, 2, 2, &bound));
    CHECK_CLOSE(bound.distance, 4.0 / 6, 1e-15);
    CHECK_CLOSE(bound.gradients, 40.0 / 6, 1e-15);
    CHECK_CLOSE(bound.last_iterate, 0.5 * (2.0 / 1) * (40.0 / 3), 1e-15);
    CHECK_OK(optim_schedule_bound(with_zeros, NULL, 4, 2, &longer));
    CHECK_OK(optim_schedule_bound(rate, NULL, 2, 2, &bound));
    assert_true(longer.bound == bound.bound);
}

/* ---- Privacy ---- */

/* The numbers are those of the functions _compute_rdp, compute_rdp and get_privacy_spent in the file
 * accountants/analysis/rdp.py of Opacus 1.6.0, with the orders that its RDPAccountant tries. */
static void test_privacy_against_opacus(void **state) {
    (void)state;
    static const struct {
        double rate, noise, order, rdp;
    } STEP[] = {
        {0.01, 1.1, 2, 0.00012851008160514807},  {0.01, 1.1, 32, 8.469416433675926},
        {0.01, 1.1, 4.5, 0.0003030393494246534}, {0.01, 1.1, 1.1, 6.958851489149683e-05},
        {0.5, 0.7, 2.3, 1.2802654411347174},     {1, 2, 7.5, 0.9375},
        {0.001, 0.5, 63, 118.98082931329235},    {0.2, 4, 10.9, 0.01551278178571176},
        {0.9, 0.3, 1.5, 8.019317701566443},
    };
    static const struct {
        double rate, noise;
        int64_t steps;
        double delta, epsilon, order;
    } RUN[] = {
        {0.01, 1.1, 1000, 1e-5, 1.7117700912203435, 9.6}, {256.0 / 60000, 1.1, 14062, 1e-5, 2.5965558689607486, 8.1},
        {0.5, 0.7, 10, 1e-6, 22.025032004189807, 2.1},    {1, 5, 100, 1e-5, 10.725509696418232, 3.3},
        {0.001, 0.5, 5000, 1e-7, 7.656807367133807, 3.2}, {0.04, 0.8, 625, 1e-5, 11.799339291024099, 2.6},
    };
    double rdp, epsilon, order, noise;
    for (size_t i = 0; i < sizeof STEP / sizeof *STEP; ++i) {
        CHECK_OK(optim_privacy_rdp(STEP[i].rate, STEP[i].noise, STEP[i].order, &rdp));
        CHECK_CLOSE(rdp / STEP[i].rdp, 1, 1e-8);
    }
    for (size_t i = 0; i < sizeof RUN / sizeof *RUN; ++i) {
        CHECK_OK(optim_privacy_epsilon(RUN[i].rate, RUN[i].noise, RUN[i].steps, RUN[i].delta, &epsilon, &order));
        CHECK_CLOSE(epsilon / RUN[i].epsilon, 1, 1e-9);
        assert_true(order == RUN[i].order);
        CHECK_OK(optim_privacy_noise(RUN[i].rate, RUN[i].steps, RUN[i].epsilon, RUN[i].delta, &noise));
        CHECK_CLOSE(noise, RUN[i].noise, 1e-8);
    }
}

static void test_privacy_at_the_ends(void **state) {
    (void)state;
    double epsilon, order, noise, rdp;
    CHECK_OK(optim_privacy_epsilon(1e-6, 1000, 1, 0.5, &epsilon, &order));
    assert_true(epsilon == 0);
    CHECK_OK(optim_privacy_epsilon(0.5, 1e-200, 1, 1e-5, &epsilon, &order));
    assert_true(epsilon == (double)INFINITY);
    CHECK_OK(optim_privacy_rdp(0.01, 40, 1.1, &rdp)); /* erfc far out of range */
    assert_true(rdp > 0 && rdp < 1e-6);
    CHECK_OK(optim_privacy_noise(0.01, 1, 1e9, 1e-5, &noise));
    assert_true(noise == 0x1p-7);
    CHECK_REFUSED(optim_privacy_noise(0.01, 1, 1e-4, 1e-5, &noise), OPTIM_ERR_ARGUMENT, "larger");
    CHECK_REFUSED(optim_privacy_epsilon(1.5, 1, 1, 1e-5, &epsilon, &order), OPTIM_ERR_ARGUMENT, "rate");
}

/* ---- Functions ---- */

static void test_functions(void **state) {
    (void)state;
    optim_power_line line = {.size = sizeof line};
    double square, trace, sums[2] = {0, 0};
    const float x[] = {0, 1, 3};
    assert_true(optim_lr_linear(0.1, 32, 64) == 0.2 && optim_lr_sqrt(0.1, 16, 64) == 0.2);
    assert_true(isnan(optim_lr_linear(0.1, 0, 64)) && isnan(optim_lr_sqrt(0.1, 16, -1)));
    assert_true(optim_lr_surge(0.1, 64, 64) == 0.1 && isnan(optim_lr_surge(0.1, 0, 64)));
    CHECK_CLOSE(optim_lr_surge(0.1, 64, 16), optim_lr_surge(0.1, 64, 256), 1e-15);
    CHECK_CLOSE(optim_lr_surge(1, 1e12, 4) / optim_lr_surge(1, 1e12, 1), 2, 1e-9); /* far below: the square root */
    CHECK_OK(optim_noise_scale(1, 2, 1, 4, &square, &trace));
    assert_true(trace < 0); /* reported, not clipped */
    CHECK_REFUSED(optim_noise_scale(1, 2, 4, 4, &square, &trace), OPTIM_ERR_ARGUMENT, "big_batch");
    CHECK_REFUSED(optim_noise_scale(1, 2, 0, 4, &square, &trace), OPTIM_ERR_ARGUMENT, "small_batch");
    CHECK_REFUSED(optim_noise_scale(1, 2, 1, 4, NULL, &trace), OPTIM_ERR_NULL, "gradient_square");
    CHECK_REFUSED(optim_noise_scale(1, 2, 1, 4, &square, NULL), OPTIM_ERR_NULL, "trace");
    CHECK_REFUSED(optim_power_lines(0, 1, 1, 1, &line), OPTIM_ERR_ARGUMENT, "parameters");
    CHECK_REFUSED(optim_power_lines(1, -1, 1, 1, &line), OPTIM_ERR_ARGUMENT, "tokens");
    CHECK_REFUSED(optim_power_lines(1, 1, 0, 1, &line), OPTIM_ERR_ARGUMENT, "batch");
    CHECK_REFUSED(optim_power_lines(1, 1, 1, (double)NAN, &line), OPTIM_ERR_ARGUMENT, "lr");
    CHECK_REFUSED(optim_power_lines(1, 1, 1, 1, NULL), OPTIM_ERR_NULL, "line");
    CHECK_OK(optim_lr_from_iterates(OPTIM_F32, 1, x, x + 1, x + 2, sums));
    CHECK_OK(optim_lr_from_iterates(OPTIM_F32, 1, x, x + 1, x + 2, sums)); /* adds */
    assert_true(sums[0] == 2 && sums[1] == 2);
    CHECK_OK(optim_lr_from_iterates(OPTIM_F32, 0, NULL, NULL, NULL, sums));
    CHECK_REFUSED(optim_lr_from_iterates(9, 1, x, x, x, sums), OPTIM_ERR_ARGUMENT, "9");
    CHECK_REFUSED(optim_lr_from_iterates(OPTIM_F32, 1, NULL, x, x, sums), OPTIM_ERR_NULL, "x0");
    CHECK_REFUSED(optim_lr_from_iterates(OPTIM_F32, 1, x, NULL, x, sums), OPTIM_ERR_NULL, "x1");
    CHECK_REFUSED(optim_lr_from_iterates(OPTIM_F32, 1, x, x, NULL, sums), OPTIM_ERR_NULL, "x2");
    CHECK_REFUSED(optim_lr_from_iterates(OPTIM_F32, 1, x, x, x, NULL), OPTIM_ERR_NULL, "sums");
}

/* batch_fit inverts batch_relation; at the critical batch both costs are twice their least. */
static void test_batch_relation(void **state) {
    (void)state;
    double batch[] = {16, 64, 1024, 64}, steps[4], examples, least_steps, least_examples, critical;
    for (int i = 0; i < 4; ++i)
        CHECK_OK(optim_batch_relation(500, batch[i], 128, &steps[i], &examples, &least_examples));
    CHECK_CLOSE((steps[3] / 500 - 1) * (examples / least_examples - 1), 1, 1e-14);
    CHECK_OK(optim_batch_fit(batch, steps, 4, &least_steps, &least_examples, &critical));
    CHECK_CLOSE(least_steps, 500, 1e-10);
    CHECK_CLOSE(least_examples, 64000, 1e-8);
    CHECK_CLOSE(critical, 128, 1e-10);
    CHECK_OK(optim_batch_relation(500, 128, 128, steps, &examples, &least_examples));
    assert_true(*steps == 1000 && examples == 2 * least_examples);
    CHECK_REFUSED(optim_batch_fit(batch + 1, steps, 1, steps, steps, steps), OPTIM_ERR_ARGUMENT, "two different");
    CHECK_REFUSED(optim_batch_fit(batch, steps, 0, steps, steps, steps), OPTIM_ERR_ARGUMENT, "two different");
    batch[2] = 0;
    CHECK_REFUSED(optim_batch_fit(batch, steps, 4, steps, steps, steps), OPTIM_ERR_ARGUMENT, "run 2");
    const double ours[] = {8.8e13, 0.076, 5.4e13, 0.095};
    assert_true(optim_kaplan_loss(1e9, 2e10, NULL) == optim_kaplan_loss(1e9, 2e10, ours));
    assert_true(isnan(optim_kaplan_loss(0, 1, NULL)) && isnan(optim_kaplan_loss(1, 1, (double[]){1, 1, 1, 0})));
    assert_true(isnan(optim_kaplan_lr(0)) && isnan(optim_critical_batch(0, 1, 1)));
    assert_true(optim_critical_batch(4, 16, 0.5) == 1);
}

/* The other way round the sign turns, and p is the rest to 1. */
static void test_mmd(void **state) {
    (void)state;
    static const double X[] = {0.1, -0.4, 0.9, 1.3, -0.2, 0.5}, Y[] = {0.2, 0.7, -1, 0.4, 0.6, 0},
                        Z[] = {2, 1.5, -0.3, 2.2, 1.9, 0.8};
    optim_mmd near = {.size = sizeof near}, far = {.size = sizeof far};
    CHECK_OK(optim_mmd_three_sample(6, 1, X, Y, Z, 1e-5, &near));
    CHECK_OK(optim_mmd_three_sample(6, 1, X, Z, Y, 1e-5, &far));
    assert_true(near.difference < 0 && near.p < 0.5);
    CHECK_CLOSE(near.difference, -far.difference, 1e-14);
    CHECK_CLOSE(near.p + far.p, 1, 1e-14);
    CHECK_OK(optim_mmd_three_sample(6, 1, X, Y, Y, 1e-5, &near));
    assert_true(near.statistic == 0 && near.p == 0.5);
    CHECK_REFUSED(optim_mmd_three_sample(2, 3, X, Y, Z, 1e-5, &near), OPTIM_ERR_ARGUMENT, "three samples");
    const double wild[] = {0, 0, (double)NAN};
    CHECK_REFUSED(optim_mmd_three_sample(3, 1, X, Y, wild, 1e-5, &near), OPTIM_ERR_NONFINITE, "not finite");
}

/* ---- Chains ---- */

/* x_i = phi x_{i-1} + u_i, u uniform between -1/2 and 1/2; chain j is moved by j shift. */
static void make_chains(size_t chains, size_t length, double phi, double shift, double *draws) {
    for (size_t j = 0; j < chains; ++j) {
        uint64_t seed = j + 1;
        double x = 0;
        for (size_t i = 0; i < length; ++i) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            x = phi * x + ((double)(seed >> 11) * 0x1p-53 - 0.5);
            draws[j * length + i] = x + shift * (double)j;
        }
    }
}

/* As ArviZ 0.17.1 says: az.ess(method="mean"), az.rhat(method="split"), which wants two chains. */
static void test_chains(void **state) {
    (void)state;
    static const struct {
        size_t chains, length;
        double phi, shift, mean, deviation, effective, r_hat;
    } CASES[] = {
        {4, 200, 0, 0, 0.004276094790715064, 0.2847801034051748, 712.2448753262009, 0.9983991544945393},
        {3, 501, 0.9, 0, 0.08352696325384983, 0.666463346226631, 105.19353039565378, 1.0030003572037793},
        {2, 300, -0.6, 0, -0.001026674038616197, 0.357980357737494, 1666.890750230186, 0.9967783960505953},
        {1, 64, 0.5, 0, -0.007481342367904455, 0.29627678848576117, 8.198066669162555, 0},
        {3, 100, 0.5, 0.4, 0.37661685308519227, 0.5006855656773793, 6.575445783172813, 1.468336781924601},
        {2, 200, 0.99, 0, -0.3446947039617172, 1.652336443774155, 6.167667585130143, 1.2633657860908707},
    };
    static double draws[2000];
    optim_chains about = {.size = sizeof about};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i) {
        make_chains(CASES[i].chains, CASES[i].length, CASES[i].phi, CASES[i].shift, draws);
        CHECK_OK(optim_chain_statistics(draws, CASES[i].chains, CASES[i].length, &about));
        CHECK_CLOSE(about.mean, CASES[i].mean, 1e-13);
        CHECK_CLOSE(about.deviation, CASES[i].deviation, 1e-13);
        CHECK_CLOSE(about.effective, CASES[i].effective, 1e-9 * CASES[i].effective);
        if (CASES[i].r_hat > 0)
            CHECK_CLOSE(about.r_hat, CASES[i].r_hat, 1e-12);
    }
}

static void test_chains_at_rest(void **state) {
    (void)state;
    static const double SAME[] = {2, 2, 2, 2, 2, 2, 2, 2}, APART[] = {1, 1, 1, 1, 3, 3, 3, 3};
    optim_chains about = {.size = sizeof about};
    CHECK_OK(optim_chain_statistics(SAME, 2, 4, &about));
    assert_true(about.r_hat == 1 && about.effective == 8 && about.deviation == 0);
    CHECK_OK(optim_chain_statistics(APART, 2, 4, &about));
    assert_true(isinf(about.r_hat) && about.mean == 2);
    CHECK_REFUSED(optim_chain_statistics(SAME, 2, 3, &about), OPTIM_ERR_ARGUMENT, "four draws");
    CHECK_REFUSED(optim_chain_statistics(SAME, 0, 4, &about), OPTIM_ERR_ARGUMENT, "one chain");
    const double wild[] = {0, 1, 2, 3, 0, (double)NAN, 2, 3};
    CHECK_REFUSED(optim_chain_statistics(wild, 2, 4, &about), OPTIM_ERR_NONFINITE, "draw 1 of chain 1");
}

/* ---- The batch ---- */

static const int64_t COUNTS[] = {2, 0, 3};

static optim_batch_t *batch_new(const char *options) {
    optim_batch_t *batch;
    CHECK_OK(optim_batch_create(&batch, options, OPTIM_F64, 3, COUNTS));
    return batch;
}

static void add(optim_batch_t *batch, const double g[5]) {
    CHECK_OK(optim_batch_add(batch, (const void *[]){g, NULL, g + 2}));
}

static void test_batch_errors(void **state) {
    (void)state;
    optim_batch_t *batch = (optim_batch_t *)&state;
    const double g[5] = {1, 2, 3, 4, 5};
    double asked;
    int64_t size = 42;
    CHECK_REFUSED(optim_batch_create(&batch, "no_such=1", OPTIM_F64, 3, COUNTS), OPTIM_ERR_OPTION, "no_such");
    assert_null(batch);
    CHECK_REFUSED(optim_batch_create(&batch, NULL, OPTIM_F64, 3, COUNTS), OPTIM_ERR_VALUE, "max");
    CHECK_REFUSED(optim_batch_create(&batch, "max=4,size=5", OPTIM_F64, 3, COUNTS), OPTIM_ERR_VALUE, "max");
    CHECK_REFUSED(optim_batch_create(&batch, "max=4,eta=0", OPTIM_F64, 3, COUNTS), OPTIM_ERR_VALUE, "eta");
    CHECK_REFUSED(optim_batch_create(&batch, "max=4,test=no", OPTIM_F64, 3, COUNTS), OPTIM_ERR_VALUE, "test");
    CHECK_REFUSED(optim_batch_create(&batch, "max=4,max=5", OPTIM_F64, 3, COUNTS), OPTIM_ERR_DUPLICATE, "max");
    CHECK_REFUSED(optim_batch_create(&batch, "max=4", 7, 3, COUNTS), OPTIM_ERR_ARGUMENT, "7");
    CHECK_REFUSED(optim_batch_create(&batch, "max=4", OPTIM_F64, 0, COUNTS), OPTIM_ERR_ARGUMENT, "0");
    CHECK_REFUSED(optim_batch_create(&batch, "max=4", OPTIM_F64, 3, NULL), OPTIM_ERR_NULL, "counts");
    CHECK_STATUS(optim_batch_create(NULL, "max=4", OPTIM_F64, 3, COUNTS), OPTIM_ERR_NULL);
    CHECK_REFUSED(optim_batch_create(&batch, "max=4", OPTIM_F64, 1, (int64_t[]){-1}), OPTIM_ERR_SHAPE, "-1");
    CHECK_STATUS(optim_batch_create(&batch, "max=4", OPTIM_F64, 1, (int64_t[]){INT64_MAX}), OPTIM_ERR_SIZE);
    CHECK_STATUS(optim_batch_create(&batch, "max=4,test=augmented,gradients=1e15", OPTIM_F64, 1, (int64_t[]){1 << 20}),
                 OPTIM_ERR_SIZE);
    /* more than there is, or than an address can tell */
    CHECK_STATUS(optim_batch_create(&batch, "max=4", OPTIM_F64, 1, (int64_t[]){(int64_t)1 << 44}),
                 sizeof(size_t) < sizeof(int64_t) ? OPTIM_ERR_SIZE : OPTIM_ERR_NOMEM);
    assert_null(batch);
    batch = batch_new("max=100,test=inner_product,gradients=2");
    CHECK_STATUS(optim_batch_add(NULL, (const void *[]){g, NULL, g}), OPTIM_ERR_NULL);
    CHECK_REFUSED(optim_batch_add(batch, NULL), OPTIM_ERR_NULL, "gradients");
    CHECK_REFUSED(optim_batch_add(batch, (const void *[]){g, NULL, NULL}), OPTIM_ERR_NULL, "gradients");
    add(batch, g);
    CHECK_REFUSED(optim_batch_next(batch, &size), OPTIM_ERR_ORDER, "1");
    CHECK_REFUSED(optim_batch_test(batch, "norm", &asked), OPTIM_ERR_ORDER, "1");
    add(batch, g);
    CHECK_REFUSED(optim_batch_add(batch, (const void *[]){g, NULL, g}), OPTIM_ERR_ORDER, "2");
    CHECK_REFUSED(optim_batch_test(batch, "no_such", &asked), OPTIM_ERR_VALUE, "no_such");
    CHECK_REFUSED(optim_batch_test(batch, NULL, &asked), OPTIM_ERR_NULL, "test");
    CHECK_REFUSED(optim_batch_test(batch, "norm", NULL), OPTIM_ERR_NULL, "size");
    CHECK_STATUS(optim_batch_test(NULL, "norm", &asked), OPTIM_ERR_NULL);
    CHECK_REFUSED(optim_batch_next(batch, NULL), OPTIM_ERR_NULL, "size");
    CHECK_STATUS(optim_batch_next(NULL, &size), OPTIM_ERR_NULL);
    assert_int_equal(size, 42);
    CHECK_OK(optim_batch_next(batch, &size)); /* no variance: the window's two samples */
    assert_int_equal(size, 2);
    optim_batch_destroy(batch);
    batch = batch_new("max=4,test=norm");
    add(batch, g);
    add(batch, g);
    CHECK_REFUSED(optim_batch_test(batch, "augmented", &asked), OPTIM_ERR_MISMATCH, "augmented");
    optim_batch_destroy(batch);
    optim_batch_destroy(NULL);
}

static void test_batch_grows(void **state) {
    (void)state;
    const double a[5] = {1, 0, 0, 0, 0}, b[5] = {3, 0, 0, 0, 0}, zero[5] = {0}, up[5] = {1}, down[5] = {-1};
    const double nan[5] = {0, (double)NAN, 0, 0, 0};
    int64_t size;
    optim_batch_t *batch = batch_new("max=60,eta=0.2,size=4"); /* var 2, mean 2: 2 / (0.04 4) = 12.5 */
    add(batch, a);
    add(batch, b);
    CHECK_OK(optim_batch_next(batch, &size));
    assert_int_equal(size, 13);
    add(batch, b);
    add(batch, b);
    CHECK_OK(optim_batch_next(batch, &size)); /* asks for nothing; it never shrinks */
    assert_int_equal(size, 13);
    for (int i = 0; i < 20; ++i)
        add(batch, b);
    CHECK_OK(optim_batch_next(batch, &size)); /* the samples there were */
    assert_int_equal(size, 20);
    add(batch, a);
    add(batch, nan);
    CHECK_STATUS(optim_batch_next(batch, &size), OPTIM_ERR_NONFINITE);
    add(batch, b);
    add(batch, b);
    CHECK_OK(optim_batch_next(batch, &size));
    assert_int_equal(size, 20);
    add(batch, up);
    add(batch, down); /* mean 0 */
    CHECK_OK(optim_batch_next(batch, &size));
    assert_int_equal(size, 60);
    optim_batch_destroy(batch);

    batch = batch_new("max=1000,eta=0.2,microbatch=8,test=coordinate"); /* a sample's variance is 8 times a mean's */
    add(batch, a);
    add(batch, b);
    CHECK_OK(optim_batch_next(batch, &size));
    assert_int_equal(size, 100);
    add(batch, zero);
    add(batch, zero);
    CHECK_OK(optim_batch_next(batch, &size));
    assert_int_equal(size, 1000);
    optim_batch_destroy(batch);
}

/* Gradients parallel to the mean have no orthogonal part; those of any dtype count by their values. */
static void test_batch_directions(void **state) {
    (void)state;
    const float a[5] = {1, -1, 2, 0, 0}, b[5] = {2, -2, 4, 0, 0};
    uint16_t short_a[5], short_b[5];
    primitives_base.store_f32(OPTIM_BF16, 5, a, short_a);
    primitives_base.store_f32(OPTIM_BF16, 5, b, short_b);
    const void *const gradients[2][2][3] = {{{a, NULL, a + 2}, {b, NULL, b + 2}},
                                            {{short_a, NULL, short_a + 2}, {short_b, NULL, short_b + 2}}};
    const optim_dtype dtypes[] = {OPTIM_F32, OPTIM_BF16};
    for (int i = 0; i < 2; ++i) {
        optim_batch_t *batch;
        double orthogonal, inner, augmented;
        CHECK_OK(optim_batch_create(&batch, "max=1000,test=augmented,theta=0.1,nu=0.001", dtypes[i], 3, COUNTS));
        CHECK_OK(optim_batch_add(batch, gradients[i][0]));
        CHECK_OK(optim_batch_add(batch, gradients[i][1]));
        CHECK_OK(optim_batch_test(batch, "orthogonality", &orthogonal));
        CHECK_OK(optim_batch_test(batch, "inner_product", &inner));
        CHECK_OK(optim_batch_test(batch, "augmented", &augmented));
        CHECK_AT_MOST(orthogonal, 1);
        assert_true(inner == 23 && augmented == 23); /* (9^2 / 2) / 13.5^2 / 0.01 = 22.2 */
        optim_batch_destroy(batch);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound_errors),
        cmocka_unit_test(test_bound_by_hand),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_batch_relation),
        cmocka_unit_test(test_mmd),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_chains_at_rest),
        cmocka_unit_test(test_privacy_against_opacus),
        cmocka_unit_test(test_privacy_at_the_ends),
        cmocka_unit_test(test_batch_errors),
        cmocka_unit_test(test_batch_grows),
        cmocka_unit_test(test_batch_directions),
    };
    return cmocka_run_group_tests_name("advice", tests, NULL, NULL);
}
