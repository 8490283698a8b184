/* The table of problems that minimizers are held to: derivatives, starts, minima and boxes. */
#include <math.h>

#include "check.h"
#include "mgh.h"

static void residuals(const mgh_t *problem, const double *x, double *r) {
    double jacobian[MGH_RESIDUALS * MGH_MOST];
    mgh_residuals(problem, x, r, jacobian);
}

/* The Jacobian and the gradient against central differences, near the start. */
static void derivatives(void **state) {
    (void)state;
    for (const mgh_t *problem = MGH; problem < MGH + MGH_COUNT; ++problem) {
        const size_t n = problem->n, m = problem->m;
        double x[MGH_MOST], r[MGH_RESIDUALS], jacobian[MGH_RESIDUALS * MGH_MOST], g[MGH_MOST], largest = 0;
        for (size_t j = 0; j < n; ++j)
            x[j] = problem->start[j] * (1 + 0.01 * cos((double)j)) + 0.01 * sin((double)(j + 1));
        mgh_residuals(problem, x, r, jacobian);
        for (size_t k = 0; k < m * n; ++k)
            largest = fmax(largest, fabs(jacobian[k]));
        (void)mgh_value(problem, x, g);
        for (size_t j = 0; j < n; ++j) {
            const double at = x[j], h = 1e-5 * fmax(1, fabs(at));
            double above[MGH_RESIDUALS], below[MGH_RESIDUALS], slope = 0;
            x[j] = at + h;
            residuals(problem, x, above);
            x[j] = at - h;
            residuals(problem, x, below);
            x[j] = at;
            for (size_t i = 0; i < m; ++i) {
                const double difference = (above[i] - below[i]) / (2 * h);
                if (!(fabs(difference - jacobian[i * n + j]) <= 1e-5 * largest))
                    fail_msg("%s: dr_%zu/dx_%zu is %.9g, by differences %.9g", problem->name, i, j, jacobian[i * n + j],
                             difference);
                slope += 2 * r[i] * jacobian[i * n + j];
            }
            CHECK_CLOSE(g[j], slope, 1e-12);
        }
    }
}

/* The minimizers, of a few digits, are near a minimum that is listed, and outside both boxes, whose start is inside. */
static void minima_and_boxes(void **state) {
    (void)state;
    for (const mgh_t *problem = MGH; problem < MGH + MGH_COUNT; ++problem) {
        const double *x = problem->minimizer;
        const double f = mgh_value(problem, x, NULL), start = mgh_value(problem, problem->start, NULL);
        if (!(mgh_excess(problem, f) <= 1e-3) || !(mgh_excess(problem, f) < mgh_excess(problem, start)))
            fail_msg("%s: %.9g at the minimizer, %.9g at the start", problem->name, f, start);
        for (int k = 0; k < MGH_BOXES; ++k) {
            double lower[MGH_MOST], upper[MGH_MOST];
            int outside = 0;
            mgh_box(problem, k, lower, upper);
            for (size_t i = 0; i < problem->n; ++i) {
                assert_true(lower[i] < problem->start[i] && problem->start[i] < upper[i]);
                outside += x[i] < lower[i] || x[i] > upper[i];
            }
            assert_true(outside > 0);
            if (!(problem->boxed[k] < start) || !(problem->boxed[k] > problem->least[0] - 1e-9))
                fail_msg("%s, box %d: %.9g, %.9g at the start", problem->name, k, problem->boxed[k], start);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derivatives),
        cmocka_unit_test(minima_and_boxes),
    };
    return cmocka_run_group_tests_name("mgh", tests, NULL, NULL);
}
