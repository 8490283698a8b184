/* Requests for memory fail in every function of the API, and in a sample of the registry: the short form. */
#include "allocator.h"
#include "scripts.h"

static void every_function(void **state) {
    (void)state;
    torture_api();
}

static void sample_of_the_registry(void **state) {
    (void)state;
    torture_subject((subject_t){"muon", NULL, NULL, NULL, 1});
    torture_subject((subject_t){"adahessian", "gsam", NULL, NULL, 2});
    torture_subject((subject_t){"adam8bit", "poly_avg", "volsched", schedule_example("volsched"), 3});
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_function), cmocka_unit_test(sample_of_the_registry)};
    torture_in_short();
    const int failed = cmocka_run_group_tests_name("oom", tests, NULL, NULL);
    torture_report();
    return failed;
}
