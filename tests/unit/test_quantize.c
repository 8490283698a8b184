/* What keep_sign means, for both precisions and at every instruction-set level. */
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
        wide[i] = (double)(x[i] = element(i));
    for (int level = 0; level <= engine_best_level(); ++level) {
        const quantizer_t *quantizer = engine_primitives(level)->quantizer;
        quantizer->make(&table, true);
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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(signs_are_kept)};
    return cmocka_run_group_tests_name("quantize", tests, NULL, NULL);
}
