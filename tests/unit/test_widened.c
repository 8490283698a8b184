/* Ends of ranges that mathematics allows: by hand, and that nothing is divided by 0 there. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "needs.h"

/* One number, a given gradient in every step. */
static void check_path(const char *algorithm, const char *options, const char *wrapper, const char *wrapper_options,
                       const double *gradient, const double *want, int steps) {
    double p = 0, g = 0;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, algorithm, options));
    CHECK_OK(optim_add_param(opt, 0, "p", OPTIM_F64, 0, NULL, &p, &g));
    if (wrapper != NULL)
        CHECK_OK(optim_wrap(opt, wrapper, wrapper_options));
    for (int i = 0; i < steps; ++i) {
        g = gradient[i];
        CHECK_OK(optim_step(opt));
        if (!(fabs(p - want[i]) <= 1e-14 * fmax(1, fabs(want[i]))))
            fail_msg("%s %s: %.17g after %d steps, not %.17g", algorithm, options, p, i + 1, want[i]);
    }
    optim_destroy(opt);
}

/* A momentum of 1 forgets nothing, one of 2 doubles what was. */
static void momentum_of_one(void **state) {
    (void)state;
    check_path("sgd", "lr=1,momentum=1", NULL, NULL, (const double[]){1, 1, 1, 0}, (const double[]){-1, -3, -6, -9}, 4);
    check_path("sgd", "lr=1,momentum=1,nesterov=1", NULL, NULL, (const double[]){1, 1, 0}, (const double[]){-2, -5, -7},
               3);
    check_path("rmsprop", "lr=1,momentum=1,alpha=0,eps=0", NULL, NULL, (const double[]){3, -2, 0},
               (const double[]){-1, -1, -1}, 3);
    static const char *const SUMS[] = {
        "lars momentum=1,trust_coefficient=1,lr=1",
        "heavy_ball lr=1,momentum=1",
        "clipped_sgd lr=1,momentum=1,clip=10",
        "sgd_hd lr=1,momentum=1,hyper_lr=0",
    };
    for (size_t i = 0; i < sizeof SUMS / sizeof *SUMS; ++i) {
        char *algorithm = check_text("%.*s", (int)strcspn(SUMS[i], " "), SUMS[i]);
        check_path(algorithm, strchr(SUMS[i], ' ') + 1, NULL, NULL, (const double[]){1, 0, 0},
                   (const double[]){-1, -2, -3}, 3);
        free(algorithm);
    }
    optim_t *opt;
    CHECK_REFUSED(optim_create(&opt, "heavy_ball", "momentum=1.0000001"), OPTIM_ERR_VALUE, "[0,1]");
    check_path("sgd", "lr=1,momentum=2", NULL, NULL, (const double[]){1, 1, 1, 0}, (const double[]){-1, -4, -11, -25},
               4);
    check_path("rmsprop", "lr=1,momentum=2,alpha=0,eps=0", NULL, NULL, (const double[]){3, -2, 2},
               (const double[]){-1, -2, -5}, 3);
}

/* Squares that are never looked at. */
static void squares_without_news(void **state) {
    (void)state;
    check_path("adadelta", "rho=1,eps=0.5", NULL, NULL, (const double[]){2, -1}, (const double[]){-2, -1}, 2);
    check_path("rmsprop", "lr=1,alpha=1,eps=0,initial_accumulator=4", NULL, NULL, (const double[]){2, -6},
               (const double[]){-1, 2}, 2);
    check_path("rmsprop", "lr=1,alpha=1,eps=0", NULL, NULL, (const double[]){2, -6}, (const double[]){0, 0}, 2);
}

/* Momentum that a schedule takes to 1, where the method can have it. */
static void a_schedule_up_to_one(void **state) {
    (void)state;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", "lr=1,momentum=0.5"));
    CHECK_OK(optim_set_schedule(opt, 0, "lr", "onecycle", "steps=8,momentum_max=1"));
    optim_destroy(opt);
    CHECK_OK(optim_create(&opt, "adam", "lr=1"));
    CHECK_REFUSED(optim_set_schedule(opt, 0, "lr", "onecycle", "steps=8,momentum_max=1"), OPTIM_ERR_VALUE,
                  "option \"beta1\" would be 1 at step 0");
    optim_destroy(opt);
}

/* The ratio of both moments, and 0 / 0 is no step. */
static void no_eps(void **state) {
    (void)state;
    check_path("adamax", "lr=1,beta1=0.5,beta2=0.5,eps=0", NULL, NULL, (const double[]){0, 4, 0},
               (const double[]){0, -(2.0 / 4) / 0.75, -(2.0 / 4) / 0.75 - (1.0 / 2) / 0.875}, 3);
    check_path("sgd", "lr=1", "agc", "clipping=0.5,eps=0,grad_eps=0", (const double[]){0, 1}, (const double[]){0, 0},
               2);
    check_path("sgd", "lr=1", "agc", "clipping=0.5,eps=1,grad_eps=0", (const double[]){0, 2}, (const double[]){0, -0.5},
               2);
}

enum { N = 3 };

static double loss_and_gradient(const double *p, double *g) {
    double loss = 0;
    for (int i = 0; i < N; ++i) {
        g[i] = (i + 1) * (p[i] - 0.5);
        loss += g[i] * (p[i] - 0.5) / 2;
    }
    return loss;
}

/* A step and its requests; products are those of a diagonal. */
static optim_status step(optim_t *opt, const double *p, double *g) {
    optim_status status;
    do {
        CHECK_OK(optim_set_loss(opt, loss_and_gradient(p, g)));
        status = optim_step(opt);
        if (status == OPTIM_EVAL_HVP) {
            const void *direction;
            void *product;
            CHECK_OK(optim_hvp_vector(opt, 0, &direction));
            CHECK_OK(optim_hvp_result(opt, 0, &product));
            for (int i = 0; i < N; ++i)
                ((double *)product)[i] = (i + 1) * ((const double *)direction)[i];
        } else if (status == OPTIM_EVAL_CONSTRAINTS) {
            double *values;
            CHECK_OK(optim_constraint_values(opt, &values));
            values[0] = p[0] - 0.5;
        } else if (needs_squares(opt, status, &(needs_param_t){p, OPTIM_F64, N}, 1)) {
            continue;
        } else if (status == OPTIM_EVAL_LOSSES) {
            const double loss = loss_and_gradient(p, g);
            CHECK_OK(optim_set_losses(opt, (const double[]){loss, loss, loss}, 3));
        }
    } while (status > 0);
    return status;
}

/* A rate that begins and ends at 0 leaves every method with finite parameters; the ones that cannot be set to 0,
   too. */
static void rates_may_pause(void **state) {
    int pausing = 0;
    (void)state;
    for (size_t i = 0; i < optim_algorithm_count(); ++i) {
        double p[N] = {0.25, 0.5, 0.125}, g[N], lr;
        optim_t *opt;
        CHECK_OK(optim_create(&opt, optim_algorithm_name(i), NULL));
        CHECK_OK(optim_set_components(opt, 3));
        double *lent = needs_lend(opt, (needs_sizes_t){3, N, 0, N, 1});
        assert_non_null(lent);
        CHECK_OK(optim_set_constraints(opt, 1, 0));
        CHECK_OK(optim_add_param(opt, 0, "p", OPTIM_F64, 1, (int64_t[]){N}, p, g));
        if (optim_get(opt, 0, "lr", &lr) == OPTIM_OK) {
            pausing += optim_set(opt, 0, "lr", 0) == OPTIM_ERR_VALUE;
            CHECK_OK(optim_set(opt, 0, "lr", lr));
            CHECK_OK(optim_set_schedule(opt, 0, "lr", "warmup_linear", "warmup=3,steps=8"));
            for (int t = 0; t < 12; ++t) {
                const optim_status status = step(opt, p, g);
                if (status == OPTIM_ERR_SHAPE)
                    break;
                if (status != OPTIM_OK || !isfinite(p[0] + p[1] + p[2]))
                    fail_msg("%s: %d, %g %g %g after %d steps: %s", optim_algorithm_name(i), status, p[0], p[1], p[2],
                             t + 1, optim_error());
            }
        }
        optim_destroy(opt);
        free(lent);
    }
    assert_true(pausing >= 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(momentum_of_one),      cmocka_unit_test(squares_without_news),
        cmocka_unit_test(a_schedule_up_to_one), cmocka_unit_test(no_eps),
        cmocka_unit_test(rates_may_pause),
    };
    return cmocka_run_group_tests_name("widened", tests, NULL, NULL);
}
