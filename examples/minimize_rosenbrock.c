/*
 * Minimizes the Rosenbrock function of ten variables; optim_minimize owns the loop.
 * Usage: minimize_rosenbrock [method [options]], for example: minimize_rosenbrock adam lr=1e-3
 */
#include <math.h>
#include <optim/optim.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 10 };

typedef struct point {
    double x[N], grad[N];
} point_t;

static double rosenbrock(const double *x, double *grad) {
    double f = 0;
    for (int i = 0; i < N; ++i)
        grad[i] = 0;
    for (int i = 0; i + 1 < N; ++i) {
        const double a = x[i + 1] - x[i] * x[i], b = 1 - x[i];
        f += 100 * a * a + b * b;
        grad[i] -= 400 * a * x[i] + 2 * b;
        grad[i + 1] += 200 * a;
    }
    return f;
}

static int gradient(void *user, const optim_request *request, double *loss) {
    (void)request; /* there is one objective and no sample */
    point_t *point = user;
    *loss = rosenbrock(point->x, point->grad);
    return 0;
}

/* Hessian times direction, by hand. */
static int product(void *user, const optim_request *request, optim_t *opt) {
    (void)request;
    const double *x = ((const point_t *)user)->x;
    const void *direction;
    void *result;
    if (optim_hvp_vector(opt, 0, &direction) < 0 || optim_hvp_result(opt, 0, &result) < 0)
        return 1;
    const double *v = direction;
    double *hv = result;
    for (int i = 0; i < N; ++i)
        hv[i] = 0;
    for (int i = 0; i + 1 < N; ++i) {
        const double off = -400 * x[i];
        hv[i] += (1200 * x[i] * x[i] - 400 * x[i + 1] + 2) * v[i] + off * v[i + 1];
        hv[i + 1] += off * v[i] + 200 * v[i + 1];
    }
    return 0;
}

static int progress(void *user, const optim_progress *now) {
    const int64_t *every = user;
    if (now->step % *every == 0)
        fprintf(stderr, "step %6lld  evaluations %6lld  loss %10.3e  |gradient| %9.2e\n", (long long)now->step,
                (long long)now->evaluations, now->loss, now->gradient_norm);
    return 0;
}

static int minimize(optim_t *opt, point_t *point, int64_t *every) {
    const int64_t dims[] = {N};
    const optim_problem problem = {.size = sizeof problem, .user = point, .gradient = gradient, .product = product};
    const optim_stop stop = {
        .size = sizeof stop, .steps = 100 * *every, .gradient_norm = 1e-6, .user = every, .progress = progress};
    optim_result result = {.size = sizeof result};
    if (optim_add_param(opt, 0, "x", OPTIM_F64, 1, dims, point->x, point->grad) < 0 ||
        optim_minimize(opt, &problem, &stop, &result) < 0)
        return -1;

    fprintf(stderr, "%lld steps, %lld evaluations, %.3f s\n", (long long)result.steps, (long long)result.evaluations,
            result.seconds);
    printf("stopped: %s\nloss: %.6f\nx:", optim_stop_reason(result.reason), result.loss);
    for (int i = 0; i < N; ++i)
        printf(" %.4g", point->x[i]);
    printf("\n");
    return 0;
}

int main(int argc, char **argv) {
    const char *method = argc > 1 ? argv[1] : "lbfgs";
    const char *options = argc > 2 ? argv[2] : NULL;
    int64_t every = argc > 1 ? 1000 : 10; /* steps between two lines of progress */
    point_t point = {.x = {0}};
    optim_t *opt;
    const int failed = optim_create(&opt, method, options) < 0 || minimize(opt, &point, &every) != 0;
    if (failed)
        fprintf(stderr, "%s\n", optim_error());
    optim_destroy(opt);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
