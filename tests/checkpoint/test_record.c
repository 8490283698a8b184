/* What a checkpoint's record may say: other versions, numbers without end, names of every kind. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "tamper.h"
#include "trainer.h"

static const plan_t ADAMW = {.algorithm = "adamw", .options = "lr=0.05"};

static char *saved_state(const plan_t *plan, int steps, size_t *size) {
    trainer_t t;
    trainer_open(&t, plan);
    CHECK_OK(optim_set_schedule(t.opt, 0, "lr", "wsd", "steps=9,cooldown=3"));
    CHECK_OK(optim_set_schedule(t.opt, 0, "beta1", "rex", "steps=20"));
    trainer_steps(&t, steps);
    char *state = trainer_state(&t, size);
    trainer_close(&t);
    return state;
}

/* ---- Refused ---- */

static void other_records(void **state) {
    static const struct {
        const char *from, *to;
        optim_status status;
        const char *words;
    } CASES[] = {
        {"\"format\":1", "\"format\":7", OPTIM_ERR_FORMAT, "has format 7, which this version"},
        {"\"format\":1", "\"format\":0", OPTIM_ERR_FORMAT, "malformed"},
        {"\"format\":1", "\"format\":\"1\"", OPTIM_ERR_FORMAT, "malformed"},
        {"\"steps\":3", "\"steps\":-3", OPTIM_ERR_FORMAT, "lacks a part"},
        {"\"planned\":true", "\"planed\":true", OPTIM_ERR_FORMAT, "lacks a part"},
        {"\"planned\":true", "\"planned\":false", OPTIM_ERR_CHECKPOINT, "its array \"a/adamw.m\" is unknown"},
        {"\"group\":0", "\"group\":99", OPTIM_ERR_CHECKPOINT, "\"a\" is in a group there, 99, that does not exist"},
        {"\"group\":0", "\"group\":-5", OPTIM_ERR_CHECKPOINT, "\"a\" is in a group there, -5,"},
        {"\"shape\":[2,3]", "\"shape\":[6]", OPTIM_ERR_CHECKPOINT, "\"a\" has shape [6] there and [2,3] here"},
        {"\"shape\":[2,3]", "\"shape\":{}", OPTIM_ERR_CHECKPOINT, "\"a\" has shape"},
        {"\"beta2\":", "\"beta9\":", OPTIM_ERR_CHECKPOINT, "\"beta9\""},
        {"\"beta2\":\"0.999\"", "\"beta2\":\"1.999\"", OPTIM_ERR_VALUE,
         "does not fit this optimizer: its options of \"adamw\" in group 0: option \"beta2\" cannot be 1.999"},
        {"\"beta2\":\"0.999\"", "\"beta2\":\"high\"", OPTIM_ERR_VALUE,
         "the serialized state does not fit this optimizer: its options of \"adamw\" in group 0: option \"beta2\""},
        {"\"nonfinite\":\"propagate\"", "\"nonfinite\":\"ignore\"", OPTIM_ERR_VALUE,
         "does not fit this optimizer: its options of \"engine\": option \"nonfinite\" cannot be \"ignore\""},
        {"\"name\":\"wsd\"", "\"name\":\"wsq\"", OPTIM_ERR_NAME,
         "its schedule for \"lr\" of \"adamw\" in group 0: no schedule is called \"wsq\""},
        {"\"options\":\"steps=9,cooldown=3\"", "\"options\":\"steps=9,cooldown=-3\"", OPTIM_ERR_VALUE,
         "its schedule for \"lr\" of \"adamw\" in group 0: option \"cooldown\" cannot be -3"},
        {"\"name\":\"rex\"", "\"name\":\"rix\"", OPTIM_ERR_NAME, "rix"}, /* the first has been made by then */
        {"\"sums\":{\"a/", "\"sums\":{\"x/", OPTIM_ERR_FORMAT, "checksum"},
        {"\"groups\":[\"adamw\"]", "\"groups\":[]", OPTIM_ERR_CHECKPOINT, "\"c\" is in a group there, 0,"},
    };
    size_t size, other_size;
    char *good = saved_state(&ADAMW, 3, &size);
    (void)state;
    for (int used = 0; used < 2; ++used)
        for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i) {
            trainer_t t;
            char *other = tampered(good, size, CASES[i].from, CASES[i].to, &other_size);
            trainer_open(&t, &ADAMW);
            CHECK_OK(optim_set_schedule(t.opt, 0, "lr", "cosine", NULL));
            trainer_steps(&t, used);
            trainer_refuses(&t, other, other_size, CASES[i].status, CASES[i].words);
            trainer_close(&t);
            free(other);
        }
    free(good);
}

/* ---- Taken ---- */

/* Counters have 63 bits, more than a double holds; so has the place in the random stream. */
static void counters_beyond_doubles(void **state) {
    static const char *const CHANGES[][2] = {{"\"steps\":3", "\"steps\":9007199254740995"},
                                             {"\"skipped\":0", "\"skipped\":4611686018427387904"},
                                             {"\"draws\":3", "\"draws\":9007199254740997"}};
    static const plan_t PLAN = {.algorithm = "random_scaling_sgdm", .options = "lr=0.01"};
    trainer_t t;
    size_t size;
    (void)state;
    trainer_open(&t, &PLAN);
    trainer_steps(&t, 3);
    char *bytes = trainer_state(&t, &size);
    for (size_t i = 0; i < sizeof CHANGES / sizeof *CHANGES; ++i) {
        char *other = tampered(bytes, size, CHANGES[i][0], CHANGES[i][1], &size);
        free(bytes);
        bytes = other;
    }
    CHECK_OK(optim_deserialize(t.opt, bytes, size));
    assert_true(optim_steps(t.opt) == INT64_C(9007199254740995));
    assert_true(optim_skipped(t.opt) == INT64_C(4611686018427387904));
    free(bytes);
    bytes = trainer_state(&t, &size);
    for (size_t i = 0; i < sizeof CHANGES / sizeof *CHANGES; ++i)
        if (!record_says(bytes, size, CHANGES[i][1]))
            fail_msg("saved again it does not say %s", CHANGES[i][1]);
    free(bytes);
    trainer_close(&t);
}

/* Of a parameter's dtype the first versions said nothing. */
static void without_dtypes(void **state) {
    trainer_t t;
    size_t size;
    char *bytes = saved_state(&ADAMW, 3, &size);
    (void)state;
    for (int i = 0; i < 3; ++i) {
        char *other = tampered(bytes, size, "\"dtype\":\"F32\",", "", &size);
        free(bytes);
        bytes = other;
    }
    trainer_open(&t, &ADAMW);
    CHECK_OK(optim_deserialize(t.opt, bytes, size));
    trainer_close(&t);
    free(bytes);
}

/* NaN keeps its sign, which a trainer's parameters would show. */
static void not_a_number(void **state) {
    for (int negative = 0; negative < 2; ++negative) {
        trainer_t saved, loaded;
        size_t size;
        (void)state;
        trainer_open(&saved, &(plan_t){.algorithm = "kt", .options = "lr=0.02"});
        trainer_open(&loaded, &(plan_t){.algorithm = "kt", .options = "lr=0.02"});
        trainer_steps(&saved, 2);
        saved.g[1] = negative ? -NAN : NAN;
        CHECK_OK(optim_step(saved.opt));
        char *bytes = trainer_state(&saved, &size);
        CHECK_OK(optim_deserialize(loaded.opt, bytes, size));
        for (int i = 0; i < TRAINER_ALL; ++i)
            saved.p[i] = loaded.p[i] = saved.g[i] = loaded.g[i] = 1; /* as a trainer would who puts them back */
        CHECK_OK(optim_step(saved.opt));
        CHECK_OK(optim_step(loaded.opt));
        assert_true(isnan(saved.p[0]));
        trainer_check_same(&loaded, &saved);
        free(bytes);
        trainer_close(&saved);
        trainer_close(&loaded);
    }
}

/* ---- Names ---- */

enum { NAMES = 14, LONG_NAME = 5000 };

static void handle_of_names(optim_t **opt, const char *const *names, bool reversed, double *p, double *g) {
    CHECK_OK(optim_create(opt, "adamw", "lr=0.1"));
    CHECK_OK(optim_wrap(*opt, "ema", NULL));
    for (int k = 0; k < NAMES; ++k) {
        const int i = reversed ? NAMES - 1 - k : k;
        CHECK_OK(optim_add_param(*opt, 0, names[i], OPTIM_F64, 0, NULL, &p[i], &g[i]));
    }
}

static void step_names(optim_t *opt, double *p, double *g) {
    for (int i = 0; i < NAMES; ++i)
        g[i] = p[i] - 0.1 * i;
    CHECK_OK(optim_step(opt));
}

/* Names that look like parts of the format, and such that could be taken for each other's states. */
static void names_of_every_kind(void **state) {
    static char long_name[LONG_NAME + 1];
    static const char *const WORDS[NAMES] = {"a",
                                             "a/adamw.m",
                                             "a/adamw.m/adamw.v",
                                             "a.b",
                                             "layers.0/weight",
                                             "\"quoted\" \\ and {braces}",
                                             "two\nlines\tand a bell \a",
                                             "\xC3\xBC\xE2\x86\x92\xF0\x9F\x98\x80",
                                             "__metadata__",
                                             "\"libgradopt.checksum\":\"",
                                             "{\"format\":1}",
                                             " ",
                                             "%s%n",
                                             long_name};
    double p[NAMES], g[NAMES], q[NAMES], h[NAMES];
    optim_t *saved, *loaded;
    size_t size;
    (void)state;
    memset(long_name, 'x', LONG_NAME);
    handle_of_names(&saved, WORDS, false, p, g);
    handle_of_names(&loaded, WORDS, true, q, h);
    for (int i = 0; i < NAMES; ++i)
        p[i] = 1 + 0.125 * i;
    for (int step = 0; step < 3; ++step)
        step_names(saved, p, g);
    char *bytes = check_serialized(saved, &size);
    memcpy(q, p, sizeof p);
    CHECK_OK(optim_deserialize(loaded, bytes, size));
    for (int step = 0; step < 3; ++step) {
        step_names(saved, p, g);
        step_names(loaded, q, h);
    }
    assert_memory_equal(p, q, sizeof p);
    free(bytes);
    optim_destroy(saved);
    optim_destroy(loaded);
}

/* PARAMETER/METHOD.STATE can be taken apart in one way only: the last '/', the first '.' behind it. */
static void entries_have_plain_names(void **state) {
    optim_t *opt;
    (void)state;
    for (size_t i = 0; i < optim_wrapper_count(); ++i)
        CHECK_REFUSED(optim_create(&opt, optim_wrapper_name(i), NULL), OPTIM_ERR_NAME, optim_wrapper_name(i));
    for (int kind = OPTIM_ALGORITHM; kind <= OPTIM_WRAPPER; ++kind)
        for (size_t i = 0; i < (kind == OPTIM_ALGORITHM ? optim_algorithm_count() : optim_wrapper_count()); ++i) {
            const char *name = kind == OPTIM_ALGORITHM ? optim_algorithm_name(i) : optim_wrapper_name(i);
            optim_description about = {.size = sizeof about};
            CHECK_OK(optim_describe(kind, name, &about));
            assert_null(strpbrk(name, "/."));
            for (size_t k = 0; k < about.states; ++k) {
                optim_state_info info = {.size = sizeof info};
                CHECK_OK(optim_describe_state(kind, name, k, &info));
                assert_null(strpbrk(info.name, "/."));
            }
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_records),       cmocka_unit_test(counters_beyond_doubles),
        cmocka_unit_test(without_dtypes),      cmocka_unit_test(not_a_number),
        cmocka_unit_test(names_of_every_kind), cmocka_unit_test(entries_have_plain_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
