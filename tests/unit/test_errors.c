/*
 * Wrong arguments through the public API: every status, the offender in the sentence, and the handle usable and
 * unchanged afterwards. Options have test_option_errors.c, calls out of order test_order_errors.c.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "plain_handle.h"

/* ---- NULL ---- */

static void test_null_handle(void **state) {
    (void)state;
    double number = 0;
    const void *in;
    void *out;
    optim_request request = {.size = sizeof request};
    optim_problem problem = {.size = sizeof problem};
    optim_stop stop = {.size = sizeof stop, .steps = 1};
    CHECK_STATUS(optim_add_group(NULL, NULL, NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_add_param(NULL, 0, "x", OPTIM_F64, 0, NULL, &number, &number), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_bind(NULL, 0, &number, &number), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_set_grad_dtype(NULL, 0, OPTIM_F32), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_set_bounds(NULL, 0, NULL, NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_set_threads(NULL, 1), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_step(NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_set_loss(NULL, 1), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_zero_grad(NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_request_info(NULL, &request), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_hvp_vector(NULL, 0, &in), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_hvp_result(NULL, 0, &out), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_cancel(NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_reset(NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_set(NULL, 0, "lr", 1), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_get(NULL, 0, "lr", &number), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_wrap(NULL, "ema", NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_set_schedule(NULL, 0, "lr", "constant", NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_output(NULL, 0, &number), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_swap_output(NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_memory(NULL, NULL, NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_minimize(NULL, &problem, &stop, NULL), OPTIM_ERR_NULL);
    assert_int_equal(optim_wants_gradient(NULL), 0);
    assert_int_equal(optim_steps(NULL), 0);
    assert_int_equal(optim_skipped(NULL), 0);
    optim_destroy(NULL);
}

static void test_null_arguments(void **state) {
    (void)state;
    handle_t s;
    optim_t *opt = (optim_t *)&s;
    CHECK_STATUS(optim_create(NULL, "sgd", NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_create(&opt, NULL, NULL), OPTIM_ERR_NULL);
    assert_null(opt);
    handle_open(&s);
    optim_stop stop = {.size = sizeof stop, .steps = 1};
    optim_problem problem = {.size = sizeof problem};
    CHECK_REFUSED(optim_add_param(s.opt, 0, "z", OPTIM_F64, 1, NULL, s.x, s.g), OPTIM_ERR_NULL, "dims");
    CHECK_REFUSED(optim_add_param(s.opt, 0, "z", OPTIM_F64, 1, (int64_t[]){2}, NULL, s.g), OPTIM_ERR_NULL, "data");
    CHECK_REFUSED(optim_bind(s.opt, 1, NULL, s.g), OPTIM_ERR_NULL, "data");
    CHECK_STATUS(optim_request_info(s.opt, NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_set(s.opt, 0, NULL, 1), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_get(s.opt, 0, "lr", NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_get(s.opt, 0, NULL, &s.y[0]), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_wrap(s.opt, NULL, NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_set_schedule(s.opt, 0, NULL, "constant", NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_output(s.opt, 0, NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_minimize(s.opt, NULL, &stop, NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_minimize(s.opt, &problem, NULL, NULL), OPTIM_ERR_NULL);
    CHECK_STATUS(optim_minimize(s.opt, &problem, &stop, NULL), OPTIM_ERR_NULL); /* no gradient callback */
    handle_close(&s);
}

/* ---- Ids, dtypes, counts, struct sizes ---- */

static void test_arguments(void **state) {
    (void)state;
    handle_t s;
    double value;
    handle_open(&s);
    const int64_t dims[] = {2};
    CHECK_REFUSED(optim_add_param(s.opt, 1, "z", OPTIM_F64, 1, dims, s.x, s.g), OPTIM_ERR_ARGUMENT, "1");
    CHECK_REFUSED(optim_add_param(s.opt, -1, "z", OPTIM_F64, 1, dims, s.x, s.g), OPTIM_ERR_ARGUMENT, "-1");
    CHECK_REFUSED(optim_add_param(s.opt, 0, "z", 4, 1, dims, s.x, s.g), OPTIM_ERR_ARGUMENT, "4");
    CHECK_REFUSED(optim_add_param(s.opt, 0, "z", -1, 1, dims, s.x, s.g), OPTIM_ERR_ARGUMENT, "-1");
    CHECK_REFUSED(optim_bind(s.opt, 2, s.x, s.g), OPTIM_ERR_ARGUMENT, "2");
    CHECK_REFUSED(optim_bind(s.opt, -1, s.x, s.g), OPTIM_ERR_ARGUMENT, "-1");
    CHECK_REFUSED(optim_set_grad_dtype(s.opt, 7, OPTIM_F32), OPTIM_ERR_ARGUMENT, "7");
    CHECK_REFUSED(optim_set_grad_dtype(s.opt, 0, 99), OPTIM_ERR_ARGUMENT, "99");
    CHECK_REFUSED(optim_set_bounds(s.opt, 5, NULL, NULL), OPTIM_ERR_ARGUMENT, "5");
    CHECK_REFUSED(optim_set_threads(s.opt, 0), OPTIM_ERR_ARGUMENT, "0");
    CHECK_REFUSED(optim_set_threads(s.opt, -3), OPTIM_ERR_ARGUMENT, "-3");
    CHECK_REFUSED(optim_set(s.opt, 3, "lr", 1), OPTIM_ERR_ARGUMENT, "3");
    CHECK_REFUSED(optim_set(s.opt, -2, "lr", 1), OPTIM_ERR_ARGUMENT, "-2");
    CHECK_REFUSED(optim_get(s.opt, 3, "lr", &value), OPTIM_ERR_ARGUMENT, "3");
    CHECK_REFUSED(optim_set_schedule(s.opt, 9, "lr", "constant", NULL), OPTIM_ERR_ARGUMENT, "9");
    CHECK_REFUSED(optim_output(s.opt, 2, s.y), OPTIM_ERR_ARGUMENT, "2");
    CHECK_OK(optim_get(s.opt, -1, "lr", &value));
    assert_true(value == 0.25);
    handle_close(&s);
}

static void test_request_sizes(void **state) {
    (void)state;
    handle_t s;
    handle_open(&s);
    optim_request request;
    memset(&request, 0x5A, sizeof request);
    request.size = 0;
    CHECK_STATUS(optim_request_info(s.opt, &request), OPTIM_ERR_ARGUMENT);
    request.size = offsetof(optim_request, sample);
    CHECK_OK(optim_request_info(s.opt, &request));
    assert_int_equal(request.kind, 0);
    assert_int_equal(request.sample, 0x5A5A5A5A);
    struct {
        optim_request known;
        int64_t tail;
    } longer;
    memset(&longer, 0, sizeof longer);
    longer.known.size = sizeof longer;
    CHECK_OK(optim_request_info(s.opt, &longer.known));
    longer.tail = 1;
    CHECK_STATUS(optim_request_info(s.opt, &longer.known), OPTIM_ERR_ARGUMENT);
    handle_close(&s);
}

/* ---- Names ---- */

static void test_names(void **state) {
    (void)state;
    handle_t s;
    optim_t *opt;
    CHECK_REFUSED(optim_create(&opt, "adamww", NULL), OPTIM_ERR_NAME, "adamww");
    assert_null(opt);
    assert_non_null(strstr(optim_error(), "adamw,")); /* the nearest or all that there are */
    CHECK_REFUSED(optim_create(&opt, "", NULL), OPTIM_ERR_NAME, "\"\"");
    CHECK_REFUSED(optim_create(&opt, "SGD", NULL), OPTIM_ERR_NAME, "SGD");
    handle_open(&s);
    CHECK_REFUSED(optim_add_group(s.opt, "algorithm=no_such", NULL), OPTIM_ERR_NAME, "no_such");
    CHECK_REFUSED(optim_add_group(s.opt, "lr=1,algorithm=", NULL), OPTIM_ERR_NAME, "\"\"");
    CHECK_REFUSED(optim_wrap(s.opt, "no_such", NULL), OPTIM_ERR_NAME, "no_such");
    assert_non_null(strstr(optim_error(), optim_wrapper_name(0)));
    CHECK_REFUSED(optim_set_schedule(s.opt, 0, "lr", "no_such", NULL), OPTIM_ERR_NAME, "no_such");
    assert_non_null(strstr(optim_error(), optim_schedule_name(0)));
    CHECK_REFUSED(optim_set_schedule(s.opt, 0, "lr", "chain", "children=no_such"), OPTIM_ERR_NAME, "no_such");
    handle_close(&s);
}

/* A name of another kind is known, and whom to give it to. */
static void test_names_of_another_kind(void **state) {
    (void)state;
    handle_t s;
    optim_t *opt;
    optim_description about = {.size = sizeof about};
    CHECK_REFUSED(optim_create(&opt, "sam", NULL), OPTIM_ERR_NAME,
                  "no algorithm is called \"sam\" (\"sam\" is the name of a wrapper, for optim_wrap); there are: ");
    CHECK_REFUSED(optim_create(&opt, "Look-Ahead", NULL), OPTIM_ERR_NAME,
                  "(\"lookahead\" is the name of a wrapper, for optim_wrap)");
    CHECK_REFUSED(optim_create(&opt, "cosine", NULL), OPTIM_ERR_NAME,
                  "(\"cosine\" is the name of a schedule, for optim_set_schedule)");
    CHECK_REFUSED(optim_describe(OPTIM_ALGORITHM, "ema", &about), OPTIM_ERR_NAME, "\"ema\" is the name of a wrapper");
    CHECK_REFUSED(optim_create(&opt, "adamm", NULL), OPTIM_ERR_NAME, "(did you mean \"adam\""); /* as ever */
    handle_open(&s);
    CHECK_REFUSED(optim_add_group(s.opt, "algorithm=swa", NULL), OPTIM_ERR_NAME, "\"swa\" is the name of a wrapper");
    CHECK_REFUSED(optim_wrap(s.opt, "adamw", NULL), OPTIM_ERR_NAME,
                  "(\"adamw\" is the name of an algorithm, for optim_create)");
    CHECK_REFUSED(optim_wrap(s.opt, "onecycle", NULL), OPTIM_ERR_NAME, "\"onecycle\" is the name of a schedule");
    CHECK_REFUSED(optim_set_schedule(s.opt, 0, "lr", "sam", NULL), OPTIM_ERR_NAME, "\"sam\" is the name of a wrapper");
    CHECK_REFUSED(optim_set_schedule(s.opt, 0, "lr", "chain", "children=linear();lion"), OPTIM_ERR_NAME,
                  "\"lion\" is the name of an algorithm");
    handle_close(&s);
}

/* ---- Duplicates ---- */

static void test_duplicates(void **state) {
    (void)state;
    handle_t s;
    const int64_t two = 2;
    handle_open(&s);
    CHECK_REFUSED(optim_add_param(s.opt, 0, "y", OPTIM_F64, 1, &two, s.x, s.g), OPTIM_ERR_DUPLICATE, "y");
    CHECK_OK(optim_wrap(s.opt, "ema", "decay=0.75"));
    CHECK_REFUSED(optim_wrap(s.opt, "ema", "decay=0.5"), OPTIM_ERR_DUPLICATE, "ema");
    double decay;
    CHECK_OK(optim_get(s.opt, 0, "ema.decay", &decay));
    assert_true(decay == 0.75);
    handle_close(&s);
}

/* A parameter without a name gets one from its id, and that is taken too. */
static void test_given_names(void **state) {
    (void)state;
    handle_t s;
    double z[2] = {0}, k[2] = {0};
    const int64_t two = 2;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "sgd", NULL));
    CHECK_OK(optim_add_param(opt, 0, NULL, OPTIM_F64, 1, &two, z, k));
    CHECK_REFUSED(optim_add_param(opt, 0, "param0", OPTIM_F64, 1, &two, z, k), OPTIM_ERR_DUPLICATE, "param0");
    CHECK_OK(optim_add_param(opt, 0, NULL, OPTIM_F64, 1, &two, z, k));
    optim_destroy(opt);
    handle_open(&s);
    CHECK_REFUSED(optim_add_param(s.opt, 0, "x", OPTIM_F64, 1, &two, s.x, s.g), OPTIM_ERR_DUPLICATE, "x");
    handle_close(&s);
}

/* ---- Shapes and sizes ---- */

static void test_shapes(void **state) {
    (void)state;
    handle_t s;
    handle_open(&s);
    CHECK_REFUSED(optim_add_param(s.opt, 0, "z", OPTIM_F64, -1, (int64_t[]){2}, s.x, s.g), OPTIM_ERR_SHAPE, "z");
    CHECK_REFUSED(optim_add_param(s.opt, 0, "z", OPTIM_F64, 1, (int64_t[]){-1}, s.x, s.g), OPTIM_ERR_SHAPE, "z");
    CHECK_REFUSED(optim_add_param(s.opt, 0, "z", OPTIM_F64, 2, (int64_t[]){2, INT64_MIN}, s.x, s.g), OPTIM_ERR_SHAPE,
                  "z");
    CHECK_REFUSED(optim_add_param(s.opt, 0, "z", OPTIM_F64, 2, (int64_t[]){0, -1}, s.x, s.g), OPTIM_ERR_SHAPE, "z");
    CHECK_REFUSED(optim_add_param(s.opt, 0, "z", OPTIM_F64, 2, (int64_t[]){INT64_MAX, 2}, s.x, s.g), OPTIM_ERR_SIZE,
                  "z");
    CHECK_REFUSED(optim_add_param(s.opt, 0, "z", OPTIM_F64, 3, (int64_t[]){1LL << 22, 1LL << 22, 1LL << 22}, s.x, s.g),
                  OPTIM_ERR_SIZE, "z");
    CHECK_REFUSED(optim_add_param(s.opt, 0, "z", OPTIM_F64, 1, (int64_t[]){INT64_MAX / 4}, s.x, s.g), OPTIM_ERR_SIZE,
                  "z");
    handle_close(&s);
}

/* Where one dimension is 0 the others do not matter: it has no elements, and steps. */
static void test_empty_shapes(void **state) {
    static const int64_t SHAPES[][4] = {
        {0, 0, 0, 0}, {1LL << 40, 1LL << 40, 0, 3},         {0, INT64_MAX, INT64_MAX, INT64_MAX},
        {3, 5, 7, 0}, {INT64_MAX, 0, INT64_MAX, 1LL << 40}, {1LL << 40, 1, 1, 0},
    };
    (void)state;
    for (size_t i = 0; i < optim_algorithm_count(); ++i) {
        optim_t *opt;
        double x[2] = {1, 2}, g[2] = {0.5, 0.25};
        size_t size;
        CHECK_OK(optim_create(&opt, optim_algorithm_name(i), NULL));
        CHECK_OK(optim_set_components(opt, 3));
        (void)optim_set_constraints(opt, 1, 0); /* refused where the method has none */
        CHECK_OK(optim_set_residuals(opt, 2));
        CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 1, (int64_t[]){2}, x, g));
        for (size_t k = 0; k < sizeof SHAPES / sizeof *SHAPES; ++k)
            CHECK_OK(optim_add_param(opt, 0, NULL, k % 2 == 0 ? OPTIM_F32 : OPTIM_F64, 4, SHAPES[k], NULL, NULL));
        optim_description found = {.size = sizeof found};
        CHECK_OK(optim_describe(OPTIM_ALGORITHM, optim_algorithm_name(i), &found));
        if ((found.needs & OPTIM_NEEDS_PARTICLES) != 0) {
            CHECK_REFUSED(optim_memory(opt, &size, NULL), OPTIM_ERR_SHAPE, "particles"); /* not 3 rows */
            optim_destroy(opt);
            continue;
        }
        if (optim_memory(opt, &size, NULL) == OPTIM_ERR_SHAPE) { /* too long for the method, it says */
            optim_destroy(opt);
            continue;
        }
        CHECK_OK(optim_memory(opt, &size, NULL));
        CHECK_OK(optim_set_loss(opt, 1));
        const optim_status status = optim_step(opt);
        const int lacks_input = ((found.needs & OPTIM_NEEDS_INPUTS) != 0 && status == OPTIM_ERR_ORDER) ||
                                (status == OPTIM_ERR_SHAPE && strstr(optim_error(), "input") != NULL);
        if (status < OPTIM_OK && status != OPTIM_ERR_DOMAIN && !lacks_input)
            fail_msg("%s: %d, %s", optim_algorithm_name(i), status, optim_error());
        if (status == OPTIM_OK) {
            void *bytes = check_serialized(opt, &size);
            CHECK_OK(optim_deserialize(opt, bytes, size));
            free(bytes);
        }
        optim_destroy(opt);
    }
}

/* Sizes that fit alone but not together, and states that would not fit: known before the first step. */
static void test_sizes_together(void **state) {
    (void)state;
    const int64_t huge = INT64_MAX / 16;
    double x = 0, g = 0;
    size_t bytes;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "adam", NULL));
    optim_status status = OPTIM_OK;
    for (int i = 0; i < 8 && status == OPTIM_OK; ++i)
        status = optim_add_param(opt, 0, NULL, OPTIM_F32, 1, &huge, &x, &g);
    if (status == OPTIM_OK)
        status = optim_memory(opt, &bytes, NULL);
    CHECK_STATUS(status, OPTIM_ERR_SIZE);
    assert_string_not_equal(optim_error(), "");
    optim_destroy(opt);
}

/* ---- Words ---- */

static void test_words(void **state) {
    (void)state;
    static const optim_status STATUSES[] = {
        OPTIM_OK,           OPTIM_EVAL_GRAD,    OPTIM_EVAL_LOSS,  OPTIM_EVAL_HVP,      OPTIM_ERR_NULL,
        OPTIM_ERR_ARGUMENT, OPTIM_ERR_NAME,     OPTIM_ERR_OPTION, OPTIM_ERR_VALUE,     OPTIM_ERR_DUPLICATE,
        OPTIM_ERR_SHAPE,    OPTIM_ERR_MISMATCH, OPTIM_ERR_ORDER,  OPTIM_ERR_OPEN,      OPTIM_ERR_SWAPPED,
        OPTIM_ERR_CLOSED,   OPTIM_ERR_LOSS,     OPTIM_ERR_DOMAIN, OPTIM_ERR_NONFINITE, OPTIM_ERR_LINE_SEARCH,
        OPTIM_ERR_NOMEM,    OPTIM_ERR_SIZE};
    const char *unknown = optim_strerror(-12345);
    for (size_t i = 0; i < sizeof STATUSES / sizeof *STATUSES; ++i) {
        assert_string_not_equal(optim_strerror(STATUSES[i]), "");
        assert_string_not_equal(optim_strerror(STATUSES[i]), unknown);
        for (size_t k = 0; k < i; ++k)
            assert_string_not_equal(optim_strerror(STATUSES[i]), optim_strerror(STATUSES[k]));
    }
    char *version = check_text("%d.%d.%d", OPTIM_VERSION_MAJOR, OPTIM_VERSION_MINOR, OPTIM_VERSION_PATCH);
    assert_string_equal(optim_version(), version);
    free(version);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_null_handle),    cmocka_unit_test(test_null_arguments),
        cmocka_unit_test(test_arguments),      cmocka_unit_test(test_request_sizes),
        cmocka_unit_test(test_names),          cmocka_unit_test(test_names_of_another_kind),
        cmocka_unit_test(test_duplicates),     cmocka_unit_test(test_empty_shapes),
        cmocka_unit_test(test_given_names),    cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_sizes_together), cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
