/* Methods that evaluate nothing: points in several sets, strengths of players, entries of a matrix. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* ---- feasibility ---- */

enum { D = 6, MOST = 5000 };

/* Steps until the answer is within 1e-10 of both sets; MOST: never. */
static int steps_to_meet(const char *scheme, const char *sets) {
    const int64_t d = D;
    double x[D], gap = 1;
    int steps = 0;
    optim_t *opt;
    char *options = check_text("scheme=%s,relax=0.5,%s", scheme, sets);
    for (int i = 0; i < D; ++i)
        x[i] = 2 * sin(1 + 1.3 * i);
    CHECK_OK(optim_create(&opt, "feasibility", options));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &d, x, NULL));
    for (; steps < MOST && gap > 1e-10; ++steps) {
        CHECK_OK(optim_step(opt));
        CHECK_OK(optim_get(opt, 0, "gap", &gap));
    }
    optim_destroy(opt);
    free(options);
    return steps;
}

static void test_steps_to_meet(void **state) {
    (void)state;
    static const struct {
        const char *sets;
        int cyclic, dr, difference_map;
    } CASES[] = {
        {"map_a=proj_box,a_lo=-0.5,a_hi=1,map_b=proj_hyperplane,b_offset=2", 30, 4, 5},
        {"map_a=proj_l2_ball,map_b=proj_hyperplane,b_offset=2.4249948453553463", 916, 83, 101},
        {"map_a=proj_l2_ball,map_b=proj_hyperplane,b_offset=2.449489742783178", MOST, 19, 16},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i) {
        const int got[] = {steps_to_meet("cyclic", CASES[i].sets), steps_to_meet("dr", CASES[i].sets),
                           steps_to_meet("difference_map", CASES[i].sets)};
        const int want[] = {CASES[i].cyclic, CASES[i].dr, CASES[i].difference_map};
        for (int k = 0; k < 3; ++k)
            if (abs(got[k] - want[k]) > 1 + want[k] / 100)
                fail_msg("case %zu, scheme %d: %d steps, not %d", i, k, got[k], want[k]);
    }
}

static void test_sets_are_named(void **state) {
    (void)state;
    const int64_t d = 2;
    double x[2] = {1, 2}, value;
    optim_t *opt;
    CHECK_REFUSED(optim_create(&opt, "feasibility", "sets=3"), OPTIM_ERR_VALUE, "two sets");
    CHECK_REFUSED(optim_create(&opt, "feasibility", "scheme=cyclic,sets=3"), OPTIM_ERR_VALUE,
                  "every set has a projection");
    CHECK_REFUSED(optim_create(&opt, "feasibility", "beta=0"), OPTIM_ERR_VALUE, "beta");
    CHECK_REFUSED(optim_create(&opt, "feasibility", "map_a=proj_box,map_b=proj_box,lo=0"), OPTIM_ERR_OPTION, "lo");
    CHECK_OK(optim_create(&opt, "feasibility", "map_a=proj_box,map_b=proj_box(lo=1),a_hi=4,b_hi=5"));
    CHECK_OK(optim_get(opt, 0, "map_a.hi", &value));
    assert_true(value == 4);
    CHECK_OK(optim_get(opt, 0, "b_hi", &value));
    assert_true(value == 5);
    optim_destroy(opt);
    CHECK_OK(optim_create(&opt, "feasibility", "map_b=prox_l1"));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &d, x, NULL));
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_VALUE, "projections");
    optim_destroy(opt);
}

/* ---- bradley_terry ---- */

enum { PLAYERS = 7 };

static void fill_wins(double *wins) {
    for (int i = 0; i < PLAYERS; ++i)
        for (int j = 0; j < PLAYERS; ++j)
            wins[i * PLAYERS + j] = i == j ? 100 : (3 * i + 5 * j + i * j) % 4 + (i < j ? 2 : 0);
}

static optim_t *league(const char *options, double *pi, const double *wins) {
    const int64_t n = PLAYERS, square[] = {PLAYERS, PLAYERS};
    optim_t *opt;
    for (int i = 0; i < PLAYERS; ++i)
        pi[i] = 1;
    CHECK_OK(optim_create(&opt, "bradley_terry", options));
    CHECK_OK(optim_add_param(opt, 0, "pi", OPTIM_F64, 1, &n, pi, NULL));
    CHECK_OK(optim_set_input(opt, -1, "wins", OPTIM_F64, 2, square, wins));
    return opt;
}

/* Sweeps until no strength moves by more than 1e-10; the likelihood never falls. */
static int sweeps(const char *options, double *pi) {
    double wins[PLAYERS * PLAYERS], before[PLAYERS], most = 1, last = -(double)INFINITY;
    int count = 0;
    fill_wins(wins);
    optim_t *opt = league(options, pi, wins);
    for (; most > 1e-10 && count < 2000; ++count) {
        double loglik;
        memcpy(before, pi, sizeof before);
        CHECK_OK(optim_step(opt));
        CHECK_OK(optim_get(opt, 0, "loglik", &loglik));
        assert_true(loglik >= last - 1e-11);
        last = loglik;
        most = 0;
        for (int i = 0; i < PLAYERS; ++i)
            most = fmax(most, fabs(pi[i] - before[i]));
    }
    optim_destroy(opt);
    return count;
}

static void test_sweeps(void **state) {
    (void)state;
    static const struct {
        const char *options;
        int sweeps;
    } CASES[] = {{"alpha=0", 12},
                 {"alpha=0.5", 36},
                 {"alpha=1", 63},
                 {"prior=1", 167},
                 {"prior=1,alpha=0.5", 353},
                 {"prior=1,alpha=1", 596},
                 {"prior=1,rescale=1", 12},
                 {"prior=1,rescale=1,alpha=1", 59}};
    double first[2][PLAYERS], pi[PLAYERS];
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i) {
        const int count = sweeps(CASES[i].options, pi);
        if (abs(count - CASES[i].sweeps) > 3 + CASES[i].sweeps / 5)
            fail_msg("%s: %d sweeps, not %d", CASES[i].options, count, CASES[i].sweeps);
        const int group = i >= 3;
        if (i == 0 || i == 3)
            memcpy(first[group], pi, sizeof pi);
        for (int k = 0; k < PLAYERS; ++k)
            CHECK_CLOSE(pi[k], first[group][k], 1e-7);
    }
}

static void test_league_is_refused(void **state) {
    (void)state;
    double pi[PLAYERS], wins[PLAYERS * PLAYERS];
    fill_wins(wins);
    for (int j = 0; j < PLAYERS; ++j)
        wins[3 * PLAYERS + j] = 0; /* player 3 has beaten nobody */
    optim_t *opt = league("", pi, wins);
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_DOMAIN, "any chain of players");
    assert_true(pi[3] == 1);
    CHECK_OK(optim_set(opt, 0, "prior", 1));
    CHECK_OK(optim_step(opt));
    wins[1] = -1;
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_SHAPE, "not below 0");
    wins[1] = 1;
    pi[0] = 0;
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_DOMAIN, "positive");
    optim_destroy(opt);
}

/* ---- altmin_completion ---- */

enum { N = 8, M = 7, RANK = 2 };

typedef struct completion {
    optim_t *opt;
    double u[N * RANK], v[M * RANK], matrix[N * M], seen[N * M], full[N * M];
} completion_t;

/* Of rank 2, three quarters of it seen. */
static void open_completion(completion_t *c, const char *options) {
    const int64_t dims[] = {N, M}, u[] = {N, RANK}, v[] = {M, RANK};
    *c = (completion_t){.opt = NULL};
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < M; ++j) {
            c->full[i * M + j] = sin(1 + i) * cos(1 + j) + sin(3 + i) * cos(4 + j);
            c->seen[i * M + j] = (3 * i + 5 * j + i * j) % 4 != 0;
            c->matrix[i * M + j] = c->seen[i * M + j] == 0 ? (double)NAN : c->full[i * M + j];
        }
    CHECK_OK(optim_create(&c->opt, "altmin_completion", options));
    CHECK_OK(optim_add_param(c->opt, 0, "U", OPTIM_F64, 2, u, c->u, NULL));
    CHECK_OK(optim_add_param(c->opt, 0, "V", OPTIM_F64, 2, v, c->v, NULL));
    CHECK_OK(optim_set_input(c->opt, -1, "M", OPTIM_F64, 2, dims, c->matrix));
    CHECK_OK(optim_set_input(c->opt, -1, "observed", OPTIM_F64, 2, dims, c->seen));
}

static double product(const completion_t *c, int i, int j) {
    return c->u[i * RANK] * c->v[j * RANK] + c->u[i * RANK + 1] * c->v[j * RANK + 1];
}

/* Every five steps take off most of the error. What is not seen is not read. */
static void test_completion_is_geometric(void **state) {
    (void)state;
    completion_t c;
    double before = 1;
    open_completion(&c, NULL);
    for (int block = 0; block < 4; ++block) {
        double worst = 0;
        for (int k = 0; k < 5; ++k)
            CHECK_OK(optim_step(c.opt));
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < M; ++j)
                worst = fmax(worst, fabs(product(&c, i, j) - c.full[i * M + j]));
        CHECK_AT_MOST(worst, before / 20);
        before = worst;
    }
    CHECK_AT_MOST(before, 1e-8);
    optim_destroy(c.opt);
}

/* The derivative of the sum of squares by either factor is 0: of U behind a step, of V where U is frozen. */
static void test_completion_minimises(void **state) {
    (void)state;
    completion_t c;
    open_completion(&c, "l2=0.3");
    for (int half = 0; half < 2; ++half) {
        CHECK_OK(optim_freeze(c.opt, 0, half));
        CHECK_OK(optim_step(c.opt));
        for (int i = 0; i < (half ? M : N); ++i)
            for (int k = 0; k < RANK; ++k) {
                double slope = 0.3 * (half ? c.v : c.u)[i * RANK + k];
                for (int j = 0; j < (half ? N : M); ++j) {
                    const int row = half ? j : i, column = half ? i : j, place = row * M + column;
                    if (c.seen[place] != 0)
                        slope += (product(&c, row, column) - c.matrix[place]) * (half ? c.u : c.v)[j * RANK + k];
                }
                CHECK_CLOSE(slope, 0, 1e-13);
            }
    }
    optim_destroy(c.opt);
}

static void test_completion_is_refused(void **state) {
    (void)state;
    completion_t c;
    const int64_t turned[] = {M, N}, dims[] = {N, M}, three[] = {M, 3};
    double before[N * RANK];
    open_completion(&c, NULL);
    CHECK_OK(optim_step(c.opt));
    for (int j = 0; j < M - 1; ++j) /* one entry left of row 2 */
        c.seen[2 * M + j] = 0;
    c.seen[2 * M + M - 1] = 1;
    c.matrix[2 * M + M - 1] = 1;
    memcpy(before, c.u, sizeof before);
    CHECK_REFUSED(optim_step(c.opt), OPTIM_ERR_DOMAIN, "raise l2");
    assert_memory_equal(before, c.u, sizeof before);
    CHECK_OK(optim_set(c.opt, 0, "l2", 0.1));
    CHECK_OK(optim_step(c.opt));
    c.matrix[2 * M + M - 1] = (double)INFINITY;
    CHECK_REFUSED(optim_step(c.opt), OPTIM_ERR_SHAPE, "must be finite where it is seen");
    CHECK_OK(optim_set_input(c.opt, -1, "observed", OPTIM_F64, 2, turned, c.seen));
    CHECK_REFUSED(optim_step(c.opt), OPTIM_ERR_SHAPE, "the shape of \"M\"");
    CHECK_OK(optim_set_input(c.opt, -1, "observed", OPTIM_F64, 2, dims, c.seen));
    CHECK_OK(optim_set_input(c.opt, -1, "M", OPTIM_F64, 2, turned, c.matrix));
    CHECK_REFUSED(optim_step(c.opt), OPTIM_ERR_SHAPE, "a row for each row of U");
    optim_destroy(c.opt);
    CHECK_OK(optim_create(&c.opt, "altmin_completion", NULL));
    CHECK_OK(optim_add_param(c.opt, 0, "U", OPTIM_F64, 2, (const int64_t[]){N, RANK}, c.u, NULL));
    CHECK_OK(optim_add_param(c.opt, 0, "V", OPTIM_F64, 2, three, c.matrix, NULL));
    CHECK_OK(optim_set_input(c.opt, -1, "M", OPTIM_F64, 2, dims, c.full));
    CHECK_OK(optim_set_input(c.opt, -1, "observed", OPTIM_F64, 2, dims, c.full));
    CHECK_REFUSED(optim_step(c.opt), OPTIM_ERR_SHAPE, "as many columns as rank says");
    optim_destroy(c.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_to_meet),
        cmocka_unit_test(test_sets_are_named),
        cmocka_unit_test(test_sweeps),
        cmocka_unit_test(test_league_is_refused),
        cmocka_unit_test(test_completion_is_geometric),
        cmocka_unit_test(test_completion_minimises),
        cmocka_unit_test(test_completion_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
