#include "solve.h"

#include <math.h>

void solve_add(solve_t *s, const char *name, size_t rows, size_t columns) {
    const int64_t dims[] = {(int64_t)rows, (int64_t)columns};
    assert_true(s->d + rows * (columns == 0 ? 1 : columns) <= SOLVE_MOST);
    CHECK_OK(optim_add_param(s->opt, 0, name, OPTIM_F64, columns == 0 ? 1 : 2, dims, s->x + s->d, s->g + s->d));
    s->d += rows * (columns == 0 ? 1 : columns);
}

static void evaluate(solve_t *s) {
    CHECK_OK(optim_set_loss(s->opt, s->gradient(s, s->x, s->g)));
}

static void multiply(solve_t *s) {
    const void *v;
    void *hv;
    CHECK_OK(optim_hvp_vector(s->opt, 0, &v));
    CHECK_OK(optim_hvp_result(s->opt, 0, &hv));
    s->product(s, v, hv);
}

optim_status solve_step(solve_t *s) {
    if (optim_wants_gradient(s->opt))
        evaluate(s);
    optim_status status;
    while ((status = optim_step(s->opt)) > 0)
        if (status == OPTIM_EVAL_HVP)
            multiply(s);
        else
            evaluate(s);
    return status;
}

void solve_steps(solve_t *s, int steps) {
    for (int i = 0; i < steps; ++i)
        CHECK_OK(solve_step(s));
}

double solve_uniform(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

double solve_normal(uint64_t *state) {
    const double u = solve_uniform(state), angle = 2 * acos(-1) * solve_uniform(state);
    return sqrt(-2 * log(1 - u)) * cos(angle);
}
