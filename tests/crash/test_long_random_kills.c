#include "check.h"
#include "random_kills.h"

static void the_file_is_the_old_or_the_new_one(void **state) {
    (void)state;
    random_kills(1000, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_file_is_the_old_or_the_new_one)};
    return cmocka_run_group_tests_name("long_random_kills", tests, NULL, NULL);
}
