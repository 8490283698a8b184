/* The machine stops while a checkpoint is saved, and what was not flushed is lost: files cut at every byte. */
#include "calls.h"
#include "check.h"
#include "lost_cache.h"

static void while_saving(void **state) {
    (void)state;
    const size_t states = lost_cache_of_saves(SCENE_SMALL, 1) + lost_cache_of_saves(SCENE_LARGE, 16384);
    print_message("%zu states of the disk while saving\n", states);
    assert_true(states >= 50000);
}

static void after_a_failure(void **state) {
    (void)state;
    const size_t states = lost_cache_of_failures(SCENE_SMALL, 8);
    print_message("%zu states of the disk around a save that failed\n", states);
    assert_true(states >= 50000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(while_saving),
        cmocka_unit_test(after_a_failure),
    };
    calls_flush(false); /* to the simulated disk only */
    return cmocka_run_group_tests_name("long_lost_cache", tests, NULL, NULL);
}
