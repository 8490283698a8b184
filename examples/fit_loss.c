/*
 * Fits L(N, D) = E + A / N^alpha + B / D^beta to the losses of many training runs, as in scaling laws (Hoffmann et al.
 * 2022; Besiroglu et al. 2024): L-BFGS on the sum of Huber losses from a grid of starts, the best end wins. The runs
 * are made up from known parameters, with noise, and some far off.
 * Usage: fit_loss [full]          full: the grid of the papers, 4500 starts in place of 72
 */
#include <math.h>
#include <optim/optim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loss_fit.h"
#include "random.h"

enum { RUNS = 96 };
static const double TRUTH[] = {1.69, 406.4, 410.7, 0.34, 0.28}; /* E, A, B, alpha, beta */

typedef struct problem {
    loss_fit_t fit;
    double p[LOSS_FIT_PARAMETERS], gradient[LOSS_FIT_PARAMETERS];
} problem_t;

/* Sizes 5e7 to 1e10, tokens 1e9 to 4e11; losses 0.1 % off at random, every sixteenth 5 % too high. */
static loss_fit_t make_runs(void) {
    static double size[RUNS], tokens[RUNS], loss[RUNS];
    uint64_t random = 1;
    for (int i = 0; i < RUNS; ++i) {
        size[i] = 5e7 * pow(200, random_uniform(&random));
        tokens[i] = 1e9 * pow(400, random_uniform(&random));
        const double exact = TRUTH[0] + TRUTH[1] / pow(size[i], TRUTH[3]) + TRUTH[2] / pow(tokens[i], TRUTH[4]);
        loss[i] = exact * (1 + 0.002 * (random_uniform(&random) - 0.5) + (i % 16 == 0 ? 0.05 : 0));
    }
    return (loss_fit_t){RUNS, size, tokens, loss, 1e-3};
}

static int evaluate(void *user, const optim_request *request, double *loss) {
    (void)request;
    problem_t *problem = user;
    *loss = loss_fit_objective(&problem->fit, problem->p, problem->gradient);
    return 0;
}

/* From problem->p to a minimum near it; the sum, not the mean, so that the tolerances mean the same for any number of
   runs. */
static int minimize(optim_t *opt, problem_t *problem, double *objective) {
    const optim_problem callbacks = {.size = sizeof callbacks, .user = problem, .gradient = evaluate};
    const optim_stop stop = {.size = sizeof stop, .steps = 1000, .gradient_norm = 1e-9};
    optim_result result = {.size = sizeof result};
    const optim_status status = optim_minimize(opt, &callbacks, &stop, &result);
    *objective = result.loss;
    return status < 0 || optim_reset(opt) < 0 ? -1 : 0;
}

typedef struct grid {
    double low, step;
    int count;
} grid_t;

/* Start number i of the grid, mixed radix; false past the end. */
static int start_point(const grid_t *grid, int i, double *p) {
    for (int k = 0; k < LOSS_FIT_PARAMETERS; ++k) {
        p[k] = grid[k].low + grid[k].step * (i % grid[k].count);
        i /= grid[k].count;
    }
    return i == 0;
}

static int search(optim_t *opt, problem_t *problem, const grid_t *grid, double *best, double *best_p) {
    *best = HUGE_VAL;
    for (int i = 0; start_point(grid, i, problem->p); ++i) {
        double objective;
        if (minimize(opt, problem, &objective) < 0)
            return -1;
        if (objective < *best) {
            *best = objective;
            memcpy(best_p, problem->p, sizeof problem->p);
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    static const grid_t FULL[] = {{0, 5, 6}, {0, 5, 6}, {-1, 0.5, 5}, {0, 0.5, 5}, {0, 0.5, 5}};
    static const grid_t COARSE[] = {{0, 10, 3}, {0, 10, 3}, {-1, 2, 2}, {0, 1, 2}, {0, 1, 2}};
    const int64_t dims[] = {LOSS_FIT_PARAMETERS};
    problem_t problem = {.fit = make_runs()};
    double best, p[LOSS_FIT_PARAMETERS] = {0}, gradient[LOSS_FIT_PARAMETERS];
    optim_t *opt;
    const int full = argc > 1 && strcmp(argv[1], "full") == 0;
    const int failed = optim_create(&opt, "lbfgs", NULL) < 0 ||
                       optim_add_param(opt, 0, "p", OPTIM_F64, 1, dims, problem.p, problem.gradient) < 0 ||
                       search(opt, &problem, full ? FULL : COARSE, &best, p) < 0;
    if (failed) {
        fprintf(stderr, "%s\n", optim_error());
    } else {
        const double truth[] = {log(TRUTH[1]), log(TRUTH[2]), log(TRUTH[0]), TRUTH[3], TRUTH[4]};
        printf("              E        A        B   alpha    beta\n");
        printf("truth  %8.2f %8.1f %8.1f  %6.2f  %6.2f\n", TRUTH[0], TRUTH[1], TRUTH[2], TRUTH[3], TRUTH[4]);
        printf("fit    %8.2f %8.0f %8.0f  %6.2f  %6.2f\n", exp(p[2]), exp(p[0]), exp(p[1]), p[3], p[4]);
        printf("objective %.4e, at the truth %.4e\n", best, loss_fit_objective(&problem.fit, truth, gradient));
    }
    optim_destroy(opt);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
