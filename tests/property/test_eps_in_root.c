/*
 * eps_in_root = 1 of every method that has it: under a constant gradient g the second moment, corrected for its start
 * at zero, is g^2, so each step is sqrt(g^2 / (g^2 + eps)) times the one with eps = 0.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { STEPS = 12, TEXT = 512 };
static const double G = 0.5, EPS = 0.75;

static bool has_option(const char *algorithm, const char *name) {
    optim_option option = {.size = sizeof option};
    for (size_t i = 0; optim_describe_option(OPTIM_ALGORITHM, algorithm, i, &option) == OPTIM_OK; ++i)
        if (strcmp(option.name, name) == 0)
            return true;
    return false;
}

/* What makes the steps a linear function of m over the root. */
static void plain_options(const char *algorithm, char *text) {
    static const char *const OPTIONS[][2] = {
        {"weight_decay", "0"}, {"bias_correction", "1"}, {"initial_accumulator", "0"}, {"exclude_1d", "1"},
        {"partial", "0.5"},    {"gamma", "1e-6"},        {"switch_tol", "0"},          {"prediction", "none"},
        {"aux_lr", "0.001"},   {"hyper_lr", "0"},        {"clip_type", "none"},        {"delay", "0"},
        {"growth_rate", "1"},  {"d_coef", "1e-9"},
    };
    size_t used = (size_t)snprintf(text, TEXT, "lr=0.001");
    for (size_t i = 0; i < sizeof OPTIONS / sizeof *OPTIONS; ++i)
        if (has_option(algorithm, OPTIONS[i][0]))
            used += (size_t)snprintf(text + used, TEXT - used, ",%s=%s", OPTIONS[i][0], OPTIONS[i][1]);
}

/* The last of STEPS steps from 0 on the gradient G and a loss of 1. */
static double last_step(const char *algorithm, double eps, const char *in_root) {
    char options[TEXT];
    double x = 0, g = G, before = x;
    optim_t *opt;
    plain_options(algorithm, options);
    CHECK_OK(optim_create(&opt, algorithm, options));
    CHECK_OK(optim_set(opt, -1, "eps", eps));
    CHECK_OK(optim_set(opt, -1, "eps_in_root", atof(in_root)));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (const int64_t[]){1}, &x, &g));
    for (int step = 0; step < STEPS; ++step) {
        optim_status status;
        before = x;
        do {
            CHECK_OK(optim_set_loss(opt, 1));
            status = optim_step(opt);
        } while (status > 0);
        CHECK_OK(status);
    }
    optim_destroy(opt);
    return before - x;
}

/* The second moment beside which eps stands. */
static double second_moment(const char *algorithm) {
    if (strcmp(algorithm, "rmsprop") == 0)
        return (1 - pow(0.99, STEPS)) * G * G;
    if (strcmp(algorithm, "yogi") == 0) /* grows by (1 - beta2) g^2 a step */
        return STEPS * 0.001 / (1 - pow(0.999, STEPS)) * G * G;
    const bool sums = strcmp(algorithm, "adagrad") == 0 || strncmp(algorithm, "clip_adagrad", 12) == 0 ||
                      strcmp(algorithm, "clip_radagradd") == 0;
    return sums ? STEPS * G * G : G * G;
}

/* adam_cm's second moment is of more than the gradient, adahessian's of something else; adabelief and adamomentum have
 * an eps of their own in it; adadelta has two roots, dadapt_adagrad divides its whole way by the root. */
static bool has_other_moment(const char *algorithm) {
    static const char *const NAMES[] = {"adam_cm",    "adabelief", "adamomentum",
                                        "adahessian", "adadelta",  "dadapt_adagrad"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; ++i)
        if (strcmp(algorithm, NAMES[i]) == 0)
            return true;
    return false;
}

static void eps_joins_the_corrected_moment(void **state) {
    (void)state;
    size_t checked = 0;
    for (size_t i = 0; i < optim_algorithm_count(); ++i) {
        const char *name = optim_algorithm_name(i);
        if (!has_option(name, "eps_in_root") || has_other_moment(name))
            continue;
        const double without = last_step(name, 0, "0"), v = second_moment(name);
        const double want = without * sqrt(v / (v + EPS)), got = last_step(name, EPS, "1");
        if (without == 0 || !(fabs(got - want) <= 1e-10 * fabs(want)))
            fail_msg("%s: a step of %.17g, not %.17g; %.17g without eps", name, got, want, without);
        if (last_step(name, 0, "1") != without)
            fail_msg("%s: eps_in_root changes a step with eps=0", name);
        if (last_step(name, EPS, "0") == got)
            fail_msg("%s: eps_in_root changes nothing", name);
        ++checked;
    }
    assert_in_range(checked, 20, 100);
}

/* Wherever eps is added to a root, it can stand inside it. */
static void whoever_adds_to_the_root_has_the_option(void **state) {
    (void)state;
    static const char *const FAMILY[] = {
        "adam",       "adamw",        "amsgrad",   "nadam",       "radam",       "yogi",
        "lamb",       "adabound",     "amsbound",  "adan",        "ademamix",    "qhadam",
        "padam",      "swats",        "adamod",    "diffgrad",    "adabelief",   "adamomentum",
        "adamnc",     "novograd",     "adagrad",   "rmsprop",     "adam8bit",    "optimistic_adam",
        "extra_adam", "complex_adam", "adam_cm",   "opt_amsgrad", "momo_adam",   "schedulefree_adamw",
        "adadelta",   "clip_adagrad", "clip_adam", "prodigy",     "dadapt_adam", "dadapt_adagrad",
        "adam_hd",    "adahessian",   "muon",
    };
    for (size_t i = 0; i < sizeof FAMILY / sizeof *FAMILY; ++i)
        if (!has_option(FAMILY[i], "eps_in_root"))
            fail_msg("%s has no option eps_in_root", FAMILY[i]);
}

/* adam_cm: whatever the second moment w of the aggregate is, 1 / step^2 is proportional to w + eps. */
static void the_aggregate_of_adam_cm(void **state) {
    (void)state;
    double inverse[3];
    for (int k = 0; k < 3; ++k)
        inverse[k] = pow(last_step("adam_cm", k * EPS, "1"), -2);
    assert_true(last_step("adam_cm", 0, "1") == last_step("adam_cm", 0, "0"));
    CHECK_AT_MOST(fabs(inverse[2] - 2 * inverse[1] + inverse[0]), 1e-10 * inverse[2]);
    assert_true(inverse[1] > 2 * inverse[0]);
}

/* The last step under the gradient G. */
static double belief_step(const char *algorithm, const char *options, bool in_root) {
    char *text = check_text("lr=0.001,eps=0.75,eps_in_root=%d,%s", in_root, options);
    double p = 0, g = G, before = p;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, algorithm, text));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (const int64_t[]){1}, &p, &g));
    for (int t = 1; t <= STEPS; ++t) {
        before = p;
        CHECK_OK(optim_step(opt));
    }
    optim_destroy(opt);
    free(text);
    return before - p;
}

/* adabelief, adamomentum: eps_in_root leaves the root with no eps but the one in the moment. */
static void belief_adds_to_the_moment_alone(void **state) {
    (void)state;
    const double beta1 = 0.9, beta2 = 0.999;
    double m = 0, belief = 0, square = 0;
    for (int t = 1; t <= STEPS; ++t) {
        m = beta1 * m + (1 - beta1) * G;
        belief = beta2 * belief + (1 - beta2) * (G - m) * (G - m) + EPS;
        square = beta2 * square + (1 - beta2) * m * m + EPS;
    }
    const double c1 = 1 - pow(beta1, STEPS), c2 = 1 - pow(beta2, STEPS), corrected = sqrt(belief / c2);
    const double alone = belief_step("adabelief", "rectify=0", true);
    CHECK_AT_MOST(fabs(alone - 0.001 * m / c1 / corrected), 1e-12 * alone);
    CHECK_CLOSE(belief_step("adabelief", "rectify=0", false) / alone, corrected / (corrected + EPS), 1e-12);
    CHECK_CLOSE(belief_step("adabelief", "rectify=1", false) / belief_step("adabelief", "rectify=1", true),
                sqrt(belief) / (sqrt(belief) + EPS), 1e-12);
    CHECK_CLOSE(belief_step("adamomentum", "rectify=1", false) / belief_step("adamomentum", "rectify=1", true),
                sqrt(square) / (sqrt(square) + EPS), 1e-12);
    assert_true(belief_step("adamomentum", "rectify=0", false) == belief_step("adamomentum", "rectify=0", true));
}

/* The parameter after `steps` steps from 0 on the gradient G; each Hessian-vector product is CURVATURE times the
   direction. */
static const double CURVATURE = -1.5;
static double position(const char *algorithm, const char *options, int steps) {
    double x = 0, g = G;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, algorithm, options));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (const int64_t[]){1}, &x, &g));
    for (int step = 0; step < steps; ++step) {
        optim_status status;
        while ((status = optim_step(opt)) == OPTIM_EVAL_HVP) {
            const void *direction;
            void *product;
            CHECK_OK(optim_hvp_vector(opt, 0, &direction));
            CHECK_OK(optim_hvp_result(opt, 0, &product));
            *(double *)product = CURVATURE * *(const double *)direction;
        }
        CHECK_OK(status);
    }
    optim_destroy(opt);
    return x;
}

static void two_roots_of_adadelta(void **state) {
    (void)state;
    const double v = 0.1 * G * G;
    CHECK_CLOSE(position("adadelta", "eps=0.75", 1), -G * sqrt(0.75) / sqrt(v + 0.75), 1e-15);
    CHECK_CLOSE(position("adadelta", "eps=0.75,eps_in_root=0", 1), -G * 0.75 / (sqrt(v) + 0.75), 1e-15);
}

static void the_way_of_dadapt_adagrad(void **state) {
    (void)state;
    static const char OPTIONS[] = "initial_accumulator=0,growth_rate=1,d0=0.5,eps=0.75,eps_in_root=%d";
    const double s = STEPS * 0.5 * G, a = STEPS * G * G;
    for (int in_root = 0; in_root < 2; ++in_root) {
        char *options = check_text(OPTIONS, in_root);
        CHECK_CLOSE(position("dadapt_adagrad", options, STEPS), -s / (in_root ? sqrt(a + 0.75) : sqrt(a) + 0.75),
                    1e-14);
        free(options);
    }
}

/* A constant diagonal: its corrected average is itself. */
static void the_diagonal_of_adahessian(void **state) {
    (void)state;
    static const double POWERS[] = {1, 0.5};
    for (int i = 0; i < 2; ++i) {
        char *options = check_text("lr=0.01,eps=0.75,eps_in_root=1,hessian_power=%g", POWERS[i]);
        const double divisor = pow(sqrt(CURVATURE * CURVATURE + 0.75), POWERS[i]);
        CHECK_CLOSE(position("adahessian", options, STEPS), -0.01 * STEPS * G / divisor, 1e-13);
        free(options);
    }
}

/* adam_hd's last direction has the eps that it was made with: alpha grows by hyper_lr g u a step. */
static void the_hypergradient_of_adam_hd(void **state) {
    (void)state;
    const double u = G / sqrt(G * G + 0.75);
    double alpha = 0.001, x = 0;
    for (int t = 1; t <= STEPS; ++t) {
        alpha += t == 1 ? 0 : 0.1 * G * u;
        x -= alpha * u;
    }
    CHECK_CLOSE(position("adam_hd", "lr=0.001,hyper_lr=0.1,eps=0.75,eps_in_root=1", STEPS), x, 1e-13);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eps_joins_the_corrected_moment), cmocka_unit_test(whoever_adds_to_the_root_has_the_option),
        cmocka_unit_test(the_aggregate_of_adam_cm),       cmocka_unit_test(belief_adds_to_the_moment_alone),
        cmocka_unit_test(two_roots_of_adadelta),          cmocka_unit_test(the_way_of_dadapt_adagrad),
        cmocka_unit_test(the_diagonal_of_adahessian),     cmocka_unit_test(the_hypergradient_of_adam_hd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
