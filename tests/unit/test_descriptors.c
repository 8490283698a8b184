/*
 * Every descriptor of the registry keeps the limits that the engine's arrays have, and every option that a state table
 * names exists: what breaks them would write past those arrays, or read before them.
 */
#include <string.h>

#include "check.h"
#include "optimizer/entry_values.h"
#include "optimizer/registry.h"

static void check_option(const method_t *method, const char *option, const state_t *state) {
    if (option != NULL && option_find(method->options, option, strlen(option)) < 0)
        fail_msg("%s: state \"%s\" depends on an option \"%s\" that is not there", method->name, state->name, option);
}

static void check_states(const method_t *method) {
    int rows = 0;
    for (const state_t *state = method->states; state != NULL && state->name != NULL; ++state, ++rows) {
        check_option(method, state->when, state);
        check_option(method, state->copies, state);
        check_option(method, state->every, state);
        check_option(method, state->initial_option, state);
    }
    if (rows > METHOD_STATES)
        fail_msg("%s: %d rows of states, of %d at most", method->name, rows, METHOD_STATES);
}

/* Every field lies in its struct, and the options that it names exist. */
static void check_fields(const method_t *method) {
    const size_t size[] = {[OF_METHOD] = method->memory,
                           [OF_GROUP] = method->group_memory,
                           [OF_COHORT] = method->cohort_memory,
                           [OF_TENSOR] = method->tensor_memory};
    for (const field_t *field = method->fields; field_is_row(field); ++field) {
        const char *const options[] = {field->when, field->copies, field->initial_option, field->most};
        if (field->offset + field->size > size[field->of])
            fail_msg("%s: field \"%s\" lies outside its struct", method->name, field->name);
        const int lengths = (field->copies != NULL || field->each != EACH_ONCE) + (field->length != NULL);
        if (lengths != (field->type == FIELD_LIST))
            fail_msg("%s: \"%s\": a list has a length that an option or the problem says", method->name, field->name);
        if (field->length != NULL && field->of != OF_METHOD)
            fail_msg("%s: \"%s\": by elements goes what the method as a whole keeps", method->name, field->name);
        if (field->of == OF_COHORT && (field->type != FIELD_NUMBER || field->when != NULL))
            fail_msg("%s: \"%s\" of a cohort is not one kept number", method->name, field->name);
        if (field->of == OF_GROUP && field->type == FIELD_LIST)
            fail_msg("%s: \"%s\" of a group is a list", method->name, field->name);
        if (field->of == OF_TENSOR && field->type == FIELD_INTEGER)
            fail_msg("%s: \"%s\" of a tensor is saved as a double: say .whole", method->name, field->name);
        for (size_t i = 0; i < sizeof options / sizeof *options; ++i)
            if (options[i] != NULL && option_find(method->options, options[i], strlen(options[i])) < 0)
                fail_msg("%s: \"%s\" names no option \"%s\"", method->name, field->name, options[i]);
    }
}

/* The default of an option that names an entry can be read. */
static void check_choices(const method_t *method) {
    enum { MOST = 64 }; /* what optim_describe has room for */
    double option[MOST];
    if (option_values(method->options) > MOST)
        fail_msg("%s: %zu values of options, of %d at most", method->name, option_values(method->options), MOST);
    values_default(method->options, NULL, option);
    for (size_t row = 0; method->options[row].name != NULL; ++row)
        if (option_kind(&method->options[row]) == OPTIM_KIND_ENTRY)
            CHECK_OK(values_parse(method->options, option, row, method->options[row].choice,
                                  strlen(method->options[row].choice)));
}

static void check_method(const method_t *method) {
    check_states(method);
    check_fields(method);
    if ((method->prepare != NULL) != (method->constants > 0))
        fail_msg("%s: prepare and .constants belong together", method->name);
    for (const option_t *option = method->options; option != NULL && option->name != NULL; ++option)
        if (option_kind(option) != OPTIM_KIND_ENTRY && option_check(option, option->initial) != OPTIM_OK)
            fail_msg("%s: the default of \"%s\" is not allowed", method->name, option->name);
    check_choices(method);
}

static void check_entry(const registry_method_t *entry) {
    for (int level = 0; level <= engine_best_level(); ++level)
        for (int precision = 0; precision < PRECISIONS; ++precision)
            check_method(entry->level[level].precision[precision]);
}

static void test_registry(void **state) {
    (void)state;
    for (size_t i = 0; i < REGISTRY_METHOD_COUNT; ++i)
        check_entry(&REGISTRY_METHODS[i]);
    for (size_t i = 0; i < REGISTRY_WRAPPER_COUNT; ++i)
        check_entry(&REGISTRY_WRAPPERS[i]);
    for (size_t i = 0; i < REGISTRY_ENGINE_COUNT; ++i)
        check_entry(&REGISTRY_ENGINE[i]);
}

/* Every map and compressor fits the room that an option's value has for its options, which are numbers. */
static void check_choice(const entry_t *entry) {
    assert_in_range(option_count(entry->options), 0, OPTION_ROOM);
    for (const option_t *option = entry->options; option->name != NULL; ++option) {
        assert_false(option_is_text(option));
        CHECK_OK(option_check(option, option->initial));
    }
}

static void test_choices(void **state) {
    (void)state;
    for (size_t i = 0; i < REGISTRY_MAP_COUNT; ++i) {
        const map_t *map = registry_map(i);
        check_choice(&map->entry);
        assert_true(map->of_matrices == (option_find(map->options, "rows", 4) >= 0));
        assert_true((map->value == NULL) == (map->role == MAP_ORACLE));
    }
    for (size_t i = 0; i < REGISTRY_COMPRESSOR_COUNT; ++i) {
        const compressor_t *compressor = registry_compressor(i);
        check_choice(&compressor->entry);
        assert_true(compressor->bits != NULL && compressor->encode != NULL && compressor->decode != NULL);
        assert_in_range(compressor->code, 1, 255);
        for (size_t other = 0; other < i; ++other)
            assert_int_not_equal(compressor->code, registry_compressor(other)->code);
    }
}

static const char *family_of(const char *algorithm) {
    optim_description about = {.size = sizeof about};
    CHECK_OK(optim_describe(OPTIM_ALGORITHM, algorithm, &about));
    return about.family;
}

/* That it is the folder of each method's file is checked by tests/layers. */
static void test_families(void **state) {
    (void)state;
    assert_string_equal(family_of("sgd"), "gradient");
    assert_string_equal(family_of("adam"), "adaptive");
    assert_string_equal(family_of("dog"), "lr_free");
    assert_string_equal(family_of("mirror_prox"), "games");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_registry), cmocka_unit_test(test_choices),
                                       cmocka_unit_test(test_families)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
