/* Gradients that are 0 in places, and of sizes that lie far apart. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "play.h"

/* ---- Coordinates that never see a gradient ---- */

enum { ELEMENTS = 37, STEPS = 12, EVALUATIONS = 8 * STEPS }; /* adashift begins to move with the eleventh */
static const layout_t VECTOR = {"vector", 1, {{"b", 1, {ELEMENTS}}}};

/* Two of three coordinates have gradients. */
static bool is_quiet(size_t i) {
    return i % 3 == 1;
}

/* A handle without decay and with eps=0, which so many methods add to a root. NULL: not an option of this method, or it
 * asks for products, which cannot be made up, or turns coordinates (dash). */
static optim_t *create_without_eps(const char *algorithm) {
    optim_t *opt;
    optim_description about = {.size = sizeof about};
    CHECK_OK(optim_describe(OPTIM_ALGORITHM, algorithm, &about));
    const char *options = strcmp(algorithm, "sara") == 0 ? "eps=0,threshold=10" : "eps=0"; /* it moves small elements */
    if (strstr(about.evaluations, "product") != NULL || strcmp(algorithm, "dash") == 0 ||
        optim_create(&opt, algorithm, options) != OPTIM_OK)
        return NULL;
    (void)optim_set(opt, 0, "weight_decay", 0);
    return opt;
}

static void quiet_noise(replay_t *noise, size_t d) {
    double *gradient = (double *)(uintptr_t)noise->gradient;
    for (size_t k = 0; k < EVALUATIONS * d; ++k)
        if (is_quiet(k % ELEMENTS))
            gradient[k] = 0;
}

/* Particles are moved apart and together too: those coordinates that shall stay are the same in all of them. */
static void quiet_start(rig_t *rig) {
    double values[RIG_COMPONENTS * ELEMENTS];
    for (size_t i = 0; i < rig_elements(rig); ++i)
        values[i] = rig_start(is_quiet(i % ELEMENTS) ? i % ELEMENTS : i);
    rig_write(rig, values);
}

static bool run_quiet(const char *algorithm, optim_dtype dtype) {
    optim_t *opt = create_without_eps(algorithm);
    if (opt == NULL)
        return false;
    rig_t *rig = rig_new_for(algorithm, &VECTOR, dtype, dtype, 0);
    const size_t d = rig_elements(rig);
    replay_t *noise = noise_new(EVALUATIONS, d);
    quiet_noise(noise, d);
    CHECK_OK(rig_lend(rig, opt));
    rig->replay = noise;
    double start[RIG_COMPONENTS * ELEMENTS];
    assert_in_range(d, ELEMENTS, RIG_COMPONENTS * ELEMENTS);
    quiet_start(rig);
    memcpy(start, rig_read(rig), d * sizeof *start);
    CHECK_OK(rig_steps(rig, STEPS));
    const double *x = rig_read(rig);
    size_t moved = 0;
    for (size_t i = 0; i < d; ++i) {
        if (!isfinite(x[i]) || (is_quiet(i % ELEMENTS) && x[i] != start[i]))
            fail_msg("%s, dtype %d: element %zu went from %.17g to %.17g", algorithm, dtype, i, start[i], x[i]);
        moved += x[i] != start[i];
    }
    if (moved == 0)
        fail_msg("%s did not move", algorithm);
    rig_free(rig);
    replay_free(noise);
    return true;
}

/* 0 / 0 is no step, whatever eps is. */
static void coordinates_without_gradient_stay(void **state) {
    static const optim_dtype DTYPES[] = {OPTIM_F32, OPTIM_F64};
    size_t ran = 0;
    (void)state;
    for (size_t i = 0; i < optim_algorithm_count(); ++i)
        for (size_t k = 0; k < 2; ++k)
            ran += run_quiet(optim_algorithm_name(i), DTYPES[k]);
    print_message("%zu runs\n", ran);
    assert_true(ran >= 80);
}

/* ---- Norms over several tiles ---- */

/* lion_k's lp divides by the largest element of the tensor before it takes powers: wherever that lies, nothing overflows. */
static void powers_do_not_overflow(void **state) {
    enum { LONG = 50000 };
    static const size_t PLACES[] = {0, 20000, LONG - 1};
    static double loss[2], gradient[2 * LONG];
    static const layout_t LAYOUT = {"long", 2, {{"w", 1, {LONG - 7}}, {"b", 1, {7}}}};
    (void)state;
    for (size_t k = 0; k < 3; ++k) {
        replay_t replay = {2, 0, loss, gradient};
        for (size_t i = 0; i < LONG; ++i)
            gradient[i] = 1;
        gradient[PLACES[k]] = 1e200;
        rig_t *rig = play_new("lion_k", "kappa=lp,kappa_p=3,lr=0.5", &LAYOUT);
        rig->replay = &replay;
        double *start = check_memory(LONG, sizeof *start);
        memcpy(start, rig_read(rig), LONG * sizeof *start);
        CHECK_OK(rig_step(rig));
        const double *x = rig_read(rig);
        const size_t first = PLACES[k] < LONG - 7 ? 0 : LONG - 7, end = PLACES[k] < LONG - 7 ? LONG - 7 : LONG;
        for (size_t i = first; i < end; ++i)
            CHECK_CLOSE(start[i] - x[i], i == PLACES[k] ? 0.5 : 0, 1e-12);
        free(start);
        rig_free(rig);
    }
}

/* gc takes out every row's mean, also of rows that several tiles share and tiles that hold several rows. */
static void means_of_rows_across_tiles(void **state) {
    enum { ROWS = 5, ROW = 13001, ALL = ROWS * ROW };
    static double loss[1], gradient[ALL];
    static const layout_t LAYOUT = {"matrix", 1, {{"w", 2, {ROWS, ROW}}}};
    replay_t replay = {1, 0, loss, gradient};
    double mean[ROWS] = {0};
    (void)state;
    for (size_t i = 0; i < ALL; ++i) {
        gradient[i] = (double)((i * 7919) % 1009) / 128 - 3 + (double)(i / ROW);
        mean[i / ROW] += gradient[i] / ROW;
    }
    rig_t *rig = play_new("sgd", "lr=1", &LAYOUT);
    CHECK_OK(optim_wrap(rig->opt, "gc", NULL));
    rig->replay = &replay;
    double *start = check_memory(ALL, sizeof *start);
    memcpy(start, rig_read(rig), ALL * sizeof *start);
    CHECK_OK(rig_step(rig));
    const double *x = rig_read(rig);
    for (size_t i = 0; i < ALL; ++i)
        CHECK_CLOSE(start[i] - x[i], gradient[i] - mean[i / ROW], 1e-11);
    free(start);
    rig_free(rig);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coordinates_without_gradient_stay),
        cmocka_unit_test(powers_do_not_overflow),
        cmocka_unit_test(means_of_rows_across_tiles),
    };
    return cmocka_run_group_tests_name("extremes", tests, NULL, NULL);
}
