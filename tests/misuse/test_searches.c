/* Methods that search, where there is nothing to find: they end with a reason of their own, after so many evaluations. */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { N = 4, MOST = 100000 };

/* ---- Functions of N variables ---- */

typedef struct field {
    double x[N], g[N];
    double (*f)(const double *x, double *g);
    int evaluations;
} field_t;

static double flat(const double *x, double *g) {
    (void)x;
    memset(g, 0, N * sizeof *g);
    return 1;
}

static double linear(const double *x, double *g) {
    double sum = 0;
    for (int i = 0; i < N; ++i) {
        g[i] = 1 + i;
        sum += g[i] * x[i];
    }
    return sum;
}

static double plunge(const double *x, double *g) {
    double sum = 0;
    for (int i = 0; i < N; ++i) {
        g[i] = -exp(x[i]);
        sum += g[i];
    }
    return sum;
}

static double scaled_bowl(const double *x, double *g, double scale) {
    double sum = 0;
    for (int i = 0; i < N; ++i) {
        g[i] = scale * 2 * (1 + i) * (x[i] - 1);
        sum += scale * (1 + i) * (x[i] - 1) * (x[i] - 1);
    }
    return sum;
}

static double bowl(const double *x, double *g) {
    return scaled_bowl(x, g, 1);
}

static double faint(const double *x, double *g) {
    return scaled_bowl(x, g, 1e-30);
}

static double steep(const double *x, double *g) {
    return scaled_bowl(x, g, 1e120);
}

static double outside(const double *x) {
    double most = 0;
    for (int i = 0; i < N; ++i)
        most = fmax(most, fabs(x[i] - 1));
    return most - 1.25;
}

static double walled(const double *x, double *g) {
    const double f = bowl(x, g);
    return outside(x) > 0 ? (double)NAN : f;
}

static double cliff(const double *x, double *g) {
    const double f = bowl(x, g);
    return outside(x) > 0 ? -(double)INFINITY : f;
}

/* The loss is sound where the gradient is not. */
static double torn(const double *x, double *g) {
    const double f = bowl(x, g);
    if (outside(x) > 0)
        g[1] = (double)NAN;
    return outside(x) > 0 ? 0 : f;
}

static double broken(const double *x, double *g) {
    const double f = bowl(x, g);
    g[2] = (double)NAN;
    return f;
}

static int evaluate(void *user, const optim_request *request, double *loss) {
    field_t *field = user;
    (void)request;
    if (++field->evaluations > MOST)
        fail_msg("asks for more than %d evaluations; loss %g at %g", MOST, field->f(field->x, field->g), field->x[0]);
    *loss = field->f(field->x, field->g);
    return 0;
}

/* From 0, or from the minimum of the bowl, until the method itself gives up. */
static optim_result run(field_t *field, const char *algorithm, const char *options, double start, int64_t steps) {
    const optim_problem problem = {sizeof problem, field, evaluate, NULL, NULL};
    const optim_stop stop = {
        .size = sizeof stop, .steps = steps, .loss_target = -DBL_MAX, .has_loss_target = 1, .keep_best = 1};
    optim_result result = {.size = sizeof result};
    optim_t *opt;
    for (int i = 0; i < N; ++i)
        field->x[i] = start;
    CHECK_OK(optim_create(&opt, algorithm, options));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){N}, field->x, field->g));
    CHECK_OK(optim_minimize(opt, &problem, &stop, &result));
    optim_destroy(opt);
    for (int i = 0; i < N; ++i)
        if (!isfinite(field->x[i]))
            fail_msg("%s (%s): x[%d] is %g; reason %d", algorithm, options, i, field->x[i], result.reason);
    return result;
}

/* ---- lbfgs: no other criterion than its own ---- */

enum { STALLED = 1 << OPTIM_STOP_STALLED, LINE_SEARCH = 1 << OPTIM_STOP_LINE_SEARCH };
enum { STEPS = 1 << OPTIM_STOP_STEPS, NONFINITE = 1 << OPTIM_STOP_NONFINITE, TARGET = 1 << OPTIM_STOP_LOSS_TARGET };
enum { PRECISION = 1 << OPTIM_STOP_PRECISION, PLATEAU = 1 << OPTIM_STOP_PLATEAU };
enum { UNBOUNDED = 1 << OPTIM_STOP_UNBOUNDED, OVERFLOWS = 1 << OPTIM_STOP_OVERFLOW };
/* At a minimum: where the gradient is exactly 0, flat ground. */
enum { CONVERGED = PRECISION | PLATEAU };

static const struct {
    const char *name;
    double (*f)(const double *x, double *g);
    double start, lowest; /* the loss that it must reach */
    int reasons;
} FIELDS[] = {
    {"flat", flat, 0, 1, PLATEAU},
    {"at the minimum", bowl, 1, 0, PLATEAU},
    {"bowl", bowl, 0, 1e-9, CONVERGED},
    {"faint", faint, 0, 1e-28, CONVERGED},
    {"steep", steep, 0, 1e100, CONVERGED},
    {"linear", linear, 0, -1e3, UNBOUNDED | OVERFLOWS | TARGET | STEPS},
    {"plunge", plunge, 0, -1e3, UNBOUNDED | OVERFLOWS | TARGET | STEPS},
    {"walled", walled, 0, 1e-9, CONVERGED},
    {"cliff", cliff, 0, 1e-9, CONVERGED},
    {"torn", torn, 0, 1e-9, CONVERGED},
};
enum { FIELD_COUNT = sizeof FIELDS / sizeof *FIELDS };

static void run_lbfgs(const char *options) {
    for (int i = 0; i < FIELD_COUNT; ++i) {
        field_t field = {.f = FIELDS[i].f};
        const bool endless = (FIELDS[i].reasons & STEPS) != 0; /* there is always a way down */
        if (endless && strstr(options, "lr=1e300") != NULL)
            continue; /* a thousand halvings in each step */
        const optim_result result = run(&field, "lbfgs", options, FIELDS[i].start, endless ? 500 : 0);
        if (((1 << result.reason) & FIELDS[i].reasons) == 0 || !(result.best_loss <= FIELDS[i].lowest))
            fail_msg("lbfgs (%s) on %s: reason %d at %g after %d evaluations", options, FIELDS[i].name, result.reason,
                     result.best_loss, field.evaluations);
    }
}

static void test_lbfgs(void **state) {
    (void)state;
    run_lbfgs("line_search=strong_wolfe");
    run_lbfgs("line_search=armijo");
    run_lbfgs("line_search=strong_wolfe,max_ls=1000000,lr=1e300");
    run_lbfgs("line_search=armijo,max_ls=1000000,lr=1e300");
    run_lbfgs("line_search=strong_wolfe,nonfinite=skip");
    run_lbfgs("line_search=armijo,nonfinite=error");
}

/* A gradient that is NaN where it stands is not kept for good: the next step asks for another. */
static void test_lbfgs_recovers(void **state) {
    (void)state;
    field_t field = {.f = bowl};
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "lbfgs", NULL));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){N}, field.x, field.g));
    for (int step = 0; step < 30; ++step) {
        optim_status status;
        do {
            double loss = 0;
            field.f = step == 0 ? broken : bowl;
            (void)evaluate(&field, NULL, &loss);
            CHECK_OK(optim_set_loss(opt, loss));
            status = optim_step(opt);
        } while (status > 0);
        CHECK_OK(status);
        assert_true(step > 0 || optim_wants_gradient(opt));
    }
    CHECK_AT_MOST(bowl(field.x, field.g), 1e-9);
    optim_destroy(opt);
}

static void test_nan_gradient_ends(void **state) {
    (void)state;
    field_t field = {.f = broken};
    const optim_problem problem = {sizeof problem, &field, evaluate, NULL, NULL};
    const optim_stop stop = {.size = sizeof stop, .gradient_norm = 1e-9};
    optim_result result = {.size = sizeof result};
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "lbfgs", NULL));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){N}, field.x, field.g));
    CHECK_OK(optim_minimize(opt, &problem, &stop, &result));
    assert_int_equal(result.reason, OPTIM_STOP_NONFINITE);
    assert_int_equal(field.evaluations, 1);
    optim_destroy(opt);
}

/* ---- The others: so many evaluations a step, and no point that is worse than where it began ---- */

static void run_steps(const char *algorithm, const char *options, int most) {
    enum { MOST_STEPS = 25 };
    for (int i = 0; i < FIELD_COUNT; ++i) {
        field_t field = {.f = FIELDS[i].f};
        optim_t *opt;
        for (int k = 0; k < N; ++k)
            field.x[k] = FIELDS[i].start;
        CHECK_OK(optim_create(&opt, algorithm, options));
        CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){N}, field.x, field.g));
        for (int step = 0; step < MOST_STEPS; ++step) {
            int evaluations = 0;
            optim_status status;
            do {
                CHECK_OK(optim_set_loss(opt, field.f(field.x, field.g)));
                assert_in_range(++evaluations, 1, most);
                status = optim_step(opt);
            } while (status > 0);
            assert_true(status == OPTIM_OK || status == OPTIM_ERR_NONFINITE);
        }
        optim_destroy(opt);
    }
}

/* What makes another gradient than the loss's, and bounds that a line may leave. */
static void test_what_searches_refuse(void **state) {
    static const char *const METHODS[] = {"lbfgs", "ncg", "newton_cg", "trust_ncg", "gns", "bfgs"};
    static const char *const OPTIONS[] = {"clip_norm=1", "clip_value=1",   NULL, NULL,
                                          NULL,          "grad_scale=0.5", NULL, "accumulate=1,accumulate_clip=1"};
    enum { KEEP_BOXES = 4, WAYS = sizeof OPTIONS / sizeof *OPTIONS };
    static const double LOWER[N] = {0};
    (void)state;
    for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; ++i)
        for (int way = 0; way < WAYS; ++way) {
            field_t field = {.f = bowl};
            optim_t *opt;
            CHECK_OK(optim_create(&opt, METHODS[i], OPTIONS[way]));
            CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){N}, field.x, field.g));
            if (way == 2)
                CHECK_OK(optim_wrap(opt, "sam", NULL));
            if (way == 3)
                CHECK_OK(optim_set_bounds(opt, 0, LOWER, NULL));
            CHECK_OK(optim_set_loss(opt, 1));
            if (way == 4) { /* later */
                CHECK_OK(optim_memory(opt, NULL, NULL));
                CHECK_OK(optim_set(opt, -1, "group_clip_norm", 2));
            }
            if (way == 6) {
                CHECK_OK(optim_memory(opt, NULL, NULL));
                CHECK_OK(optim_set(opt, -1, "grad_scale", 2));
            }
            if (way != 3 || i >= KEEP_BOXES)
                CHECK_REFUSED(optim_step(opt), OPTIM_ERR_MISMATCH, METHODS[i]);
            optim_destroy(opt);
        }
}

static void test_other_searches(void **state) {
    (void)state;
    run_steps("qasgd", "line_search=1", 53);
    run_steps("qasgd", "line_search=1,nonfinite=skip", 53);
    run_steps("qasgd", "line_search=1,max_bisect=1000000", 1200);
    run_steps("smb", "", 2);
    run_steps("smb", "independent=1,autoschedule=1,n_batches=1", 2);
    run_steps("sps", "", 1);
    run_steps("alr_mag", "", 1);
    run_steps("momo", "", 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lbfgs),
        cmocka_unit_test(test_lbfgs_recovers),
        cmocka_unit_test(test_nan_gradient_ends),
        cmocka_unit_test(test_what_searches_refuse),
        cmocka_unit_test(test_other_searches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
