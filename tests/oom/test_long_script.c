/* Every request for memory fails, in every function of the API. */
#include "allocator.h"
#include "scripts.h"

static void every_function(void **state) {
    (void)state;
    torture_api();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_function)};
    const int failed = cmocka_run_group_tests_name("oom, every function", tests, NULL, NULL);
    torture_report();
    return failed;
}
