#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"

typedef struct named_check {
    const char *name;
    void (*run)(void **state);
} named_check_t;

static const named_check_t SUBJECT_CHECKS[] = {
    {"defaults", check_defaults},
    {"sizes", check_sizes},
    {"empty tensors", check_empty_tensors},
    {"unaligned", check_unaligned},
    {"split", check_split},
    {"threads", check_threads},
    {"bind", check_bind},
    {"reset", check_reset},
    {"f32 near f64", check_f32_near_f64},
    {"half near f32", check_half_near_f32},
    {"half gradients", check_half_gradients},
    {"maximize", check_maximize},
    {"grad_scale", check_grad_scale},
    {"zero_grad", check_zero_grad},
    {"bounds", check_bounds},
    {"frozen outside box", check_frozen_outside_box},
    {"frozen", check_frozen},
    {"thawed", check_thawed},
    {"all frozen", check_all_frozen},
    {"skip", check_skip},
    {"error", check_error},
    {"propagate", check_propagate},
    {"accumulate", check_accumulate},
    {"loss_scale", check_loss_scale},
    {"units", check_units},
    {"requests", check_requests},
    {"cancel", check_cancel},
    {"loss missing", check_loss_missing},
    {"open refusals", check_open_refusals},
    {"held gradient", check_held_gradient},
    {"update", check_update},
    {"half update", check_half_update},
    {"by parameter", check_by_param},
    {"output", check_output},
    {"swap", check_swap},
    {"two groups", check_two_groups},
    {"checkpoint", check_checkpoint},
    {"memory query", check_memory_query},
    {"storage", check_storage},
};

/* Of algorithms by themselves. */
static const named_check_t ALGORITHM_CHECKS[] = {
    {"own algorithm", check_own_algorithm},
    {"state bytes", check_state_bytes},
};

static const named_check_t ENTRY_CHECKS[] = {
    {"description", check_description},
    {"options", check_options},
    {"unknown option", check_unknown_option},
};

static const named_check_t ONCE[] = {
    {"clip_value", check_clip_value},
    {"clip_norm", check_clip_norm},
    {"skip and schedule", check_skip_and_schedule},
    {"describe errors", check_describe_errors},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef struct suite {
    struct CMUnitTest *tests;
    size_t count, capacity;
} suite_t;

static void add(suite_t *suite, const named_check_t *check, const char *label, void *state) {
    if (suite->count == suite->capacity) {
        suite->capacity = suite->capacity == 0 ? 1024 : 2 * suite->capacity;
        suite->tests = realloc(suite->tests, suite->capacity * sizeof *suite->tests);
        if (suite->tests == NULL)
            exit(EXIT_FAILURE);
    }
    const struct CMUnitTest test = {check_text("%s: %s", check->name, label), check->run, NULL, NULL, state};
    suite->tests[suite->count++] = test;
}

static bool is_in(const subject_t *subject, suite_part_t part) {
    if (subject->wraps > 0)
        return part == SUITE_WRAPPED || part == SUITE_CROSS;
    return part == (subject->is_variant ? SUITE_VARIANTS : SUITE_ALGORITHMS);
}

static void add_subjects(suite_t *suite, suite_part_t part, subject_t *subjects, size_t count) {
    for (size_t i = 0; i < count; ++i) {
        if (!is_in(&subjects[i], part))
            continue;
        for (size_t k = 0; k < COUNT(SUBJECT_CHECKS); ++k)
            add(suite, &SUBJECT_CHECKS[k], subjects[i].label, &subjects[i]);
        for (size_t k = 0; k < COUNT(ALGORITHM_CHECKS) && part == SUITE_ALGORITHMS; ++k)
            add(suite, &ALGORITHM_CHECKS[k], subjects[i].label, &subjects[i]);
    }
}

static entry_t *entries_new(size_t *count) {
    const size_t algorithms = optim_algorithm_count(), wrappers = optim_wrapper_count();
    const size_t schedules = optim_schedule_count();
    entry_t *entries = check_memory(algorithms + wrappers + schedules + 1, sizeof *entries);
    *count = 0;
    for (size_t i = 0; i < algorithms; ++i)
        entries[(*count)++] = (entry_t){OPTIM_ALGORITHM, optim_algorithm_name(i)};
    for (size_t i = 0; i < wrappers; ++i)
        entries[(*count)++] = (entry_t){OPTIM_WRAPPER, optim_wrapper_name(i)};
    for (size_t i = 0; i < schedules; ++i)
        entries[(*count)++] = (entry_t){OPTIM_SCHEDULE, optim_schedule_name(i)};
    entries[(*count)++] = (entry_t){OPTIM_ENGINE, "engine"};
    return entries;
}

static void add_entries(suite_t *suite, entry_t *entries, size_t count) {
    static const named_check_t SCHEDULE = {"schedule", check_schedule};
    for (size_t k = 0; k < COUNT(ONCE); ++k)
        add(suite, &ONCE[k], "engine", NULL);
    for (size_t i = 0; i < count; ++i) {
        for (size_t k = 0; k < COUNT(ENTRY_CHECKS); ++k)
            add(suite, &ENTRY_CHECKS[k], entries[i].name, &entries[i]);
        if (entries[i].kind == OPTIM_SCHEDULE)
            add(suite, &SCHEDULE, entries[i].name, &entries[i]);
    }
}

static void keep_chosen(suite_t *suite) {
    const char *chosen = getenv("GRADOPT_SUBJECT");
    size_t kept = 0;
    for (size_t i = 0; i < suite->count; ++i) {
        if (chosen == NULL || strstr(suite->tests[i].name, chosen) != NULL)
            suite->tests[kept++] = suite->tests[i];
        else
            free((void *)(uintptr_t)suite->tests[i].name);
    }
    suite->count = kept;
}

int suite_run(suite_part_t part) {
    suite_t suite = {NULL, 0, 0};
    size_t subject_count, refused, entry_count;
    subject_t *subjects = subjects_new(part == SUITE_CROSS, &subject_count, &refused);
    entry_t *entries = entries_new(&entry_count);
    if (part == SUITE_ENTRIES)
        add_entries(&suite, entries, entry_count);
    else
        add_subjects(&suite, part, subjects, subject_count);
    keep_chosen(&suite);
    const int failed = _cmocka_run_group_tests("conformance", suite.tests, suite.count, NULL, NULL);
    size_t wrapped = 0;
    for (size_t i = 0; i < subject_count; ++i)
        wrapped += subjects[i].wraps > 0;
    (void)printf("%zu tests; %zu algorithms, %zu wrappers, %zu schedules; wrapped: %zu accepted, %zu refused\n",
                 suite.count, optim_algorithm_count(), optim_wrapper_count(), optim_schedule_count(), wrapped, refused);
    for (size_t i = 0; i < suite.count; ++i)
        free((void *)(uintptr_t)suite.tests[i].name);
    free(suite.tests);
    free(entries);
    subjects_free(subjects, subject_count);
    return failed;
}
