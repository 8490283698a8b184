/* A checkpoint of another optimizer: everything that does not fit is named in one sentence, and nothing changes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* ---- Handles of many small tensors ---- */

enum { MOST = 64, ELEMENTS = 12, NAME = 80 };

typedef struct lent {
    char name[NAME];
    optim_dtype dtype;
    int group;
    int64_t rows; /* of ELEMENTS elements */
    double data[ELEMENTS], grad[ELEMENTS];
} lent_t;

typedef struct many {
    optim_t *opt;
    int count;
    lent_t lent[MOST];
} many_t;

/* One that has made a step; groups[i]: options of group i + 1. */
static many_t *many_open(const lent_t *lent, int count, const char *options, const char *const *groups,
                         int group_count) {
    many_t *many = check_memory(1, sizeof *many);
    CHECK_OK(optim_create(&many->opt, "adamw", options));
    for (int g = 0; g < group_count; ++g)
        CHECK_OK(optim_add_group(many->opt, groups[g], NULL));
    many->count = count;
    for (int i = 0; i < count; ++i) {
        lent_t *one = &many->lent[i];
        *one = lent[i];
        const int64_t rows = one->rows == 0 ? 3 : one->rows, dims[] = {rows, ELEMENTS / rows};
        CHECK_OK(optim_add_param(many->opt, one->group, one->name, one->dtype, 2, dims, one->data, one->grad));
    }
    CHECK_OK(optim_step(many->opt));
    return many;
}

static void many_close(many_t *many) {
    optim_destroy(many->opt);
    free(many);
}

static char *state_of(const many_t *many, size_t *size) {
    return check_serialized(many->opt, size);
}

/* Loading what `from` holds into `into` is refused and changes nothing. */
static void check_refused_whole(const many_t *from, const many_t *into) {
    size_t size, before_size, after_size;
    char *state = state_of(from, &size), *before = state_of(into, &before_size);
    CHECK_STATUS(optim_deserialize(into->opt, state, size), OPTIM_ERR_CHECKPOINT);
    char *after = state_of(into, &after_size);
    assert_int_equal(before_size, after_size);
    assert_memory_equal(before, after, before_size);
    free(state);
    free(before);
    free(after);
}

static void check_says(const char *words) {
    if (strstr(optim_error(), words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", optim_error(), words);
}

/* ---- Parameters ---- */

static void all_kinds_at_once(void **state) {
    static const lent_t SAVED[] = {{"kept", OPTIM_F32},
                                   {"turned", OPTIM_F32, 0, 4},
                                   {"wide", OPTIM_F64},
                                   {"old", OPTIM_F32},
                                   {"moved", OPTIM_F32, 1}};
    static const lent_t HERE[] = {{"kept", OPTIM_F32},
                                  {"turned", OPTIM_F32, 0, 3},
                                  {"wide", OPTIM_F32},
                                  {"new", OPTIM_F32},
                                  {"moved", OPTIM_F32}};
    static const char *const GROUPS[] = {"lr=0.1"};
    many_t *from = many_open(SAVED, 5, NULL, GROUPS, 1), *into = many_open(HERE, 5, NULL, NULL, 0);
    (void)state;
    check_refused_whole(from, into);
    check_says("parameter \"turned\" has shape [4,3] there and [3,4] here");
    check_says("parameter \"wide\" is F64 there and F32 here");
    check_says("parameter \"new\" is missing in it");
    check_says("its parameter \"old\" is unknown here");
    check_says("parameter \"moved\" is in its group 1, others of group 0 in its group 0");
    assert_null(strstr(optim_error(), "kept"));
    assert_null(strstr(optim_error(), "more"));
    many_close(from);
    many_close(into);
}

/* A method without any state is no exception. */
static void precision_without_states(void **state) {
    double wide = 1, wide_grad = 1;
    float narrow = 1, narrow_grad = 1;
    char bytes[4096];
    size_t size;
    optim_t *from, *into;
    (void)state;
    CHECK_OK(optim_create(&from, "sgd", NULL));
    CHECK_OK(optim_create(&into, "sgd", NULL));
    CHECK_OK(optim_add_param(from, 0, "w", OPTIM_F64, 0, NULL, &wide, &wide_grad));
    CHECK_OK(optim_add_param(into, 0, "w", OPTIM_F32, 0, NULL, &narrow, &narrow_grad));
    CHECK_OK(optim_serialize(from, bytes, sizeof bytes, &size));
    CHECK_REFUSED(optim_deserialize(into, bytes, size), OPTIM_ERR_CHECKPOINT, "\"w\" is F64 there and F32 here");
    optim_destroy(from);
    optim_destroy(into);
}

/* 16-bit parameters have f32 states: they may take those of f32 parameters. */
static void precision_that_fits(void **state) {
    static const lent_t SAVED[] = {{"w", OPTIM_F32}}, HERE[] = {{"w", OPTIM_BF16}};
    many_t *from = many_open(SAVED, 1, NULL, NULL, 0), *into = many_open(HERE, 1, NULL, NULL, 0);
    size_t size;
    char *bytes = state_of(from, &size);
    (void)state;
    CHECK_OK(optim_deserialize(into->opt, bytes, size));
    free(bytes);
    many_close(from);
    many_close(into);
}

static size_t occurrences(const char *text, const char *words) {
    size_t count = 0;
    for (const char *at = strstr(text, words); at != NULL; at = strstr(at + 1, words))
        ++count;
    return count;
}

/* Every tensor of a model under other names: as many as fit are named whole, the others are counted. */
static void a_model_renamed(void **state) {
    enum { FITTING = 30 }; /* of such names */
    static lent_t saved[MOST], here[MOST];
    (void)state;
    for (int i = 0; i < MOST; ++i) {
        (void)snprintf(saved[i].name, NAME, "model.decoder.layers.%d.self_attention.out_projection.weight", i);
        (void)snprintf(here[i].name, NAME, "module.model.decoder.layers.%d.self_attention.out_projection.weight", i);
    }
    many_t *from = many_open(saved, MOST, NULL, NULL, 0), *into = many_open(here, MOST, NULL, NULL, 0);
    check_refused_whole(from, into);
    const char *rest = strstr(optim_error(), "; and ");
    const size_t missing = occurrences(optim_error(), "weight\" is missing in it"),
                 unknown = occurrences(optim_error(), "weight\" is unknown here");
    assert_non_null(rest);
    assert_int_equal(missing + unknown + strtoul(rest + 6, NULL, 10), 2 * MOST);
    assert_true(missing >= 20);
    many_close(from);
    many_close(into);
    from = many_open(saved, FITTING, NULL, NULL, 0);
    into = many_open(here, FITTING, NULL, NULL, 0);
    check_refused_whole(from, into);
    assert_null(strstr(optim_error(), "; and "));
    for (int i = 0; i < FITTING; ++i) {
        char *missing_one = check_text("parameter \"%s\" is missing in it", here[i].name),
             *unknown_one = check_text("its parameter \"%s\" is unknown here", saved[i].name);
        check_says(missing_one);
        check_says(unknown_one);
        free(missing_one);
        free(unknown_one);
    }
    many_close(from);
    many_close(into);
}

/* ---- Arrays ---- */

/* Groups that are not those of the checkpoint keep their options, and those may call for other states. */
static void all_kinds_of_arrays_at_once(void **state) {
    static const lent_t SAVED[] = {{"block", OPTIM_F32, 0},
                                   {"dtype", OPTIM_F32, 0},
                                   {"missing", OPTIM_F32, 0},
                                   {"unknown", OPTIM_F32, 1},
                                   {"kept", OPTIM_F32, 1}};
    static const lent_t HERE[] = {{"block", OPTIM_F32, 0},
                                  {"dtype", OPTIM_F32, 1},
                                  {"missing", OPTIM_F32, 2},
                                  {"unknown", OPTIM_F32, 3},
                                  {"kept", OPTIM_F32, 4}};
    static const char *const THERE_GROUPS[] = {"state_dtype=full,amsgrad=1"},
                             *const HERE_GROUPS[] = {"state_dtype=bf16,state_min=0",
                                                     "state_dtype=int8,state_min=0,state_block=7,amsgrad=1",
                                                     "state_dtype=full", "state_dtype=full,amsgrad=1"};
    many_t *from = many_open(SAVED, 5, "state_dtype=int8,state_min=0,state_block=7", THERE_GROUPS, 1),
           *into = many_open(HERE, 5, "state_dtype=int8,state_min=0,state_block=5", HERE_GROUPS, 4);
    (void)state;
    check_refused_whole(from, into);
    check_says("array \"block/adamw.m.scales\" has another shape there");
    check_says("array \"dtype/adamw.m\" is U8 there and BF16 here");
    check_says("array \"missing/adamw.vmax\" is missing in it");
    check_says("its array \"unknown/adamw.vmax\" is unknown here");
    assert_null(strstr(optim_error(), "kept"));
    many_close(from);
    many_close(into);
}

/* Codes of 4 bits are not taken for those of 8, nor for those of other blocks. */
static void codes_of_other_bits(void **state) {
    static const lent_t ONE[] = {{"x", OPTIM_F32, 0}};
    many_t *from = many_open(ONE, 1, "state_dtype=int4,state_min=0,state_block=6", NULL, 0),
           *eight = many_open(ONE, 1, "state_dtype=int8,state_min=0,state_block=6", NULL, 0),
           *blocks = many_open(ONE, 1, "state_dtype=int4,state_min=0,state_block=2", NULL, 0);
    (void)state;
    check_refused_whole(from, eight);
    check_says("state_dtype=int4");
    check_refused_whole(from, blocks);
    check_says("state_block=6");
    many_close(eight);
    many_close(blocks);
    many_close(from);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_at_once),           cmocka_unit_test(precision_without_states),
        cmocka_unit_test(precision_that_fits),         cmocka_unit_test(a_model_renamed),
        cmocka_unit_test(all_kinds_of_arrays_at_once), cmocka_unit_test(codes_of_other_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
