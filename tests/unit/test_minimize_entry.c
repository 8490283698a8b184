/* optim_minimize with maximize=1, with a start outside the box, called again after the parameters were moved, and from
 * many starts. */
#include <math.h>
#include <stdint.h>

#include "check.h"

/* sign (x - 3)^2: lowest, or highest, at 3. */
typedef struct parabola {
    optim_t *opt;
    double x, g, sign, lowest_x, highest_x;
    double lower, upper;
} parabola_t;

static int evaluate(void *user, const optim_request *request, double *loss) {
    parabola_t *f = user;
    (void)request;
    *loss = f->sign * (f->x - 3) * (f->x - 3);
    f->g = f->sign * 2 * (f->x - 3);
    f->lowest_x = fmin(f->lowest_x, f->x);
    f->highest_x = fmax(f->highest_x, f->x);
    return 0;
}

static void open_at(parabola_t *f, double x, double sign, const char *algorithm, const char *options) {
    *f = (parabola_t){.x = x, .sign = sign, .lowest_x = INFINITY, .highest_x = -INFINITY};
    CHECK_OK(optim_create(&f->opt, algorithm, options));
    CHECK_OK(optim_add_param(f->opt, 0, "x", OPTIM_F64, 0, NULL, &f->x, &f->g));
}

static optim_result run(parabola_t *f, optim_stop stop) {
    const optim_problem problem = {.size = sizeof problem, .user = f, .gradient = evaluate};
    optim_result result = {.size = sizeof result};
    stop.size = sizeof stop;
    CHECK_OK(optim_minimize(f->opt, &problem, &stop, &result));
    return result;
}

/* The highest value is the best one. */
static void test_maximize(void **state) {
    (void)state;
    parabola_t f;
    open_at(&f, 0, -1, "sgd", "lr=0.9,maximize=1"); /* 0, 5.4, 1.08, ...: nearer with every step */
    optim_result result = run(&f, (optim_stop){.steps = 5, .keep_best = 1});
    CHECK_CLOSE(f.x, 3 - 3 * pow(-0.8, 5), 1e-12);
    assert_true(result.best_loss == result.loss && result.loss == -(f.x - 3) * (f.x - 3));
    optim_destroy(f.opt);

    open_at(&f, 2, -1, "sgd", "lr=1.1,maximize=1"); /* runs away: the start is the best */
    result = run(&f, (optim_stop){.steps = 5, .keep_best = 1});
    assert_true(f.x == 2 && result.loss == -1 && result.best_loss == -1);
    optim_destroy(f.opt);

    open_at(&f, 0, -1, "sgd", "lr=0.1,maximize=1");
    result = run(&f, (optim_stop){.steps = 1000, .has_loss_target = 1, .loss_target = -0.5});
    assert_int_equal(result.reason, OPTIM_STOP_LOSS_TARGET);
    assert_true(result.loss >= -0.5 && result.loss < -0.25 && result.steps > 1);
    optim_destroy(f.opt);
}

/* No evaluation, and no point that is kept, lies outside the box. */
static void test_start_outside_the_box(void **state) {
    (void)state;
    parabola_t f;
    open_at(&f, 7, 1, "sgd", "lr=1.2");
    f.lower = 4;
    f.upper = 5;
    CHECK_OK(optim_set_bounds(f.opt, 0, &f.lower, &f.upper));
    const optim_result result = run(&f, (optim_stop){.steps = 3, .keep_best = 1});
    assert_true(f.lowest_x >= 4 && f.highest_x <= 5);
    assert_true(f.x == 4 && result.loss == 1 && result.best_loss == 1);
    optim_destroy(f.opt);
}

/* A method that holds the last loss and gradient does not trust them in the next call. */
static void test_moved_between_calls(void **state) {
    (void)state;
    parabola_t f;
    open_at(&f, 0, 1, "lbfgs", NULL);
    optim_result result = run(&f, (optim_stop){.steps = 100, .gradient_norm = 1e-9});
    CHECK_CLOSE(f.x, 3, 1e-9);
    f.x = 400;
    result = run(&f, (optim_stop){.steps = 100, .gradient_norm = 1e-9});
    assert_int_equal(result.reason, OPTIM_STOP_GRADIENT_NORM);
    CHECK_CLOSE(f.x, 3, 1e-9);
    assert_true(result.loss == (f.x - 3) * (f.x - 3));
    optim_destroy(f.opt);
}

/* ---- From many starts ---- */

/* x^2 / 20 - cos x: a minimum in every wave, the lowest at 0. */
typedef struct waves {
    double x, g;
    int evaluations;
} waves_t;

static int evaluate_waves(void *user, const optim_request *request, double *loss) {
    waves_t *f = user;
    (void)request;
    *loss = f->x * f->x / 20 - cos(f->x);
    f->g = f->x / 10 + sin(f->x);
    ++f->evaluations;
    return 0;
}

static optim_result run_waves(optim_t *opt, waves_t *f, double start) {
    const optim_problem problem = {.size = sizeof problem, .user = f, .gradient = evaluate_waves};
    const optim_stop stop = {.size = sizeof stop, .gradient_norm = 1e-9, .steps = 100};
    optim_result result = {.size = sizeof result};
    f->x = start;
    CHECK_OK(optim_minimize(opt, &problem, &stop, &result));
    assert_int_equal(result.reason, OPTIM_STOP_GRADIENT_NORM);
    return result;
}

/* One handle for all starts, reset between them, does what a new one does for each. */
static void test_many_starts(void **state) {
    (void)state;
    static const char *const METHODS[] = {"lbfgs", "bfgs", "ncg"};
    static const double STARTS[] = {-17, 11.5, 5.9, 0.7, -6.3};
    for (size_t k = 0; k < sizeof METHODS / sizeof *METHODS; ++k) {
        waves_t f = {0}, alone = {0};
        double best = INFINITY, best_x = 0;
        optim_t *opt, *fresh;
        CHECK_OK(optim_create(&opt, METHODS[k], NULL));
        CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &f.x, &f.g));
        for (size_t i = 0; i < sizeof STARTS / sizeof *STARTS; ++i) {
            CHECK_OK(optim_reset(opt));
            const optim_result result = run_waves(opt, &f, STARTS[i]);
            CHECK_OK(optim_create(&fresh, METHODS[k], NULL));
            CHECK_OK(optim_add_param(fresh, 0, "x", OPTIM_F64, 0, NULL, &alone.x, &alone.g));
            const optim_result other = run_waves(fresh, &alone, STARTS[i]);
            optim_destroy(fresh);
            assert_true(f.x == alone.x && f.evaluations == alone.evaluations && result.loss == other.loss);
            if (result.loss < best) {
                best = result.loss;
                best_x = f.x;
            }
        }
        CHECK_CLOSE(best, -1, 1e-12);
        CHECK_CLOSE(1 + best_x, 1, 1e-9);
        optim_destroy(opt);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maximize),
        cmocka_unit_test(test_start_outside_the_box),
        cmocka_unit_test(test_moved_between_calls),
        cmocka_unit_test(test_many_starts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
