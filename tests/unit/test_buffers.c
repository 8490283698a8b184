/* Memory that is lent under two names: refused before it is stepped twice; what only looks like it is not. */
#include <stdbool.h>
#include <stdlib.h>

#include "check.h"

enum { N = 4 };

typedef struct scene {
    optim_t *opt;
    double memory[16 * N];
} scene_t;

static void open_scene(scene_t *s, const char *options) {
    *s = (scene_t){NULL, {0}};
    for (int i = 0; i < 16 * N; ++i)
        s->memory[i] = 1;
    CHECK_OK(optim_create(&s->opt, "sgd", options));
}

static void add(scene_t *s, const char *name, double *data, double *grad) {
    CHECK_OK(optim_add_param(s->opt, 0, name, OPTIM_F64, 1, (int64_t[]){N}, data, grad));
}

/* Offsets into the memory, -1: NULL; parameters "a" and "b" of N elements. */
typedef struct layout {
    int a, of_a, b, of_b;
    const char *options, *offender; /* NULL: legal */
} layout_t;

static double *place(scene_t *s, int at) {
    return at < 0 ? NULL : s->memory + at;
}

static const layout_t LAYOUTS[] = {
    {0, 8, 4, 12, "zero_grad=1", NULL},
    {0, 8, 0, 12, NULL, "\"a\" and \"b\""}, /* tied */
    {0, 8, 3, 12, NULL, "\"a\" and \"b\""}, /* one element */
    {3, 8, 0, 12, NULL, "\"a\" and \"b\""}, /* in the other order */
    {0, 0, 4, 12, NULL, "gradient of parameter \"a\" lies in the memory of parameter \"a\""},
    {0, 2, 8, 12, NULL, "gradient of parameter \"a\" lies in the memory of parameter \"a\""},
    {0, 7, 4, 12, NULL, "gradient of parameter \"a\" lies in the memory of parameter \"b\""},
    {0, 10, 5, 1, NULL, "gradient of parameter \"b\" lies in the memory of parameter \"a\""},
    {0, 8, 4, 8, NULL, NULL}, /* gradients are read */
    {0, 8, 4, 9, NULL, NULL},
    {0, 8, 4, 8, "zero_grad=1", "gradients of parameters \"a\" and \"b\""},
    {0, 8, 4, 10, "zero_grad=1", "gradients of parameters"},
    {0, -1, 0, -1, NULL, NULL}, /* both frozen */
    {0, -1, 2, -1, "zero_grad=1", NULL},
    {0, 8, 0, -1, NULL, "\"a\" and \"b\""}, /* one moves under the other */
    {0, -1, 3, 8, NULL, "\"a\" and \"b\""},
    {0, 8, 8, -1, NULL, NULL}, /* a gradient, read as it stands */
    {0, 8, 9, -1, "zero_grad=1", "gradient of parameter \"a\" lies in the memory of parameter \"b\""},
};

static void check_layout(const layout_t *l, bool by_binding) {
    scene_t s;
    open_scene(&s, l->options);
    if (by_binding) {
        add(&s, "a", s.memory + 32, s.memory + 40);
        add(&s, "b", s.memory + 36, s.memory + 44);
        CHECK_OK(optim_step(s.opt));
    }
    optim_status status = OPTIM_OK;
    if (by_binding) {
        status = optim_bind(s.opt, 0, place(&s, l->a), place(&s, l->of_a));
        if (status == OPTIM_OK)
            status = optim_bind(s.opt, 1, place(&s, l->b), place(&s, l->of_b));
    } else {
        add(&s, "a", place(&s, l->a), place(&s, l->of_a));
        add(&s, "b", place(&s, l->b), place(&s, l->of_b));
    }
    for (int again = 0; again < 2; ++again) {
        if (status == OPTIM_OK)
            status = optim_step(s.opt);
        if (l->offender == NULL)
            CHECK_OK(status);
        else
            CHECK_REFUSED(status, OPTIM_ERR_DUPLICATE, l->offender);
    }
    for (int i = 0; l->offender != NULL && i < 32; ++i)
        assert_true(s.memory[i] == 1);
    optim_destroy(s.opt);
}

static void layouts(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof LAYOUTS / sizeof *LAYOUTS; ++i) {
        check_layout(&LAYOUTS[i], false);
        check_layout(&LAYOUTS[i], true);
    }
}

/* optim_bind says so itself, and the handle goes on as it was. */
static void onto_another(void **state) {
    (void)state;
    for (int stepped = 0; stepped < 2; ++stepped) {
        scene_t s;
        open_scene(&s, "lr=0.5");
        add(&s, "a", s.memory, s.memory + 8);
        add(&s, "b", s.memory + 4, s.memory + 12);
        if (stepped)
            CHECK_OK(optim_step(s.opt));
        CHECK_REFUSED(optim_bind(s.opt, 1, s.memory, s.memory + 12), OPTIM_ERR_DUPLICATE, "\"a\" and \"b\"");
        CHECK_REFUSED(optim_bind(s.opt, 0, s.memory + 4, s.memory + 8), OPTIM_ERR_DUPLICATE, "\"a\" and \"b\"");
        CHECK_REFUSED(optim_bind(s.opt, 0, s.memory + 7, s.memory + 12), OPTIM_ERR_DUPLICATE, "\"a\" and \"b\"");
        CHECK_REFUSED(optim_bind(s.opt, 1, s.memory + 1, s.memory + 12), OPTIM_ERR_DUPLICATE, "\"a\" and \"b\"");
        CHECK_REFUSED(optim_bind(s.opt, 1, s.memory + 20, s.memory + 20), OPTIM_ERR_DUPLICATE, "\"b\"");
        CHECK_REFUSED(optim_bind(s.opt, 1, s.memory + 20, s.memory + 21), OPTIM_ERR_DUPLICATE, "\"b\"");
        if (stepped)
            CHECK_REFUSED(optim_bind(s.opt, 1, s.memory + 4, s.memory), OPTIM_ERR_DUPLICATE, "\"a\"");
        const double before = s.memory[0];
        CHECK_OK(optim_step(s.opt));
        assert_true(s.memory[0] == before - 0.5 && s.memory[4] == before - 0.5 && s.memory[20] == 1);
        optim_destroy(s.opt);
    }
}

/* All parameters to where others were, in the order in which memory falls free. */
static void moving_within_one_block(void **state) {
    (void)state;
    enum { COUNT = 6 };
    scene_t s;
    open_scene(&s, "lr=0.5");
    for (int i = 0; i < COUNT; ++i)
        add(&s, NULL, s.memory + i * N, s.memory + 40);
    CHECK_OK(optim_step(s.opt));
    CHECK_REFUSED(optim_bind(s.opt, 0, s.memory + 2, s.memory + 40), OPTIM_ERR_DUPLICATE, "\"param0\" and \"param1\"");
    for (int i = COUNT - 1; i >= 0; --i) /* two elements up: half of the next one's place */
        CHECK_OK(optim_bind(s.opt, i, s.memory + i * N + 2, s.memory + 40));
    CHECK_OK(optim_step(s.opt));
    assert_true(s.memory[0] == 0.5 && s.memory[2] == 0 && s.memory[24] == 0.5 && s.memory[26] == 1);
    for (int i = COUNT - 1; i > 0; --i) /* one place up, from behind */
        CHECK_OK(optim_bind(s.opt, i, s.memory + (i + 1) * N + 2, s.memory + 40));
    CHECK_OK(optim_step(s.opt));
    for (int i = 1; i < COUNT; ++i)
        CHECK_OK(optim_bind(s.opt, i, s.memory + i * N + 2, s.memory + 40)); /* and down again */
    CHECK_OK(optim_step(s.opt));
    optim_destroy(s.opt);
}

/* Gradients come at new addresses in every step, also at those of memory that has moved away. */
static void gradients_come_anywhere(void **state) {
    (void)state;
    scene_t s;
    open_scene(&s, "lr=0.5");
    add(&s, "a", s.memory, s.memory + 8);
    add(&s, "b", s.memory + 4, s.memory + 12);
    CHECK_OK(optim_step(s.opt));
    CHECK_OK(optim_bind(s.opt, 0, s.memory, s.memory + 12));
    CHECK_OK(optim_bind(s.opt, 1, s.memory + 4, s.memory + 8));
    CHECK_OK(optim_step(s.opt));
    CHECK_OK(optim_bind(s.opt, 0, s.memory, s.memory + 6)); /* b is there, still */
    CHECK_REFUSED(optim_step(s.opt), OPTIM_ERR_DUPLICATE, "lies in the memory of parameter \"b\"");
    CHECK_OK(optim_bind(s.opt, 1, s.memory + 20, s.memory + 8));
    CHECK_OK(optim_step(s.opt));
    CHECK_OK(optim_bind(s.opt, 1, s.memory + 4, NULL)); /* frozen: read beside the gradient that is read */
    CHECK_OK(optim_step(s.opt));
    CHECK_OK(optim_bind(s.opt, 1, s.memory + 4, s.memory + 8)); /* thawed */
    CHECK_REFUSED(optim_step(s.opt), OPTIM_ERR_DUPLICATE, "lies in the memory");
    CHECK_OK(optim_bind(s.opt, 0, s.memory, s.memory + 8));
    CHECK_OK(optim_step(s.opt));
    CHECK_OK(optim_set(s.opt, -1, "zero_grad", 1)); /* now they are written */
    CHECK_REFUSED(optim_step(s.opt), OPTIM_ERR_DUPLICATE, "zero_grad");
    CHECK_OK(optim_bind(s.opt, 0, s.memory, s.memory + 12));
    CHECK_OK(optim_step(s.opt));
    CHECK_OK(optim_bind(s.opt, 0, s.memory, s.memory + 9));
    CHECK_REFUSED(optim_step(s.opt), OPTIM_ERR_DUPLICATE, "zero_grad");
    optim_destroy(s.opt);
}

static void nothing_shares_nothing(void **state) {
    (void)state;
    scene_t s;
    open_scene(&s, NULL);
    add(&s, "a", s.memory, s.memory + 8);
    for (int i = 0; i < 2; ++i)
        CHECK_OK(
            optim_add_param(s.opt, 0, NULL, OPTIM_F64, 1, (int64_t[]){0}, i == 0 ? NULL : s.memory + 2, s.memory + 1));
    CHECK_OK(optim_step(s.opt));
    CHECK_OK(optim_bind(s.opt, 1, s.memory, s.memory));
    CHECK_OK(optim_step(s.opt));
    optim_destroy(s.opt);
}

/* One pair among many, in any order. */
static void one_pair_among_many(void **state) {
    enum { MANY = 1000 };
    (void)state;
    float *data = check_memory(MANY + 1, sizeof *data), g = 0;
    for (int pair = 0; pair < MANY; pair += 37) {
        optim_t *opt;
        CHECK_OK(optim_create(&opt, "sgd", NULL));
        for (int i = 0; i < MANY; ++i) {
            const int at = i * 7 % MANY; /* each once */
            CHECK_OK(optim_add_param(opt, 0, NULL, OPTIM_F32, 0, NULL, data + at, &g));
        }
        CHECK_OK(optim_step(opt));
        optim_status status =
            optim_bind(opt, pair, (char *)(data + MANY) - 2, &g); /* half of the last one, half of nobody's */
        if (status == OPTIM_OK)
            status = optim_step(opt);
        if (pair * 7 % MANY == MANY - 1)
            CHECK_OK(status);
        else
            CHECK_REFUSED(status, OPTIM_ERR_DUPLICATE, "param");
        optim_destroy(opt);
    }
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts),
        cmocka_unit_test(onto_another),
        cmocka_unit_test(moving_within_one_block),
        cmocka_unit_test(gradients_come_anywhere),
        cmocka_unit_test(nothing_shares_nothing),
        cmocka_unit_test(one_pair_among_many),
    };
    return cmocka_run_group_tests_name("buffers", tests, NULL, NULL);
}
