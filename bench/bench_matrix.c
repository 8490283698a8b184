/* Steps of matrix methods on one matrix against products of that size as plain calls of the same BLAS. */
#define _GNU_SOURCE /* strdup, strtok_r */
#include <cblas.h>
#include <errno.h>
#include <optim/optim.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "measure.h"
#include "model.h"
#include "settings.h"
#include "subject.h"

static const char HELP[] =
    "Times a step on one matrix against products of matrices as plain calls of cblas_sgemm, in turns: those of the\n"
    "Newton-Schulz iterations of methods that have ns_steps; for others a pair, A = X X' and A X, r by c, r <= c.\n"
    "\n"
    "  -m, --methods LIST         \"name:options;name;...\" (muon)\n"
    "  -c, --case LIST            shapes: rows x columns (768x768,768x3072,3072x768,4096x1024,2048x2048)\n"
    "  -o, --options \"k=v,...\"    of all methods\n"
    "  -t, --threads LIST         1,2,... (1 and what OpenMP would use)\n"
    "  -r, --runs N               turns (11)\n"
    "      --seconds N            at most, for a line of the table; then there are fewer turns (2)\n"
    "      --csv FILE             writes the table there too\n"
    "\n"
    "GFLOP/s count those products, 4 r^2 c + 2 r^3 for each iteration and 4 r^2 c for the pair; share is the plain\n"
    "products' time over the step's, ratio the other way.\n";

static const char SHAPES[] = "768x768,768x3072,3072x768,4096x1024,2048x2048";

/* ---- The products alone ---- */

typedef struct products {
    int r, c;
    int iterations; /* of Newton and Schulz; 0: one pair */
    float *x, *next, *a, *b;
} products_t;

static void multiply(bool transpose, int m, int n, int k, const float *a, const float *b, float *out) {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, transpose ? CblasTrans : CblasNoTrans, m, n, k, 1, a, k, b,
                transpose ? k : n, 0, out, n);
}

static void run_products(void *context) {
    const products_t *p = context;
    for (int i = 0; i < p->iterations; ++i) {
        multiply(true, p->r, p->r, p->c, p->x, p->x, p->a);
        multiply(false, p->r, p->r, p->r, p->a, p->a, p->b);
        multiply(false, p->r, p->c, p->r, p->b, p->x, p->next);
    }
    if (p->iterations == 0) {
        multiply(true, p->r, p->r, p->c, p->x, p->x, p->a);
        multiply(false, p->r, p->c, p->r, p->a, p->x, p->next);
    }
}

static double products_flops(const products_t *p) {
    const double r = p->r, c = p->c;
    return p->iterations == 0 ? 4 * r * r * c : p->iterations * (4 * r * r * c + 2 * r * r * r);
}

static bool products_open(products_t *p, int64_t rows, int64_t columns, int threads) {
    p->r = (int)(rows < columns ? rows : columns);
    p->c = (int)(rows < columns ? columns : rows);
    const size_t long_side = (size_t)p->r * (size_t)p->c, square = (size_t)p->r * (size_t)p->r;
    p->x = (void *)buffer_numbers(OPTIM_F32, long_side, threads);
    p->next = (void *)buffer_zeros(long_side * sizeof(float), threads);
    p->a = (void *)buffer_zeros(square * sizeof(float), threads);
    p->b = (void *)buffer_zeros(square * sizeof(float), threads);
    return p->x != NULL && p->next != NULL && p->a != NULL && p->b != NULL;
}

static void products_close(products_t *p) {
    buffer_free(p->x);
    buffer_free(p->next);
    buffer_free(p->a);
    buffer_free(p->b);
}

/* Those of BLAS in this process; the library leaves them alone. */
static void set_blas_threads(int threads) {
    if (openblas_set_num_threads != NULL)
        openblas_set_num_threads(threads);
}

/* ---- Lines ---- */

typedef struct bench {
    settings_t settings;
    recipe_t recipe;
    char label[64], options[256]; /* the method as the command line has it; its options and those of all */
    FILE *csv;
    int failures;
} bench_t;

static void print_line(bench_t *bench, const char *shape, int threads, const samples_t *samples, double flops) {
    const spread_t step = measure_time(samples, 1), plain = measure_time(samples, 0),
                   share = measure_ratio(samples, 0, 1);
    printf("%-10s %-28s %7d %10.1f ms %8.1f %8.1f  %5.1f %%  %6.2f  %.1f to %.1f %%\n", shape, bench->label, threads,
           step.median / 1e6, flops / step.median, flops / plain.median, 100 * share.median, 1 / share.median,
           100 * share.low, 100 * share.high);
    fflush(stdout);
    if (bench->csv != NULL)
        fprintf(bench->csv, "%s,\"%s\",%d,%d,%.0f,%.2f,%.2f,%.4f,%.4f,%.4f\n", shape, bench->label, threads,
                samples->runs, step.median, flops / step.median, flops / plain.median, share.median, share.low,
                share.high);
}

static void complain(bench_t *bench, const char *sentence) {
    fprintf(stderr, "%s\n", sentence);
    ++bench->failures;
}

static void time_step(bench_t *bench, const char *shape, int threads, subject_t *subject, products_t *products) {
    double iterations = 0;
    samples_t samples;
    const contender_t contenders[] = {{run_products, products}, {subject_step, subject}};
    const measure_t how = {.one_thread = threads == 1,
                           .runs = bench->settings.runs,
                           .seconds = bench->settings.seconds,
                           .pause_ns = threads > 1 ? 5e7 : 0}; /* two runtimes whose threads wait by spinning */
    optim_get(subject->opt, 0, "ns_steps", &iterations);
    products->iterations = (int)iterations;
    set_blas_threads(threads);
    measure_run(&samples, &how, contenders, 2);
    if (subject->status == OPTIM_OK)
        print_line(bench, shape, threads, &samples, products_flops(products));
    else
        complain(bench, optim_error());
}

static void run_model(bench_t *bench, const char *shape, const model_t *model, int threads) {
    const int64_t *dims = model->shapes[0].dims;
    subject_t subject = {0};
    products_t products = {0};
    lent_t lent = {0};
    if (!lent_take(&lent, model, &bench->recipe, threads) || !products_open(&products, dims[0], dims[1], threads))
        complain(bench, "out of memory");
    else if (!subject_create(&subject, &bench->recipe, threads) || !subject_add(&subject, model, &bench->recipe, &lent))
        complain(bench, optim_error());
    else
        time_step(bench, shape, threads, &subject, &products);
    subject_destroy(&subject);
    products_close(&products);
    lent_free(&lent);
}

static void run_shape(bench_t *bench, const char *shape) {
    char *end;
    const long rows = strtol(shape, &end, 10), columns = *end == 'x' ? strtol(end + 1, &end, 10) : 0;
    model_t model = {0};
    if (*end != '\0' || rows < 1 || columns < 1 || rows > 65536 || columns > 65536) {
        fprintf(stderr, "--case: \"%s\" is not a shape such as 768x3072, sides up to 65536\n", shape);
        ++bench->failures;
        return;
    }
    if (!model_matrix(&model, rows, columns))
        complain(bench, "out of memory");
    for (int i = 0; i < bench->settings.thread_counts && model.tensors > 0; ++i)
        run_model(bench, shape, &model, bench->settings.threads[i]);
    model_free(&model);
}

static void run_shapes(bench_t *bench) {
    char *list = strdup(bench->settings.cases == NULL ? SHAPES : bench->settings.cases), *rest = list;
    for (char *shape; list != NULL && (shape = strtok_r(rest, ",", &rest)) != NULL;)
        run_shape(bench, shape);
    free(list);
}

/* All shapes for each of "name:options;name;...". */
static void run_methods(bench_t *bench) {
    char *list = strdup(bench->settings.methods == NULL ? "muon" : bench->settings.methods), *rest = list;
    printf("%-10s %-28s %7s %13s %8s %8s  %7s  %6s  %s\n", "shape", "method", "threads", "step", "GFLOP/s", "sgemm",
           "share", "ratio", "quartiles");
    for (char *spec; list != NULL && (spec = strtok_r(rest, ";", &rest)) != NULL;) {
        const char *common = bench->settings.options == NULL ? "" : bench->settings.options;
        char *colon = strchr(spec, ':'), *own = colon == NULL ? "" : colon + 1;
        snprintf(bench->label, sizeof bench->label, "%s", spec);
        snprintf(bench->options, sizeof bench->options, "%s%s%s", own, *own != '\0' && *common != '\0' ? "," : "",
                 common);
        if (colon != NULL)
            *colon = '\0';
        bench->recipe =
            (recipe_t){.method = spec, .options = bench->options, .dtype = OPTIM_F32, .grad_dtype = OPTIM_F32};
        run_shapes(bench);
    }
    free(list);
}

static bool open_csv(bench_t *bench) {
    if (bench->settings.csv == NULL)
        return true;
    bench->csv = fopen(bench->settings.csv, "w");
    if (bench->csv == NULL)
        fprintf(stderr, "%s: %s\n", bench->settings.csv, strerror(errno));
    else
        fputs("shape,method,threads,runs,ns_per_step,gflop_per_s,sgemm_gflop_per_s,share,share_low,share_high\n",
              bench->csv);
    return bench->csv != NULL;
}

int main(int argc, char **argv) {
    static bench_t bench;
    const int status = settings_parse(&bench.settings, HELP, argc, argv);
    if (status != SETTINGS_RUN)
        return status == SETTINGS_DONE ? 0 : 2;
    if (!open_csv(&bench))
        return 1;
    run_methods(&bench);
    const bool written = bench.csv == NULL || fclose(bench.csv) == 0;
    return written && bench.failures == 0 ? 0 : 1;
}
