/* Exact numbers for what the engine does to a gradient, and the edges of optim_describe. */
#include <math.h>
#include <string.h>

#include "checks.h"
#include "element.h"

/* One step of sgd with lr 1 on two tensors, gradient {3, -0.25} and {4}: where the parameters go from 0. */
static void move(const char *options, optim_dtype dtype, double moved[3]) {
    unsigned char data[2][16] = {{0}}, grad[2][16];
    element_write(dtype, grad[0], 0, 3);
    element_write(dtype, grad[0], 1, -0.25);
    element_write(dtype, grad[1], 0, 4);
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", options));
    CHECK_OK(optim_add_param(opt, 0, "a", dtype, 1, (int64_t[]){2}, data[0], grad[0]));
    CHECK_OK(optim_add_param(opt, 0, "b", dtype, 1, (int64_t[]){1}, data[1], grad[1]));
    CHECK_OK(optim_step(opt));
    moved[0] = element_read(dtype, data[0], 0);
    moved[1] = element_read(dtype, data[0], 1);
    moved[2] = element_read(dtype, data[1], 0);
    optim_destroy(opt);
}

static void check_move(const char *options, double a, double b, double c) {
    double moved[3];
    move(options, OPTIM_F64, moved);
    CHECK_CLOSE(moved[0], a, 1e-15);
    CHECK_CLOSE(moved[1], b, 1e-15);
    CHECK_CLOSE(moved[2], c, 1e-15);
    move(options, OPTIM_F32, moved);
    CHECK_CLOSE(moved[0], a, 1e-6);
    CHECK_CLOSE(moved[1], b, 1e-6);
    CHECK_CLOSE(moved[2], c, 1e-6);
    move(options, OPTIM_F16, moved);
    CHECK_CLOSE(moved[0], a, 1e-3);
    CHECK_CLOSE(moved[1], b, 1e-3);
    CHECK_CLOSE(moved[2], c, 1e-3);
}

void check_clip_value(void **state) {
    (void)state;
    check_move("lr=1", -3, 0.25, -4);
    check_move("lr=1,clip_value=0.5", -0.5, 0.25, -0.5);
    check_move("lr=1,clip_value=3.5", -3, 0.25, -3.5);
    check_move("lr=1,clip_value=100", -3, 0.25, -4);
    check_move("lr=1,clip_value=0.5,grad_scale=0.125", -0.375, 0.03125, -0.5);
    check_move("lr=1,clip_value=0.5,maximize=1", 0.5, -0.25, 0.5);
}

/* |g| = sqrt(3^2 + 0.25^2 + 4^2); the norm runs over all tensors. */
void check_clip_norm(void **state) {
    (void)state;
    const double norm = sqrt(25.0625);
    check_move("lr=1,clip_norm=1", -3 / norm, 0.25 / norm, -4 / norm);
    check_move("lr=1,clip_norm=2.5", -7.5 / norm, 0.625 / norm, -10 / norm);
    check_move("lr=1,clip_norm=10", -3, 0.25, -4);
    check_move("lr=1,clip_norm=1,grad_scale=0.125", -0.375 / fmax(1, norm / 8), 0.03125, -0.5);
    check_move("lr=1,clip_norm=1,grad_scale=8", -3 / norm, 0.25 / norm, -4 / norm);
    check_move("lr=1,clip_norm=1,maximize=1", 3 / norm, -0.25 / norm, 4 / norm);
}

/* A skipped step does not move the clock of a schedule. */
void check_skip_and_schedule(void **state) {
    (void)state;
    double x = 0, g = 1, lr;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", "lr=1,nonfinite=skip"));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
    CHECK_OK(optim_set_schedule(opt, 0, "lr", "exponential", "gamma=0.5"));
    CHECK_OK(optim_step(opt));
    g = (double)NAN;
    CHECK_OK(optim_step(opt));
    CHECK_OK(optim_step(opt));
    assert_int_equal(optim_skipped(opt), 2);
    CHECK_OK(optim_get(opt, 0, "lr", &lr));
    assert_true(lr == 0.5 && x == -1);
    g = 1;
    CHECK_OK(optim_step(opt));
    assert_true(x == -1.5);
    CHECK_OK(optim_reset(opt));
    assert_int_equal(optim_skipped(opt), 0);
    CHECK_OK(optim_get(opt, 0, "lr", &lr));
    assert_true(lr == 1);
    optim_destroy(opt);
}

static void check_sizes_of_description(void) {
    optim_description description = {.size = sizeof description};
    struct {
        optim_description known;
        size_t tail;
    } longer = {{.size = sizeof longer}, 0};
    CHECK_OK(optim_describe(OPTIM_ALGORITHM, "sgd", &longer.known));
    assert_string_equal(longer.known.name, "sgd");
    longer.tail = 1;
    CHECK_STATUS(optim_describe(OPTIM_ALGORITHM, "sgd", &longer.known), OPTIM_ERR_ARGUMENT);
    memset(&description, 0x5A, sizeof description);
    description.size = offsetof(optim_description, purpose);
    CHECK_OK(optim_describe(OPTIM_ALGORITHM, "sgd", &description));
    assert_string_equal(description.name, "sgd");
    const unsigned char *after = (const unsigned char *)&description + description.size;
    for (size_t i = 0; i < sizeof description - description.size; ++i)
        assert_int_equal(after[i], 0x5A);
    description.size = 0;
    CHECK_STATUS(optim_describe(OPTIM_ALGORITHM, "sgd", &description), OPTIM_ERR_ARGUMENT);
}

void check_describe_errors(void **state) {
    (void)state;
    optim_description description = {.size = sizeof description};
    optim_option option = {.size = sizeof option};
    optim_state_info info = {.size = sizeof info};
    CHECK_STATUS(optim_describe(OPTIM_ALGORITHM, NULL, &description), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_describe(OPTIM_ALGORITHM, "sgd", NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_describe_option(OPTIM_ALGORITHM, "sgd", 0, NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_describe_state(OPTIM_ALGORITHM, "sgd", 0, NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_describe(7, "sgd", &description), OPTIM_ERR_ARGUMENT);
    CHECK_STATUS(optim_describe(-1, "sgd", &description), OPTIM_ERR_ARGUMENT);
    for (int kind = OPTIM_ALGORITHM; kind <= OPTIM_ENGINE; ++kind) {
        CHECK_REFUSED(optim_describe(kind, "no_such_name", &description), OPTIM_ERR_NAME, "no_such_name");
        CHECK_REFUSED(optim_describe_option(kind, "no_such_name", 0, &option), OPTIM_ERR_NAME, "no_such_name");
        CHECK_REFUSED(optim_describe_state(kind, "no_such_name", 0, &info), OPTIM_ERR_NAME, "no_such_name");
    }
    assert_null(optim_algorithm_name(optim_algorithm_count()));
    assert_null(optim_wrapper_name(optim_wrapper_count()));
    assert_null(optim_schedule_name(optim_schedule_count()));
    assert_null(optim_algorithm_name(SIZE_MAX));
    check_sizes_of_description();
}
