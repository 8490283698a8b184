/* Finite sums: requests by component, tables by component, losses of components, random numbers for serial work. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "own_method.h"

enum { D = 3, N = 5 };
static const option_t NO_OPTIONS[] = {{0}};

/* ---- A table with the last gradient of every component, and a number for each ---- */

enum { TABLE };
static const state_t TABLE_STATES[] = {
    [TABLE] = {"table", "gradients", LIKE_PARAM, KEPT, .each = EACH_COMPONENT},
    {0},
};

typedef struct table_memory {
    double *counts;
    int64_t at; /* component under way */
} table_memory_t;
static const field_t TABLE_FIELDS[] = {
    {"counts", "evaluations", FIELD(OF_METHOD, table_memory_t, counts), .each = EACH_COMPONENT},
    {0},
};

typedef struct table_constants {
    size_t component, components;
} table_constants_t;

static void table_prepare(const group_t *group, void *constants) {
    *(table_constants_t *)constants =
        (table_constants_t){(size_t)((const table_memory_t *)group->memory)->at, (size_t)group->step->components};
}

static void table_keep(const tile_t *t) {
    const table_constants_t *k = t->constants;
    for (size_t i = 0; i < t->n; ++i)
        ((double *)t->state[TABLE])[k->component * t->stride + i] = ((double *)t->g)[i];
}

/* x -= mean of the table */
static void table_move(const tile_t *t) {
    const table_constants_t *k = t->constants;
    for (size_t c = 0; c < k->components; ++c)
        for (size_t i = 0; i < t->n; ++i)
            ((double *)t->p)[i] -= ((double *)t->state[TABLE])[c * t->stride + i] / (double)k->components;
}

/* One component a step, in turn: that of the step's number. */
static optim_status table_advance(step_t *s) {
    table_memory_t *m = s->memory;
    STEP_BEGIN(s);
    m->at = (int64_t)fmod(s->t - 1, (double)s->components);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .first = m->at, .count = 1);
    ++m->counts[m->at];
    step_update(s, 0, NULL);
    step_update(s, 1, NULL);
    STEP_END(s);
}

static const method_t TABLED = {
    .name = "tabled",
    .options = NO_OPTIONS,
    .states = TABLE_STATES,
    .flags = REQUESTS | NEEDS_COMPONENTS | COMPONENT_GRADIENTS,
    .constants = sizeof(table_constants_t),
    .fields = TABLE_FIELDS,
    .memory = sizeof(table_memory_t),
    .prepare = table_prepare,
    .advance = table_advance,
    .kernels = {table_keep, table_move},
};

/* Component i's gradient is i + 1 in all elements. */
static void table_step(optim_t *opt, double g[D], int64_t component) {
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
    const optim_request request = own_request(opt);
    assert_int_equal(request.component, component);
    assert_int_equal(request.count, 1);
    assert_int_equal(request.roles, 0);
    for (int i = 0; i < D; ++i)
        g[i] = (double)component + 1;
    CHECK_OK(optim_step(opt));
}

static void test_number_is_needed(void **state) {
    (void)state;
    double x[D] = {0}, g[D] = {0};
    optim_t *opt = own_handle(&TABLED, NULL, D, x, g);
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_ORDER, "optim_set_components");
    CHECK_REFUSED(optim_memory(opt, NULL, NULL), OPTIM_ERR_ORDER, "tabled");
    CHECK_REFUSED(optim_set_components(opt, 0), OPTIM_ERR_ARGUMENT, "0 components");
    CHECK_REFUSED(optim_set_components(opt, PTRDIFF_MAX), OPTIM_ERR_ARGUMENT, "1099511627776");
    CHECK_OK(optim_set_components(opt, N));
    CHECK_OK(optim_set_components(opt, N + 1)); /* no memory yet */
    CHECK_OK(optim_set_components(opt, N));
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
    CHECK_REFUSED(optim_set_components(opt, N), OPTIM_ERR_OPEN, "components");
    CHECK_OK(optim_step(opt));
    CHECK_OK(optim_set_components(opt, N));
    CHECK_REFUSED(optim_set_components(opt, N + 1), OPTIM_ERR_ORDER, "memory");
    optim_destroy(opt);
}

static void test_memory_is_by_component(void **state) {
    (void)state;
    double x[D] = {0}, g[D] = {0};
    size_t bytes[2];
    for (int k = 0; k < 2; ++k) {
        optim_t *opt = own_handle(&TABLED, NULL, D, x, g);
        CHECK_OK(optim_set_components(opt, k == 0 ? N : 2 * N));
        CHECK_OK(optim_memory(opt, &bytes[k], NULL));
        optim_destroy(opt);
    }
    /* a copy a component, on its own cache lines, and one double */
    assert_int_equal(bytes[1] - bytes[0], N * (64 + sizeof(double)));
}

static void test_table_too_large(void **state) {
    (void)state;
    double x[D] = {0}, g[D] = {0};
    optim_t *opt = own_handle(&TABLED, NULL, D, x, g);
    CHECK_OK(optim_set_components(opt, INT64_C(1) << 40));
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_SIZE, "table");
    CHECK_OK(optim_set_components(opt, N));
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
    optim_destroy(opt);
}

static void test_requests_and_table(void **state) {
    (void)state;
    double x[D] = {0}, g[D] = {0}, moved = 0, mean = 0, count;
    optim_t *opt = own_handle(&TABLED, NULL, D, x, g);
    CHECK_OK(optim_set_components(opt, N));
    for (int64_t i = 0; i < N + 2; ++i) {
        table_step(opt, g, i % N);
        if (i < N)
            mean += (double)(i + 1) / N; /* what is there already comes again */
        moved -= mean;
        CHECK_CLOSE(x[0], moved, 1e-14);
        CHECK_CLOSE(x[D - 1], moved, 1e-14);
    }
    CHECK_REFUSED(optim_get(opt, 0, "counts", &count), OPTIM_ERR_OPTION, "counts"); /* is not one number */
    optim_destroy(opt);
}

/* Saved, loaded and continued, table and numbers are as if nothing had happened; a table of another size is refused. */
static void test_checkpoint(void **state) {
    (void)state;
    char folder[] = "/tmp/gradopt-components-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *path = check_text("%s/c.safetensors", folder);
    double x[D] = {0}, g[D] = {0}, y[D] = {0}, h[D] = {0}, z[D] = {0};
    optim_t *opt = own_handle(&TABLED, NULL, D, x, g), *other = own_handle(&TABLED, NULL, D, y, h),
            *longer = own_handle(&TABLED, NULL, D, z, h);
    CHECK_OK(optim_set_components(opt, N));
    CHECK_OK(optim_set_components(other, N));
    CHECK_OK(optim_set_components(longer, N + 1));
    for (int64_t i = 0; i < 3; ++i)
        table_step(opt, g, i);
    CHECK_OK(optim_save(opt, path));
    CHECK_OK(optim_load(other, path));
    memcpy(y, x, sizeof y); /* parameters are the trainer's to keep */
    CHECK_REFUSED(optim_load(longer, path), OPTIM_ERR_CHECKPOINT, "tabled");
    for (int64_t i = 3; i < N + 1; ++i) {
        table_step(opt, g, i % N);
        table_step(other, h, i % N);
        assert_memory_equal(x, y, sizeof x);
    }
    for (int i = 0; i < N; ++i)
        assert_int_equal((int)((table_memory_t *)other->engine.stations[0]->memory)->counts[i], i == 0 ? 2 : 1);
    optim_destroy(opt);
    optim_destroy(other);
    optim_destroy(longer);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    free(path);
}

/* ---- Losses of components ---- */

typedef struct loss_memory {
    double largest;
} loss_memory_t;
static const field_t LOSS_FIELDS[] = {{"largest", "loss", FIELD(OF_METHOD, loss_memory_t, largest)}, {0}};

static void stay(const tile_t *t) {
    (void)t;
}

static optim_status losses_advance(step_t *s) {
    STEP_BEGIN(s);
    STEP_ASK(s, .kind = OPTIM_EVAL_LOSSES, .first = 1, .count = 3, .objective = 1);
    ((loss_memory_t *)s->memory)->largest = fmax(s->losses[0], fmax(s->losses[1], s->losses[2]));
    STEP_END(s);
}

static const method_t LARGEST = {
    .name = "largest",
    .options = NO_OPTIONS,
    .fields = LOSS_FIELDS,
    .memory = sizeof(loss_memory_t),
    .flags = REQUESTS | NEEDS_COMPONENTS | COMPONENT_LOSSES,
    .advance = losses_advance,
    .kernels = {stay},
};

static void test_losses(void **state) {
    (void)state;
    double x[D] = {0}, g[D] = {0}, largest;
    const double losses[] = {2, 7, 5};
    optim_t *opt = own_handle(&LARGEST, "maximize=1", D, x, g);
    CHECK_OK(optim_set_components(opt, N));
    CHECK_REFUSED(optim_set_losses(opt, losses, 3), OPTIM_ERR_CLOSED, "losses");
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_LOSSES);
    const optim_request request = own_request(opt);
    assert_int_equal(request.kind, 4);
    assert_int_equal(request.component, 1);
    assert_int_equal(request.count, 3);
    assert_int_equal(request.objective, 1);
    assert_int_equal(request.needs_loss, 0);
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_LOSS, "optim_set_losses");
    CHECK_REFUSED(optim_set_losses(opt, losses, 2), OPTIM_ERR_ARGUMENT, "2 losses");
    CHECK_REFUSED(optim_set_losses(opt, NULL, 3), OPTIM_ERR_NULL, "losses");
    CHECK_OK(optim_set_losses(opt, losses, 3));
    CHECK_OK(optim_step(opt));
    CHECK_OK(optim_get(opt, 0, "largest", &largest));
    assert_true(largest == -2); /* methods minimize */
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_LOSSES);
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_LOSS, "largest"); /* those of the step before do not count */
    optim_destroy(opt);
}

static void test_nonfinite_losses(void **state) {
    (void)state;
    double x[D] = {0}, g[D] = {0}, largest;
    const double losses[] = {2, INFINITY, 5};
    static const char *const OPTIONS[] = {"nonfinite=error", "nonfinite=skip", NULL};
    const optim_status ends[] = {OPTIM_ERR_NONFINITE, OPTIM_OK, OPTIM_OK};
    for (int k = 0; k < 3; ++k) {
        optim_t *opt = own_handle(&LARGEST, OPTIONS[k], D, x, g);
        CHECK_OK(optim_set_components(opt, N));
        CHECK_STATUS(optim_step(opt), OPTIM_EVAL_LOSSES);
        CHECK_OK(optim_set_losses(opt, losses, 3));
        CHECK_STATUS(optim_step(opt), ends[k]);
        CHECK_OK(optim_get(opt, 0, "largest", &largest));
        assert_true(k == 2 ? isinf(largest) : largest == 0);
        assert_int_equal(optim_skipped(opt), k == 1);
        optim_destroy(opt);
    }
}

/* ---- Random numbers ---- */

static double drawn[4];
static int64_t places[N + 4];

/* Numbers 1 to 19 of stream 7, in this order. */
static optim_status draws_advance(step_t *s) {
    static const double WEIGHT[] = {1, 0, 2, 5};
    drawn[0] = step_uniform(s);
    drawn[1] = step_normal(s);
    drawn[2] = step_bernoulli(s, 0.5);
    drawn[3] = (double)step_index(s, 1000);
    int64_t *order = step_order(s);
    step_permutation(s, 6, order);
    const int64_t permutation[] = {3, 4, 0, 5, 2, 1}, subset[] = {1, 2, 3, 8};
    assert_memory_equal(order, permutation, sizeof permutation);
    step_subset(s, 9, 4, order);
    assert_memory_equal(order, subset, sizeof subset);
    places[0] = step_categorical(s, 4, WEIGHT);
    return OPTIM_OK;
}

static const method_t DRAWING = {
    .name = "drawing",
    .options = NO_OPTIONS,
    .flags = NEEDS_COMPONENTS,
    .advance = draws_advance,
    .kernels = {stay},
};

/* Expected: the definitions of SplitMix64, Box and Muller, and Fisher and Yates, worked out elsewhere. */
static void test_draws(void **state) {
    (void)state;
    double x[D] = {0}, g[D] = {0};
    optim_t *opt = own_handle(&DRAWING, "seed=7", D, x, g);
    CHECK_OK(optim_set_components(opt, 9));
    CHECK_OK(optim_step(opt));
    assert_true(drawn[0] == 0.3898297483912715);
    CHECK_CLOSE(drawn[1], 0.14938676007064153, 1e-15);
    assert_true(drawn[2] == 0);
    assert_true(drawn[3] == 452);
    assert_int_equal(places[0], 3);
    assert_int_equal(opt->engine.draws, 19);
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_number_is_needed), cmocka_unit_test(test_memory_is_by_component),
        cmocka_unit_test(test_table_too_large),  cmocka_unit_test(test_requests_and_table),
        cmocka_unit_test(test_checkpoint),       cmocka_unit_test(test_losses),
        cmocka_unit_test(test_nonfinite_losses), cmocka_unit_test(test_draws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
