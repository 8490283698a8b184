/* Least squares: fixed numbers on the problems of More, Garbow and Hillstrom, the units that must not matter, and what is
 * refused. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "mgh.h"

typedef struct fit {
    const mgh_t *problem;
    double x[MGH_MOST], unit; /* of the residuals */
    double stretch;           /* x is handed over in units of so much */
    float narrow[MGH_MOST];   /* the parameters, where they are of f32 */
    bool is_narrow;
    double lowest;
    int residuals, jacobians, products;
    const char *method;
} fit_t;

static void place(const fit_t *fit, double *x) {
    for (size_t i = 0; i < fit->problem->n; ++i)
        x[i] = (fit->is_narrow ? (double)fit->narrow[i] : fit->x[i]) * fit->stretch;
}

static int residuals(void *user, const optim_request *request, double *r) {
    fit_t *fit = user;
    double x[MGH_MOST], jacobian[MGH_RESIDUALS * MGH_MOST], f = 0;
    assert_int_equal(request->kind, OPTIM_EVAL_RESIDUALS);
    place(fit, x);
    mgh_residuals(fit->problem, x, r, jacobian);
    for (size_t i = 0; i < fit->problem->m; ++i) {
        f += r[i] * r[i];
        r[i] *= fit->unit;
    }
    fit->lowest = fmin(fit->lowest, f);
    ++fit->residuals;
    return 0;
}

static int jacobian(void *user, const optim_request *request, optim_t *opt) {
    fit_t *fit = user;
    const size_t n = fit->problem->n, cut = n / 2;
    double x[MGH_MOST], r[MGH_RESIDUALS], j[MGH_RESIDUALS * MGH_MOST], *rows;
    assert_int_equal(request->kind, OPTIM_EVAL_JACOBIAN);
    place(fit, x);
    mgh_residuals(fit->problem, x, r, j);
    for (int part = 0; part < 2; ++part) {
        const size_t from = part == 0 ? 0 : cut, count = part == 0 ? cut : n - cut;
        CHECK_OK(optim_jacobian_rows(opt, part, &rows));
        for (size_t i = 0; i < fit->problem->m; ++i)
            for (size_t k = 0; k < count; ++k)
                rows[i * count + k] = fit->unit * fit->stretch * j[i * n + from + k];
    }
    ++fit->jacobians;
    return 0;
}

/* J, by rows, in the units of the parameters. */
static void whole_jacobian(const fit_t *fit, double *j) {
    double x[MGH_MOST], r[MGH_RESIDUALS];
    place(fit, x);
    mgh_residuals(fit->problem, x, r, j);
    for (size_t i = 0; i < fit->problem->m * fit->problem->n; ++i)
        j[i] *= fit->unit * fit->stretch;
}

static double number(const fit_t *fit, const void *v, size_t k) {
    return fit->is_narrow ? (double)((const float *)v)[k] : ((const double *)v)[k];
}

static int jvp(void *user, const optim_request *request, optim_t *opt) {
    fit_t *fit = user;
    const size_t n = fit->problem->n, cut = n / 2;
    double j[MGH_RESIDUALS * MGH_MOST], *product;
    assert_int_equal(request->kind, OPTIM_EVAL_JVP);
    whole_jacobian(fit, j);
    CHECK_OK(optim_jvp_result(opt, &product));
    memset(product, 0, fit->problem->m * sizeof *product);
    for (int part = 0; part < 2; ++part) {
        const size_t from = part == 0 ? 0 : cut, count = part == 0 ? cut : n - cut;
        const void *v;
        CHECK_OK(optim_jvp_vector(opt, part, &v));
        for (size_t i = 0; i < fit->problem->m; ++i)
            for (size_t k = 0; k < count; ++k)
                product[i] += j[i * n + from + k] * number(fit, v, k);
    }
    ++fit->products;
    return 0;
}

static int vjp(void *user, const optim_request *request, optim_t *opt) {
    fit_t *fit = user;
    const size_t n = fit->problem->n, cut = n / 2;
    double j[MGH_RESIDUALS * MGH_MOST];
    const double *w;
    assert_int_equal(request->kind, OPTIM_EVAL_VJP);
    whole_jacobian(fit, j);
    CHECK_OK(optim_vjp_vector(opt, &w));
    for (size_t k = 0; k < n; ++k) {
        void *product;
        double sum = 0;
        CHECK_OK(optim_vjp_result(opt, k < cut ? 0 : 1, &product));
        for (size_t i = 0; i < fit->problem->m; ++i)
            sum += w[i] * j[i * n + k];
        if (fit->is_narrow)
            ((float *)product)[k < cut ? k : k - cut] = (float)sum;
        else
            ((double *)product)[k < cut ? k : k - cut] = sum;
    }
    ++fit->products;
    return 0;
}

/* From `factor` times the standard start, over two tensors. */
static optim_result solve(fit_t *fit, const mgh_t *problem, double factor, double gradient_norm, int64_t steps) {
    const size_t cut = problem->n / 2;
    optim_t *opt;
    fit->problem = problem;
    fit->lowest = INFINITY;
    for (size_t i = 0; i < problem->n; ++i) {
        fit->x[i] = factor * problem->start[i] / fit->stretch;
        fit->narrow[i] = (float)fit->x[i];
    }
    CHECK_OK(optim_create(&opt, fit->method == NULL ? "levenberg_marquardt" : fit->method, NULL));
    for (int part = 0; part < 2; ++part) {
        const size_t from = part == 0 ? 0 : cut;
        const int64_t count = (int64_t)(part == 0 ? cut : problem->n - cut);
        CHECK_OK(optim_add_param(opt, 0, part == 0 ? "a" : "b", fit->is_narrow ? OPTIM_F32 : OPTIM_F64, 1, &count,
                                 fit->is_narrow ? (void *)(fit->narrow + from) : fit->x + from, NULL));
    }
    CHECK_OK(optim_set_residuals(opt, (int64_t)problem->m));
    const optim_problem calls = {.size = sizeof calls,
                                 .user = fit,
                                 .residuals = residuals,
                                 .jacobian = fit->method == NULL ? jacobian : NULL,
                                 .jvp = jvp,
                                 .vjp = vjp};
    const optim_stop stop = {.size = sizeof stop, .steps = steps, .gradient_norm = gradient_norm};
    optim_result result = {.size = sizeof result, .loss = NAN};
    const optim_status status = optim_minimize(opt, &calls, &stop, &result);
    assert_true(status == OPTIM_OK || status == OPTIM_ERR_NONFINITE);
    assert_int_equal(result.evaluations, fit->residuals + fit->jacobians + fit->products);
    optim_destroy(opt);
    return result;
}

static int solved(const char *method, double factor, bool is_narrow, double gradient_norm, int *evaluations,
                  int *products) {
    int count = 0;
    for (const mgh_t *problem = MGH; problem < MGH + MGH_COUNT; ++problem) {
        fit_t fit = {.unit = 1, .stretch = 1, .is_narrow = is_narrow, .method = method};
        const optim_result result = solve(&fit, problem, factor, gradient_norm, 500);
        if (is_narrow)
            count += result.reason == OPTIM_STOP_GRADIENT_NORM || result.reason == OPTIM_STOP_PRECISION;
        else
            count += mgh_excess(problem, fit.lowest) <= 1e-8 || result.gradient_norm <= 1e-8;
        *evaluations += fit.residuals;
        *products += fit.products;
    }
    return count;
}

static void all_problems(void **state) {
    (void)state;
    int evaluations = 0, far_evaluations = 0, none = 0;
    const int standard = solved(NULL, 1, false, 1e-13, &evaluations, &none);
    if (standard < 35 || evaluations > 1500)
        fail_msg("%d of 35 from the standard starts with %d evaluations of residuals", standard, evaluations);
    const int far = solved(NULL, 10, false, 1e-13, &far_evaluations, &none) +
                    solved(NULL, 100, false, 1e-13, &far_evaluations, &none);
    if (far < 60)
        fail_msg("%d of 70 from far starts", far);
    const int narrow = solved(NULL, 1, true, 1e-4, &far_evaluations, &none);
    if (narrow < 34)
        fail_msg("%d of 35 come to an end in f32", narrow);
}

/* The same without a Jacobian, by its products. */
static void all_problems_by_products(void **state) {
    (void)state;
    int evaluations = 0, products = 0, others = 0;
    const int standard = solved("gauss_newton", 1, false, 1e-13, &evaluations, &products);
    const int far = solved("gauss_newton", 10, false, 1e-13, &others, &others) +
                    solved("gauss_newton", 100, false, 1e-13, &others, &others);
    const int narrow = solved("gauss_newton", 1, true, 1e-4, &others, &others);
    if (standard < 35 || far < 60 || narrow < 34 || evaluations > 2000 || products > 12000)
        fail_msg(
            "%d of 35 from the standard starts with %d evaluations of residuals and %d products, %d of 70 from far "
            "ones; %d of 35 come to an end in f32",
            standard, evaluations, products, far, narrow);
}

/* ---- A chain of many variables: r_i = 10 (x_{i+1} - x_i^2), 1 - x_i ---- */

enum { LINKS = 2000 };

static int chain_residuals(void *user, const optim_request *request, double *r) {
    const double *x = user;
    (void)request;
    for (int i = 0; i < LINKS - 1; ++i) {
        r[2 * i] = 10 * (x[i + 1] - x[i] * x[i]);
        r[2 * i + 1] = 1 - x[i];
    }
    return 0;
}

static int chain_jvp(void *user, const optim_request *request, optim_t *opt) {
    const double *x = user, *v;
    const void *direction;
    double *product;
    (void)request;
    CHECK_OK(optim_jvp_vector(opt, 0, &direction));
    CHECK_OK(optim_jvp_result(opt, &product));
    v = direction;
    for (int i = 0; i < LINKS - 1; ++i) {
        product[2 * i] = 10 * (v[i + 1] - 2 * x[i] * v[i]);
        product[2 * i + 1] = -v[i];
    }
    return 0;
}

static int chain_vjp(void *user, const optim_request *request, optim_t *opt) {
    const double *x = user, *w;
    void *at;
    (void)request;
    CHECK_OK(optim_vjp_vector(opt, &w));
    CHECK_OK(optim_vjp_result(opt, 0, &at));
    double *product = at;
    memset(product, 0, LINKS * sizeof *product);
    for (int i = 0; i < LINKS - 1; ++i) {
        product[i] -= 20 * x[i] * w[2 * i] + w[2 * i + 1];
        product[i + 1] += 10 * w[2 * i];
    }
    return 0;
}

static void many_variables(void **state) {
    (void)state;
    double *x = check_memory(LINKS, sizeof *x);
    optim_t *opt;
    for (int i = 0; i < LINKS; ++i)
        x[i] = 0.5;
    CHECK_OK(optim_create(&opt, "gauss_newton", NULL));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){LINKS}, x, NULL));
    CHECK_OK(optim_set_residuals(opt, 2 * (LINKS - 1)));
    optim_problem calls = {.size = sizeof calls, .user = x, .residuals = chain_residuals, .jvp = chain_jvp};
    const optim_stop stop = {.size = sizeof stop, .gradient_norm = 1e-9, .evaluations = 1500};
    optim_result result = {.size = sizeof result};
    CHECK_REFUSED(optim_minimize(opt, &calls, &stop, NULL), OPTIM_ERR_NULL, "problem.vjp");
    calls.vjp = chain_vjp;
    CHECK_OK(optim_minimize(opt, &calls, &stop, &result));
    assert_int_equal(result.reason, OPTIM_STOP_GRADIENT_NORM);
    for (int i = 0; i < LINKS; ++i)
        CHECK_CLOSE(x[i], 1, 1e-6);
    optim_destroy(opt);
    free(x);
}

/* Residuals, and variables, in other units give the same steps: to the bit, where the unit is a power of two. */
static void check_units(const char *method) {
    static const double UNITS[][2] = {{0x1p-200, 1}, {0x1p200, 1}, {1, 0x1p-30}, {1, 0x1p30}, {0x1p60, 0x1p-40}};
    for (size_t k = 0; k < sizeof UNITS / sizeof *UNITS; ++k)
        for (const mgh_t *problem = MGH; problem < MGH + MGH_COUNT; ++problem) {
            fit_t plain = {.unit = 1, .stretch = 1, .method = method},
                  other = {.unit = UNITS[k][0], .stretch = UNITS[k][1], .method = method};
            (void)solve(&plain, problem, 1, 0, 5);
            (void)solve(&other, problem, 1, 0, 5);
            for (size_t i = 0; i < problem->n; ++i) {
                const double x = other.x[i] * other.stretch;
                if (!(fabs(x - plain.x[i]) <= 1e-9 * fmax(1e-3, fabs(plain.x[i]))))
                    fail_msg("%s in units of %g and %g: x_%zu is %.17g, not %.17g", problem->name, UNITS[k][0],
                             UNITS[k][1], i, x, plain.x[i]);
            }
        }
}

static void units(void **state) {
    (void)state;
    check_units(NULL);
    check_units("gauss_newton");
}

/* A fit to a line with a column that is there twice: the shortest of the solutions, and the reason why it ends. */
static int line_residuals(void *user, const optim_request *request, double *r) {
    const double *x = user;
    (void)request;
    for (int i = 0; i < 5; ++i)
        r[i] = (x[0] + x[1]) * i + x[2] - (2 * i + (i % 2 == 0 ? 1 : 1.5));
    return 0;
}

static int line_jacobian(void *user, const optim_request *request, optim_t *opt) {
    double *rows;
    (void)user, (void)request;
    CHECK_OK(optim_jacobian_rows(opt, 0, &rows));
    for (int i = 0; i < 5; ++i) {
        rows[3 * i] = rows[3 * i + 1] = i;
        rows[3 * i + 2] = 1;
    }
    return 0;
}

static optim_t *open_line(double *x, bool counted) {
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "levenberg_marquardt", NULL));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){3}, x, NULL));
    if (counted)
        CHECK_OK(optim_set_residuals(opt, 5));
    return opt;
}

static void dependent_columns(void **state) {
    (void)state;
    double x[] = {0, 0, 0};
    optim_t *opt = open_line(x, true);
    const optim_problem calls = {
        .size = sizeof calls, .user = x, .residuals = line_residuals, .jacobian = line_jacobian};
    const optim_stop stop = {.size = sizeof stop, .steps = 100, .gradient_norm = 1e-300};
    optim_result result = {.size = sizeof result};
    CHECK_OK(optim_minimize(opt, &calls, &stop, &result));
    assert_int_equal(result.reason, OPTIM_STOP_PRECISION);
    CHECK_CLOSE(x[0], 1, 1e-12);
    CHECK_CLOSE(x[1], 1, 1e-12);
    CHECK_CLOSE(x[2], 1.2, 1e-12);
    CHECK_CLOSE(result.loss, 0.15, 1e-12);
    optim_destroy(opt);
}

static void refusals(void **state) {
    (void)state;
    static const double LOWER[3] = {0};
    double x[] = {0, 0, 0};
    optim_problem calls = {.size = sizeof calls, .user = x, .residuals = line_residuals};
    const optim_stop stop = {.size = sizeof stop, .steps = 100};
    optim_t *opt = open_line(x, false);
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_ORDER, "optim_set_residuals");
    CHECK_OK(optim_set_residuals(opt, 5));
    CHECK_REFUSED(optim_minimize(opt, &calls, &stop, NULL), OPTIM_ERR_NULL, "problem.jacobian");
    calls.jacobian = line_jacobian;
    CHECK_OK(optim_set_bounds(opt, 0, LOWER, NULL));
    CHECK_REFUSED(optim_minimize(opt, &calls, &stop, NULL), OPTIM_ERR_MISMATCH, "bounds");
    CHECK_OK(optim_set_bounds(opt, 0, NULL, NULL));
    CHECK_OK(optim_set(opt, -1, "maximize", 1));
    CHECK_REFUSED(optim_minimize(opt, &calls, &stop, NULL), OPTIM_ERR_MISMATCH, "maximize");
    CHECK_OK(optim_set(opt, -1, "maximize", 0));
    assert_int_equal(optim_step(opt), OPTIM_EVAL_RESIDUALS);
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_ORDER, "optim_residual_values");
    CHECK_OK(optim_cancel(opt));
    CHECK_OK(optim_minimize(opt, &calls, &stop, NULL));
    CHECK_REFUSED(optim_set_residuals(opt, 6), OPTIM_ERR_ORDER, "residuals");
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_problems), cmocka_unit_test(all_problems_by_products), cmocka_unit_test(many_variables),
        cmocka_unit_test(units),        cmocka_unit_test(dependent_columns),        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests_name("least squares", tests, NULL, NULL);
}
