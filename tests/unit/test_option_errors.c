/* Options through the public API: strings malformed and well-formed, long ones, values set one by one. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "plain_handle.h"

typedef struct option_case {
    const char *options;
    optim_status status;
    const char *offender;
} option_case_t;

static const option_case_t OPTION_CASES[] = {
    {"lr", OPTIM_ERR_VALUE, "lr"},
    {"=1", OPTIM_ERR_VALUE, "=1"},
    {"lr=", OPTIM_ERR_VALUE, "lr"},
    {"lr=1,,", OPTIM_ERR_VALUE, ""},
    {"lr=1,", OPTIM_ERR_VALUE, "comma"},
    {",lr=1", OPTIM_ERR_VALUE, ""},
    {",", OPTIM_ERR_VALUE, ""},
    {"lr=1e", OPTIM_ERR_VALUE, "1e"},
    {"lr=0x10", OPTIM_ERR_VALUE, "0x10"},
    {"lr=nan", OPTIM_ERR_VALUE, "nan"},
    {"lr=NAN", OPTIM_ERR_VALUE, "NAN"},
    {"lr=1 ", OPTIM_ERR_VALUE, "lr"},
    {"lr= 1", OPTIM_ERR_VALUE, "lr"},
    {" lr=1", OPTIM_ERR_OPTION, " lr"},
    {"lr=1;momentum=0.5", OPTIM_ERR_VALUE, "1;momentum"},
    {"lr=1.2.3", OPTIM_ERR_VALUE, "1.2.3"},
    {"lr=1,5", OPTIM_ERR_VALUE, "5"},
    {"lr=(1", OPTIM_ERR_VALUE, "parenthes"},
    {"lr=1)", OPTIM_ERR_VALUE, "parenthes"},
    {"lr=-1e-300", OPTIM_ERR_VALUE, "lr"},
    {"lr=inf", OPTIM_ERR_VALUE, "lr"},
    {"lr=1e999", OPTIM_ERR_VALUE, "lr"},
    {"lr=infinity", OPTIM_ERR_VALUE, "infinity"},
    {"dampening=1.5", OPTIM_ERR_VALUE, "dampening"},
    {"dampening=-0.1", OPTIM_ERR_VALUE, "[0,1]"},
    {"dampening=1.0000001", OPTIM_ERR_VALUE, "dampening"},
    {"momentum=0.5,nesterov=2", OPTIM_ERR_VALUE, "nesterov"},
    {"momentum=0.5,nesterov=yes", OPTIM_ERR_VALUE, "yes"},
    {"nesterov=1", OPTIM_ERR_VALUE, "nesterov"},
    {"nesterov=1,momentum=0.9,dampening=0.1", OPTIM_ERR_VALUE, "dampening"},
    {"lr=1,lr=1", OPTIM_ERR_DUPLICATE, "lr"},
    {"lr=1,momentum=0.5,lr=2", OPTIM_ERR_DUPLICATE, "lr"},
    {"momentun=0.9", OPTIM_ERR_OPTION, "momentun"},
    {"beta1=0.9", OPTIM_ERR_OPTION, "beta1"},
    {"LR=1", OPTIM_ERR_OPTION, "LR"},
    {"nonfinite=never", OPTIM_ERR_VALUE, "never"},
    {"nonfinite=sk", OPTIM_ERR_VALUE, "sk"},
    {"nonfinite=skip|error", OPTIM_ERR_VALUE, "skip|error"},
    {"clip_norm=-1", OPTIM_ERR_VALUE, "clip_norm"},
};

static void test_option_strings(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof OPTION_CASES / sizeof *OPTION_CASES; ++i) {
        const option_case_t *c = &OPTION_CASES[i];
        optim_t *opt = (optim_t *)state;
        const optim_status status = optim_create(&opt, "sgd", c->options);
        if (status != c->status)
            fail_msg("\"%s\" gives %d (%s), not %d; \"%s\"", c->options, status, optim_strerror(status), c->status,
                     optim_error());
        CHECK_REFUSED(status, c->status, c->offender);
        assert_null(opt);
    }
}

/* Options of the whole handle cannot be a group's own. */
static bool is_of_the_handle(const char *options) {
    return strncmp(options, "nonfinite", 9) == 0;
}

static void test_option_strings_of_groups_and_wrappers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof OPTION_CASES / sizeof *OPTION_CASES; ++i) {
        const option_case_t *c = &OPTION_CASES[i];
        handle_t s;
        int group = 42;
        handle_open(&s);
        const optim_status status = optim_add_group(s.opt, c->options, &group);
        const optim_status expected = is_of_the_handle(c->options) ? OPTIM_ERR_OPTION : c->status;
        if (status != expected)
            fail_msg("group \"%s\": %d, not %d; \"%s\"", c->options, status, expected, optim_error());
        assert_int_equal(group, 42);
        assert_true(optim_wrap(s.opt, "ema", c->options) < 0);
        CHECK_OK(optim_add_group(s.opt, NULL, &group));
        assert_int_equal(group, 1);
        CHECK_OK(optim_wrap(s.opt, "ema", NULL)); /* the failed wraps left no wrapper behind */
        handle_close(&s);
    }
}

static void test_valid_option_strings(void **state) {
    (void)state;
    static const struct {
        const char *options;
        double lr;
    } CASES[] = {{"", 1e-3},
                 {"lr=0", 0},
                 {"lr=1e-300", 1e-300},
                 {"lr=+0.5", 0.5},
                 {"lr=.5", 0.5},
                 {"lr=5.", 5},
                 {"lr=1E2", 100},
                 {"momentum=0.99999999999999", 1e-3},
                 {"dampening=1", 1e-3},
                 {"lr=-0", 0}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i) {
        optim_t *opt;
        double lr;
        CHECK_OK(optim_create(&opt, "sgd", CASES[i].options));
        CHECK_OK(optim_get(opt, 0, "lr", &lr));
        assert_true(lr == CASES[i].lr);
        optim_destroy(opt);
    }
}

/* Strings as long as one likes: refused or taken, and the sentence still ends. */
static void test_long_strings(void **state) {
    (void)state;
    enum { LENGTH = 1 << 20 };
    char *text = check_memory(LENGTH + 16, 1);
    optim_t *opt;
    memcpy(text, "lr=", 3);
    memset(text + 3, '1', LENGTH);
    CHECK_REFUSED(optim_create(&opt, "sgd", text), OPTIM_ERR_VALUE, "lr");
    assert_true(strlen(optim_error()) < 4096);
    memset(text, 'k', LENGTH);
    memcpy(text + LENGTH, "=1", 3);
    CHECK_REFUSED(optim_create(&opt, "sgd", text), OPTIM_ERR_OPTION, "kkk");
    CHECK_REFUSED(optim_create(&opt, text, NULL), OPTIM_ERR_NAME, "kkk");
    memset(text, '(', LENGTH);
    CHECK_STATUS(optim_create(&opt, "sgd", text), OPTIM_ERR_VALUE);
    memset(text, ',', LENGTH);
    CHECK_STATUS(optim_create(&opt, "sgd", text), OPTIM_ERR_VALUE);
    handle_t s;
    handle_open(&s);
    memset(text, 'k', LENGTH);
    text[LENGTH] = '\0';
    CHECK_REFUSED(optim_set(s.opt, 0, text, 1), OPTIM_ERR_OPTION, "kkk");
    CHECK_REFUSED(optim_wrap(s.opt, text, NULL), OPTIM_ERR_NAME, "kkk");
    CHECK_REFUSED(optim_set_schedule(s.opt, 0, "lr", text, NULL), OPTIM_ERR_NAME, "kkk");
    handle_close(&s);
    free(text);
}

static void test_set(void **state) {
    (void)state;
    handle_t s;
    double value = 42;
    handle_open(&s);
    CHECK_REFUSED(optim_set(s.opt, 0, "lr", -1), OPTIM_ERR_VALUE, "lr");
    CHECK_REFUSED(optim_set(s.opt, 0, "lr", (double)NAN), OPTIM_ERR_VALUE, "lr");
    CHECK_REFUSED(optim_set(s.opt, 0, "lr", (double)INFINITY), OPTIM_ERR_VALUE, "lr");
    CHECK_REFUSED(optim_set(s.opt, 0, "dampening", 1.5), OPTIM_ERR_VALUE, "dampening");
    CHECK_REFUSED(optim_set(s.opt, 0, "nesterov", 1), OPTIM_ERR_VALUE, "nesterov"); /* needs momentum */
    CHECK_REFUSED(optim_set(s.opt, 0, "nonfinite", 3), OPTIM_ERR_VALUE, "nonfinite");
    CHECK_REFUSED(optim_set(s.opt, 0, "nonfinite", 0.5), OPTIM_ERR_VALUE, "nonfinite");
    CHECK_REFUSED(optim_set(s.opt, 0, "beta2", 0.9), OPTIM_ERR_OPTION, "beta2");
    assert_non_null(strstr(optim_error(), "momentum")); /* the valid ones are listed */
    CHECK_REFUSED(optim_set(s.opt, 0, "", 1), OPTIM_ERR_OPTION, "\"\"");
    CHECK_REFUSED(optim_set(s.opt, 0, "sam.rho", 1), OPTIM_ERR_OPTION, "sam.rho");
    CHECK_REFUSED(optim_set(s.opt, 0, "lr.", 1), OPTIM_ERR_OPTION, "lr.");
    CHECK_REFUSED(optim_get(s.opt, 0, ".lr", &value), OPTIM_ERR_OPTION, ".lr");
    assert_true(value == 42);
    handle_close(&s);
}

static void test_set_of_what_decides_about_memory(void **state) {
    (void)state;
    double x = 1, g = 1, value;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "adam8bit", NULL));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
    CHECK_OK(optim_set(opt, 0, "block_size", 128));
    CHECK_OK(optim_step(opt));
    CHECK_REFUSED(optim_set(opt, 0, "block_size", 64), OPTIM_ERR_ORDER, "block_size");
    CHECK_OK(optim_get(opt, 0, "block_size", &value));
    assert_true(value == 128);
    CHECK_OK(optim_set(opt, 0, "beta2", 0.5));
    CHECK_OK(optim_step(opt));
    optim_destroy(opt);
}

/* Looking for a key that comes twice takes the square of their number: there is an end to it. */
static void test_very_many_options(void **state) {
    (void)state;
    enum { MANY = 300000 };
    char *text = check_memory((size_t)MANY * 12, 1);
    size_t used = 0;
    for (int i = 0; i < MANY; ++i)
        used += (size_t)sprintf(text + used, "%sk%d=1", i == 0 ? "" : ",", i);
    optim_t *opt;
    CHECK_REFUSED(optim_create(&opt, "sgd", text), OPTIM_ERR_VALUE, "256");
    CHECK_OK(optim_create(&opt, "sgd", NULL));
    CHECK_REFUSED(optim_set_schedule(opt, 0, "lr", "step", text), OPTIM_ERR_VALUE, "256");
    optim_destroy(opt);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_option_strings),
        cmocka_unit_test(test_option_strings_of_groups_and_wrappers),
        cmocka_unit_test(test_valid_option_strings),
        cmocka_unit_test(test_long_strings),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_set_of_what_decides_about_memory),
        cmocka_unit_test(test_very_many_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
