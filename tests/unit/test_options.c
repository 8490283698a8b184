/* src/base: option tables and strings, numbers whatever the locale, checked sizes and memory. */
#define _POSIX_C_SOURCE 200809L
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/number.h"
#include "base/option.h"
#include "check.h"
#include "io/complaints.h"

static const option_t TABLE[] = {
    {"lr", 1e-3, "[0,inf)", "step size"},
    {"momentum", 0, "[0,1)", "decay of the buffer"},
    {"limit", 2, "(0,inf]", "may be infinite"},
    {"history", 10, "integer [1,inf)", "pairs kept"},
    {"nesterov", 0, "0|1", "flag"},
    {"draws", 0, "random|quasi|mean", "keyword"},
    {"milestones", 0, "list", "numbers"},
    {"children", 0, "schedules", "schedules"},
    {NULL, 0, NULL, NULL},
};

static const option_t *row(const char *name) {
    const int i = option_find(TABLE, name, strlen(name));
    assert_true(i >= 0);
    return &TABLE[i];
}

/* ---- Numbers ---- */

static void test_number(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double value;
    } GOOD[] = {{"1", 1},
                {"-1.5", -1.5},
                {"+2", 2},
                {"1e-3", 1e-3},
                {"1E+3", 1000},
                {".5", 0.5},
                {"5.", 5},
                {"0.1", 0.1},
                {"3e-4", 3e-4},
                {"4.9e-324", 5e-324},
                {"inf", (double)INFINITY},
                {"-inf", -(double)INFINITY},
                {"9007199254740993", 9007199254740992.0}};
    for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; ++i) {
        double value = 42;
        assert_true(number_parse(GOOD[i].text, strlen(GOOD[i].text), &value));
        assert_true(value == GOOD[i].value);
    }
    static const char *const BAD[] = {"",   " 1", "1 ",    "1,5",   "0x1", "nan", "-nan",     "1e",
                                      "e1", ".",  "+",     "1.2.3", "1-2", "--1", "infinity", "i",
                                      "in", "1f", "1_000", "\t1",   "1e+", "0b1"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; ++i) {
        double value = 42;
        if (number_parse(BAD[i], strlen(BAD[i]), &value))
            fail_msg("\"%s\" is read as %g", BAD[i], value);
        assert_true(value == 42);
    }
}

/* Only what belongs to the number is looked at, to the byte. */
static void test_number_within_text(void **state) {
    (void)state;
    double value;
    assert_true(number_parse("12345", 2, &value));
    assert_true(value == 12);
    const char unterminated[3] = {'7', '.', '5'};
    assert_true(number_parse(unterminated, 3, &value));
    assert_true(value == 7.5);
    assert_false(number_parse("1\0002", 3, &value));
    char digits[200];
    memset(digits, '1', sizeof digits);
    assert_false(number_parse(digits, sizeof digits, &value) && !isfinite(value));
}

/* ---- Tables ---- */

static void test_find(void **state) {
    (void)state;
    assert_int_equal(option_count(TABLE), 8);
    assert_int_equal(option_find(TABLE, "lr", 2), 0);
    assert_int_equal(option_find(TABLE, "lrx", 2), 0);
    assert_int_equal(option_find(TABLE, "lrx", 3), -1);
    assert_int_equal(option_find(TABLE, "l", 1), -1);
    assert_int_equal(option_find(TABLE, "", 0), -1);
    assert_int_equal(option_find(TABLE, "children", 8), 7);
    assert_true(option_is_keyword(row("draws")) && option_is_keyword(row("nesterov")));
    assert_false(option_is_keyword(row("lr")) || option_is_keyword(row("milestones")));
    assert_true(option_is_text(row("milestones")) && option_is_text(row("children")));
    assert_false(option_is_text(row("draws")) || option_is_text(row("history")));
}

static void test_names(void **state) {
    (void)state;
    list_t list = {.used = 0};
    option_list(TABLE, &list);
    assert_string_equal(list_end(&list, "nobody"),
                        "lr, momentum, limit, history, nesterov, draws, milestones, children");
    assert_int_equal(option_refuse(TABLE, "a thing", "momentun", 8), OPTIM_ERR_OPTION);
    assert_string_equal(optim_error(), "a thing has no option \"momentun\" (did you mean \"momentum\"?); it has: lr, "
                                       "momentum, limit, history, nesterov, draws, milestones, children");
}

static void test_check(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double good[4], bad[4];
    } CASES[] = {
        {"lr", {0, 1e-308, 1, 1e308}, {-5e-324, (double)INFINITY, (double)NAN, -1}},
        {"momentum", {0, 0.5, 0.9999999999999999, -0.0}, {1, -1e-17, (double)NAN, 2}},
        {"limit", {5e-324, 1, (double)INFINITY, 2}, {0, -1, (double)NAN, -(double)INFINITY}},
        {"history", {1, 2, 1000, 9007199254740992.0}, {0, 1.5, (double)INFINITY, (double)NAN}},
        {"nesterov", {0, 1, 0, 1}, {2, -1, 0.5, (double)NAN}},
        {"draws", {0, 1, 2, 0}, {3, -1, 1.5, (double)INFINITY}},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i)
        for (int k = 0; k < 4; ++k) {
            CHECK_OK(option_check(row(CASES[i].name), CASES[i].good[k]));
            CHECK_REFUSED(option_check(row(CASES[i].name), CASES[i].bad[k]), OPTIM_ERR_VALUE, CASES[i].name);
            assert_non_null(strstr(optim_error(), row(CASES[i].name)->range));
        }
    CHECK_REFUSED(option_check(row("milestones"), 1), OPTIM_ERR_VALUE, "milestones");
    CHECK_REFUSED(option_check(row("children"), 1), OPTIM_ERR_VALUE, "children");
}

static optim_status parse(const char *name, const char *text, double *value) {
    return option_parse(row(name), text, strlen(text), value);
}

static void test_bounds(void **state) {
    (void)state;
    static const struct {
        const char *name;
        option_bounds_t bounds;
    } ROWS[] = {
        {"lr", {OPTIM_KIND_NUMBER, 0, HUGE_VAL, false, true}},
        {"momentum", {OPTIM_KIND_NUMBER, 0, 1, false, true}},
        {"limit", {OPTIM_KIND_NUMBER, 0, HUGE_VAL, true, false}},
        {"history", {OPTIM_KIND_INTEGER, 1, HUGE_VAL, false, true}},
        {"nesterov", {OPTIM_KIND_SWITCH, 0, 1, false, false}},
        {"draws", {OPTIM_KIND_KEYWORD, 0, 2, false, false}},
        {"milestones", {OPTIM_KIND_LIST, 0, 0, false, false}},
        {"children", {OPTIM_KIND_ENTRIES, 0, 0, false, false}},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; ++i) {
        const option_bounds_t expected = ROWS[i].bounds, found = option_bounds(row(ROWS[i].name));
        if (found.kind != expected.kind || found.lowest != expected.lowest || found.highest != expected.highest ||
            found.lowest_open != expected.lowest_open || found.highest_open != expected.highest_open)
            fail_msg("%s: kind %d, %d %g to %g %d", ROWS[i].name, found.kind, found.lowest_open, found.lowest,
                     found.highest, found.highest_open);
    }
}

static void test_parse(void **state) {
    (void)state;
    double value = 42;
    CHECK_OK(parse("lr", "2.5e-1", &value));
    assert_true(value == 0.25);
    CHECK_OK(parse("limit", "inf", &value));
    assert_true(value == (double)INFINITY);
    CHECK_OK(parse("draws", "mean", &value));
    assert_true(value == 2);
    CHECK_OK(parse("nesterov", "1", &value));
    assert_true(value == 1);
    value = 42;
    CHECK_REFUSED(parse("draws", "me", &value), OPTIM_ERR_VALUE, "random|quasi|mean");
    CHECK_REFUSED(parse("draws", "meany", &value), OPTIM_ERR_VALUE, "meany");
    CHECK_REFUSED(parse("draws", "2", &value), OPTIM_ERR_VALUE, "draws");
    CHECK_REFUSED(parse("draws", "", &value), OPTIM_ERR_VALUE, "draws");
    CHECK_REFUSED(parse("draws", "random|quasi", &value), OPTIM_ERR_VALUE, "draws");
    CHECK_REFUSED(parse("nesterov", "01", &value), OPTIM_ERR_VALUE, "01");
    CHECK_REFUSED(parse("history", "2.5", &value), OPTIM_ERR_VALUE, "history");
    CHECK_REFUSED(parse("lr", "", &value), OPTIM_ERR_VALUE, "lr");
    CHECK_REFUSED(parse("lr", "-1", &value), OPTIM_ERR_VALUE, "[0,inf)");
    assert_true(value == 42);
    CHECK_OK(option_parse(row("draws"), "quasi,lr=1", 5, &value));
    assert_true(value == 1);
}

/* Words of letters are numbers with the digits 1 .. n in the base n + 1. */
static void test_words(void **state) {
    (void)state;
    static const option_t WORD = {"scheme", 630, "word of ABO", "order"};
    static const double NONE[] = {0, 4, 16, 630.5, -1, 0x1p54, (double)NAN, (double)INFINITY};
    char text[OPTION_TEXT];
    double value = 42;
    assert_int_equal(option_kind(&WORD), OPTIM_KIND_WORD);
    CHECK_OK(option_parse(&WORD, "BAOAB", 5, &value));
    assert_true(value == 630);
    option_text(&WORD, value, text);
    assert_string_equal(text, "BAOAB");
    assert_int_equal(option_letter(&WORD, value, 0), 1);
    assert_int_equal(option_letter(&WORD, value, 2), 2);
    assert_int_equal(option_letter(&WORD, value, 5), -1);
    CHECK_OK(option_parse(&WORD, "ABABABABABABABABABABABABAB", 26, &value));
    option_text(&WORD, value, text);
    assert_string_equal(text, "ABABABABABABABABABABABABAB");
    CHECK_OK(option_check(&WORD, 630));
    for (size_t i = 0; i < sizeof NONE / sizeof *NONE; ++i)
        CHECK_REFUSED(option_check(&WORD, NONE[i]), OPTIM_ERR_VALUE, "word of ABO");
    CHECK_REFUSED(option_parse(&WORD, "", 0, &value), OPTIM_ERR_VALUE, "scheme");
    CHECK_REFUSED(option_parse(&WORD, "BAX", 3, &value), OPTIM_ERR_VALUE, "BAX");
    CHECK_REFUSED(option_parse(&WORD, "BABABABABABABABABABABABABAB", 27, &value), OPTIM_ERR_VALUE, "short");
    const option_bounds_t bounds = option_bounds(&WORD);
    assert_true(bounds.kind == OPTIM_KIND_WORD && bounds.lowest == 0 && bounds.highest == 0);
}

/* ---- Strings ---- */

static void assert_pair(const option_pair_t *pair, const char *key, const char *value) {
    assert_int_equal(pair->key_length, strlen(key));
    assert_memory_equal(pair->key, key, pair->key_length);
    assert_int_equal(pair->value_length, strlen(value));
    if (pair->value_length > 0)
        assert_memory_equal(pair->value, value, pair->value_length);
}

static void test_walk(void **state) {
    (void)state;
    option_pair_t pair;
    const char *cursor = "lr=0.1,children=linear(start_factor=0.1,steps=8);constant,draws=mean,empty=,a=b=c";
    assert_int_equal(option_next(&cursor, &pair), 1);
    assert_pair(&pair, "lr", "0.1");
    assert_int_equal(option_next(&cursor, &pair), 1);
    assert_pair(&pair, "children", "linear(start_factor=0.1,steps=8);constant");
    assert_int_equal(option_next(&cursor, &pair), 1);
    assert_pair(&pair, "draws", "mean");
    assert_int_equal(option_next(&cursor, &pair), 1);
    assert_pair(&pair, "empty", "");
    assert_int_equal(option_next(&cursor, &pair), 1);
    assert_pair(&pair, "a", "b=c");
    assert_int_equal(option_next(&cursor, &pair), 0);
    assert_int_equal(option_next(&cursor, &pair), 0);
    cursor = NULL;
    assert_int_equal(option_next(&cursor, &pair), 0);
    cursor = "";
    assert_int_equal(option_next(&cursor, &pair), 0);
}

static void test_walk_malformed(void **state) {
    (void)state;
    static const char *const BAD[] = {"lr", "=1", ",", ",lr=1", "a=(", "a=)", "a=)(", "lr=1,", "=", "(=1)("};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; ++i) {
        option_pair_t pair;
        const char *cursor = BAD[i];
        int more;
        do
            more = option_next(&cursor, &pair);
        while (more > 0);
        if (more != OPTIM_ERR_VALUE)
            fail_msg("\"%s\" ends with %d", BAD[i], more);
    }
}

static void test_span(void **state) {
    (void)state;
    assert_int_equal(option_span("a;b", 3, ';'), 1);
    assert_int_equal(option_span("ab", 2, ';'), 2);
    assert_int_equal(option_span("", 0, ';'), 0);
    assert_int_equal(option_span(";", 1, ';'), 0);
    assert_int_equal(option_span("f(a;b);c", 8, ';'), 6);
    assert_int_equal(option_span("f(g(a;b);c);d", 13, ';'), 11);
    assert_int_equal(option_span("f(a;b", 5, ';'), -1);
    assert_int_equal(option_span("f)a;b", 5, ';'), -1);
    assert_int_equal(option_span("f(a;b)", 2, ';'), -1);
}

static void test_unique(void **state) {
    (void)state;
    CHECK_OK(option_check_unique(NULL));
    CHECK_OK(option_check_unique("lr=1,lrx=2,l=3"));
    CHECK_OK(option_check_unique("a=linear(steps=1);linear(steps=1),steps=2"));
    CHECK_REFUSED(option_check_unique("lr=1,b=2,lr=3"), OPTIM_ERR_DUPLICATE, "\"lr\"");
    CHECK_STATUS(option_check_unique("lr=1,lr"), OPTIM_ERR_VALUE);
}

/* ---- A locale whose decimal point is a comma ---- */

static char locale_folder[] = "/tmp/gradopt-locale-XXXXXX";

/* German as installed, or made by localedef in a folder of its own. */
static bool enter_comma_locale(void) {
    static const char NAME[] = "de_DE.UTF-8";
    if (setlocale(LC_ALL, NAME) != NULL)
        return true;
    if (mkdtemp(locale_folder) == NULL)
        return false;
    char *command = check_text("localedef -c -i de_DE -f UTF-8 %s/%s >/dev/null 2>&1", locale_folder, NAME);
    (void)(system(command) + 1); /* warnings count as failure there; setlocale decides */
    free(command);
    (void)setenv("LOCPATH", locale_folder, 1);
    return setlocale(LC_ALL, NAME) != NULL;
}

static void leave_comma_locale(void) {
    (void)setlocale(LC_ALL, "C");
    if (getenv("LOCPATH") != NULL && strcmp(getenv("LOCPATH"), locale_folder) == 0) {
        (void)unsetenv("LOCPATH");
        char *command = check_text("rm -r %s", locale_folder);
        assert_int_equal(system(command), 0);
        free(command);
    }
}

static void check_numbers_in_comma_locale(void) {
    char text[16];
    (void)snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, "0,5"); /* the locale is at work */
    double value;
    assert_true(number_parse("0.5", 3, &value));
    assert_true(value == 0.5);
    assert_false(number_parse("0,5", 3, &value));
    CHECK_REFUSED(option_check(row("momentum"), 1.5), OPTIM_ERR_VALUE, "1.5");
    CHECK_REFUSED(parse("momentum", "2.5", &value), OPTIM_ERR_VALUE, "2.5");
}

static void check_library_in_comma_locale(void) {
    optim_t *opt;
    double value, x = 1, g = 1;
    char *before = check_text("%s", setlocale(LC_ALL, NULL));
    const locale_t of_thread = uselocale((locale_t)0);
    CHECK_OK(optim_create(&opt, "sgd", "lr=0.25,momentum=7.5e-1,dampening=7.5e-1"));
    CHECK_OK(optim_get(opt, 0, "momentum", &value));
    assert_true(value == 0.75);
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
    CHECK_OK(optim_set_schedule(opt, 0, "lr", "step", "step_size=1,gamma=0.5"));
    CHECK_OK(optim_step(opt));
    CHECK_OK(optim_get(opt, 0, "lr", &value));
    assert_true(x == 0.75 && value == 0.125);
    CHECK_REFUSED(optim_set(opt, 0, "dampening", 1.5), OPTIM_ERR_VALUE, "1.5");
    CHECK_REFUSED(optim_set_schedule(opt, 0, "dampening", "linear", "start_factor=1,end_factor=2,steps=3"),
                  OPTIM_ERR_VALUE, "1.25 at step 2, 1.5 at step 3");
    optim_destroy(opt);
    complaints_t complaints = {.used = 0};
    complain(&complaints, "%g", 0.25);
    CHECK_REFUSED(complaints_end(&complaints, "a file"), OPTIM_ERR_CHECKPOINT, ": 0.25");
    CHECK_REFUSED(optim_create(&opt, "sgd", "lr=0,25"), OPTIM_ERR_VALUE, "25");
    assert_string_equal(setlocale(LC_ALL, NULL), before);
    assert_true(uselocale((locale_t)0) == of_thread);
    free(before);
}

/* Skipped, and reported as skipped, where no such locale can be had. */
static void test_comma_locale(void **state) {
    (void)state;
    if (!enter_comma_locale()) {
        leave_comma_locale();
        skip();
    }
    check_numbers_in_comma_locale();
    check_library_in_comma_locale();
    leave_comma_locale();
}

/* ---- Memory ---- */

static void test_sizes(void **state) {
    (void)state;
    size_t result = 42;
    assert_true(size_multiply(SIZE_MAX, 1, &result) && result == SIZE_MAX);
    assert_true(size_multiply(SIZE_MAX, 0, &result) && result == 0);
    const size_t half = SIZE_MAX / 2 + 1, root = (size_t)1 << (4 * sizeof(size_t)); /* half the bits of a size */
    assert_true(size_multiply(root / 2, root, &result) && result == half);
    result = 42;
    assert_false(size_multiply(root, root, &result));
    assert_false(size_multiply(SIZE_MAX, 2, &result));
    assert_false(size_multiply(SIZE_MAX / 3 + 1, 3, &result));
    assert_false(size_add(SIZE_MAX, 1, &result));
    assert_int_equal(result, 42);
    assert_true(size_add(SIZE_MAX - 1, 1, &result) && result == SIZE_MAX);
    assert_false(size_of_count(-1, &result));
    assert_true(size_of_count(INT32_MAX, &result) && result == INT32_MAX);
    assert_int_equal(size_of_count(INT64_MAX, &result), sizeof(size_t) >= sizeof(int64_t));
    assert_int_equal(size_of_number(0), 0);
    assert_int_equal(size_of_number(65537), 65537);
    assert_true(size_of_number(0x1p70) == SIZE_MAX && size_of_number(INFINITY) == SIZE_MAX);
    assert_int_equal(size_aligned(0), 0);
    assert_int_equal(size_aligned(1), 64);
    assert_int_equal(size_aligned(64), 64);
    assert_int_equal(size_aligned(65), 128);
    assert_true(size_aligned(SIZE_MAX - 127) == SIZE_MAX - 127);
    assert_true(size_aligned(SIZE_MAX - 62) == SIZE_MAX);
}

static void test_memory(void **state) {
    (void)state;
    for (size_t bytes = 0; bytes < 300; bytes += 13) {
        unsigned char *memory = memory_aligned(bytes);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % MEMORY_ALIGNMENT, 0);
        memset(memory, 0xFF, bytes);
        free(memory);
    }
    assert_null(memory_aligned(SIZE_MAX));
    assert_null(memory_aligned((size_t)PTRDIFF_MAX + 1));
    void *array = NULL;
    size_t capacity = 0;
    for (size_t i = 0; i < 1000; ++i) {
        assert_true(memory_grow(&array, &capacity, i + 1, sizeof(size_t)));
        assert_true(capacity > i);
        ((size_t *)array)[i] = i;
    }
    for (size_t i = 0; i < 1000; ++i)
        assert_int_equal(((size_t *)array)[i], i);
    const void *before = array;
    const size_t old = capacity;
    assert_false(memory_grow(&array, &capacity, SIZE_MAX / 4, sizeof(size_t)));
    assert_false(memory_grow(&array, &capacity, SIZE_MAX, 1));
    assert_true(array == before && capacity == old);
    free(array);
    enum { BLOCKS = 100 };
    void *base[BLOCKS]; /* all kept to the end, so that they begin at all kinds of addresses */
    for (size_t i = 0; i < BLOCKS; ++i) {
        const size_t bytes = 1 + 97 * i;
        const char *block = memory_zeroed(bytes, &base[i]);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % MEMORY_ALIGNMENT, 0);
        assert_true(block + bytes <= (char *)base[i] + memory_zeroed_size(bytes));
        for (size_t k = 0; k < bytes; ++k)
            assert_int_equal(block[k], 0);
    }
    for (size_t i = 0; i < BLOCKS; ++i)
        free(base[i]);
    char *copy = memory_text("abcdef", 3);
    assert_string_equal(copy, "abc");
    free(copy);
    copy = memory_text("", 0);
    assert_string_equal(copy, "");
    free(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_number),       cmocka_unit_test(test_number_within_text),
        cmocka_unit_test(test_find),         cmocka_unit_test(test_names),
        cmocka_unit_test(test_check),        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_words),        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_walk),         cmocka_unit_test(test_walk_malformed),
        cmocka_unit_test(test_span),         cmocka_unit_test(test_unique),
        cmocka_unit_test(test_comma_locale), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
