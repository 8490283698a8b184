/* Versions, and structs whose `size` says that the caller was compiled against another version of the header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <optim/optim.h>

static double w[2], gradient[2];

/* An optimizer whose first step stands still at its second evaluation. */
static int open_request(void **state) {
    optim_t *opt;
    const int64_t dims[] = {2};
    assert_int_equal(optim_create(&opt, "extragradient", "lr=0.1"), OPTIM_OK);
    w[0] = w[1] = gradient[0] = gradient[1] = 1;
    assert_int_equal(optim_add_param(opt, 0, "w", OPTIM_F64, 1, dims, w, gradient), OPTIM_OK);
    assert_int_equal(optim_step(opt), OPTIM_EVAL_GRAD);
    *state = opt;
    return 0;
}

static int close_request(void **state) {
    optim_destroy(*state);
    return 0;
}

static void version_is_the_same_everywhere(void **state) {
    (void)state;
    char header[32];
    (void)snprintf(header, sizeof header, "%d.%d.%d", OPTIM_VERSION_MAJOR, OPTIM_VERSION_MINOR, OPTIM_VERSION_PATCH);
    assert_string_equal(optim_version(), header);
    assert_string_equal(optim_version(), PACKAGE_VERSION);
}

static void request_of_this_version(void **state) {
    optim_request request = {.size = sizeof request};
    assert_int_equal(optim_request_info(*state, &request), OPTIM_OK);
    assert_int_equal(request.size, sizeof request);
    assert_int_equal(request.kind, OPTIM_EVAL_GRAD);
    assert_int_equal(request.objective, 0);
    assert_int_equal(request.component, -1);
    assert_int_equal(request.evaluation, 2);
}

/* Every length an older header may have had: what lies inside is filled as now, what lies behind is left alone. */
static void request_of_an_older_version(void **state) {
    optim_request whole = {.size = sizeof whole};
    assert_int_equal(optim_request_info(*state, &whole), OPTIM_OK);
    const size_t lengths[] = {
        offsetof(optim_request, sample),    offsetof(optim_request, objective),  offsetof(optim_request, needs_loss),
        offsetof(optim_request, component), offsetof(optim_request, evaluation),
    };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; ++i) {
        optim_request request;
        unsigned char untouched[sizeof request];
        memset(&request, 0xA5, sizeof request);
        memset(untouched, 0xA5, sizeof untouched);
        request.size = lengths[i];
        assert_int_equal(optim_request_info(*state, &request), OPTIM_OK);
        assert_int_equal(request.size, lengths[i]);
        const size_t filled = lengths[i] - sizeof(size_t);
        assert_memory_equal((char *)&request + sizeof(size_t), (char *)&whole + sizeof(size_t), filled);
        assert_memory_equal((char *)&request + lengths[i], untouched, sizeof request - lengths[i]);
    }
}

static void request_of_a_newer_version(void **state) {
    struct {
        optim_request known;
        int64_t news[3];
    } request = {.known.size = sizeof request};
    assert_int_equal(optim_request_info(*state, &request.known), OPTIM_OK);
    assert_int_equal(request.known.kind, OPTIM_EVAL_GRAD);

    memset(&request, 0, sizeof request);
    request.known.size = sizeof request;
    request.news[2] = 1;
    assert_int_equal(optim_request_info(*state, &request.known), OPTIM_ERR_ARGUMENT);
    assert_non_null(strstr(optim_error(), "newer version"));
    assert_int_equal(request.known.kind, 0);
}

/* Members that came later are not written; whoever knows of them and asks an older library finds them zero. */
static void description_of_an_older_version(void **state) {
    (void)state;
    optim_option option = {.size = offsetof(optim_option, kind), .kind = -7, .highest = 5};
    assert_int_equal(optim_describe_option(OPTIM_ALGORITHM, "adamw", 0, &option), OPTIM_OK);
    assert_string_equal(option.name, "lr");
    assert_int_equal(option.kind, -7);
    assert_true(option.highest == 5);
    optim_description description = {.size = offsetof(optim_description, family)};
    assert_int_equal(optim_describe(OPTIM_ALGORITHM, "adamw", &description), OPTIM_OK);
    assert_string_equal(description.name, "adamw");
    assert_null(description.family);
}

static void struct_without_a_size_is_refused(void **state) {
    optim_request request = {.size = 0};
    optim_stop stop = {.size = 0};
    optim_problem problem = {.size = 0};
    optim_description description = {.size = 0};
    assert_int_equal(optim_request_info(*state, &request), OPTIM_ERR_ARGUMENT);
    assert_int_equal(optim_describe(OPTIM_ALGORITHM, "adamw", &description), OPTIM_ERR_ARGUMENT);
    assert_int_equal(optim_cancel(*state), OPTIM_OK);
    assert_int_equal(optim_minimize(*state, &problem, &stop, NULL), OPTIM_ERR_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_is_the_same_everywhere),
        cmocka_unit_test_setup_teardown(request_of_this_version, open_request, close_request),
        cmocka_unit_test_setup_teardown(request_of_an_older_version, open_request, close_request),
        cmocka_unit_test_setup_teardown(request_of_a_newer_version, open_request, close_request),
        cmocka_unit_test(description_of_an_older_version),
        cmocka_unit_test_setup_teardown(struct_without_a_size_is_refused, open_request, close_request),
    };
    return cmocka_run_group_tests_name("abi", tests, NULL, NULL);
}
