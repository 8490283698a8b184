/* What methods and wrappers that other libraries have are held to by their papers, beside the numbers of those. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "play.h"

enum { N = 8 };

typedef struct walk {
    optim_t *opt;
    double p[N], g[N], before[N];
} walk_t;

/* A matrix of two rows. */
static walk_t *walk_new(const char *algorithm, const char *options, const char *wrapper, const char *of_wrapper) {
    static const int64_t dims[] = {2, N / 2};
    walk_t *w = check_memory(1, sizeof *w);
    CHECK_OK(optim_create(&w->opt, algorithm, options));
    if (wrapper != NULL)
        CHECK_OK(optim_wrap(w->opt, wrapper, of_wrapper));
    for (int i = 0; i < N; ++i)
        w->p[i] = 1 + 0.25 * i;
    CHECK_OK(optim_add_param(w->opt, 0, "p", OPTIM_F64, 2, dims, w->p, w->g));
    return w;
}

static void walk_step(walk_t *w, const double *g) {
    memcpy(w->before, w->p, sizeof w->p);
    memcpy(w->g, g, sizeof w->g);
    CHECK_OK(optim_step(w->opt));
}

static double moved(const walk_t *w, int i) {
    return w->p[i] - w->before[i];
}

static void walk_free(walk_t *w) {
    optim_destroy(w->opt);
    free(w);
}

/* Gradients with nothing to them, the same for every walk. */
static const double *gradient(int t) {
    static double g[N];
    for (int i = 0; i < N; ++i)
        g[i] = sin(3.1 * t + 1.7 * i * i) + 0.2;
    return g;
}

static double dot(const double *a, const double *b) {
    double sum = 0;
    for (int i = 0; i < N; ++i)
        sum += a[i] * b[i];
    return sum;
}

static void near(double got, double want, double tolerance) {
    CHECK_AT_MOST(fabs(got - want), tolerance);
}

/* ---- Methods ---- */

static void rprop_grows_halves_and_waits(void **state) {
    static const double SIGNS[] = {1, 1, 1, -1, -1, -1}, STEPS[] = {0.1, 0.12, 0.144, 0, -0.072, -0.0864};
    walk_t *w = walk_new("rprop", "lr=0.1", NULL, NULL);
    (void)state;
    for (int t = 0; t < 6; ++t) {
        double g[N];
        for (int i = 0; i < N; ++i)
            g[i] = SIGNS[t] * pow(10, 40 * i - 150); /* whatever the size */
        walk_step(w, g);
        for (int i = 0; i < N; ++i)
            near(moved(w, i), -STEPS[t], 1e-15);
    }
    walk_free(w);
}

static void asgd_answers_with_the_mean(void **state) {
    walk_t *w = walk_new("asgd", "lr=0.1,t0=5", NULL, NULL);
    double sum[N] = {0}, answer[N];
    (void)state;
    for (int t = 1; t <= 40; ++t) {
        walk_step(w, gradient(t));
        for (int i = 0; i < N; ++i)
            sum[i] = t <= 7 ? w->p[i] : sum[i] + w->p[i]; /* from step t0 + 2 on */
        CHECK_OK(optim_output(w->opt, 0, answer));
        for (int i = 0; i < N; ++i)
            near(answer[i], sum[i] / fmax(1, t - 6), 1e-13);
    }
    walk_free(w);
}

static void ftrl_gives_zeros(void **state) {
    walk_t *w = walk_new("ftrl", "lr=0.1,l1=3", NULL, NULL);
    (void)state;
    memset(w->p, 0, sizeof w->p);
    for (int t = 1; t <= 200; ++t) {
        double g[N];
        memcpy(g, gradient(t), sizeof g);
        g[0] -= 0.2; /* a coordinate without a mean */
        walk_step(w, g);
    }
    assert_true(w->p[0] == 0 && w->p[1] != 0);
    walk_free(w);
}

/* Gradients that the loss of a scale-invariant weight has: orthogonal to the parameters. */
static void adamp_keeps_no_part_along_the_parameters(void **state) {
    static const char *const NAMES[] = {"adamp", "sgdp"};
    (void)state;
    for (size_t k = 0; k < 2; ++k) {
        walk_t *w = walk_new(NAMES[k], "lr=0.01,eps=0", NULL, NULL);
        for (int t = 1; t <= 10; ++t) {
            double g[N];
            memcpy(g, gradient(t), sizeof g);
            for (int row = 0; row < N; row += N / 2) {
                double pg = 0, pp = 0;
                for (int i = row; i < row + N / 2; ++i) {
                    pg += w->p[i] * g[i];
                    pp += w->p[i] * w->p[i];
                }
                for (int i = row; i < row + N / 2; ++i)
                    g[i] -= pg / pp * w->p[i];
            }
            walk_step(w, g);
            double along = 0;
            for (int i = 0; i < N / 2; ++i)
                along += moved(w, i) * w->before[i];
            near(along, 0, 1e-15);
        }
        walk_free(w);
    }
}

/* After small gradients one that is 1000 times as long: the step is at most lr root(1 / (1 - beta2)) times shorter. */
static void stable_adamw_is_not_carried_away(void **state) {
    walk_t *stable = walk_new("stable_adamw", "lr=0.1,beta2=0.999,weight_decay=0", NULL, NULL);
    walk_t *plain = walk_new("adamw", "lr=0.1,weight_decay=0", NULL, NULL);
    double g[N], large[N];
    (void)state;
    for (int i = 0; i < N; ++i)
        large[i] = 1000 * (g[i] = i % 2 == 0 ? 1e-3 : -1e-3);
    for (int t = 0; t < 100; ++t) {
        walk_step(stable, g);
        walk_step(plain, g);
        near(moved(stable, 0), moved(plain, 0), 1e-12);
    }
    walk_step(stable, large);
    walk_step(plain, large);
    const double rms = 1 / sqrt(0.001 / (1 - pow(0.999, 101))); /* of g over the root of v, to 1e-4 */
    near(moved(stable, 0) / moved(plain, 0), 1 / rms, 1e-3);
    walk_free(stable);
    walk_free(plain);
}

/* The way of a coordinate in units of 1 / s, s being the unit of its data: predictions p s are the same. */
static void kate_does_not_see_units(void **state) {
    walk_t *one = walk_new("kate", "lr=0.1,eps=0", NULL, NULL), *other = walk_new("kate", "lr=0.1,eps=0", NULL, NULL);
    (void)state;
    for (int t = 1; t <= 30; ++t) {
        double scaled[N];
        walk_step(one, gradient(t));
        for (int i = 0; i < N; ++i)
            scaled[i] = ldexp(gradient(t)[i], 3 * i);
        walk_step(other, scaled);
        for (int i = 0; i < N; ++i)
            near(ldexp(moved(other, i), 3 * i), moved(one, i), 1e-8);
    }
    walk_free(one);
    walk_free(other);
}

static void fromage_keeps_the_length(void **state) {
    walk_t *w = walk_new("fromage", "lr=0.3", NULL, NULL);
    const double length = dot(w->p, w->p);
    (void)state;
    for (int t = 1; t <= 10; ++t) {
        double g[N];
        const double share = dot(gradient(t), w->p) / dot(w->p, w->p);
        for (int i = 0; i < N; ++i)
            g[i] = gradient(t)[i] - share * w->p[i];
        walk_step(w, g);
        near(dot(w->p, w->p), length, 1e-12);
    }
    walk_free(w);
}

/* A coordinate whose gradient is the same all the time is certain; one that swings is not. */
static void msvag_shortens_what_swings(void **state) {
    walk_t *w = walk_new("msvag", "lr=0.1", NULL, NULL);
    (void)state;
    for (int t = 1; t <= 100; ++t) {
        double g[N];
        for (int i = 0; i < N; ++i)
            g[i] = i % 2 == 0 ? 1 : 1 + 4 * (t % 2 == 0 ? 1 : -1);
        walk_step(w, g);
    }
    near(moved(w, 0), -0.1, 1e-10);
    CHECK_AT_MOST(fabs(moved(w, 1)), 0.08);
    walk_free(w);
}

static void dowg_reaches_the_minimum(void **state) {
    walk_t *w = walk_new("dowg", NULL, NULL, NULL);
    const double start = dot(w->p, w->p);
    (void)state;
    for (int t = 1; t <= 300; ++t)
        walk_step(w, w->p); /* of |p|^2 / 2 */
    CHECK_AT_MOST(dot(w->p, w->p), 1e-3 * start);
    walk_free(w);
}

/* A spike of a thousand times what is usual moves as far as what is usual. */
static void stable_spam_takes_no_notice_of_spikes(void **state) {
    walk_t *w = walk_new("stable_spam", "lr=0.1,theta=0.9", NULL, NULL);
    (void)state;
    for (int t = 1; t <= 60; ++t) {
        double g[N];
        for (int i = 0; i < N; ++i)
            g[i] = t == 50 && i == 0 ? 1000 : i % 2 == 0 ? 1 : -1;
        walk_step(w, g);
        if (t == 49 || t > 50)
            CHECK_AT_MOST(fabs(moved(w, 1)), 0.11);
        CHECK_AT_MOST(fabs(moved(w, 0)), 0.5);
    }
    walk_free(w);
}

/* Both rows of the parameter, and where p is 0 a length that neurons can begin with. */
static void nero_keeps_neurons_on_the_sphere(void **state) {
    walk_t *w = walk_new("nero", "eps=0", NULL, NULL),
           *still = walk_new("nero", "constraints=0,lr=1,eps=0", NULL, NULL);
    (void)state;
    memset(still->p, 0, sizeof still->p);
    for (int t = 1; t <= 5; ++t)
        walk_step(w, gradient(t));
    walk_step(still, gradient(1));
    for (int row = 0; row < N; row += N / 2) {
        double sum = 0, square = 0, of_g = 0;
        for (int i = row; i < row + N / 2; ++i) {
            sum += w->p[i];
            square += w->p[i] * w->p[i];
            of_g += gradient(1)[i] * gradient(1)[i];
        }
        near(sum, 0, 1e-14);
        near(square, 1, 1e-14);
        for (int i = row; i < row + N / 2; ++i)
            near(moved(still, i), -0.01 * gradient(1)[i] / sqrt(of_g), 1e-15);
    }
    walk_free(w);
    walk_free(still);
}

/* Nothing moves before gradients are old enough; then by the mean, over the largest element of the oldest. */
static void adashift_waits_for_old_gradients(void **state) {
    walk_t *w = walk_new("adashift", "lr=0.1,keep_num=2,beta1=0,eps=0", NULL, NULL);
    double most = 0;
    (void)state;
    for (int i = 0; i < N; ++i)
        most = fmax(most, fabs(gradient(1)[i]));
    for (int t = 1; t <= 3; ++t) {
        walk_step(w, gradient(t));
        for (int i = 0; i < N; ++i)
            near(moved(w, i), t < 3 ? 0 : -0.1 * gradient(3)[i] / most, 1e-14);
    }
    walk_free(w);
}

/* Elements at 1, 1.25, ... of which those below 1.5 are trained, until the first has grown beyond. */
static void sara_trains_what_is_small(void **state) {
    static const double UP[N] = {-1, 0, -1, -1, -1, -1, -1, -1};
    walk_t *w = walk_new("sara", "lr=0.6,weight_decay=0,threshold=1.5,progressive_iter=1", NULL, NULL);
    (void)state;
    walk_step(w, UP);
    near(moved(w, 0), 0.6, 1e-6);
    for (int i = 1; i < N; ++i)
        near(moved(w, i), 0, 0);
    walk_step(w, UP); /* the first has left, the second has no gradient */
    for (int i = 0; i < N; ++i)
        near(moved(w, i), 0, 0);
    walk_free(w);
}

/* In the first step Adam moves every element by lr. */
static void dash_steps_are_as_long_as_adams(void **state) {
    static const char *const OPTIONS[] = {"lr=0.1,eps=0", "lr=0.1,eps=0,block_size=2", "lr=0.1,eps=0,start=2"};
    (void)state;
    for (size_t k = 0; k < 3; ++k) {
        walk_t *w = walk_new("dash", OPTIONS[k], NULL, NULL);
        double square = 0;
        walk_step(w, gradient(1));
        for (int i = 0; i < N; ++i)
            square += moved(w, i) * moved(w, i);
        near(sqrt(square), 0.1 * sqrt(N), 1e-14);
        walk_free(w);
    }
}

static void adalite_does_not_see_units(void **state) {
    walk_t *w = walk_new("adalite", NULL, NULL, NULL), *scaled = walk_new("adalite", NULL, NULL, NULL);
    (void)state;
    for (int t = 1; t <= 10; ++t) {
        double g[N];
        for (int i = 0; i < N; ++i)
            g[i] = 1e3 * gradient(t)[i];
        walk_step(scaled, g);
        walk_step(w, gradient(t));
        for (int i = 0; i < N; ++i)
            near(scaled->p[i], w->p[i], 1e-13);
    }
    walk_free(w);
    walk_free(scaled);
}

/* Decays are below 1; the sum of what a gradient gives to later steps falls in a line. */
static void demon_is_for_decays(void **state) {
    walk_t *w = walk_new("sgd", "lr=1,momentum=0.9", NULL, NULL);
    (void)state;
    CHECK_STATUS(optim_set_schedule(w->opt, 0, "lr", "demon", "steps=10"), OPTIM_ERR_VALUE);
    assert_non_null(strstr(optim_error(), "below 1"));
    CHECK_OK(optim_set_schedule(w->opt, 0, "momentum", "demon", "steps=10"));
    for (int t = 0; t < 12; ++t) {
        double momentum;
        CHECK_OK(optim_get(w->opt, 0, "momentum", &momentum));
        near(momentum / (1 - momentum), 9 * fmax(0, 1 - t / 10.0), 1e-13);
        walk_step(w, gradient(t));
    }
    walk_free(w);
}

/* ---- Wrappers ---- */

static void masked_steps_go_down(void **state) {
    static const char *const NAMES[] = {"cautious", "grams"};
    (void)state;
    for (size_t k = 0; k < 2; ++k) {
        walk_t *w = walk_new("adamw", "lr=0.1,weight_decay=0", NAMES[k], NULL);
        walk_t *plain = walk_new("adamw", "lr=0.1,weight_decay=0", NULL, NULL);
        for (int t = 1; t <= 30; ++t) {
            int agree = 0;
            walk_step(w, gradient(t));
            walk_step(plain, gradient(t));
            for (int i = 0; i < N; ++i)
                agree += moved(plain, i) * gradient(t)[i] < 0;
            for (int i = 0; i < N; ++i) {
                const double d = moved(plain, i), g = gradient(t)[i];
                const double masked = d * g < 0 ? d * N / (agree + 1) : 0, turned = g > 0 ? -fabs(d) : fabs(d);
                near(moved(w, i), k == 0 ? masked : turned, 1e-14);
            }
        }
        walk_free(w);
        walk_free(plain);
    }
}

static void grokfast_amplifies_what_lasts(void **state) {
    walk_t *w = walk_new("sgd", "lr=0.1", "grokfast", "lamb=3");
    double g[N];
    (void)state;
    for (int t = 1; t <= 5; ++t) {
        for (int i = 0; i < N; ++i)
            g[i] = i - 3;
        walk_step(w, g);
        for (int i = 0; i < N; ++i)
            near(moved(w, i), -0.1 * 4 * (i - 3), 1e-14);
    }
    walk_free(w);
}

static void orthograd_turns_and_keeps_the_length(void **state) {
    walk_t *w = walk_new("sgd", "lr=0.1", "orthograd", NULL);
    (void)state;
    for (int t = 1; t <= 20; ++t) {
        double d[N];
        walk_step(w, gradient(t));
        for (int i = 0; i < N; ++i)
            d[i] = moved(w, i);
        near(dot(d, w->before), 0, 1e-14);
        near(dot(d, d), 0.01 * dot(gradient(t), gradient(t)), 1e-14);
    }
    walk_step(w, w->p); /* along the parameters: nowhere */
    for (int i = 0; i < N; ++i)
        assert_true(moved(w, i) == 0);
    walk_free(w);
}

static void noise_has_its_variance(void **state) {
    enum { STEPS = 4000 };
    walk_t *w = walk_new("sgd", "lr=1", "noise", "eta=0.25,gamma=0.5");
    static const double NONE[N];
    double sum = 0;
    (void)state;
    for (int t = 1; t <= STEPS; ++t) {
        walk_step(w, NONE);
        for (int i = 0; i < N; ++i)
            sum += moved(w, i) * moved(w, i) * sqrt(t) / 0.25;
    }
    near(sum / (N * STEPS), 1, 0.04); /* five times sqrt(2 / 32000) */
    walk_free(w);
}

static void zero_nans_lets_the_rest_go_on(void **state) {
    walk_t *w = walk_new("adam", "lr=0.1", "zero_nans", NULL);
    double g[N];
    (void)state;
    memcpy(g, gradient(1), sizeof g);
    g[2] = (double)NAN;
    walk_step(w, g);
    for (int i = 0; i < N; ++i)
        assert_true(i == 2 ? moved(w, i) == 0 : fabs(moved(w, i)) > 0.09);
    walk_free(w);
}

/* From scales of 1e-6 and steps that are a tenth of, or ten times, what suits: nearly to the minimum. */
static void tuners_find_the_scale(void **state) {
    static const char *const WRAPPERS[] = {"mechanic", "trac"};
    (void)state;
    for (size_t k = 0; k < 2; ++k) {
        walk_t *w = walk_new("sgd", k == 0 ? "lr=1" : "lr=0.1", WRAPPERS[k], k == 0 ? "weight_decay=0" : NULL);
        double scale, start = dot(w->p, w->p);
        for (int t = 1; t <= 400; ++t)
            walk_step(w, w->p); /* of |p|^2 / 2 */
        CHECK_OK(optim_get(w->opt, 0, "scale", &scale));
        CHECK_AT_MOST(dot(w->p, w->p), 0.1 * start);
        assert_true(scale > 1e-3);
        walk_free(w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rprop_grows_halves_and_waits),
        cmocka_unit_test(asgd_answers_with_the_mean),
        cmocka_unit_test(ftrl_gives_zeros),
        cmocka_unit_test(adamp_keeps_no_part_along_the_parameters),
        cmocka_unit_test(stable_adamw_is_not_carried_away),
        cmocka_unit_test(kate_does_not_see_units),
        cmocka_unit_test(fromage_keeps_the_length),
        cmocka_unit_test(msvag_shortens_what_swings),
        cmocka_unit_test(dowg_reaches_the_minimum),
        cmocka_unit_test(stable_spam_takes_no_notice_of_spikes),
        cmocka_unit_test(nero_keeps_neurons_on_the_sphere),
        cmocka_unit_test(adashift_waits_for_old_gradients),
        cmocka_unit_test(sara_trains_what_is_small),
        cmocka_unit_test(dash_steps_are_as_long_as_adams),
        cmocka_unit_test(adalite_does_not_see_units),
        cmocka_unit_test(demon_is_for_decays),
        cmocka_unit_test(masked_steps_go_down),
        cmocka_unit_test(grokfast_amplifies_what_lasts),
        cmocka_unit_test(orthograd_turns_and_keeps_the_length),
        cmocka_unit_test(noise_has_its_variance),
        cmocka_unit_test(zero_nans_lets_the_rest_go_on),
        cmocka_unit_test(tuners_find_the_scale),
    };
    return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
