/* Every request for memory fails, with every algorithm, wrapper and schedule. */
#include "allocator.h"
#include "scripts.h"

static void every_algorithm(void **state) {
    (void)state;
    for (size_t i = 0; i < optim_algorithm_count(); ++i)
        torture_algorithm(optim_algorithm_name(i));
}

static void every_wrapper(void **state) {
    (void)state;
    for (size_t i = 0; i < optim_wrapper_count(); ++i)
        torture_subject((subject_t){"adam", optim_wrapper_name(i), NULL, NULL, WORLD_TENSORS});
}

static void every_schedule(void **state) {
    (void)state;
    for (size_t i = 0; i < optim_schedule_count(); ++i)
        torture_subject((subject_t){"sgd", NULL, optim_schedule_name(i), schedule_example(optim_schedule_name(i)), 1});
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_algorithm), cmocka_unit_test(every_wrapper),
                                       cmocka_unit_test(every_schedule)};
    const int failed = cmocka_run_group_tests_name("oom, registry", tests, NULL, NULL);
    torture_report();
    return failed;
}
