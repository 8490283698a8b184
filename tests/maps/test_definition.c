/* What maps are by definition: the nearest points, minima of penalties, minima of inner products. */
#include <math.h>
#include <string.h>

#include "apply.h"

/* ---- Convex ---- */

typedef struct convex {
    const char *map;
    double step;
    int rows;
} convex_t;

static const convex_t CONVEX[] = {
    {"prox_l1(lam=0.5)", 0.8, 0},
    {"prox_nonneg_l1(lam=0.5)", 0.8, 0},
    {"prox_l2sq(lam=0.7)", 0.5, 0},
    {"prox_elastic_net(lam=0.3,lam2=0.6)", 0.9, 0},
    {"prox_l2(lam=1.5)", 1, 0},
    {"prox_linf(lam=2)", 0.9, 0},
    {"prox_group_l2(lam=0.8,group=5)", 1, 0},
    {"prox_group_l2(lam=0.4,group=4,weighted=1)", 1, 0},
    {"prox_nuclear(lam=0.9)", 0.8, 3},
    {"prox_nuclear(lam=0.9)", 0.8, 6},
    {"prox_wgsef(lam=0.6,k=2)", 0.7, 0},
    {"proj_simplex(radius=3.5)", 0, 0},
    {"proj_l1_ball(radius=2)", 0, 0},
    {"proj_l2_ball(radius=1.5)", 0, 0},
    {"proj_box(lo=-0.5,hi=1)", 0, 0},
    {"proj_nonneg", 0, 0},
    {"proj_halfspace(offset=-1)", 0, 0},
    {"proj_hyperplane(offset=1)", 0, 0},
    {"proj_nuclear_ball(radius=2)", 0, 4},
    {"proj_consensus(group=5)", 0, 0},
    {"proj_sum(group=4)", 0, 0},
};
enum { CONVEX_COUNT = sizeof CONVEX / sizeof *CONVEX, PAIRS = 10000 };

/* |P(v) - P(w)|^2 <= <P(v) - P(w), v - w> */
static void test_firmly_nonexpansive(void **state) {
    (void)state;
    for (int m = 0; m < CONVEX_COUNT; ++m)
        for (uint64_t pair = 0; pair < PAIRS; ++pair) {
            double v[D], w[D], pv[D], pw[D], between[D];
            fill(2 * pair, 3, v);
            fill(2 * pair + 1, 3, w);
            memcpy(pv, v, sizeof pv);
            memcpy(pw, w, sizeof pw);
            apply(CONVEX[m].map, CONVEX[m].step, CONVEX[m].rows, pv);
            apply(CONVEX[m].map, CONVEX[m].step, CONVEX[m].rows, pw);
            for (int i = 0; i < D; ++i)
                between[i] = pv[i] - pw[i];
            const double moved = distance2(pv, pw), along = inner_product(between, v) - inner_product(between, w);
            if (!(moved <= along + 1e-12))
                fail_msg("%s: %g > %g in pair %d", CONVEX[m].map, moved, along, (int)pair);
        }
}

/* The prox's objective is no larger at nearby points: step r(x) + |x - v|^2 / 2. */
static void test_minimises_its_objective(void **state) {
    (void)state;
    for (int m = 0; m < CONVEX_COUNT; ++m)
        for (uint64_t stream = 0; stream < 60; ++stream) {
            double v[D], p[D], near[D];
            const double step = CONVEX[m].step > 0 ? CONVEX[m].step : 1;
            fill(stream, 2, v);
            memcpy(p, v, sizeof p);
            apply(CONVEX[m].map, step, CONVEX[m].rows, p);
            const double least = step * value_of(CONVEX[m].map, CONVEX[m].rows, p) + distance2(p, v) / 2;
            assert_true(isfinite(least));
            for (uint64_t other = 0; other < 20; ++other) {
                fill(1000 * stream + other, other % 2 == 0 ? 1e-3 : 0.3, near);
                for (int i = 0; i < D; ++i)
                    near[i] += p[i];
                const double there = step * value_of(CONVEX[m].map, CONVEX[m].rows, near) + distance2(near, v) / 2;
                if (!(there >= least - 1e-12))
                    fail_msg("%s: %.17g < %.17g", CONVEX[m].map, there, least);
            }
        }
}

/* v = prox_{tau r}(v) + tau prox_{r* / tau}(v / tau): what is left is the projection onto the dual norm's ball. */
static void check_moreau(const char *prox, const char *ball, int rows) {
    const double tau = 0.4;
    for (uint64_t stream = 0; stream < 100; ++stream) {
        double v[D], p[D], dual[D];
        fill(stream, 3, v);
        memcpy(p, v, sizeof p);
        for (int i = 0; i < D; ++i)
            dual[i] = v[i] / tau;
        apply(prox, tau, rows, p);
        apply(ball, 0, rows, dual);
        for (int i = 0; i < D; ++i)
            CHECK_CLOSE(p[i] + tau * dual[i], v[i], 1e-13);
    }
}

static void test_moreau(void **state) {
    (void)state;
    check_moreau("prox_l1(lam=2)", "proj_box(lo=-2,hi=2)", 0);
    check_moreau("prox_linf(lam=2)", "proj_l1_ball(radius=2)", 0);
    check_moreau("prox_l2(lam=2)", "proj_l2_ball(radius=2)", 0);
}

/* ---- Of one number ---- */

/* The objective at the result is no worse than on a grid. */
static void check_grid(const char *map, double step) {
    enum { POINTS = 100000 };
    static const int64_t ONE[] = {1};
    for (double v = -3; v <= 3; v += 0.473) {
        double x = v, penalty, least;
        CHECK_OK(optim_map_apply(map, step, OPTIM_F64, 1, ONE, &x));
        CHECK_OK(optim_map_value(map, OPTIM_F64, 1, ONE, &x, &penalty));
        least = step * penalty + (x - v) * (x - v) / 2;
        for (int i = 0; i <= POINTS; i += 97) {
            const double y = -4 + 8.0 * i / POINTS;
            CHECK_OK(optim_map_value(map, OPTIM_F64, 1, ONE, &y, &penalty));
            if (!(step * penalty + (y - v) * (y - v) / 2 >= least - 1e-12))
                fail_msg("%s of %g is %g, and %g is better", map, v, x, y);
        }
    }
}

static void test_grid(void **state) {
    (void)state;
    check_grid("prox_l1(lam=0.5)", 0.8);
    check_grid("prox_nonneg_l1(lam=0.5)", 0.8);
    check_grid("prox_l2sq(lam=0.5)", 0.8);
    check_grid("prox_elastic_net(lam=0.5,lam2=0.3)", 0.8);
    check_grid("prox_l0(lam=0.3)", 0.7);
    check_grid("prox_nonneg_l0(lam=0.3)", 0.7);
    check_grid("prox_scad(lam=0.4)", 0.9);
    check_grid("prox_scad(lam=0.4,a=2.5)", 1.4);
    check_grid("prox_mcp(lam=0.5,gamma=2.5)", 0.8);
}

/* ---- Sets that are not convex ---- */

/* The result lies in the set, and no nearer point of it is found: those are other projections, moved at random. */
static void check_nearest(const char *map) {
    for (uint64_t stream = 0; stream < 40; ++stream) {
        double v[D], p[D], other[D];
        fill(stream, 2, v);
        memcpy(p, v, sizeof p);
        apply(map, 0, 0, p);
        if (value_of(map, 0, p) != 0)
            fail_msg("%s %d: not in the set", map, (int)stream);
        for (uint64_t trial = 0; trial < 300; ++trial) {
            fill(10000 * stream + trial, trial % 2 == 0 ? 0.2 : 2, other);
            for (int i = 0; i < D; ++i)
                other[i] += trial % 4 < 2 ? p[i] : v[i];
            apply(map, 0, 0, other);
            if (!(distance2(other, v) >= distance2(p, v) - 1e-9))
                fail_msg("%s: %.12g away, and a point only %.12g", map, distance2(p, v), distance2(other, v));
        }
    }
}

static void test_nearest(void **state) {
    (void)state;
    check_nearest("proj_dot(group=3)");
    check_nearest("proj_dot(group=5)");
    check_nearest("proj_sum_relu(group=3)");
    check_nearest("proj_sum_relu(group=4)");
    check_nearest("proj_max(group=4)");
    check_nearest("proj_max(group=6)");
    check_nearest("proj_grid(cell=0.5)");
    check_nearest("abs_topk(k=4)");
    check_nearest("topk_relu(k=4)");
}

/* Where the equation of proj_dot has no root inside. */
static void test_dot_at_its_ends(void **state) {
    (void)state;
    double plus[D] = {1, -1, 3}, minus[D] = {1, 1, -3}; /* a + b = 0, a - b = 0 */
    static const int64_t THREE[] = {3};
    CHECK_OK(optim_map_apply("proj_dot", 0, OPTIM_F64, 1, THREE, plus));
    CHECK_CLOSE(plus[2], 2, 1e-15);
    CHECK_CLOSE(plus[0] * plus[1], 2, 1e-14);
    CHECK_OK(optim_map_apply("proj_dot", 0, OPTIM_F64, 1, THREE, minus));
    CHECK_CLOSE(minus[2], -2, 1e-15);
    CHECK_CLOSE(minus[0] * minus[1], -2, 1e-14);
}

/* ---- Linear minimisation ---- */

/* <g, s> is no larger than at random points of the set, which `project` finds. */
static void check_oracle(const char *oracle, const char *project, int rows) {
    for (uint64_t stream = 0; stream < 100; ++stream) {
        double g[D], s[D], y[D];
        fill(stream, 2, g);
        memcpy(s, g, sizeof s);
        apply(oracle, 0, rows, s);
        if (project != NULL)
            assert_true(value_of(project, rows, s) == 0);
        for (uint64_t trial = 0; trial < 100; ++trial) {
            fill(1000 * stream + trial, 2, y);
            if (project != NULL)
                apply(project, 0, rows, y);
            if (!(inner_product(g, s) <= inner_product(g, y) + 1e-12))
                fail_msg("%s: %g > %g", oracle, inner_product(g, s), inner_product(g, y));
        }
    }
}

static void test_oracles(void **state) {
    (void)state;
    check_oracle("lmo_l1(radius=2)", "proj_l1_ball(radius=2)", 0);
    check_oracle("lmo_simplex(radius=1.5)", "proj_simplex(radius=1.5)", 0);
    check_oracle("lmo_l2(radius=0.7)", "proj_l2_ball(radius=0.7)", 0);
    check_oracle("lmo_linf(radius=1.2)", "proj_box(lo=-1.2,hi=1.2)", 0);
    check_oracle("lmo_nuclear(radius=2)", "proj_nuclear_ball(radius=2)", 3);
    check_oracle("lmo_ksparse(radius=1,k=12)", "proj_box(lo=-1,hi=1)", 0);
    check_oracle("lmo_ksparse(radius=1,k=1)", "proj_l1_ball(radius=1)", 0);
}

/* lmo_spectral: all singular values are the radius, and <g, s> is minus the radius times the nuclear norm. */
static void test_spectral_oracle(void **state) {
    (void)state;
    for (int rows = 1; rows <= 6; rows += rows < 4 ? 1 : 2) {
        double g[D], s[D];
        fill((uint64_t)rows, 2, g);
        memcpy(s, g, sizeof s);
        apply("lmo_spectral(radius=1.5)", 0, rows, s);
        CHECK_CLOSE(inner_product(g, s), -1.5 * value_of("prox_nuclear", rows, g), 1e-13);
        const int shorter = rows < D / rows ? rows : D / rows;
        CHECK_CLOSE(inner_product(s, s), 2.25 * shorter, 1e-13);
        CHECK_CLOSE(value_of("prox_nuclear", rows, s), 1.5 * shorter, 1e-13);
    }
}

/* ---- Signs and ties ---- */

static void test_signs(void **state) {
    (void)state;
    double v[D], w[D], positive[D] = {0};
    fill(5, 2, v);
    for (int i = 0; i < D; ++i)
        w[i] = -v[i];
    memcpy(positive, v, sizeof positive);
    apply("topk_relu(k=9)", 1, 0, positive);
    apply("abs_topk(k=9)", 1, 0, v);
    apply("abs_topk(k=9)", 1, 0, w);
    for (int i = 0; i < D; ++i) {
        assert_true(v[i] == -w[i]);
        assert_true(positive[i] >= 0);
    }
}

static void test_ties(void **state) {
    (void)state;
    double v[D] = {1, -1, 1, 1, -1, 0, 0, 0, 1, 1, 1, 1}, g[D] = {0, -3, 3, 3};
    apply("abs_topk(k=3)", 1, 0, v);
    const double first[D] = {1, -1, 1};
    assert_memory_equal(v, first, sizeof first);
    apply("lmo_l1(radius=2)", 1, 0, g);
    const double vertex[D] = {0, 2};
    assert_memory_equal(g, vertex, sizeof vertex);
    double zero[D] = {0};
    apply("prox_l2(lam=1)", 1, 0, zero);
    apply("lmo_l2(radius=1)", 1, 0, zero);
    apply("prox_nuclear(lam=1)", 1, 3, zero);
    apply("lmo_spectral", 1, 3, zero);
    for (int i = 0; i < D; ++i)
        assert_true(zero[i] == 0);
    double tie[D] = {2, -2};
    apply("prox_l0(lam=2)", 1, 0, tie);
    assert_true(tie[0] == 0 && tie[1] == 0);
}

/* prox_wgsef: the penalty of a point of k groups is their squares; more weight never makes a group longer. */
static void test_envelope(void **state) {
    (void)state;
    double sparse[D] = {1, 2, -2}, longer[D], shorter[D];
    CHECK_CLOSE(value_of("prox_wgsef(lam=2,k=1)", 0, sparse), sqrt(3) * 9, 1e-14);
    fill(3, 2, longer);
    memcpy(shorter, longer, sizeof shorter);
    apply("prox_wgsef(lam=0.2,k=2)", 1, 0, longer);
    apply("prox_wgsef(lam=0.9,k=2)", 1, 0, shorter);
    for (int i = 0; i < D; ++i)
        assert_true(fabs(shorter[i]) <= fabs(longer[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_firmly_nonexpansive),
        cmocka_unit_test(test_minimises_its_objective),
        cmocka_unit_test(test_moreau),
        cmocka_unit_test(test_grid),
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_dot_at_its_ends),
        cmocka_unit_test(test_oracles),
        cmocka_unit_test(test_spectral_oracle),
        cmocka_unit_test(test_signs),
        cmocka_unit_test(test_ties),
        cmocka_unit_test(test_envelope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
