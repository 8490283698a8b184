/*
 * What the engine itself keeps in a checkpoint: options of its stations, which may follow schedules, masters, carries,
 * accumulated sums, the scale of the loss. checkpoint/data/stations.optim is of a version in which those stations had
 * no names and were told apart by their order; it is gone on from as what is saved now.
 *
 * `test_stations --write FILE` writes such a file with the library that it is linked to.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { COUNT = 6, BEFORE = 3, AFTER = 4 };

typedef struct model {
    optim_t *opt;
    float f[COUNT], f_grad[COUNT];
    uint16_t master[COUNT], master_grad[COUNT], carried[COUNT], carried_grad[COUNT]; /* bf16 */
} model_t;

/* Numbers of few bits: bf16 has them all. */
static uint16_t to_bf16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)(bits >> 16);
}

/* What decides about memory is the same; the rest is to come from the checkpoint. */
static void model_open(model_t *m, const char *options, const char *first, const char *second) {
    static const int64_t DIMS[] = {COUNT};
    int group[2];
    for (int i = 0; i < COUNT; ++i) {
        m->f[i] = 1 + (float)i / 8;
        m->master[i] = m->carried[i] = to_bf16(m->f[i]);
    }
    CHECK_OK(optim_create(&m->opt, "adamw", options));
    CHECK_OK(optim_wrap(m->opt, "ema", "decay=0.5"));
    CHECK_OK(optim_add_group(m->opt, first, &group[0]));
    CHECK_OK(optim_add_group(m->opt, second, &group[1]));
    CHECK_OK(optim_add_param(m->opt, 0, "f", OPTIM_F32, 1, DIMS, m->f, m->f_grad));
    CHECK_OK(optim_add_param(m->opt, group[0], "master", OPTIM_BF16, 1, DIMS, m->master, m->master_grad));
    CHECK_OK(optim_add_param(m->opt, group[1], "carried", OPTIM_BF16, 1, DIMS, m->carried, m->carried_grad));
}

static void open_whole(model_t *m) {
    model_open(m,
               "lr=0.125,accumulate=1,accumulate_clip=64,loss_scale=64,loss_scale_interval=2,clip_norm=4,clip_value=2,"
               "nonfinite=skip,zero_grad=1,seed=5,grad_scale=0.5",
               "master=f32,rounding=stochastic,group_clip_norm=2", "rounding=kahan,grad_scale=0.25,group_clip_value=1");
    CHECK_OK(optim_set_schedule(m->opt, 0, "clip_norm", "linear", "steps=8,end_factor=0.25"));
    CHECK_OK(optim_set_schedule(m->opt, 2, "grad_scale", "linear", "steps=8,end_factor=0.5"));
}

static void accumulate(model_t *m) {
    double scale;
    const int64_t step = optim_steps(m->opt) + 1;
    CHECK_OK(optim_get(m->opt, 0, "current_loss_scale", &scale));
    for (int i = 0; i < COUNT; ++i) {
        const float gradient = (float)scale * (float)((7 * i + 3 * step) % 11 - 5) / 8;
        m->f_grad[i] = gradient;
        m->master_grad[i] = m->carried_grad[i] = to_bf16(gradient);
    }
    CHECK_OK(optim_accumulate(m->opt));
}

static void model_steps(model_t *m, int steps) {
    for (int i = 0; i < steps; ++i) {
        accumulate(m);
        CHECK_OK(optim_step(m->opt));
    }
}

static void model_before(model_t *m) {
    open_whole(m);
    model_steps(m, BEFORE);
    accumulate(m); /* a sum is under way */
}

static void check_same_values(const model_t *a, const model_t *b) {
    static const char *const KEYS[] = {
        "clip_norm",       "clip_value",       "nonfinite",  "zero_grad",          "seed",
        "accumulate_clip", "loss_scale",       "good_steps", "current_loss_scale", "loss_scale_interval",
        "group_clip_norm", "group_clip_value", "grad_scale", "rounding",           "master"};
    for (size_t k = 0; k < sizeof KEYS / sizeof *KEYS; ++k)
        for (int group = 0; group < 3; ++group) {
            double left, right;
            const optim_status status = optim_get(a->opt, group, KEYS[k], &left);
            assert_int_equal(optim_get(b->opt, group, KEYS[k], &right), status);
            if (status == OPTIM_OK && left != right)
                fail_msg("%s of group %d: %g and %g", KEYS[k], group, left, right);
        }
    assert_memory_equal(a->f, b->f, sizeof a->f);
    assert_memory_equal(a->master, b->master, sizeof a->master);
    assert_memory_equal(a->carried, b->carried, sizeof a->carried);
}

/* Loads into a handle whose options are others, where they may be. */
static void check_gone_on(const void *bytes, size_t size) {
    model_t straight, loaded;
    model_before(&straight);
    model_open(&loaded, "lr=1,accumulate=1", "master=f32", "rounding=kahan");
    memcpy(loaded.f, straight.f, sizeof loaded.f);
    memcpy(loaded.master, straight.master, sizeof loaded.master);
    memcpy(loaded.carried, straight.carried, sizeof loaded.carried);
    CHECK_OK(optim_deserialize(loaded.opt, bytes, size));
    for (int step = 0; step < AFTER; ++step) {
        check_same_values(&loaded, &straight);
        CHECK_OK(optim_step(loaded.opt));
        CHECK_OK(optim_step(straight.opt));
        accumulate(&loaded);
        accumulate(&straight);
    }
    check_same_values(&loaded, &straight);
    optim_destroy(straight.opt);
    optim_destroy(loaded.opt);
}

static void stations_without_names(void **state) {
    enum { ROOM = 1 << 16 };
    unsigned char *bytes = check_memory(ROOM, 1);
    FILE *file = fopen(TEST_SOURCE_DIR "/checkpoint/data/stations.optim", "rb");
    (void)state;
    assert_non_null(file);
    const size_t size = fread(bytes, 1, ROOM, file);
    assert_int_equal(fclose(file), 0);
    check_gone_on(bytes, size);
    free(bytes);
}

static void stations_with_names(void **state) {
    static const char *const NAMES[] = {"clip", "group_clip", "storage", "guard", "accumulate", "scale", "loss_scale"};
    model_t m;
    size_t size;
    (void)state;
    model_before(&m);
    CHECK_OK(optim_serialize(m.opt, NULL, 0, &size));
    char *bytes = check_memory(size + 1, 1);
    CHECK_OK(optim_serialize(m.opt, bytes, size, &size));
    check_gone_on(bytes, size);
    const char *record = bytes + 8; /* the length of the header comes first */
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; ++i) {
        char *named = check_text("\\\"station\\\":\\\"%s\\\"", NAMES[i]); /* JSON in JSON */
        const char *found = strstr(record, named);
        assert_non_null(found);
        assert_null(strstr(found + 1, named));
        free(named);
    }
    free(bytes);
    optim_destroy(m.opt);
}

static int write_file(const char *path) {
    model_t m;
    model_before(&m);
    CHECK_OK(optim_save(m.opt, path));
    optim_destroy(m.opt);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return write_file(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stations_without_names),
        cmocka_unit_test(stations_with_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
