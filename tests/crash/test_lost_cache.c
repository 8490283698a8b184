/* The machine stops while a checkpoint is saved, and what was not flushed is lost: files cut at some of their bytes. */
#include "calls.h"
#include "check.h"
#include "lost_cache.h"

static void while_saving(void **state) {
    (void)state;
    const size_t states = lost_cache_of_saves(SCENE_SMALL, 64) + lost_cache_of_saves(SCENE_LARGE, SCENE_LARGE);
    print_message("%zu states of the disk while saving\n", states);
    assert_true(states >= 2000);
}

static void after_a_failure(void **state) {
    (void)state;
    const size_t states = lost_cache_of_failures(SCENE_SMALL, 512);
    print_message("%zu states of the disk around a save that failed\n", states);
    assert_true(states >= 2500);
}

static void both_flushes_are_needed(void **state) {
    (void)state;
    assert_false(lost_cache_is_seen(DISK_HEARS_ALL));
    assert_true(lost_cache_is_seen(DISK_IGNORES_FILE_FLUSH));
    assert_true(lost_cache_is_seen(DISK_IGNORES_FOLDER_FLUSH));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(while_saving),
        cmocka_unit_test(after_a_failure),
        cmocka_unit_test(both_flushes_are_needed),
    };
    calls_flush(false); /* to the simulated disk only */
    return cmocka_run_group_tests_name("lost_cache", tests, NULL, NULL);
}
