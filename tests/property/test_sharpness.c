/* What the wrappers that change the gradient are held to, and the order in which they see it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "element.h"
#include "play.h"

enum { ROWS = 5, COLUMNS = 7, D = ROWS * COLUMNS };
static const layout_t MATRIX = {"matrix", 1, {{"w", 2, {ROWS, COLUMNS}}}};

static rig_t *matrix(const char *algorithm, const char *options) {
    rig_t *rig = play_new(algorithm, options, &MATRIX);
    rig->oracle = oracle_find("quadratic");
    return rig;
}

/* What sgd with lr 1 receives in its first step. */
static void received(rig_t *rig, double *g) {
    double before[D];
    memcpy(before, rig_read(rig), sizeof before);
    CHECK_OK(rig_step(rig));
    for (size_t i = 0; i < D; ++i)
        g[i] = before[i] - rig_read(rig)[i];
}

static double dot(const double *a, const double *b) {
    double sum = 0;
    for (size_t i = 0; i < D; ++i)
        sum += a[i] * b[i];
    return sum;
}

static void gradient_at(rig_t *rig, double *g) {
    rig->oracle->gradient(D, D, rig_read(rig), g);
}

/* The gradient at p + rho T^2 g / |T g|, T the given scaling. */
static void gradient_beside(rig_t *rig, double rho, const double *T, const double *g, double *h) {
    double x[D], norm = 0;
    memcpy(x, rig_read(rig), sizeof x);
    for (size_t i = 0; i < D; ++i)
        norm += T[i] * T[i] * g[i] * g[i];
    for (size_t i = 0; i < D; ++i)
        x[i] += rho * T[i] * T[i] * g[i] / sqrt(norm);
    rig->oracle->gradient(D, D, x, h);
}

static void check_all(const double *got, const double *want, double tolerance) {
    for (size_t i = 0; i < D; ++i)
        CHECK_CLOSE(got[i], want[i], tolerance);
}

/* ---- sam, gsam ---- */

/* On a quadratic with Hessian H: h = g + rho H g / |g|. */
static void test_sam_on_a_quadratic(void **state) {
    (void)state;
    rig_t *rig = matrix("sgd", "lr=1");
    CHECK_OK(optim_wrap(rig->opt, "sam", "rho=0.3"));
    double g[D], want[D], got[D];
    gradient_at(rig, g);
    for (size_t i = 0; i < D; ++i)
        want[i] = g[i] + 0.3 * quadratic_curvature(i) * g[i] / sqrt(dot(g, g));
    received(rig, got);
    check_all(got, want, 1e-13);
    assert_int_equal(rig->gradients, 2);
    rig_free(rig);
}

/* By itself with the paper's radius, and as a form of sam: the same bits. */
static void test_asam(void **state) {
    (void)state;
    static const char *const FORMS[][2] = {{"asam", NULL}, {"sam", "rho=0.5,adaptive=1,eta=0.01"}};
    rig_t *rig[2];
    double T[D], g[D], want[D], got[D];
    for (int form = 0; form < 2; ++form) {
        rig[form] = matrix("sgd", "lr=1");
        CHECK_OK(optim_wrap(rig[form]->opt, FORMS[form][0], FORMS[form][1]));
        for (size_t i = 0; i < D; ++i)
            T[i] = fabs(rig_read(rig[form])[i]) + 0.01;
        gradient_at(rig[form], g);
        gradient_beside(rig[form], 0.5, T, g, want);
        received(rig[form], got);
        check_all(got, want, 1e-13);
        assert_int_equal(rig[form]->gradients, 2);
        CHECK_OK(rig_steps(rig[form], 10));
    }
    rig_check_same(rig[0], rig[1], "asam and sam with adaptive=1");
    rig_free(rig[0]);
    rig_free(rig[1]);
}

/* What gives asam its name: another scale of each coordinate gives the same path, scaled. */
static void test_asam_is_scale_invariant(void **state) {
    (void)state;
    double scaled[D], plain[D], g[D], beside[2][D];
    for (int form = 0; form < 2; ++form) {
        rig_t *rig = matrix("sgd", "lr=0.1");
        CHECK_OK(optim_wrap(rig->opt, "asam", "eta=0,rho=0.7"));
        double *x = rig->tensor[0].data, *grad = rig->tensor[0].grad;
        gradient_at(rig, g);
        for (size_t i = 0; i < D; ++i) {
            const double scale = form == 0 ? 1 : pow(2, (double)(i % 5) - 2);
            x[i] *= scale;
            grad[i] = g[i] / scale; /* of the same function, told in the scaled coordinates */
        }
        assert_int_equal(optim_step(rig->opt), OPTIM_EVAL_GRAD);
        for (size_t i = 0; i < D; ++i)
            beside[form][i] = x[i] / (form == 0 ? 1 : pow(2, (double)(i % 5) - 2));
        CHECK_OK(optim_cancel(rig->opt));
        memcpy(form == 0 ? plain : scaled, x, sizeof plain);
        rig_free(rig);
    }
    check_all(beside[1], beside[0], 1e-14);
    assert_true(fabs(beside[0][0] - plain[0]) > 1e-3 && scaled[0] == plain[0] / 4);
}

/* h - alpha (the part of g perpendicular to h): what is taken away has no component along h. */
static void test_gsam(void **state) {
    (void)state;
    rig_t *rig = matrix("sgd", "lr=1");
    CHECK_OK(optim_wrap(rig->opt, "gsam", "rho=0.5,alpha=0.6"));
    double one[D], g[D], h[D], taken[D], got[D];
    for (size_t i = 0; i < D; ++i)
        one[i] = 1;
    gradient_at(rig, g);
    gradient_beside(rig, 0.5, one, g, h);
    received(rig, got);
    for (size_t i = 0; i < D; ++i)
        taken[i] = (h[i] - got[i]) / 0.6;
    CHECK_CLOSE(dot(taken, h), 0, 1e-9);
    for (size_t i = 0; i < D; ++i)
        CHECK_CLOSE(taken[i], g[i] - dot(g, h) / dot(h, h) * h[i], 1e-10);
    rig_free(rig);
}

/* The distance at which the second gradient is asked for. */
static double radius(rig_t *rig) {
    double before[D], sum = 0;
    memcpy(before, rig_read(rig), sizeof before);
    rig->stop_at = 2;
    const optim_status request = rig_step(rig);
    assert_int_equal(request, OPTIM_EVAL_GRAD);
    for (size_t i = 0; i < D; ++i)
        sum += (rig_read(rig)[i] - before[i]) * (rig_read(rig)[i] - before[i]);
    rig->stop_at = 0;
    --rig->evaluation;
    CHECK_OK(rig_continue(rig, request));
    return sqrt(sum);
}

static void test_gsam_radius_follows_the_rate(void **state) {
    (void)state;
    rig_t *rig = matrix("sgd", "lr=0.4");
    CHECK_OK(optim_wrap(rig->opt, "gsam", "rho=0.2,rho_min=0.05,lr_min=0.1,lr_max=0.4"));
    CHECK_OK(optim_set_schedule(rig->opt, -1, "lr", "linear", "start_factor=1,end_factor=0.25,steps=6"));
    for (int t = 0; t < 9; ++t) {
        double lr;
        CHECK_OK(optim_get(rig->opt, 0, "lr", &lr));
        CHECK_CLOSE(radius(rig), 0.05 + 0.15 * (lr - 0.1) / 0.3, 1e-12);
    }
    CHECK_OK(optim_set_schedule(rig->opt, -1, "lr", NULL, NULL));
    CHECK_OK(optim_set(rig->opt, -1, "lr", 0.01)); /* below the schedule's least rate */
    CHECK_CLOSE(radius(rig), 0.05, 1e-12);
    CHECK_REFUSED(optim_set(rig->opt, -1, "gsam.lr_max", 0.05), OPTIM_ERR_VALUE, "lr_max");
    CHECK_REFUSED(optim_set(rig->opt, -1, "gsam.rho_min", 0.5), OPTIM_ERR_VALUE, "rho_min");
    rig_free(rig);
    rig = matrix("sgd", "lr=0.01");
    CHECK_OK(optim_wrap(rig->opt, "sam", NULL));
    CHECK_OK(optim_set_schedule(rig->opt, -1, "sam.rho", "exponential", "gamma=0.5"));
    CHECK_CLOSE(radius(rig), 0.05, 1e-12);
    CHECK_CLOSE(radius(rig), 0.025, 1e-12);
    rig_free(rig);
}

/* rho = 0: the inner method, bit for bit, at twice the gradients. g = 0: e = 0, and gsam hands on 0. */
static void test_no_radius(void **state) {
    (void)state;
    static const char *const WRAPPERS[][2] = {
        {"sam", "rho=0"}, {"sam", "rho=0,adaptive=1"}, {"gsam", "rho=0,alpha=0"}, {"gsam", "rho=0,adaptive=1,alpha=0"}};
    static const char *const METHODS[] = {"sgd", "adamw", "lamb", "extragradient", "muon"};
    for (size_t w = 0; w < 4; ++w)
        for (size_t m = 0; m < 5; ++m) {
            rig_t *rig = matrix(METHODS[m], "lr=0.01"), *plain = matrix(METHODS[m], "lr=0.01");
            CHECK_OK(optim_wrap(rig->opt, WRAPPERS[w][0], WRAPPERS[w][1]));
            CHECK_OK(rig_steps(rig, 9));
            CHECK_OK(rig_steps(plain, 9));
            rig_check_same(rig, plain, "a radius of 0");
            assert_int_equal(rig->gradients, 2 * plain->gradients);
            rig_free(rig);
            rig_free(plain);
        }
    for (size_t w = 0; w < 4; w += 2) {
        double minimum[D];
        rig_t *rig = matrix("sgd", "lr=1");
        CHECK_OK(optim_wrap(rig->opt, WRAPPERS[w][0], "rho=2,eps=0"));
        for (size_t i = 0; i < D; ++i)
            minimum[i] = quadratic_minimum(i);
        rig_write(rig, minimum);
        CHECK_CLOSE(radius(rig), 0, 0);
        check_all(rig_read(rig), minimum, 0);
        rig_free(rig);
    }
}

/* The parameters come back as they were, in every dtype. */
static void test_exact_return(void **state) {
    (void)state;
    static const optim_dtype DTYPES[] = {OPTIM_F64, OPTIM_F32, OPTIM_BF16, OPTIM_F16};
    static const char *const WRAPPERS[] = {"sam", "gsam"};
    for (size_t k = 0; k < 8; ++k) {
        rig_t *rig = rig_new(&MATRIX, DTYPES[k / 2], DTYPES[k / 2], 0);
        optim_t *opt;
        rig->oracle = oracle_find("quadratic");
        CHECK_OK(optim_create(&opt, "sgd", "lr=0"));
        CHECK_OK(optim_wrap(opt, WRAPPERS[k % 2], "rho=0.37"));
        CHECK_OK(rig_lend(rig, opt));
        void *before = rig_snapshot(rig);
        CHECK_OK(rig_steps(rig, 3));
        rig_check_snapshot(rig, before, WRAPPERS[k % 2]);
        free(before);
        rig_free(rig);
    }
}

/* ---- gc, agc ---- */

static void centralize(double *g) {
    for (size_t r = 0; r < ROWS; ++r) {
        double sum = 0;
        for (size_t c = 0; c < COLUMNS; ++c)
            sum += g[r * COLUMNS + c];
        for (size_t c = 0; c < COLUMNS; ++c)
            g[r * COLUMNS + c] -= sum / COLUMNS;
    }
}

static void test_gc_sums_to_zero(void **state) {
    (void)state;
    rig_t *rig = matrix("sgd", "lr=0.1,momentum=0.9");
    CHECK_OK(optim_wrap(rig->opt, "gc", NULL));
    for (int t = 0; t < 10; ++t) {
        double moved[D];
        received(rig, moved);
        for (size_t r = 0; r < ROWS; ++r) {
            double sum = 0;
            for (size_t c = 0; c < COLUMNS; ++c)
                sum += moved[r * COLUMNS + c];
            CHECK_CLOSE(sum, 0, 1e-14);
        }
    }
    rig_free(rig);
}

/* Each row keeps its direction; its norm is at most clipping max(|p|, eps), and untouched below. */
static void test_agc_bounds_every_row(void **state) {
    (void)state;
    rig_t *rig = matrix("sgd", "lr=1");
    const double clipping = 4;
    double p[D], g[D], got[D];
    int clipped = 0;
    CHECK_OK(optim_wrap(rig->opt, "agc", "clipping=4,eps=0.5"));
    memcpy(p, rig_read(rig), sizeof p);
    for (size_t c = 0; c < COLUMNS; ++c)
        p[c] = 0; /* a row without a norm */
    rig_write(rig, p);
    gradient_at(rig, g);
    received(rig, got);
    for (size_t r = 0; r < ROWS; ++r) {
        double of_p = 0, of_g = 0;
        for (size_t c = r * COLUMNS; c < (r + 1) * COLUMNS; ++c) {
            of_p += p[c] * p[c];
            of_g += g[c] * g[c];
        }
        const double top = clipping * fmax(sqrt(of_p), 0.5), factor = fmin(1, top / sqrt(of_g));
        clipped += factor < 1;
        for (size_t c = r * COLUMNS; c < (r + 1) * COLUMNS; ++c)
            CHECK_CLOSE(got[c], factor * g[c], 1e-13);
    }
    assert_in_range(clipped, 1, ROWS - 1);
    rig_free(rig);
}

/* Rows longer than a tile, shared among threads, and a vector as one unit. */
static void test_agc_long_rows(void **state) {
    (void)state;
    static const layout_t LONG = {"long", 2, {{"rows", 2, {3, 40001}}, {"vector", 1, {30011}}}};
    rig_t *rig = play_new("sgd", "lr=1", &LONG);
    const size_t d = rig_elements(rig), ends[] = {40001, 80002, 120003, d};
    double *p = check_memory(d, sizeof *p), *g = check_memory(d, sizeof *g);
    rig->oracle = oracle_find("quadratic");
    CHECK_OK(optim_set_threads(rig->opt, 3));
    CHECK_OK(optim_wrap(rig->opt, "agc", "clipping=0.1"));
    memcpy(p, rig_read(rig), d * sizeof *p);
    rig->oracle->gradient(d, d, p, g);
    CHECK_OK(rig_step(rig));
    const double *x = rig_read(rig);
    for (size_t unit = 0, i = 0; unit < 4; ++unit) {
        double of_p = 0, of_g = 0;
        for (size_t k = i; k < ends[unit]; ++k) {
            of_p += p[k] * p[k];
            of_g += g[k] * g[k];
        }
        for (; i < ends[unit]; ++i)
            CHECK_CLOSE(x[i], p[i] - g[i] * 0.1 * sqrt(of_p / of_g), 1e-12);
    }
    free(p);
    free(g);
    rig_free(rig);
}

/* ---- Order: the outermost touches the caller's gradient first ---- */

static void test_order_of_gc_and_sam(void **state) {
    (void)state;
    double one[D], g[D], h[D], got[D];
    for (size_t i = 0; i < D; ++i)
        one[i] = 1;
    for (int gc_outside = 0; gc_outside < 2; ++gc_outside) {
        rig_t *rig = matrix("sgd", "lr=1");
        CHECK_OK(optim_wrap(rig->opt, gc_outside ? "sam" : "gc", gc_outside ? "rho=0.7" : NULL));
        CHECK_OK(optim_wrap(rig->opt, gc_outside ? "gc" : "sam", gc_outside ? NULL : "rho=0.7"));
        gradient_at(rig, g);
        if (gc_outside)
            centralize(g); /* both gradients are */
        gradient_beside(rig, 0.7, one, g, h);
        centralize(h);
        received(rig, got);
        check_all(got, h, 1e-12);
        rig_free(rig);
    }
}

/* sam around sam's kin: the outer one answers each question of the inner one with two evaluations. */
static void test_sam_within_gsam(void **state) {
    (void)state;
    rig_t *rig = matrix("sgd", "lr=1");
    double one[D], p[D], g[D], h[D], e[D], got[D];
    CHECK_OK(optim_wrap(rig->opt, "sam", "rho=0.2"));
    CHECK_OK(optim_wrap(rig->opt, "gsam", "rho=0.5,alpha=0"));
    for (size_t i = 0; i < D; ++i)
        one[i] = 1;
    memcpy(p, rig_read(rig), sizeof p);
    gradient_at(rig, g);
    gradient_beside(rig, 0.5, one, g, h); /* what the inner one perturbs along */
    for (size_t i = 0; i < D; ++i)
        e[i] = p[i] + 0.2 * h[i] / sqrt(dot(h, h));
    rig_write(rig, e);
    gradient_at(rig, g);
    gradient_beside(rig, 0.5, one, g, h);
    rig_write(rig, p);
    received(rig, got);
    check_all(got, h, 1e-12);
    assert_int_equal(rig->gradients, 4);
    rig_free(rig);
}

/* clip_norm bounds what the method receives, not the gradient along which sam perturbs. */
static void test_clipping_after_sam(void **state) {
    (void)state;
    rig_t *rig = matrix("sgd", "lr=1,clip_norm=0.01");
    double got[D];
    CHECK_OK(optim_wrap(rig->opt, "sam", "rho=0.7"));
    CHECK_CLOSE(radius(rig), 0.7, 1e-12);
    received(rig, got);
    CHECK_CLOSE(sqrt(dot(got, got)), 0.01, 1e-12);
    rig_free(rig);
}

/* ---- Refusals ---- */

static void refuse(const char *algorithm, const char *inner, const char *outer, const char *offender) {
    rig_t *rig = matrix(algorithm, NULL);
    if (inner != NULL)
        CHECK_OK(optim_wrap(rig->opt, inner, NULL));
    CHECK_OK(optim_wrap(rig->opt, outer, NULL));
    CHECK_REFUSED(optim_memory(rig->opt, NULL, NULL), OPTIM_ERR_MISMATCH, "schedule_free");
    CHECK_REFUSED(optim_step(rig->opt), OPTIM_ERR_MISMATCH, offender);
    rig_free(rig);
}

static void test_refusals(void **state) {
    (void)state;
    refuse("sgd", "sam", "schedule_free", "sam");
    refuse("sgd", "gsam", "schedule_free", "gsam");
    refuse("extragradient", NULL, "schedule_free", "extragradient");
    refuse("lbfgs", NULL, "schedule_free", "lbfgs");
    refuse("oasis", NULL, "schedule_free", "oasis");
    refuse("sgd", "schedule_free", "lookahead", "lookahead");
    refuse("sgd", "schedule_free", "random_scaling", "random_scaling");
}

/* An inner step that fails when the parameters stand at z already: they are y again. */
static void test_failure_inside_schedule_free(void **state) {
    (void)state;
    rig_t *rig = matrix("past_extragradient", "mirror=entropic");
    double values[D];
    for (size_t i = 0; i < D; ++i)
        values[i] = i == 3 ? -0.1 : 0.3; /* one outside the domain */
    rig_write(rig, values);
    CHECK_OK(optim_wrap(rig->opt, "schedule_free", "weight_decay_at_y=20"));
    CHECK_STATUS(rig_step(rig), OPTIM_ERR_DOMAIN);
    check_all(rig_read(rig), values, 0);
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sam_on_a_quadratic),
        cmocka_unit_test(test_asam),
        cmocka_unit_test(test_asam_is_scale_invariant),
        cmocka_unit_test(test_gsam),
        cmocka_unit_test(test_gsam_radius_follows_the_rate),
        cmocka_unit_test(test_no_radius),
        cmocka_unit_test(test_exact_return),
        cmocka_unit_test(test_gc_sums_to_zero),
        cmocka_unit_test(test_agc_bounds_every_row),
        cmocka_unit_test(test_agc_long_rows),
        cmocka_unit_test(test_order_of_gc_and_sam),
        cmocka_unit_test(test_sam_within_gsam),
        cmocka_unit_test(test_clipping_after_sam),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_failure_inside_schedule_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
