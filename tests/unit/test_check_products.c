/* optim_check_gradient on the products that a method asks for: right ones pass, in f64 and f32; of a wrong one the
 * element, or the residual, is named. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "check.h"
#include "element.h"

enum { N = 7, CUT = 4, M = 5 };

typedef struct scene {
    optim_t *opt;
    optim_dtype dtype;
    double x[N], g[N];  /* the first CUT are those of "w", the others of "b" */
    optim_status wrong; /* the kind whose answer is wrong, 0: none ... */
    int element, residual;
    double factor; /* ... there, or with element and residual -1 everywhere, by this factor */
    int evaluations, stops_at;
} scene_t;

/* ---- r_i = sin(a_i'x) + i/10 x_i^2 ---- */

static double x_of(const scene_t *s, size_t j) {
    return element_read(s->dtype, j < CUT ? s->x : s->x + CUT, j < CUT ? j : j - CUT);
}

static double a_of(size_t i, size_t j) {
    return cos(1 + 3 * (double)i + (double)j);
}

static double angle(const scene_t *s, size_t i) {
    double sum = 0;
    for (size_t j = 0; j < N; ++j)
        sum += a_of(i, j) * x_of(s, j);
    return sum;
}

static double residual(const scene_t *s, size_t i) {
    return sin(angle(s, i)) + 0.1 * (double)i * x_of(s, i) * x_of(s, i);
}

static double derivative(const scene_t *s, size_t i, size_t j) {
    return cos(angle(s, i)) * a_of(i, j) + (i == j ? 0.2 * (double)i * x_of(s, i) : 0);
}

static double gradient(const scene_t *s, size_t j) {
    double sum = 0;
    for (size_t i = 0; i < M; ++i)
        sum += residual(s, i) * derivative(s, i, j);
    return sum;
}

static double hessian(const scene_t *s, size_t j, size_t k) {
    double sum = 0;
    for (size_t i = 0; i < M; ++i) {
        const double bend = -sin(angle(s, i)) * a_of(i, j) * a_of(i, k) + (i == j && i == k ? 0.2 * (double)i : 0);
        sum += derivative(s, i, j) * derivative(s, i, k) + residual(s, i) * bend;
    }
    return sum;
}

/* ---- Answers ---- */

static double spoilt(const scene_t *s, optim_status kind, int element, int number, double value) {
    const bool here = (s->element < 0 || element < 0 || s->element == element) &&
                      (s->residual < 0 || number < 0 || s->residual == number);
    return kind == s->wrong && here ? s->factor * value : value;
}

static int count(scene_t *s, const optim_request *request, optim_status kind) {
    assert_int_equal(request->kind, kind);
    assert_int_equal(request->component, -1);
    return ++s->evaluations == s->stops_at ? 42 : 0;
}

static int on_gradient(void *user, const optim_request *request, double *loss) {
    scene_t *s = user;
    *loss = 0;
    for (size_t i = 0; i < M; ++i)
        *loss += residual(s, i) * residual(s, i) / 2;
    for (size_t j = 0; j < N; ++j)
        element_write(s->dtype, j < CUT ? s->g : s->g + CUT, j < CUT ? j : j - CUT,
                      spoilt(s, OPTIM_EVAL_GRAD, (int)j, -1, gradient(s, j)));
    return count(s, request, OPTIM_EVAL_GRAD);
}

static int on_loss(void *user, const optim_request *request, double *loss) {
    scene_t *s = user;
    *loss = 0;
    for (size_t i = 0; i < M; ++i)
        *loss += residual(s, i) * residual(s, i) / 2;
    return count(s, request, OPTIM_EVAL_LOSS);
}

static int on_residuals(void *user, const optim_request *request, double *r) {
    scene_t *s = user;
    for (size_t i = 0; i < M; ++i)
        r[i] = residual(s, i);
    return count(s, request, OPTIM_EVAL_RESIDUALS);
}

static int on_jacobian(void *user, const optim_request *request, optim_t *opt) {
    scene_t *s = user;
    for (int part = 0; part < 2; ++part) {
        const size_t from = part == 0 ? 0 : CUT, n = part == 0 ? CUT : N - CUT;
        double *rows;
        CHECK_OK(optim_jacobian_rows(opt, part, &rows));
        for (size_t i = 0; i < M; ++i)
            for (size_t j = 0; j < n; ++j)
                rows[i * n + j] = spoilt(s, OPTIM_EVAL_JACOBIAN, (int)(from + j), (int)i, derivative(s, i, from + j));
    }
    return count(s, request, OPTIM_EVAL_JACOBIAN);
}

/* The direction that is handed out: 0 for a parameter that takes no part. */
static double direction(const scene_t *s, const void *const v[2], size_t j) {
    const void *of = v[j < CUT ? 0 : 1];
    return of == NULL ? 0 : element_read(s->dtype, of, j < CUT ? j : j - CUT);
}

static int on_jvp(void *user, const optim_request *request, optim_t *opt) {
    scene_t *s = user;
    const void *v[2];
    double *product;
    CHECK_OK(optim_jvp_vector(opt, 0, &v[0]));
    CHECK_OK(optim_jvp_vector(opt, 1, &v[1]));
    CHECK_OK(optim_jvp_result(opt, &product));
    for (size_t i = 0; i < M; ++i) {
        double sum = 0;
        for (size_t j = 0; j < N; ++j)
            sum += derivative(s, i, j) * direction(s, v, j);
        product[i] = spoilt(s, OPTIM_EVAL_JVP, -1, (int)i, sum);
    }
    return count(s, request, OPTIM_EVAL_JVP);
}

static void write_product(const scene_t *s, void *const product[2], size_t j, double value) {
    if (product[j < CUT ? 0 : 1] != NULL)
        element_write(s->dtype, product[j < CUT ? 0 : 1], j < CUT ? j : j - CUT, value);
}

static int on_vjp(void *user, const optim_request *request, optim_t *opt) {
    scene_t *s = user;
    void *product[2];
    const double *w;
    CHECK_OK(optim_vjp_vector(opt, &w));
    CHECK_OK(optim_vjp_result(opt, 0, &product[0]));
    CHECK_OK(optim_vjp_result(opt, 1, &product[1]));
    for (size_t j = 0; j < N; ++j) {
        double sum = 0;
        for (size_t i = 0; i < M; ++i)
            sum += w[i] * derivative(s, i, j);
        write_product(s, product, j, spoilt(s, OPTIM_EVAL_VJP, (int)j, -1, sum));
    }
    return count(s, request, OPTIM_EVAL_VJP);
}

static int on_product(void *user, const optim_request *request, optim_t *opt) {
    scene_t *s = user;
    const void *v[2];
    void *product[2];
    for (int part = 0; part < 2; ++part) {
        CHECK_OK(optim_hvp_vector(opt, part, &v[part]));
        CHECK_OK(optim_hvp_result(opt, part, &product[part]));
    }
    for (size_t j = 0; j < N; ++j) {
        double sum = 0;
        for (size_t k = 0; k < N; ++k)
            sum += hessian(s, j, k) * direction(s, v, k);
        write_product(s, product, j, spoilt(s, OPTIM_EVAL_HVP, (int)j, -1, sum));
    }
    return count(s, request, OPTIM_EVAL_HVP);
}

/* ---- The scene ---- */

static bool is_least_squares(const char *method) {
    return strcmp(method, "levenberg_marquardt") == 0 || strcmp(method, "gauss_newton") == 0;
}

static void open_scene(scene_t *s, optim_dtype dtype, const char *method) {
    memset(s, 0, sizeof *s);
    s->dtype = dtype;
    s->element = s->residual = -1;
    for (size_t j = 0; j < N; ++j)
        element_write(dtype, j < CUT ? s->x : s->x + CUT, j < CUT ? j : j - CUT, 0.3 * (double)j - 0.5);
    CHECK_OK(optim_create(&s->opt, method, NULL));
    const bool fits = is_least_squares(method);
    CHECK_OK(optim_add_param(s->opt, 0, "w", dtype, 1, (int64_t[]){CUT}, s->x, fits ? NULL : s->g));
    CHECK_OK(optim_add_param(s->opt, 0, "b", dtype, 1, (int64_t[]){N - CUT}, s->x + CUT, fits ? NULL : s->g + CUT));
    CHECK_OK(optim_set_residuals(s->opt, M));
}

static optim_problem problem_of(scene_t *s, const char *method) {
    const bool fits = is_least_squares(method);
    return (optim_problem){.size = sizeof(optim_problem),
                           .user = s,
                           .gradient = fits ? NULL : on_gradient,
                           .loss = fits ? NULL : on_loss,
                           .product = on_product,
                           .residuals = on_residuals,
                           .jacobian = on_jacobian,
                           .jvp = on_jvp,
                           .vjp = on_vjp};
}

static optim_gradient_check check(scene_t *s, const char *method, uint64_t seed) {
    const optim_problem problem = problem_of(s, method);
    optim_gradient_check found = {.size = sizeof found};
    double x[N];
    memcpy(x, s->x, sizeof x);
    CHECK_OK(optim_check_gradient(s->opt, &problem, 0, seed, &found));
    assert_memory_equal(x, s->x, sizeof x);
    assert_int_equal(found.evaluations, s->evaluations);
    return found;
}

static const char *const METHODS[] = {"levenberg_marquardt", "gauss_newton", "newton_cg", "trust_ncg", "adahessian"};
enum { METHOD_COUNT = sizeof METHODS / sizeof *METHODS };

static void test_right(void **state) {
    (void)state;
    for (size_t m = 0; m < METHOD_COUNT; ++m)
        for (optim_dtype dtype = OPTIM_F32; dtype <= OPTIM_F64; ++dtype)
            for (uint64_t seed = 0; seed < 20; ++seed) {
                scene_t s;
                open_scene(&s, dtype, METHODS[m]);
                const optim_gradient_check found = check(&s, METHODS[m], seed);
                if (!found.agrees)
                    fail_msg("%s, dtype %d, seed %d: kind %d, error %g, told %g, seen %g", METHODS[m], dtype, (int)seed,
                             found.kind, found.error, found.told, found.seen);
                assert_true(found.param == -1 && found.residual == -1 && found.error <= found.tolerance);
                optim_destroy(s.opt);
            }
}

static void test_wrong(void **state) {
    (void)state;
    static const struct {
        const char *method;
        optim_status kind;
        int element, residual; /* that are wrong, and named */
    } WRONG[] = {
        {"newton_cg", OPTIM_EVAL_HVP, 2, -1},
        {"trust_ncg", OPTIM_EVAL_HVP, 6, -1},
        {"adahessian", OPTIM_EVAL_HVP, 0, -1},
        {"newton_cg", OPTIM_EVAL_GRAD, 3, -1},
        {"levenberg_marquardt", OPTIM_EVAL_JACOBIAN, 2, 3},
        {"levenberg_marquardt", OPTIM_EVAL_JACOBIAN, 5, 0},
        {"gauss_newton", OPTIM_EVAL_VJP, 4, -1},
        {"gauss_newton", OPTIM_EVAL_JVP, -1, 2},
    };
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; ++i)
        for (optim_dtype dtype = OPTIM_F32; dtype <= OPTIM_F64; ++dtype) {
            scene_t s;
            open_scene(&s, dtype, WRONG[i].method);
            s.wrong = WRONG[i].kind;
            s.element = WRONG[i].element;
            s.residual = WRONG[i].residual;
            s.factor = dtype == OPTIM_F64 ? 3 : 30;
            const optim_gradient_check found = check(&s, WRONG[i].method, 5);
            const int param = s.element < 0 ? -1 : s.element < CUT ? 0 : 1;
            if (found.agrees || found.kind != s.wrong || found.param != param || found.residual != s.residual ||
                (param >= 0 && found.element != (param == 0 ? s.element : s.element - CUT)))
                fail_msg("case %zu, dtype %d: agrees %d, kind %d, error %g, element %d of %d, residual %d", i, dtype,
                         found.agrees, found.kind, found.error, (int)found.element, found.param, (int)found.residual);
            assert_true(fabs(found.element_told - s.factor * found.element_seen) <=
                        (dtype == OPTIM_F64 ? 1e-4 : 2e-2) * fabs(found.element_told));
            assert_true(found.error > found.tolerance && found.told != found.seen);
            optim_destroy(s.opt);
        }
}

/* What differences cannot see, v'(J'w) does: the two products are of other matrices. */
static void test_not_adjoint(void **state) {
    (void)state;
    scene_t s;
    open_scene(&s, OPTIM_F64, "gauss_newton");
    s.wrong = OPTIM_EVAL_JVP;
    s.factor = 1 + 3e-5;
    const optim_gradient_check found = check(&s, "gauss_newton", 5);
    assert_true(!found.agrees && found.kind == OPTIM_EVAL_JVP && found.residual == -1 && found.param == -1);
    assert_true(found.error > found.tolerance && found.tolerance < 1e-5);
    assert_true(fabs(found.told / found.seen - s.factor) < 1e-9);
    optim_destroy(s.opt);
}

/* Frozen parameters take no part, and the steps that follow are those of a handle that was not checked. */
static void test_handle(void **state) {
    (void)state;
    for (size_t m = 0; m < METHOD_COUNT; ++m) {
        double end[2][N];
        for (int checks = 0; checks < 2; ++checks) {
            scene_t s;
            open_scene(&s, OPTIM_F64, METHODS[m]);
            CHECK_OK(optim_freeze(s.opt, 1, 1));
            const optim_problem problem = problem_of(&s, METHODS[m]);
            const optim_stop stop = {.size = sizeof stop, .steps = 2};
            CHECK_OK(optim_minimize(s.opt, &problem, &stop, NULL));
            s.evaluations = 0;
            s.wrong = is_least_squares(METHODS[m]) ? OPTIM_EVAL_VJP : OPTIM_EVAL_HVP;
            s.element = CUT + 1;
            s.factor = 3;
            if (checks && !check(&s, METHODS[m], 1).agrees)
                fail_msg("%s: a frozen parameter was asked for", METHODS[m]);
            CHECK_OK(optim_minimize(s.opt, &problem, &stop, NULL));
            memcpy(end[checks], s.x, sizeof s.x);
            optim_destroy(s.opt);
        }
        assert_memory_equal(end[0], end[1], sizeof *end);
    }
}

static void test_refusals(void **state) {
    (void)state;
    scene_t s;
    optim_gradient_check found = {.size = sizeof found};
    for (int at = 1; at <= 31; at += 6) {
        open_scene(&s, OPTIM_F64, "gauss_newton");
        s.stops_at = at;
        found = check(&s, "gauss_newton", 1);
        assert_true(found.callback == 42 && !found.agrees && found.evaluations == at);
        CHECK_REFUSED(optim_residual_values(s.opt, &(double *){NULL}), OPTIM_ERR_CLOSED, "residuals");
        optim_destroy(s.opt);
    }
    open_scene(&s, OPTIM_F64, "newton_cg"); /* what there is no callback for is not checked */
    optim_problem problem = problem_of(&s, "newton_cg");
    problem.product = NULL;
    CHECK_OK(optim_check_gradient(s.opt, &problem, 0, 0, &found));
    assert_true(found.agrees && found.kind == OPTIM_EVAL_GRAD);
    CHECK_OK(optim_set_grad_dtype(s.opt, 0, OPTIM_F64)); /* the first step is still to come */
    optim_destroy(s.opt);
    open_scene(&s, OPTIM_F64, "gauss_newton");
    problem = problem_of(&s, "gauss_newton");
    problem.residuals = NULL;
    CHECK_REFUSED(optim_check_gradient(s.opt, &problem, 0, 0, &found), OPTIM_ERR_NULL, "problem.gradient");
    problem.residuals = on_residuals;
    CHECK_OK(optim_freeze(s.opt, 0, 1));
    CHECK_OK(optim_freeze(s.opt, 1, 1));
    CHECK_REFUSED(optim_check_gradient(s.opt, &problem, 0, 0, &found), OPTIM_ERR_ORDER, "no parameter with");
    optim_destroy(s.opt);
    CHECK_OK(optim_create(&s.opt, "gauss_newton", NULL));
    CHECK_OK(optim_add_param(s.opt, 0, "w", OPTIM_F64, 1, (int64_t[]){CUT}, s.x, NULL));
    CHECK_REFUSED(optim_check_gradient(s.opt, &problem, 0, 0, &found), OPTIM_ERR_ORDER, "optim_set_residuals");
    optim_destroy(s.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),  cmocka_unit_test(test_wrong),    cmocka_unit_test(test_not_adjoint),
        cmocka_unit_test(test_handle), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
