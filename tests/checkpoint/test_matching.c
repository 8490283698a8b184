/* States loaded into a handle that has changed since: what matches goes on to the bit, what does not begins fresh. */
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { N = 6 };

typedef struct part {
    const char *name;
    int group;
    int64_t rows;
    float w[N], g[N];
} part_t;

typedef struct model {
    optim_t *opt;
    int count;
    part_t part[3];
} model_t;

static void model_open(model_t *m, const char *algorithm, const char *wrapper, const part_t *parts, int count) {
    *m = (model_t){.count = count};
    CHECK_OK(optim_create(&m->opt, algorithm, "lr=0.1,weight_decay=0.01"));
    CHECK_OK(optim_add_group(m->opt, "lr=0.2", NULL));
    for (int i = 0; i < count; ++i) {
        part_t *part = &m->part[i];
        *part = parts[i];
        CHECK_OK(optim_add_param(m->opt, part->group, part->name, OPTIM_F32, 2, (int64_t[]){part->rows, N / part->rows},
                                 part->w, part->g));
    }
    if (wrapper != NULL)
        CHECK_OK(optim_wrap(m->opt, wrapper, NULL));
}

/* Gradients that depend on the parameter's values and its own count of steps. */
static void model_steps(model_t *m, int steps) {
    for (int s = 0; s < steps; ++s) {
        for (int i = 0; i < m->count; ++i) {
            optim_param_info info = {.size = sizeof info};
            CHECK_OK(optim_describe_param(m->opt, i, &info));
            for (int j = 0; j < N; ++j)
                m->part[i].g[j] = m->part[i].w[j] - 0.5F * (float)j + 0.25F * (float)info.steps;
        }
        CHECK_OK(optim_step(m->opt));
    }
}

static const part_t A = {"a", 0, 2, {1, 2, 3, 4, 5, 6}, {0}}, B = {"b", 0, 3, {6, 5, 4, 3, 2, 1}, {0}},
                    C = {"net/c", 1, 1, {-1, 1, -2, 2, -3, 3}, {0}};

static const optim_load_rules STRICT = {.size = sizeof STRICT};

static optim_status load(model_t *to, const model_t *from, optim_load_rules *rules) {
    size_t size;
    char *state = check_serialized(from->opt, &size);
    const optim_status status = optim_deserialize_matching(to->opt, state, size, rules);
    free(state);
    return status;
}

/* a and b become b and c. */
static void what_matches_goes_on_and_the_rest_is_fresh(void **state) {
    (void)state;
    model_t old, now, alone;
    model_open(&old, "adamw", NULL, (part_t[]){A, B}, 2);
    CHECK_OK(optim_set(old.opt, 0, "lr", 0.05));
    model_steps(&old, 3);
    model_open(&now, "adamw", NULL, (part_t[]){B, C}, 2);
    memcpy(now.part[0].w, old.part[1].w, sizeof now.part[0].w);
    optim_load_rules rules = {.size = sizeof rules, .missing = 1, .unknown = 1};
    CHECK_OK(load(&now, &old, &rules));
    assert_int_equal(rules.fresh, 1);
    assert_int_equal(rules.left_out, 1);
    assert_int_equal(optim_steps(now.opt), 3);
    double lr;
    CHECK_OK(optim_get(now.opt, 0, "lr", &lr));
    CHECK_CLOSE(lr, 0.05, 0);
    model_open(&alone, "adamw", NULL, &C, 1);
    model_steps(&old, 2);
    model_steps(&now, 2);
    model_steps(&alone, 2);
    assert_memory_equal(now.part[0].w, old.part[1].w, sizeof now.part[0].w);
    assert_memory_equal(now.part[1].w, alone.part[0].w, sizeof alone.part[0].w);
    optim_destroy(old.opt);
    optim_destroy(now.opt);
    optim_destroy(alone.opt);
}

static void another_shape_begins_fresh(void **state) {
    (void)state;
    model_t old, now, alone;
    model_open(&old, "muon", NULL, (part_t[]){A, B}, 2);
    model_steps(&old, 3);
    part_t wide = A;
    wide.rows = 3;
    model_open(&now, "muon", NULL, (part_t[]){wide, B}, 2);
    memcpy(now.part[1].w, old.part[1].w, sizeof now.part[1].w);
    optim_load_rules rules = {.size = sizeof rules, .reshaped = 1};
    CHECK_OK(load(&now, &old, &rules));
    assert_int_equal(rules.fresh, 1);
    model_open(&alone, "muon", NULL, &wide, 1);
    model_steps(&old, 2);
    model_steps(&now, 2);
    model_steps(&alone, 2);
    assert_memory_equal(now.part[1].w, old.part[1].w, sizeof now.part[1].w);
    assert_memory_equal(now.part[0].w, alone.part[0].w, sizeof alone.part[0].w);
    optim_destroy(old.opt);
    optim_destroy(now.opt);
    optim_destroy(alone.opt);
}

/* An average begun later has the parameters of that moment as its first value, and the method goes on. */
static void an_average_may_begin_later(void **state) {
    (void)state;
    model_t old, now, back;
    model_open(&old, "adamw", NULL, (part_t[]){A, B}, 2);
    model_steps(&old, 3);
    model_open(&now, "adamw", "ema", (part_t[]){A, B}, 2);
    for (int i = 0; i < 2; ++i)
        memcpy(now.part[i].w, old.part[i].w, sizeof now.part[i].w);
    float begin[N];
    memcpy(begin, now.part[0].w, sizeof begin);
    optim_load_rules rules = {.size = sizeof rules, .wrappers = 1};
    CHECK_OK(load(&now, &old, &rules));
    float average[N];
    CHECK_OK(optim_output(now.opt, 0, average));
    assert_memory_equal(average, begin, sizeof begin);
    model_steps(&old, 2);
    model_steps(&now, 2);
    assert_memory_equal(now.part[0].w, old.part[0].w, sizeof begin);
    model_open(&back, "adamw", NULL, (part_t[]){A, B}, 2); /* and leave again */
    for (int i = 0; i < 2; ++i)
        memcpy(back.part[i].w, now.part[i].w, sizeof now.part[i].w);
    CHECK_OK(load(&back, &now, &rules));
    model_steps(&back, 1);
    model_steps(&old, 1);
    assert_memory_equal(back.part[0].w, old.part[0].w, sizeof begin);
    optim_destroy(old.opt);
    optim_destroy(now.opt);
    optim_destroy(back.opt);
}

/* Each difference is refused by name while its rule is 0; nothing changes, so that the same handle can load then. */
static void rules_at_0_refuse(void **state) {
    (void)state;
    model_t old, now;
    model_open(&old, "adamw", NULL, (part_t[]){A, B}, 2);
    model_steps(&old, 1);
    optim_load_rules rules = STRICT;
    model_open(&now, "adamw", NULL, (part_t[]){A, B, C}, 3);
    CHECK_REFUSED(load(&now, &old, &rules), OPTIM_ERR_CHECKPOINT, "\"net/c\" is missing");
    rules.missing = 1;
    CHECK_OK(load(&now, &old, &rules));
    CHECK_REFUSED(load(&now, &old, &rules), OPTIM_ERR_ORDER, "first step");
    optim_destroy(now.opt);
    model_open(&now, "adamw", NULL, &A, 1);
    rules = STRICT;
    CHECK_REFUSED(load(&now, &old, &rules), OPTIM_ERR_CHECKPOINT, "\"b\" is unknown");
    rules.unknown = 1;
    CHECK_OK(load(&now, &old, &rules));
    optim_destroy(now.opt);
    part_t wide = A;
    wide.rows = 3;
    model_open(&now, "adamw", NULL, (part_t[]){wide, B}, 2);
    rules = STRICT;
    CHECK_REFUSED(load(&now, &old, &rules), OPTIM_ERR_CHECKPOINT, "[2,3]");
    optim_destroy(now.opt);
    model_open(&now, "adamw", "ema", (part_t[]){A, B}, 2);
    CHECK_REFUSED(load(&now, &old, &rules), OPTIM_ERR_CHECKPOINT, "\"ema\"");
    rules.wrappers = 1;
    CHECK_OK(load(&now, &old, &rules));
    optim_destroy(now.opt);
    optim_destroy(old.opt);
}

/* Without arrays, which the caller keeps. */
static void arrays_can_be_the_callers(void **state) {
    (void)state;
    model_t old, now;
    model_open(&old, "nadam", NULL, (part_t[]){A, B}, 2);
    model_steps(&old, 3);
    size_t size, all;
    CHECK_OK(optim_serialize(old.opt, NULL, 0, &all));
    CHECK_OK(optim_serialize_numbers(old.opt, NULL, 0, &size));
    assert_true(size < all);
    char *numbers = check_memory(size, 1);
    CHECK_REFUSED(optim_serialize_numbers(old.opt, numbers, 1, &size), OPTIM_ERR_ARGUMENT, "room for 1");
    CHECK_OK(optim_serialize_numbers(old.opt, numbers, size, &size));
    model_open(&now, "nadam", NULL, (part_t[]){A, B}, 2);
    for (int i = 0; i < 2; ++i)
        memcpy(now.part[i].w, old.part[i].w, sizeof now.part[i].w);
    CHECK_OK(optim_deserialize(now.opt, numbers, size));
    for (int param = 0; param < 2; ++param) {
        optim_array from = {.size = sizeof from}, to = {.size = sizeof to};
        for (size_t i = 0; optim_param_array(old.opt, param, i, &from) == OPTIM_OK && *from.name != '\0'; ++i) {
            CHECK_OK(optim_param_array(now.opt, param, i, &to));
            assert_string_equal(from.name, to.name);
            memcpy(to.data, from.data, to.bytes);
        }
    }
    model_steps(&old, 2);
    model_steps(&now, 2);
    for (int i = 0; i < 2; ++i)
        assert_memory_equal(now.part[i].w, old.part[i].w, sizeof now.part[i].w);
    free(numbers);
    optim_destroy(old.opt);
    optim_destroy(now.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_matches_goes_on_and_the_rest_is_fresh),
        cmocka_unit_test(another_shape_begins_fresh),
        cmocka_unit_test(an_average_may_begin_later),
        cmocka_unit_test(rules_at_0_refuse),
        cmocka_unit_test(arrays_can_be_the_callers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
