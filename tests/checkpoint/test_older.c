/*
 * Checkpoints of older versions still load: tests/checkpoint/older/VERSION has one of every algorithm that the version
 * knew, after three steps. Loaded into a new handle, the run goes on as one that never stopped.
 *
 * `test_older --write FOLDER` writes such files with the library that it is linked to, before the version changes.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "rig.h"

static const layout_t TENSORS = {"tensors", 2, {{"matrix", 2, {3, 4}}, {"bias", 1, {5}}}};
enum { ELEMENTS = 17, BEFORE = 3, AFTER = 3 };

static rig_t *new_rig(const char *algorithm) {
    optim_t *opt;
    double start[ELEMENTS];
    rig_t *rig = rig_new(&TENSORS, OPTIM_F32, OPTIM_F32, 0);
    for (size_t i = 0; i < ELEMENTS; ++i)
        start[i] = 0.5 + (double)(i * 7 % ELEMENTS) / 16;
    rig_write(rig, start);
    rig->oracle = oracle_find("quadratic");
    CHECK_OK(optim_create(&opt, algorithm, NULL));
    CHECK_OK(optim_wrap(opt, "ema", "decay=0.5"));
    CHECK_OK(rig_lend(rig, opt));
    return rig;
}

static char *path_of(const char *folder, const char *algorithm) {
    return check_text("%s/%s.optim", folder, algorithm);
}

static int write_all(const char *folder) {
    for (size_t i = 0; i < optim_algorithm_count(); ++i) {
        rig_t *rig = new_rig(optim_algorithm_name(i));
        char *path = path_of(folder, optim_algorithm_name(i));
        if (rig_steps(rig, BEFORE) != OPTIM_OK || optim_save(rig->opt, path) != OPTIM_OK) {
            fprintf(stderr, "%s: %s\n", path, optim_error());
            return 1;
        }
        free(path);
        rig_free(rig);
    }
    return 0;
}

/* What goes through BLAS is equal to rounding only. */
enum { EXACT, ROUNDED };
static int kind_of(const char *algorithm) {
    static const char *const ROUNDS[] = {"sgd", "lbfgs", "cgo", "muon"};
    for (size_t i = 0; i < sizeof ROUNDS / sizeof *ROUNDS; ++i)
        if (strcmp(algorithm, ROUNDS[i]) == 0)
            return ROUNDED;
    return EXACT;
}

static void check_output(const rig_t *rig, const rig_t *straight) {
    for (int n = 0; n < TENSORS.count; ++n) {
        float out[2][ELEMENTS] = {{0}};
        CHECK_OK(optim_output(rig->opt, n, out[0]));
        CHECK_OK(optim_output(straight->opt, n, out[1]));
        for (size_t i = 0; i < ELEMENTS; ++i)
            if (memcmp(&out[0][i], &out[1][i], sizeof(float)) != 0) /* some have run away */
                CHECK_CLOSE((double)out[0][i], (double)out[1][i], 1e-5);
    }
}

static void check_older(const char *folder, const char *algorithm) {
    rig_t *rig = new_rig(algorithm), *straight = new_rig(algorithm);
    char *path = path_of(folder, algorithm);
    CHECK_OK(rig_steps(straight, BEFORE));
    void *parameters = rig_snapshot(straight);
    rig_restore(rig, parameters);
    CHECK_OK(optim_load(rig->opt, path));
    assert_int_equal(optim_steps(rig->opt), BEFORE);
    CHECK_OK(rig_steps(rig, AFTER));
    CHECK_OK(rig_steps(straight, AFTER));
    if (kind_of(algorithm) == EXACT)
        rig_check_same(rig, straight, algorithm);
    else
        rig_check_near(rig, straight, 1e-5, algorithm);
    check_output(rig, straight);
    free(parameters);
    free(path);
    rig_free(rig);
    rig_free(straight);
}

static void test_version(void **state) {
    static const char END[] = ".optim";
    char *folder = check_text(TEST_SOURCE_DIR "/checkpoint/older/%s", (const char *)*state);
    DIR *files = opendir(folder);
    assert_non_null(files);
    int count = 0;
    for (const struct dirent *file; (file = readdir(files)) != NULL;) {
        const size_t length = strlen(file->d_name);
        if (length <= strlen(END) || strcmp(file->d_name + length - strlen(END), END) != 0)
            continue;
        char *algorithm = check_text("%.*s", (int)(length - strlen(END)), file->d_name);
        check_older(folder, algorithm);
        free(algorithm);
        ++count;
    }
    assert_int_equal(count, 97);
    closedir(files);
    free(folder);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--write") == 0)
        return write_all(argv[2]);
    const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(test_version, (void *)(uintptr_t) "0.1.0")};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
