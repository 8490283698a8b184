/* Minimizes (1 - a)^2 + 100 (b - a^2)^2; the library owns the loop. */
#include <optim/optim.h>
#include <stdio.h>

static double x[2] = {-1.2, 1}, g[2];

static int evaluate(void *user, const optim_request *request, double *loss) { /* reads x, fills g and *loss */
    const double u = 1 - x[0], v = x[1] - x[0] * x[0];
    (void)user, (void)request;
    g[0] = -2 * u - 400 * x[0] * v;
    g[1] = 200 * v;
    *loss = u * u + 100 * v * v;
    return 0;
}

int main(void) {
    const optim_problem problem = {.size = sizeof problem, .gradient = evaluate};
    const optim_stop stop = {.size = sizeof stop, .gradient_norm = 1e-8, .progress = optim_print_progress};
    optim_result result = {.size = sizeof result};
    optim_t *opt;
    const int failed = optim_create(&opt, "lbfgs", NULL) < 0 ||
                       optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){2}, x, g) < 0 ||
                       optim_minimize(opt, &problem, &stop, &result) < 0;
    printf("%s: x = %.6f, %.6f\n", failed ? optim_error() : optim_stop_reason(result.reason), x[0], x[1]);
    optim_destroy(opt);
    return failed;
}
