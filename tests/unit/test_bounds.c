/* optim_set_bounds looks at the boxes: empty ones and NaN are refused, infinities are not. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "element.h"

enum { N = 600 }; /* more than one piece */

typedef struct scene {
    optim_t *opt;
    double p[N], g[N], lower[N], upper[N]; /* room for every dtype */
    optim_dtype dtype;
} scene_t;

static void put(scene_t *s, int i, double lower, double upper) {
    element_write(s->dtype, s->lower, (size_t)i, lower);
    element_write(s->dtype, s->upper, (size_t)i, upper);
}

static void open_scene(scene_t *s, optim_dtype dtype) {
    memset(s, 0, sizeof *s);
    s->dtype = dtype;
    for (int i = 0; i < N; ++i) {
        put(s, i, -1, i % 2 == 0 ? -1 : (double)INFINITY);
        element_write(dtype, s->g, (size_t)i, 1);
    }
    CHECK_OK(optim_create(&s->opt, "sgd", "lr=4"));
    CHECK_OK(optim_add_param(s->opt, 0, "w", dtype, 1, (int64_t[]){N}, s->p, s->g));
}

static void empty_boxes(void **state) {
    (void)state;
    for (optim_dtype dtype = OPTIM_F32; dtype <= OPTIM_F16; ++dtype) {
        scene_t s;
        open_scene(&s, dtype);
        CHECK_OK(optim_set_bounds(s.opt, 0, s.lower, s.upper));
        for (int i = 0; i < N; i += 599) {
            put(&s, i, 1, 0.5);
            CHECK_REFUSED(optim_set_bounds(s.opt, 0, s.lower, s.upper), OPTIM_ERR_ARGUMENT,
                          i == 0 ? "\"w\" at element 0 are 1 and 0.5" : "\"w\" at element 599 are 1 and 0.5");
            put(&s, i, (double)NAN, 1);
            CHECK_REFUSED(optim_set_bounds(s.opt, 0, s.lower, NULL), OPTIM_ERR_ARGUMENT, i == 0 ? "0" : "599");
            CHECK_OK(optim_set_bounds(s.opt, 0, NULL, s.upper));
            put(&s, i, 1, (double)NAN);
            CHECK_REFUSED(optim_set_bounds(s.opt, 0, NULL, s.upper), OPTIM_ERR_ARGUMENT, i == 0 ? "0" : "599");
            put(&s, i, -(double)INFINITY, (double)INFINITY);
            CHECK_OK(optim_set_bounds(s.opt, 0, s.lower, s.upper));
        }
        CHECK_OK(optim_step(s.opt));
        assert_true(element_read(dtype, s.p, 0) == -4 && element_read(dtype, s.p, 1) == -1);
        optim_destroy(s.opt);
    }
}

/* The box before it stays. */
static void a_refusal_changes_nothing(void **state) {
    (void)state;
    scene_t s;
    open_scene(&s, OPTIM_F64);
    static const double HIGH[N] = {2}; /* the others 0 */
    CHECK_OK(optim_set_bounds(s.opt, 0, s.lower, NULL));
    CHECK_REFUSED(optim_set_bounds(s.opt, 0, HIGH, s.upper), OPTIM_ERR_ARGUMENT, "lower");
    CHECK_OK(optim_step(s.opt));
    for (int i = 0; i < N; ++i)
        assert_true(s.p[i] == -1);
    optim_destroy(s.opt);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_boxes),
        cmocka_unit_test(a_refusal_changes_nothing),
    };
    return cmocka_run_group_tests_name("bounds", tests, NULL, NULL);
}
