/*
 * How much a first guess matters. SGD and Adam run with learning rates over six orders of magnitude; methods without a
 * learning rate run with their own first guess (a first movement, a distance, a wealth) over the same six. Prints, as CSV,
 * how far from the minimum the run ends after 300 steps, |x - x*| over |x_0 - x*|, on a quadratic and on a logistic
 * regression; at the method's own output, or at a polynomial-decay average, so that no single step decides.
 * Usage: lr_robustness [POINTS]     points a decade (1); examples/lr_robustness.sh draws the lines of `lr_robustness 6`
 */
#include <math.h>
#include <optim/optim.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 34, SAMPLES = 32, STEPS = 300, DECADES = 6 };
static const double SMALLEST = 1e-4, LARGEST = 1e3; /* what is shown: solved, and lost */

static const struct {
    const char *name, *guess, *others; /* the option that is varied, and fixed ones */
} METHODS[] = {
    {"sgd", "lr", ""},           {"adam", "lr", ""},        {"dog", "reps_rel", ""}, {"u_dog", "reps_rel", ""},
    {"dadapt_sgd", "d0", ""},    {"dadapt_adam", "d0", ""}, {"prodigy", "d0", ""},   {"cocob", "eps", ""},
    {"kt", "w", ",clip_norm=1"}, /* it asks for gradients of norm 1 at most */
};
enum { METHOD_COUNT = sizeof METHODS / sizeof *METHODS };

/* ---- The two problems: gradients, and the minimum ---- */

static void quadratic(const double *x, double *g) {
    for (int i = 0; i < N; ++i)
        g[i] = (1 + i % 7) * (x[i] - (37 * i % 11 / 11.0 - 0.5));
}

static void logistic(const double *x, double *g) {
    for (int j = 0; j < N; ++j)
        g[j] = 0.01 * x[j];
    for (int i = 0; i < SAMPLES; ++i) {
        double a[N], margin = 0;
        for (int j = 0; j < N; ++j)
            margin += (a[j] = (cos(0.9 * i) >= 0 ? 1 : -1) * sin(1.7 * i + 2.3 * j * j + 0.5)) * x[j];
        for (int j = 0; j < N; ++j)
            g[j] -= a[j] / (1 + exp(margin)) / SAMPLES;
    }
}

static const struct {
    const char *name;
    void (*gradient)(const double *x, double *g);
} PROBLEMS[] = {{"quadratic", quadratic}, {"logistic", logistic}};

/* Both are strongly convex: plain gradient descent, long enough, is sure to find the minimum. */
static void find_minimum(int problem, double *x) {
    double g[N];
    for (int i = 0; i < N; ++i)
        x[i] = 0;
    for (int step = 0; step < 30000; ++step) {
        PROBLEMS[problem].gradient(x, g);
        for (int i = 0; i < N; ++i)
            x[i] -= 0.2 * g[i];
    }
}

static double distance(const double *x, const double *y) {
    double square = 0;
    for (int i = 0; i < N; ++i)
        square += (x[i] - y[i]) * (x[i] - y[i]);
    return sqrt(square);
}

/* ---- One run ---- */

/* |x - x*| / |x_0 - x*| for the point x that the method stands for; infinite after an error. */
static double run(int problem, const char *method, const char *options, const double *minimum) {
    const double origin[N] = {0};
    double x[N] = {0}, g[N], left = INFINITY;
    const int64_t dims[] = {N};
    optim_description about = {.size = sizeof about};
    optim_t *opt;
    int failed = optim_create(&opt, method, options) < 0 || optim_add_param(opt, 0, "x", OPTIM_F64, 1, dims, x, g) < 0;
    failed = failed || optim_describe(OPTIM_ALGORITHM, method, &about) < 0 ||
             (!(about.can & OPTIM_HAS_OUTPUT) && optim_wrap(opt, "poly_avg", NULL) < 0);
    for (int step = 0; step < STEPS && !failed; ++step) {
        optim_status status;
        do
            PROBLEMS[problem].gradient(x, g);
        while ((status = optim_step(opt)) == OPTIM_EVAL_GRAD);
        failed = status < 0;
    }
    if (!failed && optim_output(opt, 0, x) == OPTIM_OK)
        left = distance(x, minimum) / distance(origin, minimum);
    else
        fprintf(stderr, "%s\n", optim_error());
    optim_destroy(opt);
    return left < SMALLEST ? SMALLEST : left < LARGEST ? left : LARGEST; /* NaN: lost */
}

int main(int argc, char **argv) {
    const long points = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
    if (points <= 0)
        return EXIT_FAILURE;
    printf("problem,guess");
    for (int m = 0; m < METHOD_COUNT; ++m)
        printf(",%s: %s", METHODS[m].name, METHODS[m].guess);
    for (int problem = 0; problem < 2; ++problem) {
        double minimum[N];
        find_minimum(problem, minimum);
        for (long k = 0; k <= DECADES * points; ++k) {
            const double guess = pow(10, (double)k / (double)points - DECADES);
            printf("\n%s,%.3g", PROBLEMS[problem].name, guess);
            for (int m = 0; m < METHOD_COUNT; ++m) {
                char options[64];
                (void)snprintf(options, sizeof options, "%s=%.17g%s", METHODS[m].guess, guess, METHODS[m].others);
                printf(",%.1e", run(problem, METHODS[m].name, options, minimum));
            }
        }
    }
    printf("\n");
    return EXIT_SUCCESS;
}
