/* States of more than 2 GiB, and of a hundred thousand tensors. Takes about 8 GB of memory and 2 GB of disk. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static char folder[] = "/tmp/gradopt-large-XXXXXX";
static char path[64];

static const size_t LARGE = ((size_t)1 << 29) + 4097; /* its momentum has more than 2^31 bytes */
static const uint16_t ONE = 0x3F80;                   /* bf16 */

typedef struct large {
    optim_t *opt;
    uint16_t *p, *g;
} large_t;

static bool large_open(large_t *large, uint16_t *g) {
    const int64_t dims[] = {(int64_t)LARGE};
    *large = (large_t){.p = malloc(LARGE * sizeof *large->p), .g = g};
    if (large->p == NULL || g == NULL)
        return false;
    for (size_t i = 0; i < LARGE; ++i)
        large->p[i] = ONE;
    CHECK_OK(optim_create(&large->opt, "sgd", "lr=0.25,momentum=0.5"));
    CHECK_OK(optim_add_param(large->opt, 0, "p", OPTIM_BF16, 1, dims, large->p, large->g));
    return true;
}

static void large_close(large_t *large) {
    optim_destroy(large->opt);
    free(large->p);
}

/* The gradient is zero but at both ends and in the middle; the momentum goes on there when it is zero everywhere. */
static void more_than_two_gibibytes(void **state) {
    const size_t moved[] = {0, 1, LARGE / 2, ((size_t)1 << 29) - 1, (size_t)1 << 29, LARGE - 1};
    large_t saved = {0}, loaded = {0};
    struct stat about;
    (void)state;
    if (SIZE_MAX / 16 < LARGE) {
        skip(); /* this machine has not the addresses */
        return;
    }
    uint16_t *g = calloc(LARGE, sizeof *g);
    if (!large_open(&saved, g) || !large_open(&loaded, g)) {
        large_close(&saved);
        large_close(&loaded);
        free(g);
        skip(); /* this machine has not the memory */
    }
    for (size_t i = 0; i < sizeof moved / sizeof *moved; ++i)
        g[moved[i]] = ONE;
    CHECK_OK(optim_step(saved.opt));
    CHECK_OK(optim_save(saved.opt, path));
    assert_int_equal(stat(path, &about), 0);
    assert_true((size_t)about.st_size > LARGE * sizeof(float) && LARGE * sizeof(float) > (size_t)1 << 31);
    CHECK_OK(optim_load(loaded.opt, path));
    memcpy(loaded.p, saved.p, LARGE * sizeof *saved.p);
    for (size_t i = 0; i < sizeof moved / sizeof *moved; ++i)
        g[moved[i]] = 0;
    CHECK_OK(optim_step(saved.opt));
    CHECK_OK(optim_step(loaded.opt));
    assert_memory_equal(loaded.p, saved.p, LARGE * sizeof *saved.p);
    size_t changed = 0;
    for (size_t i = 0; i < LARGE; ++i)
        changed += loaded.p[i] != ONE;
    assert_int_equal(changed, sizeof moved / sizeof *moved);
    for (size_t i = 0; i < sizeof moved / sizeof *moved; ++i)
        assert_int_equal(loaded.p[moved[i]], 0x3F20); /* 1 - 1/4 - 1/8 */
    large_close(&saved);
    large_close(&loaded);
    free(g);
    assert_int_equal(unlink(path), 0);
}

/* ---- Many tensors ---- */

enum { MANY = 100000 };

static optim_t *many_open(float *p, float *g, bool reversed, bool grouped) {
    static const int64_t DIMS[] = {2};
    optim_t *opt;
    CHECK_OK(optim_create(&opt, "adamw", "lr=0.1"));
    for (int k = 0; k < MANY; ++k) {
        char name[64];
        int group = 0;
        const int i = reversed ? MANY - 1 - k : k;
        (void)snprintf(name, sizeof name, "decoder.layers.%d.weight", i);
        if (grouped && k % 2 == 1)
            CHECK_OK(optim_add_group(opt, NULL, &group));
        CHECK_OK(optim_add_param(opt, group, name, OPTIM_F32, 1, DIMS, p + 2 * (size_t)i, g + 2 * (size_t)i));
    }
    return opt;
}

static void step_many(optim_t *opt, const float *p, float *g) {
    for (int i = 0; i < 2 * MANY; ++i)
        g[i] = p[i] - (float)(i % 7);
    CHECK_OK(optim_step(opt));
}

/* In another order, and in half as many groups: what is quadratic would take hours. */
static void a_hundred_thousand_tensors(void **state) {
    float *p = check_memory((size_t)2 * MANY, sizeof *p), *g = check_memory((size_t)2 * MANY, sizeof *g),
          *q = check_memory((size_t)2 * MANY, sizeof *q), *h = check_memory((size_t)2 * MANY, sizeof *h);
    (void)state;
    optim_t *saved = many_open(p, g, false, false), *loaded = many_open(q, h, true, true);
    step_many(saved, p, g);
    step_many(saved, p, g);
    CHECK_OK(optim_save(saved, path));
    CHECK_OK(optim_load(loaded, path));
    memcpy(q, p, (size_t)2 * MANY * sizeof *p);
    step_many(saved, p, g);
    step_many(loaded, q, h);
    assert_memory_equal(q, p, (size_t)2 * MANY * sizeof *p);
    optim_destroy(saved);
    optim_destroy(loaded);
    free(p);
    free(g);
    free(q);
    free(h);
    assert_int_equal(unlink(path), 0);
}

static int make_folder(void **state) {
    (void)state;
    (void)mkdtemp(folder);
    (void)snprintf(path, sizeof path, "%s/state.safetensors", folder);
    return access(folder, W_OK);
}

static int remove_folder(void **state) {
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(more_than_two_gibibytes),
                                       cmocka_unit_test(a_hundred_thousand_tensors)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
