/* A map as the value of an option: how it is written, set, read, scheduled, saved; what it does in a step. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apply.h"

typedef struct handle {
    optim_t *opt;
    double p[D], g[D];
} handle_t;

/* sgd with lr = 0.1 on D numbers in 3 rows, inside a prox with these options. */
static void open_handle(handle_t *h, const char *options) {
    static const int64_t dims[] = {3, 4};
    fill(1, 2, h->p);
    fill(2, 1, h->g);
    CHECK_OK(optim_create(&h->opt, "sgd", "lr=0.1"));
    CHECK_OK(optim_wrap(h->opt, "prox", options));
    CHECK_OK(optim_add_param(h->opt, 0, "w", OPTIM_F64, 2, dims, h->p, h->g));
}

static void close_handle(handle_t *h) {
    optim_destroy(h->opt);
}

/* One step does what the map does to the point that sgd goes to. */
static void check_step(const char *options, const char *map, double step) {
    handle_t h;
    double want[D];
    open_handle(&h, options);
    for (int i = 0; i < D; ++i)
        want[i] = h.p[i] - 0.1 * h.g[i];
    apply(map, step, 3, want);
    CHECK_OK(optim_step(h.opt));
    for (int i = 0; i < D; ++i)
        CHECK_CLOSE(h.p[i], want[i], 1e-15);
    close_handle(&h);
}

static void test_spellings(void **state) {
    (void)state;
    check_step(NULL, "prox_l1", 0.1);
    check_step("map=prox_l1(lam=0.3)", "prox_l1(lam=0.3)", 0.1);
    check_step("map=prox_l1,lam=0.3", "prox_l1(lam=0.3)", 0.1);
    check_step("lam=0.3,map=prox_l1,scale_lr=0", "prox_l1(lam=0.3)", 1);
    check_step("map.lam=0.3,map=prox_l1", "prox_l1(lam=0.3)", 0.1);
    check_step("map=prox_group_l2(group=5,lam=2,weighted=1),scale_lr=0", "prox_group_l2(group=5,lam=2,weighted=1)", 1);
    check_step("map=prox_nuclear(lam=0.7),scale_lr=0", "prox_nuclear(lam=0.7)", 1);
    check_step("map=prox_nuclear(rows=6,lam=0.7),scale_lr=0", "prox_nuclear(rows=6,lam=0.7)", 1);
    check_step("map=proj_simplex,radius=2", "proj_simplex(radius=2)", 0);
}

static void check_refused_wrap(const char *options, optim_status status, const char *offender) {
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", "lr=0.1"));
    CHECK_REFUSED(optim_wrap(opt, "prox", options), status, offender);
    optim_destroy(opt);
}

static void test_refuses_texts(void **state) {
    (void)state;
    check_refused_wrap("map=prox_l9", OPTIM_ERR_NAME, "prox_l9");
    check_refused_wrap("map=prox_l1(lam=-1)", OPTIM_ERR_VALUE, "lam");
    check_refused_wrap("map=prox_l1(radius=1)", OPTIM_ERR_OPTION, "radius");
    check_refused_wrap("map=prox_l1,radius=1", OPTIM_ERR_OPTION, "radius");
    check_refused_wrap("map=prox_l1,lam=x", OPTIM_ERR_VALUE, "lam");
    check_refused_wrap("map=prox_l1(lam=1", OPTIM_ERR_VALUE, "parentheses");
    check_refused_wrap("map=prox_l1()x", OPTIM_ERR_VALUE, "prox_l1()x");
    check_refused_wrap("map=none", OPTIM_ERR_NAME, "none");
    check_refused_wrap("map=proj_box(lo=2)", OPTIM_ERR_VALUE, "lo");
    check_refused_wrap("map=prox_l1,map=prox_l2", OPTIM_ERR_DUPLICATE, "map");
    char text[600] = "map=prox_l1(";
    memset(text + 12, '0', sizeof text - 12);
    memcpy(text + sizeof text - 2, ")", 2);
    check_refused_wrap(text, OPTIM_ERR_VALUE, "longer");
}

/* ---- Numbers ---- */

static double get(const handle_t *h, const char *key) {
    double value;
    CHECK_OK(optim_get(h->opt, 0, key, &value));
    return value;
}

static void test_sets_and_reads(void **state) {
    (void)state;
    handle_t h;
    open_handle(&h, "map=prox_elastic_net(lam2=0.25)");
    assert_true(get(&h, "lam") == 1 && get(&h, "map.lam2") == 0.25 && get(&h, "prox.map.lam2") == 0.25);
    CHECK_OK(optim_set(h.opt, 0, "map.lam", 0.5));
    assert_true(get(&h, "lam") == 0.5);
    CHECK_OK(optim_set(h.opt, -1, "lam2", 2));
    assert_true(get(&h, "map.lam2") == 2);
    double value, want[D];
    CHECK_REFUSED(optim_set(h.opt, 0, "lam", -1), OPTIM_ERR_VALUE, "lam");
    CHECK_REFUSED(optim_set(h.opt, 0, "map", 1), OPTIM_ERR_VALUE, "map");
    CHECK_REFUSED(optim_get(h.opt, 0, "map", &value), OPTIM_ERR_VALUE, "map");
    CHECK_REFUSED(optim_get(h.opt, 0, "map.lan", &value), OPTIM_ERR_OPTION, "did you mean \"lam\"");
    CHECK_REFUSED(optim_get(h.opt, 0, "lan", &value), OPTIM_ERR_OPTION, "lan");
    for (int i = 0; i < D; ++i)
        want[i] = h.p[i] - 0.1 * h.g[i];
    apply("prox_elastic_net(lam=0.5,lam2=2)", 0.1, 3, want);
    CHECK_OK(optim_step(h.opt));
    for (int i = 0; i < D; ++i)
        CHECK_CLOSE(h.p[i], want[i], 1e-15);
    close_handle(&h);
}

/* A combination that the map refuses changes nothing; what decides about memory is for before the first step. */
static void test_refuses_numbers(void **state) {
    (void)state;
    handle_t h;
    open_handle(&h, "map=proj_box,lo=-1");
    CHECK_REFUSED(optim_set(h.opt, 0, "hi", -2), OPTIM_ERR_VALUE, "lo");
    assert_true(get(&h, "hi") == 1);
    close_handle(&h);
    open_handle(&h, "map=prox_nuclear");
    CHECK_OK(optim_set(h.opt, 0, "rows", 4));
    CHECK_OK(optim_step(h.opt));
    CHECK_REFUSED(optim_set(h.opt, 0, "rows", 3), OPTIM_ERR_ORDER, "rows");
    CHECK_OK(optim_set(h.opt, 0, "lam", 3));
    close_handle(&h);
    open_handle(&h, "map=prox_nuclear(rows=5)");
    CHECK_REFUSED(optim_step(h.opt), OPTIM_ERR_SHAPE, "prox_nuclear");
    close_handle(&h);
}

/* A step that the map cannot have is refused before anything moves. */
static void test_refuses_steps(void **state) {
    (void)state;
    handle_t h;
    double before[D];
    open_handle(&h, "map=prox_scad");
    CHECK_OK(optim_set(h.opt, 0, "lr", 3));
    memcpy(before, h.p, sizeof before);
    CHECK_REFUSED(optim_step(h.opt), OPTIM_ERR_VALUE, "a - 1");
    assert_memory_equal(before, h.p, sizeof before);
    CHECK_OK(optim_set(h.opt, 0, "lr", 0.1));
    CHECK_OK(optim_step(h.opt));
    close_handle(&h);
}

static void test_follows_a_schedule(void **state) {
    (void)state;
    handle_t h;
    open_handle(&h, "map=prox_l1(lam=0.5)");
    CHECK_OK(optim_set_schedule(h.opt, 0, "map.lam", "linear", "start_factor=0,end_factor=1,steps=4"));
    for (int t = 0; t < 4; ++t) {
        CHECK_CLOSE(get(&h, "lam"), 0.5 * t / 4, 1e-15);
        double want[D];
        char map[64];
        (void)snprintf(map, sizeof map, "prox_l1(lam=%.17g)", 0.5 * t / 4);
        for (int i = 0; i < D; ++i)
            want[i] = h.p[i] - 0.1 * h.g[i];
        apply(map, 0.1, 3, want);
        CHECK_OK(optim_step(h.opt));
        for (int i = 0; i < D; ++i)
            CHECK_CLOSE(h.p[i], want[i], 1e-15);
    }
    CHECK_REFUSED(optim_set_schedule(h.opt, 0, "map", "constant", NULL), OPTIM_ERR_VALUE, "map");
    close_handle(&h);
}

/* ---- Checkpoints ---- */

static void test_is_saved(void **state) {
    (void)state;
    handle_t first, second;
    static const char FILE_NAME[] = "maps_option.safetensors";
    open_handle(&first, "map=prox_elastic_net(lam=0.25,lam2=0.5)");
    CHECK_OK(optim_set_schedule(first.opt, 0, "lam", "exponential", "gamma=0.5"));
    for (int t = 0; t < 3; ++t)
        CHECK_OK(optim_step(first.opt));
    CHECK_OK(optim_save(first.opt, FILE_NAME));
    open_handle(&second, "map=proj_simplex");
    memcpy(second.p, first.p, sizeof first.p);
    CHECK_OK(optim_load(second.opt, FILE_NAME));
    assert_true(get(&second, "lam2") == 0.5 && get(&second, "lam") == get(&first, "lam"));
    for (int t = 0; t < 3; ++t) {
        CHECK_OK(optim_step(first.opt));
        CHECK_OK(optim_step(second.opt));
    }
    assert_memory_equal(first.p, second.p, sizeof first.p);
    close_handle(&second);
    open_handle(&second, "map=proj_simplex"); /* memory was taken for another map */
    CHECK_OK(optim_step(second.opt));
    CHECK_REFUSED(optim_load(second.opt, FILE_NAME), OPTIM_ERR_CHECKPOINT, "map=prox_elastic_net");
    assert_true(get(&second, "radius") == 1);
    CHECK_OK(optim_step(second.opt));
    close_handle(&second);
    close_handle(&first);
    (void)remove(FILE_NAME);
}

/* ---- Groups, precisions, threads ---- */

/* Each group has its learning rate, frozen parameters stay, and short parameters are widened and rounded once. */
static void test_groups(void **state) {
    (void)state;
    static const int64_t dims[] = {D};
    float w[D], wg[D], b[D], bg[D], frozen[D];
    uint16_t s[D], sg[D] = {0};
    optim_t *opt;
    for (int i = 0; i < D; ++i) {
        w[i] = b[i] = frozen[i] = 1 + (float)i;
        wg[i] = bg[i] = 0;
        s[i] = 0x4040; /* 3 */
    }
    CHECK_OK(optim_create(&opt, "sgd", "lr=1"));
    CHECK_OK(optim_add_group(opt, "lr=2", NULL));
    CHECK_OK(optim_wrap(opt, "prox", "map=prox_linf(lam=3)"));
    CHECK_OK(optim_add_param(opt, 0, "w", OPTIM_F32, 1, dims, w, wg));
    CHECK_OK(optim_add_param(opt, 1, "b", OPTIM_F32, 1, dims, b, bg));
    CHECK_OK(optim_add_param(opt, 0, "frozen", OPTIM_F32, 1, dims, frozen, NULL));
    CHECK_OK(optim_add_param(opt, 0, "s", OPTIM_BF16, 1, dims, s, sg));
    CHECK_OK(optim_step(opt));
    for (int i = 0; i < D; ++i) {
        CHECK_CLOSE((double)w[i], fmin(i + 1, 10), 1e-6); /* 12, 11, 10 lose 2 + 1 + 0 */
        CHECK_CLOSE((double)b[i], fmin(i + 1, 9), 1e-6);  /* 12 .. 9 lose 3 + 2 + 1 + 0 */
        assert_true(frozen[i] == 1 + (float)i);
        assert_int_equal(s[i], 0x4030); /* 3 - 3 / 12 = 2.75 */
    }
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings),      cmocka_unit_test(test_refuses_texts),
        cmocka_unit_test(test_sets_and_reads), cmocka_unit_test(test_refuses_numbers),
        cmocka_unit_test(test_refuses_steps),  cmocka_unit_test(test_follows_a_schedule),
        cmocka_unit_test(test_is_saved),       cmocka_unit_test(test_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
