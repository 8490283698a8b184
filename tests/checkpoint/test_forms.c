/*
 * Checkpoints of one architecture are gone on from on every other, to the same bits, in every form in which something
 * is kept: tests/checkpoint/data/forms.optim was written on x86-64.
 *
 * `test_forms --write FILE` writes it anew, where what is kept changes on purpose.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { MOST = 20, PARAMETERS = 10, BEFORE = 5, AFTER = 5, LATE = 6 };

static const struct {
    const char *name, *group;
    optim_dtype dtype;
    int64_t count;
} FORMS[PARAMETERS] = {
    {"double", "", OPTIM_F64, 5},
    {"float", "", OPTIM_F32, 7},
    {"short", "state_dtype=bf16,state_min=0", OPTIM_F32, 7},
    {"codes", "state_dtype=int8,state_min=0,state_block=8", OPTIM_F32, MOST},
    {"master", "master=f32", OPTIM_BF16, 9},
    {"kahan", "rounding=kahan", OPTIM_F16, 9},
    {"random", "rounding=stochastic,state_dtype=bf16,state_min=0", OPTIM_BF16, 9},
    {"signs", "algorithm=lion", OPTIM_F32, 5},
    {"by_tensor", "algorithm=novograd", OPTIM_F32, 5}, /* an average of the tensor's norm */
    {"late", "", OPTIM_F32, LATE},                     /* counts its own steps */
};

typedef struct model {
    optim_t *opt;
    union {
        double f64[MOST];
        float f32[MOST];
        uint16_t bits[MOST];
    } x[PARAMETERS], g[PARAMETERS];
} model_t;

/* Sixteenths from -16 to 16 are whole in every format. */
static void write_number(void *array, optim_dtype dtype, int i, double sixteenths) {
    const float number = (float)(sixteenths / 16);
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    if (dtype == OPTIM_F64)
        ((double *)array)[i] = sixteenths / 16;
    else if (dtype == OPTIM_F32)
        ((float *)array)[i] = number;
    else if (dtype == OPTIM_BF16)
        ((uint16_t *)array)[i] = (uint16_t)(bits >> 16);
    else /* the exponent has another bias, but that of zero */
        ((uint16_t *)array)[i] =
            (uint16_t)(bits << 1 == 0 ? 0 : (bits >> 16 & 0x8000) | ((bits >> 13 & 0x3FFFF) - ((127 - 15) << 10)));
}

static void model_open(model_t *m) {
    *m = (model_t){.opt = NULL};
    CHECK_OK(optim_create(&m->opt, "adamw", "lr=0.125,accumulate=1,seed=7,loss_scale=2,loss_scale_interval=3"));
    CHECK_OK(optim_wrap(m->opt, "lookahead", "k=3"));
    CHECK_OK(optim_wrap(m->opt, "ema", "decay=0.75"));
    CHECK_OK(optim_set_schedule(m->opt, 0, "lr", "plateau", "patience=0,factor=0.5"));
    for (int n = 0; n < PARAMETERS; ++n) {
        int group = 0;
        if (*FORMS[n].group != '\0')
            CHECK_OK(optim_add_group(m->opt, FORMS[n].group, &group));
        for (int i = 0; i < FORMS[n].count; ++i)
            write_number(&m->x[n], FORMS[n].dtype, i, (double)(i % 9 + 8));
        CHECK_OK(optim_add_param(m->opt, group, FORMS[n].name, FORMS[n].dtype, 1, &FORMS[n].count, &m->x[n], &m->g[n]));
    }
    CHECK_OK(optim_bind(m->opt, PARAMETERS - 1, &m->x[PARAMETERS - 1], NULL));
}

static void accumulate(model_t *m, int64_t seed) {
    for (int n = 0; n < PARAMETERS; ++n)
        for (int i = 0; i < FORMS[n].count; ++i)
            write_number(&m->g[n], FORMS[n].dtype, i, (double)((7 * i + 3 * seed + n) % 11 - 5));
    CHECK_OK(optim_accumulate(m->opt));
}

/* Two micro-batches a step; the last parameter thaws in the third. */
static void model_steps(model_t *m, int steps) {
    for (int k = 0; k < steps; ++k) {
        const int64_t step = optim_steps(m->opt) + 1;
        if (step == 3)
            CHECK_OK(optim_bind(m->opt, PARAMETERS - 1, &m->x[PARAMETERS - 1], &m->g[PARAMETERS - 1]));
        accumulate(m, 2 * step);
        accumulate(m, 2 * step + 1);
        CHECK_OK(optim_step(m->opt));
        CHECK_OK(optim_report(m->opt, step % 3 == 0 ? 0.5 : 1));
    }
}

static void check_same(const model_t *a, const model_t *b) {
    for (int n = 0; n < PARAMETERS; ++n) {
        unsigned char out[2][sizeof a->x[n]] = {{0}};
        CHECK_OK(optim_output(a->opt, n, out[0]));
        CHECK_OK(optim_output(b->opt, n, out[1]));
        if (memcmp(&a->x[n], &b->x[n], sizeof a->x[n]) != 0 || memcmp(out[0], out[1], sizeof out[0]) != 0)
            fail_msg("\"%s\" went elsewhere", FORMS[n].name);
    }
}

static unsigned char *serialized(const model_t *m, size_t *size) {
    return check_serialized(m->opt, size);
}

static unsigned char *file_there(size_t *size) {
    enum { ROOM = 1 << 16 };
    unsigned char *bytes = check_memory(ROOM, 1);
    FILE *stream = fopen(TEST_SOURCE_DIR "/checkpoint/data/forms.optim", "rb");
    assert_non_null(stream);
    *size = fread(bytes, 1, ROOM, stream);
    assert_int_equal(fclose(stream), 0);
    assert_in_range(*size, 1, ROOM - 1);
    return bytes;
}

static void one_from_elsewhere_is_gone_on_from(void **state) {
    model_t here, loaded;
    size_t size;
    unsigned char *file = file_there(&size);
    (void)state;
    model_open(&here);
    model_steps(&here, BEFORE);
    model_open(&loaded);
    model_steps(&loaded, 3); /* nothing frozen, as there */
    memcpy(loaded.x, here.x, sizeof here.x);
    CHECK_OK(optim_deserialize(loaded.opt, file, size));
    check_same(&loaded, &here);
    model_steps(&here, AFTER);
    model_steps(&loaded, AFTER);
    check_same(&loaded, &here);
    optim_destroy(here.opt);
    optim_destroy(loaded.opt);
    free(file);
}

static size_t header_size(const unsigned char *file) {
    uint64_t length = 0;
    for (int i = 0; i < 8; ++i)
        length |= (uint64_t)file[i] << (8 * i);
    return (size_t)length + 8;
}

/* Arrays to the byte; what is written in words has the version in it. */
static void what_is_saved_here_is_what_was_saved_there(void **state) {
    model_t here;
    size_t size, there_size;
    unsigned char *there = file_there(&there_size);
    (void)state;
    model_open(&here);
    model_steps(&here, BEFORE);
    unsigned char *bytes = serialized(&here, &size);
    const size_t begin = header_size(bytes), there_begin = header_size(there);
    assert_int_equal(size - begin, there_size - there_begin);
    assert_memory_equal(bytes + begin, there + there_begin, size - begin);
    free(bytes);
    free(there);
    optim_destroy(here.opt);
}

static int write_file(const char *path) {
    model_t m;
    model_open(&m);
    model_steps(&m, BEFORE);
    const optim_status status = optim_save(m.opt, path);
    optim_destroy(m.opt);
    return status != OPTIM_OK;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return write_file(argv[2]);
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_from_elsewhere_is_gone_on_from),
                                       cmocka_unit_test(what_is_saved_here_is_what_was_saved_there)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
