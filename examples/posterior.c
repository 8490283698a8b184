/*
 * Samples the posterior of a logistic regression with two weights: threes against eights, by the ink on the left edge and
 * in the middle. Prints what each sampler says of the weights beside the truth, which two dimensions let us integrate.
 * Usage: posterior          the table; examples/posterior.sh draws it
 *        posterior grid     the log density on a grid: w1, w2, log p
 *        posterior NAME     draws of that method: w1, w2
 */
#include <math.h>
#include <optim/advice.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/digits.h"

enum { SAMPLES = 80, CHAINS = 4, BURNT = 500, DRAWS = 2000, PARTICLES = 200, GRID = 161 };
static const double LEFT = -1, RIGHT = 3, LOW = 0, HIGH = 5; /* of the grid: nearly all of the density */

typedef struct sample {
    double a[2], label; /* two features, standardized; -1: a three, 1: an eight */
} sample_t;
static sample_t sample[SAMPLES];

static const struct {
    const char *name, *options;
    size_t batch;
} METHODS[] = {
    {"sgld", "lr=0.02", 16},
    {"sghmc", "lr=0.03,alpha=0.2", 16},
    {"langevin_split", "lr=0.5", SAMPLES},
    {"svgd", "lr=0.5,rule=adagrad", SAMPLES},
};
enum { METHOD_COUNT = sizeof METHODS / sizeof *METHODS };

/* ---- The model: U(w) = sum log(1 + exp(-label <a, w>)) + |w|^2 / 18: a normal prior of deviation 3 ---- */

static double ink(const float *pixels, int first_row, int last_row, int first_column, int last_column) {
    double sum = 0;
    for (int row = first_row; row <= last_row; ++row)
        for (int column = first_column; column <= last_column; ++column)
            sum += (double)pixels[row * 8 + column];
    return sum;
}

static void standardize(int feature) {
    double mean = 0, square = 0;
    for (int i = 0; i < SAMPLES; ++i)
        mean += sample[i].a[feature] / SAMPLES;
    for (int i = 0; i < SAMPLES; ++i)
        square += pow(sample[i].a[feature] - mean, 2) / SAMPLES;
    for (int i = 0; i < SAMPLES; ++i)
        sample[i].a[feature] = (sample[i].a[feature] - mean) / sqrt(square);
}

static int load(void) {
    digits_t digits;
    if (digits_load(&digits, NULL) < 0)
        return -1;
    int count = 0;
    for (size_t i = 0; i < digits.train.rows && count < SAMPLES; ++i) {
        const float *pixels = digits.train.x + i * DIGITS_PIXELS;
        if (digits.train.label[i] != 3 && digits.train.label[i] != 8)
            continue;
        sample[count].a[0] = ink(pixels, 1, 3, 1, 2); /* an eight has its upper loop closed there */
        sample[count].a[1] = ink(pixels, 3, 4, 3, 4);
        sample[count++].label = digits.train.label[i] == 8 ? 1 : -1;
    }
    digits_free(&digits);
    standardize(0);
    standardize(1);
    return 0;
}

static double potential(const double w[2]) {
    double sum = (w[0] * w[0] + w[1] * w[1]) / 18;
    for (int i = 0; i < SAMPLES; ++i)
        sum += log1p(exp(-sample[i].label * (sample[i].a[0] * w[0] + sample[i].a[1] * w[1])));
    return sum;
}

/* Its gradient, or an estimate from `batch` samples that begin at `first`. */
static void gradient(const double w[2], size_t first, size_t batch, double g[2]) {
    g[0] = w[0] / 9;
    g[1] = w[1] / 9;
    for (size_t i = first; i < first + batch; ++i) {
        const sample_t *s = &sample[i % SAMPLES];
        const double margin = s->label * (s->a[0] * w[0] + s->a[1] * w[1]);
        const double slope = -s->label / (1 + exp(margin)) * SAMPLES / (double)batch;
        g[0] += slope * s->a[0];
        g[1] += slope * s->a[1];
    }
}

/* ---- Chains and particles ---- */

/* One step, with all gradients that it asks for; `count` points in x. */
static int step(optim_t *opt, size_t count, const double *x, double *g, size_t first, size_t batch) {
    optim_status status;
    do {
        for (size_t i = 0; i < count; ++i)
            gradient(x + 2 * i, first, batch, g + 2 * i);
        status = optim_step(opt);
    } while (status > 0);
    return status;
}

/* draws[w][k]: weight w of draw k, one chain after the other. */
static int run_chains(int method, double draws[2][CHAINS * DRAWS]) {
    for (int chain = 0; chain < CHAINS; ++chain) {
        double w[2] = {chain % 2 == 0 ? -1 : 1, chain < 2 ? -1 : 1}, g[2];
        optim_t *opt;
        optim_status status = optim_create(&opt, METHODS[method].name, METHODS[method].options);
        if (status == OPTIM_OK)
            status = optim_set(opt, 0, "seed", chain + 1);
        if (status == OPTIM_OK)
            status = optim_add_param(opt, 0, "w", OPTIM_F64, 1, (int64_t[]){2}, w, g);
        for (size_t k = 0; status == OPTIM_OK && k < BURNT + DRAWS; ++k) {
            status = step(opt, 1, w, g, k * METHODS[method].batch, METHODS[method].batch);
            for (int i = 0; k >= BURNT && i < 2; ++i)
                draws[i][chain * DRAWS + (int)(k - BURNT)] = w[i];
        }
        optim_destroy(opt);
        if (status != OPTIM_OK)
            return -1;
    }
    return 0;
}

/* A cloud that starts around 0 and comes to rest. */
static int run_particles(int method, double draws[2][CHAINS * DRAWS]) {
    static double w[PARTICLES][2], g[PARTICLES][2];
    for (int i = 0; i < PARTICLES; ++i) {
        w[i][0] = sin(1.3 * i);
        w[i][1] = cos(2.1 * i);
    }
    optim_t *opt;
    optim_status status = optim_create(&opt, METHODS[method].name, METHODS[method].options);
    if (status == OPTIM_OK)
        status = optim_set_components(opt, PARTICLES);
    if (status == OPTIM_OK)
        status = optim_add_param(opt, 0, "w", OPTIM_F64, 2, (int64_t[]){PARTICLES, 2}, w, g);
    for (int k = 0; status == OPTIM_OK && k < BURNT; ++k)
        status = step(opt, PARTICLES, &w[0][0], &g[0][0], 0, SAMPLES);
    optim_destroy(opt);
    for (int i = 0; i < PARTICLES; ++i)
        for (int k = 0; k < 2; ++k)
            draws[k][i] = w[i][k];
    return status == OPTIM_OK ? 0 : -1;
}

static int is_of_particles(int method) {
    return strcmp(METHODS[method].name, "svgd") == 0;
}

static int run(int method, double draws[2][CHAINS * DRAWS]) {
    const int failed = is_of_particles(method) ? run_particles(method, draws) : run_chains(method, draws);
    if (failed)
        fprintf(stderr, "%s\n", optim_error());
    return failed;
}

/* ---- Output ---- */

static double grid_point(double from, double to, int i) {
    return from + (to - from) * i / (GRID - 1);
}

/* Mean and deviation of both weights by sums over the grid. */
static void print_truth(void) {
    double mass = 0, sum[2] = {0}, square[2] = {0};
    for (int i = 0; i < GRID; ++i)
        for (int k = 0; k < GRID; ++k) {
            const double w[2] = {grid_point(LEFT, RIGHT, i), grid_point(LOW, HIGH, k)}, p = exp(-potential(w));
            mass += p;
            for (int j = 0; j < 2; ++j) {
                sum[j] += p * w[j];
                square[j] += p * w[j] * w[j];
            }
        }
    printf("%-15s", "truth");
    for (int j = 0; j < 2; ++j)
        printf(" %8.2f %6.2f", sum[j] / mass, sqrt(square[j] / mass - pow(sum[j] / mass, 2)));
    printf("\n");
}

static int print_method(int method) {
    static double draws[2][CHAINS * DRAWS];
    const int particles = is_of_particles(method);
    double worst = 0, fewest = INFINITY;
    if (run(method, draws) < 0)
        return -1;
    printf("%-15s", METHODS[method].name);
    for (int j = 0; j < 2; ++j) {
        optim_chains about = {.size = sizeof about};
        if (optim_chain_statistics(draws[j], particles ? 1 : CHAINS, particles ? PARTICLES : DRAWS, &about) < 0)
            return -1;
        printf(" %8.2f %6.2f", about.mean, about.deviation);
        worst = fmax(worst, about.r_hat);
        fewest = fmin(fewest, about.effective);
    }
    if (!particles)
        printf(" %8.0f %7.3f", fewest, worst);
    printf("\n");
    return 0;
}

static int print_table(void) {
    printf("%-15s %8s %6s %8s %6s %8s %7s\n", "", "mean w1", "sd", "mean w2", "sd", "ess", "r hat");
    print_truth();
    for (int m = 0; m < METHOD_COUNT; ++m)
        if (print_method(m) < 0)
            return -1;
    return 0;
}

static int print_draws(const char *name) {
    static double draws[2][CHAINS * DRAWS];
    for (int m = 0; m < METHOD_COUNT; ++m)
        if (strcmp(name, METHODS[m].name) == 0) {
            const int failed = run(m, draws), every = is_of_particles(m) ? 1 : 20;
            const int count = is_of_particles(m) ? PARTICLES : CHAINS * DRAWS;
            for (int i = 0; !failed && i < count; i += every)
                printf("%.4f %.4f\n", draws[0][i], draws[1][i]);
            return failed;
        }
    fprintf(stderr, "posterior: no draws of \"%s\"\n", name);
    return -1;
}

static void print_grid(void) {
    for (int i = 0; i < GRID; ++i, printf("\n"))
        for (int k = 0; k < GRID; ++k) {
            const double w[2] = {grid_point(LEFT, RIGHT, i), grid_point(LOW, HIGH, k)};
            printf("%.3f %.3f %.4f\n", w[0], w[1], -potential(w));
        }
}

int main(int argc, char **argv) {
    int failed = load();
    if (!failed && argc > 1 && strcmp(argv[1], "grid") == 0)
        print_grid();
    else if (!failed)
        failed = argc > 1 ? print_draws(argv[1]) : print_table();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
