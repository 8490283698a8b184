/* Compressors: what they give exactly, their bounds, their means where they draw. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "optimizer/optimizer.h"

enum { D = 50 };

typedef struct subject {
    double option[1 + OPTION_ROOM];
    const compressor_t *compressor;
    double work[D];
} subject_t;

static const option_t TABLE[] = {{"compressor", 0, "compressor", "", .choice = "identity"}, {0}};

static subject_t subject_of(const char *text) {
    subject_t s = {.compressor = NULL};
    CHECK_OK(values_parse(TABLE, s.option, 0, text, strlen(text)));
    s.compressor = registry_compressor_at(0, (size_t)s.option[0])->precision[PRECISION_F64];
    return s;
}

/* v becomes C(v) in step `step`, drawing from word `first` on. */
static void compress(subject_t *s, double step, uint64_t first, size_t n, double *v) {
    const double *option = s->option + 1;
    const size_t room = s->compressor->workspace == NULL ? 0 : s->compressor->workspace(option, n);
    assert_in_range(room, 0, D);
    const compressor_call_t call = {.option = option, .step = step, .seed = 7, .first = first, .work = s->work};
    s->compressor->apply(&call, n, v);
}

static uint64_t draws_of(const subject_t *s, size_t n) {
    return s->compressor->draws == NULL ? 0 : s->compressor->draws(s->option + 1, n);
}

static double bits_of(const subject_t *s, size_t n) {
    const compressor_call_t call = {.option = s->option + 1};
    return s->compressor->bits(&call, n, 32);
}

static void check_exact(const char *text, double step, const double v[5], const double want[5], double bits) {
    subject_t s = subject_of(text);
    double got[5];
    memcpy(got, v, sizeof got);
    compress(&s, step, 1, 5, got);
    for (int i = 0; i < 5; ++i)
        if (got[i] != want[i])
            fail_msg("%s: entry %d is %.17g, not %.17g", text, i, got[i], want[i]);
    if (bits_of(&s, 5) != bits)
        fail_msg("%s: %g bits, not %g", text, bits_of(&s, 5), bits);
}

static const double V[5] = {3, -4, 0, 4, -1.5};

static void test_exact_results(void **state) {
    (void)state;
    check_exact("identity", 0, V, V, 160);
    check_exact("topk(k=2)", 0, V, (double[5]){0, -4, 0, 4, 0}, 64 + 2 * 35);
    check_exact("topk(k=1)", 0, V, (double[5]){0, -4, 0, 0, 0}, 64 + 35);
    check_exact("topk(density=0.5)", 0, V, (double[5]){3, -4, 0, 4, 0}, 64 + 3 * 35);
    check_exact("topk", 0, V, (double[5]){0, -4, 0, 0, 0}, 64 + 35);
    check_exact("topk(k=9)", 0, V, V, 64 + 5 * 35);
    check_exact("randk(k=2)", 0, V, (double[5]){7.5, -10, 0, 0, 0}, 200 + 64);
    check_exact("randk(k=2,scaled=0)", 1, V, (double[5]){0, 0, 0, 4, 0}, 200 + 64);
    check_exact("randk(k=2,scaled=0)", 2, V, (double[5]){3, 0, 0, 0, -1.5}, 200 + 64);
    check_exact("sign", 0, V, (double[5]){2.5, -2.5, 0, 2.5, -2.5}, 8 + 32 + 10);
    check_exact("onebit", 0, (double[5]){1, -1, 0, 1, -sqrt(2)}, (double[5]){1, -1, 1, 1, -1}, 37);
    check_exact("qsgd(levels=4)", 0, (double[5]){3, -4, 0, 0, 0}, (double[5]){2.5, -3.75, 0, 0, 0}, 96 + 5 * 4);
    check_exact("qsgd", 0, (double[5]){0}, (double[5]){0}, 96 + 20);
    check_exact("natural", 0, (double[5]){3, -5, 0, 8, 0x1p-1074}, (double[5]){4, -4, 0, 8, 0x1p-1074}, 24 + 50);
    check_exact("natural", 0, (double[5]){2.9, -6, 0x1.8p1023, 0x3p-1074, 1},
                (double[5]){2, -8, 0x1p1023, 0x1p-1072, 1}, 24 + 50);
}

static void fill(double v[D]) {
    for (int i = 0; i < D; ++i)
        v[i] = sin(1.7 * i + 0.3) * exp(cos(2.3 * i));
}

static double error2(const double *a, const double *b) {
    double sum = 0;
    for (int i = 0; i < D; ++i)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

/* |C(x) - x|^2 <= (1 - delta) |x|^2 */
static void test_contractions(void **state) {
    (void)state;
    static const char *const TEXTS[] = {"identity", "topk(k=3)", "topk(density=0.3)", "sign", "natural"};
    for (size_t t = 0; t < sizeof TEXTS / sizeof *TEXTS; ++t) {
        subject_t s = subject_of(TEXTS[t]);
        const double zero[D] = {0}, delta = s.compressor->contraction(s.option + 1, D);
        double x[D], c[D];
        fill(x);
        memcpy(c, x, sizeof c);
        compress(&s, 0, 1, D, c);
        assert_true(delta > 0);
        CHECK_AT_MOST(error2(c, x), (1 - delta) * error2(x, zero) * (1 + 1e-15));
    }
}

/* The mean of many draws is x, within five standard errors, and the mean square error no more than omega allows. */
static void check_unbiased(const char *text, bool exactly) {
    enum { DRAWS = 20000 };
    subject_t s = subject_of(text);
    const uint64_t each = draws_of(&s, D);
    const double zero[D] = {0}, omega = s.compressor->variance(s.option + 1, D);
    double x[D], mean[D] = {0}, square[D] = {0}, c[D], total = 0;
    fill(x);
    assert_true(each > 0 && omega > 0);
    for (uint64_t draw = 0; draw < DRAWS; ++draw) {
        memcpy(c, x, sizeof c);
        compress(&s, 0, 1 + draw * each, D, c);
        for (int i = 0; i < D; ++i) {
            mean[i] += c[i] / DRAWS;
            square[i] += (c[i] - x[i]) * (c[i] - x[i]) / DRAWS;
        }
        total += error2(c, x) / DRAWS;
    }
    for (int i = 0; i < D; ++i)
        CHECK_AT_MOST(fabs(mean[i] - x[i]), 5 * sqrt(square[i] / DRAWS) + 1e-15);
    CHECK_AT_MOST(total, 1.02 * omega * error2(x, zero));
    if (exactly)
        CHECK_AT_MOST(0.98 * omega * error2(x, zero), total);
}

static void test_unbiased(void **state) {
    (void)state;
    check_unbiased("randk(k=5,random=1)", true);
    check_unbiased("qsgd(random=1)", false);
    check_unbiased("natural(random=1)", false);
}

/* |C(x) - x|^2 is on average within the bound of its delta. */
static void test_low_rank_contracts(void **state) {
    (void)state;
    enum { DRAWS = 200 };
    subject_t s = subject_of("lowrank(rank=2)");
    const double zero[D] = {0}, delta = s.compressor->contraction(s.option + 1, D);
    double x[D], c[D], total = 0;
    fill(x);
    assert_true(delta == 0.25);
    for (uint64_t draw = 0; draw < DRAWS; ++draw) {
        memcpy(c, x, sizeof c);
        compress(&s, 0, 1 + draw * draws_of(&s, D), D, c);
        total += error2(c, x) / DRAWS;
    }
    CHECK_AT_MOST(total, (1 - delta) * error2(x, zero));
}

/* Random forms keep as many entries as they say, and the same stream gives the same ones. */
static void test_random_subset(void **state) {
    (void)state;
    subject_t s = subject_of("randk(k=5,random=1,scaled=0)");
    double x[D], c[D], again[D];
    int kept = 0;
    fill(x);
    memcpy(c, x, sizeof c);
    memcpy(again, x, sizeof again);
    compress(&s, 0, 11, D, c);
    compress(&s, 3, 11, D, again);
    assert_memory_equal(c, again, sizeof c);
    for (int i = 0; i < D; ++i) {
        kept += c[i] != 0;
        assert_true(c[i] == 0 || c[i] == x[i]);
    }
    assert_int_equal(kept, 5);
    assert_int_equal(draws_of(&s, D), D - 1);
    assert_int_equal(draws_of(&s, 1), 0);
}

/* Names, and what an option says that names no compressor; every entry has room for its options there. */
static void test_names(void **state) {
    (void)state;
    double option[1 + OPTION_ROOM];
    assert_int_equal(optim_compressor_count(), 8);
    assert_null(optim_compressor_name(8));
    for (size_t i = 0; i < optim_compressor_count(); ++i) {
        optim_description d = {.size = sizeof d};
        CHECK_OK(optim_describe(OPTIM_COMPRESSOR, optim_compressor_name(i), &d));
        assert_string_equal(d.family, "compressors");
        assert_in_range(d.options, 0, OPTION_ROOM);
    }
    CHECK_REFUSED(values_parse(TABLE, option, 0, "prox_l1", 7), OPTIM_ERR_NAME, "is the name of a map");
    CHECK_REFUSED(values_parse(TABLE, option, 0, "topk(density=0)", 15), OPTIM_ERR_VALUE, "density");
    CHECK_REFUSED(values_parse(TABLE, option, 0, "topk(levels=3)", 14), OPTIM_ERR_OPTION, "levels");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_results), cmocka_unit_test(test_contractions),
        cmocka_unit_test(test_unbiased),      cmocka_unit_test(test_low_rank_contracts),
        cmocka_unit_test(test_random_subset), cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
