/* What keep_sign means, for both precisions and at every instruction-set level. */
#include <float.h>
#include <math.h>

#include "check.h"
#include "engine/engine.h"

/* Of both signs, from 1 down to what is far below the smallest value of the table. */
enum { COUNT = 400 };
static float element(int i) {
    return (i % 2 == 0 ? 1 : -1) * powf(10, -12 * (float)(i / 2) / (COUNT / 2));
}

static void check_code(const quantize_table_t *table, float x, int plain, int kept) {
    const bool was_lost = x < 0 && table->value[plain] >= 0;
    if (kept != plain - was_lost)
        fail_msg("%g: code %d becomes %d", (double)x, plain, kept);
    assert_true((x < 0) == (table->value[kept] < 0));
}

static void signs_are_kept(void **state) {
    static quantize_table_t table;
    static float x[COUNT];
    static double wide[COUNT];
    uint8_t plain[COUNT], kept[COUNT];
    int lost = 0;
    (void)state;
    for (int i = 0; i < COUNT; ++i)
        x[i] = element(i);
    x[0] = 4;
    x[1] = -0.0F;
    x[3] = -FLT_TRUE_MIN; /* by 4 it is -0 */
    for (int i = 0; i < COUNT; ++i)
        wide[i] = (double)x[i];
    for (int level = 0; level <= engine_best_level(); ++level) {
        const quantizer_t *quantizer = engine_primitives(level)->quantizer;
        quantizer->make(&table, 8, true);
        (void)quantizer->encode_f32(&table, COUNT, x, false, plain);
        (void)quantizer->encode_f32(&table, COUNT, x, true, kept);
        for (int i = 0; i < COUNT; ++i) {
            check_code(&table, x[i], plain[i], kept[i]);
            lost += plain[i] != kept[i];
        }
        (void)quantizer->encode_f64(&table, COUNT, wide, false, plain);
        (void)quantizer->encode_f64(&table, COUNT, wide, true, kept);
        for (int i = 0; i < COUNT; ++i)
            check_code(&table, x[i], plain[i], kept[i]);
    }
    assert_true(lost > 50); /* there was something to keep */
}

/* The 16 values of 4 bits, as the papers give them: 10^-2, 10^-1 and 1 times middles of 1, 2 and 4 equal pieces, both
 * signs, 0 and 1; without a sign sixteenths, and no 0. */
static void tables_of_four_bits(void **state) {
    static const float SIGNED[] = {-0.8875F, -0.6625F, -0.4375F, -0.2125F, -0.0775F, -0.0325F, -0.0055F, 0,
                                   0.0055F,  0.0325F,  0.0775F,  0.2125F,  0.4375F,  0.6625F,  0.8875F,  1};
    static quantize_table_t table;
    (void)state;
    quantizer_base.make(&table, 4, true);
    for (int i = 0; i < QUANTIZE_CODES_4; ++i)
        CHECK_AT_MOST(fabs((double)(table.value[i] - SIGNED[i])), 1e-7);
    quantizer_base.make(&table, 4, false);
    for (int i = 0; i < QUANTIZE_CODES_4; ++i)
        assert_true(table.value[i] == (float)(i + 1) / 16);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(signs_are_kept), cmocka_unit_test(tables_of_four_bits)};
    return cmocka_run_group_tests_name("quantize", tests, NULL, NULL);
}
