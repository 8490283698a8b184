/* Times 50 million steps on zero gradients: no part of the way on which moments decay to nothing may be slow. */
#define _GNU_SOURCE
#include <math.h>
#include <optim/optim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ELEMENTS = 16, BLOCKS = 5000, STEPS = 10000 };

static const char *const METHODS[][2] = {{"adamw", NULL}, {"sgd", "momentum=0.9"}, {"rmsprop", NULL}};

/* Of this thread, so that it does not matter who else runs. */
static double now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

/* The two averages of Adam as anyone would write them. */
static void plain_step(float *m, float *v, const float *g) {
    for (size_t i = 0; i < ELEMENTS; ++i) {
        m[i] = 0.9F * m[i] + 0.1F * g[i];
        v[i] = 0.999F * v[i] + 0.001F * g[i] * g[i];
    }
}

static int by_value(const void *a, const void *b) {
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* `block` holds ns a step in the order of time; the slowest is the median of the slowest hundredth. */
static void print_row(const char *name, double *block) {
    const double first = block[1];
    qsort(block, BLOCKS, sizeof *block, by_value);
    const double median = block[BLOCKS / 2], slow = block[BLOCKS - BLOCKS / 200];
    printf("%-18s %12.1f %12.1f %12.1f %10.2f\n", name, first, median, slow, slow / median);
}

static int run(const char *algorithm, const char *options, double *block) {
    float p[ELEMENTS], g[ELEMENTS];
    const int64_t dims[] = {ELEMENTS};
    optim_t *opt;
    for (size_t i = 0; i < ELEMENTS; ++i) {
        p[i] = 1;
        g[i] = (float)ldexp(1, -(int)i * 2);
    }
    optim_status status = optim_create(&opt, algorithm, options);
    if (status == OPTIM_OK)
        status = optim_add_param(opt, 0, "p", OPTIM_F32, 1, dims, p, g);
    if (status == OPTIM_OK)
        status = optim_step(opt);
    memset(g, 0, sizeof g);
    for (int b = 0; status == OPTIM_OK && b < BLOCKS; ++b) {
        const double start = now_ns();
        for (int step = 0; status == OPTIM_OK && step < STEPS; ++step)
            status = optim_step(opt);
        block[b] = (now_ns() - start) / STEPS;
    }
    if (status != OPTIM_OK)
        fprintf(stderr, "%s: %s\n", algorithm, optim_error());
    optim_destroy(opt);
    return status == OPTIM_OK;
}

static void run_plain(double *block) {
    float m[ELEMENTS] = {0}, v[ELEMENTS] = {0}, g[ELEMENTS];
    for (size_t i = 0; i < ELEMENTS; ++i)
        g[i] = (float)ldexp(1, -(int)i * 2);
    plain_step(m, v, g);
    memset(g, 0, sizeof g);
    for (int b = 0; b < BLOCKS; ++b) {
        const double start = now_ns();
        for (int step = 0; step < STEPS; ++step) {
            plain_step(m, v, g);
            __asm__ volatile("" ::"r"(m), "r"(v) : "memory"); /* every step is taken */
        }
        block[b] = (now_ns() - start) / STEPS;
    }
}

int main(void) {
    static double block[BLOCKS];
    printf("%d steps of %d elements, all but the first on zero gradients, in blocks of %d; ns a step\n", BLOCKS * STEPS,
           (int)ELEMENTS, (int)STEPS);
    printf("%-18s %12s %12s %12s %10s\n", "", "at first", "median", "99.5 %", "ratio");
    for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; ++i) {
        if (!run(METHODS[i][0], METHODS[i][1], block))
            return 1;
        print_row(METHODS[i][0], block);
    }
    run_plain(block);
    print_row("plain averages", block);
    return 0;
}
