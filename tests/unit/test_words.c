/* Sentences about names that nobody has: what they propose, of every kind of name, and lists that say where they are
   cut. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/synonyms.h"
#include "base/words.h"
#include "check.h"
#include "optim/advice.h"
#include "plain_handle.h"

/* ---- The nearest of a few ---- */

static void check_nearest(const char *wanted, const char *names, const char *expected) {
    nearest_t nearest = nearest_begin(wanted, strlen(wanted));
    char text[NEAREST_TEXT];
    while (*names != '\0') {
        const size_t length = strcspn(names, " ");
        nearest_offer(&nearest, names, length);
        names += length + (names[length] == ' ');
    }
    nearest_text(&nearest, text);
    if (strcmp(text, expected) != 0)
        fail_msg("\"%s\": \"%s\", not \"%s\"", wanted, text, expected);
}

static void test_nearest(void **state) {
    (void)state;
    check_nearest("bfgs", "sgd lbfgs adam", " (did you mean \"lbfgs\"?)");
    check_nearest("L-BFGS", "sgd lbfgs adam", " (did you mean \"lbfgs\"?)");
    check_nearest("Weight Decay", "decay weight_decay", " (did you mean \"weight_decay\"?)");
    check_nearest("ADAMW", "adam adamw adamax", " (did you mean \"adamw\"?)"); /* the same letters: no others */
    check_nearest("adamm", "adan adam adamw", " (did you mean \"adam\" or \"adamw\"?)");
    check_nearest("lsit", "inspect list describe", " (did you mean \"list\"?)"); /* a swap is one letter */
    check_nearest("decay", "weight_decay lr loss_decay", " (did you mean \"loss_decay\" or \"weight_decay\"?)");
    check_nearest("cosine_annealing", "linear cosine", " (did you mean \"cosine\"?)");
    check_nearest("warmup", "wsd warmup_linear warmup_cosine",
                  " (did you mean \"warmup_linear\" or \"warmup_cosine\"?)");
    check_nearest("abcd", "abce abcf abcg abch", " (did you mean \"abce\", \"abcf\" or \"abcg\"?)");
}

static void test_nothing_near(void **state) {
    (void)state;
    check_nearest("", "a ab abc", "");
    check_nearest("x", "y lr adam", "");
    check_nearest("lr", "b1 k eps", "");
    check_nearest("adam", "", "");
}

/* What the field calls otherwise; every such name is one of ours. */
static void test_synonyms(void **state) {
    (void)state;
    check_nearest("Momentum", "adam sgd", " (did you mean \"sgd\" with momentum=0.9?)");
    check_nearest("more_thuente", "strong_wolfe armijo none", " (did you mean \"strong_wolfe\"?)");
    check_nearest("learning-rate", "lr weight_decay", " (did you mean \"lr\"?)");
    check_nearest("betas", "lr beta1 beta2 eps", " (did you mean \"beta1\" or \"beta2\"?)");
    check_nearest("simplex", "nelder_mead adam", " (did you mean \"nelder_mead\"?)");
    check_nearest("Lion8bit", "lion adam", " (did you mean \"lion\" with state_dtype=int8?)");
    for (size_t i = 0; i < SYNONYM_COUNT; ++i)
        for (size_t k = 0; k < i; ++k)
            assert_true(strcmp(SYNONYMS[i].word, SYNONYMS[k].word) != 0 ||
                        strcmp(SYNONYMS[i].name, SYNONYMS[k].name) != 0);
}

static bool has_option(int kind, const char *entry, const char *name) {
    optim_option option = {.size = sizeof option};
    for (size_t i = 0; optim_describe_option(kind, entry, i, &option) == OPTIM_OK; ++i)
        if (strcmp(option.name, name) == 0 || (option.kind == OPTIM_KIND_KEYWORD && strstr(option.range, name) != NULL))
            return true;
    return false;
}

static bool is_ours(const char *name) {
    static const char *(*const LISTS[])(size_t) = {optim_algorithm_name, optim_wrapper_name, optim_schedule_name,
                                                   optim_map_name, optim_compressor_name};
    static const int KINDS[] = {OPTIM_ALGORITHM, OPTIM_WRAPPER, OPTIM_SCHEDULE, OPTIM_MAP, OPTIM_COMPRESSOR};
    bool found = has_option(OPTIM_ENGINE, "engine", name);
    for (size_t k = 0; k < sizeof LISTS / sizeof *LISTS; ++k)
        for (size_t i = 0; !found && LISTS[k](i) != NULL; ++i)
            found = strcmp(LISTS[k](i), name) == 0 || has_option(KINDS[k], LISTS[k](i), name);
    return found;
}

static void test_synonyms_exist(void **state) {
    (void)state;
    for (size_t i = 0; i < SYNONYM_COUNT; ++i)
        if (!is_ours(SYNONYMS[i].name))
            fail_msg("\"%s\" is said to be \"%s\", which is not there", SYNONYMS[i].word, SYNONYMS[i].name);
}

/* Whatever the lengths: no more is read or written than there is. */
static void test_long_names(void **state) {
    (void)state;
    enum { LENGTH = 4096 };
    char *text = check_memory(LENGTH + 1, 1);
    for (size_t length = 0; length < LENGTH; length += 1 + length / 8) {
        memset(text, length % 2 == 0 ? 'k' : '-', length);
        text[length] = '\0';
        char *copy = check_text("%s", text), question[NEAREST_TEXT];
        nearest_t nearest = nearest_begin(copy, length);
        for (size_t other = 0; other <= length; other += 1 + other / 4)
            nearest_offer(&nearest, copy, other);
        nearest_text(&nearest, question);
        assert_true(strlen(question) < NEAREST_TEXT);
        free(copy);
    }
    free(text);
}

/* ---- Lists ---- */

static void test_list(void **state) {
    (void)state;
    list_t none = {.used = 0}, whole = {.used = 0};
    assert_string_equal(list_end(&none, "nobody"), "none");
    list_add(&whole, "a");
    list_add(&whole, "b");
    assert_string_equal(list_end(&whole, "nobody"), "a, b");
    list_t cut = {.used = 0};
    size_t written = 0, left_out = 0;
    for (int i = 0; i < 1000; ++i) {
        char name[16];
        (void)snprintf(name, sizeof name, "name%03d", i);
        list_add(&cut, name);
    }
    const char *text = list_end(&cut, "optim_algorithm_name");
    for (const char *at = text; (at = strstr(at, "name")) != NULL && at[4] >= '0' && at[4] <= '9'; ++at)
        ++written;
    assert_int_equal(sscanf(strstr(text, " ... "), " ... and %zu more", &left_out), 1);
    assert_int_equal(written + left_out, 1000);
    assert_string_equal(strstr(text, " ("), " (optim_algorithm_name lists them)");
}

/* ---- Every kind of name, through the public API ---- */

static void check_proposes(const char *name) {
    char *question = check_text("(did you mean \"%s\"", name);
    if (strstr(optim_error(), question) == NULL)
        fail_msg("\"%s\" is not proposed: \"%s\"", name, optim_error());
    free(question);
}

static void test_methods(void **state) {
    (void)state;
    static const char *const WRONG[][2] = {{"momentum", "sgd"},   {"L-BFGS-B", "lbfgs"}, {"lbgfs", "lbfgs"},
                                           {"L-BFGS", "lbfgs"},   {"ADAMW", "adamw"},    {"adamm", "adam"},
                                           {"rmsprob", "rmsprop"}};
    optim_t *opt;
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; ++i) {
        CHECK_REFUSED(optim_create(&opt, WRONG[i][0], NULL), OPTIM_ERR_NAME, WRONG[i][0]);
        check_proposes(WRONG[i][1]);
    }
    assert_non_null(strstr(optim_error(), " more (optim_algorithm_name lists them)"));
    handle_t s;
    handle_open(&s);
    CHECK_REFUSED(optim_add_group(s.opt, "algorithm=Lion", NULL), OPTIM_ERR_NAME, "Lion");
    check_proposes("lion");
    handle_close(&s);
}

static void test_wrappers_and_schedules(void **state) {
    (void)state;
    handle_t s;
    handle_open(&s);
    CHECK_REFUSED(optim_wrap(s.opt, "look-ahead", NULL), OPTIM_ERR_NAME, "look-ahead");
    check_proposes("lookahead");
    CHECK_REFUSED(optim_wrap(s.opt, "ema", "decya=0.5"), OPTIM_ERR_OPTION, "decya");
    check_proposes("decay");
    CHECK_REFUSED(optim_wrap(s.opt, "Polyak averaging", NULL), OPTIM_ERR_NAME, "Polyak");
    check_proposes("poly_avg");
    CHECK_REFUSED(optim_set_schedule(s.opt, 0, "lr", "ReduceLROnPlateau", NULL), OPTIM_ERR_NAME, "ReduceLROnPlateau");
    check_proposes("plateau");
    CHECK_REFUSED(optim_set_schedule(s.opt, 0, "lr", "onecycel", NULL), OPTIM_ERR_NAME, "onecycel");
    check_proposes("onecycle");
    CHECK_REFUSED(optim_set_schedule(s.opt, 0, "lr", "wsd", "cool_down=3"), OPTIM_ERR_OPTION, "cool_down");
    check_proposes("cooldown");
    CHECK_REFUSED(optim_set_schedule(s.opt, 0, "lr", "chain", "children=cosin"), OPTIM_ERR_NAME, "cosin");
    check_proposes("cosine");
    handle_close(&s);
}

static void test_options_and_keywords(void **state) {
    (void)state;
    handle_t s;
    optim_t *opt;
    double value;
    handle_open(&s);
    CHECK_OK(optim_wrap(s.opt, "ema", NULL));
    CHECK_REFUSED(optim_set(s.opt, 0, "momentun", 0.5), OPTIM_ERR_OPTION, "momentun");
    check_proposes("momentum");
    CHECK_REFUSED(optim_get(s.opt, 0, "clipnorm", &value), OPTIM_ERR_OPTION, "clipnorm");
    check_proposes("clip_norm");
    CHECK_REFUSED(optim_get(s.opt, 0, "perod", &value), OPTIM_ERR_OPTION, "perod"); /* of a wrapper, without its name */
    check_proposes("period");
    CHECK_REFUSED(optim_get(s.opt, 0, "ema.decya", &value), OPTIM_ERR_OPTION, "\"ema\" has no option \"ema.decya\"");
    check_proposes("decay");
    CHECK_REFUSED(optim_get(s.opt, 0, "emma.decay", &value), OPTIM_ERR_OPTION, "emma.decay");
    check_proposes("ema");
    CHECK_REFUSED(optim_create(&opt, "sgd", "LR=1"), OPTIM_ERR_OPTION, "LR");
    check_proposes("lr");
    CHECK_REFUSED(optim_create(&opt, "sgd", "nonfinite=Error"), OPTIM_ERR_VALUE, "Error");
    check_proposes("error");
    CHECK_REFUSED(optim_create(&opt, "lbfgs", "line_search=strong-wolf"), OPTIM_ERR_VALUE, "strong_wolfe|armijo|none");
    check_proposes("strong_wolfe");
    CHECK_REFUSED(optim_create(&opt, "lbfgs", "line_search=backtracking"), OPTIM_ERR_VALUE, "strong_wolfe|armijo|none");
    check_proposes("armijo");
    CHECK_REFUSED(optim_create(&opt, "adam", "learning_rate=1"), OPTIM_ERR_OPTION, "learning_rate");
    check_proposes("lr");
    CHECK_REFUSED(optim_create(&opt, "ista", "reg=lasso"), OPTIM_ERR_NAME, "lasso");
    check_proposes("prox_l1");
    handle_close(&s);
}

static void test_batch_options(void **state) {
    (void)state;
    optim_batch_t *batch;
    const int64_t count = 4;
    CHECK_REFUSED(optim_batch_create(&batch, "szie=8,max=64", OPTIM_F64, 1, &count), OPTIM_ERR_OPTION,
                  "a batch has no option");
    check_proposes("size");
}

/* A number that a station keeps is no unknown option: reading it leaves no sentence behind. */
static void test_numbers_are_known(void **state) {
    (void)state;
    handle_t s;
    double value = 42;
    handle_open(&s);
    CHECK_OK(optim_wrap(s.opt, "ema", NULL));
    CHECK_STATUS(optim_get(NULL, 0, "lr", &value), OPTIM_ERR_NULL);
    char *before = check_text("%s", optim_error());
    CHECK_OK(optim_get(s.opt, 0, "ema.n", &value));
    assert_true(value == 0);
    assert_string_equal(optim_error(), before);
    free(before);
    handle_close(&s);
}

/* Nor may a terminal act on a name that is quoted; what is no more than unusual stays. */
static void test_controls(void **state) {
    (void)state;
    optim_t *opt;
    CHECK_REFUSED(optim_create(&opt, "a\x1B[31m\x7F", NULL), OPTIM_ERR_NAME, "\"a?[31m?\"");
    CHECK_REFUSED(optim_create(&opt, "\xC2\x9B[\xC2\x80\xC2\x9F", NULL), OPTIM_ERR_NAME, "\"\?\?[\?\?\?\?\"");
    CHECK_REFUSED(optim_create(&opt, "\xC2\xA0\xC3\xBC", NULL), OPTIM_ERR_NAME, "\"\xC2\xA0\xC3\xBC\"");
}

/* ---- Structs and reasons ---- */

static void test_structs_are_named(void **state) {
    (void)state;
    handle_t s;
    handle_open(&s);
    optim_problem problem = {.size = sizeof problem};
    optim_stop stop = {.steps = 1};
    optim_result result = {.reason = 0};
    CHECK_REFUSED(optim_minimize(s.opt, &problem, &stop, &result), OPTIM_ERR_ARGUMENT, "sizeof(optim_stop)");
    stop.size = sizeof stop;
    CHECK_REFUSED(optim_minimize(s.opt, &problem, &stop, &result), OPTIM_ERR_ARGUMENT, "sizeof(optim_result)");
    problem.size = 0;
    CHECK_REFUSED(optim_minimize(s.opt, &problem, &stop, &result), OPTIM_ERR_ARGUMENT, "sizeof(optim_problem)");
    optim_request request = {.size = 1};
    CHECK_REFUSED(optim_request_info(s.opt, &request), OPTIM_ERR_ARGUMENT, "sizeof(optim_request)");
    optim_description about = {.size = 0};
    CHECK_REFUSED(optim_describe(OPTIM_ALGORITHM, "sgd", &about), OPTIM_ERR_ARGUMENT, "sizeof(optim_description)");
    optim_option option = {.size = 0};
    CHECK_REFUSED(optim_describe_option(OPTIM_ALGORITHM, "sgd", 0, &option), OPTIM_ERR_ARGUMENT,
                  "sizeof(optim_option)");
    optim_state_info info = {.size = 0};
    CHECK_REFUSED(optim_describe_state(OPTIM_ALGORITHM, "sgd", 0, &info), OPTIM_ERR_ARGUMENT,
                  "sizeof(optim_state_info)");
    optim_power_line line = {.size = 0};
    CHECK_REFUSED(optim_power_lines(1e8, 1e9, 256, 1e-3, &line), OPTIM_ERR_ARGUMENT, "sizeof(optim_power_line)");
    handle_close(&s);
}

static void test_stop_reasons(void **state) {
    (void)state;
    const char *unknown = optim_stop_reason(-1);
    assert_string_equal(optim_stop_reason(12345), unknown);
    for (int i = OPTIM_STOP_NONE; i <= OPTIM_STOP_ROUNDS; ++i) {
        assert_string_not_equal(optim_stop_reason(i), unknown);
        for (int k = OPTIM_STOP_NONE; k < i; ++k)
            assert_string_not_equal(optim_stop_reason(i), optim_stop_reason(k));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_synonyms),
        cmocka_unit_test(test_synonyms_exist),
        cmocka_unit_test(test_nothing_near),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_wrappers_and_schedules),
        cmocka_unit_test(test_options_and_keywords),
        cmocka_unit_test(test_batch_options),
        cmocka_unit_test(test_numbers_are_known),
        cmocka_unit_test(test_controls),
        cmocka_unit_test(test_structs_are_named),
        cmocka_unit_test(test_stop_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
