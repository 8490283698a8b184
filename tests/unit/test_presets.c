/*
 * Presets: lines of the registry that are another entry with other defaults. The first test holds every line to what
 * the library takes on trust; the others are about the values and sentences that users see.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "optimizer/entry_values.h"
#include "optimizer/registry.h"

enum { ROOM = 64 }; /* what optim_describe has room for */

static const method_t *method_of(const registry_method_t *entry) {
    return entry->level[0].precision[PRECISION_F64];
}

/* ---- Every line ---- */

/* What is described of an option whose value is an entry is its name: the entry has its own defaults. */
static void check_entries(const char *name, const option_t *table, const double *option) {
    double plain[ROOM];
    for (size_t row = 0; table[row].name != NULL; ++row) {
        char text[OPTION_TEXT];
        if (option_kind(&table[row]) != OPTIM_KIND_ENTRY)
            continue;
        memcpy(plain, option, sizeof plain);
        values_text(table, option, row, text);
        CHECK_OK(values_parse(table, plain, row, text, strlen(text)));
        if (memcmp(plain, option, option_values(table) * sizeof *plain) != 0)
            fail_msg("%s: \"%s\" cannot have options of its own in a preset", name, table[row].name);
    }
}

static void check_line(const registry_method_t *entry) {
    const method_t *method = method_of(entry);
    const option_t *table = method->options;
    double base[ROOM] = {0}, preset[ROOM] = {0}, option[ROOM] = {0};
    assert_in_range(option_values(table), 1, ROOM);
    values_default(table, NULL, base);
    memcpy(option, base, sizeof option);
    CHECK_OK(values_read(table, entry->name, option, entry->preset.options));
    values_default(table, entry->preset.options, preset);
    assert_memory_equal(preset, option, sizeof preset);
    assert_memory_not_equal(preset, base, sizeof preset);
    if (method->check != NULL && method->check(preset) != NULL)
        fail_msg("%s: %s", entry->name, method->check(preset));
    check_entries(entry->name, table, preset);
    assert_string_not_equal(entry->name, method->name);
}

static int check_lines(const registry_method_t *entries, size_t count) {
    int presets = 0;
    for (size_t i = 0; i < count; ++i) {
        presets += entries[i].preset.options != NULL;
        if (entries[i].preset.options != NULL)
            check_line(&entries[i]);
        else
            assert_null(entries[i].preset.purpose);
        for (size_t other = 0; other < i; ++other)
            assert_string_not_equal(entries[i].name, entries[other].name);
    }
    return presets;
}

static void test_lines(void **state) {
    (void)state;
    assert_true(check_lines(REGISTRY_METHODS, REGISTRY_METHOD_COUNT) >= 2);
    assert_true(check_lines(REGISTRY_WRAPPERS, REGISTRY_WRAPPER_COUNT) >= 1);
    assert_int_equal(check_lines(REGISTRY_ENGINE, 1), 0);
}

/* ---- Values of a table ---- */

static void test_values(void **state) {
    enum { LR, KIND, REG, SET };
    static const option_t TABLE[] = {
        [LR] = {"lr", 0.5, "[0,inf)", "step size"},
        [KIND] = {"kind", 0, "plain|fancy", "which"},
        [REG] = {"reg", 0, "map", "penalty", .choice = "none"},
        [SET] = {"set", 0, "map", "constraint", .choice = "proj_box(lo=-5,hi=5)"},
        {0},
    };
    double option[ROOM];
    char text[OPTION_TEXT];
    (void)state;
    assert_in_range(option_values(TABLE), 1, ROOM);
    values_default(TABLE, NULL, option);
    assert_true(option[LR] == 0.5 && option[KIND] == 0 && option[REG] == -1);
    values_default(TABLE, "lr=2,kind=fancy,reg=prox_l1(lam=0.25),hi=7", option);
    assert_true(option[LR] == 2 && option[KIND] == 1);
    values_text(TABLE, option, REG, text);
    assert_string_equal(text, "prox_l1");
    assert_true(option[values_find(TABLE, option, "reg.lam", 7)] == 0.25);
    assert_true(option[values_find(TABLE, option, "set.lo", 6)] == -5);
    assert_true(option[values_find(TABLE, option, "set.hi", 6)] == 7);
    values_default(TABLE, "lr=2,nonsense=3",
                   option); /* a wrong line, which test_lines finds: nothing to stumble over */
    values_text(TABLE, option, SET, text);
    assert_string_equal(text, "proj_box");
}

/* ---- What is described ---- */

static double described(int kind, const char *name, const char *option) {
    optim_description about = {.size = sizeof about};
    CHECK_OK(optim_describe(kind, name, &about));
    for (size_t i = 0; i < about.options; ++i) {
        optim_option row = {.size = sizeof row};
        CHECK_OK(optim_describe_option(kind, name, i, &row));
        if (strcmp(row.name, option) == 0)
            return row.default_value;
    }
    fail_msg("%s has no option \"%s\"", name, option);
    return 0;
}

static double bytes_of(const char *name, size_t i, const char *state) {
    optim_state_info info = {.size = sizeof info};
    CHECK_OK(optim_describe_state(OPTIM_ALGORITHM, name, i, &info));
    assert_string_equal(info.name, state);
    return info.bytes_per_parameter;
}

static void check_text_of(int kind, const char *name, const char *family, const char *purpose, const char *citation) {
    optim_description about = {.size = sizeof about};
    CHECK_OK(optim_describe(kind, name, &about));
    assert_string_equal(about.name, name);
    assert_string_equal(about.family, family);
    if (strstr(about.purpose, purpose) == NULL || strstr(about.citation, citation) == NULL)
        fail_msg("%s: \"%s\", \"%s\"", name, about.purpose, about.citation);
}

static void test_described(void **state) {
    (void)state;
    check_text_of(OPTIM_ALGORITHM, "amsbound", "adaptive", "AMSGrad that turns", "Luo et al.");
    check_text_of(OPTIM_ALGORITHM, "alr_smag", "step_size", "bounded Polyak", "2305.12939");
    check_text_of(OPTIM_WRAPPER, "asam", "wrappers", "relative to the size", "Kwon et al.: ASAM: Adaptive");
    check_text_of(OPTIM_WRAPPER, "sam", "wrappers", "worst point nearby", "Foret et al.");
    CHECK_CLOSE(described(OPTIM_ALGORITHM, "alr_mag", "lr_max"), 0, 0);
    CHECK_CLOSE(described(OPTIM_ALGORITHM, "alr_smag", "lr_max"), 0.1, 0);
    CHECK_CLOSE(described(OPTIM_ALGORITHM, "alr_smag", "momentum"), 0.9, 0);
    CHECK_CLOSE(described(OPTIM_ALGORITHM, "adabound", "amsbound"), 0, 0);
    CHECK_CLOSE(described(OPTIM_ALGORITHM, "amsbound", "amsbound"), 1, 0);
    CHECK_CLOSE(described(OPTIM_WRAPPER, "sam", "rho"), 0.05, 0);
    CHECK_CLOSE(described(OPTIM_WRAPPER, "asam", "rho"), 0.5, 0);
    CHECK_CLOSE(described(OPTIM_WRAPPER, "asam", "eta"), 0.01, 0);
    CHECK_CLOSE(described(OPTIM_WRAPPER, "asam", "eps"), 1e-12, 0);
    CHECK_CLOSE(described(OPTIM_WRAPPER, "asam", "adaptive"), 1, 0);
    CHECK_CLOSE(bytes_of("amsbound", 2, "vmax"), 4, 0);
}

/* Behind what it is a preset of, in every listing. */
static void check_listed(size_t count, const char *name_of(size_t), const char *name, const char *behind) {
    size_t at = 0;
    while (at < count && strcmp(name_of(at), name) != 0)
        ++at;
    assert_in_range(at, 1, count - 1);
    assert_string_equal(name_of(at - 1), behind);
}

static void test_listed(void **state) {
    (void)state;
    check_listed(optim_algorithm_count(), optim_algorithm_name, "amsbound", "adabound");
    check_listed(optim_algorithm_count(), optim_algorithm_name, "alr_smag", "alr_mag");
    check_listed(optim_wrapper_count(), optim_wrapper_name, "asam", "sam");
}

/* ---- Handles ---- */

static double get(const optim_t *opt, int group, const char *key) {
    double value;
    CHECK_OK(optim_get(opt, group, key, &value));
    return value;
}

static void test_defaults_and_others(void **state) {
    optim_t *opt;
    int group;
    (void)state;
    CHECK_OK(optim_create(&opt, "alr_smag", NULL));
    CHECK_CLOSE(get(opt, 0, "lr_max"), 0.1, 0);
    CHECK_OK(optim_set(opt, 0, "lr_max", 0));
    CHECK_CLOSE(get(opt, 0, "alr_smag.lr_max"), 0, 0);
    optim_destroy(opt);
    CHECK_OK(optim_create(&opt, "alr_smag", "c=2,lr_max=0.7"));
    CHECK_CLOSE(get(opt, 0, "lr_max"), 0.7, 0);
    CHECK_CLOSE(get(opt, 0, "c"), 2, 0);
    optim_destroy(opt);
    CHECK_OK(optim_create(&opt, "adabound", NULL)); /* beside what it is a preset of, by group */
    CHECK_OK(optim_add_group(opt, "algorithm=amsbound,gamma=0.25", &group));
    CHECK_CLOSE(get(opt, 0, "amsbound"), 0, 0);
    CHECK_CLOSE(get(opt, group, "amsbound"), 1, 0);
    CHECK_CLOSE(get(opt, group, "gamma"), 0.25, 0);
    CHECK_OK(optim_wrap(opt, "sam", NULL));
    CHECK_OK(optim_wrap(opt, "asam", "rho=0.75"));
    CHECK_CLOSE(get(opt, 0, "sam.rho"), 0.05, 0);
    CHECK_CLOSE(get(opt, 0, "asam.rho"), 0.75, 0);
    CHECK_CLOSE(get(opt, 0, "asam.eta"), 0.01, 0);
    CHECK_CLOSE(get(opt, 0, "asam.adaptive"), 1, 0);
    optim_destroy(opt);
}

/* Five steps down x^4 + y^2 / 2, at two elements. */
static void descend(const char *algorithm, const char *options, const char *wrapper, const char *wrapped, double x[2]) {
    optim_t *opt;
    double g[2];
    optim_status status;
    x[0] = 1.5, x[1] = -0.75;
    CHECK_OK(optim_create(&opt, algorithm, options));
    if (wrapper != NULL)
        CHECK_OK(optim_wrap(opt, wrapper, wrapped));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){2}, x, g));
    for (int step = 0; step < 5; ++step)
        do {
            g[0] = 4 * x[0] * x[0] * x[0];
            g[1] = x[1];
            CHECK_OK(optim_set_loss(opt, x[0] * x[0] * x[0] * x[0] + x[1] * x[1] / 2));
            status = optim_step(opt);
        } while (status == OPTIM_EVAL_GRAD);
    CHECK_OK(status);
    optim_destroy(opt);
}

/* The preset is the entry with those options, and the entry is the preset with its own defaults put back: bit for bit. */
static void check_same(const char *const left[4], const char *const right[4]) {
    double a[2], b[2];
    descend(left[0], left[1], left[2], left[3], a);
    descend(right[0], right[1], right[2], right[3], b);
    assert_memory_equal(a, b, sizeof a);
}

static void test_same_steps(void **state) {
    double bounded[2], free_of_it[2];
    (void)state;
    check_same((const char *[4]){"alr_smag"}, (const char *[4]){"alr_mag", "lr_max=0.1"});
    check_same((const char *[4]){"alr_smag", "lr_max=0"}, (const char *[4]){"alr_mag"});
    check_same((const char *[4]){"amsbound"}, (const char *[4]){"adabound", "amsbound=1"});
    check_same((const char *[4]){"amsbound", "amsbound=0"}, (const char *[4]){"adabound"});
    check_same((const char *[4]){"sgd", "lr=0.01", "asam"},
               (const char *[4]){"sgd", "lr=0.01", "sam", "rho=0.5,eta=0.01,adaptive=1"});
    check_same((const char *[4]){"sgd", "lr=0.01", "asam", "rho=0.05,eta=0,adaptive=0"},
               (const char *[4]){"sgd", "lr=0.01", "sam"});
    check_same((const char *[4]){"sgd", "lr=0.01", "project"},
               (const char *[4]){"sgd", "lr=0.01", "prox", "map=proj_l2_ball,scale_lr=0"});
    descend("alr_smag", "lr_max=0.001", NULL, NULL, bounded);
    descend("alr_mag", NULL, NULL, NULL, free_of_it);
    assert_memory_not_equal(bounded, free_of_it, sizeof bounded);
}

/* ---- Sentences ---- */

static void test_sentences(void **state) {
    optim_t *opt;
    (void)state;
    CHECK_REFUSED(optim_create(&opt, "amsbound", "lrr=1"), OPTIM_ERR_OPTION, "\"amsbound\" has no option \"lrr\"");
    CHECK_REFUSED(optim_create(&opt, "amsbond", NULL), OPTIM_ERR_NAME, "amsbound");
    CHECK_REFUSED(optim_create(&opt, "asam", NULL), OPTIM_ERR_NAME, "\"asam\" is the name of a wrapper");
    CHECK_REFUSED(optim_create(&opt, "alr_smag", "lr_max=-1"), OPTIM_ERR_VALUE, "lr_max");
    CHECK_REFUSED(optim_create(&opt, "alr_smag", "lr_max=1,lr_max=2"), OPTIM_ERR_DUPLICATE, "lr_max");
    CHECK_OK(optim_create(&opt, "sgd", NULL));
    CHECK_REFUSED(optim_wrap(opt, "asam", "roh=1"), OPTIM_ERR_OPTION, "wrapper \"asam\" has no option \"roh\"");
    CHECK_OK(optim_wrap(opt, "asam", NULL));
    CHECK_REFUSED(optim_wrap(opt, "asam", NULL), OPTIM_ERR_DUPLICATE, "\"asam\"");
    CHECK_REFUSED(optim_set(opt, 0, "sam.rho", 1), OPTIM_ERR_OPTION, "asam");
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_described),
        cmocka_unit_test(test_listed),
        cmocka_unit_test(test_defaults_and_others),
        cmocka_unit_test(test_same_steps),
        cmocka_unit_test(test_sentences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
