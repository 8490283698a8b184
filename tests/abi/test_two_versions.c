/* Two builds of the library in one process, as when a program and one of its plugins bring their own: the one that this
 * program is linked to, and a copy under another name and of another version. Each has its own functions, errors and
 * handles. */
#define _GNU_SOURCE /* memmem */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <optim/optim.h>

enum { N = 5, STEPS = 20 };

typedef struct api {
    optim_status (*create)(optim_t **out, const char *algorithm, const char *options);
    optim_status (*add_param)(optim_t *opt, int group, const char *name, optim_dtype dtype, int ndim,
                              const int64_t *dims, void *data, void *grad);
    optim_status (*step)(optim_t *opt);
    void (*destroy)(optim_t *opt);
    const char *(*error)(void);
    const char *(*version)(void);
    optim_status (*serialize)(const optim_t *opt, void *buffer, size_t room, size_t *size);
} api_t;

static const api_t LINKED = {optim_create, optim_add_param, optim_step,     optim_destroy,
                             optim_error,  optim_version,   optim_serialize};

/* POSIX keeps functions and objects of one size; C has no cast between pointers to them. */
static void find(void *library, const char *name, void *function) {
    void *symbol = dlsym(library, name);
    assert_non_null(symbol);
    memcpy(function, &symbol, sizeof symbol);
}

/* Every "0.1.0", or whatever the version is, becomes "9.9.9": the copy is told from the other by what it does. */
static void renumber(char *bytes, size_t size) {
    const char *version = optim_version();
    const size_t length = strlen(version);
    for (char *at = bytes; (at = memchr(at, *version, size - (size_t)(at - bytes))) != NULL; ++at)
        if ((size_t)(bytes + size - at) > length && memcmp(at, version, length + 1) == 0)
            for (size_t i = 0; i < length; ++i)
                at[i] = version[i] == '.' ? '.' : '9';
}

static void copy_library(FILE *copy) {
    FILE *file = fopen(GRADOPT_LIBRARY, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    const size_t size = (size_t)ftell(file);
    char *bytes = malloc(size);
    assert_non_null(bytes);
    rewind(file);
    assert_int_equal(fread(bytes, 1, size, file), size);
    renumber(bytes, size);
    assert_int_equal(fwrite(bytes, 1, size, copy), size);
    free(bytes);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(fclose(copy), 0);
}

static api_t load_copy(void) {
    char path[] = "/tmp/libother-XXXXXX";
    const int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    copy_library(fdopen(descriptor, "wb"));
    void *library = dlopen(path, RTLD_NOW | RTLD_GLOBAL); /* it stays: threads of its own may go on */
    assert_int_equal(unlink(path), 0);
    if (library == NULL)
        fail_msg("%s", dlerror());
    api_t api;
    find(library, "optim_create", &api.create);
    find(library, "optim_add_param", &api.add_param);
    find(library, "optim_step", &api.step);
    find(library, "optim_destroy", &api.destroy);
    find(library, "optim_error", &api.error);
    find(library, "optim_version", &api.version);
    find(library, "optim_serialize", &api.serialize);
    return api;
}

typedef struct run {
    const api_t *api;
    optim_t *opt;
    double x[N], g[N];
} run_t;

static void run_open(run_t *run, const api_t *api, const char *algorithm) {
    run->api = api;
    for (int i = 0; i < N; ++i)
        run->x[i] = i;
    assert_int_equal(api->create(&run->opt, algorithm, "lr=0.1"), OPTIM_OK);
    assert_int_equal(api->add_param(run->opt, 0, "x", OPTIM_F64, 1, (int64_t[]){N}, run->x, run->g), OPTIM_OK);
}

static void run_step(run_t *run) {
    for (int i = 0; i < N; ++i)
        run->g[i] = run->x[i] - 4;
    assert_int_equal(run->api->step(run->opt), OPTIM_OK);
}

static void steps_alternate(void **state) {
    (void)state;
    static const char *const METHODS[] = {"sgd", "adamw", "muon", "dog"};
    const api_t copy = load_copy();
    assert_true(copy.create != optim_create && copy.step != optim_step);
    for (size_t m = 0; m < sizeof METHODS / sizeof *METHODS; ++m) {
        run_t linked, other, alone;
        run_open(&linked, &LINKED, METHODS[m]);
        run_open(&other, &copy, METHODS[m]);
        run_open(&alone, &LINKED, METHODS[m]);
        for (int step = 0; step < STEPS; ++step)
            run_step(&alone);
        for (int step = 0; step < STEPS; ++step) {
            run_step(&linked);
            run_step(&other);
        }
        assert_memory_equal(linked.x, alone.x, sizeof alone.x);
        assert_memory_equal(other.x, alone.x, sizeof alone.x);
        assert_true(alone.x[0] > 0 && alone.x[0] < 8);
        linked.api->destroy(linked.opt);
        other.api->destroy(other.opt);
        alone.api->destroy(alone.opt);
    }
}

static void errors_are_their_own(void **state) {
    (void)state;
    const api_t copy = load_copy();
    optim_t *opt;
    assert_int_equal(optim_create(&opt, "mine", NULL), OPTIM_ERR_NAME);
    assert_int_equal(copy.create(&opt, "theirs", NULL), OPTIM_ERR_NAME);
    assert_non_null(strstr(optim_error(), "\"mine\""));
    assert_null(strstr(optim_error(), "\"theirs\""));
    assert_non_null(strstr(copy.error(), "\"theirs\""));
}

/* The library asks itself for the version that it writes into checkpoints. */
static void check_record(const api_t *api) {
    char bytes[1 << 14], words[64];
    size_t size;
    run_t run;
    run_open(&run, api, "adamw");
    assert_int_equal(api->serialize(run.opt, bytes, sizeof bytes, &size), OPTIM_OK);
    (void)snprintf(words, sizeof words, "\\\"library\\\":\\\"%s\\\"", api->version());
    if (memmem(bytes, size, words, strlen(words)) == NULL)
        fail_msg("%s is not in the checkpoint", words);
    api->destroy(run.opt);
}

static void each_calls_its_own_functions(void **state) {
    (void)state;
    const api_t copy = load_copy();
    assert_string_not_equal(copy.version(), optim_version());
    check_record(&LINKED);
    check_record(&copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_alternate),
        cmocka_unit_test(errors_are_their_own),
        cmocka_unit_test(each_calls_its_own_functions),
    };
    return cmocka_run_group_tests_name("two versions", tests, NULL, NULL);
}
