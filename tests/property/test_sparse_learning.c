/* Sparse solutions: how fast, and which, for penalties that are concave, conjugate directions, and dictionaries. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "solve.h"
#include "sums.h"

static double shrink(double v, double by) {
    return v > by ? v - by : v < -by ? v + by : 0;
}

/* ---- nonconvex_ag ---- */

typedef struct penalty {
    const char *name;
    double lam, shape;
    int steps, plain; /* steps to a prox-gradient of 1e-8, and those of proximal gradients */
} penalty_t;

/* What the penalty adds to lam |x|, differentiated. */
static double concave_slope(const penalty_t *p, double x) {
    const double size = fabs(x), lam = p->lam;
    const double bend =
        strcmp(p->name, "scad") == 0 ? (size <= lam ? 0 : (lam - size) / (p->shape - 1)) : -size / p->shape;
    return fmax(bend, -lam) * ((x > 0) - (x < 0));
}

/* A step of proximal gradients; returns the length of the prox-gradient. */
static double prox_gradient(const sum_t *f, const penalty_t *p, double step, double *x) {
    double g[SUM_D], square = 0;
    (void)sum_whole(f, x, g);
    for (int j = 0; j < SUM_D; ++j) {
        const double next = shrink(x[j] - step * (g[j] + concave_slope(p, x[j])), step * p->lam);
        square += (next - x[j]) * (next - x[j]);
        x[j] = next;
    }
    return sqrt(square) / step;
}

/* The momentum helps as long as the penalty is not too concave. */
static void test_concave_penalties(void **state) {
    (void)state;
    static const penalty_t PENALTIES[] = {
        {"scad", 0.02, 3.7, 21, 36}, {"scad", 0.05, 3.7, 21, 39}, {"mcp", 0.02, 2, 26, 42}, {"mcp", 0.05, 2, 42, 24}};
    const sum_t f = sum_make(SQUARES, 0);
    for (size_t i = 0; i < sizeof PENALTIES / sizeof *PENALTIES; ++i) {
        const penalty_t *p = &PENALTIES[i];
        const double step = 0.99 / fmax(f.L, strcmp(p->name, "scad") == 0 ? 1 / (p->shape - 1) : 1 / p->shape);
        char *options = check_text("penalty=%s,lam=%g,L=%.17g", p->name, p->lam, f.L);
        double x[SUM_D], y[SUM_D];
        descent_t r;
        int steps = 0, plain = 0;
        descent_open(&r, &f, "nonconvex_ag", options, 1);
        memcpy(y, r.x, sizeof y);
        do {
            descent_step(&r);
            CHECK_OK(optim_output(r.opt, 0, x));
            ++steps;
        } while (steps < 500 && prox_gradient(&f, p, step, x) > 1e-8);
        do
            ++plain;
        while (plain < 500 && prox_gradient(&f, p, step, y) > 1e-8);
        assert_in_range(steps, p->steps - 1, p->steps + 1);
        assert_in_range(plain, p->plain, p->plain + 1); /* it looks one step ahead */
        optim_destroy(r.opt);
        free(options);
    }
}

/* ---- prox_ncg ---- */

static double lasso(const sum_t *f, double lam, const double *x) {
    double g[SUM_D], value = sum_whole(f, x, g);
    for (int j = 0; j < SUM_D; ++j)
        value += lam * fabs(x[j]);
    return value;
}

/* It never rises, and ends where proximal gradients do. */
static void test_conjugate_directions(void **state) {
    (void)state;
    static const double LAM = 0.05, STEP = 0.5;
    static const penalty_t L1 = {"mcp", 0.05, 1e300, 0, 0};
    const sum_t f = sum_make(SQUARES, 0.1);
    double y[SUM_D] = {0}, before = INFINITY;
    while (prox_gradient(&f, &L1, STEP, y) > 1e-12)
        continue;
    descent_t r;
    descent_open(&r, &f, "prox_ncg", "lr=0.5,lam=0.05", 1);
    for (int steps = 0; steps < 100; ++steps) {
        const double value = lasso(&f, LAM, r.x);
        CHECK_AT_MOST(value, before + 1e-15);
        before = value;
        descent_step(&r);
    }
    CHECK_AT_MOST(sum_distance(r.x, y), 1e-16);
    optim_destroy(r.opt);
}

/* ---- hyperlista ---- */

enum { ROWS = 40, COLUMNS = 60 };

/* A dictionary of random directions, and a code of four entries for b. */
static void make_code(double *a, double *b, double *code) {
    uint64_t stream = 3;
    for (int k = 0; k < ROWS * COLUMNS; ++k)
        a[k] = solve_normal(&stream);
    for (int j = 0; j < COLUMNS; ++j) {
        double square = 0;
        for (int i = 0; i < ROWS; ++i)
            square += a[i * COLUMNS + j] * a[i * COLUMNS + j];
        for (int i = 0; i < ROWS; ++i)
            a[i * COLUMNS + j] /= sqrt(square);
    }
    memset(code, 0, COLUMNS * sizeof *code);
    code[4] = 1;
    code[17] = -0.8;
    code[33] = 0.6;
    code[50] = 1.2;
    for (int i = 0; i < ROWS; ++i) {
        b[i] = 0;
        for (int j = 0; j < COLUMNS; ++j)
            b[i] += a[i * COLUMNS + j] * code[j];
    }
}

static double layers(const char *options, int count) {
    static double a[ROWS * COLUMNS], b[ROWS], code[COLUMNS];
    double square = 0;
    solve_t s = {.d = 0};
    make_code(a, b, code);
    CHECK_OK(optim_create(&s.opt, "hyperlista", options));
    solve_add(&s, "x", COLUMNS, 0);
    CHECK_OK(optim_set_input(s.opt, -1, "A", OPTIM_F64, 2, (int64_t[]){ROWS, COLUMNS}, a));
    CHECK_OK(optim_set_input(s.opt, -1, "b", OPTIM_F64, 1, (int64_t[]){ROWS}, b));
    solve_steps(&s, count);
    for (int j = 0; j < COLUMNS; ++j)
        square += (s.x[j] - code[j]) * (s.x[j] - code[j]);
    optim_destroy(s.opt);
    return sqrt(square);
}

/* With constants that suit the dictionary the number of right digits grows ever faster, and the code is exact. */
static void test_layers(void **state) {
    (void)state;
    static const char SUITED[] = "lr=0.4,c1=0.1,c2=0.05,c3=2";
    CHECK_AT_MOST(layers(SUITED, 16), 1e-2);
    CHECK_AT_MOST(layers(SUITED, 30), 1e-5);
    CHECK_AT_MOST(layers(SUITED, 50), 1e-10);
    CHECK_AT_MOST(layers(SUITED, 100), 1e-14);
}

/* ---- odl_frank_wolfe ---- */

enum { SIDE = 4, SAMPLES = 200 };

/* The largest singular value, by powers. */
static double spectral_norm(const double *d) {
    double v[SIDE] = {1, 0.7, -0.4, 0.9}, norm = 0;
    for (int round = 0; round < 500; ++round) {
        double u[SIDE] = {0}, w[SIDE] = {0};
        norm = 0;
        for (int i = 0; i < SIDE; ++i)
            for (int j = 0; j < SIDE; ++j)
                u[i] += d[i * SIDE + j] * v[j];
        for (int j = 0; j < SIDE; ++j) {
            for (int i = 0; i < SIDE; ++i)
                w[j] += d[i * SIDE + j] * u[i];
            norm += w[j] * w[j];
        }
        norm = sqrt(norm);
        for (int j = 0; j < SIDE; ++j)
            v[j] = w[j] / norm;
    }
    return sqrt(norm);
}

/* Samples that are sparse in an orthogonal dictionary: it is found, up to signs and order, and D never leaves the
 * ball. */
static void test_dictionary(void **state) {
    (void)state;
    static double samples[SIDE * SAMPLES];
    uint64_t stream = 5;
    double turned[SIDE * SIDE], length = 0; /* a reflection */
    for (int i = 0; i < SIDE; ++i)
        length += sin(i + 1.0) * sin(i + 1.0);
    for (int i = 0; i < SIDE; ++i)
        for (int j = 0; j < SIDE; ++j)
            turned[i * SIDE + j] = (i == j) - 2 * sin(i + 1.0) * sin(j + 1.0) / length;
    for (int k = 0; k < SAMPLES; ++k)
        for (int j = 0; j < SIDE; ++j) {
            const double entry = solve_uniform(&stream) < 0.3 ? solve_normal(&stream) : 0;
            for (int i = 0; i < SIDE; ++i)
                samples[i * SAMPLES + k] += turned[i * SIDE + j] * entry;
        }
    solve_t s = {.d = 0};
    CHECK_OK(optim_create(&s.opt, "odl_frank_wolfe", "batch=50"));
    solve_add(&s, "D", SIDE, SIDE);
    for (int i = 0; i < SIDE * SIDE; ++i)
        s.x[i] = i % (SIDE + 1) == 0;
    CHECK_OK(optim_set_input(s.opt, -1, "samples", OPTIM_F64, 2, (int64_t[]){SIDE, SAMPLES}, samples));
    for (int t = 0; t < 400; ++t) {
        solve_steps(&s, 1);
        if (t % 20 == 0)
            CHECK_AT_MOST(spectral_norm(s.x), 1 + 1e-12);
    }
    for (int j = 0; j < SIDE; ++j) {
        double best = 0;
        for (int k = 0; k < SIDE; ++k) {
            double product = 0;
            for (int i = 0; i < SIDE; ++i)
                product += s.x[i * SIDE + j] * turned[i * SIDE + k];
            best = fmax(best, fabs(product));
        }
        CHECK_CLOSE(best, 1, 0.05);
    }
    optim_destroy(s.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_concave_penalties),
        cmocka_unit_test(test_conjugate_directions),
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_dictionary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
