/*
 * gradopt tune: problems of its own.
 *
 *     quadratic    sum_i h_i (x_i - 1)^2 / 2 of 20 variables, h_i = 1000^(i / 19), from 0
 *     rosenbrock   sum_i 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2 of 10 variables, from (-1.2, 1, -1.2, ..)
 *     logistic     mean_i ln(1 + exp(-y_i a_i x)) + |x|^2 / 2000 of 20 variables and 200 rows, from 0, in batches of
 *                  20; what is told is the loss over all rows
 *
 * A run is saved as a handle's checkpoint, and its point and how many evaluations it has had beside that.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "kernels/random.h"
#include "tool.h"
#include "tune.h"

enum { MOST = 20, ROWS = 200, BATCH = 20 };

typedef struct point {
    double x[MOST], g[MOST];
    double evaluations;
    int fresh;            /* batches that the present step has had beyond its first */
    double a[ROWS][MOST]; /* logistic; y_i is in it */
    optim_t *opt;
} point_t;

typedef struct problem {
    const char *name;
    int64_t d;
    void (*start)(point_t *p);
    /* Of rows first .. first + count - 1, where there are rows. */
    double (*gradient)(const point_t *p, const double *x, int first, int count, double *g);
    void (*product)(const point_t *p, const double *v, double *hv);
    bool has_rows;
} problem_t;

/* ---- quadratic ---- */

static void start_at_zero(point_t *p) {
    memset(p->x, 0, sizeof p->x);
}

static double quadratic(const point_t *p, const double *x, int first, int count, double *g) {
    double f = 0;
    (void)p, (void)first, (void)count;
    for (int i = 0; i < 20; ++i) {
        const double h = pow(1000, i / 19.0);
        f += h * (x[i] - 1) * (x[i] - 1) / 2;
        g[i] = h * (x[i] - 1);
    }
    return f;
}

static void quadratic_product(const point_t *p, const double *v, double *hv) {
    (void)p;
    for (int i = 0; i < 20; ++i)
        hv[i] = pow(1000, i / 19.0) * v[i];
}

/* ---- rosenbrock ---- */

static void start_in_valley(point_t *p) {
    for (int i = 0; i < 10; ++i)
        p->x[i] = i % 2 == 0 ? -1.2 : 1;
}

static double rosenbrock(const point_t *p, const double *x, int first, int count, double *g) {
    double f = 0;
    (void)p, (void)first, (void)count;
    memset(g, 0, 10 * sizeof *g);
    for (int i = 0; i < 9; ++i) {
        const double up = x[i + 1] - x[i] * x[i], away = 1 - x[i];
        f += 100 * up * up + away * away;
        g[i] -= 400 * x[i] * up + 2 * away;
        g[i + 1] += 200 * up;
    }
    return f;
}

static void rosenbrock_product(const point_t *p, const double *v, double *hv) {
    const double *x = p->x;
    memset(hv, 0, 10 * sizeof *hv);
    for (int i = 0; i < 9; ++i) {
        hv[i] += (1200 * x[i] * x[i] - 400 * x[i + 1] + 2) * v[i] - 400 * x[i] * v[i + 1];
        hv[i + 1] += 200 * v[i + 1] - 400 * x[i] * v[i];
    }
}

/* ---- logistic ---- */

static void start_rows(point_t *p) {
    memset(p->x, 0, sizeof p->x);
    for (int i = 0; i < ROWS; ++i) {
        double inner = 0;
        for (int j = 0; j < 20; ++j) { /* columns of falling scale, so that rates matter */
            p->a[i][j] = random_normal(1, 40 * (uint64_t)i + 2 * (uint64_t)j + 1) * pow(10, -j / 10.0);
            inner += p->a[i][j] * (j % 3 - 1);
        }
        inner += random_normal(2, 2 * (uint64_t)i + 1);
        for (int j = 0; j < 20 && inner < 0; ++j)
            p->a[i][j] = -p->a[i][j];
    }
}

static double logistic(const point_t *p, const double *x, int first, int count, double *g) {
    double f = 0;
    for (int j = 0; j < 20; ++j) {
        f += x[j] * x[j] / 2000;
        g[j] = x[j] / 1000;
    }
    for (int i = first; i < first + count; ++i) {
        const double *a = p->a[i % ROWS];
        double z = 0;
        for (int j = 0; j < 20; ++j)
            z += a[j] * x[j];
        f += (z > 0 ? log1p(exp(-z)) : log1p(exp(z)) - z) / count;
        for (int j = 0; j < 20; ++j)
            g[j] -= a[j] / (1 + exp(z)) / count;
    }
    return f;
}

static void logistic_product(const point_t *p, const double *v, double *hv) {
    for (int j = 0; j < 20; ++j)
        hv[j] = v[j] / 1000;
    for (int i = 0; i < ROWS; ++i) {
        const double *a = p->a[i];
        double z = 0, along = 0;
        for (int j = 0; j < 20; ++j) {
            z += a[j] * p->x[j];
            along += a[j] * v[j];
        }
        const double share = 1 / (1 + exp(-z));
        for (int j = 0; j < 20; ++j)
            hv[j] += share * (1 - share) * along * a[j] / (double)ROWS;
    }
}

static const problem_t PROBLEMS[] = {
    {"quadratic", 20, start_at_zero, quadratic, quadratic_product, false},
    {"rosenbrock", 10, start_in_valley, rosenbrock, rosenbrock_product, false},
    {"logistic", 20, start_rows, logistic, logistic_product, true},
};
enum { PROBLEM_COUNT = sizeof PROBLEMS / sizeof *PROBLEMS };

static const problem_t *find(const char *name) {
    for (size_t i = 0; i < PROBLEM_COUNT; ++i)
        if (strcmp(PROBLEMS[i].name, name) == 0)
            return &PROBLEMS[i];
    return NULL;
}

bool problem_exists(const char *name) {
    return find(name) != NULL;
}

int problem_refuse(const char *name) {
    nearest_t nearest = nearest_begin(name, strlen(name));
    char question[NEAREST_TEXT];
    for (size_t i = 0; i < PROBLEM_COUNT; ++i)
        nearest_offer(&nearest, PROBLEMS[i].name, strlen(PROBLEMS[i].name));
    nearest_text(&nearest, question);
    return print_error("gradopt tune: no problem is called \"%s\"%s; there are: quadratic, rosenbrock, logistic", name,
                       question);
}

/* ---- Answers ---- */

typedef struct caller {
    const problem_t *problem;
    point_t *point;
} caller_t;

static int answer_gradient(void *user, const optim_request *request, double *loss) {
    const caller_t *c = user;
    point_t *p = c->point;
    const bool is_full = request->sample == OPTIM_SAMPLE_FULL || !c->problem->has_rows;
    if (request->evaluation == 1)
        p->fresh = 0;
    else if (request->sample == OPTIM_SAMPLE_FRESH)
        ++p->fresh;
    const int batch = (int)((optim_steps(p->opt) + p->fresh) % (ROWS / BATCH));
    *loss = c->problem->gradient(p, p->x, is_full ? 0 : batch * BATCH, is_full ? ROWS : BATCH, p->g);
    return 0;
}

static int answer_component(void *user, const optim_request *request, double *loss) {
    const caller_t *c = user;
    *loss = c->problem->gradient(c->point, c->point->x, (int)request->component, (int)request->count, c->point->g);
    return 0;
}

static int answer_losses(void *user, const optim_request *request, double *losses) {
    const caller_t *c = user;
    double g[MOST];
    for (int64_t i = 0; i < request->count; ++i)
        losses[i] = c->problem->gradient(c->point, c->point->x, (int)(request->component + i), 1, g);
    return 0;
}

static int answer_product(void *user, const optim_request *request, optim_t *opt) {
    const caller_t *c = user;
    const void *v;
    void *hv;
    (void)request;
    if (optim_hvp_vector(opt, 0, &v) != OPTIM_OK || optim_hvp_result(opt, 0, &hv) != OPTIM_OK)
        return 1;
    c->problem->product(c->point, v, hv);
    return 0;
}

/* ---- A run ---- */

/* The point and the evaluations that it has had, beside the handle's checkpoint. */
static FILE *open_point(const trial_t *trial, const char *mode) {
    char path[4096];
    (void)snprintf(path, sizeof path, "%s.point", trial->checkpoint);
    return fopen(path, mode);
}

static bool read_point(const trial_t *trial, point_t *p) {
    FILE *file = open_point(trial, "rb");
    const bool done = file != NULL && fread(p->x, sizeof p->x, 1, file) == 1 &&
                      fread(&p->evaluations, sizeof p->evaluations, 1, file) == 1;
    if (file != NULL)
        (void)fclose(file);
    return done;
}

static bool write_point(const trial_t *trial, const point_t *p) {
    FILE *file = open_point(trial, "wb");
    const bool done = file != NULL && fwrite(p->x, sizeof p->x, 1, file) == 1 &&
                      fwrite(&p->evaluations, sizeof p->evaluations, 1, file) == 1;
    return file != NULL && fclose(file) == 0 && done;
}

static optim_status open_run(const problem_t *problem, const trial_t *trial, point_t *p) {
    optim_status status = optim_create(&p->opt, trial->method, trial->options);
    problem->start(p);
    if (status == OPTIM_OK && problem->has_rows)
        status = optim_set_components(p->opt, ROWS);
    if (status == OPTIM_OK)
        status = optim_set_threads(p->opt, 1);
    if (status == OPTIM_OK)
        status = optim_add_param(p->opt, 0, "x", OPTIM_F64, 1, &problem->d, p->x, p->g);
    if (status == OPTIM_OK && trial->spent > 0)
        status = optim_load(p->opt, trial->checkpoint);
    return status;
}

static optim_status train(const problem_t *problem, trial_t *trial, point_t *p) {
    caller_t caller = {problem, p};
    const optim_problem calls = {.size = sizeof calls,
                                 .user = &caller,
                                 .gradient = answer_gradient,
                                 .product = answer_product,
                                 .component = problem->has_rows ? answer_component : NULL,
                                 .losses = problem->has_rows ? answer_losses : NULL};
    optim_stop stop = {.size = sizeof stop};
    optim_result result = {.size = sizeof result};
    double at[MOST], g[MOST];
    optim_status status = open_run(problem, trial, p);
    if (status == OPTIM_OK && trial->spent > 0 && !read_point(trial, p)) {
        (void)snprintf(trial->note, sizeof trial->note, "its point cannot be read");
        return OPTIM_OK;
    }
    stop.evaluations = (int64_t)ceil(trial->budget - p->evaluations) + 1; /* the last one is the next step's */
    if (status == OPTIM_OK && stop.evaluations > 1)
        status = optim_minimize(p->opt, &calls, &stop, &result);
    p->evaluations += (double)(result.evaluations > 0 ? result.evaluations - 1 : 0);
    if (status == OPTIM_OK)
        status = optim_save(p->opt, trial->checkpoint);
    if (status == OPTIM_OK && !write_point(trial, p))
        (void)snprintf(trial->note, sizeof trial->note, "its point cannot be written");
    else if (status == OPTIM_OK && (status = optim_output(p->opt, 0, at)) == OPTIM_OK)
        trial->loss = problem->gradient(p, at, 0, ROWS, g);
    return status;
}

void problem_train(const char *name, trial_t *trial) {
    point_t *p = calloc(1, sizeof *p);
    trial->loss = (double)INFINITY;
    if (p == NULL)
        (void)snprintf(trial->note, sizeof trial->note, "out of memory");
    else if (train(find(name), trial, p) != OPTIM_OK)
        (void)snprintf(trial->note, sizeof trial->note, "%s", optim_error());
    if (p != NULL)
        optim_destroy(p->opt);
    free(p);
}
