/* A header that lies about sizes is refused for that very reason, before anything is read by it. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

typedef struct serialized {
    optim_t *opt;
    double x[3], g[3];
    char *bytes;
    size_t size;
} serialized_t;

/* sgd with momentum after a step; its state. */
static void open_state(serialized_t *s) {
    const int64_t dims[] = {3};
    *s = (serialized_t){.x = {1, 2, 3}, .g = {1, 1, 1}};
    CHECK_OK(optim_create(&s->opt, "sgd", "momentum=0.5"));
    CHECK_OK(optim_add_param(s->opt, 0, "x", OPTIM_F64, 1, dims, s->x, s->g));
    CHECK_OK(optim_step(s->opt));
    s->bytes = check_serialized(s->opt, &s->size);
}

static void close_state(serialized_t *s) {
    optim_destroy(s->opt);
    free(s->bytes);
}

static void write_length(serialized_t *s, uint64_t length) {
    for (int i = 0; i < 8; ++i)
        s->bytes[i] = (char)(unsigned char)(length >> (8 * i));
}

static void header_longer_than_the_file(void **state) {
    serialized_t s;
    (void)state;
    open_state(&s);
    for (uint64_t more = 1; more <= 16; ++more) {
        write_length(&s, s.size - 8 + more);
        CHECK_REFUSED(optim_deserialize(s.opt, s.bytes, s.size), OPTIM_ERR_FORMAT, "header is longer");
    }
    write_length(&s, UINT64_MAX);
    CHECK_REFUSED(optim_deserialize(s.opt, s.bytes, s.size), OPTIM_ERR_FORMAT, "header is longer");
    close_state(&s);
}

/* The last digit of an array's end. */
static char *last_digit(const serialized_t *s) {
    static const char KEY[] = "\"data_offsets\":[";
    for (char *at = s->bytes; at < s->bytes + s->size - sizeof KEY; ++at)
        if (memcmp(at, KEY, sizeof KEY - 1) == 0) {
            at = strchr(at + sizeof KEY, ']');
            assert_true(at != NULL && isdigit((unsigned char)at[-1]));
            return at - 1;
        }
    fail_msg("no data_offsets");
    return NULL;
}

static void array_of_another_size_than_its_shape(void **state) {
    serialized_t s;
    (void)state;
    open_state(&s);
    char *digit = last_digit(&s);
    const char right = *digit;
    for (char wrong = '0'; wrong <= '9'; ++wrong) {
        *digit = wrong;
        if (wrong != right)
            CHECK_REFUSED(optim_deserialize(s.opt, s.bytes, s.size), OPTIM_ERR_FORMAT, "data_offsets");
    }
    *digit = right;
    CHECK_OK(optim_deserialize(s.opt, s.bytes, s.size));
    close_state(&s);
}

/* 2^32 + 3: the array's 3 elements, for whoever keeps 32 bits of it. */
static void dimension_beyond_a_narrow_size(void **state) {
    static const char SHAPE[] = "\"shape\":[3]", WIDE[] = "\"shape\":[4294967299]";
    enum { MORE = 16 }; /* behind it, spaces */
    serialized_t s, wide;
    (void)state;
    open_state(&s);
    size_t at = 0;
    while (memcmp(s.bytes + at, SHAPE, sizeof SHAPE - 1) != 0)
        ++at;
    const size_t rest = at + sizeof SHAPE - 1, header_end = s.size - sizeof s.x;
    wide.bytes = check_memory(s.size + MORE, 1);
    memset(wide.bytes, ' ', header_end + MORE);
    memcpy(wide.bytes, s.bytes, at);
    memcpy(wide.bytes + at, WIDE, sizeof WIDE - 1);
    memcpy(wide.bytes + at + sizeof WIDE - 1, s.bytes + rest, header_end - rest);
    memcpy(wide.bytes + header_end + MORE, s.bytes + header_end, sizeof s.x);
    write_length(&wide, header_end + MORE - 8);
    CHECK_REFUSED(optim_deserialize(s.opt, wide.bytes, s.size + MORE), OPTIM_ERR_FORMAT,
                  sizeof(size_t) == 4 ? "no valid shape" : "data_offsets");
    free(wide.bytes);
    close_state(&s);
}

/* Whatever its other dimensions are; on any machine. */
static void array_without_elements(void **state) {
    static const int64_t DIMS[] = {INT64_C(1) << 40, INT64_C(1) << 40, 0};
    double x = 1, g = 1;
    size_t size;
    optim_t *opt[2];
    (void)state;
    for (int i = 0; i < 2; ++i) {
        CHECK_OK(optim_create(&opt[i], "sgd", "momentum=0.5"));
        CHECK_OK(optim_add_param(opt[i], 0, "x", OPTIM_F64, 0, NULL, &x, &g));
        CHECK_OK(optim_add_param(opt[i], 0, "none", OPTIM_F32, 3, DIMS, NULL, NULL));
        CHECK_OK(optim_add_param(opt[i], 0, "too", OPTIM_F64, 3, DIMS, &x, &g)); /* never written to */
        x = g = 1;
    }
    CHECK_OK(optim_step(opt[0]));
    char *bytes = check_serialized(opt[0], &size);
    CHECK_OK(optim_deserialize(opt[1], bytes, size));
    assert_true(optim_steps(opt[1]) == 1);
    free(bytes);
    optim_destroy(opt[0]);
    optim_destroy(opt[1]);
}

/* The last byte is the array's. */
static void array_with_another_bit(void **state) {
    serialized_t s;
    (void)state;
    open_state(&s);
    s.bytes[s.size - 1] ^= 1;
    CHECK_REFUSED(optim_deserialize(s.opt, s.bytes, s.size), OPTIM_ERR_FORMAT, "checksum of array");
    close_state(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_longer_than_the_file),    cmocka_unit_test(array_of_another_size_than_its_shape),
        cmocka_unit_test(dimension_beyond_a_narrow_size), cmocka_unit_test(array_without_elements),
        cmocka_unit_test(array_with_another_bit),
    };
    return cmocka_run_group_tests_name("header", tests, NULL, NULL);
}
