/* Roles of groups, requests by role and objective, and freezing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "own_method.h"

enum { D = 2 };
static const int64_t TWO = D;

/*
 * A step of a bilevel method in small: the gradient of objective 1 for y alone; the product of its Hessian with g on y;
 * then p -= H (0, g_y) everywhere, and the sums of g by role are kept.
 */
enum { V, HV };
static const option_t NO_OPTIONS[] = {{0}};
static const state_t STATES[] = {
    [V] = {"v", "direction", LIKE_PARAM, DIRECTION},
    [HV] = {"Hv", "product", LIKE_PARAM, PRODUCT},
    {0},
};
typedef struct memory {
    double sum[2]; /* of the gradient, by role */
} memory_t;
static const field_t FIELDS[] = {{"sum", "by role", FIELD(OF_METHOD, memory_t, sum)}, {0}};

static void direct(const tile_t *t) {
    for (size_t i = 0; i < t->n; ++i)
        ((double *)t->state[V])[i] = 1 + ((double *)t->g)[i];
}
static void add(const tile_t *t) {
    memcpy(t->term[0], t->g, t->n * sizeof(double));
}
static void move(const tile_t *t) {
    for (size_t i = 0; i < t->n; ++i)
        ((double *)t->p)[i] -= ((double *)t->state[HV])[i];
}

enum { DIRECT, ADD, MOVE };
static optim_status advance(step_t *s) {
    STEP_BEGIN(s);
    STEP_ASK(s, .kind = OPTIM_EVAL_GRAD, .objective = 1, .roles = 2);
    (void)step_reduce(s, ADD, NULL, 1);
    for (int role = 0; role < 2; ++role)
        step_role_sums(s, role, 1, &((memory_t *)s->memory)->sum[role]);
    step_update(s, DIRECT, NULL);
    STEP_ASK(s, .kind = OPTIM_EVAL_HVP, .objective = 1, .roles = 2);
    step_update(s, MOVE, NULL);
    STEP_END(s);
}

static const method_t LEVELS = {
    .name = "levels",
    .options = NO_OPTIONS,
    .states = STATES,
    .roles = "x|y",
    .fields = FIELDS,
    .memory = sizeof(memory_t),
    .flags = REQUESTS | REQUESTS_PRODUCTS,
    .advance = advance,
    .kernels = {[DIRECT] = direct, [ADD] = add, [MOVE] = move},
};

typedef struct two {
    optim_t *opt;
    double x[D], y[D], gx[D], gy[D];
} two_t;

static void open_two(two_t *two, const char *options) {
    int group;
    *two = (two_t){.x = {1, 2}, .y = {3, 4}, .gx = {10, 20}, .gy = {30, 40}};
    CHECK_OK(own_create(&two->opt, &LEVELS, options));
    CHECK_OK(optim_add_group(two->opt, "role=y", &group));
    CHECK_OK(optim_add_param(two->opt, 0, "x", OPTIM_F64, 1, &TWO, two->x, two->gx));
    CHECK_OK(optim_add_param(two->opt, group, "y", OPTIM_F64, 1, &TWO, two->y, two->gy));
}

static const double *direction(const optim_t *opt, int param) {
    const void *found;
    CHECK_OK(optim_hvp_vector(opt, param, &found));
    return found;
}
static double *product(optim_t *opt, int param) {
    void *found;
    CHECK_OK(optim_hvp_result(opt, param, &found));
    return found;
}

/* The gradient of x is not asked for: it counts as 0, whatever the buffer holds. Clipping does not see it either. */
static void test_requests(void **state) {
    (void)state;
    static const char *const OPTIONS[] = {NULL, "clip_norm=5"};
    for (int k = 0; k < 2; ++k) {
        two_t two;
        const double factor = k == 0 ? 1 : 0.1; /* |(30, 40)| = 50 */
        open_two(&two, OPTIONS[k]);
        CHECK_STATUS(optim_step(two.opt), OPTIM_EVAL_GRAD);
        optim_request request = own_request(two.opt);
        assert_int_equal(request.objective, 1);
        assert_int_equal(request.roles, 2);
        assert_int_equal(request.component, -1);
        CHECK_STATUS(optim_step(two.opt), OPTIM_EVAL_HVP);
        request = own_request(two.opt);
        assert_int_equal(request.objective, 1);
        assert_int_equal(request.roles, 2);
        for (int i = 0; i < D; ++i) {
            assert_true(direction(two.opt, 0)[i] == 0);
            CHECK_CLOSE(direction(two.opt, 1)[i], 1 + factor * two.gy[i], 1e-13);
            product(two.opt, 0)[i] = 0.25;
            product(two.opt, 1)[i] = 0.5;
        }
        CHECK_OK(optim_step(two.opt));
        assert_true(two.x[0] == 0.75 && two.y[0] == 2.5);
        const double *sum = ((memory_t *)two.opt->engine.stations[0]->memory)->sum;
        assert_true(sum[0] == 0);
        CHECK_CLOSE(sum[1], factor * 70, 1e-13);
        optim_destroy(two.opt);
    }
}

static void test_wrong_roles(void **state) {
    (void)state;
    optim_t *opt;
    CHECK_REFUSED(own_create(&opt, &LEVELS, "role=z"), OPTIM_ERR_VALUE, "\"z\"; it has: x|y");
    CHECK_REFUSED(own_create(&opt, &LEVELS, "role=x,role=y"), OPTIM_ERR_DUPLICATE, "role");
    CHECK_REFUSED(optim_create(&opt, "sgd", "role=x"), OPTIM_ERR_OPTION, "\"sgd\" tells no roles");
    CHECK_OK(optim_create(&opt, "cgo", "role=y"));
    CHECK_REFUSED(optim_add_group(opt, "role=", NULL), OPTIM_ERR_VALUE, "role");
    CHECK_REFUSED(optim_add_group(opt, "algorithm=sgd,role=x", NULL), OPTIM_ERR_OPTION, "sgd");
    CHECK_REFUSED(optim_set(opt, 0, "role", 1), OPTIM_ERR_OPTION, "role");
    optim_destroy(opt);
}

/* Roles are the structure of a handle: a checkpoint that names others does not fit, one that names none does. */
static void test_checkpoint(void **state) {
    (void)state;
    static const char *const METHODS[] = {"complex_momentum", "og_plus"};
    char folder[] = "/tmp/gradopt-roles-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *path = check_text("%s/c.safetensors", folder);
    for (int k = 0; k < 2; ++k) {
        double x[D] = {1, 2}, g[D] = {1, 1};
        optim_t *opt[3];
        for (int i = 0; i < 3; ++i) {
            CHECK_OK(optim_create(&opt[i], METHODS[k], i < 2 ? "role=y" : NULL));
            CHECK_OK(optim_add_param(opt[i], 0, "x", OPTIM_F64, 1, &TWO, x, g));
            CHECK_OK(optim_step(opt[i]));
        }
        CHECK_OK(optim_save(opt[0], path));
        CHECK_OK(optim_load(opt[1], path));
        CHECK_REFUSED(optim_load(opt[2], path), OPTIM_ERR_CHECKPOINT, "the role \"y\" there");
        CHECK_OK(optim_save(opt[2], path));
        CHECK_OK(optim_load(opt[0], path));
        for (int i = 0; i < 3; ++i)
            optim_destroy(opt[i]);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    free(path);
}

/* Steps of og_plus with adaptive=1, whose rates are each player's, with the second and third tensor y's. */
static void play(const char *first, const char *second, double end[3][D]) {
    double x[3][D] = {{1, 2}, {3, 4}, {-1, 5}}, g[3][D];
    int group = 0;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "og_plus", first));
    if (second != NULL)
        CHECK_OK(optim_add_group(opt, second, &group));
    for (int i = 0; i < 3; ++i)
        CHECK_OK(optim_add_param(opt, i == 0 ? 0 : group, NULL, OPTIM_F64, 1, &TWO, x[i], g[i]));
    for (int step = 0; step < 5; ++step) {
        for (int i = 0; i < 3; ++i)
            for (int j = 0; j < D; ++j)
                g[i][j] = (i + 1) * x[i][j];
        CHECK_OK(optim_step(opt));
    }
    memcpy(end, x, sizeof x);
    optim_destroy(opt);
}

/* The option split says the same as roles, where none is named, and nothing where one is. */
static void test_split(void **state) {
    (void)state;
    double by_role[3][D], by_split[3][D], both[3][D], other[3][D];
    play("adaptive=1", "role=y", by_role);
    play("adaptive=1,split=1", NULL, by_split);
    play("adaptive=1,split=2,role=x", "role=y", both);
    play("adaptive=1,split=2", NULL, other);
    assert_memory_equal(by_role, by_split, sizeof by_role);
    assert_memory_equal(by_role, both, sizeof by_role);
    assert_true(memcmp(by_role, other, sizeof by_role) != 0);
}

/* ---- Freezing ---- */

/* Frozen by the call, a parameter takes the steps that a NULL gradient would have taken. */
static void test_freeze_is_no_gradient(void **state) {
    (void)state;
    static const char *const METHODS[] = {"adamw", "nadam", "muon", "dog", "lbfgs"};
    for (int k = 0; k < 5; ++k) {
        double x[2][2][4] = {{{1, 2, 3, 4}, {5, 6, 7, 8}}, {{1, 2, 3, 4}, {5, 6, 7, 8}}}, g[2][2][4];
        optim_t *opt[2];
        const int64_t dims[] = {2, 2};
        for (int h = 0; h < 2; ++h) {
            CHECK_OK(optim_create(&opt[h], METHODS[k], "zero_grad=1"));
            for (int i = 0; i < 2; ++i)
                CHECK_OK(optim_add_param(opt[h], 0, NULL, OPTIM_F64, 2, dims, x[h][i], g[h][i]));
        }
        for (int step = 0; step < 6; ++step) {
            const int frozen = step / 2 == 1;
            CHECK_OK(optim_freeze(opt[0], 1, frozen));
            CHECK_OK(optim_bind(opt[1], 1, x[1][1], frozen ? NULL : g[1][1]));
            for (int h = 0; h < 2; ++h) {
                optim_status status;
                do {
                    double loss = 0;
                    for (int i = 0; i < 8; ++i) {
                        g[h][i / 4][i % 4] = (1 + i) * x[h][i / 4][i % 4];
                        loss += 0.5 * (1 + i) * x[h][i / 4][i % 4] * x[h][i / 4][i % 4];
                    }
                    CHECK_OK(optim_set_loss(opt[h], loss));
                    status = optim_step(opt[h]);
                } while (status > 0);
                CHECK_OK(status);
            }
            assert_memory_equal(x[0], x[1], sizeof x[0]);
            assert_true((g[0][1][0] != 0) == frozen); /* neither read nor cleared */
        }
        for (int h = 0; h < 2; ++h)
            optim_destroy(opt[h]);
    }
}

static void test_freeze_errors(void **state) {
    (void)state;
    double x[D] = {1, 2}, g[D] = {1, 1};
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "extragradient", NULL));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, &TWO, x, g));
    CHECK_REFUSED(optim_freeze(NULL, 0, 1), OPTIM_ERR_NULL, "opt");
    CHECK_REFUSED(optim_freeze(opt, 1, 1), OPTIM_ERR_ARGUMENT, "no parameter 1");
    CHECK_REFUSED(optim_freeze(opt, 0, 2), OPTIM_ERR_ARGUMENT, "2");
    CHECK_STATUS(optim_step(opt), OPTIM_EVAL_GRAD);
    CHECK_REFUSED(optim_freeze(opt, 0, 1), OPTIM_ERR_OPEN, "freezing");
    CHECK_OK(optim_step(opt));
    CHECK_OK(optim_swap_output(opt));
    CHECK_REFUSED(optim_freeze(opt, 0, 1), OPTIM_ERR_SWAPPED, "freezing");
    CHECK_OK(optim_swap_output(opt));
    optim_destroy(opt);
}

/* Frozen parameters may share their memory; thawed ones may not. */
static void test_frozen_memory(void **state) {
    (void)state;
    double x[D] = {1, 2}, g[2][D] = {{1, 1}, {1, 1}};
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", NULL));
    for (int i = 0; i < 2; ++i) {
        CHECK_OK(optim_add_param(opt, 0, NULL, OPTIM_F64, 1, &TWO, x, g[i]));
        CHECK_OK(optim_freeze(opt, i, 1));
    }
    CHECK_OK(optim_step(opt));
    assert_true(x[0] == 1);
    CHECK_OK(optim_freeze(opt, 0, 0));
    CHECK_REFUSED(optim_step(opt), OPTIM_ERR_DUPLICATE, "share memory");
    optim_destroy(opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_wrong_roles),
        cmocka_unit_test(test_checkpoint),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_freeze_is_no_gradient),
        cmocka_unit_test(test_freeze_errors),
        cmocka_unit_test(test_frozen_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
