/* Checkpoints of presets: they keep the preset's name and option values, and load with that name alone. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "tamper.h"

enum { BEFORE = 3, AFTER = 3 };

typedef struct model {
    optim_t *opt;
    double x[2], g[2];
} model_t;

static void model_open(model_t *m, const char *algorithm, const char *options, const char *wrapper,
                       const char *wrapped) {
    *m = (model_t){.x = {1.5, -0.75}};
    CHECK_OK(optim_create(&m->opt, algorithm, options));
    CHECK_OK(optim_wrap(m->opt, wrapper, wrapped));
    CHECK_OK(optim_add_param(m->opt, 0, "x", OPTIM_F64, 1, (int64_t[]){2}, m->x, m->g));
}

/* Down x^4 + y^2 / 2. */
static void model_steps(model_t *m, int steps) {
    for (int i = 0; i < steps; ++i) {
        optim_status status;
        do {
            m->g[0] = 4 * m->x[0] * m->x[0] * m->x[0];
            m->g[1] = m->x[1];
            status = optim_step(m->opt);
        } while (status == OPTIM_EVAL_GRAD);
        CHECK_OK(status);
    }
}

static double get(const model_t *m, const char *key) {
    double value;
    CHECK_OK(optim_get(m->opt, 0, key, &value));
    return value;
}

/* Loaded into a handle that is created without options, the run goes on as if it had not stopped. */
static void check_gone_on(model_t *straight, const char *bytes, size_t size) {
    model_t loaded;
    model_open(&loaded, "amsbound", NULL, "asam", NULL);
    memcpy(loaded.x, straight->x, sizeof loaded.x);
    CHECK_OK(optim_deserialize(loaded.opt, bytes, size));
    CHECK_CLOSE(get(&loaded, "amsbound"), get(straight, "amsbound"), 0);
    CHECK_CLOSE(get(&loaded, "gamma"), get(straight, "gamma"), 0);
    CHECK_CLOSE(get(&loaded, "asam.rho"), get(straight, "asam.rho"), 0);
    CHECK_CLOSE(get(&loaded, "asam.adaptive"), get(straight, "asam.adaptive"), 0);
    model_steps(&loaded, AFTER);
    model_steps(straight, AFTER);
    assert_memory_equal(loaded.x, straight->x, sizeof loaded.x);
    optim_destroy(loaded.opt);
}

static void test_round_trip(void **state) {
    static const char *const OPTIONS[][2] = {
        {NULL, NULL}, {"gamma=0.125", "rho=0.25"}, {"amsbound=0", "adaptive=0,rho=0.25"}};
    (void)state;
    for (size_t i = 0; i < sizeof OPTIONS / sizeof *OPTIONS; ++i) {
        model_t straight;
        size_t size;
        model_open(&straight, "amsbound", OPTIONS[i][0], "asam", OPTIONS[i][1]);
        model_steps(&straight, BEFORE);
        char *bytes = check_serialized(straight.opt, &size);
        assert_true(record_says(bytes, size, "\"groups\":[\"amsbound\"]"));
        assert_true(record_says(bytes, size, "\"wrappers\":[\"asam\"]"));
        check_gone_on(&straight, bytes, size);
        free(bytes);
        optim_destroy(straight.opt);
    }
}

/* asam was an entry of its own, which had no option adaptive: the preset's value stays. */
static void test_older_asam(void **state) {
    model_t straight;
    size_t size, old_size;
    (void)state;
    model_open(&straight, "amsbound", NULL, "asam", "rho=0.25");
    model_steps(&straight, BEFORE);
    char *bytes = check_serialized(straight.opt, &size);
    char *old = tampered(bytes, size, ",\"adaptive\":\"1\"", "", &old_size);
    check_gone_on(&straight, old, old_size);
    free(old);
    free(bytes);
    optim_destroy(straight.opt);
}

static void check_refused_by(const char *algorithm, const char *options, const char *wrapper, const char *bytes,
                             size_t size, const char *offender) {
    model_t other;
    model_open(&other, algorithm, options, wrapper, NULL);
    CHECK_REFUSED(optim_deserialize(other.opt, bytes, size), OPTIM_ERR_CHECKPOINT, offender);
    optim_destroy(other.opt);
}

static void test_other_names(void **state) {
    model_t m;
    size_t size;
    (void)state;
    model_open(&m, "amsbound", NULL, "asam", NULL);
    model_steps(&m, BEFORE);
    char *bytes = check_serialized(m.opt, &size);
    check_refused_by("adabound", "amsbound=1", "asam", bytes, size, "\"amsbound\"");
    check_refused_by("amsbound", NULL, "sam", bytes, size, "asam");
    free(bytes);
    optim_destroy(m.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_older_asam),
                                       cmocka_unit_test(test_other_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
