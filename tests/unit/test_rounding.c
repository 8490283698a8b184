/*
 * 16-bit numbers at every instruction-set level: all 65536 of them, at any alignment and up against memory that must not be
 * touched; and the rounding by random bits, which must be right in the mean and leave alone what needs no rounding.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "element.h"
#include "engine/engine.h"
#include "guarded.h"
#include "kernels/random.h"

enum { ALL = 65536, ALIGNMENTS = 64 };
static const optim_dtype HALVES[] = {OPTIM_BF16, OPTIM_F16};

static bool same_number(double got, double want) {
    return isnan(want) ? isnan(got) : memcmp(&got, &want, sizeof got) == 0;
}

/* ---- Every value, anywhere ---- */

typedef struct place {
    void *narrow;
    float *single;
    double *full;
} place_t;

static void convert_all(const primitives_t *primitives, optim_dtype dtype, const double *want, const place_t *at) {
    for (size_t i = 0; i < ALL; ++i) {
        const uint16_t bits = (uint16_t)i;
        memcpy((char *)at->narrow + 2 * i, &bits, 2);
    }
    primitives->load_f32(dtype, ALL, at->narrow, at->single);
    primitives->load_f64(dtype, ALL, at->narrow, at->full);
    for (size_t i = 0; i < ALL; ++i)
        if (!same_number((double)at->single[i], want[i]) || !same_number(at->full[i], want[i]))
            fail_msg("%s %04zx widens to %.17g and %.17g, not %.17g", element_name(dtype), i, (double)at->single[i],
                     at->full[i], want[i]);
    memset(at->narrow, 0x5A, 2 * (size_t)ALL);
    primitives->store_f32(dtype, ALL, at->single, at->narrow);
    for (size_t i = 0; i < ALL; ++i) {
        uint16_t bits;
        memcpy(&bits, (char *)at->narrow + 2 * i, 2);
        if (isnan(want[i]) ? !isnan(half_widen(dtype, bits)) : bits != i)
            fail_msg("%s %04zx comes back as %04x", element_name(dtype), i, bits);
    }
}

static void every_value_at_any_address(void **state) {
    (void)state;
    guarded_t narrow = guarded_new(2 * ALL + ALIGNMENTS), single = guarded_new(ALL * sizeof(float)),
              full = guarded_new(ALL * sizeof(double));
    double *want = check_memory(ALL, sizeof *want);
    for (size_t k = 0; k < 2; ++k) {
        for (size_t i = 0; i < ALL; ++i)
            want[i] = half_widen(HALVES[k], (uint16_t)i);
        for (int level = 0; level <= engine_best_level(); ++level)
            for (size_t offset = 0; offset <= ALIGNMENTS; offset += offset < 4 ? 1 : 15) {
                const bool at_end = offset == ALIGNMENTS; /* the last offset stands for: up against the guard */
                const place_t place = {
                    (char *)guarded_place(&narrow, 2 * ALL, at_end) + (at_end ? 0 : offset),
                    guarded_place(&single, ALL * sizeof(float), at_end),
                    guarded_place(&full, ALL * sizeof(double), at_end),
                };
                convert_all(engine_primitives(level), HALVES[k], want, &place);
            }
    }
    free(want);
    guarded_free(&narrow);
    guarded_free(&single);
    guarded_free(&full);
}

/* Doubles to f32 and bf16, as states of f64 parameters are kept: to nearest, once. */
static void doubles_are_rounded_once(void **state) {
    (void)state;
    enum { COUNT = 40000 };
    static double wide[COUNT];
    static float single[COUNT];
    static uint16_t half[COUNT];
    for (size_t i = 0; i < COUNT; ++i) {
        const double number = ldexp(1 + (double)(random_word(3, i) >> 40) * 0x1p-24, (int)(i % 60) - 30);
        const double tie = element_round(OPTIM_BF16, number) * (1 + 0x1p-8); /* halfway for some of them */
        wide[i] = i % 4 == 0 ? number : tie * (1 + (double)((int)(i % 4) - 2) * 0x1p-40);
        if (i % 3 == 0)
            wide[i] = -wide[i];
    }
    for (int level = 0; level <= engine_best_level(); ++level) {
        engine_primitives(level)->store_f64(OPTIM_F32, COUNT, wide, single);
        engine_primitives(level)->store_f64(OPTIM_BF16, COUNT, wide, half);
        for (size_t i = 0; i < COUNT; ++i) {
            assert_true(single[i] == (float)wide[i]);
            if (half[i] != half_narrow(OPTIM_BF16, wide[i]))
                fail_msg("%s: %a narrows to %04x, not %04x", ENGINE_LEVEL_NAMES[level], wide[i], half[i],
                         half_narrow(OPTIM_BF16, wide[i]));
        }
    }
}

/* ---- Random bits ---- */

/* What is a number of the format stays that number, whatever the bits. */
static void exact_values_stay(void **state) {
    (void)state;
    float *value = check_memory(ALL, sizeof *value);
    uint16_t *got = check_memory(ALL, sizeof *got);
    for (size_t k = 0; k < 2; ++k) {
        for (size_t i = 0; i < ALL; ++i)
            value[i] = (float)half_widen(HALVES[k], (uint16_t)i);
        for (int level = 0; level <= engine_best_level(); ++level)
            for (uint64_t key = 0; key < 300; ++key) {
                engine_primitives(level)->store_random(HALVES[k], ALL, value, random_word(1, key), 0, got);
                for (size_t i = 0; i < ALL; ++i)
                    if (isnan(value[i]) ? !isnan(half_widen(HALVES[k], got[i])) : got[i] != i)
                        fail_msg("%s: %s %04zx becomes %04x", ENGINE_LEVEL_NAMES[level], element_name(HALVES[k]), i,
                                 got[i]);
            }
    }
    free(value);
    free(got);
}

/* A number `part` of the way between two neighbours goes to the upper one that often, and never anywhere else. */
static void check_share(int level, optim_dtype dtype, uint16_t lower, double part) {
    const double low = half_widen(dtype, lower), high = half_widen(dtype, (uint16_t)(lower + 1));
    const float between = (float)(low + part * (high - low));
    const double share = ((double)between - low) / (high - low);
    float *value = check_memory(ALL, sizeof *value);
    uint16_t *got = check_memory(ALL, sizeof *got);
    size_t ups = 0;
    for (size_t i = 0; i < ALL; ++i)
        value[i] = between;
    engine_primitives(level)->store_random(dtype, ALL, value, random_word(7, lower), 12345, got);
    for (size_t i = 0; i < ALL; ++i) {
        assert_true(got[i] == lower || got[i] == lower + 1);
        ups += got[i] != lower;
    }
    if (fabs((double)ups / ALL - share) > 5 * sqrt(share * (1 - share) / ALL) + 0x1p-13)
        fail_msg("%s: %s %a goes up %zu times of %d, not %.5f of them", ENGINE_LEVEL_NAMES[level], element_name(dtype),
                 (double)between, ups, (int)ALL, share);
    free(value);
    free(got);
}

static void the_mean_is_right(void **state) {
    (void)state;
    /* normal, negative, next power of two, subnormal small and large, largest */
    static const uint16_t LOWER[2][7] = {{0x3F80, 0xBF81, 0x3FFF, 0x0003, 0x007F, 0x8040, 0x7F7D},
                                         {0x3C00, 0xBC01, 0x3FFF, 0x0003, 0x02BC, 0x83FE, 0x7BFD}};
    static const double PARTS[] = {0.01, 0.3, 0.5, 0.9, 0.999};
    for (int level = 0; level <= engine_best_level(); ++level)
        for (size_t k = 0; k < 2; ++k)
            for (size_t i = 0; i < 7; ++i)
                for (size_t j = 0; j < 5; ++j)
                    check_share(level, HALVES[k], LOWER[k][i], PARTS[j]);
}

/* Around element 2^32 too, where half of the number begins anew. */
static void pieces_get_the_bits_of_the_whole(void **state) {
    (void)state;
    enum { COUNT = 150 };
    static const uint64_t FIRST[] = {0, 512, ((uint64_t)1 << 31) - 70, ((uint64_t)1 << 32) - 70, UINT64_C(0x7FFFFFFC0)};
    float value[COUNT];
    uint16_t whole[COUNT], pieces[COUNT];
    for (size_t i = 0; i < COUNT; ++i)
        value[i] = (float)(1 + 0.001 * (double)i);
    for (size_t k = 0; k < 2; ++k)
        for (size_t f = 0; f < sizeof FIRST / sizeof *FIRST; ++f) {
            engine_primitives(0)->store_random(HALVES[k], COUNT, value, 99, FIRST[f], whole);
            for (int level = 0; level <= engine_best_level(); ++level)
                for (size_t cut = 0; cut <= COUNT; ++cut) {
                    const primitives_t *primitives = engine_primitives(level);
                    primitives->store_random(HALVES[k], cut, value, 99, FIRST[f], pieces);
                    primitives->store_random(HALVES[k], COUNT - cut, value + cut, 99, FIRST[f] + cut, pieces + cut);
                    assert_memory_equal(pieces, whole, sizeof whole);
                }
        }
}

/* A carry holds what rounding lost, up to its own last place; what was kept, read and kept again, stays; every level alike. */
static void carries_keep_what_rounding_lost(void **state) {
    (void)state;
    enum { COUNT = 4096 };
    static const double LAST[] = {0x1p-8, 0x1p-11};       /* half a last place of a number between 1 and 2 */
    static const double SMALLEST[] = {0x1p-133, 0x1p-24}; /* the format's step around 0 */
    float *value = check_memory(COUNT, sizeof *value), *back = check_memory(COUNT, sizeof *back);
    uint16_t half[COUNT], carry[COUNT], again[COUNT], carry_again[COUNT];
    for (size_t i = 0; i < COUNT; ++i)
        value[i] = (float)ldexp(copysign(1 + random_uniform(5, i + 1), i % 3 == 0 ? -1 : 1), (int)(i % 40) - 24);
    value[0] = -0.0F;
    value[1] = 0;
    for (size_t k = 0; k < 2; ++k)
        for (int level = 0; level <= engine_best_level(); ++level) {
            const primitives_t *primitives = engine_primitives(level);
            primitives->store_carried(HALVES[k], COUNT, value, half, carry);
            primitives->load_carried(HALVES[k], COUNT, half, carry, back);
            primitives->store_carried(HALVES[k], COUNT, back, again, carry_again);
            assert_memory_equal(again, half, sizeof half);
            assert_memory_equal(carry_again, carry, sizeof carry);
            for (size_t i = 0; i < COUNT; ++i) {
                assert_int_equal(half[i], half_narrow(HALVES[k], (double)value[i]));
                const double lost = fabs((double)value[i] - (double)back[i]);
                if (lost > 2 * LAST[k] * LAST[k] * fabs((double)value[i]) + SMALLEST[k])
                    fail_msg("level %d, %s: %a is kept as %a", level, element_name(HALVES[k]), (double)value[i],
                             (double)back[i]);
            }
        }
    free(value);
    free(back);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_at_any_address),
        cmocka_unit_test(doubles_are_rounded_once),
        cmocka_unit_test(exact_values_stay),
        cmocka_unit_test(the_mean_is_right),
        cmocka_unit_test(pieces_get_the_bits_of_the_whole),
        cmocka_unit_test(carries_keep_what_rounding_lost),
    };
    return cmocka_run_group_tests_name("rounding", tests, NULL, NULL);
}
