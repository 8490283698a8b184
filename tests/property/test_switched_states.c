/* Options that are set between steps and by which states exist: a state that begins is as fresh as at the first step, one
 * that ends is gone, and all else goes on to the bit. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { ROWS = 6, COLUMNS = 5, ELEMENTS = ROWS * COLUMNS, BEFORE = 4, STEPS = 7 };

/* Two matrices, in two groups. */
typedef struct scene {
    optim_t *opt;
    double x[2][ELEMENTS], g[2][ELEMENTS];
} scene_t;

static void scene_open(scene_t *s, const char *algorithm, const char *options) {
    int group;
    *s = (scene_t){0};
    for (size_t i = 0; i < ELEMENTS; ++i) {
        s->x[0][i] = 0.5 + (double)(i * 5 % 7) / 8;
        s->x[1][i] = 0.25 + (double)(i * 3 % 11) / 8;
    }
    CHECK_OK(optim_create(&s->opt, algorithm, options));
    CHECK_OK(optim_add_group(s->opt, NULL, &group));
    for (int k = 0; k < 2; ++k)
        CHECK_OK(
            optim_add_param(s->opt, k, k == 0 ? "a" : "b", OPTIM_F64, 2, (int64_t[]){ROWS, COLUMNS}, s->x[k], s->g[k]));
}

static void step(scene_t *s, int steps) {
    for (int t = 0; t < steps; ++t) {
        for (int k = 0; k < 2; ++k)
            for (size_t i = 0; i < ELEMENTS; ++i) /* it wanders: the largest second moment is not the last one */
                s->g[k][i] =
                    (s->x[k][i] - (double)(i % 3)) * (1 + 0.5 * sin((double)(i + 1) * (double)optim_steps(s->opt)));
        CHECK_OK(optim_set_loss(s->opt, 1));
        CHECK_OK(optim_step(s->opt));
    }
}

static void check_same(const scene_t *a, const scene_t *b, const char *what) {
    for (int k = 0; k < 2; ++k)
        for (size_t i = 0; i < ELEMENTS; ++i)
            if (memcmp(&a->x[k][i], &b->x[k][i], sizeof(double)) != 0)
                fail_msg("%s: x%d[%zu] is %.17g, not %.17g", what, k, i, a->x[k][i], b->x[k][i]);
}

/* The array of this name; without bytes where there is none. */
static optim_array array_of(optim_t *opt, int param, const char *name) {
    optim_array array = {.size = sizeof array};
    size_t i = 0;
    do
        CHECK_OK(optim_param_array(opt, param, i++, &array));
    while (array.name[0] != '\0' && strcmp(array.name, name) != 0);
    return array;
}

/* Another handle with this option goes on from where `from` is; what `from` does not keep is fresh. */
static void go_on(scene_t *s, const scene_t *from, const char *algorithm, const char *options) {
    scene_open(s, algorithm, options);
    memcpy(s->x, from->x, sizeof s->x);
    CHECK_OK(optim_prepare(s->opt));
    for (int k = 0; k < 2; ++k) {
        optim_array array = {.size = sizeof array}, old;
        for (size_t i = 0; optim_param_array(s->opt, k, i, &array) == OPTIM_OK && array.name[0] != '\0'; ++i)
            if ((old = array_of(from->opt, k, array.name)).data != NULL)
                memcpy(array.data, old.data, array.bytes * array.copies);
        CHECK_OK(optim_set_param_steps(s->opt, k, BEFORE));
    }
}

static const struct {
    const char *algorithm, *options, *key;
    double off, on;
    bool by_numbers; /* keeps numbers beside arrays, which go_on cannot copy */
} SWITCHES[] = {
    {"adam", "lr=0.1", "amsgrad", 0, 1, false},
    {"adamw", "lr=0.1", "amsgrad", 0, 1, false},
    {"adabelief", "lr=0.1,rectify=0", "amsgrad", 0, 1, false},
    {"adabound", "lr=0.1", "amsbound", 0, 1, false},
    {"laprop", "lr=0.1", "amsgrad", 0, 1, false},
    {"laprop", "lr=0.1", "centered", 0, 1, false},
    {"optimistic_adam", "lr=0.1", "amsgrad", 0, 1, false},
    {"novograd", "lr=0.1", "amsgrad", 0, 1, true},
    {"sgd", "lr=0.1", "momentum", 0, 0.9, false},
    {"clipped_sgd", "lr=0.1", "momentum", 0, 0.9, false},
    {"sgd_sai", "lr=0.1,momentum=0", "momentum", 0, 0.9, true},
    {"rmsprop", "lr=0.1", "momentum", 0, 0.9, false},
    {"rmsprop", "lr=0.1", "centered", 0, 1, false},
    {"aegd", "lr=0.1", "momentum", 0, 0.9, true},
    {"adafactor", "lr=0.1", "beta1", 0, 0.9, false},
    {"sm3", "lr=0.1", "momentum", 0, 0.9, false},
    {"amos", "lr=0.1", "momentum", 0, 0.9, true},
    {"shampoo", "lr=0.1", "momentum", 0, 0.9, false},
    {"mfac", "lr=0.1", "momentum", 0, 0.9, true},
};
enum { SWITCH_COUNT = sizeof SWITCHES / sizeof *SWITCHES };

static char *with(size_t i, double value) {
    return check_text("%s,%s=%g", SWITCHES[i].options, SWITCHES[i].key, value);
}

/* On, in one group or all, then off again: each part equals what begins there. */
static void test_fresh(void **state) {
    (void)state;
    for (size_t i = 0; i < SWITCH_COUNT; ++i) {
        scene_t s, other;
        if (SWITCHES[i].by_numbers)
            continue;
        char *on = with(i, SWITCHES[i].on), *off = with(i, SWITCHES[i].off);
        scene_open(&s, SWITCHES[i].algorithm, off);
        step(&s, BEFORE);
        go_on(&other, &s, SWITCHES[i].algorithm, on);
        CHECK_OK(optim_set(s.opt, -1, SWITCHES[i].key, SWITCHES[i].on));
        step(&s, STEPS);
        step(&other, STEPS);
        check_same(&s, &other, on);
        optim_destroy(s.opt);
        optim_destroy(other.opt);
        scene_open(&s, SWITCHES[i].algorithm, on);
        step(&s, BEFORE);
        go_on(&other, &s, SWITCHES[i].algorithm, off);
        CHECK_OK(optim_set(s.opt, -1, SWITCHES[i].key, SWITCHES[i].off));
        step(&s, STEPS);
        step(&other, STEPS);
        check_same(&s, &other, off);
        optim_destroy(s.opt);
        optim_destroy(other.opt);
        free(on);
        free(off);
    }
}

/* To and fro without a step in between changes nothing; and takes the memory that it says. */
static void test_to_and_fro(void **state) {
    (void)state;
    for (size_t i = 0; i < SWITCH_COUNT; ++i) {
        scene_t s, other;
        size_t bytes[3], scratch;
        scene_open(&s, SWITCHES[i].algorithm, SWITCHES[i].options);
        scene_open(&other, SWITCHES[i].algorithm, SWITCHES[i].options);
        step(&s, BEFORE);
        step(&other, BEFORE);
        CHECK_OK(optim_memory(s.opt, &bytes[0], &scratch));
        CHECK_OK(optim_set(s.opt, 1, SWITCHES[i].key, SWITCHES[i].on));
        CHECK_OK(optim_memory(s.opt, &bytes[1], &scratch));
        CHECK_OK(optim_set(s.opt, 1, SWITCHES[i].key, SWITCHES[i].off));
        CHECK_OK(optim_memory(s.opt, &bytes[2], &scratch));
        assert_true(bytes[0] == bytes[2]);
        assert_true(bytes[1] > bytes[0]);
        step(&s, STEPS);
        step(&other, STEPS);
        check_same(&s, &other, SWITCHES[i].algorithm);
        optim_destroy(s.opt);
        optim_destroy(other.opt);
    }
}

/* A number that begins anew: vmax of novograd is what it was when it ended no more. */
static void test_numbers(void **state) {
    (void)state;
    scene_t s, other;
    scene_open(&s, "novograd", "lr=0.1,amsgrad=1");
    scene_open(&other, "novograd", "lr=0.1,amsgrad=1");
    step(&s, BEFORE);
    step(&other, BEFORE);
    for (int k = 0; k < 2; ++k)
        for (size_t i = 0; i < ELEMENTS;
             ++i) { /* from here on gradients are much shorter: a maximum that stays shows */
            s.x[k][i] = other.x[k][i] = (double)(i % 3) + 1e-3 * (double)(i % 5 + 1);
        }
    CHECK_OK(optim_set(s.opt, -1, "amsgrad", 0));
    CHECK_OK(optim_set(s.opt, -1, "amsgrad", 1));
    CHECK_OK(optim_set(s.opt, -1, "lr", 0));
    CHECK_OK(optim_set(other.opt, -1, "lr", 0));
    step(&s, 60); /* v falls, and the maximum of s with it as far as it began anew */
    step(&other, 60);
    CHECK_OK(optim_set(s.opt, -1, "lr", 0.1));
    CHECK_OK(optim_set(other.opt, -1, "lr", 0.1));
    const double from = s.x[0][0];
    step(&s, 1);
    step(&other, 1);
    assert_true(fabs(s.x[0][0] - from) > fabs(other.x[0][0] - from));
    optim_destroy(s.opt);
    optim_destroy(other.opt);
}

/* Only one group's; under wrappers that keep something of it, an average, a schedule, and saved. */
static void test_around(void **state) {
    (void)state;
    scene_t s, other, loaded;
    size_t size;
    scene_open(&s, "sgd", "lr=0.1,clip_norm=1");
    scene_open(&other, "sgd", "lr=0.1,clip_norm=1");
    for (int k = 0; k < 2; ++k) {
        optim_t *opt = k == 0 ? s.opt : other.opt;
        CHECK_OK(optim_wrap(opt, "lookahead", "pullback=2"));
        CHECK_OK(optim_wrap(opt, "ema", "decay=0.9"));
        CHECK_OK(optim_set_schedule(opt, -1, "lr", "exponential", "gamma=0.9"));
    }
    step(&s, BEFORE);
    step(&other, BEFORE);
    CHECK_OK(optim_set(s.opt, 1, "momentum", 0.9));
    assert_true(array_of(s.opt, 1, "sgd.buf").data != NULL && array_of(s.opt, 0, "sgd.buf").data == NULL);
    assert_true(array_of(s.opt, 1, "lookahead.slow_m").data != NULL);
    step(&s, 1);
    step(&other, 1);
    check_same(&s, &other, "the first step of a fresh momentum");
    step(&s, STEPS);
    step(&other, STEPS);
    char *file = check_serialized(s.opt, &size);
    scene_open(&loaded, "sgd", "lr=0.1,clip_norm=1");
    CHECK_OK(optim_set(loaded.opt, 1, "momentum", 0.9));
    CHECK_OK(optim_wrap(loaded.opt, "lookahead", "pullback=2"));
    CHECK_OK(optim_wrap(loaded.opt, "ema", "decay=0.9"));
    CHECK_OK(optim_deserialize(loaded.opt, file, size));
    memcpy(loaded.x, s.x, sizeof s.x);
    step(&s, STEPS);
    step(&loaded, STEPS);
    check_same(&s, &loaded, "loaded");
    free(file);
    optim_destroy(s.opt);
    optim_destroy(other.opt);
    optim_destroy(loaded.opt);
}

/* A momentum that a schedule drives, ended and begun; one that it has taken to 0 is kept when something else changes. */
static void test_scheduled(void **state) {
    (void)state;
    scene_t s, plain;
    double momentum;
    scene_open(&s, "sgd", "lr=0.1,momentum=0.9");
    CHECK_OK(optim_set_schedule(s.opt, -1, "momentum", "linear", "start_factor=1,end_factor=0,steps=4"));
    step(&s, BEFORE + 1);
    CHECK_OK(optim_get(s.opt, 0, "momentum", &momentum));
    assert_true(momentum == 0);
    CHECK_OK(optim_wrap(s.opt, "ema", NULL));
    assert_true(array_of(s.opt, 0, "sgd.buf").data != NULL);
    CHECK_OK(optim_set(s.opt, 0, "momentum", 0));
    assert_true(array_of(s.opt, 0, "sgd.buf").data == NULL && array_of(s.opt, 1, "sgd.buf").data != NULL);
    scene_open(&plain, "sgd", "lr=0.1");
    step(&plain, BEFORE + 1);
    memcpy(plain.x, s.x, sizeof s.x);
    step(&s, STEPS);
    step(&plain, STEPS);
    assert_memory_equal(s.x[0], plain.x[0], sizeof s.x[0]);
    optim_destroy(s.opt);
    optim_destroy(plain.opt);
}

/* Masters and carries of 16-bit parameters. */
static void test_masters(void **state) {
    (void)state;
    uint16_t x[4] = {0x3F80, 0x4000, 0x4040, 0x4080}, g[4] = {0x3C00, 0x3C00, 0x3C00, 0x3C00};
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "adamw", "lr=1e-4"));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_BF16, 1, (int64_t[]){4}, x, g));
    CHECK_OK(optim_step(opt));
    assert_true(x[1] == 0x4000); /* too small a step to see */
    CHECK_OK(optim_set(opt, -1, "master", 1));
    assert_true(((const float *)array_of(opt, 0, "engine.master").data)[1] == 2);
    for (int t = 0; t < 100; ++t)
        CHECK_OK(optim_step(opt));
    assert_true(x[1] == 0x3FFF || x[1] == 0x3FFE);
    CHECK_REFUSED(optim_set(opt, -1, "rounding", 2), OPTIM_ERR_VALUE, "kahan");
    CHECK_OK(optim_set(opt, -1, "master", 0));
    CHECK_OK(optim_set(opt, -1, "rounding", 2));
    assert_true(array_of(opt, 0, "engine.master").data == NULL && array_of(opt, 0, "engine.carry").data != NULL);
    CHECK_OK(optim_step(opt));
    optim_destroy(opt);
}

/* ---- Refused: nothing has changed ---- */

static int sets(void *user, const optim_request *request, double *loss) {
    scene_t *s = user;
    (void)request;
    *loss = 1;
    CHECK_REFUSED(optim_set(s->opt, 0, "amsgrad", 1), OPTIM_ERR_ORDER, "callback");
    return 1;
}

static void test_refused(void **state) {
    (void)state;
    scene_t s, other;
    double value;
    scene_open(&s, "adam", "lr=0.1");
    scene_open(&other, "adam", "lr=0.1");
    step(&s, BEFORE);
    step(&other, BEFORE);
    CHECK_REFUSED(optim_set(s.opt, 0, "state_dtype", 2), OPTIM_ERR_ORDER, "state_dtype");
    CHECK_REFUSED(optim_set(s.opt, 0, "amsgrad", 2), OPTIM_ERR_VALUE, "amsgrad");
    CHECK_OK(optim_swap_output(s.opt));
    CHECK_REFUSED(optim_set(s.opt, -1, "amsgrad", 1), OPTIM_ERR_SWAPPED, "optim_swap_output");
    CHECK_OK(optim_swap_output(s.opt));
    const optim_problem problem = {.size = sizeof problem, .user = &s, .gradient = sets};
    const optim_stop stop = {.size = sizeof stop, .steps = 1};
    CHECK_OK(optim_minimize(s.opt, &problem, &stop, NULL));
    CHECK_OK(optim_get(s.opt, 0, "amsgrad", &value));
    assert_true(value == 0);
    step(&s, STEPS);
    step(&other, STEPS);
    check_same(&s, &other, "refused");
    optim_destroy(s.opt);
    optim_destroy(other.opt);
    scene_open(&s, "adam", "lr=0.1");
    CHECK_OK(optim_wrap(s.opt, "picard", NULL));
    CHECK_OK(optim_prepare(s.opt));
    CHECK_REFUSED(optim_set(s.opt, -1, "amsgrad", 1), OPTIM_ERR_MISMATCH, "picard");
    CHECK_OK(optim_get(s.opt, 0, "amsgrad", &value));
    assert_true(value == 0);
    optim_destroy(s.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fresh),   cmocka_unit_test(test_to_and_fro), cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_around),  cmocka_unit_test(test_scheduled),  cmocka_unit_test(test_masters),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
