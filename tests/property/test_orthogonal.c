/* muon with each set of coefficients, and its relatives normuon, adamuon and dion: what their steps are held to beside
 * the golden trajectories. */
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "play.h"

enum { ROWS = 8, COLUMNS = 13, N = ROWS * COLUMNS };

/* ---- Matrices of known singular values ---- */

/* Element (i, j) of a reflection: symmetric and orthogonal; its columns are singular vectors. */
static double reflection(size_t n, size_t i, size_t j) {
    double square = 0;
    for (size_t k = 0; k < n; ++k)
        square += (1 + (double)k) * (1 + (double)k);
    return (i == j) - 2 * (1 + (double)i) * (1 + (double)j) / square;
}

static size_t at(bool tall, size_t i, size_t j) {
    return tall ? j * ROWS + i : i * COLUMNS + j;
}

static void compose(bool tall, const double singular[ROWS], double matrix[N]) {
    for (size_t i = 0; i < ROWS; ++i)
        for (size_t j = 0; j < COLUMNS; ++j) {
            matrix[at(tall, i, j)] = 0;
            for (size_t k = 0; k < ROWS; ++k)
                matrix[at(tall, i, j)] += reflection(ROWS, i, k) * singular[k] * reflection(COLUMNS, k, j);
        }
}

static void decompose(bool tall, const double matrix[N], double singular[ROWS]) {
    for (size_t k = 0; k < ROWS; ++k) {
        singular[k] = 0;
        for (size_t i = 0; i < ROWS; ++i)
            for (size_t j = 0; j < COLUMNS; ++j)
                singular[k] += reflection(ROWS, i, k) * matrix[at(tall, i, j)] * reflection(COLUMNS, k, j);
    }
}

/* ---- One matrix under given gradients ---- */

/* `move` <- how far the last of these steps on one gradient went, the other way. */
static void run(const char *method, const char *options, bool tall, int steps, const double gradient[N],
                double move[N]) {
    const layout_t layout = {"matrix", 1, {{"w", 2, {tall ? COLUMNS : ROWS, tall ? ROWS : COLUMNS}}}};
    rig_t *rig = play_new(method, options, &layout);
    double zero[N] = {0}, before[N] = {0}, loss = 0;
    rig_write(rig, zero);
    for (int t = 0; t < steps; ++t) {
        replay_t replay = {1, 0, &loss, gradient};
        rig->replay = &replay;
        for (size_t i = 0; i < N; ++i)
            before[i] = rig_read(rig)[i];
        CHECK_OK(rig_step(rig));
    }
    for (size_t i = 0; i < N; ++i)
        move[i] = before[i] - rig_read(rig)[i];
    rig_free(rig);
}

static void fill(double gradient[N]) {
    for (size_t i = 0; i < N; ++i)
        gradient[i] = sin(1.7 * (double)i + 0.4) * (i % 5 == 0 ? 100 : 1);
}

/* ---- What holds ---- */

/* Where the rounds send singular values over the norm; where they converge, to 1. */
static void test_coefficients(void **state) {
    (void)state;
    static const double SPREAD[ROWS] = {1, 0.7, 0.4, 0.2, 0.1, 0.05, 0.02, 0.014};
    static const double WIDE[ROWS] = {1, 0.5, 0.2, 0.1, 0.05, 0.01, 0.005, 0.0013};
    static const struct {
        const char *options;
        const double *singular;
        double least, most;
    } KNOWN[] = {
        {"coefficients=jordan", SPREAD, 0.68, 1.14},
        {"coefficients=you", SPREAD, 0.977, 1.032},
        {"coefficients=polar_express", WIDE, 0.84, 1.124},
        {"coefficients=polar_express,ns_steps=6", WIDE, 0.9934, 1.0012},
        {"coefficients=polar_express,ns_steps=7", WIDE, 0.99998, 1.00001},
        {"coefficients=polar_express,ns_steps=11", WIDE, 1 - 1e-10, 1 + 1e-10},
        {"coefficients=classical,ns_steps=15", SPREAD, 1 - 1e-10, 1 + 1e-10},
    };
    double gradient[N], move[N], singular[ROWS];
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; ++i)
        for (int tall = 0; tall < 2; ++tall) {
            char *options = check_text("lr=1,momentum=0,nesterov=0,scale=none,ns_eps=0,%s", KNOWN[i].options);
            compose(tall != 0, KNOWN[i].singular, gradient);
            run("muon", options, tall != 0, 1, gradient, move);
            decompose(tall != 0, move, singular);
            for (size_t k = 0; k < ROWS; ++k) {
                CHECK_AT_MOST(KNOWN[i].least, singular[k]);
                CHECK_AT_MOST(singular[k], KNOWN[i].most);
            }
            free(options);
        }
}

/* Without memory of second moments all rows of a step are of one length, and the step of the length that scale says. */
static void test_normuon_rows(void **state) {
    (void)state;
    double gradient[N], move[N];
    fill(gradient);
    for (int tall = 0; tall < 2; ++tall) {
        const size_t rows = tall ? COLUMNS : ROWS, columns = N / rows;
        run("normuon", "lr=1,beta2=0,scale=match_rms_adamw", tall != 0, 3, gradient, move);
        CHECK_CLOSE(play_length(N, move), 0.2 * sqrt(N), 1e-9);
        for (size_t i = 0; i < rows; ++i)
            CHECK_CLOSE(play_length(columns, move + i * columns), 0.2 * sqrt((double)columns), 1e-9);
    }
}

/* With scale=none a step of normuon is as long as muon's. */
static void test_normuon_length(void **state) {
    (void)state;
    double gradient[N], move[N], of_muon[N];
    fill(gradient);
    run("normuon", "lr=0.1,scale=none", true, 5, gradient, move);
    run("muon", "lr=0.1,scale=none", true, 5, gradient, of_muon);
    CHECK_CLOSE(play_length(N, move), play_length(N, of_muon), 1e-9);
}

/* Steps of adamuon have the root mean square 0.2 lr; with signs, the sizes of a gradient's entries do not count. */
static void test_adamuon(void **state) {
    (void)state;
    double gradient[N], signs[N], move[N], same[N];
    fill(gradient);
    for (size_t i = 0; i < N; ++i)
        signs[i] = copysign(1e-3, gradient[i]);
    run("adamuon", "lr=0.5", false, 4, gradient, move);
    run("adamuon", "lr=0.5", false, 4, signs, same);
    CHECK_CLOSE(play_length(N, move), 0.1 * sqrt(N), 1e-9);
    for (size_t i = 0; i < N; ++i)
        CHECK_CLOSE(move[i], same[i], 1e-9);
    run("adamuon", "lr=0.5,sign=0,nesterov=1,beta2=0.999", true, 4, gradient, move);
    CHECK_CLOSE(play_length(N, move), 0.1 * sqrt(N), 1e-9);
}

/* Under one gradient dion's directions become its singular vectors, the leading ones where there are fewer. */
static void test_dion(void **state) {
    (void)state;
    static const double SINGULAR[ROWS] = {128, 64, 32, 16, 8, 4, 2, 1};
    double gradient[N], move[N], singular[ROWS];
    for (int tall = 0; tall < 2; ++tall)
        for (size_t rank = 3; rank <= ROWS; rank += 5) {
            char *options = check_text("lr=1,momentum=0.9,rank=%zu", rank);
            const double scale = sqrt(tall ? (double)COLUMNS / ROWS : (double)ROWS / COLUMNS);
            compose(tall != 0, SINGULAR, gradient);
            run("dion", options, tall != 0, 1, gradient, move);
            CHECK_CLOSE(play_length(N, move), scale * sqrt((double)rank), 1e-9);
            run("dion", options, tall != 0, 60, gradient, move);
            decompose(tall != 0, move, singular);
            if (rank == ROWS)
                for (size_t k = 0; k < ROWS; ++k)
                    CHECK_CLOSE(singular[k], scale, 1e-3);
            free(options);
        }
}

/* A gradient of 0 moves nothing. */
static void test_nothing(void **state) {
    (void)state;
    static const char *const METHODS[] = {"muon", "normuon", "adamuon", "dion"};
    const double zero[N] = {0};
    double move[N];
    for (size_t i = 0; i < sizeof METHODS / sizeof *METHODS; ++i) {
        run(METHODS[i], NULL, false, 2, zero, move);
        for (size_t k = 0; k < N; ++k)
            assert_true(move[k] == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coefficients), cmocka_unit_test(test_normuon_rows), cmocka_unit_test(test_normuon_length),
        cmocka_unit_test(test_adamuon),      cmocka_unit_test(test_dion),         cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
