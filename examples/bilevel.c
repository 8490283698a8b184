/*
 * How strongly to regularise a softmax regression on handwritten digits: few training rows, the logarithm x of the weight
 * decay chosen by the loss on others. A grid trains to the end at every x; HOAG and F2SA move x and the weights together.
 * Usage: bilevel          a table; examples/bilevel.sh draws it
 *        bilevel grid     x, loss on the rows held out, a line for each point of the grid
 *        bilevel NAME     the same for steps of that method, after training to the end at their x
 */
#include <math.h>
#include <optim/optim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/digits.h"

enum { TRAINING = 120, HELD_OUT = 300, CLASSES = DIGITS_CLASSES, FEATURES = DIGITS_PIXELS + 1, GRID = 17 };
static const double LOWEST = -10, HIGHEST = 0;

static const struct {
    const char *name, *options;
    int64_t steps, every; /* a line */
} METHODS[] = {
    {"hoag", "lr_inner=0.2,tol0=0.01,L=0.15,lo=-10,hi=0", 12, 1},
    {"f2sa", "lr_y=0.04,lr_z=0.2,xi=8,lam0=2,delta=0.02,inner=10", 250, 10},
};
enum { METHOD_COUNT = sizeof METHODS / sizeof *METHODS };

typedef double weights_t[FEATURES][CLASSES];

/* The first rows are trained on (objective 1, with decay e^x |w|^2 / 2), the others held out (objective 0). */
typedef struct problem {
    double feature[TRAINING + HELD_OUT][FEATURES];
    unsigned char label[TRAINING + HELD_OUT];
    double x, grad_x;
    weights_t w, grad_w;
    int64_t prints; /* every so many steps a line; 0: none */
} problem_t;

static int load(problem_t *problem) {
    digits_t digits;
    if (digits_load(&digits, NULL) < 0)
        return -1;
    for (size_t i = 0; i < TRAINING + HELD_OUT; ++i) {
        for (size_t j = 0; j < DIGITS_PIXELS; ++j)
            problem->feature[i][j] = (double)digits.train.x[i * DIGITS_PIXELS + j];
        problem->feature[i][DIGITS_PIXELS] = 1;
        problem->label[i] = digits.train.label[i];
    }
    digits_free(&digits);
    return 0;
}

/* ---- The mean cross entropy of rows first .. first + rows - 1 ---- */

static void scores(const double *feature, weights_t w, double z[CLASSES]) {
    for (int c = 0; c < CLASSES; ++c) {
        z[c] = 0;
        for (int j = 0; j < FEATURES; ++j)
            z[c] += feature[j] * w[j][c];
    }
}

/* z becomes the classes' probabilities; the logarithm of their sum before. */
static double softmax(double z[CLASSES]) {
    double largest = z[0], sum = 0;
    for (int c = 1; c < CLASSES; ++c)
        largest = fmax(largest, z[c]);
    for (int c = 0; c < CLASSES; ++c)
        sum += z[c] = exp(z[c] - largest);
    for (int c = 0; c < CLASSES; ++c)
        z[c] /= sum;
    return largest + log(sum);
}

static double entropy(problem_t *problem, int first, int rows, weights_t gradient) {
    double loss = 0, z[CLASSES];
    memset(gradient, 0, sizeof(weights_t));
    for (int i = first; i < first + rows; ++i) {
        const double *feature = problem->feature[i];
        scores(feature, problem->w, z);
        loss -= z[problem->label[i]] / rows;
        loss += softmax(z) / rows;
        z[problem->label[i]] -= 1;
        for (int j = 0; j < FEATURES; ++j)
            for (int c = 0; c < CLASSES; ++c)
                gradient[j][c] += feature[j] * z[c] / rows;
    }
    return loss;
}

/* result += H v of the training rows */
static void multiply(problem_t *problem, weights_t v, weights_t result) {
    double p[CLASSES], u[CLASSES];
    for (int i = 0; i < TRAINING; ++i) {
        const double *feature = problem->feature[i];
        double mean = 0;
        scores(feature, problem->w, p);
        (void)softmax(p);
        scores(feature, v, u);
        for (int c = 0; c < CLASSES; ++c)
            mean += p[c] * u[c];
        for (int j = 0; j < FEATURES; ++j)
            for (int c = 0; c < CLASSES; ++c)
                result[j][c] += feature[j] * p[c] * (u[c] - mean) / TRAINING;
    }
}

/* ---- What the library asks for ---- */

static int gradient(void *user, const optim_request *request, double *loss) {
    problem_t *problem = user;
    problem->grad_x = 0;
    if (request->objective == 0) {
        *loss = entropy(problem, TRAINING, HELD_OUT, problem->grad_w);
        return 0;
    }
    const double decay = exp(problem->x);
    double square = 0;
    *loss = entropy(problem, 0, TRAINING, problem->grad_w);
    for (int j = 0; j < FEATURES; ++j)
        for (int c = 0; c < CLASSES; ++c) {
            problem->grad_w[j][c] += decay * problem->w[j][c];
            square += problem->w[j][c] * problem->w[j][c];
        }
    problem->grad_x = decay * square / 2;
    *loss += decay * square / 2;
    return 0;
}

/* The Hessian of objective 1 times a direction that is 0 for x. */
static int product(void *user, const optim_request *request, optim_t *opt) {
    problem_t *problem = user;
    const void *direction;
    void *of_x, *of_w;
    (void)request;
    if (optim_hvp_vector(opt, 1, &direction) < 0 || optim_hvp_result(opt, 0, &of_x) < 0 ||
        optim_hvp_result(opt, 1, &of_w) < 0)
        return 1;
    weights_t v;
    memcpy(v, direction, sizeof v);
    double(*result)[CLASSES] = of_w, inner = 0;
    const double decay = exp(problem->x);
    for (int j = 0; j < FEATURES; ++j)
        for (int c = 0; c < CLASSES; ++c) {
            result[j][c] = decay * v[j][c];
            inner += problem->w[j][c] * v[j][c];
        }
    *(double *)of_x = decay * inner;
    multiply(problem, v, result);
    return 0;
}

static double held_out(problem_t *problem) {
    weights_t unused;
    return entropy(problem, TRAINING, HELD_OUT, unused);
}

/* ---- The grid, by L-BFGS; the methods ---- */

/* Objective 1 for the x that is there. optim_minimize asks one-level methods for objective 0: gradients are those of 1. */
static int lower_gradient(void *user, const optim_request *request, double *loss) {
    optim_request lower = *request;
    lower.objective = 1;
    return gradient(user, &lower, loss);
}

static int64_t train(problem_t *problem) {
    const optim_problem calls = {.size = sizeof calls, .user = problem, .gradient = lower_gradient};
    const optim_stop stop = {.size = sizeof stop, .steps = 500, .gradient_norm = 1e-5};
    optim_result result = {.size = sizeof result};
    optim_t *opt;
    optim_status status = optim_create(&opt, "lbfgs", NULL);
    if (status == OPTIM_OK)
        status =
            optim_add_param(opt, 0, "w", OPTIM_F64, 2, (int64_t[]){FEATURES, CLASSES}, problem->w, problem->grad_w);
    if (status == OPTIM_OK)
        status = optim_minimize(opt, &calls, &stop, &result);
    optim_destroy(opt);
    return status < 0 ? -1 : result.evaluations;
}

/* A line; the method's own weights may lean to the rows held out. */
static int print_step(problem_t *problem) {
    static problem_t trained;
    trained = *problem;
    if (train(&trained) < 0)
        return 1;
    printf("%.4f %.5f\n", problem->x, held_out(&trained));
    return 0;
}

static int progress(void *user, const optim_progress *now) {
    problem_t *problem = user;
    return problem->prints > 0 && now->step % problem->prints == 0 ? print_step(problem) : 0;
}

static int64_t minimize(problem_t *problem, optim_t *opt, int64_t steps) {
    const optim_problem calls = {.size = sizeof calls, .user = problem, .gradient = gradient, .product = product};
    const optim_stop stop = {.size = sizeof stop, .user = problem, .progress = progress, .steps = steps};
    optim_result result = {.size = sizeof result};
    return optim_minimize(opt, &calls, &stop, &result) < 0 ? -1 : result.evaluations;
}

/* Best x and loss; returns the number of gradients, or -1. */
static int64_t search_grid(problem_t *problem, double *best_x, double *best) {
    int64_t evaluations = 0;
    *best = INFINITY;
    for (int i = 0; i < GRID; ++i) {
        memset(problem->w, 0, sizeof problem->w);
        problem->x = LOWEST + (HIGHEST - LOWEST) * i / (GRID - 1);
        const int64_t took = train(problem);
        if (took < 0)
            return -1;
        evaluations += took;
        const double loss = held_out(problem);
        if (problem->prints)
            printf("%.4f %.5f\n", problem->x, loss);
        if (loss < *best) {
            *best = loss;
            *best_x = problem->x;
        }
    }
    return evaluations;
}

static int64_t run(int method, problem_t *problem) {
    optim_t *opt;
    int group;
    memset(problem->w, 0, sizeof problem->w);
    problem->x = -2;
    optim_status status = optim_create(&opt, METHODS[method].name, METHODS[method].options);
    if (status == OPTIM_OK)
        status = optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &problem->x, &problem->grad_x);
    if (status == OPTIM_OK)
        status = optim_add_group(opt, "role=y", &group);
    if (status == OPTIM_OK)
        status =
            optim_add_param(opt, group, "w", OPTIM_F64, 2, (int64_t[]){FEATURES, CLASSES}, problem->w, problem->grad_w);
    const int64_t evaluations = status == OPTIM_OK ? minimize(problem, opt, METHODS[method].steps) : -1;
    optim_destroy(opt);
    return evaluations;
}

/* ---- Output ---- */

static void print_line(const char *name, double x, double loss, int64_t evaluations) {
    printf("%-6s %7.1f %10.2f\n", name, x, loss);
    fprintf(stderr, "%-6s %lld gradients and products\n", name, (long long)evaluations);
}

static int print_table(problem_t *problem) {
    double x, loss;
    int64_t evaluations = search_grid(problem, &x, &loss);
    printf("%-6s %7s %10s\n", "", "x", "held out");
    if (evaluations >= 0)
        print_line("grid", x, loss, evaluations);
    for (int m = 0; m < METHOD_COUNT && evaluations >= 0; ++m) {
        evaluations = run(m, problem);
        if (evaluations < 0 || train(problem) < 0)
            return -1;
        print_line(METHODS[m].name, problem->x, held_out(problem), evaluations);
    }
    return evaluations < 0 ? -1 : 0;
}

static int print_path(problem_t *problem, const char *name) {
    double x, loss;
    problem->prints = 1;
    if (strcmp(name, "grid") == 0)
        return search_grid(problem, &x, &loss) < 0 ? -1 : 0;
    for (int m = 0; m < METHOD_COUNT; ++m)
        if (strcmp(name, METHODS[m].name) == 0) {
            problem->prints = METHODS[m].every;
            return run(m, problem) < 0 ? -1 : 0;
        }
    fprintf(stderr, "bilevel: no path of \"%s\"\n", name);
    return -1;
}

int main(int argc, char **argv) {
    static problem_t problem;
    if (load(&problem) < 0)
        return EXIT_FAILURE;
    const int failed = argc > 1 ? print_path(&problem, argv[1]) : print_table(&problem);
    if (failed && *optim_error() != '\0')
        fprintf(stderr, "%s\n", optim_error());
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
