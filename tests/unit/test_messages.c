/* optim_compress and its kin: a message decodes to what the compressor gives in place, has the bytes that its formula
 * says, and is refused wherever it is malformed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "optimizer/entry_values.h"
#include "optimizer/optimizer.h"

enum { MOST = 300, ROOM = 4096, HEADER = 16, GUARD = 0xA5 };
static const uint64_t KEY = 11;

static const char *const TEXTS[] = {
    "identity",
    "topk",
    "topk(k=7)",
    "topk(density=1)",
    "randk",
    "randk(k=7)",
    "randk(k=7,scaled=0)",
    "randk(k=7,random=1)",
    "randk(k=7,random=1,scaled=0)",
    "randk(density=1,random=1)",
    "sign",
    "onebit",
    "qsgd",
    "qsgd(levels=1)",
    "qsgd(random=1)",
    "qsgd(levels=255,random=1)",
    "qsgd(levels=2147483647)",
    "natural",
    "natural(random=1)",
    "lowrank",
    "lowrank(rank=2)",
    "lowrank(rank=40)",
};
enum { TEXT_COUNT = sizeof TEXTS / sizeof *TEXTS };

/* ---- The compressor in place ---- */

static const option_t TABLE[] = {{"compressor", 0, "compressor", "", .choice = "identity"}, {0}};

typedef struct subject {
    double option[1 + OPTION_ROOM];
    const compressor_t *compressor;
} subject_t;

static subject_t subject_of(const char *text, optim_dtype dtype) {
    subject_t s = {.compressor = NULL};
    CHECK_OK(values_parse(TABLE, s.option, 0, text, strlen(text)));
    s.compressor = registry_compressor_at(engine_best_level(), (size_t)s.option[0])
                       ->precision[dtype == OPTIM_F64 ? PRECISION_F64 : PRECISION_F32];
    return s;
}

static void compress_in_place(const char *text, int64_t step, optim_dtype dtype, size_t rows, size_t n, void *v) {
    double work[MOST];
    const subject_t s = subject_of(text, dtype);
    const uint64_t draws = s.compressor->draws == NULL ? 0 : s.compressor->draws(s.option + 1, n);
    const compressor_call_t call = {.option = s.option + 1,
                                    .step = (double)step,
                                    .seed = KEY,
                                    .first = 1 + (uint64_t)step * draws,
                                    .rows = rows,
                                    .work = work};
    s.compressor->apply(&call, n, v);
}

/* ---- Vectors ---- */

enum { ORDINARY, WITH_ZEROS, ALL_ZERO, SUBNORMAL, LARGE, TINY, SPOILT, KINDS };

static double entry(int kind, size_t i, optim_dtype dtype) {
    const double x = sin(1.7 * (double)i + 0.3) * exp(3 * cos(2.3 * (double)i));
    const double large = dtype == OPTIM_F64 ? 1e306 : 1e36, tiny = dtype == OPTIM_F64 ? 1e-320 : 1e-43;
    switch (kind) {
    case WITH_ZEROS:
        return i % 3 == 0 ? 0 : i % 3 == 1 ? -0.0 : x;
    case ALL_ZERO:
        return i % 2 == 0 ? 0 : -0.0;
    case SUBNORMAL:
        return i % 5 == 0 ? x * tiny : x;
    case LARGE:
        return x * large;
    case TINY:
        return x * tiny;
    case SPOILT:
        return i % 50 == 3 ? (double)NAN : i % 50 == 7 ? -(double)INFINITY : x;
    default:
        return x;
    }
}

static void fill(int kind, optim_dtype dtype, size_t n, void *v) {
    for (size_t i = 0; i < n; ++i)
        if (dtype == OPTIM_F64)
            ((double *)v)[i] = entry(kind, i, dtype);
        else
            ((float *)v)[i] = (float)entry(kind, i, dtype);
}

/* NaN is NaN, whatever its bits; all else is the same to the bit. */
static bool same(optim_dtype dtype, size_t i, const void *a, const void *b) {
    const size_t size = dtype == OPTIM_F64 ? 8 : 4;
    const char *x = (const char *)a + i * size, *y = (const char *)b + i * size;
    const double p = dtype == OPTIM_F64 ? ((const double *)a)[i] : (double)((const float *)a)[i];
    const double q = dtype == OPTIM_F64 ? ((const double *)b)[i] : (double)((const float *)b)[i];
    return (isnan(p) && isnan(q)) || memcmp(x, y, size) == 0;
}

static void check_round_trip(const char *text, int kind, optim_dtype dtype, int ndim, const int64_t *dims) {
    double v[MOST] = {0}, want[MOST], got[MOST];
    unsigned char message[ROOM];
    const size_t n = (size_t)(ndim == 2 ? dims[0] * dims[1] : dims[0]);
    size_t most, counted, size;
    const int64_t step = 5;
    fill(kind, dtype, n, v);
    memcpy(want, v, sizeof v);
    memset(got, GUARD, sizeof got);
    compress_in_place(text, step, dtype, ndim == 2 ? (size_t)dims[0] : 0, n, want);
    CHECK_OK(optim_compress_size(text, dtype, ndim, dims, &most));
    CHECK_OK(optim_compress(text, KEY, step, dtype, ndim, dims, v, NULL, 0, &counted));
    memset(message, GUARD, sizeof message);
    CHECK_OK(optim_compress(text, KEY, step, dtype, ndim, dims, v, message, counted, &size));
    assert_int_equal(size, counted);
    assert_in_range(size, HEADER, most);
    assert_int_equal(message[size], GUARD);
    CHECK_OK(optim_decompress(message, size, dtype, ndim, dims, got));
    for (size_t i = 0; i < n; ++i)
        if (!same(dtype, i, got, want))
            fail_msg("%s, vector %d, %zu elements of %d: entry %zu is %g, not %g", text, kind, n, dtype, i,
                     dtype == OPTIM_F64 ? got[i] : (double)((float *)got)[i],
                     dtype == OPTIM_F64 ? want[i] : (double)((float *)want)[i]);
    memset(message, GUARD, sizeof message);
    CHECK_OK(optim_compress(text, KEY, step, dtype, ndim, dims, v, message, sizeof message, &size));
    assert_int_equal(size, counted);
}

static void test_decodes_what_it_gives_in_place(void **state) {
    (void)state;
    static const int64_t SHAPES[][2] = {{1, 0}, {2, 0}, {8, 0}, {9, 0}, {257, 0}, {300, 0}, {1, 7}, {20, 15}, {64, 3}};
    for (size_t t = 0; t < TEXT_COUNT; ++t)
        for (int kind = 0; kind < KINDS; ++kind)
            for (size_t s = 0; s < sizeof SHAPES / sizeof *SHAPES; ++s) {
                const int ndim = SHAPES[s][1] == 0 ? 1 : 2;
                check_round_trip(TEXTS[t], kind, OPTIM_F32, ndim, SHAPES[s]);
                check_round_trip(TEXTS[t], kind, OPTIM_F64, ndim, SHAPES[s]);
            }
}

/* ---- Bytes ---- */

static size_t bytes_of(const char *text, optim_dtype dtype, int kind, int ndim, const int64_t *dims) {
    double v[MOST] = {0};
    size_t size;
    fill(kind, dtype, MOST, v);
    CHECK_OK(optim_compress(text, KEY, 0, dtype, ndim, dims, v, NULL, 0, &size));
    return size;
}

/* The formulas of docs/compressors.md, by hand: n = 300, whose indices have 9 bits. */
static void test_counts_bytes(void **state) {
    (void)state;
    static const int64_t N[] = {300, 0}, MATRIX[] = {20, 15};
    static const struct {
        const char *text;
        size_t f32, f64;
    } CASES[] = {
        {"identity", 4 * 300, 8 * 300},
        {"topk(k=7)", 8 + 7 * 4 + 8, 8 + 7 * 8 + 8}, /* 63 bits of indices */
        {"randk(k=7)", 8 + 1 + 16 + 7 * 4, 8 + 1 + 16 + 7 * 8},
        {"randk(k=7,random=1)", 8 + 1 + 16 + 7 * 4, 8 + 1 + 16 + 7 * 8},
        {"sign", 1 + 4 + 38, 1 + 8 + 38}, /* 300 bits */
        {"onebit", 4 + 38, 8 + 38},
        {"qsgd", 12 + 150, 12 + 150}, /* 1 + 3 bits an entry */
        {"qsgd(levels=255)", 12 + 338, 12 + 338},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i) {
        assert_int_equal(bytes_of(CASES[i].text, OPTIM_F32, ORDINARY, 1, N), HEADER + CASES[i].f32);
        assert_int_equal(bytes_of(CASES[i].text, OPTIM_F64, ORDINARY, 1, N), HEADER + CASES[i].f64);
    }
    assert_int_equal(bytes_of("sign", OPTIM_F32, WITH_ZEROS, 1, N), HEADER + 1 + 4 + 75);
    assert_int_equal(bytes_of("lowrank(rank=3)", OPTIM_F32, ORDINARY, 2, MATRIX), HEADER + 12 + 4 * 3 * 35);
    assert_int_equal(bytes_of("lowrank(rank=3)", OPTIM_F64, ORDINARY, 1, N), HEADER + 12 + 8 * 3 * 35); /* 18 x 17 */
    assert_int_equal(bytes_of("lowrank(rank=9)", OPTIM_F32, ORDINARY, 2, MATRIX), HEADER + 12 + 4 * 300);
    const int64_t two = 2;
    size_t size;
    CHECK_OK(optim_compress("natural", 0, 0, OPTIM_F64, 1, &two, (double[2]){1, 8}, NULL, 0, &size));
    assert_int_equal(size, HEADER + 3 + 1); /* codes up to 3 + 3: 3 bits and the sign */
}

/* The bytes themselves: the same on every machine and in every version. */
static void test_bytes_stay(void **state) {
    (void)state;
    static const int64_t N[] = {5};
    static const float V[5] = {3, -4, 0, 4, -1.5F};
    static const unsigned char WANT[] = {
        'G',        'C', 'M', '1', 2, 4, 0, 0, 5, 0, 0,    0,    0, 0, 0,    0,    /* topk, of floats, 5 elements */
        2,          0,   0,   0,   0, 0, 0, 0, 0, 0, 0x80, 0xC0, 0, 0, 0x80, 0x40, /* two of them: -4, 4 */
        1 | 3 << 3,                                                                /* 1 and 3, in three bits each */
    };
    unsigned char message[64];
    size_t size;
    CHECK_OK(optim_compress("topk(k=2)", 0, 0, OPTIM_F32, 1, N, V, message, sizeof message, &size));
    assert_int_equal(size, sizeof WANT);
    assert_memory_equal(message, WANT, sizeof WANT);
}

/* ---- Draws, dtypes, nothing ---- */

static void test_step_and_seed_decide(void **state) {
    (void)state;
    static const int64_t N[] = {50};
    static const char *const DRAWN[] = {"randk(k=7,random=1)", "qsgd(random=1)", "natural(random=1)"};
    double v[50] = {0};
    unsigned char message[4][ROOM];
    size_t size[4];
    fill(ORDINARY, OPTIM_F64, 50, v);
    for (size_t t = 0; t < sizeof DRAWN / sizeof *DRAWN; ++t) {
        static const struct {
            uint64_t seed;
            int64_t step;
        } AT[4] = {{1, 0}, {1, 0}, {1, 1}, {2, 0}};
        for (int i = 0; i < 4; ++i)
            CHECK_OK(optim_compress(DRAWN[t], AT[i].seed, AT[i].step, OPTIM_F64, 1, N, v, message[i], ROOM, &size[i]));
        assert_true(size[0] == size[1] && memcmp(message[0], message[1], size[0]) == 0);
        assert_false(size[0] == size[2] && memcmp(message[0], message[2], size[0]) == 0);
        assert_false(size[0] == size[3] && memcmp(message[0], message[3], size[0]) == 0);
    }
}

static void test_short_dtypes_and_nothing(void **state) {
    (void)state;
    static const int64_t FOUR[] = {4}, NONE[] = {0, 3};
    uint16_t v[4] = {0x3FC0, 0xBF00, 0x4040, 0xC080}; /* bf16: 1.5, -0.5, 3, -4 */
    unsigned char message[ROOM];
    size_t size;
    CHECK_OK(optim_compress("topk(k=2)", 0, 0, OPTIM_BF16, 1, FOUR, v, message, ROOM, &size));
    CHECK_OK(optim_decompress(message, size, OPTIM_BF16, 1, FOUR, v));
    const uint16_t want[4] = {0, 0, 0x4040, 0xC080};
    assert_memory_equal(v, want, sizeof v);
    for (size_t t = 0; t < TEXT_COUNT; ++t) {
        CHECK_OK(optim_compress(TEXTS[t], 0, 0, OPTIM_F64, 2, NONE, NULL, message, HEADER, &size));
        assert_int_equal(size, HEADER);
        CHECK_OK(optim_decompress(message, size, OPTIM_F64, 2, NONE, NULL));
    }
}

/* ---- What is refused ---- */

static const int64_t TEN[] = {10};

static size_t sound(const char *text, unsigned char message[ROOM]) {
    double v[10] = {0};
    size_t size;
    fill(ORDINARY, OPTIM_F64, 10, v);
    CHECK_OK(optim_compress(text, 1, 0, OPTIM_F64, 1, TEN, v, message, ROOM, &size));
    return size;
}

static void refuses(const unsigned char *message, size_t size, optim_status status, const char *words) {
    double v[10], before[10];
    memset(v, GUARD, sizeof v);
    memcpy(before, v, sizeof v);
    unsigned char *exact = malloc(size + (size == 0)); /* nothing behind the end may be read */
    assert_non_null(exact);
    memcpy(exact, message, size);
    CHECK_REFUSED(optim_decompress(exact, size, OPTIM_F64, 1, TEN, v), status, words);
    free(exact);
    assert_memory_equal(v, before, sizeof v);
}

/* One byte of a sound message is another one. */
static void check_forged(const char *text, size_t at, int byte, optim_status status, const char *words) {
    unsigned char message[ROOM];
    const size_t size = sound(text, message);
    assert_in_range(at, 0, size - 1);
    message[at] = (unsigned char)byte;
    refuses(message, size, status, words);
}

static void test_refuses_headers(void **state) {
    (void)state;
    check_forged("sign", 0, 'g', OPTIM_ERR_FORMAT, "no message");
    check_forged("sign", 3, '2', OPTIM_ERR_FORMAT, "newer version");
    check_forged("sign", 4, 0, OPTIM_ERR_FORMAT, "number 0");
    check_forged("sign", 4, 255, OPTIM_ERR_FORMAT, "number 255");
    check_forged("sign", 5, 4, OPTIM_ERR_ARGUMENT, "dtype");
    check_forged("sign", 5, 2, OPTIM_ERR_FORMAT, "no message");
    check_forged("sign", 6, 1, OPTIM_ERR_FORMAT, "no message");
    check_forged("sign", 7, 1, OPTIM_ERR_FORMAT, "no message");
    check_forged("sign", 8, 11, OPTIM_ERR_SHAPE, "11 elements");
    check_forged("sign", 15, 1, OPTIM_ERR_SHAPE, "elements");
}

static void test_refuses_payloads(void **state) {
    (void)state;
    check_forged("topk(k=2)", HEADER, 11, OPTIM_ERR_FORMAT, "more entries");
    check_forged("topk(k=2)", HEADER + 7, 1, OPTIM_ERR_FORMAT, "more entries");
    check_forged("topk(k=2)", HEADER + 8 + 16, 0x33, OPTIM_ERR_FORMAT, "indices");
    check_forged("topk(k=2)", HEADER + 8 + 16, 0xF1, OPTIM_ERR_FORMAT, "indices");
    check_forged("topk(k=2)", HEADER + 8 + 16, 0x23, OPTIM_ERR_FORMAT, "indices");
    check_forged("randk(k=2)", HEADER, 11, OPTIM_ERR_FORMAT, "more entries");
    check_forged("randk(k=2)", HEADER + 8, 2, OPTIM_ERR_FORMAT, "run");
    check_forged("randk(k=2)", HEADER + 9, 1, OPTIM_ERR_FORMAT, "run");
    check_forged("randk(k=2)", HEADER + 17, 10, OPTIM_ERR_FORMAT, "run");
    check_forged("sign", HEADER, 2, OPTIM_ERR_FORMAT, "form of signs");
    check_forged("qsgd", HEADER, 0, OPTIM_ERR_FORMAT, "levels");
    check_forged("qsgd", HEADER + 3, 0x80, OPTIM_ERR_FORMAT, "levels");
    check_forged("qsgd", HEADER + 4 + 7, 0xBF, OPTIM_ERR_FORMAT, "negative");
    check_forged("qsgd", HEADER + 12, 0x0E, OPTIM_ERR_FORMAT, "above");
    check_forged("natural", HEADER + 2, 17, OPTIM_ERR_FORMAT, "16 bits");
    check_forged("natural", HEADER + 1, 0xFF, OPTIM_ERR_FORMAT, "power of two");
    check_forged("natural", HEADER + 1, 0, OPTIM_ERR_FORMAT, "power of two");
    check_forged("lowrank", HEADER, 3, OPTIM_ERR_FORMAT, "rows");
    check_forged("lowrank", HEADER + 8, 2, OPTIM_ERR_FORMAT, "longer");
}

/* Cut anywhere, or with a byte too many, or with a bit behind the last field. */
static void test_refuses_lengths(void **state) {
    (void)state;
    for (size_t t = 0; t < TEXT_COUNT; ++t) {
        unsigned char message[ROOM];
        const size_t size = sound(TEXTS[t], message);
        for (size_t cut = 0; cut < size; ++cut)
            refuses(message, cut, OPTIM_ERR_FORMAT, "");
        message[size] = 0;
        refuses(message, size + 1, OPTIM_ERR_FORMAT, "goes on");
    }
    check_forged("onebit", HEADER + 8 + 1, 0x07, OPTIM_ERR_FORMAT, "goes on");
}

static void test_refuses_calls(void **state) {
    (void)state;
    double v[10] = {1};
    unsigned char message[ROOM], before[ROOM];
    size_t size = 77;
    const int64_t negative[] = {-1}, endless[] = {INT64_MAX, 2}, eleven[] = {11}, five_by_two[] = {5, 2};
    memset(message, GUARD, ROOM);
    memcpy(before, message, ROOM);
#define COMPRESS(text, step, dtype, ndim, dims, data, room)                                                            \
    optim_compress(text, 1, step, dtype, ndim, dims, data, message, room, &size)
    CHECK_REFUSED(COMPRESS(NULL, 0, OPTIM_F64, 1, TEN, v, ROOM), OPTIM_ERR_NULL, "compressor");
    CHECK_REFUSED(COMPRESS("zip", 0, OPTIM_F64, 1, TEN, v, ROOM), OPTIM_ERR_NAME, "zip");
    CHECK_REFUSED(COMPRESS("prox_l1", 0, OPTIM_F64, 1, TEN, v, ROOM), OPTIM_ERR_NAME, "is the name of a map");
    CHECK_REFUSED(COMPRESS("topk(k=-1)", 0, OPTIM_F64, 1, TEN, v, ROOM), OPTIM_ERR_VALUE, "k");
    CHECK_REFUSED(COMPRESS("topk(q=1)", 0, OPTIM_F64, 1, TEN, v, ROOM), OPTIM_ERR_OPTION, "q");
    CHECK_REFUSED(COMPRESS("topk(k=1,k=2)", 0, OPTIM_F64, 1, TEN, v, ROOM), OPTIM_ERR_DUPLICATE, "k");
    CHECK_REFUSED(COMPRESS("sign", -1, OPTIM_F64, 1, TEN, v, ROOM), OPTIM_ERR_ARGUMENT, "step cannot be -1");
    CHECK_REFUSED(COMPRESS("sign", 0, 7, 1, TEN, v, ROOM), OPTIM_ERR_ARGUMENT, "dtype");
    CHECK_REFUSED(COMPRESS("sign", 0, OPTIM_F64, 65, TEN, v, ROOM), OPTIM_ERR_SHAPE, "65");
    CHECK_REFUSED(COMPRESS("sign", 0, OPTIM_F64, 1, NULL, v, ROOM), OPTIM_ERR_NULL, "dims");
    CHECK_REFUSED(COMPRESS("sign", 0, OPTIM_F64, 1, negative, v, ROOM), OPTIM_ERR_SHAPE, "-1");
    CHECK_REFUSED(COMPRESS("sign", 0, OPTIM_F64, 2, endless, v, ROOM), OPTIM_ERR_SIZE, "");
    CHECK_REFUSED(COMPRESS("sign", 0, OPTIM_F64, 1, TEN, NULL, ROOM), OPTIM_ERR_NULL, "data");
    CHECK_REFUSED(COMPRESS("identity", 0, OPTIM_F64, 1, TEN, v, HEADER + 79), OPTIM_ERR_ARGUMENT, "has 96 bytes");
#undef COMPRESS
    CHECK_REFUSED(optim_compress("sign", 1, 0, OPTIM_F64, 1, TEN, v, message, ROOM, NULL), OPTIM_ERR_NULL, "size");
    CHECK_REFUSED(optim_compress_size("sign", OPTIM_F64, 1, TEN, NULL), OPTIM_ERR_NULL, "size");
    CHECK_REFUSED(optim_compress_size("identity", OPTIM_F64, 1, (int64_t[]){INT64_MAX / 8}, &size), OPTIM_ERR_SIZE, "");
    assert_memory_equal(message, before, ROOM);
    size = sound("lowrank", message);
    CHECK_REFUSED(optim_decompress(NULL, size, OPTIM_F64, 1, TEN, v), OPTIM_ERR_NULL, "buffer");
    CHECK_REFUSED(optim_decompress(message, size, OPTIM_F64, 1, TEN, NULL), OPTIM_ERR_NULL, "data");
    CHECK_REFUSED(optim_decompress(message, size, OPTIM_F32, 1, TEN, v), OPTIM_ERR_ARGUMENT, "64-bit");
    CHECK_REFUSED(optim_decompress(message, size, OPTIM_F64, 1, eleven, v), OPTIM_ERR_SHAPE, "10 elements");
    CHECK_REFUSED(optim_decompress(message, size, OPTIM_F64, 2, five_by_two, v), OPTIM_ERR_FORMAT, "rows");
}

/* ---- lowrank ---- */

/* A matrix of that rank comes back, to rounding; of a higher one the error is that of a projection. */
static void test_low_rank(void **state) {
    (void)state;
    enum { ROWS = 12, COLUMNS = 20 };
    static const int64_t SHAPE[] = {ROWS, COLUMNS};
    double v[ROWS * COLUMNS], got[ROWS * COLUMNS], inner = 0, square = 0, whole = 0;
    unsigned char message[ROOM];
    size_t size;
    for (int i = 0; i < ROWS; ++i)
        for (int j = 0; j < COLUMNS; ++j)
            v[i * COLUMNS + j] = sin(i + 1.0) * cos(2.0 * j) + 0.1 * cos(3.0 * i) * sin(j + 2.0);
    CHECK_OK(optim_compress("lowrank(rank=3)", 3, 0, OPTIM_F64, 2, SHAPE, v, message, ROOM, &size));
    CHECK_OK(optim_decompress(message, size, OPTIM_F64, 2, SHAPE, got));
    for (int i = 0; i < ROWS * COLUMNS; ++i)
        CHECK_AT_MOST(fabs(got[i] - v[i]), 1e-13);
    CHECK_OK(optim_compress("lowrank(rank=1)", 3, 0, OPTIM_F64, 2, SHAPE, v, message, ROOM, &size));
    CHECK_OK(optim_decompress(message, size, OPTIM_F64, 2, SHAPE, got));
    for (int i = 0; i < ROWS * COLUMNS; ++i) {
        inner += got[i] * v[i];
        square += got[i] * got[i];
        whole += v[i] * v[i];
    }
    CHECK_CLOSE(inner, square, 1e-13 * whole);
    assert_true(square > 0.95 * whole);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decodes_what_it_gives_in_place),
        cmocka_unit_test(test_counts_bytes),
        cmocka_unit_test(test_bytes_stay),
        cmocka_unit_test(test_step_and_seed_decide),
        cmocka_unit_test(test_short_dtypes_and_nothing),
        cmocka_unit_test(test_refuses_headers),
        cmocka_unit_test(test_refuses_payloads),
        cmocka_unit_test(test_refuses_lengths),
        cmocka_unit_test(test_refuses_calls),
        cmocka_unit_test(test_low_rank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
