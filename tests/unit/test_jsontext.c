/* JSON is read and written as Jansson does it, where memory does not run out. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "check.h"
#include "io/jsontext.h"

static void check_as_jansson(const char *text, size_t length) {
    bool no_memory = true;
    json_t *ours = jsontext_read(text, length, &no_memory);
    json_t *theirs = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    assert_false(no_memory);
    if ((ours == NULL) != (theirs == NULL) || (ours != NULL && !json_equal(ours, theirs)))
        fail_msg("\"%.*s\" is read as %s", (int)length, text, ours == NULL ? "no JSON" : "something else");
    json_decref(ours);
    json_decref(theirs);
}

static void reads_as_jansson(void **state) {
    static const char *const TEXTS[] = {
        "",
        " ",
        "{}",
        " [ ] ",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\":1}x",
        "{\"a\":1,\"a\":2}",
        "{\"a\":{\"a\":[{}]},\"b\":[[],{}]}",
        "{",
        "[",
        "[1",
        "{\"a\":1",
        "\"a",
        "]",
        "nul",
        "[tru]",
        "[true,false,null]",
        "[0]",
        "[-0]",
        "[00]",
        "[01]",
        "[-]",
        "[+1]",
        "[1.]",
        "[.5]",
        "[1.5]",
        "[-1.25e2]",
        "[1e5]",
        "[1E+5]",
        "[1e]",
        "[1e-]",
        "[0.5e-3]",
        "[1e400]",
        "[-1e400]",
        "[1e-400]",
        "[0x1]",
        "[inf]",
        "[nan]",
        "[9223372036854775807,-9223372036854775808]",
        "[9223372036854775808]",
        "[-9223372036854775809]",
        "[12345678901234567890123]",
        "[12345678901234567890.5]",
        "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
        "[\"\\x\"]",
        "[\"\\\"]",
        "[\"\\u0041\\u00e9\\u20AC\\uD83D\\uDE00\"]",
        "[\"\\u0000\"]",
        "[\"\\u12\"]",
        "[\"\\u12G4\"]",
        "[\"\\uD83D\"]",
        "[\"\\uD83Dx\"]",
        "[\"\\uD83D\\u0041\"]",
        "[\"\\uDE00\"]",
        "[\"\\uDBFF\\uDFFF\"]",
        "[\"\xC3\xA9\"]",
        "[\"\xC3\"]",
        "[\"\xFF\"]",
        "[\"\xED\xA0\x80\"]",
        "[\"a\nb\"]",
        "[\"a\tb\"]",
        "[\"\x7F\"]",
        "\n[\t1\r,\v2]",
        "[\"\"]",
        "{\"\":0}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; ++i)
        check_as_jansson(TEXTS[i], strlen(TEXTS[i]));
}

/* Jansson takes some of these for shorter texts. */
static void refuses_zeros_in_the_text(void **state) {
    static const struct {
        const char *text;
        size_t length;
    } TEXTS[] = {{"[1\0]", 4}, {"[\"a\0\"]", 6}, {"{}\0", 3}, {"\0", 1}, {"[\"\\\0\"]", 6}, {"[\"\\u00\0\0\"]", 9}};
    bool no_memory = true;
    (void)state;
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; ++i) {
        assert_null(jsontext_read(TEXTS[i].text, TEXTS[i].length, &no_memory));
        assert_false(no_memory);
    }
}

/* Bytes of a checkpoint's header replaced, left out, put in. */
static void reads_damaged_text_as_jansson(void **state) {
    static const char TEXT[] =
        "{\"__metadata__\":{\"format\":\"a\\u00e9\\\"\",\"n\":-12},\"p/adam.m\":{\"dtype\":\"F32\",\"shape\":"
        "[2,3],\"data_offsets\":[0,24]},\"q\":[true,null,1.5e3,\"\xC3\xA9\"]}";
    static const char BYTES[] = "{}[]\",:\\u0159.-+eEtfn \n\x80\xC3\xE0\xED\xF0\xFF";
    enum { LENGTH = sizeof TEXT - 1, RUNS = 20000 };
    uint32_t seed = 12345;
    (void)state;
    for (int run = 0; run < RUNS; ++run) {
        char text[LENGTH + 4];
        size_t length = LENGTH;
        memcpy(text, TEXT, sizeof TEXT);
        for (int change = 0; change <= run % 3; ++change) {
            seed = seed * 1664525 + 1013904223;
            const size_t at = (seed >> 8) % length;
            const char byte = BYTES[(seed >> 3) % (sizeof BYTES - 1)];
            const int what = (int)(seed >> 29) % 3;
            if (what == 0)
                memmove(text + at, text + at + 1, --length - at);
            else if (what == 1)
                memmove(text + at + 1, text + at, length++ - at);
            if (what != 0)
                text[at] = byte;
        }
        check_as_jansson(text, length);
    }
}

static void refuses_what_is_nested_too_deep(void **state) {
    enum { DEEP = 100000 };
    bool no_memory = true;
    (void)state;
    char *text = check_memory(DEEP, 1);
    memset(text, '[', DEEP);
    assert_null(jsontext_read(text, DEEP, &no_memory));
    assert_false(no_memory);
    free(text);
}

static void check_holds(const char *text) {
    json_t *string = json_string(text);
    if (jsontext_can_hold(text) != (string != NULL))
        fail_msg("%02X %02X ...: a name %s", (unsigned char)text[0], (unsigned char)text[1],
                 string != NULL ? "is refused" : "is taken");
    json_decref(string);
}

static void knows_utf_8(void **state) {
    (void)state;
    for (unsigned first = 1; first < 256; ++first)
        for (unsigned second = 0; second < 256; ++second)
            for (int more = 0; more < 4; ++more) {
                const char text[] = {(char)first,
                                     (char)second,
                                     (char)(more > 0 ? 0x80 : 0),
                                     (char)(more > 1 ? 0xBF : 0),
                                     (char)(more > 2 ? 'a' : 0),
                                     0};
                check_holds(text);
            }
}

static void writes_as_jansson(void **state) {
    (void)state;
    json_t *json = json_pack("{s:[i,i,s], s:{s:s}, s:n}", "a", 1, -2, "\xC3\xA9\n\"", "a longer key than sixteen bytes",
                             "x", "y", "last");
    for (int round = 0; round < 2; ++round) {
        const size_t flags = round == 0 ? 0 : JSON_ENSURE_ASCII;
        char *ours = jsontext_make(json, flags), *theirs = json_dumps(json, flags | JSON_COMPACT);
        assert_string_equal(ours, theirs);
        free(ours);
        free(theirs);
    }
    json_decref(json);
}

static void names_that_are_not_utf_8_are_refused(void **state) {
    float p[1] = {1}, g[1] = {1};
    optim_t *opt;
    size_t size = 0;
    (void)state;
    CHECK_OK(optim_create(&opt, "sgd", NULL));
    CHECK_OK(optim_add_param(opt, 0, "caf\xE9", OPTIM_F32, 1, (int64_t[]){1}, p, g));
    CHECK_REFUSED(optim_serialize(opt, NULL, 0, &size), OPTIM_ERR_VALUE, "UTF-8");
    CHECK_OK(optim_step(opt));
    CHECK_REFUSED(optim_serialize(opt, NULL, 0, &size), OPTIM_ERR_VALUE, "parameter 0");
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_as_jansson),
        cmocka_unit_test(refuses_zeros_in_the_text),
        cmocka_unit_test(reads_damaged_text_as_jansson),
        cmocka_unit_test(refuses_what_is_nested_too_deep),
        cmocka_unit_test(knows_utf_8),
        cmocka_unit_test(writes_as_jansson),
        cmocka_unit_test(names_that_are_not_utf_8_are_refused),
    };
    return cmocka_run_group_tests_name("jsontext", tests, NULL, NULL);
}
