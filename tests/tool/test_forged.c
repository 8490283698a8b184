/* gradopt inspect on checkpoints as no program of ours writes them, with checksums that are right all the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "tamper.h"

/* The state of one step of adamw, with its first `from` replaced by `to`, in a new file. */
static void write_forged(char *path, const char *from, const char *to) {
    double x = 1, g = 1;
    size_t size, forged_size;
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "adamw", NULL));
    CHECK_OK(optim_add_param(opt, 0, "x", OPTIM_F64, 0, NULL, &x, &g));
    CHECK_OK(optim_step(opt));
    char *state = check_serialized(opt, &size);
    char *forged = tampered(state, size, from, to, &forged_size);
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, forged, forged_size), forged_size);
    assert_int_equal(close(descriptor), 0);
    free(forged);
    free(state);
    optim_destroy(opt);
}

/* What the tool says of it, on both its outputs; to be freed. */
static char *inspect(const char *option, const char *from, const char *to, int *status) {
    enum { MOST = 1 << 16 };
    char path[] = "/tmp/test_forged_XXXXXX", *said = check_memory(MOST, 1);
    write_forged(path, from, to);
    char *command = check_text("\"%s\" inspect %s %s 2>&1", TOOL, option, path);
    FILE *tool = popen(command, "r");
    assert_non_null(tool);
    said[fread(said, 1, MOST - 1, tool)] = '\0';
    const int ended = pclose(tool);
    assert_true(WIFEXITED(ended));
    *status = WEXITSTATUS(ended);
    assert_int_equal(unlink(path), 0);
    free(command);
    return said;
}

static void test_format(void **state) {
    (void)state;
    static const struct {
        const char *to;
        int status;
        const char *says;
    } CASES[] = {
        {"\"format\":1", 0, "sound: every checksum is right"},   {"\"format\":0", 1, "its record is malformed"},
        {"\"format\":-1", 1, "its record is malformed"},         {"\"format\":\"1\"", 1, "its record is malformed"},
        {"\"format\":2", 0, "sound: every checksum is right"},   {"\"format\":3", 0, "sound: every checksum is right"},
        {"\"format\":4", 1, "has format 4, which this gradopt"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; ++i) {
        int status;
        char *said = inspect("", "\"format\":1", CASES[i].to, &status);
        if (status != CASES[i].status || strstr(said, CASES[i].says) == NULL)
            fail_msg("%s: exit status %d, \"%s\"", CASES[i].to, status, said);
        free(said);
    }
}

/* Whichever text it is, a terminal does not act on it. */
static void test_controls(void **state) {
    (void)state;
    static const char *const TEXTS[][2] = {
        {"\"library\":\"", "\"library\":\"\xC2\x9B[31m"},
        {"\"name\":\"adamw\"", "\"name\":\"\xC2\x9B[31m\""},
        {"\"lr\":\"", "\"\xC2\x9B[31m\":\""},
        {"\"groups\":[\"adamw\"", "\"groups\":[\"\xC2\x9B[31m\""},
        {"\"dtype\":\"F64\",\"shape\":[]}}", "\"dtype\":\"\xC2\x9B[31m\",\"shape\":[]}}"},
        {"\"wrappers\":[", "\"wrappers\":[\"\xC2\x9B[31m\""},
    };
    for (size_t i = 0; i < 2 * sizeof TEXTS / sizeof *TEXTS; ++i) {
        const char *const *text = TEXTS[i / 2], *shown = i % 2 == 0 ? "\\xc2\\x9b[31m" : "\\u009b[31m";
        int status;
        char *said = inspect(i % 2 == 0 ? "" : "--json", text[0], text[1], &status);
        assert_int_equal(status, 0);
        if (strstr(said, "\xC2\x9B") != NULL || strstr(said, shown) == NULL)
            fail_msg("%s: \"%s\"", text[1], said);
        free(said);
    }
}

/* JSON in one line, however the record is laid out. */
static void test_layout(void **state) {
    (void)state;
    int status;
    char *said = inspect("--json", "\"planned\":true,", "\"planned\":true\\n,\\t\\r\\n", &status);
    assert_int_equal(status, 0);
    assert_ptr_equal(strpbrk(said, "\t\r\n"), said + strlen(said) - 1);
    free(said);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_controls),
        cmocka_unit_test(test_layout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
