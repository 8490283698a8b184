#include "orders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

const orders_run_t ORDERS_RUNS[ORDERS_RUN_COUNT] = {
    {8, 3 * ORDERS_D},                                /* m, v and the average */
    {4, 3 * ORDERS_F + ORDERS_S + ORDERS_Q + 2 * 2L}, /* averages are in f32; blocks of 8 codes have a scale */
    {2, 2 * ORDERS_S},
    {1, 2 * ORDERS_Q},
};

void orders_open(orders_t *o) {
    static const int64_t D = ORDERS_D, F = ORDERS_F, S = ORDERS_S, Q = ORDERS_Q;
    int shorter, codes;
    *o = (orders_t){0};
    for (int i = 0; i < ORDERS_Q; ++i) {
        const float begin = 1 + (float)i / 8;
        o->q[i] = begin;
        if (i < ORDERS_D)
            o->d[i] = (double)begin;
        if (i < ORDERS_F)
            o->f[i] = begin;
        if (i < ORDERS_S)
            o->s[i] = begin;
    }
    CHECK_OK(optim_create(&o->opt, "adamw", "lr=0.125"));
    CHECK_OK(optim_wrap(o->opt, "ema", NULL));
    CHECK_OK(optim_add_group(o->opt, "state_dtype=bf16,state_min=0", &shorter));
    CHECK_OK(optim_add_group(o->opt, "state_dtype=int8,state_min=0,state_block=8", &codes));
    CHECK_OK(optim_add_param(o->opt, 0, "d", OPTIM_F64, 1, &D, o->d, o->d_grad));
    CHECK_OK(optim_add_param(o->opt, 0, "f", OPTIM_F32, 1, &F, o->f, o->f_grad));
    CHECK_OK(optim_add_param(o->opt, shorter, "s", OPTIM_F32, 1, &S, o->s, o->s_grad));
    CHECK_OK(optim_add_param(o->opt, codes, "q", OPTIM_F32, 1, &Q, o->q, o->q_grad));
}

void orders_close(orders_t *o) {
    optim_destroy(o->opt);
}

static float gradient(int i, int64_t step) {
    return (float)((7 * i + 3 * step) % 11 - 5) / 8;
}

void orders_steps(orders_t *o, int steps) {
    for (int k = 0; k < steps; ++k) {
        const int64_t step = optim_steps(o->opt) + 1;
        for (int i = 0; i < ORDERS_Q; ++i) {
            o->q_grad[i] = gradient(i, step);
            if (i < ORDERS_D)
                o->d_grad[i] = (double)gradient(i, step) / 3;
            if (i < ORDERS_F)
                o->f_grad[i] = gradient(i, step) / 3;
            if (i < ORDERS_S)
                o->s_grad[i] = gradient(i, step) / 3;
        }
        CHECK_OK(optim_step(o->opt));
    }
}

void orders_copy_values(orders_t *to, const orders_t *from) {
    memcpy(to->d, from->d, sizeof to->d);
    memcpy(to->f, from->f, sizeof to->f);
    memcpy(to->s, from->s, sizeof to->s);
    memcpy(to->q, from->q, sizeof to->q);
}

void orders_check_same(const orders_t *a, const orders_t *b) {
    assert_memory_equal(a->d, b->d, sizeof a->d);
    assert_memory_equal(a->f, b->f, sizeof a->f);
    assert_memory_equal(a->s, b->s, sizeof a->s);
    assert_memory_equal(a->q, b->q, sizeof a->q);
}

unsigned char *orders_file(size_t *size) {
    enum { ROOM = 1 << 16 };
    unsigned char *bytes = check_memory(ROOM, 1);
    FILE *stream = fopen(TEST_SOURCE_DIR "/checkpoint/data/little_endian.optim", "rb");
    assert_non_null(stream);
    *size = fread(bytes, 1, ROOM, stream);
    assert_int_equal(fclose(stream), 0);
    assert_in_range(*size, 1, ROOM - 1);
    return bytes;
}

size_t orders_begin(const unsigned char *file) {
    uint64_t length = 0;
    for (int i = 0; i < 8; ++i)
        length |= (uint64_t)file[i] << (8 * i);
    return (size_t)length + 8;
}
