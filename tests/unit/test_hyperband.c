/* Hyperband: the bracket table, resources, what is refused, and that a saved one goes on as if nothing had been. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "optim/advice.h"

static optim_hyperband_t *rule_new(const char *options) {
    optim_hyperband_t *rule;
    CHECK_OK(optim_hyperband_create(&rule, options));
    return rule;
}

static optim_job next(optim_hyperband_t *rule) {
    optim_job job = {.size = sizeof job};
    CHECK_OK(optim_hyperband_next(rule, &job));
    return job;
}

static double loss_of(int64_t config) {
    return sin(1 + 1.3 * (double)config);
}

/* Li et al., table 1: brackets of 81, 34, 15, 8 and 5 at resources 1, 3, 9, 27 and 81. */
static void test_table(void **state) {
    (void)state;
    static const int FIRST[] = {5, 8, 15, 34, 81};
    int begun[5] = {0}, jobs = 0;
    double resumed = 0, spent = 0;
    optim_hyperband_t *rule = rule_new(NULL);
    for (optim_job job = next(rule); job.kind == OPTIM_JOB_RUN; job = next(rule)) {
        if (job.rung == 0) {
            CHECK_CLOSE(job.resource, 81 / pow(3, job.bracket), 1e-12);
            assert_true(job.resume == 0);
            ++begun[job.bracket];
        }
        ++jobs;
        spent += job.resource;
        resumed += job.resource - job.resume;
        CHECK_OK(optim_hyperband_tell(rule, job.config, loss_of(job.config)));
    }
    assert_int_equal(next(rule).kind, OPTIM_JOB_DONE);
    for (int s = 0; s < 5; ++s)
        assert_int_equal(begun[s], FIRST[s]);
    assert_int_equal(jobs, 206);
    CHECK_CLOSE(resumed, 1581, 1e-9);
    CHECK_CLOSE(spent, 1902, 1e-9);
    optim_hyperband_destroy(rule);
    rule = rule_new("max_resource=243");
    assert_int_equal(next(rule).bracket, 5);
    optim_hyperband_destroy(rule);
}

/* The order of tells does not matter; a loss that is not finite is the worst; of equal ones the lower number stays. */
static void test_tells(void **state) {
    (void)state;
    optim_hyperband_t *rule = rule_new("max_resource=4,eta=2,brackets=1"); /* 4 configurations */
    for (int64_t c = 0; c < 4; ++c)
        assert_int_equal(next(rule).config, c);
    assert_int_equal(next(rule).kind, OPTIM_JOB_WAIT);
    CHECK_OK(optim_hyperband_tell(rule, 3, 1));
    CHECK_OK(optim_hyperband_tell(rule, 0, (double)NAN));
    CHECK_OK(optim_hyperband_tell(rule, 2, 1));
    CHECK_REFUSED(optim_hyperband_tell(rule, 2, 0), OPTIM_ERR_ARGUMENT, "2");
    CHECK_OK(optim_hyperband_tell(rule, 1, 1));
    assert_int_equal(next(rule).config, 1);
    CHECK_REFUSED(optim_hyperband_tell(rule, 2, 0), OPTIM_ERR_ARGUMENT, "2"); /* not out yet */
    const optim_job job = next(rule);
    assert_true(job.config == 2 && job.rung == 1 && job.resource == 2 && job.resume == 1);
    optim_hyperband_destroy(rule);
}

/* Saved after every so many jobs, with some out, and loaded into another. */
static void test_saved(void **state) {
    (void)state;
    static const char OPTIONS[] = "max_resource=27";
    optim_hyperband_t *rule = rule_new(OPTIONS), *other = rule_new(OPTIONS);
    for (int out = 0;;) {
        size_t size, same;
        CHECK_OK(optim_hyperband_serialize(rule, NULL, 0, &size));
        char *bytes = check_memory(size, 1), *again = check_memory(size, 1);
        CHECK_OK(optim_hyperband_serialize(rule, bytes, size, &size));
        CHECK_STATUS(optim_hyperband_deserialize(other, bytes, size - 1), OPTIM_ERR_CHECKPOINT);
        CHECK_OK(optim_hyperband_deserialize(other, bytes, size));
        CHECK_OK(optim_hyperband_serialize(other, again, size, &same));
        assert_true(same == size && memcmp(bytes, again, size) == 0);
        free(bytes);
        free(again);
        const optim_job job = next(rule), copy = next(other);
        assert_true(job.kind == copy.kind && job.config == copy.config && job.resource == copy.resource);
        if (job.kind == OPTIM_JOB_DONE)
            break;
        if (out++ % 3 > 0 || job.kind == OPTIM_JOB_WAIT)
            for (int64_t c = 0; c < 100; ++c) /* those that are out */
                (void)optim_hyperband_tell(rule, c, loss_of(c));
    }
    optim_hyperband_t *different = rule_new("max_resource=28");
    size_t size;
    char bytes[256];
    CHECK_OK(optim_hyperband_serialize(rule, bytes, sizeof bytes, &size));
    CHECK_REFUSED(optim_hyperband_deserialize(different, bytes, size), OPTIM_ERR_MISMATCH, "max_resource");
    optim_hyperband_destroy(different);
    optim_hyperband_destroy(other);
    optim_hyperband_destroy(rule);
}

static void test_refusals(void **state) {
    (void)state;
    optim_hyperband_t *rule = (optim_hyperband_t *)&state;
    CHECK_REFUSED(optim_hyperband_create(&rule, "eta=1"), OPTIM_ERR_VALUE, "eta");
    assert_null(rule);
    CHECK_REFUSED(optim_hyperband_create(&rule, "eta=2.5"), OPTIM_ERR_VALUE, "eta");
    CHECK_REFUSED(optim_hyperband_create(&rule, "no_such=1"), OPTIM_ERR_OPTION, "no_such");
    CHECK_REFUSED(optim_hyperband_create(&rule, "min_resource=82"), OPTIM_ERR_VALUE, "min_resource");
    CHECK_REFUSED(optim_hyperband_create(&rule, "min_resource=1e-12"), OPTIM_ERR_SIZE, "min_resource");
    CHECK_REFUSED(optim_hyperband_create(&rule, "eta=3,eta=4"), OPTIM_ERR_DUPLICATE, "eta");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_tells),
        cmocka_unit_test(test_saved),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
