#include "logistic.h"

#include <math.h>

#include "check.h"

static void add_component(problem_t *p, int i, double weight, double *loss) {
    const double y = cos(0.9 * i) >= 0 ? 1 : -1;
    double a[D], inner = 0, square = 0;
    for (int j = 0; j < D; ++j) {
        a[j] = sin(1.7 * i + 0.9 * i * j + 2.3 * j * j + 0.5);
        inner += a[j] * p->x[j];
        square += p->x[j] * p->x[j];
    }
    for (int j = 0; j < D; ++j)
        p->g[j] += weight * (-y * a[j] / (1 + exp(y * inner)) + 0.1 * p->x[j]);
    *loss += weight * (log1p(exp(-y * inner)) + 0.05 * square);
}

int whole(void *user, const optim_request *request, double *loss) {
    problem_t *p = user;
    (void)request;
    ++p->full;
    *loss = 0;
    for (int j = 0; j < D; ++j)
        p->g[j] = 0;
    for (int i = 0; i < N; ++i)
        add_component(p, i, 1.0 / N, loss);
    return 0;
}

int component(void *user, const optim_request *request, double *loss) {
    problem_t *p = user;
    assert_int_equal(request->count, 1);
    assert_true(request->component >= 0 && request->component < N);
    ++p->single;
    *loss = 0;
    for (int j = 0; j < D; ++j)
        p->g[j] = 0;
    add_component(p, (int)request->component, 1, loss);
    return 0;
}

void open_problem(problem_t *p, const char *algorithm, const char *options) {
    const int64_t count = D;
    *p = (problem_t){.x = {0.8414709848078965, 0.7457052121767204, -0.44252044329485246, -0.9824526126243325,
                           -0.08308940281749641, 0.9379999767747389}};
    CHECK_OK(optim_create(&p->opt, algorithm, options));
    CHECK_OK(optim_set_components(p->opt, N));
    CHECK_OK(optim_add_param(p->opt, 0, "x", OPTIM_F64, 1, &count, p->x, p->g));
}

optim_result run(problem_t *p, int64_t steps) {
    const optim_problem problem = {.size = sizeof problem, .user = p, .gradient = whole, .component = component};
    const optim_stop stop = {.size = sizeof stop, .steps = steps, .gradient_norm = 1e-9};
    optim_result result = {.size = sizeof result};
    CHECK_OK(optim_minimize(p->opt, &problem, &stop, &result));
    return result;
}
