/* Coded gradients: whoever is late within the pattern, every job decodes in time, and to the sum. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "check.h"
#include "optim/federated.h"

enum { N = 4, ROUNDS = 5, SETS = 8, MOST = 64 };

static double number(const optim_coding_t *code, const char *name) {
    double value;
    CHECK_OK(optim_coding_get(code, name, &value));
    return value;
}

static double load(const char *options) {
    optim_coding_t *code;
    CHECK_OK(optim_coding_create(&code, "sequential_gradient_coding", options));
    const double found = number(code, "load");
    optim_coding_destroy(code);
    return found;
}

static void test_loads(void **state) {
    optim_coding_t *code;
    (void)state;
    assert_true(fabs(load("n=20,b=2,w=5,lambda=4,scheme=sr") - 0.15) < 1e-15);
    assert_true(fabs(load("n=20,b=2,w=5,lambda=4,scheme=m") - 0.068) < 5e-4);
    CHECK_OK(optim_coding_create(&code, "gradient_coding", "n=20,s=4"));
    assert_true(fabs(number(code, "load") - 0.25) < 1e-15);
    optim_coding_destroy(code);
}

/* A part's gradient: one number. */
static double part(size_t k) {
    return sin(1 + (double)k);
}

/* The sum over all n parts of a group from these workers' sums. */
static void expect_sum(const optim_coding_t *code, const int64_t *worker, size_t count) {
    double a[N], b[N], sum = 0, all = 0;
    CHECK_OK(optim_coding_decode(code, worker, count, a));
    for (size_t i = 0; i < count; ++i) {
        CHECK_OK(optim_coding_weights(code, worker[i], b));
        for (size_t k = 0; k < N; ++k)
            sum += a[i] * b[k] * part(k);
    }
    for (size_t k = 0; k < N; ++k)
        all += part(k);
    assert_true(fabs(sum - all) < 1e-12);
}

/* Every job at most `last` rounds behind its own, each once, in the end all. */
static void expect_decoded(const optim_coding_t *code, int64_t round, int64_t last, bool done[ROUNDS]) {
    const size_t decoded = (size_t)number(code, "decoded"), tolerated = (size_t)number(code, "tolerated");
    for (size_t i = 0; i < decoded; ++i) {
        int64_t job, from[MOST];
        size_t count;
        CHECK_OK(optim_coding_decoded(code, i, &job, from, MOST, &count));
        assert_in_range(job, 0, ROUNDS - 1);
        assert_false(done[job]);
        done[job] = true;
        for (size_t at = 0; at < count; at += N - tolerated)
            expect_sum(code, from + at, N - tolerated);
    }
    for (int64_t job = 0; job < ROUNDS && job <= round - last; ++job)
        assert_true(done[job]);
}

static void play(const char *options, int64_t last, int sequence) {
    static const int64_t LATE[SETS][2] = {{0}, {0}, {1}, {2}, {3}, {0, 1}, {0, 2}, {0, 3}};
    static const size_t COUNT[SETS] = {0, 1, 1, 1, 1, 2, 2, 2};
    bool done[ROUNDS] = {false};
    optim_coding_t *code;
    CHECK_OK(optim_coding_create(&code, "sequential_gradient_coding", options));
    assert_true(number(code, "rounds") == ROUNDS + (double)last);
    for (int64_t r = 0; r < ROUNDS + last; ++r) {
        const int set = r < ROUNDS ? sequence % SETS : 0;
        sequence = r < ROUNDS ? sequence / SETS : sequence;
        CHECK_OK(optim_coding_late(code, LATE[set], COUNT[set], NULL));
        expect_decoded(code, r, last, done);
    }
    optim_coding_destroy(code);
}

static void test_every_pattern(void **state) {
    (void)state;
    for (int sequence = 0; sequence < SETS * SETS * SETS * SETS * SETS; ++sequence) {
        play("scheme=sr,n=4,b=1,w=2,lambda=1,jobs=5", 1, sequence);
        play("scheme=m,n=4,b=1,w=2,lambda=1,jobs=5", 1, sequence);
    }
}

/* The round lasts until the slowest that is not late, or that is waited for. */
static void test_durations(void **state) {
    const double times[N] = {1, 1.5, 3, 2}, late[N] = {1, 5, 6, 1};
    int wait;
    optim_coding_t *code;
    (void)state;
    CHECK_OK(optim_coding_create(&code, "gradient_coding", "n=4,s=1"));
    CHECK_OK(optim_coding_times(code, times, N, &wait));
    assert_true(wait == 0 && number(code, "duration") == 2 && number(code, "decoded") == 1);
    CHECK_OK(optim_coding_times(code, late, N, &wait));
    assert_true(wait == 1 && number(code, "duration") == 6);
    optim_coding_destroy(code);
}

static void test_no_code(void **state) {
    double weights[N];
    optim_coding_t *code;
    (void)state;
    CHECK_OK(optim_coding_create(&code, "gradient_coding", "n=4,s=0"));
    for (int64_t i = 0; i < N; ++i) {
        CHECK_OK(optim_coding_weights(code, i, weights));
        for (int64_t k = 0; k < N; ++k)
            assert_true(weights[k] == (double)(i == k));
    }
    optim_coding_destroy(code);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_loads), cmocka_unit_test(test_every_pattern),
                                       cmocka_unit_test(test_durations), cmocka_unit_test(test_no_code)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
