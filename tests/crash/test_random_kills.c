#include "check.h"
#include "random_kills.h"

static void the_file_is_the_old_or_the_new_one(void **state) {
    (void)state;
    random_kills(50, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_file_is_the_old_or_the_new_one)};
    return cmocka_run_group_tests_name("random_kills", tests, NULL, NULL);
}
