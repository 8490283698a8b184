/* As if memory here had the other order of bytes: the library's one file that knows is compiled once more for that, and
 * saving and loading, from the archive, are linked to it. */
#define BYTEORDER_IS_LITTLE (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
#include "io/byteorder.c"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "orders.h"

/* Whether arrays are turned on their way to a file, as they are here on a little-endian machine. */
static const bool TURNED = !(BYTEORDER_IS_LITTLE);

typedef struct taken {
    unsigned char bytes[20000];
    size_t count;
    int calls, fails_at;
} taken_t;

static optim_status take_bytes(void *context, const void *bytes, size_t count) {
    taken_t *taken = context;
    if (++taken->calls == taken->fails_at)
        return OPTIM_ERR_IO;
    memcpy(taken->bytes + taken->count, bytes, count);
    taken->count += count;
    return OPTIM_OK;
}

static void elements_are_turned(void **state) {
    static const unsigned char FROM[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const struct {
        size_t item;
        unsigned char to[8];
    } CASES[] = {{1, {1, 2, 3, 4, 5, 6, 7, 8}},
                 {2, {2, 1, 4, 3, 6, 5, 8, 7}},
                 {4, {4, 3, 2, 1, 8, 7, 6, 5}},
                 {8, {8, 7, 6, 5, 4, 3, 2, 1}}};
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i) {
        taken_t taken = {.count = 0};
        unsigned char there_and_back[8];
        CHECK_OK(byteorder_to_file(FROM, sizeof FROM, CASES[i].item, take_bytes, &taken));
        assert_int_equal(taken.count, sizeof FROM);
        assert_memory_equal(taken.bytes, TURNED ? CASES[i].to : FROM, sizeof FROM);
        memcpy(there_and_back, taken.bytes, sizeof there_and_back);
        byteorder_from_file(there_and_back, sizeof there_and_back, CASES[i].item);
        assert_memory_equal(there_and_back, FROM, sizeof FROM);
    }
}

/* Longer than the piece that is turned at a time, and not a multiple of it; nothing at all; a taker that fails. */
static void long_and_short_runs(void **state) {
    enum { LONG = 2 * 4096 + 24 };
    static const size_t COUNTS[] = {0, 8, 4096, 4104, LONG};
    unsigned char from[LONG], back[LONG];
    (void)state;
    for (size_t i = 0; i < LONG; ++i)
        from[i] = (unsigned char)(i * 31 + i / 256);
    for (size_t item = 1; item <= 8; item *= 2)
        for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; ++i) {
            taken_t taken = {.count = 0};
            CHECK_OK(byteorder_to_file(from, COUNTS[i], item, take_bytes, &taken));
            assert_int_equal(taken.count, COUNTS[i]);
            for (size_t k = 0; TURNED && k < COUNTS[i]; ++k)
                assert_int_equal(taken.bytes[k], from[k - k % item + item - 1 - k % item]);
            memcpy(back, taken.bytes, COUNTS[i]);
            byteorder_from_file(back, COUNTS[i], item);
            assert_memory_equal(back, from, COUNTS[i] + (COUNTS[i] == 0));
        }
    taken_t taken = {.fails_at = 1};
    assert_int_equal(byteorder_to_file(from, LONG, 4, take_bytes, &taken), OPTIM_ERR_IO);
    assert_int_equal(taken.calls, 1);
}

static unsigned char *serialized(const orders_t *orders, size_t *size) {
    return check_serialized(orders->opt, size);
}

/* Every array lies there with its elements the other way round, those of one byte as they are. */
static void arrays_are_turned(void **state) {
    orders_t orders;
    size_t size, file_size;
    (void)state;
    orders_open(&orders);
    orders_steps(&orders, ORDERS_STEPS);
    unsigned char *bytes = serialized(&orders, &size), *file = orders_file(&file_size);
    const unsigned char *at = bytes + orders_begin(bytes), *there = file + orders_begin(file);
    for (size_t r = 0; r < ORDERS_RUN_COUNT; ++r)
        for (size_t i = 0; i < ORDERS_RUNS[r].count; ++i, at += ORDERS_RUNS[r].item, there += ORDERS_RUNS[r].item)
            for (size_t k = 0; k < ORDERS_RUNS[r].item; ++k)
                assert_int_equal(at[k], there[ORDERS_RUNS[r].item - 1 - k]);
    assert_ptr_equal(at, bytes + size);
    assert_ptr_equal(there, file + file_size);
    free(file);
    free(bytes);
    orders_close(&orders);
}

/* Saved and loaded in that order, with checksums over what lies there, a run goes on to the same bits. */
static void there_and_back(void **state) {
    (void)state;
    for (int steps = 0; steps <= 2; steps += 2) {
        orders_t orders, loaded;
        size_t size;
        orders_open(&orders);
        orders_steps(&orders, ORDERS_STEPS);
        unsigned char *bytes = serialized(&orders, &size);
        orders_open(&loaded);
        orders_steps(&loaded, steps);
        orders_copy_values(&loaded, &orders);
        CHECK_OK(optim_deserialize(loaded.opt, bytes, size));
        orders_steps(&orders, 4);
        orders_steps(&loaded, 4);
        orders_check_same(&loaded, &orders);
        bytes[size - 1] ^= 1;
        CHECK_REFUSED(optim_deserialize(loaded.opt, bytes, size), OPTIM_ERR_FORMAT, "checksum");
        free(bytes);
        orders_close(&orders);
        orders_close(&loaded);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_are_turned),
        cmocka_unit_test(long_and_short_runs),
        cmocka_unit_test(arrays_are_turned),
        cmocka_unit_test(there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
