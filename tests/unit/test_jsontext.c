/* JSON that is read and written. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "io/jsontext.h"
#include "io/jsontree.h"

/* ---- What a tree says, in a form of its own ---- */

typedef struct said {
    char text[1024];
    size_t used;
} said_t;

static void add(said_t *said, const char *before, const char *text, const char *after) {
    said->used +=
        (size_t)snprintf(said->text + said->used, sizeof said->text - said->used, "%s%s%s", before, text, after);
    assert_true(said->used < sizeof said->text);
}

static void say(said_t *said, const jsontree_t *json);

static void say_items(said_t *said, const jsontree_t *whole) {
    for (size_t i = 0; i < whole->count; ++i) {
        const jsontree_t *item = &whole->is.items[i];
        add(said, i == 0 ? "" : ",", "", "");
        assert_true((item->key != NULL) == (whole->kind == JSONTREE_OBJECT));
        if (item->key != NULL)
            add(said, "'", item->key, "':");
        say(said, item);
    }
}

static void say(said_t *said, const jsontree_t *json) {
    static const char *const WORDS[] = {[JSONTREE_NULL] = "null", [JSONTREE_FALSE] = "false", [JSONTREE_TRUE] = "true"};
    char number[32];
    switch (json->kind) {
    case JSONTREE_INTEGER:
        (void)snprintf(number, sizeof number, "%" PRId64, json->is.integer);
        add(said, "", number, "");
        break;
    case JSONTREE_REAL:
        (void)snprintf(number, sizeof number, "%.17g", json->is.real);
        add(said, "", number, "");
        break;
    case JSONTREE_TEXT:
        add(said, "'", json->is.text, "'");
        break;
    case JSONTREE_ARRAY:
    case JSONTREE_OBJECT:
        add(said, json->kind == JSONTREE_ARRAY ? "[" : "{", "", "");
        say_items(said, json);
        add(said, json->kind == JSONTREE_ARRAY ? "]" : "}", "", "");
        break;
    default:
        add(said, "", WORDS[json->kind], "");
    }
}

/* ---- Reading ---- */

static void reads_what_a_text_says(void **state) {
    static const struct {
        const char *text, *says; /* NULL: it is not JSON */
    } TEXTS[] = {
        {"", NULL},
        {" ", NULL},
        {"{}", "{}"},
        {" [ ] ", "[]"},
        {"[1,]", NULL},
        {"[,1]", NULL},
        {"[1 2]", NULL},
        {"{\"a\"}", NULL},
        {"{\"a\":}", NULL},
        {"{\"a\":1,}", NULL},
        {"{a:1}", NULL},
        {"{\"a\":1}x", NULL},
        {"{\"a\":1,\"a\":2}", NULL},
        {"{\"a\":{\"a\":[{}]},\"b\":[[],{}]}", "{'a':{'a':[{}]},'b':[[],{}]}"},
        {"{", NULL},
        {"[", NULL},
        {"[1", NULL},
        {"{\"a\":1", NULL},
        {"\"a", NULL},
        {"]", NULL},
        {"nul", NULL},
        {"[tru]", NULL},
        {"[true,false,null]", "[true,false,null]"},
        {"[0]", "[0]"},
        {"[-0]", "[0]"},
        {"[00]", NULL},
        {"[01]", NULL},
        {"[-]", NULL},
        {"[+1]", NULL},
        {"[1.]", NULL},
        {"[.5]", NULL},
        {"[1.5]", "[1.5]"},
        {"[-1.25e2]", "[-125]"},
        {"[1e5]", "[100000]"},
        {"[1E+5]", "[100000]"},
        {"[1e]", NULL},
        {"[1e-]", NULL},
        {"[0.5e-3]", "[0.00050000000000000001]"},
        {"[1e400]", NULL},
        {"[-1e400]", NULL},
        {"[1e-400]", "[0]"},
        {"[0x1]", NULL},
        {"[inf]", NULL},
        {"[nan]", NULL},
        {"[9223372036854775807,-9223372036854775808]", "[9223372036854775807,-9223372036854775808]"},
        {"[9223372036854775808]", NULL},
        {"[-9223372036854775809]", NULL},
        {"[12345678901234567890123]", NULL},
        {"[12345678901234567890.5]", "[1.2345678901234567e+19]"},
        {"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "['\"\\/\010\014\n\015\t']"},
        {"[\"\\x\"]", NULL},
        {"[\"\\\"]", NULL},
        {"[\"\\u0041\\u00e9\\u20AC\\uD83D\\uDE00\"]", "['A\303\251\342\202\254\360\237\230\200']"},
        {"[\"\\u0000\"]", NULL},
        {"[\"\\u12\"]", NULL},
        {"[\"\\u12G4\"]", NULL},
        {"[\"\\uD83D\"]", NULL},
        {"[\"\\uD83Dx\"]", NULL},
        {"[\"\\uD83D\\u0041\"]", NULL},
        {"[\"\\uDE00\"]", NULL},
        {"[\"\\uDBFF\\uDFFF\"]", "['\364\217\277\277']"},
        {"[\"\303\251\"]", "['\303\251']"},
        {"[\"\303\"]", NULL},
        {"[\"\377\"]", NULL},
        {"[\"\355\240\200\"]", NULL},
        {"[\"a\nb\"]", NULL},
        {"[\"a\tb\"]", NULL},
        {"[\"\177\"]", "['\177']"},
        {"\n[\t1\015,\0132]", NULL},
        {"[\"\"]", "['']"},
        {"{\"\":0}", "{'':0}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; ++i) {
        bool no_memory = true;
        jsontree_t *json = jsontree_read(TEXTS[i].text, strlen(TEXTS[i].text), &no_memory);
        said_t said = {.used = 0};
        assert_false(no_memory);
        if (json != NULL)
            say(&said, json);
        if ((json == NULL) != (TEXTS[i].says == NULL) || (json != NULL && strcmp(said.text, TEXTS[i].says) != 0))
            fail_msg("\"%s\" is read as %s", TEXTS[i].text, json == NULL ? "no JSON" : said.text);
        jsontree_free(json);
    }
}

static void refuses_zeros_in_the_text(void **state) {
    static const struct {
        const char *text;
        size_t length;
    } TEXTS[] = {{"[1\0]", 4}, {"[\"a\0\"]", 6}, {"{}\0", 3}, {"\0", 1}, {"[\"\\\0\"]", 6}, {"[\"\\u00\0\0\"]", 9}};
    bool no_memory = true;
    (void)state;
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; ++i) {
        assert_null(jsontree_read(TEXTS[i].text, TEXTS[i].length, &no_memory));
        assert_false(no_memory);
    }
}

/* Bytes of a checkpoint's header replaced, left out, put in. How many of these texts are JSON, and the hash of what
 * they say, were taken from another reader. */
static void reads_damaged_text(void **state) {
    static const char TEXT[] =
        "{\"__metadata__\":{\"format\":\"a\\u00e9\\\"\",\"n\":-12},\"p/adam.m\":{\"dtype\":\"F32\",\"shape\":"
        "[2,3],\"data_offsets\":[0,24]},\"q\":[true,null,1.5e3,\"\xC3\xA9\"]}";
    static const char BYTES[] = "{}[]\",:\\u0159.-+eEtfn \n\x80\xC3\xE0\xED\xF0\xFF";
    enum { LENGTH = sizeof TEXT - 1, RUNS = 20000 };
    uint32_t seed = 12345;
    uint64_t hash = 0xCBF29CE484222325;
    int good = 0;
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
        bool no_memory = true;
        jsontree_t *json = jsontree_read(text, length, &no_memory);
        assert_false(no_memory);
        if (json == NULL)
            continue;
        said_t said = {.used = 0};
        say(&said, json);
        for (size_t i = 0; i <= said.used; ++i)
            hash = (hash ^ (unsigned char)said.text[i]) * 0x100000001B3;
        ++good;
        jsontree_free(json);
    }
    assert_int_equal(good, 4162);
    assert_true(hash == 0xABA109CB7ADA8FFA);
}

static void refuses_what_is_nested_too_deep(void **state) {
    enum { DEEP = 100000 };
    bool no_memory = true;
    (void)state;
    char *text = check_memory(DEEP, 1);
    memset(text, '[', DEEP);
    assert_null(jsontree_read(text, DEEP, &no_memory));
    assert_false(no_memory);
    free(text);
}

/* `count` members, "k0": 0 and so on; in the end one more if there is a key for it. */
static jsontree_t *read_members(size_t count, const char *last) {
    jsontext_t text = {.at = NULL};
    bool no_memory = true;
    jsontext_open(&text, NULL, '{');
    for (size_t i = 0; i < count; ++i) {
        char key[24];
        (void)snprintf(key, sizeof key, "k%zu", i);
        jsontext_integer(&text, key, (int64_t)i);
    }
    if (last != NULL)
        jsontext_word(&text, last, "null");
    jsontext_close(&text, '}');
    assert_false(text.failed);
    jsontree_t *json = jsontree_read(text.at, text.used, &no_memory);
    assert_false(no_memory);
    free(text.at);
    return json;
}

static void finds_members_however_many(void **state) {
    static const size_t COUNTS[] = {0, 1, 8, 9, 100, 100000};
    (void)state;
    for (size_t c = 0; c < sizeof COUNTS / sizeof *COUNTS; ++c) {
        jsontree_t *json = read_members(COUNTS[c], "k");
        assert_int_equal(jsontree_members(json), COUNTS[c] + 1);
        assert_int_equal(jsontree_items(json), 0);
        for (size_t i = 0; i < COUNTS[c]; ++i) {
            char key[24];
            (void)snprintf(key, sizeof key, "k%zu", i);
            assert_string_equal(json->is.items[i].key, key);
            assert_true(jsontree_get(json, key) == &json->is.items[i]);
            assert_int_equal(jsontree_integer(jsontree_get(json, key)), i);
        }
        assert_true(jsontree_is(jsontree_get(json, "k"), JSONTREE_NULL));
        assert_null(jsontree_get(json, "k-1"));
        assert_null(jsontree_get(json, ""));
        jsontree_free(json);
        if (COUNTS[c] > 0)
            assert_null(read_members(COUNTS[c], "k0"));
    }
}

static void nothing_is_found_in_what_is_no_container(void **state) {
    static const char TEXT[] = "{\"a\":[1,\"x\"],\"b\":2.5}";
    bool no_memory = true;
    (void)state;
    jsontree_t *json = jsontree_read(TEXT, strlen(TEXT), &no_memory);
    const jsontree_t *list = jsontree_get(json, "a"), *real = jsontree_get(json, "b");
    assert_int_equal(jsontree_items(list), 2);
    assert_int_equal(jsontree_members(list), 0);
    assert_null(jsontree_at(list, 2));
    assert_null(jsontree_at(json, 0));
    assert_null(jsontree_get(list, "a"));
    assert_null(jsontree_get(NULL, "a"));
    assert_null(jsontree_at(NULL, 0));
    assert_null(jsontree_text(jsontree_at(list, 0)));
    assert_string_equal(jsontree_text(jsontree_at(list, 1)), "x");
    assert_int_equal(jsontree_integer(jsontree_at(list, 1)), 0);
    assert_int_equal(jsontree_integer(real), 0);
    assert_false(jsontree_is(NULL, JSONTREE_NULL));
    jsontree_free(json);
    jsontree_free(NULL);
}

/* ---- Writing ---- */

static void write_all(jsontext_t *text) {
    jsontext_open(text, NULL, '{');
    jsontext_integers(text, "none", NULL, 0);
    jsontext_integers(text, "a\"b", (int64_t[]){INT64_MIN, -2, INT64_MAX}, 3);
    jsontext_string(text, "caf\xC3\xA9",
                    "\x01\x1F \x7F/\\\b\f\n\r\t\xC2\x80\xE2\x82\xAC\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF");
    jsontext_open(text, "list", '[');
    jsontext_open(text, NULL, '{');
    jsontext_close(text, '}');
    jsontext_string(text, NULL, "");
    jsontext_word(text, NULL, "true");
    jsontext_close(text, ']');
    jsontext_word(text, "last", "null");
    jsontext_close(text, '}');
}

static void writes_compact_text(void **state) {
    static const char *const WANTED[] = {
        "{\"none\":[],\"a\\\"b\":[-9223372036854775808,-2,9223372036854775807],\"caf\xC3\xA9\":\"\\u0001\\u001F \x7F/"
        "\\\\\\b\\f\\n\\r\\t\xC2\x80\xE2\x82\xAC\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\",\"list\":[{},\"\",true],"
        "\"last\":null}",
        "{\"none\":[],\"a\\\"b\":[-9223372036854775808,-2,9223372036854775807],\"caf\\u00E9\":\"\\u0001\\u001F \x7F/"
        "\\\\\\b\\f\\n\\r\\t\\u0080\\u20AC\\uFFFF\\uD800\\uDC00\\uDBFF\\uDFFF\",\"list\":[{},\"\",true],\"last\":null}"};
    (void)state;
    for (int ascii = 0; ascii < 2; ++ascii) {
        jsontext_t text = {.ascii = ascii != 0};
        write_all(&text);
        assert_false(text.failed);
        assert_string_equal(text.at, WANTED[ascii]);
        assert_int_equal(text.used, strlen(WANTED[ascii]));
        free(text.at);
    }
}

static void a_failure_lasts(void **state) {
    jsontext_t text = {.at = NULL};
    (void)state;
    jsontext_open(&text, NULL, '[');
    jsontext_string(&text, NULL, "caf\xE9");
    jsontext_string(&text, NULL, "more");
    jsontext_close(&text, ']');
    assert_true(text.failed);
    free(text.at);
}

/* What is UTF-8 among them was counted by another reader. */
static void knows_utf_8(void **state) {
    int held = 0;
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
                held += jsontext_can_hold(text);
            }
    assert_int_equal(held, 27649);
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
        cmocka_unit_test(reads_what_a_text_says),
        cmocka_unit_test(refuses_zeros_in_the_text),
        cmocka_unit_test(reads_damaged_text),
        cmocka_unit_test(refuses_what_is_nested_too_deep),
        cmocka_unit_test(finds_members_however_many),
        cmocka_unit_test(nothing_is_found_in_what_is_no_container),
        cmocka_unit_test(writes_compact_text),
        cmocka_unit_test(a_failure_lasts),
        cmocka_unit_test(knows_utf_8),
        cmocka_unit_test(names_that_are_not_utf_8_are_refused),
    };
    return cmocka_run_group_tests_name("jsontext", tests, NULL, NULL);
}
