/*
 * For minimizers.py: the problems of More, Garbow and Hillstrom, with a tracker in front of every solver, so that
 * evaluations and successes do not depend on what a solver says of itself, nor its time on what a problem costs.
 */
#include <math.h>
#include <optim/optim.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#ifdef HAVE_NLOPT
#include <nlopt.h>
#endif
#ifdef HAVE_LBFGS
#include <lbfgs.h>
#endif

#include "../../tests/common/mgh.h"

enum { MOST_EVALUATIONS = 5000 };

typedef struct tracker {
    const mgh_t *problem;
    double factor;         /* of the loss */
    int evaluations, hit;  /* hit: number of the first evaluation that solved it, 0: none did */
    double seconds, total; /* in evaluations; of the whole run */
    int reason;
    double f, gradient; /* at the last evaluation */
} tracker_t;

static double now(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void tracker_begin(tracker_t *t, int problem, double from, double factor, double *x) {
    *t = (tracker_t){.problem = &MGH[problem], .factor = factor};
    for (size_t i = 0; i < t->problem->n; ++i)
        x[i] = from * t->problem->start[i];
}

int tracker_size(int problem) {
    return (int)MGH[problem].n;
}

const char *tracker_name(int problem) {
    return MGH[problem].name;
}

/* Solved: within 1e-8 (1 + |f*|) of a minimum that the literature knows, or the gradient is below 1e-8. */
double tracker_evaluate(tracker_t *t, const double *x, double *g) {
    double gradient[MGH_MOST], square = 0;
    const double begun = now();
    t->f = mgh_value(t->problem, x, gradient);
    t->seconds += now() - begun;
    ++t->evaluations;
    for (size_t i = 0; i < t->problem->n; ++i) {
        square += gradient[i] * gradient[i];
        if (g != NULL)
            g[i] = t->factor * gradient[i];
    }
    t->gradient = sqrt(square);
    if (t->hit == 0 && (mgh_excess(t->problem, t->f) <= 1e-8 || t->gradient <= 1e-8))
        t->hit = t->evaluations;
    return t->factor * t->f;
}

/* ---- libgradopt ---- */

typedef struct scene {
    tracker_t *tracker;
    double *x, *g;
} scene_t;

static int on_gradient(void *user, const optim_request *request, double *loss) {
    const scene_t *s = user;
    (void)request;
    *loss = tracker_evaluate(s->tracker, s->x, s->g);
    return 0;
}

int solve_gradopt(tracker_t *t, double *x, const char *method, const char *options, double gradient_norm) {
    double g[MGH_MOST];
    const int64_t n = (int64_t)t->problem->n;
    scene_t scene = {t, x, g};
    const optim_problem problem = {.size = sizeof problem, .user = &scene, .gradient = on_gradient};
    const optim_stop stop = {.size = sizeof stop, .gradient_norm = gradient_norm, .evaluations = MOST_EVALUATIONS};
    optim_result result = {.size = sizeof result};
    optim_t *opt;
    const double begun = now();
    const bool failed = optim_create(&opt, method, options) < 0 ||
                        optim_add_param(opt, 0, "x", OPTIM_F64, 1, &n, x, g) < 0 ||
                        optim_minimize(opt, &problem, &stop, &result) < 0;
    optim_destroy(opt);
    t->total = now() - begun;
    t->reason = result.reason;
    return failed;
}

/* ---- NLopt ---- */

#ifdef HAVE_NLOPT
static double nlopt_value(unsigned n, const double *x, double *g, void *user) {
    (void)n;
    return tracker_evaluate(user, x, g);
}

int solve_nlopt(tracker_t *t, double *x, int slsqp, double tolerance) {
    double least;
    nlopt_opt opt = nlopt_create(slsqp ? NLOPT_LD_SLSQP : NLOPT_LD_LBFGS, (unsigned)t->problem->n);
    const double begun = now();
    nlopt_set_min_objective(opt, nlopt_value, t);
    nlopt_set_vector_storage(opt, 10);
    nlopt_set_maxeval(opt, MOST_EVALUATIONS);
    nlopt_set_xtol_rel(opt, tolerance);
    t->reason = (int)nlopt_optimize(opt, x, &least);
    t->total = now() - begun;
    nlopt_destroy(opt);
    return 0;
}
#endif

/* ---- liblbfgs ---- */

#ifdef HAVE_LBFGS
static lbfgsfloatval_t lbfgs_value(void *user, const lbfgsfloatval_t *x, lbfgsfloatval_t *g, const int n,
                                   const lbfgsfloatval_t step) {
    (void)n;
    (void)step;
    return tracker_evaluate(user, x, g);
}

static int lbfgs_stop(void *user, const lbfgsfloatval_t *x, const lbfgsfloatval_t *g, const lbfgsfloatval_t f,
                      const lbfgsfloatval_t x_norm, const lbfgsfloatval_t g_norm, const lbfgsfloatval_t step, int n,
                      int k, int trials) {
    (void)x, (void)g, (void)f, (void)x_norm, (void)g_norm, (void)step, (void)n, (void)k, (void)trials;
    return ((const tracker_t *)user)->evaluations >= MOST_EVALUATIONS;
}

int solve_lbfgs(tracker_t *t, double *x, double epsilon, int memory) {
    lbfgs_parameter_t parameters;
    const int n = (int)t->problem->n;
    lbfgsfloatval_t *point = lbfgs_malloc(n); /* as its vector code wants it */
    const double begun = now();
    lbfgs_parameter_init(&parameters);
    parameters.epsilon = epsilon;
    parameters.m = memory;
    memcpy(point, x, (size_t)n * sizeof *x);
    t->reason = lbfgs(n, point, NULL, lbfgs_value, lbfgs_stop, t, &parameters);
    t->total = now() - begun;
    memcpy(x, point, (size_t)n * sizeof *x);
    lbfgs_free(point);
    return 0;
}
#endif
