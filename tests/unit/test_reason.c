/* Both forms of strerror_r give the same words. */
#undef _GNU_SOURCE
#include "io/reason.h"

#include <errno.h>
#include <string.h>

#include "check.h"
#include "reason_gnu.h"

typedef const char *reason_t(int number, char *buffer, size_t room);
static reason_t *const FORMS[] = {reason_of, reason_of_gnu};
enum { FORM_COUNT = sizeof FORMS / sizeof *FORMS, ROOM = 128, FEW = 8 };

static void words(void **state) {
    static const int NUMBERS[] = {EIO, ENOSPC, ENOENT, EACCES, EROFS, EDQUOT, ENAMETOOLONG};
    (void)state;
    for (int form = 0; form < FORM_COUNT; ++form)
        for (size_t i = 0; i < sizeof NUMBERS / sizeof *NUMBERS; ++i) {
            char buffer[ROOM];
            assert_string_equal(FORMS[form](NUMBERS[i], buffer, sizeof buffer), strerror(NUMBERS[i]));
        }
}

/* Whatever the system makes of it, the number is there. */
static void a_number_without_words(void **state) {
    (void)state;
    for (int form = 0; form < FORM_COUNT; ++form) {
        char buffer[ROOM];
        assert_non_null(strstr(FORMS[form](12345, buffer, sizeof buffer), "12345"));
    }
}

/* Words that do not fit are cut, or are not in the buffer at all. */
static void little_room(void **state) {
    (void)state;
    for (int form = 0; form < FORM_COUNT; ++form) {
        char buffer[ROOM];
        memset(buffer, 'x', sizeof buffer);
        assert_true(strlen(FORMS[form](ENOENT, buffer, FEW)) > 0);
        assert_int_equal(buffer[FEW], 'x');
        assert_true(memchr(buffer, '\0', FEW) != NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(a_number_without_words),
        cmocka_unit_test(little_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
