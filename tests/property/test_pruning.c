/* mfac_static against the dense inverse of its Fisher matrix, and against the best of all single removals. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { M = 3, FIRST = 4, D = 7 };
static const double DAMPING = 1e-2;

static double gradient_of(size_t row, size_t i) {
    return sin(1.7 * (double)row + 0.9 * (double)i + 0.4 * (double)(row * i) + 0.3);
}
static double start_of(size_t i) {
    return cos(1.1 * (double)i + 0.2) + 0.5;
}

/* ---- The dense inverse ---- */

/* F on the coordinates with `kept`, cut to blocks of that many of them; the identity elsewhere. */
static void fisher(const int kept[D], size_t block, double f[D][D]) {
    size_t number[D], count = 0;
    for (size_t i = 0; i < D; ++i)
        number[i] = kept[i] ? count++ : 0;
    for (size_t i = 0; i < D; ++i)
        for (size_t j = 0; j < D; ++j) {
            const int together = kept[i] && kept[j] && (block == 0 || number[i] / block == number[j] / block);
            f[i][j] = i == j ? (kept[i] ? DAMPING : 1) : 0;
            for (size_t r = 0; together && r < M; ++r)
                f[i][j] += gradient_of(r, i) * gradient_of(r, j) / M;
        }
}

/* a <- its inverse, by Gauss and Jordan: a is positive definite. */
static void invert(double a[D][D]) {
    for (size_t k = 0; k < D; ++k) {
        const double pivot = a[k][k];
        a[k][k] = 1;
        for (size_t j = 0; j < D; ++j)
            a[k][j] /= pivot;
        for (size_t i = 0; i < D; ++i) {
            const double factor = a[i][k];
            if (i == k)
                continue;
            a[i][k] = 0;
            for (size_t j = 0; j < D; ++j)
                a[i][j] -= factor * a[k][j];
        }
    }
}

/* One step by the dense inverse: drops `drop` coordinates. */
static void prune(int kept[D], size_t block, size_t drop, double w[D]) {
    double f[D][D], t[D] = {0}, new_w[D];
    fisher(kept, block, f);
    invert(f);
    for (size_t n = 0; n < drop; ++n) {
        size_t least = D;
        for (size_t i = 0; i < D; ++i)
            if (kept[i] && t[i] == 0 && (least == D || w[i] * w[i] / f[i][i] < w[least] * w[least] / f[least][least]))
                least = i;
        t[least] = -w[least] / f[least][least];
    }
    for (size_t i = 0; i < D; ++i) {
        new_w[i] = w[i];
        for (size_t j = 0; kept[i] && j < D; ++j)
            new_w[i] += kept[j] ? f[i][j] * t[j] : 0;
    }
    for (size_t i = 0; i < D; ++i) {
        w[i] = t[i] != 0 ? 0 : new_w[i];
        kept[i] = kept[i] && t[i] == 0;
    }
}

/* ---- The method ---- */

typedef struct pruned {
    optim_t *opt;
    double w[D], g[M][D];
} pruned_t;

static void open(pruned_t *p, const char *options) {
    static const int64_t COUNTS[] = {FIRST, D - FIRST}, SHAPE[] = {M, D};
    CHECK_OK(optim_create(&p->opt, "mfac_static", options));
    for (size_t i = 0; i < D; ++i)
        p->w[i] = start_of(i);
    for (size_t r = 0; r < M; ++r)
        for (size_t i = 0; i < D; ++i)
            p->g[r][i] = gradient_of(r, i);
    CHECK_OK(optim_add_param(p->opt, 0, "a", OPTIM_F64, 1, &COUNTS[0], p->w, NULL));
    CHECK_OK(optim_add_param(p->opt, 0, "b", OPTIM_F64, 1, &COUNTS[1], p->w + FIRST, NULL));
    CHECK_OK(optim_set_input(p->opt, -1, "G", OPTIM_F64, 2, SHAPE, p->g));
}

static void test_dense(void **state) {
    (void)state;
    for (size_t block = 0; block <= 4; ++block)
        for (size_t drop = 1; drop <= 3; ++drop) {
            pruned_t p;
            int kept[D];
            double w[D];
            char *options = check_text("damping=%.17g,block=%zu,drop=%zu", DAMPING, block, drop);
            open(&p, options);
            for (size_t i = 0; i < D; ++i) {
                kept[i] = 1;
                w[i] = start_of(i);
            }
            for (size_t left = D; left >= drop; left -= drop) {
                CHECK_OK(optim_step(p.opt));
                prune(kept, block, drop, w);
                for (size_t i = 0; i < D; ++i) {
                    CHECK_CLOSE(p.w[i], w[i], 1e-12 / DAMPING);
                    assert_true(kept[i] || p.w[i] == 0);
                }
            }
            optim_destroy(p.opt);
            free(options);
        }
}

/* What the loss rises by, in the model with F, when w moves by `delta`. */
static double rise(const double delta[D]) {
    const int all[D] = {1, 1, 1, 1, 1, 1, 1};
    double f[D][D], sum = 0;
    fisher(all, 0, f);
    for (size_t i = 0; i < D; ++i)
        for (size_t j = 0; j < D; ++j)
            sum += delta[i] * f[i][j] * delta[j] / 2;
    return sum;
}

/* The first step is the cheapest way to bring any one coordinate to 0: no other coordinate, and no other move. */
static void test_best_removal(void **state) {
    (void)state;
    const int all[D] = {1, 1, 1, 1, 1, 1, 1};
    double f[D][D], delta[D], gone = 0;
    pruned_t p;
    open(&p, "damping=0.01");
    CHECK_OK(optim_step(p.opt));
    for (size_t i = 0; i < D; ++i) {
        delta[i] = p.w[i] - start_of(i);
        gone += p.w[i] == 0;
    }
    assert_true(gone == 1);
    const double cost = rise(delta);
    fisher(all, 0, f);
    invert(f);
    for (size_t i = 0; i < D; ++i)
        CHECK_AT_MOST(cost, start_of(i) * start_of(i) / (2 * f[i][i]) * (1 + 1e-12));
    for (size_t i = 0; i < D; ++i) {
        const double keep = delta[i];
        delta[i] += p.w[i] == 0 ? 0 : 1e-3;
        CHECK_AT_MOST(cost, rise(delta));
        delta[i] = keep;
    }
    optim_destroy(p.opt);
}

/* A frozen tensor neither moves nor counts: what is left is what a handle without it does. Zeros are put back. */
static void test_frozen(void **state) {
    (void)state;
    static const int64_t COUNT = FIRST, SHAPE[] = {M, FIRST};
    double alone[FIRST], g[M][FIRST];
    pruned_t p;
    optim_t *opt;
    open(&p, "damping=0.01,drop=2");
    CHECK_OK(optim_freeze(p.opt, 1, 1));
    for (size_t i = 0; i < FIRST; ++i) {
        alone[i] = start_of(i);
        for (size_t r = 0; r < M; ++r)
            g[r][i] = gradient_of(r, i);
    }
    CHECK_OK(optim_create(&opt, "mfac_static", "damping=0.01,drop=2"));
    CHECK_OK(optim_add_param(opt, 0, "a", OPTIM_F64, 1, &COUNT, alone, NULL));
    CHECK_OK(optim_set_input(opt, -1, "G", OPTIM_F64, 2, SHAPE, g));
    CHECK_OK(optim_step(p.opt));
    CHECK_OK(optim_step(opt));
    for (size_t i = 0; i < D; ++i)
        CHECK_CLOSE(p.w[i], i < FIRST ? alone[i] : start_of(i), 1e-12);
    int dropped[FIRST];
    for (size_t i = 0; i < FIRST; ++i) {
        dropped[i] = p.w[i] == 0;
        p.w[i] = 2;
    }
    CHECK_OK(optim_set(p.opt, 0, "drop", 0));
    CHECK_OK(optim_step(p.opt));
    for (size_t i = 0; i < FIRST; ++i)
        CHECK_CLOSE(p.w[i], dropped[i] ? 0 : 2, 1e-14);
    optim_destroy(p.opt);
    optim_destroy(opt);
}

/* Equal scores go to the lower index; two equal gradients, which leave G G' singular, do no harm. */
static void test_ties(void **state) {
    (void)state;
    static const int64_t COUNT = 4, SHAPE[] = {2, 4};
    double w[] = {1, 1, 1, 1}, g[2][4] = {{1e8, 1e8, 1e8, 1e8}, {1e8, 1e8, 1e8, 1e8}};
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "mfac_static", "drop=2,window=2,damping=1e-5"));
    CHECK_OK(optim_add_param(opt, 0, "w", OPTIM_F64, 1, &COUNT, w, NULL));
    CHECK_OK(optim_set_input(opt, -1, "G", OPTIM_F64, 2, SHAPE, g));
    CHECK_OK(optim_step(opt));
    assert_true(w[0] == 0 && w[1] == 0 && isfinite(w[2]) && w[2] == w[3] && w[2] != 0);
    optim_destroy(opt);
}

static void test_refusals(void **state) {
    (void)state;
    static const int64_t NARROW[] = {M, D - 1}, FLAT[] = {D}, RIGHT[] = {M, D};
    pruned_t p;
    open(&p, "window=2");
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "window=");
    optim_destroy(p.opt);
    open(&p, "");
    CHECK_OK(optim_set_input(p.opt, -1, "G", OPTIM_F64, 2, NARROW, p.g));
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "a column for each element");
    CHECK_OK(optim_set_input(p.opt, -1, "G", OPTIM_F64, 1, FLAT, p.g));
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "a column for each element");
    CHECK_OK(optim_set_input(p.opt, -1, "G", OPTIM_F64, 2, RIGHT, p.g));
    p.g[1][2] = NAN;
    CHECK_REFUSED(optim_step(p.opt), OPTIM_ERR_SHAPE, "1e100");
    p.g[1][2] = 1;
    CHECK_OK(optim_step(p.opt));
    optim_destroy(p.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense), cmocka_unit_test(test_best_removal), cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_ties),  cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
