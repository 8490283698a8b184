/* A checkpoint has the same bytes whatever the order of bytes in the machine: one of a little-endian machine is gone on
 * from, and what is saved here is what that one saved. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "orders.h"

static void one_from_elsewhere_is_gone_on_from(void **state) {
    orders_t here, loaded, on;
    size_t size;
    unsigned char *file = orders_file(&size);
    (void)state;
    orders_open(&here);
    orders_steps(&here, ORDERS_STEPS);
    for (int steps = 0; steps <= ORDERS_STEPS; steps += ORDERS_STEPS) { /* before memory is taken, and later */
        orders_open(&loaded);
        orders_steps(&loaded, steps);
        orders_copy_values(&loaded, &here);
        CHECK_OK(optim_deserialize(loaded.opt, file, size));
        orders_open(&on);
        orders_steps(&on, ORDERS_STEPS + 4);
        orders_steps(&loaded, 4);
        orders_check_same(&loaded, &on);
        orders_close(&on);
        orders_close(&loaded);
    }
    orders_close(&here);
    free(file);
}

/* To memory, to a file, and in the background. */
static void arrays_are_little_endian(void **state) {
    char path[] = "/tmp/gradopt-byteorder-XXXXXX";
    const int descriptor = mkstemp(path);
    orders_t here;
    size_t size, there_size;
    unsigned char *there = orders_file(&there_size);
    const size_t begin = orders_begin(there);
    (void)state;
    orders_open(&here);
    orders_steps(&here, ORDERS_STEPS);
    CHECK_OK(optim_serialize(here.opt, NULL, 0, &size));
    unsigned char *bytes = check_memory(size, 1), *read_back = check_memory(size + 1, 1);
    CHECK_OK(optim_serialize(here.opt, bytes, size, &size));
    assert_int_equal(size - orders_begin(bytes), there_size - begin);
    assert_memory_equal(bytes + orders_begin(bytes), there + begin, there_size - begin);
    for (int in_background = 0; in_background < 2; ++in_background) {
        CHECK_OK(in_background ? optim_save_async(here.opt, path) : optim_save(here.opt, path));
        CHECK_OK(optim_save_wait(here.opt));
        FILE *stream = fopen(path, "rb");
        assert_non_null(stream);
        assert_int_equal(fread(read_back, 1, size + 1, stream), size);
        assert_int_equal(fclose(stream), 0);
        assert_memory_equal(read_back, bytes, size);
    }
    assert_int_equal(unlink(path), 0);
    (void)close(descriptor);
    free(read_back);
    free(bytes);
    free(there);
    orders_close(&here);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_from_elsewhere_is_gone_on_from),
        cmocka_unit_test(arrays_are_little_endian),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
